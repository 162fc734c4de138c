//! `receivers/test`: a receiver tried out, with what was sent and answered.

use crate::app::App;
use crate::error::ApiError;
use crate::format::success;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use watchfire_alerting::{AttemptOutcome, Trial, TrialError};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    receiver: String,
    #[serde(default)]
    resolve: bool,
}

impl From<TrialError> for ApiError {
    fn from(error: TrialError) -> Self {
        match error {
            TrialError::NotFound(message) => Self::not_found(message),
            TrialError::Silent(_) => Self::bad_data(error.to_string()),
            TrialError::Busy => Self::too_many(error.to_string()),
        }
    }
}

pub(crate) async fn trial(State(app): State<Arc<App>>, bytes: Bytes) -> Result<Response, ApiError> {
    let asked: Asked = serde_json::from_slice(&bytes).map_err(|error| {
        ApiError::bad_data(format!("the body is not as expected: {error}; expected {{\"receiver\": \"…\"}}"))
    })?;
    let trials = app.alerting.try_receiver(&asked.receiver, asked.resolve).await?;
    let delivered = trials.iter().all(|trial| trial.attempt.outcome == AttemptOutcome::Delivered);
    Ok(success(&json!({
        "receiver": asked.receiver,
        "delivered": delivered,
        "trials": trials.iter().map(shown).collect::<Vec<_>>(),
    })))
}

fn shown(trial: &Trial) -> Value {
    let outcome = match trial.attempt.outcome {
        AttemptOutcome::Delivered => "delivered",
        AttemptOutcome::Retry => "retry",
        AttemptOutcome::Dead => "dead",
    };
    let exchanges = trial.exchanges.iter();
    let exchanges = exchanges.map(|exchange| json!({"sent": exchange.sent, "answered": exchange.answered}));
    json!({
        "integration": format!("{}[{}]", trial.kind.name(), trial.index),
        "tells": if trial.is_end { "resolved" } else { "firing" },
        "outcome": outcome,
        "status": trial.attempt.status,
        "error": trial.attempt.error,
        "seconds": trial.latency.as_secs_f64(),
        "exchanges": exchanges.collect::<Vec<_>>(),
    })
}
