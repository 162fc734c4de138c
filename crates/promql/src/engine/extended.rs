//! `anchored` and `smoothed` windows: the real sample at or before the edge, or one interpolated at the edge.

use super::QueryError;
use super::column::StepVector;
use super::context::Context;
use super::histograms;
use super::rate::{RateKind, check_counter_name};
use super::resets::is_histogram_reset;
use super::window::{Columns, RangeFunction, Window, beyond_itself};
use crate::ast::{RangeExtension, Span};
use std::sync::Arc;
use watchfire_model::histogram::ResetHint;
use watchfire_model::{Histogram, SampleValue, Samples};

/// `rate`, `increase` and `delta` without extrapolation.
#[derive(Debug)]
pub(crate) struct Extended {
    pub(crate) kind: RateKind,
    pub(crate) smoothed: bool,
}

/// The first and the last sample that matter, and whether they lie outside, so that the edge is interpolated.
#[derive(Clone, Copy, Debug)]
struct Edges {
    first: usize,
    last: usize,
    interpolate_left: bool,
    interpolate_right: bool,
}

impl Extended {
    fn edges(&self, times: &[i64], window: &Window<'_>) -> Option<Edges> {
        let first = times.partition_point(|time| *time <= window.start_ms).saturating_sub(1);
        let last = if self.smoothed {
            times.partition_point(|time| *time < window.end_ms).min(times.len().checked_sub(1)?)
        } else {
            times.partition_point(|time| *time <= window.end_ms).checked_sub(1)?
        };
        let (first_ms, last_ms) = (*times.get(first)?, *times.get(last)?);
        if last_ms <= window.start_ms || first_ms > window.end_ms {
            return None;
        }
        Some(Edges {
            first,
            last,
            interpolate_left: self.smoothed && first_ms < window.start_ms && first < last,
            interpolate_right: self.smoothed && last_ms > window.end_ms && last > first,
        })
    }

    fn floats(&self, window: &Window<'_>) -> Option<f64> {
        let Columns { times, values, rollups, .. } = window.samples;
        let edges = self.edges(times, window)?;
        let at = |place: usize| Some((*times.get(place)?, *values.get(place)?));
        let left = if edges.interpolate_left {
            interpolate(at(edges.first)?, at(edges.first + 1)?, window.start_ms, self.kind.counter)
        } else {
            at(edges.first)?.1
        };
        let right = if edges.interpolate_right {
            interpolate(at(edges.last.checked_sub(1)?)?, at(edges.last)?, window.end_ms, self.kind.counter)
        } else {
            at(edges.last)?.1
        };
        let mut change = right - left;
        if self.kind.counter {
            let mut lost = 0.0;
            // The edges as they are taken are compared with what lies between them.
            let mut before = left;
            for index in edges.first + 1..=edges.last {
                let now = if index == edges.last { right } else { at(index)?.1 };
                if let Some(window_of) = beyond_itself(rollups, index) {
                    lost += window_of.lost;
                } else if now < before {
                    lost += before;
                }
                before = now;
            }
            change += lost;
        }
        Some(if self.kind.per_second { change / window.seconds() } else { change })
    }

    fn histograms(&self, window: &Window<'_>, cx: &mut Context<'_>) -> Option<Histogram> {
        let Columns { histogram_times: times, histograms: points, .. } = window.samples;
        let edges = self.edges(times, window)?;
        let inside = points.get(edges.first..=edges.last)?;
        let gauge = |histogram: &Histogram| histogram.reset_hint == ResetHint::Gauge;
        let (first, last) = (inside.first()?, inside.last()?);
        if self.kind.counter && inside.iter().any(|point| gauge(point)) {
            cx.notes.not_a_counter(window.span, window.metric);
        }
        if !(self.kind.counter || gauge(first) && gauge(last)) {
            cx.notes.not_a_gauge(window.span, window.metric);
        }
        if inside.iter().any(|point| point.is_custom() != first.is_custom()) {
            cx.notes.mixed_schemas(window.span, window.metric);
            return None;
        }
        let at = |place: usize| Some((*times.get(place)?, points.get(place)?.as_ref()));
        let left = if edges.interpolate_left {
            let pair = (at(edges.first)?, at(edges.first + 1)?);
            interpolate_histograms(pair, window.start_ms, self.kind.counter, window, cx)?
        } else {
            at(edges.first)?.1.clone()
        };
        let mut change = if edges.interpolate_right {
            let pair = (at(edges.last.checked_sub(1)?)?, at(edges.last)?);
            interpolate_histograms(pair, window.end_ms, self.kind.counter, window, cx)?
        } else {
            at(edges.last)?.1.clone()
        };
        histograms::sub_noting(&mut change, &left, "subtraction", window.span, window.metric, cx)?;
        if self.kind.counter {
            let from = edges.first + usize::from(edges.interpolate_left);
            for (index, pair) in points.get(from..=edges.last).unwrap_or(&[]).windows(2).enumerate() {
                let [before, now] = pair else { continue };
                let lost = match beyond_itself(window.samples.histogram_rollups, from + index + 1) {
                    Some(window_of) => window_of.lost_histogram.as_deref(),
                    None => is_histogram_reset(before, now).then_some(before.as_ref()),
                };
                if let Some(lost) = lost {
                    histograms::add_noting(&mut change, lost, "addition", window.span, window.metric, cx)?;
                }
            }
        }
        if self.kind.per_second {
            change.div_scalar(window.seconds());
        }
        change.reset_hint = ResetHint::Gauge;
        change.compact(0);
        Some(change)
    }
}

impl RangeFunction for Extended {
    fn evaluate(&mut self, window: &Window<'_>, cx: &mut Context<'_>) -> Option<SampleValue> {
        if window.samples.is_mixed() {
            cx.notes.mixed_floats_and_histograms(window.span, window.metric);
            return None;
        }
        if window.samples.times.is_empty() {
            self.histograms(window, cx).map(|change| SampleValue::Histogram(Arc::new(change)))
        } else {
            self.floats(window).map(SampleValue::Float)
        }
    }

    fn end(&mut self, out: &StepVector, metric: &str, span: &Span, cx: &mut Context<'_>) {
        check_counter_name(self.kind, out, metric, span, cx);
    }
}

/// The samples of an `anchored` or `smoothed` range that is the whole query: those inside it, and one on each edge.
///
/// # Errors
/// There are histograms, for which Prometheus has no edges here.
pub(crate) fn with_edges(
    samples: &Samples,
    (start_ms, end_ms): (i64, i64),
    extension: RangeExtension,
) -> Result<Vec<(i64, SampleValue)>, QueryError> {
    let mut floats = Vec::with_capacity(samples.len());
    for (time_ms, value) in samples.iter() {
        let SampleValue::Float(value) = value else {
            let word = match extension {
                RangeExtension::Anchored => "anchored",
                RangeExtension::Smoothed => "smoothed",
            };
            let words = format!("{word} modifier is not supported with histograms");
            return Err(QueryError::Execution(words));
        };
        floats.push((time_ms, value));
    }
    let smoothed = extension == RangeExtension::Smoothed;
    let before = floats.partition_point(|(time, _)| *time <= start_ms);
    let inside_end = floats.partition_point(|(time, _)| *time < end_ms);
    let reached = floats.partition_point(|(time, _)| *time <= end_ms);
    let mut result = Vec::new();
    // Without a sample in the range there is nothing to anchor, and without one behind it nothing to smooth.
    if before == floats.len() || !smoothed && reached == before {
        return Ok(result);
    }
    let edge = |behind: usize, time_ms: i64, nearest: usize| -> Option<f64> {
        let after = floats.get(behind);
        match (behind.checked_sub(1).and_then(|place| floats.get(place)), after) {
            (Some(before), Some(after)) if smoothed && before.0 < time_ms => {
                Some(interpolate(*before, *after, time_ms, false))
            }
            (Some(before), _) => Some(before.1),
            (None, _) => floats.get(nearest).map(|(_, value)| *value),
        }
    };
    if let Some(value) = edge(before, start_ms, before) {
        result.push((start_ms, SampleValue::Float(value)));
    }
    for (time_ms, value) in floats.get(before..inside_end).unwrap_or(&[]) {
        result.push((*time_ms, SampleValue::Float(*value)));
    }
    if let Some(value) = edge(reached, end_ms, reached) {
        result.push((end_ms, SampleValue::Float(value)));
    }
    Ok(result)
}

/// The value at `time_ms` on the line between two samples. A counter that was reset between them is taken to have
/// risen from zero.
pub(crate) fn interpolate(before: (i64, f64), after: (i64, f64), time_ms: i64, counter: bool) -> f64 {
    let from = if counter && after.1 < before.1 { 0.0 } else { before.1 };
    // In this order, as the ends of what a float can say are Prometheus's, too.
    let (passed, apart) = (time_ms.saturating_sub(before.0), after.0.saturating_sub(before.0));
    from + (after.1 - from) * passed as f64 / apart as f64
}

fn fraction(before_ms: i64, after_ms: i64, time_ms: i64) -> f64 {
    time_ms.saturating_sub(before_ms) as f64 / after_ms.saturating_sub(before_ms) as f64
}

/// The same for histograms.
pub(crate) fn interpolate_histograms(
    (before, after): ((i64, &Histogram), (i64, &Histogram)),
    time_ms: i64,
    counter: bool,
    window: &Window<'_>,
    cx: &mut Context<'_>,
) -> Option<Histogram> {
    let share = fraction(before.0, after.0, time_ms);
    let mut result = after.1.clone();
    if counter && is_histogram_reset(before.1, after.1) {
        result.mul_scalar(share);
        return Some(result);
    }
    histograms::sub_noting(&mut result, before.1, "subtraction", window.span, window.metric, cx)?;
    result.mul_scalar(share);
    histograms::add_noting(&mut result, before.1, "addition", window.span, window.metric, cx)?;
    result.reset_hint = before.1.reset_hint;
    Some(result)
}

/// `changes` and `resets` over an anchored window: the sample at or before its start belongs to it.
pub(crate) struct Anchored<F> {
    pub(crate) function: F,
}

impl<F: RangeFunction> RangeFunction for Anchored<F> {
    fn begin(&mut self, series: &Columns<'_>) {
        self.function.begin(series);
    }

    fn evaluate(&mut self, window: &Window<'_>, cx: &mut Context<'_>) -> Option<SampleValue> {
        let samples = window.samples;
        let newest = samples.times.last().max(samples.histogram_times.last())?;
        if *newest <= window.start_ms {
            return None;
        }
        let at_or_before = |times: &[i64]| times.partition_point(|time| *time <= window.start_ms);
        let (mut floats, mut histograms) =
            (at_or_before(samples.times), at_or_before(samples.histogram_times));
        let last =
            |times: &[i64], behind: usize| behind.checked_sub(1).and_then(|place| times.get(place)).copied();
        // Only the newer of the two kinds is the anchor.
        let (float_anchor, histogram_anchor) =
            (last(samples.times, floats), last(samples.histogram_times, histograms));
        if float_anchor > histogram_anchor {
            floats -= 1;
        } else if histogram_anchor.is_some() {
            histograms -= 1;
        }
        let inside =
            samples.slice((floats, samples.times.len()), (histograms, samples.histogram_times.len()));
        let narrowed = Window { samples: inside, first_float: window.first_float + floats, ..*window };
        self.function.evaluate(&narrowed, cx)
    }
}
