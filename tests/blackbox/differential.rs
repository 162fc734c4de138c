//! Made-up queries to us and to a real Prometheus over the same remote-written series: every value must be equal.
//!
//! The peer is the Prometheus at `WATCHFIRE_PEER_PROMETHEUS`, or the one that is installed. Everything follows from
//! `DIFFERENTIAL_SEED` (1 by default): data, queries, times. `DIFFERENTIAL_QUERIES` sets how many queries are made up
//! (2,000 by default, half of them instant and half over a range), `DIFFERENTIAL_VALUES` goes on instead until so many
//! values were compared, and `DIFFERENTIAL_ONLY` asks the one with that number. `DIFFERENTIAL_QUERY` asks a query of
//! one's own and prints both answers, and `DIFFERENTIAL_FEATURES` enables more in both. A difference names the query by
//! which it can be asked again. What differs for a reason is in `docs/promql.md` and kept out by [`explained`].

mod answers;
mod data;
mod grammar;
pub(crate) mod random;

use crate::harness::{PATIENCE, Peer, Server, Setup, encode, find_program, free_port, now_ms};
use data::{INTERVAL_MS, SAMPLES};
use grammar::{Dialect, Grammar};
use random::Random;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// What both have, where the peer knows it.
const FEATURES: &str = "promql-experimental-functions";
/// More that both are to have, as `promql-delayed-name-removal`.
const FEATURES_VARIABLE: &str = "DIFFERENTIAL_FEATURES";
/// What Prometheus has besides since 3.14.
const NEWEST: &str = "promql-extended-range-selectors,promql-binop-fill-modifiers";
/// More differences than these say nothing new.
const SHOWN: usize = 40;

/// A question and when it is asked: start, end and step in seconds; a step of 0 is an instant query.
struct Question {
    query: String,
    window: (f64, f64, f64),
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| {
        text.parse().unwrap_or_else(|_| panic!("{name} must be a number, not {text:?}"))
    })
}

fn more_features() -> String {
    std::env::var(FEATURES_VARIABLE).map_or_else(|_| String::new(), |more| format!(",{more}"))
}

pub(crate) fn peer_program() -> Option<PathBuf> {
    match std::env::var_os("WATCHFIRE_PEER_PROMETHEUS") {
        Some(path) => Some(PathBuf::from(path)),
        None => find_program("prometheus"),
    }
}

/// Its version: 3.14.0 is (3, 14).
pub(crate) fn version_of(program: &Path) -> (u32, u32) {
    let output = std::process::Command::new(program).arg("--version").output().unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    let version =
        said.split("version ").nth(1).and_then(|rest| rest.split_whitespace().next()).unwrap_or("?");
    println!("the peer is Prometheus {version}");
    let mut numbers = version.split('.').map(|number| number.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

/// As sums are taken in another order.
const TOLERANCE: f64 = 1e-12;
/// Where a function that Go computes to another last digit goes through one that magnifies it.
const MAGNIFIED: f64 = 1e-6;

/// Whether a question's answers may differ; each reason has its paragraph in `docs/promql.md`.
fn explained(query: &str, version: (u32, u32)) -> bool {
    let any = |names: &[&str]| names.iter().any(|name| query.contains(name));
    // Go's logarithm of numbers smaller than the smallest normal one is wrong on x86-64.
    let logarithm_of_subnormals = any(&["odd"]) && any(&["ln(", "log2(", "log10(", "^"]);
    // The minute of a number whose last digit differs may be another one.
    let dates = any(&["minute(", "hour(", "day_", "days_", "month(", "year("]) && !rounds_alike(query);
    let older = version < (3, 14);
    // Newer releases let one NaN make the deviation NaN.
    let deviation_with_nan = older && any(&["mad_over_time"]);
    // Newer ones find where histograms began, which a gauge does all the time, and a computed one seems to.
    let begin_of_histograms = older
        && any(&["rate(", "increase("])
        && (any(&["native_gauge"]) || any(&["native", "custom", "mixed"]) && any(&[")["]));
    // Older ones know no part of classic buckets below -Inf.
    let fraction_of_classic = older && any(&["histogram_fraction"]);
    // Prometheus 3.14 loses subqueries with `@` there.
    let lost_subquery = !older && any(&["predict_linear((", "timestamp("]) && any(&["@"]) && any(&[":"]);
    // It hands out one of a float and a histogram that came to have the same labels.
    let both_kinds = !older && any(&["-{__name__=~\"native", "-{__name__=~\"mixed", "-{__name__=~\"custom"]);
    // With names dropped late, every function may come upon such; and `info` of 3.14.0 brings names back.
    let late = more_features().contains("promql-delayed-name-removal")
        && any(&["info(", "{__name__=~\"native", "{__name__=~\"mixed", "{__name__=~\"custom"]);
    // Two remarks in the same words, of which either may be the one that is kept.
    let twice = any(&["histogram_quantiles(histogram_quantiles("]);
    // Hints of resets are not looked at there.
    let hints = !older
        && any(&["histogram_sum(", "histogram_count(", "histogram_avg("])
        && any(&["avg_over_time", "sum_over_time"]);
    // Whether one step of a subquery is more than an instant depends on where the subquery ends.
    let sorted_once = !older && any(&["sort"]) && any(&[":"]);
    // Where only count and sum of gauges' histograms are asked for, newer ones take what falls for a reset, too.
    let statistics_of_gauges = any(&["native_gauge"])
        && any(&["rate(", "increase("])
        && any(&["histogram_sum", "histogram_count", "histogram_avg"]);
    // Prometheus passes over the offset of a selector that has `@` too, under timestamp().
    let timestamp_with_offset = any(&["timestamp("]) && any(&["offset"]) && any(&["@"]);
    timestamp_with_offset
        || logarithm_of_subnormals
        || dates
        || deviation_with_nan
        || begin_of_histograms
        || statistics_of_gauges
        || lost_subquery
        || both_kinds
        || late
        || twice
        || hints
        || sorted_once
        || fraction_of_classic
}

/// Whether nothing in a query is computed to another last digit, or magnifies one.
fn rounds_alike(query: &str) -> bool {
    let others = [
        "^",
        "%",
        "atan2",
        "exp(",
        "ln(",
        "log2(",
        "log10(",
        "sin",
        "cos",
        "tan",
        "std",
        "quantile",
        "smoothing",
        "deriv(",
        "predict_linear(",
        "avg",
        "</",
        ">/",
    ];
    !others.iter().any(|name| query.contains(name))
}

/// Whether something in a query makes another number of another last digit.
fn decides(query: &str) -> bool {
    let names = [
        "==", "!=", "<", ">", "%", "floor(", "ceil(", "round(", "sgn(", "changes(", "resets(", "sin", "cos",
        "tan(",
    ];
    names.iter().any(|name| query.contains(name))
}

/// Modifiers that a function does not know are refused before anything is read, also where nothing would be; and what
/// Prometheus stumbles over has an answer.
fn is_no_answer(found: &Value, expected: &Value) -> bool {
    let error = |answer: &Value| answer["error"].as_str().unwrap_or_default().to_owned();
    error(found).contains("modifier can only be used with") && expected["status"] == "success"
        || error(expected).starts_with("unexpected error: runtime error")
        // Both were filtered away here before they were given the same labels.
        || error(expected).contains("grouping labels must ensure unique matches") && found["status"] == "success"
}

/// Newer releases refuse two that meet one even where a comparison takes both away.
fn is_newer_refusal(found: &Value, expected: &Value, version: (u32, u32)) -> bool {
    let refused = found["error"].as_str().is_some_and(|error| error.contains("multiple matches for labels"));
    version < (3, 14) && refused && expected["status"] == "success"
}

fn question(seed: u64, index: u64, dialect: Dialect, base_ms: i64) -> Question {
    let mut random = Random::new(seed.wrapping_mul(1_000_003).wrapping_add(index));
    let base_s = base_ms / 1_000;
    let length_s = SAMPLES * INTERVAL_MS / 1_000;
    let mut grammar = Grammar { random: &mut random, dialect, middle_s: base_s + length_s / 2 };
    let instant = index.is_multiple_of(2);
    let query = if instant { grammar.instant_query() } else { grammar.query() };
    // Prometheus 2 has ranges closed on the left: there no question may be asked where a sample lies on the edge.
    let odd = if dialect.modern { 0.0 } else { 0.5 };
    let start = (base_s + random.below(length_s as usize) as i64) as f64 + odd;
    if instant {
        return Question { query, window: (start, start, 0.0) };
    }
    let step = [1.0, 5.0, 10.0, 15.0, 30.0, 60.0, 61.0][random.below(7)];
    let steps = 1 + random.below(30);
    Question { query, window: (start, start + step * steps as f64, step) }
}

async fn ask(client: &reqwest::Client, root: &str, question: &Question) -> Value {
    let query = encode(&question.query);
    let (start, end, step) = question.window;
    let url = if step == 0.0 {
        format!("{root}/api/v1/query?query={query}&time={start}")
    } else {
        format!("{root}/api/v1/query_range?query={query}&start={start}&end={end}&step={step}")
    };
    let body = client.get(url).send().await.unwrap().text().await.unwrap();
    serde_json::from_str(&body).unwrap_or_else(|error| panic!("{}: {error}: {body}", question.query))
}

/// The peer, once it is ready.
async fn peer(setup: &Setup, program: &Path, version: (u32, u32)) -> (Peer, String) {
    let config = setup.write("peer.yml", "global: {}\n");
    let port = free_port();
    let mut args = vec![
        format!("--config.file={}", config.display()),
        format!("--storage.tsdb.path={}", setup.path("peer-data").display()),
        format!("--web.listen-address=127.0.0.1:{port}"),
        "--web.enable-remote-write-receiver".to_owned(),
    ];
    let modern = match version {
        (3, 14..) | (4.., _) => format!(",{FEATURES},{NEWEST}{}", more_features()),
        (3, _) => format!(",native-histograms,{FEATURES}"),
        _ => String::new(),
    };
    args.push(format!("--enable-feature=promql-per-step-stats{modern}"));
    let peer = Peer::start_at(program, args);
    let url = format!("http://127.0.0.1:{port}");
    let client = reqwest::Client::new();
    let started = Instant::now();
    while !client.get(format!("{url}/-/ready")).send().await.is_ok_and(|answer| answer.status().is_success())
    {
        assert!(started.elapsed() < PATIENCE, "the real Prometheus did not become ready");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    (peer, url)
}

/// Writes all series to both servers, in slices of time, since Prometheus takes nothing much older than its newest
/// sample.
async fn write(client: &reqwest::Client, roots: [&str; 2], all: &[data::Series], base_ms: i64) {
    let slice_ms = 10 * 60_000;
    for slice in 0..=SAMPLES * INTERVAL_MS / slice_ms {
        let from_ms = base_ms + slice * slice_ms;
        let body = data::request(all, from_ms, from_ms + slice_ms);
        for root in roots {
            let answer = client
                .post(format!("{root}/api/v1/write"))
                .header("content-type", "application/x-protobuf")
                .header("content-encoding", "snappy")
                .header("x-prometheus-remote-write-version", "0.1.0")
                .body(body.clone())
                .send()
                .await
                .unwrap();
            assert!(answer.status().is_success(), "{root}: {}", answer.text().await.unwrap());
        }
    }
}

#[tokio::test]
async fn made_up_queries_have_a_real_prometheus_answers() {
    let Some(program) = peer_program() else { return };
    let version = version_of(&program);
    let (modern, newest) = (version >= (3, 0), version >= (3, 14));
    let (seed, queries) = (number("DIFFERENTIAL_SEED", 1), number("DIFFERENTIAL_QUERIES", 2_000));
    let values = number("DIFFERENTIAL_VALUES", 0);
    let only = std::env::var("DIFFERENTIAL_ONLY").ok().map(|_| number("DIFFERENTIAL_ONLY", 0));

    let setup =
        Setup::new().config("").arg(format!("--enable-feature={FEATURES},{NEWEST}{}", more_features()));
    let (_peer, theirs) = peer(&setup, &program, version).await;
    let server: Server = setup.start().await;
    let ours = server.url("");
    let client = server.client().clone();
    let base_ms = (now_ms() - (SAMPLES + 8) * INTERVAL_MS) / 60_000 * 60_000;
    let mut random = Random::new(seed);
    let mut all = data::series(&mut random, base_ms, modern);
    if modern {
        all.extend(data::natives(&mut random, base_ms, newest));
    }
    if newest {
        all.extend(data::newest(&mut random, base_ms));
    }
    write(&client, [&ours, &theirs], &all, base_ms).await;

    if let Ok(query) = std::env::var("DIFFERENTIAL_QUERY") {
        let end = (base_ms / 1_000 + 4_000) as f64;
        let question = Question { query, window: (end - 60.0, end, 30.0) };
        println!("ours:   {}", ask(&client, &ours, &question).await);
        println!("theirs: {}", ask(&client, &theirs, &question).await);
        return;
    }

    let dialect = Dialect { modern, newest };
    let (mut compared, mut asked, mut refused, mut passed_over, mut magnified) = (0, 0, 0, 0, 0);
    let mut differences = Vec::new();
    let mut index = only.unwrap_or(0);
    loop {
        let done = if values > 0 { compared as u64 >= values } else { asked >= queries };
        if done || differences.len() >= SHOWN || only.is_some_and(|only| index > only) {
            break;
        }
        let question = question(seed, index, dialect, base_ms);
        index += 1;
        asked += 1;
        if explained(&question.query, version) {
            passed_over += 1;
            continue;
        }
        let (found, expected) =
            tokio::join!(ask(&client, &ours, &question), ask(&client, &theirs, &question));
        refused += usize::from(expected["status"] != "success");
        if is_newer_refusal(&found, &expected, version) || is_no_answer(&found, &expected) {
            passed_over += 1;
            continue;
        }
        let mut outcome = answers::compare(&found, &expected, TOLERANCE, newest);
        if outcome.is_err() && !rounds_alike(&question.query) {
            outcome = answers::compare(&found, &expected, MAGNIFIED, newest);
            magnified += usize::from(outcome.is_ok());
            if outcome.is_err() && decides(&question.query) {
                passed_over += 1;
                continue;
            }
        }
        match outcome {
            Ok(count) => compared += count,
            Err(words) => {
                let (start, end, step) = question.window;
                let (start, end) = (start - base_ms as f64 / 1e3, end - base_ms as f64 / 1e3);
                let query = &question.query;
                differences
                    .push(format!("#{} {query}\n  from +{start} to +{end} by {step}: {words}", index - 1));
            }
        }
    }
    println!(
        "seed {seed}: {asked} queries ({refused} refused by both, {passed_over} passed over as explained, \
         {magnified} with magnified last digits), {compared} values compared; {} differences",
        differences.len()
    );
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    assert!(compared as u64 > asked, "too few queries have an answer");
}

#[tokio::test]
async fn the_samples_of_each_step_are_counted_as_a_real_prometheus_counts_them() {
    let Some(program) = peer_program() else {
        println!("no prometheus is installed: nothing to compare the samples of each step with");
        return;
    };
    let version = version_of(&program);
    let modern = version >= (3, 0);
    let setup = Setup::new().config("").arg(format!("--enable-feature=promql-per-step-stats,{FEATURES}"));
    let (_peer, theirs) = peer(&setup, &program, version).await;
    let server: Server = setup.start().await;
    let ours = server.url("");
    let client = server.client().clone();
    let base_ms = (now_ms() - (SAMPLES + 8) * INTERVAL_MS) / 60_000 * 60_000;
    let mut random = Random::new(number("DIFFERENTIAL_SEED", 1));
    let mut all = data::series(&mut random, base_ms, modern);
    if modern {
        all.extend(data::natives(&mut random, base_ms, version >= (3, 14)));
    }
    write(&client, [&ours, &theirs], &all, base_ms).await;
    // Half a second beside all samples: Prometheus 2 has ranges closed on the left.
    let end = base_ms / 1_000 + 3_000;
    let fixed = format!("requests_total @ {end}.5");
    let mut queries = vec![
        "1",
        "requests_total",
        "sum by (instance) (rate(requests_total[5m] offset 1m))",
        "gappy * 2 + flapping",
        "timestamp(steps)",
        "absent_over_time(gappy[2m])",
        "scalar(sum(steps)) + flat",
        "count(requests_total) / (count(requests_total) + count(memory_bytes))",
        &fixed,
    ];
    if modern {
        queries.extend([
            "max_over_time(memory_bytes[5m:30s])",
            "max_over_time((memory_bytes)[5m:30s] @ end())",
            "sum(max_over_time(rate(requests_total[2m])[5m:45s] offset 1m))",
            "sum(rate(mixed[3m]))",
            "native_seconds",
            "histogram_quantile(0.5, sum(rate(custom_seconds[5m])))",
        ]);
    } else {
        println!("this peer counts subqueries and histograms in another way, which is not compared");
    }
    for query in queries {
        for (path, steps) in [
            (format!("query?time={end}.5"), 1),
            (format!("query_range?start={}.5&end={end}.5&step=60", end - 600), 11),
        ] {
            let path = format!("/api/v1/{path}&stats=all&query={}", encode(query));
            let mut samples = Vec::new();
            for root in [&ours, &theirs] {
                let body = client.get(format!("{root}{path}")).send().await.unwrap().text().await.unwrap();
                let answer: Value = serde_json::from_str(&body).unwrap();
                let mut found = answer["data"]["stats"]["samples"].clone();
                // How much is held at once is each engine's own affair.
                found.as_object_mut().map(|found| found.remove("peakSamples"));
                samples.push(found);
            }
            // Before 3.14 Prometheus did not tell how many it reads.
            if samples[1].get("samplesRead").is_none() {
                for key in ["samplesRead", "samplesReadPerStep"] {
                    samples[0].as_object_mut().map(|found| found.remove(key));
                }
            }
            assert_eq!(samples[0], samples[1], "{query} {path}");
            let by_step = samples[0]["totalQueryableSamplesPerStep"].as_array().unwrap();
            assert_eq!(by_step.len(), steps, "{query}");
            let total: u64 = by_step.iter().map(|step| step[1].as_u64().unwrap()).sum();
            assert_eq!(samples[0]["totalQueryableSamples"], total, "{query}");
        }
    }
}

#[test]
fn a_seed_makes_the_same_queries_again_and_another_seed_others() {
    let made = |seed: u64| -> BTreeMap<u64, String> {
        let dialect = Dialect { modern: true, newest: seed % 2 == 1 };
        (0..200).map(|index| (index, question(seed, index, dialect, 1_700_000_000_000).query)).collect()
    };
    assert_eq!(made(1), made(1));
    assert_ne!(made(1), made(2));
    let distinct: std::collections::BTreeSet<String> = made(1).into_values().collect();
    assert!(distinct.len() > 190, "{}", distinct.len());
    for (seed, (index, query)) in (1..4).flat_map(|seed| made(seed).into_iter().map(move |made| (seed, made)))
    {
        let parsed = watchfire_promql::parse(&query, watchfire_promql::ParseOptions::default());
        assert!(parsed.is_ok(), "seed {seed}, #{index}: {query}: {parsed:?}");
    }
}
