//! Series in memory that rules read and write at once.

use std::sync::{PoisonError, RwLock};
use watchfire_model::ingest::{Batch, Committed, MetricSink, Row, WriteReport};
use watchfire_model::{Labels, Matcher, Metadata, Samples, TimeRange};
use watchfire_promql::testing::MemorySource;
use watchfire_promql::{SelectHints, SeriesStream, Source, SourceError};

/// A store in memory, for tests of rules and of whatever works with them.
#[derive(Debug, Default)]
pub struct TestStore {
    series: RwLock<MemorySource>,
}

impl TestStore {
    /// Adds a sample; one that stands at the same time already is replaced.
    pub fn append(&self, row: Row) {
        let mut series = self.series.write().unwrap_or_else(PoisonError::into_inner);
        series.append(&row.series, row.timestamp_ms, row.value, row.start_timestamp_ms);
    }
}

impl MetricSink for TestStore {
    fn write(&self, batch: Batch) -> Committed {
        let accepted = batch.len();
        for row in batch.rows() {
            self.append(row);
        }
        Box::pin(std::future::ready(Ok(WriteReport { accepted, ..WriteReport::default() })))
    }

    fn describe(&self, _target: &Labels, _family: &str, _metadata: Metadata) {}
}

impl Source for TestStore {
    fn select(
        &self,
        matchers: &[Matcher],
        range: TimeRange,
        hints: &SelectHints,
    ) -> Result<Box<dyn SeriesStream + '_>, SourceError> {
        let series = self.series.read().unwrap_or_else(PoisonError::into_inner);
        let mut stream = series.select(matchers, range, hints)?;
        let mut found = Vec::new();
        let mut samples = Samples::default();
        while let Some(labels) = stream.next(&mut samples)? {
            found.push((labels, std::mem::take(&mut samples)));
        }
        Ok(Box::new(Found { series: found.into_iter() }))
    }

    fn label_names(&self, matchers: &[Matcher], range: TimeRange) -> Result<Vec<String>, SourceError> {
        self.series.read().unwrap_or_else(PoisonError::into_inner).label_names(matchers, range)
    }

    fn label_values(
        &self,
        name: &str,
        matchers: &[Matcher],
        range: TimeRange,
    ) -> Result<Vec<String>, SourceError> {
        self.series.read().unwrap_or_else(PoisonError::into_inner).label_values(name, matchers, range)
    }
}

struct Found {
    series: std::vec::IntoIter<(Labels, Samples)>,
}

impl SeriesStream for Found {
    fn next(&mut self, samples: &mut Samples) -> Result<Option<Labels>, SourceError> {
        Ok(self.series.next().map(|(labels, found)| {
            *samples = found;
            labels
        }))
    }
}
