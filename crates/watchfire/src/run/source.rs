//! The embedded store as the engine sees it.

use std::sync::Arc;
use watchfire_metrics::{Batch, Downsampled, ReadError, Store};
use watchfire_model::{Coarse, Labels, Matcher, Samples, TimeRange};
use watchfire_promql::{SelectHints, SeriesStream, Source, SourceError, Split};

/// A store behind the engine's trait.
#[derive(Debug)]
pub(crate) struct StoreSource(Arc<Store>);

impl StoreSource {
    pub(crate) fn new(store: Arc<Store>) -> Self {
        Self(store)
    }
}

impl Source for StoreSource {
    fn select(
        &self,
        matchers: &[Matcher],
        range: TimeRange,
        hints: &SelectHints,
    ) -> Result<Box<dyn SeriesStream + '_>, SourceError> {
        if hints.labels_only {
            let labels = self.0.series(matchers, range).map_err(failed)?;
            return Ok(Box::new(LabelsStream(labels.into_iter())));
        }
        Ok(Box::new(SelectionStream(self.0.select_digest(matchers, range, hints.digest()).map_err(failed)?)))
    }

    fn changes(&self, range: TimeRange) -> Option<u64> {
        self.0.changes(range)
    }

    fn label_names(&self, matchers: &[Matcher], range: TimeRange) -> Result<Vec<String>, SourceError> {
        self.0.label_names(matchers, range).map_err(failed)
    }

    fn label_values(
        &self,
        name: &str,
        matchers: &[Matcher],
        range: TimeRange,
    ) -> Result<Vec<String>, SourceError> {
        self.0.label_values(name, matchers, range).map_err(failed)
    }
}

struct SelectionStream(Downsampled);

impl SeriesStream for SelectionStream {
    fn next(&mut self, samples: &mut Samples) -> Result<Option<Labels>, SourceError> {
        self.0.next(samples).map_err(failed)
    }

    fn split(&mut self, max: usize) -> Split {
        match self.0.split(max) {
            watchfire_metrics::Split::End => Split::End,
            watchfire_metrics::Split::Batch(batch) => Split::Batch(Box::new(BatchStream(batch))),
            watchfire_metrics::Split::Inseparable => Split::Inseparable,
        }
    }

    fn most(&self) -> usize {
        self.0.most()
    }

    fn coarse(&self) -> &[Coarse] {
        self.0.coarse()
    }

    fn warnings(&self) -> Vec<String> {
        self.0.warnings()
    }
}

struct BatchStream(Box<Batch>);

impl SeriesStream for BatchStream {
    fn next(&mut self, samples: &mut Samples) -> Result<Option<Labels>, SourceError> {
        self.0.next(samples).map_err(failed)
    }

    fn warnings(&self) -> Vec<String> {
        self.0.warnings().to_vec()
    }
}

/// Label sets without their samples.
struct LabelsStream(std::vec::IntoIter<Labels>);

impl SeriesStream for LabelsStream {
    fn next(&mut self, samples: &mut Samples) -> Result<Option<Labels>, SourceError> {
        samples.clear();
        Ok(self.0.next())
    }
}

fn failed(error: ReadError) -> SourceError {
    SourceError::Storage(error.to_string())
}
