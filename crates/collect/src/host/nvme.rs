//! NVMe disks, from /sys/class/nvme.

use super::Collector;
use crate::{CollectError, Collection, Roots};

/// `node_nvme_*`.
pub(super) struct Nvme;

impl Collector for Nvme {
    fn name(&self) -> &'static str {
        "nvme"
    }

    fn collect(&self, roots: &Roots, out: &mut Collection) -> Result<(), CollectError> {
        let devices = roots.sys_folder("class/nvme");
        if devices.is_empty() {
            return Err(CollectError::NoData("NVMe disk"));
        }
        for device in devices {
            let folder = format!("class/nvme/{device}");
            let value = |file: &str| roots.sys_value(&format!("{folder}/{file}")).unwrap_or_default();
            let labels = [
                ("device", device.as_str()),
                ("cntlid", &value("cntlid")),
                ("firmware_revision", &value("firmware_rev")),
                ("model", &value("model")),
                ("serial", &value("serial")),
                ("state", &value("state")),
            ];
            out.gauge("node_nvme_info", "What an NVMe disk is.", &labels, 1.0);
            for entry in roots.sys_folder(&folder) {
                // `nvme0n1`, or `nvme0c0n1` where several paths lead to it.
                let rest = entry.strip_prefix(&device).unwrap_or_default();
                let Some((path, namespace)) = rest.rsplit_once('n') else { continue };
                let is_path = path.is_empty() || path.starts_with('c');
                if is_path && namespace.parse::<u32>().is_ok() {
                    tell_namespace(roots, &format!("{folder}/{entry}"), &device, namespace, out);
                }
            }
        }
        Ok(())
    }
}

fn tell_namespace(roots: &Roots, folder: &str, device: &str, namespace: &str, out: &mut Collection) {
    let labels = [("device", device), ("nsid", namespace)];
    let number = |file: &str| roots.sys_number(&format!("{folder}/{file}"));
    let state = roots.sys_value(&format!("{folder}/ana_state")).unwrap_or_else(|| "unknown".to_owned());
    let [device, namespace] = labels;
    let info = [device, namespace, ("ana_state", state.as_str())];
    out.gauge("node_nvme_namespace_info", "A name space of an NVMe disk.", &info, 1.0);
    let block = number("queue/logical_block_size");
    if let Some(bytes) = block {
        let help = "Size of a block of the name space.";
        out.gauge("node_nvme_namespace_logical_block_size_bytes", help, &labels, bytes);
    }
    let Some(block) = block else { return };
    if let Some(blocks) = number("size") {
        let help = "Capacity of the name space.";
        out.gauge("node_nvme_namespace_capacity_bytes", help, &labels, blocks * block);
        out.gauge("node_nvme_namespace_size_bytes", "Size of the name space.", &labels, blocks * block);
    }
    if let Some(blocks) = number("nuse") {
        let help = "How much of the name space is used.";
        out.gauge("node_nvme_namespace_used_bytes", help, &labels, blocks * block);
    }
}
