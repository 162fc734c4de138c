//! Interrupts by CPU and source: many series on large machines.

use super::Collector;
use crate::{CollectError, Collection, Roots};

/// `node_interrupts_total`.
#[derive(Debug)]
pub(super) struct Interrupts;

impl Collector for Interrupts {
    fn name(&self) -> &'static str {
        "interrupts"
    }

    fn collect(&self, roots: &Roots, out: &mut Collection) -> Result<(), CollectError> {
        let source = roots.proc("interrupts")?;
        let mut lines = source.lines();
        let header = lines.next().map(|(_, line)| line).unwrap_or_default();
        let cpus: Vec<&str> =
            header.split_ascii_whitespace().map(|word| word.trim_start_matches("CPU")).collect();
        for (number, line) in lines {
            let Some((kind, rest)) = line.split_once(':') else { continue };
            let kind = kind.trim();
            let words: Vec<&str> = rest.split_ascii_whitespace().collect();
            // Errors are counted for the whole machine, in one number.
            let Some((counts, about)) = words.split_at_checked(cpus.len()) else { continue };
            // A number is wired to a controller and devices; what has a name says in words what it is.
            let is_wired = kind.bytes().all(|letter| letter.is_ascii_digit());
            let told = if is_wired { about.len().min(1) } else { about.len() };
            let (info, devices) = about.split_at(told);
            let (info, devices) = (info.join(" "), devices.join(" "));
            for (cpu, count) in cpus.iter().zip(counts) {
                let count = source.number(number, Some(count))?;
                let labels =
                    [("cpu", *cpu), ("devices", devices.as_str()), ("info", info.as_str()), ("type", kind)];
                out.counter("node_interrupts_total", "Interrupts by CPU and source.", &labels, count);
            }
        }
        Ok(())
    }
}
