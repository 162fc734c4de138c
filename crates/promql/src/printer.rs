//! Syntax tree to text: canonical PromQL on one line ([`Display`](fmt::Display)), laid out over several ([`pretty`]),
//! or JSON ([`to_json`]).
//!
//! Canonical text reads back as an equal tree, places aside.

mod json;
mod layout;
#[cfg(test)]
mod tests;

use crate::ast::{
    Aggregate, AtModifier, Binary, BinaryOp, Cardinality, DurationExpr, DurationKind, Expr, ExprKind,
    Modifiers, RangeExtension, VectorSelector,
};
use crate::parser::quote::{go_quote, go_quote_literal};
use crate::parser::selector::is_bare_grouping_label;
use std::fmt::{self, Display, Formatter, Write};
use std::time::Duration;
use watchfire_model::Matcher;

pub use json::to_json;
pub use layout::pretty;

/// Canonical PromQL on one line.
impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ExprKind::Number(value) => f.write_str(&number(*value)),
            ExprKind::Duration(seconds) => write_duration(f, (seconds * 1_000.0).round() as i64),
            ExprKind::String(text) => f.write_str(&go_quote_literal(text)),
            ExprKind::VectorSelector(selector) => {
                write_selector(f, selector)?;
                write_extension(f, selector.extension)?;
                write_modifiers(f, &selector.modifiers)
            }
            ExprKind::MatrixSelector(matrix) => {
                write_selector(f, &matrix.selector)?;
                write!(f, "[{}]", matrix.range)?;
                write_extension(f, matrix.selector.extension)?;
                write_modifiers(f, &matrix.selector.modifiers)
            }
            ExprKind::Subquery(subquery) => {
                write!(f, "{}", subquery.expr)?;
                write_subquery_suffix(f, subquery)
            }
            ExprKind::Call(call) => {
                write!(f, "{}(", call.function.name)?;
                write_list(f, &call.args)?;
                f.write_char(')')
            }
            ExprKind::Aggregate(aggregate) => {
                write_aggregate_head(f, aggregate)?;
                f.write_char('(')?;
                if let Some(param) = &aggregate.param {
                    write!(f, "{param}, ")?;
                }
                write!(f, "{})", aggregate.expr)
            }
            ExprKind::Binary(binary) => {
                match binary.left.kind {
                    // Behind another sign, that of `+Inf` would take the whole power as its operand.
                    ExprKind::Number(f64::INFINITY) if binary.op == BinaryOp::Pow => f.write_str("Inf ")?,
                    _ => write!(f, "{} ", binary.left)?,
                }
                write_operator(f, binary)?;
                write!(f, " {}", binary.right)
            }
            ExprKind::Unary(unary) => {
                f.write_char(if unary.negative { '-' } else { '+' })?;
                write!(f, "{}", unary.expr)
            }
            ExprKind::Paren(inner) => write!(f, "({inner})"),
        }
    }
}

/// A duration as it stands in brackets or after `offset`.
impl Display for DurationExpr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.kind {
            DurationKind::Literal(milliseconds) => write_duration(f, *milliseconds),
            DurationKind::Number(seconds) => f.write_str(&number(*seconds)),
            DurationKind::Step => f.write_str("step()"),
            DurationKind::Range => f.write_str("range()"),
            DurationKind::Min(left, right) => write!(f, "min_of({left}, {right})"),
            DurationKind::Max(left, right) => write!(f, "max_of({left}, {right})"),
            DurationKind::Negate(inner) => write!(f, "-{inner}"),
            DurationKind::Paren(inner) => write!(f, "({inner})"),
            DurationKind::Binary(op, left, right) => write!(f, "{left} {} {right}", op.as_str()),
        }
    }
}

fn write_duration(f: &mut Formatter<'_>, milliseconds: i64) -> fmt::Result {
    if milliseconds < 0 {
        f.write_char('-')?;
    }
    f.write_str(&watchfire_model::duration::format(Duration::from_millis(milliseconds.unsigned_abs())))
}

/// A float with all its digits and no exponent, as Go's `FormatFloat(value, 'f', -1, 64)`.
fn number(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    value.to_string()
}

fn write_list(f: &mut Formatter<'_>, items: &[Expr]) -> fmt::Result {
    for (index, item) in items.iter().enumerate() {
        let separator = if index == 0 { "" } else { ", " };
        write!(f, "{separator}{item}")?;
    }
    Ok(())
}

fn write_labels(f: &mut Formatter<'_>, labels: &[String]) -> fmt::Result {
    f.write_char('(')?;
    for (index, label) in labels.iter().enumerate() {
        f.write_str(if index == 0 { "" } else { ", " })?;
        if is_bare_grouping_label(label) {
            f.write_str(label)?;
        } else {
            f.write_str(&go_quote(label))?;
        }
    }
    f.write_char(')')
}

fn write_selector(f: &mut Formatter<'_>, selector: &VectorSelector) -> fmt::Result {
    // The name before the braces is the last matcher.
    let conditions = match (&selector.name, selector.matchers.split_last()) {
        (Some(name), Some((_, others))) => {
            f.write_str(name)?;
            others
        }
        _ => selector.matchers.as_slice(),
    };
    if conditions.is_empty() && selector.name.is_some() {
        return Ok(());
    }
    let mut texts: Vec<String> = conditions.iter().map(matcher_text).collect();
    texts.sort_unstable();
    write!(f, "{{{}}}", texts.join(","))
}

fn matcher_text(matcher: &Matcher) -> String {
    let legacy = watchfire_model::labels::is_legacy_label_name(&matcher.name);
    let name = if legacy { matcher.name.clone() } else { go_quote(&matcher.name) };
    format!("{name}{}{}", matcher.op.as_str(), go_quote(&matcher.value))
}

fn write_extension(f: &mut Formatter<'_>, extension: Option<RangeExtension>) -> fmt::Result {
    match extension {
        None => Ok(()),
        Some(RangeExtension::Anchored) => f.write_str(" anchored"),
        Some(RangeExtension::Smoothed) => f.write_str(" smoothed"),
    }
}

fn write_modifiers(f: &mut Formatter<'_>, modifiers: &Modifiers) -> fmt::Result {
    match modifiers.at {
        None => {}
        Some(AtModifier::Start) => f.write_str(" @ start()")?,
        Some(AtModifier::End) => f.write_str(" @ end()")?,
        Some(AtModifier::Timestamp(milliseconds)) => {
            let sign = if milliseconds < 0 { "-" } else { "" };
            let magnitude = milliseconds.unsigned_abs();
            write!(f, " @ {sign}{}.{:03}", magnitude / 1000, magnitude % 1000)?;
        }
    }
    match &modifiers.offset {
        None => Ok(()),
        // Bare, an operator would belong to the expression around the selector. The reader never makes such a tree.
        Some(offset) if matches!(offset.kind, DurationKind::Binary(..)) && !begins_with_paren(offset) => {
            write!(f, " offset ({offset})")
        }
        Some(offset) => write!(f, " offset {offset}"),
    }
}

/// Whether the text of a duration begins with a parenthesis, behind which `offset` reads operators on.
fn begins_with_paren(duration: &DurationExpr) -> bool {
    match &duration.kind {
        DurationKind::Paren(_) => true,
        DurationKind::Binary(_, left, _) => begins_with_paren(left),
        _ => false,
    }
}

fn write_subquery_suffix(f: &mut impl Write, subquery: &crate::ast::Subquery) -> fmt::Result {
    write!(f, "{}", SubquerySuffix(subquery))
}

/// What stands behind a subquery's expression.
struct SubquerySuffix<'a>(&'a crate::ast::Subquery);

impl Display for SubquerySuffix<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "[{}:", self.0.range)?;
        if let Some(step) = &self.0.step {
            write!(f, "{step}")?;
        }
        f.write_char(']')?;
        write_modifiers(f, &self.0.modifiers)
    }
}

fn write_aggregate_head(f: &mut Formatter<'_>, aggregate: &Aggregate) -> fmt::Result {
    f.write_str(aggregate.op.as_str())?;
    let grouping = &aggregate.grouping;
    if !grouping.without && grouping.labels.is_empty() {
        return Ok(());
    }
    f.write_str(if grouping.without { " without " } else { " by " })?;
    write_labels(f, &grouping.labels)?;
    f.write_char(' ')
}

/// An operator with its modifiers.
fn write_operator(f: &mut Formatter<'_>, binary: &Binary) -> fmt::Result {
    f.write_str(binary.op.as_str())?;
    if binary.return_bool {
        f.write_str(" bool")?;
    }
    let matching = &binary.matching;
    let group = match matching.cardinality {
        Cardinality::ManyToOne => Some("group_left"),
        Cardinality::OneToMany => Some("group_right"),
        Cardinality::OneToOne | Cardinality::ManyToMany => None,
    };
    if matching.on || !matching.labels.is_empty() || group.is_some() {
        f.write_str(if matching.on { " on " } else { " ignoring " })?;
        write_labels(f, &matching.labels)?;
    }
    if let Some(group) = group {
        write!(f, " {group} ")?;
        write_labels(f, &matching.include)?;
    }
    match (matching.fill_left, matching.fill_right) {
        (Some(left), Some(right)) if left.to_bits() == right.to_bits() => {
            write!(f, " fill ({})", number(left))
        }
        (left, right) => {
            if let Some(left) = left {
                write!(f, " fill_left ({})", number(left))?;
            }
            if let Some(right) = right {
                write!(f, " fill_right ({})", number(right))?;
            }
            Ok(())
        }
    }
}
