//! Disks: input and output, from /proc/diskstats, and what they are, from udev.

use super::udev::Properties;
use super::{Collector, passes};
use crate::{CollectError, Collection, Roots};
use regex::Regex;
use watchfire_model::MetricType;

/// `node_disk_*`.
#[derive(Debug)]
pub(super) struct DiskStats {
    /// Devices that are told; all when not set.
    pub(super) include: Option<Regex>,
    /// Devices that are passed over: by default partitions and memory disks.
    pub(super) exclude: Option<Regex>,
}

/// /proc/diskstats counts in sectors of this size, whatever the disk's own.
const SECTOR_BYTES: f64 = 512.0;
const MILLISECOND: f64 = 0.001;

/// Columns after major, minor and name: factor, type, what they become.
const COLUMNS: [(f64, MetricType, &str, &str); 17] = [
    (1.0, MetricType::Counter, "node_disk_reads_completed_total", "Reads that ended well."),
    (1.0, MetricType::Counter, "node_disk_reads_merged_total", "Reads that were joined with others."),
    (SECTOR_BYTES, MetricType::Counter, "node_disk_read_bytes_total", "Bytes read."),
    (MILLISECOND, MetricType::Counter, "node_disk_read_time_seconds_total", "Time all reads took together."),
    (1.0, MetricType::Counter, "node_disk_writes_completed_total", "Writes that ended well."),
    (1.0, MetricType::Counter, "node_disk_writes_merged_total", "Writes that were joined with others."),
    (SECTOR_BYTES, MetricType::Counter, "node_disk_written_bytes_total", "Bytes written."),
    (
        MILLISECOND,
        MetricType::Counter,
        "node_disk_write_time_seconds_total",
        "Time all writes took together.",
    ),
    (1.0, MetricType::Gauge, "node_disk_io_now", "Reads and writes under way."),
    (
        MILLISECOND,
        MetricType::Counter,
        "node_disk_io_time_seconds_total",
        "Time with any read or write under way.",
    ),
    (
        MILLISECOND,
        MetricType::Counter,
        "node_disk_io_time_weighted_seconds_total",
        "Time with reads or writes under way, times their number.",
    ),
    (1.0, MetricType::Counter, "node_disk_discards_completed_total", "Discards that ended well."),
    (1.0, MetricType::Counter, "node_disk_discards_merged_total", "Discards that were joined with others."),
    (1.0, MetricType::Counter, "node_disk_discarded_sectors_total", "Sectors discarded."),
    (
        MILLISECOND,
        MetricType::Counter,
        "node_disk_discard_time_seconds_total",
        "Time all discards took together.",
    ),
    (1.0, MetricType::Counter, "node_disk_flush_requests_total", "Flushes that ended well."),
    (
        MILLISECOND,
        MetricType::Counter,
        "node_disk_flush_requests_time_seconds_total",
        "Time all flushes took together.",
    ),
];

impl Collector for DiskStats {
    fn name(&self) -> &'static str {
        "diskstats"
    }

    fn collect(&self, roots: &Roots, out: &mut Collection) -> Result<(), CollectError> {
        let source = roots.proc("diskstats")?;
        for (number, line) in source.lines() {
            let mut words = line.split_ascii_whitespace();
            let (Some(major), Some(minor), Some(device)) = (words.next(), words.next(), words.next()) else {
                return Err(source.wrong(number, line, "major, minor and name of a disk"));
            };
            if !passes(device, self.include.as_ref(), self.exclude.as_ref()) {
                continue;
            }
            let labels = [("device", device)];
            // Older kernels have fewer columns, newer ones may have more.
            for ((factor, kind, name, help), word) in COLUMNS.iter().zip(words) {
                let value = source.number(number, Some(word))?;
                out.add(*kind, *name, help, &labels, value * factor);
            }
            tell_device(roots, major, minor, device, out);
        }
        Ok(())
    }
}

fn tell_device(roots: &Roots, major: &str, minor: &str, device: &str, out: &mut Collection) {
    let udev = Properties::of_block_device(roots, major, minor);
    let rotational = roots.sys_value(&format!("block/{device}/queue/rotational"));
    let labels = [
        ("device", device),
        ("major", major),
        ("minor", minor),
        ("path", udev.get("ID_PATH")),
        ("wwn", udev.get("ID_WWN")),
        ("model", udev.get("ID_MODEL")),
        ("serial", udev.first(&["SCSI_IDENT_SERIAL", "ID_SERIAL_SHORT", "ID_SERIAL"])),
        ("revision", udev.get("ID_REVISION")),
        ("rotational", rotational.as_deref().unwrap_or("0")),
    ];
    out.gauge("node_disk_info", "What a disk is.", &labels, 1.0);
    if !udev.get("DM_NAME").is_empty() {
        let labels = [
            ("device", device),
            ("name", udev.get("DM_NAME")),
            ("uuid", udev.get("DM_UUID")),
            ("vg_name", udev.get("DM_VG_NAME")),
            ("lv_name", udev.get("DM_LV_NAME")),
            ("lv_layer", udev.get("DM_LV_LAYER")),
        ];
        out.gauge("node_disk_device_mapper_info", "What a mapped device is.", &labels, 1.0);
    }
    if !udev.get("ID_FS_TYPE").is_empty() {
        let labels = [
            ("device", device),
            ("type", udev.get("ID_FS_TYPE")),
            ("usage", udev.get("ID_FS_USAGE")),
            ("uuid", udev.get("ID_FS_UUID")),
            ("version", udev.get("ID_FS_VERSION")),
        ];
        out.gauge("node_disk_filesystem_info", "What is on a disk.", &labels, 1.0);
    }
    if !udev.get("ID_ATA").is_empty() {
        for (property, name, help) in [
            ("ID_ATA_WRITE_CACHE", "node_disk_ata_write_cache", "Whether an ATA disk has a write cache."),
            (
                "ID_ATA_WRITE_CACHE_ENABLED",
                "node_disk_ata_write_cache_enabled",
                "Whether an ATA disk uses its write cache.",
            ),
            (
                "ID_ATA_ROTATION_RATE_RPM",
                "node_disk_ata_rotation_rate_rpm",
                "Revolutions of an ATA disk per minute, 0 where nothing turns.",
            ),
        ] {
            if let Ok(value) = udev.get(property).parse::<f64>() {
                out.gauge(name, help, &[("device", device)], value);
            }
        }
    }
}
