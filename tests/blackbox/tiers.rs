//! Downsampled tiers on the real binary: samples become windows, and the answers stay.

use crate::harness::remote_write::{Series, send};
use crate::harness::{Server, Setup, binary, encode, now_ms};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

const DAY_MS: i64 = 86_400_000;
const MINUTE_MS: i64 = 60_000;

async fn compact(server: &Server) {
    let (status, body) = server.post("/api/v1/admin/tsdb/compact", "").await;
    assert_eq!(status, 204, "{body}");
}

async fn ask(server: &Server, query: &str, start_ms: i64, end_ms: i64) -> Value {
    let path = format!(
        "/api/v1/query_range?query={}&start={}&end={}&step=3600&stats=1",
        encode(query),
        start_ms / 1000,
        end_ms / 1000
    );
    let answer = server.get_json(&path).await;
    assert_eq!(answer["status"], "success", "{query}: {answer}");
    answer
}

/// Labels, times and values of an answer.
fn values(answer: &Value) -> Vec<(String, i64, f64)> {
    let mut values = Vec::new();
    for series in answer["data"]["result"].as_array().unwrap() {
        for sample in series["values"].as_array().unwrap() {
            let value = sample[1].as_str().unwrap().parse().unwrap();
            values.push((series["metric"].to_string(), sample[0].as_i64().unwrap(), value));
        }
    }
    values
}

fn is_marked(answer: &Value) -> bool {
    let infos = answer["infos"].as_array().cloned().unwrap_or_default();
    infos.iter().any(|info| info.as_str().unwrap().contains("is approximate: samples before "))
}

fn metric(text: &str, name: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("{name} is not in {text}")).parse().unwrap()
}

/// What is exact over whole windows, and how near the answer has to be.
const EXACT: [(&str, f64); 7] = [
    ("min_over_time", 0.0),
    ("max_over_time", 0.0),
    ("count_over_time", 0.0),
    ("sum_over_time", 1e-12),
    ("avg_over_time", 1e-12),
    ("rate", 1e-12),
    ("increase", 1e-12),
];

/// The answers over whole windows, across all four days and today.
async fn answers(server: &Server, first_ms: i64, today_ms: i64) -> Vec<Value> {
    let mut answers = Vec::new();
    for (function, _) in EXACT {
        let query = format!("{function}({{__name__=~\"requests_total|heat\"}}[6h])");
        answers.push(ask(server, &query, first_ms + 6 * 60 * MINUTE_MS, today_ms).await);
    }
    answers
}

fn assert_same(expected: &[Value], found: &[Value]) {
    for ((expected, found), (function, tolerance)) in expected.iter().zip(found).zip(EXACT) {
        let (expected, found) = (values(expected), values(found));
        assert_eq!(expected.len(), 2 * (3 * 24 + 18 + 1), "{function}");
        assert_eq!(expected.len(), found.len(), "{function}");
        for (expected, found) in expected.iter().zip(&found) {
            assert_eq!((&expected.0, expected.1), (&found.0, found.1), "{function}");
            let apart = (expected.2 - found.2).abs();
            let allowed = tolerance * expected.2.abs().max(1.0);
            assert!(
                apart <= allowed,
                "{function} {} at {}: {} is not {}",
                found.0,
                found.1,
                found.2,
                expected.2
            );
        }
    }
}

/// Files of this kind, sorted.
fn files(folder: &Path, kind: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, kind));
        } else if path.extension().is_some_and(|extension| extension == kind) {
            found.push(path);
        }
    }
    found.sort_unstable();
    found
}

#[tokio::test]
async fn old_days_become_windows_with_the_same_answers_which_survive_a_kill() {
    let setup = Setup::new().config("storage: {tsdb: {retention: {time: 20d}}}\n");
    let server = setup.start().await;
    let today_ms = now_ms().div_euclid(DAY_MS) * DAY_MS;
    let first_ms = today_ms - 4 * DAY_MS;
    let (mut count, mut counter, mut gauge) = (0.0, Vec::new(), Vec::new());
    for minute in 0..4 * 1440 {
        // Not on the end of a window, but for one in ten.
        let at = first_ms + minute * MINUTE_MS + if minute % 10 == 0 { 0 } else { 7_300 };
        count = if minute % 1000 == 999 { 2.5 } else { count + (minute % 7) as f64 * 0.1 };
        counter.push((at, count));
        gauge.push((at, ((minute * 37) % 211) as f64 / 3.0 - 20.0));
    }
    let series: [Series<'_>; 2] = [
        (&[("__name__", "requests_total"), ("job", "a")], &counter),
        (&[("__name__", "heat"), ("job", "b")], &gauge),
    ];
    let (status, body) = send(&server, &series).await.unwrap();
    assert_eq!(status, 204, "{body}");
    compact(&server).await;
    let before = answers(&server, first_ms, today_ms).await;
    assert_same(&before, &before);
    let parts = files(&setup.path("data/parts"), "part").len();

    let tiers = "storage: {tsdb: {retention: {time: 2d}}}\nmetrics:\n  downsampling:\n  \
                 - {resolution: 5m, keep: 30d}\n  - {resolution: 1h, keep: 1y}\n";
    setup.write("prometheus.yml", tiers);
    let (status, body) = server.post("/-/reload", "").await;
    assert_eq!(status, 200, "{body}");
    compact(&server).await;
    let (_, text) = server.get("/metrics").await;
    let seam = metric(&text, "watchfire_store_tier_seam_timestamp_seconds");
    // A day more where midnight passed meanwhile.
    assert!(seam >= ((today_ms - 2 * DAY_MS) / 1000) as f64, "{seam}");
    assert!(metric(&text, "watchfire_store_tier_days_made_total") >= 6.0);
    assert!(files(&setup.path("data/parts"), "part").len() < parts, "samples of old days are gone");
    let after = answers(&server, first_ms, today_ms).await;
    assert_same(&before, &after);
    assert!(!after.iter().any(is_marked));
    assert_eq!(after[0]["data"]["stats"]["resolutions"].as_array().map(Vec::len), Some(1), "{}", after[0]);
    let quantile = ask(&server, "quantile_over_time(0.5, heat[6h])", first_ms + DAY_MS / 2, today_ms).await;
    assert!(is_marked(&quantile), "{quantile}");
    server.kill();

    let server = setup.start().await;
    let again = answers(&server, first_ms, today_ms).await;
    assert_same(&before, &again);
    assert!(server.terminate().success());
    let data = setup.path("data");
    let verify =
        || Command::new(binary()).args(["verify", "--storage.tsdb.path"]).arg(&data).output().unwrap();
    let verified = verify();
    assert!(verified.status.success(), "{verified:?}");
    let windows = files(&setup.path("data/tiers/5m"), "part");
    let damaged = windows.last().unwrap();
    let mut bytes = std::fs::read(damaged).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(damaged, bytes).unwrap();
    let verified = verify();
    let said = String::from_utf8_lossy(&verified.stderr).into_owned();
    assert!(!verified.status.success() && said.contains(&damaged.display().to_string()), "{said}");
}
