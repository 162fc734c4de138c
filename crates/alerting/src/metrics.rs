//! Alerting's own metrics, under Alertmanager's names.

mod alertmanagers;
mod canaries;
mod people;

use crate::canary::CanaryView;
use crate::state::{Counts, Suppressed, Taken, Tally};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use watchfire_model::Severity;

const LATENCY_BOUNDS: [f64; 6] = [1.0, 5.0, 10.0, 15.0, 20.0, 60.0];

/// From firing to confirmed delivery: the waits of groups lie within it, so hours are possible.
const DELIVERY_BOUNDS: [f64; 12] = [0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 15.0, 30.0, 60.0, 300.0, 900.0, 3600.0];

/// What was counted since the start.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    counts: Mutex<Total>,
}

#[derive(Clone, Debug, Default)]
struct Total {
    dead: u64,
    received_firing: u64,
    received_resolved: u64,
    invalid: u64,
    forgotten_early: u64,
    by_kind: BTreeMap<Way, Sent>,
}

/// A kind of integration, and the receiver where those are told apart; no name otherwise.
pub(crate) type Way = (&'static str, String);

/// What was counted of one kind of integration.
#[derive(Clone, Debug, Default)]
struct Sent {
    attempts: u64,
    failed: u64,
    failed_client: u64,
    failed_server: u64,
    failed_other: u64,
    latency_buckets: [u64; LATENCY_BOUNDS.len()],
    latency_sum: f64,
    delivered: u64,
    delivery_buckets: [u64; DELIVERY_BOUNDS.len()],
    delivery_sum: f64,
}

/// What is counted at the moment of asking.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gauges {
    pub(crate) counts: Counts,
    pub(crate) suppressed: Suppressed,
    pub(crate) groups: usize,
    pub(crate) open_jobs: usize,
    pub(crate) receivers: usize,
    pub(crate) integrations: usize,
    pub(crate) inhibitions: usize,
    /// The kinds of integrations configured, which are there before the first notification.
    pub(crate) ways: Vec<Way>,
    /// A hash of the configuration in force; `None` without one.
    pub(crate) config_hash: Option<u64>,
    pub(crate) history_dropped: BTreeMap<String, u64>,
    pub(crate) tally: Tally,
    pub(crate) incidents: BTreeMap<(Severity, bool), u64>,
    pub(crate) canaries: Vec<CanaryView>,
}

/// Writes families in Prometheus's text format; writing into a string does not fail.
struct Out<'a>(&'a mut String);

impl Out<'_> {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &str, value: impl std::fmt::Display) {
        let _ = writeln!(self.0, "{name}{labels} {value}");
    }

    /// One histogram of a kind of integration; buckets count all below their bound.
    fn histogram(
        &mut self,
        name: &str,
        way: &Way,
        (bounds, buckets): (&[f64], &[u64]),
        count: u64,
        sum: f64,
    ) {
        let bucket = format!("{name}_bucket");
        for (bound, below) in bounds.iter().zip(buckets) {
            self.sample(&bucket, &labels(way, &format!("le=\"{bound}\"")), below);
        }
        self.sample(&bucket, &labels(way, "le=\"+Inf\""), count);
        self.sample(&format!("{name}_sum"), &labels(way, ""), sum);
        self.sample(&format!("{name}_count"), &labels(way, ""), count);
    }

    fn single(&mut self, name: &str, kind: &str, help: &str, value: impl std::fmt::Display) {
        self.family(name, kind, help);
        self.sample(name, "", value);
    }
}

impl Metrics {
    fn counts(&self) -> MutexGuard<'_, Total> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One attempt of a kind of integration ended: with a status or without, confirmed or not, given up or not.
    pub(crate) fn attempt(&self, way: Way, status: Option<u16>, delivered: bool, dead: bool, seconds: f64) {
        let mut counts = self.counts();
        counts.dead += u64::from(dead);
        let sent = counts.by_kind.entry(way).or_default();
        sent.attempts += 1;
        sent.latency_sum += seconds;
        for (bucket, bound) in sent.latency_buckets.iter_mut().zip(LATENCY_BOUNDS) {
            *bucket += u64::from(seconds <= bound);
        }
        if delivered {
            return;
        }
        sent.failed += 1;
        match status {
            Some(400..=499) => sent.failed_client += 1,
            Some(500..=599) => sent.failed_server += 1,
            _ => sent.failed_other += 1,
        }
    }

    /// A destination confirmed alerts that it was told for the first time, each so many milliseconds after it fired.
    pub(crate) fn delivered(&self, way: Way, waits_ms: &[i64]) {
        let mut counts = self.counts();
        let sent = counts.by_kind.entry(way).or_default();
        for wait_ms in waits_ms {
            let seconds = *wait_ms as f64 / 1_000.0;
            sent.delivered += 1;
            sent.delivery_sum += seconds;
            for (bucket, bound) in sent.delivery_buckets.iter_mut().zip(DELIVERY_BOUNDS) {
                *bucket += u64::from(seconds <= bound);
            }
        }
    }

    /// Events were forgotten before their time because there were too many.
    pub(crate) fn forgotten_early(&self, events: u64) {
        self.counts().forgotten_early += events;
    }

    /// Alerts came from outside.
    pub(crate) fn received(&self, taken: &Taken) {
        let mut counts = self.counts();
        counts.received_firing += taken.firing;
        counts.received_resolved += taken.resolved;
        counts.invalid += u64::try_from(taken.rejected.len()).unwrap_or(u64::MAX);
    }

    /// Appends everything in Prometheus's text format.
    pub(crate) fn write(&self, gauges: Gauges, out: &mut String) {
        let mut total = self.counts().clone();
        for way in &gauges.ways {
            total.by_kind.entry(way.clone()).or_default();
        }
        let mut out = Out(out);
        let name = "alertmanager_alerts";
        out.family(name, "gauge", "Alerts by state.");
        out.sample(name, "{state=\"active\"}", gauges.counts.active);
        out.sample(name, "{state=\"suppressed\"}", gauges.counts.suppressed);
        out.sample(name, "{state=\"unprocessed\"}", 0);
        let name = "alertmanager_marked_alerts";
        out.family(name, "gauge", "Alerts by state, under the name of Alertmanager 0.25 and later.");
        out.sample(name, "{state=\"active\"}", gauges.counts.active);
        out.sample(name, "{state=\"suppressed\"}", gauges.counts.suppressed);
        out.sample(name, "{state=\"unprocessed\"}", 0);
        let name = "alertmanager_alerts_received_total";
        out.family(name, "counter", "Alerts taken from outside.");
        out.sample(name, "{status=\"firing\",version=\"v2\"}", total.received_firing);
        out.sample(name, "{status=\"resolved\",version=\"v2\"}", total.received_resolved);
        let name = "alertmanager_alerts_invalid_total";
        out.family(name, "counter", "Alerts from outside that were not taken.");
        out.sample(name, "{version=\"v2\"}", total.invalid);
        let name = "alertmanager_silences";
        out.family(name, "gauge", "Silences by state.");
        out.sample(name, "{state=\"active\"}", gauges.counts.silences_active);
        out.sample(name, "{state=\"pending\"}", gauges.counts.silences_pending);
        out.sample(name, "{state=\"expired\"}", gauges.counts.silences_expired);
        let name = "alertmanager_notifications_suppressed_total";
        out.family(name, "counter", "Alerts left out of notifications, by what muted them.");
        out.sample(name, "{reason=\"silence\"}", gauges.suppressed.by_silence);
        out.sample(name, "{reason=\"inhibition\"}", gauges.suppressed.by_inhibition);
        out.sample(name, "{reason=\"mute_time_interval\"}", gauges.suppressed.by_mute_interval);
        out.sample(name, "{reason=\"active_time_interval\"}", gauges.suppressed.by_active_interval);
        out.single("alertmanager_dispatcher_aggregation_groups", "gauge", "Groups of alerts.", gauges.groups);
        out.single("alertmanager_receivers", "gauge", "Receivers configured.", gauges.receivers);
        let help = "Ways in which receivers are told, configured.";
        out.single("alertmanager_integrations", "gauge", help, gauges.integrations);
        if let Some(hash) = gauges.config_hash {
            let help = "A hash of the Alertmanager configuration in force.";
            out.single("alertmanager_config_hash", "gauge", help, hash);
        }
        out.single(
            "alertmanager_inhibition_rules",
            "gauge",
            "Inhibition rules configured.",
            gauges.inhibitions,
        );
        cluster(&mut out);
        alertmanagers::write(&mut out);
        sent(&mut out, &total.by_kind);
        out.single(
            "watchfire_alert_delivery_dead_total",
            "counter",
            "Notifications given up for good.",
            total.dead,
        );
        out.single(
            "watchfire_alert_outbox_jobs",
            "gauge",
            "Notifications still to be delivered.",
            gauges.open_jobs,
        );
        let name = "watchfire_alert_history_dropped_total";
        out.family(
            name,
            "counter",
            "Beginnings of alerts that history did not keep, by the rule that flooded.",
        );
        for (rule, count) in &gauges.history_dropped {
            let rule = rule.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            out.sample(name, &format!("{{rule=\"{rule}\"}}"), count);
        }
        out.single(
            "watchfire_alert_history_forgotten_early_total",
            "counter",
            "Events forgotten before their time because there were too many.",
            total.forgotten_early,
        );
        out.single(
            "watchfire_alerts_resolved",
            "gauge",
            "Resolved alerts whose end is still being told.",
            gauges.counts.resolved,
        );
        people::write(&mut out, &gauges);
        canaries::write(&mut out, &gauges);
    }
}

/// One server is the whole cluster, and always well: dashboards and alerts about clusters find what they look for.
fn cluster(out: &mut Out<'_>) {
    for (name, help, value) in [
        ("alertmanager_cluster_enabled", "Whether there is a cluster of Alertmanagers.", 0),
        ("alertmanager_cluster_members", "Members of the cluster, this server included.", 1),
        ("alertmanager_cluster_failed_peers", "Members of the cluster that do not answer.", 0),
        ("alertmanager_cluster_health_score", "How well the cluster is; 0 is well.", 0),
        ("alertmanager_peer_position", "The position of this server in the cluster.", 0),
    ] {
        out.single(name, "gauge", help, value);
    }
}

/// The labels of one kind of integration, and more.
fn labels((kind, receiver): &Way, more: &str) -> String {
    let receiver = if receiver.is_empty() {
        String::new()
    } else {
        format!(",receiver_name=\"{}\"", people::escaped(receiver))
    };
    let comma = if more.is_empty() { "" } else { "," };
    format!("{{integration=\"{kind}\"{receiver}{comma}{more}}}")
}

fn sent(out: &mut Out<'_>, by_kind: &BTreeMap<Way, Sent>) {
    type Count = fn(&Sent) -> u64;
    let attempts: Count = |sent| sent.attempts;
    let failed: Count = |sent| sent.failed;
    for (name, help, count) in [
        ("alertmanager_notifications_total", "Notifications attempted.", attempts),
        ("alertmanager_notification_requests_total", "Requests to receivers.", attempts),
        ("alertmanager_notification_requests_failed_total", "Requests to receivers that failed.", failed),
    ] {
        out.family(name, "counter", help);
        for (way, sent) in by_kind {
            out.sample(name, &labels(way, ""), count(sent));
        }
    }
    let name = "alertmanager_notifications_failed_total";
    out.family(name, "counter", "Notifications that failed, by reason.");
    for (way, sent) in by_kind {
        for (reason, count) in [
            ("clientError", sent.failed_client),
            ("serverError", sent.failed_server),
            ("other", sent.failed_other),
        ] {
            out.sample(name, &labels(way, &format!("reason=\"{reason}\"")), count);
        }
    }
    let name = "alertmanager_notification_latency_seconds";
    out.family(name, "histogram", "How long attempts took.");
    for (way, sent) in by_kind {
        out.histogram(name, way, (&LATENCY_BOUNDS, &sent.latency_buckets), sent.attempts, sent.latency_sum);
    }
    let name = "watchfire_alert_delivery_seconds";
    out.family(
        name,
        "histogram",
        "From the evaluation in which an alert fired to the first confirmed delivery, the waits of its group included.",
    );
    for (way, sent) in by_kind {
        out.histogram(
            name,
            way,
            (&DELIVERY_BOUNDS, &sent.delivery_buckets),
            sent.delivered,
            sent.delivery_sum,
        );
    }
}
