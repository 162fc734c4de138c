//! blackbox_exporter's `/probe?module=…&target=…`: asks a target now, and answers with what came of it.

use crate::app::App;
use crate::error::ApiError;
use crate::params::Params;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, header};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::Semaphore;
use watchfire_probe::Modules;
use watchfire_wire::exposition::negotiate;

/// Probes under way at once; one more is refused, because a late answer to a scrape is none.
const MAX_AT_ONCE: usize = 256;
/// Where neither the scrape nor the module says how long it may take.
const USUAL_TIMEOUT: Duration = Duration::from_secs(120);
/// So much earlier than the scrape's own time the probe ends, so that its answer still arrives.
const OFFSET: Duration = Duration::from_millis(500);
/// A target is an address.
const MAX_TARGET_BYTES: usize = 4096;

/// The modules in force, and room for probes.
#[derive(Debug)]
pub struct Probes {
    modules: RwLock<Arc<Modules>>,
    slots: Semaphore,
}

impl Default for Probes {
    fn default() -> Self {
        Self { modules: RwLock::default(), slots: Semaphore::new(MAX_AT_ONCE) }
    }
}

impl Probes {
    /// Puts modules in force.
    pub fn set(&self, modules: Modules) {
        *self.modules.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(modules);
    }

    fn modules(&self) -> Arc<Modules> {
        Arc::clone(&self.modules.read().unwrap_or_else(PoisonError::into_inner))
    }
}

pub(crate) async fn probe(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    params: Params,
) -> Result<Response, ApiError> {
    let modules = app.probes.modules();
    let name = params.get("module").unwrap_or("http_2xx");
    let module = modules.get(name).ok_or_else(|| {
        let known: Vec<&str> = modules.names().collect();
        ApiError::bad_parameter(
            "module",
            format!("unknown module {name:?}; expected one of {}", known.join(", ")),
        )
    })?;
    let target = params.get("target").filter(|target| !target.is_empty());
    let target = target.ok_or_else(|| ApiError::bad_parameter("target", "missing; expected an address"))?;
    if target.len() > MAX_TARGET_BYTES {
        return Err(ApiError::bad_parameter("target", format!("longer than {MAX_TARGET_BYTES} bytes")));
    }
    let Ok(_slot) = app.probes.slots.try_acquire() else {
        return Err(ApiError::unavailable(format!("{MAX_AT_ONCE} probes are under way; try again later")));
    };
    let report = watchfire_probe::probe(module, target, time_left(&headers)).await;
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let format = negotiate(accept);
    let metrics = report.exposition(format);
    if params.get("debug").is_some_and(|debug| debug == "true") {
        let log = report.lines().join("\n");
        let text = format!("Logs for the probe of {target:?} by {name}:\n{log}\n\nMetrics:\n{metrics}");
        return Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response());
    }
    Ok(([(header::CONTENT_TYPE, format.content_type())], metrics).into_response())
}

/// How long the scrape that asks will wait for the answer, less what it takes to arrive.
fn time_left(headers: &HeaderMap) -> Duration {
    let seconds = headers
        .get("x-prometheus-scrape-timeout-seconds")
        .and_then(|value| value.to_str().ok()?.parse::<f64>().ok())
        .filter(|seconds| (0.001..=86_400.0).contains(seconds));
    let Some(seconds) = seconds else { return USUAL_TIMEOUT };
    let whole = Duration::from_secs_f64(seconds);
    if whole > OFFSET * 2 { whole - OFFSET } else { whole }
}
