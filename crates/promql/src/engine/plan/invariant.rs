//! Expressions that have one value for all steps, so that it is enough to evaluate them once.

use crate::ast::{Expr, ExprKind};

/// Functions that look at the evaluation time itself.
const TIME_DEPENDENT: [&str; 12] = [
    "day_of_month",
    "day_of_week",
    "day_of_year",
    "days_in_month",
    "hour",
    "minute",
    "month",
    "predict_linear",
    "time",
    "timestamp",
    "year",
    "start_timestamp",
];

pub(super) fn is_invariant(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Number(_) | ExprKind::Duration(_) | ExprKind::String(_) => true,
        ExprKind::VectorSelector(selector) => selector.modifiers.at.is_some(),
        ExprKind::MatrixSelector(matrix) => matrix.selector.modifiers.at.is_some(),
        ExprKind::Subquery(subquery) => subquery.modifiers.at.is_some(),
        // The second argument of `info` only names labels.
        ExprKind::Call(call) if call.function.name == "info" => call.args.first().is_some_and(is_invariant),
        ExprKind::Call(call) => {
            !TIME_DEPENDENT.contains(&call.function.name) && call.args.iter().all(is_invariant)
        }
        ExprKind::Aggregate(aggregate) => {
            is_invariant(&aggregate.expr) && aggregate.param.as_ref().is_none_or(|param| is_invariant(param))
        }
        ExprKind::Binary(binary) => is_invariant(&binary.left) && is_invariant(&binary.right),
        ExprKind::Unary(unary) => is_invariant(&unary.expr),
        ExprKind::Paren(inner) => is_invariant(inner),
    }
}
