//! The engine against a small store in memory. The scripts in `tests/promqltest.rs` cover the language itself.

use super::{Engine, EngineOptions, Query, QueryError};
use crate::testing::MemorySource;
use crate::value::{QueryResult, Value};
use crate::{ParseOptions, parse};
use proptest::prelude::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use watchfire_model::{Labels, SampleValue, Series};

/// The store of the scripts, filled sample by sample.
#[derive(Default)]
struct Store(MemorySource);

impl Store {
    fn with(mut self, labels: &[(&str, &str)], samples: impl IntoIterator<Item = (i64, f64)>) -> Self {
        let labels: Labels = labels.iter().copied().collect();
        for (seconds, value) in samples {
            self.0.append(&labels, seconds * 1_000, SampleValue::Float(value), 0);
        }
        self
    }
}

fn at(store: &Store, query: &str, seconds: i64) -> Result<QueryResult, QueryError> {
    let expr = parse(query, ParseOptions::default()).unwrap();
    Engine::default().evaluate(&Query::instant(expr, seconds * 1_000), &store.0)
}

fn over(store: &Store, query: &str, (start, end, step): (i64, i64, i64)) -> Result<Vec<Series>, QueryError> {
    let expr = parse(query, ParseOptions::default()).unwrap();
    let query = Query::range(expr, start * 1_000, end * 1_000, step * 1_000);
    match Engine::default().evaluate(&query, &store.0)?.value {
        Value::Matrix(series) => Ok(series),
        other => panic!("a matrix was expected, not {other:?}"),
    }
}

/// Every vector sample as `labels value`, in the order given.
fn shown(result: QueryResult) -> Vec<String> {
    let Value::Vector(samples) = result.value else { panic!("a vector was expected") };
    samples
        .into_iter()
        .map(|sample| match sample.value {
            SampleValue::Float(value) => format!("{} {value}", sample.labels),
            SampleValue::Histogram(histogram) => format!("{} {histogram}", sample.labels),
        })
        .collect()
}

/// `count` counters that grow by one each 15 seconds, for an hour.
fn counters(count: usize) -> Store {
    (0..count).fold(Store::default(), |store, index| {
        let (instance, job) = (format!("i{index:04}"), if index % 2 == 0 { "even" } else { "odd" });
        let labels = [("__name__", "requests_total"), ("instance", instance.as_str()), ("job", job)];
        store.with(&labels, (0..240).map(|sample| (sample * 15, sample as f64)))
    })
}

#[test]
fn a_rate_is_summed_by_group_and_loses_its_name() {
    let result = at(&counters(10), "sum by (job) (rate(requests_total[5m]))", 3_000).unwrap();
    assert!(result.annotations.warnings.is_empty() && result.annotations.infos.is_empty());
    let shown = shown(result);
    assert_eq!(shown.len(), 2);
    assert!(shown.iter().any(|line| line.starts_with("{job=\"even\"} 0.3333")), "{shown:?}");
}

#[test]
fn bytes_that_are_not_utf_8_name_no_label() {
    let store = counters(1);
    let refused = |query: &str| match at(&store, query, 3_000) {
        Err(error) => error.to_string(),
        Ok(result) => panic!("{query}: {result:?}"),
    };
    let query = r#"count_values("a\xc5z", requests_total)"#;
    assert_eq!(refused(query), r#"invalid label name "a\xc5z""#);
    assert_eq!(parse(query, ParseOptions::default()).unwrap().to_string(), query);
    assert_eq!(
        refused(r#"label_replace(requests_total, "\xff", "$1", "job", "(.*)")"#),
        "invalid destination label name in label_replace(): \u{fffd}"
    );
    assert_eq!(
        refused(r#"label_replace(requests_total, "x", "$1", "job", "\xff")"#),
        "invalid regular expression in label_replace(): \u{fffd}"
    );
    assert_eq!(
        refused(r#"label_join(requests_total, "\xff", "-", "job")"#),
        "invalid destination label name in label_join(): \u{fffd}"
    );
    assert_eq!(
        refused(r#"label_join(requests_total, "x", "-", "job", "\xff")"#),
        "invalid source label name in label_join(): \u{fffd}"
    );
    let error = parse(r#"sum by ("\xff") (requests_total)"#, ParseOptions::default()).unwrap_err();
    assert_eq!(error.to_string(), r#"1:9: parse error: invalid label name for grouping: "\xff""#);
    // Where stores are asked, such bytes match nothing they can keep; as values they are shown replaced.
    assert!(shown(at(&store, r#"requests_total{job="\xff"}"#, 3_000).unwrap()).is_empty());
}

#[test]
fn an_aggregation_of_rates_never_holds_the_samples_of_two_series() {
    let store = counters(200);
    let expr = parse("sum(rate(requests_total[5m]))", ParseOptions::default()).unwrap();
    // One series has 240 samples, all of them 48,000.
    let engine = Engine::new(EngineOptions { max_samples: 600, ..EngineOptions::default() });
    let result = engine.evaluate(&Query::range(expr, 0, 3_600_000, 60_000), &store.0).unwrap();
    assert_eq!(result.samples_read, 48_000);
}

#[test]
fn a_query_that_would_hold_too_many_samples_is_refused() {
    let store = counters(20);
    let engine = Engine::new(EngineOptions { max_samples: 1_000, ..EngineOptions::default() });
    for query in
        ["requests_total", "requests_total + requests_total", "max_over_time(requests_total[1h:1ms])"]
    {
        let expr = parse(query, ParseOptions::default()).unwrap();
        let outcome = engine.evaluate(&Query::range(expr, 0, 3_600_000, 15_000), &store.0);
        assert!(matches!(outcome, Err(QueryError::TooManySamples)), "{query}: {outcome:?}");
    }
}

#[test]
fn a_query_ends_when_it_is_cancelled_or_out_of_time() {
    let store = counters(2);
    let expr = parse("requests_total", ParseOptions::default()).unwrap();
    let cancelled = Query { cancel: Arc::new(AtomicBool::new(true)), ..Query::instant(expr.clone(), 0) };
    assert!(matches!(Engine::default().evaluate(&cancelled, &store.0), Err(QueryError::Cancelled)));
    cancelled.cancel.store(false, Ordering::Relaxed);
    assert!(Engine::default().evaluate(&cancelled, &store.0).is_ok());
    let late = Query { timeout: Some(Duration::ZERO), ..Query::instant(expr, 0) };
    assert!(matches!(Engine::default().evaluate(&late, &store.0), Err(QueryError::Timeout)));
}

#[test]
fn range_results_are_sorted_by_labels_and_aligned_to_the_start() {
    let store = Store::default()
        .with(&[("__name__", "b")], [(0, 1.0)])
        .with(&[("__name__", "a"), ("x", "2")], [(0, 2.0)])
        .with(&[("__name__", "a"), ("x", "10")], [(10, 3.0)]);
    let series = over(&store, "b or a", (5, 65, 30)).unwrap();
    let labels: Vec<String> = series.iter().map(|series| series.labels.to_string()).collect();
    assert_eq!(labels, ["a{x=\"10\"}", "a{x=\"2\"}", "b"]);
    assert_eq!(series[0].samples.timestamps_ms, [35_000, 65_000]);
    assert_eq!(series[1].samples.timestamps_ms, [5_000, 35_000, 65_000]);
}

#[test]
fn the_lookback_is_open_on_the_left_and_ends_at_a_stale_marker() {
    let store = Store::default()
        .with(&[("__name__", "up")], [(0, 1.0)])
        .with(&[("__name__", "gone")], [(0, 1.0), (60, watchfire_model::STALE_NAN)]);
    assert_eq!(shown(at(&store, "up", 299).unwrap()), ["up 1"]);
    assert!(shown(at(&store, "up", 300).unwrap()).is_empty());
    assert_eq!(shown(at(&store, "gone", 59).unwrap()), ["gone 1"]);
    assert!(shown(at(&store, "gone", 60).unwrap()).is_empty());
}

#[test]
fn matching_errors_name_the_group_and_the_series() {
    let store = Store::default()
        .with(&[("__name__", "l"), ("job", "a")], [(0, 1.0)])
        .with(&[("__name__", "r"), ("job", "a"), ("x", "1")], [(0, 1.0)])
        .with(&[("__name__", "r"), ("job", "a"), ("x", "2")], [(0, 1.0)]);
    let error = at(&store, "l + on (job) r", 0).unwrap_err();
    assert_eq!(
        error.to_string(),
        "found duplicate series for the match group {job=\"a\"} on the right hand-side of the operation: \
         [{__name__=\"r\", job=\"a\", x=\"2\"}, {__name__=\"r\", job=\"a\", x=\"1\"}];many-to-many matching not \
         allowed: matching labels must be unique on one side"
    );
    let error = at(&store, "r + on (job) l", 0).unwrap_err();
    assert_eq!(
        error.to_string(),
        "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)"
    );
    let error = at(&store, "label_replace({job=\"a\"}, \"__name__\", \"m\", \"\", \"\")", 0);
    assert!(error.is_ok(), "all three keep a label of their own: {error:?}");
    let error = at(&store, "-{job=\"a\", x=\"\"} or label_replace(-{x=\"1\"}, \"x\", \"\", \"\", \"\")", 0);
    assert_eq!(shown(error.unwrap()), ["{job=\"a\"} -1"]);
    // The name is gone before the sum sees it, unless names are dropped at the end.
    let text = "sum by (__name__, job) (-{job=\"a\"})";
    assert_eq!(shown(at(&store, text, 0).unwrap()), ["{job=\"a\"} -3"]);
    let delayed = Engine::new(EngineOptions { delayed_name_removal: true, ..EngineOptions::default() });
    let query = Query::instant(crate::parse(text, crate::ParseOptions::default()).unwrap(), 0);
    let error = delayed.evaluate(&query, &store.0).unwrap_err();
    assert_eq!(error.to_string(), "vector cannot contain metrics with the same labelset");
}

#[test]
fn ambiguous_matches_matter_only_where_there_is_something_to_match() {
    let store = Store::default()
        .with(&[("__name__", "l"), ("job", "a")], [(600, 1.0)])
        .with(&[("__name__", "r"), ("job", "a"), ("x", "1")], [(0, 1.0), (600, 3.0)])
        .with(&[("__name__", "r"), ("job", "a"), ("x", "2")], [(0, 1.0)]);
    let series = over(&store, "l + on (job) r", (0, 600, 300)).unwrap();
    assert_eq!(series[0].samples.floats, [4.0]);
}

#[test]
fn a_join_holds_only_the_side_that_has_one_series_for_many() {
    let store = counters(200).with(&[("__name__", "info"), ("job", "odd"), ("zone", "z")], [(3_500, 2.0)]);
    let query = "sum by (zone) (requests_total * on (job) group_left (zone) info)";
    let expr = parse(query, ParseOptions::default()).unwrap();
    let engine = Engine::new(EngineOptions { max_samples: 1_000, ..EngineOptions::default() });
    let result = engine.evaluate(&Query::range(expr, 3_500_000, 3_600_000, 10_000), &store.0).unwrap();
    let Value::Matrix(series) = result.value else { panic!("a matrix was expected") };
    assert_eq!(series.len(), 1);
    assert_eq!(series[0].samples.floats.first(), Some(&(100.0 * 233.0 * 2.0)));
}

#[test]
fn remarks_are_printed_with_line_and_column() {
    let store = Store::default().with(&[("__name__", "load")], [(0, 1.0), (60, 2.0)]);
    let query = "1 +\n rate(load[5m])";
    let (warnings, infos) = at(&store, query, 60).unwrap().annotations.render(query);
    assert!(warnings.is_empty());
    let words = "PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket";
    assert_eq!(infos, [format!("{words}: \"load\" (2:7)")]);
}

#[test]
fn remarks_are_about_what_stands_inside_parentheses() {
    let warning = |query: &str| {
        at(&counters(1), query, 3_000).unwrap().annotations.render(query).0.pop().unwrap_or_default()
    };
    assert!(warning("quantile((2), requests_total)").ends_with("got 2 (1:11)"));
    let found = warning("histogram_quantile(0.9, ((requests_total)))");
    // Names are gone by then, unless they are to be dropped at the end.
    assert!(found.ends_with("malformed value of \"\" (1:27)"), "{found}");
}

#[test]
fn what_is_filled_must_match_uniquely_at_every_step() {
    let store = counters(2);
    let asked = |query: &str| at(&store, query, 3_000).map(shown);
    assert!(asked("nothing + on () requests_total").unwrap().is_empty());
    let error = asked("nothing + on () fill_right(0) requests_total").unwrap_err().to_string();
    assert!(error.contains("found duplicate series for the match group {}"), "{error}");
}

#[test]
fn labels_sort_by_the_numbers_inside_them() {
    let store = ["node10", "node9", "node-1", "node009"]
        .iter()
        .fold(Store::default(), |store, node| store.with(&[("__name__", "up"), ("node", node)], [(0, 1.0)]));
    let order = shown(at(&store, "sort_by_label(up, \"node\")", 0).unwrap());
    let expected = ["node009", "node9", "node10", "node-1"].map(|node| format!("up{{node=\"{node}\"}} 1"));
    assert_eq!(order, expected);
}

#[test]
fn sorting_inside_a_subquery_loses_no_series_that_begins_late() {
    let store = Store::default()
        .with(&[("__name__", "x"), ("i", "1")], [(0, 1.0)])
        .with(&[("__name__", "x"), ("i", "2")], [(200, 2.0)]);
    let result = at(&store, "max_over_time(sort(x)[5m:1m])", 299).unwrap();
    assert_eq!(result.annotations.warnings.len(), 1, "an order over time means nothing");
    assert_eq!(shown(result).len(), 2);
}

#[test]
fn a_sum_loses_no_small_number_beside_large_ones() {
    let store = [1e100, 1.0, -1e100].iter().enumerate().fold(Store::default(), |store, (index, value)| {
        store.with(&[("__name__", "x"), ("i", &index.to_string())], [(0, *value)])
    });
    assert_eq!(shown(at(&store, "sum(x)", 0).unwrap()), ["{} 1"]);
    let large = (0..4).fold(Store::default(), |store, index| {
        store.with(&[("__name__", "x"), ("i", &index.to_string())], [(0, 1.5e308)])
    });
    assert_eq!(shown(at(&large, "avg(x)", 0).unwrap()), [format!("{{}} {}", 1.5e308)]);
}

/// Queries whose value at one time depends on nothing but the samples up to it.
const LAWFUL: [&str; 18] = [
    "x",
    "rate(x[47s])",
    "increase(x[2m] offset 10s)",
    "irate(x[1m])",
    "resets(x[2m])",
    "changes(x[90s])",
    "resets(x[2m] anchored)",
    "sum_over_time(x[1m])",
    "quantile_over_time(0.3, x[90s])",
    "deriv(x[1m])",
    "min_over_time(x[70s])",
    "max_over_time(x[3m])",
    "max_over_time(rate(x[1m])[2m:20s])",
    "sum by (a) (x) / on (a) count by (a) (x)",
    "topk(1, x)",
    "x > 5 or -x",
    "rate(x[1m] smoothed)",
    "absent(x > 7)",
];

fn samples() -> impl Strategy<Value = Vec<(i64, f64)>> {
    let value = prop_oneof![9 => (0..20_i32).prop_map(f64::from), 1 => Just(watchfire_model::STALE_NAN)];
    prop::collection::vec((1..40_i64, value), 0..30).prop_map(|gaps| {
        let mut time = 0;
        gaps.into_iter()
            .map(|(gap, value)| {
                time += gap;
                (time, value)
            })
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_range_query_is_its_instant_queries_in_a_row(
        first in samples(), second in samples(), third in samples(), step in 1..60_i64,
    ) {
        let store = Store::default()
            .with(&[("__name__", "x"), ("a", "1"), ("b", "1")], first)
            .with(&[("__name__", "x"), ("a", "1"), ("b", "2")], second)
            .with(&[("__name__", "x"), ("a", "2"), ("b", "1")], third);
        for query in LAWFUL {
            let mut together: Vec<(i64, String, u64)> = Vec::new();
            for series in over(&store, query, (0, 10 * step, step)).unwrap() {
                let rows = series.samples.timestamps_ms.iter().zip(&series.samples.floats);
                together.extend(rows.map(|(time, value)| (*time, series.labels.to_string(), value.to_bits())));
            }
            let mut alone: Vec<(i64, String, u64)> = Vec::new();
            for moment in 0..=10 {
                let Value::Vector(vector) = at(&store, query, moment * step).unwrap().value else {
                    panic!("a vector was expected")
                };
                for sample in vector {
                    let SampleValue::Float(value) = sample.value else { panic!("a float was expected") };
                    alone.push((sample.timestamp_ms, sample.labels.to_string(), value.to_bits()));
                }
            }
            together.sort();
            alone.sort();
            prop_assert_eq!(together, alone, "{}", query);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// What is worked out once for all steps, or for all series with the same timestamps, is what each step gives alone.
    #[test]
    fn a_range_query_gives_at_each_step_what_an_instant_query_gives_there(
        gaps in prop::collection::vec(1..400_i64, 1..60),
        values in prop::collection::vec(
            prop_oneof![8 => 0..500_i32, 1 => Just(-1), 1 => Just(-2)],
            120,
        ),
        step in 7..200_i64,
        query in prop::sample::select(vec![
            "m", "count by (a) (m)", "m offset 70s", "rate(m[4m])", "increase(m[10m])", "delta(m[5m])",
            "deriv(m[30m])", "predict_linear(m[30m], 600)", "predict_linear(m[4m] offset 1m, 60)",
        ]),
    ) {
        let times: Vec<i64> = gaps.iter().scan(1_000, |at, gap| { *at += gap; Some(*at) }).collect();
        let value = |place: usize| match values[place % values.len()] {
            -1 => watchfire_model::STALE_NAN,
            -2 => 1e250,
            whole => f64::from(whole) / 8.0,
        };
        let series = |first: usize| times.iter().zip(first..).map(|(at, place)| (*at, value(place))).collect::<Vec<_>>();
        let store = Store::default()
            .with(&[("__name__", "m"), ("a", "1")], series(0))
            .with(&[("__name__", "m"), ("a", "2")], series(60))
            .with(&[("__name__", "m"), ("a", "3")], [(1_000, 1.0), (1_090, 2.0)]);
        let (start, end) = (900, 900 + step * 80);
        let range = over(&store, query, (start, end, step)).unwrap();
        let mut expected = Vec::new();
        for at_s in (start..=end).step_by(step as usize) {
            let Value::Vector(samples) = at(&store, query, at_s).unwrap().value else { panic!("a vector") };
            for sample in samples {
                let SampleValue::Float(value) = sample.value else { panic!("a float") };
                expected.push((sample.labels.to_string(), at_s * 1_000, value.to_bits()));
            }
        }
        let mut found: Vec<_> = range
            .iter()
            .flat_map(|series| {
                let points = series.samples.timestamps_ms.iter().zip(&series.samples.floats);
                points.map(|(at, value)| (series.labels.to_string(), *at, value.to_bits()))
            })
            .collect();
        found.sort();
        expected.sort();
        prop_assert_eq!(found, expected);
    }
}
