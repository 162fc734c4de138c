//! Prometheus remote write: `prometheus.WriteRequest` of version 1.0 and `io.prometheus.write.v2.Request` of version 2.0,
//! compressed with snappy's block format.
//!
//! [`decompress_into`] and then [`decode`] or [`v2::decode`], which walk the message once and fill a [`Batch`]: labels are
//! packed as they come, and whoever keeps the batch checks them where a series is new. [`encode`] is the way back of
//! version 1, for tests and load generators.

mod decode;
mod encode;
mod histogram;
pub mod v2;

pub use decode::decode;
pub use encode::{HistogramForm, encode};
pub use histogram::HistogramProblem;

use crate::protobuf::ProtobufError;
use crate::snappy::{self, SnappyError};
use std::sync::Arc;
use watchfire_model::ingest::Batch;
use watchfire_model::{Histogram, MetricType};

/// The largest decompressed request, as in Prometheus since 3.12.
pub const MAX_DECOMPRESSED_BYTES: usize = 32 << 20;

/// The bytes are not a `prometheus.WriteRequest`.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("not a prometheus.WriteRequest: {0}")]
pub struct DecodeError(#[from] pub ProtobufError);

/// Decompresses a request body, refusing sizes above [`MAX_DECOMPRESSED_BYTES`] before reserving memory. The bytes lie
/// at the start of `buffer`, whose memory is used again.
pub fn decompress_into<'a>(body: &[u8], buffer: &'a mut Vec<u8>) -> Result<&'a [u8], SnappyError> {
    snappy::decompress_into(body, MAX_DECOMPRESSED_BYTES, buffer)
}

/// A float sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FloatSample {
    /// Milliseconds since the Unix epoch.
    pub timestamp_ms: i64,
    /// The value; stale markers keep their bits.
    pub value: f64,
}

/// A native histogram sample.
#[derive(Clone, Debug, PartialEq)]
pub struct HistogramSample {
    /// Milliseconds since the Unix epoch.
    pub timestamp_ms: i64,
    /// The histogram; integer counts have become floats.
    pub histogram: Arc<Histogram>,
}

/// An exemplar.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Exemplar<'a> {
    /// Labels in the order sent.
    pub labels: Vec<(&'a str, &'a str)>,
    /// The observed value.
    pub value: f64,
    /// Milliseconds since the Unix epoch.
    pub timestamp_ms: i64,
}

/// One series of a request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TimeSeries<'a> {
    /// Labels in the order sent, the metric name among them; nobody has checked them yet.
    pub labels: Vec<(&'a str, &'a str)>,
    /// Float samples in the order sent.
    pub samples: Vec<FloatSample>,
    /// Native histograms in the order sent.
    pub histograms: Vec<HistogramSample>,
    /// Exemplars in the order sent.
    pub exemplars: Vec<Exemplar<'a>>,
}

/// What a request says about a metric family.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FamilyMetadata<'a> {
    /// The family's name.
    pub family: &'a str,
    /// Its type.
    pub kind: MetricType,
    /// Its help text.
    pub help: &'a str,
    /// Its unit.
    pub unit: &'a str,
}

/// Metric types in the order of `prometheus.MetricMetadata.MetricType`, which is that of version 2 too.
const METRIC_TYPES: [MetricType; 8] = [
    MetricType::Unknown,
    MetricType::Counter,
    MetricType::Gauge,
    MetricType::Histogram,
    MetricType::GaugeHistogram,
    MetricType::Summary,
    MetricType::Info,
    MetricType::StateSet,
];

/// A type by its number; one that nobody knows yet is unknown.
fn metric_type(number: u64) -> MetricType {
    let kind = usize::try_from(number).ok().and_then(|index| METRIC_TYPES.get(index));
    kind.copied().unwrap_or_default()
}

#[cfg(test)]
mod tests;
