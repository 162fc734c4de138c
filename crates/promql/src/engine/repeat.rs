//! One value for all steps.

use super::QueryError;
use super::column::{BoxOperator, Operator, Point, SeriesKey, StepVector};
use super::context::{Context, Steps};
use std::sync::Arc;

/// Evaluates `inner` at one step and says the same at all others.
pub(crate) struct Repeated<'a> {
    pub(crate) inner: BoxOperator<'a>,
    pub(crate) steps: Steps,
}

impl<'a> Operator<'a> for Repeated<'a> {
    fn next(&mut self, cx: &mut Context<'a>, out: &mut StepVector) -> Result<Option<SeriesKey>, QueryError> {
        let Some(key) = self.inner.next(cx, out)? else { return Ok(None) };
        let count = self.steps.count;
        match out.get(0) {
            Some(Point::Float(value)) => {
                out.reset(count);
                out.values.fill(value);
                out.present.fill(true);
            }
            Some(Point::Histogram(histogram)) => {
                let histogram = Arc::clone(histogram);
                out.reset(count);
                out.present.fill(true);
                out.histograms.resize(count, Some(histogram));
            }
            None => out.reset(count),
        }
        Ok(Some(key))
    }
}
