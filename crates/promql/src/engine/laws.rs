//! Algebraic laws on random data: NaN, infinities, stale markers, gaps, counter resets and native histograms.

use super::{Engine, EngineOptions, Query};
use crate::testing::MemorySource;
use crate::value::Value;
use crate::{ParseOptions, parse};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use std::collections::BTreeMap;
use std::sync::Arc;
use watchfire_model::histogram::Span;
use watchfire_model::{Histogram, Labels, METRIC_NAME, STALE_NAN, SampleValue};

/// Samples of one series: seconds since the one before, and what was measured.
type Drawn = Vec<(i64, SampleValue)>;

fn float() -> impl Strategy<Value = f64> {
    prop_oneof![
        // Multiples of an eighth: their sums are exact, in whichever order they are taken.
        12 => (-4_000..4_000_i32).prop_map(|number| f64::from(number) / 8.0),
        3 => (0..4_i32).prop_map(f64::from),
        1 => Just(f64::NAN),
        1 => Just(f64::INFINITY),
        1 => Just(f64::NEG_INFINITY),
        1 => Just(STALE_NAN),
    ]
}

fn histogram() -> impl Strategy<Value = Histogram> {
    let counts = || prop::collection::vec((0..9_u8).prop_map(f64::from), 1..5);
    (0..3_i32, -3..4_i32, counts(), prop::option::of(counts()), 0..3_u8).prop_map(
        |(schema, offset, positive, negative, zeros)| {
            let negative = negative.unwrap_or_default();
            let span = |buckets: &[f64]| match buckets.len() {
                0 => Vec::new(),
                length => vec![Span { offset, length: length as u32 }],
            };
            let zero_count = f64::from(zeros);
            Histogram {
                schema,
                zero_threshold: 1e-3,
                zero_count,
                count: positive.iter().chain(&negative).sum::<f64>() + zero_count,
                sum: positive.iter().sum::<f64>() * 1.5 - negative.iter().sum::<f64>() * 0.75,
                positive_spans: span(&positive),
                negative_spans: span(&negative),
                positive_buckets: positive,
                negative_buckets: negative,
                ..Histogram::default()
            }
        },
    )
}

fn series(value: impl Strategy<Value = SampleValue>) -> impl Strategy<Value = Drawn> {
    prop::collection::vec((1..70_i64, value), 0..25)
}

/// Six series each of floats (`f`), counters (`c`), native histograms (`h`), and of both kinds (`m`).
fn data() -> impl Strategy<Value = [Vec<Drawn>; 4]> {
    fn six(one: impl Strategy<Value = Drawn> + 'static) -> BoxedStrategy<Vec<Drawn>> {
        prop::collection::vec(one, 6).boxed()
    }
    let counter = || (0..800_i32).prop_map(|number| SampleValue::Float(f64::from(number) / 8.0));
    let native = || histogram().prop_map(|histogram| SampleValue::Histogram(Arc::new(histogram)));
    [
        six(series(float().prop_map(SampleValue::Float))),
        six(series(counter())),
        six(series(native())),
        six(series(prop_oneof![3 => float().prop_map(SampleValue::Float), 2 => native()])),
    ]
}

fn store(drawn: &[Vec<Drawn>; 4]) -> MemorySource {
    let mut store = MemorySource::default();
    for (name, all) in ["f", "c", "h", "m"].into_iter().zip(drawn) {
        for (place, samples) in all.iter().enumerate() {
            let (group, instance) = ((place % 2 + 1).to_string(), place.to_string());
            let of = |name: &str| {
                Labels::from_pairs([(METRIC_NAME, name), ("g", group.as_str()), ("i", instance.as_str())])
            };
            let mut time_ms = 0;
            for (gap, value) in samples {
                time_ms += gap * 1_000;
                store.append(&of(name), time_ms, value.clone(), 0);
                if let (SampleValue::Float(value), "c") = (value, name) {
                    store.append(&of("quadruple"), time_ms, SampleValue::Float(4.0 * value), 0);
                }
            }
        }
    }
    store
}

/// Every value of an answer, by its labels without the name, and its time.
type Table = BTreeMap<(String, i64), SampleValue>;

fn table(store: &MemorySource, text: &str, (start, end, step): (i64, i64, i64)) -> Table {
    let expr = parse(text, ParseOptions::default()).unwrap();
    let query = Query::range(expr, start * 1_000, end * 1_000, step * 1_000);
    let value = Engine::new(EngineOptions::default())
        .evaluate(&query, store)
        .unwrap_or_else(|error| panic!("{text}: {error}"))
        .value;
    let Value::Matrix(series) = value else { panic!("{text} gives no matrix") };
    let mut table = Table::new();
    for series in series {
        let labels = series.labels.without(|label| label == METRIC_NAME).to_string();
        for (time_ms, value) in series.samples.iter() {
            assert!(table.insert((labels.clone(), time_ms), value).is_none(), "{text}: {labels} twice");
        }
    }
    table
}

fn same_float(left: f64, right: f64) -> bool {
    let close = (left - right).abs() <= 1e-9 * left.abs().max(right.abs()) + 1e-12;
    left == right || left.is_nan() && right.is_nan() || close
}

fn same(left: &SampleValue, right: &SampleValue) -> bool {
    match (left, right) {
        (SampleValue::Float(left), SampleValue::Float(right)) => same_float(*left, *right),
        (SampleValue::Histogram(left), SampleValue::Histogram(right)) => {
            let compact = |histogram: &Histogram| {
                let mut histogram = histogram.clone().with_hint(Default::default());
                histogram.compact(0);
                histogram
            };
            compact(left).equals(&compact(right))
        }
        _ => false,
    }
}

/// Why two tables are not the same.
fn difference(left: &Table, right: &Table) -> Option<String> {
    let keys = left.keys().chain(right.keys());
    keys.map(|key| (key, left.get(key), right.get(key)))
        .find(|(_, left, right)| !matches!((left, right), (Some(left), Some(right)) if same(left, right)))
        .map(|found| format!("{found:?}"))
}

const WINDOW: (i64, i64, i64) = (0, 900, 45);

/// Queries with the same answer, names aside.
const EQUAL: [(&str, &str); 34] = [
    // Sums of parts are parts of sums.
    ("sum by (g) (f)", "sum by (g) (f{g=\"1\"}) or sum by (g) (f{g=\"2\"})"),
    ("sum(f)", "sum(sum by (g) (f))"),
    ("sum(h)", "sum(sum by (g) (h))"),
    ("count(m)", "sum(count by (g) (m))"),
    ("max(f)", "max(max by (i) (f))"),
    ("min by (g) (f)", "-max by (g) (-f)"),
    ("sum by (g) (f)", "sum without (i) (f)"),
    ("avg by (g) (f)", "sum by (g) (f) / count by (g) (f)"),
    ("stddev(f) ^ 2", "stdvar(f)"),
    ("group by (g) (m)", "count by (g) (m) > bool 0"),
    ("sum(count_values(\"v\", m))", "count(m)"),
    // Rates.
    ("rate(c[2m])", "increase(c[2m]) / 120"),
    ("rate(quadruple[2m])", "4 * rate(c[2m])"),
    ("increase(quadruple[3m] offset 20s)", "4 * increase(c[3m] offset 20s)"),
    ("deriv(quadruple[5m])", "4 * deriv(c[5m])"),
    ("resets(quadruple[5m])", "resets(c[5m])"),
    ("avg_over_time(f[2m])", "sum_over_time(f[2m]) / count_over_time(f[2m])"),
    ("last_over_time(c[5m])", "c"),
    // Sets.
    ("m and m", "m"),
    ("m or m", "m"),
    ("m unless m", "vector(1) > 2"),
    ("m unless m{g=\"1\"}", "m{g=\"2\"}"),
    ("m{g=\"1\"} or m{g=\"2\"}", "m"),
    ("f > 2 or f <= 2 or f != f", "f"),
    // Labels.
    ("label_replace(m, \"new\", \"$1\", \"g\", \"nosuch\")", "m"),
    ("label_replace(m, \"g\", \"$1\", \"g\", \"(.*)\")", "m"),
    ("sum by (g) (label_replace(f, \"x\", \"$1\", \"i\", \"(.*)\"))", "sum by (g) (f)"),
    // Choices.
    ("limit_ratio(0.4, m) or limit_ratio(-0.6, m)", "m"),
    ("limit_ratio(0.4, m) and limit_ratio(-0.6, m)", "vector(1) > 2"),
    ("count(topk(2, f))", "clamp_max(count(f), 2)"),
    ("clamp(f, -1, 1)", "clamp_min(clamp_max(f, 1), -1)"),
    // Histograms.
    ("histogram_count(sum by (g) (h))", "sum by (g) (histogram_count(h))"),
    ("histogram_sum(sum(h))", "sum(histogram_sum(h))"),
    ("histogram_fraction(-Inf, +Inf, h)", "histogram_count(h) / histogram_count(h)"),
];

/// Queries without an answer, whatever the data. Between two samples of one value a quantile may be a last digit off.
const EMPTY: [&str; 7] = [
    "quantile(0.2, f) - quantile(0.7, f) > 1e-9 * abs(quantile(0.7, f))",
    "quantile_over_time(0.1, f[3m]) - quantile_over_time(0.6, f[3m]) > 1e-9 * abs(quantile_over_time(0.6, f[3m]))",
    "histogram_quantile(0.3, h) - histogram_quantile(0.8, h) > 1e-9 * abs(histogram_quantile(0.8, h))",
    "min(f) > max(f)",
    "min_over_time(f[2m]) > max_over_time(f[2m])",
    "count(m) and absent(m)",
    "rate(c[2m]) < 0",
];

fn broken(store: &MemorySource, left: &str, right: &str) -> Option<String> {
    difference(&table(store, left, WINDOW), &table(store, right, WINDOW))
        .map(|found| format!("{left}\nis not\n{right}\nat {found}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn queries_that_mean_the_same_have_the_same_answer(drawn in data()) {
        let store = store(&drawn);
        let broken: Vec<String> =
            EQUAL.iter().filter_map(|(left, right)| broken(&store, left, right)).collect();
        prop_assert!(broken.is_empty(), "{}", broken.join("\n"));
        for query in EMPTY {
            let found = table(&store, query, WINDOW);
            prop_assert!(found.is_empty(), "{}: {:?}", query, found);
        }
    }

    #[test]
    fn what_is_picked_is_of_what_was_there(drawn in data(), count in 0..5_u8) {
        let store = store(&drawn);
        let all = table(&store, "m", WINDOW);
        for query in [
            format!("topk({count}, m)"),
            format!("bottomk by (g) ({count}, m)"),
            format!("limitk({count}, m)"),
            "limit_ratio(0.5, m)".to_owned(),
            "m > 0".to_owned(),
        ] {
            for (key, value) in table(&store, &query, WINDOW) {
                let there = all.get(&key);
                prop_assert!(there.is_some_and(|there| same(there, &value)), "{}: {:?}", query, key);
            }
        }
    }

    #[test]
    fn an_offset_is_the_same_question_asked_earlier(drawn in data(), offset in -300..300_i64) {
        let store = store(&drawn);
        let (start, end, step) = WINDOW;
        for query in ["m{}", "rate(c[2m]{})", "sum_over_time(f[3m]{})", "max_over_time(f[3m:20s]{})", "count_over_time(m[90s]{})"] {
            // The steps of a subquery lie on multiples of its own.
            let offset = if query.contains(':') { offset / 20 * 20 } else { offset };
            let modifier = format!(" offset {}{}s", if offset < 0 { "-" } else { "" }, offset.abs());
            let shifted = table(&store, &query.replace("{}", &modifier), WINDOW);
            let earlier = table(&store, &query.replace("{}", ""), (start - offset, end - offset, step));
            let moved: Table =
                earlier.into_iter().map(|((labels, at), value)| ((labels, at + offset * 1_000), value)).collect();
            prop_assert_eq!(difference(&shifted, &moved), None, "{} by {}", query, offset);
        }
    }

    #[test]
    fn a_subquery_sees_the_values_of_a_range_query(drawn in data(), at in 300..900_i64, of in prop::sample::select(vec!["f", "sum(f)", "rate(c[1m])", "max by (g) (f > 1)"])) {
        let store = store(&drawn);
        let (range, step) = (240, 30);
        let steps = ((at - range).div_euclid(step) * step + step, at.div_euclid(step) * step, step);
        let mut counts: BTreeMap<String, (f64, f64)> = BTreeMap::new();
        for ((labels, _), value) in table(&store, of, steps) {
            let SampleValue::Float(value) = value else { panic!("{of} gives floats") };
            let (count, largest) = counts.entry(labels).or_insert((0.0, f64::NAN));
            *count += 1.0;
            *largest = largest.max(value);
        }
        for (function, which) in [("count_over_time", 0), ("max_over_time", 1)] {
            let found = table(&store, &format!("{function}(({of})[{range}s:{step}s])"), (at, at, 1));
            let expected: Table = counts
                .iter()
                .map(|(labels, (count, largest))| {
                    ((labels.clone(), at * 1_000), SampleValue::Float(if which == 0 { *count } else { *largest }))
                })
                .collect();
            prop_assert_eq!(difference(&found, &expected), None, "{} of {} at {}", function, of, at);
        }
    }
}

/// Laws that do not hold must be found out by the same data, or those above prove nothing.
#[test]
fn a_law_that_does_not_hold_is_found_out() {
    for (left, right) in [
        ("sum(f)", "avg(f)"),
        ("rate(c[2m])", "irate(c[2m])"),
        ("rate(c[2m])", "increase(c[2m]) / 119"),
        ("rate(quadruple[2m])", "3.999 * rate(c[2m])"),
        ("m", "m offset 30s"),
        ("m", "f"),
        ("count(m)", "count(m == m)"),
        ("f >= 2 or f < 2", "f"),
        ("sum(count_values(\"v\", m))", "count(m > 0)"),
        ("limit_ratio(0.1, m)", "m"),
        ("label_replace(f, \"g\", \"1\", \"i\", \"(.*)\")", "f"),
        ("histogram_count(sum(h))", "histogram_sum(sum(h))"),
        ("max_over_time(f[2m])", "max_over_time(f[3m])"),
        ("avg_over_time(f[2m])", "quantile_over_time(0.5, f[2m])"),
    ] {
        let mut runner = TestRunner::deterministic();
        let found = (0..40).any(|_| {
            let drawn = data().new_tree(&mut runner).unwrap().current();
            broken(&store(&drawn), left, right).is_some()
        });
        assert!(found, "nobody noticed that {left} is not {right}");
    }
}
