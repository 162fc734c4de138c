//! What was sent on, under the names of Prometheus's remote storage.

use crate::line::{Counts, Line};
use std::fmt::Write;
use std::sync::Arc;

type Read = fn(&Counts) -> f64;

const COUNTERS: [(&str, &str, Read); 5] = [
    ("prometheus_remote_storage_samples_in_total", "Samples taken in for an address.", |c| c.taken as f64),
    ("prometheus_remote_storage_samples_total", "Samples confirmed by the other side.", |c| c.sent as f64),
    ("prometheus_remote_storage_samples_failed_total", "Samples refused for good by the other side.", |c| {
        c.failed as f64
    }),
    ("prometheus_remote_storage_samples_retried_total", "Samples that were sent again.", |c| {
        c.retried as f64
    }),
    ("prometheus_remote_storage_bytes_total", "Bytes of confirmed requests, compressed.", |c| c.bytes as f64),
];

const DROPPED: [(&str, Read); 3] = [
    ("buffer_full", |c| c.dropped_full as f64),
    ("too_old", |c| c.dropped_old as f64),
    ("left_out", |c| c.left_out as f64),
];

/// Writes the families; none where there is no address.
pub(crate) fn write(lines: &[Arc<Line>], out: &mut String) {
    if lines.is_empty() {
        return;
    }
    let all: Vec<_> = lines.iter().map(|line| (labels(line), line.counts())).collect();
    for (name, help, read) in COUNTERS {
        head(out, name, help, "counter");
        for (labels, (counts, ..)) in &all {
            let _ = writeln!(out, "{name}{{{labels}}} {}", read(counts));
        }
    }
    let name = "prometheus_remote_storage_samples_dropped_total";
    head(out, name, "Samples that were not sent, by reason.", "counter");
    for (labels, (counts, ..)) in &all {
        for (reason, read) in DROPPED {
            let _ = writeln!(out, "{name}{{{labels},reason=\"{reason}\"}} {}", read(counts));
        }
    }
    let name = "prometheus_remote_storage_samples_pending";
    head(out, name, "Samples that wait to be sent.", "gauge");
    for (labels, (_, samples, _)) in &all {
        let _ = writeln!(out, "{name}{{{labels}}} {samples}");
    }
    let name = "watchfire_remote_storage_buffer_bytes";
    head(out, name, "Bytes that wait to be sent.", "gauge");
    for (labels, (.., bytes)) in &all {
        let _ = writeln!(out, "{name}{{{labels}}} {bytes}");
    }
    let name = "prometheus_remote_storage_queue_highest_sent_timestamp_seconds";
    head(out, name, "The newest sample that was confirmed, in Unix seconds.", "gauge");
    for (labels, (counts, ..)) in &all {
        let _ = writeln!(out, "{name}{{{labels}}} {}", counts.newest_sent_ms as f64 / 1000.0);
    }
    let name = "prometheus_remote_storage_highest_timestamp_in_seconds";
    head(out, name, "The newest sample that was taken in, in Unix seconds.", "gauge");
    let newest = all.iter().map(|(_, (counts, ..))| counts.newest_taken_ms).max().unwrap_or_default();
    let _ = writeln!(out, "{name} {}", newest as f64 / 1000.0);
}

fn head(out: &mut String, name: &str, help: &str, kind: &str) {
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

/// The address without its path and query, which may hold a secret.
fn labels(line: &Line) -> String {
    let escaped = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("remote_name=\"{}\",url=\"{}\"", escaped(line.label()), escaped(line.host()))
}
