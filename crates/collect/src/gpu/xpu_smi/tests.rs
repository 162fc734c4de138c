use super::*;

const DISCOVERY: &str = r#"{"device_list": [
  {"device_function_type": "physical", "device_id": 0, "device_name": "Intel(R) Data Center GPU Max 1550",
   "pci_bdf_address": "0000:4d:00.0", "uuid": "00000000-0000-004d-0000-002f0bda8086"},
  {"device_function_type": "virtual", "device_id": 1, "device_name": "Intel(R) Data Center GPU Max 1550",
   "pci_bdf_address": "0000:4d:00.1", "uuid": "00000000-0000-014d-0000-002f0bda8086"}]}"#;
const DETAIL: &str =
    r#"{"device_id": 0, "driver_version": "I915_23.10.32", "memory_physical_size_byte": "51522830336"}"#;
const DUMP: &str = "Timestamp, DeviceId, GPU Utilization (%), GPU Power (W), GPU Frequency (MHz), GPU Core Temperature (Celsius Degree), GPU Memory Temperature (Celsius Degree), GPU Energy Consumed (J), GPU Memory Used (MiB)
21:48:07.398,    0, 45.50, 118.87, 1550,  61.00,  N/A, 95554.67, 27.99
21:48:07.398,    7, 1.00, 1.0, 1,  1,  1, 1, 1
";

fn value(device: &Device, family: &f::Definition) -> Option<f64> {
    device.readings.iter().find(|reading| reading.family.name == family.name).map(|reading| reading.value)
}

fn answers(dump: &str) -> Answers {
    Answers { discovery: DISCOVERY.into(), details: vec![("0".into(), DETAIL.into())], dump: dump.into() }
}

#[test]
fn a_gpu_is_read_by_the_headings_of_a_dump() {
    let devices = devices(&answers(DUMP));
    let [gpu] = devices.as_slice() else { panic!("{devices:?}") };
    assert_eq!(gpu.pci_bus_id, "0000:4d:00.0");
    assert!(gpu.info.contains(&("driver_version", "I915_23.10.32".to_owned())));
    for (family, expected) in [
        (f::UTILIZATION, 0.455),
        (f::POWER, 118.87),
        (f::CLOCK, 1.55e9),
        (f::TEMPERATURE, 61.0),
        (f::ENERGY, 95_554.67),
        (f::MEMORY_USED, 27.99 * 1_048_576.0),
        (f::MEMORY_TOTAL, 51_522_830_336.0),
    ] {
        let found = value(gpu, family).unwrap_or(f64::NAN);
        assert!((found - expected).abs() < 1e-6, "{}: {found}", family.name);
    }
    assert_eq!(value(gpu, f::MEMORY_TEMPERATURE), None);
}

#[test]
fn garbage_tells_of_nothing() {
    for text in
        ["", "Error: XPUM Service Status Error", "{", "{\"device_list\": 1}", "{\"device_list\": [1, {}]}"]
    {
        let broken = Answers { discovery: text.into(), ..answers(DUMP) };
        assert!(devices(&broken).is_empty(), "{text}");
    }
    for end in 0..DUMP.len() {
        let read = devices(&answers(&DUMP[..end]));
        assert_eq!(read.len(), 1);
    }
}
