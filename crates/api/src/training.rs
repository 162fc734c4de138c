//! Training runs: MLflow's tracking protocol for those who train, and our own API for those who look.

mod answers;
pub(crate) mod lines;
pub(crate) mod mlflow;
pub(crate) mod runs;

use crate::error::ApiError;
use crate::format::json;
use axum::response::Response;
use serde_json::{Value, json};
use watchfire_training::TrainingError;

impl From<TrainingError> for ApiError {
    fn from(error: TrainingError) -> Self {
        match error {
            TrainingError::NotFound(message) => Self::not_found(message),
            TrainingError::Exists(message) => Self::conflict(message),
            TrainingError::Invalid(message) => Self::bad_data(message),
            TrainingError::Unavailable(message) => Self::unavailable(message),
            other => Self::internal_of(other),
        }
    }
}

fn answer(data: &Value) -> Response {
    json(json!({"status": "success", "data": data}).to_string().into_bytes())
}
