//! Disks that are reached on several paths, from /sys/block: device mapper's multipath targets.

use super::Collector;
use crate::{CollectError, Collection, Roots};

/// `node_dmmultipath_*`.
pub(super) struct Multipath;

/// The kernel tells the size of every disk in sectors of this many bytes.
const SECTOR_BYTES: f64 = 512.0;

impl Collector for Multipath {
    fn name(&self) -> &'static str {
        "dmmultipath"
    }

    fn collect(&self, roots: &Roots, out: &mut Collection) -> Result<(), CollectError> {
        let mut found = false;
        for disk in roots.sys_folder("block").iter().filter(|disk| disk.starts_with("dm-")) {
            let value = |file: &str| roots.sys_value(&format!("block/{disk}/{file}")).unwrap_or_default();
            let uuid = value("dm/uuid");
            if uuid.starts_with("mpath-") {
                tell(roots, disk, &value("dm/name"), &uuid, out);
                found = true;
            }
        }
        if found { Ok(()) } else { Err(CollectError::NoData("disk with several paths")) }
    }
}

fn tell(roots: &Roots, disk: &str, name: &str, uuid: &str, out: &mut Collection) {
    let labels = [("device", name), ("sysfs_name", disk)];
    let [device, sysfs_name] = labels;
    let info = [device, sysfs_name, ("uuid", uuid)];
    out.gauge("node_dmmultipath_device_info", "A disk with several paths.", &info, 1.0);
    let suspended = roots.sys_number(&format!("block/{disk}/dm/suspended"));
    let is_active = f64::from(u8::from(suspended == Some(0.0)));
    out.gauge(
        "node_dmmultipath_device_active",
        "Whether a disk with several paths is in use (1).",
        &labels,
        is_active,
    );
    if let Some(sectors) = roots.sys_number(&format!("block/{disk}/size")) {
        let help = "Size of a disk with several paths.";
        out.gauge("node_dmmultipath_device_size_bytes", help, &labels, sectors * SECTOR_BYTES);
    }
    let paths = roots.sys_folder(&format!("block/{disk}/slaves"));
    let mut active = 0.0;
    for path in &paths {
        let state =
            roots.sys_value(&format!("block/{path}/device/state")).unwrap_or_else(|| "unknown".to_owned());
        // SCSI says `running`, NVMe `live`.
        if matches!(state.as_str(), "running" | "live") {
            active += 1.0;
        }
        let labels = [device, ("path", path.as_str()), ("state", state.as_str())];
        out.gauge("node_dmmultipath_path_state", "State of a path to a disk.", &labels, 1.0);
    }
    let all = paths.len() as f64;
    out.gauge("node_dmmultipath_device_paths", "Paths to a disk.", &labels, all);
    out.gauge("node_dmmultipath_device_paths_active", "Paths to a disk that work.", &labels, active);
    out.gauge(
        "node_dmmultipath_device_paths_failed",
        "Paths to a disk that do not work.",
        &labels,
        all - active,
    );
}
