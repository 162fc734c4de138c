//! Prometheus's HTTP API, as a plain client sees it.

use crate::harness::remote_write::send;
use crate::harness::{PATIENCE, Server, Setup, encode, now_ms};
use serde_json::{Value, json};
use std::time::Instant;

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
async fn faults_are_worded_as_prometheus_words_them() {
    let (_setup, server, _) = with_data().await;
    for (path, wanted) in [
        (
            "query?query=up&time=x",
            "invalid parameter \"time\": invalid time value for 'time': cannot parse \"x\" to a valid timestamp",
        ),
        ("query?query=up&timeout=x", "invalid parameter \"timeout\": cannot parse \"x\" to a valid duration"),
        (
            "query?query=up&lookback_delta=x",
            "error parsing lookback delta duration: cannot parse \"x\" to a valid duration",
        ),
        ("query?query=up&limit=-1", "invalid parameter \"limit\": limit must be non-negative"),
        (
            "query_range?query=up&start=3&end=2&step=1",
            "invalid parameter \"end\": end timestamp must not be before start time",
        ),
        (
            "query_range?query=up&start=1&end=2&step=0",
            "invalid parameter \"step\": zero or negative query resolution step widths are not accepted. Try a positive integer",
        ),
        (
            "query_range?query=up&start=1&end=1200000&step=1",
            "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)",
        ),
        ("series", "no match[] parameter provided"),
        (
            "series?match[]={a=\"\"}",
            "invalid parameter \"match[]\": 1:1: parse error: vector selector must contain at least one non-empty matcher",
        ),
        ("metadata?limit=x", "limit must be a number"),
        ("query_exemplars?query=up&start=5&end=2", "end timestamp must not be before start timestamp"),
        ("query_exemplars?start=1&end=2", "unknown position: parse error: no expression found in input"),
    ] {
        let (status, body) = server.get(&format!("/api/v1/{path}")).await;
        let answer: Value = serde_json::from_str(&body).unwrap();
        assert_eq!((status, &answer["errorType"]), (400, &json!("bad_data")), "{path}: {body}");
        assert_eq!(answer["error"].as_str(), Some(wanted), "{path}");
    }
}

#[tokio::test]
async fn methods_and_paths_that_do_not_fit_are_told_so() {
    let (_setup, server, _) = with_data().await;
    let client = server.client();
    let refused = client.delete(server.url("/api/v1/query")).send().await.unwrap();
    assert_eq!(refused.status(), 405);
    assert!(refused.headers()["allow"].to_str().unwrap().contains("POST"), "{:?}", refused.headers());
    assert!(refused.headers().contains_key("content-security-policy"));
    let answer: Value = serde_json::from_str(&refused.text().await.unwrap()).unwrap();
    assert_eq!(answer["status"], "error");
    for path in ["/api/v1/nonsense", "/api/nonsense", "/nonsense"] {
        let missing = client.get(server.url(path)).send().await.unwrap();
        assert_eq!(
            (missing.status().as_u16(), &missing.headers()["x-frame-options"]),
            (404, &"DENY".parse().unwrap())
        );
        let answer: Value = serde_json::from_str(&missing.text().await.unwrap()).unwrap();
        assert_eq!(answer["errorType"], "not_found", "{path}");
    }
    let slash = server.get("/api/v1/query/?query=1").await;
    assert_eq!(slash.0, 200, "{}", slash.1);
    for path in ["/-/healthy", "/-/ready", "/api/v1/query?query=1"] {
        let head = client.head(server.url(path)).send().await.unwrap();
        assert_eq!(head.status(), 200, "{path}");
    }
}

#[tokio::test]
async fn the_query_log_says_who_asked_what_as_prometheus_says_it() {
    let setup = Setup::new();
    let log = setup.path("queries.log");
    let rule = "groups: [{name: g, interval: 100ms, rules: [{record: two, expr: vector(1)+1}]}]\n";
    let rules = setup.write("rules.yml", rule);
    let config = format!(
        "global: {{query_log_file: '{}'}}\nbuilt_in_rules: false\nrule_files: ['{}']\n",
        log.display(),
        rules.display()
    );
    let setup = setup.config(&config);
    let server = setup.start().await;
    server.get("/api/v1/query?query=1%2B1&time=4").await;
    server.get("/api/v1/query_range?query=up&start=0&end=60&step=15").await;
    let read = || -> (Vec<Value>, Vec<Value>) {
        let text = std::fs::read_to_string(&log).unwrap();
        // The last line may be half written.
        let lines = text.lines().filter_map(|line| serde_json::from_str(line).ok());
        lines.partition(|line: &Value| line.get("ruleGroup").is_some())
    };
    let started = Instant::now();
    while read().0.is_empty() {
        assert!(started.elapsed() < PATIENCE, "no query of a rule was logged");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let (of_rules, lines) = read();
    assert_eq!(of_rules[0]["ruleGroup"], json!({"file": rules.display().to_string(), "name": "g"}));
    assert_eq!(of_rules[0]["params"]["query"], "vector(1) + 1");
    assert!(of_rules[0].get("httpRequest").is_none(), "{}", of_rules[0]);
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert_eq!(lines[0]["params"]["query"], "1+1");
    assert_eq!(lines[0]["params"]["end"], "1970-01-01T00:00:04.000Z");
    assert_eq!(lines[1]["params"]["step"], 15);
    let request = json!({"clientIP": "127.0.0.1", "method": "GET", "path": "/api/v1/query_range"});
    assert_eq!(lines[1]["httpRequest"], request);
    for line in of_rules.iter().chain(&lines) {
        assert!(line["stats"]["timings"]["execTotalTime"].is_number(), "{line}");
        assert!(line["stats"]["samples"]["peakSamples"].is_number(), "{line}");
    }
}

#[tokio::test]
async fn stats_and_options_of_a_query_are_heard() {
    let (_setup, server, now) = with_data().await;
    let seconds = now / 1000;
    let answer =
        server.get_json(&format!("/api/v1/query?query=requests_total&time={seconds}&stats=all")).await;
    assert!(answer["data"]["stats"]["timings"]["execTotalTime"].is_number(), "{answer}");
    assert!(answer["data"]["stats"]["samples"]["totalQueryableSamples"].is_number(), "{answer}");
    let later = seconds + 60;
    let found = |lookback: &'static str| {
        let path = format!("/api/v1/query?query=requests_total&time={later}&lookback_delta={lookback}");
        let server = &server;
        async move { server.get_json(&path).await["data"]["result"].as_array().unwrap().len() }
    };
    assert_eq!((found("30s").await, found("2m").await, found("0").await), (0, 2, 2));
    let (status, body) = server.get("/api/v1/query?query=requests_total&timeout=0").await;
    assert_eq!(status, 503, "{body}");
}

#[tokio::test]
async fn kept_answers_see_late_samples_and_deletions() {
    let setup = Setup::new().config("").arg("--web.enable-admin-api");
    let server = setup.start().await;
    let now = now_ms() / 60_000 * 60_000;
    let (start, end) = (now - 4 * 3_600_000, now - 3_600_000);
    let labels = [("__name__", "kept_total"), ("job", "j")];
    let samples: Vec<(i64, f64)> = (0..180)
        .map(|minute| (start + minute * 60_000, minute as f64))
        .filter(|(at, _)| at % 7 > 0)
        .collect();
    assert_eq!(send(&server, &[(&labels, &samples)]).await.unwrap().0, 204);
    let path = format!(
        "/api/v1/query_range?query=sum(increase(kept_total%5B10m%5D))&start={}&end={}&step=60",
        start / 1_000,
        end / 1_000
    );
    let hits = || async {
        let (_, metrics) = server.get("/metrics").await;
        let line = metrics.lines().find_map(|line| line.strip_prefix("watchfire_query_cache_hits_total "));
        line.unwrap().parse::<f64>().unwrap()
    };
    let same = |words: &'static str| {
        let (server, path) = (&server, &path);
        async move {
            let kept = server.get_json(path).await["data"].clone();
            let fresh = server.get_json(&format!("{path}&nocache=1")).await["data"].clone();
            assert_eq!(kept, fresh, "{words}");
            kept
        }
    };
    let first = same("at first").await;
    assert_eq!((same("again").await, hits().await), (first.clone(), 1.0));
    // In the middle of what is kept, of a series that nobody knew.
    let late = [("__name__", "kept_total"), ("job", "late")];
    let between: Vec<(i64, f64)> =
        (60..90).map(|minute| (start + minute * 60_000 + 5_000, 3.0 * minute as f64)).collect();
    assert_eq!(send(&server, &[(&late, &between)]).await.unwrap().0, 204);
    let with_late = same("after late samples").await;
    assert_ne!(first, with_late);
    let matcher = encode("kept_total{job=\"late\"}");
    let deleted = server.post(&format!("/api/v1/admin/tsdb/delete_series?match[]={matcher}"), "").await;
    assert_eq!(deleted.0, 204, "{}", deleted.1);
    assert_eq!(same("after a deletion").await, first);
    let before = hits().await;
    same("once more").await;
    assert_eq!(hits().await, before + 1.0);
}

#[tokio::test]
async fn answers_are_compressed_as_the_client_can_read_them() {
    let (_setup, server, _) = with_data().await;
    let path = "/api/v1/status/flags";
    let plain = server.client().get(server.url(path)).header("accept-encoding", "identity").send().await;
    let plain = plain.unwrap().bytes().await.unwrap();
    let zstd = server.client().get(server.url(path)).header("accept-encoding", "zstd").send().await.unwrap();
    assert_eq!(zstd.headers()["content-encoding"], "zstd");
    let body = zstd.bytes().await.unwrap();
    assert!(body.len() < plain.len());
    assert_eq!(zstd::stream::decode_all(&body[..]).unwrap(), plain);
    // This client undoes gzip by itself, and only that.
    let gzip = server.client().get(server.url(path)).header("accept-encoding", "gzip").send().await.unwrap();
    assert_eq!(gzip.bytes().await.unwrap(), plain);
}

#[tokio::test]
async fn own_metrics_come_as_openmetrics_where_it_is_asked_for() {
    let (setup, server, _) = with_data().await;
    let ask =
        |accept: &'static str| server.client().get(server.url("/metrics")).header("accept", accept).send();
    let text = ask("text/plain").await.unwrap();
    assert!(text.headers()["content-type"].to_str().unwrap().starts_with("text/plain; version=0.0.4"));
    let open = ask("application/openmetrics-text;version=1.0.0,text/plain;q=0.5").await.unwrap();
    assert!(open.headers()["content-type"].to_str().unwrap().starts_with("application/openmetrics-text"));
    let body = open.text().await.unwrap();
    assert!(
        body.ends_with("# EOF\n") && body.contains("# TYPE prometheus_http_requests counter\n"),
        "{body}"
    );
    let file = setup.write("metrics.txt", &body);
    let checked = std::process::Command::new(crate::harness::binary())
        .args(["check", "metrics", "--strict"])
        .stdin(std::fs::File::open(file).unwrap())
        .output()
        .unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
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
