//! Runs of samples from several places, made into one column in time order.

use std::ops::Range;
use std::sync::Arc;
use watchfire_model::{Histogram, Samples, TimeRange};

/// Collects samples from older to newer sources. Of two samples with one time the first collected stays.
#[derive(Debug)]
pub(crate) struct Gather<'a> {
    pub(crate) range: TimeRange,
    /// What of the range is left out all the same: in order, and apart from each other.
    hidden: Vec<TimeRange>,
    out: &'a mut Samples,
    /// Where runs in time order begin, but for the first.
    runs: Vec<usize>,
}

impl<'a> Gather<'a> {
    pub(crate) fn new(range: TimeRange, out: &'a mut Samples) -> Self {
        out.clear();
        Self { range, hidden: Vec::new(), out, runs: Vec::new() }
    }

    /// From now on leaves out what lies in these ranges, which are in order and apart from each other.
    pub(crate) fn hide(&mut self, hidden: Vec<TimeRange>) {
        self.hidden = hidden;
    }

    /// Whether a sample of this time is wanted.
    #[inline]
    pub(crate) fn shows(&self, timestamp_ms: i64) -> bool {
        self.range.contains(timestamp_ms) && !self.hidden.iter().any(|hidden| hidden.contains(timestamp_ms))
    }

    /// Says that this sample comes next.
    #[inline]
    fn note(&mut self, timestamp_ms: i64) {
        if self.out.timestamps_ms.last().is_some_and(|last| *last >= timestamp_ms) {
            self.runs.push(self.out.timestamps_ms.len());
        }
    }

    #[inline]
    pub(crate) fn float(&mut self, timestamp_ms: i64, value: f64, start_ms: i64) {
        if self.shows(timestamp_ms) {
            self.note(timestamp_ms);
            self.out.push_float(timestamp_ms, value);
            self.out.set_last_start_timestamp(start_ms);
        }
    }

    pub(crate) fn histogram(&mut self, timestamp_ms: i64, histogram: Arc<Histogram>, start_ms: i64) {
        if self.shows(timestamp_ms) {
            self.note(timestamp_ms);
            self.out.push_histogram(timestamp_ms, histogram);
            self.out.set_last_start_timestamp(start_ms);
        }
    }

    /// Adds a run of floats without start timestamps that is in time order; the part of it inside the range is kept.
    pub(crate) fn floats(&mut self, timestamps_ms: &[i64], values: &[f64]) {
        let mut from_ms = self.range.start_ms;
        let mut next = 0;
        while let Some(hidden) = self.hidden.get(next).copied() {
            if hidden.start_ms > from_ms {
                let end_ms = self.range.end_ms.min(hidden.start_ms - 1);
                self.run(TimeRange::new(from_ms, end_ms), timestamps_ms, values);
            }
            let Some(after_ms) = hidden.end_ms.checked_add(1) else { return };
            from_ms = from_ms.max(after_ms);
            next += 1;
        }
        self.run(TimeRange::new(from_ms, self.range.end_ms), timestamps_ms, values);
    }

    fn run(&mut self, range: TimeRange, timestamps_ms: &[i64], values: &[f64]) {
        let from = timestamps_ms.partition_point(|at| *at < range.start_ms);
        let to = timestamps_ms.partition_point(|at| *at <= range.end_ms);
        let (Some(timestamps_ms), Some(values)) = (timestamps_ms.get(from..to), values.get(from..to)) else {
            return;
        };
        let Some(first) = timestamps_ms.first() else { return };
        self.note(*first);
        self.out.timestamps_ms.extend_from_slice(timestamps_ms);
        self.out.floats.extend_from_slice(values);
        self.fill_up();
    }

    /// Adds floats without start timestamps that are in time order, where nothing is hidden: `fill` appends those inside the
    /// range that it is given to the columns of times and values.
    pub(crate) fn plain_floats(&mut self, fill: impl FnOnce(TimeRange, &mut Vec<i64>, &mut Vec<f64>)) {
        debug_assert!(!self.hides(), "what is hidden would be added");
        let before = self.out.timestamps_ms.len();
        let newest = self.out.timestamps_ms.last().copied();
        fill(self.range, &mut self.out.timestamps_ms, &mut self.out.floats);
        let Some(first) = self.out.timestamps_ms.get(before) else { return };
        if newest.is_some_and(|newest| newest >= *first) {
            self.runs.push(before);
        }
        self.fill_up();
    }

    /// Whether anything inside the range is left out.
    pub(crate) fn hides(&self) -> bool {
        !self.hidden.is_empty()
    }

    /// As [`Gather::floats`] where nothing is hidden: values are taken for those timestamps only that are in the range.
    /// `take` appends the values at the places it is given; `None` when it cannot, then nothing was added.
    pub(crate) fn floats_by(
        &mut self,
        timestamps_ms: &[i64],
        take: impl FnOnce(Range<usize>, &mut Vec<f64>) -> Option<()>,
    ) -> Option<()> {
        let from = timestamps_ms.partition_point(|at| *at < self.range.start_ms);
        let to = timestamps_ms.partition_point(|at| *at <= self.range.end_ms);
        let Some(inside) = timestamps_ms.get(from..to) else { return Some(()) };
        let Some(first) = inside.first() else { return Some(()) };
        let before = self.out.floats.len();
        let taken = take(from..to, &mut self.out.floats);
        if taken.is_none() || self.out.floats.len() != before + inside.len() {
            self.out.floats.truncate(before);
            return None;
        }
        self.note(*first);
        self.out.timestamps_ms.extend_from_slice(inside);
        self.fill_up();
        Some(())
    }

    /// Makes the other columns as long as those of times.
    fn fill_up(&mut self) {
        let len = self.out.timestamps_ms.len();
        if !self.out.histograms.is_empty() {
            self.out.histograms.resize(len, None);
        }
        if !self.out.start_timestamps_ms.is_empty() {
            self.out.start_timestamps_ms.resize(len, 0);
        }
    }

    /// Puts the samples in order, one for each time. Returns how many were dropped although they were another value
    /// than the one that stays.
    pub(crate) fn finish(self) -> u64 {
        let Self { out, runs, .. } = self;
        let (mut conflicts, mut gone) = (0, 0);
        for (place, begin) in runs.iter().enumerate() {
            let end = runs.get(place + 1).map_or(out.len() + gone, |next| *next);
            let (begin, end) = (begin - gone, end - gone);
            let Some(repeated) = repeated(&out.timestamps_ms, begin..end) else {
                return conflicts + sort(out);
            };
            let differs = |offset: &usize| !same_value(out, begin + offset, repeated.start + offset);
            conflicts += (0..repeated.len()).filter(differs).count() as u64;
            forget(out, begin..begin + repeated.len());
            gone += repeated.len();
        }
        conflicts
    }
}

/// What of the times before `run` its first ones are the same as, where what is left of the two follows one on the
/// other: as when the log gives back what was in a part already. All before the run is in order, and so is the run.
fn repeated(timestamps_ms: &[i64], run: Range<usize>) -> Option<Range<usize>> {
    let (before, run) = (timestamps_ms.get(..run.start)?, timestamps_ms.get(run)?);
    let first = run.first()?;
    let from = before.partition_point(|at| at < first);
    let len = run.len().min(before.len() - from);
    (before.get(from..from + len)? == run.get(..len)?).then_some(from..from + len)
}

/// Takes samples out.
fn forget(samples: &mut Samples, places: Range<usize>) {
    fn cut<T>(column: &mut Vec<T>, places: &Range<usize>) {
        if !column.is_empty() {
            column.drain(places.clone());
        }
    }
    cut(&mut samples.timestamps_ms, &places);
    cut(&mut samples.floats, &places);
    cut(&mut samples.histograms, &places);
    cut(&mut samples.start_timestamps_ms, &places);
}

/// Puts samples in order; of equal times the first stays. Returns how many of the others had another value.
fn sort(out: &mut Samples) -> u64 {
    let mut order: Vec<usize> = (0..out.len()).collect();
    // Stable: of equal times the first collected stays first.
    order.sort_by_key(|index| out.timestamps_ms.get(*index).copied());
    let mut conflicts = 0;
    order.dedup_by(|later, first| {
        let same_time = out.timestamps_ms.get(*later) == out.timestamps_ms.get(*first);
        conflicts += u64::from(same_time && !same_value(out, *later, *first));
        same_time
    });
    fn pick<T: Clone>(column: &[T], order: &[usize]) -> Vec<T> {
        order.iter().filter_map(|index| column.get(*index).cloned()).collect()
    }
    out.timestamps_ms = pick(&out.timestamps_ms, &order);
    out.floats = pick(&out.floats, &order);
    out.histograms = pick(&out.histograms, &order);
    out.start_timestamps_ms = pick(&out.start_timestamps_ms, &order);
    conflicts
}

/// Whether two samples are the same to the last bit; the floats beside histograms mean nothing.
fn same_value(samples: &Samples, left: usize, right: usize) -> bool {
    match (samples.histogram(left), samples.histogram(right)) {
        (Some(left), Some(right)) => left == right,
        (None, None) => {
            let bits = |index: usize| samples.floats.get(index).map(|value| value.to_bits());
            bits(left) == bits(right)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests;
