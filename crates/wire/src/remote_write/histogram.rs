//! Native histograms as `prometheus.Histogram` and `io.prometheus.write.v2.Histogram` carry them, which differ in a start
//! timestamp; checked and with absolute counts.

use crate::protobuf::{Field, ProtobufError};
use std::sync::Arc;
use watchfire_model::histogram::{CUSTOM_BUCKETS_SCHEMA, ResetHint, Span};
use watchfire_model::ingest::{Batch, RefusalReason};
use watchfire_model::labels::RawLabels;
use watchfire_model::{Histogram, is_stale};

/// Why a histogram contradicts itself.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum HistogramProblem {
    /// A resolution that does not exist.
    #[error("the schema {0}; expected -4 to 8, or -53 for custom buckets")]
    Schema(i32),
    /// Spans and buckets disagree.
    #[error("{found} {side} buckets where the spans have room for {expected}")]
    BucketCount {
        /// `positive` or `negative`.
        side: &'static str,
        /// Buckets sent.
        found: usize,
        /// Buckets the spans speak of.
        expected: u64,
    },
    /// A span that begins before the one before it ends.
    #[error("a {0} span begins before the one before it ends")]
    SpanOffset(&'static str),
    /// A bucket, or the zero bucket, counts less than nothing.
    #[error("a bucket with the negative count {0}")]
    NegativeCount(f64),
    /// The buckets do not add up to the count.
    #[error("the count {count}, but the buckets hold {in_buckets} observations")]
    Count {
        /// What it says.
        count: f64,
        /// What its buckets add up to.
        in_buckets: f64,
    },
    /// Bounds of custom buckets that do not grow, or are not numbers.
    #[error("custom bounds that do not grow")]
    CustomBounds,
    /// Custom buckets with a part that only exponential ones have.
    #[error("custom buckets beside {0}")]
    CustomBuckets(&'static str),
    /// More custom buckets than bounds allow.
    #[error("a custom bucket beyond the last of {0} bounds")]
    TooFewBounds(usize),
    /// Bounds although the buckets are exponential.
    #[error("custom bounds beside the exponential schema {0}")]
    UnexpectedBounds(i32),
    /// A width of the zero bucket that is negative or no number.
    #[error("the zero threshold {0}")]
    ZeroThreshold(f64),
}

/// From here on not every whole number is a float.
const LARGEST_EXACT: f64 = 9_007_199_254_740_992.0;

/// Counts of one side as they are sent: either as deltas between integers, or as floats.
#[derive(Default)]
struct Side {
    spans: Vec<Span>,
    deltas: Vec<i64>,
    counts: Vec<f64>,
}

/// A histogram with its times.
pub(super) struct Sent {
    pub timestamp_ms: i64,
    /// 0 where it is not said, which it never is in version 1.
    pub start_timestamp_ms: i64,
    /// Or what is wrong with it.
    pub histogram: Result<Histogram, HistogramProblem>,
}

impl Sent {
    /// Adds it to the series begun last, or refuses it there; says whether it was added.
    pub(super) fn push(self, batch: &mut Batch) -> bool {
        let timestamp_ms = self.timestamp_ms;
        match self.histogram {
            Ok(histogram) => {
                batch.push_histogram(timestamp_ms, self.start_timestamp_ms, Arc::new(histogram));
                true
            }
            Err(problem) => {
                let series = RawLabels(batch.last_labels()).to_string();
                batch.refuse(RefusalReason::InvalidHistogram, 1, || {
                    format!("the histogram of {series} at {timestamp_ms} ms: {problem}")
                });
                false
            }
        }
    }
}

pub(super) fn read(field: &Field<'_>) -> Result<Sent, ProtobufError> {
    let mut message = field.message("histograms")?;
    let mut histogram = Histogram::default();
    let mut is_float = false;
    let (mut timestamp_ms, mut start_timestamp_ms) = (0, 0);
    let (mut positive, mut negative) = (Side::default(), Side::default());
    while let Some(field) = message.next()? {
        match field.number {
            1 => histogram.count = field.uint64("histogram.count_int")? as f64,
            2 => {
                histogram.count = field.double("histogram.count_float")?;
                is_float = true;
            }
            3 => histogram.sum = field.double("histogram.sum")?,
            4 => histogram.schema = field.sint32("histogram.schema")?,
            5 => histogram.zero_threshold = field.double("histogram.zero_threshold")?,
            6 => histogram.zero_count = field.uint64("histogram.zero_count_int")? as f64,
            7 => histogram.zero_count = field.double("histogram.zero_count_float")?,
            8 => negative.spans.push(read_span(&field)?),
            9 => field.push_sint64s("histogram.negative_deltas", &mut negative.deltas)?,
            10 => field.push_doubles("histogram.negative_counts", &mut negative.counts)?,
            11 => positive.spans.push(read_span(&field)?),
            12 => field.push_sint64s("histogram.positive_deltas", &mut positive.deltas)?,
            13 => field.push_doubles("histogram.positive_counts", &mut positive.counts)?,
            14 => {
                histogram.reset_hint = match field.uint64("histogram.reset_hint")? {
                    1 => ResetHint::Reset,
                    2 => ResetHint::NoReset,
                    3 => ResetHint::Gauge,
                    _ => ResetHint::Unknown,
                }
            }
            15 => timestamp_ms = field.int64("histogram.timestamp")?,
            16 => field.push_doubles("histogram.custom_values", &mut histogram.custom_values)?,
            17 => start_timestamp_ms = field.int64("histogram.start_timestamp")?,
            _ => {}
        }
    }
    for (side, spans, buckets) in [
        (positive, &mut histogram.positive_spans, &mut histogram.positive_buckets),
        (negative, &mut histogram.negative_spans, &mut histogram.negative_buckets),
    ] {
        *spans = side.spans;
        *buckets = if is_float { side.counts } else { running_sums(&side.deltas) };
    }
    let verdict = check(&histogram, is_float);
    Ok(Sent { timestamp_ms, start_timestamp_ms, histogram: verdict.map(|()| histogram) })
}

fn read_span(field: &Field<'_>) -> Result<Span, ProtobufError> {
    let mut message = field.message("spans")?;
    let mut span = Span::default();
    while let Some(field) = message.next()? {
        match field.number {
            1 => span.offset = field.sint32("span.offset")?,
            2 => span.length = field.uint64("span.length")? as u32,
            _ => {}
        }
    }
    Ok(span)
}

/// Integer counts travel as the difference to the bucket before. Sums that do not fit end up wrong, and then
/// negative or different from the count, which the check finds.
fn running_sums(deltas: &[i64]) -> Vec<f64> {
    let mut count = 0_i64;
    deltas
        .iter()
        .map(|delta| {
            count = count.wrapping_add(*delta);
            count as f64
        })
        .collect()
}

fn check(histogram: &Histogram, is_float: bool) -> Result<(), HistogramProblem> {
    if is_stale(histogram.sum) {
        return Ok(());
    }
    let is_custom = histogram.schema == CUSTOM_BUCKETS_SCHEMA;
    if !is_custom && !(-4..=8).contains(&histogram.schema) {
        return Err(HistogramProblem::Schema(histogram.schema));
    }
    if histogram.zero_threshold.is_nan() || histogram.zero_threshold < 0.0 {
        return Err(HistogramProblem::ZeroThreshold(histogram.zero_threshold));
    }
    check_side("positive", &histogram.positive_spans, &histogram.positive_buckets)?;
    check_side("negative", &histogram.negative_spans, &histogram.negative_buckets)?;
    if is_custom {
        check_custom(histogram)?;
    } else if !histogram.custom_values.is_empty() {
        return Err(HistogramProblem::UnexpectedBounds(histogram.schema));
    }
    let counts = histogram.positive_buckets.iter().chain(&histogram.negative_buckets);
    for count in counts.clone().chain([&histogram.zero_count, &histogram.count]) {
        if *count < 0.0 {
            return Err(HistogramProblem::NegativeCount(*count));
        }
    }
    let in_buckets = histogram.zero_count + counts.sum::<f64>();
    // Observations of NaN are counted and summed, and in no bucket; float counts may be results of arithmetic.
    let fits = if is_float || histogram.count >= LARGEST_EXACT {
        true
    } else if histogram.sum.is_nan() {
        in_buckets <= histogram.count
    } else {
        in_buckets == histogram.count
    };
    if fits { Ok(()) } else { Err(HistogramProblem::Count { count: histogram.count, in_buckets }) }
}

fn check_side(side: &'static str, spans: &[Span], buckets: &[f64]) -> Result<(), HistogramProblem> {
    if spans.iter().skip(1).any(|span| span.offset < 0) {
        return Err(HistogramProblem::SpanOffset(side));
    }
    let expected: u64 = spans.iter().map(|span| u64::from(span.length)).sum();
    if expected != buckets.len() as u64 {
        return Err(HistogramProblem::BucketCount { side, found: buckets.len(), expected });
    }
    Ok(())
}

fn check_custom(histogram: &Histogram) -> Result<(), HistogramProblem> {
    if histogram.zero_count != 0.0 || histogram.zero_threshold != 0.0 {
        return Err(HistogramProblem::CustomBuckets("a zero bucket"));
    }
    if !histogram.negative_spans.is_empty() || !histogram.negative_buckets.is_empty() {
        return Err(HistogramProblem::CustomBuckets("negative buckets"));
    }
    let bounds = &histogram.custom_values;
    let grow = bounds.iter().zip(bounds.iter().skip(1)).all(|(left, right)| left < right);
    if !grow || bounds.iter().any(|bound| bound.is_nan() || *bound == f64::INFINITY) {
        return Err(HistogramProblem::CustomBounds);
    }
    let spans = &histogram.positive_spans;
    let end: i64 = spans.iter().map(|span| i64::from(span.offset) + i64::from(span.length)).sum();
    if spans.first().is_some_and(|span| span.offset < 0) {
        return Err(HistogramProblem::SpanOffset("positive"));
    }
    if end > bounds.len() as i64 + 1 {
        return Err(HistogramProblem::TooFewBounds(bounds.len()));
    }
    Ok(())
}
