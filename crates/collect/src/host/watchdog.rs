//! Timers that restart a machine which hangs, from /sys/class/watchdog.

use super::Collector;
use crate::{CollectError, Collection, Roots};

/// `node_watchdog_*`.
pub(super) struct Watchdog;

/// Files with one number, and what they become.
const NUMBERS: [(&str, &str, &str); 7] = [
    ("access_cs0", "node_watchdog_access_cs0", "Whether the machine was started from its second flash chip."),
    ("bootstatus", "node_watchdog_bootstatus", "Why the timer restarted the machine, as bits."),
    ("fw_version", "node_watchdog_fw_version", "Version of the timer's firmware."),
    ("nowayout", "node_watchdog_nowayout", "Whether the timer cannot be stopped once it runs (1)."),
    ("pretimeout", "node_watchdog_pretimeout_seconds", "How long before its end the timer warns."),
    ("timeleft", "node_watchdog_timeleft_seconds", "How long until the timer restarts the machine."),
    ("timeout", "node_watchdog_timeout_seconds", "How long the machine may hang."),
];

impl Collector for Watchdog {
    fn name(&self) -> &'static str {
        "watchdog"
    }

    fn collect(&self, roots: &Roots, out: &mut Collection) -> Result<(), CollectError> {
        let timers = roots.sys_folder("class/watchdog");
        if timers.is_empty() {
            return Err(CollectError::NoData("watchdog timer"));
        }
        for timer in timers {
            let folder = format!("class/watchdog/{timer}");
            for (file, name, help) in NUMBERS {
                if let Some(number) = roots.sys_number(&format!("{folder}/{file}")) {
                    out.gauge(name, help, &[("name", &timer)], number);
                }
            }
            let word = |file: &str| roots.sys_value(&format!("{folder}/{file}")).unwrap_or_default();
            let labels = [
                ("name", timer.as_str()),
                ("options", &word("options")),
                ("identity", &word("identity")),
                ("state", &word("state")),
                ("status", &word("status")),
                ("pretimeout_governor", &word("pretimeout_governor")),
            ];
            out.gauge("node_watchdog_info", "What a watchdog timer is.", &labels, 1.0);
        }
        Ok(())
    }
}
