//! Other Alertmanagers: alerts of our rules posted to them, as Prometheus does (`alerting` of prometheus.yml).
//!
//! An alert is posted when it fires, again every `resend_delay` while it does, and when it ends for a quarter of an hour.
//! What an Alertmanager did not take is posted again at the rule's next evaluation, where Prometheus waits for the
//! next resending. Nothing here is kept over a restart: whatever fires is posted again.

mod metrics;
mod targets;

use crate::manager::Alerting;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use targets::Place;
use tokio::sync::{Notify, watch};
use watchfire_channels::{Outcome, Templates, Tools, post_json};
use watchfire_model::Labels;
use watchfire_model::time::Clock;
use watchfire_rules::{AlertSink, AlertState, Evaluation, Restored, SinkFuture};
use watchfire_scrape::config::alerting::Alerting as Wanted;
use watchfire_scrape::discovery::{DiscoveryStats, Hub};
use watchfire_scrape::relabel::{self, NameScheme, Rule, Verdict};

/// How many alerts one request holds.
const BATCH: usize = 256;
/// How often target files are looked at.
const LOOK: Duration = Duration::from_secs(5);

/// How alerts are sent on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SenderOptions {
    /// How many alerts wait for one Alertmanager at most; the oldest go first (`--alertmanager.notification-queue-capacity`).
    pub queue_capacity: usize,
    /// How long an alert that fires is not repeated (`--rules.alert.resend-delay`).
    pub resend_delay: Duration,
}

impl Default for SenderOptions {
    fn default() -> Self {
        Self { queue_capacity: 10_000, resend_delay: Duration::from_secs(60) }
    }
}

/// Which rule, and which of its alerts.
type Which = (String, Labels);

/// An alert to be posted.
#[derive(Clone, Debug)]
struct Outgoing {
    which: Which,
    json: serde_json::Value,
}

/// One Alertmanager.
#[derive(Debug, Default)]
struct Line {
    place: Option<Place>,
    queue: VecDeque<Outgoing>,
    is_sending: bool,
    sent: u64,
    errors: u64,
    dropped: u64,
    latency_sum: f64,
    posts: u64,
}

#[derive(Default)]
struct Board {
    wanted: Wanted,
    discovery: targets::Discovered,
    /// By address.
    lines: BTreeMap<String, Line>,
    dropped: Vec<String>,
    last_sent: HashMap<Which, i64>,
}

/// Where alerts are sent on to. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Senders {
    inner: Arc<Inner>,
}

struct Inner {
    options: SenderOptions,
    board: Mutex<Board>,
    tools: Tools,
    wake: Notify,
    hub: Hub,
}

impl fmt::Debug for Senders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Senders").field("options", &self.inner.options).finish_non_exhaustive()
    }
}

impl Inner {
    fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Senders {
    /// Senders that know nobody yet. Their discoveries count in `discovery`.
    pub fn new(options: SenderOptions, clock: Arc<dyn Clock>, discovery: Arc<DiscoveryStats>) -> Self {
        let hub = Hub::new("notify", concat!("Watchfire/", env!("CARGO_PKG_VERSION")), discovery);
        let templates = Templates::new(Arc::clone(&clock));
        let tools = Tools::with_templates(clock, templates);
        let inner = Inner { options, board: Mutex::default(), tools, wake: Notify::new(), hub };
        Self { inner: Arc::new(inner) }
    }

    /// Puts a configuration in force. What waits for an Alertmanager that stays is posted as before, and a discovery that
    /// stays goes on with what it knows. Must be called inside a tokio runtime.
    pub fn apply(&self, wanted: &Wanted, scheme: NameScheme) {
        let mut board = self.inner.board();
        if board.wanted != *wanted {
            board.wanted = wanted.clone();
            board.discovery = targets::Discovered::new(wanted, scheme, &self.inner.hub, &board.discovery);
            board.look(Duration::ZERO, &self.inner.hub);
        }
        drop(board);
        self.inner.wake.notify_one();
    }

    /// The addresses that alerts are posted to, and those that relabelling dropped.
    pub fn addresses(&self) -> (Vec<String>, Vec<String>) {
        let board = self.inner.board();
        let active = board.lines.iter().filter(|(_, line)| line.place.is_some());
        (active.map(|(url, _)| url.clone()).collect(), board.dropped.clone())
    }

    /// What is wrong with finding Alertmanagers, one line each.
    pub fn faults(&self) -> Vec<String> {
        self.inner.board().discovery.faults()
    }

    /// Posts until `stop` becomes true, and then for `grace` what waits.
    pub async fn run(&self, mut stop: watch::Receiver<bool>, grace: Duration) {
        let mut looked = Instant::now();
        loop {
            self.begin();
            let is_news = tokio::select! {
                _ = stop.wait_for(|stop| *stop) => break,
                () = self.inner.wake.notified() => false,
                () = self.inner.hub.changed() => true,
                () = tokio::time::sleep(LOOK) => false,
            };
            if is_news || looked.elapsed() >= LOOK {
                let (inner, elapsed) = (Arc::clone(&self.inner), looked.elapsed());
                looked = Instant::now();
                // Files are read.
                let _ = tokio::task::spawn_blocking(move || inner.board().look(elapsed, &inner.hub)).await;
            }
        }
        let until = Instant::now() + grace;
        while Instant::now() < until && self.waiting() > 0 {
            self.begin();
            let left = until.saturating_duration_since(Instant::now());
            let _ = tokio::time::timeout(left, self.inner.wake.notified()).await;
        }
    }

    fn waiting(&self) -> usize {
        let board = self.inner.board();
        board.lines.values().map(|line| line.queue.len() + usize::from(line.is_sending)).sum()
    }

    /// Begins a post to every Alertmanager that has something waiting and none under way.
    fn begin(&self) {
        let mut board = self.inner.board();
        for (url, line) in &mut board.lines {
            let Some(place) = line.place.clone().filter(|_| !line.is_sending && !line.queue.is_empty())
            else {
                continue;
            };
            line.is_sending = true;
            let count = line.queue.len().min(BATCH);
            let batch: Vec<Outgoing> = line.queue.drain(..count).collect();
            let (senders, url) = (self.clone(), url.clone());
            tokio::spawn(async move { senders.post(url, place, batch).await });
        }
    }

    async fn post(&self, url: String, place: Place, batch: Vec<Outgoing>) {
        let alerts: Vec<&serde_json::Value> = batch.iter().map(|alert| &alert.json).collect();
        let body = serde_json::to_vec(&alerts).unwrap_or_default();
        let begun = Instant::now();
        let attempt = post_json(&self.inner.tools, &place.client, &url, body, place.timeout).await;
        let seconds = begun.elapsed().as_secs_f64();
        let count = u64::try_from(batch.len()).unwrap_or(u64::MAX);
        let mut board = self.inner.board();
        let delivered = attempt.outcome == Outcome::Delivered;
        if !delivered {
            let error = attempt.error.unwrap_or_default();
            tracing::warn!(
                alertmanager = url,
                alerts = count,
                error,
                "alerts were not taken, they are posted again"
            );
            // Whoever still has news of them says it again at once.
            for alert in &batch {
                board.last_sent.remove(&alert.which);
            }
        }
        if let Some(line) = board.lines.get_mut(&url) {
            line.is_sending = false;
            line.posts += 1;
            line.latency_sum += seconds;
            if delivered {
                line.sent += count;
            } else {
                line.errors += count;
            }
            if line.place.is_none() && line.queue.is_empty() {
                board.lines.remove(&url);
            }
        }
        drop(board);
        self.inner.wake.notify_one();
    }

    /// Queues what of an evaluation is to be told.
    fn note(&self, evaluation: &Evaluation) {
        let now_ms = evaluation.evaluated_ms;
        let mut board = self.inner.board();
        if board.lines.is_empty() {
            return;
        }
        let resend_ms = crate::state::kept::millis(self.inner.options.resend_delay);
        let interval_ms = crate::state::kept::millis(evaluation.origin.interval);
        let valid_ms = now_ms.saturating_add(interval_ms.max(resend_ms).saturating_mul(4));
        let mut queued = false;
        for instance in &evaluation.instances {
            if instance.state == AlertState::Pending {
                continue;
            }
            let which = (evaluation.rule.clone(), instance.labels.clone());
            let last = board.last_sent.get(&which).copied();
            let is_due = match (last, instance.resolved_ms) {
                (None, _) => true,
                (Some(last_ms), Some(resolved_ms)) if resolved_ms > last_ms => true,
                (Some(last_ms), _) => last_ms.saturating_add(resend_ms) < now_ms,
            };
            if !is_due {
                continue;
            }
            let labels = Labels::from_pairs(evaluation.external_labels.iter().chain(&instance.labels));
            let Some(labels) = relabelled(&labels, &board.wanted.alert_relabel_configs) else { continue };
            let ends_ms = instance.resolved_ms.unwrap_or(valid_ms);
            let starts_ms = instance.fired_ms.unwrap_or(instance.active_ms);
            board.last_sent.insert(which.clone(), now_ms);
            for line in board.lines.values_mut() {
                let Some(place) = &line.place else { continue };
                let Some(labels) = relabelled(&labels, &place.alert_relabel_configs) else { continue };
                let json = serde_json::json!({
                    "labels": pairs(&labels),
                    "annotations": instance.annotations,
                    "startsAt": time(starts_ms),
                    "endsAt": time(ends_ms),
                    "generatorURL": evaluation.generator_url,
                });
                if line.queue.len() >= self.inner.options.queue_capacity.max(1) {
                    line.queue.pop_front();
                    line.dropped += 1;
                }
                line.queue.push_back(Outgoing { which: which.clone(), json });
                queued = true;
            }
        }
        board.forget(evaluation);
        drop(board);
        if queued {
            self.inner.wake.notify_one();
        }
    }
}

impl Board {
    /// Takes up the Alertmanagers that are there now.
    fn look(&mut self, elapsed: Duration, hub: &Hub) {
        let (places, dropped) = self.discovery.look(elapsed, hub);
        self.dropped = dropped;
        for line in self.lines.values_mut() {
            line.place = None;
        }
        if places.keys().any(|url| !self.lines.contains_key(url)) {
            // Whoever is new hears at the next evaluation of everything that fires, not only when it is repeated.
            self.last_sent.clear();
        }
        for (url, place) in places {
            self.lines.entry(url).or_default().place = Some(place);
        }
        self.lines.retain(|_, line| line.place.is_some() || line.is_sending);
        for line in self.lines.values_mut().filter(|line| line.place.is_none()) {
            line.queue.clear();
        }
    }

    /// Forgets when alerts of a rule were posted that it does not know any more.
    fn forget(&mut self, evaluation: &Evaluation) {
        const MOST: usize = 10_000;
        if evaluation.instances.is_empty() || self.last_sent.len() > MOST {
            let known: std::collections::HashSet<&Labels> =
                evaluation.instances.iter().map(|instance| &instance.labels).collect();
            self.last_sent.retain(|(rule, labels), _| *rule != evaluation.rule || known.contains(labels));
        }
    }
}

fn relabelled(labels: &Labels, rules: &[Rule]) -> Option<Labels> {
    if rules.is_empty() {
        return Some(labels.clone());
    }
    let mut builder = labels.to_builder();
    (relabel::apply(rules, &mut builder) == Verdict::Keep).then(|| builder.build())
}

fn pairs(labels: &Labels) -> BTreeMap<&str, &str> {
    labels.iter().collect()
}

fn time(at_ms: i64) -> String {
    jiff::Timestamp::from_millisecond(at_ms).map(|at| format!("{at:.3}")).unwrap_or_default()
}

/// Alerts go to people from here, and to other Alertmanagers.
#[derive(Clone, Debug)]
pub struct Fanout {
    /// Tells people.
    pub alerting: Alerting,
    /// Tells other Alertmanagers.
    pub senders: Senders,
}

impl AlertSink for Fanout {
    fn commit(&self, evaluation: Evaluation) -> SinkFuture<'_, ()> {
        // Whatever the ledger says, the others hear of it.
        self.senders.note(&evaluation);
        self.alerting.commit(evaluation)
    }

    fn restore(&self, rule: &str) -> SinkFuture<'_, Option<Restored>> {
        self.alerting.restore(rule)
    }

    fn retain(&self, rules: Vec<String>, now_ms: i64) -> SinkFuture<'_, ()> {
        self.alerting.retain(rules, now_ms)
    }
}

#[cfg(test)]
mod tests;
