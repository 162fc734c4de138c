//! The table of connections that the kernel follows.

use super::Collector;
use crate::{CollectError, Collection, Roots};

/// `node_nf_conntrack_*`.
pub(super) struct Conntrack;

/// Columns of /proc/net/stat/nf_conntrack that are told.
const COLUMNS: [&str; 8] =
    ["found", "invalid", "ignore", "insert", "insert_failed", "drop", "early_drop", "search_restart"];

impl Collector for Conntrack {
    fn name(&self) -> &'static str {
        "conntrack"
    }

    fn collect(&self, roots: &Roots, out: &mut Collection) -> Result<(), CollectError> {
        let number = |file: &str| {
            let source = roots.proc(&format!("sys/net/netfilter/{file}"))?;
            source.number(1, Some(source.text.trim()))
        };
        let entries = match number("nf_conntrack_count") {
            Err(error) if error.is_absent() => return Err(CollectError::NoData("followed connections")),
            entries => entries?,
        };
        out.gauge("node_nf_conntrack_entries", "Connections that are followed.", &[], entries);
        let limit = number("nf_conntrack_max")?;
        out.gauge("node_nf_conntrack_entries_limit", "How many connections can be followed.", &[], limit);
        let Ok(source) = roots.proc("net/stat/nf_conntrack") else { return Ok(()) };
        let mut lines = source.lines();
        let heading: Vec<&str> = lines.next().map_or("", |(_, line)| line).split_ascii_whitespace().collect();
        let mut sums = [0u64; COLUMNS.len()];
        for (number, line) in lines {
            for (column, word) in heading.iter().zip(line.split_ascii_whitespace()) {
                let Some(place) = COLUMNS.iter().position(|name| name == column) else { continue };
                let value = u64::from_str_radix(word, 16)
                    .map_err(|_| source.wrong(number, word, "a hexadecimal number"))?;
                if let Some(sum) = sums.get_mut(place) {
                    *sum = sum.saturating_add(value);
                }
            }
        }
        for (column, sum) in COLUMNS.iter().zip(sums) {
            let help = format!("Followed connections: {column}, over all CPUs.");
            out.gauge(format!("node_nf_conntrack_stat_{column}"), &help, &[], sum as f64);
        }
        Ok(())
    }
}
