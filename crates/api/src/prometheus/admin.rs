//! Maintenance of the store.

use crate::app::App;
use crate::error::ApiError;
use crate::format::success;
use crate::params::Params;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use serde_json::json;
use std::sync::Arc;

/// Writes the head to disk as parts and merges them, now.
pub(crate) async fn compact(State(app): State<Arc<App>>) -> Result<StatusCode, ApiError> {
    app.blocking(|app| {
        app.store.compact_now().map_err(|error| ApiError::unavailable(format!("merging failed: {error}")))?;
        Ok(StatusCode::NO_CONTENT)
    })
    .await
}

/// Makes a snapshot of all state, and answers with its name under `snapshots/` in the data folder.
pub(crate) async fn snapshot(State(app): State<Arc<App>>, params: Params) -> Result<Response, ApiError> {
    let skip_head = match params.get("skip_head") {
        None | Some("") => false,
        Some(text) => match text {
            "1" | "t" | "T" | "true" | "TRUE" | "True" => true,
            "0" | "f" | "F" | "false" | "FALSE" | "False" => false,
            _ => return Err(ApiError::bad_parameter("skip_head", "it must be true or false")),
        },
    };
    app.blocking(move |app| {
        let name = app
            .control
            .snapshot(skip_head)
            .map_err(|error| ApiError::unavailable(format!("create snapshot: {error}")))?;
        Ok(success(&json!({ "name": name })))
    })
    .await
}
