//! Exemplars from outside to outside: pushed, scraped, asked for, and there again after a kill.

use crate::harness::exposition::{Behaviour, Target};
use crate::harness::{PATIENCE, Server, Setup, encode, now_ms};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use watchfire_wire::remote_write::{
    Exemplar, FloatSample, HistogramForm, TimeSeries, encode as encode_request,
};
use watchfire_wire::snappy;

fn scraping(address: &str) -> String {
    format!(
        "global: {{scrape_interval: 200ms, scrape_timeout: 200ms}}\nscrape_configs:\n- job_name: t\n  static_configs: [{{targets: ['{address}']}}]\n"
    )
}

async fn exemplars(server: &Server, query: &str) -> Value {
    server.get_json(&format!("/api/v1/query_exemplars?query={}", encode(query))).await
}

/// Waits until the query gives a list that is not empty.
async fn until_found(server: &Server, query: &str) -> Value {
    let started = Instant::now();
    loop {
        let answer = exemplars(server, query).await;
        if answer["data"].as_array().is_some_and(|found| !found.is_empty()) {
            return answer;
        }
        assert!(started.elapsed() < PATIENCE, "{query}: {answer}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn pushed<'a>(at: i64, traces: &[(&'a str, f64, i64)], sample: bool) -> TimeSeries<'a> {
    let labels = vec![("__name__", "pushed_seconds_bucket"), ("le", "0.5")];
    let samples = if sample { vec![FloatSample { value: 3.0, timestamp_ms: at }] } else { Vec::new() };
    let exemplars = traces.iter().map(|(trace, value, timestamp_ms)| Exemplar {
        labels: vec![("trace_id", *trace)],
        value: *value,
        timestamp_ms: *timestamp_ms,
    });
    TimeSeries { labels, samples, exemplars: exemplars.collect(), ..TimeSeries::default() }
}

async fn push(server: &Server, series: &[TimeSeries<'_>]) -> (u16, String) {
    let response = server
        .client()
        .post(server.url("/api/v1/write"))
        .header("content-type", "application/x-protobuf")
        .header("content-encoding", "snappy")
        .header("x-prometheus-remote-write-version", "0.1.0")
        .body(snappy::compress(&encode_request(series, &[], HistogramForm::Float)).unwrap())
        .send()
        .await
        .unwrap();
    let written = response.headers()["x-prometheus-remote-write-exemplars-written"].to_str().unwrap();
    (response.status().as_u16(), written.to_owned())
}

#[tokio::test]
async fn pushed_and_scraped_exemplars_are_answered_and_survive_a_kill() {
    let body = "# TYPE work_seconds histogram\nwork_seconds_bucket{le=\"1\"} 2 # {trace_id=\"scraped\"} 0.25\nwork_seconds_bucket{le=\"+Inf\"} 2\nwork_seconds_count 2\nwork_seconds_sum 0.5\n# TYPE hits counter\nhits_total 7 # {trace_id=\"hit\"} 1 1700000000.5\n# EOF\n";
    let target = Target::start(Behaviour::Body(
        "application/openmetrics-text; version=1.0.0; charset=utf-8",
        body.to_owned(),
    ));
    let setup = Setup::new().config(&scraping(&target.address)).arg("--storage.tsdb.retention.time=100y");
    let server = setup.start().await;
    let now = now_ms();
    // A sender has its exemplars in entries of their own.
    let too_long = "x".repeat(121);
    let sent = [
        pushed(now, &[], true),
        pushed(now, &[("one", 0.125, now - 2000), ("two", f64::INFINITY, now - 1000)], false),
        pushed(now, &[("late", 1.0, now - 9000), (too_long.as_str(), 1.0, now)], false),
    ];
    assert_eq!(push(&server, &sent).await, (204, "2".to_owned()), "what is refused fails nothing");
    let seconds = |at: i64| at as f64 / 1000.0;
    let pushed = json!([{
        "seriesLabels": {"__name__": "pushed_seconds_bucket", "le": "0.5"},
        "exemplars": [
            {"labels": {"trace_id": "one"}, "value": "0.125", "timestamp": seconds(now - 2000)},
            {"labels": {"trace_id": "two"}, "value": "+Inf", "timestamp": seconds(now - 1000)},
        ],
    }]);
    let query = "histogram_quantile(0.9, sum by (le) (rate(pushed_seconds_bucket[5m])))";
    assert_eq!(exemplars(&server, query).await, json!({"status": "success", "data": pushed}));
    let ranged = format!("/api/v1/query_exemplars?query=pushed_seconds_bucket&start={}", seconds(now - 1500));
    assert_eq!(server.get_json(&ranged).await["data"][0]["exemplars"].as_array().unwrap().len(), 1);
    assert_eq!(exemplars(&server, "1+1").await, json!({"status": "success"}));
    assert_eq!(exemplars(&server, "nobody").await, json!({"status": "success", "data": []}));
    assert_eq!(exemplars(&server, "a{").await["errorType"], "bad_data");

    let hit = until_found(&server, "hits_total").await;
    assert_eq!(hit["data"][0]["seriesLabels"]["job"], "t");
    let expected = json!([{"labels": {"trace_id": "hit"}, "value": "1", "timestamp": 1_700_000_000.5}]);
    assert_eq!(hit["data"][0]["exemplars"], expected);
    // Without a time of its own it has that of the scrape, and later scrapes make no other of it.
    let scraped = until_found(&server, "work_seconds_bucket").await;
    server.until("scrape_samples_scraped", |samples| samples == 5.0).await;
    server.until("count_over_time(up[1m])", |scrapes| scrapes >= 5.0).await;
    assert_eq!(exemplars(&server, "work_seconds_bucket").await, scraped);
    assert_eq!(scraped["data"][0]["exemplars"].as_array().unwrap().len(), 1);

    let (_, metrics) = server.get("/metrics").await;
    for line in [
        "prometheus_tsdb_exemplar_exemplars_in_storage 4",
        "prometheus_tsdb_exemplar_series_with_exemplars_in_storage 3",
        "prometheus_tsdb_exemplar_max_exemplars 100000",
        "prometheus_tsdb_exemplar_out_of_order_exemplars_total 1",
        "watchfire_store_exemplars_refused_total{reason=\"label_limit\"} 1",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line} in {metrics}");
    }
    drop(target);
    server.kill();
    // The bound of the configuration holds for what the log gives back too: the newest are kept.
    let server = setup.start().await;
    assert_eq!(exemplars(&server, query).await["data"], pushed);
    let (status, _) = server.post("/api/v1/admin/tsdb/compact", "").await;
    assert_eq!(status, 204);
    server.kill();
    let server = setup.start().await;
    assert_eq!(exemplars(&server, query).await["data"], pushed, "from the file");
    setup.write("prometheus.yml", "storage: {exemplars: {max_exemplars: 0}}\n");
    assert_eq!(server.post("/-/reload", "").await.0, 200);
    assert_eq!(exemplars(&server, query).await["data"], json!([]));
}
