//! What the binary operators do to two floats.

use crate::ast::BinaryOp;

/// The arithmetic operators; `None` for all others.
pub(crate) fn arithmetic(op: BinaryOp, left: f64, right: f64) -> Option<f64> {
    Some(match op {
        BinaryOp::Add => left + right,
        BinaryOp::Sub => left - right,
        BinaryOp::Mul => left * right,
        BinaryOp::Div => left / right,
        BinaryOp::Mod => left % right,
        BinaryOp::Pow => left.powf(right),
        BinaryOp::Atan2 => left.atan2(right),
        _ => return None,
    })
}

/// The comparison operators; false for all others.
pub(crate) fn compare(op: BinaryOp, left: f64, right: f64) -> bool {
    match op {
        BinaryOp::Equal => left == right,
        BinaryOp::NotEqual => left != right,
        BinaryOp::Less => left < right,
        BinaryOp::LessOrEqual => left <= right,
        BinaryOp::Greater => left > right,
        BinaryOp::GreaterOrEqual => left >= right,
        _ => false,
    }
}

/// Between two scalars comparisons give 0 or 1 (`bool` is required there).
pub(crate) fn scalars(op: BinaryOp, left: f64, right: f64) -> f64 {
    arithmetic(op, left, right).unwrap_or_else(|| f64::from(u8::from(compare(op, left, right))))
}
