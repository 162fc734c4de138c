//! Which field of `nvidia-smi` is which family. Every field of every capture is named here or is a number of its own.

use super::super::device::{Device, Reading};
use super::super::families::{self as f, Definition};
use super::number;

/// Fields with one number that is a family's value as it stands, in base units.
const PLAIN: &[(&str, &Definition)] = &[
    ("temperature.gpu", f::TEMPERATURE),
    ("temperature.memory", f::MEMORY_TEMPERATURE),
    ("temperature.gpu.tlimit", f::TEMPERATURE_MARGIN),
    ("utilization.gpu", f::UTILIZATION),
    ("utilization.memory", f::MEMORY_UTILIZATION),
    ("utilization.encoder", f::ENCODER_UTILIZATION),
    ("utilization.decoder", f::DECODER_UTILIZATION),
    ("utilization.jpeg", f::JPEG_UTILIZATION),
    ("utilization.ofa", f::OFA_UTILIZATION),
    ("encoder.stats.sessionCount", f::ENCODER_SESSIONS),
    ("memory.total", f::MEMORY_TOTAL),
    ("memory.used", f::MEMORY_USED),
    ("memory.free", f::MEMORY_FREE),
    ("memory.reserved", f::MEMORY_RESERVED),
    ("power.draw", f::POWER),
    ("power.draw.instant", f::POWER_INSTANT),
    ("enforced.power.limit", f::POWER_LIMIT),
    ("power.default_limit", f::POWER_LIMIT_DEFAULT),
    ("power.min_limit", f::POWER_LIMIT_MIN),
    ("power.max_limit", f::POWER_LIMIT_MAX),
    ("fan.speed", f::FAN),
    ("ecc.mode.current", f::ECC_ENABLED),
    ("remapped_rows.pending", f::ROW_REMAP_PENDING),
    ("remapped_rows.failure", f::ROW_REMAP_FAILURE),
    ("retired_pages.pending", f::RETIRED_PAGES_PENDING),
    ("pcie.link.gen.current", f::PCIE_GENERATION),
    ("pcie.link.gen.max", f::PCIE_GENERATION_MAX),
    ("pcie.link.width.current", f::PCIE_WIDTH),
    ("pcie.link.width.max", f::PCIE_WIDTH_MAX),
    ("mig.mode.current", f::MIG_ENABLED),
];

/// Fields with one number that are one of a family's series: the family, its label, and the label's value.
const LABELLED: &[(&str, &Definition, &str, &str)] = &[
    ("clocks.current.graphics", f::CLOCK, "clock", "graphics"),
    ("clocks.current.sm", f::CLOCK, "clock", "sm"),
    ("clocks.current.memory", f::CLOCK, "clock", "memory"),
    ("clocks.current.video", f::CLOCK, "clock", "video"),
    ("clocks.max.graphics", f::CLOCK_MAX, "clock", "graphics"),
    ("clocks.max.sm", f::CLOCK_MAX, "clock", "sm"),
    ("clocks.max.memory", f::CLOCK_MAX, "clock", "memory"),
    ("remapped_rows.correctable", f::ROW_REMAPS, "type", "correctable"),
    ("remapped_rows.uncorrectable", f::ROW_REMAPS, "type", "uncorrectable"),
    ("remapped_rows.histogram.max", f::ROW_REMAP_BANKS, "availability", "max"),
    ("remapped_rows.histogram.high", f::ROW_REMAP_BANKS, "availability", "high"),
    ("remapped_rows.histogram.partial", f::ROW_REMAP_BANKS, "availability", "partial"),
    ("remapped_rows.histogram.low", f::ROW_REMAP_BANKS, "availability", "low"),
    ("remapped_rows.histogram.none", f::ROW_REMAP_BANKS, "availability", "none"),
    ("retired_pages.single_bit_ecc.count", f::RETIRED_PAGES, "cause", "single_bit_ecc"),
    ("retired_pages.double_bit.count", f::RETIRED_PAGES, "cause", "double_bit_ecc"),
];

/// Fields that are words; they become labels of `gpu_info`.
pub(super) fn info_label(column: &str) -> Option<&'static str> {
    Some(match column {
        "driver_version" => "driver_version",
        "vbios_version" => "vbios_version",
        "serial" => "serial",
        "compute_cap" => "compute_capability",
        "driver_model.current" => "driver_model",
        _ => return None,
    })
}

/// Notes what a field says under the canonical names.
pub(super) fn tell(device: &mut Device, column: &str, cell: &str) {
    match column {
        "pstate" => {
            if let Some(state) = cell.strip_prefix('P').and_then(|digits| digits.parse::<f64>().ok()) {
                device.set(f::PERFORMANCE_STATE, state);
            }
            return;
        }
        "gpu_recovery_action" => {
            if let Some(action) = recovery_action(cell) {
                device.set(f::RECOVERY_ACTION, action);
            }
            return;
        }
        "fabric.state" => {
            device.set_for(f::FABRIC_STATE, &[("state", &cell.to_ascii_lowercase())], 1.0);
            return;
        }
        "fabric.health.summary" => {
            device.set(f::FABRIC_HEALTHY, f64::from(u8::from(cell == "Healthy")));
            return;
        }
        _ => {}
    }
    let Some((value, _)) = number(cell) else { return };
    if let Some((_, family)) = PLAIN.iter().find(|(name, _)| *name == column) {
        return device.set(family, value);
    }
    if let Some((_, family, label, word)) = LABELLED.iter().find(|(name, ..)| *name == column) {
        return device.set_for(family, &[(label, word)], value);
    }
    // Drivers before 535 say "throttle" where newer ones say "event".
    let event =
        column.strip_prefix("clocks_event_reasons").or(column.strip_prefix("clocks_throttle_reasons"));
    if let Some(reason) = event.and_then(|rest| rest.strip_prefix("_counters.")) {
        return device.set_for(f::THROTTLED, &[("reason", reason)], value);
    }
    if let Some(reason) = event.and_then(|rest| rest.strip_prefix('.')) {
        if !matches!(reason, "supported" | "active") {
            device.set_for(f::THROTTLE, &[("reason", reason)], value);
        }
        return;
    }
    if let Some(errors) = column.strip_prefix("ecc.errors.") {
        let mut parts = errors.splitn(3, '.');
        if let (Some(kind), Some(counter), Some(place)) = (parts.next(), parts.next(), parts.next()) {
            let labels = [("type", kind), ("counter", counter)];
            match place {
                "total" => device.set_for(f::ECC_ERRORS, &labels, value),
                "sram.thresholdExceeded" => {}
                _ => {
                    let [kind, counter] = labels;
                    device.set_for(f::ECC_LOCATION_ERRORS, &[kind, counter, ("location", place)], value);
                }
            }
        }
    }
}

/// What the driver asks for, as NVML numbers it.
fn recovery_action(cell: &str) -> Option<f64> {
    Some(match cell {
        "None" => 0.0,
        "Reset" | "GPU Reset" => 1.0,
        "Reboot" | "Node Reboot" => 2.0,
        "Drain P2P" => 3.0,
        "Drain and Reset" => 4.0,
        _ => return None,
    })
}

/// Fields whose digits are a name, not an amount.
const NAMES: [&str; 16] = [
    "timestamp",
    "driver_version",
    "kmd_version",
    "name",
    "serial",
    "uuid",
    "pci.bus_id",
    "vbios_version",
    "inforom.img",
    "inforom.oem",
    "inforom.ecc",
    "inforom.pwr",
    "hostname",
    "fabric.clusterUuid",
    "platform.chassis_serial_number",
    "platform.gpu_fabric_guid",
];

/// A field as a number under its own name, with the ending for its unit. Words that stand for a state have the numbers
/// that exporters of this tool gave them.
pub(super) fn raw(column: &str, cell: &str) -> Option<(f64, &'static str)> {
    if NAMES.contains(&column) {
        return None;
    }
    let word = match (column, cell) {
        ("pstate", state) => state.strip_prefix('P')?.parse().ok(),
        ("gpu_recovery_action", action) => recovery_action(action),
        ("compute_mode", "Default") => Some(0.0),
        ("compute_mode", "Exclusive_Thread") => Some(1.0),
        ("compute_mode", "Prohibited") => Some(2.0),
        ("compute_mode", "Exclusive_Process") => Some(3.0),
        ("inforom.checksum_validation", checksum) => Some(f64::from(u8::from(checksum == "valid"))),
        ("fabric.state", "Not Started") => Some(1.0),
        ("fabric.state", "In Progress") => Some(2.0),
        ("fabric.state", "Completed") => Some(3.0),
        ("fabric.status", status) => Some(f64::from(u8::from(status != "Success"))),
        ("fabric.health.summary", "Unhealthy") => Some(2.0),
        ("fabric.health.summary", "Healthy") => Some(1.0),
        ("addressing_mode", "HMM") => Some(1.0),
        ("addressing_mode", "ATS") => Some(2.0),
        ("driver_model.current" | "driver_model.pending", model) => Some(f64::from(u8::from(model == "TCC"))),
        ("platform.peer_type", peer) => Some(f64::from(u8::from(peer != "Direct Connected"))),
        _ => None,
    };
    word.map(|value| (value, "")).or_else(|| number(cell))
}

/// The tool's name for what another reader said, with its unit; `None` for what the tool does not tell.
pub(crate) fn name_of(reading: &Reading) -> Option<String> {
    let family = reading.family.name;
    let label =
        |name: &str| reading.labels.iter().find(|(label, _)| *label == name).map(|(_, value)| value.as_str());
    let plain = PLAIN.iter().find(|(_, known)| known.name == family).map(|(column, _)| (*column).to_owned());
    let labelled = || {
        let known =
            LABELLED.iter().find(|(_, known, name, word)| known.name == family && label(name) == Some(word));
        known.map(|(column, ..)| (*column).to_owned())
    };
    let patterned = || match family {
        name if name == f::THROTTLE.name => Some(format!("clocks_event_reasons.{}", label("reason")?)),
        name if name == f::THROTTLED.name => {
            Some(format!("clocks_event_reasons_counters.{}", label("reason")?))
        }
        name if name == f::ECC_ERRORS.name => {
            Some(format!("ecc.errors.{}.{}.total", label("type")?, label("counter")?))
        }
        name if name == f::PERFORMANCE_STATE.name => Some("pstate".to_owned()),
        name if name == f::RECOVERY_ACTION.name => Some("gpu_recovery_action".to_owned()),
        _ => None,
    };
    let column = plain.or_else(labelled).or_else(patterned)?;
    let unit = [
        ("_hertz", "_clock_hz"),
        ("_bytes", "_bytes"),
        ("_watts", "_watts"),
        ("_ratio", "_ratio"),
        ("_seconds_total", "_seconds"),
    ];
    let unit = unit.iter().find(|(ending, _)| family.ends_with(ending)).map_or("", |(_, unit)| unit);
    Some(format!("nvidia_smi_{}{unit}", super::raw_name(&column)))
}
