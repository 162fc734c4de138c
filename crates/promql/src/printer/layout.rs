//! PromQL over several lines, as Prometheus's `/api/v1/format_query` lays it out: what fits into a hundred characters
//! stays on a line, and what does not is opened up, two blanks deeper per level.

use super::{SubquerySuffix, write_aggregate_head, write_operator};
use crate::ast::{Aggregate, Binary, Expr, ExprKind};
use std::fmt::{self, Display, Formatter, Write};

const LONGEST_LINE: usize = 100;
const INDENT: &str = "  ";

/// The expression laid out over as many lines as it needs.
pub fn pretty(expr: &Expr) -> String {
    let mut text = String::new();
    lay_out(&mut text, expr, 0, true);
    text
}

/// `fresh`: the line is empty yet and wants its indentation.
fn lay_out(text: &mut String, expr: &Expr, level: usize, fresh: bool) {
    if fresh {
        indent(text, level);
    }
    if fits_a_line(expr) {
        push(text, expr);
        return;
    }
    match &expr.kind {
        ExprKind::Aggregate(aggregate) => {
            push(text, &AggregateHead(aggregate));
            text.push_str("(\n");
            if let Some(param) = &aggregate.param {
                lay_out(text, param, level + 1, true);
                text.push_str(",\n");
            }
            lay_out(text, &aggregate.expr, level + 1, true);
            close(text, level);
        }
        ExprKind::Binary(binary) => {
            // The operator stands on a line of its own, between operands one level deeper.
            text.push_str(INDENT);
            lay_out(text, &binary.left, level + 1, false);
            text.push('\n');
            indent(text, level);
            push(text, &Operator(binary));
            text.push('\n');
            lay_out(text, &binary.right, level + 1, true);
        }
        ExprKind::Call(call) => {
            text.push_str(call.function.name);
            text.push_str("(\n");
            for (index, argument) in call.args.iter().enumerate() {
                text.push_str(if index == 0 { "" } else { ",\n" });
                lay_out(text, argument, level + 1, true);
            }
            close(text, level);
        }
        ExprKind::Paren(inner) => {
            text.push_str("(\n");
            lay_out(text, inner, level + 1, true);
            close(text, level);
        }
        ExprKind::Subquery(subquery) => {
            lay_out(text, &subquery.expr, level, false);
            push(text, &SubquerySuffix(subquery));
        }
        ExprKind::Unary(unary) => {
            text.push(if unary.negative { '-' } else { '+' });
            lay_out(text, &unary.expr, level, false);
        }
        // These have no parts to break at.
        ExprKind::VectorSelector(_)
        | ExprKind::MatrixSelector(_)
        | ExprKind::Number(_)
        | ExprKind::Duration(_)
        | ExprKind::String(_) => push(text, expr),
    }
}

fn push(text: &mut String, part: &impl Display) {
    // Writing to a String cannot fail.
    let _ = write!(text, "{part}");
}

fn indent(text: &mut String, level: usize) {
    for _ in 0..level {
        text.push_str(INDENT);
    }
}

fn close(text: &mut String, level: usize) {
    text.push('\n');
    indent(text, level);
    text.push(')');
}

struct AggregateHead<'a>(&'a Aggregate);

impl Display for AggregateHead<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write_aggregate_head(f, self.0)
    }
}

struct Operator<'a>(&'a Binary);

impl Display for Operator<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write_operator(f, self.0)
    }
}

/// Whether the one-line form is short enough; stops printing where it is not.
fn fits_a_line(expr: &Expr) -> bool {
    struct Room(usize);
    impl Write for Room {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            self.0 = self.0.checked_sub(text.len()).ok_or(fmt::Error)?;
            Ok(())
        }
    }
    write!(Room(LONGEST_LINE), "{expr}").is_ok()
}
