//! `rate`, `increase`, `delta`: the change over a window, extrapolated to its ends; `irate`, `idelta`.

use super::column::{Point, StepVector};
use super::context::Context;
use super::histograms;
use super::resets::{FloatResets, is_histogram_reset, overlaps};
use super::scalar::ScalarColumn;
use super::timeline::{Extension, Timeline};
use super::window::{Columns, Frame, RangeFunction, Window, beyond_itself, total_weight};
use crate::ast::Span;
use std::sync::Arc;
use watchfire_model::histogram::ResetHint;
use watchfire_model::{Histogram, Rollup, SampleValue};

/// What the family differs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RateKind {
    /// Falling values are resets.
    pub(crate) counter: bool,
    /// Per second.
    pub(crate) per_second: bool,
}

/// Informs where a float result comes from a metric whose name is not that of a counter.
pub(crate) fn check_counter_name(
    kind: RateKind,
    out: &StepVector,
    metric: &str,
    span: &Span,
    cx: &mut Context<'_>,
) {
    let named = ["_total", "_sum", "_count", "_bucket"].iter().any(|suffix| metric.ends_with(suffix));
    if !kind.counter || named || metric.is_empty() {
        return;
    }
    let any_float = (0..out.len()).any(|step| matches!(out.get(step), Some(Point::Float(_))));
    if any_float {
        cx.notes.possibly_no_counter(span, metric);
    }
}

/// `rate`, `increase` and `delta`.
#[derive(Debug)]
pub(crate) struct Extrapolated {
    kind: RateKind,
    resets: FloatResets,
    /// Whether each histogram of the series begins a counter anew.
    histogram_resets: Vec<bool>,
    /// All histograms of the series are counters with buckets of one schema.
    alike: bool,
    timeline: Timeline,
    /// Of each window the first value, the change, and what comes of it.
    firsts: Vec<f64>,
    changes: Vec<f64>,
}

impl Extrapolated {
    pub(crate) fn new(kind: RateKind, use_start_timestamps: bool) -> Self {
        let resets = FloatResets::new(kind.counter, use_start_timestamps && kind.counter);
        Self {
            kind,
            resets,
            histogram_resets: Vec::new(),
            alike: false,
            timeline: Timeline::default(),
            firsts: Vec::new(),
            changes: Vec::new(),
        }
    }

    /// When the first sample's counter began inside the window, counting from zero at that time is known.
    fn counted_from(&self, first_ms: i64, first_start_ms: Option<i64>, window: &Window<'_>) -> Option<i64> {
        if !self.resets.uses_start_timestamps() {
            return None;
        }
        first_start_ms.filter(|start| *start != 0 && *start > window.start_ms && *start < first_ms)
    }

    fn floats(&mut self, window: &Window<'_>, cx: &mut Context<'_>) -> Option<SampleValue> {
        let Columns { times, values, starts, rollups, .. } = window.samples;
        let (first_ms, last_ms) = (*times.first()?, *times.last()?);
        let (first, last) = (*values.first()?, *values.last()?);
        let counted_from = self.counted_from(first_ms, starts.first().copied(), window);
        if times.len() < 2 && counted_from.is_none() {
            return None;
        }
        let mut change = last - first;
        for value_before in self.resets.corrections(window.first_float, values.len()) {
            change += value_before;
        }
        if self.resets.uses_start_timestamps() && overlaps(times, starts) {
            cx.notes.overlapping_start(window.span, window.metric);
        }
        if counted_from.is_some() {
            change += first;
        }
        let span = Extent { first_ms, last_ms, gaps: gaps(rollups, times), counted_from };
        let share_before_first = (change > 0.0 && first >= 0.0).then(|| first / change);
        let edges = (window.start_ms, window.end_ms);
        Some(SampleValue::Float(change * self.factor(edges, window.seconds(), span, share_before_first)))
    }

    fn histograms(&self, window: &Window<'_>, cx: &mut Context<'_>) -> Option<SampleValue> {
        let Columns { histogram_times: times, histograms, histogram_starts: starts, .. } = window.samples;
        let rollups = window.samples.histogram_rollups;
        let (first_ms, last_ms) = (*times.first()?, *times.last()?);
        let counted_from = self.counted_from(first_ms, starts.first().copied(), window);
        if times.len() < 2 && counted_from.is_none() {
            return None;
        }
        if self.resets.uses_start_timestamps() && overlaps(times, starts) {
            cx.notes.overlapping_start(window.span, window.metric);
        }
        let known = self.histogram_resets.get(window.first_histogram..).unwrap_or(&[]);
        let starts_matter = self.resets.uses_start_timestamps();
        let mut change = histogram_change(self.kind, (starts_matter, self.alike), known, window, cx)?;
        let first = histograms.first()?;
        if counted_from.is_some() {
            histograms::add_noting(&mut change, first, "addition", window.span, window.metric, cx)?;
        }
        let span = Extent { first_ms, last_ms, gaps: gaps(rollups, times), counted_from };
        let share = (change.count > 0.0 && first.count >= 0.0).then(|| first.count / change.count);
        let edges = (window.start_ms, window.end_ms);
        change.mul_scalar(self.factor(edges, window.seconds(), span, share));
        change.reset_hint = ResetHint::Gauge;
        change.compact(0);
        Some(SampleValue::Histogram(Arc::new(change)))
    }

    /// By how much the change between the first and the last sample is to be multiplied in a window with these edges.
    #[inline]
    fn factor(
        &self,
        (start_ms, end_ms): (i64, i64),
        window_seconds: f64,
        span: Extent,
        share_before_first: Option<f64>,
    ) -> f64 {
        let seconds = |from: i64, to: i64| to.saturating_sub(from) as f64 / 1_000.0;
        let between = seconds(span.first_ms, span.last_ms);
        let average_gap = if span.gaps == 0 { 0.0 } else { between / span.gaps as f64 };
        let sampled = span.counted_from.map_or(between, |from| seconds(from, span.last_ms));
        let extension = Extension::new(average_gap);
        let mut to_start = extension.of(seconds(start_ms, span.first_ms));
        if self.kind.counter {
            // A counter cannot have been below zero.
            let to_zero = share_before_first.map_or(to_start, |share| sampled * share);
            to_start = to_start.min(to_zero);
        }
        if span.counted_from.is_some() {
            to_start = 0.0;
        }
        let to_end = extension.of(seconds(span.last_ms, end_ms));
        let factor = (sampled + to_start + to_end) / sampled;
        if self.kind.per_second { factor / window_seconds } else { factor }
    }
}

/// Where the samples lie in time.
#[derive(Clone, Copy, Debug)]
struct Extent {
    first_ms: i64,
    last_ms: i64,
    gaps: u64,
    counted_from: Option<i64>,
}

/// How many steps there were from the first to the last sample as they were measured.
fn gaps(rollups: &[Rollup], times: &[i64]) -> u64 {
    total_weight(rollups.get(1..).unwrap_or(&[]), times.len().saturating_sub(1))
}

/// Makes of the changes in windows what they are over whole windows, as [`Extrapolated::factor`] does for one. How far a
/// window reaches is known already, but where a counter would have been below zero there.
fn extrapolate(timeline: &Timeline, firsts: &[f64], changes: &mut [f64], counter: bool, window_seconds: f64) {
    /// What is larger than another number by more than this is so for certain, however both were rounded.
    const CERTAINLY: f64 = 1.0 + 1e-9;
    /// Below this products lose digits.
    const SMALL: f64 = 1e-290;
    let mut doubtful = false;
    if counter {
        let edges = timeline.sampled.iter().zip(&timeline.to_start);
        for ((change, first), (sampled, to_start)) in changes.iter().zip(firsts).zip(edges) {
            // That the way to zero, `sampled * (first / change)`, is not shorter is seen without dividing.
            let (way, least) = (sampled * first, to_start * *change * CERTAINLY);
            doubtful |= (*change > 0.0) & (*first >= 0.0) & !((way > least) & (way > SMALL));
        }
    }
    if !doubtful {
        for (change, factor) in changes.iter_mut().zip(&timeline.factors) {
            *change *= factor;
        }
        return;
    }
    let edges = timeline.sampled.iter().zip(timeline.to_start.iter().zip(&timeline.to_end));
    for ((change, first), (sampled, (to_start, to_end))) in changes.iter_mut().zip(firsts).zip(edges) {
        let to_zero = sampled * (first / *change);
        let bounded = counter && *change > 0.0 && *first >= 0.0 && to_zero < *to_start;
        let to_start = if bounded { to_zero } else { *to_start };
        let factor = (sampled + to_start + to_end) / sampled;
        *change *= factor / window_seconds;
    }
}

impl RangeFunction for Extrapolated {
    fn begin(&mut self, series: &Columns<'_>) {
        self.resets.find(series);
        self.histogram_resets.clear();
        if self.kind.counter && !series.histograms.is_empty() {
            self.histogram_resets.push(false);
            let pairs = series.histograms.windows(2);
            let resets = pairs.map(|pair| matches!(pair, [before, now] if is_histogram_reset(before, now)));
            self.histogram_resets.extend(resets);
        }
        self.alike = series.histograms.first().is_some_and(|first| {
            let like_it =
                |other: &Arc<Histogram>| other.schema == first.schema && other.reset_hint != ResetHint::Gauge;
            series.histograms.iter().all(like_it)
        });
    }

    fn slide(
        &mut self,
        series: &Columns<'_>,
        frame: Frame,
        _arguments: &[ScalarColumn],
        out: &mut StepVector,
    ) -> bool {
        if self.resets.uses_start_timestamps() && !series.starts.is_empty() {
            return false;
        }
        let window_seconds = if self.kind.per_second { frame.range_ms as f64 / 1_000.0 } else { 1.0 };
        self.timeline.lay(series.times, frame, window_seconds);
        self.firsts.clear();
        self.changes.clear();
        let value = |place: u32| series.values.get(place as usize).copied().unwrap_or(f64::NAN);
        self.firsts.extend(self.timeline.places.iter().map(|(first, _)| value(*first)));
        let pairs = self.timeline.places.iter().zip(&self.firsts);
        self.changes.extend(pairs.map(|((_, last), first)| value(*last) - first));
        if self.resets.any() {
            for ((first, last), change) in self.timeline.places.iter().zip(&mut self.changes) {
                let len = (last - first) as usize + 1;
                for value_before in self.resets.corrections(*first as usize, len) {
                    *change += value_before;
                }
            }
        }
        extrapolate(&self.timeline, &self.firsts, &mut self.changes, self.kind.counter, window_seconds);
        if self.changes.len() == frame.count && out.values.len() == frame.count {
            // Every step has its window.
            out.values.copy_from_slice(&self.changes);
            out.present.fill(true);
            return true;
        }
        for (step, value) in self.timeline.steps.iter().zip(&self.changes) {
            out.set_float(*step, *value);
        }
        true
    }

    fn evaluate(&mut self, window: &Window<'_>, cx: &mut Context<'_>) -> Option<SampleValue> {
        if window.samples.is_mixed() {
            cx.notes.mixed_floats_and_histograms(window.span, window.metric);
            return None;
        }
        if window.samples.times.is_empty() { self.histograms(window, cx) } else { self.floats(window, cx) }
    }

    fn end(&mut self, out: &StepVector, metric: &str, span: &Span, cx: &mut Context<'_>) {
        check_counter_name(self.kind, out, metric, span, cx);
    }
}

/// The last histogram less the first, plus what resets between them took away. `alike` says that all are counters of one
/// schema, which then need not be looked at one by one.
fn histogram_change(
    kind: RateKind,
    (use_starts, alike): (bool, bool),
    known_resets: &[bool],
    window: &Window<'_>,
    cx: &mut Context<'_>,
) -> Option<Histogram> {
    let Columns { histogram_times: times, histograms: points, histogram_starts: starts, .. } = window.samples;
    let rollups = window.samples.histogram_rollups;
    let (first, last) = (points.first()?, points.last()?);
    let reset_at = |index: usize| {
        beyond_itself(rollups, index).is_none()
            && (known_resets.get(index).copied().unwrap_or(false)
                || (use_starts && super::resets::start_says_reset(times, starts, index)))
    };
    let gauge = |histogram: &Histogram| histogram.reset_hint == ResetHint::Gauge;
    if kind.counter && !alike && points.iter().any(|point| gauge(point)) {
        cx.notes.not_a_counter(window.span, window.metric);
    }
    if !(kind.counter || gauge(first) && gauge(last)) {
        cx.notes.not_a_gauge(window.span, window.metric);
    }
    // With a reset right after it the first histogram does not matter, nor does its layout.
    let skip_first = kind.counter && points.len() > 1 && reset_at(1);
    let mut change = Histogram::clone(last);
    if !alike {
        let relevant = if skip_first { points.get(1..)? } else { points };
        let custom = last.is_custom();
        if relevant.iter().any(|point| point.is_custom() != custom) {
            cx.notes.mixed_schemas(window.span, window.metric);
            return None;
        }
        if !custom {
            let schema = relevant.iter().map(|point| point.schema).min()?;
            change.reduce_resolution(schema).ok()?;
        }
    }
    if points.len() == 1 {
        // Nothing is known before the only sample, so nothing has changed yet.
        change.mul_scalar(0.0);
        return Some(change);
    }
    if !skip_first {
        histograms::sub_noting(&mut change, first, "subtraction", window.span, window.metric, cx)?;
    }
    let inside = known_resets.get(1..points.len()).unwrap_or(&[]);
    if kind.counter && (use_starts || !rollups.is_empty() || inside.contains(&true)) {
        for (index, pair) in points.windows(2).enumerate() {
            let [before, _] = pair else { continue };
            if let Some(window_of) = beyond_itself(rollups, index + 1) {
                if let Some(lost) = &window_of.lost_histogram {
                    histograms::add_noting(&mut change, lost, "addition", window.span, window.metric, cx)?;
                }
                continue;
            }
            if (index > 0 || !skip_first) && reset_at(index + 1) {
                histograms::add_noting(&mut change, before, "addition", window.span, window.metric, cx)?;
            }
        }
    }
    Some(change)
}

/// `irate` and `idelta`: the last two samples only.
#[derive(Debug)]
pub(crate) struct Instantaneous {
    kind: RateKind,
    use_start_timestamps: bool,
}

impl Instantaneous {
    pub(crate) const fn new(kind: RateKind, use_start_timestamps: bool) -> Self {
        Self { kind, use_start_timestamps: use_start_timestamps && kind.counter }
    }

    fn start_says_reset(&self, times: &[i64], starts: &[i64]) -> bool {
        self.use_start_timestamps
            && super::resets::start_says_reset(times, starts, times.len().wrapping_sub(1))
    }
}

impl RangeFunction for Instantaneous {
    fn evaluate(&mut self, window: &Window<'_>, cx: &mut Context<'_>) -> Option<SampleValue> {
        let samples = window.samples;
        let last_float = samples.times.last().copied();
        let last_histogram = samples.histogram_times.last().copied();
        let before_last =
            |times: &[i64]| times.len().checked_sub(2).and_then(|place| times.get(place)).copied();
        // Of the last two samples of both kinds, which are they?
        let floats = match (before_last(samples.times), last_histogram) {
            (Some(before), Some(histogram)) => histogram < before,
            (before, None) => before.is_some(),
            (None, _) => false,
        };
        let histograms = match (before_last(samples.histogram_times), last_float) {
            (Some(before), Some(float)) => float < before,
            (before, None) => before.is_some(),
            (None, _) => false,
        };
        if floats {
            let [before, last] = samples.values.last_chunk::<2>()?;
            let seconds = gap(samples.times)?;
            let within = beyond_itself(samples.rollups, samples.times.len().wrapping_sub(1));
            let reset = within.is_none()
                && self.kind.counter
                && (last < before || self.start_says_reset(samples.times, samples.starts));
            let lost = within.filter(|_| self.kind.counter).map_or(0.0, |window| window.lost);
            let change = if reset { *last } else { last - before + lost };
            return Some(SampleValue::Float(if self.kind.per_second { change / seconds } else { change }));
        }
        if histograms {
            return self.histograms(window, cx);
        }
        if samples.is_mixed() {
            cx.notes.mixed_floats_and_histograms(window.span, window.metric);
        }
        None
    }
}

impl Instantaneous {
    fn histograms(&self, window: &Window<'_>, cx: &mut Context<'_>) -> Option<SampleValue> {
        let samples = window.samples;
        let [before, last] = samples.histograms.last_chunk::<2>()?;
        let seconds = gap(samples.histogram_times)?;
        let gauges = [before, last].map(|histogram| histogram.reset_hint == ResetHint::Gauge);
        if self.kind.counter && gauges.contains(&true) {
            cx.notes.not_a_counter(window.span, window.metric);
        }
        if !self.kind.counter && gauges.contains(&false) {
            cx.notes.not_a_gauge(window.span, window.metric);
        }
        let mut change = Histogram::clone(last);
        let within = beyond_itself(samples.histogram_rollups, samples.histogram_times.len().wrapping_sub(1));
        let reset = within.is_none()
            && self.kind.counter
            && (is_histogram_reset(before, last)
                || self.start_says_reset(samples.histogram_times, samples.histogram_starts));
        if !reset {
            histograms::sub_noting(&mut change, before, "subtraction", window.span, window.metric, cx)?;
        }
        let lost = within.filter(|_| self.kind.counter).and_then(|window| window.lost_histogram.as_ref());
        if let Some(lost) = lost {
            histograms::add_noting(&mut change, lost, "addition", window.span, window.metric, cx)?;
        }
        change.reset_hint = ResetHint::Gauge;
        if self.kind.per_second {
            change.div_scalar(seconds);
        }
        change.compact(0);
        Some(SampleValue::Histogram(Arc::new(change)))
    }
}

fn gap(times: &[i64]) -> Option<f64> {
    let [before, last] = times.last_chunk::<2>()?;
    (last > before).then(|| last.saturating_sub(*before) as f64 / 1_000.0)
}
