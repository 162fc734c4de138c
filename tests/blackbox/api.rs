//! Prometheus's HTTP API, as a plain client sees it.

use crate::harness::remote_write::send;
use crate::harness::{Server, Setup, now_ms};
use serde_json::{Value, json};

/// A configuration that scrapes nothing.
const QUIET: &str = "";

async fn with_data() -> (Setup, Server, i64) {
    let setup = Setup::new().config(QUIET);
    let server = setup.start().await;
    let now = now_ms() / 1000 * 1000;
    let samples: Vec<(i64, f64)> = (0..=60).map(|step| (now - (60 - step) * 10_000, step as f64)).collect();
    let a = [("__name__", "requests_total"), ("code", "200"), ("job", "api")];
    let b = [("__name__", "requests_total"), ("code", "500"), ("job", "api")];
    let (status, body) = send(&server, &[(&a, &samples), (&b, &samples)]).await.unwrap();
    assert_eq!(status, 204, "{body}");
    (setup, server, now)
}

#[tokio::test]
async fn queries_series_and_labels_answer_in_prometheus_shape() {
    let (_setup, server, now) = with_data().await;
    let seconds = now / 1000;
    let instant = server.get_json(&format!("/api/v1/query?query=sum(requests_total)&time={seconds}")).await;
    assert_eq!(
        instant,
        json!({"status": "success", "data": {"resultType": "vector", "result": [{"metric": {}, "value": [seconds, "120"]}]}})
    );
    let range = server
        .get_json(&format!(
            "/api/v1/query_range?query=rate(requests_total[1m])&start={}&end={seconds}&step=20",
            seconds - 60
        ))
        .await;
    let series = range["data"]["result"].as_array().unwrap();
    assert_eq!((range["data"]["resultType"].as_str(), series.len()), (Some("matrix"), 2));
    assert_eq!(series[0]["values"].as_array().unwrap().len(), 4);
    assert_eq!(series[0]["values"][0], json!([seconds - 60, "0.1"]));
    let found = server.get_json("/api/v1/series?match[]=requests_total").await;
    assert_eq!(found["data"][0], json!({"__name__": "requests_total", "code": "200", "job": "api"}));
    assert_eq!(server.get_json("/api/v1/labels").await["data"], json!(["__name__", "code", "job"]));
    assert_eq!(server.get_json("/api/v1/label/code/values").await["data"], json!(["200", "500"]));
    let scalar = server.get_json(&format!("/api/v1/query?query=1%2B1&time={seconds}")).await;
    assert_eq!(scalar["data"], json!({"resultType": "scalar", "result": [seconds, "2"]}));
    let limited = server.get_json("/api/v1/query?query=requests_total&limit=1").await;
    assert_eq!(limited["warnings"], json!(["results truncated due to limit"]));
}

#[tokio::test]
async fn forms_are_read_from_posts() {
    let (_setup, server, now) = with_data().await;
    let response = server
        .client()
        .post(server.url("/api/v1/query"))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(format!("query=count(requests_total)&time={}", now / 1000))
        .send()
        .await
        .unwrap();
    let answer: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
    assert_eq!(answer["data"]["result"][0]["value"][1], "2");
}

#[tokio::test]
async fn status_pages_answer() {
    let (_setup, server, _) = with_data().await;
    for path in ["config", "flags", "runtimeinfo", "buildinfo", "tsdb"] {
        let answer = server.get_json(&format!("/api/v1/status/{path}")).await;
        assert_eq!(answer["status"], "success", "{path}: {answer}");
    }
    assert_eq!(server.get_json("/api/v1/status/tsdb").await["data"]["headStats"]["numSeries"], 2);
    let flags = server.get_json("/api/v1/status/flags").await;
    assert_eq!(flags["data"]["web.listen-address"], "127.0.0.1:0");
    assert_eq!(server.get_json("/api/v1/format_query?query=sum(a)by(b)").await["data"], "sum by (b) (a)");
    assert_eq!(server.get("/api/v1/nonsense").await.0, 404);
    let (_, metrics) = server.get("/metrics").await;
    assert!(metrics.contains("watchfire_build_info{"), "{metrics}");
}

#[tokio::test]
async fn a_screen_gets_all_its_queries_in_one_answer_of_columns() {
    let (_setup, server, now) = with_data().await;
    let body = json!({"queries": [
        {"id": "a", "expr": "sum(requests_total)", "start": now - 20_000, "end": now, "step": 10_000},
        {"id": "b", "expr": "count(requests_total)", "start": now, "end": now, "step": 0, "instant": true},
        {"id": "c", "expr": "sum(", "start": now, "end": now, "step": 1000},
    ]});
    let response = server
        .client()
        .post(server.url("/api/ui/v1/query"))
        .header("content-type", "application/json")
        .body(body.to_string())
        .send()
        .await
        .unwrap();
    let bytes = response.bytes().await.unwrap();
    assert_eq!(&bytes[..4], b"WFC1");
    let length = u32::from_le_bytes(bytes[4..8].try_into().unwrap()) as usize;
    let header: Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    let columns: Vec<f64> = bytes[8 + length..]
        .chunks_exact(8)
        .map(|chunk| f64::from_le_bytes(chunk.try_into().unwrap()))
        .collect();
    let results = &header["results"];
    assert_eq!((&results[0]["ok"], &results[0]["count"]), (&json!(true), &json!(3)));
    assert_eq!(columns[..3], [116.0, 118.0, 120.0]);
    assert_eq!((&results[1]["kind"], columns[3]), (&json!("instant"), 2.0));
    assert_eq!((&results[2]["ok"], &results[2]["error"]["type"]), (&json!(false), &json!("bad_data")));
}

#[tokio::test]
async fn a_route_prefix_moves_everything() {
    let setup = Setup::new().config(QUIET).arg("--web.external-url=http://localhost:9999/watch");
    let server = setup.start_at_prefix("/watch").await;
    assert_eq!(server.get("/watch/api/v1/query?query=1").await.0, 200);
    let (status, page) = server.get("/watch/").await;
    assert_eq!(status, 200);
    assert!(page.contains("<base href=\"/watch/\">") || page.contains("Watchfire is running"), "{page}");
    assert_eq!(server.get("/api/v1/query?query=1").await.0, 404);
}
