//! What an expression reads, how far back it looks, and what a rule writes.

use crate::file::Rule;
use std::collections::BTreeMap;
use watchfire_model::{Labels, METRIC_NAME, Matcher};
use watchfire_promql::Expr;
use watchfire_promql::ast::{
    DurationExpr, DurationKind, ExprKind, Modifiers, RangeExtension, VectorSelector,
};

/// The metric that `info()` looks at where nothing else is said.
const INFO_METRIC: &str = "target_info";

/// Series that an expression reads.
#[derive(Clone, Debug)]
pub(super) struct Read {
    pub(super) matchers: Vec<Matcher>,
    /// How far before the time of its evaluation, in milliseconds; `None`: as far as it likes.
    pub(super) back_ms: Option<i64>,
}

/// All that an expression reads.
#[derive(Clone, Debug, Default)]
pub(super) struct Reads {
    pub(super) all: Vec<Read>,
    /// What it gives at one time may depend on the other times it is asked for, or on what comes later: it has to be
    /// asked time by time, and shown nothing later.
    pub(super) singly: bool,
}

impl Reads {
    pub(super) fn of(expr: &Expr, lookback_ms: i64) -> Self {
        let mut reads = Self::default();
        reads.walk(expr, Some(0), lookback_ms);
        reads
    }

    fn walk(&mut self, expr: &Expr, outer: Option<i64>, lookback_ms: i64) {
        match &expr.kind {
            ExprKind::VectorSelector(selector) => {
                self.selector(selector, &selector.matchers, (outer, Some(lookback_ms)));
            }
            ExprKind::MatrixSelector(matrix) => {
                let range = self.length(&matrix.range);
                let extended = if matrix.selector.extension.is_some() { lookback_ms } else { 0 };
                let back = range.map(|range| range.saturating_add(extended));
                self.selector(&matrix.selector, &matrix.selector.matchers, (outer, back));
            }
            ExprKind::Subquery(subquery) => {
                if let Some(step) = &subquery.step {
                    self.length(step);
                }
                let back = self.length(&subquery.range);
                let back = sum(back, self.modifiers(&subquery.modifiers));
                self.walk(&subquery.expr, sum(outer, back), lookback_ms);
            }
            ExprKind::Call(call) if call.function.name == "info" => {
                let mut args = call.args.iter();
                if let Some(data) = args.next() {
                    self.walk(data, outer, lookback_ms);
                }
                let named = |selector: &VectorSelector| -> Vec<Matcher> {
                    selector.matchers.iter().filter(|matcher| matcher.name == METRIC_NAME).cloned().collect()
                };
                let mut matchers = match args.next().map(|arg| &arg.kind) {
                    Some(ExprKind::VectorSelector(selector)) => named(selector),
                    _ => Vec::new(),
                };
                if matchers.is_empty() {
                    matchers.push(Matcher::equal(METRIC_NAME, INFO_METRIC));
                }
                // It takes over the times of what it is applied to.
                self.all.push(Read { matchers, back_ms: None });
            }
            _ => expr.children().for_each(|child| self.walk(child, outer, lookback_ms)),
        }
    }

    fn selector(
        &mut self,
        selector: &VectorSelector,
        matchers: &[Matcher],
        (outer, back): (Option<i64>, Option<i64>),
    ) {
        self.singly |= selector.extension == Some(RangeExtension::Smoothed);
        let back = sum(back, self.modifiers(&selector.modifiers));
        self.all.push(Read { matchers: matchers.to_vec(), back_ms: sum(outer, back) });
    }

    /// How much farther back an offset or `@` looks.
    fn modifiers(&mut self, modifiers: &Modifiers) -> Option<i64> {
        if modifiers.at.is_some() {
            self.singly = true;
            return None;
        }
        let offset = modifiers.offset.as_ref().map_or(Some(0), |offset| self.length(offset))?;
        self.singly |= offset < 0;
        Some(offset.max(0))
    }

    /// A duration, as far as it can be known without a query.
    fn length(&mut self, duration: &DurationExpr) -> Option<i64> {
        let known = known(duration);
        self.singly |= known.is_none();
        known
    }
}

fn sum(left: Option<i64>, right: Option<i64>) -> Option<i64> {
    Some(left?.saturating_add(right?))
}

fn known(duration: &DurationExpr) -> Option<i64> {
    match &duration.kind {
        DurationKind::Literal(millis) => Some(*millis),
        DurationKind::Paren(inner) => known(inner),
        DurationKind::Negate(inner) => known(inner).map(i64::saturating_neg),
        _ => None,
    }
}

/// Series that a rule writes.
#[derive(Clone, Debug)]
pub(super) struct Writes {
    names: &'static [&'static str],
    name: String,
    /// Labels that all of them have.
    labels: BTreeMap<String, String>,
}

impl Writes {
    pub(super) fn of(rule: &Rule) -> Self {
        match rule {
            Rule::Recording(rule) => Self {
                names: &[],
                name: rule.name.clone(),
                labels: rule.labels.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            },
            Rule::Alerting(rule) => {
                let plain = rule.labels.iter().filter(|(_, value)| !value.contains("{{"));
                let mut labels: BTreeMap<String, String> =
                    plain.map(|(name, value)| (name.clone(), value.clone())).collect();
                labels.insert("alertname".to_owned(), rule.name.clone());
                Self { names: &["ALERTS", "ALERTS_FOR_STATE"], name: String::new(), labels }
            }
        }
    }

    /// The names of the metrics.
    pub(super) fn metrics(&self) -> impl Iterator<Item = &str> {
        self.names.iter().copied().chain(Some(self.name.as_str()).filter(|name| !name.is_empty()))
    }

    /// Whether some series it may write satisfies these.
    pub(super) fn may_satisfy(&self, matchers: &[Matcher]) -> bool {
        self.metrics().any(|metric| {
            matchers.iter().all(|matcher| {
                if matcher.name == METRIC_NAME {
                    return matcher.matches(metric);
                }
                self.labels.get(&*matcher.name).is_none_or(|value| matcher.matches(value))
            })
        })
    }

    /// Whether this series is one that it may have written.
    pub(super) fn includes(&self, series: &Labels) -> bool {
        self.metrics().any(|metric| metric == series.metric_name())
            && self.labels.iter().all(|(name, value)| series.get(name).unwrap_or_default() == value)
    }
}
