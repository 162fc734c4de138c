//! `absent` and `absent_over_time`: one where nothing is.

use crate::ast::{Expr, ExprKind};
use crate::engine::QueryError;
use crate::engine::column::{BoxOperator, Operator, SeriesKey, StepVector};
use crate::engine::context::{Context, Steps};
use crate::engine::over_time;
use crate::engine::window::{RangeCall, RangeSpec};
use watchfire_model::{Labels, LabelsBuilder, MatchOp, Matcher};

/// The operator of both.
pub(crate) struct Absent<'a> {
    inner: Option<BoxOperator<'a>>,
    labels: Labels,
    steps: Steps,
}

impl<'a> Absent<'a> {
    pub(crate) fn new(inner: BoxOperator<'a>, expr: &Expr, steps: Steps) -> Self {
        Self { inner: Some(inner), labels: labels_of(expr), steps }
    }

    /// Over a range: absent where no window has a sample.
    pub(crate) fn over_time(spec: RangeSpec<'a>, expr: &Expr, steps: Steps) -> Self {
        let inner = RangeCall::plan(spec, over_time::present, "absent_over_time", Vec::new());
        Self { inner: Some(inner), labels: labels_of(expr), steps }
    }
}

/// The labels that a selector asks for with `=`; none for anything but a selector.
fn labels_of(expr: &Expr) -> Labels {
    let matchers: &[Matcher] = match &expr.kind {
        ExprKind::VectorSelector(selector) => &selector.matchers,
        ExprKind::MatrixSelector(matrix) => &matrix.selector.matchers,
        _ => return Labels::empty(),
    };
    let mut builder = LabelsBuilder::new();
    let mut asked: Vec<&str> = Vec::new();
    // Prometheus's store puts matchers that take series away behind the others, which shows here.
    let must_be_set =
        |name: &str| matchers.iter().any(|matcher| matcher.name == name && !matcher.matches_empty());
    let takes_away = |matcher: &Matcher| {
        let negative = matches!(matcher.op, MatchOp::NotEqual | MatchOp::NotRegex);
        !must_be_set(&matcher.name) || negative && matcher.matches_empty()
    };
    let ordered = [false, true]
        .into_iter()
        .flat_map(|last| matchers.iter().filter(move |matcher| takes_away(matcher) == last));
    for matcher in ordered.filter(|matcher| matcher.name != watchfire_model::METRIC_NAME) {
        // A label asked for twice is left out.
        if matcher.op == MatchOp::Equal && !asked.contains(&matcher.name.as_str()) {
            builder.set(&matcher.name, matcher.value.as_str());
            asked.push(&matcher.name);
        } else {
            builder.remove(&matcher.name);
        }
    }
    builder.build()
}

impl<'a> Operator<'a> for Absent<'a> {
    fn next(&mut self, cx: &mut Context<'a>, out: &mut StepVector) -> Result<Option<SeriesKey>, QueryError> {
        let Some(mut inner) = self.inner.take() else { return Ok(None) };
        let mut seen = vec![false; self.steps.count];
        while inner.next(cx, out)?.is_some() {
            for (seen, present) in seen.iter_mut().zip(&out.present) {
                *seen |= present;
            }
        }
        out.reset(self.steps.count);
        for (step, seen) in seen.into_iter().enumerate() {
            if !seen {
                out.set_float(step, 1.0);
            }
        }
        Ok(out.any_present().then(|| SeriesKey::new(self.labels.clone())))
    }
}
