//! Series that came to have the same labels become one, as long as they never meet.

use super::QueryError;
use super::column::{BoxOperator, Held, HeldSeries, Operator, Point, SeriesKey, StepVector};
use super::context::Context;
use std::collections::HashMap;
use watchfire_model::Labels;

pub(crate) fn same_labelset() -> QueryError {
    QueryError::Execution("vector cannot contain metrics with the same labelset".to_owned())
}

/// Merges series with the same labels; an error when two have a sample at one step.
pub(crate) fn merge(series: Vec<HeldSeries>) -> Result<Vec<HeldSeries>, QueryError> {
    let mut places: HashMap<Labels, usize> = HashMap::with_capacity(series.len());
    let mut merged: Vec<HeldSeries> = Vec::with_capacity(series.len());
    for next in series {
        let Some(known) = places.get(&next.key.labels).and_then(|place| merged.get_mut(*place)) else {
            places.insert(next.key.labels.clone(), merged.len());
            merged.push(next);
            continue;
        };
        known.key.drop_name |= next.key.drop_name;
        for step in 0..next.vector.len() {
            let Some(point) = next.vector.get(step) else { continue };
            if known.vector.is_present(step) {
                return Err(same_labelset());
            }
            match point {
                Point::Float(value) => known.vector.set_float(step, value),
                Point::Histogram(_) => known.vector.set(step, point.to_value()),
            }
        }
    }
    Ok(merged)
}

/// The operator that merges.
pub(crate) struct Merged<'a> {
    inner: BoxOperator<'a>,
    result: Option<Held>,
}

impl<'a> Merged<'a> {
    pub(crate) const fn new(inner: BoxOperator<'a>) -> Self {
        Self { inner, result: None }
    }
}

impl<'a> Operator<'a> for Merged<'a> {
    fn next(&mut self, cx: &mut Context<'a>, out: &mut StepVector) -> Result<Option<SeriesKey>, QueryError> {
        if self.result.is_none() {
            let series = super::column::hold_all(self.inner.as_mut(), cx)?;
            self.result = Some(Held::new(merge(series)?));
        }
        Ok(self.result.as_mut().and_then(|held| held.next(cx, out)))
    }
}
