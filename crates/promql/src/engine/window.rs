//! Range functions: a window slides over the samples of one series, its two ends moving only forward.

use super::QueryError;
use super::column::{BoxOperator, Operator, Point, SeriesKey, StepVector};
use super::context::{Context, Steps};
use super::crew::{Make, PerSeries};
use super::grid::{self, Grid, Inexact};
use super::queried::Scope;
use super::scalar::{Scalar, ScalarColumn};
use super::selector::{SourceSeries, hint_resets};
use super::times::Reference;
use crate::ast::{RangeExtension, Span};
use std::sync::Arc;
use watchfire_model::histogram::ResetHint;
use watchfire_model::{Histogram, Rollup, SampleValue, Samples, is_stale};

/// The float samples and the histogram samples of one series, apart, without stale markers.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Columns<'a> {
    pub(crate) times: &'a [i64],
    pub(crate) values: &'a [f64],
    /// Empty, or as long as `times`.
    pub(crate) starts: &'a [i64],
    pub(crate) histogram_times: &'a [i64],
    pub(crate) histograms: &'a [Arc<Histogram>],
    /// Empty, or as long as `histogram_times`.
    pub(crate) histogram_starts: &'a [i64],
    /// What the floats stand for: empty where only for themselves, or as long as `times`.
    pub(crate) rollups: &'a [Rollup],
    /// Empty, or as long as `histogram_times`.
    pub(crate) histogram_rollups: &'a [Rollup],
}

/// The sample at this place as one of a column that may be empty: what it stands for, if more than itself.
pub(crate) fn beyond_itself(rollups: &[Rollup], place: usize) -> Option<&Rollup> {
    rollups.get(place).filter(|rollup| rollup.weight > 1)
}

/// How many samples as they were measured stand behind this many.
pub(crate) fn total_weight(rollups: &[Rollup], len: usize) -> u64 {
    if rollups.is_empty() { len as u64 } else { rollups.iter().map(|rollup| u64::from(rollup.weight)).sum() }
}

impl<'a> Columns<'a> {
    /// Those samples whose places are in the two ranges.
    #[inline]
    pub(crate) fn slice(&self, floats: (usize, usize), histograms: (usize, usize)) -> Self {
        #[inline]
        fn part<T>(column: &[T], range: (usize, usize)) -> &[T] {
            column.get(range.0..range.1).unwrap_or(&[])
        }
        Self {
            times: part(self.times, floats),
            values: part(self.values, floats),
            starts: part(self.starts, floats),
            histogram_times: part(self.histogram_times, histograms),
            histograms: part(self.histograms, histograms),
            histogram_starts: part(self.histogram_starts, histograms),
            rollups: part(self.rollups, floats),
            histogram_rollups: part(self.histogram_rollups, histograms),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.times.len() + self.histogram_times.len()
    }

    /// How many samples as they were measured stand behind these.
    pub(crate) fn weight(&self) -> u64 {
        total_weight(self.rollups, self.times.len())
            + total_weight(self.histogram_rollups, self.histogram_times.len())
    }

    pub(crate) fn is_mixed(&self) -> bool {
        !self.times.is_empty() && !self.histogram_times.is_empty()
    }

    /// All samples in time order.
    pub(crate) fn merged(self) -> impl Iterator<Item = (i64, Point<'a>)> {
        let mut floats = self.times.iter().zip(self.values).peekable();
        let mut histograms = self.histogram_times.iter().zip(self.histograms).peekable();
        std::iter::from_fn(move || {
            let float_first = match (floats.peek(), histograms.peek()) {
                (Some((float, _)), Some((histogram, _))) => float < histogram,
                (Some(_), None) => true,
                _ => false,
            };
            if float_first {
                floats.next().map(|(time, value)| (*time, Point::Float(*value)))
            } else {
                histograms.next().map(|(time, histogram)| (*time, Point::Histogram(histogram)))
            }
        })
    }
}

/// What a range function sees at one step.
pub(crate) struct Window<'w> {
    /// The samples inside; with `anchored` and `smoothed` also those about the lookback outside.
    pub(crate) samples: Columns<'w>,
    /// Place of the first float in the whole series.
    pub(crate) first_float: usize,
    /// Place of the first histogram in the whole series.
    pub(crate) first_histogram: usize,
    /// The window is `(start_ms, end_ms]`.
    pub(crate) start_ms: i64,
    pub(crate) end_ms: i64,
    /// The evaluation time, before `@` and `offset`.
    pub(crate) time_ms: i64,
    /// The scalar arguments at this step.
    pub(crate) arguments: [f64; 2],
    /// The name for remarks.
    pub(crate) metric: &'w str,
    /// Where the range argument stands, for remarks.
    pub(crate) span: &'w Span,
}

impl Window<'_> {
    /// The length in seconds.
    pub(crate) fn seconds(&self) -> f64 {
        self.end_ms.saturating_sub(self.start_ms) as f64 / 1_000.0
    }
}

/// A function of a window.
pub(crate) trait RangeFunction {
    /// A new series begins; what can be prepared for all its windows, may be.
    fn begin(&mut self, _series: &Columns<'_>) {}

    /// The values at all steps of a series of floats that stand for themselves; false when this function has no quicker
    /// way than [`RangeFunction::evaluate`] step by step. The series has begun.
    fn slide(
        &mut self,
        _series: &Columns<'_>,
        _frame: Frame,
        _arguments: &[ScalarColumn],
        _out: &mut StepVector,
    ) -> bool {
        false
    }

    /// The value at one step, if there is one.
    fn evaluate(&mut self, window: &Window<'_>, cx: &mut Context<'_>) -> Option<SampleValue>;

    /// The series' values are complete.
    fn end(&mut self, _out: &StepVector, _metric: &str, _span: &Span, _cx: &mut Context<'_>) {}
}

/// Windows of one length, one at each step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    /// Where the first window ends.
    pub(crate) end_ms: i64,
    /// How far the next one ends behind it.
    pub(crate) interval_ms: i64,
    pub(crate) count: usize,
    pub(crate) range_ms: i64,
    /// By how much evaluation times are behind the ends of their windows.
    pub(crate) offset_ms: i64,
}

impl Frame {
    /// Calls `each` with every window that has samples: the step, its start and end, and which samples are inside.
    #[inline]
    pub(crate) fn slide(
        self,
        times: &[i64],
        mut each: impl FnMut(usize, (i64, i64), std::ops::Range<usize>),
    ) {
        let mut slide = Slide::default();
        let mut end_ms = self.end_ms;
        for step in 0..self.count {
            let start_ms = end_ms.saturating_sub(self.range_ms);
            let (first, behind) = slide.advance(times, start_ms, end_ms);
            if first == times.len() {
                return;
            }
            if first < behind {
                each(step, (start_ms, end_ms), first..behind);
            }
            end_ms = end_ms.saturating_add(self.interval_ms);
        }
    }
}

/// Where the samples of a range come from.
pub(crate) enum RangeInput<'a> {
    Selector { series: SourceSeries<'a>, detect_resets: bool },
    Subquery { inner: BoxOperator<'a>, steps: Steps, vector: StepVector },
}

impl<'a> RangeInput<'a> {
    /// The next series' samples; without stale markers.
    pub(crate) fn next(
        &mut self,
        cx: &mut Context<'a>,
        first_ms: i64,
        last_ms: i64,
        samples: &mut Samples,
    ) -> Result<Option<SeriesKey>, QueryError> {
        match self {
            Self::Selector { series, detect_resets } => {
                let key = series.next(cx, first_ms, last_ms, samples)?;
                drop_stale(samples);
                if *detect_resets {
                    hint_resets(samples);
                }
                Ok(key)
            }
            Self::Subquery { inner, steps, vector } => {
                if vector.len() == 0 {
                    // The column of all inner steps, and the samples made of it.
                    cx.hold(steps.count.saturating_mul(2))?;
                }
                let Some(key) = inner.next(cx, vector)? else { return Ok(None) };
                samples.clear();
                for (step, time_ms) in steps.times().enumerate() {
                    match vector.get(step) {
                        Some(Point::Float(value)) => samples.push_float(time_ms, value),
                        Some(Point::Histogram(histogram)) => {
                            samples.push_histogram(time_ms, unhinted(histogram))
                        }
                        None => {}
                    }
                }
                cx.worked(samples.len())?;
                Ok(Some(key))
            }
        }
    }
}

/// Hints speak of the sample just before, which a subquery may have passed over.
fn unhinted(histogram: &Arc<Histogram>) -> Arc<Histogram> {
    match histogram.reset_hint {
        ResetHint::Reset | ResetHint::NoReset => {
            Arc::new(Histogram::clone(histogram).with_hint(ResetHint::Unknown))
        }
        ResetHint::Unknown | ResetHint::Gauge => Arc::clone(histogram),
    }
}

fn drop_stale(samples: &mut Samples) {
    let stale_at = |samples: &Samples, index: usize| {
        samples.histogram(index).map_or_else(
            || samples.floats.get(index).is_some_and(|value| is_stale(*value)),
            |histogram| is_stale(histogram.sum),
        )
    };
    let any = samples.floats.iter().fold(false, |any, value| any | is_stale(*value));
    if !any && !samples.has_histograms() {
        return;
    }
    let keep: Vec<bool> = (0..samples.len()).map(|index| !stale_at(samples, index)).collect();
    if !keep.contains(&false) {
        return;
    }
    fn retain<T>(column: &mut Vec<T>, keep: &[bool]) {
        let mut keep = keep.iter();
        column.retain(|_| keep.next().copied().unwrap_or(true));
    }
    retain(&mut samples.timestamps_ms, &keep);
    retain(&mut samples.floats, &keep);
    retain(&mut samples.histograms, &keep);
    retain(&mut samples.start_timestamps_ms, &keep);
    retain(&mut samples.rollups, &keep);
}

/// The columns of a series that has histograms, split by kind. A series of floats needs none of this.
#[derive(Debug, Default)]
struct Split {
    times: Vec<i64>,
    values: Vec<f64>,
    starts: Vec<i64>,
    histogram_times: Vec<i64>,
    histograms: Vec<Arc<Histogram>>,
    histogram_starts: Vec<i64>,
    rollups: Vec<Rollup>,
    histogram_rollups: Vec<Rollup>,
}

impl Split {
    fn clear(&mut self) {
        self.times.clear();
        self.values.clear();
        self.starts.clear();
        self.histogram_times.clear();
        self.histograms.clear();
        self.histogram_starts.clear();
        self.rollups.clear();
        self.histogram_rollups.clear();
    }

    /// Fills columns that are empty.
    fn fill(&mut self, samples: &Samples) {
        let starts = (0..samples.len()).map(|index| samples.start_timestamps_ms.get(index).copied());
        let rows = samples.timestamps_ms.iter().zip(&samples.floats).zip(starts).enumerate();
        for (index, ((time, value), start)) in rows {
            match samples.histogram(index) {
                Some(histogram) => {
                    self.histogram_times.push(*time);
                    self.histograms.push(Arc::clone(histogram));
                    self.histogram_starts.extend(start);
                    self.histogram_rollups.extend(samples.rollups.get(index).cloned());
                }
                None => {
                    self.times.push(*time);
                    self.values.push(*value);
                    self.starts.extend(start);
                    self.rollups.extend(samples.rollups.get(index).cloned());
                }
            }
        }
    }

    fn columns(&self) -> Columns<'_> {
        Columns {
            times: &self.times,
            values: &self.values,
            starts: &self.starts,
            histogram_times: &self.histogram_times,
            histograms: &self.histograms,
            histogram_starts: &self.histogram_starts,
            rollups: &self.rollups,
            histogram_rollups: &self.histogram_rollups,
        }
    }
}

/// The operator of a range function.
pub(crate) struct RangeCall<'a> {
    pub(crate) input: RangeInput<'a>,
    pub(crate) function: Box<dyn RangeFunction + 'a>,
    pub(crate) keep_name: bool,
    pub(crate) steps: Steps,
    pub(crate) reference: Reference,
    pub(crate) range_ms: i64,
    pub(crate) extension: Option<RangeExtension>,
    pub(crate) scalars: Vec<Scalar<'a>>,
    pub(crate) span: &'a Span,
    scope: Scope,
    /// The function's name.
    name: &'static str,
    state: RangeState,
}

/// Buffers kept from one series to the next.
#[derive(Debug, Default)]
pub(crate) struct RangeState {
    samples: Samples,
    split: Split,
    arguments: Option<Arc<[ScalarColumn]>>,
}

/// Where a range function reads and how far it looks.
pub(crate) struct RangeSpec<'a> {
    pub(crate) input: RangeInput<'a>,
    pub(crate) steps: Steps,
    pub(crate) reference: Reference,
    pub(crate) range_ms: i64,
    pub(crate) extension: Option<RangeExtension>,
    pub(crate) span: &'a Span,
    pub(crate) scope: Scope,
}

/// Makes a range function, one for each thread.
pub(crate) trait MakeFunction<'a>: Fn() -> Box<dyn RangeFunction + 'a> + Send + Sync + 'a {}

impl<'a, F: Fn() -> Box<dyn RangeFunction + 'a> + Send + Sync + 'a> MakeFunction<'a> for F {}

impl<'a> RangeCall<'a> {
    /// The operator of a range function.
    pub(crate) fn plan(
        spec: RangeSpec<'a>,
        function: impl MakeFunction<'a>,
        name: &'static str,
        scalars: Vec<Scalar<'a>>,
    ) -> BoxOperator<'a> {
        let RangeSpec { input, steps, reference, range_ms, extension, span, scope } = spec;
        let (series, detect_resets) = match input {
            RangeInput::Selector { series, detect_resets } => (series, detect_resets),
            input @ RangeInput::Subquery { .. } => {
                let spec = RangeSpec { input, steps, reference, range_ms, extension, span, scope };
                return Box::new(Self::new(spec, function(), name, scalars, None));
            }
        };
        let make: Make<'a> = Arc::new(move |series, arguments| {
            let input = RangeInput::Selector { series, detect_resets };
            let spec = RangeSpec { input, steps, reference, range_ms, extension, span, scope };
            Box::new(Self::new(spec, function(), name, Vec::new(), Some(Arc::clone(arguments))))
        });
        let first_ms = reference.apply(steps.start_ms).saturating_sub(range_ms);
        let reach = (first_ms, reference.apply(steps.end_ms()));
        Box::new(PerSeries::new(series, reach, steps, scalars, make))
    }

    fn new(
        spec: RangeSpec<'a>,
        function: Box<dyn RangeFunction + 'a>,
        name: &'static str,
        scalars: Vec<Scalar<'a>>,
        arguments: Option<Arc<[ScalarColumn]>>,
    ) -> Self {
        Self {
            name,
            keep_name: matches!(name, "last_over_time" | "first_over_time"),
            input: spec.input,
            function,
            steps: spec.steps,
            reference: spec.reference,
            range_ms: spec.range_ms,
            extension: spec.extension,
            scalars,
            span: spec.span,
            scope: spec.scope,
            state: RangeState { arguments, ..RangeState::default() },
        }
    }
}

impl<'a> Operator<'a> for RangeCall<'a> {
    fn next(&mut self, cx: &mut Context<'a>, out: &mut StepVector) -> Result<Option<SeriesKey>, QueryError> {
        if self.state.arguments.is_none() {
            let columns = self
                .scalars
                .iter_mut()
                .map(|scalar| scalar.evaluate(cx, self.steps))
                .collect::<Result<_, _>>()?;
            self.state.arguments = Some(columns);
        }
        let first_ms = self.reference.apply(self.steps.start_ms).saturating_sub(self.range_ms);
        let last_ms = self.reference.apply(self.steps.end_ms());
        loop {
            // Who reads the next series may use the memory of histograms again that nobody else holds.
            self.state.split.clear();
            let Some(key) = self.input.next(cx, first_ms, last_ms, &mut self.state.samples)? else {
                return Ok(None);
            };
            let window = (self.reference, self.range_ms);
            let of_subquery = matches!(self.input, RangeInput::Subquery { .. });
            cx.queried.windows((self.scope, of_subquery), self.steps, window, &self.state.samples);
            self.slide(cx, &key, out)?;
            if out.any_present() {
                return Ok(Some(if self.keep_name { key } else { key.nameless() }));
            }
        }
    }
}

impl<'a> RangeCall<'a> {
    fn slide(
        &mut self,
        cx: &mut Context<'a>,
        key: &SeriesKey,
        out: &mut StepVector,
    ) -> Result<(), QueryError> {
        out.reset(self.steps.count);
        let RangeState { samples, split, arguments } = &mut self.state;
        let series = if samples.has_histograms() {
            split.fill(samples);
            split.columns()
        } else {
            Columns {
                times: &samples.timestamps_ms,
                values: &samples.floats,
                starts: &samples.start_timestamps_ms,
                rollups: &samples.rollups,
                ..Columns::default()
            }
        };
        let (before_ms, after_ms) = match self.extension {
            None => (0, 0),
            Some(RangeExtension::Anchored) => (cx.lookback_ms, 0),
            Some(RangeExtension::Smoothed) => (cx.lookback_ms, cx.lookback_ms),
        };
        let arguments = arguments.as_deref().unwrap_or(&[]);
        let metric = key.labels.metric_name();
        self.function.begin(&series);
        let (mut floats, mut histograms) = (Slide::default(), Slide::default());
        let none = Grid::none();
        let grid = match &self.input {
            RangeInput::Selector { series, .. } => &series.grid,
            RangeInput::Subquery { .. } => &none,
        };
        let plain = grid.is_empty()
            && self.extension.is_none()
            && self.reference.at_ms.is_none()
            && series.histogram_times.is_empty()
            && series.rollups.is_empty();
        if plain {
            let end_ms = self.reference.apply(self.steps.start_ms);
            let frame = Frame {
                end_ms,
                interval_ms: self.steps.interval_ms,
                count: self.steps.count,
                range_ms: self.range_ms,
                offset_ms: self.steps.start_ms.saturating_sub(end_ms),
            };
            if self.function.slide(&series, frame, arguments, out) {
                cx.worked(series.times.len().saturating_add(self.steps.count))?;
                self.function.end(out, metric, self.span, cx);
                return Ok(());
            }
        }
        // On the grid a later range might begin earlier, where windows become larger; the samples are gone by then.
        let mut earliest_ms = i64::MIN;
        let mut inexact = None;
        for (step, time_ms) in self.steps.times().enumerate() {
            let end_ms = self.reference.apply(time_ms);
            let asked_ms = end_ms.saturating_sub(self.range_ms);
            let snapped = grid.snap(asked_ms, end_ms);
            let (start_ms, end_ms) = (snapped.start_ms.max(earliest_ms), snapped.end_ms);
            earliest_ms = start_ms;
            let (open_ms, close_ms) = (start_ms.saturating_sub(before_ms), end_ms.saturating_add(after_ms));
            let float_range = floats.advance(series.times, open_ms, close_ms);
            let histogram_range = histograms.advance(series.histogram_times, open_ms, close_ms);
            let inside = series.slice(float_range, histogram_range);
            if inside.len() == 0 {
                continue;
            }
            let argument = |place: usize| arguments.get(place).map_or(0.0, |column| column.get(step));
            let window = Window {
                samples: inside,
                first_float: float_range.0,
                first_histogram: histogram_range.0,
                start_ms,
                end_ms,
                time_ms,
                arguments: [argument(0), argument(1)],
                metric,
                span: self.span,
            };
            cx.worked(inside.len() / 8)?;
            let Some(value) = self.function.evaluate(&window, cx) else { continue };
            let length_ms = end_ms.saturating_sub(start_ms);
            out.set(
                step,
                if snapped.moved && length_ms != self.range_ms && grid::is_extensive(self.name) {
                    grid::scaled(value, self.range_ms as f64 / length_ms as f64)
                } else {
                    value
                },
            );
            if grid.covers(start_ms.saturating_add(1)) && (snapped.moved || !grid::is_exact(self.name)) {
                let why = if grid::is_exact(self.name) { Inexact::Rounded } else { Inexact::Function };
                inexact = Some(why);
            }
        }
        if let Some(why) = inexact.filter(|_| !samples.rollups.is_empty()) {
            grid::remark(cx, self.span, self.name, why, grid);
        }
        if let Some(error) = cx.failure.take() {
            return Err(error);
        }
        self.function.end(out, metric, self.span, cx);
        Ok(())
    }
}

/// The two ends of a sliding window.
#[derive(Clone, Copy, Debug, Default)]
struct Slide {
    first: usize,
    behind: usize,
}

impl Slide {
    /// Moves to `(open_ms, close_ms]`.
    #[inline]
    fn advance(&mut self, times: &[i64], open_ms: i64, close_ms: i64) -> (usize, usize) {
        while times.get(self.first).is_some_and(|time| *time <= open_ms) {
            self.first += 1;
        }
        self.behind = self.behind.max(self.first);
        while times.get(self.behind).is_some_and(|time| *time <= close_ms) {
            self.behind += 1;
        }
        (self.first, self.behind)
    }
}
