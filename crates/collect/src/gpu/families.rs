//! The canonical names: one family per thing a GPU can be asked, whoever made it.

use watchfire_model::MetricType::{self, Counter, Gauge};

/// A family: its name, its type and what it means.
#[derive(Debug)]
pub(super) struct Definition {
    pub(super) name: &'static str,
    pub(super) kind: MetricType,
    pub(super) help: &'static str,
}

macro_rules! families {
    ($($constant:ident = $kind:ident $name:literal $help:literal;)*) => {
        $(pub(super) const $constant: &Definition =
            &Definition { name: $name, kind: $kind, help: $help };)*
        /// All of them, for the table in the docs and its test.
        #[cfg(test)]
        pub(super) const ALL: &[&Definition] = &[$($constant),*];
    };
}

families! {
    INFO = Gauge "gpu_info" "What a GPU is.";
    LOST = Gauge "gpu_lost" "Whether the driver knows a GPU that no longer answers (1), as when it fell off the bus.";
    TEMPERATURE = Gauge "gpu_temperature_celsius" "Temperature of the GPU.";
    HOTSPOT = Gauge "gpu_hotspot_temperature_celsius" "Temperature of the hottest place of the GPU.";
    MEMORY_TEMPERATURE = Gauge "gpu_memory_temperature_celsius" "Temperature of the GPU's memory.";
    TEMPERATURE_LIMIT = Gauge "gpu_temperature_limit_celsius" "Temperature at which the GPU slows down or shuts down.";
    TEMPERATURE_MARGIN = Gauge "gpu_temperature_margin_celsius" "How far the GPU is from the temperature at which it slows down.";
    UTILIZATION = Gauge "gpu_utilization_ratio" "Share of the time in which the GPU had work.";
    MEMORY_UTILIZATION = Gauge "gpu_memory_utilization_ratio" "Share of the time in which the GPU's memory was read or written.";
    ENCODER_UTILIZATION = Gauge "gpu_encoder_utilization_ratio" "Share of the time in which the video encoder had work.";
    DECODER_UTILIZATION = Gauge "gpu_decoder_utilization_ratio" "Share of the time in which the video decoder had work.";
    JPEG_UTILIZATION = Gauge "gpu_jpeg_utilization_ratio" "Share of the time in which the JPEG engine had work.";
    OFA_UTILIZATION = Gauge "gpu_ofa_utilization_ratio" "Share of the time in which the optical flow engine had work.";
    ENCODER_SESSIONS = Gauge "gpu_encoder_sessions" "Video encoder sessions.";
    MEMORY_TOTAL = Gauge "gpu_memory_total_bytes" "Size of the GPU's memory.";
    MEMORY_USED = Gauge "gpu_memory_used_bytes" "Memory in use.";
    MEMORY_FREE = Gauge "gpu_memory_free_bytes" "Memory not in use.";
    MEMORY_RESERVED = Gauge "gpu_memory_reserved_bytes" "Memory that the driver keeps for itself.";
    BAR1_TOTAL = Gauge "gpu_bar1_memory_total_bytes" "Size of the window through which the host sees the GPU's memory.";
    BAR1_USED = Gauge "gpu_bar1_memory_used_bytes" "How much of that window is in use.";
    POWER = Gauge "gpu_power_watts" "Power draw, averaged by the driver.";
    POWER_INSTANT = Gauge "gpu_power_instant_watts" "Power draw at the moment.";
    POWER_LIMIT = Gauge "gpu_power_limit_watts" "Power limit in force.";
    POWER_LIMIT_DEFAULT = Gauge "gpu_power_limit_default_watts" "Power limit that the GPU starts with.";
    POWER_LIMIT_MIN = Gauge "gpu_power_limit_min_watts" "Lowest power limit that can be set.";
    POWER_LIMIT_MAX = Gauge "gpu_power_limit_max_watts" "Highest power limit that can be set.";
    ENERGY = Counter "gpu_energy_joules_total" "Energy used since the driver was loaded.";
    CLOCK = Gauge "gpu_clock_hertz" "Clock frequency.";
    CLOCK_MAX = Gauge "gpu_clock_max_hertz" "Highest clock frequency.";
    FAN = Gauge "gpu_fan_speed_ratio" "Fan speed, as a share of the highest.";
    FAN_RPM = Gauge "gpu_fan_speed_rpm" "Fan speed, in revolutions per minute.";
    PERFORMANCE_STATE = Gauge "gpu_performance_state" "Performance state; 0 is the fastest.";
    THROTTLE = Gauge "gpu_throttle_active" "Whether the clocks are held down for this reason (1).";
    THROTTLED = Counter "gpu_throttled_seconds_total" "Time for which the clocks were held down for this reason.";
    ECC_ENABLED = Gauge "gpu_ecc_enabled" "Whether memory errors are corrected (1).";
    ECC_ERRORS = Counter "gpu_ecc_errors_total" "Memory errors: volatile since the driver was loaded, aggregate in the GPU's life.";
    ECC_LOCATION_ERRORS = Counter "gpu_ecc_location_errors_total" "Memory errors by where they happened.";
    ROW_REMAPS = Counter "gpu_row_remaps_total" "Memory rows replaced by spare ones.";
    ROW_REMAP_PENDING = Gauge "gpu_row_remap_pending" "Whether a row waits for a reset to be replaced (1).";
    ROW_REMAP_FAILURE = Gauge "gpu_row_remap_failure" "Whether replacing a row failed (1): the GPU is due for exchange.";
    ROW_REMAP_BANKS = Gauge "gpu_row_remap_banks" "Memory banks by how many spare rows they have left.";
    RETIRED_PAGES = Gauge "gpu_retired_pages" "Memory pages given up, on GPUs before Ampere.";
    RETIRED_PAGES_PENDING = Gauge "gpu_retired_pages_pending" "Whether a page waits for a reboot to be given up (1).";
    RECOVERY_ACTION = Gauge "gpu_recovery_action" "What the driver asks for: 0 nothing, 1 reset, 2 reboot, 3 drain peers, 4 drain and reset.";
    PCIE_GENERATION = Gauge "gpu_pcie_link_generation" "PCIe generation of the link at the moment.";
    PCIE_GENERATION_MAX = Gauge "gpu_pcie_link_generation_max" "PCIe generation that GPU and host could use.";
    PCIE_WIDTH = Gauge "gpu_pcie_link_width" "PCIe lanes of the link at the moment.";
    PCIE_WIDTH_MAX = Gauge "gpu_pcie_link_width_max" "PCIe lanes that the GPU could use.";
    PCIE_REPLAYS = Counter "gpu_pcie_replays_total" "PCIe packets that were sent again.";
    PCIE_ERRORS = Counter "gpu_pcie_errors_total" "PCIe errors by type.";
    PCIE_TRANSMITTED = Counter "gpu_pcie_transmitted_bytes_total" "Bytes sent over PCIe.";
    PCIE_RECEIVED = Counter "gpu_pcie_received_bytes_total" "Bytes received over PCIe.";
    NVLINK_UP = Gauge "gpu_nvlink_up" "Whether a link to another GPU or a switch is up (1).";
    NVLINK_ERRORS = Counter "gpu_nvlink_errors_total" "Errors of the links to other GPUs, by type.";
    NVLINK_TRANSMITTED = Counter "gpu_nvlink_transmitted_bytes_total" "Bytes sent over all links to other GPUs.";
    NVLINK_RECEIVED = Counter "gpu_nvlink_received_bytes_total" "Bytes received over all links from other GPUs.";
    FABRIC_STATE = Gauge "gpu_fabric_state" "State of the GPU's registration with the NVLink fabric: 1 in the state that `state` names.";
    FABRIC_HEALTHY = Gauge "gpu_fabric_healthy" "Whether the fabric says that the GPU is healthy (1).";
    MIG_ENABLED = Gauge "gpu_mig_enabled" "Whether the GPU is split into instances (1).";
    MIG_INFO = Gauge "gpu_mig_info" "An instance of a split GPU.";
    MIG_MEMORY_TOTAL = Gauge "gpu_mig_memory_total_bytes" "Size of an instance's memory.";
    MIG_MEMORY_USED = Gauge "gpu_mig_memory_used_bytes" "Memory of an instance in use.";
    PROCESSES = Gauge "gpu_processes" "Processes that use the GPU.";
    PROCESSES_DROPPED = Gauge "gpu_processes_dropped" "Processes that use the GPU and are not told one by one, since there are too many.";
    PROCESS_INFO = Gauge "gpu_process_info" "A process that uses a GPU, and to what container, service and model it belongs.";
    PROCESS_MEMORY = Gauge "gpu_process_memory_used_bytes" "GPU memory that a process uses.";
    PROCESS_UTILIZATION = Gauge "gpu_process_utilization_ratio" "Share of the time in which a part of the GPU worked for a process.";
    XID_ERRORS = Counter "gpu_xid_errors_total" "Errors that the driver reported, by XID.";
    XID_LAST = Gauge "gpu_xid_last_timestamp_seconds" "When the driver last reported an error with this XID, in seconds since 1970.";
    XID_INFO = Gauge "gpu_xid_info" "What an XID that was seen means, from NVIDIA's catalogue.";
}
