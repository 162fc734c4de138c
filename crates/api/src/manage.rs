//! Prometheus's management routes: healthy, ready, reload, quit, and the program's own metrics.

use crate::app::App;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, header};
use std::sync::Arc;
use watchfire_wire::exposition::negotiate;

pub(crate) async fn healthy() -> &'static str {
    "Watchfire is Healthy.\n"
}

pub(crate) async fn ready(State(app): State<Arc<App>>) -> Response {
    if app.control.is_ready() {
        "Watchfire is Ready.\n".into_response()
    } else {
        let progress = app.store.replay_progress();
        let doing = if progress.done {
            "still starting".to_owned()
        } else {
            format!("reading the log back, segment {} of {}", progress.current, progress.last)
        };
        let body = format!("Service Unavailable: {doing}\n");
        let stopping = if app.control.is_stopping() { "true" } else { "false" };
        let headers = [
            (header::RETRY_AFTER, "1"),
            (header::HeaderName::from_static("x-prometheus-stopping"), stopping),
        ];
        (StatusCode::SERVICE_UNAVAILABLE, headers, body).into_response()
    }
}

/// As Prometheus answers to those who only look.
pub(crate) async fn only_post_or_put() -> Response {
    let allowed = [(header::ALLOW, "POST, PUT")];
    (StatusCode::METHOD_NOT_ALLOWED, allowed, "Only POST or PUT requests allowed").into_response()
}

pub(crate) async fn reload(State(app): State<Arc<App>>) -> Response {
    match tokio::task::spawn_blocking(move || app.control.reload()).await {
        Ok(Ok(())) => StatusCode::OK.into_response(),
        Ok(Err(error)) => {
            (StatusCode::INTERNAL_SERVER_ERROR, format!("failed to reload config: {error}\n")).into_response()
        }
        Err(panic) => {
            (StatusCode::INTERNAL_SERVER_ERROR, format!("failed to reload config: {panic}\n")).into_response()
        }
    }
}

pub(crate) async fn quit(State(app): State<Arc<App>>) -> &'static str {
    app.control.quit();
    "Requesting termination... Goodbye!\n"
}

/// The program's own metrics, in OpenMetrics where the client asks for it.
pub(crate) async fn metrics(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let format = negotiate(accept);
    match tokio::task::spawn_blocking(move || app.control.own_metrics(format)).await {
        Ok(body) => {
            let kind = [(header::CONTENT_TYPE, format.content_type()), (header::VARY, "accept")];
            (kind, body).into_response()
        }
        Err(panic) => (StatusCode::INTERNAL_SERVER_ERROR, panic.to_string()).into_response(),
    }
}
