//! The wall clock, its zone, and what drives it.

use super::Collector;
use crate::{CollectError, Collection, Roots};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::sync::Arc;
use watchfire_model::time::Clock;

/// `node_time_*`.
pub(super) struct Time {
    pub(super) clock: Arc<dyn Clock>,
}

impl Collector for Time {
    fn name(&self) -> &'static str {
        "time"
    }

    fn collect(&self, roots: &Roots, out: &mut Collection) -> Result<(), CollectError> {
        let now_ms = self.clock.now_ms();
        out.gauge("node_time_seconds", "The wall clock, in seconds since 1970.", &[], now_ms as f64 / 1000.0);
        if let Ok(now) = Timestamp::from_millisecond(now_ms) {
            let zone = TimeZone::system();
            let zone = zone.to_offset_info(now);
            let seconds = f64::from(zone.offset().seconds());
            let labels = [("time_zone", zone.abbreviation())];
            let help = "How far local time is ahead of UTC, in seconds.";
            out.gauge("node_time_zone_offset_seconds", help, &labels, seconds);
        }
        let folder = "devices/system/clocksource";
        for name in roots.sys_folder(folder) {
            let Some(device) = name.strip_prefix("clocksource") else { continue };
            let available =
                roots.sys_value(&format!("{folder}/{name}/available_clocksource")).unwrap_or_default();
            for source in available.split_ascii_whitespace() {
                let labels = [("device", device), ("clocksource", source)];
                let help = "What could drive the clock.";
                out.gauge("node_time_clocksource_available_info", help, &labels, 1.0);
            }
            if let Some(source) = roots.sys_value(&format!("{folder}/{name}/current_clocksource")) {
                let labels = [("device", device), ("clocksource", source.as_str())];
                out.gauge("node_time_clocksource_current_info", "What drives the clock.", &labels, 1.0);
            }
        }
        Ok(())
    }
}
