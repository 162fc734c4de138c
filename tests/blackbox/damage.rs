//! Bits that rot in files other than the blocks of a part: what they hit is lost, named and counted; the rest serves.

use crate::harness::remote_write::send;
use crate::harness::{Server, Setup, now_ms};
use std::path::{Path, PathBuf};

const QUIET: &str = "";

async fn keep(server: &Server, name: &str, at_ms: i64) {
    let (status, body) = send(server, &[(&[("__name__", name)], &[(at_ms, 7.0)])]).await.unwrap();
    assert_eq!(status, 204, "{body}");
}

fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, ending));
        } else if path.to_string_lossy().ends_with(ending) {
            found.push(path);
        }
    }
    found
}

fn flip(path: &Path, at: usize) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes[at] ^= 4;
    std::fs::write(path, bytes).unwrap();
}

/// The names that are found and what was warned.
async fn names(server: &Server, at_ms: i64) -> (Vec<String>, String) {
    let path = format!("/api/v1/query?query=%7B__name__%3D~%22kept.%2A%22%7D&time={}", at_ms as f64 / 1000.0);
    let answer = server.get_json(&path).await;
    assert_eq!(answer["status"], "success", "{answer}");
    let result = answer["data"]["result"].as_array().unwrap();
    let name = |series: &serde_json::Value| series["metric"]["__name__"].as_str().unwrap().to_owned();
    (result.iter().map(name).collect(), answer["warnings"].to_string())
}

async fn corruptions(server: &Server) -> f64 {
    let (_, text) = server.get("/metrics").await;
    let line = text.lines().find_map(|line| line.strip_prefix("watchfire_store_corruptions_total "));
    line.unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_flipped_bit_in_the_log_loses_one_batch_and_every_answer_names_the_place() {
    // In the middle, and in the last record, which looks most like a write that was interrupted.
    for victim in ["kept_b", "kept_c"] {
        let setup = Setup::new().config(QUIET);
        let server = setup.start().await;
        let now = now_ms();
        for name in ["kept_a", "kept_b", "kept_c"] {
            keep(&server, name, now).await;
        }
        server.kill();
        let logs = files(&setup.path("data"), ".log");
        let holds = |path: &&PathBuf| {
            let bytes = std::fs::read(path).unwrap();
            bytes.windows(victim.len()).any(|window| window == victim.as_bytes())
        };
        let log = logs.iter().find(holds).unwrap();
        let bytes = std::fs::read(log).unwrap();
        let at = bytes.windows(victim.len()).position(|window| window == victim.as_bytes()).unwrap();
        flip(log, at);

        let server = setup.start().await;
        let (mut expected, (found, warnings)) =
            (vec!["kept_a", "kept_b", "kept_c"], names(&server, now).await);
        expected.retain(|name| *name != victim);
        assert_eq!(found, expected, "{warnings}");
        assert!(
            warnings.contains(log.file_name().unwrap().to_str().unwrap()),
            "the file is named: {warnings}"
        );
        assert!(warnings.contains("at byte"), "and the place: {warnings}");
        assert!(corruptions(&server).await > 0.0);
        keep(&server, "kept_d", now).await;
    }
}

#[tokio::test]
async fn a_flipped_bit_in_a_parts_footer_leaves_that_part_out_by_name() {
    let setup = Setup::new().config(QUIET);
    let server = setup.start().await;
    let now = now_ms();
    keep(&server, "kept_a", now).await;
    let (status, body) = server.post("/api/v1/admin/tsdb/compact", "").await;
    assert!(status < 300, "{status}: {body}");
    server.kill();
    let part = files(&setup.path("data"), ".part").remove(0);
    flip(&part, usize::try_from(std::fs::metadata(&part).unwrap().len()).unwrap() - 30);

    let server = setup.start().await;
    keep(&server, "kept_b", now).await;
    let (found, warnings) = names(&server, now).await;
    assert_eq!(found, ["kept_b"], "the rest is served: {warnings}");
    assert!(warnings.contains(part.file_name().unwrap().to_str().unwrap()), "the file is named: {warnings}");
    assert!(corruptions(&server).await > 0.0);
}

#[tokio::test]
async fn a_flipped_bit_in_the_metadata_is_counted_and_harms_no_sample() {
    let setup = Setup::new().config(QUIET);
    let server = setup.start().await;
    let now = now_ms();
    keep(&server, "kept_a", now).await;
    let (status, body) = server.post("/api/v1/admin/tsdb/compact", "").await;
    assert!(status < 300, "{status}: {body}");
    server.kill();
    flip(&setup.path("data").join("metadata"), 9);

    let server = setup.start().await;
    assert_eq!(names(&server, now).await.0, ["kept_a"]);
    assert!(corruptions(&server).await > 0.0);
    assert!(server.terminate().success());
    let server = setup.start().await;
    assert_eq!(corruptions(&server).await, 0.0, "it was written anew");
}
