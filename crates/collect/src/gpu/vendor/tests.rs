use super::*;
use std::os::unix::fs::PermissionsExt;

const PATIENCE: Duration = Duration::from_secs(60);

/// A program that is a shell script.
fn script(text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("smi");
    std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    (folder, path)
}

fn sysfs(maker: &str, has_utilization: bool) -> Snapshot {
    let mut device = Device {
        index: "0".to_owned(),
        uuid: "0000:4d:00.0".to_owned(),
        pci_bus_id: "0000:4d:00.0".to_owned(),
        info: vec![("vendor", maker.to_owned())],
        ..Device::default()
    };
    device.set(f::POWER, 1.0);
    if has_utilization {
        device.set(f::UTILIZATION, 0.5);
    }
    Snapshot { source: "sysfs", devices: vec![device], ..Snapshot::default() }
}

const XPU: &str = r#"case "$1" in
discovery) echo '{"device_list": [{"device_id": 0, "device_name": "Max", "pci_bdf_address": "0000:4d:00.0"}]}' ;;
dump) echo 'Timestamp, DeviceId, GPU Utilization (%), GPU Power (W)'; echo '1, 0, 25, 99' ;;
*) exit 1 ;;
esac"#;

#[test]
fn what_sysfs_does_not_tell_comes_from_the_program() {
    let (_folder, path) = script(XPU);
    let program = VendorProgram::new(path, Maker::Intel, PATIENCE);
    let mut snapshot = sysfs("intel", false);
    program.complete(&mut snapshot);
    assert_eq!(snapshot.fault, None);
    let [gpu] = snapshot.devices.as_slice() else { panic!("{snapshot:?}") };
    let values: Vec<(&str, f64)> =
        gpu.readings.iter().map(|reading| (reading.family.name, reading.value)).collect();
    // What the driver's files say is not told twice.
    assert_eq!(values, [(f::POWER.name, 1.0), (f::UTILIZATION.name, 0.25)]);
    assert_eq!(gpu.name, "Max");
}

#[test]
fn a_program_that_is_not_needed_does_not_run() {
    let (folder, path) = script("touch \"$(dirname \"$0\")/ran\"");
    for (maker, word) in [(Maker::Amd, "amd"), (Maker::Intel, "intel")] {
        let mut snapshot = sysfs(word, true);
        VendorProgram::new(path.clone(), maker, PATIENCE).complete(&mut snapshot);
        assert_eq!(snapshot.devices[0].readings.len(), 2);
    }
    assert!(!folder.path().join("ran").exists());
}

#[test]
fn gpus_that_only_the_program_knows_are_added() {
    let (_folder, path) = script(
        r#"if [ "$1" = metric ]; then echo '[{"gpu": 0, "usage": {"gfx_activity": {"value": 7, "unit": "%"}}}]'; fi"#,
    );
    let mut snapshot = sysfs("intel", true);
    VendorProgram::new(path, Maker::Amd, PATIENCE).complete(&mut snapshot);
    assert_eq!(snapshot.devices.len(), 2);
    assert_eq!(snapshot.devices[1].index, "1");
}

#[test]
fn a_program_that_fails_is_told_with_a_reason() {
    for (text, reason) in [
        ("echo 'AMD-SMI: nothing here'", "garbage"),
        ("echo 'Insufficient Permissions'; exit 4", "permission_denied"),
        ("exit 3", "program_failed"),
    ] {
        let (_folder, path) = script(text);
        let mut snapshot = Snapshot::default();
        VendorProgram::new(path, Maker::Amd, PATIENCE).complete(&mut snapshot);
        assert_eq!(snapshot.fault.unwrap().reason, reason);
    }
    let mut snapshot = Snapshot::default();
    VendorProgram::new(PathBuf::from("/no/such/amd-smi"), Maker::Amd, PATIENCE).complete(&mut snapshot);
    assert_eq!(snapshot.fault, None);
}
