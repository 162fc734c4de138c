//! Fibre Channel adapters, from /sys/class/fc_host.

use super::Collector;
use crate::{CollectError, Collection, Roots};

/// `node_fibrechannel_*`.
pub(super) struct FibreChannel;

/// Counters, which the kernel writes in hexadecimal, and what they become.
const COUNTERS: [(&str, &str); 14] = [
    ("dumped_frames", "dumped_frames_total"),
    ("error_frames", "error_frames_total"),
    ("fcp_packet_aborts", "fcp_packet_aborts_total"),
    ("invalid_crc_count", "invalid_crc_total"),
    ("invalid_tx_word_count", "invalid_tx_words_total"),
    ("link_failure_count", "link_failure_total"),
    ("loss_of_signal_count", "loss_of_signal_total"),
    ("loss_of_sync_count", "loss_of_sync_total"),
    ("nos_count", "nos_total"),
    ("rx_frames", "rx_frames_total"),
    ("rx_words", "rx_words_total"),
    ("seconds_since_last_reset", "seconds_since_last_reset_total"),
    ("tx_frames", "tx_frames_total"),
    ("tx_words", "tx_words_total"),
];

impl Collector for FibreChannel {
    fn name(&self) -> &'static str {
        "fibrechannel"
    }

    fn collect(&self, roots: &Roots, out: &mut Collection) -> Result<(), CollectError> {
        let adapters = roots.sys_folder("class/fc_host");
        if adapters.is_empty() {
            return Err(CollectError::NoData("Fibre Channel adapter"));
        }
        for adapter in adapters {
            let folder = format!("class/fc_host/{adapter}");
            let word = |file: &str| roots.sys_value(&format!("{folder}/{file}")).unwrap_or_default();
            let hexadecimal = |file: &str| {
                let word = word(file);
                word.strip_prefix("0x").map(str::to_owned).unwrap_or(word)
            };
            let labels = [
                ("fc_host", adapter.as_str()),
                ("speed", &word("speed")),
                ("port_state", &word("port_state")),
                ("port_type", &word("port_type")),
                ("port_id", &hexadecimal("port_id")),
                ("port_name", &hexadecimal("port_name")),
                ("fabric_name", &hexadecimal("fabric_name")),
                ("symbolic_name", &word("symbolic_name")),
                ("supported_classes", &word("supported_classes")),
                ("supported_speeds", &word("supported_speeds")),
                ("dev_loss_tmo", &word("dev_loss_tmo")),
            ];
            out.gauge("node_fibrechannel_info", "What a Fibre Channel adapter is.", &labels, 1.0);
            for (file, name) in COUNTERS {
                let text = hexadecimal(&format!("statistics/{file}"));
                // What an adapter does not count is told as all ones.
                let count = u64::from_str_radix(&text, 16).ok().filter(|count| *count != u64::MAX);
                if let Some(count) = count {
                    let help = format!("The counter {file} of a Fibre Channel adapter.");
                    let name = format!("node_fibrechannel_{name}");
                    out.counter(name, &help, &[("fc_host", &adapter)], count as f64);
                }
            }
        }
        Ok(())
    }
}
