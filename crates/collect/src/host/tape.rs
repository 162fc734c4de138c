//! Tape drives, from /sys/class/scsi_tape.

use super::{Collector, passes};
use crate::{CollectError, Collection, Roots};
use regex::Regex;
use watchfire_model::MetricType::{self, Counter, Gauge};

/// `node_tape_*`.
#[derive(Debug)]
pub(super) struct Tape {
    /// Drives that are passed over.
    pub(super) ignored: Option<Regex>,
}

const NANOSECOND: f64 = 1e-9;

/// Files: factor, type, what they become.
const FILES: [(&str, f64, MetricType, &str, &str); 10] = [
    ("in_flight", 1.0, Gauge, "node_tape_io_now", "Reads and writes under way."),
    (
        "io_ns",
        NANOSECOND,
        Counter,
        "node_tape_io_time_seconds_total",
        "Time that all requests took together.",
    ),
    ("other_cnt", 1.0, Counter, "node_tape_io_others_total", "Requests that neither read nor write."),
    ("read_byte_cnt", 1.0, Counter, "node_tape_read_bytes_total", "Bytes read."),
    ("read_cnt", 1.0, Counter, "node_tape_reads_completed_total", "Reads that ended."),
    (
        "read_ns",
        NANOSECOND,
        Counter,
        "node_tape_read_time_seconds_total",
        "Time that all reads took together.",
    ),
    ("resid_cnt", 1.0, Counter, "node_tape_residual_total", "Reads and writes that were shorter than asked."),
    ("write_byte_cnt", 1.0, Counter, "node_tape_written_bytes_total", "Bytes written."),
    ("write_cnt", 1.0, Counter, "node_tape_writes_completed_total", "Writes that ended."),
    (
        "write_ns",
        NANOSECOND,
        Counter,
        "node_tape_write_time_seconds_total",
        "Time that all writes took together.",
    ),
];

impl Collector for Tape {
    fn name(&self) -> &'static str {
        "tapestats"
    }

    fn collect(&self, roots: &Roots, out: &mut Collection) -> Result<(), CollectError> {
        let mut found = false;
        for device in roots.sys_folder("class/scsi_tape") {
            // Beside `st0` stand its other modes, `nst0` and `st0a`, with the same numbers.
            let is_drive = device.strip_prefix("st").is_some_and(|number| number.parse::<u32>().is_ok());
            if !is_drive || !passes(&device, None, self.ignored.as_ref()) {
                continue;
            }
            for (file, factor, kind, name, help) in FILES {
                let path = format!("class/scsi_tape/{device}/stats/{file}");
                if let Some(number) = roots.sys_number(&path) {
                    out.add(kind, name, help, &[("device", &device)], number * factor);
                    found = true;
                }
            }
        }
        if found { Ok(()) } else { Err(CollectError::NoData("tape drive")) }
    }
}
