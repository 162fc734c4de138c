//! Instant selectors: of each series the newest sample that is not older than the lookback.

use super::column::{Operator, Point, SeriesKey, StepVector};
use super::context::{Context, Steps};
use super::grid::{self, Grid, Inexact};
use super::queried::{self, Scope};
use super::times::Reference;
use super::usage::SAMPLE_BYTES;
use super::{QueryError, smoothed};
use crate::ast::{RangeExtension, Span};
use crate::source::{SelectHints, SeriesStream};
use std::borrow::Cow;
use std::sync::Arc;
use watchfire_model::histogram::ResetHint;
use watchfire_model::{Histogram, Matcher, Samples, TimeRange, is_stale};

/// What of the sample is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Aspect {
    Value,
    /// Its timestamp in seconds, for `timestamp()`.
    Timestamp,
    /// Its start timestamp in seconds, for `start_timestamp()`.
    StartTimestamp,
}

/// Series of the source, opened when they are first asked for.
pub(crate) struct SourceSeries<'a> {
    matchers: Cow<'a, [Matcher]>,
    hints: SelectHints,
    /// How far before and after the times looked at samples are wanted.
    before_ms: i64,
    after_ms: i64,
    stream: Option<Box<dyn SeriesStream + 'a>>,
    /// Where the stream hands out windows.
    pub(crate) grid: Grid,
    finished: bool,
    held: usize,
}

impl<'a> SourceSeries<'a> {
    pub(crate) const fn new(
        matchers: Cow<'a, [Matcher]>,
        hints: SelectHints,
        before_ms: i64,
        after_ms: i64,
    ) -> Self {
        Self {
            matchers,
            hints,
            before_ms,
            after_ms,
            stream: None,
            grid: Grid::none(),
            finished: false,
            held: 0,
        }
    }

    /// Series of a stream that was opened already.
    pub(crate) fn of(stream: Box<dyn SeriesStream + 'a>, function: &'static str) -> Self {
        let hints = SelectHints { function, ..SelectHints::default() };
        Self { stream: Some(stream), ..Self::new(Cow::Borrowed(&[]), hints, 0, 0) }
    }

    /// Asks the source, if that was not done yet.
    pub(crate) fn open(
        &mut self,
        cx: &mut Context<'a>,
        first_ms: i64,
        last_ms: i64,
    ) -> Result<(), QueryError> {
        if self.stream.is_none() {
            // Ranges are open on the left.
            let start_ms = first_ms.saturating_sub(self.before_ms).saturating_add(1);
            let range = TimeRange::new(start_ms, last_ms.saturating_add(self.after_ms));
            let stream = cx.source.select(&self.matchers, range, &self.hints)?;
            self.grid = Grid::new(stream.coarse());
            self.stream = Some(stream);
        }
        Ok(())
    }

    /// No more series than this are to come, see [`SeriesStream::most`].
    pub(crate) fn most(&self) -> usize {
        self.stream.as_ref().filter(|_| self.grid.is_empty()).map_or(usize::MAX, |stream| stream.most())
    }

    pub(crate) fn into_stream(self) -> Option<Box<dyn SeriesStream + 'a>> {
        self.stream
    }

    /// The function that asks, such as `rate`, or an empty string.
    pub(crate) const fn function(&self) -> &'static str {
        self.hints.function
    }

    /// The next series' labels and all its samples that any step can need.
    pub(crate) fn next(
        &mut self,
        cx: &mut Context<'a>,
        first_ms: i64,
        last_ms: i64,
        samples: &mut Samples,
    ) -> Result<Option<SeriesKey>, QueryError> {
        if self.finished {
            return Ok(None);
        }
        self.open(cx, first_ms, last_ms)?;
        cx.release(self.held);
        self.held = 0;
        let Some(stream) = &mut self.stream else { return Ok(None) };
        let Some(labels) = stream.next(samples)? else {
            for warning in stream.warnings() {
                cx.notes.source_warning(warning);
            }
            self.finished = true;
            self.stream = None;
            return Ok(None);
        };
        if !samples.rollups.is_empty() {
            cx.read_coarse(self.grid.stretches());
        }
        self.held = samples.len() + beyond_samples(&samples.histograms);
        cx.read(samples.len());
        cx.worked(samples.len())?;
        cx.hold(self.held)?;
        Ok(Some(SeriesKey::new(labels)))
    }
}

/// The operator of `metric{…}`.
pub(crate) struct InstantSelector<'a> {
    pub(crate) series: SourceSeries<'a>,
    pub(crate) span: &'a Span,
    pub(crate) steps: Steps,
    pub(crate) reference: Reference,
    pub(crate) aspect: Aspect,
    pub(crate) extension: Option<RangeExtension>,
    pub(crate) samples: Samples,
    /// Only count and sum of histograms matter: see [`hint_resets`].
    pub(crate) detect_resets: bool,
    pub(crate) scope: Scope,
}

impl<'a> Operator<'a> for InstantSelector<'a> {
    fn next(&mut self, cx: &mut Context<'a>, out: &mut StepVector) -> Result<Option<SeriesKey>, QueryError> {
        let first_ms = self.reference.apply(self.steps.start_ms);
        let last_ms = self.reference.apply(self.steps.end_ms());
        loop {
            let Some(key) = self.series.next(cx, first_ms, last_ms, &mut self.samples)? else {
                return Ok(None);
            };
            if self.detect_resets {
                hint_resets(&mut self.samples);
            }
            out.reset(self.steps.count);
            if self.aspect == Aspect::Value && self.extension == Some(RangeExtension::Smoothed) {
                smoothed::interpolate_steps(cx, self, &key, out);
            } else {
                self.look_back(cx.lookback_ms, self.aspect, out);
            }
            if !self.series.grid.is_empty() {
                self.remark_between(cx, out);
            }
            let looked_at = (0..out.len()).filter_map(|step| match out.get(step)? {
                Point::Histogram(histogram) => Some((step, queried::weight(histogram))),
                Point::Float(_) => Some((step, 1)),
            });
            cx.queried.instants(self.scope, looked_at);
            if out.any_present() {
                return Ok(Some(key));
            }
        }
    }
}

impl InstantSelector<'_> {
    /// Remarks where a step that has a value looks into the midst of a window.
    fn remark_between(&self, cx: &mut Context<'_>, out: &StepVector) {
        let grid = &self.series.grid;
        let between =
            |(step, time_ms)| out.is_present(step) && grid.is_between(self.reference.apply(time_ms));
        if self.steps.times().enumerate().any(between) {
            grid::remark(cx, self.span, self.series.function(), Inexact::Between, grid);
        }
    }

    /// As [`InstantSelector::look_back`] of floats that are far apart: each fills the steps up to the next.
    fn fill_steps(&self, lookback_ms: i64, out: &mut StepVector) {
        let (samples, steps) = (&self.samples, self.steps);
        let first_ms = self.reference.apply(steps.start_ms);
        // The first step that looks at this time or a later one.
        let step_at = |time_ms: i64| {
            let ahead_ms = time_ms.saturating_sub(first_ms).max(0).unsigned_abs();
            let interval_ms = steps.interval_ms.max(1).unsigned_abs();
            usize::try_from(ahead_ms.div_ceil(interval_ms)).unwrap_or(usize::MAX).min(steps.count)
        };
        let ends = samples.timestamps_ms.iter().skip(1).copied().chain([i64::MAX]);
        let mut begin = None;
        for ((sample_ms, value), next_ms) in samples.timestamps_ms.iter().zip(&samples.floats).zip(ends) {
            let from = begin.unwrap_or_else(|| step_at(*sample_ms));
            let gone_ms = sample_ms.saturating_add(lookback_ms);
            let to = step_at(next_ms.min(gone_ms));
            begin = (next_ms <= gone_ms).then_some(to);
            if is_stale(*value) {
                continue;
            }
            if let (Some(values), Some(present)) =
                (out.values.get_mut(from..to), out.present.get_mut(from..to))
            {
                values.fill(*value);
                present.fill(true);
            }
        }
    }

    /// Fills `out` from the series read last.
    pub(crate) fn look_back(&self, lookback_ms: i64, aspect: Aspect, out: &mut StepVector) {
        let samples = &self.samples;
        let times = samples.timestamps_ms.as_slice();
        // Index just behind the newest sample not after the step; it only ever moves forward.
        let mut behind = 0;
        let has_histograms = samples.has_histograms();
        let plain = aspect == Aspect::Value && !has_histograms && samples.rollups.is_empty();
        if plain && self.reference.at_ms.is_none() && times.len() < self.steps.count / 4 {
            self.fill_steps(lookback_ms, out);
            return;
        }
        for (step, time_ms) in self.steps.times().enumerate() {
            let looked_at = self.reference.apply(time_ms);
            while times.get(behind).is_some_and(|time| *time <= looked_at) {
                behind += 1;
            }
            let Some(index) = behind.checked_sub(1) else { continue };
            let (Some(sample_ms), Some(value)) = (times.get(index), samples.floats.get(index)) else {
                continue;
            };
            if looked_at.saturating_sub(*sample_ms) >= lookback_ms && !bridged(samples, index) {
                continue;
            }
            let histogram = if has_histograms { samples.histogram(index) } else { None };
            if histogram.map_or_else(|| is_stale(*value), |histogram| is_stale(histogram.sum)) {
                continue;
            }
            match aspect {
                Aspect::Value => match histogram {
                    Some(histogram) => out.set_histogram(step, Arc::clone(histogram)),
                    None => out.set_float(step, *value),
                },
                Aspect::Timestamp => out.set_float(step, *sample_ms as f64 / 1_000.0),
                Aspect::StartTimestamp => {
                    let start_ms = samples.start_timestamps_ms.get(index).copied().unwrap_or(0);
                    if start_ms != 0 {
                        out.set_float(step, start_ms as f64 / 1_000.0);
                    }
                }
            }
        }
    }
}

/// How many samples of their size histograms are more than their number.
pub(crate) fn beyond_samples(histograms: &[Option<Arc<Histogram>>]) -> usize {
    histograms.iter().flatten().map(|histogram| histogram.memory_bytes() / SAMPLE_BYTES).sum()
}

/// Whether there were samples between this one and the next that are not kept, so that the series did not end here.
fn bridged(samples: &Samples, index: usize) -> bool {
    samples.rollups.get(index + 1).is_some_and(|next| next.weight > 1)
}

/// Finds counter resets between all histograms of a series and says so in their hints.
///
/// Prometheus reads only count and sum of histograms where a query needs no buckets, and finds resets while it reads.
/// That decides about remarks on conflicting hints, so the same is done here.
pub(crate) fn hint_resets(samples: &mut Samples) {
    let mut before: Option<Arc<Histogram>> = None;
    for (index, slot) in samples.histograms.iter_mut().enumerate() {
        let Some(slot) = slot else { continue };
        if is_stale(slot.sum) {
            before = None;
            continue;
        }
        let original = Arc::clone(slot);
        // What lies between the ends of a window is known already, see `Rollup::lost_histogram`.
        let adjacent = samples.rollups.get(index).is_none_or(|rollup| rollup.weight == 1);
        let unknown = adjacent && slot.reset_hint == ResetHint::Unknown;
        if let Some(before) = before.as_ref().filter(|_| unknown) {
            let hint = if slot.detect_reset(before) { ResetHint::Reset } else { ResetHint::NoReset };
            *slot = Arc::new(Histogram::clone(slot).with_hint(hint));
        }
        before = Some(original);
    }
}
