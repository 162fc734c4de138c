//! Memory against its ceiling, and series against their limits.

use super::one;
use watchfire_api::App;
use watchfire_model::MetricType::{Counter, Gauge};
use watchfire_wire::exposition::write::Family;

pub(super) fn families(app: &App) -> Vec<Family> {
    let counters = app.store.admission();
    let memory = counters.memory;
    let mut limits = Family::new(
        "watchfire_series_limit",
        Gauge,
        "How many series a target, a job, a tenant and the store (total) may have; 0 is any number.",
    );
    let all = &counters.limits;
    for (scope, limit) in [
        ("target", all.series_per_target),
        ("job", all.series_per_job),
        ("tenant", all.series_per_tenant),
        ("total", all.series),
    ] {
        limits.push([("scope", scope)], limit as f64);
    }
    let mut refused = Family::new(
        "watchfire_series_refused_total",
        Counter,
        "Attempts to make a series that a limit refused: whose limit, whose series, which label exploded.",
    );
    for count in &counters.refused {
        let labels =
            [("scope", count.scope.as_str()), ("job", count.job.as_str()), ("label", count.label.as_str())];
        refused.push(labels, count.refused as f64);
    }
    let bytes = |name, help, bytes: u64| one(name, Gauge, help, bytes as f64);
    vec![
        one(
            "prometheus_tsdb_head_series_created_total",
            Counter,
            "Series made in memory.",
            counters.made as f64,
        ),
        one(
            "prometheus_tsdb_head_series_removed_total",
            Counter,
            "Series forgotten in memory, because they ended.",
            counters.forgotten as f64,
        ),
        limits,
        refused,
        bytes("watchfire_memory_ceiling_bytes", "The memory ceiling, 0 for none.", memory.ceiling_bytes),
        bytes("watchfire_memory_used_bytes", "Memory that counts against the ceiling.", memory.used_bytes),
        bytes("watchfire_memory_live_bytes", "Of that, what is allocated.", memory.live_bytes),
        bytes(
            "watchfire_memory_overhead_bytes",
            "Of that, fragmentation and what is not allocated: code, stacks.",
            memory.overhead_bytes,
        ),
        bytes(
            "watchfire_memory_soft_bytes",
            "From this use on, samples leave memory early and the greediest target makes no new series.",
            memory.soft_bytes,
        ),
        bytes("watchfire_memory_hard_bytes", "From this use on, new series are refused.", memory.hard_bytes),
        one(
            "watchfire_memory_pressure",
            Gauge,
            "0 calm, 1 tight, 2 full, 3 over: how short memory is.",
            f64::from(memory.pressure as u8),
        ),
    ]
}
