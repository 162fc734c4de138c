//! Neighbours on the network that have answered, from /proc/net/arp.

use super::{Collector, passes};
use crate::{CollectError, Collection, Roots};
use regex::Regex;
use std::collections::BTreeMap;

/// `node_arp_entries`.
#[derive(Debug)]
pub(super) struct Arp {
    /// Devices that are told; all when not set.
    pub(super) include: Option<Regex>,
    /// Devices that are passed over.
    pub(super) exclude: Option<Regex>,
}

impl Collector for Arp {
    fn name(&self) -> &'static str {
        "arp"
    }

    fn collect(&self, roots: &Roots, out: &mut Collection) -> Result<(), CollectError> {
        let source = roots.proc("net/arp")?;
        let mut entries: BTreeMap<&str, f64> = BTreeMap::new();
        for (number, line) in source.lines().skip(1) {
            // Address, kind of hardware, flags, hardware address, mask, device.
            let Some(device) = line.split_ascii_whitespace().nth(5) else {
                return Err(source.wrong(number, line, "six columns, the last of which is a device"));
            };
            if passes(device, self.include.as_ref(), self.exclude.as_ref()) {
                *entries.entry(device).or_default() += 1.0;
            }
        }
        for (device, count) in entries {
            out.gauge("node_arp_entries", "Neighbours known on a device.", &[("device", device)], count);
        }
        Ok(())
    }
}
