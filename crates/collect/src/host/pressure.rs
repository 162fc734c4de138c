//! Pressure stall information: how long work had to wait for a resource.

use super::Collector;
use crate::{CollectError, Collection, Roots};

/// `node_pressure_*`.
#[derive(Debug)]
pub(super) struct Pressure;

/// Files, the line in them, and what it becomes.
const LINES: [(&str, &str, &str, &str); 6] = [
    ("cpu", "some", "node_pressure_cpu_waiting_seconds_total", "How long some work waited for a CPU."),
    (
        "io",
        "some",
        "node_pressure_io_waiting_seconds_total",
        "How long some work waited for input or output.",
    ),
    ("io", "full", "node_pressure_io_stalled_seconds_total", "How long all work waited for input or output."),
    ("memory", "some", "node_pressure_memory_waiting_seconds_total", "How long some work waited for memory."),
    ("memory", "full", "node_pressure_memory_stalled_seconds_total", "How long all work waited for memory."),
    ("irq", "full", "node_pressure_irq_stalled_seconds_total", "How long all work waited for interrupts."),
];

impl Collector for Pressure {
    fn name(&self) -> &'static str {
        "pressure"
    }

    fn collect(&self, roots: &Roots, out: &mut Collection) -> Result<(), CollectError> {
        let mut found = false;
        for (resource, kind, name, help) in LINES {
            // Kernels tell more or fewer resources, or none at all when it was not built in or is switched off.
            let Ok(source) = roots.proc(&format!("pressure/{resource}")) else { continue };
            for (number, line) in source.lines() {
                let mut words = line.split_ascii_whitespace();
                if words.next() != Some(kind) {
                    continue;
                }
                let total = words.find_map(|word| word.strip_prefix("total="));
                let microseconds = source.number(number, total)?;
                out.counter(name, help, &[], microseconds / 1e6);
                found = true;
            }
        }
        if found { Ok(()) } else { Err(CollectError::NoData("pressure stall information")) }
    }
}
