//! Recording rules that stand one behind the other: evaluated in one go on one of the reserved threads, and written
//! together.
//!
//! A rule may read what a rule before it recorded, so that a run of them ends before one that does.

use crate::file::{RecordingRule, Rule};
use crate::group::{Surround, panicked, refusals};
use crate::query::Asker;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};
use watchfire_model::ingest::{Batch, MetricSink, Row, WriteReport};
use watchfire_model::{Labels, METRIC_NAME, MatchOp, Matcher, STALE_NAN, SampleValue};
use watchfire_promql::Expr;
use watchfire_promql::ast::ExprKind;

/// How long recording rules keep a thread before it is the turn of other groups.
const TURN: Duration = Duration::from_millis(20);

/// A rule in a run, and the series its last good evaluation wrote.
#[derive(Debug)]
pub(crate) struct Due {
    pub(crate) rule: Arc<Rule>,
    pub(crate) written: HashSet<Labels>,
}

/// What became of one.
#[derive(Debug)]
pub(crate) struct Recorded {
    pub(crate) written: HashSet<Labels>,
    pub(crate) result: Result<(), String>,
    pub(crate) took: Duration,
}

/// One that is evaluated and not written yet.
struct Evaluated {
    written: HashSet<Labels>,
    outcome: Result<Vec<Row>, String>,
    took: Duration,
}

/// Evaluates rules, the first at least and all if time allows, and returns what became of those. Their samples are on
/// disk then; those that were not evaluated keep what they had.
///
/// All their samples are written at once, unless `apart` says that some were refused lately: one write for each rule
/// tells whose they are. It is set or cleared for the next time.
pub(crate) async fn evaluate(
    due: Vec<Due>,
    query_ms: i64,
    limit: usize,
    surround: &Surround,
    apart: &mut bool,
) -> Option<(Vec<Recorded>, Vec<Due>)> {
    let asker = surround.asker.clone();
    let run = move || take_turn(due, query_ms, limit, &asker);
    let (evaluated, left) = surround.threads.run(run).await?;
    let samples = &*surround.samples;
    let mut together = Ok(());
    if !*apart {
        let rows = evaluated.iter().filter_map(|one| one.outcome.as_ref().ok()).flatten();
        let batch: Batch = rows.cloned().collect();
        match written(samples, batch).await {
            Ok(report) => *apart = refusals(&report).is_err(),
            Err(error) => together = Err(error),
        }
    }
    let mut recorded = Vec::with_capacity(evaluated.len());
    let mut refused = false;
    for Evaluated { written: series, outcome, took } in evaluated {
        let result = match outcome {
            Err(error) => Err(error),
            // What was kept a moment ago is a duplicate now, and no fault.
            Ok(rows) if *apart => {
                let report = written(samples, rows.into()).await;
                report.and_then(|report| refusals(&report)).inspect_err(|_| refused = true)
            }
            Ok(_) => together.clone(),
        };
        recorded.push(Recorded { written: series, result, took });
    }
    *apart = refused;
    Some((recorded, left))
}

async fn written(samples: &dyn MetricSink, batch: Batch) -> Result<WriteReport, String> {
    if batch.is_empty() {
        return Ok(WriteReport::default());
    }
    samples.write(batch).await.map_err(|error| error.to_string())
}

fn take_turn(due: Vec<Due>, query_ms: i64, limit: usize, asker: &Asker) -> (Vec<Evaluated>, Vec<Due>) {
    let begun = Instant::now();
    let mut done = Vec::with_capacity(due.len());
    let mut due = due.into_iter();
    let mut before = begun;
    while done.is_empty() || before.duration_since(begun) < TURN {
        let Some(Due { rule, mut written }) = due.next() else { break };
        // What it wrote last time must outlive a query that panics.
        let ask = || match &*rule {
            Rule::Recording(rule) => record(rule, asker, query_ms, limit),
            Rule::Alerting(_) => Ok((Vec::new(), HashSet::new())),
        };
        let asked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(ask));
        let outcome = asked.unwrap_or_else(|_| Err(panicked())).map(|(mut rows, series)| {
            rows.extend(ended(&written, &series, query_ms));
            written = series;
            rows
        });
        let now = Instant::now();
        done.push(Evaluated { written, outcome, took: now.duration_since(before) });
        before = now;
    }
    (done, due.collect())
}

/// The ends of series that were written last time and are not any more.
pub(crate) fn ended<'a>(
    before: &'a HashSet<Labels>,
    now: &'a HashSet<Labels>,
    timestamp_ms: i64,
) -> impl Iterator<Item = Row> + use<'a> {
    before.difference(now).map(move |series| Row {
        series: series.clone(),
        timestamp_ms,
        start_timestamp_ms: 0,
        value: SampleValue::Float(STALE_NAN),
    })
}

/// The rows that a rule records, and their series.
fn record(
    rule: &RecordingRule,
    asker: &Asker,
    query_ms: i64,
    limit: usize,
) -> Result<(Vec<Row>, HashSet<Labels>), String> {
    let samples = asker.vector(Arc::clone(&rule.expr.tree), query_ms)?;
    if limit > 0 && samples.len() > limit {
        return Err(format!("exceeded limit of {limit} with {} series", samples.len()));
    }
    let mut seen = HashSet::with_capacity(samples.len());
    let mut rows = Vec::with_capacity(samples.len());
    for sample in samples {
        let mut builder = sample.labels.to_builder();
        builder.set(METRIC_NAME, rule.name.as_str());
        for (label, value) in &rule.labels {
            builder.set(label, value);
        }
        let series = builder.build();
        if !seen.insert(series.clone()) {
            return Err(
                "vector contains metrics with the same labelset after applying rule labels".to_owned()
            );
        }
        rows.push(Row { series, timestamp_ms: query_ms, start_timestamp_ms: 0, value: sample.value });
    }
    Ok((rows, seen))
}

/// Of each rule, the last one before it whose series it may read.
pub(crate) fn dependencies(rules: &[Rule]) -> Vec<Option<usize>> {
    let mut recorders = HashMap::new();
    let mut found = Vec::with_capacity(rules.len());
    for (place, rule) in rules.iter().enumerate() {
        found.push(last_read(&rule.expr().tree, &recorders));
        // Alerting rules write too, but are waited for anyway.
        if let Rule::Recording(rule) = rule {
            recorders.insert(rule.name.as_str(), place);
        }
    }
    found
}

/// The last of the recorders, known by the names that they write, whose series an expression may read.
fn last_read(expr: &Expr, recorders: &HashMap<&str, usize>) -> Option<usize> {
    let of = |expr: &Expr| last_read(expr, recorders);
    let selects = |matchers: &[Matcher]| {
        let mut named = matchers.iter().filter(|matcher| matcher.name == METRIC_NAME);
        match (named.next(), named.next()) {
            (Some(only), None) if only.op == MatchOp::Equal => recorders.get(only.value.as_str()).copied(),
            _ => {
                let named = || matchers.iter().filter(|matcher| matcher.name == METRIC_NAME);
                let read = |name: &str| named().all(|matcher| matcher.matches(name));
                recorders.iter().filter(|(name, _)| read(name)).map(|(_, place)| *place).max()
            }
        }
    };
    match &expr.kind {
        ExprKind::Number(_) | ExprKind::Duration(_) | ExprKind::String(_) => None,
        ExprKind::VectorSelector(selector) => selects(&selector.matchers),
        ExprKind::MatrixSelector(matrix) => selects(&matrix.selector.matchers),
        ExprKind::Subquery(subquery) => of(&subquery.expr),
        // It looks at series that stand in no selector.
        ExprKind::Call(call) if call.function.name == "info" => recorders.values().copied().max(),
        ExprKind::Call(call) => call.args.iter().filter_map(of).max(),
        ExprKind::Aggregate(aggregate) => {
            of(&aggregate.expr).max(aggregate.param.as_ref().and_then(|parameter| of(parameter)))
        }
        ExprKind::Binary(binary) => of(&binary.left).max(of(&binary.right)),
        ExprKind::Unary(unary) => of(&unary.expr),
        ExprKind::Paren(inner) => of(inner),
    }
}

#[cfg(test)]
mod tests;
