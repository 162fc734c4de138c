use super::*;

const METRIC: &str = r#"WARNING: User is missing the following required groups: render
{"gpu_data": [{
  "gpu": 0,
  "usage": {"gfx_activity": {"value": 87, "unit": "%"}, "umc_activity": {"value": 12, "unit": "%"}, "mm_activity": "N/A"},
  "power": {"socket_power": {"value": 542, "unit": "W"}, "throttle_status": "UNTHROTTLED"},
  "clock": {"gfx_0": {"clk": {"value": 2100, "unit": "MHz"}, "max_clk": {"value": 2500, "unit": "MHz"}},
            "mem_0": {"clk": {"value": 1300, "unit": "MHz"}}},
  "temperature": {"edge": "N/A", "hotspot": {"value": 71, "unit": "C"}, "mem": {"value": 58, "unit": "C"}},
  "pcie": {"width": 16, "speed": {"value": 32, "unit": "GT/s"}, "replay_count": 3},
  "ecc": {"total_correctable_count": 2, "total_uncorrectable_count": 1},
  "ecc_blocks": {"UMC": {"correctable_count": 2, "uncorrectable_count": 1}},
  "fan": {"rpm": "N/A", "usage": "N/A"},
  "energy": {"total_energy_consumption": {"value": 1234.5, "unit": "J"}},
  "mem_usage": {"total_vram": {"value": 196592, "unit": "MB"}, "used_vram": {"value": 121344, "unit": "MB"}}
}]}"#;

const LIST: &str = r#"[{"gpu": 0, "bdf": "0000:0C:00.0", "uuid": "efff74a1-0000-1000-80e2-d43a1c1c5d23"}]"#;
const FIXED: &str = r#"[{"gpu": 0, "asic": {"market_name": "AMD Instinct MI300X", "asic_serial": "0xE2D43A"},
  "driver": {"name": "amdgpu", "version": "6.10.5"}, "vbios": {"version": "022.040"},
  "bus": {"bdf": "0000:0c:00.0", "max_pcie_width": 16},
  "limit": {"max_power": {"value": 750, "unit": "W"}, "socket_power": {"value": 700, "unit": "W"},
            "slowdown_edge_temperature": "N/A", "shutdown_edge_temperature": {"value": 105, "unit": "C"}}}]"#;
const PROCESS: &str = r#"[{"gpu": 0, "process_list": [
  {"process_info": {"name": "python3", "pid": 4242, "memory_usage": {"vram_mem": {"value": 1024, "unit": "B"}}}}]}]"#;

fn answers(metric: &str) -> Answers {
    Answers { list: LIST.into(), fixed: FIXED.into(), metric: metric.into(), process: PROCESS.into() }
}

fn value(device: &Device, family: &f::Definition, label: &str) -> Option<f64> {
    let is_it =
        |labels: &[(&str, String)]| label.is_empty() || labels.iter().any(|(_, value)| value == label);
    device
        .readings
        .iter()
        .find(|reading| reading.family.name == family.name && is_it(&reading.labels))
        .map(|reading| reading.value)
}

#[test]
fn a_gpu_is_read_from_what_the_program_says() {
    let devices = devices(&answers(METRIC));
    let [gpu] = devices.as_slice() else { panic!("{devices:?}") };
    assert_eq!((gpu.name.as_str(), gpu.pci_bus_id.as_str()), ("AMD Instinct MI300X", "0000:0c:00.0"));
    assert_eq!(gpu.uuid, "efff74a1-0000-1000-80e2-d43a1c1c5d23");
    for (family, label, expected) in [
        (f::UTILIZATION, "", 0.87),
        (f::MEMORY_UTILIZATION, "", 0.12),
        (f::POWER, "", 542.0),
        (f::POWER_LIMIT, "", 700.0),
        (f::TEMPERATURE, "", 71.0),
        (f::HOTSPOT, "", 71.0),
        (f::MEMORY_TEMPERATURE, "", 58.0),
        (f::TEMPERATURE_LIMIT, "shutdown", 105.0),
        (f::CLOCK, "graphics", 2.1e9),
        (f::CLOCK, "memory", 1.3e9),
        (f::MEMORY_TOTAL, "", 196_592.0 * 1_048_576.0),
        (f::MEMORY_USED, "", 121_344.0 * 1_048_576.0),
        (f::ENERGY, "", 1234.5),
        (f::PCIE_REPLAYS, "", 3.0),
        (f::ECC_ERRORS, "uncorrected", 1.0),
        (f::ECC_LOCATION_ERRORS, "umc", 2.0),
        (f::THROTTLE, "any", 0.0),
    ] {
        let found = value(gpu, family, label).unwrap_or(f64::NAN);
        assert!((found - expected).abs() < 1e-9, "{}: {found}", family.name);
    }
    assert_eq!(value(gpu, f::FAN_RPM, ""), None);
    assert_eq!(gpu.processes[0].pid, 4242);
    assert_eq!(gpu.processes[0].memory_bytes, Some(1024.0));
}

#[test]
fn bare_numbers_of_older_releases_are_read_too() {
    let metric = r#"[{"gpu": 1, "usage": {"gfx_activity": 50}, "power": {"average_socket_power": 90}}]"#;
    let devices = devices(&answers(metric));
    assert_eq!(value(&devices[0], f::UTILIZATION, ""), Some(0.5));
    assert_eq!(value(&devices[0], f::POWER, ""), Some(90.0));
    assert_eq!(devices[0].uuid, "amd-1");
}

#[test]
fn garbage_tells_of_no_gpu() {
    for text in
        ["", "Traceback (most recent call last):", "{", "[1, 2]", "[{\"gpu\": \"N/A\"}]", "{\"gpu_data\": 3}"]
    {
        assert!(devices(&answers(text)).is_empty(), "{text}");
    }
    // The lists beside it may be garbage.
    let broken = Answers { metric: METRIC.into(), ..Answers::default() };
    assert_eq!(devices(&broken)[0].uuid, "amd-0");
    for end in 0..METRIC.len() {
        if METRIC.is_char_boundary(end) {
            drop(devices(&answers(&METRIC[..end])));
        }
    }
}
