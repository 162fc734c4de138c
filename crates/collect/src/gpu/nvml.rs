//! NVIDIA's own library, found and loaded at run time: no GPU and no driver, no library, no harm.
//!
//! Only questions are asked; nothing is ever set. What a GPU or its driver does not know is left out.

mod fields;

use super::device::{Device, Process, Snapshot, pci_address};
use super::{Fault, families as f};
use nvml_wrapper::bitmasks::device::ThrottleReasons;
use nvml_wrapper::enum_wrappers::device::{
    Clock, EccCounter, MemoryError, TemperatureSensor, TemperatureThreshold,
};
use nvml_wrapper::enums::device::UsedGpuMemory;
use nvml_wrapper::enums::event::XidError;
use nvml_wrapper::error::NvmlError;
use nvml_wrapper::{Device as Handle, EventSet, Nvml};
use std::collections::BTreeMap;
use std::path::Path;

/// The most XIDs that are taken from the driver at one look, so that a GPU in a fit of errors cannot hold it.
const EVENTS_AT_ONCE: usize = 256;

/// The most links to other GPUs that are looked for; today's GPUs have 18.
const LINKS: u32 = 36;

const THROTTLE_REASONS: [(ThrottleReasons, &str); 9] = [
    (ThrottleReasons::GPU_IDLE, "gpu_idle"),
    (ThrottleReasons::APPLICATIONS_CLOCKS_SETTING, "applications_clocks_setting"),
    (ThrottleReasons::SW_POWER_CAP, "sw_power_cap"),
    (ThrottleReasons::HW_SLOWDOWN, "hw_slowdown"),
    (ThrottleReasons::SYNC_BOOST, "sync_boost"),
    (ThrottleReasons::SW_THERMAL_SLOWDOWN, "sw_thermal_slowdown"),
    (ThrottleReasons::HW_THERMAL_SLOWDOWN, "hw_thermal_slowdown"),
    (ThrottleReasons::HW_POWER_BRAKE_SLOWDOWN, "hw_power_brake_slowdown"),
    (ThrottleReasons::DISPLAY_CLOCK_SETTING, "display_clock_setting"),
];

const CLOCKS: [(Clock, &str); 4] =
    [(Clock::Graphics, "graphics"), (Clock::SM, "sm"), (Clock::Memory, "memory"), (Clock::Video, "video")];

/// Why the library does not serve.
pub(super) enum Refusal {
    /// There is no driver here.
    Absent(String),
    /// There is one, and it fails.
    Failed(Fault),
}

/// Loads the library and connects to the driver.
pub(super) fn open(library: Option<&Path>) -> Result<Nvml, Refusal> {
    let mut builder = Nvml::builder();
    let opened = match library {
        Some(path) => builder.lib_path(path.as_os_str()).init(),
        // The name without a version is of the development package; the driver's own has one.
        None => builder.lib_path("libnvidia-ml.so.1".as_ref()).init(),
    };
    opened.map_err(|error| match error {
        NvmlError::LibloadingError(error) => {
            Refusal::Absent(format!("the library libnvidia-ml.so.1 cannot be loaded: {error}"))
        }
        NvmlError::DriverNotLoaded | NvmlError::LibraryNotFound => Refusal::Absent(error.to_string()),
        error => Refusal::Failed(fault(&error)),
    })
}

/// An error of the driver as the reason that a label tells, and what to do.
fn fault(error: &NvmlError) -> Fault {
    let (reason, mend) = match error {
        NvmlError::GpuLost => (
            "gpu_lost",
            "a GPU fell off the bus: drain the machine and reboot it; reseat the GPU if it happens again",
        ),
        NvmlError::ResetRequired => ("reset_required", "reset the GPU with nvidia-smi --gpu-reset"),
        NvmlError::NoPermission => ("permission_denied", "give Watchfire's user access to /dev/nvidia*"),
        NvmlError::LibRmVersionMismatch => (
            "driver_mismatch",
            "the driver was updated and the old one still runs: reboot, or reload the kernel modules",
        ),
        NvmlError::Timeout => ("timeout", "the driver does not answer in time; dmesg may say why"),
        NvmlError::FailedToLoadSymbol(_) | NvmlError::FunctionNotFound => {
            ("driver_too_old", "this driver lacks a function that is needed; 470 and newer have it")
        }
        NvmlError::IrqIssue => {
            ("irq_issue", "the kernel has a problem with the GPU's interrupts; dmesg may say more")
        }
        _ => ("driver_error", "nvidia-smi may say more"),
    };
    Fault { reason, message: format!("the NVIDIA driver says: {error}; {mend}") }
}

/// What does not change about a GPU while the driver is loaded.
struct Fixed {
    device: Device,
    /// The links to other GPUs that it has.
    links: Vec<u32>,
    is_split: bool,
    /// The newest sample of processes' utilisation that was seen, on the driver's clock.
    utilization_seen: u64,
}

/// A connection to the driver.
pub(super) struct Session<'nvml> {
    nvml: &'nvml Nvml,
    driver: String,
    fixed: BTreeMap<u32, Fixed>,
    events: BTreeMap<u32, EventSet<'nvml>>,
}

impl<'nvml> Session<'nvml> {
    pub(super) fn new(nvml: &'nvml Nvml) -> Self {
        let driver = nvml.sys_driver_version().unwrap_or_default();
        Self { nvml, driver, fixed: BTreeMap::new(), events: BTreeMap::new() }
    }

    /// Looks at every GPU. An error means that the connection is of no more use.
    pub(super) fn look(&mut self) -> Result<Snapshot, Fault> {
        let count = self.nvml.device_count().map_err(|error| fault(&error))?;
        let mut snapshot = Snapshot { source: "nvml", ..Snapshot::default() };
        for index in 0..count {
            match self.nvml.device_by_index(index) {
                Ok(handle) => {
                    let fixed =
                        self.fixed.entry(index).or_insert_with(|| fixed(&handle, index, &self.driver));
                    let device = read(&handle, fixed, &mut snapshot.fault);
                    snapshot.devices.push(device);
                    self.watch_events(index, &handle);
                }
                Err(error) => {
                    // What it was is still known if it was seen before.
                    if let Some(fixed) = self.fixed.get(&index) {
                        let mut device = fixed.device.clone();
                        device.readings.clear();
                        device.set(f::LOST, 1.0);
                        snapshot.devices.push(device);
                    }
                    snapshot.fault = Some(fault(&error));
                }
            }
        }
        self.take_events(&mut snapshot);
        Ok(snapshot)
    }

    /// Asks the driver to tell of XIDs on a GPU, once.
    fn watch_events(&mut self, index: u32, handle: &Handle<'nvml>) {
        if self.events.contains_key(&index) {
            return;
        }
        let Ok(set) = self.nvml.create_event_set() else { return };
        if let Some(set) = registered(handle, set) {
            self.events.insert(index, set);
        }
    }

    fn take_events(&mut self, snapshot: &mut Snapshot) {
        for (index, set) in &self.events {
            let Some(fixed) = self.fixed.get(index) else { continue };
            for _ in 0..EVENTS_AT_ONCE {
                let Ok(event) = set.wait(0) else { break };
                if let Some(XidError::Value(xid)) = event.event_data
                    && let Ok(xid) = u32::try_from(xid)
                {
                    snapshot.xids.push((fixed.device.pci_bus_id.clone(), xid));
                }
            }
        }
    }
}

/// The set, with the GPU's XIDs in it.
#[cfg(target_os = "linux")]
fn registered<'nvml>(handle: &Handle<'nvml>, set: EventSet<'nvml>) -> Option<EventSet<'nvml>> {
    handle.register_events(nvml_wrapper::bitmasks::event::EventTypes::CRITICAL_XID_ERROR, set).ok()
}

/// NVIDIA's driver tells of events on Linux only.
#[cfg(not(target_os = "linux"))]
fn registered<'nvml>(_handle: &Handle<'nvml>, _set: EventSet<'nvml>) -> Option<EventSet<'nvml>> {
    None
}

/// The number in `/dev/nvidia0`.
#[cfg(target_os = "linux")]
fn minor_number(handle: &Handle<'_>) -> String {
    handle.minor_number().map(|minor| minor.to_string()).unwrap_or_default()
}

#[cfg(not(target_os = "linux"))]
fn minor_number(_handle: &Handle<'_>) -> String {
    String::new()
}

fn fixed(handle: &Handle<'_>, index: u32, driver: &str) -> Fixed {
    let pci_bus_id = handle.pci_info().map(|pci| pci_address(&pci.bus_id)).unwrap_or_default();
    let mut device = Device {
        index: index.to_string(),
        uuid: handle.uuid().unwrap_or_else(|_| pci_bus_id.clone()),
        name: handle.name().unwrap_or_default(),
        pci_bus_id,
        ..Device::default()
    };
    device.info = vec![
        ("driver_version", driver.to_owned()),
        ("vbios_version", handle.vbios_version().unwrap_or_default()),
        ("serial", handle.serial().unwrap_or_default()),
        ("minor_number", minor_number(handle)),
        (
            "compute_capability",
            handle
                .cuda_compute_capability()
                .map(|version| format!("{}.{}", version.major, version.minor))
                .unwrap_or_default(),
        ),
    ];
    for (clock, name) in CLOCKS {
        if let Ok(megahertz) = handle.max_clock_info(clock) {
            device.set_for(f::CLOCK_MAX, &[("clock", name)], f64::from(megahertz) * 1e6);
        }
    }
    for (threshold, name) in [
        (TemperatureThreshold::Shutdown, "shutdown"),
        (TemperatureThreshold::Slowdown, "slowdown"),
        (TemperatureThreshold::GpuMax, "max"),
        (TemperatureThreshold::MemoryMax, "memory_max"),
    ] {
        if let Ok(celsius) = handle.temperature_threshold(threshold) {
            device.set_for(f::TEMPERATURE_LIMIT, &[("threshold", name)], celsius);
        }
    }
    if let Ok(milliwatts) = handle.power_management_limit_default() {
        device.set(f::POWER_LIMIT_DEFAULT, f64::from(milliwatts) / 1e3);
    }
    if let Ok(limits) = handle.power_management_limit_constraints() {
        device.set(f::POWER_LIMIT_MIN, f64::from(limits.min_limit) / 1e3);
        device.set(f::POWER_LIMIT_MAX, f64::from(limits.max_limit) / 1e3);
    }
    if let Ok(generation) = handle.max_pcie_link_gen() {
        device.set(f::PCIE_GENERATION_MAX, generation);
    }
    if let Ok(width) = handle.max_pcie_link_width() {
        device.set(f::PCIE_WIDTH_MAX, width);
    }
    let links = (0..LINKS).take_while(|link| handle.link_wrapper_for(*link).is_active().is_ok()).collect();
    let is_split = handle.mig_mode().is_ok_and(|mode| mode.current == 1);
    Fixed { device, links, is_split, utilization_seen: 0 }
}

fn read(handle: &Handle<'_>, fixed: &mut Fixed, trouble: &mut Option<Fault>) -> Device {
    let mut device = fixed.device.clone();
    // The temperature is what every GPU has: what it says about the question says whether the GPU is there.
    match handle.temperature(TemperatureSensor::Gpu) {
        Ok(celsius) => device.set(f::TEMPERATURE, celsius),
        Err(error @ (NvmlError::GpuLost | NvmlError::ResetRequired)) => {
            device.readings.clear();
            device.set(f::LOST, 1.0);
            *trouble = Some(fault(&error));
            return device;
        }
        Err(NvmlError::NotSupported) => {}
        Err(error) => *trouble = Some(fault(&error)),
    }
    device.set(f::LOST, 0.0);
    read_load(handle, &mut device);
    read_power(handle, &mut device);
    read_links(handle, fixed, &mut device);
    fields::read(handle, &mut device);
    read_errors(handle, &mut device);
    if let Ok(mode) = handle.mig_mode() {
        fixed.is_split = mode.current == 1;
        device.set(f::MIG_ENABLED, mode.current);
    }
    if fixed.is_split {
        read_instances(handle, &mut device);
    }
    device.processes = read_processes(handle, &mut fixed.utilization_seen);
    device
}

fn read_load(handle: &Handle<'_>, device: &mut Device) {
    if let Ok(rates) = handle.utilization_rates() {
        device.set(f::UTILIZATION, f64::from(rates.gpu) / 100.0);
        device.set(f::MEMORY_UTILIZATION, f64::from(rates.memory) / 100.0);
    }
    if let Ok(encoder) = handle.encoder_utilization() {
        device.set(f::ENCODER_UTILIZATION, f64::from(encoder.utilization) / 100.0);
    }
    if let Ok(decoder) = handle.decoder_utilization() {
        device.set(f::DECODER_UTILIZATION, f64::from(decoder.utilization) / 100.0);
    }
    if let Ok(memory) = handle.memory_info() {
        device.set(f::MEMORY_TOTAL, memory.total as f64);
        device.set(f::MEMORY_USED, memory.used as f64);
        device.set(f::MEMORY_FREE, memory.free as f64);
        device.set(f::MEMORY_RESERVED, memory.reserved as f64);
    }
    if let Ok(window) = handle.bar1_memory_info() {
        device.set(f::BAR1_TOTAL, window.total as f64);
        device.set(f::BAR1_USED, window.used as f64);
    }
}

fn read_power(handle: &Handle<'_>, device: &mut Device) {
    if let Ok(milliwatts) = handle.power_usage() {
        device.set(f::POWER, f64::from(milliwatts) / 1e3);
    }
    if let Ok(milliwatts) = handle.enforced_power_limit() {
        device.set(f::POWER_LIMIT, f64::from(milliwatts) / 1e3);
    }
    if let Ok(millijoules) = handle.total_energy_consumption() {
        device.set(f::ENERGY, millijoules as f64 / 1e3);
    }
    for (clock, name) in CLOCKS {
        if let Ok(megahertz) = handle.clock_info(clock) {
            device.set_for(f::CLOCK, &[("clock", name)], f64::from(megahertz) * 1e6);
        }
    }
    if let Ok(percent) = handle.fan_speed(0) {
        device.set(f::FAN, f64::from(percent) / 100.0);
    }
    if let Ok(state) = handle.performance_state() {
        let number = state.as_c();
        // 32 is the driver's word for "unknown".
        if number < 32 {
            device.set(f::PERFORMANCE_STATE, number);
        }
    }
    if let Ok(active) = handle.current_throttle_reasons() {
        for (reason, name) in THROTTLE_REASONS {
            let is_active = f64::from(u8::from(active.contains(reason)));
            device.set_for(f::THROTTLE, &[("reason", name)], is_active);
        }
    }
}

fn read_links(handle: &Handle<'_>, fixed: &Fixed, device: &mut Device) {
    if let Ok(generation) = handle.current_pcie_link_gen() {
        device.set(f::PCIE_GENERATION, generation);
    }
    if let Ok(width) = handle.current_pcie_link_width() {
        device.set(f::PCIE_WIDTH, width);
    }
    if let Ok(replays) = handle.pcie_replay_counter() {
        device.set(f::PCIE_REPLAYS, replays);
    }
    for link in &fixed.links {
        if let Ok(is_active) = handle.link_wrapper_for(*link).is_active() {
            let is_active = f64::from(u8::from(is_active));
            device.set_for(f::NVLINK_UP, &[("link", &link.to_string())], is_active);
        }
    }
}

fn read_errors(handle: &Handle<'_>, device: &mut Device) {
    let Ok(state) = handle.is_ecc_enabled() else { return };
    device.set(f::ECC_ENABLED, f64::from(u8::from(state.currently_enabled)));
    if !state.currently_enabled {
        return;
    }
    for (kind, kind_name) in
        [(MemoryError::Corrected, "corrected"), (MemoryError::Uncorrected, "uncorrected")]
    {
        for (counter, counter_name) in
            [(EccCounter::Volatile, "volatile"), (EccCounter::Aggregate, "aggregate")]
        {
            if let Ok(errors) = handle.total_ecc_errors(kind, counter) {
                let labels = [("type", kind_name), ("counter", counter_name)];
                device.set_for(f::ECC_ERRORS, &labels, errors as f64);
            }
        }
    }
}

fn read_instances(handle: &Handle<'_>, device: &mut Device) {
    for index in 0..handle.mig_device_count().unwrap_or(0).min(64) {
        let Ok(instance) = handle.mig_device_by_index(index) else { continue };
        let (Ok(uuid), number) = (instance.uuid(), index.to_string()) else { continue };
        let name = instance.name().unwrap_or_default();
        let profile = name.split_once("MIG ").map_or("", |(_, profile)| profile);
        let labels = [("mig", number.as_str()), ("mig_uuid", &uuid), ("profile", profile)];
        device.set_for(f::MIG_INFO, &labels, 1.0);
        let [number, uuid, _] = labels;
        if let Ok(memory) = instance.memory_info() {
            device.set_for(f::MIG_MEMORY_TOTAL, &[number, uuid], memory.total as f64);
            device.set_for(f::MIG_MEMORY_USED, &[number, uuid], memory.used as f64);
        }
    }
}

fn read_processes(handle: &Handle<'_>, seen: &mut u64) -> Vec<Process> {
    let mut processes: BTreeMap<u32, Process> = BTreeMap::new();
    let lists = [
        handle.running_compute_processes(),
        handle.running_graphics_processes(),
        handle.mps_running_compute_processes(),
    ];
    for running in lists.into_iter().flatten().flatten() {
        let process = processes.entry(running.pid).or_default();
        process.pid = running.pid;
        if let UsedGpuMemory::Used(bytes) = running.used_gpu_memory {
            // A process that computes and draws is in two lists with the same memory.
            let bytes = bytes as f64;
            process.memory_bytes = Some(process.memory_bytes.map_or(bytes, |known| known.max(bytes)));
        }
        if let Some(instance) = running.gpu_instance_id {
            process.instance = Some(instance.to_string());
        }
    }
    let mut newest = BTreeMap::new();
    for sample in handle.process_utilization_stats(*seen).unwrap_or_default() {
        let kept = newest.entry(sample.pid).or_insert_with(|| sample.clone());
        if sample.timestamp >= kept.timestamp {
            *kept = sample;
        }
    }
    for (pid, sample) in newest {
        *seen = (*seen).max(sample.timestamp);
        let Some(process) = processes.get_mut(&pid) else { continue };
        let engines = [
            ("sm", sample.sm_util),
            ("memory", sample.mem_util),
            ("encoder", sample.enc_util),
            ("decoder", sample.dec_util),
        ];
        // A share above the whole is a driver's word for "unknown".
        let told = engines.into_iter().filter(|(_, percent)| *percent <= 100);
        process.utilization = told.map(|(engine, percent)| (engine, f64::from(percent) / 100.0)).collect();
    }
    processes.into_values().collect()
}
