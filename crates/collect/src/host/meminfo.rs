//! Memory, from /proc/meminfo.

use super::Collector;
use crate::{CollectError, Collection, Roots};

/// `node_memory_*`.
#[derive(Debug)]
pub(super) struct MemInfo;

impl Collector for MemInfo {
    fn name(&self) -> &'static str {
        "meminfo"
    }

    fn collect(&self, roots: &Roots, out: &mut Collection) -> Result<(), CollectError> {
        let source = roots.proc("meminfo")?;
        for (number, line) in source.lines() {
            let Some((field, value)) = line.split_once(':') else { continue };
            let mut words = value.split_ascii_whitespace();
            let value = source.number(number, words.next())?;
            // `Active(anon)` becomes `Active_anon`.
            let mut name = String::from("node_memory_");
            name.extend(field.trim().chars().filter(|letter| *letter != ')').map(|letter| match letter {
                '(' => '_',
                letter => letter,
            }));
            let (name, value) = match words.next() {
                Some("kB") => (name + "_bytes", value * 1024.0),
                _ => (name, value),
            };
            let help = format!("The field {} of /proc/meminfo.", field.trim());
            out.gauge(name, &help, &[], value);
        }
        Ok(())
    }
}
