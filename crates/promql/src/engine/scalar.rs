//! Scalar expressions: one number per step.

use super::QueryError;
use super::arithmetic;
use super::column::{BoxOperator, Point, StepVector};
use super::context::{Context, Steps};
use super::functions::math;
use crate::ast::BinaryOp;

/// How a scalar is worked out.
pub(crate) enum Scalar<'a> {
    Constant(f64),
    /// `time()`
    Time,
    /// `scalar(v)`
    Only(BoxOperator<'a>),
    Negate(Box<Scalar<'a>>),
    Binary(BinaryOp, Box<Scalar<'a>>, Box<Scalar<'a>>),
    /// `min_of(a, b)`, `max_of(a, b)`
    Extreme {
        larger: bool,
        pair: Box<(Scalar<'a>, Scalar<'a>)>,
    },
}

/// One number per step.
#[derive(Clone, Debug)]
pub(crate) enum ScalarColumn {
    Constant(f64),
    Steps(Vec<f64>),
}

impl ScalarColumn {
    pub(crate) fn get(&self, step: usize) -> f64 {
        match self {
            Self::Constant(value) => *value,
            Self::Steps(values) => values.get(step).copied().unwrap_or(f64::NAN),
        }
    }
}

impl<'a> Scalar<'a> {
    pub(crate) fn evaluate(
        &mut self,
        cx: &mut Context<'a>,
        steps: Steps,
    ) -> Result<ScalarColumn, QueryError> {
        Ok(match self {
            Self::Constant(value) => ScalarColumn::Constant(*value),
            Self::Time => ScalarColumn::Steps(steps.times().map(|time| time as f64 / 1_000.0).collect()),
            Self::Only(operator) => ScalarColumn::Steps(only_value(operator, cx, steps)?),
            Self::Negate(inner) => match inner.evaluate(cx, steps)? {
                ScalarColumn::Constant(value) => ScalarColumn::Constant(-value),
                ScalarColumn::Steps(values) => {
                    ScalarColumn::Steps(values.into_iter().map(|value| -value).collect())
                }
            },
            Self::Extreme { larger, pair } => {
                let (left, right) = (pair.0.evaluate(cx, steps)?, pair.1.evaluate(cx, steps)?);
                let pick = |step| match (left.get(step), right.get(step)) {
                    (left, right) if *larger => math::larger(left, right),
                    (left, right) => math::smaller(left, right),
                };
                ScalarColumn::Steps((0..steps.count).map(pick).collect())
            }
            Self::Binary(op, left, right) => {
                let (left, right) = (left.evaluate(cx, steps)?, right.evaluate(cx, steps)?);
                if let (ScalarColumn::Constant(left), ScalarColumn::Constant(right)) = (&left, &right) {
                    return Ok(ScalarColumn::Constant(arithmetic::scalars(*op, *left, *right)));
                }
                let result = |step| arithmetic::scalars(*op, left.get(step), right.get(step));
                ScalarColumn::Steps((0..steps.count).map(result).collect())
            }
        })
    }
}

/// `scalar(v)`: the value where there is exactly one, a float; elsewhere NaN.
fn only_value<'a>(
    operator: &mut BoxOperator<'a>,
    cx: &mut Context<'a>,
    steps: Steps,
) -> Result<Vec<f64>, QueryError> {
    let mut values = vec![f64::NAN; steps.count];
    let mut seen = vec![0_u8; steps.count];
    let mut vector = StepVector::default();
    while operator.next(cx, &mut vector)?.is_some() {
        for (step, (value, seen)) in values.iter_mut().zip(&mut seen).enumerate() {
            // Histograms do not count.
            let Some(Point::Float(found)) = vector.get(step) else { continue };
            *seen = seen.saturating_add(1);
            *value = if *seen == 1 { found } else { f64::NAN };
        }
    }
    Ok(values)
}
