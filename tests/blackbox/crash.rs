//! What was acknowledged is there, whatever happens to the process.

use crate::harness::remote_write::send;
use crate::harness::{Setup, now_ms};
use std::collections::BTreeSet;
use std::time::Duration;

/// A configuration that scrapes nothing.
const QUIET: &str = "";

/// Rounds of `kill -9`; more of them by WATCHFIRE_CRASH_ROUNDS.
fn rounds() -> u64 {
    std::env::var("WATCHFIRE_CRASH_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(5)
}

#[tokio::test]
async fn every_acknowledged_sample_survives_kill_nine() {
    let setup = Setup::new().config(QUIET);
    let base_ms = now_ms() - 3_600_000;
    let mut acknowledged: BTreeSet<u64> = BTreeSet::new();
    let mut sent: u64 = 0;
    for round in 0..rounds() {
        let server = setup.start().await;
        check(&server, base_ms, &acknowledged, sent).await;
        let victim = tokio::spawn({
            // A different moment in every round, from the first request to well into the writing.
            let delay = Duration::from_millis(5 + (round * 97) % 400);
            async move {
                tokio::time::sleep(delay).await;
            }
        });
        while !victim.is_finished() {
            sent += 1;
            let timestamp_ms = base_ms + i64::try_from(sent).unwrap();
            let value = sent as f64;
            let outcome =
                send(&server, &[(&[("__name__", "sequence"), ("writer", "a")], &[(timestamp_ms, value)])])
                    .await;
            let (status, body) = outcome.unwrap();
            assert_eq!(status, 204, "{body}");
            acknowledged.insert(sent);
        }
        // Killed with a request in flight: it may or may not have been kept, and nothing was promised.
        sent += 1;
        let timestamp_ms = base_ms + i64::try_from(sent).unwrap();
        let samples = [(timestamp_ms, sent as f64)];
        let labels = [("__name__", "sequence"), ("writer", "a")];
        let series = [(&labels[..], &samples[..])];
        let in_flight = send(&server, &series);
        let _ = tokio::time::timeout(Duration::from_micros(300), in_flight).await;
        server.kill();
    }
    let server = setup.start().await;
    check(&server, base_ms, &acknowledged, sent).await;
    let count = acknowledged.len();
    assert!(count as u64 > rounds(), "only {count} samples were written; that proves nothing");
    println!("{count} acknowledged samples over {} kills", rounds());
}

/// All acknowledged samples are there with their values, and none that was never sent.
async fn check(server: &crate::harness::Server, base_ms: i64, acknowledged: &BTreeSet<u64>, sent: u64) {
    let end_ms = base_ms + i64::try_from(sent).unwrap() + 1;
    let window_s = sent / 1000 + 10;
    let result = server
        .get_json(&format!("/api/v1/query?query=sequence[{window_s}s]&time={}", end_ms as f64 / 1000.0))
        .await;
    let values: Vec<(i64, f64)> = result["data"]["result"][0]["values"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|sample| {
            let timestamp_ms = (sample[0].as_f64().unwrap() * 1000.0).round() as i64;
            (timestamp_ms - base_ms, sample[1].as_str().unwrap().parse().unwrap())
        })
        .collect();
    for (offset, value) in &values {
        assert_eq!(*offset as f64, *value, "a value moved");
        assert!(*offset as u64 <= sent, "sample {offset} was never sent");
    }
    let kept: BTreeSet<u64> = values.iter().map(|(offset, _)| *offset as u64).collect();
    let missing: Vec<&u64> = acknowledged.difference(&kept).collect();
    assert!(missing.is_empty(), "acknowledged but missing: {missing:?}");
}

#[tokio::test]
async fn an_orderly_stop_keeps_everything_and_ends_well() {
    let setup = Setup::new().config(QUIET);
    let server = setup.start().await;
    let now = now_ms();
    let (status, _) = send(&server, &[(&[("__name__", "kept")], &[(now, 42.5)])]).await.unwrap();
    assert_eq!(status, 204);
    assert!(server.terminate().success());
    let server = setup.start().await;
    assert_eq!(server.value("kept").await, Some(42.5));
    let (status, body) = server.post("/api/v1/admin/tsdb/compact", "").await;
    assert!(status < 300, "{status}: {body}");
    assert_eq!(server.value("kept").await, Some(42.5), "merging loses nothing");
    server.kill();
    let server = setup.start().await;
    assert_eq!(server.value("kept").await, Some(42.5), "parts are read after a restart");
}

#[tokio::test]
async fn two_processes_cannot_use_one_folder() {
    let setup = Setup::new().config(QUIET);
    let _first = setup.start().await;
    let (status, said) = setup.fail_to_start();
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains("data"), "the folder is named: {said}");
}
