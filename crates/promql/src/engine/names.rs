//! Metric names dropped by the operator that drops them, where the engine does not wait for the end of the query.
//!
//! As in Prometheus without `promql-delayed-name-removal`: what comes after sees no name any more, and two series that
//! were only told apart by it are an error at once.

use super::QueryError;
use super::column::{BoxOperator, Operator, SeriesKey, StepVector, without_metadata};
use super::context::Context;
use super::merge::same_labelset;
use crate::ast::{BinaryOp, Expr, ExprKind, VectorSelector};
use std::collections::HashMap;
use watchfire_model::{Labels, METRIC_NAME, MatchOp};

/// Hands on the series of another operator under the names they have from now on.
pub(crate) struct Settled<'a> {
    inner: BoxOperator<'a>,
    /// The steps at which each label set had a sample, where two series may get the same one.
    seen: Option<HashMap<Labels, Vec<bool>>>,
    /// Two series may not share labels even where no step has both.
    apart: bool,
}

impl<'a> Settled<'a> {
    /// The operator of an expression, settled.
    pub(crate) fn new(inner: BoxOperator<'a>, expr: &Expr) -> Self {
        let apart = match &expr.kind {
            ExprKind::Unary(_) => true,
            ExprKind::Call(call) => call.args.iter().any(|arg| is_range(arg.unwrap_parens())),
            _ => false,
        };
        Self { inner, seen: may_collide(expr).then(HashMap::new), apart }
    }
}

/// Whether an expression may drop names.
pub(crate) fn may_drop(expr: &Expr) -> bool {
    matches!(expr.kind, ExprKind::Unary(_) | ExprKind::Call(_) | ExprKind::Binary(_))
}

/// Whether an expression may drop names, and no two of its series get the same labels by that.
pub(crate) fn only_drops(expr: &Expr) -> bool {
    may_drop(expr) && !may_collide(expr)
}

fn is_range(expr: &Expr) -> bool {
    matches!(expr.kind, ExprKind::MatrixSelector(_) | ExprKind::Subquery(_))
}

/// Whether series below an expression may differ in their names alone.
fn may_collide(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Number(_) | ExprKind::Duration(_) | ExprKind::String(_) => false,
        ExprKind::VectorSelector(selector) => !is_named(selector),
        ExprKind::MatrixSelector(matrix) => !is_named(&matrix.selector),
        ExprKind::Paren(inner) => may_collide(inner),
        ExprKind::Subquery(subquery) => may_collide(&subquery.expr),
        ExprKind::Unary(unary) => may_collide(&unary.expr),
        ExprKind::Aggregate(aggregate) => may_collide(&aggregate.expr),
        ExprKind::Call(call) => {
            matches!(call.function.name, "label_replace" | "label_join") || call.args.iter().any(may_collide)
        }
        ExprKind::Binary(binary) => {
            binary.op == BinaryOp::Or || may_collide(&binary.left) || may_collide(&binary.right)
        }
    }
}

fn is_named(selector: &VectorSelector) -> bool {
    selector.matchers.iter().any(|matcher| matcher.name == METRIC_NAME && matcher.op == MatchOp::Equal)
}

impl<'a> Operator<'a> for Settled<'a> {
    fn next(&mut self, cx: &mut Context<'a>, out: &mut StepVector) -> Result<Option<SeriesKey>, QueryError> {
        let Some(key) = self.inner.next(cx, out)? else { return Ok(None) };
        let key = if key.drop_name { SeriesKey::new(without_metadata(&key.labels)) } else { key };
        if let Some(seen) = &mut self.seen {
            match seen.get_mut(&key.labels) {
                None => {
                    cx.hold(out.present.len() / 8 + 1)?;
                    seen.insert(key.labels.clone(), out.present.clone());
                }
                Some(steps) => {
                    for (seen, present) in steps.iter_mut().zip(&out.present) {
                        if *present && (*seen || self.apart) {
                            return Err(same_labelset());
                        }
                        *seen |= present;
                    }
                }
            }
        }
        Ok(Some(key))
    }
}
