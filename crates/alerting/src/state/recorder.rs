//! What is written to history, in the same transaction as the change it tells of.

use super::muting::Muted;
use super::tables::GroupId;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;
use watchfire_ledger::{
    Alert, AlertEventKind, AlertIdentity, EventDraft, Fingerprint, LedgerError, Reading, Writing,
};

/// How many rules are named among those that flooded.
const MOST_NAMES: usize = 100;
/// Where the others are counted.
const OTHERS: &str = "(others)";
const HOUR_MS: i64 = 60 * 60 * 1000;

/// How much of the past of alerts is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryLimits {
    /// For how long (`--alerts.history.retention`).
    pub retention: Duration,
    /// How many events at most (`--alerts.history.max-events`).
    pub events: u64,
    /// How many beginnings of one rule within an hour (`--alerts.history.max-events-per-rule`).
    pub per_rule: u64,
    /// Say nothing about what is not kept.
    pub is_quiet: bool,
}

impl Default for HistoryLimits {
    fn default() -> Self {
        Self {
            retention: Duration::from_secs(90 * 24 * 60 * 60),
            events: 2_000_000,
            per_rule: 20_000,
            is_quiet: false,
        }
    }
}

/// A group, as events name it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupRef {
    /// Alertmanager's group key.
    pub key: String,
    /// Who is told.
    pub receiver: String,
}

/// What keeps an alert out of notifications.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct By {
    /// `silence`, `inhibition`, `mute_time_interval` or `active_time_interval`.
    pub kind: String,
    /// Ids of silences, fingerprints of alerts, names of intervals.
    pub names: Vec<String>,
}

/// What an event says beside its columns.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventDetail {
    /// Where the alert was routed when it fired, or the one group that a suppression is about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<GroupRef>,
    /// What suppresses it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<By>,
}

impl EventDetail {
    /// What a ledger's text says; nothing where there is none.
    pub(crate) fn read(text: Option<&str>) -> Self {
        text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
    }

    fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl From<&GroupId> for GroupRef {
    fn from(id: &GroupId) -> Self {
        Self { key: id.0.clone(), receiver: id.1.clone() }
    }
}

/// Writes events, and holds a flood of them down.
#[derive(Debug, Default)]
pub(super) struct Recorder {
    limits: HistoryLimits,
    /// The alerts whose beginning is kept and whose end is not yet.
    open: HashSet<Fingerprint>,
    /// What keeps alerts out of the notifications of a group, as history has it.
    muted: HashMap<GroupId, HashMap<Fingerprint, Muted>>,
    /// The hour that is counted, and the beginnings kept in it by rule.
    hour: i64,
    spent: HashMap<String, u64>,
    /// What was not kept since the start, by rule.
    dropped: BTreeMap<String, u64>,
}

impl Recorder {
    pub(super) fn load(read: &Reading<'_>) -> Result<Self, LedgerError> {
        Ok(Self { open: read.firing_in_history()?.into_iter().collect(), ..Self::default() })
    }

    /// Takes over what the ledger does not know.
    pub(super) fn carry_on(&mut self, before: Self) {
        let open = std::mem::take(&mut self.open);
        *self = Self { open, muted: HashMap::new(), ..before };
    }

    pub(super) const fn set_limits(&mut self, limits: HistoryLimits) {
        self.limits = limits;
    }

    pub(super) const fn limits(&self) -> HistoryLimits {
        self.limits
    }

    pub(super) const fn dropped(&self) -> &BTreeMap<String, u64> {
        &self.dropped
    }

    /// Whether a rule's beginning may still be kept in this hour; counts it, or counts that it was not.
    fn admit(&mut self, rule: &str, at_ms: i64) -> bool {
        let hour = at_ms.div_euclid(HOUR_MS);
        if hour != self.hour {
            self.hour = hour;
            self.spent.clear();
        }
        let spent = match self.spent.get_mut(rule) {
            Some(spent) => spent,
            None => self.spent.entry(rule.to_owned()).or_default(),
        };
        if *spent < self.limits.per_rule {
            *spent += 1;
            return true;
        }
        if *spent == self.limits.per_rule && !self.limits.is_quiet {
            *spent += 1;
            tracing::warn!(
                rule,
                limit = self.limits.per_rule,
                "more alerts began within an hour than history keeps; those that follow are told and counted only"
            );
        }
        let known = self.dropped.contains_key(rule) || self.dropped.len() < MOST_NAMES;
        let name = if known { rule } else { OTHERS };
        *self.dropped.entry(name.to_owned()).or_default() += 1;
        false
    }

    /// An alert began: it is pending, or fires.
    pub(super) fn begins(
        &mut self,
        write: &Writing<'_>,
        identity: &AlertIdentity,
        event: &EventDraft<'_>,
        groups: &[GroupId],
    ) -> Result<(), LedgerError> {
        // A life that is open goes on.
        if event.kind == AlertEventKind::Firing && self.open.contains(&identity.fingerprint) {
            return Ok(());
        }
        if !self.admit(&identity.rule, event.at_ms) {
            return Ok(());
        }
        let detail = (!groups.is_empty())
            .then(|| EventDetail { groups: groups.iter().map(GroupRef::from).collect(), by: None }.text());
        write.put_event(identity, &EventDraft { detail: detail.as_deref(), ..*event })?;
        if event.kind == AlertEventKind::Firing {
            self.open.insert(identity.fingerprint);
        }
        Ok(())
    }

    /// An alert that was pending is no more. Nothing is written of one whose beginning was not.
    pub(super) fn withdrawn(
        &mut self,
        write: &Writing<'_>,
        alert: Fingerprint,
        event: &EventDraft<'_>,
    ) -> Result<(), LedgerError> {
        if write.reading().alert_identity(alert)?.is_some() {
            write.put_event_of(alert, event)?;
        }
        Ok(())
    }

    /// An alert that fired ended. May be said again and again: only the first time counts.
    pub(super) fn ends(
        &mut self,
        write: &Writing<'_>,
        alert: &Alert,
        value: Option<f64>,
    ) -> Result<(), LedgerError> {
        let Some(ends_ms) = alert.ends_ms.filter(|_| self.open.contains(&alert.fingerprint)) else {
            return Ok(());
        };
        let event = EventDraft {
            at_ms: ends_ms,
            kind: AlertEventKind::Resolved,
            value,
            active_ms: None,
            fired_ms: Some(alert.starts_ms),
            annotations: None,
            detail: None,
        };
        write.put_event_of(alert.fingerprint, &event)?;
        self.open.remove(&alert.fingerprint);
        Ok(())
    }

    /// Something keeps a firing alert out of a group's notification, or nothing does; written down when that changes.
    pub(super) fn muting(
        &mut self,
        write: &Writing<'_>,
        id: &GroupId,
        alert: &Alert,
        why: Option<(Muted, Vec<String>)>,
        now_ms: i64,
    ) -> Result<(), LedgerError> {
        let fingerprint = alert.fingerprint;
        let before = self.muted.get(id).and_then(|group| group.get(&fingerprint)).copied();
        if before == why.as_ref().map(|(why, _)| *why) || !self.open.contains(&fingerprint) {
            return Ok(());
        }
        // The first time after a start: history may know it already.
        let known = match before {
            None => known(write, id, alert)?,
            Some(_) => None,
        };
        let by = why.as_ref().map(|(why, names)| By { kind: why.as_str().to_owned(), names: names.clone() });
        if by.is_some() && known == by {
            self.note(id, fingerprint, why.map(|(why, _)| why));
            return Ok(());
        }
        let kind = if by.is_some() { AlertEventKind::Suppressed } else { AlertEventKind::Unsuppressed };
        let detail = EventDetail { groups: vec![GroupRef::from(id)], by }.text();
        let event = EventDraft {
            at_ms: now_ms,
            kind,
            value: None,
            active_ms: None,
            fired_ms: Some(alert.starts_ms),
            annotations: None,
            detail: Some(&detail),
        };
        write.put_event_of(fingerprint, &event)?;
        self.note(id, fingerprint, why.map(|(why, _)| why));
        Ok(())
    }

    fn note(&mut self, id: &GroupId, alert: Fingerprint, why: Option<Muted>) {
        match why {
            Some(why) => {
                self.muted.entry(id.clone()).or_default().insert(alert, why);
            }
            None => {
                if let Some(group) = self.muted.get_mut(id) {
                    group.remove(&alert);
                    if group.is_empty() {
                        self.muted.remove(id);
                    }
                }
            }
        }
    }

    /// A group is gone.
    pub(super) fn forget_group(&mut self, id: &GroupId) {
        self.muted.remove(id);
    }

    /// Whether a suppression of the group is open.
    pub(super) fn has_muted(&self, id: &GroupId) -> bool {
        self.muted.contains_key(id)
    }
}

/// What history says keeps an alert out of a group.
fn known(write: &Writing<'_>, id: &GroupId, alert: &Alert) -> Result<Option<By>, LedgerError> {
    const SEEN: u32 = 20;
    let events = write.reading().events_of(alert.fingerprint, i64::MAX, SEEN)?;
    let of_life = events.into_iter().take_while(|event| event.kind != AlertEventKind::Firing);
    let details = of_life.map(|event| EventDetail::read(event.detail.as_deref()));
    let mut of_group = details.filter(|detail| detail.groups.contains(&GroupRef::from(id)));
    Ok(of_group.next().and_then(|detail| detail.by))
}
