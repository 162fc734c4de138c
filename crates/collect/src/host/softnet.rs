//! How each CPU copes with packets, from /proc/net/softnet_stat.

use super::Collector;
use crate::{CollectError, Collection, Roots};

/// `node_softnet_*`.
pub(super) struct SoftNet;

/// Columns, and what they become.
const COLUMNS: [(usize, &str); 6] = [
    (0, "processed"),
    (1, "dropped"),
    (2, "times_squeezed"),
    (8, "cpu_collision"),
    (9, "received_rps"),
    (10, "flow_limit_count"),
];

impl Collector for SoftNet {
    fn name(&self) -> &'static str {
        "softnet"
    }

    fn collect(&self, roots: &Roots, out: &mut Collection) -> Result<(), CollectError> {
        let source = roots.proc("net/softnet_stat")?;
        for (number, line) in source.lines() {
            let words: Result<Vec<u32>, _> =
                line.split_ascii_whitespace().map(|word| u32::from_str_radix(word, 16)).collect();
            let words = words.map_err(|_| source.wrong(number, line, "hexadecimal numbers"))?;
            // Since 5.10 the line says which CPU it is about, and how long its queue is.
            let cpu = words.get(12).map_or(number.saturating_sub(1), |cpu| *cpu as usize).to_string();
            let labels = [("cpu", cpu.as_str())];
            let backlog = words.get(11).copied().unwrap_or(0);
            out.gauge(
                "node_softnet_backlog_len",
                "Packets that wait for a CPU.",
                &labels,
                f64::from(backlog),
            );
            for (column, what) in COLUMNS {
                let value = words.get(column).copied().unwrap_or(0);
                let help = format!("Packets of the network on a CPU: {what}.");
                out.counter(format!("node_softnet_{what}_total"), &help, &labels, f64::from(value));
            }
        }
        Ok(())
    }
}
