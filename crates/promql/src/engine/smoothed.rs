//! `metric smoothed`: an instant selector that interpolates between the samples around the evaluation time.

use super::column::{Point, SeriesKey, StepVector};
use super::context::Context;
use super::extended::{interpolate, interpolate_histograms};
use super::selector::InstantSelector;
use super::window::{Columns, Window};
use std::sync::Arc;
use watchfire_model::histogram::ResetHint;
use watchfire_model::is_stale;

/// Fills `out` for the series whose samples the selector holds.
pub(crate) fn interpolate_steps<'a>(
    cx: &mut Context<'a>,
    selector: &InstantSelector<'a>,
    key: &SeriesKey,
    out: &mut StepVector,
) {
    let samples = &selector.samples;
    let points: Vec<(i64, Point<'_>)> = samples
        .timestamps_ms
        .iter()
        .zip(&samples.floats)
        .enumerate()
        .filter_map(|(index, (time, value))| match samples.histogram(index) {
            Some(histogram) => (!is_stale(histogram.sum)).then_some((*time, Point::Histogram(histogram))),
            None => (!is_stale(*value)).then_some((*time, Point::Float(*value))),
        })
        .collect();
    for (step, time_ms) in selector.steps.times().enumerate() {
        let looked_at = selector.reference.apply(time_ms);
        let (open_ms, close_ms) =
            (looked_at.saturating_sub(cx.lookback_ms), looked_at.saturating_add(cx.lookback_ms));
        let first = points.partition_point(|(time, _)| *time <= open_ms);
        let behind = points.partition_point(|(time, _)| *time <= close_ms);
        let inside = points.get(first..behind).unwrap_or(&[]);
        let histograms = inside.iter().filter(|(_, point)| matches!(point, Point::Histogram(_))).count();
        let metric = key.labels.metric_name();
        if histograms != 0 && histograms != inside.len() {
            cx.notes.mixed_floats_and_histograms(selector.span, metric);
            continue;
        }
        let after = inside.partition_point(|(time, _)| *time <= looked_at);
        let Some((before_ms, before)) = after.checked_sub(1).and_then(|place| inside.get(place)) else {
            continue;
        };
        let next = inside.get(after).filter(|_| *before_ms != looked_at);
        match (*before, next) {
            (before, None) => out.set(step, before.to_value()),
            (Point::Float(before), Some((after_ms, Point::Float(after)))) => {
                out.set_float(step, interpolate((*before_ms, before), (*after_ms, *after), looked_at, false));
            }
            (Point::Histogram(before), Some((after_ms, Point::Histogram(after)))) => {
                if before.is_custom() != after.is_custom() {
                    cx.notes.mixed_schemas(selector.span, metric);
                    continue;
                }
                let window = Window {
                    samples: Columns::default(),
                    first_float: 0,
                    first_histogram: 0,
                    start_ms: open_ms,
                    end_ms: close_ms,
                    time_ms,
                    arguments: [0.0; 2],
                    metric,
                    span: selector.span,
                };
                let pair = ((*before_ms, before.as_ref()), (*after_ms, after.as_ref()));
                let counter = before.reset_hint != ResetHint::Gauge;
                if let Some(histogram) = interpolate_histograms(pair, looked_at, counter, &window, cx) {
                    out.set_histogram(step, Arc::new(histogram));
                }
            }
            _ => {}
        }
    }
}
