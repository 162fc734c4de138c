//! Metrics over steps or time, of one run or of several side by side.

use super::runs::tell;
use super::{answer, answers};
use crate::app::App;
use crate::error::ApiError;
use crate::params::Params;
use crate::time::parse_time;
use axum::extract::{Path, State};
use axum::response::Response;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use watchfire_training::{Axis, RunDetails, TrainingMetric, TrainingRun, history};

/// How many metrics are told at once, and how many runs are compared.
const MOST_METRICS: usize = 100;
const MOST_RUNS: usize = 50;
/// How many values of a metric are told where nobody says how many, and how many all together at most.
const POINTS: usize = 1_000;
const MOST_POINTS: usize = 1_000_000;

/// What of the metrics is wanted.
struct Wanted {
    axis: Axis,
    range: (f64, f64),
    points: usize,
}

fn wanted(params: &Params) -> Result<Wanted, ApiError> {
    let axis = match params.get("x") {
        None => Axis::default(),
        Some(word) => Axis::parse(word).ok_or_else(|| {
            ApiError::bad_parameter("x", format!("{word:?}; expected step, time or relative"))
        })?,
    };
    let bound = |name: &str, open: f64| {
        let Some(text) = params.get(name) else { return Ok(open) };
        if axis == Axis::Time {
            let at_ms = parse_time(text).map_err(|reason| ApiError::bad_parameter(name, reason))?;
            return Ok(at_ms as f64 / 1_000.0);
        }
        text.parse::<f64>().map_err(|_| ApiError::bad_parameter(name, format!("{text:?} is no number")))
    };
    let points = match params.get("points") {
        None => POINTS,
        Some(text) => text.parse().ok().filter(|points| (10..=10_000).contains(points)).ok_or_else(|| {
            ApiError::bad_parameter("points", format!("{text:?}; expected a number from 10 to 10000"))
        })?,
    };
    Ok(Wanted { axis, range: (bound("from", f64::NEG_INFINITY)?, bound("to", f64::INFINITY)?), points })
}

/// The metrics asked for by name.
fn named(params: &Params) -> Result<Vec<String>, ApiError> {
    let keys: Vec<String> = params.all("metric").filter(|key| !key.is_empty()).map(str::to_owned).collect();
    if keys.len() > MOST_METRICS {
        let message = format!("at most {MOST_METRICS} metrics are told at once");
        return Err(ApiError::bad_parameter("metric", message));
    }
    Ok(keys)
}

async fn line(
    app: &Arc<App>,
    run: &TrainingRun,
    key: &str,
    wanted: &Wanted,
    points: usize,
) -> Result<Value, ApiError> {
    let read = app.training.history(&run.id, key).await?;
    let line = history::line(read, run, wanted.axis, wanted.range, points);
    let x = line.points.iter().map(|point| wanted.axis.of(point, run));
    Ok(json!({
        "runId": run.id,
        "runName": run.name,
        "metric": key,
        "total": line.total,
        "decimated": line.points.len() < line.total,
        "x": x.collect::<Vec<_>>(),
        "steps": line.points.iter().map(|point| point.step).collect::<Vec<_>>(),
        "times": line.points.iter().map(|point| point.at_ms as f64 / 1_000.0).collect::<Vec<_>>(),
        "values": answers::numbers(line.points.iter().map(|point| point.value)),
    }))
}

pub(crate) async fn of_run(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    params: Params,
) -> Result<Response, ApiError> {
    let wanted = wanted(&params)?;
    let mut keys = named(&params)?;
    let (run, details, _) = app.training.run(&id).await?;
    if keys.is_empty() {
        keys = details.metrics.keys().take(MOST_METRICS).cloned().collect();
    }
    let points = wanted.points.min(MOST_POINTS / keys.len().max(1));
    let mut series = Vec::new();
    for key in &keys {
        series.push(line(&app, &run, key, &wanted, points).await?);
    }
    Ok(answer(&json!({"runId": run.id, "x": wanted.axis.as_str(), "series": series})))
}

pub(crate) async fn compare(State(app): State<Arc<App>>, params: Params) -> Result<Response, ApiError> {
    let wanted = wanted(&params)?;
    let keys = named(&params)?;
    let mut ids: Vec<&str> = Vec::new();
    for id in params.all("run").filter(|id| !id.is_empty()) {
        if !ids.contains(&id) {
            ids.push(id);
        }
        if ids.len() > MOST_RUNS {
            return Err(ApiError::bad_parameter("run", format!("at most {MOST_RUNS} runs are compared")));
        }
    }
    if ids.is_empty() {
        return Err(ApiError::bad_parameter("run", "names no run"));
    }
    let mut runs = Vec::new();
    for id in ids {
        runs.push(app.training.run(id).await?.0);
    }
    let told = tell(&app, runs).await?;
    let points = wanted.points.min(MOST_POINTS / (keys.len() * told.len()).max(1));
    let mut series = Vec::new();
    for key in &keys {
        for (run, details, _) in &told {
            if details.metrics.contains_key(key) {
                series.push(line(&app, run, key, &wanted, points).await?);
            }
        }
    }
    let details: Vec<&RunDetails> = told.iter().map(|(_, details, _)| details).collect();
    let shown = json!({
        "params": side_by_side(&details, |details| &details.params),
        "tags": side_by_side(&details, |details| &details.tags),
        "metrics": metrics(&details),
        "x": wanted.axis.as_str(),
        "series": series,
        "runs": told.iter().map(|(_, _, shown)| shown).collect::<Vec<_>>(),
    });
    Ok(answer(&shown))
}

type Words = std::collections::BTreeMap<String, String>;

/// What differs first, then by name.
fn side_by_side(runs: &[&RunDetails], of: fn(&RunDetails) -> &Words) -> Vec<Value> {
    let keys: BTreeSet<&String> = runs.iter().flat_map(|run| of(run).keys()).collect();
    let mut rows: Vec<(bool, Value)> = keys
        .into_iter()
        .map(|key| {
            let values: Vec<Option<&String>> = runs.iter().map(|run| of(run).get(key)).collect();
            let differs = values.windows(2).any(|pair| pair.first() != pair.last());
            (differs, json!({"key": key, "values": values, "differs": differs}))
        })
        .collect();
    rows.sort_by_key(|(differs, _)| !differs);
    rows.into_iter().map(|(_, row)| row).collect()
}

fn metrics(runs: &[&RunDetails]) -> Vec<Value> {
    let keys: BTreeSet<&String> = runs.iter().flat_map(|run| run.metrics.keys()).collect();
    let row = |key: &String| {
        let column = |of: fn(&TrainingMetric) -> Value| -> Vec<Value> {
            runs.iter().map(|run| run.metrics.get(key).map_or(Value::Null, of)).collect()
        };
        json!({
            "key": key,
            "last": column(|metric| answers::number(metric.value)),
            "min": column(|metric| metric.min.map_or(Value::Null, answers::number)),
            "max": column(|metric| metric.max.map_or(Value::Null, answers::number)),
            "step": column(|metric| metric.step.into()),
        })
    };
    keys.into_iter().map(row).collect()
}
