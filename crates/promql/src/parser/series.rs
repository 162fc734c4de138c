//! The notation of series in rule tests: `metric{label="x"} 0+10x5 _x2 stale {{schema:0 count:3 buckets:[1 2]}}`.
//! Syntax: Prometheus, "unit testing for rules", section `series`.

mod histogram;
mod values;

use super::expression::Parser;
use super::{Fault, ParseError, ParseOptions};
use values::Values;
use watchfire_model::{Labels, SampleValue};

/// The most samples one line may stand for.
pub const MAX_SERIES_ITEMS: usize = 10_000_000;

/// A series as a line of a rule test describes it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SeriesDescription {
    /// Its name and labels.
    pub labels: Labels,
    /// Its samples, one per step, repetitions written out.
    pub values: Vec<SequenceItem>,
    /// Which of the values are histograms with a written `counter_reset_hint`; empty when none is.
    hinted: Vec<bool>,
}

impl SeriesDescription {
    /// Whether the value at `index` is a histogram whose `counter_reset_hint` was written, so that a comparison has
    /// to look at it.
    pub fn has_written_hint(&self, index: usize) -> bool {
        self.hinted.get(index).copied().unwrap_or(false)
    }
}

/// One place in a sequence of samples.
#[derive(Clone, Debug, PartialEq)]
pub enum SequenceItem {
    /// `_`: no sample.
    Gap,
    /// A sample; `stale` is the stale marker.
    Value(SampleValue),
}

/// Reads the description of one series.
pub fn parse_series(line: &str) -> Result<SeriesDescription, ParseError> {
    read(line).map_err(|fault| fault.into_error(line))
}

fn read(line: &str) -> Result<SeriesDescription, Fault> {
    let mut parser = Parser::new(line, ParseOptions::default());
    parser.bound_length()?;
    let labels = parser.metric(false)?;
    let mut values = Values::new(line, parser.position());
    values.read_all()?;
    Ok(SeriesDescription { labels, values: values.items, hinted: values.hinted })
}
