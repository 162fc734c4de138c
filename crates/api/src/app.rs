//! What the handlers work with.

use crate::cors::Cors;
use crate::error::ApiError;
use crate::metrics::{HttpMetrics, QueryMetrics};
use crate::origin::Origin;
use crate::probes::Probes;
use crate::prometheus::read::ReadLimits;
use crate::queries::ActiveQueries;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;
use watchfire_guard::HostPolicy;
use watchfire_model::Labels;
use watchfire_model::ingest::MetricSink;
use watchfire_model::time::Clock;
use watchfire_promql::engine::{Engine, Query};
use watchfire_promql::{ParseOptions, QueryCache, QueryError, QueryResult, Source};
use watchfire_wire::exposition::Format;

/// Everything a handler may need, put together by the program.
pub struct App {
    /// Evaluates queries.
    pub engine: Engine,
    /// Where series come from.
    pub source: Arc<dyn Source>,
    /// Where pushed samples go.
    pub sink: Arc<dyn MetricSink>,
    /// The embedded store, for its statistics and maintenance.
    pub store: Arc<watchfire_metrics::Store>,
    /// What is scraped.
    pub scrape: Arc<watchfire_scrape::Manager>,
    /// What is watched.
    pub rules: Arc<watchfire_rules::Manager>,
    /// Who is told.
    pub alerting: watchfire_alerting::Alerting,
    /// Which other Alertmanagers are told.
    pub senders: watchfire_alerting::Senders,
    /// The dead man's switch.
    pub heartbeat: watchfire_alerting::Heartbeat,
    /// Reload, stop, readiness, the running configuration.
    pub control: Arc<dyn Control>,
    /// The present.
    pub clock: Arc<dyn Clock>,
    /// Which hosts are served.
    pub hosts: HostPolicy,
    /// Limits on queries.
    pub limits: QueryLimits,
    /// Slots for queries that run at once.
    pub slots: Arc<Semaphore>,
    /// Whether samples may be deleted over HTTP (`--web.enable-admin-api`).
    pub admin_enabled: bool,
    /// Which experimental PromQL is understood.
    pub parse: ParseOptions,
    /// Limits on remote read.
    pub read_limits: ReadLimits,
    /// Slots for remote reads that run at once.
    pub read_slots: Arc<Semaphore>,
    /// Slots for those who listen to notifications, see [`App::listeners`].
    pub listeners: Arc<Semaphore>,
    /// Whose pages may read answers in a browser (`--web.cors.origin`).
    pub cors: Option<Cors>,
    /// Command-line flags by name, as they are in force.
    pub flags: Flags,
    /// What this binary is.
    pub build: BuildInfo,
    /// When the program started, in milliseconds since the Unix epoch.
    pub started_ms: i64,
    /// The address listened on.
    pub listen_address: SocketAddr,
    /// The path before every route, without a slash at its end (`--web.route-prefix`).
    pub route_prefix: String,
    /// How this server is reached from outside (`--web.external-url`), without a slash at its end.
    pub external_url: String,
    /// Requests counted by route and answer.
    pub http_metrics: HttpMetrics,
    /// Queries counted.
    pub query_metrics: Arc<QueryMetrics>,
    /// Answers of range queries that are kept.
    pub cache: QueryCache,
    /// Queries from outside that are under way, or were slow.
    pub queries: Arc<ActiveQueries>,
    /// How targets are probed.
    pub probes: Probes,
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// Limits on queries from outside.
#[derive(Clone, Copy, Debug)]
pub struct QueryLimits {
    /// How many run at once (`--query.max-concurrency`); more wait.
    pub concurrency: usize,
    /// How many steps a range query may have (Prometheus: 11,000).
    pub max_points: i64,
}

impl Default for QueryLimits {
    fn default() -> Self {
        Self { concurrency: 20, max_points: 11_000 }
    }
}

/// Command-line flags by name, as they are in force.
#[derive(Clone, Debug, Default)]
pub struct Flags(pub Vec<(String, String)>);

/// What this binary is.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub struct BuildInfo {
    /// Its version.
    pub version: &'static str,
    /// The commit it was built from, or an empty string.
    pub revision: &'static str,
}

/// Why the program could not do what was asked.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct AppError(pub String);

/// What only the program as a whole can do.
pub trait Control: Send + Sync {
    /// Reads the configuration again; what was in force stays so when it is broken.
    fn reload(&self) -> Result<(), AppError>;
    /// Begins an orderly stop.
    fn quit(&self);
    /// Makes a snapshot of all state under the data folder, and returns its name. Samples still in memory are written
    /// to disk before, or left out with `skip_head`.
    fn snapshot(&self, skip_head: bool) -> Result<String, AppError>;
    /// Whether everything has started.
    fn is_ready(&self) -> bool;
    /// Whether an orderly stop has begun.
    fn is_stopping(&self) -> bool;
    /// The rules that relabel the targets of a job; `None` when there is no such job.
    fn relabel_rules(&self, job: &str) -> Option<Vec<watchfire_scrape::relabel::Rule>>;
    /// The configuration in force as YAML, secrets masked.
    fn config_yaml(&self) -> String;
    /// The program's own metrics.
    fn own_metrics(&self, format: Format) -> Vec<u8>;
    /// The labels that say where this server stands, which federation adds to every series.
    fn external_labels(&self) -> Labels;
    /// The evaluation interval in force, for the steps of subqueries and graphs.
    fn scrape_interval(&self) -> Duration;
    /// How often rule groups are evaluated that do not say so (`global.evaluation_interval`).
    fn evaluation_interval(&self) -> Duration;
    /// When the configuration was last read well, in milliseconds since the Unix epoch, and whether the last try went well.
    fn last_reload(&self) -> (i64, bool);
}

impl App {
    /// As many slots for those who listen to notifications as there are.
    pub fn listeners() -> Arc<Semaphore> {
        crate::prometheus::notifications::listeners()
    }

    /// Runs a query, whose text is shown to who asks what is under way, when a slot is free, and makes the answer of
    /// it, both on a blocking thread. The wait counts towards the query's timeout. With `cached` it may come from kept
    /// answers. Dropping the future stops the query.
    pub(crate) async fn evaluate<T: Send + 'static>(
        self: &Arc<Self>,
        mut query: Query,
        text: &str,
        (origin, cached): (Origin, bool),
        finish: impl FnOnce(QueryResult, Timings) -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        let running = self.query_metrics.begin();
        let mut underway = self.queries.begin(&query, text, origin, self.clock.now_ms());
        let asked = Instant::now();
        let timeout = self.engine.options().timeout.min(query.timeout.unwrap_or(Duration::MAX));
        let killed = underway.killed();
        let slot = tokio::select! {
            slot = tokio::time::timeout(timeout, Arc::clone(&self.slots).acquire_owned()) => slot
                .map_err(|_| ApiError::timeout("query timed out in query queue"))?
                .map_err(|_| ApiError::unavailable("the server is shutting down"))?,
            () = killed => return Err(QueryError::Cancelled.into()),
        };
        let cancel = CancelOnDrop(Arc::clone(&query.cancel));
        let app = Arc::clone(self);
        let outcome = tokio::task::spawn_blocking(move || {
            let queued = asked.elapsed();
            underway.runs(queued);
            query.timeout = Some(timeout.saturating_sub(queued));
            let started = Instant::now();
            let source = app.source.as_ref();
            let outcome = if cached {
                app.cache.evaluate(&app.engine, &query, source, app.clock.now_ms())
            } else {
                app.engine.evaluate(&query, source)
            };
            let timings = Timings { queued, evaluated: started.elapsed() };
            underway.ends(outcome.as_ref().err().map(ToString::to_string));
            drop(underway);
            drop(slot);
            let samples = outcome.as_ref().map_or(0, |result| result.samples_read);
            running.end(timings, samples);
            outcome.map(|result| finish(result, timings))
        })
        .await;
        drop(cancel);
        match outcome {
            Ok(outcome) => outcome.map_err(ApiError::from),
            Err(panic) => {
                tracing::error!(%panic, "query evaluation failed unexpectedly");
                Err(ApiError::internal(
                    "query evaluation failed unexpectedly; please report it with the query",
                ))
            }
        }
    }

    /// Runs something short that reads the store, off the threads that serve requests.
    pub(crate) async fn blocking<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let app = Arc::clone(self);
        tokio::task::spawn_blocking(move || work(&app))
            .await
            .unwrap_or_else(|panic| Err(ApiError::internal(format!("request failed unexpectedly: {panic}"))))
    }
}

/// How long a query waited and ran.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Timings {
    /// From the question to a free slot.
    pub(crate) queued: Duration,
    /// From there to the result.
    pub(crate) evaluated: Duration,
}

/// A request whose client went away must not keep a core busy.
struct CancelOnDrop(Arc<AtomicBool>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
