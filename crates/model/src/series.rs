//! A series as the stores hand it out: labels, and columns of samples in time order.

use crate::{Histogram, Labels, Rollup, SampleValue};
use std::sync::Arc;

/// Samples of one series as columns, ascending in time, one sample per timestamp.
///
/// The columns have one length. `histograms`, `start_timestamps_ms` and `rollups` stay empty until the first sample needs
/// them, so that a series of floats, the common case, costs two vectors. Reuse one value for many series:
/// [`Samples::clear`] keeps the memory.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Samples {
    /// Milliseconds since the Unix epoch, strictly ascending.
    pub timestamps_ms: Vec<i64>,
    /// The value of a float sample; for a histogram sample a plain NaN that nobody may read.
    pub floats: Vec<f64>,
    /// Either empty (no histogram in the series) or as long as `timestamps_ms`, `Some` where the sample is one.
    pub histograms: Vec<Option<Arc<Histogram>>>,
    /// Either empty or as long as `timestamps_ms`: when the counter started counting, 0 where unknown.
    pub start_timestamps_ms: Vec<i64>,
    /// Either empty (all samples are as they were measured) or as long as `timestamps_ms`.
    pub rollups: Vec<Rollup>,
}

impl Samples {
    /// How many samples there are.
    pub fn len(&self) -> usize {
        self.timestamps_ms.len()
    }

    /// Whether there is no sample.
    pub fn is_empty(&self) -> bool {
        self.timestamps_ms.is_empty()
    }

    /// Forgets the samples and keeps the memory.
    pub fn clear(&mut self) {
        self.timestamps_ms.clear();
        self.floats.clear();
        self.histograms.clear();
        self.start_timestamps_ms.clear();
        self.rollups.clear();
    }

    /// Whether any sample is a histogram.
    pub fn has_histograms(&self) -> bool {
        !self.histograms.is_empty()
    }

    /// The histogram at `index`, if that sample is one.
    pub fn histogram(&self, index: usize) -> Option<&Arc<Histogram>> {
        self.histograms.get(index).and_then(Option::as_ref)
    }

    /// The start timestamp of the sample at `index`, 0 where unknown.
    pub fn start_timestamp_ms(&self, index: usize) -> i64 {
        self.start_timestamps_ms.get(index).copied().unwrap_or(0)
    }

    /// Adds a float sample; the caller keeps the time order.
    #[inline]
    pub fn push_float(&mut self, timestamp_ms: i64, value: f64) {
        self.timestamps_ms.push(timestamp_ms);
        self.floats.push(value);
        if !self.histograms.is_empty() {
            self.histograms.push(None);
        }
        if !self.start_timestamps_ms.is_empty() {
            self.start_timestamps_ms.push(0);
        }
        if !self.rollups.is_empty() {
            self.rollups.push(Rollup::default());
        }
    }

    /// Adds a histogram sample; the caller keeps the time order.
    pub fn push_histogram(&mut self, timestamp_ms: i64, histogram: Arc<Histogram>) {
        if self.histograms.is_empty() {
            self.histograms.resize(self.timestamps_ms.len(), None);
        }
        self.timestamps_ms.push(timestamp_ms);
        self.floats.push(f64::NAN);
        self.histograms.push(Some(histogram));
        if !self.start_timestamps_ms.is_empty() {
            self.start_timestamps_ms.push(0);
        }
        if !self.rollups.is_empty() {
            self.rollups.push(Rollup::default());
        }
    }

    /// Adds a sample of either kind; the caller keeps the time order.
    pub fn push(&mut self, timestamp_ms: i64, value: SampleValue) {
        match value {
            SampleValue::Float(value) => self.push_float(timestamp_ms, value),
            SampleValue::Histogram(histogram) => self.push_histogram(timestamp_ms, histogram),
        }
    }

    /// Sets the start timestamp of the sample pushed last.
    pub fn set_last_start_timestamp(&mut self, start_timestamp_ms: i64) {
        if start_timestamp_ms == 0 && self.start_timestamps_ms.is_empty() {
            return;
        }
        self.start_timestamps_ms.resize(self.timestamps_ms.len(), 0);
        if let Some(last) = self.start_timestamps_ms.last_mut() {
            *last = start_timestamp_ms;
        }
    }

    /// Says what the sample pushed last stands for.
    pub fn set_last_rollup(&mut self, rollup: Rollup) {
        self.rollups.resize(self.timestamps_ms.len(), Rollup::default());
        if let Some(last) = self.rollups.last_mut() {
            *last = rollup;
        }
    }

    /// The sample at `index`, if there is one.
    pub fn get(&self, index: usize) -> Option<(i64, SampleValue)> {
        let timestamp_ms = *self.timestamps_ms.get(index)?;
        let value = match self.histogram(index) {
            Some(histogram) => SampleValue::Histogram(Arc::clone(histogram)),
            None => SampleValue::Float(*self.floats.get(index)?),
        };
        Some((timestamp_ms, value))
    }

    /// The samples in time order.
    pub fn iter(&self) -> impl Iterator<Item = (i64, SampleValue)> + '_ {
        (0..self.len()).filter_map(|index| self.get(index))
    }
}

/// A series with its samples.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    /// What the series is.
    pub labels: Labels,
    /// What it measured.
    pub samples: Samples,
}
