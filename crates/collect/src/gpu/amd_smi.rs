//! What AMD's `amd-smi` prints as JSON: `list`, `static`, `metric` and `process`. A value is `{"value": 41, "unit": "W"}`,
//! a bare number in older releases, and `"N/A"` where there is none; newer releases wrap the list in `gpu_data`.

use super::device::{Device, Process, pci_address};
use super::families as f;
use serde_json::Value;

/// The answers of the program; those that change seldom are asked for once.
#[derive(Clone, Debug, Default)]
pub(super) struct Answers {
    pub(super) list: String,
    pub(super) fixed: String,
    pub(super) metric: String,
    pub(super) process: String,
}

/// Each GPU's part of an answer, by the program's number of it. What stands before the JSON are complaints.
fn rows(text: &str) -> Vec<(String, Value)> {
    let json = text.find(['[', '{']).and_then(|start| text.get(start..)).unwrap_or_default();
    // What follows the first value is not looked at.
    let value = serde_json::Deserializer::from_str(json).into_iter::<Value>().next().and_then(Result::ok);
    let list = match value {
        Some(Value::Array(list)) => list,
        Some(Value::Object(mut object)) => match object.remove("gpu_data") {
            Some(Value::Array(list)) => list,
            _ => vec![Value::Object(object)],
        },
        _ => Vec::new(),
    };
    let numbered = list.into_iter().filter_map(|row| {
        let number = row.get("gpu")?.as_u64()?.to_string();
        Some((number, row))
    });
    numbered.collect()
}

/// A number in base units, wherever it stands.
fn number(value: &Value) -> Option<f64> {
    let (bare, unit) = match value {
        Value::Object(object) => {
            (object.get("value")?, object.get("unit").and_then(Value::as_str).unwrap_or(""))
        }
        bare => (bare, ""),
    };
    let number = match bare {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => text.parse().ok()?,
        _ => return None,
    };
    let factor = match unit {
        "KB" => 1024.0,
        "MB" => 1_048_576.0,
        "GB" => 1_073_741_824.0,
        "MHz" => 1e6,
        "%" => 0.01,
        "mW" | "mJ" => 1e-3,
        "uJ" => 1e-6,
        _ => 1.0,
    };
    Some(number * factor).filter(|number| number.is_finite())
}

fn text(row: &Value, path: &str) -> String {
    match row.pointer(path) {
        Some(Value::String(text)) if text != "N/A" => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    }
}

/// The GPUs that the answers tell of.
pub(super) fn devices(answers: &Answers) -> Vec<Device> {
    let (list, fixed) = (rows(&answers.list), rows(&answers.fixed));
    let processes = rows(&answers.process);
    let of = |rows: &[(String, Value)], number: &str| {
        rows.iter().find(|(other, _)| other == number).map_or(Value::Null, |(_, row)| row.clone())
    };
    let devices = rows(&answers.metric).into_iter().map(|(number, metric)| {
        let (listed, fixed) = (of(&list, &number), of(&fixed, &number));
        let mut device = Device {
            uuid: text(&listed, "/uuid"),
            name: text(&fixed, "/asic/market_name"),
            pci_bus_id: pci_address(&text(&listed, "/bdf")),
            info: vec![
                ("vendor", "amd".to_owned()),
                ("driver_version", text(&fixed, "/driver/version")),
                ("vbios_version", text(&fixed, "/vbios/version")),
                ("serial", text(&fixed, "/asic/asic_serial")),
            ],
            ..Device::default()
        };
        if device.pci_bus_id.is_empty() {
            device.pci_bus_id = pci_address(&text(&fixed, "/bus/bdf"));
        }
        if device.uuid.is_empty() {
            device.uuid = if device.pci_bus_id.is_empty() {
                format!("amd-{number}")
            } else {
                device.pci_bus_id.clone()
            };
        }
        device.processes = processes_of(&of(&processes, &number));
        device.index = number;
        read_metric(&metric, &mut device);
        read_limits(&fixed, &mut device);
        device
    });
    devices.collect()
}

/// Where a value stands that needs no more than its place; a share where the unit says percent.
const PLACES: &[(&str, &f::Definition)] = &[
    ("/usage/umc_activity", f::MEMORY_UTILIZATION),
    ("/temperature/hotspot", f::HOTSPOT),
    ("/temperature/mem", f::MEMORY_TEMPERATURE),
    ("/energy/total_energy_consumption", f::ENERGY),
    ("/mem_usage/total_vram", f::MEMORY_TOTAL),
    ("/mem_usage/used_vram", f::MEMORY_USED),
    ("/mem_usage/free_vram", f::MEMORY_FREE),
    ("/fan/rpm", f::FAN_RPM),
    ("/fan/usage", f::FAN),
    ("/pcie/width", f::PCIE_WIDTH),
    ("/pcie/replay_count", f::PCIE_REPLAYS),
];

fn read_metric(metric: &Value, device: &mut Device) {
    let at = |path: &str| metric.pointer(path).and_then(number);
    for (path, family) in PLACES {
        if let Some(value) = at(path) {
            device.set(family, value);
        }
    }
    // Percent is the unit also where none is said.
    let share = |path: &str| {
        let value = metric.pointer(path)?;
        number(value).map(|share| if value.is_object() { share } else { share / 100.0 })
    };
    if let Some(share) = share("/usage/gfx_activity") {
        device.set(f::UTILIZATION, share);
    }
    if let Some(celsius) = at("/temperature/edge").or_else(|| at("/temperature/hotspot")) {
        device.set(f::TEMPERATURE, celsius);
    }
    if let Some(watts) = ["/power/socket_power", "/power/average_socket_power", "/power/current_socket_power"]
        .into_iter()
        .find_map(at)
    {
        device.set(f::POWER, watts);
    }
    for (path, clock) in [("/clock/gfx_0", "graphics"), ("/clock/mem_0", "memory")] {
        for (field, family) in [("clk", f::CLOCK), ("max_clk", f::CLOCK_MAX)] {
            if let Some(hertz) = at(&format!("{path}/{field}")) {
                device.set_for(family, &[("clock", clock)], hertz);
            }
        }
    }
    if let Some(status) = metric.pointer("/power/throttle_status").and_then(Value::as_str)
        && status != "N/A"
    {
        let is_held = f64::from(u8::from(status != "UNTHROTTLED"));
        device.set_for(f::THROTTLE, &[("reason", "any")], is_held);
    }
    for (path, kind) in
        [("/ecc/total_correctable_count", "corrected"), ("/ecc/total_uncorrectable_count", "uncorrected")]
    {
        if let Some(count) = at(path) {
            device.set_for(f::ECC_ERRORS, &[("type", kind), ("counter", "volatile")], count);
        }
    }
    for (block, counts) in metric.get("ecc_blocks").and_then(Value::as_object).into_iter().flatten() {
        for (field, kind) in [("correctable_count", "corrected"), ("uncorrectable_count", "uncorrected")] {
            if let Some(count) = counts.get(field).and_then(number) {
                let location = block.to_ascii_lowercase();
                let labels = [("type", kind), ("counter", "volatile"), ("location", location.as_str())];
                device.set_for(f::ECC_LOCATION_ERRORS, &labels, count);
            }
        }
    }
}

fn read_limits(fixed: &Value, device: &mut Device) {
    let at = |path: &str| fixed.pointer(path).and_then(number);
    if let Some(watts) = at("/limit/socket_power").or_else(|| at("/limit/current_power")) {
        device.set(f::POWER_LIMIT, watts);
    }
    if let Some(watts) = at("/limit/max_power") {
        device.set(f::POWER_LIMIT_MAX, watts);
    }
    for (path, threshold) in
        [("/limit/slowdown_edge_temperature", "slowdown"), ("/limit/shutdown_edge_temperature", "shutdown")]
    {
        if let Some(celsius) = at(path) {
            device.set_for(f::TEMPERATURE_LIMIT, &[("threshold", threshold)], celsius);
        }
    }
    if let Some(lanes) = at("/bus/max_pcie_width") {
        device.set(f::PCIE_WIDTH_MAX, lanes);
    }
}

fn processes_of(row: &Value) -> Vec<Process> {
    let list = row.get("process_list").and_then(Value::as_array).into_iter().flatten();
    let processes = list.filter_map(|entry| {
        let info = entry.get("process_info").unwrap_or(entry);
        let memory = ["/memory_usage/vram_mem", "/vram_mem", "/mem_usage"];
        Some(Process {
            pid: u32::try_from(info.get("pid")?.as_u64()?).ok()?,
            name: Some(text(info, "/name")).filter(|name| !name.is_empty()),
            memory_bytes: memory.into_iter().find_map(|path| info.pointer(path).and_then(number)),
            ..Process::default()
        })
    });
    processes.collect()
}

#[cfg(test)]
mod tests;
