//! The same data and the same questions to us and to a real Prometheus (Debian has 2.42): the answers must be equal.
//!
//! The questions follow the templates of the PromQL compliance comparison, whose demo service's metrics are made up
//! here with fixed timestamps. What Prometheus 3 changed on purpose is kept out of the way instead of being excused:
//! ranges became open on the left, so no sample lies on any window's edge (samples lie at odd milliseconds, questions
//! at odd seconds beside every subquery's grid); the limit of extrapolation to a counter's zero became stricter, so no
//! counter begins inside a window; label names became UTF-8, so no question needs a name refused; `atan2` drops the
//! metric's name like every operator, which 2.42 forgot, so it is asked where `on` leaves no name.

use crate::harness::{PATIENCE, Peer, Setup, encode, free_port, now_ms, remote_write};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Instant;

const INTERVAL_MS: i64 = 15_000;
/// Samples per series: seventy minutes.
const SAMPLES: i64 = 280;

struct Demo {
    labels: Vec<(&'static str, String)>,
    samples: Vec<(i64, f64)>,
}

/// Every metric of the demo service, for three instances.
fn demo_data(base_ms: i64) -> Vec<Demo> {
    let mut series = Vec::new();
    let mut add = |name: &str, labels: &[(&'static str, &str)], value: &dyn Fn(i64) -> Option<f64>| {
        let mut all = vec![("__name__", name.to_owned()), ("job", "demo".to_owned())];
        all.extend(labels.iter().map(|(name, value)| (*name, (*value).to_owned())));
        all.sort();
        // Never on a whole second.
        let at = |index: i64| base_ms + index * INTERVAL_MS + 777;
        let samples = (0..SAMPLES).filter_map(|index| Some((at(index), value(index)?))).collect();
        series.push(Demo { labels: all, samples });
    };
    for (place, instance) in ["demo-0:10000", "demo-1:10001", "demo-2:10002"].into_iter().enumerate() {
        let shift = place as f64;
        let instance = ("instance", instance);
        let wave = |index: i64, period: f64| (index as f64 / period + shift).sin();
        // Counters start high and fall back to a small value now and then.
        let counter = |index: i64, rate: f64, life: i64| {
            let age = index % life;
            let begin = if index < life { 5_000.0 } else { 3.0 };
            begin + rate * age as f64 + (age as f64 / 5.0 + shift).sin() * rate / 3.0
        };
        add("demo_num_cpus", &[instance], &|_| Some(4.0 + shift * 2.0));
        add("demo_batch_last_success_timestamp_seconds", &[instance], &|index| {
            let batch = index - index % (20 + place as i64);
            Some((base_ms / 1_000 + batch * 15) as f64)
        });
        // Missing for minutes at a time, longer than the lookback.
        add("demo_intermittent_metric", &[instance], &|index| {
            let gone = (index / (30 + 3 * place as i64)) % 2 == 1;
            (!gone).then_some(1.0 + wave(index, 7.0))
        });
        for (kind, level) in [("buffers", 1e9), ("cached", 2.5e9), ("free", 4e9), ("used", 7e9)] {
            add("demo_memory_usage_bytes", &[instance, ("type", kind)], &|index| {
                Some((level * (1.0 + 0.2 * wave(index, 11.0)) + shift * 1e7).round())
            });
        }
        for (mode, rate) in [("idle", 11.0), ("system", 3.0), ("user", 6.0)] {
            add("demo_cpu_usage_seconds_total", &[instance, ("mode", mode)], &|index| {
                Some(counter(index, rate * (1.0 + shift / 10.0), 97 + 10 * place as i64))
            });
        }
        add("demo_disk_usage_bytes", &[instance], &|index| {
            Some(1e11 + 1e7 * index as f64 * (shift + 1.0) + 1e6 * wave(index, 3.0))
        });
        add("demo_disk_total_bytes", &[instance], &|_| Some(2.5e11));
        for (path, busy) in [("/api/bar", 1.0), ("/api/foo", 2.5)] {
            for (method, status) in [("GET", "200"), ("GET", "500"), ("POST", "200")] {
                let labels = [instance, ("method", method), ("path", path), ("status", status)];
                let share = busy * if status == "500" { 0.1 } else { 1.0 } * method.len() as f64;
                let mut below = 0.0;
                let bounds = ["0.0001", "0.001", "0.01", "0.05", "0.1", "0.5", "1", "5", "+Inf"];
                for (rank, bound) in bounds.into_iter().enumerate() {
                    below += share * ((rank + 1) * (bounds.len() - rank)) as f64;
                    let mut labelled = labels.to_vec();
                    labelled.push(("le", bound));
                    add("demo_api_request_duration_seconds_bucket", &labelled, &|index| {
                        Some(5_000.0 * below + below * (index % 151) as f64)
                    });
                }
                add("demo_api_request_duration_seconds_count", &labels, &|index| {
                    Some(5_000.0 * below + below * (index % 151) as f64)
                });
            }
        }
    }
    series
}

/// Fills `{x}` in a template with each of the variants.
fn expand(questions: &mut Vec<String>, template: &str, variable: &str, variants: &[&str]) {
    questions.extend(variants.iter().map(|variant| template.replace(variable, variant)));
}

const RANGES: [&str; 6] = ["17s", "1m", "5m", "15m", "30m", "50m"];
const OFFSETS: [&str; 3] = ["1m", "5m", "10m"];
const FOLDS: [&str; 7] = ["sum", "avg", "max", "min", "count", "stddev", "stdvar"];
const OVER_TIME: [&str; 9] = ["sum", "avg", "max", "min", "count", "stddev", "stdvar", "last", "present"];
const QUANTILES: [&str; 9] = ["-0.5", "0.1", "0.5", "0.75", "0.95", "0.90", "0.99", "1", "1.5"];
const ARITHMETIC: [&str; 6] = ["+", "-", "*", "/", "%", "^"];
const COMPARISONS: [&str; 6] = ["==", "!=", "<", ">", "<=", ">="];
const OPERATORS: [&str; 12] = ["+", "-", "*", "/", "%", "^", "==", "!=", "<", ">", "<=", ">="];
const MATHS: [&str; 26] = [
    "abs",
    "ceil",
    "floor",
    "exp",
    "sqrt",
    "ln",
    "log2",
    "log10",
    "round",
    "sgn",
    "sin",
    "cos",
    "tan",
    "asin",
    "acos",
    "atan",
    "sinh",
    "cosh",
    "tanh",
    "asinh",
    "acosh",
    "atanh",
    "deg",
    "rad",
    "timestamp",
    "absent",
];
const DATES: [&str; 8] =
    ["day_of_month", "day_of_week", "day_of_year", "days_in_month", "hour", "minute", "month", "year"];

fn questions(base_ms: i64) -> Vec<String> {
    let mut all: Vec<String> = [
        "42", "1.234", ".123", "1.23e-3", "0x3d", "Inf", "+Inf", "-Inf", "NaN", "1 + 2", "-(3 ^ 2)", "time()",
        "pi()", "vector(1)", "vector(time())", "scalar(demo_num_cpus{instance=\"demo-0:10000\"})",
        "scalar(demo_num_cpus)", "demo_memory_usage_bytes", "{__name__=\"demo_memory_usage_bytes\"}",
        "demo_memory_usage_bytes{type=\"free\"}", "demo_memory_usage_bytes{type!=\"free\"}",
        "demo_memory_usage_bytes{instance=~\"demo-.*\"}", "demo_memory_usage_bytes{instance=~\"emo\"}",
        "demo_memory_usage_bytes{instance!~\".*:10000\"}",
        "demo_memory_usage_bytes{type=\"free\",instance!=\"demo-2:10002\"}",
        "{type=\"free\", job=\"demo\", __name__!=\"x\"}", "nonexistent_metric_name", "demo_intermittent_metric",
        "-demo_num_cpus", "demo_num_cpus offset -1m", "demo_num_cpus == demo_num_cpus",
        "demo_num_cpus{instance=\"demo-0:10000\"} + -1",
        "sum by (instance, mode) (demo_cpu_usage_seconds_total)", "count(demo_cpu_usage_seconds_total) by (mode)",
        "group by (type) (demo_memory_usage_bytes)", "count_values(\"value\", demo_num_cpus)",
        "count_values by (job) (\"value\", demo_num_cpus)",
        "sum without (type, instance) (demo_memory_usage_bytes)", "avg by (nonexistent) (demo_num_cpus)",
        "topk by (instance) (1, demo_cpu_usage_seconds_total)",
        "bottomk without (mode) (2, demo_cpu_usage_seconds_total)",
        "quantile by (type) (0.3, demo_memory_usage_bytes)",
        "demo_memory_usage_bytes and demo_memory_usage_bytes{type=\"free\"}",
        "demo_memory_usage_bytes unless on (instance, type) demo_memory_usage_bytes{type=~\"u.*\"}",
        "demo_memory_usage_bytes{type=\"free\"} or demo_num_cpus",
        "demo_num_cpus or ignoring (type) demo_memory_usage_bytes",
        "demo_intermittent_metric or on (instance) demo_num_cpus",
        "demo_num_cpus unless demo_intermittent_metric", "demo_num_cpus and on (instance) demo_intermittent_metric",
        "demo_memory_usage_bytes / on (instance) group_left demo_num_cpus",
        "demo_memory_usage_bytes * ignoring (type) group_left demo_num_cpus",
        "demo_num_cpus + on (instance) group_right demo_memory_usage_bytes",
        "demo_cpu_usage_seconds_total * on (instance) group_left (type) demo_memory_usage_bytes{type=\"free\"}",
        "demo_disk_usage_bytes / demo_disk_total_bytes", "sum by (instance) (demo_num_cpus) atan2 on (instance) demo_num_cpus",
        "sum(demo_cpu_usage_seconds_total) / on (x) sum(demo_num_cpus)",
        "label_replace(demo_num_cpus, \"job\", \"destination-$1\", \"instance\", \"demo-(.*)\")",
        "label_replace(demo_num_cpus, \"job\", \"destination-${1}x$2\", \"instance\", \"demo-(.*):(.*)\")",
        "label_replace(demo_num_cpus, \"job\", \"never\", \"instance\", \"emo\")",
        "label_replace(demo_num_cpus, \"job\", \"\", \"instance\", \".*\")",
        "label_replace(demo_num_cpus, \"new\", \"value\", \"nonexistent\", \"\")",
        "label_join(demo_num_cpus, \"new\", \"-\", \"instance\", \"job\")",
        "label_join(demo_num_cpus, \"job\", \"-\", \"instance\", \"job\")",
        "label_join(demo_num_cpus, \"job\", \"-\", \"instance\")",
        "absent(nonexistent{job=\"a\", instance=~\"b\"})", "absent_over_time(demo_intermittent_metric[1m])",
        "absent_over_time(nonexistent{job=\"a\"}[5m])", "absent(sum(nonexistent))",
        "clamp(demo_num_cpus, 5, 6)", "clamp(demo_num_cpus, 6, 5)", "round(demo_disk_usage_bytes, 1024)",
        "round(demo_cpu_usage_seconds_total, 0.7)", "clamp_min(demo_memory_usage_bytes, 2e9)",
        "clamp_max(demo_memory_usage_bytes, 2e9)", "sort(demo_num_cpus)", "sort_desc(demo_num_cpus)",
        "histogram_quantile(0.9, nonexistent)", "histogram_quantile(0.9, demo_num_cpus)",
        "histogram_quantile(0.9, {__name__=~\"demo_api_request_duration_seconds_.+\"})",
        "(demo_num_cpus > bool 5) * 2", "demo_num_cpus > 5 < 7", "1 > bool 2", "-2 ^ 2", "2 ^ 3 ^ 2",
        "demo_num_cpus % 3 * 2 - 1",
        "demo_memory_usage_bytes{type=\"free\"} / ignoring (type) demo_memory_usage_bytes{type=\"used\"}",
        "sum by (le) (rate(demo_api_request_duration_seconds_bucket{status=\"200\"}[5m]))",
        "sum(rate(demo_api_request_duration_seconds_count{status=~\"5..\"}[5m])) / sum(rate(demo_api_request_duration_seconds_count[5m]))",
        "time() - demo_batch_last_success_timestamp_seconds", "max_over_time(vector(time())[5m:1m])",
        "max_over_time((time() - max(demo_batch_last_success_timestamp_seconds) < 1000)[5m:10s] offset 5m)",
        "avg_over_time(rate(demo_cpu_usage_seconds_total[1m])[2m:10s])",
        "max_over_time(min_over_time(demo_disk_usage_bytes[125s:10s])[5m:1m])",
        "sum_over_time(demo_intermittent_metric[30m:1m])", "rate(demo_disk_usage_bytes[10m:1m] offset 3m)",
        "deriv(demo_disk_usage_bytes[10m:1m])", "quantile_over_time(0.5, demo_num_cpus[10m:20s])",
        "count_over_time(demo_intermittent_metric[20m:1m])", "last_over_time(sum(demo_num_cpus)[5m:1m])",
        "demo_num_cpus @ end()", "demo_disk_usage_bytes @ start()", "rate(demo_cpu_usage_seconds_total[5m] @ end())",
        "sum(demo_memory_usage_bytes @ start()) + sum(demo_memory_usage_bytes)",
        "topk(2, rate(demo_cpu_usage_seconds_total[5m] @ end()))",
        "timestamp(demo_num_cpus offset 1m)", "timestamp(demo_num_cpus + 0)", "vector(scalar(sum(demo_num_cpus)))",
    ]
    .map(str::to_owned)
    .into();
    let at = base_ms / 1_000 + 2_407;
    all.push(format!("demo_disk_usage_bytes @ {at}"));
    all.push(format!("increase(demo_cpu_usage_seconds_total[10m] @ {at} offset 1m)"));
    all.push(format!("max_over_time(demo_disk_usage_bytes[5m:1m] @ {at})"));
    for offset in OFFSETS {
        all.push(format!("demo_memory_usage_bytes offset {offset}"));
        all.push(format!("demo_intermittent_metric offset {offset}"));
        all.push(format!("rate(demo_cpu_usage_seconds_total[5m] offset {offset})"));
        all.push(format!("increase(demo_disk_usage_bytes[2m] offset -{offset})"));
    }
    for fold in FOLDS {
        for grouping in [
            "",
            "by () ",
            "by (instance) ",
            "by (instance, type) ",
            "by (x) ",
            "without () ",
            "without (instance) ",
            "without (instance, type, x) ",
        ] {
            all.push(format!("{fold} {grouping}(demo_memory_usage_bytes)"));
        }
        all.push(format!("{fold} by (mode) (rate(demo_cpu_usage_seconds_total[5m]))"));
        all.push(format!("{fold} by (job) (demo_intermittent_metric)"));
    }
    for pick in ["topk", "bottomk"] {
        for count in ["0", "1", "2", "3", "100", "-1"] {
            all.push(format!("{pick}({count}, demo_cpu_usage_seconds_total)"));
        }
    }
    for range in RANGES {
        for function in OVER_TIME {
            all.push(format!("{function}_over_time(demo_memory_usage_bytes[{range}])"));
            all.push(format!("{function}_over_time(demo_intermittent_metric[{range}])"));
        }
        for function in ["rate", "increase", "irate", "idelta", "delta", "deriv", "changes", "resets"] {
            all.push(format!("{function}(demo_cpu_usage_seconds_total[{range}])"));
            all.push(format!("{function}(demo_disk_usage_bytes[{range}])"));
        }
        all.push(format!("predict_linear(demo_disk_usage_bytes[{range}], 600)"));
        all.push(format!("changes(demo_batch_last_success_timestamp_seconds[{range}])"));
        all.push(format!("resets(demo_batch_last_success_timestamp_seconds[{range}])"));
        all.push(format!("histogram_quantile(0.9, rate(demo_api_request_duration_seconds_bucket[{range}]))"));
    }
    for quantile in QUANTILES {
        all.push(format!("quantile({quantile}, demo_memory_usage_bytes)"));
        all.push(format!("quantile_over_time({quantile}, demo_memory_usage_bytes[5m])"));
        all.push(format!(
            "histogram_quantile({quantile}, sum by (le, path) (rate(demo_api_request_duration_seconds_bucket[1m])))"
        ));
        all.push(format!("histogram_quantile({quantile}, demo_api_request_duration_seconds_bucket)"));
    }
    for op in OPERATORS {
        let bool_word = if COMPARISONS.contains(&op) { " bool" } else { "" };
        all.push(format!("1 * 2 {op}{bool_word} 3"));
        all.push(format!("demo_num_cpus {op} (1 {op}{bool_word} 2)"));
        all.push(format!("demo_memory_usage_bytes {op} 3.0e9"));
        all.push(format!("4 {op} demo_num_cpus"));
        all.push(format!("demo_num_cpus {op} on (instance, job) demo_intermittent_metric"));
        all.push(format!(
            "sum by (instance) (demo_memory_usage_bytes) {op} on (instance) demo_disk_usage_bytes"
        ));
    }
    expand(&mut all, "demo_num_cpus OP bool 6", "OP", &COMPARISONS);
    expand(&mut all, "demo_num_cpus OP bool on (instance) demo_intermittent_metric", "OP", &COMPARISONS);
    expand(&mut all, "demo_num_cpus OP ignoring (x) demo_intermittent_metric", "OP", &ARITHMETIC);
    expand(&mut all, "FN(demo_num_cpus)", "FN", &MATHS);
    expand(&mut all, "FN(-demo_intermittent_metric / 3)", "FN", &MATHS);
    expand(&mut all, "FN()", "FN", &DATES);
    expand(&mut all, "FN(demo_batch_last_success_timestamp_seconds offset 1m)", "FN", &DATES);
    all
}

/// What both must refuse.
const REFUSED: [&str; 6] = [
    "demo_num_cpus * on (job) demo_num_cpus",
    "demo_num_cpus * demo_memory_usage_bytes{type=",
    "label_replace(demo_num_cpus, \"job\", \"$1\", \"instance\", \"(.*\")",
    "rate(demo_num_cpus)",
    "sum(1)",
    "label_replace(demo_num_cpus, \"instance\", \"\", \"\", \"\")",
];

type Matrix = BTreeMap<BTreeMap<String, String>, Vec<(i64, f64)>>;

/// The answer to a range query: series, or nothing where it was refused.
async fn ask(
    client: &reqwest::Client,
    root: &str,
    question: &str,
    window: (i64, i64, i64),
) -> Option<Matrix> {
    let (start, end, step) = window;
    let query = encode(question);
    let url = format!("{root}/api/v1/query_range?query={query}&start={start}&end={end}&step={step}");
    let body = client.get(url).send().await.unwrap().text().await.unwrap();
    let answer: Value =
        serde_json::from_str(&body).unwrap_or_else(|error| panic!("{question}: {error}: {body}"));
    if answer["status"] != "success" {
        return None;
    }
    let mut matrix = Matrix::new();
    for series in answer["data"]["result"].as_array().unwrap() {
        let labels = series["metric"].as_object().unwrap();
        let labels = labels.iter().map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()));
        let point = |point: &Value| {
            let time_ms = (point[0].as_f64().unwrap() * 1_000.0).round() as i64;
            (time_ms, point[1].as_str().unwrap().parse().unwrap())
        };
        matrix.insert(labels.collect(), series["values"].as_array().unwrap().iter().map(point).collect());
    }
    Some(matrix)
}

fn close(ours: f64, theirs: f64) -> bool {
    ours == theirs
        || ours.is_nan() && theirs.is_nan()
        || (ours - theirs).abs() <= 1e-5 * ours.abs().max(theirs.abs())
}

/// The first difference between two answers, in words.
fn difference(ours: &Matrix, theirs: &Matrix) -> Option<String> {
    if let Some(labels) = ours.keys().find(|labels| !theirs.contains_key(*labels)) {
        return Some(format!("only ours: {labels:?}"));
    }
    for (labels, expected) in theirs {
        let Some(found) = ours.get(labels) else { return Some(format!("only theirs: {labels:?}")) };
        if found.len() != expected.len() {
            return Some(format!("{labels:?}: {} of {} samples", found.len(), expected.len()));
        }
        for ((time, ours), (expected_time, theirs)) in found.iter().zip(expected) {
            if time != expected_time || !close(*ours, *theirs) {
                return Some(format!("{labels:?}: {ours} at {time}, not {theirs} at {expected_time}"));
            }
        }
    }
    None
}

#[tokio::test]
async fn a_real_prometheus_gives_the_same_answers() {
    let setup = Setup::new();
    let config = setup.write("peer.yml", "global: {}\n");
    let port = free_port();
    let Some(_prometheus) = Peer::start(
        "prometheus",
        [
            format!("--config.file={}", config.display()),
            format!("--storage.tsdb.path={}", setup.path("peer-data").display()),
            format!("--web.listen-address=127.0.0.1:{port}"),
            "--web.enable-remote-write-receiver".to_owned(),
        ],
    ) else {
        return;
    };
    let peer = format!("http://127.0.0.1:{port}");
    let server = setup.start().await;
    let client = server.client().clone();
    let started = Instant::now();
    while !client.get(format!("{peer}/-/ready")).send().await.is_ok_and(|answer| answer.status().is_success())
    {
        assert!(started.elapsed() < PATIENCE, "the real Prometheus did not become ready");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }

    // The last full seventy minutes, on whole minutes.
    let base_ms = (now_ms() - (SAMPLES + 8) * INTERVAL_MS) / 60_000 * 60_000;
    let data = demo_data(base_ms);
    // In slices of time, since Prometheus takes nothing much older than its newest sample.
    for slice in 0..7 {
        let from = base_ms + slice * 600_000;
        let labels: Vec<Vec<(&str, &str)>> = data
            .iter()
            .map(|series| series.labels.iter().map(|(name, value)| (*name, value.as_str())).collect())
            .collect();
        let samples: Vec<Vec<(i64, f64)>> = data
            .iter()
            .map(|series| {
                let inside = |time: i64| (from..from + 600_000).contains(&time);
                series.samples.iter().copied().filter(|(time, _)| inside(*time)).collect()
            })
            .collect();
        let request: Vec<remote_write::Series<'_>> = labels
            .iter()
            .zip(&samples)
            .map(|(labels, samples)| (labels.as_slice(), samples.as_slice()))
            .collect();
        let (status, said) = remote_write::send(&server, &request).await.unwrap();
        assert!((200..300).contains(&status), "{status}: {said}");
        let answer = client
            .post(format!("{peer}/api/v1/write"))
            .header("content-type", "application/x-protobuf")
            .header("content-encoding", "snappy")
            .header("x-prometheus-remote-write-version", "0.1.0")
            .body(remote_write::request(&request))
            .send()
            .await
            .unwrap();
        assert!(answer.status().is_success(), "{}: {}", answer.status(), answer.text().await.unwrap());
    }

    let end = base_ms / 1_000 + 68 * 60 + 7;
    let window = (end - 600, end, 10);
    let ours = server.url("");
    let questions = questions(base_ms);
    let mut answered = 0;
    let mut differences = Vec::new();
    for question in &questions {
        let (found, expected) =
            (ask(&client, &ours, question, window).await, ask(&client, &peer, question, window).await);
        match (found, expected) {
            (Some(found), Some(expected)) => {
                answered += usize::from(!expected.is_empty());
                differences.extend(difference(&found, &expected).map(|words| format!("{question}: {words}")));
            }
            (None, None) => differences.push(format!("{question}: refused by both")),
            (found, _) => {
                let who = if found.is_some() { "the real Prometheus" } else { "us" };
                differences.push(format!("{question}: refused by {who}"));
            }
        }
    }
    for question in REFUSED {
        for (who, root) in [("us", &ours), ("the real Prometheus", &peer)] {
            if ask(&client, root, question, window).await.is_some() {
                differences.push(format!("{question}: answered by {who}"));
            }
        }
    }
    println!(
        "{} queries, {answered} with series in the answer, {} more refused; {} differences",
        questions.len(),
        REFUSED.len(),
        differences.len()
    );
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    assert!(answered * 10 >= questions.len() * 9, "too few questions have an answer: {answered}");
}
