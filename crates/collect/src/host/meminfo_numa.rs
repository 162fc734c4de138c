//! Memory of each NUMA node.

use super::Collector;
use crate::roots::Source;
use crate::{CollectError, Collection, Roots};

/// `node_memory_numa_*`.
#[derive(Debug)]
pub(super) struct MemInfoNuma;

const NODES: &str = "devices/system/node";

impl Collector for MemInfoNuma {
    fn name(&self) -> &'static str {
        "meminfo_numa"
    }

    fn collect(&self, roots: &Roots, out: &mut Collection) -> Result<(), CollectError> {
        let folders = roots.sys_folder(NODES);
        let nodes = folders.iter().filter_map(|folder| {
            let node = folder.strip_prefix("node")?;
            node.bytes().all(|letter| letter.is_ascii_digit()).then_some((folder, node))
        });
        let mut has_any = false;
        for (folder, node) in nodes.filter(|(_, node)| !node.is_empty()) {
            has_any = true;
            memory(&roots.sys(&format!("{NODES}/{folder}/meminfo"))?, node, out)?;
            pages(&roots.sys(&format!("{NODES}/{folder}/numastat"))?, node, out)?;
        }
        if has_any { Ok(()) } else { Err(CollectError::NoData("NUMA nodes")) }
    }
}

fn memory(source: &Source, node: &str, out: &mut Collection) -> Result<(), CollectError> {
    for (number, line) in source.lines() {
        // `Node 0 Active(anon):  691324 kB`.
        let Some((field, value)) = line.split_once(':') else { continue };
        let field = field.split_ascii_whitespace().nth(2).unwrap_or_default();
        let mut words = value.split_ascii_whitespace();
        let value = source.number(number, words.next())?;
        let factor = if words.next() == Some("kB") { 1024.0 } else { 1.0 };
        let name = format!("node_memory_numa_{}", field.replace('(', "_").replace(')', ""));
        out.gauge(
            name,
            &format!("The field {field} of a node's meminfo."),
            &[("node", node)],
            value * factor,
        );
    }
    Ok(())
}

fn pages(source: &Source, node: &str, out: &mut Collection) -> Result<(), CollectError> {
    for (number, line) in source.lines() {
        let Some((field, value)) = line.split_once(' ') else { continue };
        let value = source.number(number, Some(value.trim()))?;
        let name = format!("node_memory_numa_{field}_total");
        out.counter(name, &format!("The field {field} of a node's numastat."), &[("node", node)], value);
    }
    Ok(())
}
