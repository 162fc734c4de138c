//! InfiniBand and its kin, from /sys/class/infiniband. A fabric's trouble stops whole training runs.

use super::{Collector, passes};
use crate::{CollectError, Collection, Roots};
use regex::Regex;

/// `node_infiniband_*`.
#[derive(Debug)]
pub(super) struct InfiniBand {
    /// Adapters that are told; all when not set.
    pub(super) include: Option<Regex>,
    /// Adapters that are passed over.
    pub(super) exclude: Option<Regex>,
}

/// Files of a port, what they become, and the factor to bytes: data is counted in words of four.
const COUNTERS: [(&str, &str, f64); 28] = [
    ("counters/excessive_buffer_overrun_errors", "excessive_buffer_overrun_errors_total", 1.0),
    ("counters/link_downed", "link_downed_total", 1.0),
    ("counters/link_error_recovery", "link_error_recovery_total", 1.0),
    ("counters/local_link_integrity_errors", "local_link_integrity_errors_total", 1.0),
    ("counters/multicast_rcv_packets", "multicast_packets_received_total", 1.0),
    ("counters/multicast_xmit_packets", "multicast_packets_transmitted_total", 1.0),
    ("counters/port_rcv_constraint_errors", "port_constraint_errors_received_total", 1.0),
    ("counters/port_xmit_constraint_errors", "port_constraint_errors_transmitted_total", 1.0),
    ("counters/port_rcv_data", "port_data_received_bytes_total", 4.0),
    ("counters/port_xmit_data", "port_data_transmitted_bytes_total", 4.0),
    ("counters/port_rcv_discards", "port_discards_received_total", 1.0),
    ("counters/port_xmit_discards", "port_discards_transmitted_total", 1.0),
    ("counters/port_rcv_errors", "port_errors_received_total", 1.0),
    ("counters/port_rcv_packets", "port_packets_received_total", 1.0),
    ("counters/port_xmit_packets", "port_packets_transmitted_total", 1.0),
    ("counters/port_rcv_remote_physical_errors", "port_receive_remote_physical_errors_total", 1.0),
    ("counters/port_rcv_switch_relay_errors", "port_receive_switch_relay_errors_total", 1.0),
    ("counters/port_xmit_wait", "port_transmit_wait_total", 1.0),
    ("counters/symbol_error", "symbol_error_total", 1.0),
    ("counters/unicast_rcv_packets", "unicast_packets_received_total", 1.0),
    ("counters/unicast_xmit_packets", "unicast_packets_transmitted_total", 1.0),
    ("counters/VL15_dropped", "vl15_dropped_total", 1.0),
    ("counters_ext/port_multicast_rcv_packets", "legacy_multicast_packets_received_total", 1.0),
    ("counters_ext/port_multicast_xmit_packets", "legacy_multicast_packets_transmitted_total", 1.0),
    ("counters_ext/port_rcv_data_64", "legacy_data_received_bytes_total", 4.0),
    ("counters_ext/port_rcv_packets_64", "legacy_packets_received_total", 1.0),
    ("counters_ext/port_xmit_data_64", "legacy_data_transmitted_bytes_total", 4.0),
    ("counters_ext/port_xmit_packets_64", "legacy_packets_transmitted_total", 1.0),
];

/// Those of the older folder whose names differ only in this.
const LEGACY_UNICAST: [(&str, &str); 2] = [
    ("counters_ext/port_unicast_rcv_packets", "legacy_unicast_packets_received_total"),
    ("counters_ext/port_unicast_xmit_packets", "legacy_unicast_packets_transmitted_total"),
];

impl Collector for InfiniBand {
    fn name(&self) -> &'static str {
        "infiniband"
    }

    fn collect(&self, roots: &Roots, out: &mut Collection) -> Result<(), CollectError> {
        let devices = roots.sys_folder("class/infiniband");
        if devices.is_empty() {
            return Err(CollectError::NoData("InfiniBand"));
        }
        for device in devices {
            if !passes(&device, self.include.as_ref(), self.exclude.as_ref()) {
                continue;
            }
            let folder = format!("class/infiniband/{device}");
            let value = |file: &str| roots.sys_value(&format!("{folder}/{file}")).unwrap_or_default();
            let labels = [
                ("device", device.as_str()),
                ("board_id", &value("board_id")),
                ("firmware_version", &value("fw_ver")),
                ("hca_type", &value("hca_type")),
            ];
            out.gauge("node_infiniband_info", "What an InfiniBand device is.", &labels, 1.0);
            for port in roots.sys_folder(&format!("{folder}/ports")) {
                tell_port(roots, &format!("{folder}/ports/{port}"), &device, &port, out);
            }
        }
        Ok(())
    }
}

fn tell_port(roots: &Roots, folder: &str, device: &str, port: &str, out: &mut Collection) {
    let labels = [("device", device), ("port", port)];
    let value = |file: &str| roots.sys_value(&format!("{folder}/{file}"));
    // `4: ACTIVE`.
    let id = |file: &str| value(file)?.split(':').next()?.trim().parse::<f64>().ok();
    if let Some(state) = id("state") {
        let help = "State of the port: 1 down, 2 initialising, 3 armed, 4 active.";
        out.gauge("node_infiniband_state_id", help, &labels, state);
    }
    if let Some(state) = id("phys_state") {
        let help =
            "Physical state of the port: 2 polling, 3 disabled, 4 training, 5 up, 6 recovering, 7 testing.";
        out.gauge("node_infiniband_physical_state_id", help, &labels, state);
    }
    // `40 Gb/sec (4X QDR)`.
    let rate = value("rate").and_then(|rate| rate.split(' ').next()?.parse::<f64>().ok());
    if let Some(gigabits) = rate {
        let help = "Speed that the port can reach.";
        out.gauge("node_infiniband_rate_bytes_per_second", help, &labels, gigabits * 1e9 / 8.0);
    }
    let unicast = LEGACY_UNICAST.iter().map(|(file, what)| (*file, *what, 1.0));
    for (file, what, factor) in COUNTERS.into_iter().chain(unicast) {
        if let Some(count) = roots.sys_number(&format!("{folder}/{file}")) {
            let help = format!("Counter {} of a port.", what.trim_end_matches("_total"));
            out.counter(format!("node_infiniband_{what}"), &help, &labels, count * factor);
        }
    }
}
