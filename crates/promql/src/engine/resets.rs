//! Counter resets: by falling values, and by start timestamps where those are used; `resets` and `changes`.

use super::column::Point;
use super::context::Context;
use super::window::{Columns, RangeFunction, Window};
use watchfire_model::{Histogram, SampleValue};

/// The places in a series where its counter was reset, found once and used by all its windows.
#[derive(Debug)]
pub(crate) struct FloatResets {
    enabled: bool,
    use_start_timestamps: bool,
    places: Vec<usize>,
    /// How many of `places` no later window needs.
    passed: usize,
}

impl FloatResets {
    pub(crate) const fn new(enabled: bool, use_start_timestamps: bool) -> Self {
        Self { enabled, use_start_timestamps, places: Vec::new(), passed: 0 }
    }

    pub(crate) const fn uses_start_timestamps(&self) -> bool {
        self.use_start_timestamps
    }

    /// Looks through a whole series.
    pub(crate) fn find(&mut self, series: &Columns<'_>) {
        self.places.clear();
        self.passed = 0;
        if !self.enabled {
            return;
        }
        for (index, pair) in series.values.windows(2).enumerate() {
            let [before, now] = pair else { continue };
            let reset = now < before
                || (self.use_start_timestamps && start_says_reset(series.times, series.starts, index + 1));
            if reset {
                self.places.push(index + 1);
            }
        }
    }

    /// The values just before each reset inside a window, in order. Windows must come in order.
    pub(crate) fn corrections<'w>(
        &'w mut self,
        first_float: usize,
        values: &'w [f64],
    ) -> impl Iterator<Item = f64> + 'w {
        // A reset at the very first sample happened outside.
        while self.places.get(self.passed).is_some_and(|place| *place <= first_float) {
            self.passed += 1;
        }
        let rest = self.places.get(self.passed..).unwrap_or(&[]);
        rest.iter().map_while(move |place| {
            let inside = place - first_float;
            if inside < values.len() { values.get(inside - 1).copied() } else { None }
        })
    }
}

/// Whether start timestamps say that the counter was reset between a sample and the one before it: it began again
/// after the sample before, or exactly then if that sample had begun earlier (delta temporality).
pub(crate) fn start_says_reset(times: &[i64], starts: &[i64], index: usize) -> bool {
    let Some(before) = index.checked_sub(1) else { return false };
    let (Some(time_before), Some(time)) = (times.get(before), times.get(index)) else { return false };
    let (Some(start_before), Some(start)) = (starts.get(before), starts.get(index)) else { return false };
    if *start == 0 || start >= time {
        return false;
    }
    start > time_before || (start == time_before && *start_before != 0 && start_before < time_before)
}

/// Whether a sample claims to have begun before the sample ahead of it, without sharing its start.
pub(crate) fn overlaps(times: &[i64], starts: &[i64]) -> bool {
    let pairs = times.iter().zip(starts.windows(2));
    pairs.into_iter().any(|(time_before, pair)| match pair {
        [start_before, start] => *start != 0 && start < time_before && start != start_before,
        _ => false,
    })
}

/// Whether a histogram's counter was reset after the histogram before it.
pub(crate) fn is_histogram_reset(before: &Histogram, now: &Histogram) -> bool {
    now.detect_reset(before)
}

/// `resets`
#[derive(Debug)]
pub(crate) struct Resets {
    pub(crate) use_start_timestamps: bool,
}

impl RangeFunction for Resets {
    fn evaluate(&mut self, window: &Window<'_>, _cx: &mut Context<'_>) -> Option<SampleValue> {
        let samples = window.samples;
        let mut count = 0_u32;
        if samples.histogram_times.is_empty() && !self.use_start_timestamps {
            let falls =
                samples.values.windows(2).filter(|pair| matches!(pair, [before, now] if now < before));
            return Some(SampleValue::Float(falls.count() as f64));
        }
        let mut before: Option<(Point<'_>, i64, i64)> = None;
        let mut places = (0_usize, 0_usize);
        for (time, point) in samples.merged() {
            let start = match point {
                Point::Float(_) => {
                    places.0 += 1;
                    samples.starts.get(places.0 - 1)
                }
                Point::Histogram(_) => {
                    places.1 += 1;
                    samples.histogram_starts.get(places.1 - 1)
                }
            };
            let start = start.copied().unwrap_or(0);
            if let Some((point_before, time_before, start_before)) = before {
                let by_value = match (point_before, point) {
                    (Point::Float(before), Point::Float(now)) => now < before,
                    (Point::Histogram(before), Point::Histogram(now)) => is_histogram_reset(before, now),
                    _ => true,
                };
                let by_start = self.use_start_timestamps
                    && start_says_reset(&[time_before, time], &[start_before, start], 1);
                count += u32::from(by_value || by_start);
            }
            before = Some((point, time, start));
        }
        Some(SampleValue::Float(f64::from(count)))
    }
}

/// `changes`
#[derive(Debug)]
pub(crate) struct Changes;

impl RangeFunction for Changes {
    fn evaluate(&mut self, window: &Window<'_>, _cx: &mut Context<'_>) -> Option<SampleValue> {
        let samples = window.samples;
        let differs = |before: f64, now: f64| before != now && !(before.is_nan() && now.is_nan());
        if samples.histogram_times.is_empty() {
            let changes = samples.values.windows(2).filter(|pair| match pair {
                [before, now] => differs(*before, *now),
                _ => false,
            });
            return Some(SampleValue::Float(changes.count() as f64));
        }
        let mut count = 0_u32;
        let mut before: Option<Point<'_>> = None;
        for (_, point) in samples.merged() {
            let changed = match (before, point) {
                (None, _) => false,
                (Some(Point::Float(before)), Point::Float(now)) => differs(before, now),
                (Some(Point::Histogram(before)), Point::Histogram(now)) => !before.equals(now),
                _ => true,
            };
            count += u32::from(changed);
            before = Some(point);
        }
        Some(SampleValue::Float(f64::from(count)))
    }
}
