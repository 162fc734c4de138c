//! How far the steps of a query look, and whether a step's value follows from the step alone.

use crate::ast::{AggregateOp, DurationExpr, DurationKind, Expr, ExprKind, Modifiers, RangeExtension};
use watchfire_model::TimeRange;

/// Functions that know more than their step.
const OF_THE_WHOLE: [&str; 5] = ["info", "start", "end", "range", "step"];

/// What a step looks at: samples after `before_ms` before it, up to `after_ms` after it. Either may be negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reach {
    pub(super) before_ms: i64,
    pub(super) after_ms: i64,
}

impl Reach {
    const NONE: Self = Self { before_ms: 0, after_ms: 0 };

    fn with(self, other: Self) -> Self {
        Self { before_ms: self.before_ms.max(other.before_ms), after_ms: self.after_ms.max(other.after_ms) }
    }

    /// What is looked at `offset_ms` earlier.
    const fn shifted(self, offset_ms: i64) -> Self {
        Self {
            before_ms: self.before_ms.saturating_add(offset_ms),
            after_ms: self.after_ms.saturating_sub(offset_ms),
        }
    }

    /// All that steps between two times look at.
    pub(super) fn looks_at(self, first_ms: i64, last_ms: i64) -> TimeRange {
        let start_ms = first_ms.saturating_sub(self.before_ms);
        TimeRange::new(start_ms, last_ms.saturating_add(self.after_ms).max(start_ms))
    }

    /// The reach of an expression; `None` where a value may depend on other steps, or on when the query begins or ends.
    pub(super) fn of(expr: &Expr, lookback_ms: i64) -> Option<Self> {
        let of = |expr: &Expr| Self::of(expr, lookback_ms);
        match &expr.kind {
            ExprKind::Number(_) | ExprKind::Duration(_) | ExprKind::String(_) => Some(Self::NONE),
            ExprKind::VectorSelector(selector) => {
                let after_ms =
                    if selector.extension == Some(RangeExtension::Smoothed) { lookback_ms } else { 0 };
                Some(Self { before_ms: lookback_ms, after_ms }.shifted(offset_ms(&selector.modifiers)?))
            }
            ExprKind::MatrixSelector(matrix) => {
                let selector = &matrix.selector;
                let (more_ms, after_ms) = match selector.extension {
                    None => (0, 0),
                    Some(RangeExtension::Anchored) => (lookback_ms, 0),
                    Some(RangeExtension::Smoothed) => (lookback_ms, lookback_ms),
                };
                let before_ms = literal_ms(&matrix.range)?.saturating_add(more_ms);
                Some(Self { before_ms, after_ms }.shifted(offset_ms(&selector.modifiers)?))
            }
            ExprKind::Subquery(subquery) => {
                if let Some(step) = &subquery.step {
                    literal_ms(step)?;
                }
                let inner = of(&subquery.expr)?;
                let before_ms = inner.before_ms.saturating_add(literal_ms(&subquery.range)?);
                Some(Self { before_ms, ..inner }.shifted(offset_ms(&subquery.modifiers)?))
            }
            ExprKind::Call(call) if OF_THE_WHOLE.contains(&call.function.name) => None,
            ExprKind::Call(call) => {
                call.args.iter().try_fold(Self::NONE, |reach, argument| Some(reach.with(of(argument)?)))
            }
            // Among equals they take who comes first, which may be another one where other steps are looked at.
            ExprKind::Aggregate(aggregate)
                if matches!(
                    aggregate.op,
                    AggregateOp::Topk | AggregateOp::Bottomk | AggregateOp::Limitk | AggregateOp::LimitRatio
                ) =>
            {
                None
            }
            ExprKind::Aggregate(aggregate) => {
                let parameter =
                    aggregate.param.as_ref().map_or(Some(Self::NONE), |parameter| of(parameter))?;
                Some(of(&aggregate.expr)?.with(parameter))
            }
            ExprKind::Binary(binary) => Some(of(&binary.left)?.with(of(&binary.right)?)),
            ExprKind::Unary(unary) => of(&unary.expr),
            ExprKind::Paren(inner) => of(inner),
        }
    }
}

/// The offset, 0 without any; `None` with `@`, or where it is computed.
fn offset_ms(modifiers: &Modifiers) -> Option<i64> {
    if modifiers.at.is_some() {
        return None;
    }
    modifiers.offset.as_ref().map_or(Some(0), literal_ms)
}

/// A duration that follows from the text alone.
fn literal_ms(duration: &DurationExpr) -> Option<i64> {
    match &duration.kind {
        DurationKind::Literal(duration_ms) => Some(*duration_ms),
        DurationKind::Negate(inner) => literal_ms(inner).map(i64::saturating_neg),
        DurationKind::Paren(inner) => literal_ms(inner),
        _ => None,
    }
}
