//! Functions that fit a line or a trend: `deriv`, `predict_linear`, `double_exponential_smoothing`.

mod lines;

use super::QueryError;
use super::column::StepVector;
use super::context::Context;
use super::over_time::note_ignored;
use super::scalar::ScalarColumn;
use super::window::{Columns, Frame, RangeFunction, Window};
use lines::{Lines, Zero};
use watchfire_model::SampleValue;

/// The function of that name.
pub(crate) fn find(name: &str) -> Option<Box<dyn RangeFunction>> {
    Some(match name {
        "deriv" => Box::new(Deriv::default()),
        "predict_linear" => Box::new(PredictLinear::default()),
        "double_exponential_smoothing" | "holt_winters" => Box::new(Smoothing),
        _ => return None,
    })
}

fn enough(window: &Window<'_>, cx: &mut Context<'_>) -> Option<()> {
    note_ignored(window, cx)?;
    (window.samples.times.len() >= 2).then_some(())
}

#[derive(Debug, Default)]
struct Deriv(Lines);

impl RangeFunction for Deriv {
    fn begin(&mut self, series: &Columns<'_>) {
        self.0.begin(series);
    }

    fn slide(
        &mut self,
        series: &Columns<'_>,
        frame: Frame,
        _arguments: &[ScalarColumn],
        out: &mut StepVector,
    ) -> bool {
        self.0.slide(series, frame, Zero::First, |step, (slope, _)| out.set_float(step, slope))
    }

    fn evaluate(&mut self, window: &Window<'_>, cx: &mut Context<'_>) -> Option<SampleValue> {
        enough(window, cx)?;
        let samples = window.samples;
        // Times are counted from the first sample, so that the sums stay small.
        let zero_ms = *samples.times.first()?;
        let (slope, _) = self.0.through(samples.times, samples.values, zero_ms);
        Some(SampleValue::Float(slope))
    }
}

#[derive(Debug, Default)]
struct PredictLinear(Lines);

impl RangeFunction for PredictLinear {
    fn begin(&mut self, series: &Columns<'_>) {
        self.0.begin(series);
    }

    fn slide(
        &mut self,
        series: &Columns<'_>,
        frame: Frame,
        arguments: &[ScalarColumn],
        out: &mut StepVector,
    ) -> bool {
        let ahead = |step| arguments.first().map_or(0.0, |column| column.get(step));
        self.0.slide(series, frame, Zero::Now, |step, (slope, now)| {
            out.set_float(step, slope * ahead(step) + now);
        })
    }

    fn evaluate(&mut self, window: &Window<'_>, cx: &mut Context<'_>) -> Option<SampleValue> {
        enough(window, cx)?;
        let [ahead, _] = window.arguments;
        let samples = window.samples;
        let (slope, now) = self.0.through(samples.times, samples.values, window.time_ms);
        Some(SampleValue::Float(slope * ahead + now))
    }
}

/// Holt's double exponential smoothing.
struct Smoothing;

impl RangeFunction for Smoothing {
    fn evaluate(&mut self, window: &Window<'_>, cx: &mut Context<'_>) -> Option<SampleValue> {
        let [level_factor, trend_factor] = window.arguments;
        for (factor, name) in [(level_factor, "smoothing"), (trend_factor, "trend")] {
            if factor <= 0.0 || factor >= 1.0 {
                let short = if name == "trend" { "tf" } else { "sf" };
                let words = format!("invalid {name} factor. Expected: 0 < {short} < 1, got: {factor:.6}");
                cx.failure.get_or_insert(QueryError::Execution(words));
                return None;
            }
        }
        enough(window, cx)?;
        let values = window.samples.values;
        let (first, second) = (*values.first()?, *values.get(1)?);
        let (mut level_before, mut level, mut trend) = (0.0, first, second - first);
        for (index, value) in values.iter().enumerate().skip(1) {
            if index > 1 {
                trend = trend_factor * (level - level_before) + (1.0 - trend_factor) * trend;
            }
            let smoothed = level_factor * value + (1.0 - level_factor) * (level + trend);
            (level_before, level) = (level, smoothed);
        }
        Some(SampleValue::Float(level))
    }
}
