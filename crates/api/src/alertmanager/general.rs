//! `/status`, `/receivers`, and the version 1 that is no more.

use super::{AmError, matchers};
use crate::app::App;
use crate::format::json;
use crate::params::Params;
use crate::time::rfc3339;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Whose API this is; clients read it to learn what they may ask.
const VERSION: &str = "0.34.0";

/// One server is a cluster of itself: clients look for a peer to know that all is well.
pub(crate) async fn status(State(app): State<Arc<App>>) -> Response {
    let name = format!("watchfire-{}", app.started_ms);
    let address = app.listen_address.to_string();
    let body = json!({
        "cluster": {
            "name": name,
            "peers": [{"address": address, "name": name}],
            "status": "ready",
        },
        "config": {"original": app.alerting.config().masked()},
        "uptime": rfc3339(app.started_ms),
        "versionInfo": {
            "branch": "",
            "buildDate": "",
            "buildUser": "",
            "goVersion": "",
            "revision": app.build.revision,
            "version": VERSION,
            "application": "watchfire",
            "watchfireVersion": app.build.version,
        },
    });
    json(body.to_string().into_bytes())
}

pub(crate) async fn receivers(State(app): State<Arc<App>>, params: Params) -> Result<Response, AmError> {
    let config = app.alerting.config();
    let wanted = matchers(&params, "receiver_matchers", config.matcher_mode)?;
    let mut receivers = Vec::new();
    for receiver in &config.receivers.receivers {
        let labels = watchfire_alerting::receiver_labels(&receiver.name, Some(receiver));
        if !wanted.iter().all(|matcher| matcher.matches(&labels)) {
            continue;
        }
        let labels: BTreeMap<&str, &str> = labels.iter().collect();
        receivers.push(json!({"labels": labels, "name": receiver.name}));
    }
    Ok(json(Value::from(receivers).to_string().into_bytes()))
}

/// Alertmanager took its first version away, and says so.
pub(crate) async fn gone() -> Response {
    let body = json!({
        "status": "deprecated",
        "error": "The Alertmanager v1 API was deprecated in version 0.16.0 and is removed as of version 0.27.0 - please use the equivalent route in the v2 API",
    });
    let kind = [(http::header::CONTENT_TYPE, "application/json")];
    (StatusCode::GONE, kind, body.to_string()).into_response()
}
