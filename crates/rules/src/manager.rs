//! All groups: started, evaluated on time, changed on reload, stopped.

mod metrics;

use crate::file::RuleFile;
use crate::group::{Group, Surround, end_series};
use crate::query::{Asker, QueryObserver, QueryThreads};
use crate::sink::AlertSink;
use crate::status::GroupStatus;
use metrics::Counts;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use watchfire_model::Labels;
use watchfire_model::ingest::MetricSink;
use watchfire_model::time::Clock;
use watchfire_promql::{Engine, Source};

/// What the manager works with; fixed while it lives.
#[derive(Clone)]
pub struct Parts {
    /// Evaluates expressions.
    pub engine: Engine,
    /// Where series are read.
    pub source: Arc<dyn Source>,
    /// Where recorded series go.
    pub samples: Arc<dyn MetricSink>,
    /// Where alerts go.
    pub alerts: Arc<dyn AlertSink>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Who is told of the queries of rules.
    pub observer: Option<Arc<dyn QueryObserver>>,
    /// Threads reserved for the queries of rules.
    pub query_threads: usize,
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts").field("query_threads", &self.query_threads).finish_non_exhaustive()
    }
}

/// What the configuration says about all groups.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// How often a group that does not say so is evaluated (`global.evaluation_interval`).
    pub evaluation_interval: Duration,
    /// How far in the past, for groups that do not say so (`global.rule_query_offset`).
    pub query_offset: Duration,
    /// Labels for every alert (`global.external_labels`).
    pub external_labels: Labels,
    /// Where people reach this server, without a slash at the end.
    pub external_url: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            evaluation_interval: Duration::from_secs(60),
            query_offset: Duration::ZERO,
            external_labels: Labels::empty(),
            external_url: String::new(),
        }
    }
}

/// Evaluates groups on time, each in a task of its own.
pub struct Manager {
    parts: Parts,
    threads: Arc<QueryThreads>,
    /// Held over a whole reload, so that two of them do not mix.
    running: tokio::sync::Mutex<Running>,
    board: Arc<Board>,
}

impl fmt::Debug for Manager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Manager").field("parts", &self.parts).finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Running {
    settings: Option<Settings>,
    groups: BTreeMap<GroupKey, RunningGroup>,
}

/// File and name.
pub(crate) type GroupKey = (String, String);

struct RunningGroup {
    stop: watch::Sender<bool>,
    task: JoinHandle<Group>,
    /// For telling whether a reload changes it.
    spec: crate::file::GroupSpec,
}

/// What everybody may read at any time.
#[derive(Default)]
struct Board {
    /// In the order of the files.
    groups: Mutex<Vec<(GroupKey, Arc<GroupStatus>)>>,
    counts: Mutex<Counts>,
}

impl Board {
    fn publish(&self, key: &GroupKey, status: Arc<GroupStatus>) {
        let mut groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, slot)) = groups.iter_mut().find(|(found, _)| found == key) {
            *slot = status;
        }
    }
}

impl Manager {
    /// A manager without groups. Fails where the system gives no threads.
    pub fn start(parts: Parts) -> std::io::Result<Self> {
        let threads = Arc::new(QueryThreads::start(parts.query_threads)?);
        Ok(Self { parts, threads, running: tokio::sync::Mutex::default(), board: Arc::default() })
    }

    /// Puts files and settings in force. Groups that did not change go on undisturbed; in the others, rules that are
    /// still there keep their state. Alerts of rules that are gone are resolved, their series end.
    pub async fn apply(&self, files: Vec<RuleFile>, settings: Settings) {
        let mut running = self.running.lock().await;
        let now_ms = self.parts.clock.now_ms();
        let same_settings = running.settings.as_ref() == Some(&settings);
        let mut before = std::mem::take(&mut running.groups);
        let surround = self.surround(&settings);
        let (mut board, mut fresh, mut rules) = (Vec::new(), Vec::new(), Vec::new());
        for file in files {
            for spec in file.groups {
                let key = (file.name.clone(), spec.name.clone());
                let mut group = Group::new(&file.name, spec, settings.evaluation_interval);
                rules.extend(group.alerting_rules().map(str::to_owned));
                match before.remove(&key) {
                    Some(unchanged) if same_settings && unchanged.spec == group.spec => {
                        let status = self.status_of(&key).unwrap_or_else(|| Arc::new(group.status()));
                        board.push((key.clone(), status));
                        running.groups.insert(key, unchanged);
                        continue;
                    }
                    Some(changed) => {
                        if let Some(older) = stop(changed).await {
                            let orphans = group.inherit(older);
                            self.end(orphans, now_ms).await;
                        }
                    }
                    None => {}
                }
                group.restore(&*surround.alerts, now_ms).await;
                board.push((key.clone(), Arc::new(group.status())));
                fresh.push((key, group));
            }
        }
        for (_, gone) in before {
            if let Some(group) = stop(gone).await {
                self.end(group.written(), now_ms).await;
            }
        }
        if let Err(error) = surround.alerts.retain(rules, now_ms).await {
            tracing::error!(%error, "alerts of rules that are gone were not resolved");
        }
        let keys: Vec<GroupKey> = board.iter().map(|(key, _)| key.clone()).collect();
        *self.board.groups.lock().unwrap_or_else(PoisonError::into_inner) = board;
        self.board.counts.lock().unwrap_or_else(PoisonError::into_inner).retain(&keys);
        for (key, group) in fresh {
            let (stop, stopped) = watch::channel(false);
            let spec = group.spec.clone();
            let run =
                run(group, surround.clone(), Arc::clone(&self.parts.clock), stopped, Arc::clone(&self.board));
            running.groups.insert(key, RunningGroup { stop, task: tokio::spawn(run), spec });
        }
        running.settings = Some(settings);
    }

    /// Stops all groups, each after the rule under way. The alerts stay as they are, for the next start.
    pub async fn stop(&self) {
        let mut running = self.running.lock().await;
        for (_, group) in std::mem::take(&mut running.groups) {
            stop(group).await;
        }
        running.settings = None;
    }

    /// The settings in force, if any were ever.
    pub async fn settings(&self) -> Option<Settings> {
        self.running.lock().await.settings.clone()
    }

    /// How all groups fare, in the order of the files.
    pub fn groups(&self) -> Vec<Arc<GroupStatus>> {
        let groups = self.board.groups.lock().unwrap_or_else(PoisonError::into_inner);
        groups.iter().map(|(_, status)| Arc::clone(status)).collect()
    }

    /// Appends the manager's own metrics in Prometheus's text format, under Prometheus's names.
    pub fn write_metrics(&self, out: &mut String) {
        let groups = self.groups();
        self.board.counts.lock().unwrap_or_else(PoisonError::into_inner).write(out, &groups);
    }

    fn surround(&self, settings: &Settings) -> Surround {
        Surround {
            asker: Asker::new(self.parts.engine.clone(), Arc::clone(&self.parts.source)),
            observer: self.parts.observer.clone(),
            threads: Arc::clone(&self.threads),
            samples: Arc::clone(&self.parts.samples),
            alerts: Arc::clone(&self.parts.alerts),
            external_labels: settings.external_labels.clone(),
            external_url: settings.external_url.clone(),
            default_query_offset: settings.query_offset,
        }
    }

    fn status_of(&self, key: &GroupKey) -> Option<Arc<GroupStatus>> {
        let groups = self.board.groups.lock().unwrap_or_else(PoisonError::into_inner);
        groups.iter().find(|(found, _)| found == key).map(|(_, status)| Arc::clone(status))
    }

    async fn end(&self, series: Vec<Labels>, now_ms: i64) {
        if let Err(error) = end_series(&*self.parts.samples, series, now_ms).await {
            tracing::warn!(error, "the end of recorded series was not written");
        }
    }
}

async fn stop(group: RunningGroup) -> Option<Group> {
    // A task that ended by itself has dropped its receiver.
    let _ = group.stop.send(true);
    match group.task.await {
        Ok(group) => Some(group),
        Err(error) => {
            tracing::error!(%error, "a rule group ended by itself");
            None
        }
    }
}

/// Evaluates a group at its times until it is told to stop.
async fn run(
    mut group: Group,
    surround: Surround,
    clock: Arc<dyn Clock>,
    mut stopped: watch::Receiver<bool>,
    board: Arc<Board>,
) -> Group {
    let key = (group.file.clone(), group.spec.name.clone());
    let interval_ms = crate::alerting::millis(group.interval).max(1);
    let slot_ms = slot_of(&key, interval_ms);
    let mut next_ms = next_evaluation(clock.now_ms(), interval_ms, slot_ms);
    loop {
        let wait = u64::try_from(next_ms.saturating_sub(clock.now_ms())).unwrap_or(0);
        tokio::select! {
            _ = stopped.wait_for(|stop| *stop) => return group,
            () = tokio::time::sleep(Duration::from_millis(wait)) => {}
        }
        // A clock that is injected, or set back, may not have come this far.
        if clock.now_ms() < next_ms {
            tokio::time::sleep(Duration::from_millis(1)).await;
            continue;
        }
        // Told to stop, a group does not begin its next rule.
        group.evaluate(next_ms, &surround, || !*stopped.borrow()).await;
        let status = Arc::new(group.status());
        board.publish(&key, Arc::clone(&status));
        let after_ms = next_evaluation(clock.now_ms(), interval_ms, slot_ms).max(next_ms + interval_ms);
        let missed = (after_ms - next_ms) / interval_ms - 1;
        let missed = u64::try_from(missed).unwrap_or(0);
        let mut counts = board.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.evaluated(&key, &status, missed);
        drop(counts);
        next_ms = after_ms;
    }
}

/// The group's place inside its interval: the same after a restart, and spread over all groups.
pub(crate) fn slot_of(key: &GroupKey, interval_ms: i64) -> i64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in key.0.bytes().chain([0xff]).chain(key.1.bytes()) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    i64::try_from(hash % interval_ms.unsigned_abs().max(1)).unwrap_or(0)
}

/// The first time after `now_ms` that lies in the slot.
pub(crate) fn next_evaluation(now_ms: i64, interval_ms: i64, slot_ms: i64) -> i64 {
    (now_ms - slot_ms).div_euclid(interval_ms) * interval_ms + slot_ms + interval_ms
}

#[cfg(test)]
mod tests;
