//! Queries whose selectors are pinned to a time, so that they give the same answer whenever they are asked.

use crate::ast::{AtModifier, DurationExpr, DurationKind, Expr, ExprKind, Modifiers};

/// Functions that look at the evaluation time itself, which no `@` can pin.
const TIME_DEPENDENT: [&str; 11] = [
    "days_in_month",
    "day_of_month",
    "day_of_week",
    "day_of_year",
    "hour",
    "minute",
    "month",
    "year",
    "predict_linear",
    "time",
    "timestamp",
];

/// Functions whose value is the query's own times.
const QUERY_DEPENDENT: [&str; 4] = ["start", "end", "range", "step"];

/// What in a query depends on when and how it is asked.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Dependence {
    /// On the evaluation time.
    pub(super) evaluation_time: bool,
    /// On the query's start, end, range or step.
    pub(super) query_times: bool,
}

/// The query with ` @ at_ms` on every selector that has no `@`, on the outermost subquery rather than what is inside.
pub(super) fn pinned(expr: &Expr, at_ms: i64) -> Expr {
    let mut pinned = expr.clone();
    pin(&mut pinned, at_ms);
    pinned
}

fn pin(expr: &mut Expr, at_ms: i64) {
    let set = |modifiers: &mut Modifiers| {
        modifiers.at.get_or_insert(AtModifier::Timestamp(at_ms));
    };
    match &mut expr.kind {
        ExprKind::VectorSelector(selector) => set(&mut selector.modifiers),
        ExprKind::MatrixSelector(matrix) => set(&mut matrix.selector.modifiers),
        ExprKind::Subquery(subquery) => set(&mut subquery.modifiers),
        _ => children(expr).into_iter().for_each(|child| pin(child, at_ms)),
    }
}

fn children(expr: &mut Expr) -> Vec<&mut Expr> {
    match &mut expr.kind {
        ExprKind::Subquery(subquery) => vec![&mut subquery.expr],
        ExprKind::Call(call) => call.args.iter_mut().collect(),
        ExprKind::Aggregate(aggregate) => {
            aggregate.param.iter_mut().chain([&mut aggregate.expr]).map(|child| &mut **child).collect()
        }
        ExprKind::Binary(binary) => vec![&mut binary.left, &mut binary.right],
        ExprKind::Unary(unary) => vec![&mut unary.expr],
        ExprKind::Paren(inner) => vec![inner],
        ExprKind::Number(_)
        | ExprKind::Duration(_)
        | ExprKind::String(_)
        | ExprKind::VectorSelector(_)
        | ExprKind::MatrixSelector(_) => Vec::new(),
    }
}

/// On what the query depends.
pub(super) fn dependence(expr: &Expr) -> Dependence {
    let mut found = Dependence::default();
    // `children` gives what may be changed; a copy keeps one walk for both.
    walk(&mut expr.clone(), &mut found);
    found
}

fn walk(expr: &mut Expr, found: &mut Dependence) {
    match &expr.kind {
        ExprKind::Call(call) => {
            found.evaluation_time |= TIME_DEPENDENT.contains(&call.function.name);
            found.query_times |= QUERY_DEPENDENT.contains(&call.function.name);
        }
        ExprKind::VectorSelector(selector) => modifiers(&selector.modifiers, found),
        ExprKind::MatrixSelector(matrix) => {
            modifiers(&matrix.selector.modifiers, found);
            duration(&matrix.range, found);
        }
        ExprKind::Subquery(subquery) => {
            modifiers(&subquery.modifiers, found);
            duration(&subquery.range, found);
            subquery.step.iter().for_each(|step| duration(step, found));
        }
        _ => {}
    }
    children(expr).into_iter().for_each(|child| walk(child, found));
}

fn modifiers(modifiers: &Modifiers, found: &mut Dependence) {
    found.query_times |= matches!(modifiers.at, Some(AtModifier::Start | AtModifier::End));
    modifiers.offset.iter().for_each(|offset| duration(offset, found));
}

fn duration(expr: &DurationExpr, found: &mut Dependence) {
    match &expr.kind {
        DurationKind::Literal(_) | DurationKind::Number(_) => {}
        DurationKind::Step | DurationKind::Range => found.query_times = true,
        DurationKind::Negate(inner) | DurationKind::Paren(inner) => duration(inner, found),
        DurationKind::Min(left, right)
        | DurationKind::Max(left, right)
        | DurationKind::Binary(_, left, right) => {
            duration(left, found);
            duration(right, found);
        }
    }
}
