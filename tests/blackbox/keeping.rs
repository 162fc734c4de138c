//! What is kept how long, seen from outside: deletion over HTTP, retention per series and by size, reloads.

use crate::harness::remote_write::{Series, send};
use crate::harness::{Server, Setup, encode, now_ms};
use serde_json::json;
use std::path::Path;

const DAY_MS: i64 = 86_400_000;
const DELETE: &str = "/api/v1/admin/tsdb/delete_series";
const CLEAN: &str = "/api/v1/admin/tsdb/clean_tombstones";

async fn keep(server: &Server, series: &[Series<'_>]) {
    let (status, body) = send(server, series).await.unwrap();
    assert_eq!(status, 204, "{body}");
}

async fn compact(server: &Server) {
    let (status, body) = server.post("/api/v1/admin/tsdb/compact", "").await;
    assert_eq!(status, 204, "{body}");
}

async fn delete(server: &Server, selector: &str) {
    let (status, body) = server.post(&format!("{DELETE}?match[]={}", encode(selector)), "").await;
    assert_eq!((status, body.as_str()), (204, ""));
}

/// Days ago of the samples that are seen of a selector, oldest first.
async fn days_seen(server: &Server, selector: &str) -> Vec<i64> {
    let now = now_ms();
    let path = format!("/api/v1/query?query={}&time={}", encode(&format!("{selector}[90d]")), now / 1000);
    let answer = server.get_json(&path).await;
    assert_eq!(answer["status"], "success", "{answer}");
    let values = answer["data"]["result"][0]["values"].as_array().cloned().unwrap_or_default();
    values.iter().map(|sample| (now - (sample[0].as_f64().unwrap() * 1000.0) as i64) / DAY_MS).collect()
}

async fn names(server: &Server) -> serde_json::Value {
    server.get_json("/api/v1/label/__name__/values").await["data"].clone()
}

/// Bytes of all parts.
fn part_bytes(folder: &Path) -> u64 {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            bytes += part_bytes(&path);
        } else if path.extension().is_some_and(|kind| kind == "part") {
            bytes += path.metadata().unwrap().len();
        }
    }
    bytes
}

#[tokio::test]
async fn deleting_is_off_until_it_is_asked_for() {
    let setup = Setup::new().config("");
    let server = setup.start().await;
    keep(&server, &[(&[("__name__", "kept")], &[(now_ms(), 1.0)])]).await;
    for path in [format!("{DELETE}?match[]=kept"), CLEAN.to_owned()] {
        let (status, body) = server.post(&path, "").await;
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        let told = json!({"status": "error", "errorType": "unavailable", "error": "admin APIs disabled"});
        assert_eq!((status, body), (503, told));
    }
    assert_eq!(server.value("kept").await, Some(1.0));
}

#[tokio::test]
async fn a_deletion_that_was_answered_survives_a_kill_and_gives_its_room_back() {
    let setup = Setup::new().config("").arg("--web.enable-admin-api");
    let server = setup.start().await;
    let old = now_ms() - 2 * DAY_MS;
    let noise: Vec<(i64, f64)> =
        (0..20_000).map(|step| (old + step * 1000, (step as f64 * 0.7).sin())).collect();
    keep(&server, &[(&[("__name__", "kept")], &[(old, 1.0), (now_ms() - 1000, 2.0)])]).await;
    keep(&server, &[(&[("__name__", "secret"), ("user", "a")], &noise)]).await;
    compact(&server).await;
    keep(&server, &[(&[("__name__", "secret"), ("user", "b")], &[(now_ms() - 1000, 3.0)])]).await;
    assert_eq!(names(&server).await, json!(["kept", "secret"]));
    delete(&server, "secret").await;
    assert_eq!(server.query("secret").await.len(), 0);
    server.kill();

    let server = setup.start().await;
    assert_eq!(names(&server).await, json!(["kept"]));
    assert_eq!(server.get_json("/api/v1/label/user/values").await["data"], json!([]));
    assert_eq!(server.get_json("/api/v1/series?match[]=secret").await["data"], json!([]));
    assert_eq!(days_seen(&server, "secret").await, [] as [i64; 0]);
    assert_eq!(days_seen(&server, "kept").await, [2, 0]);
    // Written after the deletion: new data, also where it is as old as what was deleted.
    keep(&server, &[(&[("__name__", "secret"), ("user", "a")], &[(old, 7.0)])]).await;
    assert_eq!(days_seen(&server, "secret").await, [2]);
    let before = part_bytes(&setup.path("data"));
    let (status, body) = server.post(CLEAN, "").await;
    assert_eq!((status, body.as_str()), (204, ""));
    let after = part_bytes(&setup.path("data"));
    assert!(after * 10 < before, "{before} bytes became {after}");
    assert_eq!(days_seen(&server, "secret").await, [2]);
    assert_eq!(days_seen(&server, "kept").await, [2, 0]);
    let (_, text) = server.get("/metrics").await;
    assert!(text.contains("\nwatchfire_store_deletions 0\n"), "{text}");
}

#[tokio::test]
async fn what_is_wrong_with_a_deletion_is_told_and_nothing_is_deleted() {
    let setup = Setup::new().config("").arg("--web.enable-admin-api");
    let server = setup.start().await;
    keep(&server, &[(&[("__name__", "kept")], &[(now_ms() - 60_000, 1.0)])]).await;
    for (parameters, told) in [
        ("", "no match[] parameter provided"),
        ("?match[]=", "match[]"),
        ("?match[]=kept{", "match[]"),
        ("?match[]={__name__=~%22.*%22}", "match[]"),
        ("?match[]=kept&start=soon", "start"),
        ("?match[]=kept&end=1e400", "end"),
    ] {
        let (status, body) = server.post(&format!("{DELETE}{parameters}"), "").await;
        assert_eq!(status, 400, "{parameters}: {body}");
        assert!(body.contains("bad_data") && body.contains(told), "{parameters}: {body}");
    }
    let (status, _) = server.get(&format!("{DELETE}?match[]=kept")).await;
    assert_eq!(status, 405);
    // A time that ends before it starts, and one that holds no sample.
    for times in ["start=2000000000&end=1000000000", "start=0&end=1000"] {
        let (status, _) = server.post(&format!("{DELETE}?match[]=kept&{times}"), "").await;
        assert_eq!(status, 204);
    }
    assert_eq!(server.value("kept").await, Some(1.0));
}

#[tokio::test]
async fn rules_keep_series_longer_and_shorter_and_a_reload_changes_them() {
    let rules = "metrics:\n  retention:\n  - {matchers: ['{job=\"debug\"}'], keep: 3d}\n  - {matchers: [slo], keep: 60d}\n";
    let setup = Setup::new().config(rules).arg("--storage.tsdb.retention.time=20d");
    let server = setup.start().await;
    let at = |days: i64| now_ms() - days * DAY_MS - 3_600_000;
    let samples = |days: &[i64]| days.iter().map(|days| (at(*days), 1.0)).collect::<Vec<_>>();
    keep(&server, &[(&[("__name__", "slo")], &samples(&[50, 25, 10, 1]))]).await;
    keep(&server, &[(&[("__name__", "plain")], &samples(&[10, 1]))]).await;
    keep(&server, &[(&[("__name__", "noise"), ("job", "debug")], &samples(&[1]))]).await;
    let (status, body) =
        send(&server, &[(&[("__name__", "noise"), ("job", "debug")], &samples(&[10]))]).await.unwrap();
    assert!(status == 400 && body.contains("older than the retention"), "{status}: {body}");
    compact(&server).await;
    assert_eq!(days_seen(&server, "slo").await, [50, 25, 10, 1]);
    assert_eq!(days_seen(&server, "plain").await, [10, 1]);

    setup.write("prometheus.yml", "metrics:\n  retention:\n  - {matchers: [plain], keep: 2d}\n");
    let (status, body) = server.post("/-/reload", "").await;
    assert_eq!(status, 200, "{body}");
    compact(&server).await;
    assert_eq!(days_seen(&server, "plain").await, [1]);
    assert_eq!(days_seen(&server, "slo").await, [10, 1]);

    setup.write("prometheus.yml", "metrics:\n  downsampling:\n  - {resolution: 5m, keep: 10d}\n");
    let (status, body) = server.post("/-/reload", "").await;
    assert!(
        status == 500 && body.contains("keep is 10d while samples themselves are kept 20d"),
        "{status}: {body}"
    );
    setup.write("prometheus.yml", "storage: {tsdb: {retention: {time: 5d, size: 1GB}}}\n");
    let (status, body) = server.post("/-/reload", "").await;
    assert_eq!(status, 200, "{body}");
    let info = server.get_json("/api/v1/status/runtimeinfo").await;
    assert_eq!(info["data"]["storageRetention"], "5d or 1GiB");
    compact(&server).await;
    assert_eq!(days_seen(&server, "slo").await, [1]);
}

#[tokio::test]
async fn a_store_that_is_too_large_drops_its_oldest_days_first() {
    let setup = Setup::new().config("").arg("--storage.tsdb.retention.size=400KB");
    let server = setup.start().await;
    let mut state = 1_u64;
    let mut noise = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        f64::from_bits(state >> 12 | 0x3ff0_0000_0000_0000)
    };
    for day in (0..5).rev() {
        let start = now_ms() - day * DAY_MS - 3_600_000;
        let samples: Vec<_> = (0..20_000).map(|step| (start + step * 100, noise())).collect();
        keep(&server, &[(&[("__name__", "large")], &samples)]).await;
    }
    compact(&server).await;
    let (_, text) = server.get("/metrics").await;
    let metric = |name: &str| -> f64 {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("{name} is not in {text}")).parse().unwrap()
    };
    assert!(metric("prometheus_tsdb_size_retentions_total") >= 1.0);
    assert_eq!(metric("prometheus_tsdb_retention_limit_bytes"), 409_600.0);
    let bytes = metric("prometheus_tsdb_storage_blocks_bytes");
    assert!(bytes > 0.0 && bytes <= 409_600.0, "{bytes}");
    let mut days = days_seen(&server, "large").await;
    days.dedup();
    assert!(days.contains(&0) && !days.contains(&4), "{days:?}");
}
