//! Prometheus's own test scripts, where they are at hand; and a small script of ours, always.

use std::path::{Path, PathBuf};
use watchfire_promql::testing::run_file;

fn shared_scripts() -> PathBuf {
    let shared = std::env::var_os("WATCHFIRE_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    shared.join("data/promqltest")
}

#[test]
fn as_many_queries_of_the_shared_scripts_are_answered_as_expected_as_ever_before() {
    let folder = shared_scripts();
    let Ok(entries) = std::fs::read_dir(&folder) else {
        println!("skipped: no scripts in {}", folder.display());
        return;
    };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "test"));
    paths.sort();
    // The engine's panics are counted as failures.
    std::panic::set_hook(Box::new(|_| {}));
    let (mut evals, mut passed) = (0, 0);
    for path in &paths {
        let score = run_file(path).unwrap();
        let name = path.file_name().unwrap().to_string_lossy();
        println!("{name} {}/{}", score.passed, score.evals);
        evals += score.evals;
        passed += score.passed;
    }
    let _ = std::panic::take_hook();
    let floor: usize = include_str!("promqltest.floor").trim().parse().unwrap();
    println!("TOTAL {passed}/{evals} of {} scripts, floor {floor}", paths.len());
    assert!(passed >= floor, "{passed} of {evals} queries are answered as expected; the floor is {floor}");
}

#[test]
fn our_own_script_is_answered_as_expected() {
    let score = run_file(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/runner.test")).unwrap();
    assert!(score.failures.is_empty(), "{:#?}", score.failures);
    println!("{} queries", score.evals);
    assert!(score.evals >= 15);
}

#[test]
fn what_comparing_with_a_real_prometheus_brought_to_light_stays_mended() {
    let score = run_file(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/edges.test")).unwrap();
    assert!(score.failures.is_empty(), "{:#?}", score.failures);
    assert!(score.evals >= 8);
}

#[test]
fn every_wrong_expectation_of_our_own_script_is_found() {
    let score = run_file(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/wrong.test")).unwrap();
    assert_eq!(score.passed, 0, "these failed, the others should have: {:#?}", score.failures);
    assert!(score.evals >= 12);
}
