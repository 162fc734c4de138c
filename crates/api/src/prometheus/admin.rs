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

/// Deletes the samples from `start` to `end` of the series that `match[]` selects.
pub(crate) async fn delete_series(
    State(app): State<Arc<App>>,
    params: Params,
) -> Result<StatusCode, ApiError> {
    enabled(&app)?;
    if params.all("match[]").next().is_none() {
        return Err(ApiError::bad_data("no match[] parameter provided"));
    }
    let range = params.range()?;
    let selectors = params.matchers()?;
    let Some(range) = range else { return Ok(StatusCode::NO_CONTENT) };
    let asked: Vec<String> = params.all("match[]").map(str::to_owned).collect();
    app.blocking(move |app| {
        let deleted = app.store.delete(selectors, range);
        deleted.map_err(|error| ApiError::unavailable(format!("deleting failed: {error}")))?;
        let (start_ms, end_ms) = (range.start_ms, range.end_ms);
        tracing::info!(selectors = ?asked, start_ms, end_ms, "samples deleted");
        Ok(StatusCode::NO_CONTENT)
    })
    .await
}

/// Frees the room that deleted samples take, now.
pub(crate) async fn clean_tombstones(State(app): State<Arc<App>>) -> Result<StatusCode, ApiError> {
    enabled(&app)?;
    app.blocking(|app| {
        let cleaned = app.store.clean_now();
        cleaned.map_err(|error| ApiError::unavailable(format!("cleaning failed: {error}")))?;
        Ok(StatusCode::NO_CONTENT)
    })
    .await
}

/// What deletes is off until it is asked for, as in Prometheus and in its words.
fn enabled(app: &App) -> Result<(), ApiError> {
    if app.admin_enabled { Ok(()) } else { Err(ApiError::unavailable("admin APIs disabled")) }
}
