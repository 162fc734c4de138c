//! Queries under way and queries that were slow; stopping one.

use crate::app::App;
use crate::error::ApiError;
use crate::queries::{Active, Finished};
use axum::Json;
use axum::extract::{Path, State};
use serde::Serialize;
use std::sync::Arc;

#[derive(Debug, Serialize)]
pub(crate) struct Queries {
    /// How many may run at once.
    slots: usize,
    active: Vec<Active>,
    slow: Vec<Finished>,
}

pub(crate) async fn list(State(app): State<Arc<App>>) -> Json<Queries> {
    let (active, slow) = (app.queries.active(), app.queries.slow());
    Json(Queries { slots: app.limits.concurrency, active, slow })
}

pub(crate) async fn kill(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Json<serde_json::Value>, ApiError> {
    let killed = id.parse().is_ok_and(|id| app.queries.kill(id));
    if !killed {
        return Err(ApiError::not_found(format!("no query {id} is under way")));
    }
    tracing::info!(id, "query killed");
    Ok(Json(serde_json::json!({"killed": true})))
}
