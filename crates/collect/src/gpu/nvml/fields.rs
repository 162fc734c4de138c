//! What the driver tells by number, many values with one question.

use super::super::device::Device;
use super::super::families::{self as f, Definition};
use nvml_wrapper::Device as Handle;
use nvml_wrapper::enums::device::SampleValue;
use nvml_wrapper::structs::device::FieldId;
use nvml_wrapper::sys_exports::field_id as id;

/// A field: its number, its family, its labels, and what makes its unit the base unit.
type Field = (u32, &'static Definition, &'static [(&'static str, &'static str)], f64);

/// The fields. Nanoseconds, milliwatts and kibibytes are the driver's units.
const FIELDS: &[Field] = &[
    (id::NVML_FI_DEV_MEMORY_TEMP, f::MEMORY_TEMPERATURE, &[], 1.0),
    (id::NVML_FI_DEV_POWER_INSTANT, f::POWER_INSTANT, &[], 1e-3),
    (id::NVML_FI_DEV_REMAPPED_COR, f::ROW_REMAPS, &[("type", "correctable")], 1.0),
    (id::NVML_FI_DEV_REMAPPED_UNC, f::ROW_REMAPS, &[("type", "uncorrectable")], 1.0),
    (id::NVML_FI_DEV_REMAPPED_PENDING, f::ROW_REMAP_PENDING, &[], 1.0),
    (id::NVML_FI_DEV_REMAPPED_FAILURE, f::ROW_REMAP_FAILURE, &[], 1.0),
    (id::NVML_FI_DEV_RETIRED_SBE, f::RETIRED_PAGES, &[("cause", "single_bit_ecc")], 1.0),
    (id::NVML_FI_DEV_RETIRED_DBE, f::RETIRED_PAGES, &[("cause", "double_bit_ecc")], 1.0),
    (id::NVML_FI_DEV_RETIRED_PENDING, f::RETIRED_PAGES_PENDING, &[], 1.0),
    (id::NVML_FI_DEV_GET_GPU_RECOVERY_ACTION, f::RECOVERY_ACTION, &[], 1.0),
    (id::NVML_FI_DEV_CLOCKS_EVENT_REASON_SW_POWER_CAP, f::THROTTLED, &[("reason", "sw_power_cap")], 1e-9),
    (id::NVML_FI_DEV_CLOCKS_EVENT_REASON_SYNC_BOOST, f::THROTTLED, &[("reason", "sync_boost")], 1e-9),
    (
        id::NVML_FI_DEV_CLOCKS_EVENT_REASON_SW_THERM_SLOWDOWN,
        f::THROTTLED,
        &[("reason", "sw_thermal_slowdown")],
        1e-9,
    ),
    (
        id::NVML_FI_DEV_CLOCKS_EVENT_REASON_HW_THERM_SLOWDOWN,
        f::THROTTLED,
        &[("reason", "hw_thermal_slowdown")],
        1e-9,
    ),
    (
        id::NVML_FI_DEV_CLOCKS_EVENT_REASON_HW_POWER_BRAKE_SLOWDOWN,
        f::THROTTLED,
        &[("reason", "hw_power_brake_slowdown")],
        1e-9,
    ),
    (id::NVML_FI_DEV_PCIE_COUNT_TX_BYTES, f::PCIE_TRANSMITTED, &[], 1.0),
    (id::NVML_FI_DEV_PCIE_COUNT_RX_BYTES, f::PCIE_RECEIVED, &[], 1.0),
    (id::NVML_FI_DEV_PCIE_COUNT_CORRECTABLE_ERRORS, f::PCIE_ERRORS, &[("type", "correctable")], 1.0),
    (id::NVML_FI_DEV_PCIE_COUNT_NON_FATAL_ERROR, f::PCIE_ERRORS, &[("type", "non_fatal")], 1.0),
    (id::NVML_FI_DEV_PCIE_COUNT_FATAL_ERROR, f::PCIE_ERRORS, &[("type", "fatal")], 1.0),
    (id::NVML_FI_DEV_PCIE_COUNT_NAKS_RECEIVED, f::PCIE_ERRORS, &[("type", "nak_received")], 1.0),
    (id::NVML_FI_DEV_PCIE_COUNT_NAKS_SENT, f::PCIE_ERRORS, &[("type", "nak_sent")], 1.0),
    (id::NVML_FI_DEV_PCIE_COUNT_BAD_TLP, f::PCIE_ERRORS, &[("type", "bad_tlp")], 1.0),
    (id::NVML_FI_DEV_PCIE_COUNT_BAD_DLLP, f::PCIE_ERRORS, &[("type", "bad_dllp")], 1.0),
    (id::NVML_FI_DEV_PCIE_L0_TO_RECOVERY_COUNTER, f::PCIE_ERRORS, &[("type", "link_recovery")], 1.0),
    (id::NVML_FI_DEV_NVLINK_THROUGHPUT_DATA_TX, f::NVLINK_TRANSMITTED, &[], 1024.0),
    (id::NVML_FI_DEV_NVLINK_THROUGHPUT_DATA_RX, f::NVLINK_RECEIVED, &[], 1024.0),
    (id::NVML_FI_DEV_NVLINK_CRC_FLIT_ERROR_COUNT_TOTAL, f::NVLINK_ERRORS, &[("type", "crc_flit")], 1.0),
    (id::NVML_FI_DEV_NVLINK_CRC_DATA_ERROR_COUNT_TOTAL, f::NVLINK_ERRORS, &[("type", "crc")], 1.0),
    (id::NVML_FI_DEV_NVLINK_REPLAY_ERROR_COUNT_TOTAL, f::NVLINK_ERRORS, &[("type", "replay")], 1.0),
    (id::NVML_FI_DEV_NVLINK_RECOVERY_ERROR_COUNT_TOTAL, f::NVLINK_ERRORS, &[("type", "recovery")], 1.0),
    (
        id::NVML_FI_DEV_ECC_SBE_VOL_DEV,
        f::ECC_LOCATION_ERRORS,
        &[("type", "corrected"), ("counter", "volatile"), ("location", "device_memory")],
        1.0,
    ),
    (
        id::NVML_FI_DEV_ECC_DBE_VOL_DEV,
        f::ECC_LOCATION_ERRORS,
        &[("type", "uncorrected"), ("counter", "volatile"), ("location", "device_memory")],
        1.0,
    ),
    (
        id::NVML_FI_DEV_ECC_SBE_AGG_DEV,
        f::ECC_LOCATION_ERRORS,
        &[("type", "corrected"), ("counter", "aggregate"), ("location", "device_memory")],
        1.0,
    ),
    (
        id::NVML_FI_DEV_ECC_DBE_AGG_DEV,
        f::ECC_LOCATION_ERRORS,
        &[("type", "uncorrected"), ("counter", "aggregate"), ("location", "device_memory")],
        1.0,
    ),
];

/// Asks for all of them at once. A driver answers each alone: what it does not know is left out.
pub(super) fn read(handle: &Handle<'_>, device: &mut Device) {
    let ids: Vec<FieldId> = FIELDS.iter().map(|(number, ..)| FieldId(*number)).collect();
    let Ok(samples) = handle.field_values_for(&ids) else { return };
    for ((_, family, labels, factor), sample) in FIELDS.iter().zip(samples) {
        let value = match sample.and_then(|sample| sample.value) {
            Ok(SampleValue::F64(value)) => value,
            Ok(SampleValue::U32(value)) => f64::from(value),
            Ok(SampleValue::U64(value)) => value as f64,
            Ok(SampleValue::I64(value)) => value as f64,
            Err(_) => continue,
        };
        device.set_for(family, labels, value * factor);
    }
}
