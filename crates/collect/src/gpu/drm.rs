//! GPUs of AMD and Intel, as their drivers show them below /sys/class/drm. No library and no program is needed.

use super::device::{Device, Snapshot};
use super::families as f;
use crate::Roots;

const AMD: &str = "0x1002";
const INTEL: &str = "0x8086";

/// All GPUs of these makers.
pub(super) fn look(roots: &Roots) -> Snapshot {
    let mut snapshot = Snapshot { source: "sysfs", ..Snapshot::default() };
    for card in roots.sys_folder("class/drm") {
        // Connectors stand beside their cards: `card0-DP-1`.
        if !card.strip_prefix("card").is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit())) {
            continue;
        }
        let folder = format!("class/drm/{card}/device");
        let vendor = roots.sys_value(&format!("{folder}/vendor")).unwrap_or_default();
        let maker = match vendor.as_str() {
            AMD => "amd",
            INTEL => "intel",
            // The fixtures of older kernels have no `vendor`; only AMD's driver says how busy a card is.
            "" if roots.sys_value(&format!("{folder}/gpu_busy_percent")).is_some() => "amd",
            _ => continue,
        };
        let mut device = identity(roots, &card, &folder, maker);
        match maker {
            "amd" => read_amd(roots, &folder, &mut device),
            _ => read_intel(roots, &card, &folder, &mut device),
        }
        read_link(roots, &folder, &mut device);
        read_sensors(roots, &folder, &mut device);
        if !device.readings.is_empty() {
            device.index = snapshot.devices.len().to_string();
            snapshot.devices.push(device);
        }
    }
    snapshot
}

fn identity(roots: &Roots, card: &str, folder: &str, maker: &'static str) -> Device {
    let place = std::fs::read_link(roots.sysfs.join(folder)).ok();
    let address = place.and_then(|path| Some(path.file_name()?.to_str()?.to_owned()));
    let pci_bus_id = address.filter(|address| address.contains(':')).unwrap_or_default();
    let value = |file: &str| roots.sys_value(&format!("{folder}/{file}")).unwrap_or_default();
    let uuid = match value("unique_id") {
        unique if !unique.is_empty() => unique,
        _ if !pci_bus_id.is_empty() => pci_bus_id.clone(),
        _ => card.to_owned(),
    };
    Device {
        uuid,
        name: value("product_name"),
        pci_bus_id,
        info: vec![
            ("vendor", maker.to_owned()),
            ("card", card.to_owned()),
            ("vbios_version", value("vbios_version")),
            ("memory_vendor", value("mem_info_vram_vendor")),
        ],
        ..Device::default()
    }
}

fn read_amd(roots: &Roots, folder: &str, device: &mut Device) {
    let number = |file: &str| roots.sys_number(&format!("{folder}/{file}"));
    if let Some(percent) = number("gpu_busy_percent") {
        device.set(f::UTILIZATION, percent / 100.0);
    }
    if let Some(percent) = number("mem_busy_percent") {
        device.set(f::MEMORY_UTILIZATION, percent / 100.0);
    }
    if let (Some(total), Some(used)) = (number("mem_info_vram_total"), number("mem_info_vram_used")) {
        device.set(f::MEMORY_TOTAL, total);
        device.set(f::MEMORY_USED, used);
        device.set(f::MEMORY_FREE, (total - used).max(0.0));
    }
    if let Some(replays) = number("pcie_replay_count") {
        device.set(f::PCIE_REPLAYS, replays);
    }
    // Errors by block of the chip: `ue: 0`, `ce: 3`.
    let mut totals = [None::<f64>, None];
    for file in roots.sys_folder(&format!("{folder}/ras")) {
        let Some(block) = file.strip_suffix("_err_count") else { continue };
        let text = roots.sys_value(&format!("{folder}/ras/{file}")).unwrap_or_default();
        for line in text.lines() {
            let Some((kind, count)) = line.split_once(':') else { continue };
            let Ok(count) = count.trim().parse::<f64>() else { continue };
            let (kind, total) = match (kind.trim(), &mut totals) {
                ("ce", [corrected, _]) => ("corrected", corrected),
                ("ue", [_, uncorrected]) => ("uncorrected", uncorrected),
                _ => continue,
            };
            *total = Some(total.unwrap_or(0.0) + count);
            let labels = [("type", kind), ("counter", "volatile"), ("location", block)];
            device.set_for(f::ECC_LOCATION_ERRORS, &labels, count);
        }
    }
    for (kind, total) in ["corrected", "uncorrected"].into_iter().zip(totals) {
        if let Some(total) = total {
            device.set_for(f::ECC_ERRORS, &[("type", kind), ("counter", "volatile")], total);
        }
    }
}

fn read_intel(roots: &Roots, card: &str, folder: &str, device: &mut Device) {
    let number = |file: String| roots.sys_number(&file);
    // The older driver keeps the clock beside the card, the newer one below its tile.
    let actual = number(format!("class/drm/{card}/gt_act_freq_mhz"))
        .or_else(|| number(format!("{folder}/tile0/gt0/freq0/act_freq")));
    let highest = number(format!("class/drm/{card}/gt_RP0_freq_mhz"))
        .or_else(|| number(format!("{folder}/tile0/gt0/freq0/rp0_freq")));
    if let Some(megahertz) = actual {
        device.set_for(f::CLOCK, &[("clock", "graphics")], megahertz * 1e6);
    }
    if let Some(megahertz) = highest {
        device.set_for(f::CLOCK_MAX, &[("clock", "graphics")], megahertz * 1e6);
    }
    if let Some(total) = number(format!("class/drm/{card}/lmem_total_bytes")) {
        device.set(f::MEMORY_TOTAL, total);
        if let Some(free) = number(format!("class/drm/{card}/lmem_avail_bytes")) {
            device.set(f::MEMORY_FREE, free);
            device.set(f::MEMORY_USED, (total - free).max(0.0));
        }
    }
}

/// A PCIe generation from the speed of a lane, `16.0 GT/s PCIe`.
fn generation(speed: &str) -> Option<f64> {
    let digits = speed.split_ascii_whitespace().next()?;
    Some(match digits {
        "2.5" => 1.0,
        "5.0" | "5" => 2.0,
        "8.0" | "8" => 3.0,
        "16.0" | "16" => 4.0,
        "32.0" | "32" => 5.0,
        "64.0" | "64" => 6.0,
        _ => return None,
    })
}

fn read_link(roots: &Roots, folder: &str, device: &mut Device) {
    for (file, family) in
        [("current_link_speed", f::PCIE_GENERATION), ("max_link_speed", f::PCIE_GENERATION_MAX)]
    {
        if let Some(generation) = roots.sys_value(&format!("{folder}/{file}")).as_deref().and_then(generation)
        {
            device.set(family, generation);
        }
    }
    for (file, family) in [("current_link_width", f::PCIE_WIDTH), ("max_link_width", f::PCIE_WIDTH_MAX)] {
        // 255 is the kernel's word for "unknown".
        if let Some(width) =
            roots.sys_number(&format!("{folder}/{file}")).filter(|width| (1.0..=64.0).contains(width))
        {
            device.set(family, width);
        }
    }
}

/// Sensors of the card: temperatures in thousandths, power and energy in millionths, clocks in hertz.
fn read_sensors(roots: &Roots, folder: &str, device: &mut Device) {
    for monitor in roots.sys_folder(&format!("{folder}/hwmon")) {
        let at = |file: &str| format!("{folder}/hwmon/{monitor}/{file}");
        let number = |file: &str| roots.sys_number(&at(file));
        for index in 1..=3 {
            let Some(celsius) = number(&format!("temp{index}_input")).map(|value| value / 1e3) else {
                continue;
            };
            let family = match roots.sys_value(&at(&format!("temp{index}_label"))).as_deref() {
                Some("junction") => f::HOTSPOT,
                Some("mem" | "vram") => f::MEMORY_TEMPERATURE,
                Some("edge" | "pkg") | None if index <= 2 => f::TEMPERATURE,
                _ => continue,
            };
            device.set(family, celsius);
            if family.name == f::TEMPERATURE.name
                && let Some(limit) = number(&format!("temp{index}_crit"))
            {
                device.set_for(f::TEMPERATURE_LIMIT, &[("threshold", "slowdown")], limit / 1e3);
            }
        }
        if let Some(watts) = number("power1_average").or_else(|| number("power1_input")) {
            device.set(f::POWER, watts / 1e6);
        }
        if let Some(watts) = number("power1_cap").or_else(|| number("power1_max")) {
            device.set(f::POWER_LIMIT, watts / 1e6);
        }
        if let Some(joules) = number("energy1_input") {
            device.set(f::ENERGY, joules / 1e6);
        }
        for index in 1..=2 {
            let clock = match roots.sys_value(&at(&format!("freq{index}_label"))).as_deref() {
                Some("sclk") => "graphics",
                Some("mclk") => "memory",
                _ => continue,
            };
            if let Some(hertz) = number(&format!("freq{index}_input")) {
                device.set_for(f::CLOCK, &[("clock", clock)], hertz);
            }
        }
        if let Some(rpm) = number("fan1_input") {
            device.set(f::FAN_RPM, rpm);
        }
        if let (Some(speed), Some(highest)) =
            (number("pwm1"), number("pwm1_max").filter(|highest| *highest > 0.0))
        {
            device.set(f::FAN, speed / highest);
        }
    }
    // Cards whose only sensor is the chip's name their temperature as the hottest place.
    let has = |device: &Device, name: &str| device.readings.iter().any(|reading| reading.family.name == name);
    if !has(device, f::TEMPERATURE.name)
        && let Some(hottest) = device.readings.iter().find(|reading| reading.family.name == f::HOTSPOT.name)
    {
        let celsius = hottest.value;
        device.set(f::TEMPERATURE, celsius);
    }
}

#[cfg(test)]
mod tests;
