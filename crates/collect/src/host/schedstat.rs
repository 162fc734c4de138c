//! How long tasks ran and waited on each CPU, from /proc/schedstat.

use super::Collector;
use crate::{CollectError, Collection, Roots};

/// `node_schedstat_*`.
pub(super) struct SchedStat;

impl Collector for SchedStat {
    fn name(&self) -> &'static str {
        "schedstat"
    }

    fn collect(&self, roots: &Roots, out: &mut Collection) -> Result<(), CollectError> {
        let source = match roots.proc("schedstat") {
            Err(error) if error.is_absent() => {
                return Err(CollectError::NoData("statistics of the scheduler"));
            }
            source => source?,
        };
        for (number, line) in source.lines() {
            let Some((cpu, rest)) = line.strip_prefix("cpu").and_then(|rest| rest.split_once(' ')) else {
                continue;
            };
            let words: Vec<&str> = rest.split_ascii_whitespace().collect();
            let labels = [("cpu", cpu)];
            let value = |column: usize| source.number(number, words.get(column).copied());
            // Nanoseconds.
            let help = "Time for which a CPU ran tasks.";
            out.counter("node_schedstat_running_seconds_total", help, &labels, value(6)? / 1e9);
            let help = "Time for which tasks waited for a CPU.";
            out.counter("node_schedstat_waiting_seconds_total", help, &labels, value(7)? / 1e9);
            out.counter(
                "node_schedstat_timeslices_total",
                "Slices of time that a CPU gave.",
                &labels,
                value(8)?,
            );
        }
        Ok(())
    }
}
