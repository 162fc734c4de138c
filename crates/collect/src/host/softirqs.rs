//! Software interrupts by CPU and kind.

use super::Collector;
use crate::{CollectError, Collection, Roots};

/// `node_softirqs_functions_total`.
#[derive(Debug)]
pub(super) struct SoftIrqs;

impl Collector for SoftIrqs {
    fn name(&self) -> &'static str {
        "softirqs"
    }

    fn collect(&self, roots: &Roots, out: &mut Collection) -> Result<(), CollectError> {
        let source = roots.proc("softirqs")?;
        let mut lines = source.lines();
        let header = lines.next().map(|(_, line)| line).unwrap_or_default();
        let cpus: Vec<&str> =
            header.split_ascii_whitespace().map(|word| word.trim_start_matches("CPU")).collect();
        for (number, line) in lines {
            let Some((kind, counts)) = line.split_once(':') else { continue };
            for (cpu, count) in cpus.iter().zip(counts.split_ascii_whitespace()) {
                let count = source.number(number, Some(count))?;
                let labels = [("cpu", *cpu), ("type", kind.trim())];
                out.counter(
                    "node_softirqs_functions_total",
                    "Software interrupts by CPU and kind.",
                    &labels,
                    count,
                );
            }
        }
        Ok(())
    }
}
