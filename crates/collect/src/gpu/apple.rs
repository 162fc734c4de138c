//! Apple's GPUs, from what `ioreg` prints, which anybody may ask, and `powermetrics`, which only root may.

use super::device::Device;
use super::families as f;
use crate::host::mac::{entries, property};

/// The GPUs in what `ioreg -r -d 1 -w 0 -c IOAccelerator` prints.
pub(super) fn devices(text: &str) -> Vec<Device> {
    let mut devices: Vec<Device> = Vec::new();
    for line in text.lines() {
        if let Some(class) = line.strip_prefix("+-o ") {
            let class = class.split_ascii_whitespace().next().unwrap_or_default().to_owned();
            let index = devices.len().to_string();
            let uuid = format!("{class}-{index}");
            let info = vec![("vendor", "apple".to_owned())];
            devices.push(Device { index, uuid, name: class, info, ..Device::default() });
        }
        let Some(device) = devices.last_mut() else { continue };
        if let Some(model) = property(line, "model") {
            // Older machines write a text of bytes: <"AMD Radeon Pro 5500M">.
            device.name = model.trim_matches(['<', '>', '"']).to_owned();
        }
        if let Some(cores) = property(line, "gpu-core-count").filter(|cores| cores.parse::<u32>().is_ok()) {
            device.info.push(("cores", cores.to_owned()));
        }
        if property(line, "PerformanceStatistics").is_none() {
            continue;
        }
        for (name, value) in entries(line) {
            match name {
                "Device Utilization %" => device.set(f::UTILIZATION, value / 100.0),
                // The memory is the machine's; this is what the GPU holds of it.
                "In use system memory" => device.set(f::MEMORY_USED, value),
                _ => {}
            }
        }
    }
    devices.retain(|device| !device.readings.is_empty());
    devices
}

/// Adds what `powermetrics --samplers gpu_power -n 1` prints about the GPU; true when it says something.
pub(super) fn add_power(text: &str, device: &mut Device) -> bool {
    let mut found = false;
    for line in text.lines() {
        let Some((what, value)) = line.split_once(':') else { continue };
        let mut words = value.split_ascii_whitespace();
        let Some(number) = words.next().and_then(|word| word.trim_end_matches('%').parse::<f64>().ok())
        else {
            continue;
        };
        match what.trim() {
            "GPU Power" if words.next() == Some("mW") => device.set(f::POWER, number / 1e3),
            "GPU HW active frequency" | "GPU active frequency" => {
                device.set_for(f::CLOCK, &[("clock", "graphics")], number * 1e6);
            }
            _ => continue,
        }
        found = true;
    }
    found
}

#[cfg(target_os = "macos")]
pub(super) use collector::Apple;

#[cfg(target_os = "macos")]
mod collector {
    use super::super::device::Snapshot;
    use super::super::program::run;
    use super::super::tell::{self, Owners};
    use crate::host::Collector;
    use crate::{CollectError, Collection, Roots};
    use std::path::Path;
    use std::time::Duration;

    const LIMIT: Duration = Duration::from_secs(5);

    /// `gpu_*` of a Mac.
    pub(in super::super) struct Apple;

    impl Collector for Apple {
        fn name(&self) -> &'static str {
            "gpu_apple"
        }

        fn collect(&self, roots: &Roots, out: &mut Collection) -> Result<(), CollectError> {
            let arguments = ["-r", "-d", "1", "-w", "0", "-c", "IOAccelerator"];
            let text = run(Path::new("/usr/sbin/ioreg"), &arguments, LIMIT)?;
            let mut devices = super::devices(&text);
            if devices.is_empty() {
                return Err(CollectError::NoData("GPU that tells of itself"));
            }
            if rustix::process::geteuid().is_root()
                && let [device] = devices.as_mut_slice()
            {
                let arguments = ["--samplers", "gpu_power", "-n", "1", "-i", "200"];
                let text = run(Path::new("/usr/bin/powermetrics"), &arguments, LIMIT)?;
                super::add_power(&text, device);
            }
            let snapshot = Snapshot { source: "ioreg", devices, ..Snapshot::default() };
            tell::devices(roots, &snapshot, 0, &mut Owners::new(), out);
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests;
