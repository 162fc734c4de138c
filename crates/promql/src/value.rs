//! What a query gives back.

use crate::ast::{Span, ValueType};
use crate::engine::SamplesByStep;
use watchfire_model::{Coarse, Labels, SampleValue, Series};

/// The value of a query.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// One number at one time.
    Scalar {
        /// The evaluation time in milliseconds.
        timestamp_ms: i64,
        /// The number.
        value: f64,
    },
    /// A text at one time.
    String {
        /// The evaluation time in milliseconds.
        timestamp_ms: i64,
        /// The text.
        value: String,
    },
    /// One sample of each series.
    Vector(Vec<VectorSample>),
    /// Samples over time of each series; of a range query sorted by labels.
    Matrix(Vec<Series>),
}

/// A series' one sample in a vector.
#[derive(Clone, Debug, PartialEq)]
pub struct VectorSample {
    /// What it is.
    pub labels: Labels,
    /// When, in milliseconds since the Unix epoch.
    pub timestamp_ms: i64,
    /// What was measured or computed.
    pub value: SampleValue,
}

impl Value {
    /// Its type.
    pub const fn value_type(&self) -> ValueType {
        match self {
            Self::Scalar { .. } => ValueType::Scalar,
            Self::String { .. } => ValueType::String,
            Self::Vector(_) => ValueType::Vector,
            Self::Matrix(_) => ValueType::Matrix,
        }
    }
}

/// A remark about a query's answer, with the place it speaks of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Annotation {
    /// The text without prefix and place, such as `input to histogram_quantile needed to be fixed …`.
    pub message: String,
    /// The place in the query, if it speaks of one.
    pub span: Option<Span>,
}

/// Remarks about a query's answer, each once, in the order they came up.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Annotations {
    /// The answer may be wrong (`PromQL warning: …`, or a warning of the source).
    pub warnings: Vec<Annotation>,
    /// The answer may surprise (`PromQL info: …`).
    pub infos: Vec<Annotation>,
}

/// A query's value with the remarks about it.
#[derive(Clone, Debug, PartialEq)]
pub struct QueryResult {
    /// The value.
    pub value: Value,
    /// The remarks.
    pub annotations: Annotations,
    /// How many samples were read.
    pub samples_read: u64,
    /// At each step, how many samples it looked at and read, as Prometheus counts them; empty unless that was asked for.
    pub queried: SamplesByStep,
    /// How many samples it held at once, at most.
    pub peak_samples: u64,
    /// Where windows of samples were read in place of samples, see [`crate::SeriesStream::coarse`].
    pub coarse: Vec<Coarse>,
}
