//! Tasks that did not come back from the kernel, as told by Linux 6.13 and newer.

use super::Collector;
use crate::{CollectError, Collection, Roots};

/// `node_kernel_hung_tasks_total`.
pub(super) struct KernelHung;

impl Collector for KernelHung {
    fn name(&self) -> &'static str {
        "kernel_hung"
    }

    fn collect(&self, roots: &Roots, out: &mut Collection) -> Result<(), CollectError> {
        let source = match roots.proc("sys/kernel/hung_task_detect_count") {
            Err(error) if error.is_absent() => return Err(CollectError::NoData("count of hung tasks")),
            source => source?,
        };
        let count = source.number(1, Some(source.text.trim()))?;
        out.counter(
            "node_kernel_hung_tasks_total",
            "Tasks that were found hung since the start.",
            &[],
            count,
        );
        Ok(())
    }
}
