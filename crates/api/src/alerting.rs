//! Alerting's own API: the past of alerts, why somebody was told or was not, and what routes and rules would do.

pub(crate) mod backtest;
pub(crate) mod explain;
pub(crate) mod history;
pub(crate) mod routes;
pub(crate) mod trial;

use crate::app::App;
use crate::error::ApiError;
use crate::params::Params;
use crate::time::rfc3339;
use serde_json::{Value, json};
use watchfire_alerting::AlertMatcher;

/// A time for an answer; `null` where there is none.
fn time(at_ms: Option<i64>) -> Value {
    at_ms.map_or(Value::Null, |at_ms| json!(rfc3339(at_ms)))
}

/// Milliseconds as seconds.
fn seconds(ms: i64) -> f64 {
    ms as f64 / 1000.0
}

/// `filter`, in Alertmanager's grammar, as often as it comes.
fn matchers(app: &App, params: &Params) -> Result<Vec<AlertMatcher>, ApiError> {
    let mode = app.alerting.config().matcher_mode;
    let mut all = Vec::new();
    for text in params.all("filter").filter(|text| !text.is_empty()) {
        all.extend(mode.parse(text, "api").map_err(|error| ApiError::bad_parameter("filter", error))?);
    }
    Ok(all)
}

/// `from` and `to`; the last `default_ms` where they are absent.
fn span(app: &App, params: &Params, default_ms: i64) -> Result<(i64, i64), ApiError> {
    let to_ms = params.time("to")?.unwrap_or_else(|| app.clock.now_ms());
    let from_ms = params.time("from")?.unwrap_or_else(|| to_ms.saturating_sub(default_ms));
    if from_ms > to_ms {
        return Err(ApiError::bad_parameter("from", "it is after \"to\""));
    }
    Ok((from_ms, to_ms))
}

/// Where an alert comes from: a rule of this server, or outside.
const fn source(file: &str) -> &'static str {
    if file.is_empty() { "outside" } else { "rule" }
}

/// An alert's fingerprint: 16 hexadecimal digits.
fn fingerprint(params: &Params) -> Result<Option<u64>, ApiError> {
    let Some(text) = params.get("fingerprint") else { return Ok(None) };
    u64::from_str_radix(text, 16)
        .ok()
        .filter(|_| text.len() == 16)
        .map(Some)
        .ok_or_else(|| ApiError::bad_parameter("fingerprint", "expected 16 hexadecimal digits"))
}

fn ledger_fault(error: impl std::fmt::Display) -> ApiError {
    ApiError::unavailable(format!("the ledger could not be read: {error}"))
}
