use super::*;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

fn shared() -> PathBuf {
    std::env::var_os("WATCHFIRE_SHARED")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from)
}

/// How many of promtool's verdicts must agree.
const FLOOR: usize = 19;

#[test]
fn promtools_verdicts_are_ours() {
    let manifest = shared().join("data/alertmanager/derived/promtool-test-rules-manifest.json");
    let Ok(text) = std::fs::read_to_string(&manifest) else {
        println!("skipped: {} is not there", manifest.display());
        return;
    };
    #[derive(serde::Deserialize)]
    struct Manifest {
        cases: Vec<Case>,
    }
    #[derive(serde::Deserialize)]
    struct Case {
        file: String,
        expect_exit: i32,
        options: Options,
    }
    #[derive(serde::Deserialize, Default)]
    #[serde(default)]
    struct Options {
        at_modifier: Option<bool>,
        negative_offset: Option<bool>,
        run: Vec<String>,
        ignore_unknown_fields: bool,
    }
    // JSON is YAML.
    #[derive(serde::Deserialize)]
    struct Whole {
        #[serde(flatten)]
        manifest: Manifest,
    }
    let Whole { manifest } = serde_saphyr::from_str(&text).unwrap();
    let (mut agreed, mut disagreed, mut skipped) = (0, Vec::new(), 0);
    for case in manifest.cases {
        if case.options.at_modifier == Some(false) || case.options.negative_offset == Some(false) {
            // Options of a library; the program has always had both.
            skipped += 1;
            continue;
        }
        let options = TestOptions {
            run: case.options.run.iter().map(|pattern| regex::Regex::new(pattern).unwrap()).collect(),
            ignore_unknown_fields: case.options.ignore_unknown_fields,
        };
        let report = run_test_file(&shared().join("data/prometheus/promtool").join(&case.file), &options);
        if report.passed() == (case.expect_exit == 0) {
            agreed += 1;
        } else {
            disagreed.push(format!("{} {:?}: {report}", case.file, case.options.run));
        }
    }
    println!("promtool's verdicts: {agreed} agree, {} disagree, {skipped} do not apply", disagreed.len());
    for case in &disagreed {
        println!("{case}");
    }
    assert!(agreed >= FLOOR, "{agreed} of at least {FLOOR}");
}

#[test]
fn a_real_rule_set_passes_its_tests() {
    let path = shared().join("data/rules/tests.yml");
    if !path.exists() {
        println!("skipped: {} is not there", path.display());
        return;
    }
    let report = run_test_file(&path, &TestOptions::default());
    println!("{} tests", report.tests);
    assert!(report.passed(), "{report}");
}

#[test]
fn templates_are_filled_in_as_promtool_fills_them_in() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/templates-test.yml");
    let report = run_test_file(&path, &TestOptions::default());
    assert!(report.passed(), "{report}");
}

fn run(tests: &str) -> Report {
    let folder = tempfile::tempdir().unwrap();
    let rules = "groups:\n- name: g\n  rules:\n  - {alert: Down, expr: up == 0, for: 1m, labels: {severity: page}}\n  \
                 - {record: up:count, expr: count(up)}\n";
    std::fs::write(folder.path().join("rules.yml"), rules).unwrap();
    let path = folder.path().join("tests.yml");
    std::fs::write(&path, tests).unwrap();
    let mut report = run_test_file(&path, &TestOptions::default());
    report.file = "tests.yml".to_owned();
    let place = format!("{}/", folder.path().display());
    report.failures = report.failures.iter().map(|failure| failure.replace(&place, "")).collect();
    report
}

#[test]
fn failures_show_what_was_expected_and_what_was_found() {
    let report = run(
        "rule_files: [rules.yml]\ntests:\n- name: one\n  input_series:\n  - {series: 'up{job=\"a\"}', values: 0x5}\n  \
         alert_rule_test:\n  - {eval_time: 2m, alertname: Down, exp_alerts: []}\n  \
         promql_expr_test:\n  - {expr: 'up:count', eval_time: 1m, exp_samples: [{labels: 'up:count', value: 2}]}\n",
    );
    assert_eq!(
        report.to_string(),
        "Unit Testing:  tests.yml\n  FAILED:\n    name: one,\n    alertname: Down, time: 2m, \n        exp:[], \n        \
         got:[\n            0:\n              Labels:{alertname=\"Down\", job=\"a\", severity=\"page\"}\n              \
         Annotations:{}\n            ]\n    expr: \"up:count\", time: 1m,\n        exp: up:count 2E0\n        \
         got: up:count 1E0\n"
    );
}

#[test]
fn mistakes_in_test_files_are_told_with_their_place() {
    for (tests, expected) in [
        ("tests:\n- input_series:\n  - {series: 'up{', values: 1}\n", "  tests.yml:3:14: series"),
        ("tests:\n- promql_expr_test:\n  - {expr: 'sum(', eval_time: 1m}\n", "  tests.yml:3:"),
        ("tests:\n- interval: never\n", "  tests.yml:2:13: not a valid duration string"),
        ("tests:\n- start_timestamp: never\n", "  tests.yml:2:20: start_timestamp \"never\"; expected"),
        ("surprise: 1\n", "  tests.yml:1:1: "),
        ("rule_files: [nowhere.yml]\n", "  nowhere.yml: "),
    ] {
        let report = run(tests);
        assert!(!report.passed(), "{tests}");
        assert!(report.failures[0].starts_with(expected), "{tests}\n{report}");
    }
}

#[test]
fn the_built_in_rules_pass_their_tests() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../content/rules");
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder.join("tests")).unwrap().map(|entry| entry.unwrap().path()).collect();
    // Longest first, shared out among as many threads as there are cores.
    files.sort_by_key(|file| std::cmp::Reverse(std::fs::metadata(file).unwrap().len()));
    let (next, tests) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let work = || {
        while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
            let report = run_test_file(file, &TestOptions::default());
            assert!(report.passed(), "{report}");
            tests.fetch_add(report.tests, Ordering::Relaxed);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    let tests = tests.into_inner();
    println!("{tests} tests of built-in rules in {} files", files.len());
    assert!(tests >= 12);
}

#[test]
fn every_built_in_alert_has_texts_a_page_and_a_test() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../content/rules");
    let tests: String = std::fs::read_dir(folder.join("tests"))
        .unwrap()
        .map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap())
        .collect();
    let mut alerts = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            continue;
        }
        let report = crate::check::check_file(&path, crate::ReadOptions::default());
        assert!(report.passed() && report.warnings.is_empty(), "{report}");
        let file = crate::RuleFile::load(&path, crate::ReadOptions::default()).unwrap();
        for rule in file.groups.iter().flat_map(|group| &group.rules) {
            let crate::Rule::Alerting(alert) = rule else { continue };
            alerts += 1;
            for text in ["summary", "description", "why", "action", "runbook"] {
                assert!(alert.annotations.contains_key(text), "{}: no {text}", alert.name);
            }
            let (page, anchor) = alert.annotations["runbook"].split_once('#').unwrap_or_default();
            let text = std::fs::read_to_string(folder.join("../..").join(page)).unwrap_or_default();
            assert_eq!(anchor, alert.name.to_lowercase(), "{}: its runbook is another's", alert.name);
            assert!(text.contains(&format!("\n## {}\n", alert.name)), "{}: not in {page:?}", alert.name);
            assert!(alert.labels.contains_key("severity"), "{}: no severity", alert.name);
            let fires = format!("alertname: {}", alert.name);
            assert!(tests.matches(&fires).count() >= 2, "{}: not tested both ways", alert.name);
        }
    }
    assert!(alerts >= 90);
}
