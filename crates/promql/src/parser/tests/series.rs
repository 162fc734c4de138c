//! The series notation of rule tests.

use crate::parser::{SequenceItem, parse_series};
use watchfire_model::histogram::{ResetHint, Span};
use watchfire_model::{Histogram, SampleValue, is_stale};

fn floats(line: &str) -> Vec<Option<f64>> {
    parse_series(line)
        .unwrap_or_else(|error| panic!("{line}: {error}"))
        .values
        .into_iter()
        .map(|item| match item {
            SequenceItem::Gap => None,
            SequenceItem::Value(SampleValue::Float(value)) => Some(value),
            SequenceItem::Value(other) => panic!("{line}: {other:?}"),
        })
        .collect()
}

fn histograms(line: &str) -> Vec<Histogram> {
    let items = parse_series(line).unwrap_or_else(|error| panic!("{line}: {error}")).values;
    items
        .into_iter()
        .map(|item| match item {
            SequenceItem::Value(SampleValue::Histogram(histogram)) => (*histogram).clone(),
            other => panic!("{line}: {other:?}"),
        })
        .collect()
}

#[test]
fn sequences_are_written_out() {
    for (line, expected) in [
        ("a", vec![]),
        ("a 1 -2 .5 1e3", vec![Some(1.0), Some(-2.0), Some(0.5), Some(1000.0)]),
        ("a{b=\"c\"} 0+10x3", vec![Some(0.0), Some(10.0), Some(20.0), Some(30.0)]),
        ("a 10-5x2  _", vec![Some(10.0), Some(5.0), Some(0.0), None]),
        ("a -1--1x1", vec![]),
        ("{} 7x2 _x2 1x0", vec![Some(7.0), Some(7.0), Some(7.0), None, None, Some(1.0)]),
        ("sum Inf -inf", vec![Some(f64::INFINITY), Some(f64::NEG_INFINITY)]),
        ("a 0x3", vec![Some(0.0); 4]),
    ] {
        if line.contains("--") {
            assert!(parse_series(line).is_err());
        } else {
            assert_eq!(floats(line), expected, "{line}");
        }
    }
    assert!(is_stale(floats("a stale")[0].unwrap()));
}

#[test]
fn labels_may_be_quoted() {
    let series = parse_series("{\"foo.bar\", l=\"v\"} 1").unwrap();
    assert_eq!((series.labels.metric_name(), series.labels.get("l")), ("foo.bar", Some("v")));
}

#[test]
fn histograms_have_all_their_parts() {
    let line = "h {{schema:1 sum:-0.3 count:3.1 z_bucket:7.1 z_bucket_w:0.05 buckets:[5.1 10 7] offset:-3 \
                n_buckets:[4.1 5] n_offset:-5 counter_reset_hint:gauge}}";
    let expected = Histogram {
        reset_hint: ResetHint::Gauge,
        schema: 1,
        zero_threshold: 0.05,
        zero_count: 7.1,
        count: 3.1,
        sum: -0.3,
        positive_spans: vec![Span { offset: -3, length: 3 }],
        negative_spans: vec![Span { offset: -5, length: 2 }],
        positive_buckets: vec![5.1, 10.0, 7.0],
        negative_buckets: vec![4.1, 5.0],
        custom_values: Vec::new(),
    };
    assert_eq!(histograms(line), [expected]);
    let series = parse_series("h {{}} {{counter_reset_hint:unknown}}x1 1").unwrap();
    let hints: Vec<bool> = (0..4).map(|index| series.has_written_hint(index)).collect();
    assert_eq!(hints, [false, true, true, false]);
    assert_eq!(
        histograms("h {{schema:-53 custom_values:[1 2] buckets:[3 4 5]}}")[0].custom_values,
        [1.0, 2.0]
    );
}

#[test]
fn histograms_grow_and_shrink() {
    let counts = |line: &str| histograms(line).iter().map(|h| h.count).collect::<Vec<_>>();
    assert_eq!(counts("h {{count:2 buckets:[2]}}+{{count:1 buckets:[1]}}x2"), [2.0, 3.0, 4.0]);
    assert_eq!(counts("h {{count:2 buckets:[2]}}-{{count:1 buckets:[1]}}x1"), [2.0, 1.0]);
    assert_eq!(counts("h {{count:2}}x2"), [2.0, 2.0, 2.0]);
    assert!(parse_series("h {{schema:2}}+{{schema:1}}x2").is_err());
}

#[test]
fn nonsense_is_refused_with_its_place() {
    for (line, place) in [
        ("a 1 x", "1:5"),
        ("a 1+2", "1:6"),
        ("a 1+2x", "1:7"),
        ("a stalex3", "1:3"),
        ("a{b} 1", "1:4"),
        ("a 1xfoo", "1:5"),
        ("a {{sum:1 sum:2}}", "1:15"),
        ("a {{foo:1}}", "1:5"),
        ("a {{sum:1", "1:10"),
        ("a 1x99999999999", "1:16"),
    ] {
        let error = parse_series(line).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{place}: ")), "{line}: {error}");
    }
}

#[test]
fn repetitions_are_bounded_before_memory_is_taken() {
    for line in ["a 1x10000000", "a _x99999999999", "a 0+1x18446744073709551615", "a 1x6000000 1x6000000"] {
        let error = parse_series(line).unwrap_err();
        assert!(error.message.contains("too many values"), "{line}: {error}");
    }
}
