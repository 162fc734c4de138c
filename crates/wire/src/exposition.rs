//! The exposition formats a scraped target answers with: Prometheus text (0.0.4 and 1.0.0) and OpenMetrics 1.0.
//!
//! [`Parser`] walks a body and lends out its entries without copying. It accepts what Prometheus accepts when it
//! scrapes; [`strict`] holds a body to the OpenMetrics specification instead, for people who write exporters.

pub mod created;
mod error;
mod negotiation;
mod number;
mod parser;
mod sample;
pub mod strict;
pub mod write;

pub use error::ParseError;
pub use negotiation::{ACCEPT, OPENMETRICS_CONTENT_TYPE, TEXT_CONTENT_TYPE, negotiate};
pub use parser::{Parser, utf8};
pub use sample::{Exemplar, LabelPairs, SampleLine};

use std::borrow::Cow;
use watchfire_model::MetricType;

/// Which grammar a body is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// Prometheus text: blanks are free, timestamps are whole milliseconds, the end needs no mark.
    Text,
    /// OpenMetrics: one blank, timestamps in seconds, exemplars, and `# EOF` at the end.
    OpenMetrics,
}

/// One line of an exposition that says something; comments and blank lines are passed over.
#[derive(Clone, Debug, PartialEq)]
pub enum Entry<'a> {
    /// `# TYPE family kind`.
    Type {
        /// The metric family, unescaped.
        family: Cow<'a, str>,
        /// Its type.
        kind: MetricType,
    },
    /// `# HELP family text`.
    Help {
        /// The metric family, unescaped.
        family: Cow<'a, str>,
        /// The help text, unescaped.
        help: Cow<'a, str>,
    },
    /// `# UNIT family unit`, OpenMetrics only.
    Unit {
        /// The metric family, unescaped.
        family: Cow<'a, str>,
        /// The unit, a suffix of the family's name, or empty.
        unit: &'a str,
    },
    /// `# EOF`, OpenMetrics only; nothing follows it.
    Eof,
    /// A sample.
    Sample(SampleLine<'a>),
}

#[cfg(test)]
mod tests;
