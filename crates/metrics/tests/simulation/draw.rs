//! Samples of every kind, drawn from a seed.

use crate::model::Model;
use fastrand::Rng;
use std::sync::Arc;
use watchfire_model::histogram::{CUSTOM_BUCKETS_SCHEMA, ResetHint, Span};
use watchfire_model::ingest::Row;
use watchfire_model::{
    Histogram, Labels, MatchOp, Matcher, Metadata, MetricType, STALE_NAN, SampleValue, TimeRange,
};

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;

/// A series: a few that live all along, and some that come and go.
pub(crate) fn labels(rng: &mut Rng) -> Labels {
    let name = format!("m{}", rng.u8(0..3));
    match rng.u8(0..20) {
        0 => Labels::from_pairs([("instance", "nameless")]),
        1 => Labels::from_pairs([("__name__", "wide.name"), ("größe", "ключ=\"\\\n"), ("x", "\u{1f525}")]),
        2..=4 => Labels::from_pairs([("__name__", &*name), ("pod", &*rng.u16(..).to_string())]),
        _ => Labels::from_pairs([("__name__", &*name), ("instance", &*rng.u8(0..3).to_string())]),
    }
}

fn float(rng: &mut Rng) -> f64 {
    match rng.u8(0..12) {
        0 => STALE_NAN,
        // A NaN with a payload of its own, quiet or signalling.
        1 => f64::from_bits(0x7ff0_0000_0000_0001 | rng.u64(..) & 0x800f_ffff_ffff_ffff),
        2 => *rng.choice(&[0.0, -0.0, f64::INFINITY, f64::NEG_INFINITY, 5e-324, f64::MAX]).unwrap_or(&0.0),
        3 => f64::from_bits(rng.u64(..)),
        4..=6 => f64::from(rng.u16(..)),
        7 | 8 => f64::from(rng.i32(..)) / 100.0,
        9 => rng.i64(..) as f64,
        _ => rng.f64(),
    }
}

fn side(rng: &mut Rng, whole: bool, lowest: i32) -> (Vec<Span>, Vec<f64>) {
    let spans: Vec<Span> = (0..rng.usize(0..3))
        .map(|_| Span { offset: rng.i32(lowest..5), length: rng.u32(1..4) })
        .enumerate()
        .map(|(index, span)| if index == 0 { span } else { Span { offset: span.offset.abs(), ..span } })
        .collect();
    let buckets = spans.iter().map(|span| span.length).sum::<u32>();
    let count = |rng: &mut Rng| if whole { f64::from(rng.u16(..)) } else { rng.f64() * 1e3 };
    let counts = (0..buckets).map(|_| count(rng)).collect();
    (spans, counts)
}

/// Integer and float histograms, exponential or with bounds of their own, some of them stale.
fn histogram(rng: &mut Rng) -> Histogram {
    let (whole, custom) = (rng.bool(), rng.u8(0..3) == 0);
    let (positive_spans, positive_buckets) = side(rng, whole, if custom { 0 } else { -5 });
    let (negative_spans, negative_buckets) = if custom { (vec![], vec![]) } else { side(rng, whole, -5) };
    let zero_count = if custom { 0.0 } else { f64::from(rng.u8(..)) };
    let count = positive_buckets.iter().chain(&negative_buckets).sum::<f64>() + zero_count;
    Histogram {
        reset_hint: *rng
            .choice(&[ResetHint::Unknown, ResetHint::Reset, ResetHint::NoReset, ResetHint::Gauge])
            .unwrap_or(&ResetHint::Unknown),
        schema: if custom { CUSTOM_BUCKETS_SCHEMA } else { rng.i32(-4..9) },
        zero_threshold: if custom { 0.0 } else { 1e-128 },
        zero_count,
        count,
        sum: if rng.u8(0..8) == 0 { STALE_NAN } else { float(rng) },
        positive_spans,
        negative_spans,
        positive_buckets,
        negative_buckets,
        custom_values: if custom { (0..16).map(|bound| f64::from(bound) / 4.0).collect() } else { vec![] },
    }
}

fn value(rng: &mut Rng) -> SampleValue {
    if rng.u8(0..5) == 0 {
        SampleValue::Histogram(Arc::new(histogram(rng)))
    } else {
        SampleValue::Float(float(rng))
    }
}

/// A time: mostly about now, often late, sometimes very, sometimes just outside what is taken.
fn time(rng: &mut Rng, model: &Model, now_ms: i64) -> i64 {
    match rng.u8(0..20) {
        0..=11 => now_ms - rng.i64(0..4) * 15_000 + rng.i64(0..3),
        12..=14 => now_ms - rng.i64(0..60) * MINUTE_MS,
        15 | 16 => now_ms - rng.i64(0..model.retention_ms / HOUR_MS) * HOUR_MS,
        17 => now_ms - model.retention_ms + rng.i64(-2..3),
        18 => now_ms + model.max_ahead_ms + rng.i64(-2..3),
        _ => now_ms + rng.i64(0..MINUTE_MS),
    }
}

fn start(rng: &mut Rng, now_ms: i64) -> i64 {
    if rng.u8(0..6) == 0 { now_ms - rng.i64(0..3) * HOUR_MS - 7 } else { 0 }
}

/// A batch.
pub(crate) fn rows(rng: &mut Rng, model: &Model, now_ms: i64) -> Vec<Row> {
    if rng.u8(0..25) == 0 {
        return burst(rng, now_ms);
    }
    let mut rows: Vec<Row> = Vec::new();
    for _ in 0..rng.usize(1..12) {
        let again = if rng.u8(0..6) == 0 { model.pick(rng) } else { None };
        let (series, timestamp_ms) = match (again, rows.last()) {
            (Some(again), _) => again,
            (None, Some(last)) if rng.u8(0..10) == 0 => (last.series.clone(), last.timestamp_ms),
            _ => (labels(rng), time(rng, model, now_ms)),
        };
        let mut value = value(rng);
        let mut start_timestamp_ms = start(rng, now_ms);
        if let Some(last) = rows.last()
            && rng.u8(0..8) == 0
        {
            (value, start_timestamp_ms) = (last.value.clone(), last.start_timestamp_ms);
        }
        rows.push(Row { series, timestamp_ms, start_timestamp_ms, value });
    }
    rows
}

/// Enough samples of one series to fill chunks and columns.
fn burst(rng: &mut Rng, now_ms: i64) -> Vec<Row> {
    let series = Labels::from_pairs([("__name__", "burst"), ("instance", &*rng.u8(0..2).to_string())]);
    let (step, mixed, jitter) = (rng.i64(1..60_000), rng.u8(0..4) == 0, rng.bool());
    let from = now_ms - 700 * step - rng.i64(0..DAY_MS / 4);
    let mut level = f64::from(rng.u16(..));
    let rows = (0..rng.i64(100..700)).map(|index| {
        level += if rng.bool() { f64::from(rng.u8(0..10)) } else { 0.0 };
        let timestamp_ms = from + index * step + if jitter { rng.i64(0..step.clamp(1, 5)) } else { 0 };
        let plain = if rng.u8(0..30) == 0 { float(rng) } else { level };
        let value = if mixed && rng.u8(0..20) == 0 { value(rng) } else { SampleValue::Float(plain) };
        Row { series: series.clone(), timestamp_ms, start_timestamp_ms: 0, value }
    });
    rows.collect()
}

/// Which series of which time to delete.
pub(crate) fn deletion(rng: &mut Rng, now_ms: i64) -> (Vec<Matcher>, TimeRange) {
    let (name, op, value) = *rng
        .choice(&[
            ("instance", MatchOp::Equal, "0"),
            ("instance", MatchOp::NotEqual, "1"),
            ("__name__", MatchOp::Equal, "m1"),
            ("__name__", MatchOp::Regex, "burst|m[02]"),
            ("pod", MatchOp::Regex, ".+[0-4]"),
            ("__name__", MatchOp::Regex, ".+"),
        ])
        .unwrap_or(&("x", MatchOp::Regex, ".+"));
    let matcher = Matcher::new(name, op, value).expect("the patterns are sound");
    let range = match rng.u8(0..3) {
        0 => TimeRange::ALL,
        1 => TimeRange::new(now_ms - rng.i64(0..2 * HOUR_MS), now_ms),
        _ => TimeRange::new(now_ms - rng.i64(0..3 * DAY_MS), now_ms - rng.i64(0..DAY_MS)),
    };
    (vec![matcher], range)
}

pub(crate) fn metadata(rng: &mut Rng) -> (String, Metadata) {
    let kind = *rng.choice(&[MetricType::Counter, MetricType::Gauge]).unwrap_or(&MetricType::Unknown);
    let help = format!("Help of edition {}.", rng.u8(0..6));
    (format!("m{}", rng.u8(0..3)), Metadata { kind, unit: "bytes".to_owned(), help })
}
