//! Series in memory, as scripts load them.

use super::nhcb;
use super::script::Load;
use crate::parser::{SequenceItem, SeriesDescription};
use crate::source::{SelectHints, SeriesStream, Source, SourceError, Split};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use watchfire_model::{Labels, Matcher, SampleValue, Samples, TimeRange};

/// A source that keeps its series in memory.
///
/// Histograms are handed out with the counter reset hints a store gives them, see
/// [`watchfire_model::Histogram::stored_hint`].
#[derive(Clone, Debug, Default)]
pub struct MemorySource {
    series: BTreeMap<Labels, BTreeMap<i64, Stored>>,
}

#[derive(Clone, Debug)]
struct Stored {
    value: SampleValue,
    start_timestamp_ms: i64,
}

impl MemorySource {
    /// A source without series.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a sample. One that stands at the same time already is replaced.
    pub fn append(
        &mut self,
        labels: &Labels,
        timestamp_ms: i64,
        value: SampleValue,
        start_timestamp_ms: i64,
    ) {
        let samples = match self.series.get_mut(labels) {
            Some(samples) => samples,
            None => self.series.entry(labels.clone()).or_default(),
        };
        let value = match value {
            SampleValue::Histogram(histogram) => {
                let before = samples.range(..timestamp_ms).next_back().map(|(_, stored)| &stored.value);
                let before = match before {
                    Some(SampleValue::Histogram(before)) => Some(before.as_ref()),
                    _ => None,
                };
                let hint = histogram.stored_hint(before);
                SampleValue::Histogram(Arc::new(Arc::unwrap_or_clone(histogram).with_hint(hint)))
            }
            float @ SampleValue::Float(_) => float,
        };
        samples.insert(timestamp_ms, Stored { value, start_timestamp_ms });
    }

    /// Adds a series in the notation of rule tests: its values stand at 0, `step_ms`, 2 × `step_ms` and so on.
    pub fn add_series(&mut self, series: &SeriesDescription, step_ms: i64) {
        for (index, item) in (0_i64..).zip(&series.values) {
            if let SequenceItem::Value(value) = item {
                self.append(&series.labels, index.saturating_mul(step_ms), value.clone(), 0);
            }
        }
    }

    /// Adds the series of a `load` command.
    pub(super) fn load(&mut self, load: &Load) {
        for line in &load.series {
            for (index, item) in line.values.iter().enumerate() {
                let Some(item) = item else { continue };
                let timestamp_ms = i64::try_from(index).unwrap_or(i64::MAX).saturating_mul(load.step_ms);
                let start_ms = line.start_offsets_ms.get(index).copied().flatten();
                let start_ms = start_ms.map_or(0, |offset| timestamp_ms.saturating_add(offset));
                self.append(&line.labels, timestamp_ms, item.value.clone(), start_ms);
            }
        }
        if load.with_nhcb {
            for (labels, samples) in nhcb::collate(load) {
                for (timestamp_ms, histogram) in samples {
                    self.append(&labels, timestamp_ms, SampleValue::Histogram(Arc::new(histogram)), 0);
                }
            }
        }
    }

    fn matching<'a, 'm>(
        &'a self,
        matchers: &'m [Matcher],
    ) -> impl Iterator<Item = (&'a Labels, &'a BTreeMap<i64, Stored>)> + use<'a, 'm> {
        self.series.iter().filter(move |(labels, _)| {
            matchers.iter().all(|matcher| matcher.matches(labels.get(&matcher.name).unwrap_or("")))
        })
    }
}

impl Source for MemorySource {
    fn select(
        &self,
        matchers: &[Matcher],
        range: TimeRange,
        _hints: &SelectHints,
    ) -> Result<Box<dyn SeriesStream + '_>, SourceError> {
        let mut found = Vec::new();
        for (labels, stored) in self.matching(matchers) {
            if range.start_ms <= range.end_ms {
                let samples = stored.range(range.start_ms..=range.end_ms);
                found.push((labels, samples));
            }
        }
        Ok(Box::new(MemoryStream { series: found.into_iter() }))
    }

    fn label_names(&self, matchers: &[Matcher], _range: TimeRange) -> Result<Vec<String>, SourceError> {
        let names: BTreeSet<&str> =
            self.matching(matchers).flat_map(|(labels, _)| labels.iter().map(|(name, _)| name)).collect();
        Ok(names.into_iter().map(str::to_owned).collect())
    }

    fn label_values(
        &self,
        name: &str,
        matchers: &[Matcher],
        _range: TimeRange,
    ) -> Result<Vec<String>, SourceError> {
        let values: BTreeSet<&str> =
            self.matching(matchers).filter_map(|(labels, _)| labels.get(name)).collect();
        Ok(values.into_iter().map(str::to_owned).collect())
    }
}

type SampleRange<'a> = std::collections::btree_map::Range<'a, i64, Stored>;

struct MemoryStream<'a> {
    series: std::vec::IntoIter<(&'a Labels, SampleRange<'a>)>,
}

impl SeriesStream for MemoryStream<'_> {
    fn next(&mut self, samples: &mut Samples) -> Result<Option<Labels>, SourceError> {
        for (labels, stored) in self.series.by_ref() {
            samples.clear();
            for (timestamp_ms, sample) in stored {
                samples.push(*timestamp_ms, sample.value.clone());
                samples.set_last_start_timestamp(sample.start_timestamp_ms);
            }
            if !samples.is_empty() {
                return Ok(Some(labels.clone()));
            }
        }
        Ok(None)
    }

    fn split(&mut self, max: usize) -> Split {
        let mut batch = Vec::new();
        let mut samples = Samples::default();
        while batch.len() < max
            && let Ok(Some(labels)) = self.next(&mut samples)
        {
            batch.push((labels, samples.clone()));
        }
        if batch.is_empty() { Split::End } else { Split::Batch(Box::new(Copied(batch.into_iter()))) }
    }

    fn most(&self) -> usize {
        self.series.len()
    }
}

/// Series taken out of a stream.
struct Copied(std::vec::IntoIter<(Labels, Samples)>);

impl SeriesStream for Copied {
    fn next(&mut self, samples: &mut Samples) -> Result<Option<Labels>, SourceError> {
        samples.clear();
        let Some((labels, copied)) = self.0.next() else { return Ok(None) };
        *samples = copied;
        Ok(Some(labels))
    }
}
