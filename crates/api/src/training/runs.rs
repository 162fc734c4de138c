//! `/api/v1/training/experiments` and `/api/v1/training/runs`.

use super::{answer, answers};
use crate::app::App;
use crate::error::ApiError;
use crate::params::Params;
use crate::time::rfc3339;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use watchfire_training::filter::{self, Attribute, Subject};
use watchfire_training::search::artifact_uri;
use watchfire_training::{Experiment, OrderKey, RunDetails, RunStatus, RunUpdate, Search, TrainingRun, View};

/// How many runs are shown where nobody says how many, and how many at most.
const SHOWN: usize = 50;
const MOST: usize = 1_000;
/// How many names of metrics and parameters a list tells.
const MOST_KEYS: usize = 200;

pub(crate) async fn experiments(State(app): State<Arc<App>>) -> Result<Response, ApiError> {
    let mut experiments = app.training.experiments().await?;
    experiments.retain(|experiment| !experiment.is_deleted);
    experiments.sort_by_key(|experiment| std::cmp::Reverse((experiment.updated_ms, experiment.id)));
    let runs = app.training.search(Search { limit: usize::MAX, ..Search::default() }).await?.runs;
    let shown = experiments.iter().map(|experiment| {
        let own = || runs.iter().filter(|run| run.experiment == experiment.id);
        json!({
            "id": experiment.id.to_string(),
            "name": experiment.name,
            "createdAt": rfc3339(experiment.created_ms),
            "updatedAt": rfc3339(experiment.updated_ms),
            "runs": own().count(),
            "running": own().filter(|run| run.status == RunStatus::Running).count(),
        })
    });
    Ok(answer(&json!({"experiments": shown.collect::<Vec<_>>()})))
}

pub(crate) async fn list(State(app): State<Arc<App>>, params: Params) -> Result<Response, ApiError> {
    let search = search(&app, &params).await?;
    let found = app.training.search(search).await?;
    let told = tell(&app, found.runs).await?;
    let keys = |of: fn(&RunDetails) -> Vec<&String>| -> Vec<String> {
        let keys: BTreeSet<&String> = told.iter().flat_map(|(_, details, _)| of(details)).collect();
        keys.into_iter().take(MOST_KEYS).cloned().collect()
    };
    let counts: Map<String, Value> = RunStatus::ALL
        .iter()
        .map(|status| {
            (status.as_str().to_owned(), found.by_status.get(status).copied().unwrap_or_default().into())
        })
        .collect();
    let metric_keys = keys(|details| details.metrics.keys().collect());
    let param_keys = keys(|details| details.params.keys().collect());
    let runs: Vec<Value> = told.into_iter().map(|(_, _, shown)| shown).collect();
    Ok(answer(&json!({
        "total": found.total,
        "counts": counts,
        "runs": runs,
        "metricKeys": metric_keys,
        "paramKeys": param_keys,
    })))
}

/// Runs with what is known and derived of them.
pub(super) async fn tell(
    app: &Arc<App>,
    runs: Vec<TrainingRun>,
) -> Result<Vec<(TrainingRun, RunDetails, Value)>, ApiError> {
    let found = app
        .training
        .read(move |reading| {
            let experiments: BTreeMap<i64, Experiment> =
                reading.experiments()?.into_iter().map(|experiment| (experiment.id, experiment)).collect();
            let mut with_details = Vec::with_capacity(runs.len());
            for run in runs {
                with_details.push((reading.training_details(&run.id)?, run));
            }
            Ok((experiments, with_details))
        })
        .await?;
    let (experiments, runs) = found;
    app.blocking(move |app| {
        let (rates, now_ms) = (app.training.rates(), app.clock.now_ms());
        let told = |(details, run): (RunDetails, TrainingRun)| {
            let progress = app.training.progress(&run, &details, &rates)?;
            let experiment = experiments.get(&run.experiment);
            let shown = answers::run(&run, &details, experiment, &progress, &rates, now_ms);
            Ok((run, details, shown))
        };
        runs.into_iter().map(told).collect()
    })
    .await
}

async fn search(app: &Arc<App>, params: &Params) -> Result<Search, ApiError> {
    let statuses = params.all("status").filter(|word| !word.is_empty()).map(|word| {
        RunStatus::parse(word).ok_or_else(|| {
            let expected = "expected running, scheduled, finished, failed or killed";
            ApiError::bad_parameter("status", format!("{word:?}; {expected}"))
        })
    });
    let statuses = statuses.collect::<Result<Vec<_>, _>>()?;
    let mut experiments = Vec::new();
    let wanted: Vec<&str> = params.all("experiment").filter(|word| !word.is_empty()).collect();
    if !wanted.is_empty() {
        let known = app.training.experiments().await?;
        for word in wanted {
            let found = known
                .iter()
                .find(|known| known.name == word)
                .or_else(|| known.iter().find(|known| known.id.to_string() == word));
            let found =
                found.ok_or_else(|| ApiError::not_found(format!("there is no experiment {word:?}")))?;
            experiments.push(found.id);
        }
    }
    let count = |name: &str, default: usize| {
        params.get(name).map_or(Ok(default), |text| {
            text.parse::<usize>().map_err(|_| {
                ApiError::bad_parameter(name, format!("{text:?}; expected a whole number, 0 or more"))
            })
        })
    };
    let limit = count("limit", SHOWN)?;
    if limit > MOST {
        return Err(ApiError::bad_parameter("limit", format!("at most {MOST} runs are given at once")));
    }
    let is_deleted = params.get("deleted").is_some_and(|word| word == "true" || word == "1");
    Ok(Search {
        experiments,
        view: if is_deleted { View::Deleted } else { View::Active },
        conditions: filter::parse(params.get("filter").unwrap_or_default())
            .map_err(|error| ApiError::bad_parameter("filter", error))?,
        statuses,
        text: params.get("q").unwrap_or_default().to_owned(),
        order: order(params.get("order").unwrap_or("start"))?,
        offset: count("offset", 0)?,
        limit,
    })
}

/// `start`, `-duration`, `metric:loss`; the newest first by default.
fn order(text: &str) -> Result<Vec<OrderKey>, ApiError> {
    let (word, is_descending) = text.strip_prefix('-').map_or((text, false), |word| (word, true));
    let subject = match word.split_once(':') {
        Some(("metric", key)) => Subject::Metric(key.to_owned()),
        Some(("param", key)) => Subject::Param(key.to_owned()),
        _ => match word {
            "start" => return Ok(start_order(is_descending)),
            "name" => Subject::Attribute(Attribute::RunName),
            "duration" => Subject::Attribute(Attribute::Duration),
            _ => {
                let expected = "expected start, name, duration, metric:NAME or param:NAME, with - before it for the other way";
                return Err(ApiError::bad_parameter("order", format!("{text:?}; {expected}")));
            }
        },
    };
    Ok(vec![OrderKey { subject, is_descending }])
}

fn start_order(is_reversed: bool) -> Vec<OrderKey> {
    let subject = Subject::Attribute(Attribute::StartTime);
    vec![OrderKey { subject, is_descending: !is_reversed }]
}

pub(crate) async fn one(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Response, ApiError> {
    shown(&app, &id).await
}

async fn shown(app: &Arc<App>, id: &str) -> Result<Response, ApiError> {
    let (run, details, experiment) = app.training.run(id).await?;
    let uri = artifact_uri(experiment.as_ref(), &run.id);
    let inputs: Vec<Value> = details.inputs.iter().map(answers::input).collect();
    let mut told = tell(app, vec![run]).await?;
    let Some((_, _, mut shown)) = told.pop() else { return Err(ApiError::not_found("the run is gone")) };
    if let Some(shown) = shown.as_object_mut() {
        shown.insert("inputs".to_owned(), inputs.into());
        shown.insert("artifactUri".to_owned(), uri.into());
    }
    Ok(answer(&shown))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Change {
    name: Option<String>,
    status: Option<String>,
    tags: BTreeMap<String, Option<String>>,
}

pub(crate) async fn change(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Response, ApiError> {
    let change: Change = serde_json::from_slice(&body)
        .map_err(|error| ApiError::bad_data(format!("the body is not as expected: {error}")))?;
    let status = change.status.map(|word| {
        RunStatus::parse(&word).ok_or_else(|| ApiError::bad_data(format!("status: {word:?} is none")))
    });
    let update = RunUpdate {
        name: change.name,
        status: status.transpose()?,
        tags: change.tags.into_iter().collect(),
        ..RunUpdate::default()
    };
    let run = app.training.update_run(id, update).await?;
    shown(&app, &run.id).await
}

pub(crate) async fn delete(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    app.training.delete_run(id, true).await?;
    Ok(answer(&Value::Null))
}

pub(crate) async fn restore(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let run = app.training.delete_run(id, false).await?;
    shown(&app, &run.id).await
}
