//! A batch of samples in few allocations.

use super::{Refusal, RefusalReason, Row};
use crate::labels::{LabelProblem, push_raw_label};
use crate::{Histogram, Labels, SampleValue};
use std::ops::Range;
use std::sync::Arc;

/// Samples and exemplars on their way in, series by series.
///
/// The labels of all series lie packed in one run of bytes, as [`Labels::as_bytes`] packs them, so that a decoder fills
/// a batch without an allocation for each series. Nobody has checked them: whoever keeps the samples looks the bytes up,
/// and only those of a series not known yet go through [`SeriesRef::checked_labels`]. Writers that hold [`Labels`]
/// already hand them over as they are, and nothing is copied.
///
/// A series may appear several times. Sample order within a series is the order sent.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    packed: Vec<u8>,
    series: Vec<Entry>,
    samples: Vec<Sample>,
    histograms: Vec<Arc<Histogram>>,
    exemplars: Vec<ExemplarEntry>,
    exemplar_labels: Vec<u8>,
    refused: Vec<Refusal>,
}

/// A series' samples and exemplars go on to where those of the next series begin.
#[derive(Clone, Debug)]
struct Entry {
    labels: Place,
    samples_from: usize,
    exemplars_from: usize,
}

#[derive(Clone, Debug)]
enum Place {
    Packed(Range<usize>),
    Shared(Labels),
}

#[derive(Clone, Copy, Debug)]
struct Sample {
    timestamp_ms: i64,
    start_timestamp_ms: i64,
    value: Value,
}

#[derive(Clone, Copy, Debug)]
enum Value {
    Float(f64),
    /// An index.
    Histogram(usize),
}

#[derive(Clone, Debug)]
struct ExemplarEntry {
    labels: Range<usize>,
    value: f64,
    timestamp_ms: i64,
}

impl Batch {
    /// An empty batch; nothing is allocated yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many samples there are, exemplars not among them.
    pub fn len(&self) -> usize {
        self.samples.len()
    }

    /// Whether there is nothing to keep or to tell: no sample, no exemplar, and nothing was refused.
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty() && self.exemplars.is_empty() && self.refused.is_empty()
    }

    /// How many of the samples are native histograms.
    pub fn histogram_count(&self) -> usize {
        self.histograms.len()
    }

    /// How many exemplars there are.
    pub fn exemplar_count(&self) -> usize {
        self.exemplars.len()
    }

    /// Forgets everything but the memory.
    pub fn clear(&mut self) {
        self.packed.clear();
        self.series.clear();
        self.samples.clear();
        self.histograms.clear();
        self.exemplars.clear();
        self.exemplar_labels.clear();
        self.refused.clear();
    }

    /// Notes that rows could not be made of what was sent. The sink counts them and tells of them in its report, as of
    /// those that it refuses itself.
    pub fn refuse(&mut self, reason: RefusalReason, rows: usize, example: impl FnOnce() -> String) {
        Refusal::note(&mut self.refused, reason, rows, example);
    }

    /// What was refused before it came here.
    pub fn refused(&self) -> &[Refusal] {
        &self.refused
    }

    /// Bytes of memory held, used or not, without what histograms and shared labels hold.
    pub fn capacity_bytes(&self) -> usize {
        self.packed.capacity()
            + self.exemplar_labels.capacity()
            + self.series.capacity() * size_of::<Entry>()
            + self.samples.capacity() * size_of::<Sample>()
            + self.histograms.capacity() * size_of::<Arc<Histogram>>()
            + self.exemplars.capacity() * size_of::<ExemplarEntry>()
    }

    fn begin(&mut self, labels: Place) {
        let (samples_from, exemplars_from) = (self.samples.len(), self.exemplars.len());
        self.series.push(Entry { labels, samples_from, exemplars_from });
    }

    /// Begins a series whose labels follow by [`Batch::push_label`].
    pub fn begin_series(&mut self) {
        let at = self.packed.len();
        self.begin(Place::Packed(at..at));
    }

    /// Begins a series whose labels are known already.
    pub fn begin_shared(&mut self, labels: Labels) {
        self.begin(Place::Shared(labels));
    }

    /// Begins a series with labels that are packed as [`Labels::as_bytes`] does it.
    pub fn begin_packed(&mut self, labels: &[u8]) {
        let from = self.packed.len();
        self.packed.extend_from_slice(labels);
        self.begin(Place::Packed(from..self.packed.len()));
    }

    /// Adds a label, as it was sent, to the series begun last by [`Batch::begin_series`].
    pub fn push_label(&mut self, name: &[u8], value: &[u8]) {
        if let Some(Entry { labels: Place::Packed(range), .. }) = self.series.last_mut() {
            push_raw_label(&mut self.packed, name, value);
            range.end = self.packed.len();
        } else {
            debug_assert!(false, "a label without a series to add it to");
        }
    }

    /// The labels of the series begun last, as they are packed so far.
    pub fn last_labels(&self) -> &[u8] {
        self.series.last().map_or(&[], |entry| self.labels_of(entry))
    }

    /// Takes the series begun last back, with all that was added since.
    pub fn drop_series(&mut self) {
        let Some(entry) = self.series.pop() else { return };
        if let Place::Packed(range) = entry.labels {
            self.packed.truncate(range.start);
        }
        let dropped = self.samples.get(entry.samples_from..).unwrap_or_default();
        let histograms = dropped.iter().filter(|sample| matches!(sample.value, Value::Histogram(_))).count();
        self.histograms.truncate(self.histograms.len() - histograms);
        self.samples.truncate(entry.samples_from);
        if let Some(first) = self.exemplars.get(entry.exemplars_from) {
            self.exemplar_labels.truncate(first.labels.start);
        }
        self.exemplars.truncate(entry.exemplars_from);
    }

    /// Adds a float sample to the series begun last.
    pub fn push_float(&mut self, timestamp_ms: i64, start_timestamp_ms: i64, value: f64) {
        debug_assert!(!self.series.is_empty(), "a sample without a series to add it to");
        self.samples.push(Sample { timestamp_ms, start_timestamp_ms, value: Value::Float(value) });
    }

    /// Adds a native histogram to the series begun last.
    pub fn push_histogram(&mut self, timestamp_ms: i64, start_timestamp_ms: i64, histogram: Arc<Histogram>) {
        debug_assert!(!self.series.is_empty(), "a sample without a series to add it to");
        let value = Value::Histogram(self.histograms.len());
        self.histograms.push(histogram);
        self.samples.push(Sample { timestamp_ms, start_timestamp_ms, value });
    }

    /// Says when the counter of the series begun last started counting, for those of its samples so far that do not.
    pub fn start_samples(&mut self, start_timestamp_ms: i64) {
        let Some(from) = self.series.last().map(|entry| entry.samples_from) else { return };
        for sample in self.samples.iter_mut().skip(from) {
            if sample.start_timestamp_ms == 0 {
                sample.start_timestamp_ms = start_timestamp_ms;
            }
        }
    }

    /// Adds an exemplar to the series begun last. Its labels are not checked here either.
    pub fn push_exemplar<'a>(
        &mut self,
        timestamp_ms: i64,
        value: f64,
        labels: impl IntoIterator<Item = (&'a [u8], &'a [u8])>,
    ) {
        debug_assert!(!self.series.is_empty(), "an exemplar without a series to add it to");
        let from = self.exemplar_labels.len();
        for (name, value) in labels {
            push_raw_label(&mut self.exemplar_labels, name, value);
        }
        let labels = from..self.exemplar_labels.len();
        self.exemplars.push(ExemplarEntry { labels, value, timestamp_ms });
    }

    /// Adds a row. Rows of one series that follow each other share its labels.
    pub fn push(&mut self, row: Row) {
        let same = self.series.last().is_some_and(|entry| match &entry.labels {
            Place::Shared(labels) => *labels == row.series,
            Place::Packed(_) => false,
        });
        if !same {
            self.begin_shared(row.series);
        }
        match row.value {
            SampleValue::Float(value) => self.push_float(row.timestamp_ms, row.start_timestamp_ms, value),
            SampleValue::Histogram(histogram) => {
                self.push_histogram(row.timestamp_ms, row.start_timestamp_ms, histogram);
            }
        }
    }

    fn labels_of<'a>(&'a self, entry: &'a Entry) -> &'a [u8] {
        match &entry.labels {
            Place::Packed(range) => self.packed.get(range.clone()).unwrap_or_default(),
            Place::Shared(labels) => labels.as_bytes(),
        }
    }

    /// The series in the order they were begun. One without samples and exemplars may be among them.
    pub fn series(&self) -> impl Iterator<Item = SeriesRef<'_>> {
        self.series.iter().enumerate().map(|(index, entry)| {
            let next = self.series.get(index + 1);
            let samples_to = next.map_or(self.samples.len(), |next| next.samples_from);
            let exemplars_to = next.map_or(self.exemplars.len(), |next| next.exemplars_from);
            SeriesRef {
                batch: self,
                entry,
                samples: self.samples.get(entry.samples_from..samples_to).unwrap_or_default(),
                exemplars: self.exemplars.get(entry.exemplars_from..exemplars_to).unwrap_or_default(),
            }
        })
    }

    /// Every sample with its own labels, for sinks that count no nanoseconds. Series whose labels are not valid are
    /// left out.
    pub fn rows(&self) -> impl Iterator<Item = Row> {
        self.series().flat_map(|series| {
            let labels = series.checked_labels().ok();
            let samples = labels.map(|labels| {
                series.samples().map(move |sample| Row {
                    series: labels.clone(),
                    timestamp_ms: sample.timestamp_ms,
                    start_timestamp_ms: sample.start_timestamp_ms,
                    value: match sample.value {
                        ValueRef::Float(value) => SampleValue::Float(value),
                        ValueRef::Histogram(histogram) => SampleValue::Histogram(Arc::clone(histogram)),
                    },
                })
            });
            samples.into_iter().flatten()
        })
    }
}

impl From<Vec<Row>> for Batch {
    fn from(rows: Vec<Row>) -> Self {
        rows.into_iter().collect()
    }
}

impl FromIterator<Row> for Batch {
    fn from_iter<T: IntoIterator<Item = Row>>(rows: T) -> Self {
        let mut batch = Self::new();
        batch.extend(rows);
        batch
    }
}

impl Extend<Row> for Batch {
    fn extend<T: IntoIterator<Item = Row>>(&mut self, rows: T) {
        for row in rows {
            self.push(row);
        }
    }
}

/// A series of a [`Batch`].
#[derive(Clone, Copy, Debug)]
pub struct SeriesRef<'a> {
    batch: &'a Batch,
    entry: &'a Entry,
    samples: &'a [Sample],
    exemplars: &'a [ExemplarEntry],
}

impl<'a> SeriesRef<'a> {
    /// The labels, packed as [`Labels::as_bytes`] does it, in the order sent and unchecked.
    pub fn packed_labels(&self) -> &'a [u8] {
        self.batch.labels_of(self.entry)
    }

    /// The labels in order and checked: shared with the writer where it had them so, else made anew.
    pub fn checked_labels(&self) -> Result<Labels, LabelProblem> {
        match &self.entry.labels {
            Place::Shared(labels) => Ok(labels.clone()),
            Place::Packed(_) => Labels::from_raw(self.packed_labels()),
        }
    }

    /// How many samples there are.
    pub fn len(&self) -> usize {
        self.samples.len()
    }

    /// Whether there are no samples; exemplars do not count.
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    /// The samples in the order sent.
    pub fn samples(&self) -> impl Iterator<Item = SampleRef<'a>> + use<'a> {
        let batch = self.batch;
        self.samples.iter().filter_map(move |sample| {
            let value = match sample.value {
                Value::Float(value) => ValueRef::Float(value),
                Value::Histogram(index) => ValueRef::Histogram(batch.histograms.get(index)?),
            };
            Some(SampleRef {
                timestamp_ms: sample.timestamp_ms,
                start_timestamp_ms: sample.start_timestamp_ms,
                value,
            })
        })
    }

    /// The exemplars in the order sent.
    pub fn exemplars(&self) -> impl Iterator<Item = Exemplar<'a>> + use<'a> {
        let batch = self.batch;
        self.exemplars.iter().map(move |exemplar| Exemplar {
            packed_labels: batch.exemplar_labels.get(exemplar.labels.clone()).unwrap_or_default(),
            value: exemplar.value,
            timestamp_ms: exemplar.timestamp_ms,
        })
    }
}

/// A borrowed sample.
#[derive(Clone, Copy, Debug)]
pub struct SampleRef<'a> {
    /// When it was measured, in milliseconds since the Unix epoch.
    pub timestamp_ms: i64,
    /// When its counter started counting, 0 where unknown.
    pub start_timestamp_ms: i64,
    /// What was measured.
    pub value: ValueRef<'a>,
}

/// A borrowed sample value.
#[derive(Clone, Copy, Debug)]
pub enum ValueRef<'a> {
    /// A float.
    Float(f64),
    /// A native histogram.
    Histogram(&'a Arc<Histogram>),
}

/// An exemplar: one observation with labels of its own, usually a trace id.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Exemplar<'a> {
    /// Its labels as [`Labels::as_bytes`] packs them, in the order sent and unchecked: see [`Labels::from_raw`].
    pub packed_labels: &'a [u8],
    /// The observed value.
    pub value: f64,
    /// When it was observed, in milliseconds since the Unix epoch.
    pub timestamp_ms: i64,
}

#[cfg(test)]
mod tests;
