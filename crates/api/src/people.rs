//! Incidents, and who is on call: our own API beside Prometheus's, in the same envelope.

pub(crate) mod hooks;
pub(crate) mod incidents;
pub(crate) mod schedules;

use crate::error::ApiError;
use crate::format::json;
use crate::time::{parse_duration, parse_time, rfc3339};
use axum::body::Bytes;
use axum::response::Response;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::time::Duration;
use watchfire_alerting::PeopleError;

impl From<PeopleError> for ApiError {
    fn from(error: PeopleError) -> Self {
        match error {
            PeopleError::NotFound(message) => Self::not_found(message),
            PeopleError::Conflict(message) => Self::conflict(message),
            PeopleError::Invalid(message) => Self::bad_data(message),
            PeopleError::Ledger(error) => Self::unavailable(format!("it could not be kept: {error}")),
        }
    }
}

fn answer(data: &Value) -> Response {
    json(json!({"status": "success", "data": data}).to_string().into_bytes())
}

/// A body in JSON; none at all is an empty one.
fn body<T: DeserializeOwned>(bytes: &Bytes) -> Result<T, ApiError> {
    let bytes = if bytes.is_empty() { b"{}" } else { bytes.as_ref() };
    serde_json::from_slice(bytes)
        .map_err(|error| ApiError::bad_data(format!("the body is not as expected: {error}")))
}

fn number(text: &str) -> Result<i64, ApiError> {
    text.parse().map_err(|_| ApiError::not_found(format!("{text:?} is no number")))
}

fn time(key: &str, text: &str) -> Result<i64, ApiError> {
    parse_time(text).map_err(|reason| ApiError::bad_data(format!("{key}: {reason}")))
}

fn duration(key: &str, text: &str) -> Result<i64, ApiError> {
    parse_duration(text).map_err(|reason| ApiError::bad_data(format!("{key}: {reason}")))
}

fn when(at_ms: Option<i64>) -> Value {
    at_ms.map_or(Value::Null, |at_ms| Value::from(rfc3339(at_ms)))
}

fn length(ms: i64) -> String {
    watchfire_model::duration::format(Duration::from_millis(u64::try_from(ms).unwrap_or_default()))
}

/// An empty text is nobody.
fn named(text: &str) -> Value {
    if text.is_empty() { Value::Null } else { Value::from(text) }
}
