//! Least-squares lines through the windows of series.
//!
//! What depends on timestamps alone is worked out once for all series that share them, as those of one target do, and four
//! windows are summed up side by side: each in its own order, so that every bit is that of one after the other.

use crate::engine::kahan::{self, Kahan};
use crate::engine::window::{Columns, Frame};
use std::collections::HashMap;

/// How many windows are summed up together.
const LANES: usize = 4;

/// From when the times of a line are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Zero {
    /// The first sample of the window, so that the sums stay small.
    First,
    /// The evaluation time.
    Now,
}

/// The sums over a window of times, and of their squares.
#[derive(Clone, Copy, Debug, PartialEq)]
struct TimeSums {
    /// The window: its first sample, how many it has, and from when times are counted.
    window: (usize, usize, i64),
    x: f64,
    xx: f64,
}

/// What of the lines through a series depends on its timestamps alone.
#[derive(Debug, Default)]
struct Timeline {
    times: Vec<i64>,
    /// The distance of neighbours, where all have the same.
    interval_ms: Option<i64>,
    /// By window, in the order in which they come; empty places were not needed yet.
    sums: Vec<Option<TimeSums>>,
}

/// Fits lines through the windows of series.
#[derive(Debug, Default)]
pub(super) struct Lines {
    /// By a hash of the timestamps.
    timelines: HashMap<u64, Timeline>,
    hash: u64,
    /// How many windows of the series came before.
    next: usize,
    /// No sum of the series' values, nor of their products with times, comes near to where sums need more care.
    tame: bool,
    /// The windows that are summed up together next, all as long.
    together: Vec<Lane>,
    xs: Xs,
}

/// A window that waits for others.
#[derive(Clone, Copy, Debug)]
struct Lane {
    step: usize,
    first: usize,
    len: usize,
    zero_ms: i64,
}

/// Seconds from the zero of windows to their samples.
#[derive(Debug, Default)]
struct Xs {
    /// How far the first sample is from the zero, how many there are, and how far apart; `None` where windows differ.
    of: Option<(i64, usize, i64)>,
    lanes: Vec<[f64; LANES]>,
}

/// So many timelines are kept while series come, and only of windows of so many samples: for a few, finding them again
/// costs as much.
const MAX_TIMELINES: usize = 256;
const MIN_SHARED: usize = 8;

/// Seconds since `zero_ms`.
fn since(zero_ms: i64, time_ms: i64) -> f64 {
    time_ms.saturating_sub(zero_ms) as f64 / 1_000.0
}

/// The distance of neighbours, where all have the same.
fn interval_of(times: &[i64]) -> Option<i64> {
    let interval_ms = times.get(1)?.checked_sub(*times.first()?)?;
    let mut pairs = times.iter().zip(times.iter().skip(1));
    pairs.all(|(before, after)| after.wrapping_sub(*before) == interval_ms).then_some(interval_ms)
}

impl Lines {
    /// Moves on to another series.
    pub(super) fn begin(&mut self, series: &Columns<'_>) {
        let times = series.times;
        self.next = 0;
        self.tame = kahan::tame(series.values);
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
        let timeline = Timeline { times: times.to_vec(), interval_ms: interval_of(times), sums: Vec::new() };
        self.timelines.insert(self.hash, timeline);
    }

    /// Calls `each` with the step and the line of every window with two samples at least; false, and does nothing, for
    /// values that need more care.
    pub(super) fn slide(
        &mut self,
        series: &Columns<'_>,
        frame: Frame,
        zero: Zero,
        mut each: impl FnMut(usize, (f64, f64)),
    ) -> bool {
        if !self.tame {
            return false;
        }
        let interval_ms = self.timelines.get(&self.hash).and_then(|timeline| timeline.interval_ms);
        self.together.clear();
        frame.slide(series.times, |step, (_, end_ms), inside| {
            let (Some(values), Some(first_ms)) =
                (series.values.get(inside.clone()), series.times.get(inside.start))
            else {
                return;
            };
            if values.len() < 2 {
                return;
            }
            if let Some(line) = flat(values) {
                each(step, line);
                return;
            }
            let zero_ms = match zero {
                Zero::First => *first_ms,
                Zero::Now => end_ms.saturating_add(frame.offset_ms),
            };
            let lane = Lane { step, first: inside.start, len: values.len(), zero_ms };
            if self.together.first().is_some_and(|other| other.len != lane.len) {
                self.sum_up(series, interval_ms, &mut each);
            }
            self.together.push(lane);
            if self.together.len() == LANES {
                self.sum_up(series, interval_ms, &mut each);
            }
        });
        self.sum_up(series, interval_ms, &mut each);
        true
    }

    /// Fits the lines through the windows that wait.
    fn sum_up(
        &mut self,
        series: &Columns<'_>,
        interval_ms: Option<i64>,
        each: &mut impl FnMut(usize, (f64, f64)),
    ) {
        let together = std::mem::take(&mut self.together);
        let Some(last) = together.last().copied() else { return };
        // Where there are fewer, the last one stands in for those that are missing.
        let lanes: [Lane; LANES] = std::array::from_fn(|lane| together.get(lane).copied().unwrap_or(last));
        self.xs.lay(series.times, &lanes, interval_ms);
        let values = lanes.map(|lane| series.values.get(lane.first..lane.first + lane.len).unwrap_or(&[]));
        let (ys, xys) = sums(values, &self.xs.lanes);
        for ((lane, y), xy) in together.iter().zip(ys).zip(xys) {
            let times = series.times.get(lane.first..lane.first + lane.len).unwrap_or(&[]);
            let place = self.next;
            self.next += 1;
            let (x, xx) = self.time_sums(place, lane.first, times, lane.zero_ms);
            each(lane.step, line(lane.len, (x, xx), (y, xy)));
        }
        self.together = together;
        self.together.clear();
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

    /// The line through the samples of a window, of which the first is at the place `first` of its series: slope per
    /// second, and its value at `zero_ms`.
    pub(super) fn through(
        &mut self,
        first: usize,
        times: &[i64],
        values: &[f64],
        zero_ms: i64,
    ) -> (f64, f64) {
        let place = self.next;
        self.next += 1;
        if let Some(line) = flat(values) {
            return line;
        }
        let time_sums = self.time_sums(place, first, times, zero_ms);
        let terms = times.iter().zip(values).map(|(time, y)| [*y, since(zero_ms, *time) * y]);
        let [y, xy] = if self.tame {
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
        line(values.len(), time_sums, (y, xy))
    }
}

/// The line through values that are all the same.
fn flat(values: &[f64]) -> Option<(f64, f64)> {
    let value = values.first().copied().unwrap_or(f64::NAN);
    let same = values.iter().skip(1).all(|other| *other == value);
    same.then_some(if value.is_infinite() { (f64::NAN, f64::NAN) } else { (0.0, value) })
}

/// Slope, and value at the zero of times.
fn line(count: usize, (x, xx): (f64, f64), (y, xy): (f64, f64)) -> (f64, f64) {
    let count = count as f64;
    let covariance = xy - x * y / count;
    let variance = xx - x * x / count;
    let slope = covariance / variance;
    (slope, y / count - slope * x / count)
}

impl Xs {
    /// Makes them those of these windows, which are all as long.
    fn lay(&mut self, times: &[i64], lanes: &[Lane; LANES], interval_ms: Option<i64>) {
        let ahead_ms =
            |lane: &Lane| times.get(lane.first).map(|first_ms| first_ms.saturating_sub(lane.zero_ms));
        let [one, others @ ..] = lanes;
        let alike = others.iter().all(|other| ahead_ms(other) == ahead_ms(one));
        let of = match (ahead_ms(one), interval_ms) {
            (Some(ahead_ms), Some(interval_ms)) if alike => Some((ahead_ms, one.len, interval_ms)),
            _ => None,
        };
        if of.is_some() && of == self.of {
            return;
        }
        self.of = of;
        self.lanes.clear();
        self.lanes.extend((0..one.len).map(|place| {
            lanes.map(|lane| {
                times.get(lane.first + place).map_or(0.0, |time_ms| since(lane.zero_ms, *time_ms))
            })
        }));
    }
}

/// Of each lane the sums of its values and of their products with `xs`.
#[inline(always)]
fn sums_of(values: [&[f64]; LANES], xs: &[[f64; LANES]]) -> ([f64; LANES], [f64; LANES]) {
    let [first, second, third, fourth] = values;
    let terms = first.iter().zip(second).zip(third.iter().zip(fourth)).zip(xs);
    let (mut ys, mut lost_ys, mut xys, mut lost_xys) =
        ([0.0; LANES], [0.0; LANES], [0.0; LANES], [0.0; LANES]);
    for (((first, second), (third, fourth)), xs) in terms {
        let values = [*first, *second, *third, *fourth];
        for lane in 0..LANES {
            let y = values[lane];
            let total = ys[lane] + y;
            let added = total - ys[lane];
            lost_ys[lane] += (ys[lane] - (total - added)) + (y - added);
            ys[lane] = total;
            let xy = xs[lane] * y;
            let total = xys[lane] + xy;
            let added = total - xys[lane];
            lost_xys[lane] += (xys[lane] - (total - added)) + (xy - added);
            xys[lane] = total;
        }
    }
    for lane in 0..LANES {
        ys[lane] += lost_ys[lane];
        xys[lane] += lost_xys[lane];
    }
    (ys, xys)
}

/// As [`sums_of`], four lanes in one register.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn sums_in_wide_registers(values: [&[f64]; LANES], xs: &[[f64; LANES]]) -> ([f64; LANES], [f64; LANES]) {
    sums_of(values, xs)
}

fn sums(values: [&[f64]; LANES], xs: &[[f64; LANES]]) -> ([f64; LANES], [f64; LANES]) {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        #[expect(unsafe_code, reason = "what a processor can do is known only when the program runs")]
        // SAFETY: this processor has the instructions, as was just asked.
        return unsafe { sums_in_wide_registers(values, xs) };
    }
    sums_of(values, xs)
}

#[cfg(test)]
mod tests;
