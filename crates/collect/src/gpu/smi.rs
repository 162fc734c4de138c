//! What `nvidia-smi` prints, for machines where its library cannot be loaded: a statically linked program has no
//! dynamic loader. Intel's `xpu-smi` prints the same form.
//!
//! The fields a driver knows are asked of the tool itself, and all of them are queried: one unknown field would make
//! it refuse the whole question.

mod fields;

pub(super) use fields::name_of as field_name;

use super::device::{Device, Process, pci_address};
use super::families as f;
use std::collections::HashSet;

/// The fields that `--help-query-gpu` lists, in its order.
pub(super) fn known_fields(help: &str) -> Vec<String> {
    let mut seen = HashSet::new();
    let names = help.lines().filter_map(|line| line.strip_prefix('"')?.split_once('"'));
    // Some fields' possible values are listed in the same way.
    let is_field =
        |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_'));
    names.filter(|(name, _)| is_field(name) && seen.insert(*name)).map(|(name, _)| name.to_owned()).collect()
}

/// Whether a cell says that there is nothing to say.
fn is_nothing(cell: &str) -> bool {
    // What stands in brackets is an excuse: [N/A], [Unknown Error], [GPU is lost].
    matches!(cell, "" | "N/A" | "Not Supported" | "Unknown Error") || cell.starts_with('[')
}

/// A cell as a number in base units, and the ending that the unit gives a name.
pub(super) fn number(cell: &str) -> Option<(f64, &'static str)> {
    if is_nothing(cell) {
        return None;
    }
    let word = match cell {
        "Active" | "Enabled" | "Yes" | "Supported" | "True" => Some(1.0),
        "Not Active" | "Disabled" | "No" | "False" | "None" => Some(0.0),
        _ => None,
    };
    if let Some(value) = word {
        return Some((value, ""));
    }
    if let Some(digits) = cell.strip_prefix("0x") {
        return u64::from_str_radix(digits, 16).ok().map(|value| (value as f64, ""));
    }
    let (digits, unit) = cell.split_once(' ').unwrap_or((cell, ""));
    let value: f64 = digits.parse().ok().filter(|value: &f64| value.is_finite())?;
    Some(match unit {
        "" => (value, ""),
        "MiB" => (value * 1_048_576.0, "_bytes"),
        "KiB" => (value * 1024.0, "_bytes"),
        "W" => (value, "_watts"),
        "mW" => (value / 1000.0, "_watts"),
        "%" => (value / 100.0, "_ratio"),
        "MHz" => (value * 1e6, "_clock_hz"),
        "us" => (value / 1e6, "_seconds"),
        "ms" => (value / 1e3, "_seconds"),
        "J" => (value, "_joules"),
        "mJ" => (value / 1e3, "_joules"),
        _ => return None,
    })
}

/// A tool's table: the names of its columns without their units, and its rows.
struct Table<'a> {
    columns: Vec<&'a str>,
    rows: Vec<Vec<&'a str>>,
}

/// Reads comma separated values with a line of headings. What is no such table (an error message) has no rows.
fn table(text: &str) -> Table<'_> {
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    let heading = lines.next().unwrap_or_default();
    let columns: Vec<&str> = heading
        .split(',')
        .map(|column| column.split_once(" [").map_or(column, |(name, _)| name).trim())
        .collect();
    let rows = lines.map(|line| line.split(',').map(str::trim).collect::<Vec<_>>());
    let rows = rows.filter(|row| row.len() >= columns.len() && columns.len() > 1).collect();
    Table { columns, rows }
}

/// Whether a GPU is split into instances.
pub(super) fn is_split(device: &Device) -> bool {
    device.readings.iter().any(|reading| reading.family.name == f::MIG_ENABLED.name && reading.value == 1.0)
}

/// The GPUs in the answer to `--query-gpu=… --format=csv`.
pub(super) fn devices(text: &str) -> Vec<Device> {
    let table = table(text);
    let devices = table.rows.iter().map(|row| device(&table.columns, row));
    devices.filter(|device| !device.uuid.is_empty() || !device.pci_bus_id.is_empty()).collect()
}

fn device(columns: &[&str], row: &[&str]) -> Device {
    let mut device = Device::default();
    for (column, cell) in columns.iter().zip(row) {
        if is_nothing(cell) {
            continue;
        }
        match *column {
            "index" => (*cell).clone_into(&mut device.index),
            "uuid" => (*cell).clone_into(&mut device.uuid),
            "name" => (*cell).clone_into(&mut device.name),
            "pci.bus_id" => device.pci_bus_id = pci_address(cell),
            _ => {}
        }
        if let Some(label) = fields::info_label(column) {
            device.info.push((label, (*cell).to_owned()));
        }
        fields::tell(&mut device, column, cell);
        if let Some((value, unit)) = fields::raw(column, cell) {
            device.raw.push((format!("nvidia_smi_{}{unit}", raw_name(column)), value));
        }
    }
    if device.uuid.is_empty() {
        device.uuid = device.pci_bus_id.clone();
    }
    if device.index.is_empty() {
        device.index = device.uuid.clone();
    }
    device
}

/// A field's name as part of a metric's.
pub(super) fn raw_name(column: &str) -> String {
    let mut name = String::with_capacity(column.len());
    for character in column.chars() {
        match character {
            'A'..='Z' => {
                if !name.ends_with('_') && name.chars().last().is_some_and(|last| last.is_ascii_lowercase()) {
                    name.push('_');
                }
                name.push(character.to_ascii_lowercase());
            }
            'a'..='z' | '0'..='9' => name.push(character),
            _ => name.push('_'),
        }
    }
    name
}

/// The processes in the answer to `--query-compute-apps=gpu_uuid,pid,used_gpu_memory,process_name`, by the GPU's UUID.
/// A process's name may hold commas, so it comes last or is found from both ends.
pub(super) fn processes(text: &str) -> Vec<(String, Process)> {
    let table = table(text);
    let place = |name: &str| table.columns.iter().position(|column| *column == name);
    let (Some(uuid), Some(pid), Some(process), Some(memory)) =
        (place("gpu_uuid"), place("pid"), place("process_name"), place("used_gpu_memory"))
    else {
        return Vec::new();
    };
    let count = table.columns.len();
    let rows = table.rows.iter().filter_map(|row| {
        let surplus = row.len() - count;
        // Columns behind the name move by the commas in it.
        let at = |column: usize| row.get(if column > process { column + surplus } else { column }).copied();
        let name = row.get(process..=process + surplus)?.join(", ");
        let process = Process {
            pid: at(pid)?.parse().ok()?,
            name: (!is_nothing(&name)).then(|| base_name(&name).to_owned()),
            memory_bytes: at(memory).and_then(number).map(|(bytes, _)| bytes),
            ..Process::default()
        };
        Some((at(uuid)?.to_owned(), process))
    });
    rows.collect()
}

/// The program's own name, of a path of either kind.
fn base_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

/// The instances of split GPUs in the answer to `-L`: the GPU's index, the instance's profile, number and UUID.
pub(super) fn instances(list: &str) -> Vec<(String, [String; 3])> {
    let mut gpu = String::new();
    let mut found = Vec::new();
    for line in list.lines() {
        let uuid = || Some(line.split_once("(UUID: ")?.1.trim_end_matches(')').to_owned());
        if let Some(rest) = line.strip_prefix("GPU ") {
            rest.split_once(':').map_or("", |(index, _)| index).clone_into(&mut gpu);
        } else if let Some(rest) = line.trim_start().strip_prefix("MIG ") {
            let Some((profile, rest)) = rest.split_once("Device") else { continue };
            let Some((number, _)) = rest.split_once(':') else { continue };
            let Some(uuid) = uuid() else { continue };
            found.push((gpu.clone(), [profile.trim().to_owned(), number.trim().to_owned(), uuid]));
        }
    }
    found
}

/// Puts processes and instances to their GPUs.
pub(super) fn complete(devices: &mut [Device], processes: Vec<(String, Process)>, list: &str) {
    for (uuid, process) in processes {
        // A process on an instance is told with the instance's UUID by some drivers, so what fits no GPU is left out
        // rather than told of a wrong one.
        if let Some(device) = devices.iter_mut().find(|device| device.uuid == uuid) {
            device.processes.push(process);
        }
    }
    for (gpu, [profile, number, uuid]) in instances(list) {
        if let Some(device) = devices.iter_mut().find(|device| device.index == gpu) {
            let labels = [("mig", number.as_str()), ("mig_uuid", &uuid), ("profile", &profile)];
            device.set_for(f::MIG_INFO, &labels, 1.0);
        }
    }
}

#[cfg(test)]
mod tests;
