//! Functions that fit a line or a trend: `deriv`, `predict_linear`, `double_exponential_smoothing`.

use super::QueryError;
use super::context::Context;
use super::kahan::Kahan;
use super::over_time::note_ignored;
use super::window::{RangeFunction, Window};
use watchfire_model::SampleValue;

/// The function of that name.
pub(crate) fn find(name: &str) -> Option<Box<dyn RangeFunction>> {
    Some(match name {
        "deriv" => Box::new(Deriv),
        "predict_linear" => Box::new(PredictLinear),
        "double_exponential_smoothing" | "holt_winters" => Box::new(Smoothing),
        _ => return None,
    })
}

/// The least-squares line through the samples: slope per second, and its value at `zero_ms`.
fn line(times: &[i64], values: &[f64], zero_ms: i64) -> (f64, f64) {
    let first = values.first().copied().unwrap_or(f64::NAN);
    if values.iter().skip(1).all(|value| *value == first) {
        return if first.is_infinite() { (f64::NAN, f64::NAN) } else { (0.0, first) };
    }
    let (mut x_sum, mut y_sum) = (Kahan::default(), Kahan::default());
    let (mut xy_sum, mut xx_sum) = (Kahan::default(), Kahan::default());
    for (time, y) in times.iter().zip(values) {
        let x = time.saturating_sub(zero_ms) as f64 / 1_000.0;
        x_sum.add(x);
        y_sum.add(*y);
        xy_sum.add(x * y);
        xx_sum.add(x * x);
    }
    let count = values.len() as f64;
    let (x_sum, y_sum) = (x_sum.total(), y_sum.total());
    let covariance = xy_sum.total() - x_sum * y_sum / count;
    let variance = xx_sum.total() - x_sum * x_sum / count;
    let slope = covariance / variance;
    (slope, y_sum / count - slope * x_sum / count)
}

fn enough(window: &Window<'_>, cx: &mut Context<'_>) -> Option<()> {
    note_ignored(window, cx)?;
    (window.samples.times.len() >= 2).then_some(())
}

struct Deriv;

impl RangeFunction for Deriv {
    fn evaluate(&mut self, window: &Window<'_>, cx: &mut Context<'_>) -> Option<SampleValue> {
        enough(window, cx)?;
        let samples = window.samples;
        // Times are counted from the first sample, so that the sums stay small.
        let (slope, _) = line(samples.times, samples.values, *samples.times.first()?);
        Some(SampleValue::Float(slope))
    }
}

struct PredictLinear;

impl RangeFunction for PredictLinear {
    fn evaluate(&mut self, window: &Window<'_>, cx: &mut Context<'_>) -> Option<SampleValue> {
        enough(window, cx)?;
        let [ahead, _] = window.arguments;
        let (slope, now) = line(window.samples.times, window.samples.values, window.time_ms);
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
