//! Maintenance of the store.

use crate::app::App;
use crate::error::ApiError;
use axum::extract::State;
use http::StatusCode;
use std::sync::Arc;

/// Writes the head to disk as parts and merges them, now.
pub(crate) async fn compact(State(app): State<Arc<App>>) -> Result<StatusCode, ApiError> {
    app.blocking(|app| {
        app.store.compact_now().map_err(|error| ApiError::unavailable(format!("merging failed: {error}")))?;
        Ok(StatusCode::NO_CONTENT)
    })
    .await
}
