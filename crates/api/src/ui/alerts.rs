//! How many alerts fire; what was told to whom: the outbox and the newest attempts.

use crate::app::App;
use crate::error::ApiError;
use crate::format::json;
use axum::extract::State;
use axum::response::Response;
use serde_json::{Value, json};
use std::sync::Arc;
use watchfire_alerting::OutboxView;

/// As many rows of either kind as a page shows.
const SHOWN: u32 = 100;

/// Nothing here says what was sent or where to: payloads and addresses may hold secrets.
pub(crate) async fn deliveries(State(app): State<Arc<App>>) -> Result<Response, ApiError> {
    let view = app
        .alerting
        .outbox(SHOWN)
        .await
        .map_err(|error| ApiError::unavailable(format!("the ledger could not be read: {error}")))?;
    Ok(json(body(&view).to_string().into_bytes()))
}

/// What the navigation shows at every page, without reading every alert.
pub(crate) async fn count(State(app): State<Arc<App>>) -> Response {
    let counts = app.alerting.alert_counts().await;
    json(json!({"active": counts.active, "suppressed": counts.suppressed}).to_string().into_bytes())
}

fn body(view: &OutboxView) -> Value {
    let open = view.jobs.iter().filter(|job| job.finished_ms.is_none());
    let outbox: Vec<Value> = open
        .map(|job| {
            json!({
                "id": job.id,
                "group_key": job.group_key,
                "receiver": job.receiver,
                "state": job.state.as_str(),
                "reason": job.reason,
                "firing": job.firing.len(),
                "resolved": job.resolved.len(),
                "attempts": job.attempts,
                "created_ms": job.created_ms,
                "next_try_ms": job.next_try_ms,
                "last_error": job.last_error,
            })
        })
        .collect();
    let deliveries: Vec<Value> = view
        .deliveries
        .iter()
        .map(|attempt| {
            json!({
                "id": attempt.id,
                "job": attempt.job,
                "group_key": attempt.group_key,
                "receiver": attempt.receiver,
                "outcome": attempt.outcome.as_str(),
                "status": attempt.status,
                "latency_ms": attempt.latency_ms,
                "started_ms": attempt.started_ms,
                "error": attempt.error,
            })
        })
        .collect();
    json!({
        "counts": {"open": view.counts.open, "done": view.counts.done, "dead": view.counts.dead},
        "outbox": outbox,
        "deliveries": deliveries,
    })
}
