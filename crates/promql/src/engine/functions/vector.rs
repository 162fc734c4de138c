//! `vector(s)`

use crate::engine::QueryError;
use crate::engine::column::{Operator, SeriesKey, StepVector};
use crate::engine::context::{Context, Steps};
use crate::engine::scalar::Scalar;
use watchfire_model::Labels;

/// One series without labels.
pub(crate) struct OfScalar<'a> {
    scalar: Scalar<'a>,
    steps: Steps,
    done: bool,
}

impl<'a> OfScalar<'a> {
    pub(crate) const fn new(scalar: Scalar<'a>, steps: Steps) -> Self {
        Self { scalar, steps, done: false }
    }
}

impl<'a> Operator<'a> for OfScalar<'a> {
    fn next(&mut self, cx: &mut Context<'a>, out: &mut StepVector) -> Result<Option<SeriesKey>, QueryError> {
        if std::mem::replace(&mut self.done, true) {
            return Ok(None);
        }
        let column = self.scalar.evaluate(cx, self.steps)?;
        out.reset(self.steps.count);
        for step in 0..self.steps.count {
            out.set_float(step, column.get(step));
        }
        Ok(Some(SeriesKey::new(Labels::empty())))
    }
}
