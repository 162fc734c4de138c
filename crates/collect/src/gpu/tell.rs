//! GPUs as metric families.

use super::Shared;
use super::device::{Device, Process, Snapshot};
use super::families as f;
use crate::processes::{self, Owner};
use crate::{Collection, Label, Roots};
use std::collections::HashMap;

/// Who the processes work for, read once for each.
pub(super) type Owners = HashMap<u32, Owner>;

/// Tells of all GPUs.
pub(super) fn devices(
    roots: &Roots,
    snapshot: &Snapshot,
    processes_per_gpu: usize,
    owners: &mut Owners,
    out: &mut Collection,
) {
    let mut seen = Owners::new();
    for device in &snapshot.devices {
        let own: [Label<'_>; 2] = [("gpu", &device.index), ("gpu_uuid", &device.uuid)];
        let mut labels: Vec<Label<'_>> = own.to_vec();
        labels.extend([
            ("name", device.name.as_str()),
            ("pci_bus_id", &device.pci_bus_id),
            ("source", snapshot.source),
        ]);
        labels.extend(device.info.iter().map(|(name, value)| (*name, value.as_str())));
        labels.retain(|(_, value)| !value.is_empty());
        out.gauge(f::INFO.name, f::INFO.help, &labels, 1.0);
        for reading in &device.readings {
            let mut labels: Vec<Label<'_>> = own.to_vec();
            labels.extend(reading.labels.iter().map(|(name, value)| (*name, value.as_str())));
            out.add(reading.family.kind, reading.family.name, reading.family.help, &labels, reading.value);
        }
        if snapshot.source != "sysfs" || !device.processes.is_empty() {
            tell_processes(roots, device, processes_per_gpu, owners, &mut seen, out);
        }
    }
    // Who is gone is forgotten: the number may be another's soon.
    *owners = seen;
}

fn tell_processes(
    roots: &Roots,
    device: &Device,
    most: usize,
    known: &mut Owners,
    seen: &mut Owners,
    out: &mut Collection,
) {
    let own: [Label<'_>; 2] = [("gpu", &device.index), ("gpu_uuid", &device.uuid)];
    out.gauge(f::PROCESSES.name, f::PROCESSES.help, &own, device.processes.len() as f64);
    let mut largest: Vec<&Process> = device.processes.iter().collect();
    largest.sort_by(|left, right| {
        let memory = |process: &Process| process.memory_bytes.unwrap_or(0.0);
        memory(right).total_cmp(&memory(left)).then(left.pid.cmp(&right.pid))
    });
    let dropped = largest.len().saturating_sub(most);
    out.gauge(f::PROCESSES_DROPPED.name, f::PROCESSES_DROPPED.help, &own, dropped as f64);
    for process in largest.into_iter().take(most) {
        let owner = known.remove(&process.pid).or_else(|| seen.get(&process.pid).cloned());
        let owner = owner.or_else(|| processes::owner(roots, process.pid)).unwrap_or_default();
        // In a container the driver may tell numbers of processes that are not of this world.
        let name =
            if owner.process.is_empty() { process.name.as_deref().unwrap_or("") } else { &owner.process };
        let pid = process.pid.to_string();
        let instance = process.instance.as_deref().unwrap_or("");
        let [gpu, uuid] = own;
        let mut labels =
            vec![gpu, uuid, ("pid", pid.as_str()), ("process", name), ("mig_instance", instance)];
        labels.retain(|(_, value)| !value.is_empty());
        if let Some(bytes) = process.memory_bytes {
            out.gauge(f::PROCESS_MEMORY.name, f::PROCESS_MEMORY.help, &labels, bytes);
        }
        for (engine, share) in &process.utilization {
            let mut labels = labels.clone();
            labels.push(("engine", engine));
            out.gauge(f::PROCESS_UTILIZATION.name, f::PROCESS_UTILIZATION.help, &labels, *share);
        }
        labels.extend([
            ("container_id", owner.container_id.as_str()),
            ("pod_uid", &owner.pod_uid),
            ("service", &owner.service),
            ("model", &owner.model),
        ]);
        labels.retain(|(_, value)| !value.is_empty());
        out.gauge(f::PROCESS_INFO.name, f::PROCESS_INFO.help, &labels, 1.0);
        seen.insert(process.pid, owner);
    }
}

/// Tells of the errors that the driver reported, and of what else the kernel's log says.
pub(super) fn errors(shared: &Shared, out: &mut Collection) {
    let mut told = Vec::new();
    for (pci, xid, count) in shared.xids.counts() {
        let number = xid.to_string();
        let mut labels: Vec<Label<'_>> = vec![("pci_bus_id", pci), ("xid", &number)];
        if let Some((index, uuid)) = shared.names.get(pci) {
            labels.extend([("gpu", index.as_str()), ("gpu_uuid", uuid)]);
        }
        out.counter(f::XID_ERRORS.name, f::XID_ERRORS.help, &labels, count.times as f64);
        out.gauge(f::XID_LAST.name, f::XID_LAST.help, &labels, count.last_ms as f64 / 1000.0);
        if told.contains(&xid) {
            continue;
        }
        told.push(xid);
        if let Some(meaning) = super::xids::meaning(xid) {
            let labels = [
                ("xid", number.as_str()),
                ("severity", meaning.severity),
                ("action", meaning.action),
                ("mnemonic", meaning.mnemonic),
                ("meaning", meaning.text),
            ];
            out.gauge(f::XID_INFO.name, f::XID_INFO.help, &labels, 1.0);
        }
    }
    for (event, (times, last_ms)) in &shared.events {
        let labels = [("event", *event)];
        let help = "Lines of the kernel's log that tell of trouble, by what they tell.";
        out.counter("host_kernel_events_total", help, &labels, *times as f64);
        let help = "When the kernel last told of such trouble, in seconds since 1970.";
        out.gauge("host_kernel_event_last_timestamp_seconds", help, &labels, *last_ms as f64 / 1000.0);
    }
}
