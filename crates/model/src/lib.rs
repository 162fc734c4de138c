//! The nouns every other crate speaks in: labels, matchers, samples, series, time ranges.
//!
//! Flows in: nothing. Flows out: types. This crate promises that a [`Labels`] is always sorted, free of
//! duplicates and of empty values, that a stale marker keeps its exact bits, and that no type here does I/O.
//! It never knows where a sample is stored, how it travelled, or what will be asked of it.

pub mod duration;
pub mod histogram;
pub mod ingest;
pub mod labels;
pub mod matcher;
pub mod metadata;
pub mod rollup;
pub mod sample;
pub mod series;
pub mod severity;
pub mod time;
mod xxhash;

pub use histogram::Histogram;
pub use labels::{Labels, LabelsBuilder};
pub use matcher::{MatchOp, Matcher, MatcherError};
pub use metadata::{Metadata, MetricType};
pub use rollup::{Coarse, Digest, Rollup};
pub use sample::{STALE_NAN, SampleValue, is_stale};
pub use series::{Samples, Series};
pub use severity::Severity;
pub use time::TimeRange;
pub use xxhash::xxhash64;

/// The label that holds a series' metric name.
pub const METRIC_NAME: &str = "__name__";
