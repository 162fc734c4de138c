//! Groups that batch jobs pushed.

use super::one;
use watchfire_api::App;
use watchfire_model::MetricType::{Counter, Gauge};
use watchfire_wire::exposition::write::Family;

pub(super) fn families(app: &App) -> Vec<Family> {
    let stats = app.groups.stats();
    let refused = "Pushes of groups that were refused, wrong ones and those without room.";
    vec![
        one("watchfire_push_groups", Gauge, "Groups that batch jobs pushed.", stats.groups as f64),
        one("watchfire_push_group_bytes", Gauge, "What they hold, as text.", stats.bytes as f64),
        one("watchfire_push_refused_total", Counter, refused, stats.refused as f64),
    ]
}
