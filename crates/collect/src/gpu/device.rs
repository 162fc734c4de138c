//! What a reader says about one GPU.

use super::families::Definition;

/// A value, with the labels that it has besides those of its GPU.
#[derive(Clone, Debug)]
pub(super) struct Reading {
    pub(super) family: &'static Definition,
    pub(super) labels: Vec<(&'static str, String)>,
    pub(super) value: f64,
}

/// A process on a GPU.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Process {
    pub(super) pid: u32,
    /// What the driver calls it, where it says; otherwise /proc is asked.
    pub(super) name: Option<String>,
    pub(super) memory_bytes: Option<f64>,
    /// Which instance of a split GPU it runs on.
    pub(super) instance: Option<String>,
    /// Engine and share of its time.
    pub(super) utilization: Vec<(&'static str, f64)>,
}

/// One GPU: what it is, and what it says at the moment.
#[derive(Clone, Debug, Default)]
pub(super) struct Device {
    /// The driver's number of it.
    pub(super) index: String,
    /// The driver's name for this very piece; its PCI address where it has none.
    pub(super) uuid: String,
    pub(super) name: String,
    /// In the kernel's form, `0000:83:00.0`.
    pub(super) pci_bus_id: String,
    /// The other labels of `gpu_info`; empty ones are left out.
    pub(super) info: Vec<(&'static str, String)>,
    pub(super) readings: Vec<Reading>,
    pub(super) processes: Vec<Process>,
    /// Everything the tool said under its own names, for `nvidia_smi_*`.
    pub(super) raw: Vec<(String, f64)>,
}

impl Device {
    /// Notes a value.
    pub(super) fn set(&mut self, family: &'static Definition, value: impl Into<f64>) {
        self.set_for(family, &[], value);
    }

    /// Notes a value with labels of its own.
    pub(super) fn set_for(
        &mut self,
        family: &'static Definition,
        labels: &[(&'static str, &str)],
        value: impl Into<f64>,
    ) {
        let labels = labels.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        self.readings.push(Reading { family, labels, value: value.into() });
    }
}

/// A PCI address in the kernel's form: `00000000:83:00.0` and `PCI:0000:83:00` become `0000:83:00.0`.
pub(super) fn pci_address(text: &str) -> String {
    let text = text.trim().trim_start_matches("PCI:").trim_start_matches("0x").to_ascii_lowercase();
    let mut parts: Vec<&str> = text.split(':').collect();
    if parts.len() == 2 {
        parts.insert(0, "0");
    }
    let [domain, bus, device] = parts.as_slice() else { return text };
    let Ok(domain) = u32::from_str_radix(domain, 16) else { return text };
    let function = if device.contains('.') { "" } else { ".0" };
    format!("{domain:04x}:{bus}:{device}{function}")
}

/// What one look at the GPUs of a vendor brought.
#[derive(Clone, Debug, Default)]
pub(super) struct Snapshot {
    /// How they were read: `nvml`, `nvidia-smi`, `sysfs`.
    pub(super) source: &'static str,
    pub(super) devices: Vec<Device>,
    /// XIDs that the driver told as events: PCI address and number.
    pub(super) xids: Vec<(String, u32)>,
    /// What went wrong although there is something to tell.
    pub(super) fault: Option<super::Fault>,
}
