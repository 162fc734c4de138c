//! Types and the rules that need a whole expression: the order of checks is Prometheus's, so that of several errors
//! the same one is reported.

use super::expression::Parsed;
use super::quote::go_quote;
use super::{Fault, functions};
use crate::ast::{
    Aggregate, AggregateOp, Binary, Call, Cardinality, Expr, ExprKind, Span, ValueType, VectorMatching,
    VectorSelector,
};
use watchfire_model::METRIC_NAME;

/// Checks a tree, and settles what depends on types: how many series may meet at a set operator, and that between
/// other types than two vectors nothing is matched.
pub(super) fn check(expr: &mut Expr, query: &str) -> Parsed<ValueType> {
    let span = expr.span.clone();
    match &mut expr.kind {
        ExprKind::Number(_) | ExprKind::Duration(_) => Ok(ValueType::Scalar),
        ExprKind::String(_) => Ok(ValueType::String),
        ExprKind::VectorSelector(selector) => check_selector(selector, &span).map(|()| ValueType::Vector),
        ExprKind::MatrixSelector(matrix) => {
            check_selector(&matrix.selector, &matrix.selector_span).map(|()| ValueType::Matrix)
        }
        ExprKind::Paren(inner) => check(inner, query),
        ExprKind::Subquery(subquery) => {
            let inner = check(&mut subquery.expr, query)?;
            if inner == ValueType::Vector {
                return Ok(ValueType::Matrix);
            }
            let inner = inner.api_name();
            let message = format!("subquery is only allowed on instant vector, got {inner} instead");
            Err(Fault::new(span, message))
        }
        ExprKind::Unary(unary) => {
            let inner = check(&mut unary.expr, query)?;
            if matches!(inner, ValueType::Scalar | ValueType::Vector) {
                return Ok(inner);
            }
            let inner = go_quote(inner.as_str());
            let message = format!(
                "unary expression only allowed on expressions of type scalar or instant vector, got {inner}"
            );
            Err(Fault::new(span, message))
        }
        ExprKind::Aggregate(aggregate) => check_aggregate(aggregate, query).map(|()| ValueType::Vector),
        ExprKind::Call(call) => {
            check_call(call, &span, query)?;
            Ok(call.function.returns)
        }
        ExprKind::Binary(binary) => check_binary(binary, &span, query),
    }
}

/// Checks a selector by itself.
pub(super) fn check_selector(selector: &VectorSelector, span: &Span) -> Parsed<()> {
    let Some(name) = &selector.name else {
        if selector.matchers.iter().all(watchfire_model::Matcher::matches_empty) {
            return Err(Fault::new(
                span.clone(),
                "vector selector must contain at least one non-empty matcher",
            ));
        }
        return Ok(());
    };
    // The last matcher is the name before the braces.
    let written = selector.matchers.split_last().map_or(&[][..], |(_, written)| written);
    match written.iter().find(|matcher| matcher.name == METRIC_NAME) {
        Some(second) => {
            let (first, second) = (go_quote(name), go_quote(&second.value));
            let message = format!("metric name must not be set twice: {first} or {second}");
            Err(Fault::new(span.clone(), message))
        }
        None => Ok(()),
    }
}

fn expect_type(expr: &mut Expr, wanted: ValueType, construct: &str, query: &str) -> Parsed<()> {
    let got = check(expr, query)?;
    if got == wanted { Ok(()) } else { Err(wrong_type(expr.span.clone(), wanted, construct, got)) }
}

fn wrong_type(span: Span, wanted: ValueType, construct: &str, got: ValueType) -> Fault {
    let (wanted, got) = (wanted.as_str(), got.as_str());
    Fault::new(span, format!("expected type {wanted} in {construct}, got {got}"))
}

fn check_aggregate(aggregate: &mut Aggregate, query: &str) -> Parsed<()> {
    expect_type(&mut aggregate.expr, ValueType::Vector, "aggregation expression", query)?;
    let Some(param) = &mut aggregate.param else { return Ok(()) };
    let wanted = if aggregate.op == AggregateOp::CountValues { ValueType::String } else { ValueType::Scalar };
    expect_type(param, wanted, "aggregation parameter", query)
}

fn check_call(call: &mut Call, span: &Span, query: &str) -> Parsed<()> {
    let function: &functions::Function = call.function;
    let name = go_quote(function.name);
    let given = call.args.len();
    let (fewest, most) = (function.min_args(), function.max_args());
    let count_fault = if function.variadic == 0 {
        (given != fewest).then(|| format!("expected {fewest} argument(s) in call to {name}, got {given}"))
    } else if given < fewest {
        Some(format!("expected at least {fewest} argument(s) in call to {name}, got {given}"))
    } else {
        most.filter(|most| given > *most)
            .map(|most| format!("expected at most {most} argument(s) in call to {name}, got {given}"))
    };
    if let Some(message) = count_fault {
        return Err(Fault::new(span.clone(), message));
    }
    let construct = format!("call to function {name}");
    let takes_info_labels = function.name == "info";
    if takes_info_labels && let Some(labels) = call.args.get(1) {
        check_info_labels(labels, span, &construct, query)?;
    }
    for (index, argument) in call.args.iter_mut().enumerate() {
        // The second argument of `info` was checked above; unlike other selectors it may match everything.
        if takes_info_labels && index == 1 {
            continue;
        }
        let Some(wanted) = function.arg_type(index) else { break };
        expect_type(argument, wanted, &construct, query)?;
    }
    Ok(())
}

fn check_info_labels(labels: &Expr, call: &Span, construct: &str, query: &str) -> Parsed<()> {
    let got = labels.value_type();
    if got != ValueType::Vector {
        return Err(wrong_type(call.clone(), ValueType::Vector, construct, got));
    }
    let ExprKind::VectorSelector(_) = &labels.kind else {
        return Err(Fault::new(labels.span.clone(), "expected label selectors only"));
    };
    if query.as_bytes().get(labels.span.start) == Some(&b'{') {
        return Ok(());
    }
    Err(Fault::new(labels.span.clone(), "expected label selectors only, got vector selector instead"))
}

fn check_binary(binary: &mut Binary, span: &Span, query: &str) -> Parsed<ValueType> {
    let left = check(&mut binary.left, query)?;
    let right = check(&mut binary.right, query)?;
    let op = binary.op;
    let scalars = left == ValueType::Scalar && right == ValueType::Scalar;
    let between = |message: String| Err(Fault::new(operator_span(binary, query), message));
    if binary.return_bool && !op.is_comparison() {
        return between("bool modifier can only be used on comparison operators".to_owned());
    }
    if op.is_comparison() && !binary.return_bool && scalars {
        return between("comparisons between scalars must use BOOL modifier".to_owned());
    }
    let matching = &binary.matching;
    if matching.on
        && let Some(label) = matching.labels.iter().find(|label| matching.include.contains(label))
    {
        return between(format!("label {} must not occur in ON and GROUP clause at once", go_quote(label)));
    }
    for (side, side_type) in [(&binary.left, left), (&binary.right, right)] {
        if !matches!(side_type, ValueType::Scalar | ValueType::Vector) {
            let message = "binary expression must contain only scalar and instant vector types";
            return Err(Fault::new(side.span.clone(), message));
        }
    }
    let whole = |message: String| Err(Fault::new(span.clone(), message));
    let fills = matching.fill_left.is_some() || matching.fill_right.is_some();
    let operator = go_quote(op.as_str());
    if left != ValueType::Vector || right != ValueType::Vector {
        if !matching.labels.is_empty() {
            return whole("vector matching only allowed between instant vectors".to_owned());
        }
        if fills {
            return whole("filling in missing series only allowed between instant vectors".to_owned());
        }
        if op.is_set() {
            return whole(format!("set operator {operator} not allowed in binary scalar expression"));
        }
        binary.matching = VectorMatching::default();
    } else if op.is_set() {
        if matching.cardinality != Cardinality::OneToOne {
            return whole(format!("no grouping allowed for {operator} operation"));
        }
        if fills {
            return whole("filling in missing series not allowed for set operators".to_owned());
        }
        binary.matching.cardinality = Cardinality::ManyToMany;
    }
    Ok(if scalars { ValueType::Scalar } else { ValueType::Vector })
}

/// The place of an operator with its modifiers: what lies between the operands, without blanks.
fn operator_span(binary: &Binary, query: &str) -> Span {
    let is_blank = |index: usize| {
        query.as_bytes().get(index).is_some_and(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'))
    };
    let mut start = binary.left.span.end;
    while is_blank(start) {
        start += 1;
    }
    let mut end = binary.right.span.start.saturating_sub(1);
    while end > start && is_blank(end) {
        end -= 1;
    }
    start..end.max(start)
}
