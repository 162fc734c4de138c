//! Alerts as the ledger keeps them: what rules say, what is notified about, and in which groups.

use crate::{LedgerError, Texts};
use rusqlite::Row;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;
use watchfire_model::Labels;

/// Which alert: Alertmanager's fingerprint, FNV-1a over the label set.
pub type Fingerprint = u64;

/// What is known of a rule at its last evaluation that was committed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RuleState {
    /// When it was evaluated, in milliseconds since the Unix epoch.
    pub evaluated_ms: i64,
    /// Its instances.
    pub instances: Vec<RuleInstance>,
}

/// Where an instance of an alerting rule stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum InstanceState {
    /// Active for less than `for`.
    Pending,
    /// Active for `for` or longer.
    Firing,
    /// No longer active; remembered for a while.
    Resolved,
}

impl InstanceState {
    pub(crate) const fn code(self) -> i64 {
        match self {
            Self::Pending => 0,
            Self::Firing => 1,
            Self::Resolved => 2,
        }
    }

    fn from_code(code: i64) -> Result<Self, LedgerError> {
        match code {
            0 => Ok(Self::Pending),
            1 => Ok(Self::Firing),
            2 => Ok(Self::Resolved),
            _ => Err(damaged("rule_instances", format!("unknown state {code}"))),
        }
    }
}

/// One instance of an alerting rule: one label set of its expression. Times are milliseconds since the Unix epoch.
#[derive(Clone, Debug)]
pub struct RuleInstance {
    /// Its labels, those of the rule and `alertname` included.
    pub labels: Labels,
    /// Its annotations, expanded.
    pub annotations: Texts,
    /// Where it stands.
    pub state: InstanceState,
    /// The value of its expression at the last evaluation at which it was active.
    pub value: f64,
    /// Since when it is active.
    pub active_ms: i64,
    /// Since when it fires.
    pub fired_ms: Option<i64>,
    /// Since when it is resolved.
    pub resolved_ms: Option<i64>,
    /// Since when it fires only because of `keep_firing_for`.
    pub keep_firing_since_ms: Option<i64>,
}

/// Bit for bit in the value, so that NaN equals itself.
impl PartialEq for RuleInstance {
    fn eq(&self, other: &Self) -> bool {
        self.value.to_bits() == other.value.to_bits()
            && self.labels == other.labels
            && self.annotations == other.annotations
            && self.state == other.state
            && (self.active_ms, self.fired_ms, self.resolved_ms, self.keep_firing_since_ms)
                == (other.active_ms, other.fired_ms, other.resolved_ms, other.keep_firing_since_ms)
    }
}

/// An alert as receivers hear of it. Times are milliseconds since the Unix epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// Where the ledger keeps it; 0 where it does not yet.
    pub row: i64,
    /// Which.
    pub fingerprint: Fingerprint,
    /// Its labels.
    pub labels: Labels,
    /// Its annotations.
    pub annotations: Texts,
    /// Since when it fires.
    pub starts_ms: i64,
    /// When it ended or, in the future, when it ends unless its source says otherwise; `None` while its rule holds it.
    pub ends_ms: Option<i64>,
    /// Nobody gave that end: it is when the alert is taken for ended without news.
    pub by_timeout: bool,
    /// When its source last spoke of it.
    pub updated_ms: i64,
    /// Where its source shows it.
    pub generator_url: Arc<str>,
}

impl Alert {
    /// Whether it has ended.
    pub fn is_resolved(&self, now_ms: i64) -> bool {
        self.ends_ms.is_some_and(|ends_ms| ends_ms <= now_ms)
    }
}

/// A group of alerts that are notified about together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Alertmanager's group key.
    pub key: String,
    /// Who is told.
    pub receiver: String,
    /// The labels its alerts share by the route's `group_by`.
    pub labels: Labels,
    /// The route's timing, in the words of whoever wrote it.
    pub options: Arc<str>,
    /// The alerts in it.
    pub members: BTreeSet<Fingerprint>,
    /// When it began, in milliseconds since the Unix epoch.
    pub created_ms: i64,
    /// When it is looked at next, in milliseconds since the Unix epoch.
    pub next_flush_ms: i64,
}

/// What one destination was last told about a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notified {
    /// The group's key.
    pub group_key: String,
    /// The receiver's name.
    pub receiver: String,
    /// Which of the receiver's integrations, from 0.
    pub integration: u32,
    /// The alerts told as firing.
    pub firing: BTreeSet<Fingerprint>,
    /// The alerts told as resolved.
    pub resolved: BTreeSet<Fingerprint>,
    /// When, in milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// The alerts that it confirmed to know as firing, and whose end it has not confirmed.
    pub open: BTreeSet<Fingerprint>,
    /// What the integration wants to remember of the group, such as where its message stands.
    pub receiver_data: String,
}

pub(crate) fn damaged(table: &'static str, reason: impl Into<String>) -> LedgerError {
    LedgerError::DamagedRow { table, reason: reason.into() }
}

pub(crate) fn map_text<T: serde::Serialize>(map: &T) -> Result<String, LedgerError> {
    serde_json::to_string(map).map_err(|error| damaged("unwritten", error.to_string()))
}

pub(crate) fn read_map(table: &'static str, text: &str) -> Result<BTreeMap<String, String>, LedgerError> {
    serde_json::from_str(text).map_err(|error| damaged(table, error.to_string()))
}

pub(crate) fn read_texts(table: &'static str, text: &str) -> Result<Texts, LedgerError> {
    Ok(Texts::from(read_map(table, text)?))
}

pub(crate) fn read_labels(table: &'static str, text: &str) -> Result<Labels, LedgerError> {
    let map = read_map(table, text)?;
    Ok(Labels::from_pairs(map.iter().map(|(name, value)| (name.as_str(), value.as_str()))))
}

pub(crate) fn fingerprints_text(set: &BTreeSet<Fingerprint>) -> String {
    let mut text = String::with_capacity(set.len() * 17);
    for fingerprint in set {
        if !text.is_empty() {
            text.push(' ');
        }
        // Writing to memory cannot fail.
        let _ = write!(text, "{fingerprint:016x}");
    }
    text
}

pub(crate) fn read_fingerprints(
    table: &'static str,
    text: &str,
) -> Result<BTreeSet<Fingerprint>, LedgerError> {
    text.split_ascii_whitespace()
        .map(|word| u64::from_str_radix(word, 16).map_err(|error| damaged(table, error.to_string())))
        .collect()
}

impl RuleInstance {
    pub(crate) fn from_row(row: &Row<'_>) -> Result<Self, LedgerError> {
        const TABLE: &str = "rule_instances";
        Ok(Self {
            labels: read_labels(TABLE, row.get_ref("labels")?.as_str().unwrap_or(""))?,
            annotations: read_texts(TABLE, row.get_ref("annotations")?.as_str().unwrap_or(""))?,
            state: InstanceState::from_code(row.get("state")?)?,
            value: f64::from_bits(row.get::<_, i64>("value_bits")?.cast_unsigned()),
            active_ms: row.get("active_ms")?,
            fired_ms: row.get("fired_ms")?,
            resolved_ms: row.get("resolved_ms")?,
            keep_firing_since_ms: row.get("keep_firing_since_ms")?,
        })
    }
}

impl Alert {
    pub(crate) fn from_row(row: &Row<'_>) -> Result<Self, LedgerError> {
        const TABLE: &str = "alerts";
        Ok(Self {
            row: row.get("id")?,
            fingerprint: row.get::<_, i64>("fingerprint")?.cast_unsigned(),
            labels: read_labels(TABLE, row.get_ref("labels")?.as_str().unwrap_or(""))?,
            annotations: read_texts(TABLE, row.get_ref("annotations")?.as_str().unwrap_or(""))?,
            starts_ms: row.get("starts_ms")?,
            ends_ms: row.get("ends_ms")?,
            by_timeout: row.get("by_timeout")?,
            updated_ms: row.get("updated_ms")?,
            generator_url: row.get_ref("generator_url")?.as_str().unwrap_or("").into(),
        })
    }
}

impl Group {
    pub(crate) fn from_row(row: &Row<'_>) -> Result<Self, LedgerError> {
        const TABLE: &str = "alert_groups";
        Ok(Self {
            key: row.get("group_key")?,
            receiver: row.get("receiver")?,
            labels: read_labels(TABLE, row.get_ref("labels")?.as_str().unwrap_or(""))?,
            options: row.get_ref("options")?.as_str().unwrap_or("").into(),
            members: read_fingerprints(TABLE, row.get_ref("members")?.as_str().unwrap_or(""))?,
            created_ms: row.get("created_ms")?,
            next_flush_ms: row.get("next_flush_ms")?,
        })
    }
}

impl Notified {
    pub(crate) fn from_row(row: &Row<'_>) -> Result<Self, LedgerError> {
        const TABLE: &str = "notified";
        Ok(Self {
            group_key: row.get("group_key")?,
            receiver: row.get("receiver")?,
            integration: row.get("integration")?,
            firing: read_fingerprints(TABLE, row.get_ref("firing")?.as_str().unwrap_or(""))?,
            resolved: read_fingerprints(TABLE, row.get_ref("resolved")?.as_str().unwrap_or(""))?,
            at_ms: row.get("at_ms")?,
            open: read_fingerprints(TABLE, row.get_ref("open")?.as_str().unwrap_or(""))?,
            receiver_data: row.get("receiver_data")?,
        })
    }
}
