//! The models that runs make: what is said of them is kept, their files stay with whoever made them.
//!
//! Clients since MLflow 3 tell of a model before they tell of the metrics that were measured on it, and give up on both
//! where nobody listens.

use super::json::{Fields, experiment_id, invalid};
use crate::runs::checks::{check_length, check_text};
use crate::search::files_uri;
use crate::{MAX_KEY, MAX_NAME, MAX_OF_RUN, MAX_PARAM, MAX_TAG, Runs, TrainingError};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use watchfire_ledger::{Experiment, TrainingModel};

/// What a model may be.
const STATUSES: [&str; 4] = [
    "LOGGED_MODEL_PENDING",
    "LOGGED_MODEL_READY",
    "LOGGED_MODEL_UPLOAD_FAILED",
    "LOGGED_MODEL_STATUS_UNSPECIFIED",
];
/// A model has at most so many parameters, and so many tags.
const MAX_PAIRS: usize = 1_000;
/// What may be compared in a search, and where it stands.
const COMPARED: [(&str, &str); 5] = [
    ("name", "name"),
    ("model_id", "model_id"),
    ("source_run_id", "source_run_id"),
    ("model_type", "model_type"),
    ("status", "status"),
];

fn no_model(id: &str) -> TrainingError {
    TrainingError::NotFound(format!("there is no model {id:?}"))
}

fn content(model: &TrainingModel) -> Map<String, Value> {
    serde_json::from_str(&model.content).unwrap_or_default()
}

fn listed(pairs: Option<&Value>) -> Vec<Value> {
    let pairs: BTreeMap<&String, &Value> = pairs.and_then(Value::as_object).into_iter().flatten().collect();
    pairs.into_iter().map(|(key, value)| json!({"key": key, "value": value})).collect()
}

fn shown(model: &TrainingModel, experiment: Option<&Experiment>) -> Value {
    let content = content(model);
    let text = |name: &str| content.get(name).and_then(Value::as_str).unwrap_or_default();
    json!({"info": {
        "model_id": model.id,
        "experiment_id": model.experiment.to_string(),
        "name": text("name"),
        "model_type": text("model_type"),
        "source_run_id": model.run,
        "status": text("status"),
        "creation_timestamp_ms": model.created_ms,
        "last_updated_timestamp_ms": model.updated_ms,
        "artifact_uri": files_uri(experiment, &format!("models/{}", model.id)),
        "tags": listed(content.get("tags")),
    }, "data": {"params": listed(content.get("params")), "metrics": []}})
}

fn add(
    content: &mut Map<String, Value>,
    list: &'static str,
    pairs: &[(String, String)],
    longest: usize,
) -> Result<(), TrainingError> {
    let entry = content.entry(list).or_insert_with(|| json!({}));
    for (key, value) in pairs {
        check_text(list, key, MAX_KEY)?;
        check_length(&format!("value of {key:?} in {list}"), value, longest)?;
        if let Some(known) = entry.as_object_mut() {
            known.insert(key.clone(), value.as_str().into());
        }
    }
    match entry.as_object() {
        Some(known) if known.len() > MAX_PAIRS => {
            Err(invalid(format!("a model has at most {MAX_PAIRS} {list}")))
        }
        _ => Ok(()),
    }
}

pub(super) async fn create(runs: &Arc<Runs>, fields: &Fields) -> Result<Value, TrainingError> {
    let experiment = fields.text("experiment_id")?.map_or(Ok(0), |text| experiment_id(&text))?;
    let id = format!("m-{:032x}", fastrand::u128(..));
    let (name, kind) = (fields.value_text("name")?, fields.value_text("model_type")?);
    let run = fields.value_text("source_run_id")?;
    for (what, text) in [("model name", &name), ("model_type", &kind), ("source_run_id", &run)] {
        check_length(what, text, MAX_NAME)?;
    }
    let name = if name.is_empty() { id.clone() } else { name };
    let mut kept = Map::new();
    kept.insert("name".to_owned(), name.into());
    kept.insert("model_type".to_owned(), kind.into());
    kept.insert("status".to_owned(), STATUSES[0].into());
    add(&mut kept, "params", &fields.pairs("params")?, MAX_PARAM)?;
    add(&mut kept, "tags", &fields.pairs("tags")?, MAX_TAG)?;
    let content = Value::Object(kept).to_string();
    let (model, experiment) = runs
        .write(move |writing, now_ms| {
            let known = match writing.reading().experiment(experiment)? {
                Some(known) if !known.is_deleted => known,
                _ => {
                    let message = format!("there is no experiment {experiment}");
                    return Ok(Err(TrainingError::NotFound(message)));
                }
            };
            if writing.reading().training_model_count(experiment)? >= MAX_OF_RUN {
                return Ok(Err(invalid(format!("an experiment has at most {MAX_OF_RUN} models"))));
            }
            let model =
                TrainingModel { id, experiment, run, created_ms: now_ms, updated_ms: now_ms, content };
            writing.put_training_model(&model)?;
            Ok(Ok((model, known)))
        })
        .await?;
    Ok(json!({"model": shown(&model, Some(&experiment))}))
}

async fn changed(
    runs: &Arc<Runs>,
    id: String,
    change: impl FnOnce(&mut Map<String, Value>) -> Result<(), TrainingError> + Send + 'static,
) -> Result<Value, TrainingError> {
    let (model, experiment) = runs
        .write(move |writing, now_ms| {
            let Some(mut model) = writing.reading().training_model(&id)? else {
                return Ok(Err(no_model(&id)));
            };
            let mut kept = content(&model);
            if let Err(error) = change(&mut kept) {
                return Ok(Err(error));
            }
            (model.content, model.updated_ms) = (Value::Object(kept).to_string(), now_ms);
            writing.put_training_model(&model)?;
            let experiment = writing.reading().experiment(model.experiment)?;
            Ok(Ok((model, experiment)))
        })
        .await?;
    Ok(json!({"model": shown(&model, experiment.as_ref())}))
}

pub(super) async fn get(runs: &Arc<Runs>, fields: &Fields) -> Result<Value, TrainingError> {
    let id = fields.needed("model_id")?;
    let missing = no_model(&id);
    let found = runs
        .read(move |reading| {
            let Some(model) = reading.training_model(&id)? else { return Ok(None) };
            let experiment = reading.experiment(model.experiment)?;
            Ok(Some(shown(&model, experiment.as_ref())))
        })
        .await?;
    Ok(json!({"model": found.ok_or(missing)?}))
}

pub(super) async fn finalize(runs: &Arc<Runs>, fields: &Fields) -> Result<Value, TrainingError> {
    let status = fields.needed("status")?;
    if !STATUSES.contains(&status.as_str()) {
        return Err(invalid(format!(
            "{status:?} is no status of a model; expected one of {}",
            STATUSES.join(", ")
        )));
    }
    changed(runs, fields.needed("model_id")?, move |kept| {
        kept.insert("status".to_owned(), status.into());
        Ok(())
    })
    .await
}

pub(super) async fn log_params(runs: &Arc<Runs>, fields: &Fields) -> Result<Value, TrainingError> {
    let params = fields.pairs("params")?;
    changed(runs, fields.needed("model_id")?, move |kept| add(kept, "params", &params, MAX_PARAM)).await?;
    Ok(json!({}))
}

pub(super) async fn set_tags(runs: &Arc<Runs>, fields: &Fields) -> Result<Value, TrainingError> {
    let tags = fields.pairs("tags")?;
    changed(runs, fields.needed("model_id")?, move |kept| add(kept, "tags", &tags, MAX_TAG)).await
}

pub(super) async fn delete_tag(runs: &Arc<Runs>, fields: &Fields) -> Result<Value, TrainingError> {
    let key = fields.needed("tag_key")?;
    changed(runs, fields.needed("model_id")?, move |kept| {
        if let Some(tags) = kept.get_mut("tags").and_then(Value::as_object_mut) {
            tags.remove(&key);
        }
        Ok(())
    })
    .await?;
    Ok(json!({}))
}

pub(super) async fn delete(runs: &Arc<Runs>, fields: &Fields) -> Result<Value, TrainingError> {
    let id = fields.needed("model_id")?;
    runs.write(move |writing, _| {
        Ok(if writing.delete_training_model(&id)? { Ok(json!({})) } else { Err(no_model(&id)) })
    })
    .await
}

/// `name = 'a' AND source_run_id = 'b'`: all that is compared here is equality.
fn conditions(filter: &str) -> Result<Vec<(&'static str, String)>, TrainingError> {
    let wrong = |part: &str| {
        let known: Vec<&str> = COMPARED.iter().map(|(name, _)| *name).collect();
        invalid(format!(
            "{part:?} in the filter of models is not understood; expected NAME = 'TEXT', joined by AND, NAME one of {}",
            known.join(", ")
        ))
    };
    let mut found = Vec::new();
    let normal = filter.replace(" AND ", " and ");
    for part in normal.split(" and ").map(str::trim).filter(|part| !part.is_empty()) {
        let (name, text) = part.split_once('=').ok_or_else(|| wrong(part))?;
        let name = name.trim().trim_start_matches("attributes.");
        let (_, field) = COMPARED.iter().find(|(known, _)| *known == name).ok_or_else(|| wrong(part))?;
        let text = text.trim();
        let quoted = ['\'', '"'].iter().find_map(|quote| text.strip_prefix(*quote)?.strip_suffix(*quote));
        found.push((*field, quoted.ok_or_else(|| wrong(part))?.to_owned()));
    }
    Ok(found)
}

pub(super) async fn search(runs: &Arc<Runs>, fields: &Fields) -> Result<Value, TrainingError> {
    let wanted = conditions(&fields.value_text("filter")?)?;
    let (limit, offset) = fields.page(100, 1_000)?;
    let experiments = fields
        .texts("experiment_ids")?
        .iter()
        .map(|text| experiment_id(text))
        .collect::<Result<Vec<_>, _>>()?;
    let mut models = runs
        .read(move |reading| {
            let mut models = Vec::new();
            for id in experiments {
                let experiment = reading.experiment(id)?;
                models.extend(
                    reading.training_models(id)?.iter().map(|model| shown(model, experiment.as_ref())),
                );
            }
            Ok(models)
        })
        .await?;
    models.retain(|model| wanted.iter().all(|(field, text)| model["info"][*field] == **text));
    let rest = models.len() > offset.saturating_add(limit);
    let page: Vec<Value> = models.into_iter().skip(offset).take(limit).collect();
    let mut answer = json!({"models": page});
    if let (true, Some(answer)) = (rest, answer.as_object_mut()) {
        answer.insert("next_page_token".to_owned(), (offset + limit).to_string().into());
    }
    Ok(answer)
}

/// Which models a run made is known since they were made; that they are there is all that is asked.
pub(super) async fn log_outputs(runs: &Arc<Runs>, fields: &Fields) -> Result<Value, TrainingError> {
    runs.run(&fields.run_id()?).await?;
    for output in fields.list("models")? {
        let id = Fields::of(&output)?.needed("model_id")?;
        let missing = no_model(&id);
        runs.read(move |reading| reading.training_model(&id)).await?.ok_or(missing)?;
    }
    Ok(json!({}))
}
