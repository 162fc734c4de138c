//! `sum_over_time` and its kin.

use super::aggregate::{RunningHistogram, quantile_of, quantile_of_sorted};
use super::column::{Point, StepVector};
use super::context::Context;
use super::grid;
use super::histograms::{HistogramMean, HistogramSum};
use super::kahan::{Kahan, Mean};
use super::scalar::ScalarColumn;
use super::sorted::{SortedWindow, nan_first};
use super::window::{Columns, Frame, RangeFunction, Window};
use crate::ast::Span;
use std::collections::VecDeque;
use std::sync::Arc;
use watchfire_model::{Rollup, SampleValue};

/// The function of that name.
pub(crate) fn find(name: &str) -> Option<Box<dyn RangeFunction>> {
    fn floats(of: fn(&Floats<'_>) -> f64) -> Option<Box<dyn RangeFunction>> {
        Some(Box::new(OfFloats(of)))
    }
    match name {
        "avg_over_time" => Some(Box::new(Total { of: mean, histogram: histogram_mean })),
        "sum_over_time" => Some(Box::new(Total { of: sum, histogram: histogram_total::<HistogramSum> })),
        "count_over_time" => {
            Some(Box::new(OfAll(|window| Some(SampleValue::Float(window.samples.weight() as f64)))))
        }
        "present_over_time" => Some(present()),
        "last_over_time" => Some(Box::new(OfAll(|window| newest(window).map(|(_, point)| point.to_value())))),
        "first_over_time" => {
            Some(Box::new(OfAll(|window| oldest(window).map(|(_, point)| point.to_value()))))
        }
        "ts_of_last_over_time" => {
            Some(Box::new(OfAll(|window| newest(window).map(|(time, _)| seconds(time)))))
        }
        "ts_of_first_over_time" => {
            Some(Box::new(OfAll(|window| oldest(window).map(|(time, _)| seconds(time)))))
        }
        "min_over_time" => Some(Box::new(Extreme { max: false, ..Extreme::default() })),
        "max_over_time" => Some(Box::new(Extreme { max: true, ..Extreme::default() })),
        "ts_of_min_over_time" => floats(|floats| time_of_extreme(floats, |best, value| value <= best)),
        "ts_of_max_over_time" => floats(|floats| time_of_extreme(floats, |best, value| value >= best)),
        "stddev_over_time" => floats(|floats| variance(floats).sqrt()),
        "stdvar_over_time" => floats(variance),
        "mad_over_time" => Some(Box::new(Deviation::default())),
        "quantile_over_time" => Some(Box::new(Quantile::default())),
        _ => None,
    }
}

/// `present_over_time`
pub(crate) fn present<'a>() -> Box<dyn RangeFunction + 'a> {
    Box::new(OfAll(|_| Some(SampleValue::Float(1.0))))
}

/// A function of all samples, whatever they are.
struct OfAll(fn(&Window<'_>) -> Option<SampleValue>);

impl RangeFunction for OfAll {
    fn evaluate(&mut self, window: &Window<'_>, _cx: &mut Context<'_>) -> Option<SampleValue> {
        (self.0)(window)
    }
}

fn seconds(time_ms: i64) -> SampleValue {
    SampleValue::Float(time_ms as f64 / 1_000.0)
}

fn newest<'w>(window: &Window<'w>) -> Option<(i64, Point<'w>)> {
    let samples = window.samples;
    let float = samples.times.last().zip(samples.values.last());
    let histogram = samples.histogram_times.last().zip(samples.histograms.last());
    pick(float, histogram, |float, histogram| float > histogram)
}

fn oldest<'w>(window: &Window<'w>) -> Option<(i64, Point<'w>)> {
    let samples = window.samples;
    let float = samples.times.first().zip(samples.values.first());
    let histogram = samples.histogram_times.first().zip(samples.histograms.first());
    pick(float, histogram, |float, histogram| float < histogram)
}

fn pick<'w>(
    float: Option<(&i64, &f64)>,
    histogram: Option<(&i64, &'w Arc<watchfire_model::Histogram>)>,
    float_wins: impl Fn(i64, i64) -> bool,
) -> Option<(i64, Point<'w>)> {
    match (float, histogram) {
        (Some((float, value)), Some((histogram, _))) if float_wins(*float, *histogram) => {
            Some((*float, Point::Float(*value)))
        }
        (_, Some((time, histogram))) => Some((*time, Point::Histogram(histogram))),
        (Some((time, value)), None) => Some((*time, Point::Float(*value))),
        (None, None) => None,
    }
}

/// `sum_over_time` and `avg_over_time`: of floats, or of histograms, never of both.
struct Total {
    of: fn(&Columns<'_>) -> f64,
    histogram: fn(&Window<'_>, &mut Context<'_>) -> Option<SampleValue>,
}

impl RangeFunction for Total {
    fn evaluate(&mut self, window: &Window<'_>, cx: &mut Context<'_>) -> Option<SampleValue> {
        if window.samples.is_mixed() {
            cx.notes.mixed_floats_and_histograms(window.span, window.metric);
            return None;
        }
        if window.samples.histogram_times.is_empty() {
            return Some(SampleValue::Float((self.of)(&window.samples)));
        }
        (self.histogram)(window, cx)
    }
}

fn histogram_total<T: RunningHistogram>(window: &Window<'_>, cx: &mut Context<'_>) -> Option<SampleValue> {
    let mut total = T::default();
    for histogram in window.samples.histograms {
        total.add(histogram, (window.span, window.metric), cx);
    }
    let total = total.total(window.span, cx)?;
    Some(SampleValue::Histogram(Arc::new(total)))
}

/// Windows hand out their sums here, so that a mean is the sum of those by the number of samples behind them.
fn histogram_mean(window: &Window<'_>, cx: &mut Context<'_>) -> Option<SampleValue> {
    if window.samples.histogram_rollups.is_empty() {
        return histogram_total::<HistogramMean>(window, cx);
    }
    let sum = histogram_total::<HistogramSum>(window, cx)?;
    Some(grid::scaled(sum, 1.0 / window.samples.weight() as f64))
}

fn mean(floats: &Columns<'_>) -> f64 {
    if floats.rollups.is_empty() { Mean::of(floats.values) } else { sum(floats) / floats.weight() as f64 }
}

fn sum(floats: &Columns<'_>) -> f64 {
    let mut total = Kahan::default();
    for value in floats.values {
        total.add(*value);
    }
    total.total()
}

/// The floats of a window.
struct Floats<'w> {
    times: &'w [i64],
    values: &'w [f64],
    rollups: &'w [Rollup],
}

impl Floats<'_> {
    /// The values, each with the number of samples behind it.
    fn weighted(&self) -> impl Iterator<Item = (f64, u32)> + '_ {
        let weight = |place: usize| self.rollups.get(place).map_or(1, |rollup| rollup.weight);
        self.values.iter().enumerate().map(move |(place, value)| (*value, weight(place)))
    }
}

/// A function of floats only; histograms beside them are passed over.
struct OfFloats(fn(&Floats<'_>) -> f64);

impl RangeFunction for OfFloats {
    fn evaluate(&mut self, window: &Window<'_>, cx: &mut Context<'_>) -> Option<SampleValue> {
        note_ignored(window, cx)?;
        let Columns { times, values, rollups, .. } = window.samples;
        let floats = Floats { times, values, rollups };
        Some(SampleValue::Float((self.0)(&floats)))
    }
}

/// `None` without floats; a remark when histograms lie between them.
pub(crate) fn note_ignored(window: &Window<'_>, cx: &mut Context<'_>) -> Option<()> {
    if window.samples.times.is_empty() {
        return None;
    }
    if !window.samples.histogram_times.is_empty() {
        cx.notes.ignored_in_mixed_range(window.span, window.metric);
    }
    Some(())
}

/// `min_over_time` and `max_over_time`: looks at each sample once, however many long windows it is in.
#[derive(Debug, Default)]
struct Extreme {
    max: bool,
    /// Place and value of the samples that are, or can still become, the extreme: best first. Never NaN.
    candidates: VecDeque<(usize, f64)>,
    /// Place of the first sample not looked at yet.
    next: usize,
}

impl RangeFunction for Extreme {
    fn begin(&mut self, _series: &Columns<'_>) {
        self.candidates.clear();
        self.next = 0;
    }

    fn evaluate(&mut self, window: &Window<'_>, cx: &mut Context<'_>) -> Option<SampleValue> {
        note_ignored(window, cx)?;
        let first = window.first_float;
        if window.samples.values.len() <= SHORT_WINDOW {
            return Some(SampleValue::Float(extreme_of(window.samples.values, self.max)));
        }
        while self.candidates.front().is_some_and(|(place, _)| *place < first) {
            self.candidates.pop_front();
        }
        self.next = self.next.max(first);
        let unseen = window.samples.values.get(self.next - first..).unwrap_or(&[]);
        for value in unseen {
            let beaten = |other: f64| if self.max { other < *value } else { other > *value };
            if !value.is_nan() {
                while self.candidates.back().is_some_and(|(_, other)| beaten(*other)) {
                    self.candidates.pop_back();
                }
                self.candidates.push_back((self.next, *value));
            }
            self.next += 1;
        }
        // Only where there is nothing but NaN, NaN is the result.
        Some(SampleValue::Float(self.candidates.front().map_or(f64::NAN, |(_, value)| *value)))
    }
}

/// A window this short is looked through faster than its candidates are kept.
const SHORT_WINDOW: usize = 48;

/// The first of the largest (or smallest) values; NaN only where there is nothing else.
fn extreme_of(values: &[f64], max: bool) -> f64 {
    let best = if max {
        values.iter().fold(f64::NEG_INFINITY, |best, value| if *value > best { *value } else { best })
    } else {
        values.iter().fold(f64::INFINITY, |best, value| if *value < best { *value } else { best })
    };
    if best.is_infinite() && values.iter().all(|value| value.is_nan()) { f64::NAN } else { best }
}

fn time_of_extreme(floats: &Floats<'_>, better: impl Fn(f64, f64) -> bool) -> f64 {
    let (mut best, mut best_ms) = (f64::NAN, 0);
    for (time, value) in floats.times.iter().zip(floats.values) {
        if best.is_nan() || better(best, *value) {
            (best, best_ms) = (*value, *time);
        }
    }
    best_ms as f64 / 1_000.0
}

/// Welford's method with compensated sums.
fn variance(floats: &Floats<'_>) -> f64 {
    let (mut mean, mut squares) = (Kahan::default(), Kahan::default());
    let mut count = 0.0;
    for (value, weight) in floats.weighted() {
        let weight = f64::from(weight);
        count += weight;
        let delta = value - mean.total();
        mean.add(delta * weight / count);
        squares.add(delta * weight * (value - mean.total()));
    }
    squares.total() / count
}

/// `quantile_over_time`: the values of the window stay sorted while it slides.
#[derive(Debug, Default)]
struct Quantile {
    sorted: SortedWindow,
}

impl RangeFunction for Quantile {
    fn begin(&mut self, series: &Columns<'_>) {
        self.sorted.begin(series.values);
    }

    fn slide(
        &mut self,
        series: &Columns<'_>,
        frame: Frame,
        arguments: &[ScalarColumn],
        out: &mut StepVector,
    ) -> bool {
        // What is remarked about another quantile is said step by step.
        let Some(ScalarColumn::Constant(quantile)) = arguments.first() else { return false };
        if !(0.0..=1.0).contains(quantile) {
            return false;
        }
        frame.slide(series.times, |step, _, inside| {
            out.set_float(step, self.sorted.quantile(*quantile, inside.start, inside.len()));
        });
        true
    }

    fn evaluate(&mut self, window: &Window<'_>, cx: &mut Context<'_>) -> Option<SampleValue> {
        note_ignored(window, cx)?;
        if !window.samples.rollups.is_empty() {
            let [quantile, _] = window.arguments;
            let mut values = weighted_values(&window.samples);
            return Some(SampleValue::Float(weighted_quantile(quantile, &mut values)));
        }
        let [quantile, _] = window.arguments;
        let len = window.samples.values.len();
        Some(SampleValue::Float(self.sorted.quantile(quantile, window.first_float, len)))
    }
}

/// `mad_over_time`, with a buffer that is kept.
#[derive(Debug, Default)]
struct Deviation {
    scratch: Vec<f64>,
}

impl RangeFunction for Deviation {
    fn evaluate(&mut self, window: &Window<'_>, cx: &mut Context<'_>) -> Option<SampleValue> {
        note_ignored(window, cx)?;
        if !window.samples.rollups.is_empty() {
            let mut values = weighted_values(&window.samples);
            return Some(SampleValue::Float(weighted_deviation(&mut values)));
        }
        self.scratch.clear();
        self.scratch.extend_from_slice(window.samples.values);
        Some(SampleValue::Float(median_deviation(&mut self.scratch)))
    }
}

fn median_deviation(values: &mut [f64]) -> f64 {
    if values.iter().any(|value| value.is_nan()) {
        return f64::NAN;
    }
    let median = quantile_of(0.5, values);
    for value in values.iter_mut() {
        *value = (*value - median).abs();
    }
    quantile_of(0.5, values)
}

/// Floats with the number of samples behind each.
fn weighted_values(samples: &Columns<'_>) -> Vec<(f64, u32)> {
    let Columns { times, values, rollups, .. } = *samples;
    Floats { times, values, rollups }.weighted().collect()
}

/// As [`quantile_of`], of values that each stand for so many.
fn weighted_quantile(quantile: f64, values: &mut [(f64, u32)]) -> f64 {
    values.sort_unstable_by(|left, right| nan_first(&left.0, &right.0));
    let count: u64 = values.iter().map(|(_, weight)| u64::from(*weight)).sum();
    let last = count.saturating_sub(1);
    let rank = quantile * last as f64;
    if !rank.is_finite() || !(0.0..=1.0).contains(&quantile) {
        return quantile_of_sorted(quantile, &[0.0]);
    }
    let lower = (rank.floor() as u64).min(last);
    let at = |place: u64| {
        let mut behind = 0;
        let holds = values.iter().find(|(_, weight)| {
            behind += u64::from(*weight);
            behind > place
        });
        holds.map_or(f64::NAN, |(value, _)| *value)
    };
    let share = rank - rank.floor();
    at(lower) * (1.0 - share) + at((lower + 1).min(last)) * share
}

fn weighted_deviation(values: &mut [(f64, u32)]) -> f64 {
    if values.iter().any(|(value, _)| value.is_nan()) {
        return f64::NAN;
    }
    let median = weighted_quantile(0.5, values);
    for (value, _) in values.iter_mut() {
        *value = (*value - median).abs();
    }
    weighted_quantile(0.5, values)
}

/// Warns where the quantile asked for is none.
pub(crate) struct CheckedQuantile<'a> {
    pub(crate) inner: Box<dyn RangeFunction>,
    pub(crate) span: &'a Span,
}

impl RangeFunction for CheckedQuantile<'_> {
    fn begin(&mut self, series: &Columns<'_>) {
        self.inner.begin(series);
    }

    fn slide(
        &mut self,
        series: &Columns<'_>,
        frame: Frame,
        arguments: &[ScalarColumn],
        out: &mut StepVector,
    ) -> bool {
        self.inner.slide(series, frame, arguments, out)
    }

    fn evaluate(&mut self, window: &Window<'_>, cx: &mut Context<'_>) -> Option<SampleValue> {
        let value = self.inner.evaluate(window, cx)?;
        cx.notes.invalid_quantile(self.span, window.arguments.first().copied().unwrap_or(f64::NAN));
        Some(value)
    }
}
