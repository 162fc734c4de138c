//! Queries from outside: which are under way, which were slow, and the log of all of them.

mod log;

use crate::origin::Origin;
use crate::time::rfc3339;
use serde::Serialize;
use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use watchfire_model::time::Clock;
use watchfire_promql::engine::{Query, QueryUsage};
use watchfire_rules::{QueryObserver, RuleQuery};

/// A query that took longer is remembered.
const SLOW: Duration = Duration::from_secs(1);
/// So many slow queries are remembered, the slowest of late.
const MAX_SLOW: usize = 50;
/// A text is shown up to this many characters.
const MAX_SHOWN_CHARS: usize = 2_000;

/// All queries under way, and those that were slow.
#[derive(Debug, Default)]
pub struct ActiveQueries {
    last_id: AtomicU64,
    active: Mutex<BTreeMap<u64, Arc<Entry>>>,
    slow: Mutex<VecDeque<Finished>>,
    log: Mutex<Option<log::QueryLog>>,
    /// Whether there is one.
    logs: AtomicBool,
}

/// What a query asks.
#[derive(Clone, Debug, Serialize)]
struct Asked {
    id: u64,
    query: String,
    /// Milliseconds since the Unix epoch, as is `end`; `step` is their distance, 0 for an instant query.
    start: i64,
    end: i64,
    step: i64,
    /// When it came.
    asked: String,
}

#[derive(Debug)]
struct Entry {
    asked: Asked,
    origin: Origin,
    since: Instant,
    running: AtomicBool,
    cancel: Arc<AtomicBool>,
    killed: AtomicBool,
    wake: Notify,
    usage: Arc<QueryUsage>,
}

/// A query under way, as it stands.
#[derive(Debug, Serialize)]
pub(crate) struct Active {
    #[serde(flatten)]
    asked: Asked,
    /// Whether it waits for a slot.
    queued: bool,
    seconds: f64,
    samples_read: u64,
    held_bytes: usize,
}

/// A query that has ended.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Finished {
    #[serde(flatten)]
    asked: Asked,
    #[serde(skip)]
    origin: Origin,
    /// Why it failed.
    #[serde(skip)]
    error: Option<String>,
    /// `done`, `failed`, `killed` or `left` by its client.
    outcome: &'static str,
    queued_seconds: f64,
    seconds: f64,
    samples_read: u64,
    #[serde(skip)]
    samples_looked_at: u64,
    peak_bytes: usize,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(MAX_SHOWN_CHARS) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

impl ActiveQueries {
    /// Whether there is a log, which tells how many samples a query looks at.
    pub(crate) fn logs(&self) -> bool {
        self.logs.load(Ordering::Relaxed)
    }

    /// Notes a query until what is returned is dropped.
    pub(crate) fn begin(
        self: &Arc<Self>,
        query: &Query,
        text: &str,
        origin: Origin,
        now_ms: i64,
    ) -> Underway {
        let id = self.last_id.fetch_add(1, Ordering::Relaxed) + 1;
        let asked = Asked {
            id,
            query: shortened(text),
            start: query.start_ms,
            end: query.end_ms,
            step: query.step_ms,
            asked: rfc3339(now_ms),
        };
        let entry = Arc::new(Entry {
            asked,
            origin,
            since: Instant::now(),
            running: AtomicBool::new(false),
            cancel: Arc::clone(&query.cancel),
            killed: AtomicBool::new(false),
            wake: Notify::new(),
            usage: Arc::clone(&query.usage),
        });
        locked(&self.active).insert(id, Arc::clone(&entry));
        Underway { queries: Arc::clone(self), entry, outcome: "left", error: None, queued: None }
    }

    /// Those under way, the oldest first.
    pub(crate) fn active(&self) -> Vec<Active> {
        let shown = |entry: &Arc<Entry>| Active {
            asked: entry.asked.clone(),
            queued: !entry.running.load(Ordering::Relaxed),
            seconds: entry.since.elapsed().as_secs_f64(),
            samples_read: entry.usage.samples_read(),
            held_bytes: entry.usage.held_bytes(),
        };
        locked(&self.active).values().map(shown).collect()
    }

    /// The slow ones of late, the newest first.
    pub(crate) fn slow(&self) -> Vec<Finished> {
        locked(&self.slow).iter().rev().cloned().collect()
    }

    /// Stops a query; false when there is none with this number any more.
    pub(crate) fn kill(&self, id: u64) -> bool {
        let entry = locked(&self.active).get(&id).cloned();
        let Some(entry) = entry else { return false };
        entry.killed.store(true, Ordering::Relaxed);
        entry.cancel.store(true, Ordering::Relaxed);
        entry.wake.notify_one();
        true
    }

    /// Writes every query that ends to this file from now on, one JSON object a line, as Prometheus's `query_log_file`;
    /// `None` writes none. Called again with the same path it opens the file anew, after a rotation.
    ///
    /// # Errors
    /// The file cannot be opened; then the log stays what it was.
    pub fn log_to(&self, path: Option<&Path>) -> std::io::Result<()> {
        let opened = path.map(log::QueryLog::open).transpose()?;
        let mut log = locked(&self.log);
        self.logs.store(opened.is_some(), Ordering::Relaxed);
        *log = opened;
        Ok(())
    }
}

/// Writes the queries of rules into the log of queries, where there is one.
pub struct RuleQueries {
    queries: Arc<ActiveQueries>,
    clock: Arc<dyn Clock>,
}

impl RuleQueries {
    /// Writes into the log of these.
    pub fn new(queries: Arc<ActiveQueries>, clock: Arc<dyn Clock>) -> Self {
        Self { queries, clock }
    }
}

impl std::fmt::Debug for RuleQueries {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RuleQueries").finish_non_exhaustive()
    }
}

impl QueryObserver for RuleQueries {
    fn counts_samples(&self) -> bool {
        self.queries.logs()
    }

    fn ended(&self, query: &RuleQuery<'_>) {
        if !self.queries.logs() {
            return;
        }
        let line = log::rule_line(query, self.clock.now_ms());
        if let Some(log) = &mut *locked(&self.queries.log) {
            log.write(&line);
        }
    }
}

/// A query under way.
#[derive(Debug)]
pub(crate) struct Underway {
    queries: Arc<ActiveQueries>,
    entry: Arc<Entry>,
    outcome: &'static str,
    error: Option<String>,
    queued: Option<Duration>,
}

impl Underway {
    /// Returns when somebody kills it.
    pub(crate) fn killed(&self) -> impl Future<Output = ()> + Send + use<> {
        let entry = Arc::clone(&self.entry);
        async move { entry.wake.notified().await }
    }

    /// It has its slot.
    pub(crate) fn runs(&mut self, queued: Duration) {
        self.queued = Some(queued);
        self.entry.running.store(true, Ordering::Relaxed);
    }

    /// It came to an end by itself, with an error or without.
    pub(crate) fn ends(&mut self, error: Option<String>) {
        self.outcome = if error.is_none() { "done" } else { "failed" };
        self.error = error;
    }
}

impl Drop for Underway {
    fn drop(&mut self) {
        locked(&self.queries.active).remove(&self.entry.asked.id);
        let seconds = self.entry.since.elapsed();
        let killed = self.entry.killed.load(Ordering::Relaxed);
        let left = self.entry.cancel.load(Ordering::Relaxed) && self.outcome != "done";
        let finished = Finished {
            asked: self.entry.asked.clone(),
            origin: self.entry.origin.clone(),
            error: self.error.take(),
            outcome: match self.outcome {
                _ if killed => "killed",
                "failed" if left => "left",
                outcome => outcome,
            },
            queued_seconds: self.queued.unwrap_or(seconds).as_secs_f64(),
            seconds: seconds.as_secs_f64(),
            samples_read: self.entry.usage.samples_read(),
            samples_looked_at: self.entry.usage.samples_looked_at(),
            peak_bytes: self.entry.usage.peak_bytes(),
        };
        if let Some(log) = &mut *locked(&self.queries.log) {
            log.write(&log::line(&finished));
        }
        if seconds >= SLOW {
            let mut slow = locked(&self.queries.slow);
            if slow.len() >= MAX_SLOW {
                slow.pop_front();
            }
            slow.push_back(finished);
        }
    }
}

#[cfg(test)]
mod tests;
