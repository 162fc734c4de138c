//! When selectors look: durations worked out, `@` and `offset` applied.

use super::QueryError;
use crate::ast::{AtModifier, BinaryOp, DurationExpr, DurationKind, Modifiers};

/// The times of the whole query, which `start()`, `end()`, `step()` and `range()` speak of, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct QueryTimes {
    pub(crate) start_ms: i64,
    pub(crate) end_ms: i64,
    pub(crate) step_ms: i64,
}

/// How an evaluation time becomes the time a selector looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reference {
    pub(crate) at_ms: Option<i64>,
    pub(crate) offset_ms: i64,
}

impl Reference {
    pub(crate) fn new(modifiers: &Modifiers, times: &QueryTimes) -> Result<Self, QueryError> {
        let at_ms = modifiers.at.map(|at| match at {
            AtModifier::Timestamp(at_ms) => at_ms,
            AtModifier::Start => times.start_ms,
            AtModifier::End => times.end_ms,
        });
        let offset_ms = match &modifiers.offset {
            Some(offset) => times.duration_ms(offset)?,
            None => 0,
        };
        Ok(Self { at_ms, offset_ms })
    }

    /// Puts another reference inside this one, as a selector stands in a subquery.
    pub(crate) fn narrow(&mut self, inner: Self) {
        *self = match inner.at_ms {
            Some(_) => inner,
            None => Self { at_ms: self.at_ms, offset_ms: self.offset_ms.saturating_add(inner.offset_ms) },
        };
    }

    /// The time looked at when evaluating at `time_ms`.
    pub(crate) fn apply(self, time_ms: i64) -> i64 {
        self.at_ms.unwrap_or(time_ms).saturating_sub(self.offset_ms)
    }
}

impl QueryTimes {
    /// A duration that must reach into the past.
    pub(crate) fn positive_ms(&self, duration: &DurationExpr) -> Result<i64, QueryError> {
        let duration_ms = self.duration_ms(duration)?;
        if duration_ms <= 0 {
            return Err(QueryError::Execution("duration must be greater than 0".to_owned()));
        }
        Ok(duration_ms)
    }

    /// A duration in milliseconds; computed ones are rounded.
    pub(crate) fn duration_ms(&self, duration: &DurationExpr) -> Result<i64, QueryError> {
        if let DurationKind::Literal(duration_ms) = duration.kind {
            return Ok(duration_ms);
        }
        let milliseconds = self.seconds(duration)? * 1_000.0;
        // What fits Prometheus's count of nanoseconds in 63 bits.
        let limit = (i64::MAX / 1_000_000) as f64;
        if milliseconds.is_nan() || milliseconds.abs() > limit {
            return Err(QueryError::Execution("duration out of range".to_owned()));
        }
        Ok(milliseconds.round() as i64)
    }

    fn seconds(&self, duration: &DurationExpr) -> Result<f64, QueryError> {
        Ok(match &duration.kind {
            DurationKind::Literal(duration_ms) => *duration_ms as f64 / 1_000.0,
            DurationKind::Number(seconds) => *seconds,
            DurationKind::Step => self.step_ms as f64 / 1_000.0,
            DurationKind::Range => self.end_ms.saturating_sub(self.start_ms) as f64 / 1_000.0,
            DurationKind::Min(left, right) => self.seconds(left)?.min(self.seconds(right)?),
            DurationKind::Max(left, right) => self.seconds(left)?.max(self.seconds(right)?),
            DurationKind::Negate(inner) => -self.seconds(inner)?,
            DurationKind::Paren(inner) => self.seconds(inner)?,
            DurationKind::Binary(op, left, right) => {
                let (left, right) = (self.seconds(left)?, self.seconds(right)?);
                match op {
                    BinaryOp::Add => left + right,
                    BinaryOp::Sub => left - right,
                    BinaryOp::Mul => left * right,
                    BinaryOp::Div if right == 0.0 => {
                        return Err(QueryError::Execution("division by zero".to_owned()));
                    }
                    BinaryOp::Div => left / right,
                    BinaryOp::Mod if right == 0.0 => {
                        return Err(QueryError::Execution("modulo by zero".to_owned()));
                    }
                    BinaryOp::Mod => left % right,
                    BinaryOp::Pow => left.powf(right),
                    _ => {
                        let words = format!("unexpected operator {} in a duration", op.as_str());
                        return Err(QueryError::Execution(words));
                    }
                }
            }
        })
    }
}
