//! Metrics of canaries; nothing without any.

use super::people::escaped;
use super::{Gauges, Out};

pub(super) fn write(out: &mut Out<'_>, gauges: &Gauges) {
    if gauges.canaries.is_empty() {
        return;
    }
    type Value = fn(&crate::CanaryView) -> f64;
    let confirmed: Value = |canary| canary.confirmed as f64;
    let last: Value = |canary| canary.confirmed_ms.map_or(0.0, |at_ms| at_ms as f64 / 1_000.0);
    let overdue: Value = |canary| f64::from(u8::from(canary.is_overdue));
    for (name, kind, help, value) in [
        ("watchfire_canaries_confirmed_total", "counter", "Canaries that a receiver confirmed.", confirmed),
        (
            "watchfire_canary_last_confirmed_timestamp_seconds",
            "gauge",
            "When a receiver confirmed a canary last; 0 before the first.",
            last,
        ),
        (
            "watchfire_canary_overdue",
            "gauge",
            "Whether a receiver did not confirm its canary in time.",
            overdue,
        ),
    ] {
        out.family(name, kind, help);
        for canary in &gauges.canaries {
            let (receiver, integration) = (escaped(&canary.receiver), &canary.integration);
            let labels = format!("{{receiver=\"{receiver}\",integration=\"{integration}\"}}");
            out.sample(name, &labels, value(canary));
        }
    }
}
