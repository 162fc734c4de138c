//! Disks, from what `ioreg -r -c IOBlockStorageDriver -w 0 -l` prints.

use super::{entries, property};
use crate::Collection;

const NANOSECOND: f64 = 1e-9;

/// Statistics of a driver: factor, and what they become.
const STATISTICS: [(&str, f64, &str); 10] = [
    ("Operations (Read)", 1.0, "node_disk_reads_completed_total"),
    ("Operations (Write)", 1.0, "node_disk_writes_completed_total"),
    ("Bytes (Read)", 1.0, "node_disk_read_bytes_total"),
    ("Bytes (Write)", 1.0, "node_disk_written_bytes_total"),
    ("Total Time (Read)", NANOSECOND, "node_disk_read_time_seconds_total"),
    ("Total Time (Write)", NANOSECOND, "node_disk_write_time_seconds_total"),
    ("Errors (Read)", 1.0, "node_disk_read_errors_total"),
    ("Errors (Write)", 1.0, "node_disk_write_errors_total"),
    ("Retries (Read)", 1.0, "node_disk_read_retries_total"),
    ("Retries (Write)", 1.0, "node_disk_write_retries_total"),
];

/// Tells of each disk that `passes`; how many there were.
pub(super) fn tell(text: &str, passes: impl Fn(&str) -> bool, out: &mut Collection) -> usize {
    let mut found = 0;
    let mut statistics: Option<&str> = None;
    for line in text.lines() {
        if property(line, "Statistics").is_some() {
            statistics = Some(line);
            continue;
        }
        // The first medium below a driver is the disk as a whole; its partitions follow.
        let Some(device) = property(line, "BSD Name") else { continue };
        let Some(statistics) = statistics.take() else { continue };
        found += 1;
        if !passes(device) {
            continue;
        }
        for (name, value) in entries(statistics) {
            let Some((_, factor, metric)) = STATISTICS.iter().find(|(known, ..)| *known == name) else {
                continue;
            };
            out.counter(*metric, "What a disk has done.", &[("device", device)], value * factor);
        }
    }
    found
}
