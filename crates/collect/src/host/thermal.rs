//! Temperatures that the firmware watches, and what it cools with, from /sys/class/thermal.

use super::Collector;
use crate::{CollectError, Collection, Roots};

/// `node_thermal_zone_temp` and `node_cooling_device_*`.
pub(super) struct Thermal;

impl Collector for Thermal {
    fn name(&self) -> &'static str {
        "thermal_zone"
    }

    fn collect(&self, roots: &Roots, out: &mut Collection) -> Result<(), CollectError> {
        let entries = roots.sys_folder("class/thermal");
        if entries.is_empty() {
            return Err(CollectError::NoData("watched temperature"));
        }
        for entry in entries {
            let at = |file: &str| format!("class/thermal/{entry}/{file}");
            let kind = roots.sys_value(&at("type")).unwrap_or_default();
            if let Some(zone) = entry.strip_prefix("thermal_zone") {
                if let Some(value) = roots.sys_number(&at("temp")) {
                    let labels = [("zone", zone), ("type", kind.as_str())];
                    out.gauge("node_thermal_zone_temp", "Temperature of a zone.", &labels, value / 1e3);
                }
            } else if let Some(name) = entry.strip_prefix("cooling_device") {
                let labels = [("name", name), ("type", kind.as_str())];
                for (file, what) in
                    [("cur_state", "How much a device cools."), ("max_state", "How much it can.")]
                {
                    if let Some(value) = roots.sys_number(&at(file)) {
                        out.gauge(format!("node_cooling_device_{file}"), what, &labels, value);
                    }
                }
            }
        }
        Ok(())
    }
}
