//! Series handed out one after the other.

use crate::gather::Gather;
use crate::series::HeadSeries;
use crate::store::ReadError;
use std::sync::Arc;
use watchfire_model::{Labels, Samples, TimeRange};

/// The series that satisfy a query, in label order, each once; read lazily.
#[derive(Debug)]
pub struct Selection {
    range: TimeRange,
    head: std::vec::IntoIter<Arc<HeadSeries>>,
    warnings: Vec<String>,
}

impl Selection {
    pub(crate) fn new(range: TimeRange, head: Vec<Arc<HeadSeries>>) -> Self {
        Self { range, head: head.into_iter(), warnings: Vec::new() }
    }

    /// Moves to the next series that has samples in the range: replaces what is in `samples`, whose memory is used
    /// again, and returns the labels; `None` at the end.
    pub fn next(&mut self, samples: &mut Samples) -> Result<Option<Labels>, ReadError> {
        for series in self.head.by_ref() {
            let mut gather = Gather::new(self.range, samples);
            series.read(&mut gather);
            gather.finish();
            if !samples.is_empty() {
                return Ok(Some(series.labels.clone()));
            }
        }
        samples.clear();
        Ok(None)
    }

    /// What was left out because it is damaged, with its place. Complete at the end.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
}
