//! Native histograms that share one layout of buckets.

use super::super::bits::{Bits, Xor};
use super::write::{Writer, push_change};
use std::sync::Arc;
use watchfire_model::histogram::{CUSTOM_BUCKETS_SCHEMA, ResetHint, Span};
use watchfire_model::{Histogram, Samples, is_stale};

/// Spans and bounds are told once and stand in every sample: no chunk may make more of them than this.
const MAX_REPEATED: usize = 1 << 24;
const ENDS: &str = "a histogram chunk that ends within a sample";

/// How counts are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counts {
    /// As whole numbers: deltas of deltas from sample to sample, and in buckets of deltas from bucket to bucket.
    Whole,
    /// As floats: what changed from sample to sample.
    Float,
}

/// What all samples of a chunk have in common.
struct Layout {
    /// The hint of its first sample, and of all others.
    hints: (ResetHint, ResetHint),
    schema: i32,
    zero_threshold: f64,
    positive_spans: Vec<Span>,
    negative_spans: Vec<Span>,
    custom_values: Vec<f64>,
    positive_count: usize,
    negative_count: usize,
}

impl Layout {
    fn read(flags: u8, bits: &mut Bits<'_>) -> Result<Self, &'static str> {
        const CUT: &str = "a histogram chunk that ends within its layout";
        let hints = match flags >> 6 {
            0b11 => (ResetHint::Gauge, ResetHint::Gauge),
            0b10 => (ResetHint::Reset, ResetHint::NoReset),
            _ => (ResetHint::Unknown, ResetHint::NoReset),
        };
        let zero_threshold = match bits.bits(8).ok_or(CUT)? as i32 {
            0 => 0.0,
            255 => bits.float().ok_or(CUT)?,
            // 1 stands for 2^-243, 254 for 2^10.
            power => 2_f64.powi(power - 244),
        };
        let schema = bits.varbit_int().and_then(|schema| i32::try_from(schema).ok()).ok_or(CUT)?;
        let (positive_spans, positive_count) = spans(bits).ok_or(CUT)?;
        let (negative_spans, negative_count) = spans(bits).ok_or(CUT)?;
        let custom_values =
            if schema == CUSTOM_BUCKETS_SCHEMA { bounds(bits).ok_or(CUT)? } else { Vec::new() };
        // Each bucket takes at least a bit of the first sample, so that no layout can ask for more memory than that.
        if positive_count + negative_count > bits.left() {
            return Err("a histogram chunk of fewer bits than buckets");
        }
        Ok(Self {
            hints,
            schema,
            zero_threshold,
            positive_spans,
            negative_spans,
            custom_values,
            positive_count,
            negative_count,
        })
    }

    fn histogram(&self, index: u16, count: f64, zero_count: f64, sum: f64, buckets: &[f64]) -> Histogram {
        let (positive, negative) = buckets.split_at_checked(self.positive_count).unwrap_or((buckets, &[]));
        Histogram {
            reset_hint: if index == 0 { self.hints.0 } else { self.hints.1 },
            schema: self.schema,
            zero_threshold: self.zero_threshold,
            zero_count,
            count,
            sum,
            positive_spans: self.positive_spans.clone(),
            negative_spans: self.negative_spans.clone(),
            positive_buckets: positive.to_vec(),
            negative_buckets: negative.to_vec(),
            custom_values: self.custom_values.clone(),
        }
    }
}

/// Spans, and how many buckets they have room for.
fn spans(bits: &mut Bits<'_>) -> Option<(Vec<Span>, usize)> {
    // A span takes at least two bits.
    let count = usize::try_from(bits.varbit_uint()?).ok().filter(|count| *count <= bits.left() / 2)?;
    let mut spans = Vec::with_capacity(count);
    let mut buckets = 0_usize;
    for _ in 0..count {
        let length = u32::try_from(bits.varbit_uint()?).ok()?;
        let offset = i32::try_from(bits.varbit_int()?).ok()?;
        buckets = buckets.checked_add(length as usize).filter(|buckets| *buckets <= 1 << 32)?;
        spans.push(Span { offset, length });
    }
    Some((spans, buckets))
}

/// Bounds of custom buckets: thousandths where that loses nothing, else floats.
fn bounds(bits: &mut Bits<'_>) -> Option<Vec<f64>> {
    let count = usize::try_from(bits.varbit_uint()?).ok().filter(|count| *count <= bits.left())?;
    let mut bounds = Vec::with_capacity(count);
    for _ in 0..count {
        bounds.push(match bits.varbit_uint()? {
            0 => bits.float()?,
            thousandths => (thousandths - 1) as f64 / 1000.0,
        });
    }
    Some(bounds)
}

/// A whole number told by how its change changed.
#[derive(Clone, Copy, Default)]
struct Counter {
    value: i64,
    delta: i64,
}

impl Counter {
    fn step(&mut self, index: u16, told: i64) {
        match index {
            0 => self.value = told,
            1 => self.delta = told,
            _ => self.delta = self.delta.wrapping_add(told),
        }
        if index > 0 {
            self.value = self.value.wrapping_add(self.delta);
        }
    }
}

pub(super) fn decode(data: &[u8], counts: Counts, samples: &mut Samples) -> Result<(), &'static str> {
    let (head, stream) = data.split_first_chunk::<3>().ok_or("a histogram chunk without its header")?;
    let [high, low, flags] = *head;
    let number = u16::from_be_bytes([high, low]);
    if number == 0 {
        return Ok(());
    }
    let mut bits = Bits::new(stream);
    let layout = Layout::read(flags, &mut bits)?;
    // A sample takes at least a bit for its time.
    if usize::from(number) > bits.left() {
        return Err("a histogram chunk of fewer bits than samples");
    }
    let told_once = layout.positive_spans.len() + layout.negative_spans.len() + layout.custom_values.len();
    if told_once.saturating_mul(usize::from(number)) > MAX_REPEATED {
        return Err("a histogram chunk with an impossible layout");
    }
    match counts {
        Counts::Whole => whole(&layout, number, &mut bits, samples),
        Counts::Float => float(&layout, number, &mut bits, samples),
    }
    .ok_or(ENDS)
}

fn whole(layout: &Layout, number: u16, bits: &mut Bits<'_>, samples: &mut Samples) -> Option<()> {
    let (mut time, mut count, mut zero_count) = (Counter::default(), Counter::default(), Counter::default());
    let mut sum = Xor::default();
    let mut buckets = vec![Counter::default(); layout.positive_count + layout.negative_count];
    let mut totals = Vec::with_capacity(buckets.len());
    for index in 0..number {
        time.step(index, bits.varbit_int()?);
        if index == 0 {
            count.step(0, bits.varbit_uint()?.cast_signed());
            zero_count.step(0, bits.varbit_uint()?.cast_signed());
            sum = Xor::new(bits.float()?);
        } else {
            count.step(index, bits.varbit_int()?);
            zero_count.step(index, bits.varbit_int()?);
            sum.read(bits)?;
        }
        if is_stale(sum.value) {
            push_stale(time.value, sum.value, samples);
            continue;
        }
        totals.clear();
        let mut total = 0_i64;
        for (place, bucket) in buckets.iter_mut().enumerate() {
            bucket.step(index, bits.varbit_int()?);
            if place == layout.positive_count {
                total = 0;
            }
            total = total.wrapping_add(bucket.value);
            totals.push(total as f64);
        }
        let (count, zero_count) =
            (count.value.cast_unsigned() as f64, zero_count.value.cast_unsigned() as f64);
        let histogram = layout.histogram(index, count, zero_count, sum.value, &totals);
        samples.push_histogram(time.value, Arc::new(histogram));
    }
    Some(())
}

fn float(layout: &Layout, number: u16, bits: &mut Bits<'_>, samples: &mut Samples) -> Option<()> {
    let mut time = Counter::default();
    // Count, zero count, sum, and the buckets.
    let mut floats = vec![Xor::default(); 3];
    let buckets = layout.positive_count + layout.negative_count;
    let mut totals = Vec::with_capacity(buckets);
    for index in 0..number {
        time.step(index, bits.varbit_int()?);
        let read = |float: &mut Xor, bits: &mut Bits<'_>| -> Option<()> {
            if index == 0 {
                *float = Xor::new(bits.float()?);
                return Some(());
            }
            float.read(bits)
        };
        for float in floats.iter_mut().take(3) {
            read(float, bits)?;
        }
        let [count, zero_count, sum, ..] = floats.as_slice() else { return None };
        let (count, zero_count, sum) = (count.value, zero_count.value, sum.value);
        if is_stale(sum) {
            push_stale(time.value, sum, samples);
            continue;
        }
        if floats.len() != buckets + 3 {
            // Each takes 64 bits of the first sample.
            if buckets > bits.left() / 64 {
                return None;
            }
            floats.resize(buckets + 3, Xor::default());
        }
        totals.clear();
        for float in floats.iter_mut().skip(3) {
            read(float, bits)?;
            totals.push(float.value);
        }
        let histogram = layout.histogram(index, count, zero_count, sum, &totals);
        samples.push_histogram(time.value, Arc::new(histogram));
    }
    Some(())
}

/// A stale histogram has a sum and nothing else.
fn push_stale(timestamp_ms: i64, sum: f64, samples: &mut Samples) {
    samples.push_histogram(timestamp_ms, Arc::new(Histogram { sum, ..Histogram::default() }));
}

/// Whether two histograms have one layout of buckets.
fn share_layout(first: &Histogram, other: &Histogram) -> bool {
    let gauge = |histogram: &Histogram| histogram.reset_hint == ResetHint::Gauge;
    let bits = |numbers: &[f64]| numbers.iter().map(|number| number.to_bits()).collect::<Vec<_>>();
    first.schema == other.schema
        && first.zero_threshold.to_bits() == other.zero_threshold.to_bits()
        && first.positive_spans == other.positive_spans
        && first.negative_spans == other.negative_spans
        && bits(&first.custom_values) == bits(&other.custom_values)
        && gauge(first) == gauge(other)
}

/// Whether there is a bucket for each place in the spans, and none beside.
fn is_whole(histogram: &Histogram) -> bool {
    let places = |spans: &[Span]| spans.iter().map(|span| u64::from(span.length)).sum::<u64>();
    places(&histogram.positive_spans) == histogram.positive_buckets.len() as u64
        && places(&histogram.negative_spans) == histogram.negative_buckets.len() as u64
}

/// As [`super::encode_histograms`].
pub(super) fn encode(samples: &Samples, from: usize, most: usize) -> Option<(Vec<u8>, usize)> {
    let first = samples.histogram(from)?;
    let (mut count, mut before) = (1, first);
    // The end of a series has no buckets, and stands alone: what it is is told by its sum.
    if is_whole(first) && !is_stale(first.sum) {
        while count < most.min(usize::from(u16::MAX))
            && let Some(next) = samples.histogram(from + count)
            && is_whole(next)
            && !is_stale(next.sum)
            && share_layout(first, next)
            // That there was a reset can be said of the first of a chunk only.
            && (next.reset_hint == ResetHint::Gauge || !next.detect_reset(before))
        {
            before = next;
            count += 1;
        }
    }
    let mut out = Writer::default();
    out.bits(count as u64, 16);
    out.bits(
        match first.reset_hint {
            ResetHint::Gauge => 0b1100_0000,
            ResetHint::Reset => 0b1000_0000,
            // Whether there was one between chunks is for the reader to find.
            ResetHint::Unknown | ResetHint::NoReset => 0,
        },
        8,
    );
    write_layout(first, &mut out);
    let mut before_ms = (0_i64, 0_i64);
    // Of the one before: count, zero count, sum, and the buckets, each with the window of its last change.
    let mut before: Vec<(u64, Option<(u32, u32)>)> = Vec::new();
    for index in 0..count {
        let (Some(timestamp_ms), Some(histogram)) =
            (samples.timestamps_ms.get(from + index), samples.histogram(from + index))
        else {
            break;
        };
        let delta_ms = timestamp_ms.wrapping_sub(before_ms.0);
        out.varbit_int(match index {
            0 => *timestamp_ms,
            1 => delta_ms,
            _ => delta_ms.wrapping_sub(before_ms.1),
        });
        before_ms = (*timestamp_ms, delta_ms);
        let buckets = histogram.positive_buckets.iter().chain(&histogram.negative_buckets);
        let numbers = [&histogram.count, &histogram.zero_count, &histogram.sum].into_iter().chain(buckets);
        for (place, number) in numbers.enumerate() {
            let bits = number.to_bits();
            match before.get_mut(place) {
                Some((known, window)) => {
                    push_change(&mut out, bits ^ *known, window);
                    *known = bits;
                }
                None => {
                    out.bits(bits, 64);
                    before.push((bits, None));
                }
            }
        }
    }
    Some((out.finish(), count))
}

fn write_layout(histogram: &Histogram, out: &mut Writer) {
    let threshold = histogram.zero_threshold;
    let power = (1..=254_u64).find(|power| 2_f64.powi(*power as i32 - 244).to_bits() == threshold.to_bits());
    match power {
        _ if threshold == 0.0 => out.bits(0, 8),
        Some(power) => out.bits(power, 8),
        None => {
            out.bits(255, 8);
            out.bits(threshold.to_bits(), 64);
        }
    }
    out.varbit_int(i64::from(histogram.schema));
    for spans in [&histogram.positive_spans, &histogram.negative_spans] {
        out.varbit_uint(spans.len() as u64);
        for span in spans {
            out.varbit_uint(u64::from(span.length));
            out.varbit_int(i64::from(span.offset));
        }
    }
    if histogram.schema == CUSTOM_BUCKETS_SCHEMA {
        out.varbit_uint(histogram.custom_values.len() as u64);
        for bound in &histogram.custom_values {
            let thousandths = bound * 1000.0;
            let exact = thousandths >= 0.0
                && thousandths < (1_u64 << 53) as f64
                && thousandths.fract() == 0.0
                && (thousandths / 1000.0).to_bits() == bound.to_bits();
            if exact {
                out.varbit_uint(thousandths as u64 + 1);
            } else {
                out.varbit_uint(0);
                out.bits(bound.to_bits(), 64);
            }
        }
    }
}
