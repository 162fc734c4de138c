//! Aggregations that pick series: `topk`, `bottomk`, `limitk`, `limit_ratio`.

use super::share::share;
use super::{Aggregation, Groups};
use crate::ast::AggregateOp;
use crate::engine::QueryError;
use crate::engine::column::{HeldSeries, Point, SeriesKey, StepVector};
use crate::engine::context::Context;
use crate::engine::format;
use std::cmp::Ordering;

/// The largest count of series anybody can pick.
fn as_count(parameter: f64) -> Result<usize, QueryError> {
    if parameter.is_nan() {
        return Err(QueryError::Execution("Parameter value is NaN".to_owned()));
    }
    // From here on Prometheus cannot tell a 64-bit count.
    if parameter.abs() >= 9_223_372_036_854_775_808.0 {
        let (shown, what) =
            (format::general(parameter), if parameter > 0.0 { "overflows" } else { "underflows" });
        return Err(QueryError::Execution(format!("Scalar value {shown} {what} int64")));
    }
    Ok(if parameter < 1.0 { 0 } else { parameter as usize })
}

fn counts<'a>(aggregation: &mut Aggregation<'a>, cx: &mut Context<'a>) -> Result<Vec<usize>, QueryError> {
    let parameter = aggregation.number(cx)?;
    (0..aggregation.steps.count).map(|step| as_count(parameter.get(step))).collect()
}

/// The best of one group at one step, best first.
#[derive(Clone, Debug, Default)]
struct Ranking {
    /// Value and number of the series.
    best: Vec<(f64, usize)>,
}

impl Ranking {
    fn offer(&mut self, value: f64, series: usize, count: usize, top: bool) {
        let ahead = |(other, _): &(f64, usize)| order(*other, value, top) != Ordering::Greater;
        let place = self.best.partition_point(ahead);
        if place >= count {
            return;
        }
        self.best.insert(place, (value, series));
        self.best.truncate(count);
    }
}

/// Best first; NaN comes last.
fn order(left: f64, right: f64, top: bool) -> Ordering {
    match (left.is_nan(), right.is_nan()) {
        (true, true) => Ordering::Equal,
        (true, false) => Ordering::Greater,
        (false, true) => Ordering::Less,
        (false, false) => {
            let ascending = left.partial_cmp(&right).unwrap_or(Ordering::Equal);
            if top { ascending.reverse() } else { ascending }
        }
    }
}

/// `topk` and `bottomk`, at each step on its own.
pub(super) fn extremes<'a>(
    aggregation: &mut Aggregation<'a>,
    cx: &mut Context<'a>,
) -> Result<Vec<HeldSeries>, QueryError> {
    let counts = counts(aggregation, cx)?;
    let top = aggregation.op == AggregateOp::Topk;
    let steps = aggregation.steps.count;
    let mut keys: Vec<SeriesKey> = Vec::new();
    let mut groups: Groups<Vec<Ranking>> = Groups::default();
    let mut vector = StepVector::default();
    while let Some(key) = aggregation.inner.next(cx, &mut vector)? {
        let series = keys.len();
        let mut ignored = false;
        let rankings = groups.of(aggregation.grouping, &key, cx, |cx| {
            cx.hold(steps)?;
            Ok(vec![Ranking::default(); steps])
        })?;
        let mut grown = 0_usize;
        for (step, (count, ranking)) in counts.iter().zip(rankings).enumerate() {
            match vector.get(step) {
                Some(Point::Float(value)) => {
                    let before = ranking.best.len();
                    ranking.offer(value, series, *count, top);
                    grown += ranking.best.len() - before;
                }
                Some(Point::Histogram(_)) if *count > 0 => ignored = true,
                _ => {}
            }
        }
        cx.hold(grown)?;
        if ignored {
            cx.notes.ignored_in_aggregation(aggregation.span, aggregation.op.as_str());
        }
        keys.push(key);
    }
    let mut picked: Vec<Option<StepVector>> = vec![None; keys.len()];
    let mut ordered: Vec<usize> = Vec::new();
    for (_, rankings) in groups.entries {
        for (step, ranking) in rankings.into_iter().enumerate() {
            cx.release(ranking.best.len());
            for (value, series) in ranking.best {
                let Some(slot) = picked.get_mut(series) else { continue };
                let vector = match slot {
                    Some(vector) => vector,
                    None => {
                        cx.hold(steps)?;
                        ordered.push(series);
                        slot.insert(StepVector::absent(steps))
                    }
                };
                vector.set_float(step, value);
            }
        }
    }
    Ok(collect(ordered, picked, &keys))
}

fn collect(ordered: Vec<usize>, mut picked: Vec<Option<StepVector>>, keys: &[SeriesKey]) -> Vec<HeldSeries> {
    ordered
        .into_iter()
        .filter_map(|series| {
            let vector = picked.get_mut(series)?.take()?;
            Some(HeldSeries { key: keys.get(series)?.clone(), vector })
        })
        .collect()
}

/// `limitk`: the first so many series of each group that have a sample.
pub(super) fn limit_count<'a>(
    aggregation: &mut Aggregation<'a>,
    cx: &mut Context<'a>,
) -> Result<Vec<HeldSeries>, QueryError> {
    let counts = counts(aggregation, cx)?;
    let steps = aggregation.steps.count;
    let mut groups: Groups<Vec<usize>> = Groups::default();
    let mut result = Vec::new();
    let mut vector = StepVector::default();
    while let Some(key) = aggregation.inner.next(cx, &mut vector)? {
        let taken = groups.of(aggregation.grouping, &key, cx, |cx| {
            cx.hold(steps)?;
            Ok(vec![0; steps])
        })?;
        for (step, (count, taken)) in counts.iter().zip(taken).enumerate() {
            if vector.is_present(step) {
                if *taken < *count {
                    *taken += 1;
                } else {
                    vector.clear_at(step);
                }
            }
        }
        if vector.any_present() {
            cx.hold(steps)?;
            result.push(HeldSeries { key, vector: std::mem::take(&mut vector) });
        }
    }
    Ok(result)
}

/// `limit_ratio`: series whose hash falls below the ratio; with a negative ratio the others.
pub(super) fn limit_ratio<'a>(
    aggregation: &mut Aggregation<'a>,
    cx: &mut Context<'a>,
) -> Result<Vec<HeldSeries>, QueryError> {
    let ratios = aggregation.number(cx)?;
    let steps = aggregation.steps.count;
    let mut limits = Vec::with_capacity(steps);
    for step in 0..steps {
        let ratio = ratios.get(step);
        if ratio.is_nan() {
            return Err(QueryError::Execution("Ratio value is NaN".to_owned()));
        }
        let capped = ratio.clamp(-1.0, 1.0);
        if capped != ratio {
            let (given, used) = (format::general(ratio), format::general(capped));
            let words = format!("ratio value should be between -1 and 1, got {given}, capping to {used}");
            cx.notes.warn(aggregation.parameter_span, words);
        }
        limits.push(capped);
    }
    let mut result = Vec::new();
    let mut vector = StepVector::default();
    while let Some(key) = aggregation.inner.next(cx, &mut vector)? {
        let place = share(&key.labels);
        for (step, limit) in limits.iter().enumerate() {
            let taken = if *limit >= 0.0 { place < *limit } else { place >= 1.0 + *limit };
            if !taken {
                vector.clear_at(step);
            }
        }
        if vector.any_present() {
            cx.hold(steps)?;
            result.push(HeldSeries { key, vector: std::mem::take(&mut vector) });
        }
    }
    Ok(result)
}
