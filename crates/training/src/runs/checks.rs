//! What is refused, and in which words.

use super::Changes;
use crate::{MAX_KEY, MAX_NAME, MAX_OF_RUN, MAX_PARAM, MAX_TAG, TrainingError};
use watchfire_ledger::{Experiment, LedgerError, Reading, TrainingRun};

pub(crate) fn open_run(
    reading: &Reading<'_>,
    id: &str,
) -> Result<Result<TrainingRun, TrainingError>, LedgerError> {
    Ok(match reading.training_run(id)? {
        Some(run) if run.deleted_ms.is_none() => Ok(run),
        Some(_) => Err(TrainingError::Invalid(format!("the run {id} is deleted; restore it first"))),
        None => Err(no_run(id)),
    })
}

pub(crate) fn no_run(id: &str) -> TrainingError {
    TrainingError::NotFound(format!("there is no run {id:?}"))
}

pub(crate) fn no_experiment(name: &str) -> TrainingError {
    TrainingError::NotFound(format!("there is no experiment {name:?}"))
}

pub(crate) fn taken(known: &Experiment) -> TrainingError {
    let deleted = if known.is_deleted { ", and is deleted; restore it, or choose another name" } else { "" };
    TrainingError::Exists(format!("the experiment {:?} exists already{deleted}", known.name))
}

pub(crate) fn too_many(what: &str) -> TrainingError {
    TrainingError::Invalid(format!("a run has at most {MAX_OF_RUN} {what}"))
}

pub(crate) fn changed_param(run: &str, key: &str, known: &str, value: &str) -> TrainingError {
    let shown = |text: &str| text.chars().take(100).collect::<String>();
    TrainingError::Invalid(format!(
        "the parameter {key:?} of run {run} is {:?} already and cannot become {:?}; parameters are set once",
        shown(known),
        shown(value)
    ))
}

pub(crate) fn is_run_id(id: &str) -> bool {
    id.len() == 32 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

pub(crate) fn check(changes: &Changes) -> Result<(), TrainingError> {
    for point in &changes.points {
        check_text("metric", &point.key, MAX_KEY)?;
    }
    check_pairs("tag", &changes.tags, MAX_TAG)?;
    check_pairs("parameter", &changes.params, MAX_PARAM)?;
    for input in &changes.inputs {
        check_text("data set", &input.name, MAX_NAME)?;
        check_length("digest", &input.digest, MAX_NAME)?;
        check_length("data set", &input.content, 65_536)?;
    }
    Ok(())
}

pub(crate) fn check_pairs(what: &str, pairs: &[(String, String)], limit: usize) -> Result<(), TrainingError> {
    for (key, value) in pairs {
        check_text(what, key, MAX_KEY)?;
        check_length(&format!("value of {what} {key:?}"), value, limit)?;
    }
    Ok(())
}

/// A name: not empty, not too long, and nothing that moves a cursor.
pub(crate) fn check_text(what: &str, text: &str, limit: usize) -> Result<(), TrainingError> {
    if text.is_empty() {
        return Err(TrainingError::Invalid(format!("a {what} needs a name")));
    }
    if text.chars().any(char::is_control) {
        let message = format!("the {what} {text:?} holds a control character");
        return Err(TrainingError::Invalid(message));
    }
    check_length(what, text, limit)
}

pub(crate) fn check_length(what: &str, text: &str, limit: usize) -> Result<(), TrainingError> {
    let length = text.chars().count();
    if length <= limit {
        return Ok(());
    }
    Err(TrainingError::Invalid(format!("the {what} has {length} characters, {limit} at most are kept")))
}
