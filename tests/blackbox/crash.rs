//! What was acknowledged is there, whatever happens to the process.

use crate::harness::remote_write::send;
use crate::harness::{Setup, now_ms};

/// A configuration that scrapes nothing.
const QUIET: &str = "";

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
    let (status, body) = send(&server, &[(&[("__name__", "later")], &[(now_ms(), 1.0)])]).await.unwrap();
    assert_eq!(status, 204, "{body}");
}
