//! Recording rules over the past, on the real binary.

use crate::harness::remote_write_v2::{Histogram, Request, Series};
use crate::harness::{Server, Setup, binary, now_ms, remote_write};
use std::process::Command;
use watchfire_model::ingest::Batch;
use watchfire_model::{Labels, SampleValue};

const HOUR_MS: i64 = 3_600_000;

/// Two series that count one and two a minute, for hours that are over.
async fn history(server: &Server, from_ms: i64, to_ms: i64) {
    let samples = |each: f64| -> Vec<(i64, f64)> {
        let times = (from_ms..=to_ms).step_by(60_000).enumerate();
        times.map(|(count, at_ms)| (at_ms, each * count as f64)).collect()
    };
    let (one, two) = (samples(1.0), samples(2.0));
    let series = [
        (&[("__name__", "done_total"), ("host", "a")][..], &one[..]),
        (&[("__name__", "done_total"), ("host", "b")][..], &two[..]),
    ];
    let (status, said) = remote_write::send(server, &series).await.unwrap();
    assert!((200..300).contains(&status), "{status} {said}");
}

fn backfill(server: &Server, setup: &Setup, args: &[&str]) -> (bool, String) {
    let output = Command::new(binary())
        .args(["rules", "backfill", "--server", &format!("http://{}", server.address)])
        .args(args)
        .arg(setup.path("rules.yml"))
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(said).unwrap())
}

const RULES: &str = "groups:\n- name: g\n  interval: 1m\n  rules:\n  - record: host:done:rate5m\n    expr: rate(done_total[5m])\n    labels: {kind: past}\n\
      \x20 - record: done:rate5m\n    expr: sum(host:done:rate5m)\n  - alert: Never\n    expr: vector(0) > 1\n";

#[tokio::test]
async fn recording_rules_are_recorded_over_the_past_one_after_the_other_and_again_without_harm() {
    let setup = Setup::new().config("global: {scrape_interval: 1h}\n");
    setup.write("rules.yml", RULES);
    let server = setup.start().await;
    let end_ms = now_ms() / HOUR_MS * HOUR_MS - 2 * HOUR_MS;
    let start_ms = end_ms - 8 * HOUR_MS;
    history(&server, start_ms, end_ms).await;
    let (start, end) = ((start_ms / 1_000).to_string(), (end_ms / 1_000).to_string());
    for _ in 0..2 {
        let (good, said) = backfill(&server, &setup, &["--start", &start, "--end", &end]);
        assert!(good, "{said}");
        // At the first minute there is no rate yet.
        assert!(said.contains("host:done:rate5m: 960 samples of 2 series"), "{said}");
        assert!(said.contains("done:rate5m: 480 samples of 1 series"), "{said}");
        assert!(said.contains("1 alerting rules left out"), "{said}");
    }
    let at = end_ms / 1_000;
    for (expr, expected) in [
        (format!("count_over_time(done:rate5m[9h] @ {at})"), 480.0),
        (format!("(done:rate5m @ {at}) * 60"), 3.0),
        (format!("count(host:done:rate5m{{kind=\"past\",host=\"b\"}} @ {at})"), 1.0),
    ] {
        let found = server.value(&expr).await.unwrap_or_else(|| panic!("{expr} gave nothing"));
        assert!((found - expected).abs() < 1e-9, "{expr}: {found}");
    }
    let (good, said) = backfill(&server, &setup, &["--start", &end, "--end", &start]);
    assert!(!good && said.contains("--start is not before --end"), "{said}");
    let (good, said) = backfill(&server, &setup, &["--start", &start, "--end", &end, "--rule", "nothing"]);
    assert!(!good && said.contains("there is no recording rule \"nothing\""), "{said}");
}

const HISTOGRAMS: &str = "groups:\n- name: g\n  interval: 1s\n  rules:\n  - {record: 'latency:sum', expr: 'sum by (kind) (latency)'}\n\
      \x20 - {record: 'latency:rate5m', expr: 'sum by (kind) (rate(latency[5m]))', labels: {team: a}}\n\
      \x20 - {record: 'latency:mixed', expr: 'histogram_count(latency{kind=\"integer\"}) or latency{kind=\"custom\"}'}\n";

/// What stands at a time: labels and histograms, or labels and a number.
async fn recorded(server: &Server, name: &str, at_s: f64) -> Vec<(Labels, SampleValue)> {
    let at = at_s.to_string();
    let form = format!("query={name}&start={at}&end={at}&step=1");
    let client = reqwest::Client::new();
    let request = client
        .post(server.url("/api/v1/query_range"))
        .header("accept", "application/x-protobuf")
        .header("content-type", "application/x-www-form-urlencoded");
    let answer = request.body(form).send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "application/x-protobuf");
    let mut batch = Batch::new();
    watchfire_wire::remote_write::decode(&answer.bytes().await.unwrap(), &mut batch, &mut Vec::new())
        .unwrap();
    let mut rows: Vec<_> = batch.rows().map(|row| (row.series, row.value)).collect();
    rows.sort_by(|left, right| left.0.cmp(&right.0));
    rows
}

#[tokio::test]
async fn native_histograms_are_recorded_as_a_running_rule_records_them() {
    let setup = Setup::new().config("global: {scrape_interval: 1h}\nrule_files: [rules.yml]\n");
    setup.write("rules.yml", HISTOGRAMS);
    let server = setup.start().await;
    let now_ms = now_ms() / 1000 * 1000;
    let (begin_ms, end_ms) = (now_ms - 1_200_000, now_ms - 300_000);
    let times = || (0..1_260).step_by(10).map(|second| (second, begin_ms + second * 1_000));
    let integers: Vec<_> =
        times().map(|(count, at_ms)| (at_ms, 0, Histogram::Integer([count, 2 * count, 3]))).collect();
    let custom: Vec<_> =
        times().map(|(count, at_ms)| (at_ms, 0, Histogram::Custom([count, 7, count]))).collect();
    let request = Request::new()
        .add(Series {
            labels: &[("__name__", "latency"), ("kind", "integer")],
            histograms: &integers,
            ..Series::default()
        })
        .add(Series {
            labels: &[("__name__", "latency"), ("kind", "custom")],
            histograms: &custom,
            ..Series::default()
        });
    let (status, _, said) = request.send(&server).await;
    assert_eq!(status, 204, "{said}");
    // Where the backfill ends the running rules had not begun.
    let (start, end) = ((begin_ms / 1_000 + 310).to_string(), (end_ms / 1_000).to_string());
    let (good, said) = backfill(&server, &setup, &["--start", &start, "--end", &end]);
    assert!(good && said.contains("latency:rate5m: 1182 samples of 2 series"), "{said}");
    assert!(said.contains("1182 of them are native histograms") && said.contains("591 of them"), "{said}");
    server.until("count(latency:rate5m)", |count| count == 2.0).await;
    server.until("count(latency:mixed)", |count| count == 2.0).await;
    let (now_s, then_s) = (crate::harness::now_ms() as f64 / 1_000.0, end_ms as f64 / 1_000.0);
    let shape = |value: &SampleValue| match value {
        SampleValue::Float(_) => None,
        SampleValue::Histogram(histogram) => Some((
            histogram.reset_hint,
            histogram.schema,
            histogram.zero_threshold,
            histogram.positive_spans.clone(),
            histogram.negative_spans.clone(),
            histogram.custom_values.clone(),
        )),
    };
    for name in ["latency:sum", "latency:rate5m", "latency:mixed"] {
        let (now, then) = (recorded(&server, name, now_s).await, recorded(&server, name, then_s).await);
        assert_eq!((now.len(), then.len()), (2, 2), "{name}: {now:?} {then:?}");
        for ((labels, running), (same, backfilled)) in now.iter().zip(&then) {
            assert_eq!((labels, shape(running)), (same, shape(backfilled)), "{name}");
            let (SampleValue::Histogram(running), SampleValue::Histogram(backfilled)) = (running, backfilled)
            else {
                continue;
            };
            // They grow as fast all the time.
            let close = |left: f64, right: f64| (left - right).abs() < 1e-9;
            let buckets = running.positive_buckets.iter().zip(&backfilled.positive_buckets);
            assert!(
                name != "latency:rate5m"
                    || close(running.count, backfilled.count)
                        && buckets.into_iter().all(|(left, right)| close(*left, *right)),
                "{running:?} {backfilled:?}"
            );
        }
    }
}
