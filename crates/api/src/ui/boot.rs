//! What the web UI needs to know before it draws anything.

use crate::app::App;
use crate::format::json;
use axum::extract::State;
use axum::response::Response;
use std::sync::Arc;

pub(crate) async fn boot(State(app): State<Arc<App>>) -> Response {
    let body = serde_json::json!({
        "version": app.build.version,
        "revision": app.build.revision,
        "started_ms": app.started_ms,
        "external_url": app.external_url,
        "scrape_interval_s": app.control.scrape_interval().as_secs_f64(),
        "home_dashboard": "host",
    });
    json(body.to_string().into_bytes())
}
