//! This process as its own exposition tells of it.

use watchfire_model::MetricType::{self, Counter, Gauge};
use watchfire_wire::exposition::write::Family;

fn one(name: &'static str, kind: MetricType, help: &'static str, value: f64) -> Family {
    let mut family = Family::new(name, kind, help);
    family.push([], value);
    family
}

/// What the kernel says about this process, under the names of Prometheus's client libraries.
pub(crate) fn families() -> Vec<Family> {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let stat = read("/proc/self/stat");
    // The program's name, in parentheses, may hold spaces.
    let fields: Vec<f64> = stat
        .rsplit(')')
        .next()
        .unwrap_or("")
        .split_whitespace()
        .map(|field| field.parse().unwrap_or(0.0))
        .collect();
    let field = |index: usize| fields.get(index).copied().unwrap_or(0.0);
    let ticks_per_second = rustix::param::clock_ticks_per_second() as f64;
    let boot_s = read("/proc/stat")
        .lines()
        .find_map(|line| line.strip_prefix("btime "))
        .and_then(|text| text.trim().parse::<f64>().ok())
        .unwrap_or(0.0);
    let open_files = std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    vec![
        one(
            "process_cpu_seconds_total",
            Counter,
            "CPU time, user and system.",
            (field(11) + field(12)) / ticks_per_second,
        ),
        one(
            "process_resident_memory_bytes",
            Gauge,
            "Resident memory.",
            field(21) * rustix::param::page_size() as f64,
        ),
        one("process_virtual_memory_bytes", Gauge, "Virtual memory.", field(20)),
        one("process_open_fds", Gauge, "Open file descriptors.", open_files as f64),
        one(
            "process_start_time_seconds",
            Gauge,
            "When the process started.",
            boot_s + field(19) / ticks_per_second,
        ),
    ]
}
