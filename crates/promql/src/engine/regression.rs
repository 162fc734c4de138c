//! Functions that fit a line or a trend: `deriv`, `predict_linear`, `double_exponential_smoothing`.

use super::QueryError;
use super::context::Context;
use super::kahan::{self, Kahan};
use super::over_time::note_ignored;
use super::window::{Columns, RangeFunction, Window};
use std::collections::HashMap;
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

/// The sums over a window of times, and of their squares.
#[derive(Clone, Copy, Debug, PartialEq)]
struct TimeSums {
    /// The window: its first sample, how many it has, and from when times are counted.
    window: (usize, usize, i64),
    x: f64,
    xx: f64,
}

/// What of the lines through a series depends on its timestamps alone, which the series of a target share.
#[derive(Debug, Default)]
struct Timeline {
    times: Vec<i64>,
    /// By window, in the order in which they come; empty places were not needed yet.
    sums: Vec<Option<TimeSums>>,
}

/// Fits lines through the windows of series.
#[derive(Debug, Default)]
struct Lines {
    /// By a hash of the timestamps.
    timelines: HashMap<u64, Timeline>,
    hash: u64,
    /// How many windows of the series came before.
    next: usize,
}

/// So many timelines are kept while series come, and only of windows of so many samples: for a few, finding them again
/// costs as much.
const MAX_TIMELINES: usize = 256;
const MIN_SHARED: usize = 8;

/// Seconds since `zero_ms`.
fn since(zero_ms: i64, time_ms: i64) -> f64 {
    time_ms.saturating_sub(zero_ms) as f64 / 1_000.0
}

impl Lines {
    /// Moves on to another series.
    fn begin(&mut self, times: &[i64]) {
        self.next = 0;
        let mix = |hash: u64, time: &i64| {
            (hash ^ time.cast_unsigned()).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23)
        };
        self.hash = times.iter().fold(times.len() as u64, mix);
        if self.timelines.get(&self.hash).is_some_and(|timeline| timeline.times == times) {
            return;
        }
        if self.timelines.len() >= MAX_TIMELINES {
            self.timelines.clear();
        }
        self.timelines.insert(self.hash, Timeline { times: times.to_vec(), sums: Vec::new() });
    }

    /// The sums of times of the window that comes at this place.
    fn time_sums(&mut self, place: usize, first: usize, times: &[i64], zero_ms: i64) -> (f64, f64) {
        let add = || {
            let [x, xx] = kahan::sums(times.iter().map(|time| {
                let x = since(zero_ms, *time);
                [x, x * x]
            }));
            (x, xx)
        };
        if times.len() < MIN_SHARED {
            return add();
        }
        let window = (first, times.len(), zero_ms);
        let Some(timeline) = self.timelines.get_mut(&self.hash) else { return add() };
        if place >= timeline.sums.len() {
            timeline.sums.resize(place + 1, None);
        }
        let Some(slot) = timeline.sums.get_mut(place) else { return add() };
        if let Some(known) = slot.filter(|known| known.window == window) {
            return (known.x, known.xx);
        }
        let (x, xx) = add();
        *slot = Some(TimeSums { window, x, xx });
        (x, xx)
    }

    /// The least-squares line through the samples of a window, of which the first is at the place `first` of its series:
    /// slope per second, and its value at `zero_ms`.
    fn through(&mut self, first: usize, times: &[i64], values: &[f64], zero_ms: i64) -> (f64, f64) {
        let place = self.next;
        self.next += 1;
        let value = values.first().copied().unwrap_or(f64::NAN);
        if values.iter().skip(1).all(|other| *other == value) {
            return if value.is_infinite() { (f64::NAN, f64::NAN) } else { (0.0, value) };
        }
        let (x_sum, xx_sum) = self.time_sums(place, first, times, zero_ms);
        let terms = times.iter().zip(values).map(|(time, y)| [*y, since(zero_ms, *time) * y]);
        // No sum of such values, nor of their products with times, comes near to where sums need more care.
        let tame = values.iter().fold(true, |tame, value| tame & (value.abs() < 1e200));
        let [y_sum, xy_sum] = if tame {
            kahan::sums(terms)
        } else {
            let mut sums = [Kahan::default(); 2];
            for terms in terms {
                for (sum, term) in sums.iter_mut().zip(terms) {
                    sum.add(term);
                }
            }
            sums.map(Kahan::total)
        };
        let count = values.len() as f64;
        let covariance = xy_sum - x_sum * y_sum / count;
        let variance = xx_sum - x_sum * x_sum / count;
        let slope = covariance / variance;
        (slope, y_sum / count - slope * x_sum / count)
    }
}

fn enough(window: &Window<'_>, cx: &mut Context<'_>) -> Option<()> {
    note_ignored(window, cx)?;
    (window.samples.times.len() >= 2).then_some(())
}

#[derive(Debug, Default)]
struct Deriv(Lines);

impl RangeFunction for Deriv {
    fn begin(&mut self, series: &Columns<'_>) {
        self.0.begin(series.times);
    }

    fn evaluate(&mut self, window: &Window<'_>, cx: &mut Context<'_>) -> Option<SampleValue> {
        enough(window, cx)?;
        let samples = window.samples;
        // Times are counted from the first sample, so that the sums stay small.
        let zero_ms = *samples.times.first()?;
        let (slope, _) = self.0.through(window.first_float, samples.times, samples.values, zero_ms);
        Some(SampleValue::Float(slope))
    }
}

#[derive(Debug, Default)]
struct PredictLinear(Lines);

impl RangeFunction for PredictLinear {
    fn begin(&mut self, series: &Columns<'_>) {
        self.0.begin(series.times);
    }

    fn evaluate(&mut self, window: &Window<'_>, cx: &mut Context<'_>) -> Option<SampleValue> {
        enough(window, cx)?;
        let [ahead, _] = window.arguments;
        let samples = window.samples;
        let (slope, now) = self.0.through(window.first_float, samples.times, samples.values, window.time_ms);
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
