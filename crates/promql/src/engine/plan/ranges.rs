//! Range selectors and subqueries.

use super::{Planner, refused};
use crate::ast::{Expr, ExprKind, RangeExtension};
use crate::engine::QueryError;
use crate::engine::column::StepVector;
use crate::engine::context::Steps;
use crate::engine::queried::Scope;
use crate::engine::selector::SourceSeries;
use crate::engine::times::Reference;
use crate::engine::window::{RangeInput, RangeSpec};
use crate::source::SelectHints;
use std::borrow::Cow;

impl Planner<'_> {
    /// Where a range function reads.
    pub(crate) fn range<'a>(
        &self,
        expr: &'a Expr,
        steps: Steps,
        function: &'static str,
    ) -> Result<RangeSpec<'a>, QueryError> {
        match &expr.unwrap_parens().kind {
            ExprKind::MatrixSelector(matrix) => {
                let selector = &matrix.selector;
                let reference = Reference::new(&selector.modifiers, &self.times)?;
                let range_ms = self.times.positive_ms(&matrix.range)?;
                let hints =
                    SelectHints { step_ms: self.times.step_ms, range_ms, function, labels_only: false };
                let (before_ms, after_ms) = match selector.extension {
                    None => (0, 0),
                    Some(RangeExtension::Anchored) => (self.lookback_ms, 0),
                    Some(RangeExtension::Smoothed) => (self.lookback_ms, self.lookback_ms),
                };
                let series = SourceSeries::new(Cow::Borrowed(&selector.matchers), hints, before_ms, after_ms);
                Ok(RangeSpec {
                    input: RangeInput::Selector { series, detect_resets: self.statistics },
                    steps,
                    reference,
                    range_ms,
                    extension: selector.extension,
                    span: expr.bare_span(),
                    scope: self.scope,
                })
            }
            ExprKind::Subquery(subquery) => {
                let reference = Reference::new(&subquery.modifiers, &self.times)?;
                let range_ms = self.times.positive_ms(&subquery.range)?;
                let interval_ms = match &subquery.step {
                    Some(step) => self.times.positive_ms(step)?,
                    None => self.default_subquery_step_ms,
                };
                let first_ms = reference.apply(steps.start_ms).saturating_sub(range_ms);
                let last_ms = reference.apply(steps.end_ms());
                // Absolute multiples of the step, strictly after the beginning.
                let start_ms = first_ms.div_euclid(interval_ms).saturating_add(1).saturating_mul(interval_ms);
                let inner_steps = Steps::between(start_ms, last_ms, interval_ms);
                if inner_steps.count > self.max_steps {
                    return Err(QueryError::TooManySamples);
                }
                let none = Scope::Subquery { number: 0, once: false };
                let (outer, window) = ((self.scope, steps), (reference, range_ms));
                let scope = self.inside.map_or(none, |inside| inside.add(inner_steps, outer, window));
                let input = RangeInput::Subquery {
                    inner: Self { statistics: false, scope, ..*self }.merged(&subquery.expr, inner_steps)?,
                    steps: inner_steps,
                    vector: StepVector::default(),
                };
                let (extension, span, scope) = (None, expr.bare_span(), self.scope);
                Ok(RangeSpec { input, steps, reference, range_ms, extension, span, scope })
            }
            _ => Err(refused(format!("expected a range vector, got {}", expr.value_type().as_str()))),
        }
    }
}
