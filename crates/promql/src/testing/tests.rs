use super::script::{Command, Expected, When};
use super::*;
use crate::source::{SelectHints, Source};
use watchfire_model::{Labels, MatchOp, Matcher, STALE_NAN, SampleValue, Samples, TimeRange};

fn only_load(text: &str) -> script::Load {
    match script::parse(text).unwrap().as_slice() {
        [Command::Load(load)] => load.clone(),
        other => panic!("{other:?}"),
    }
}

fn read(source: &MemorySource, name: &str) -> Samples {
    let matcher = Matcher::new("__name__", MatchOp::Equal, name).unwrap();
    let mut samples = Samples::default();
    let matchers = [matcher];
    let mut stream = source.select(&matchers, TimeRange::ALL, &SelectHints::default()).unwrap();
    assert!(stream.next(&mut samples).unwrap().is_some());
    let found = samples.clone();
    assert!(stream.next(&mut samples).unwrap().is_none());
    found
}

#[test]
fn values_stand_at_multiples_of_the_step() {
    let mut source = MemorySource::new();
    source.load(&only_load("load 1m\n  a 1 _ 3+1x1"));
    let samples = read(&source, "a");
    assert_eq!(samples.timestamps_ms, [0, 120_000, 180_000]);
    assert_eq!(samples.floats, [1.0, 3.0, 4.0]);
}

#[test]
fn start_timestamps_are_offsets_from_their_samples() {
    let mut source = MemorySource::new();
    source.load(&only_load("load 1m\n  a{b=\"@st \"}@st _ -30s-1mx1 0\n  a{b=\"@st \"} 1 2 3 4"));
    assert_eq!(read(&source, "a").start_timestamps_ms, [0, 30_000, 30_000, 180_000]);
}

#[test]
fn start_timestamps_must_fit_the_next_line() {
    for text in ["load 1m\n a@st -1m\n b 1", "load 1m\n a@st -1m\n a 1 2", "load 1m\n a@st -1m"] {
        assert_eq!(script::parse(text).unwrap_err().line, 2, "{text}");
    }
}

#[test]
fn the_second_histogram_of_a_counter_is_known_to_be_no_reset() {
    let mut source = MemorySource::new();
    source.load(&only_load(
        "load 1m\n  a {{count:1 buckets:[1]}} {{count:2 buckets:[2]}} 5 {{count:3 buckets:[3]}}",
    ));
    let samples = read(&source, "a");
    let hints: Vec<_> = (0..4).map(|index| samples.histogram(index).map(|found| found.reset_hint)).collect();
    use watchfire_model::histogram::ResetHint::{NoReset, Unknown};
    assert_eq!(hints, [Some(Unknown), Some(NoReset), None, Some(Unknown)]);
}

#[test]
fn classic_histograms_become_native_ones() {
    let load = only_load(
        "load_with_nhcb 1m\n  h_bucket{le=\"0.5\", x=\"y\"} 1 5\n  h_bucket{le=\"+Inf\", x=\"y\"} 3 4\n  h_sum{x=\"y\"} 7 8",
    );
    let native = nhcb::collate(&load);
    let found: Vec<_> = native.into_iter().collect();
    let [(labels, samples)] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(labels, &Labels::from_pairs([("__name__", "h"), ("x", "y")]));
    // The counts fall at the second sample, which makes it no histogram.
    let [(0, histogram)] = samples.iter().map(|(at, found)| (*at, found)).collect::<Vec<_>>()[..] else {
        panic!("{samples:?}")
    };
    assert_eq!((histogram.count, histogram.sum), (3.0, 7.0));
    assert_eq!(
        (&histogram.custom_values[..], &histogram.positive_buckets[..]),
        (&[0.5][..], &[1.0, 2.0][..])
    );
}

#[test]
fn what_is_no_script_is_refused_with_its_line() {
    for (text, line) in [
        ("clear\n\nlaod 1m", 3),
        ("load five", 1),
        ("load_with_x 1m", 1),
        ("eval sometimes at 1m a", 1),
        ("eval instant at 1m", 1),
        ("eval range from 0 till 1m step 1m a", 1),
        ("eval range from 2m to 1m step 1m a", 1),
        ("eval range from 0 to 1m step 0 a", 1),
        ("eval instant at 1m a\n  expect nothing", 2),
        ("eval instant at 1m a\n  expect warn text: a", 2),
        ("eval instant at 1m a\n  expect warn regex: (", 2),
        ("eval instant at 1m a\n  {} 1 2", 1),
        ("eval instant at 1m a\n  a{b=} 1", 2),
        ("load 1m\n  a 1x99999999999", 2),
    ] {
        assert_eq!(script::parse(text).map_err(|error| error.line).unwrap_err(), line, "{text}");
    }
}

#[test]
fn old_and_new_forms_say_the_same() {
    let parse = |text: &str| match script::parse(text).unwrap().pop() {
        Some(Command::Eval(eval)) => eval,
        other => panic!("{other:?}"),
    };
    let old = parse("eval_fail instant at 90s a\n  expected_fail_message some words");
    assert!(old.fail.is_some_and(|patterns| patterns.iter().all(|pattern| pattern.matches("some words"))));
    assert_eq!(old.when, When::Instant(90_000));
    assert!(parse("eval_ordered instant at 0 a").ordered);
    let new = parse("EVAL instant a\n  expect fail regex:^so");
    assert_eq!((new.expr.as_str(), new.when), ("a", When::Instant(0)));
    assert!(matches!(parse("eval instant at 0 1\n 0x10").value, Expected::Scalar(16.0)));
}

#[test]
fn floats_are_compared_to_six_digits() {
    assert!(floats_match(1.0, 1.000_001));
    assert!(!floats_match(1.0, 1.000_01));
    assert!(floats_match(f64::NAN, -f64::NAN));
    assert!(!floats_match(f64::NAN, STALE_NAN));
    assert!(floats_match(STALE_NAN, STALE_NAN));
    assert!(floats_match(f64::MAX, f64::MAX));
    assert!(!floats_match(0.0, 1e-9));
    assert!(floats_match(f64::INFINITY, f64::INFINITY));
    assert!(!floats_match(f64::INFINITY, f64::NEG_INFINITY));
}

#[test]
fn a_query_that_does_not_parse_is_a_failure_and_the_script_goes_on() {
    let score = run_text("eval instant at 0 sum(\n\neval instant at 0 1\n  1").unwrap();
    assert_eq!((score.evals, score.passed), (2, 1));
    assert_eq!(score.failures.first().map(|failure| failure.line), Some(1));
}

#[test]
fn a_described_series_can_be_added() {
    let mut source = MemorySource::new();
    source.add_series(&crate::parser::parse_series("a 1 _ 3").unwrap(), 1_000);
    let values: Vec<_> = read(&source, "a").iter().collect();
    assert_eq!(values, [(0, SampleValue::Float(1.0)), (2_000, SampleValue::Float(3.0))]);
}
