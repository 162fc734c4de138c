//! Memory that the kernel shares between processes because it is the same (KSM), as virtual machines have much of.

use super::Collector;
use crate::{CollectError, Collection, Roots};

/// `node_ksmd_*`.
#[derive(Debug)]
pub(super) struct Ksmd;

/// Files, what they become, and what they say.
const GAUGES: [(&str, &str, &str, f64); 9] = [
    ("general_profit", "node_ksmd_general_profit_bytes", "Memory saved, without what saving it takes.", 1.0),
    (
        "merge_across_nodes",
        "node_ksmd_merge_across_nodes",
        "Whether pages of several NUMA nodes are merged.",
        1.0,
    ),
    ("pages_shared", "node_ksmd_pages_shared", "Pages that stand for several.", 1.0),
    ("pages_sharing", "node_ksmd_pages_sharing", "Pages that others stand for, which is what is saved.", 1.0),
    ("pages_to_scan", "node_ksmd_pages_to_scan", "Pages looked at before a pause.", 1.0),
    ("pages_unshared", "node_ksmd_pages_unshared", "Pages that may be merged and are like no other.", 1.0),
    ("pages_volatile", "node_ksmd_pages_volatile", "Pages that change too fast to be merged.", 1.0),
    ("run", "node_ksmd_run", "0 stopped, 1 at work, 2 stopped and undone.", 1.0),
    ("sleep_millisecs", "node_ksmd_sleep_seconds", "How long a pause is.", 1e3),
];

impl Collector for Ksmd {
    fn name(&self) -> &'static str {
        "ksmd"
    }

    fn collect(&self, roots: &Roots, out: &mut Collection) -> Result<(), CollectError> {
        let value = |file: &str| roots.sys_number(&format!("kernel/mm/ksm/{file}"));
        let Some(scans) = value("full_scans") else { return Err(CollectError::NoData("KSM")) };
        out.counter("node_ksmd_full_scans_total", "How often all of it was looked at.", &[], scans);
        for (file, name, help, divisor) in GAUGES {
            // Older kernels tell fewer.
            if let Some(value) = value(file) {
                out.gauge(name, help, &[], value / divisor);
            }
        }
        Ok(())
    }
}
