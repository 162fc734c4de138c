//! The loop that asks one target, again and again, on a schedule that does not drift.

mod report;
pub(crate) mod schedule;
pub(crate) mod status;

use crate::config::ScrapeConfig;
use crate::error::ScrapeError;
use crate::fetch::{Fetcher, protocol};
use crate::manager::stats::Stats;
use crate::series::{Mutator, Outcome, SeriesState, stale};
use report::{REPORT_ROWS, Report};
use schedule::Schedule;
use status::{LoopStatus, Scraped};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;
use watchfire_model::Labels;
use watchfire_model::ingest::{Batch, MetricSink, Refusal, RefusalReason, WriteReport};
use watchfire_model::time::Clock;
use watchfire_wire::exposition::Format;

/// A function inside this program that gives a text exposition.
pub type Gather = Arc<dyn Fn() -> Vec<u8> + Send + Sync>;

/// What the targets of one job share.
pub(crate) struct Job {
    pub(crate) config: Arc<ScrapeConfig>,
    pub(crate) source: JobSource,
    /// Why no target of the job is asked, if so.
    pub(crate) forbidden: Option<ScrapeError>,
}

impl Job {
    /// The same job, asked or not.
    pub(crate) fn with_forbidden(&self, forbidden: Option<ScrapeError>) -> Self {
        Self { config: Arc::clone(&self.config), source: self.source.clone(), forbidden }
    }
}

/// How the exposition is had.
#[derive(Clone)]
pub(crate) enum JobSource {
    /// Over HTTP.
    Http(Fetcher),
    /// From inside the program.
    Local(Gather),
}

/// What a loop is told.
#[derive(Clone)]
pub(crate) enum Order {
    /// Ask, with this job's settings.
    Run(Arc<Job>),
    /// End; write stale markers for every series, or leave them as they are.
    Stop {
        /// Whether the target is gone, rather than the program ending.
        mark_stale: bool,
    },
}

/// What every loop needs of the world.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) sink: Arc<dyn MetricSink>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) stats: Arc<Stats>,
    /// See [`crate::Options::type_and_unit_labels`].
    pub(crate) describes: bool,
}

/// One target's loop.
#[derive(Clone)]
pub(crate) struct Runner {
    pub(crate) world: World,
    pub(crate) status: Arc<LoopStatus>,
    pub(crate) job: Arc<Job>,
    pub(crate) orders: watch::Receiver<Order>,
    pub(crate) interval: Duration,
    pub(crate) timeout: Duration,
    pub(crate) offset: Duration,
    pub(crate) labels: Labels,
    pub(crate) url: String,
}

/// What a loop remembers between scrapes.
struct Memory {
    job: Arc<Job>,
    mutator: Mutator,
    report: Report,
    /// Behind a lock because large bodies are read on another thread.
    series: Arc<Mutex<SeriesState>>,
    last_body_bytes: usize,
    last_timestamp_ms: i64,
}

/// Runs a loop until it is told to stop. One that panics is a bug of ours, told in the log; its target is asked
/// again an interval later rather than never.
pub(crate) async fn supervise(runner: Runner) {
    loop {
        match tokio::spawn(runner.clone().run()).await {
            Err(error) if error.is_panic() => {
                tracing::error!(url = %runner.url, error = %error, "scrape loop failed, starting it again");
                tokio::time::sleep(runner.interval).await;
            }
            _ => return,
        }
    }
}

impl Runner {
    /// Runs until told to stop.
    async fn run(mut self) {
        let mutator =
            Mutator::new(Arc::clone(&self.job.config), self.labels.clone()).describing(self.world.describes);
        let mut memory = Memory {
            report: Report::new(&mutator),
            mutator,
            job: Arc::clone(&self.job),
            series: Arc::default(),
            last_body_bytes: 0,
            last_timestamp_ms: i64::MIN,
        };
        let mut schedule = Schedule::start(self.world.clock.now_ms(), self.interval, self.offset);
        if matches!(self.job.source, JobSource::Local(_)) {
            self.scrape(&mut memory, self.world.clock.now_ms()).await;
        }
        loop {
            let wait = schedule.wait(self.world.clock.now_ms());
            let wake = Instant::now() + wait;
            let mut orders = self.orders.clone();
            tokio::select! {
                biased;
                mark_stale = stopped(&mut orders) => return self.end(memory, mark_stale).await,
                () = tokio::time::sleep_until(wake) => {}
            }
            if let Order::Run(job) = &*self.orders.borrow_and_update() {
                memory.adopt(job, &self.labels);
            }
            let tick = schedule.tick(self.world.clock.now_ms());
            self.world.stats.missed_ticks(tick.missed);
            tokio::select! {
                biased;
                mark_stale = stopped(&mut orders) => return self.end(memory, mark_stale).await,
                () = self.scrape(&mut memory, tick.timestamp_ms) => {}
            }
        }
    }

    async fn scrape(&self, memory: &mut Memory, timestamp_ms: i64) {
        let started = Instant::now();
        let answer = self.ask(memory).await;
        let config = Arc::clone(&memory.job.config);
        let (format, body) = match answer {
            Ok((format, body)) => (Ok(format), body),
            Err(error) => (Err(error), Vec::new()),
        };
        let body_bytes = body.len();
        let outcome = memory.ingest(body, format, timestamp_ms).await;
        let duration = started.elapsed();
        memory.last_body_bytes = body_bytes;
        memory.last_timestamp_ms = memory.last_timestamp_ms.max(timestamp_ms);
        let error = outcome.error;
        if let Some(error) = &error {
            self.world.stats.failed(error);
        }
        let scraped = Scraped {
            timestamp_ms,
            duration,
            counts: outcome.counts,
            body_bytes,
            error: error.as_ref().map(ToString::to_string),
        };
        // The report comes first: a target that brings more series than the store takes still has its `up`.
        let mut rows = Vec::with_capacity(outcome.rows.len() + REPORT_ROWS);
        memory.report.rows(&scraped, &config, self.timeout, error.as_ref(), &mut rows);
        rows.extend(outcome.rows);
        for (family, metadata) in &outcome.described {
            self.world.sink.describe(&self.identity(), family, metadata.clone());
        }
        self.status.described(outcome.described);
        self.status.scraped(scraped);
        let mut batch = Batch::from(rows);
        for exemplar in outcome.exemplars {
            batch.begin_shared(exemplar.series);
            let labels = exemplar.labels.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
            batch.push_exemplar(exemplar.timestamp_ms, exemplar.value, labels);
        }
        if !self.write(batch).await {
            lock(&memory.series).forget_exemplars();
        }
    }

    async fn ask(&self, memory: &Memory) -> Result<(Format, Vec<u8>), ScrapeError> {
        if let Some(error) = &memory.job.forbidden {
            return Err(error.clone());
        }
        match &memory.job.source {
            JobSource::Http(fetcher) => {
                let answer = fetcher.fetch(&self.url, self.timeout, memory.last_body_bytes).await?;
                let fallback = memory.job.config.fallback_scrape_protocol;
                let format = protocol::format_of(answer.content_type.as_deref(), fallback)?;
                Ok((format, answer.body))
            }
            JobSource::Local(gather) => {
                let gather = Arc::clone(gather);
                let gathering = tokio::task::spawn_blocking(move || gather());
                match tokio::time::timeout(self.timeout, gathering).await {
                    Ok(Ok(body)) => Ok((Format::Text, body)),
                    Ok(Err(error)) => Err(ScrapeError::Local(error.to_string())),
                    Err(_) => Err(ScrapeError::Local("it took longer than its interval".to_owned())),
                }
            }
        }
    }

    /// Whether it was taken.
    async fn write(&self, batch: Batch) -> bool {
        match self.world.sink.write(batch).await {
            Ok(report) => {
                self.world.stats.written(&report);
                self.status.written(None, refusal(&report));
                true
            }
            Err(error) => {
                self.world.stats.write_failed();
                if self.status.written(Some(error.to_string()), None) {
                    tracing::warn!(url = %self.url, error = %error, "scraped samples were not stored");
                }
                false
            }
        }
    }

    /// Ends the loop. When the target is gone its series end with it, a moment after their last sample.
    async fn end(&self, memory: Memory, mark_stale: bool) {
        if !mark_stale || memory.last_timestamp_ms == i64::MIN {
            return;
        }
        let timestamp_ms = self.world.clock.now_ms().max(memory.last_timestamp_ms.saturating_add(1));
        let mut rows = lock(&memory.series).end_all(timestamp_ms);
        rows.extend(memory.report.series(&memory.job.config).map(|series| stale(series, timestamp_ms)));
        self.write(rows.into()).await;
    }

    /// The labels by which the sink knows this target's metadata.
    fn identity(&self) -> Labels {
        let value = |name: &'static str| (name, self.labels.get(name).unwrap_or(""));
        Labels::from_pairs([value(crate::target::JOB), value(crate::target::INSTANCE)])
    }
}

/// What the sink refused, where a person can do something about it.
fn refusal(report: &WriteReport) -> Option<String> {
    let said = |what: &str, told: &Refusal| {
        format!("{} {what} refused ({}): {}", told.rows, told.reason.as_str(), told.example)
    };
    let samples = report.refused.iter().find(|refusal| refusal.reason != RefusalReason::DuplicateTimestamp);
    let exemplars =
        report.refused_exemplars.iter().find(|refusal| refusal.reason != RefusalReason::OutOfOrder);
    let samples = samples.map(|told| said("samples", told));
    samples.or_else(|| exemplars.map(|told| said("exemplars", told)))
}

/// Bodies above this many bytes are read on a thread where blocking is allowed.
const LARGE_BODY_BYTES: usize = 64 << 10;

impl Memory {
    async fn ingest(&self, body: Vec<u8>, format: Result<Format, ScrapeError>, timestamp_ms: i64) -> Outcome {
        if body.len() <= LARGE_BODY_BYTES {
            return lock(&self.series).ingest(&body, format, timestamp_ms, &self.mutator);
        }
        let (series, mutator) = (Arc::clone(&self.series), self.mutator.clone());
        let reading =
            tokio::task::spawn_blocking(move || lock(&series).ingest(&body, format, timestamp_ms, &mutator));
        match reading.await {
            Ok(outcome) => outcome,
            Err(error) => {
                let failed = Err(ScrapeError::Local(error.to_string()));
                lock(&self.series).ingest(&[], failed, timestamp_ms, &self.mutator)
            }
        }
    }

    /// Takes over new settings; what lines mean is worked out anew when the job's configuration changed.
    fn adopt(&mut self, job: &Arc<Job>, labels: &Labels) {
        if Arc::ptr_eq(job, &self.job) {
            return;
        }
        if job.config != self.job.config {
            let describes = self.mutator.describes();
            self.mutator = Mutator::new(Arc::clone(&job.config), labels.clone()).describing(describes);
            lock(&self.series).forget_lines();
        }
        self.job = Arc::clone(job);
    }
}

fn lock(series: &Mutex<SeriesState>) -> MutexGuard<'_, SeriesState> {
    // What a panic while reading left behind is a set of lines; at worst some series end early.
    series.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Resolves when the loop is told to stop, or nobody is left to tell it anything.
async fn stopped(orders: &mut watch::Receiver<Order>) -> bool {
    let stop = orders.wait_for(|order| matches!(order, Order::Stop { .. })).await;
    match stop.as_deref() {
        Ok(Order::Stop { mark_stale }) => *mark_stale,
        _ => false,
    }
}
