//! `status/*`: what runs here, and how.

use crate::app::App;
use crate::error::ApiError;
use crate::format::success;
use crate::params::Params;
use crate::time::rfc3339;
use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;

pub(crate) async fn config(State(app): State<Arc<App>>) -> Response {
    success(&json!({ "yaml": app.control.config_yaml() }))
}

pub(crate) async fn flags(State(app): State<Arc<App>>) -> Response {
    let flags: BTreeMap<&str, &str> =
        app.flags.0.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    success(&flags)
}

pub(crate) async fn buildinfo(State(app): State<Arc<App>>) -> Response {
    success(&build(&app))
}

/// With our own version, for the web UI.
pub(crate) async fn detailed_buildinfo(State(app): State<Arc<App>>) -> Response {
    success(&detailed_build(&app))
}

/// The same, bare, at `/version`.
pub(crate) async fn version(State(app): State<Arc<App>>) -> Response {
    crate::format::json(detailed_build(&app).to_string().into_bytes())
}

fn detailed_build(app: &App) -> serde_json::Value {
    with(build(app), json!({"application": "watchfire", "watchfireVersion": app.build.version}))
}

/// An object with more fields.
fn with(mut object: serde_json::Value, more: serde_json::Value) -> serde_json::Value {
    if let (Some(fields), serde_json::Value::Object(more)) = (object.as_object_mut(), more) {
        fields.extend(more);
    }
    object
}

fn build(app: &App) -> serde_json::Value {
    // Grafana reads the version to learn which functions and endpoints exist; ours are those of Prometheus 3.
    json!({
        "version": "3.14.0",
        "revision": app.build.revision,
        "branch": "",
        "buildUser": "",
        "buildDate": "",
        "goVersion": "",
    })
}

/// How far the log has been read back, in segments, as Prometheus tells it.
pub(crate) async fn walreplay(State(app): State<Arc<App>>) -> Response {
    let progress = app.store.replay_progress();
    success(&json!({
        "min": progress.first,
        "max": progress.last,
        "current": progress.current,
    }))
}

pub(crate) async fn runtimeinfo(State(app): State<Arc<App>>) -> Result<Response, ApiError> {
    app.blocking(|app| Ok(success(&runtime(app, &app.store.counters())))).await
}

/// With what Prometheus's answer has no room for: damage, and why nothing is written.
pub(crate) async fn detailed_runtimeinfo(State(app): State<Arc<App>>) -> Result<Response, ApiError> {
    app.blocking(|app| {
        let stats = app.store.counters();
        let damaged: Vec<_> = stats
            .damaged_parts
            .iter()
            .map(|part| json!({ "path": part.path.display().to_string(), "places": part.places }))
            .collect();
        let more = json!({"damagedParts": damaged, "readOnlyReason": stats.read_only});
        Ok(success(&with(runtime(app, &stats), more)))
    })
    .await
}

fn runtime(app: &App, stats: &watchfire_metrics::StoreStats) -> serde_json::Value {
    let (last_config_ms, config_is_good) = app.control.last_reload();
    let cwd = std::env::current_dir().map(|path| path.display().to_string()).unwrap_or_default();
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    json!({
        "startTime": rfc3339(app.started_ms),
        "CWD": cwd,
        "hostname": hostname(),
        "serverTime": rfc3339(app.clock.now_ms()),
        "reloadConfigSuccess": config_is_good,
        "lastConfigTime": rfc3339(last_config_ms),
        "corruptionCount": stats.corruptions,
        // Of Go's runtime, which is not here: tasks that run, threads, and no limit.
        "goroutineCount": tokio::runtime::Handle::current().metrics().num_alive_tasks(),
        "GOMAXPROCS": threads,
        "GOMEMLIMIT": i64::MAX,
        "GOGC": "",
        "GODEBUG": "",
        "storageRetention": app.store.retention().to_string(),
    })
}

/// Prometheus's blocks. Samples are kept in parts here, of which `GET /api/ui/v1/cardinality` tells.
pub(crate) async fn blocks() -> Response {
    success(&json!({ "blocks": [] }))
}

#[derive(Serialize)]
struct NameValue<'a> {
    name: &'a str,
    value: u64,
}

pub(crate) async fn tsdb(State(app): State<Arc<App>>, params: Params) -> Result<Response, ApiError> {
    let limit = match params.get("limit").filter(|text| !text.is_empty()).map(str::parse::<usize>) {
        None => 10,
        Some(Ok(limit)) if (1..=10_000).contains(&limit) => limit,
        Some(Ok(10_001..)) => return Err(ApiError::bad_data("limit must not exceed 10000")),
        Some(_) => return Err(ApiError::bad_data("limit must be a positive number")),
    };
    app.blocking(move |app| {
        let stats = app.store.stats(limit);
        let top = |list: &[(String, u64)]| -> serde_json::Value {
            let rows: Vec<NameValue<'_>> =
                list.iter().take(limit).map(|(name, value)| NameValue { name, value: *value }).collect();
            json!(rows)
        };
        Ok(success(&json!({
            "headStats": {
                "numSeries": stats.head_series,
                "numLabelPairs": stats.label_pairs,
                "chunkCount": stats.head_chunks,
                // As Prometheus tells that there is no sample.
                "minTime": stats.head_min_ms.unwrap_or(i64::MAX),
                "maxTime": stats.head_max_ms.unwrap_or(i64::MIN),
            },
            "seriesCountByMetricName": top(&stats.series_by_metric),
            "labelValueCountByLabelName": top(&stats.values_by_label),
            "memoryInBytesByLabelName": top(&stats.bytes_by_label),
            "seriesCountByLabelValuePair": top(&stats.series_by_pair),
        })))
    })
    .await
}

fn hostname() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .map(|name| name.trim().to_owned())
        .unwrap_or_default()
}
