use super::*;

const IOREG: &str = r#"+-o AGXAcceleratorG13X  <class AGXAcceleratorG13X, id 0x100000482, registered, matched, active, busy 0>
    {
      "gpu-core-count" = 16
      "model" = "Apple M1 Pro"
      "PerformanceStatistics" = {"In use system memory (driver)"=0,"Alloc system memory"=2345,"Tiler Utilization %"=5,"Device Utilization %"=8,"In use system memory"=1234567}
    }

"#;

const POWER: &str = "*** Sampled system activity (Sat Nov 21 20:00:00 2026 +0000) (203.11ms elapsed) ***

**** GPU usage ****

GPU HW active frequency: 389 MHz
GPU HW active residency:   3.55% (389 MHz: 3.5% 486 MHz:   0%)
GPU idle residency:  96.45%
GPU Power: 1250 mW
";

fn values(device: &Device) -> Vec<(&str, f64)> {
    device.readings.iter().map(|reading| (reading.family.name, reading.value)).collect()
}

#[test]
fn a_gpu_tells_how_busy_it_is_and_root_learns_its_power() {
    let mut devices = devices(IOREG);
    assert_eq!(devices.len(), 1);
    assert_eq!(devices[0].name, "Apple M1 Pro");
    assert!(devices[0].info.contains(&("cores", "16".to_owned())));
    assert_eq!(values(&devices[0]), [(f::UTILIZATION.name, 0.08), (f::MEMORY_USED.name, 1_234_567.0)]);
    assert!(add_power(POWER, &mut devices[0]));
    assert_eq!(values(&devices[0])[2..], [(f::CLOCK.name, 3.89e8), (f::POWER.name, 1.25)]);
}

#[test]
fn what_is_cut_off_or_garbage_tells_nothing_wrong() {
    for end in 0..IOREG.len() {
        assert!(devices(&IOREG[..end]).len() <= 1);
    }
    for end in 0..POWER.len() {
        add_power(&POWER[..end], &mut Device::default());
    }
    assert!(!add_power("GPU Power: much", &mut Device::default()));
    assert!(devices("+-o A\n  \"PerformanceStatistics\" = {\"Device Utilization %\"=x}").is_empty());
}
