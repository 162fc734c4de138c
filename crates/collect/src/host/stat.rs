//! Kernel counters in /proc/stat.

use super::Collector;
use crate::{CollectError, Collection, Roots};
use watchfire_model::MetricType;

/// `node_boot_time_seconds`, `node_context_switches_total` and their like.
#[derive(Debug)]
pub(super) struct Stat {
    /// Whether software interrupts by kind are told.
    pub(super) has_softirqs: bool,
}

/// Lines with one number, and what they become.
const FIELDS: [(&str, MetricType, &str, &str); 6] = [
    ("intr", MetricType::Counter, "node_intr_total", "Interrupts served."),
    ("ctxt", MetricType::Counter, "node_context_switches_total", "Context switches."),
    ("processes", MetricType::Counter, "node_forks_total", "Processes and threads started."),
    (
        "btime",
        MetricType::Gauge,
        "node_boot_time_seconds",
        "When the machine was started, in seconds since 1970.",
    ),
    ("procs_running", MetricType::Gauge, "node_procs_running", "Processes that could run at the moment."),
    ("procs_blocked", MetricType::Gauge, "node_procs_blocked", "Processes that wait for input or output."),
];

/// Columns of the `softirq` line after its total.
const SOFTIRQS: [&str; 10] =
    ["hi", "timer", "net_tx", "net_rx", "block", "block_iopoll", "tasklet", "sched", "hrtimer", "rcu"];

impl Collector for Stat {
    fn name(&self) -> &'static str {
        "stat"
    }

    fn collect(&self, roots: &Roots, out: &mut Collection) -> Result<(), CollectError> {
        let source = roots.proc("stat")?;
        for (number, line) in source.lines() {
            let mut words = line.split_ascii_whitespace();
            let word = words.next().unwrap_or_default();
            if word == "softirq" {
                if !self.has_softirqs {
                    continue;
                }
                for (vector, count) in SOFTIRQS.iter().zip(words.skip(1)) {
                    let count = source.number(number, Some(count))?;
                    let help = "Software interrupts by kind.";
                    out.counter("node_softirqs_total", help, &[("vector", vector)], count);
                }
            } else if let Some((_, kind, name, help)) = FIELDS.iter().find(|(field, ..)| *field == word) {
                let value = source.number(number, words.next())?;
                out.add(*kind, *name, help, &[], value);
            }
        }
        Ok(())
    }
}
