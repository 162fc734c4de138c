//! What the handlers work with.

use crate::answer::{Packing, Page, Reply};
use crate::cors::Cors;
use crate::error::ApiError;
use crate::metrics::{HttpMetrics, QueryMetrics, RunningQuery};
use crate::origin::Origin;
use crate::probes::Probes;
use crate::prometheus::read::ReadLimits;
use crate::queries::{ActiveQueries, Underway};
use crate::quick::{Number, Pace, QuickQueries};
use axum::response::Response;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
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
    /// The calendars of schedules that other programs serve.
    pub calendars: watchfire_alerting::Calendars,
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
    /// Whether names are searched for completion (`--enable-feature=search-api`).
    pub search_enabled: bool,
    /// Which experimental PromQL is understood.
    pub parse: ParseOptions,
    /// Limits on remote read.
    pub read_limits: ReadLimits,
    /// Slots for remote reads that run at once.
    pub read_slots: Arc<Semaphore>,
    /// Slots for backtests that run at once, see [`App::backtests`].
    pub backtests: Arc<Semaphore>,
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
    /// Which queries were quick.
    pub quick: QuickQueries,
    /// What builds, tests and deployments come to.
    pub ci: Arc<watchfire_ci::Ci>,
    /// Groups that batch jobs push.
    pub groups: Arc<watchfire_receive::groups::Groups>,
    /// Training runs.
    pub training: Arc<watchfire_training::Runs>,
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
    /// Sees to it that pushed groups are shown while there are any.
    fn groups_changed(&self);
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

    /// As many slots for backtests as there are: each may hold a good deal of memory.
    pub fn backtests() -> Arc<Semaphore> {
        crate::alerting::backtest::slots()
    }

    /// Runs a query, whose text is shown to who asks what is under way, when a slot is free, and makes the answer of
    /// it, both on a blocking thread. The wait counts towards the query's timeout. With `cached` it may come from kept
    /// answers. Dropping the future stops the query.
    pub(crate) async fn evaluate<T: Send + 'static>(
        self: &Arc<Self>,
        query: Query,
        text: &str,
        source: (Origin, bool),
        finish: impl FnOnce(QueryResult, Timings) -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        let give = |result, timings, reply: Reply<T>| reply.give(Ok(finish(result, timings)));
        self.evaluate_into(query, text, source, give).await
    }

    /// Runs a query over another source, as [`App::evaluate`] does over the server's own, and returns what became of it.
    pub(crate) async fn evaluate_over(
        self: &Arc<Self>,
        source: Arc<dyn Source>,
        query: Query,
        text: &str,
        origin: Origin,
    ) -> Result<Result<QueryResult, QueryError>, ApiError> {
        let give = |outcome, _, reply: Reply<_>| reply.give(Ok(outcome));
        self.outcome_into(source, query, text, (origin, false), give).await
    }

    /// As [`App::evaluate`], with an answer that may be given before all of it is made.
    pub(crate) async fn evaluate_into<T: Send + 'static>(
        self: &Arc<Self>,
        query: Query,
        text: &str,
        asked: (Origin, bool),
        finish: impl FnOnce(QueryResult, Timings, Reply<T>) + Send + 'static,
    ) -> Result<T, ApiError> {
        let give = |outcome: Result<QueryResult, QueryError>, timings, reply: Reply<T>| match outcome {
            Ok(result) => finish(result, timings, reply),
            Err(error) => reply.give(Err(error.into())),
        };
        self.outcome_into(Arc::clone(&self.source), query, text, asked, give).await
    }

    async fn outcome_into<T: Send + 'static>(
        self: &Arc<Self>,
        source: Arc<dyn Source>,
        mut query: Query,
        text: &str,
        (origin, cached): (Origin, bool),
        finish: impl FnOnce(Result<QueryResult, QueryError>, Timings, Reply<T>) + Send + 'static,
    ) -> Result<T, ApiError> {
        let running = self.query_metrics.begin();
        query.count_queried |= self.queries.logs();
        let underway = self.queries.begin(&query, text, origin, self.clock.now_ms());
        let asked = Instant::now();
        let timeout = self.engine.options().timeout.min(query.timeout.unwrap_or(Duration::MAX));
        let slot = self.slot(timeout, underway.killed()).await?;
        let cancel = CancelOnDrop(Arc::clone(&query.cancel));
        let number = self.quick.number(text, &query);
        let app = Arc::clone(self);
        let evaluation =
            Evaluation { app, source, query, underway, running, slot, asked, timeout, cached, number };
        let (reply, awaited) = Reply::new();
        // Should it come to an end by itself, the answer is there already.
        let left = match self.quick.pace(number) {
            Some(Pace::AtOnce) => evaluation.try_quickly(Pace::AtOnce, finish, reply),
            Some(Pace::Quick) => {
                tokio::task::block_in_place(|| evaluation.try_quickly(Pace::Quick, finish, reply))
            }
            None => Some((evaluation, finish, reply)),
        };
        if let Some((evaluation, finish, reply)) = left {
            tokio::task::spawn_blocking(move || evaluation.run(finish, reply));
        }
        let outcome = awaited.await;
        drop(cancel);
        outcome.unwrap_or_else(|_| {
            // Why was written to standard error when it happened.
            tracing::error!("query evaluation failed unexpectedly");
            Err(ApiError::internal("query evaluation failed unexpectedly; please report it with the query"))
        })
    }

    /// Waits for a slot, until the query times out or is killed.
    async fn slot(
        &self,
        timeout: Duration,
        killed: impl Future<Output = ()>,
    ) -> Result<OwnedSemaphorePermit, ApiError> {
        if let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() {
            return Ok(slot);
        }
        tokio::select! {
            slot = tokio::time::timeout(timeout, Arc::clone(&self.slots).acquire_owned()) => slot
                .map_err(|_| ApiError::timeout("query timed out in query queue"))?
                .map_err(|_| ApiError::unavailable("the server is shutting down")),
            () = killed => Err(QueryError::Cancelled.into()),
        }
    }

    /// Reads the store and writes an answer, which may be long, off the threads that serve requests.
    pub(crate) async fn written<W: FnOnce(&mut Page)>(
        self: &Arc<Self>,
        packing: Packing,
        read: impl FnOnce(&Self) -> Result<W, ApiError> + Send + 'static,
    ) -> Result<Response, ApiError> {
        let app = Arc::clone(self);
        let (reply, awaited) = Reply::new();
        tokio::task::spawn_blocking(move || match read(&app) {
            Ok(write) => {
                let mut page = Page::new(packing, reply).helped_by(&app.engine);
                write(&mut page);
                page.finish();
            }
            Err(error) => reply.give(Err(error)),
        });
        awaited.await.unwrap_or_else(|_| Err(ApiError::internal("request failed unexpectedly")))
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

/// A query that has its slot.
struct Evaluation {
    app: Arc<App>,
    source: Arc<dyn Source>,
    query: Query,
    underway: Underway,
    running: RunningQuery,
    slot: OwnedSemaphorePermit,
    asked: Instant,
    timeout: Duration,
    cached: bool,
    number: Number,
}

impl Evaluation {
    /// Evaluates to the end and answers.
    fn run<T>(
        mut self,
        finish: impl FnOnce(Result<QueryResult, QueryError>, Timings, Reply<T>),
        reply: Reply<T>,
    ) {
        let started = Instant::now();
        let (outcome, timings) = self.evaluate(self.timeout);
        self.end(started, outcome, timings, finish, reply);
    }

    /// As [`Evaluation::run`] if that is quick; else gives everything back.
    fn try_quickly<T, F: FnOnce(Result<QueryResult, QueryError>, Timings, Reply<T>)>(
        mut self,
        pace: Pace,
        finish: F,
        reply: Reply<T>,
    ) -> Option<(Self, F, Reply<T>)> {
        let started = Instant::now();
        let (outcome, timings) = self.evaluate(pace.patience());
        let gave_up = matches!(outcome, Err(QueryError::Timeout)) && self.asked.elapsed() < self.timeout;
        if gave_up {
            self.query.usage.forget();
            return Some((self, finish, reply));
        }
        self.end(started, outcome, timings, finish, reply);
        None
    }

    fn evaluate(&mut self, most: Duration) -> (Result<QueryResult, QueryError>, Timings) {
        let queued = self.asked.elapsed();
        self.underway.runs(queued);
        self.query.timeout = Some(self.timeout.saturating_sub(queued).min(most));
        let (app, started) = (&self.app, Instant::now());
        let source = self.source.as_ref();
        let outcome = if self.cached {
            app.cache.evaluate(&app.engine, &self.query, source, app.clock.now_ms())
        } else {
            app.engine.evaluate(&self.query, source)
        };
        (outcome, Timings { queued, evaluated: started.elapsed() })
    }

    fn end<T>(
        mut self,
        started: Instant,
        outcome: Result<QueryResult, QueryError>,
        timings: Timings,
        finish: impl FnOnce(Result<QueryResult, QueryError>, Timings, Reply<T>),
        reply: Reply<T>,
    ) {
        self.underway.ends(outcome.as_ref().err().map(ToString::to_string));
        drop(self.underway);
        drop(self.slot);
        let samples = outcome.as_ref().map_or(0, |result| result.samples_read);
        self.running.end(timings, samples);
        finish(outcome, timings, reply);
        self.app.quick.took(self.number, started.elapsed());
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
