//! The names that other exporters made common, so that rules and dashboards written for them work here.

use super::device::{Device, Reading};
use super::families::{self as f, Definition};
use super::smi;
use crate::{Collection, Label};
use watchfire_model::MetricType;

/// Which sets of names are told beside the canonical ones; all by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GpuAliases {
    /// `DCGM_FI_*`, of NVIDIA's dcgm-exporter.
    pub dcgm: bool,
    /// `nvidia_smi_*`, of nvidia_gpu_exporter.
    pub nvidia_smi: bool,
    /// `nvidia_gpu_*`, of nvidia_gpu_prometheus_exporter.
    pub nvidia_gpu: bool,
}

impl Default for GpuAliases {
    fn default() -> Self {
        Self { dcgm: true, nvidia_smi: true, nvidia_gpu: true }
    }
}

impl GpuAliases {
    /// Those that a list names: `dcgm`, `nvidia_smi`, `nvidia_gpu`, separated by commas; none for `none`.
    ///
    /// # Errors
    /// When the list names something else.
    pub fn parse(list: &str) -> Result<Self, String> {
        let mut aliases = Self { dcgm: false, nvidia_smi: false, nvidia_gpu: false };
        for name in list.split(',').map(str::trim) {
            match name {
                "dcgm" => aliases.dcgm = true,
                "nvidia_smi" => aliases.nvidia_smi = true,
                "nvidia_gpu" => aliases.nvidia_gpu = true,
                "" | "none" => {}
                _ => {
                    return Err(format!(
                        "--collector.gpu.aliases: nothing is named {name:?}; there are dcgm, nvidia_smi, nvidia_gpu and none"
                    ));
                }
            }
        }
        Ok(aliases)
    }
}

/// Another name: of which family, only of the series with this label, and the factor between the units.
type Alias = (&'static str, &'static Definition, Option<&'static str>, f64);

const MEBIBYTE: f64 = 1.0 / 1_048_576.0;

const DCGM: &[Alias] = &[
    ("DCGM_FI_DEV_GPU_TEMP", f::TEMPERATURE, None, 1.0),
    ("DCGM_FI_DEV_MEMORY_TEMP", f::MEMORY_TEMPERATURE, None, 1.0),
    ("DCGM_FI_DEV_POWER_USAGE", f::POWER, None, 1.0),
    ("DCGM_FI_DEV_POWER_MGMT_LIMIT", f::POWER_LIMIT, None, 1.0),
    ("DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", f::ENERGY, None, 1e3),
    ("DCGM_FI_DEV_SM_CLOCK", f::CLOCK, Some("sm"), 1e-6),
    ("DCGM_FI_DEV_MEM_CLOCK", f::CLOCK, Some("memory"), 1e-6),
    ("DCGM_FI_DEV_GPU_UTIL", f::UTILIZATION, None, 100.0),
    ("DCGM_FI_DEV_MEM_COPY_UTIL", f::MEMORY_UTILIZATION, None, 100.0),
    ("DCGM_FI_DEV_ENC_UTIL", f::ENCODER_UTILIZATION, None, 100.0),
    ("DCGM_FI_DEV_DEC_UTIL", f::DECODER_UTILIZATION, None, 100.0),
    ("DCGM_FI_DEV_FB_FREE", f::MEMORY_FREE, None, MEBIBYTE),
    ("DCGM_FI_DEV_FB_USED", f::MEMORY_USED, None, MEBIBYTE),
    ("DCGM_FI_DEV_FB_RESERVED", f::MEMORY_RESERVED, None, MEBIBYTE),
    ("DCGM_FI_DEV_FB_TOTAL", f::MEMORY_TOTAL, None, MEBIBYTE),
    ("DCGM_FI_DEV_PCIE_REPLAY_COUNTER", f::PCIE_REPLAYS, None, 1.0),
    ("DCGM_FI_DEV_CORRECTABLE_REMAPPED_ROWS", f::ROW_REMAPS, Some("correctable"), 1.0),
    ("DCGM_FI_DEV_UNCORRECTABLE_REMAPPED_ROWS", f::ROW_REMAPS, Some("uncorrectable"), 1.0),
    ("DCGM_FI_DEV_ROW_REMAP_FAILURE", f::ROW_REMAP_FAILURE, None, 1.0),
    ("DCGM_FI_DEV_ROW_REMAP_PENDING", f::ROW_REMAP_PENDING, None, 1.0),
    ("DCGM_FI_DEV_RETIRED_PENDING", f::RETIRED_PAGES_PENDING, None, 1.0),
    ("DCGM_FI_DEV_NVLINK_CRC_FLIT_ERROR_COUNT_TOTAL", f::NVLINK_ERRORS, Some("crc_flit"), 1.0),
    ("DCGM_FI_DEV_NVLINK_CRC_DATA_ERROR_COUNT_TOTAL", f::NVLINK_ERRORS, Some("crc"), 1.0),
    ("DCGM_FI_DEV_NVLINK_REPLAY_ERROR_COUNT_TOTAL", f::NVLINK_ERRORS, Some("replay"), 1.0),
    ("DCGM_FI_DEV_NVLINK_RECOVERY_ERROR_COUNT_TOTAL", f::NVLINK_ERRORS, Some("recovery"), 1.0),
];

const NVIDIA_GPU: &[Alias] = &[
    ("nvidia_gpu_temperature_celsius", f::TEMPERATURE, None, 1.0),
    ("nvidia_gpu_duty_cycle", f::UTILIZATION, None, 100.0),
    ("nvidia_gpu_memory_used_bytes", f::MEMORY_USED, None, 1.0),
    ("nvidia_gpu_memory_total_bytes", f::MEMORY_TOTAL, None, 1.0),
    ("nvidia_gpu_power_usage_milliwatts", f::POWER, None, 1e3),
    ("nvidia_gpu_fanspeed_percent", f::FAN, None, 100.0),
];

/// Tells the values of NVIDIA's GPUs under the other names.
pub(super) fn tell(aliases: GpuAliases, devices: &[Device], host: &str, out: &mut Collection) {
    for device in devices {
        let info =
            |name: &str| device.info.iter().find(|(label, _)| *label == name).map_or("", |(_, value)| value);
        if aliases.dcgm {
            let card = format!("nvidia{}", device.index);
            let long_address = format!("0000{}", device.pci_bus_id.to_ascii_uppercase());
            let labels = [
                ("gpu", device.index.as_str()),
                ("UUID", &device.uuid),
                ("pci_bus_id", &long_address),
                ("device", &card),
                ("modelName", &device.name),
                ("hostname", host),
                ("DCGM_FI_DRIVER_VERSION", info("driver_version")),
            ];
            tell_table(DCGM, device, &labels, out);
            tell_dcgm_ecc(device, &labels, out);
        }
        if aliases.nvidia_gpu {
            let minor = match info("minor_number") {
                "" => device.index.as_str(),
                minor => minor,
            };
            let labels = [("minor_number", minor), ("name", &device.name), ("uuid", &device.uuid)];
            tell_table(NVIDIA_GPU, device, &labels, out);
        }
        if aliases.nvidia_smi {
            tell_nvidia_smi(device, out);
        }
    }
    if aliases.nvidia_gpu && !devices.is_empty() {
        out.gauge("nvidia_gpu_num_devices", "Number of GPUs.", &[], devices.len() as f64);
    }
}

fn has_label(reading: &Reading, wanted: &str) -> bool {
    reading.labels.iter().any(|(_, value)| value == wanted)
}

fn tell_table(table: &[Alias], device: &Device, labels: &[Label<'_>], out: &mut Collection) {
    for (name, family, label, factor) in table {
        let reading = device.readings.iter().find(|reading| {
            reading.family.name == family.name && label.is_none_or(|label| has_label(reading, label))
        });
        if let Some(reading) = reading {
            out.add(family.kind, *name, family.help, labels, reading.value * factor);
        }
    }
}

fn tell_dcgm_ecc(device: &Device, labels: &[Label<'_>], out: &mut Collection) {
    for reading in device.readings.iter().filter(|reading| reading.family.name == f::ECC_ERRORS.name) {
        let bits = if has_label(reading, "corrected") { "SBE" } else { "DBE" };
        let counter = if has_label(reading, "volatile") { "VOL" } else { "AGG" };
        let name = format!("DCGM_FI_DEV_ECC_{bits}_{counter}_TOTAL");
        out.counter(name, reading.family.help, labels, reading.value);
    }
}

/// The tool's own words if it was asked, otherwise the same names for what the library said.
fn tell_nvidia_smi(device: &Device, out: &mut Collection) {
    // The exporter's UUIDs are bare and in small letters.
    let uuid = device.uuid.strip_prefix("GPU-").unwrap_or(&device.uuid).to_ascii_lowercase();
    let label = [("uuid", uuid.as_str())];
    let mut tell =
        |name: String, help: &str, value: f64| out.add(MetricType::Gauge, name, help, &label, value);
    if device.raw.is_empty() {
        for reading in &device.readings {
            if let Some(name) = smi::field_name(reading) {
                tell(name, reading.family.help, reading.value);
            }
        }
        if let Ok(index) = device.index.parse() {
            tell("nvidia_smi_index".to_owned(), "The driver's number of the GPU.", index);
        }
    }
    for (name, value) in &device.raw {
        tell(name.clone(), "As nvidia-smi says.", *value);
    }
    let mut labels: Vec<Label<'_>> = vec![("uuid", &uuid), ("name", &device.name)];
    labels.extend(
        device
            .info
            .iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| (*name, value.as_str())),
    );
    out.gauge("nvidia_smi_gpu_info", "What a GPU is.", &labels, 1.0);
}
