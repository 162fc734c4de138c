//! How sending on fares, under Prometheus's names.

use super::{Line, Senders};
use std::fmt::Write as _;

impl Senders {
    /// Appends its own metrics in Prometheus's text format.
    pub fn write_metrics(&self, out: &mut String) {
        let board = self.inner.board();
        let active = board.lines.values().filter(|line| line.place.is_some()).count();
        // Writing into a string does not fail.
        let mut family = |name: &str, kind: &str, help: &str, value: &dyn Fn(&Line) -> String| {
            let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
            for (url, line) in &board.lines {
                let url = url.replace('\\', "\\\\").replace('"', "\\\"");
                let _ = writeln!(out, "{name}{{alertmanager=\"{url}\"}} {}", value(line));
            }
        };
        let count = "counter";
        family("prometheus_notifications_sent_total", count, "Alerts that an Alertmanager took.", &|line| {
            line.sent.to_string()
        });
        family(
            "prometheus_notifications_errors_total",
            count,
            "Alerts that an Alertmanager did not take.",
            &|line| line.errors.to_string(),
        );
        family(
            "prometheus_notifications_dropped_total",
            count,
            "Alerts dropped because too many waited for an Alertmanager.",
            &|line| line.dropped.to_string(),
        );
        family(
            "prometheus_notifications_queue_length",
            "gauge",
            "Alerts that wait for an Alertmanager.",
            &|line| line.queue.len().to_string(),
        );
        let name = "prometheus_notifications_latency_seconds";
        let _ = writeln!(out, "# HELP {name} How long posts to an Alertmanager took.\n# TYPE {name} summary");
        for (url, line) in &board.lines {
            let url = url.replace('\\', "\\\\").replace('"', "\\\"");
            let _ = writeln!(out, "{name}_sum{{alertmanager=\"{url}\"}} {}", line.latency_sum);
            let _ = writeln!(out, "{name}_count{{alertmanager=\"{url}\"}} {}", line.posts);
        }
        let capacity = self.inner.options.queue_capacity;
        for (name, help, value) in [
            (
                "prometheus_notifications_queue_capacity",
                "Alerts that may wait for one Alertmanager.",
                capacity,
            ),
            (
                "prometheus_notifications_alertmanagers_discovered",
                "Alertmanagers that alerts are sent on to.",
                active,
            ),
        ] {
            let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} gauge\n{name} {value}");
        }
    }
}
