//! Answers out of tiers and samples.

use super::choose::{self, Run};
use super::set::Column;
use crate::masks::Masks;
use crate::read::reader::Batch;
use crate::read::selection::Selection;
use crate::store::{ReadError, Store};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use watchfire_model::{Coarse, Digest, Labels, Matcher, Rollup, SampleValue, Samples, TimeRange};

/// The series that satisfy a query, in label order, each once; up to the seam as windows of samples, after it the
/// samples themselves. What a window is made into depends on the [`Digest`] asked for.
pub struct Downsampled {
    digest: Digest,
    runs: Vec<RunSeries>,
    /// Samples beside windows.
    raw: Option<Peeked>,
    /// Samples alone.
    whole: Option<Selection>,
    coarse: Vec<Coarse>,
    unreadable: Vec<String>,
}

impl fmt::Debug for Downsampled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Downsampled").field("coarse", &self.coarse).finish_non_exhaustive()
    }
}

/// What [`Downsampled::split`] gives.
#[derive(Debug)]
pub enum Split {
    /// There are no more series.
    End,
    /// The next of them.
    Batch(Box<Batch>),
    /// Where windows are read, series come one after the other only.
    Inseparable,
}

/// Series of one column, of which the next one is read already.
struct Peeked {
    selection: Selection,
    labels: Option<Labels>,
    samples: Samples,
}

impl Peeked {
    fn new(selection: Selection) -> Result<Self, ReadError> {
        let mut column = Self { selection, labels: None, samples: Samples::default() };
        column.advance()?;
        Ok(column)
    }

    fn advance(&mut self) -> Result<(), ReadError> {
        self.labels = self.selection.next(&mut self.samples)?;
        Ok(())
    }

    fn is_at(&self, labels: &Labels) -> bool {
        self.labels.as_ref() == Some(labels)
    }
}

/// The columns of some days that a digest needs, in the order of [`columns_of`].
struct RunSeries {
    columns: Vec<Peeked>,
}

const fn columns_of(digest: Digest) -> &'static [Column] {
    match digest {
        Digest::Edges => &[Column::Last, Column::First, Column::Count, Column::Lost],
        Digest::Totals => &[Column::Sum, Column::Count],
        Digest::Smallest => &[Column::Min],
        Digest::Largest => &[Column::Max],
        Digest::Spread => &[Column::Sum, Column::Count, Column::Min, Column::Max],
    }
}

impl Store {
    /// The series that satisfy all matchers and have samples in the range, in label order, with what is left of them:
    /// samples where those are kept, else windows, of one more on either side than the range holds.
    pub fn select_digest(
        &self,
        matchers: &[Matcher],
        range: TimeRange,
        digest: Digest,
    ) -> Result<Downsampled, ReadError> {
        let core = &self.core;
        loop {
            let seam_ms = core.tiers.seam_ms();
            let levels = core.tiers.levels();
            let coarsest_ms = levels.iter().map(|level| level.options.resolution_ms).max().unwrap_or(1);
            let mut wide = range;
            if range.start_ms <= seam_ms {
                let before = range.start_ms.saturating_sub(1).div_euclid(coarsest_ms).saturating_sub(1);
                wide.start_ms = before.saturating_mul(coarsest_ms).saturating_add(1);
            }
            let runs = choose::runs(&levels, seam_ms, wide);
            let raw = match runs.last() {
                None => Some(range),
                Some(_) if range.end_ms <= seam_ms => None,
                Some(_) => Some(TimeRange::new(range.start_ms.max(seam_ms.saturating_add(1)), range.end_ms)),
            };
            let raw = raw.map(|range| self.select(matchers, range)).transpose()?;
            if core.tiers.seam_ms() != seam_ms {
                // Samples may have gone before they were looked for.
                continue;
            }
            if !runs.is_empty() {
                core.tiers.counters.selections.fetch_add(1, Ordering::Relaxed);
            }
            let coarse = runs.iter().map(Run::coarse).collect();
            let mut series = Vec::with_capacity(runs.len());
            for run in &runs {
                let masks = core.tier_masks(wide, run.resolution_ms);
                series.push(RunSeries::new(run, matchers, wide, digest, masks)?);
            }
            let (raw, whole) = if runs.is_empty() { (None, raw) } else { (raw, None) };
            let raw = raw.map(Peeked::new).transpose()?;
            let unreadable = if range.start_ms <= seam_ms { core.tiers.unreadable() } else { Vec::new() };
            return Ok(Downsampled { digest, runs: series, raw, whole, coarse, unreadable });
        }
    }
}

impl RunSeries {
    fn new(
        run: &Run,
        matchers: &[Matcher],
        wide: TimeRange,
        digest: Digest,
        masks: Option<Arc<Masks>>,
    ) -> Result<Self, ReadError> {
        let whole = run.range();
        let resolution_ms = run.resolution_ms;
        // Whole windows: both ends are multiples of the resolution already, but for the query's own.
        let end = wide.end_ms.saturating_sub(1).div_euclid(resolution_ms).saturating_add(1);
        let range = TimeRange::new(
            whole.start_ms.max(wide.start_ms),
            whole.end_ms.min(end.saturating_mul(resolution_ms)),
        );
        let column = |column: &Column| {
            Peeked::new(
                Selection::from_parts_cached(&run.parts(*column), matchers, range).masked(masks.clone()),
            )
        };
        Ok(Self { columns: columns_of(digest).iter().map(column).collect::<Result<_, _>>()? })
    }

    /// Adds what this run has of a series, and moves on.
    fn take(&mut self, labels: &Labels, digest: Digest, out: &mut Samples) -> Result<(), ReadError> {
        let none = Samples::default();
        let column = |place: usize| {
            self.columns.get(place).filter(|one| one.is_at(labels)).map_or(&none, |one| &one.samples)
        };
        match digest {
            Digest::Edges => edges([column(0), column(1), column(2), column(3)], out),
            Digest::Totals => totals(column(0), column(1), out),
            Digest::Smallest | Digest::Largest => single(column(0), out),
            Digest::Spread => spread([column(0), column(1), column(2), column(3)], out),
        }
        for column in self.columns.iter_mut().filter(|one| one.is_at(labels)) {
            column.advance()?;
        }
        Ok(())
    }
}

impl Downsampled {
    /// The stretches of time for which there are windows, in order; the last ends where samples begin.
    pub fn coarse(&self) -> &[Coarse] {
        &self.coarse
    }

    /// Moves to the next series: replaces what is in `samples` and returns the labels; `None` at the end.
    pub fn next(&mut self, samples: &mut Samples) -> Result<Option<Labels>, ReadError> {
        if let Some(whole) = &mut self.whole {
            return whole.next(samples);
        }
        loop {
            samples.clear();
            let columns = self.runs.iter().flat_map(|run| run.columns.iter()).chain(&self.raw);
            let Some(labels) = columns.filter_map(|column| column.labels.as_ref()).min().cloned() else {
                return Ok(None);
            };
            for run in &mut self.runs {
                run.take(&labels, self.digest, samples)?;
            }
            if let Some(raw) = self.raw.as_mut().filter(|raw| raw.is_at(&labels)) {
                if samples.is_empty() {
                    std::mem::swap(samples, &mut raw.samples);
                } else {
                    append(samples, &raw.samples);
                }
                raw.advance()?;
            }
            if !samples.is_empty() {
                return Ok(Some(labels));
            }
        }
    }

    /// Takes the next series out of this selection, `max` at most, so that they can be read on another thread.
    pub fn split(&mut self, max: usize) -> Split {
        match &mut self.whole {
            None => Split::Inseparable,
            Some(whole) => whole.split(max).map_or(Split::End, |batch| Split::Batch(Box::new(batch))),
        }
    }

    /// No more series than this are to come.
    pub fn most(&self) -> usize {
        self.whole.as_ref().map_or(usize::MAX, Selection::most)
    }

    /// What was left out because it is damaged, with its place. Complete at the end.
    pub fn warnings(&self) -> Vec<String> {
        let columns = self.runs.iter().flat_map(|run| run.columns.iter()).chain(&self.raw);
        let selections = columns.map(|column| &column.selection).chain(&self.whole);
        let mut warnings: Vec<String> =
            selections.flat_map(Selection::warnings).chain(&self.unreadable).cloned().collect();
        warnings.dedup();
        warnings
    }
}

/// Adds samples as they were measured.
fn append(out: &mut Samples, raw: &Samples) {
    if raw.has_histograms() || !raw.start_timestamps_ms.is_empty() || out.has_histograms() {
        for (index, (at_ms, value)) in raw.iter().enumerate() {
            out.push(at_ms, value);
            out.set_last_start_timestamp(raw.start_timestamp_ms(index));
        }
        return;
    }
    out.timestamps_ms.extend_from_slice(&raw.timestamps_ms);
    out.floats.extend_from_slice(&raw.floats);
    let len = out.timestamps_ms.len();
    if !out.start_timestamps_ms.is_empty() {
        out.start_timestamps_ms.resize(len, 0);
    }
    if !out.rollups.is_empty() {
        out.rollups.resize(len, Rollup::default());
    }
}

fn push(out: &mut Samples, from: &Samples, index: usize, rollup: Rollup) {
    let Some((at_ms, value)) = from.get(index) else { return };
    out.push(at_ms, value);
    out.set_last_start_timestamp(from.start_timestamp_ms(index));
    out.set_last_rollup(rollup);
}

/// Walks through a column beside another one.
struct Beside<'a> {
    samples: &'a Samples,
    place: usize,
}

impl<'a> Beside<'a> {
    const fn new(samples: &'a Samples) -> Self {
        Self { samples, place: 0 }
    }

    /// The value at this time; times must ascend.
    fn at(&mut self, at_ms: i64) -> Option<SampleValue> {
        let times = &self.samples.timestamps_ms;
        while times.get(self.place).is_some_and(|at| *at < at_ms) {
            self.place += 1;
        }
        self.samples.get(self.place).filter(|(at, _)| *at == at_ms).map(|(_, value)| value)
    }

    fn float_at(&mut self, at_ms: i64) -> Option<f64> {
        match self.at(at_ms)? {
            SampleValue::Float(value) => Some(value),
            SampleValue::Histogram(_) => None,
        }
    }
}

/// A count as a weight.
fn weight(count: Option<f64>) -> u32 {
    count.map_or(1, |count| count as u32)
}

fn edges([last, first, count, lost]: [&Samples; 4], out: &mut Samples) {
    let (mut counts, mut losses) = (Beside::new(count), Beside::new(lost));
    let (mut in_first, mut in_last) = (0, 0);
    loop {
        let next = (first.timestamps_ms.get(in_first), last.timestamps_ms.get(in_last));
        let last_ms = match next {
            (None, None) => return,
            (Some(first_ms), last_ms) if last_ms.is_none_or(|last_ms| first_ms < last_ms) => {
                push(out, first, in_first, Rollup::default());
                in_first += 1;
                continue;
            }
            (Some(first_ms), Some(last_ms)) if first_ms == last_ms => {
                push(out, last, in_last, Rollup::default());
                in_first += 1;
                in_last += 1;
                continue;
            }
            (_, Some(last_ms)) => *last_ms,
            (Some(_), None) => return,
        };
        // The first sample stands by itself already.
        let mut rollup =
            Rollup { weight: weight(counts.float_at(last_ms)).saturating_sub(1).max(1), ..Rollup::default() };
        match losses.at(last_ms) {
            Some(SampleValue::Float(lost)) => rollup.lost = lost,
            Some(SampleValue::Histogram(lost)) => rollup.lost_histogram = Some(lost),
            None => {}
        }
        push(out, last, in_last, rollup);
        in_last += 1;
    }
}

fn totals(sum: &Samples, count: &Samples, out: &mut Samples) {
    let mut counts = Beside::new(count);
    for (index, at_ms) in sum.timestamps_ms.iter().enumerate() {
        let weight = weight(counts.float_at(*at_ms));
        push(out, sum, index, Rollup { weight, ..Rollup::default() });
    }
}

fn single(column: &Samples, out: &mut Samples) {
    for index in 0..column.len() {
        push(out, column, index, Rollup::default());
    }
}

/// The smallest, the mean of what is neither, and the largest, at the last milliseconds of the window.
fn spread([sum, count, min, max]: [&Samples; 4], out: &mut Samples) {
    let (mut counts, mut mins, mut maxs) = (Beside::new(count), Beside::new(min), Beside::new(max));
    for (at_ms, value) in sum.iter() {
        let SampleValue::Float(sum) = value else {
            // Seen, so that there is a remark that histograms are passed over.
            out.push(at_ms, value);
            out.set_last_rollup(Rollup::default());
            continue;
        };
        let (Some(min), Some(max)) = (mins.float_at(at_ms), maxs.float_at(at_ms)) else { continue };
        let count = weight(counts.float_at(at_ms));
        let mut put = |before_ms: i64, value: f64, weight: u32| {
            out.push_float(at_ms.saturating_sub(before_ms), value);
            out.set_last_rollup(Rollup { weight, ..Rollup::default() });
        };
        if count > 1 {
            put(2, min, 1);
        }
        if count > 2 {
            let mean = (sum - min - max) / f64::from(count - 2);
            put(1, if mean.is_nan() { mean } else { mean.clamp(min.min(max), max.max(min)) }, count - 2);
        }
        put(0, max, 1);
    }
}
