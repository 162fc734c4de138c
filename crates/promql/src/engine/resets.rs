//! Counter resets: by falling values, and by start timestamps where those are used; `resets` and `changes`.

use super::column::Point;
use super::context::Context;
use super::window::{Columns, RangeFunction, Window, beyond_itself};
use watchfire_model::{Histogram, SampleValue};

/// The places in a series where its counter was reset, found once and used by all its windows.
#[derive(Debug)]
pub(crate) struct FloatResets {
    enabled: bool,
    use_start_timestamps: bool,
    /// Each with what it took away: the value before it.
    places: Vec<(usize, f64)>,
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
        // Most counters fall nowhere, which is seen without a branch for each sample.
        let pairs = series.values.iter().zip(series.values.iter().skip(1));
        let falls = pairs.fold(false, |falls, (before, now)| falls | (now < before));
        if !falls && !self.use_start_timestamps && series.rollups.is_empty() {
            return;
        }
        for (index, pair) in series.values.windows(2).enumerate() {
            let [before, now] = pair else { continue };
            if let Some(window) = beyond_itself(series.rollups, index + 1) {
                if window.lost != 0.0 {
                    self.places.push((index + 1, window.lost));
                }
                continue;
            }
            let reset = now < before
                || (self.use_start_timestamps && start_says_reset(series.times, series.starts, index + 1));
            if reset {
                self.places.push((index + 1, *before));
            }
        }
    }

    /// Whether there are any.
    pub(crate) fn any(&self) -> bool {
        !self.places.is_empty()
    }

    /// The values just before each reset inside a window of `len` samples, in order. Windows must come in order.
    pub(crate) fn corrections(&mut self, first_float: usize, len: usize) -> impl Iterator<Item = f64> + '_ {
        // A reset at the very first sample happened outside.
        while self.places.get(self.passed).is_some_and(|(place, _)| *place <= first_float) {
            self.passed += 1;
        }
        let rest = self.places.get(self.passed..).unwrap_or(&[]);
        rest.iter().map_while(move |(place, before)| (place - first_float < len).then_some(*before))
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

/// How many times something happened between neighbours, counted once for a whole series of floats.
#[derive(Debug, Default)]
struct Transitions {
    /// At each place: how many up to there, all before included.
    up_to: Vec<u32>,
}

impl Transitions {
    fn count(&mut self, series: &Columns<'_>, happened: impl Fn(usize, f64, f64) -> bool) {
        self.up_to.clear();
        if !series.histogram_times.is_empty() {
            return;
        }
        let mut count = 0_u32;
        let mut before = None;
        for (place, now) in series.values.iter().enumerate() {
            count += u32::from(before.is_some_and(|before| happened(place, before, *now)));
            before = Some(*now);
            self.up_to.push(count);
        }
    }

    /// How many inside a window; `None` where they were not counted.
    fn inside(&self, window: &Window<'_>) -> Option<SampleValue> {
        let last = window.first_float + window.samples.values.len().checked_sub(1)?;
        let count = self.up_to.get(last)?.checked_sub(*self.up_to.get(window.first_float)?)?;
        Some(SampleValue::Float(f64::from(count)))
    }
}

/// Whether a value is another than the one before; NaN is always the same.
fn differs(before: f64, now: f64) -> bool {
    before != now && !(before.is_nan() && now.is_nan())
}

/// `resets`
#[derive(Debug, Default)]
pub(crate) struct Resets {
    use_start_timestamps: bool,
    falls: Transitions,
}

impl Resets {
    pub(crate) fn new(use_start_timestamps: bool) -> Self {
        Self { use_start_timestamps, falls: Transitions::default() }
    }

    fn between(&self, before: (Point<'_>, i64, i64), now: (Point<'_>, i64, i64)) -> bool {
        let by_value = match (before.0, now.0) {
            (Point::Float(before), Point::Float(now)) => now < before,
            (Point::Histogram(before), Point::Histogram(now)) => is_histogram_reset(before, now),
            _ => true,
        };
        by_value || (self.use_start_timestamps && start_says_reset(&[before.1, now.1], &[before.2, now.2], 1))
    }
}

impl RangeFunction for Resets {
    fn begin(&mut self, series: &Columns<'_>) {
        let use_starts = self.use_start_timestamps;
        let (times, starts) = (series.times, series.starts);
        self.falls.count(series, |place, before, now| match beyond_itself(series.rollups, place) {
            Some(window) => window.lost != 0.0,
            None => now < before || (use_starts && start_says_reset(times, starts, place)),
        });
    }

    fn evaluate(&mut self, window: &Window<'_>, _cx: &mut Context<'_>) -> Option<SampleValue> {
        if let Some(counted) = self.falls.inside(window) {
            return Some(counted);
        }
        let samples = window.samples;
        let (mut floats, mut histograms) = (samples.starts.iter(), samples.histogram_starts.iter());
        let mut count = 0_u32;
        let mut before = None;
        for (time, point) in samples.merged() {
            let start = match point {
                Point::Float(_) => floats.next(),
                Point::Histogram(_) => histograms.next(),
            };
            let now = (point, time, start.copied().unwrap_or(0));
            count += u32::from(before.is_some_and(|before| self.between(before, now)));
            before = Some(now);
        }
        Some(SampleValue::Float(f64::from(count)))
    }
}

/// `changes`
#[derive(Debug, Default)]
pub(crate) struct Changes {
    changes: Transitions,
}

impl RangeFunction for Changes {
    fn begin(&mut self, series: &Columns<'_>) {
        self.changes.count(series, |_, before, now| differs(before, now));
    }

    fn evaluate(&mut self, window: &Window<'_>, _cx: &mut Context<'_>) -> Option<SampleValue> {
        if let Some(counted) = self.changes.inside(window) {
            return Some(counted);
        }
        let mut count = 0_u32;
        let mut before: Option<Point<'_>> = None;
        for (_, point) in window.samples.merged() {
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
