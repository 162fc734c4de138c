//! Alerting as the program runs it: a sink for rules, a loop that flushes and sends, and views for the HTTP layer.

mod people;

use crate::config::Config;
use crate::explain::{self, ExplainQuery, Explained};
use crate::history::{self, HistoryPage, HistoryQuery, Statistics, StatisticsQuery};
use crate::metrics::{Gauges, Metrics, Way};
use crate::routing::RouteTest;
use crate::silences::{SilenceError, SilenceLimits};
use crate::state::{
    AlertFilter, Claim, Ended, HistoryLimits, PostedAlert, PostedSilence, State, Taken, kept,
};
use crate::status::{AlertCounts, AlertView, GroupView, OutboxView};
use crate::telling;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::JoinSet;
use watchfire_channels::Outcome;
use watchfire_ledger::{Ledger, LedgerError, Reading, Silence};
use watchfire_model::Labels;
use watchfire_model::time::Clock;
use watchfire_oncall::OnCall;
use watchfire_rules::{AlertSink, Evaluation, Restored, SinkError, SinkFuture};

/// How long the loop rests after the ledger refused a change.
const AFTER_ERROR: Duration = Duration::from_secs(1);
/// How often finished jobs are pruned, in milliseconds.
const PRUNE_EVERY_MS: i64 = 60 * 60 * 1000;
/// How soon the next step of pruning follows when one was not enough, in milliseconds.
const PRUNE_AGAIN_MS: i64 = 250;
/// The longest the loop sleeps: a clock that is set forward is noticed after this.
const LONGEST_NAP: Duration = Duration::from_secs(60);

/// A loop that has not turned for so long, in milliseconds, is stuck: it sleeps a minute at most.
const STUCK_MS: i64 = 180_000;

/// What alerting works with; fixed while it lives.
#[derive(Clone)]
pub struct AlertingOptions {
    /// Where state is kept.
    pub ledger: Ledger,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// What can be set by flags.
    pub tuning: Tuning,
}

/// What can be set by flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tuning {
    /// How long after the start groups that begin wait at least (`--dispatch.start-delay`).
    pub start_delay: Duration,
    /// How many silences there may be (`--silences.max-silences`, `--silences.max-silence-size-bytes`).
    pub silences: SilenceLimits,
    /// How long silences are kept after their end (`--data.retention`).
    pub retention: Duration,
    /// How much of the past of alerts is kept.
    pub history: HistoryLimits,
    /// Whether metrics of notifications have the receiver's name (`--enable-feature=receiver-name-in-metrics`).
    pub receiver_names: bool,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            start_delay: Duration::ZERO,
            silences: SilenceLimits::default(),
            retention: Duration::from_secs(120 * 60 * 60),
            history: HistoryLimits::default(),
            receiver_names: false,
        }
    }
}

impl fmt::Debug for AlertingOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AlertingOptions").field("ledger", &self.ledger).finish_non_exhaustive()
    }
}

/// What the configuration says beside `alertmanager.yml`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    /// Where people reach this server, without a slash at the end.
    pub external_url: String,
    /// Labels for every alert (`global.external_labels`), the same as the rules have.
    pub external_labels: Labels,
    /// Who is on call, and who is told when nobody acknowledges.
    pub oncall: Arc<OnCall>,
}

/// Alerting. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Alerting {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    state: Mutex<State>,
    /// Attempts that are over, and whose end is not kept yet. Taken only by who holds the state.
    endings: Mutex<Vec<Ended>>,
    external_labels: Mutex<Labels>,
    pub(crate) clock: Arc<dyn Clock>,
    metrics: Metrics,
    tuning: Tuning,
    /// Something happened that the loop should look at.
    wake: Notify,
    /// One receiver is tried out at a time.
    pub(crate) trying: Semaphore,
    /// When the loop turned last, in milliseconds since the Unix epoch.
    turned_ms: AtomicI64,
}

impl fmt::Debug for Alerting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Alerting").finish_non_exhaustive()
    }
}

impl Inner {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Alerting {
    /// Takes up what the ledger holds. Until [`Alerting::apply`], alerts are kept and nobody is told. Blocks.
    pub fn open(options: AlertingOptions) -> Result<Self, LedgerError> {
        let start_ms = options.clock.now_ms().saturating_add(kept::millis(options.tuning.start_delay));
        let mut state = State::load(options.ledger, Arc::clone(&options.clock), start_ms)?;
        state.set_history(options.tuning.history);
        let inner = Inner {
            state: Mutex::new(state),
            endings: Mutex::default(),
            tuning: options.tuning,
            external_labels: Mutex::default(),
            clock: options.clock,
            metrics: Metrics::default(),
            wake: Notify::new(),
            trying: Semaphore::new(1),
            turned_ms: AtomicI64::new(i64::MIN),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Puts a configuration in force; sending that is under way goes on.
    pub async fn apply(&self, config: Config, settings: Settings) -> Result<(), LedgerError> {
        let labels = settings.external_labels;
        self.blocking(move |inner| {
            *inner.external_labels.lock().unwrap_or_else(PoisonError::into_inner) = labels;
            let now_ms = inner.clock.now_ms();
            inner.state().apply(config, settings.oncall, settings.external_url, now_ms)
        })
        .await?;
        self.inner.wake.notify_one();
        Ok(())
    }

    /// The configuration in force.
    pub fn config(&self) -> Arc<Config> {
        Arc::clone(self.inner.state().config())
    }

    /// Flushes and sends until `stop` becomes true, then waits up to `grace` for what is being sent. Whatever is left
    /// is in the outbox.
    pub async fn run(&self, mut stop: watch::Receiver<bool>, grace: Duration) {
        let mut sending = JoinSet::new();
        let mut next_prune_ms = i64::MIN;
        loop {
            let now_ms = self.inner.clock.now_ms();
            let prune = now_ms >= next_prune_ms;
            if prune {
                next_prune_ms = now_ms.saturating_add(PRUNE_EVERY_MS);
            }
            let round = self.blocking(move |inner| inner.round(now_ms, prune)).await;
            let nap = match round {
                Ok((claims, next_ms, more_to_prune)) => {
                    if more_to_prune {
                        next_prune_ms = now_ms.saturating_add(PRUNE_AGAIN_MS);
                    }
                    for claim in claims {
                        let alerting = self.clone();
                        sending.spawn(async move { alerting.send(claim).await });
                    }
                    let next_ms = next_ms.map_or(next_prune_ms, |next| next.min(next_prune_ms));
                    let nap_ms =
                        Some(next_ms).map(|next| next.saturating_sub(self.inner.clock.now_ms()).max(1));
                    nap_ms.map_or(LONGEST_NAP, |ms| Duration::from_millis(ms.unsigned_abs())).min(LONGEST_NAP)
                }
                Err(error) => {
                    tracing::error!(%error, "alerting could not keep its state, trying again");
                    AFTER_ERROR
                }
            };
            while sending.try_join_next().is_some() {}
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => break,
                () = self.inner.wake.notified() => {}
                () = tokio::time::sleep(nap) => {}
            }
        }
        let drained =
            tokio::time::timeout(grace, async { while sending.join_next().await.is_some() {} }).await;
        if drained.is_err() {
            tracing::warn!(
                left = sending.len(),
                "notifications still being sent at the end, they stay in the outbox"
            );
        }
    }

    /// Whether alerts can be kept and told: the ledger takes a transaction, and the loop turned a while ago.
    ///
    /// # Errors
    /// Says what does not work.
    pub(crate) async fn prove_alive(&self) -> Result<(), String> {
        self.blocking(|inner| {
            let now_ms = inner.clock.now_ms();
            let turned_ms = inner.turned_ms.load(Ordering::Relaxed);
            if now_ms.saturating_sub(turned_ms) > STUCK_MS {
                return Err("the loop that sends notifications does not turn".to_owned());
            }
            let kept = inner.state().keep_beat(now_ms);
            kept.map_err(|error| format!("the state of alerts cannot be kept: {error}"))
        })
        .await
    }

    /// One round of the loop at the clock's time, its sending included; returns how many attempts were made.
    pub async fn tick(&self) -> Result<usize, LedgerError> {
        let now_ms = self.inner.clock.now_ms();
        let (claims, ..) = self.blocking(move |inner| inner.round(now_ms, false)).await?;
        let attempts = claims.len();
        let mut sending = JoinSet::new();
        for claim in claims {
            let alerting = self.clone();
            sending.spawn(async move { alerting.send(claim).await });
        }
        while sending.join_next().await.is_some() {}
        Ok(attempts)
    }

    /// The alerts that fire and that a filter shows, by fingerprint.
    pub async fn alerts(&self, filter: AlertFilter) -> Vec<AlertView> {
        self.blocking(move |inner| inner.state().alerts(&filter, inner.clock.now_ms())).await
    }

    /// How many alerts fire, whoever evaluated them.
    pub async fn alert_counts(&self) -> AlertCounts {
        self.blocking(move |inner| {
            let counts = inner.state().counts(inner.clock.now_ms());
            AlertCounts { active: counts.active, suppressed: counts.suppressed }
        })
        .await
    }

    /// The groups with an alert that fires and that a filter shows, by labels.
    pub async fn groups(&self, filter: AlertFilter) -> Vec<GroupView> {
        self.blocking(move |inner| inner.state().groups(&filter, inner.clock.now_ms())).await
    }

    /// Takes in alerts from outside; they are on disk when this resolves.
    pub async fn post(&self, alerts: Vec<PostedAlert>) -> Result<Taken, LedgerError> {
        let taken = self
            .blocking(move |inner| {
                let now_ms = inner.clock.now_ms();
                inner.state().post(alerts, now_ms)
            })
            .await?;
        self.inner.metrics.received(&taken);
        self.inner.wake.notify_one();
        Ok(taken)
    }

    /// All silences, in Alertmanager's order.
    pub async fn silences(&self) -> Vec<Silence> {
        self.blocking(move |inner| inner.state().silences(inner.clock.now_ms())).await
    }

    /// The silence with an id.
    pub async fn silence(&self, id: String) -> Option<Silence> {
        self.view(move |state| state.silence(&id)).await
    }

    /// Keeps a silence and returns its id; it is on disk when this resolves.
    pub async fn put_silence(&self, posted: PostedSilence) -> Result<String, SilenceError> {
        self.blocking(move |inner| {
            let now_ms = inner.clock.now_ms();
            inner.state().put_silence(posted, new_id(), inner.tuning.silences, now_ms)
        })
        .await
    }

    /// Ends a silence; that is on disk when this resolves.
    pub async fn expire_silence(&self, id: String) -> Result<(), SilenceError> {
        self.blocking(move |inner| {
            let now_ms = inner.clock.now_ms();
            inner.state().expire_silence(&id, now_ms)
        })
        .await
    }

    /// Takes in silences of another Alertmanager; returns how many are new or newer than what was here.
    pub async fn import_silences(&self, silences: Vec<Silence>) -> Result<usize, LedgerError> {
        self.blocking(move |inner| inner.state().import_silences(silences)).await
    }

    /// The outbox, and the newest `limit` jobs and attempts.
    pub async fn outbox(&self, limit: u32) -> Result<OutboxView, LedgerError> {
        self.read(move |read| {
            Ok(OutboxView {
                counts: read.outbox_counts()?,
                jobs: read.recent_jobs(limit)?,
                deliveries: read.recent_deliveries(limit)?,
            })
        })
        .await
    }

    /// Searches the past of alerts.
    pub async fn history(&self, query: HistoryQuery) -> Result<HistoryPage, LedgerError> {
        self.read(move |read| history::search(read, &query)).await
    }

    /// How noisy rules are.
    pub async fn statistics(&self, query: StatisticsQuery) -> Result<Statistics, LedgerError> {
        let now_ms = self.inner.clock.now_ms();
        self.read(move |read| history::statistics(read, &query, now_ms)).await
    }

    /// Why somebody was told of an alert, or was not; `None` where no alert is the one asked for.
    pub async fn explain(&self, query: ExplainQuery) -> Result<Option<Explained>, LedgerError> {
        let inner = Arc::clone(&self.inner);
        let ledger = inner.state().ledger().clone();
        let task = move || {
            let now_ms = inner.clock.now_ms();
            let found = ledger.read(|read| explain::find(read, &query))?;
            let state = inner.state();
            let found = found.or_else(|| {
                let identity = state.identity(|alert| match query.fingerprint {
                    Some(wanted) => alert.fingerprint == wanted,
                    None => query.matchers.iter().all(|matcher| matcher.matches(&alert.labels)),
                });
                identity.map(|identity| (Arc::new(identity), 0))
            });
            let Some((identity, others)) = found else { return Ok(None) };
            let snapshot = state.snapshot(identity.fingerprint, &identity.labels, now_ms);
            let (config, integrations) = (Arc::clone(state.config()), state.integration_names());
            drop(state);
            let around =
                explain::Around { config: &config, snapshot: &snapshot, integrations: &integrations, now_ms };
            ledger.read(|read| explain::explain(read, &query, identity, others, &around)).map(Some)
        };
        tokio::task::spawn_blocking(task)
            .await
            .unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
    }

    /// What would become of an alert with these labels at a time, under the configuration in force or another one.
    pub async fn route_test(&self, other: Option<Config>, labels: Labels, at_ms: i64) -> RouteTest {
        self.view(move |state| state.route_test(other.as_ref(), &labels, at_ms)).await
    }

    /// How long silences are kept after their end.
    pub fn silence_retention(&self) -> Duration {
        self.inner.tuning.retention
    }

    /// How much history is kept, and what of it was not since the start, by rule.
    pub fn history_limits(&self) -> (HistoryLimits, BTreeMap<String, u64>) {
        (self.inner.tuning.history, self.inner.state().history_dropped())
    }

    /// Reads the ledger without holding anybody up.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Reading<'_>) -> Result<T, LedgerError> + Send + 'static,
    ) -> Result<T, LedgerError> {
        let ledger = self.inner.state().ledger().clone();
        tokio::task::spawn_blocking(move || ledger.read(look))
            .await
            .unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
    }

    /// Appends alerting's own metrics in Prometheus's text format.
    pub fn write_metrics(&self, out: &mut String) {
        let gauges = {
            let state = self.inner.state();
            let config = Arc::clone(state.config());
            let receivers = config.receivers.receivers.iter();
            let integrations = || {
                receivers.clone().flat_map(|receiver| {
                    receiver.integrations.iter().map(move |one| (receiver, one.kind.name()))
                })
            };
            let ways: BTreeSet<Way> =
                integrations().map(|(receiver, kind)| self.inner.way(kind, &receiver.name)).collect();
            let ways = ways.into_iter().collect();
            Gauges {
                counts: state.counts(self.inner.clock.now_ms()),
                suppressed: state.suppressed(),
                groups: state.group_count(),
                open_jobs: state.open_job_count(),
                tally: state.tally().clone(),
                incidents: state.incident_counts(),
                receivers: state.config().receivers.receivers.len(),
                integrations: integrations().count(),
                inhibitions: state.config().inhibit_rules.len(),
                ways,
                config_hash: state.config().hash,
                history_dropped: state.history_dropped(),
                canaries: state.canaries(self.inner.clock.now_ms()),
            }
        };
        self.inner.metrics.write(gauges, out);
    }

    async fn send(&self, claim: Claim) {
        let begun = Instant::now();
        let attempt = telling::send(&claim.channel, &claim.job, claim.receipt.as_ref()).await;
        let latency = begun.elapsed();
        let delivered = attempt.outcome == Outcome::Delivered;
        let dead = attempt.outcome == Outcome::Dead;
        let way = self.inner.way(claim.kind, &claim.job.receiver);
        self.inner.metrics.attempt(way, attempt.status, delivered, dead, latency.as_secs_f64());
        if !delivered {
            tracing::warn!(
                receiver = claim.job.receiver,
                group = claim.job.group_key,
                attempt = claim.job.attempts,
                error = attempt.error.as_deref().unwrap_or_default(),
                given_up = dead,
                "notification not delivered"
            );
        }
        // Ends that come while another is being kept are kept together: one wait for the disk, not one each.
        let ended = Ended { claim, attempt, latency };
        self.inner.endings.lock().unwrap_or_else(PoisonError::into_inner).push(ended);
        self.blocking(Inner::keep_endings).await;
        self.inner.wake.notify_one();
    }

    async fn view<T: Send + 'static>(&self, look: impl FnOnce(&State) -> T + Send + 'static) -> T {
        self.blocking(move |inner| look(&inner.state())).await
    }

    /// Runs something that waits for the disk, or for whoever does, on a thread that may wait.
    async fn blocking<T: Send + 'static>(&self, task: impl FnOnce(&Inner) -> T + Send + 'static) -> T {
        let inner = Arc::clone(&self.inner);
        match tokio::task::spawn_blocking(move || task(&inner)).await {
            Ok(result) => result,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The runtime is going down; nobody waits for this any more.
                Err(_) => std::future::pending().await,
            },
        }
    }
}

impl Inner {
    /// What metrics tell a kind of integration by.
    fn way(&self, kind: &'static str, receiver: &str) -> Way {
        (kind, if self.tuning.receiver_names { receiver.to_owned() } else { String::new() })
    }

    /// Keeps how attempts ended; those of others, too, that wait for the same.
    fn keep_endings(&self) {
        let now_ms = self.clock.now_ms();
        let mut state = self.state();
        let ended = std::mem::take(&mut *self.endings.lock().unwrap_or_else(PoisonError::into_inner));
        if ended.is_empty() {
            return;
        }
        match state.finish(&ended, now_ms) {
            Ok(waits) => {
                for (ended, waits) in ended.iter().zip(&waits) {
                    self.metrics.delivered(self.way(ended.claim.kind, &ended.claim.job.receiver), waits);
                }
            }
            Err(error) => {
                for Ended { claim, .. } in &ended {
                    state.release(claim);
                    let job = claim.job.id;
                    tracing::error!(job, %error, "the end of a delivery could not be kept, it will be repeated");
                }
            }
        }
    }

    /// What is to be sent, when there is something to do next, and whether there is more to prune.
    fn round(&self, now_ms: i64, prune: bool) -> Result<(Vec<Claim>, Option<i64>, bool), LedgerError> {
        let mut state = self.state();
        self.turned_ms.store(now_ms, Ordering::Relaxed);
        let mut more = false;
        if prune {
            let early;
            (more, early) = state.forget_history(now_ms)?;
            self.metrics.forgotten_early(early);
            state.prune_incidents(now_ms)?;
            state.prune(now_ms)?;
            state.forget_silences(now_ms.saturating_sub(kept::millis(self.tuning.retention)))?;
        }
        state.flush_due(now_ms)?;
        state.escalate_due(now_ms)?;
        let claims = state.claim(now_ms)?;
        Ok((claims, state.next_wake_ms(), more))
    }
}

/// A random UUID, version 4.
fn new_id() -> String {
    let bits = fastrand::u128(..);
    let bits = bits & !(0xf << 76) & !(0b11 << 62) | 0x4 << 76 | 0b10 << 62;
    let hex = format!("{bits:032x}");
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    format!("{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32))
}

fn sink_error(error: &LedgerError) -> SinkError {
    SinkError(error.to_string())
}

impl AlertSink for Alerting {
    fn commit(&self, evaluation: Evaluation) -> SinkFuture<'_, ()> {
        Box::pin(async move {
            let news = self
                .blocking(move |inner| {
                    let mut state = inner.state();
                    if !state.is_news(&evaluation) {
                        return Ok(false);
                    }
                    state.commit(&evaluation, inner.clock.now_ms()).map(|()| true)
                })
                .await
                .map_err(|error| sink_error(&error))?;
            if news {
                self.inner.wake.notify_one();
            }
            Ok(())
        })
    }

    fn restore(&self, rule: &str) -> SinkFuture<'_, Option<Restored>> {
        let rule = rule.to_owned();
        Box::pin(async move {
            let state =
                self.view(move |state| state.rule_state(&rule)).await.map_err(|error| sink_error(&error))?;
            Ok(state.map(|state| Restored {
                evaluated_ms: state.evaluated_ms,
                instances: state.instances.into_iter().map(kept::rule_form).collect(),
            }))
        })
    }

    fn retain(&self, rules: Vec<String>, now_ms: i64) -> SinkFuture<'_, ()> {
        let rules: BTreeSet<String> = rules.into_iter().collect();
        Box::pin(async move {
            let result = self
                .blocking(move |inner| {
                    let labels = inner.external_labels.lock().unwrap_or_else(PoisonError::into_inner).clone();
                    inner.state().retain(&rules, &labels, now_ms)
                })
                .await;
            self.inner.wake.notify_one();
            result.map_err(|error| sink_error(&error))
        })
    }
}

#[cfg(test)]
mod tests;
