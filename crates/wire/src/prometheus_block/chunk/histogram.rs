//! Native histograms that share one layout of buckets.

use super::super::bits::{Bits, Xor};
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
