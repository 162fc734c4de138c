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

/// Series and samples of each in the log that is read back.
const SERIES: usize = 2000;
const STEPS: i64 = 250;

#[tokio::test]
async fn while_the_log_is_read_back_answers_say_so_and_afterwards_all_is_there() {
    let setup = Setup::new().config(QUIET);
    let server = setup.start().await;
    let base_ms = now_ms() - 3_600_000;
    let instances: Vec<String> = (0..SERIES).map(|number| format!("host-{number}")).collect();
    let samples: Vec<(i64, f64)> =
        (0..STEPS).map(|step| (base_ms + step * 1000, step as f64 * 0.1)).collect();
    for instances in instances.chunks(100) {
        let labels: Vec<[(&str, &str); 2]> = instances
            .iter()
            .map(|instance| [("__name__", "logged"), ("instance", instance.as_str())])
            .collect();
        let series: Vec<_> = labels.iter().map(|labels| (&labels[..], &samples[..])).collect();
        let (status, body) = send(&server, &series).await.unwrap();
        assert_eq!(status, 204, "{body}");
    }
    server.kill();

    let server = setup.start_unready();
    let end_s = (base_ms + STEPS * 1000) / 1000;
    let path = format!("/api/v1/query?query=sum(count_over_time(logged[10m]))&time={end_s}");
    let whole = (SERIES as i64 * STEPS).to_string();
    let (mut partial, mut refused) = (0, 0);
    loop {
        let progress = server.get_json("/api/v1/status/walreplay").await["data"].clone();
        let answer = server.get_json(&path).await;
        assert_eq!(answer["status"], "success", "{answer}");
        let seen = answer["data"]["result"][0]["value"][1].as_str().unwrap_or("0").to_owned();
        if seen != whole {
            partial += 1;
            let warnings = answer["warnings"].to_string();
            assert!(warnings.contains("still being read back"), "{seen} without a word: {answer}");
            assert_eq!(progress["state"], "in progress", "{progress}");
            assert!(progress["min"].as_u64() <= progress["current"].as_u64(), "{progress}");
            assert!(progress["current"].as_u64() <= progress["max"].as_u64(), "{progress}");
        }
        let (ready, said) = server.get("/-/ready").await;
        if ready == 200 {
            break;
        }
        assert_eq!(ready, 503, "{said}");
        let labels = [("__name__", "early")];
        let (status, body) = send(&server, &[(&labels, &[(now_ms(), 1.0)])]).await.unwrap();
        if status != 204 {
            assert_eq!(status, 503, "{body}");
            assert!(body.contains("storage is starting"), "{body}");
            refused += 1;
        }
    }
    println!("{partial} partial answers and {refused} refused writes before it was ready");
    let answer = server.get_json(&path).await;
    assert_eq!(answer["data"]["result"][0]["value"][1], whole.as_str(), "{answer}");
    assert!(answer["warnings"].is_null(), "{answer}");
    assert_eq!(server.get_json("/api/v1/status/walreplay").await["data"]["state"], "done");
    let (status, body) = send(&server, &[(&[("__name__", "later")], &[(now_ms(), 1.0)])]).await.unwrap();
    assert_eq!(status, 204, "{body}");
}
