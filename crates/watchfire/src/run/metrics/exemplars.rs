//! Exemplars: how many are kept, and what became of the others.

use super::one;
use watchfire_api::App;
use watchfire_model::MetricType::{Counter, Gauge};
use watchfire_model::ingest::RefusalReason;
use watchfire_wire::exposition::write::Family;

pub(super) fn families(app: &App) -> Vec<Family> {
    let stats = app.store.exemplar_stats();
    let mut refused = Family::new(
        "watchfire_store_exemplars_refused_total",
        Counter,
        "Exemplars that were refused, by reason.",
    );
    for (reason, count) in &stats.refused {
        refused.push([("reason", reason.as_str())], *count as f64);
    }
    let late = stats.refused.iter().find(|(reason, _)| *reason == RefusalReason::OutOfOrder);
    vec![
        one(
            "prometheus_tsdb_exemplar_exemplars_in_storage",
            Gauge,
            "Exemplars that are kept.",
            stats.kept as f64,
        ),
        one(
            "prometheus_tsdb_exemplar_series_with_exemplars_in_storage",
            Gauge,
            "Series that have exemplars.",
            stats.series as f64,
        ),
        one(
            "prometheus_tsdb_exemplar_last_exemplars_timestamp_seconds",
            Gauge,
            "When the oldest exemplar that is kept was observed.",
            stats.oldest_ms.unwrap_or(0) as f64 / 1000.0,
        ),
        one("prometheus_tsdb_exemplar_max_exemplars", Gauge, "How many may be kept.", stats.max as f64),
        one(
            "prometheus_tsdb_exemplar_exemplars_appended_total",
            Counter,
            "Exemplars that were taken.",
            stats.appended as f64,
        ),
        one(
            "prometheus_tsdb_exemplar_out_of_order_exemplars_total",
            Counter,
            "Exemplars refused because their series had a newer one.",
            late.map_or(0.0, |(_, count)| *count as f64),
        ),
        one(
            "watchfire_store_exemplars_dropped_total",
            Counter,
            "Exemplars that went because there were more than may be kept.",
            stats.dropped as f64,
        ),
        refused,
    ]
}
