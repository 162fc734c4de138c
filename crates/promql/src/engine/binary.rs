//! Binary operators between a vector and a scalar, and the algebra of two samples.

use super::QueryError;
use super::annotations::Notes;
use super::arithmetic::{arithmetic, compare};
use super::column::{BoxOperator, Operator, Point, SeriesKey, StepVector};
use super::context::{Context, Steps};
use super::histograms;
use super::scalar::{Scalar, ScalarColumn};
use crate::ast::{BinaryOp, Span};
use std::sync::Arc;
use watchfire_model::histogram::ResetHint;
use watchfire_model::{Histogram, SampleValue};

/// What an operator makes of two samples.
pub(crate) enum Outcome {
    /// A new value.
    Value(SampleValue),
    /// A comparison: whether it holds.
    Holds(bool),
    /// Nothing; remarks are made already.
    Nothing,
}

/// Applies an operator to two samples, as Prometheus's `vectorElemBinop`.
pub(crate) fn apply(
    op: BinaryOp,
    left: Point<'_>,
    right: Point<'_>,
    span: &Span,
    cx: &mut Context<'_>,
) -> Outcome {
    match (left, right) {
        (Point::Float(left), Point::Float(right)) => match arithmetic(op, left, right) {
            Some(value) => Outcome::Value(SampleValue::Float(value)),
            None if op.is_comparison() => Outcome::Holds(compare(op, left, right)),
            None => incompatible(op, "float", "float", span, &mut cx.notes),
        },
        (Point::Float(left), Point::Histogram(right)) => match op {
            BinaryOp::Mul => scaled(right, |histogram| histogram.mul_scalar(left)),
            _ => incompatible(op, "float", "histogram", span, &mut cx.notes),
        },
        (Point::Histogram(left), Point::Float(right)) => match op {
            BinaryOp::Mul => scaled(left, |histogram| histogram.mul_scalar(right)),
            BinaryOp::Div => scaled(left, |histogram| histogram.div_scalar(right)),
            BinaryOp::TrimUpper => scaled(left, |histogram| histogram.trim_upper(right)),
            BinaryOp::TrimLower => scaled(left, |histogram| histogram.trim_lower(right)),
            _ => incompatible(op, "histogram", "float", span, &mut cx.notes),
        },
        (Point::Histogram(left), Point::Histogram(right)) => of_histograms(op, left, right, span, cx),
    }
}

fn scaled(histogram: &Histogram, change: impl FnOnce(&mut Histogram)) -> Outcome {
    let mut result = histogram.clone();
    change(&mut result);
    result.compact(0);
    Outcome::Value(SampleValue::Histogram(Arc::new(result)))
}

fn incompatible(op: BinaryOp, left: &str, right: &str, span: &Span, notes: &mut Notes) -> Outcome {
    notes.incompatible_types(span, op.as_str(), left, right);
    Outcome::Nothing
}

fn of_histograms(
    op: BinaryOp,
    left: &Histogram,
    right: &Histogram,
    span: &Span,
    cx: &mut Context<'_>,
) -> Outcome {
    let mut result = left.clone();
    let (done, operation) = match op {
        BinaryOp::Add => (result.add(right), "addition"),
        BinaryOp::Sub => (result.sub(right), "subtraction"),
        BinaryOp::Equal => return Outcome::Holds(left.equals(right)),
        BinaryOp::NotEqual => return Outcome::Holds(!left.equals(right)),
        _ => return incompatible(op, "histogram", "histogram", span, &mut cx.notes),
    };
    match done {
        Ok(notes) => {
            histograms::note(notes, operation, span, cx);
            result.compact(0);
            Outcome::Value(SampleValue::Histogram(Arc::new(result)))
        }
        Err(_) => {
            cx.notes.incompatible_layout(span, op.as_str());
            Outcome::Nothing
        }
    }
}

/// The operator of `vector op scalar` and `scalar op vector`.
pub(crate) struct WithScalar<'a> {
    pub(crate) op: BinaryOp,
    pub(crate) vector: BoxOperator<'a>,
    pub(crate) scalar: Scalar<'a>,
    /// The scalar is on the left.
    pub(crate) swapped: bool,
    pub(crate) return_bool: bool,
    pub(crate) steps: Steps,
    pub(crate) span: &'a Span,
    pub(crate) column: Option<ScalarColumn>,
}

impl<'a> Operator<'a> for WithScalar<'a> {
    fn next(&mut self, cx: &mut Context<'a>, out: &mut StepVector) -> Result<Option<SeriesKey>, QueryError> {
        if self.column.is_none() {
            self.column = Some(self.scalar.evaluate(cx, self.steps)?);
        }
        loop {
            let Some(key) = self.vector.next(cx, out)? else { return Ok(None) };
            self.change(out, cx);
            if out.any_present() {
                let keeps_name = self.op.is_comparison() && !self.return_bool;
                let keeps_name = keeps_name || matches!(self.op, BinaryOp::TrimUpper | BinaryOp::TrimLower);
                return Ok(Some(if keeps_name { key } else { key.nameless() }));
            }
        }
    }
}

impl<'a> WithScalar<'a> {
    fn change(&self, out: &mut StepVector, cx: &mut Context<'a>) {
        let Some(column) = &self.column else { return };
        if out.has_histograms() {
            self.change_mixed(column, out, cx);
            return;
        }
        let (op, swapped) = (self.op, self.swapped);
        if arithmetic(op, 0.0, 0.0).is_some() {
            for (step, (value, present)) in out.values.iter_mut().zip(&out.present).enumerate() {
                if *present {
                    let scalar = column.get(step);
                    let (left, right) = if swapped { (scalar, *value) } else { (*value, scalar) };
                    *value = arithmetic(op, left, right).unwrap_or(f64::NAN);
                }
            }
            return;
        }
        if !op.is_comparison() {
            self.change_mixed(column, out, cx);
            return;
        }
        for (step, (value, present)) in out.values.iter_mut().zip(&mut out.present).enumerate() {
            if !*present {
                continue;
            }
            let scalar = column.get(step);
            let (left, right) = if swapped { (scalar, *value) } else { (*value, scalar) };
            let holds = compare(op, left, right);
            if self.return_bool {
                *value = f64::from(u8::from(holds));
            } else {
                *present = holds;
            }
        }
    }

    fn change_mixed(&self, column: &ScalarColumn, out: &mut StepVector, cx: &mut Context<'a>) {
        for step in 0..out.len() {
            let Some(point) = out.get(step) else { continue };
            let scalar = Point::Float(column.get(step));
            let (left, right) = if self.swapped { (scalar, point) } else { (point, scalar) };
            match apply(self.op, left, right, self.span, cx) {
                Outcome::Value(value) => out.set(step, value),
                Outcome::Holds(holds) if self.return_bool => out.set_float(step, f64::from(u8::from(holds))),
                Outcome::Holds(true) => {}
                Outcome::Holds(false) | Outcome::Nothing => out.clear_at(step),
            }
        }
    }
}

/// `-v`
pub(crate) struct Negated<'a> {
    pub(crate) inner: BoxOperator<'a>,
}

impl<'a> Operator<'a> for Negated<'a> {
    fn next(&mut self, cx: &mut Context<'a>, out: &mut StepVector) -> Result<Option<SeriesKey>, QueryError> {
        let Some(key) = self.inner.next(cx, out)? else { return Ok(None) };
        for value in &mut out.values {
            *value = -*value;
        }
        for slot in out.histograms.iter_mut().flatten() {
            let mut histogram = Histogram::clone(slot);
            histogram.mul_scalar(-1.0);
            histogram.reset_hint = ResetHint::Gauge;
            *slot = Arc::new(histogram);
        }
        Ok(Some(key.nameless()))
    }
}
