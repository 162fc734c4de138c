use super::*;
use std::path::PathBuf;

/// The captures of real machines, by name; none, aloud, where they are not there.
fn captures() -> Vec<(String, String)> {
    let root = std::env::var_os("WATCHFIRE_SHARED")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let Ok(entries) = std::fs::read_dir(root.join("data/gpu/nvidia-smi")) else {
        println!("skipped: no captures of nvidia-smi");
        return Vec::new();
    };
    let files = entries.map(|entry| entry.unwrap().path());
    let captures = files.filter(|path| path.extension().is_some_and(|extension| extension == "txt"));
    captures
        .map(|path| {
            (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read_to_string(path).unwrap())
        })
        .collect()
}

/// The section of a capture whose heading begins so.
fn section<'a>(capture: &'a str, heading: &str) -> &'a str {
    let rule = "#".repeat(80);
    let start = capture.find(&format!("{rule}\n# {heading}")).unwrap();
    let body = capture[start + rule.len() + 1..].split_once(&rule).unwrap().1;
    body.split(&rule).next().unwrap().trim_start_matches('\n')
}

fn value(device: &Device, name: &str, label: &str) -> Option<f64> {
    let found = device.readings.iter().find(|reading| {
        reading.family.name == name
            && (label.is_empty() || reading.labels.iter().any(|(_, value)| value == label))
    });
    found.map(|reading| reading.value)
}

fn raw_value(device: &Device, name: &str) -> Option<f64> {
    device.raw.iter().find(|(raw, _)| raw == name).map(|(_, value)| *value)
}

#[test]
fn every_field_of_every_capture_is_a_value_a_label_or_says_nothing() {
    for (name, capture) in captures() {
        for state in ["idle", "load"] {
            let text = section(&capture, &format!("{state} :: query-gpu"));
            let table = table(text);
            assert!(table.columns.len() > 190, "{name}: {} columns", table.columns.len());
            assert_eq!(table.rows.len(), 1, "{name}");
            let mut numbers = 0;
            for (column, cell) in table.columns.iter().zip(&table.rows[0]) {
                let label = ["timestamp", "name", "uuid", "pci.bus_id", "kmd_version", "hostname"]
                    .contains(column)
                    || fields::info_label(column).is_some()
                    || column.starts_with("inforom.")
                    || matches!(*column, "fabric.clusterUuid" | "platform.gpu_fabric_guid");
                let number = fields::raw(column, cell).is_some();
                numbers += usize::from(number);
                assert!(number || label || is_nothing(cell), "{name}: {column} = {cell:?}");
            }
            println!("{name} {state}: {numbers} numbers of {} fields", table.columns.len());
            assert!(numbers > 60, "{name}: {numbers}");
        }
    }
}

#[test]
fn the_help_text_lists_the_fields_that_the_tool_answers() {
    for (name, capture) in captures() {
        let asked = known_fields(section(&capture, "capabilities :: help-query-gpu"));
        let text = section(&capture, "idle :: query-gpu");
        assert_eq!(asked, table(text).columns, "{name}");
    }
}

#[test]
fn an_h200_under_load_is_told_in_base_units() {
    let Some((_, capture)) = captures().into_iter().find(|(name, _)| name.contains("h200__")) else { return };
    let mut found = devices(section(&capture, "load :: query-gpu"));
    let apps = processes(section(&capture, "load :: query-compute-apps"));
    complete(&mut found, apps, section(&capture, "capabilities :: list"));
    let [device] = found.as_slice() else { panic!("{} GPUs", found.len()) };
    assert_eq!((device.name.as_str(), device.pci_bus_id.as_str()), ("NVIDIA H200", "0000:83:00.0"));
    for (family, label, expected) in [
        ("gpu_temperature_celsius", "", 52.0),
        ("gpu_memory_temperature_celsius", "", 40.0),
        ("gpu_utilization_ratio", "", 1.0),
        ("gpu_memory_total_bytes", "", 143_771.0 * 1_048_576.0),
        ("gpu_power_watts", "", 627.4),
        ("gpu_power_limit_watts", "", 700.0),
        ("gpu_clock_hertz", "sm", 1.98e9),
        ("gpu_throttle_active", "hw_thermal_slowdown", 0.0),
        ("gpu_throttled_seconds_total", "sw_power_cap", 0.0),
        ("gpu_ecc_errors_total", "corrected", 0.0),
        ("gpu_row_remap_banks", "max", 3072.0),
        ("gpu_recovery_action", "", 0.0),
        ("gpu_pcie_link_width", "", 16.0),
        ("gpu_performance_state", "", 0.0),
        ("gpu_fabric_state", "completed", 1.0),
        ("gpu_mig_enabled", "", 0.0),
    ] {
        assert_eq!(value(device, family, label), Some(expected), "{family} {label}");
    }
    for (name, expected) in [
        ("nvidia_smi_temperature_gpu", 52.0),
        ("nvidia_smi_utilization_gpu_ratio", 1.0),
        ("nvidia_smi_power_draw_watts", 627.4),
        ("nvidia_smi_memory_used_bytes", 32_362.0 * 1_048_576.0),
        ("nvidia_smi_clocks_current_sm_clock_hz", 1.98e9),
        ("nvidia_smi_remapped_rows_failure", 0.0),
        ("nvidia_smi_clocks_event_reasons_hw_thermal_slowdown", 0.0),
        ("nvidia_smi_gpu_recovery_action", 0.0),
    ] {
        assert_eq!(raw_value(device, name), Some(expected), "{name}");
    }
    let burn = device.processes.iter().find(|process| process.pid == 10_309).unwrap();
    assert_eq!(burn.name.as_deref(), Some("gpu_burn"));
    assert_eq!(burn.memory_bytes, Some(28_234.0 * 1_048_576.0));
    assert_eq!(device.processes.len(), 3);
}

#[test]
fn the_instances_of_a_split_gpu_are_listed() {
    let Some((_, capture)) = captures().into_iter().find(|(name, _)| name.contains("mig")) else { return };
    let instances = instances(section(&capture, "capabilities :: list"));
    let profiles: Vec<&str> = instances.iter().map(|(_, [profile, ..])| profile.as_str()).collect();
    assert_eq!(profiles, ["1c.3g.71gb", "2c.3g.71gb", "2g.35gb", "1g.18gb", "1g.18gb"]);
    assert_eq!(instances[4].1[1], "4");
    let device = &devices(section(&capture, "idle :: query-gpu"))[0];
    assert_eq!(value(device, "gpu_mig_enabled", ""), Some(1.0));
    assert_eq!(value(device, "gpu_utilization_ratio", ""), None, "[N/A] is no number");
}

#[test]
fn a_process_name_may_hold_commas() {
    let text =
        "gpu_uuid, pid, process_name, used_gpu_memory [MiB]\nGPU-1, 7, python -c \"a, b, c\", 12 MiB\n";
    let [(uuid, process)] = processes(text).try_into().unwrap();
    assert_eq!((uuid.as_str(), process.pid), ("GPU-1", 7));
    assert_eq!(process.name.as_deref(), Some("python -c \"a, b, c\""));
    assert_eq!(process.memory_bytes, Some(12.0 * 1_048_576.0));
}

#[test]
fn what_is_no_table_has_no_gpus() {
    for text in [
        "",
        "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.",
        "Unable to determine the device handle for GPU0000:83:00.0: Unknown Error",
        "uuid, name\n",
        "uuid, name\n,\n",
        "uuid, name\n[N/A], [GPU is lost]\n",
        "\u{0}\n,,,,\n,,,,",
    ] {
        assert!(devices(text).is_empty(), "{text:?}");
        assert!(processes(text).is_empty(), "{text:?}");
        assert!(instances(text).is_empty(), "{text:?}");
    }
}

proptest::proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "(\\PC|\n|,|GPU |MIG |Device|\"){0,200}") {
        devices(&text);
        processes(&text);
        instances(&text);
        known_fields(&text);
    }
}
