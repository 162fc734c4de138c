//! Software RAID, from /proc/mdstat and sysfs.

use super::Collector;
use crate::{CollectError, Collection, Roots};

/// `node_md_*`.
pub(super) struct MdAdm;

/// The states that a device can be in, each a series of its own.
const STATES: [&str; 5] = ["active", "inactive", "recovering", "resync", "check"];

#[derive(Debug, Default)]
struct Array {
    state: &'static str,
    active: f64,
    required: f64,
    failed: f64,
    spare: f64,
    blocks: f64,
    synced: f64,
}

impl Collector for MdAdm {
    fn name(&self) -> &'static str {
        "mdadm"
    }

    fn collect(&self, roots: &Roots, out: &mut Collection) -> Result<(), CollectError> {
        let source = match roots.proc("mdstat") {
            Err(error) if error.is_absent() => return Err(CollectError::NoData("software RAID")),
            source => source?,
        };
        let lines: Vec<(usize, &str)> = source.lines().collect();
        for (place, (_, line)) in lines.iter().enumerate() {
            let Some((device, heading)) = line.split_once(" : ") else { continue };
            if !device.starts_with("md") {
                continue;
            }
            let following =
                lines.iter().skip(place + 1).map(|(_, line)| *line).take_while(|line| !line.is_empty());
            tell(device, &array(heading, &following.collect::<Vec<_>>()), out);
        }
        for device in roots.sys_folder("block") {
            let folder = format!("block/{device}/md");
            let labels = [("device", device.as_str())];
            let number = |file: &str| roots.sys_number(&format!("{folder}/{file}"));
            let Some(disks) = number("raid_disks") else { continue };
            out.gauge("node_md_raid_disks", "Disks that the array should have.", &labels, disks);
            // A stripe lacks none: without all of them it is no array, and has no such file.
            let degraded = number("degraded").unwrap_or(0.0);
            out.gauge("node_md_degraded", "Disks that the array lacks.", &labels, degraded);
        }
        Ok(())
    }
}

fn array(heading: &str, following: &[&str]) -> Array {
    let count = |mark: &str| heading.matches(mark).count() as f64;
    let is_active = heading.starts_with("active");
    let mut array = Array {
        state: if is_active { "active" } else { "inactive" },
        failed: count("(F)"),
        spare: count("(S)"),
        ..Array::default()
    };
    let size = following.first().copied().unwrap_or_default();
    let blocks = size.split_ascii_whitespace().next();
    array.blocks = blocks.and_then(|word| word.parse().ok()).unwrap_or(0.0);
    array.synced = array.blocks;
    // `[2/1]`: how many there should be, and how many there are. A stripe says neither: all are needed.
    let ratio = size.split_ascii_whitespace().find_map(|word| {
        let (required, active) = word.strip_prefix('[')?.strip_suffix(']')?.split_once('/')?;
        Some((required.parse().ok()?, active.parse().ok()?))
    });
    (array.required, array.active) = match ratio {
        Some(ratio) if is_active => ratio,
        None if is_active => {
            let members = heading.split_ascii_whitespace().filter(|word| word.contains('['));
            let members = members.count() as f64 - array.failed - array.spare;
            (members, members)
        }
        _ => (0.0, 0.0),
    };
    for line in following {
        let state = if line.contains("recovery") {
            "recovering"
        } else if line.contains("resync") {
            "resync"
        } else if line.contains("check") {
            "check"
        } else if line.contains("reshape") {
            "reshaping"
        } else {
            continue;
        };
        array.state = state;
        // `(16775552/195310144)`; one that waits for its turn says none.
        let done = line.split_once('(').and_then(|(_, rest)| rest.split('/').next()?.parse().ok());
        array.synced = done.unwrap_or(0.0);
    }
    array
}

fn tell(device: &str, array: &Array, out: &mut Collection) {
    let labels = [("device", device)];
    out.gauge("node_md_blocks", "Blocks of the array.", &labels, array.blocks);
    out.gauge("node_md_blocks_synced", "Blocks that are in sync.", &labels, array.synced);
    out.gauge("node_md_disks_required", "Disks that the array needs.", &labels, array.required);
    let [device] = labels;
    for (state, count) in [("active", array.active), ("failed", array.failed), ("spare", array.spare)] {
        out.gauge("node_md_disks", "Disks of the array by their state.", &[device, ("state", state)], count);
    }
    for state in STATES {
        let value = f64::from(u8::from(state == array.state));
        out.gauge("node_md_state", "The state that the array is in (1).", &[device, ("state", state)], value);
    }
}
