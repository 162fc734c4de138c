//! From the syntax tree to operators.

mod calls;
mod invariant;
mod ranges;

use super::QueryError;
use super::aggregate::{self, Aggregation, Parameter};
use super::binary::{Negated, WithScalar};
use super::column::BoxOperator;
use super::context::Steps;
use super::crew::{Make, PerSeries};
use super::matching::Join;
use super::merge::Merged;
use super::names::{self, Settled};
use super::queried::{Inside, Scope};
use super::repeat::Repeated;
use super::scalar::Scalar;
use super::selector::{Aspect, InstantSelector, SourceSeries};
use super::sets::{SetOperation, SetState};
use super::shared::Shares;
use super::times::{QueryTimes, Reference};
use crate::ast::{
    Aggregate, AggregateOp, Binary, Expr, ExprKind, RangeExtension, Span, StringLiteral, ValueType,
    VectorSelector,
};
use crate::source::SelectHints;
use std::borrow::Cow;
use std::sync::Arc;
use watchfire_model::Samples;

/// What planning needs to know about the query and the engine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Planner<'p> {
    pub(crate) times: QueryTimes,
    pub(crate) lookback_ms: i64,
    pub(crate) default_subquery_step_ms: i64,
    /// No evaluation may have more steps than the query may hold samples.
    pub(crate) max_steps: usize,
    pub(crate) use_start_timestamps: bool,
    pub(crate) delayed_name_removal: bool,
    /// Only count and sum of the histograms below are asked for.
    pub(crate) statistics: bool,
    /// What stands in the query more than once.
    pub(crate) shares: &'p Shares,
    /// How steps stand to those of the query.
    pub(crate) scope: Scope,
    /// What is known of steps inside of subqueries, where samples are counted.
    pub(crate) inside: Option<&'p Inside>,
}

pub(crate) type Planned<'a> = Result<BoxOperator<'a>, QueryError>;

pub(crate) fn refused(words: impl Into<String>) -> QueryError {
    QueryError::Execution(words.into())
}

impl Planner<'_> {
    /// The operator of an expression that gives a vector.
    pub(crate) fn vector<'a>(&self, expr: &'a Expr, steps: Steps) -> Planned<'a> {
        let planned = self.operator(expr, steps)?;
        let settles = !self.delayed_name_removal && names::may_drop(expr);
        let planned = if settles { Box::new(Settled::new(planned, expr)) } else { planned };
        Ok(self.shared(expr, steps, settles, planned))
    }

    /// As [`Planner::vector`], for who does without the names that are to go.
    fn unsettled<'a>(&self, expr: &'a Expr, steps: Steps) -> Planned<'a> {
        Ok(self.shared(expr, steps, false, self.operator(expr, steps)?))
    }

    /// The operator of an expression, evaluated once with others that are the same. It matters whether it settles names.
    fn shared<'a>(
        &self,
        expr: &'a Expr,
        steps: Steps,
        settles: bool,
        planned: BoxOperator<'a>,
    ) -> BoxOperator<'a> {
        // Where one step stands for all, that one is shared.
        let repeated = steps.count > 1 && invariant::is_invariant(expr);
        if repeated { planned } else { self.shares.wrap(expr, steps, (self.statistics, settles), planned) }
    }

    fn operator<'a>(&self, expr: &'a Expr, steps: Steps) -> Planned<'a> {
        if steps.count > 1 && invariant::is_invariant(expr) {
            let once = Self { scope: self.scope.once(), ..*self };
            let inner = once.vector(expr, Steps::once(steps.start_ms))?;
            return Ok(Box::new(Repeated { inner, steps }));
        }
        match &expr.kind {
            ExprKind::Paren(inner) => self.vector(inner, steps),
            ExprKind::VectorSelector(selector) => {
                self.instant_selector(selector, &expr.span, steps, Aspect::Value, "")
            }
            ExprKind::Call(call) => self.call(call, &expr.span, steps),
            ExprKind::Aggregate(aggregate) => self.aggregate(aggregate, steps),
            ExprKind::Binary(binary) => self.binary(binary, &expr.span, steps),
            ExprKind::Unary(unary) => {
                let inner = self.vector(&unary.expr, steps)?;
                Ok(if unary.negative { Box::new(Negated { inner }) } else { inner })
            }
            ExprKind::Number(_)
            | ExprKind::Duration(_)
            | ExprKind::String(_)
            | ExprKind::MatrixSelector(_)
            | ExprKind::Subquery(_) => {
                let found = expr.value_type().as_str();
                Err(refused(format!("expected an instant vector, got {found}")))
            }
        }
    }

    pub(crate) fn instant_selector<'a>(
        &self,
        selector: &'a VectorSelector,
        span: &'a Span,
        steps: Steps,
        aspect: Aspect,
        function: &'static str,
    ) -> Planned<'a> {
        let reference = Reference::new(&selector.modifiers, &self.times)?;
        let hints = SelectHints { step_ms: self.times.step_ms, range_ms: 0, function, labels_only: false };
        let after_ms =
            if selector.extension == Some(RangeExtension::Smoothed) { self.lookback_ms } else { 0 };
        let series = SourceSeries::new(Cow::Borrowed(&selector.matchers), hints, self.lookback_ms, after_ms);
        let (extension, detect_resets, scope) = (selector.extension, self.statistics, self.scope);
        let make: Make<'a> = Arc::new(move |series, _| {
            let samples = Samples::default();
            Box::new(InstantSelector {
                series,
                span,
                steps,
                reference,
                aspect,
                extension,
                samples,
                detect_resets,
                scope,
            })
        });
        let reach = (reference.apply(steps.start_ms), reference.apply(steps.end_ms()));
        Ok(Box::new(PerSeries::new(series, reach, steps, Vec::new(), make)))
    }

    /// An expression that gives a scalar.
    pub(crate) fn scalar<'a>(&self, expr: &'a Expr, steps: Steps) -> Result<Scalar<'a>, QueryError> {
        Ok(match &expr.kind {
            ExprKind::Number(value) | ExprKind::Duration(value) => Scalar::Constant(*value),
            ExprKind::Paren(inner) => self.scalar(inner, steps)?,
            ExprKind::Unary(unary) => {
                let inner = self.scalar(&unary.expr, steps)?;
                if unary.negative { Scalar::Negate(Box::new(inner)) } else { inner }
            }
            ExprKind::Binary(binary) => {
                let (left, right) = (self.scalar(&binary.left, steps)?, self.scalar(&binary.right, steps)?);
                Scalar::Binary(binary.op, Box::new(left), Box::new(right))
            }
            ExprKind::Call(call) => {
                let seconds = |milliseconds: i64| Scalar::Constant(milliseconds as f64 / 1_000.0);
                match (call.function.name, call.args.first()) {
                    ("time", _) => Scalar::Time,
                    ("pi", _) => Scalar::Constant(std::f64::consts::PI),
                    ("start", _) => seconds(self.times.start_ms),
                    ("end", _) => seconds(self.times.end_ms),
                    ("step", _) => seconds(self.times.step_ms),
                    ("range", _) => seconds(self.times.end_ms.saturating_sub(self.times.start_ms)),
                    ("min_of" | "max_of", Some(first)) => {
                        let mut result = self.scalar(first, steps)?;
                        let larger = call.function.name == "max_of";
                        for argument in call.args.iter().skip(1) {
                            let next = self.scalar(argument, steps)?;
                            result = Scalar::Extreme { larger, pair: Box::new((result, next)) };
                        }
                        result
                    }
                    ("scalar", Some(argument)) => Scalar::Only(self.vector(argument, steps)?),
                    (name, _) => return Err(refused(format!("function {name}() gives no scalar"))),
                }
            }
            _ => return Err(refused(format!("expected a scalar, got {}", expr.value_type().as_str()))),
        })
    }

    fn aggregate<'a>(&self, aggregate: &'a Aggregate, steps: Steps) -> Planned<'a> {
        let parameter = match (&aggregate.param, aggregate.op) {
            (Some(parameter), AggregateOp::CountValues) => Parameter::Text(literal(parameter)?),
            (Some(parameter), _) => Parameter::Number(self.scalar(parameter, steps)?),
            (None, _) => Parameter::None,
        };
        let inner = aggregate.expr.unwrap_parens();
        let inner_span = &inner.span;
        let settles =
            aggregate::folds(aggregate.op) && !self.delayed_name_removal && names::only_drops(inner);
        let inner = if settles { self.unsettled(inner, steps)? } else { self.vector(inner, steps)? };
        Ok(Box::new(Aggregation {
            op: aggregate.op,
            inner,
            settles,
            grouping: &aggregate.grouping,
            parameter,
            steps,
            span: inner_span,
            parameter_span: aggregate.param.as_ref().map_or(inner_span, |parameter| parameter.bare_span()),
            result: None,
        }))
    }

    fn binary<'a>(&self, binary: &'a Binary, span: &'a Span, steps: Steps) -> Planned<'a> {
        let left_scalar = binary.left.value_type() == ValueType::Scalar;
        let right_scalar = binary.right.value_type() == ValueType::Scalar;
        let with_scalar = |vector, scalar, swapped| WithScalar {
            op: binary.op,
            vector,
            scalar,
            swapped,
            return_bool: binary.return_bool,
            steps,
            span,
            column: None,
        };
        if left_scalar {
            let (vector, scalar) = (self.vector(&binary.right, steps)?, self.scalar(&binary.left, steps)?);
            return Ok(Box::new(with_scalar(vector, scalar, true)));
        }
        if right_scalar {
            let (vector, scalar) = (self.vector(&binary.left, steps)?, self.scalar(&binary.right, steps)?);
            return Ok(Box::new(with_scalar(vector, scalar, false)));
        }
        let (left, right) = (self.vector(&binary.left, steps)?, self.vector(&binary.right, steps)?);
        let matching = &binary.matching;
        if binary.op.is_set() {
            let state = SetState::default();
            return Ok(Box::new(SetOperation { op: binary.op, matching, left, right, steps, state }));
        }
        Ok(Box::new(Join::new(binary, left, right, steps, span)))
    }

    /// An operator that gives each label set once, for those who need whole series.
    pub(crate) fn merged<'a>(&self, expr: &'a Expr, steps: Steps) -> Planned<'a> {
        let inner = self.vector(expr, steps)?;
        Ok(if may_repeat(expr) { Box::new(Merged::new(inner)) } else { inner })
    }
}

/// Whether one label set may come more than once, at different steps.
fn may_repeat(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Binary(binary) => {
            let scalar = |side: &Expr| side.value_type() == ValueType::Scalar;
            let joined = !scalar(&binary.left) && !scalar(&binary.right);
            joined || may_repeat(&binary.left) || may_repeat(&binary.right)
        }
        ExprKind::Call(call) => call.function.name == "info" || call.args.iter().any(may_repeat),
        ExprKind::Aggregate(aggregate) => {
            let picks = matches!(
                aggregate.op,
                AggregateOp::Topk | AggregateOp::Bottomk | AggregateOp::Limitk | AggregateOp::LimitRatio
            );
            picks && may_repeat(&aggregate.expr)
        }
        ExprKind::Unary(unary) => may_repeat(&unary.expr),
        ExprKind::Paren(inner) => may_repeat(inner),
        _ => false,
    }
}

/// The text of a string argument.
pub(crate) fn text(expr: &Expr) -> Result<&str, QueryError> {
    literal(expr).map(StringLiteral::as_str)
}

/// A string argument whose bytes matter.
pub(crate) fn literal(expr: &Expr) -> Result<&StringLiteral, QueryError> {
    match &expr.unwrap_parens().kind {
        ExprKind::String(literal) => Ok(literal),
        _ => Err(refused(format!("expected a string, got {}", expr.value_type().as_str()))),
    }
}
