//! Incidents: what people see of a group of alerts, with everything that happened to it.

mod reading;
mod writing;

use crate::alerts::{Alert, Fingerprint, damaged, read_fingerprints, read_labels, read_texts};
use crate::{LedgerError, Texts};
use rusqlite::Row;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::Arc;
use watchfire_model::{Labels, Severity};

pub use reading::Taken;
pub use writing::{NewEvent, NewIncident};

pub(crate) const fn severity_code(severity: Severity) -> i64 {
    match severity {
        Severity::Critical => 0,
        Severity::Warning => 1,
        Severity::Info => 2,
    }
}

fn severity_of(code: i64) -> Result<Severity, LedgerError> {
    Severity::ALL
        .into_iter()
        .find(|severity| severity_code(*severity) == code)
        .ok_or_else(|| damaged("incidents", format!("unknown severity {code}")))
}

/// Severities in JSON, by their names.
mod severity_name {
    use serde::{Deserialize, Deserializer, Serializer};
    use watchfire_model::Severity;

    pub(super) fn serialize<S: Serializer>(severity: &Severity, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(severity.as_str())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Severity, D::Error> {
        let name = String::deserialize(deserializer)?;
        Severity::named(&name).ok_or_else(|| serde::de::Error::custom(format!("unknown severity {name:?}")))
    }
}

/// Somebody has taken an incident on. Times are milliseconds since the Unix epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledgement {
    /// Who.
    pub owner: String,
    /// What they said.
    pub note: String,
    /// When.
    pub at_ms: i64,
    /// Until when it holds; `None`: until the incident is over.
    pub until_ms: Option<i64>,
    /// After how long they are reminded, again and again, in milliseconds.
    pub reminder_ms: Option<i64>,
    /// When next.
    pub next_reminder_ms: Option<i64>,
    /// How bad it was.
    #[serde(with = "severity_name")]
    pub severity: Severity,
}

/// Where the escalation of an incident stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Escalation {
    /// The policy's name.
    pub policy: String,
    /// How many steps of this round were taken.
    pub step: u32,
    /// How many rounds were gone through.
    pub round: u32,
    /// When the next step is taken, in milliseconds since the Unix epoch; `None` where nothing is waited for.
    pub next_ms: Option<i64>,
}

/// An incident. Times are milliseconds since the Unix epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incident {
    /// Which.
    pub id: i64,
    /// Its group's key.
    pub group_key: String,
    /// Its group's receiver.
    pub receiver: String,
    /// Its group's labels.
    pub labels: Labels,
    /// The worst of what fires, or fired last.
    pub severity: Severity,
    /// Since when its first alert fires.
    pub started_ms: i64,
    /// When the last of its alerts ended; `None` while one fires.
    pub resolved_ms: Option<i64>,
    /// When something last happened to it.
    pub updated_ms: i64,
    /// How often it was over and began again.
    pub reopened: u32,
    /// Who has taken it on.
    pub acknowledgement: Option<Acknowledgement>,
    /// Where its escalation stands; `None` without a policy.
    pub escalation: Option<Escalation>,
    /// The destinations beside its receiver's that were told that it fires, and not that it is over.
    pub paged: BTreeSet<(String, u32)>,
    /// The alerts in it that fire.
    pub firing: BTreeSet<Fingerprint>,
}

/// An alert as an incident remembers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IncidentAlert {
    /// Which.
    pub fingerprint: Fingerprint,
    /// Its labels.
    pub labels: Labels,
    /// Its annotations.
    pub annotations: Texts,
    /// Where its source shows it.
    pub generator_url: Arc<str>,
    /// Since when it fires, in milliseconds since the Unix epoch.
    pub starts_ms: i64,
    /// When it ended; `None` while it fires.
    pub ends_ms: Option<i64>,
}

impl IncidentAlert {
    /// The alert itself.
    pub fn to_alert(&self) -> Alert {
        Alert {
            row: 0,
            fingerprint: self.fingerprint,
            labels: self.labels.clone(),
            annotations: self.annotations.clone(),
            starts_ms: self.starts_ms,
            ends_ms: self.ends_ms,
            by_timeout: false,
            updated_ms: self.ends_ms.unwrap_or(self.starts_ms),
            generator_url: self.generator_url.clone(),
        }
    }
}

/// What can happen to an incident. Notifications are not among it: they are in the outbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// It began.
    Fired,
    /// Alerts joined it.
    Joined,
    /// Alerts in it ended, and others fire.
    Ended,
    /// It became more or less severe.
    Severity,
    /// Somebody took it on.
    Acknowledged,
    /// Somebody gave it back, or it became worse than what was acknowledged.
    Unacknowledged,
    /// The acknowledgement ran out.
    Expired,
    /// Whoever took it on was reminded.
    Reminded,
    /// Somebody noted something.
    Note,
    /// More people were told.
    Escalated,
    /// Nobody was there to be told by a step.
    Unreachable,
    /// It was over and began again.
    Reopened,
    /// It is over.
    Resolved,
}

impl EventKind {
    const ALL: [Self; 13] = [
        Self::Fired,
        Self::Joined,
        Self::Ended,
        Self::Severity,
        Self::Acknowledged,
        Self::Unacknowledged,
        Self::Expired,
        Self::Reminded,
        Self::Note,
        Self::Escalated,
        Self::Unreachable,
        Self::Reopened,
        Self::Resolved,
    ];

    /// A word for interfaces, and for the ledger.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fired => "fired",
            Self::Joined => "joined",
            Self::Ended => "ended",
            Self::Severity => "severity",
            Self::Acknowledged => "acknowledged",
            Self::Unacknowledged => "unacknowledged",
            Self::Expired => "expired",
            Self::Reminded => "reminded",
            Self::Note => "note",
            Self::Escalated => "escalated",
            Self::Unreachable => "unreachable",
            Self::Reopened => "reopened",
            Self::Resolved => "resolved",
        }
    }
}

/// Something that happened to an incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IncidentEvent {
    /// Which.
    pub id: i64,
    /// The incident.
    pub incident: i64,
    /// When, in milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// What.
    pub kind: EventKind,
    /// Who did it, where somebody did.
    pub actor: Option<String>,
    /// A sentence for people.
    pub text: String,
    /// The alerts it is about.
    pub alerts: BTreeSet<Fingerprint>,
}

fn json<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, LedgerError> {
    serde_json::from_str(text).map_err(|error| damaged("incidents", error.to_string()))
}

impl Incident {
    /// The firing alerts stand in a table of their own.
    fn from_row(row: &Row<'_>) -> Result<Self, LedgerError> {
        let optional = |name: &str| row.get::<_, Option<String>>(name);
        Ok(Self {
            id: row.get("id")?,
            group_key: row.get("group_key")?,
            receiver: row.get("receiver")?,
            labels: read_labels("incidents", row.get_ref("labels")?.as_str().unwrap_or(""))?,
            severity: severity_of(row.get("severity")?)?,
            started_ms: row.get("started_ms")?,
            resolved_ms: row.get("resolved_ms")?,
            updated_ms: row.get("updated_ms")?,
            reopened: row.get("reopened")?,
            acknowledgement: optional("acknowledgement")?.as_deref().map(json).transpose()?,
            escalation: optional("escalation")?.as_deref().map(json).transpose()?,
            paged: json(row.get_ref("paged")?.as_str().unwrap_or(""))?,
            firing: BTreeSet::new(),
        })
    }
}

impl IncidentAlert {
    fn from_row(row: &Row<'_>) -> Result<Self, LedgerError> {
        const TABLE: &str = "incident_alerts";
        Ok(Self {
            fingerprint: row.get::<_, i64>("fingerprint")?.cast_unsigned(),
            labels: read_labels(TABLE, row.get_ref("labels")?.as_str().unwrap_or(""))?,
            annotations: read_texts(TABLE, row.get_ref("annotations")?.as_str().unwrap_or(""))?,
            generator_url: row.get_ref("generator_url")?.as_str().unwrap_or("").into(),
            starts_ms: row.get("starts_ms")?,
            ends_ms: row.get("ends_ms")?,
        })
    }
}

impl IncidentEvent {
    fn from_row(row: &Row<'_>) -> Result<Self, LedgerError> {
        const TABLE: &str = "incident_events";
        let kind: String = row.get("kind")?;
        Ok(Self {
            id: row.get("id")?,
            incident: row.get("incident")?,
            at_ms: row.get("at_ms")?,
            kind: EventKind::ALL
                .into_iter()
                .find(|known| known.as_str() == kind)
                .ok_or_else(|| damaged(TABLE, format!("unknown kind {kind:?}")))?,
            actor: row.get("actor")?,
            text: row.get("text")?,
            alerts: read_fingerprints(TABLE, row.get_ref("alerts")?.as_str().unwrap_or(""))?,
        })
    }
}

#[cfg(test)]
mod tests;
