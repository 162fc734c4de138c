//! Metrics, parameters and data sets of runs.

use super::json::{Fields, invalid, number};
use crate::points::Point;
use crate::runs::Changes;
use crate::{HistoryPoint, Runs, TrainingError, TrainingInput};
use serde_json::{Value, json};
use std::sync::Arc;

/// A request has at most so many metrics, parameters and tags together, as in MLflow.
const MAX_BATCH: usize = 1_000;
/// And so many values of a history.
const MAX_HISTORY: usize = 25_000;
/// The tag under which MLflow's clients keep which models a run logged.
const MODELS_TAG: &str = "mlflow.log-model.history";

fn point(fields: &Fields, now_ms: i64) -> Result<Point, TrainingError> {
    Ok(Point {
        key: fields.needed("key")?,
        value: fields.number("value")?,
        at_ms: fields.integer("timestamp")?.unwrap_or(now_ms),
        step: fields.integer("step")?.unwrap_or(0),
    })
}

pub(super) async fn log_metric(runs: &Arc<Runs>, fields: &Fields) -> Result<Value, TrainingError> {
    let points = vec![point(fields, runs.now_ms())?];
    runs.log(&fields.run_id()?, Changes { points, ..Changes::default() }).await?;
    Ok(json!({}))
}

pub(super) async fn log_batch(runs: &Arc<Runs>, fields: &Fields) -> Result<Value, TrainingError> {
    let now_ms = runs.now_ms();
    let points = fields.list("metrics")?;
    let points = points.iter().map(|value| point(&Fields::of(value)?, now_ms));
    let changes = Changes {
        points: points.collect::<Result<_, _>>()?,
        params: fields.pairs("params")?,
        tags: fields.pairs("tags")?,
        ..Changes::default()
    };
    let entries = changes.points.len() + changes.params.len() + changes.tags.len();
    if entries > MAX_BATCH {
        return Err(invalid(format!("A batch logging request has {entries} entries; {MAX_BATCH} at most")));
    }
    runs.log(&fields.run_id()?, changes).await?;
    Ok(json!({}))
}

pub(super) async fn log_parameter(runs: &Arc<Runs>, fields: &Fields) -> Result<Value, TrainingError> {
    let params = vec![(fields.needed("key")?, fields.value_text("value")?)];
    runs.log(&fields.run_id()?, Changes { params, ..Changes::default() }).await?;
    Ok(json!({}))
}

pub(super) async fn log_inputs(runs: &Arc<Runs>, fields: &Fields) -> Result<Value, TrainingError> {
    let mut inputs = Vec::new();
    for value in fields.list("datasets")? {
        let given = Fields::of(&value)?;
        let data_set = given.object("dataset")?;
        let (name, digest) = (data_set.needed("name")?, data_set.value_text("digest")?);
        // The schema and profile of a data set may be long; only what identifies it is wanted.
        let data_set = data_set.without(&["schema", "profile", "name", "digest"]);
        let content = json!({"dataset": data_set, "tags": given.list("tags")?}).to_string();
        inputs.push(TrainingInput { name, digest, content });
    }
    runs.log(&fields.run_id()?, Changes { inputs, ..Changes::default() }).await?;
    Ok(json!({}))
}

pub(super) async fn log_model(runs: &Arc<Runs>, fields: &Fields) -> Result<Value, TrainingError> {
    let id = fields.run_id()?;
    let model: Value = serde_json::from_str(&fields.needed("model_json")?)
        .map_err(|error| invalid(format!("model_json is no JSON: {error}")))?;
    let wanted = id.clone();
    let known = runs.read(move |reading| reading.training_tag(&wanted, MODELS_TAG)).await?;
    let mut models: Vec<Value> =
        known.and_then(|known| serde_json::from_str(&known).ok()).unwrap_or_default();
    models.push(model);
    let tags = vec![(MODELS_TAG.to_owned(), Value::from(models).to_string())];
    runs.log(&id, Changes { tags, ..Changes::default() }).await?;
    Ok(json!({}))
}

fn told(key: &str, point: &HistoryPoint) -> Value {
    json!({"key": key, "value": number(point.value), "timestamp": point.at_ms, "step": point.step})
}

pub(super) async fn get_history(runs: &Arc<Runs>, fields: &Fields) -> Result<Value, TrainingError> {
    let (id, key) = (fields.run_id()?, fields.needed("metric_key")?);
    // Without a number all of it is wanted, as older clients do.
    let (limit, offset) = fields.page(usize::MAX, MAX_HISTORY)?;
    runs.run(&id).await?;
    let history = runs.history(&id, &key).await?;
    let metrics: Vec<Value> =
        history.iter().skip(offset).take(limit).map(|point| told(&key, point)).collect();
    let mut answer = json!({"metrics": metrics});
    if offset.saturating_add(limit) < history.len()
        && let Some(answer) = answer.as_object_mut()
    {
        answer.insert("next_page_token".to_owned(), (offset + limit).to_string().into());
    }
    Ok(answer)
}

pub(super) async fn get_history_bulk(runs: &Arc<Runs>, fields: &Fields) -> Result<Value, TrainingError> {
    let ids = match fields.texts("run_ids")? {
        ids if ids.is_empty() => fields.texts("run_id")?,
        ids => ids,
    };
    let key = fields.needed("metric_key")?;
    let (mut limit, _) = fields.page(MAX_HISTORY, MAX_HISTORY)?;
    if ids.is_empty() || ids.len() > 100 {
        return Err(invalid("run_id names between 1 and 100 runs".to_owned()));
    }
    let mut metrics = Vec::new();
    for id in ids {
        let history = runs.history(&id, &key).await?;
        for point in history.iter().take(limit) {
            let mut told = told(&key, point);
            if let Some(told) = told.as_object_mut() {
                told.insert("run_id".to_owned(), id.as_str().into());
            }
            metrics.push(told);
        }
        limit = limit.saturating_sub(history.len());
    }
    Ok(json!({"metrics": metrics}))
}
