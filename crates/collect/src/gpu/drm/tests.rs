use super::*;
use std::path::Path;

fn tree(folder: &Path, files: &[(&str, &str)]) -> Roots {
    for (path, text) in files {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, format!("{text}\n")).unwrap();
    }
    Roots { sysfs: folder.to_path_buf(), ..Roots::default() }
}

fn value(device: &Device, name: &str, label: &str) -> Option<f64> {
    let found = device.readings.iter().find(|reading| {
        reading.family.name == name
            && (label.is_empty() || reading.labels.iter().any(|(_, value)| value == label))
    });
    found.map(|reading| reading.value)
}

#[test]
fn a_card_of_amd_is_read_from_its_drivers_files() {
    let folder = tempfile::tempdir().unwrap();
    let card = "devices/pci0000:00/0000:03:00.0";
    let at = |file: &str| format!("{card}/{file}");
    let files: Vec<(String, &str)> = [
        ("vendor", "0x1002"),
        ("unique_id", "5f2e3c1d"),
        ("product_name", "Instinct MI300X"),
        ("gpu_busy_percent", "87"),
        ("mem_busy_percent", "12"),
        ("mem_info_vram_total", "206141652992"),
        ("mem_info_vram_used", "1000"),
        ("current_link_speed", "32.0 GT/s PCIe"),
        ("current_link_width", "16"),
        ("max_link_width", "255"),
        ("ras/umc_err_count", "ue: 1\nce: 3"),
        ("ras/gfx_err_count", "ue: 0\nce: 2"),
        ("ras/features", "feature mask: 0x1"),
        ("hwmon/hwmon4/temp1_input", "nonsense"),
        ("hwmon/hwmon4/temp2_input", "61000"),
        ("hwmon/hwmon4/temp2_label", "junction"),
        ("hwmon/hwmon4/temp3_input", "55000"),
        ("hwmon/hwmon4/temp3_label", "mem"),
        ("hwmon/hwmon4/power1_average", "456000000"),
        ("hwmon/hwmon4/power1_cap", "750000000"),
        ("hwmon/hwmon4/freq1_input", "2100000000"),
        ("hwmon/hwmon4/freq1_label", "sclk"),
    ]
    .map(|(file, text)| (at(file), text))
    .into();
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), *text)).collect();
    let roots = tree(folder.path(), &files);
    std::fs::create_dir_all(folder.path().join("class/drm/card1-DP-1")).unwrap();
    std::fs::create_dir_all(folder.path().join("class/drm/card1")).unwrap();
    std::os::unix::fs::symlink(folder.path().join(card), folder.path().join("class/drm/card1/device"))
        .unwrap();
    let snapshot = look(&roots);
    let [device] = snapshot.devices.as_slice() else { panic!("{} cards", snapshot.devices.len()) };
    assert_eq!((device.uuid.as_str(), device.pci_bus_id.as_str()), ("5f2e3c1d", "0000:03:00.0"));
    for (name, label, expected) in [
        ("gpu_utilization_ratio", "", Some(0.87)),
        ("gpu_memory_total_bytes", "", Some(206_141_652_992.0)),
        ("gpu_hotspot_temperature_celsius", "", Some(61.0)),
        ("gpu_temperature_celsius", "", Some(61.0)),
        ("gpu_memory_temperature_celsius", "", Some(55.0)),
        ("gpu_power_watts", "", Some(456.0)),
        ("gpu_power_limit_watts", "", Some(750.0)),
        ("gpu_clock_hertz", "graphics", Some(2.1e9)),
        ("gpu_pcie_link_generation", "", Some(5.0)),
        ("gpu_pcie_link_width", "", Some(16.0)),
        ("gpu_pcie_link_width_max", "", None),
        ("gpu_ecc_errors_total", "corrected", Some(5.0)),
        ("gpu_ecc_errors_total", "uncorrected", Some(1.0)),
    ] {
        assert_eq!(value(device, name, label), expected, "{name} {label}");
    }
}

#[test]
fn a_card_of_intel_tells_clock_memory_and_energy() {
    let folder = tempfile::tempdir().unwrap();
    let roots = tree(
        folder.path(),
        &[
            ("class/drm/card0/device/vendor", "0x8086"),
            ("class/drm/card0/gt_act_freq_mhz", "1850"),
            ("class/drm/card0/lmem_total_bytes", "1000"),
            ("class/drm/card0/lmem_avail_bytes", "400"),
            ("class/drm/card0/device/hwmon/hwmon1/energy1_input", "5000000"),
            ("class/drm/card2/device/vendor", "0x10de"),
        ],
    );
    let snapshot = look(&roots);
    let [device] = snapshot.devices.as_slice() else { panic!("{} cards", snapshot.devices.len()) };
    assert_eq!(value(device, "gpu_clock_hertz", "graphics"), Some(1.85e9));
    assert_eq!(value(device, "gpu_memory_used_bytes", ""), Some(600.0));
    assert_eq!(value(device, "gpu_energy_joules_total", ""), Some(5.0));
}

#[test]
fn a_machine_without_cards_has_none() {
    let folder = tempfile::tempdir().unwrap();
    assert!(look(&tree(folder.path(), &[("class/drm/version", "drm 1.1.0")])).devices.is_empty());
}
