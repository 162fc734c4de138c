//! Properties of network devices, from /sys/class/net.

use super::{Collector, passes};
use crate::{CollectError, Collection, Roots};
use regex::Regex;
use watchfire_model::MetricType;

/// `node_network_up`, `node_network_info` and their like.
#[derive(Debug)]
pub(super) struct NetClass {
    /// Devices that are passed over.
    pub(super) ignored: Option<Regex>,
}

/// The bit of a device's flags that says it is switched on (`IFF_UP`).
const IFF_UP: u64 = 1;

/// Files with one number, and what they become.
const NUMBERS: [(&str, &str); 17] = [
    ("addr_assign_type", "address_assign_type"),
    ("carrier", "carrier"),
    ("carrier_changes", "carrier_changes_total"),
    ("carrier_up_count", "carrier_up_changes_total"),
    ("carrier_down_count", "carrier_down_changes_total"),
    ("dev_id", "device_id"),
    ("dormant", "dormant"),
    ("flags", "flags"),
    ("ifindex", "iface_id"),
    ("iflink", "iface_link"),
    ("link_mode", "iface_link_mode"),
    ("mtu", "mtu_bytes"),
    ("name_assign_type", "name_assign_type"),
    ("netdev_group", "net_dev_group"),
    ("speed", "speed_bytes"),
    ("tx_queue_len", "transmit_queue_length"),
    ("type", "protocol_type"),
];

impl Collector for NetClass {
    fn name(&self) -> &'static str {
        "netclass"
    }

    fn collect(&self, roots: &Roots, out: &mut Collection) -> Result<(), CollectError> {
        for device in roots.sys_folder("class/net") {
            let folder = format!("class/net/{device}");
            // `bonding_masters` is a file among the devices.
            if !roots.sysfs.join(&folder).is_dir() || !passes(&device, None, self.ignored.as_ref()) {
                continue;
            }
            tell_info(roots, &folder, &device, out);
            for (file, property) in NUMBERS {
                let Some(number) = roots.sys_number(&format!("{folder}/{file}")) else { continue };
                let number = match file {
                    // Megabits per second; a device that does not know says -1.
                    "speed" if number < 0.0 => continue,
                    "speed" => number * 1e6 / 8.0,
                    _ => number,
                };
                let kind = if property.ends_with("_total") { MetricType::Counter } else { MetricType::Gauge };
                let help = format!("Network device property {property}.");
                out.add(kind, format!("node_network_{property}"), &help, &[("device", &device)], number);
            }
        }
        Ok(())
    }
}

fn tell_info(roots: &Roots, folder: &str, device: &str, out: &mut Collection) {
    let value = |file: &str| roots.sys_value(&format!("{folder}/{file}")).unwrap_or_default();
    let state = value("operstate");
    let is_up = f64::from(u8::from(state == "up"));
    out.gauge("node_network_up", "Whether a network device is operational.", &[("device", device)], is_up);
    let admin_state = match roots.sys_number(&format!("{folder}/flags")) {
        Some(flags) if flags as u64 & IFF_UP != 0 => "up",
        Some(_) => "down",
        None => "unknown",
    };
    let labels = [
        ("device", device),
        ("address", &value("address")),
        ("broadcast", &value("broadcast")),
        ("duplex", &value("duplex")),
        ("operstate", &state),
        ("adminstate", admin_state),
        ("ifalias", &value("ifalias")),
    ];
    out.gauge("node_network_info", "What a network device is.", &labels, 1.0);
}
