//! What is not worth telling now, and why.

use super::tables::{Options, Tables};
use crate::config::Config;
use watchfire_ledger::{Alert, Fingerprint};

/// How many alerts were left out of notifications, by what muted them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Suppressed {
    pub(crate) by_silence: u64,
    pub(crate) by_inhibition: u64,
    pub(crate) by_mute_interval: u64,
    pub(crate) by_active_interval: u64,
}

/// Why an alert is muted; the first that applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Muted {
    Inhibition,
    ActiveInterval,
    MuteInterval,
    Silence,
}

impl Muted {
    /// A word for interfaces, that of the metrics.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Inhibition => "inhibition",
            Self::ActiveInterval => "active_time_interval",
            Self::MuteInterval => "mute_time_interval",
            Self::Silence => "silence",
        }
    }
}

impl Suppressed {
    pub(super) fn count(&mut self, why: Muted) {
        match why {
            Muted::Inhibition => self.by_inhibition += 1,
            Muted::ActiveInterval => self.by_active_interval += 1,
            Muted::MuteInterval => self.by_mute_interval += 1,
            Muted::Silence => self.by_silence += 1,
        }
    }
}

/// The intervals that mute a route now, by name: those in which it is muted, and, outside of all in which it is
/// active, these.
pub(super) fn intervals(config: &Config, options: &Options, now_ms: i64) -> Option<(Muted, Vec<String>)> {
    let is_now =
        |name: &String| config.time_intervals.get(name).is_some_and(|interval| interval.contains(now_ms));
    if !options.active_intervals.is_empty() && !options.active_intervals.iter().any(is_now) {
        return Some((Muted::ActiveInterval, options.active_intervals.clone()));
    }
    let muting: Vec<String> = options.mute_intervals.iter().filter(|name| is_now(name)).cloned().collect();
    (!muting.is_empty()).then_some((Muted::MuteInterval, muting))
}

impl Tables {
    /// Why an alert is muted whatever its route says.
    pub(super) fn muted(&self, alert: &Alert, now_ms: i64) -> Option<Muted> {
        if !self.inhibited_by(alert, now_ms).is_empty() {
            return Some(Muted::Inhibition);
        }
        (!self.silences.muting(&alert.labels, now_ms).is_empty()).then_some(Muted::Silence)
    }

    /// What mutes an alert in a way: fingerprints of alerts, or ids of silences.
    pub(super) fn muting_names(&self, why: Muted, alert: &Alert, now_ms: i64) -> Vec<String> {
        match why {
            Muted::Inhibition => {
                let sources = self.inhibited_by(alert, now_ms);
                sources.iter().map(|source| format!("{source:016x}")).collect()
            }
            Muted::Silence => self.silences.muting(&alert.labels, now_ms),
            Muted::ActiveInterval | Muted::MuteInterval => Vec::new(),
        }
    }

    /// The alerts that inhibit one.
    pub(super) fn inhibited_by(&self, alert: &Alert, now_ms: i64) -> Vec<Fingerprint> {
        self.inhibitor.sources_of(&alert.labels, &self.alerts, now_ms)
    }
}
