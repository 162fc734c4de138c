//! `routes` and `routes/test`: the routing tree, and what it does with labels.

use super::time;
use crate::alerting::history::labels as labels_json;
use crate::app::App;
use crate::error::ApiError;
use crate::format::success;
use crate::params::Params;
use crate::time::parse_time;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use watchfire_alerting::{Config, RouteNode, Suppression};
use watchfire_model::Labels;

pub(crate) async fn tree(State(app): State<Arc<App>>) -> Response {
    let config = app.alerting.config();
    let receivers: Vec<Value> = config
        .receivers
        .receivers
        .iter()
        .map(|receiver| {
            let integrations = receiver.integrations.iter();
            let integrations = integrations.map(|found| format!("{}[{}]", found.kind.name(), found.index));
            json!({
                "name": receiver.name,
                "integrations": integrations.collect::<Vec<_>>(),
                "fallback": config.fallbacks.get(&receiver.name),
                "labels": receiver.labels,
            })
        })
        .collect();
    success(&json!({
        "root": config.route.as_ref().map(|root| node(&RouteNode::of(root))),
        "receivers": receivers,
        "timeIntervals": config.time_intervals.keys().collect::<Vec<_>>(),
    }))
}

/// A node, as all of alerting's routes show it.
pub(super) fn node(route: &RouteNode) -> Value {
    let mut shown = Map::new();
    let fields = json!({
        "id": route.id,
        "receiver": route.receiver,
        "matchers": route.matchers,
        "continue": route.goes_on,
        "groupBy": route.group_by,
        "groupWait": route.group_wait.as_secs_f64(),
        "groupInterval": route.group_interval.as_secs_f64(),
        "repeatInterval": route.repeat_interval.as_secs_f64(),
        "muteTimeIntervals": route.mute_time_intervals,
        "activeTimeIntervals": route.active_time_intervals,
        "labels": route.labels,
        "key": route.key,
    });
    if let Value::Object(fields) = fields {
        shown.extend(fields);
    }
    if let Some((outcome, why)) = &route.verdict {
        shown.insert("outcome".to_owned(), json!(outcome.as_str()));
        shown.insert("why".to_owned(), json!(why));
    }
    shown.insert("routes".to_owned(), route.routes.iter().map(node).collect());
    Value::Object(shown)
}

pub(super) fn suppression(found: &Suppression) -> Value {
    json!({"kind": found.kind, "names": found.names, "text": found.text})
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    labels: BTreeMap<String, String>,
    #[serde(default)]
    time: Option<String>,
    #[serde(default)]
    configuration: Option<String>,
}

pub(crate) async fn test(State(app): State<Arc<App>>, params: Params) -> Result<Response, ApiError> {
    let mut labels = BTreeMap::new();
    for text in params.all("label").filter(|text| !text.is_empty()) {
        let Some((name, value)) = text.split_once('=') else {
            return Err(ApiError::bad_parameter("label", format!("{text:?}; expected NAME=VALUE")));
        };
        labels.insert(name.to_owned(), value.trim_matches('"').to_owned());
    }
    let at_ms = params.time("time")?;
    answer(&app, labels, at_ms, None).await
}

pub(crate) async fn test_posted(State(app): State<Arc<App>>, body: Bytes) -> Result<Response, ApiError> {
    let asked: Asked = serde_json::from_slice(&body).map_err(|error| {
        ApiError::bad_data(format!("the body is no question: {error}; expected {{\"labels\": {{…}}}}"))
    })?;
    let at_ms = asked
        .time
        .as_deref()
        .map(parse_time)
        .transpose()
        .map_err(|reason| ApiError::bad_parameter("time", reason))?;
    let config = asked.configuration.as_deref().map(|text| configuration(&app, text)).transpose()?;
    answer(&app, asked.labels, at_ms, config).await
}

/// A configuration that somebody wants to try; relative file names in it count from the server's folder.
pub(super) fn configuration(app: &App, text: &str) -> Result<Config, ApiError> {
    let mode = app.alerting.config().matcher_mode;
    Config::parse_in("alertmanager.yml", text, Path::new(""), mode)
        .map_err(|error| ApiError::bad_data(error.to_string()))
}

async fn answer(
    app: &App,
    labels: BTreeMap<String, String>,
    at_ms: Option<i64>,
    config: Option<Config>,
) -> Result<Response, ApiError> {
    let pairs = labels.iter().filter(|(_, value)| !value.is_empty());
    let labels = Labels::from_pairs(pairs.map(|(name, value)| (name.as_str(), value.as_str())));
    if labels.is_empty() {
        return Err(ApiError::bad_parameter(
            "label",
            "at least one label is needed, such as label=alertname=Down",
        ));
    }
    let at_ms = at_ms.unwrap_or_else(|| app.clock.now_ms());
    let found = app.alerting.route_test(config, labels.clone(), at_ms).await;
    let routes: Vec<Value> = found
        .routes
        .iter()
        .map(|route| {
            json!({
                "route": route.route,
                "receiver": route.receiver,
                "groupKey": route.group_key,
                "groupLabels": labels_json(&route.group_labels),
                "groupWait": route.group_wait.as_secs_f64(),
                "groupInterval": route.group_interval.as_secs_f64(),
                "repeatInterval": route.repeat_interval.as_secs_f64(),
                "integrations": route.integrations,
                "fallback": route.fallback,
                "suppressedBy": route.suppressed_by.iter().map(suppression).collect::<Vec<_>>(),
            })
        })
        .collect();
    let told = found.routes.iter().filter(|route| {
        found.suppressed_by.is_empty() && route.suppressed_by.is_empty() && !route.integrations.is_empty()
    });
    let names = |routes: &mut dyn Iterator<Item = &watchfire_alerting::RoutedTo>| {
        let mut names: Vec<String> = Vec::new();
        for route in routes {
            if !names.contains(&route.receiver) {
                names.push(route.receiver.clone());
            }
        }
        names
    };
    let mut notes = Vec::new();
    if found.tree.is_none() {
        notes.push("there is no alertmanager.yml, so nobody is told".to_owned());
    }
    for route in found.routes.iter().filter(|route| route.integrations.is_empty()) {
        notes.push(format!("receiver {:?} has no integrations, so it tells nobody", route.receiver));
    }
    Ok(success(&json!({
        "labels": labels_json(&labels),
        "at": time(Some(at_ms)),
        "fingerprint": format!("{:016x}", found.fingerprint),
        "receivers": names(&mut found.routes.iter()),
        "tree": found.tree.as_ref().map(node),
        "routes": routes,
        "suppressedBy": found.suppressed_by.iter().map(suppression).collect::<Vec<_>>(),
        "told": names(&mut told.into_iter()),
        "notes": notes,
    })))
}
