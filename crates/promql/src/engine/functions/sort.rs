//! `sort`, `sort_desc`, `sort_by_label`, `sort_by_label_desc`: the order of an instant vector.

use crate::ast::Span;
use crate::engine::QueryError;
use crate::engine::column::{
    BoxOperator, Held, HeldSeries, Operator, Point, SeriesKey, StepVector, hold_all,
};
use crate::engine::context::Context;
use std::cmp::Ordering;

/// Which way, and by which labels.
#[derive(Clone, Debug)]
pub(crate) struct Order<'a> {
    pub(crate) descending: bool,
    pub(crate) labels: Vec<&'a str>,
}

/// The operator of all four. Range results are sorted by their labels anyway.
pub(crate) struct Sorted<'a> {
    inner: BoxOperator<'a>,
    order: Order<'a>,
    by_value: bool,
    instant: bool,
    span: &'a Span,
    result: Option<Held>,
}

impl<'a> Sorted<'a> {
    pub(crate) const fn new(
        inner: BoxOperator<'a>,
        order: Order<'a>,
        by_value: bool,
        instant: bool,
        span: &'a Span,
    ) -> Self {
        Self { inner, order, by_value, instant, span, result: None }
    }
}

impl<'a> Operator<'a> for Sorted<'a> {
    fn next(&mut self, cx: &mut Context<'a>, out: &mut StepVector) -> Result<Option<SeriesKey>, QueryError> {
        if !self.instant {
            let words = "sort is ineffective for range queries since results are always ordered by labels";
            cx.notes.warn(self.span, words.to_owned());
            // Values are sorted among floats only, so histograms leave.
            loop {
                let Some(key) = self.inner.next(cx, out)? else { return Ok(None) };
                if self.by_value {
                    out.drop_histograms();
                }
                if out.any_present() {
                    return Ok(Some(key));
                }
            }
        }
        if self.result.is_none() {
            let mut series = hold_all(self.inner.as_mut(), cx)?;
            if self.by_value {
                series.retain(|series| matches!(series.vector.get(0), Some(Point::Float(_))));
                let descending = self.order.descending;
                series.sort_by(|left, right| compare_values(value(left), value(right), descending));
            } else {
                series.sort_by(|left, right| self.order.compare(left, right));
            }
            self.result = Some(Held::new(series));
        }
        Ok(self.result.as_mut().and_then(|held| held.next(cx, out)))
    }
}

fn value(series: &HeldSeries) -> f64 {
    series.vector.values.first().copied().unwrap_or(f64::NAN)
}

/// NaN comes last either way.
fn compare_values(left: f64, right: f64, descending: bool) -> Ordering {
    let order = left.partial_cmp(&right).map(|order| if descending { order.reverse() } else { order });
    order.unwrap_or_else(|| left.is_nan().cmp(&right.is_nan()))
}

impl Order<'_> {
    fn compare(&self, left: &HeldSeries, right: &HeldSeries) -> Ordering {
        let (left, right) = (&left.key.labels, &right.key.labels);
        let by_labels = self
            .labels
            .iter()
            .map(|label| natural(left.get(label).unwrap_or(""), right.get(label).unwrap_or("")));
        let order = by_labels.into_iter().find(|order| order.is_ne()).unwrap_or_else(|| left.cmp(right));
        if self.descending { order.reverse() } else { order }
    }
}

/// Runs of digits compare as numbers, everything between them as text.
fn natural(left: &str, right: &str) -> Ordering {
    let (mut left_rest, mut right_rest) = (left, right);
    loop {
        let (left_run, right_run) = (run(left_rest), run(right_rest));
        let order = match (left_run.is_empty(), right_run.is_empty()) {
            (true, true) => return left.cmp(right),
            (true, false) => return Ordering::Less,
            (false, true) => return Ordering::Greater,
            (false, false) => compare_runs(left_run, right_run),
        };
        if order.is_ne() {
            return order;
        }
        left_rest = left_rest.get(left_run.len()..).unwrap_or("");
        right_rest = right_rest.get(right_run.len()..).unwrap_or("");
    }
}

/// The digits, or the other characters, that a text begins with.
fn run(text: &str) -> &str {
    let digits = text.starts_with(|c: char| c.is_ascii_digit());
    let end = text.find(|c: char| c.is_ascii_digit() != digits).unwrap_or(text.len());
    text.get(..end).unwrap_or("")
}

fn compare_runs(left: &str, right: &str) -> Ordering {
    let digits = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
    if !(digits(left) && digits(right)) {
        return left.cmp(right);
    }
    // Without leading zeros the longer number is the larger one, however long.
    let (left, right) = (left.trim_start_matches('0'), right.trim_start_matches('0'));
    left.len().cmp(&right.len()).then_with(|| left.cmp(right))
}
