//! Prometheus remote write 1.0: `prometheus.WriteRequest`, compressed with snappy's block format.
//!
//! [`decompress`] and then [`Reader`]: series by series into one reused [`TimeSeries`] whose labels are borrowed
//! from the decompressed bytes. [`encode`] is the way back, for tests and load generators.

mod encode;
mod histogram;

pub use encode::{HistogramForm, encode};
pub use histogram::HistogramProblem;

use crate::protobuf::{Field, MessageReader, ProtobufError};
use crate::snappy::{self, SnappyError};
use std::sync::Arc;
use watchfire_model::{Histogram, MetricType};

/// The largest decompressed request, as in Prometheus since 3.12.
pub const MAX_DECOMPRESSED_BYTES: usize = 32 << 20;

/// Why a request could not be decoded.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The bytes are not a `prometheus.WriteRequest`.
    #[error("not a prometheus.WriteRequest: {0}")]
    Protobuf(#[from] ProtobufError),
    /// A native histogram that contradicts itself.
    #[error("the histogram of {series} at {timestamp_ms}: {problem}")]
    Histogram {
        /// The series, as Prometheus prints it.
        series: String,
        /// The sample's time in milliseconds since the Unix epoch.
        timestamp_ms: i64,
        /// What is wrong with it.
        problem: HistogramProblem,
    },
}

/// Decompresses a request body, refusing sizes above [`MAX_DECOMPRESSED_BYTES`] before reserving memory.
pub fn decompress(body: &[u8]) -> Result<Vec<u8>, SnappyError> {
    snappy::decompress(body, MAX_DECOMPRESSED_BYTES)
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

impl TimeSeries<'_> {
    fn clear(&mut self) {
        self.labels.clear();
        self.samples.clear();
        self.histograms.clear();
        self.exemplars.clear();
    }
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

/// What [`Reader::next_into`] has read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part<'a> {
    /// A series; it is in the [`TimeSeries`] that was handed in.
    Series,
    /// Metadata.
    Metadata(FamilyMetadata<'a>),
}

/// Reads a decompressed request part by part.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    message: MessageReader<'a>,
}

impl<'a> Reader<'a> {
    /// Reads `bytes`, which [`decompress`] has returned.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { message: MessageReader::new(bytes) }
    }

    /// The next part, or `None` at the end. A series is put into `series`, whose memory is used again.
    pub fn next_into(&mut self, series: &mut TimeSeries<'a>) -> Result<Option<Part<'a>>, DecodeError> {
        while let Some(field) = self.message.next()? {
            match field.number {
                1 => {
                    read_series(&field, series)?;
                    return Ok(Some(Part::Series));
                }
                3 => return Ok(Some(Part::Metadata(read_metadata(&field)?))),
                _ => {}
            }
        }
        Ok(None)
    }
}

fn read_series<'a>(field: &Field<'a>, series: &mut TimeSeries<'a>) -> Result<(), DecodeError> {
    series.clear();
    let mut message = field.message("timeseries")?;
    while let Some(field) = message.next()? {
        match field.number {
            1 => series.labels.push(read_label(&field)?),
            2 => series.samples.push(read_sample(&field)?),
            3 => series.exemplars.push(read_exemplar(&field)?),
            4 => {
                let (timestamp_ms, histogram) = histogram::read(&field)?;
                match histogram {
                    Ok(histogram) => {
                        let histogram = Arc::new(histogram);
                        series.histograms.push(HistogramSample { timestamp_ms, histogram });
                    }
                    Err(problem) => {
                        let labels = watchfire_model::Labels::from_pairs(series.labels.iter().copied());
                        let series = labels.to_string();
                        return Err(DecodeError::Histogram { series, timestamp_ms, problem });
                    }
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn read_label<'a>(field: &Field<'a>) -> Result<(&'a str, &'a str), ProtobufError> {
    let mut message = field.message("labels")?;
    let (mut name, mut value) = ("", "");
    while let Some(field) = message.next()? {
        match field.number {
            1 => name = field.string("label.name")?,
            2 => value = field.string("label.value")?,
            _ => {}
        }
    }
    Ok((name, value))
}

fn read_sample(field: &Field<'_>) -> Result<FloatSample, ProtobufError> {
    let mut message = field.message("samples")?;
    let mut sample = FloatSample { timestamp_ms: 0, value: 0.0 };
    while let Some(field) = message.next()? {
        match field.number {
            1 => sample.value = field.double("sample.value")?,
            2 => sample.timestamp_ms = field.int64("sample.timestamp")?,
            _ => {}
        }
    }
    Ok(sample)
}

fn read_exemplar<'a>(field: &Field<'a>) -> Result<Exemplar<'a>, ProtobufError> {
    let mut message = field.message("exemplars")?;
    let mut exemplar = Exemplar::default();
    while let Some(field) = message.next()? {
        match field.number {
            1 => exemplar.labels.push(read_label(&field)?),
            2 => exemplar.value = field.double("exemplar.value")?,
            3 => exemplar.timestamp_ms = field.int64("exemplar.timestamp")?,
            _ => {}
        }
    }
    Ok(exemplar)
}

/// Metric types in the order of `prometheus.MetricMetadata.MetricType`.
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

fn read_metadata<'a>(field: &Field<'a>) -> Result<FamilyMetadata<'a>, ProtobufError> {
    let mut message = field.message("metadata")?;
    let mut metadata = FamilyMetadata::default();
    while let Some(field) = message.next()? {
        match field.number {
            1 => {
                let number = field.uint64("metadata.type")?;
                let kind = usize::try_from(number).ok().and_then(|index| METRIC_TYPES.get(index));
                metadata.kind = kind.copied().unwrap_or_default();
            }
            2 => metadata.family = field.string("metadata.metric_family_name")?,
            4 => metadata.help = field.string("metadata.help")?,
            5 => metadata.unit = field.string("metadata.unit")?,
            _ => {}
        }
    }
    Ok(metadata)
}

#[cfg(test)]
mod tests;
