//! Where what a rule looks at has no data.

use crate::app::App;
use crate::error::ApiError;
use crate::origin::Origin;
use std::collections::BTreeSet;
use std::sync::Arc;
use watchfire_model::matcher::{MatchOp, Matcher};
use watchfire_promql::Value;
use watchfire_promql::ast::{Expr, ExprKind};
use watchfire_promql::engine::Query;
use watchfire_rules::backtest::Backtest;

/// At how many times it is looked for.
const TIMES: i64 = 1_000;
/// How many selectors of a rule are looked at.
const MOST_SELECTORS: usize = 20;

/// A time without data.
pub(super) struct Gap {
    /// What has none.
    pub(super) selector: String,
    /// From when, in milliseconds since the Unix epoch.
    pub(super) from_ms: i64,
    /// Until when.
    pub(super) to_ms: i64,
}

/// The times at which a selector of a rule, or of those of the file whose series it reads, finds nothing stored. What
/// rules of the file write is not looked for.
pub(super) async fn gaps(
    app: &Arc<App>,
    origin: &Origin,
    backtest: &Backtest,
    rule: usize,
    (from_ms, to_ms): (i64, i64),
) -> Result<Vec<Gap>, ApiError> {
    let mut selectors = BTreeSet::new();
    for expr in backtest.expressions(rule) {
        collect(&expr, backtest, &mut selectors);
    }
    let interval_ms = backtest.replays().get(rule).map_or(1, |replay| replay.timing().interval_ms);
    let step_ms = interval_ms.max(to_ms.saturating_sub(from_ms) / TIMES).max(1);
    let mut gaps = Vec::new();
    for selector in selectors.into_iter().take(MOST_SELECTORS) {
        let text = format!("count({selector})");
        let Ok(expr) = watchfire_promql::parse(&text, app.parse) else { continue };
        let query = Query::range(expr, from_ms, to_ms, step_ms);
        let there: BTreeSet<i64> = app
            .evaluate(query, &text, (origin.clone(), false), |result, _| match result.value {
                Value::Matrix(series) => {
                    series.iter().flat_map(|series| series.samples.timestamps_ms.iter().copied()).collect()
                }
                _ => BTreeSet::new(),
            })
            .await?;
        let mut open: Option<i64> = None;
        let mut at_ms = from_ms;
        while at_ms <= to_ms {
            match (there.contains(&at_ms), open) {
                (false, None) => open = Some(at_ms),
                (true, Some(since_ms)) => {
                    gaps.push(Gap { selector: selector.clone(), from_ms: since_ms, to_ms: at_ms });
                    open = None;
                }
                _ => {}
            }
            at_ms = at_ms.saturating_add(step_ms);
        }
        if let Some(since_ms) = open {
            gaps.push(Gap { selector, from_ms: since_ms, to_ms });
        }
    }
    Ok(gaps)
}

fn collect(expr: &Expr, backtest: &Backtest, found: &mut BTreeSet<String>) {
    let matchers = match &expr.kind {
        ExprKind::VectorSelector(selector) => &selector.matchers,
        ExprKind::MatrixSelector(matrix) => &matrix.selector.matchers,
        _ => return expr.children().for_each(|child| collect(child, backtest, found)),
    };
    if !backtest.is_replayed(matchers) {
        found.insert(text_of(matchers));
    }
}

fn text_of(matchers: &[Matcher]) -> String {
    let is_name = |matcher: &&Matcher| {
        &*matcher.name == "__name__"
            && matcher.op == MatchOp::Equal
            && matcher.value.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b':')
    };
    let name = matchers.iter().find(is_name);
    let rest: Vec<String> = matchers
        .iter()
        .filter(|matcher| name.is_none_or(|name| !std::ptr::eq(*matcher, name)))
        .map(|matcher| format!("{:?}{}{:?}", &*matcher.name, matcher.op.as_str(), &*matcher.value))
        .collect();
    let name = name.map(|name| name.value.to_string()).unwrap_or_default();
    if rest.is_empty() { name } else { format!("{name}{{{}}}", rest.join(",")) }
}
