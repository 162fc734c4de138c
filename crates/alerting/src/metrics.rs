//! Alerting's own metrics, under Alertmanager's names.

use std::fmt::Write as _;
use std::sync::Mutex;
use std::sync::PoisonError;

const LATENCY_BOUNDS: [f64; 6] = [1.0, 5.0, 10.0, 15.0, 20.0, 60.0];

/// What was counted since the start.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    counts: Mutex<Counts>,
}

#[derive(Clone, Debug, Default)]
struct Counts {
    notifications: u64,
    failed_client: u64,
    failed_server: u64,
    failed_other: u64,
    requests: u64,
    requests_failed: u64,
    dead: u64,
    received_firing: u64,
    received_resolved: u64,
    invalid: u64,
    latency_buckets: [u64; LATENCY_BOUNDS.len()],
    latency_count: u64,
    latency_sum: f64,
}

/// What is counted at the moment of asking.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Gauges {
    pub(crate) counts: crate::state::Counts,
    pub(crate) suppressed: crate::state::Suppressed,
    pub(crate) groups: usize,
    pub(crate) open_jobs: usize,
    pub(crate) receivers: usize,
}

impl Metrics {
    /// One attempt ended: with an HTTP status or without, confirmed or not, given up or not.
    pub(crate) fn attempt(&self, status: Option<u16>, delivered: bool, dead: bool, seconds: f64) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.requests += 1;
        counts.notifications += 1;
        counts.latency_count += 1;
        counts.latency_sum += seconds;
        for (bucket, bound) in counts.latency_buckets.iter_mut().zip(LATENCY_BOUNDS) {
            *bucket += u64::from(seconds <= bound);
        }
        if delivered {
            return;
        }
        counts.requests_failed += 1;
        counts.dead += u64::from(dead);
        match status {
            Some(400..=499) => counts.failed_client += 1,
            Some(500..=599) => counts.failed_server += 1,
            _ => counts.failed_other += 1,
        }
    }

    /// Alerts came from outside.
    pub(crate) fn received(&self, taken: &crate::state::Taken) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.received_firing += taken.firing;
        counts.received_resolved += taken.resolved;
        counts.invalid += u64::try_from(taken.rejected.len()).unwrap_or(u64::MAX);
    }

    /// Appends everything in Prometheus's text format.
    pub(crate) fn write(&self, gauges: Gauges, out: &mut String) {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut family = |name: &str, kind: &str, help: &str, samples: &[(&str, String)]| {
            // Writing into a string does not fail.
            let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
            for (suffix, value) in samples {
                let _ = writeln!(out, "{name}{suffix} {value}");
            }
        };
        let suppressed = gauges.suppressed;
        family(
            "alertmanager_notifications_suppressed_total",
            "counter",
            "Alerts left out of notifications, by what muted them.",
            &[
                ("{reason=\"silence\"}", suppressed.by_silence.to_string()),
                ("{reason=\"inhibition\"}", suppressed.by_inhibition.to_string()),
                ("{reason=\"mute_time_interval\"}", suppressed.by_mute_interval.to_string()),
                ("{reason=\"active_time_interval\"}", suppressed.by_active_interval.to_string()),
            ],
        );
        family(
            "alertmanager_silences",
            "gauge",
            "Silences by state.",
            &[
                ("{state=\"active\"}", gauges.counts.silences_active.to_string()),
                ("{state=\"pending\"}", gauges.counts.silences_pending.to_string()),
                ("{state=\"expired\"}", gauges.counts.silences_expired.to_string()),
            ],
        );
        family(
            "alertmanager_alerts_received_total",
            "counter",
            "Alerts taken from outside.",
            &[
                ("{status=\"firing\",version=\"v2\"}", counts.received_firing.to_string()),
                ("{status=\"resolved\",version=\"v2\"}", counts.received_resolved.to_string()),
            ],
        );
        family(
            "alertmanager_alerts_invalid_total",
            "counter",
            "Alerts from outside that were not taken.",
            &[("{version=\"v2\"}", counts.invalid.to_string())],
        );
        let webhook = "{integration=\"webhook\"}";
        family(
            "alertmanager_alerts",
            "gauge",
            "Alerts by state.",
            &[
                ("{state=\"active\"}", gauges.counts.active.to_string()),
                ("{state=\"suppressed\"}", gauges.counts.suppressed.to_string()),
                ("{state=\"unprocessed\"}", "0".to_owned()),
            ],
        );
        family(
            "alertmanager_dispatcher_aggregation_groups",
            "gauge",
            "Groups of alerts.",
            &[("", gauges.groups.to_string())],
        );
        family(
            "alertmanager_receivers",
            "gauge",
            "Receivers configured.",
            &[("", gauges.receivers.to_string())],
        );
        family(
            "alertmanager_notifications_total",
            "counter",
            "Notifications attempted.",
            &[(webhook, counts.notifications.to_string())],
        );
        family(
            "alertmanager_notifications_failed_total",
            "counter",
            "Notifications that failed, by reason.",
            &[
                ("{integration=\"webhook\",reason=\"clientError\"}", counts.failed_client.to_string()),
                ("{integration=\"webhook\",reason=\"serverError\"}", counts.failed_server.to_string()),
                ("{integration=\"webhook\",reason=\"other\"}", counts.failed_other.to_string()),
            ],
        );
        family(
            "alertmanager_notification_requests_total",
            "counter",
            "Requests to receivers.",
            &[(webhook, counts.requests.to_string())],
        );
        family(
            "alertmanager_notification_requests_failed_total",
            "counter",
            "Requests to receivers that failed.",
            &[(webhook, counts.requests_failed.to_string())],
        );
        family(
            "watchfire_alert_delivery_dead_total",
            "counter",
            "Notifications given up for good.",
            &[("", counts.dead.to_string())],
        );
        family(
            "watchfire_alert_outbox_jobs",
            "gauge",
            "Notifications still to be delivered.",
            &[("", gauges.open_jobs.to_string())],
        );
        family(
            "watchfire_alerts_resolved",
            "gauge",
            "Resolved alerts whose end is still being told.",
            &[("", gauges.counts.resolved.to_string())],
        );
        let name = "alertmanager_notification_latency_seconds";
        let _ = writeln!(out, "# HELP {name} How long attempts took.\n# TYPE {name} histogram");
        for (bound, count) in LATENCY_BOUNDS.iter().zip(counts.latency_buckets) {
            let _ = writeln!(out, "{name}_bucket{{integration=\"webhook\",le=\"{bound}\"}} {count}");
        }
        let _ =
            writeln!(out, "{name}_bucket{{integration=\"webhook\",le=\"+Inf\"}} {}", counts.latency_count);
        let _ = writeln!(out, "{name}_sum{webhook} {}", counts.latency_sum);
        let _ = writeln!(out, "{name}_count{webhook} {}", counts.latency_count);
    }
}
