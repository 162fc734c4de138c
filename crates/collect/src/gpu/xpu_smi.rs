//! What Intel's `xpu-smi` prints: `discovery` as JSON, `dump` as comma separated values. Its second version answers
//! the questions of `nvidia-smi` as well, and is then read like that.

use super::device::{Device, pci_address};
use super::families as f;
use serde_json::Value;

/// The numbers of the statistics that are asked for: utilization, power, clock, temperatures, energy, memory.
pub(super) const METRICS: &str = "0,1,2,3,4,8,18";

/// The answers of the program; those that change seldom are asked for once.
#[derive(Clone, Debug, Default)]
pub(super) struct Answers {
    pub(super) discovery: String,
    /// About each device, by its number.
    pub(super) details: Vec<(String, String)>,
    pub(super) dump: String,
}

fn json(text: &str) -> Value {
    let start = text.find('{').and_then(|start| text.get(start..)).unwrap_or_default();
    serde_json::from_str(start).unwrap_or(Value::Null)
}

fn text(row: &Value, name: &str) -> String {
    match row.get(name) {
        Some(Value::String(text)) => text.trim().to_owned(),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    }
}

/// The numbers of the devices that were discovered.
pub(super) fn numbers(discovery: &str) -> Vec<String> {
    let list = json(discovery);
    let list = list.get("device_list").and_then(Value::as_array).cloned().unwrap_or_default();
    let physical = list.iter().filter(|row| text(row, "device_function_type") != "virtual");
    physical.map(|row| text(row, "device_id")).filter(|number| !number.is_empty()).collect()
}

/// The GPUs that the answers tell of.
pub(super) fn devices(answers: &Answers) -> Vec<Device> {
    let list = json(&answers.discovery);
    let list = list.get("device_list").and_then(Value::as_array).cloned().unwrap_or_default();
    let numbers = numbers(&answers.discovery);
    let mut devices: Vec<Device> = list
        .iter()
        .filter(|row| numbers.contains(&text(row, "device_id")))
        .map(|row| Device {
            index: text(row, "device_id"),
            uuid: text(row, "uuid"),
            name: text(row, "device_name"),
            pci_bus_id: pci_address(&text(row, "pci_bdf_address")),
            info: vec![("vendor", "intel".to_owned())],
            ..Device::default()
        })
        .collect();
    for device in &mut devices {
        let detail = answers.details.iter().find(|(number, _)| *number == device.index);
        let detail = detail.map_or(Value::Null, |(_, detail)| json(detail));
        device.info.push(("driver_version", text(&detail, "driver_version")));
        if let Ok(bytes) = text(&detail, "memory_physical_size_byte").parse::<f64>() {
            device.set(f::MEMORY_TOTAL, bytes);
        }
        if let Ok(lanes) = text(&detail, "pcie_max_link_width").parse::<f64>() {
            device.set(f::PCIE_WIDTH_MAX, lanes);
        }
    }
    read_dump(&answers.dump, &mut devices);
    devices
}

/// The columns of a dump are known by their headings: which of them are there depends on the release.
fn read_dump(dump: &str, devices: &mut [Device]) {
    let mut lines = dump.lines().skip_while(|line| !line.starts_with("Timestamp"));
    let headings: Vec<&str> = lines.next().unwrap_or_default().split(',').map(str::trim).collect();
    for line in lines {
        let cells: Vec<&str> = line.split(',').map(str::trim).collect();
        let cell = |heading: &str| {
            let place = headings.iter().position(|other| other.starts_with(heading))?;
            cells.get(place).copied()
        };
        // Without a number in the second column a line is of one tile, or no line of a device at all.
        let Some(device) =
            cell("DeviceId").and_then(|id| devices.iter_mut().find(|device| device.index == id))
        else {
            continue;
        };
        let number = |heading: &str| cell(heading)?.parse::<f64>().ok().filter(|number| number.is_finite());
        for (heading, factor, family) in [
            ("GPU Utilization", 0.01, f::UTILIZATION),
            ("GPU Power", 1.0, f::POWER),
            ("GPU Core Temperature", 1.0, f::TEMPERATURE),
            ("GPU Memory Temperature", 1.0, f::MEMORY_TEMPERATURE),
            ("GPU Energy Consumed", 1.0, f::ENERGY),
            ("GPU Memory Used", 1_048_576.0, f::MEMORY_USED),
        ] {
            if let Some(value) = number(heading) {
                device.set(family, value * factor);
            }
        }
        if let Some(megahertz) = number("GPU Frequency") {
            device.set_for(f::CLOCK, &[("clock", "graphics")], megahertz * 1e6);
        }
    }
}

#[cfg(test)]
mod tests;
