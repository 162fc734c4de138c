//! MLflow's tracking protocol, as much of it as tells of experiments and runs: its clients report here unchanged.
//!
//! A request is a name such as `runs/create` with a JSON object, of the body or of the query string. Model registry, traces
//! and files are not kept; what is asked of them is refused with a sentence. What clients say of the models that runs make is
//! kept.

mod experiments;
mod json;
mod metrics;
mod models;
mod runs;

use crate::{RunStatus, Runs, TrainingError};
use json::Fields;
use serde_json::{Value, json};
use std::sync::Arc;

/// What is asked, by the end of its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the paths")]
pub enum Endpoint {
    ExperimentsCreate,
    ExperimentsGet,
    ExperimentsGetByName,
    ExperimentsSearch,
    ExperimentsUpdate,
    ExperimentsDelete,
    ExperimentsRestore,
    ExperimentsSetTag,
    ExperimentsDeleteTag,
    RunsCreate,
    RunsGet,
    RunsUpdate,
    RunsDelete,
    RunsRestore,
    RunsSearch,
    RunsLogMetric,
    RunsLogBatch,
    RunsLogParameter,
    RunsLogInputs,
    RunsLogModel,
    RunsSetTag,
    RunsDeleteTag,
    RunsLogOutputs,
    ModelsCreate,
    ModelsGet,
    ModelsFinalize,
    ModelsDelete,
    ModelsSearch,
    ModelsLogParams,
    ModelsSetTags,
    ModelsDeleteTag,
    ModelsFiles,
    MetricsGetHistory,
    MetricsGetHistoryBulk,
    ArtifactsList,
}

/// A request.
#[derive(Clone, Debug)]
pub struct Request {
    /// What is asked.
    pub endpoint: Endpoint,
    /// The parameters of the query string, in order.
    pub query: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// The machine it came from, where that is this one.
    pub host: Option<String>,
}

/// An answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The JSON to send.
    pub body: Value,
}

/// Answers a request. What it wrote is on disk when the answer says 200.
pub async fn handle(runs: &Arc<Runs>, request: Request) -> Answer {
    match answered(runs, &request).await {
        Ok(body) => Answer { status: 200, body },
        Err(error) => refusal(&error),
    }
}

/// The answer to what is not served here.
pub fn not_found(path: &str) -> Answer {
    let message = if path.contains("/mlflow-artifacts/") {
        "files are not kept here; give the experiment a place to which its clients write, as with \
         mlflow.create_experiment(NAME, artifact_location=\"s3://BUCKET/FOLDER\"), or a folder"
            .to_owned()
    } else {
        format!(
            "{path:?} is not served: Watchfire takes experiments, runs, parameters, tags, metrics and what is said of \
             models; traces, files and the registry of models need an MLflow server"
        )
    };
    Answer { status: 404, body: json!({"error_code": "ENDPOINT_NOT_FOUND", "message": message}) }
}

fn refusal(error: &TrainingError) -> Answer {
    let (status, code) = match error {
        TrainingError::NotFound(_) => (404, "RESOURCE_DOES_NOT_EXIST"),
        TrainingError::Exists(_) => (400, "RESOURCE_ALREADY_EXISTS"),
        TrainingError::Invalid(_) => (400, "INVALID_PARAMETER_VALUE"),
        TrainingError::Unavailable(_) => (503, "TEMPORARILY_UNAVAILABLE"),
        TrainingError::Internal(_) => (500, "INTERNAL_ERROR"),
    };
    Answer { status, body: json!({"error_code": code, "message": error.to_string()}) }
}

/// MLflow's word for a status.
pub const fn status_word(status: RunStatus) -> &'static str {
    match status {
        RunStatus::Running => "RUNNING",
        RunStatus::Scheduled => "SCHEDULED",
        RunStatus::Finished => "FINISHED",
        RunStatus::Failed => "FAILED",
        RunStatus::Killed => "KILLED",
    }
}

async fn answered(all: &Arc<Runs>, request: &Request) -> Result<Value, TrainingError> {
    let fields = Fields::read(&request.query, &request.body)?;
    match request.endpoint {
        Endpoint::ExperimentsCreate => experiments::create(all, &fields).await,
        Endpoint::ExperimentsGet => experiments::get(all, &fields).await,
        Endpoint::ExperimentsGetByName => experiments::get_by_name(all, &fields).await,
        Endpoint::ExperimentsSearch => experiments::search(all, &fields).await,
        Endpoint::ExperimentsUpdate => experiments::update(all, &fields).await,
        Endpoint::ExperimentsDelete => experiments::delete(all, &fields, true).await,
        Endpoint::ExperimentsRestore => experiments::delete(all, &fields, false).await,
        Endpoint::ExperimentsSetTag => experiments::set_tag(all, &fields).await,
        Endpoint::ExperimentsDeleteTag => experiments::delete_tag(all, &fields).await,
        Endpoint::RunsCreate => runs::create(all, &fields, request.host.as_deref()).await,
        Endpoint::RunsGet => runs::get(all, &fields).await,
        Endpoint::RunsUpdate => runs::update(all, &fields).await,
        Endpoint::RunsDelete => runs::delete(all, &fields, true).await,
        Endpoint::RunsRestore => runs::delete(all, &fields, false).await,
        Endpoint::RunsSearch => runs::search(all, &fields).await,
        Endpoint::RunsLogMetric => metrics::log_metric(all, &fields).await,
        Endpoint::RunsLogBatch => metrics::log_batch(all, &fields).await,
        Endpoint::RunsLogParameter => metrics::log_parameter(all, &fields).await,
        Endpoint::RunsLogInputs => metrics::log_inputs(all, &fields).await,
        Endpoint::RunsLogModel => metrics::log_model(all, &fields).await,
        Endpoint::RunsSetTag => runs::set_tag(all, &fields).await,
        Endpoint::RunsDeleteTag => runs::delete_tag(all, &fields).await,
        Endpoint::RunsLogOutputs => models::log_outputs(all, &fields).await,
        Endpoint::ModelsCreate => models::create(all, &fields).await,
        Endpoint::ModelsGet => models::get(all, &fields).await,
        Endpoint::ModelsFinalize => models::finalize(all, &fields).await,
        Endpoint::ModelsDelete => models::delete(all, &fields).await,
        Endpoint::ModelsSearch => models::search(all, &fields).await,
        Endpoint::ModelsLogParams => models::log_params(all, &fields).await,
        Endpoint::ModelsSetTags => models::set_tags(all, &fields).await,
        Endpoint::ModelsDeleteTag => models::delete_tag(all, &fields).await,
        // No files are kept here, so none are there.
        Endpoint::ModelsFiles => Ok(json!({"files": []})),
        Endpoint::MetricsGetHistory => metrics::get_history(all, &fields).await,
        Endpoint::MetricsGetHistoryBulk => metrics::get_history_bulk(all, &fields).await,
        Endpoint::ArtifactsList => runs::artifacts(all, &fields).await,
    }
}

#[cfg(test)]
mod tests;
