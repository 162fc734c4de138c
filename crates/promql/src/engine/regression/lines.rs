//! Least-squares lines through the windows of series.
//!
//! Four windows are summed up side by side: each in its own order, so that every bit is that of one after the other. What
//! depends on timestamps alone is the same for all windows of a series that comes at equal intervals, and worked out once.

use crate::engine::kahan::{self, Kahan};
use crate::engine::window::{Columns, Frame};

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

/// Fits lines through the windows of series.
#[derive(Debug, Default)]
pub(super) struct Lines {
    /// No sum of the series' values, nor of their products with times, comes near to where sums need more care.
    tame: bool,
    /// The windows that are summed up together next, all as long.
    together: Vec<Lane>,
    /// See [`find_runs`].
    runs: Vec<usize>,
    xs: Xs,
}

/// A window that waits for others.
#[derive(Clone, Copy, Debug)]
struct Lane {
    step: usize,
    first: usize,
    len: usize,
    zero_ms: i64,
    /// The distance of its samples, where all have the same.
    interval_ms: Option<i64>,
}

/// Seconds from the zero of windows to their samples.
#[derive(Debug, Default)]
struct Xs {
    /// How far the first sample is from the zero, how many there are, and how far apart; `None` where windows differ.
    of: Option<(i64, usize, i64)>,
    lanes: Vec<[f64; LANES]>,
    /// Their sums, and those of their squares.
    sums: Sums,
}

/// Two sums of each lane.
type Sums = ([f64; LANES], [f64; LANES]);

/// Seconds since `zero_ms`.
fn since(zero_ms: i64, time_ms: i64) -> f64 {
    time_ms.saturating_sub(zero_ms) as f64 / 1_000.0
}

/// Of each time the first of those from which on all up to it are as far apart.
fn find_runs(times: &[i64], runs: &mut Vec<usize>) {
    runs.clear();
    let mut run = 0;
    for (place, ends) in times.windows(3).enumerate() {
        let regular = matches!(ends, [first, second, third] if third.wrapping_sub(*second) == second.wrapping_sub(*first));
        if !regular {
            run = place + 1;
        }
        runs.push(run);
    }
    // The first two are behind nothing.
    runs.splice(0..0, [0, 0]);
}

impl Lines {
    /// Moves on to another series.
    pub(super) fn begin(&mut self, series: &Columns<'_>) {
        self.tame = kahan::tame(series.values);
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
        find_runs(series.times, &mut self.runs);
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
            let regular = self.runs.get(inside.end - 1).is_some_and(|run| *run <= inside.start);
            let second_ms = series.times.get(inside.start + 1).filter(|_| regular);
            let interval_ms = second_ms.map(|second_ms| second_ms.wrapping_sub(*first_ms));
            let lane = Lane { step, first: inside.start, len: values.len(), zero_ms, interval_ms };
            if self.together.first().is_some_and(|other| other.len != lane.len) {
                self.sum_up(series, &mut each);
            }
            self.together.push(lane);
            if self.together.len() == LANES {
                self.sum_up(series, &mut each);
            }
        });
        self.sum_up(series, &mut each);
        true
    }

    /// Fits the lines through the windows that wait.
    fn sum_up(&mut self, series: &Columns<'_>, each: &mut impl FnMut(usize, (f64, f64))) {
        let together = std::mem::take(&mut self.together);
        let Some(last) = together.last().copied() else { return };
        // Where there are fewer, the last one stands in for those that are missing.
        let lanes: [Lane; LANES] = std::array::from_fn(|lane| together.get(lane).copied().unwrap_or(last));
        self.xs.lay(series.times, &lanes);
        let values = lanes.map(|lane| series.values.get(lane.first..lane.first + lane.len).unwrap_or(&[]));
        let (ys, xys) = sums(values, &self.xs.lanes);
        let (xs, xxs) = self.xs.sums;
        let sums = xs.into_iter().zip(xxs).zip(ys.into_iter().zip(xys));
        for (lane, (times, values)) in together.iter().zip(sums) {
            each(lane.step, line(lane.len, times, values));
        }
        self.together = together;
        self.together.clear();
    }

    /// The line through the samples of one window: slope per second, and its value at `zero_ms`.
    pub(super) fn through(&self, times: &[i64], values: &[f64], zero_ms: i64) -> (f64, f64) {
        if let Some(line) = flat(values) {
            return line;
        }
        let [x, xx] = kahan::sums(times.iter().map(|time| {
            let x = since(zero_ms, *time);
            [x, x * x]
        }));
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
        line(values.len(), (x, xx), (y, xy))
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
    fn lay(&mut self, times: &[i64], lanes: &[Lane; LANES]) {
        let ahead_ms =
            |lane: &Lane| times.get(lane.first).map_or(0, |first_ms| first_ms.saturating_sub(lane.zero_ms));
        let of = |lane: &Lane| lane.interval_ms.map(|interval_ms| (ahead_ms(lane), lane.len, interval_ms));
        let [one, others @ ..] = lanes;
        let of = of(one).filter(|one| others.iter().all(|other| of(other) == Some(*one)));
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
        self.sums = sums_of_times(&self.lanes);
    }
}

/// Of each lane the sums of its values and of their products with `xs`.
#[inline(always)]
fn sums_of(values: [&[f64]; LANES], xs: &[[f64; LANES]]) -> Sums {
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

/// Of each lane the sums of `xs` and of their squares.
fn sums_of_times(xs: &[[f64; LANES]]) -> Sums {
    let terms = |lane: usize| {
        kahan::sums(xs.iter().map(move |xs| {
            let x = xs[lane];
            [x, x * x]
        }))
    };
    let sums: [[f64; 2]; LANES] = std::array::from_fn(terms);
    (sums.map(|[x, _]| x), sums.map(|[_, xx]| xx))
}

/// As [`sums_of`], four lanes in one register.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn sums_in_wide_registers(values: [&[f64]; LANES], xs: &[[f64; LANES]]) -> Sums {
    sums_of(values, xs)
}

fn sums(values: [&[f64]; LANES], xs: &[[f64; LANES]]) -> Sums {
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
