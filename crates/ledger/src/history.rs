//! What became of alerts: every change of state that is kept, and how often people were told.

mod reading;
mod writing;

use crate::alerts::{Fingerprint, damaged, read_map};
use crate::{LedgerError, Texts};
use rusqlite::Row;
use std::collections::BTreeMap;
use watchfire_model::Labels;

/// What changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AlertEventKind {
    /// Its expression began to give a result; it does not fire yet.
    Pending,
    /// It fires.
    Firing,
    /// It ended after it had fired.
    Resolved,
    /// It was pending and ended without firing.
    Inactive,
    /// It fires, and something keeps it out of the notifications of a group.
    Suppressed,
    /// Nothing keeps it out of them any more.
    Unsuppressed,
}

impl AlertEventKind {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Pending, Self::Firing, Self::Resolved, Self::Inactive, Self::Suppressed, Self::Unsuppressed];

    pub(crate) const fn code(self) -> i64 {
        match self {
            Self::Pending => 0,
            Self::Firing => 1,
            Self::Resolved => 2,
            Self::Inactive => 3,
            Self::Suppressed => 4,
            Self::Unsuppressed => 5,
        }
    }

    fn from_code(code: i64) -> Result<Self, LedgerError> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.code() == code)
            .ok_or_else(|| damaged("alert_events", format!("unknown kind {code}")))
    }

    /// A word for interfaces.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Firing => "firing",
            Self::Resolved => "resolved",
            Self::Inactive => "inactive",
            Self::Suppressed => "suppressed",
            Self::Unsuppressed => "unsuppressed",
        }
    }

    /// Whether it is a step of the alert's life, and not of one group it is in.
    pub const fn is_of_life(self) -> bool {
        !matches!(self, Self::Suppressed | Self::Unsuppressed)
    }
}

/// Which alert events speak of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AlertIdentity {
    /// Alertmanager's fingerprint of the labels.
    pub fingerprint: Fingerprint,
    /// Its labels.
    pub labels: Labels,
    /// The rule's name; of an alert from outside its `alertname`.
    pub rule: String,
    /// The rule's group; empty for an alert from outside.
    pub group: String,
    /// The rule's file; empty for an alert from outside.
    pub file: String,
}

/// One change of an alert, to be kept. Times are milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug)]
pub struct EventDraft<'a> {
    /// When.
    pub at_ms: i64,
    /// What.
    pub kind: AlertEventKind,
    /// The value of the rule's expression.
    pub value: Option<f64>,
    /// Since when the alert was active.
    pub active_ms: Option<i64>,
    /// Since when it fired.
    pub fired_ms: Option<i64>,
    /// Its annotations; those of the change before count where there are none.
    pub annotations: Option<&'a Texts>,
    /// What else there is to know, in the words of whoever wrote it.
    pub detail: Option<&'a str>,
}

/// One change of an alert, as it was kept. Times are milliseconds since the Unix epoch.
#[derive(Clone, Debug)]
pub struct AlertEvent {
    /// Which: a later one has a larger number.
    pub id: i64,
    /// When.
    pub at_ms: i64,
    /// Of which alert.
    pub fingerprint: Fingerprint,
    /// What.
    pub kind: AlertEventKind,
    /// The value of the rule's expression.
    pub value: Option<f64>,
    /// Since when the alert was active.
    pub active_ms: Option<i64>,
    /// Since when it fired.
    pub fired_ms: Option<i64>,
    /// Its annotations, where they were kept with this change.
    pub annotations: Option<BTreeMap<String, String>>,
    /// What else there is to know.
    pub detail: Option<String>,
}

impl AlertEvent {
    pub(crate) fn from_row(row: &Row<'_>) -> Result<Self, LedgerError> {
        let annotations = match row.get_ref("annotations")?.as_str_or_null() {
            Ok(Some(text)) => Some(read_map("alert_events", text)?),
            _ => None,
        };
        Ok(Self {
            id: row.get("id")?,
            at_ms: row.get("at_ms")?,
            fingerprint: row.get::<_, i64>("fingerprint")?.cast_unsigned(),
            kind: AlertEventKind::from_code(row.get("kind")?)?,
            value: row.get::<_, Option<i64>>("value_bits")?.map(|bits| f64::from_bits(bits.cast_unsigned())),
            active_ms: row.get("active_ms")?,
            fired_ms: row.get("fired_ms")?,
            annotations,
            detail: row.get("detail")?,
        })
    }
}

/// One notification that a destination confirmed or refused, as far as it spoke of one rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// When, in milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// The rule's name.
    pub rule: String,
    /// The receiver's name.
    pub receiver: String,
    /// Which of the receiver's integrations.
    pub integration: u32,
    /// The outbox's job.
    pub job: i64,
    /// How many alerts of the rule it told as firing.
    pub firing: u64,
    /// How many it told as resolved.
    pub resolved: u64,
    /// Confirmed, or refused for good.
    pub delivered: bool,
}

impl Notice {
    pub(crate) fn from_row(row: &Row<'_>) -> Result<Self, LedgerError> {
        Ok(Self {
            at_ms: row.get("at_ms")?,
            rule: row.get("rule")?,
            receiver: row.get("receiver")?,
            integration: row.get("integration")?,
            job: row.get("job")?,
            firing: row.get::<_, i64>("firing")?.cast_unsigned(),
            resolved: row.get::<_, i64>("resolved")?.cast_unsigned(),
            delivered: row.get("delivered")?,
        })
    }
}

/// What was forgotten in one step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// Events because of their age, with notices.
    pub by_age: usize,
    /// Events because there were too many.
    pub by_number: usize,
}

#[cfg(test)]
mod tests;
