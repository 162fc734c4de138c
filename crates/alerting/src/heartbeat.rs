//! The dead man's switch: an address outside is called as long as alerts can be kept and told.
//!
//! Whoever watches the address raises the alarm when the calls end, and so learns what this server cannot tell itself:
//! that it, its machine or its network is gone. Before each call the server proves to itself that its ledger takes a
//! transaction and that the loop that flushes and sends still turns; when it cannot, it does not call.

use crate::manager::Alerting;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use watchfire_channels::{Outcome, Templates, Tools, post_json};
use watchfire_model::time::Clock;
use watchfire_scrape::config::Heartbeat as Wanted;

/// Without a heartbeat, how long until the next look whether there is one; a change wakes sooner.
const IDLE: Duration = Duration::from_secs(3600);

#[derive(Default)]
struct Pulse {
    wanted: Option<Wanted>,
    beats: u64,
    failures: u64,
    last_success_ms: Option<i64>,
    last_failed: bool,
}

/// Calls the address of the configuration in force. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Heartbeat {
    inner: Arc<Inner>,
}

struct Inner {
    alerting: Alerting,
    clock: Arc<dyn Clock>,
    tools: Tools,
    pulse: Mutex<Pulse>,
    changed: Notify,
}

impl std::fmt::Debug for Heartbeat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Heartbeat").finish_non_exhaustive()
    }
}

impl Inner {
    fn pulse(&self) -> MutexGuard<'_, Pulse> {
        self.pulse.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Heartbeat {
    /// A heart that does not beat yet.
    pub fn new(alerting: Alerting, clock: Arc<dyn Clock>) -> Self {
        let tools = Tools::with_templates(Arc::clone(&clock), Templates::new(Arc::clone(&clock)));
        let (pulse, changed) = (Mutex::default(), Notify::new());
        Self { inner: Arc::new(Inner { alerting, clock, tools, pulse, changed }) }
    }

    /// Puts a configuration in force; without one nobody is called.
    pub fn apply(&self, wanted: Option<Wanted>) {
        let mut pulse = self.inner.pulse();
        if pulse.wanted != wanted {
            pulse.wanted = wanted;
            drop(pulse);
            self.inner.changed.notify_one();
        }
    }

    /// Beats until `stop` becomes true. The first beat is at once.
    pub async fn run(&self, mut stop: watch::Receiver<bool>) {
        let mut next = Instant::now();
        loop {
            let wanted = self.inner.pulse().wanted.clone();
            if let Some(wanted) = wanted.as_ref().filter(|_| Instant::now() >= next) {
                let begun = Instant::now();
                self.beat(wanted).await;
                next = begun + wanted.interval;
            }
            let rest = if wanted.is_some() { next } else { Instant::now() + IDLE };
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => break,
                () = self.inner.changed.notified() => next = Instant::now(),
                () = tokio::time::sleep_until(rest) => {}
            }
        }
    }

    async fn beat(&self, wanted: &Wanted) {
        let outcome = match self.inner.alerting.prove_alive().await {
            Ok(()) => self.call(wanted).await,
            Err(reason) => Err(format!("not called, because {reason}")),
        };
        let mut pulse = self.inner.pulse();
        pulse.beats += 1;
        pulse.last_failed = outcome.is_err();
        match outcome {
            Ok(()) => pulse.last_success_ms = Some(self.inner.clock.now_ms()),
            Err(error) => {
                pulse.failures += 1;
                drop(pulse);
                tracing::warn!(error, "heartbeat failed");
            }
        }
    }

    async fn call(&self, wanted: &Wanted) -> Result<(), String> {
        let body = serde_json::json!({ "source": "watchfire", "status": "alive" }).to_string().into_bytes();
        let url = wanted.url.expose();
        let attempt = post_json(&self.inner.tools, &wanted.client, url, body, wanted.timeout).await;
        if attempt.outcome == Outcome::Delivered {
            return Ok(());
        }
        // The address is a secret, and errors of clients repeat it.
        Err(attempt.error.unwrap_or_default().replace(url, "<secret>"))
    }

    /// Appends the heartbeat's own metrics in Prometheus's text format; nothing where there is none.
    pub fn write_metrics(&self, out: &mut String) {
        let pulse = self.inner.pulse();
        if pulse.wanted.is_none() {
            return;
        }
        let mut family = |name: &str, kind: &str, help: &str, value: f64| {
            let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}");
        };
        family("watchfire_heartbeats_total", "counter", "Beats, called or not.", pulse.beats as f64);
        family(
            "watchfire_heartbeats_failed_total",
            "counter",
            "Beats that were not confirmed, or not called because alerts could not be kept.",
            pulse.failures as f64,
        );
        family(
            "watchfire_heartbeat_last_success_timestamp_seconds",
            "gauge",
            "When a beat was confirmed last; 0 before the first.",
            pulse.last_success_ms.map_or(0.0, |at_ms| at_ms as f64 / 1_000.0),
        );
        let up = f64::from(u8::from(pulse.beats > 0 && !pulse.last_failed));
        family("watchfire_heartbeat_success", "gauge", "Whether the last beat was confirmed.", up);
    }
}

#[cfg(test)]
mod tests;
