//! `quantile`

use super::{Aggregation, Groups};
use crate::engine::QueryError;
use crate::engine::column::{HeldSeries, Point, StepVector};
use crate::engine::context::Context;
use crate::engine::sorted::nan_first;

pub(super) fn quantile<'a>(
    aggregation: &mut Aggregation<'a>,
    cx: &mut Context<'a>,
) -> Result<Vec<HeldSeries>, QueryError> {
    let quantiles = aggregation.number(cx)?;
    let steps = aggregation.steps.count;
    for step in 0..steps {
        cx.notes.invalid_quantile(aggregation.parameter_span, quantiles.get(step));
    }
    let mut groups: Groups<Vec<Vec<f64>>> = Groups::default();
    let mut vector = StepVector::default();
    while let Some(key) = aggregation.inner.next(cx, &mut vector)? {
        if !vector.any_present() {
            continue;
        }
        cx.hold(vector.present_count())?;
        let mut ignored = false;
        let mut found = (0..steps).filter_map(|step| match vector.get(step)? {
            Point::Float(value) => Some((step, value)),
            Point::Histogram(_) => {
                ignored = true;
                None
            }
        });
        // A group exists only where there is a float.
        if let Some(first) = found.next() {
            let group = groups.of(aggregation.grouping, &key, cx, |cx| {
                cx.hold(steps)?;
                Ok(vec![Vec::new(); steps])
            })?;
            for (step, value) in std::iter::once(first).chain(found) {
                if let Some(values) = group.get_mut(step) {
                    values.push(value);
                }
            }
        }
        if ignored {
            cx.notes.ignored_in_aggregation(aggregation.span, "quantile");
        }
    }
    let mut result = Vec::with_capacity(groups.entries.len());
    for (key, columns) in groups.entries {
        let mut out = StepVector::absent(steps);
        for (step, mut values) in columns.into_iter().enumerate() {
            cx.release(values.len());
            if !values.is_empty() {
                out.set_float(step, quantile_of(quantiles.get(step), &mut values));
            }
        }
        cx.hold(out.len())?;
        result.push(HeldSeries { key, vector: out });
    }
    Ok(result)
}

/// The φ-quantile of values, which are sorted on the way; NaN counts as smallest.
pub(crate) fn quantile_of(quantile: f64, values: &mut [f64]) -> f64 {
    values.sort_unstable_by(nan_first);
    quantile_of_sorted(quantile, values)
}

/// The φ-quantile of sorted values, interpolated between neighbours.
pub(crate) fn quantile_of_sorted(quantile: f64, values: &[f64]) -> f64 {
    if values.is_empty() || quantile.is_nan() {
        return f64::NAN;
    }
    if quantile < 0.0 {
        return f64::NEG_INFINITY;
    }
    if quantile > 1.0 {
        return f64::INFINITY;
    }
    let last = values.len() - 1;
    let rank = quantile * last as f64;
    let lower = (rank.floor() as usize).min(last);
    let upper = (lower + 1).min(last);
    let weight = rank - rank.floor();
    match (values.get(lower), values.get(upper)) {
        (Some(lower), Some(upper)) => lower * (1.0 - weight) + upper * weight,
        _ => f64::NAN,
    }
}
