//! A store seen with what rules of a replay have written, in place of what they really wrote.

use super::reads::{Reads, Writes};
use std::collections::{BTreeMap, HashMap};
use std::iter::Peekable;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use watchfire_model::ingest::Row;
use watchfire_model::{Coarse, Labels, Matcher, SampleValue, Samples, TimeRange};
use watchfire_promql::{SelectHints, SeriesStream, Source, SourceError};

/// What a series costs beside its labels and samples, about.
const SERIES_BYTES: usize = 256;
const SAMPLE_BYTES: usize = 16;

/// A writer, and from when on what is stored of it does not count.
pub(super) type Writer = (Writes, i64);

/// A store under what was replayed.
pub(super) struct Overlay {
    base: Arc<dyn Source>,
    writers: Vec<Writer>,
    /// How far back each metric is read, in milliseconds; `None`: nobody knows.
    reach: HashMap<String, Option<i64>>,
    /// Nothing later is handed out.
    horizon_ms: AtomicI64,
    kept: RwLock<Kept>,
}

#[derive(Default)]
struct Kept {
    metrics: BTreeMap<String, BTreeMap<Labels, Samples>>,
    bytes: usize,
}

impl Overlay {
    /// Nothing replayed yet. `reads` is what will be asked.
    pub(super) fn new<'a>(
        base: Arc<dyn Source>,
        writers: Vec<Writer>,
        reads: impl Iterator<Item = &'a Reads>,
    ) -> Self {
        let mut reach = HashMap::<String, Option<i64>>::new();
        for read in reads.flat_map(|reads| &reads.all) {
            for (writes, _) in writers.iter().filter(|(writes, _)| writes.may_satisfy(&read.matchers)) {
                for metric in writes.metrics() {
                    let known = reach.entry(metric.to_owned()).or_insert(Some(0));
                    *known = known.zip(read.back_ms).map(|(one, other)| one.max(other));
                }
            }
        }
        Self { base, writers, reach, horizon_ms: AtomicI64::new(i64::MAX), kept: RwLock::default() }
    }

    /// Hands out nothing later than this from now on.
    pub(super) fn look_no_farther_than(&self, at_ms: i64) {
        self.horizon_ms.store(at_ms, Ordering::Relaxed);
    }

    /// Keeps what a rule wrote. What stands at the same time already stays, as in the store.
    pub(super) fn write(&self, rows: impl IntoIterator<Item = Row>) {
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        let mut grown = 0;
        for row in rows {
            let metric = row.series.metric_name();
            if !kept.metrics.contains_key(metric) {
                kept.metrics.insert(metric.to_owned(), BTreeMap::new());
            }
            let Some(series) = kept.metrics.get_mut(metric) else { continue };
            let samples = series.entry(row.series.clone()).or_insert_with(|| {
                grown += SERIES_BYTES + row.series.as_bytes().len();
                Samples::default()
            });
            grown += cost(&row.value);
            insert(samples, row.timestamp_ms, row.value);
        }
        kept.bytes = kept.bytes.saturating_add(grown);
    }

    /// How many bytes are kept.
    pub(super) fn bytes(&self) -> usize {
        self.kept.read().unwrap_or_else(PoisonError::into_inner).bytes
    }

    /// The metric that takes most of them, with its series.
    pub(super) fn largest(&self) -> Option<(String, usize)> {
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        let samples = |series: &BTreeMap<Labels, Samples>| series.values().map(Samples::len).sum::<usize>();
        let largest = kept.metrics.iter().max_by_key(|(_, series)| samples(series))?;
        Some((largest.0.clone(), largest.1.len()))
    }

    /// Forgets what nobody reads who asks at this time or later.
    pub(super) fn forget(&self, before_ms: i64) {
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        let mut bytes = 0;
        for (metric, series) in &mut kept.metrics {
            let first_ms = match self.reach.get(metric) {
                Some(Some(reach_ms)) => before_ms.saturating_sub(*reach_ms),
                Some(None) => i64::MIN,
                None => before_ms,
            };
            series.retain(|labels, samples| {
                let gone = samples.timestamps_ms.partition_point(|at_ms| *at_ms < first_ms);
                if gone == samples.len() {
                    return false;
                }
                if gone > 0 {
                    *samples = part(samples, gone, samples.len());
                }
                bytes += SERIES_BYTES + labels.as_bytes().len() + samples.len() * SAMPLE_BYTES;
                bytes += samples.histograms.iter().flatten().map(|one| one.memory_bytes()).sum::<usize>();
                true
            });
        }
        kept.bytes = bytes;
    }

    fn found(&self, matchers: &[Matcher], range: TimeRange, labels_only: bool) -> Vec<(Labels, Samples)> {
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        let names: Vec<&Matcher> =
            matchers.iter().filter(|matcher| matcher.name == watchfire_model::METRIC_NAME).collect();
        let mut found = Vec::new();
        for (metric, series) in &kept.metrics {
            if !names.iter().all(|matcher| matcher.matches(metric)) {
                continue;
            }
            for (labels, samples) in series {
                if !matchers.iter().all(|matcher| matcher.matches_labels(labels)) {
                    continue;
                }
                let first = samples.timestamps_ms.partition_point(|at_ms| *at_ms < range.start_ms);
                let end = samples.timestamps_ms.partition_point(|at_ms| *at_ms <= range.end_ms);
                if first < end {
                    let taken = if labels_only { Samples::default() } else { part(samples, first, end) };
                    found.push((labels.clone(), taken));
                }
            }
        }
        found.sort_by(|left, right| left.0.cmp(&right.0));
        found
    }
}

fn cost(value: &SampleValue) -> usize {
    match value {
        SampleValue::Float(_) => SAMPLE_BYTES,
        SampleValue::Histogram(histogram) => SAMPLE_BYTES + histogram.memory_bytes(),
    }
}

/// Adds a sample where none stands at its time, histograms with the hint that a store gives them.
fn insert(samples: &mut Samples, at_ms: i64, value: SampleValue) {
    let place = samples.timestamps_ms.partition_point(|there_ms| *there_ms < at_ms);
    if samples.timestamps_ms.get(place) == Some(&at_ms) {
        return;
    }
    let value = match value {
        SampleValue::Histogram(histogram) => {
            let before = place.checked_sub(1).and_then(|before| samples.histogram(before));
            let hint = histogram.stored_hint(before.map(Arc::as_ref));
            SampleValue::Histogram(Arc::new(Arc::unwrap_or_clone(histogram).with_hint(hint)))
        }
        float @ SampleValue::Float(_) => float,
    };
    if place == samples.len() {
        samples.push(at_ms, value);
        return;
    }
    let mut longer = part(samples, 0, place);
    longer.push(at_ms, value);
    for (there_ms, value) in (place..samples.len()).filter_map(|index| samples.get(index)) {
        longer.push(there_ms, value);
    }
    *samples = longer;
}

fn part(samples: &Samples, first: usize, end: usize) -> Samples {
    fn column<T: Clone>(column: &[T], first: usize, end: usize) -> Vec<T> {
        column.get(first..end).unwrap_or_default().to_vec()
    }
    Samples {
        timestamps_ms: column(&samples.timestamps_ms, first, end),
        floats: column(&samples.floats, first, end),
        histograms: column(&samples.histograms, first, end),
        start_timestamps_ms: column(&samples.start_timestamps_ms, first, end),
        rollups: column(&samples.rollups, first, end),
    }
}

impl Source for Overlay {
    fn select(
        &self,
        matchers: &[Matcher],
        range: TimeRange,
        hints: &SelectHints,
    ) -> Result<Box<dyn SeriesStream + '_>, SourceError> {
        let end_ms = range.end_ms.min(self.horizon_ms.load(Ordering::Relaxed));
        if range.start_ms > end_ms {
            return Ok(Box::new(Nothing));
        }
        let range = TimeRange { start_ms: range.start_ms, end_ms };
        let base = self.base.select(matchers, range, hints)?;
        let involved: Vec<&Writer> =
            self.writers.iter().filter(|(writes, _)| writes.may_satisfy(matchers)).collect();
        if involved.is_empty() {
            return Ok(base);
        }
        let found = self.found(matchers, range, hints.labels_only).into_iter().peekable();
        Ok(Box::new(Merged {
            base,
            involved,
            found,
            stored: None,
            buffer: Samples::default(),
            labels_only: hints.labels_only,
        }))
    }

    fn label_names(&self, matchers: &[Matcher], range: TimeRange) -> Result<Vec<String>, SourceError> {
        self.base.label_names(matchers, range)
    }

    fn label_values(
        &self,
        name: &str,
        matchers: &[Matcher],
        range: TimeRange,
    ) -> Result<Vec<String>, SourceError> {
        self.base.label_values(name, matchers, range)
    }
}

struct Nothing;

impl SeriesStream for Nothing {
    fn next(&mut self, samples: &mut Samples) -> Result<Option<Labels>, SourceError> {
        samples.clear();
        Ok(None)
    }
}

/// Stored and replayed series in one order.
struct Merged<'a> {
    base: Box<dyn SeriesStream + 'a>,
    involved: Vec<&'a Writer>,
    found: Peekable<std::vec::IntoIter<(Labels, Samples)>>,
    /// The labels of the next stored series; its samples are in the buffer.
    stored: Option<Labels>,
    buffer: Samples,
    labels_only: bool,
}

impl Merged<'_> {
    fn fill(&mut self) -> Result<(), SourceError> {
        while self.stored.is_none() {
            let Some(labels) = self.base.next(&mut self.buffer)? else { break };
            let begins = self.involved.iter().filter(|(writes, _)| writes.includes(&labels));
            if let Some(begin_ms) = begins.map(|(_, begin_ms)| *begin_ms).min()
                && !self.labels_only
            {
                let kept = self.buffer.timestamps_ms.partition_point(|at_ms| *at_ms < begin_ms);
                if kept == 0 {
                    continue;
                }
                self.buffer = part(&self.buffer, 0, kept);
            }
            self.stored = Some(labels);
        }
        Ok(())
    }
}

impl SeriesStream for Merged<'_> {
    fn next(&mut self, samples: &mut Samples) -> Result<Option<Labels>, SourceError> {
        self.fill()?;
        let order = match (&self.stored, self.found.peek()) {
            (None, None) => {
                samples.clear();
                return Ok(None);
            }
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (Some(stored), Some((found, _))) => stored.cmp(found),
        };
        samples.clear();
        if order.is_le() {
            std::mem::swap(samples, &mut self.buffer);
        }
        let stored = if order.is_le() { self.stored.take() } else { None };
        if order.is_lt() {
            return Ok(stored);
        }
        let Some((labels, replayed)) = self.found.next() else { return Ok(stored) };
        if stored.is_none() {
            *samples = replayed;
        } else {
            let last_ms = samples.timestamps_ms.last().copied().unwrap_or(i64::MIN);
            replayed.iter().filter(|(at_ms, _)| *at_ms > last_ms).for_each(|(at_ms, value)| {
                samples.push(at_ms, value);
            });
        }
        Ok(Some(labels))
    }

    fn coarse(&self) -> &[Coarse] {
        self.base.coarse()
    }

    fn warnings(&self) -> Vec<String> {
        self.base.warnings()
    }
}
