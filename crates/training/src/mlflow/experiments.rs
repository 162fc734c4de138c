//! Experiments.

use super::json::{Fields, invalid};
use crate::filter::{self, Attribute, Subject, Value as Operand};
use crate::search::View;
use crate::{Experiment, Runs, TrainingError};
use serde_json::{Value, json};
use std::sync::Arc;

pub(super) async fn create(runs: &Arc<Runs>, fields: &Fields) -> Result<Value, TrainingError> {
    let (name, artifacts) = (fields.needed("name")?, fields.value_text("artifact_location")?);
    let id = runs.add_experiment(name, artifacts, fields.pairs("tags")?).await?;
    Ok(json!({"experiment_id": id.to_string()}))
}

pub(super) async fn get(runs: &Arc<Runs>, fields: &Fields) -> Result<Value, TrainingError> {
    let id = fields.experiment_id()?;
    let found = runs.read(move |reading| reading.experiment(id)).await?;
    let found = found.ok_or_else(|| missing(&id.to_string()))?;
    Ok(json!({"experiment": shown(&found)}))
}

pub(super) async fn get_by_name(runs: &Arc<Runs>, fields: &Fields) -> Result<Value, TrainingError> {
    let name = fields.needed("experiment_name")?;
    let wanted = name.clone();
    let found = runs.read(move |reading| reading.experiment_named(&wanted)).await?;
    Ok(json!({"experiment": shown(&found.ok_or_else(|| missing(&name))?)}))
}

pub(super) async fn search(runs: &Arc<Runs>, fields: &Fields) -> Result<Value, TrainingError> {
    let (limit, offset) = fields.page(1_000, 50_000)?;
    let view = view(fields.text("view_type")?.or(fields.text("run_view_type")?).as_deref())?;
    let conditions = filter::parse(&fields.value_text("filter")?)?;
    for condition in &conditions {
        if !is_known(&condition.subject) {
            return Err(invalid("experiments are filtered by name and tags only".to_owned()));
        }
    }
    let mut found = runs.experiments().await?;
    found.retain(|experiment| {
        view.shows(experiment.is_deleted)
            && conditions.iter().all(|condition| {
                let value = match &condition.subject {
                    Subject::Tag(key) => experiment.tags.get(key).map(|tag| Operand::Text(tag)),
                    _ => Some(Operand::Text(&experiment.name)),
                };
                condition.test.holds(value)
            })
    });
    for text in fields.texts("order_by")?.iter().rev() {
        let (by_name, is_descending) = experiment_order(text)?;
        found.sort_by(|one, other| {
            let order = if by_name {
                one.name.cmp(&other.name)
            } else {
                (one.updated_ms, one.id).cmp(&(other.updated_ms, other.id))
            };
            if is_descending { order.reverse() } else { order }
        });
    }
    let total = found.len();
    let page: Vec<Value> = found.iter().skip(offset).take(limit).map(shown).collect();
    let mut answer = json!({"experiments": page});
    if offset + limit < total
        && let Some(answer) = answer.as_object_mut()
    {
        answer.insert("next_page_token".to_owned(), (offset + limit).to_string().into());
    }
    Ok(answer)
}

const fn is_known(subject: &Subject) -> bool {
    matches!(subject, Subject::Tag(_) | Subject::Attribute(Attribute::RunName))
}

/// `name` or a time, and which way round.
fn experiment_order(text: &str) -> Result<(bool, bool), TrainingError> {
    let mut words = text.split_ascii_whitespace();
    let (field, direction) = (words.next().unwrap_or_default(), words.next().unwrap_or("asc"));
    let by_name = match field.trim_start_matches("attributes.") {
        "name" => true,
        "creation_time" | "last_update_time" | "experiment_id" => false,
        _ => return Err(invalid(format!("experiments cannot be ordered by {text:?}"))),
    };
    Ok((by_name, direction.eq_ignore_ascii_case("desc")))
}

pub(super) async fn update(runs: &Arc<Runs>, fields: &Fields) -> Result<Value, TrainingError> {
    let (id, name) = (fields.experiment_id()?, fields.needed("new_name")?);
    runs.change_experiment(id, move |experiment| {
        if name.chars().count() > crate::MAX_NAME || name.chars().any(char::is_control) {
            return Err(invalid("the name is too long or holds a control character".to_owned()));
        }
        experiment.name = name;
        Ok(())
    })
    .await?;
    Ok(json!({}))
}

pub(super) async fn delete(
    runs: &Arc<Runs>,
    fields: &Fields,
    is_deleted: bool,
) -> Result<Value, TrainingError> {
    let id = fields.experiment_id()?;
    runs.change_experiment(id, move |experiment| {
        experiment.is_deleted = is_deleted;
        Ok(())
    })
    .await?;
    Ok(json!({}))
}

pub(super) async fn set_tag(runs: &Arc<Runs>, fields: &Fields) -> Result<Value, TrainingError> {
    let (id, key, value) = (fields.experiment_id()?, fields.needed("key")?, fields.value_text("value")?);
    runs.change_experiment(id, move |experiment| {
        if key.chars().count() > crate::MAX_KEY || value.chars().count() > crate::MAX_TAG {
            return Err(invalid(format!(
                "the tag {:?} is too long",
                key.chars().take(50).collect::<String>()
            )));
        }
        experiment.tags.insert(key, value);
        if experiment.tags.len() > 1_000 {
            return Err(invalid("an experiment has at most 1000 tags".to_owned()));
        }
        Ok(())
    })
    .await?;
    Ok(json!({}))
}

pub(super) async fn delete_tag(runs: &Arc<Runs>, fields: &Fields) -> Result<Value, TrainingError> {
    let (id, key) = (fields.experiment_id()?, fields.needed("key")?);
    runs.write(move |writing, _| Ok(Ok(writing.delete_experiment_tag(id, &key)?))).await?;
    Ok(json!({}))
}

/// MLflow's three views, by name or number.
pub(super) fn view(text: Option<&str>) -> Result<View, TrainingError> {
    match text {
        None | Some("ACTIVE_ONLY" | "1") => Ok(View::Active),
        Some("DELETED_ONLY" | "2") => Ok(View::Deleted),
        Some("ALL" | "3") => Ok(View::All),
        Some(other) => {
            Err(invalid(format!("{other:?} is no view; expected ACTIVE_ONLY, DELETED_ONLY or ALL")))
        }
    }
}

fn missing(name: &str) -> TrainingError {
    TrainingError::NotFound(format!("Could not find experiment with ID or name {name}"))
}

fn shown(experiment: &Experiment) -> Value {
    let artifacts = match experiment.artifacts.as_str() {
        "" => format!("mlartifacts/{}", experiment.id),
        given => given.to_owned(),
    };
    let tags: Vec<Value> =
        experiment.tags.iter().map(|(key, value)| json!({"key": key, "value": value})).collect();
    json!({
        "experiment_id": experiment.id.to_string(),
        "name": experiment.name,
        "artifact_location": artifacts,
        "lifecycle_stage": if experiment.is_deleted { "deleted" } else { "active" },
        "last_update_time": experiment.updated_ms,
        "creation_time": experiment.created_ms,
        "tags": tags,
    })
}
