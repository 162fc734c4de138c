//! Encoding requests, for tests, load generators and, one day, sending.

use super::{FamilyMetadata, METRIC_TYPES, TimeSeries};
use crate::protobuf::MessageWriter;
use watchfire_model::Histogram;
use watchfire_model::histogram::{ResetHint, Span};

/// How the counts of histograms travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HistogramForm {
    /// As floats.
    Float,
    /// As integers with deltas; counts that are not whole are rounded towards zero.
    Integer,
}

/// An uncompressed `prometheus.WriteRequest`; [`crate::snappy::compress`] makes a body of it.
pub fn encode<'a>(
    series: impl IntoIterator<Item = &'a TimeSeries<'a>>,
    metadata: &[FamilyMetadata<'_>],
    form: HistogramForm,
) -> Vec<u8> {
    let mut request = MessageWriter::new();
    for series in series {
        request.message(1, |message| write_series(message, series, form));
    }
    for metadata in metadata {
        request.message(3, |message| {
            let kind = METRIC_TYPES.iter().position(|kind| *kind == metadata.kind).unwrap_or(0);
            message.uint64(1, kind as u64);
            message.string(2, metadata.family);
            message.string(4, metadata.help);
            message.string(5, metadata.unit);
        });
    }
    request.finish()
}

fn write_series(message: &mut MessageWriter, series: &TimeSeries<'_>, form: HistogramForm) {
    write_labels(message, &series.labels);
    for sample in &series.samples {
        message.message(2, |message| {
            message.double(1, sample.value);
            message.uint64(2, sample.timestamp_ms.cast_unsigned());
        });
    }
    for exemplar in &series.exemplars {
        message.message(3, |message| {
            write_labels(message, &exemplar.labels);
            message.double(2, exemplar.value);
            message.uint64(3, exemplar.timestamp_ms.cast_unsigned());
        });
    }
    for sample in &series.histograms {
        message.message(4, |message| {
            write_histogram(message, &sample.histogram, form);
            message.uint64(15, sample.timestamp_ms.cast_unsigned());
        });
    }
}

fn write_labels(message: &mut MessageWriter, labels: &[(&str, &str)]) {
    for (name, value) in labels {
        message.message(1, |message| {
            message.string(1, name);
            message.string(2, value);
        });
    }
}

pub(super) fn write_histogram(message: &mut MessageWriter, histogram: &Histogram, form: HistogramForm) {
    match form {
        HistogramForm::Float => message.present_double(2, histogram.count),
        HistogramForm::Integer => message.present_uint64(1, histogram.count as u64),
    }
    message.double(3, histogram.sum);
    message.sint64(4, i64::from(histogram.schema));
    message.double(5, histogram.zero_threshold);
    match form {
        HistogramForm::Float => message.present_double(7, histogram.zero_count),
        HistogramForm::Integer => message.present_uint64(6, histogram.zero_count as u64),
    }
    write_side(message, 8, &histogram.negative_spans, &histogram.negative_buckets, form);
    write_side(message, 11, &histogram.positive_spans, &histogram.positive_buckets, form);
    message.uint64(
        14,
        match histogram.reset_hint {
            ResetHint::Unknown => 0,
            ResetHint::Reset => 1,
            ResetHint::NoReset => 2,
            ResetHint::Gauge => 3,
        },
    );
    message.doubles(16, &histogram.custom_values);
}

/// Spans stand in `first_field`, deltas in the next, float counts in the one after.
fn write_side(
    message: &mut MessageWriter,
    first_field: u32,
    spans: &[Span],
    buckets: &[f64],
    form: HistogramForm,
) {
    for span in spans {
        message.message(first_field, |message| {
            message.sint64(1, i64::from(span.offset));
            message.uint64(2, u64::from(span.length));
        });
    }
    match form {
        HistogramForm::Float => message.doubles(first_field + 2, buckets),
        HistogramForm::Integer => {
            let mut before = 0;
            let deltas: Vec<i64> = buckets
                .iter()
                .map(|count| {
                    let count = *count as i64;
                    let delta = count - before;
                    before = count;
                    delta
                })
                .collect();
            message.sint64s(first_field + 1, &deltas);
        }
    }
}
