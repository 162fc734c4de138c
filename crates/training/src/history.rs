//! How a metric went: its values over steps or time, thinned out where there are too many.

use crate::points::{Kept, kept};
use crate::{TrainingError, TrainingRun};
use watchfire_model::TimeRange;
use watchfire_promql::Source;

/// No more values of a metric are read at once.
pub(crate) const MOST_VALUES: usize = 2_000_000;

/// One value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HistoryPoint {
    /// When it was logged, in milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// Its step.
    pub step: i64,
    /// The value.
    pub value: f64,
}

/// What runs from left to right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Axis {
    /// Steps.
    #[default]
    Step,
    /// Seconds since the Unix epoch.
    Time,
    /// Seconds since the run began.
    Relative,
}

impl Axis {
    /// What a word stands for.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "step" => Some(Self::Step),
            "time" => Some(Self::Time),
            "relative" => Some(Self::Relative),
            _ => None,
        }
    }

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Step => "step",
            Self::Time => "time",
            Self::Relative => "relative",
        }
    }

    /// Where a point stands.
    pub fn of(self, point: &HistoryPoint, run: &TrainingRun) -> f64 {
        match self {
            Self::Step => point.step as f64,
            Self::Time => point.at_ms as f64 / 1_000.0,
            Self::Relative => (point.at_ms - run.started_ms) as f64 / 1_000.0,
        }
    }
}

/// A metric of a run, ready to be drawn.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Line {
    /// How many values there are in the range.
    pub total: usize,
    /// Those to draw, in the order of the axis.
    pub points: Vec<HistoryPoint>,
}

/// All values of a metric of a run, in the order of their times and, of one time, of their steps.
pub(crate) fn read(source: &dyn Source, run: &str, key: &str) -> Result<Vec<HistoryPoint>, TrainingError> {
    let kept = kept(source, run, key, TimeRange::ALL, MOST_VALUES)?;
    let logged = |(at_ms, kept): (i64, Kept)| HistoryPoint {
        at_ms: at_ms - kept.shift_ms,
        step: kept.step,
        value: kept.value,
    };
    let mut points: Vec<HistoryPoint> = kept.into_iter().map(logged).collect();
    points.sort_by(|one, other| {
        (one.at_ms, one.step).cmp(&(other.at_ms, other.step)).then(one.value.total_cmp(&other.value))
    });
    Ok(points)
}

/// What of it to draw: at most about `limit` points within `range`, in buckets of equal width of which the first, the
/// smallest, the largest and the last stay, so that no spike is lost.
pub fn line(
    mut points: Vec<HistoryPoint>,
    run: &TrainingRun,
    axis: Axis,
    (from, to): (f64, f64),
    limit: usize,
) -> Line {
    points.retain(|point| (from..=to).contains(&axis.of(point, run)));
    if axis == Axis::Step {
        points.sort_by_key(|point| (point.step, point.at_ms));
    }
    let total = points.len();
    if total <= limit {
        return Line { total, points };
    }
    let buckets = (limit / 4).max(1);
    let at = |index: usize| points.get(index).map_or(0.0, |point| axis.of(point, run));
    let (first, last) = (at(0), at(total - 1));
    let width = (last - first) / buckets as f64;
    let bucket_of = |index: usize| {
        let by_place = ((at(index) - first) / width) as usize;
        // All at one place: by their numbers then.
        if width > 0.0 { by_place.min(buckets - 1) } else { index * buckets / total }
    };
    let mut drawn = Vec::with_capacity(limit);
    let mut from = 0;
    while from < total {
        let bucket = bucket_of(from);
        let mut to = from + 1;
        while to < total && bucket_of(to) == bucket {
            to += 1;
        }
        keep_extremes(points.get(from..to).unwrap_or_default(), &mut drawn);
        from = to;
    }
    Line { total, points: drawn }
}

/// The first, the smallest, the largest and the last, each once and in order; of what is no number, one.
fn keep_extremes(points: &[HistoryPoint], drawn: &mut Vec<HistoryPoint>) {
    let numbers = || points.iter().enumerate().filter(|(_, point)| !point.value.is_nan());
    let smallest = numbers().min_by(|one, other| one.1.value.total_cmp(&other.1.value));
    let largest = numbers().max_by(|one, other| one.1.value.total_cmp(&other.1.value));
    let nan = points.iter().position(|point| point.value.is_nan());
    let mut chosen = vec![0, points.len().saturating_sub(1)];
    chosen.extend(smallest.map(|(index, _)| index));
    chosen.extend(largest.map(|(index, _)| index));
    chosen.extend(nan);
    chosen.sort_unstable();
    chosen.dedup();
    drawn.extend(chosen.into_iter().filter_map(|index| points.get(index).copied()));
}

#[cfg(test)]
mod tests;
