//! What discovery counts, under Prometheus's names, and whom it wakes when something has changed.

use super::Outcome;
use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};
use tokio::sync::Notify;

/// Bounds of the histogram of durations, in seconds; Prometheus's.
const BOUNDS: [(f64, &str); 4] = [(0.01, "0.01"), (0.1, "0.1"), (1.0, "1"), (10.0, "10")];

/// A consumer's name and a configuration's: `scrape` and a job, `notify` and `config-0`.
type Config = (&'static str, String);

#[derive(Debug, Default)]
struct Refreshes {
    count: u64,
    failures: u64,
    seconds: f64,
}

#[derive(Debug, Default)]
struct Durations {
    /// How many were within each bound.
    within: [u64; BOUNDS.len()],
    count: u64,
    seconds: f64,
}

#[derive(Debug, Default)]
struct Found {
    targets: usize,
    updated_seconds: f64,
}

#[derive(Debug, Default)]
struct Counts {
    http_failures: u64,
    dns_lookups: u64,
    dns_lookup_failures: u64,
    file_read_errors: u64,
    file_scans: u64,
    file_scan_seconds: f64,
    refreshes: BTreeMap<(Config, &'static str), Refreshes>,
    durations: BTreeMap<&'static str, Durations>,
    found: BTreeMap<Config, Found>,
    received: BTreeMap<&'static str, u64>,
    updates: BTreeMap<&'static str, u64>,
}

/// The counts of all discoveries of the program.
#[derive(Debug, Default)]
pub struct DiscoveryStats {
    counts: Mutex<Counts>,
}

/// The side of discovery that a consumer of targets knows. Clones are one.
#[derive(Clone)]
pub struct Hub {
    name: &'static str,
    user_agent: String,
    stats: Arc<DiscoveryStats>,
    changed: Arc<Notify>,
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Hub {
    /// For a consumer: `scrape` asks targets, `notify` sends alerts.
    pub fn new(name: &'static str, user_agent: &str, stats: Arc<DiscoveryStats>) -> Self {
        Self { name, user_agent: user_agent.to_owned(), stats, changed: Arc::default() }
    }

    /// Ends when a discovery has said something since the last time this ended.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Notes how many targets a configuration has now, which its consumer goes over to.
    pub fn handed_over(&self, config: &str, targets: usize) {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let mut counts = self.stats.lock();
        let found = Found { targets, updated_seconds: now.as_secs_f64() };
        counts.found.insert((self.name, config.to_owned()), found);
        *counts.updates.entry(self.name).or_default() += 1;
    }

    /// Forgets what was counted of configurations that are none of these.
    pub fn retain(&self, configs: &[&str]) {
        let stays = |(name, config): &Config| *name != self.name || configs.contains(&config.as_str());
        let mut counts = self.stats.lock();
        counts.found.retain(|config, _| stays(config));
        counts.refreshes.retain(|(config, _), _| stays(config));
    }

    pub(super) fn user_agent(&self) -> &str {
        &self.user_agent
    }

    pub(super) fn wake(&self) {
        self.changed.notify_one();
    }

    pub(super) fn refreshed(&self, config: &str, mechanism: &'static str, outcome: &Outcome, took: Duration) {
        let seconds = took.as_secs_f64();
        let mut counts = self.stats.lock();
        match mechanism {
            "http" => counts.http_failures += outcome.failures,
            _ => {
                counts.dns_lookups += outcome.lookups;
                counts.dns_lookup_failures += outcome.failures;
            }
        }
        let key = ((self.name, config.to_owned()), mechanism);
        let refreshes = counts.refreshes.entry(key).or_default();
        refreshes.count += 1;
        refreshes.seconds += seconds;
        refreshes.failures += u64::from(outcome.is_failed);
        let durations = counts.durations.entry(mechanism).or_default();
        durations.count += 1;
        durations.seconds += seconds;
        for ((bound, _), within) in BOUNDS.iter().zip(&mut durations.within) {
            *within += u64::from(seconds <= *bound);
        }
        if !outcome.is_failed {
            *counts.received.entry(self.name).or_default() += 1;
        }
    }

    pub(super) fn looked_at_files(&self, errors: u64, took: Duration) {
        let mut counts = self.stats.lock();
        counts.file_read_errors += errors;
        counts.file_scans += 1;
        counts.file_scan_seconds += took.as_secs_f64();
    }
}

impl DiscoveryStats {
    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends the metrics in Prometheus's text format.
    pub fn write_metrics(&self, out: &mut String) {
        let counts = self.lock();
        counts.write_plain(out);
        counts.write_refreshes(out);
        counts.write_found(out);
    }
}

/// Writing into a string does not fail.
fn head(out: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn quoted(value: &str) -> String {
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}

impl Counts {
    fn write_plain(&self, out: &mut String) {
        for (name, help, value) in [
            (
                "prometheus_sd_http_failures_total",
                "Refreshes by http_sd_configs that failed.",
                self.http_failures,
            ),
            ("prometheus_sd_dns_lookups_total", "Names that dns_sd_configs looked up.", self.dns_lookups),
            (
                "prometheus_sd_dns_lookup_failures_total",
                "Names that could not be looked up for dns_sd_configs.",
                self.dns_lookup_failures,
            ),
            (
                "prometheus_sd_file_read_errors_total",
                "Files of file_sd_configs that could not be read or were wrong.",
                self.file_read_errors,
            ),
        ] {
            head(out, name, "counter", help);
            let _ = writeln!(out, "{name} {value}");
        }
        let name = "prometheus_sd_file_scan_duration_seconds";
        head(out, name, "summary", "How long looks at the files of file_sd_configs took.");
        let _ = writeln!(out, "{name}_sum {}\n{name}_count {}", self.file_scan_seconds, self.file_scans);
    }

    fn write_refreshes(&self, out: &mut String) {
        let labels = |(_, config): &Config, mechanism: &str| {
            format!("{{config={},mechanism=\"{mechanism}\"}}", quoted(config))
        };
        let name = "prometheus_sd_refresh_failures_total";
        head(out, name, "counter", "Refreshes of a discovery that failed.");
        for ((config, mechanism), refreshes) in &self.refreshes {
            let _ = writeln!(out, "{name}{} {}", labels(config, mechanism), refreshes.failures);
        }
        let name = "prometheus_sd_refresh_duration_seconds";
        head(out, name, "summary", "How long refreshes of a discovery took.");
        for ((config, mechanism), refreshes) in &self.refreshes {
            let labels = labels(config, mechanism);
            let _ = writeln!(out, "{name}_sum{labels} {}", refreshes.seconds);
            let _ = writeln!(out, "{name}_count{labels} {}", refreshes.count);
        }
        let name = "prometheus_sd_refresh_duration_histogram_seconds";
        head(out, name, "histogram", "How long refreshes by a kind of discovery took.");
        for (mechanism, durations) in &self.durations {
            for ((_, bound), within) in BOUNDS.iter().zip(durations.within) {
                let _ = writeln!(out, "{name}_bucket{{mechanism=\"{mechanism}\",le=\"{bound}\"}} {within}");
            }
            let count = durations.count;
            let _ = writeln!(out, "{name}_bucket{{mechanism=\"{mechanism}\",le=\"+Inf\"}} {count}");
            let _ = writeln!(out, "{name}_sum{{mechanism=\"{mechanism}\"}} {}", durations.seconds);
            let _ = writeln!(out, "{name}_count{{mechanism=\"{mechanism}\"}} {count}");
        }
    }

    fn write_found(&self, out: &mut String) {
        let labels = |(name, config): &Config| format!("{{config={},name=\"{name}\"}}", quoted(config));
        let family = "prometheus_sd_discovered_targets";
        head(out, family, "gauge", "Targets that a configuration has, before relabelling.");
        for (config, found) in &self.found {
            let _ = writeln!(out, "{family}{} {}", labels(config), found.targets);
        }
        let family = "prometheus_sd_last_update_timestamp_seconds";
        head(out, family, "gauge", "When a configuration's targets were handed over last.");
        for (config, found) in &self.found {
            let _ = writeln!(out, "{family}{} {}", labels(config), found.updated_seconds);
        }
        for (family, help, values) in [
            ("prometheus_sd_received_updates_total", "Answers that discoveries gave.", &self.received),
            ("prometheus_sd_updates_total", "Times that targets were handed over.", &self.updates),
        ] {
            head(out, family, "counter", help);
            for (name, value) in values {
                let _ = writeln!(out, "{family}{{name=\"{name}\"}} {value}");
            }
        }
    }
}
