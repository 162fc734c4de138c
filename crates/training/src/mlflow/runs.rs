//! Runs.

use super::experiments::view;
use super::json::{Fields, experiment_id, invalid, number};
use super::status_word;
use crate::filter;
use crate::runs::{Changes, NewRun, RunUpdate};
use crate::search::{OrderKey, Search, artifact_uri};
use crate::{Experiment, RunDetails, RunStatus, Runs, TrainingError, TrainingRun};
use serde_json::{Value, json};
use std::sync::Arc;

/// The tag that holds a run's name.
const NAME_TAG: &str = "mlflow.runName";
/// A run's machine stands in one of these.
const HOST_TAGS: &[&str] = &["host", "hostname", "mlflow.host"];

fn tag<'a>(tags: &'a [(String, String)], wanted: &str) -> Option<&'a str> {
    tags.iter().find(|(key, _)| key == wanted).map(|(_, value)| value.as_str())
}

pub(super) async fn create(
    runs: &Arc<Runs>,
    fields: &Fields,
    host: Option<&str>,
) -> Result<Value, TrainingError> {
    let mut tags = fields.pairs("tags")?;
    let name = fields.text("run_name")?.or_else(|| tag(&tags, NAME_TAG).map(str::to_owned));
    let told = HOST_TAGS.iter().find_map(|key| tag(&tags, key));
    let experiment = fields.text("experiment_id")?.map_or(Ok(0), |text| experiment_id(&text))?;
    let own = |key: &str| tag(&tags, key).map(str::to_owned);
    let new = NewRun {
        // Not of MLflow: who brings an id may send this twice and has one run.
        id: fields.text("run_id")?,
        experiment,
        name: name.unwrap_or_default(),
        user: fields.text("user_id")?.or_else(|| own("mlflow.user")).unwrap_or_default(),
        source: own("mlflow.source.name").unwrap_or_default(),
        host: told.or(host).unwrap_or_default().to_owned(),
        reporter: if tag(&tags, "watchfire.helper").is_some() { "watchfire" } else { "mlflow" },
        started_ms: fields.integer("start_time")?,
        tags: std::mem::take(&mut tags),
    };
    let run = runs.add_run(new).await?;
    if tag_missing(runs, &run).await? {
        let tags = vec![(NAME_TAG.to_owned(), run.name.clone())];
        runs.log(&run.id, Changes { tags, ..Changes::default() }).await?;
    }
    told_run(runs, &run.id).await
}

async fn tag_missing(runs: &Arc<Runs>, run: &TrainingRun) -> Result<bool, TrainingError> {
    let id = run.id.clone();
    Ok(runs.read(move |reading| reading.training_tag(&id, NAME_TAG)).await?.is_none())
}

async fn told_run(runs: &Arc<Runs>, id: &str) -> Result<Value, TrainingError> {
    let (run, details, experiment) = runs.run(id).await?;
    Ok(json!({"run": shown(&run, &details, experiment.as_ref())}))
}

pub(super) async fn get(runs: &Arc<Runs>, fields: &Fields) -> Result<Value, TrainingError> {
    told_run(runs, &fields.run_id()?).await
}

pub(super) async fn update(runs: &Arc<Runs>, fields: &Fields) -> Result<Value, TrainingError> {
    let status = match fields.text("status")? {
        None => None,
        Some(text) => Some(status(&text)?),
    };
    let name = fields.text("run_name")?;
    let tags = name.iter().map(|name| (NAME_TAG.to_owned(), Some(name.clone()))).collect();
    let update = RunUpdate { name, status, ended_ms: fields.integer("end_time")?, tags };
    let run = runs.update_run(fields.run_id()?, update).await?;
    let (_, _, experiment) = runs.run(&run.id).await?;
    Ok(json!({"run_info": info(&run, experiment.as_ref())}))
}

/// A status by its word or its number.
fn status(text: &str) -> Result<RunStatus, TrainingError> {
    let number =
        text.parse::<usize>().ok().and_then(|number| RunStatus::ALL.get(number.wrapping_sub(1)).copied());
    number.or_else(|| RunStatus::parse(text)).ok_or_else(|| {
        invalid(format!("{text:?} is no status; expected RUNNING, SCHEDULED, FINISHED, FAILED or KILLED"))
    })
}

pub(super) async fn delete(
    runs: &Arc<Runs>,
    fields: &Fields,
    is_deleted: bool,
) -> Result<Value, TrainingError> {
    runs.delete_run(fields.run_id()?, is_deleted).await?;
    Ok(json!({}))
}

pub(super) async fn set_tag(runs: &Arc<Runs>, fields: &Fields) -> Result<Value, TrainingError> {
    let (id, key, value) = (fields.run_id()?, fields.needed("key")?, fields.value_text("value")?);
    let name = (key == NAME_TAG && !value.is_empty()).then(|| value.clone());
    runs.update_run(id, RunUpdate { name, tags: vec![(key, Some(value))], ..RunUpdate::default() }).await?;
    Ok(json!({}))
}

pub(super) async fn delete_tag(runs: &Arc<Runs>, fields: &Fields) -> Result<Value, TrainingError> {
    let (id, key) = (fields.run_id()?, fields.needed("key")?);
    if runs.delete_tag(id.clone(), key.clone()).await? {
        return Ok(json!({}));
    }
    Err(TrainingError::NotFound(format!("the run {id} has no tag {key:?}")))
}

pub(super) async fn search(runs: &Arc<Runs>, fields: &Fields) -> Result<Value, TrainingError> {
    let (limit, offset) = fields.page(1_000, 50_000)?;
    let experiments = fields
        .texts("experiment_ids")?
        .iter()
        .map(|text| experiment_id(text))
        .collect::<Result<Vec<_>, _>>()?;
    if experiments.is_empty() {
        return Ok(json!({"runs": []}));
    }
    let order = fields.texts("order_by")?.into_iter().map(|text| {
        let (subject, is_descending) = filter::parse_order(&text)?;
        Ok(OrderKey { subject, is_descending })
    });
    let search = Search {
        experiments,
        view: view(fields.text("run_view_type")?.as_deref())?,
        conditions: filter::parse(&fields.value_text("filter")?)?,
        order: order.collect::<Result<_, TrainingError>>()?,
        offset,
        limit,
        ..Search::default()
    };
    let found = runs.search(search).await?;
    let ids: Vec<TrainingRun> = found.runs;
    let shown = runs
        .read(move |reading| {
            let told = |run: TrainingRun| {
                let experiment = reading.experiment(run.experiment)?;
                let details = reading.training_details(&run.id)?;
                Ok(shown(&run, &details, experiment.as_ref()))
            };
            ids.into_iter().map(told).collect::<Result<Vec<_>, _>>()
        })
        .await?;
    let mut answer = json!({"runs": shown});
    if offset + limit < found.total
        && let Some(answer) = answer.as_object_mut()
    {
        answer.insert("next_page_token".to_owned(), (offset + limit).to_string().into());
    }
    Ok(answer)
}

/// No files are kept here, so none are there.
pub(super) async fn artifacts(runs: &Arc<Runs>, fields: &Fields) -> Result<Value, TrainingError> {
    let (run, _, experiment) = runs.run(&fields.run_id()?).await?;
    Ok(json!({"root_uri": artifact_uri(experiment.as_ref(), &run.id), "files": []}))
}

fn info(run: &TrainingRun, experiment: Option<&Experiment>) -> Value {
    let mut info = json!({
        "run_id": run.id,
        "run_uuid": run.id,
        "run_name": run.name,
        "experiment_id": run.experiment.to_string(),
        "user_id": run.user,
        "status": status_word(run.status),
        "start_time": run.started_ms,
        "artifact_uri": artifact_uri(experiment, &run.id),
        "lifecycle_stage": if run.deleted_ms.is_some() { "deleted" } else { "active" },
    });
    if let (Some(ended_ms), Some(info)) = (run.ended_ms, info.as_object_mut()) {
        info.insert("end_time".to_owned(), ended_ms.into());
    }
    info
}

fn shown(run: &TrainingRun, details: &RunDetails, experiment: Option<&Experiment>) -> Value {
    let metrics = details.metrics.values().map(|metric| {
        json!({"key": metric.key, "value": number(metric.value), "timestamp": metric.at_ms, "step": metric.step})
    });
    let pair = |(key, value): (&String, &String)| json!({"key": key, "value": value});
    let inputs = details.inputs.iter().map(|input| {
        let content: Value = serde_json::from_str(&input.content).unwrap_or_default();
        let mut data_set = content.get("dataset").cloned().unwrap_or_else(|| json!({}));
        if let Some(data_set) = data_set.as_object_mut() {
            data_set.insert("name".to_owned(), input.name.as_str().into());
            data_set.insert("digest".to_owned(), input.digest.as_str().into());
        }
        json!({"tags": content.get("tags").cloned().unwrap_or_else(|| json!([])), "dataset": data_set})
    });
    json!({
        "info": info(run, experiment),
        "data": {
            "metrics": metrics.collect::<Vec<_>>(),
            "params": details.params.iter().map(pair).collect::<Vec<_>>(),
            "tags": details.tags.iter().map(pair).collect::<Vec<_>>(),
        },
        "inputs": {"dataset_inputs": inputs.collect::<Vec<_>>()},
    })
}
