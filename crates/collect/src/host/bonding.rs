//! Network devices bound together, from /sys/class/net.

use super::Collector;
use crate::{CollectError, Collection, Roots};

/// `node_bonding_*`.
pub(super) struct Bonding;

impl Collector for Bonding {
    fn name(&self) -> &'static str {
        "bonding"
    }

    fn collect(&self, roots: &Roots, out: &mut Collection) -> Result<(), CollectError> {
        let Some(masters) = roots.sys_value("class/net/bonding_masters") else {
            return Err(CollectError::NoData("bonded network device"));
        };
        for master in masters.split_ascii_whitespace() {
            let folder = format!("class/net/{master}");
            let slaves = roots.sys_value(&format!("{folder}/bonding/slaves")).unwrap_or_default();
            let is_up = |slave: &&str| {
                // Older kernels say `slave_`, newer ones `lower_`.
                let states = ["lower", "slave"]
                    .map(|word| format!("{folder}/{word}_{slave}/bonding_slave/mii_status"));
                states.iter().any(|file| roots.sys_value(file).as_deref() == Some("up"))
            };
            let slaves: Vec<&str> = slaves.split_ascii_whitespace().collect();
            let active = slaves.iter().filter(|slave| is_up(slave)).count();
            let labels = [("master", master)];
            out.gauge(
                "node_bonding_slaves",
                "Devices that are bound together.",
                &labels,
                slaves.len() as f64,
            );
            out.gauge("node_bonding_active", "How many of them work.", &labels, active as f64);
        }
        Ok(())
    }
}
