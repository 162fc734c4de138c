//! Incidents as the HTTP layer shows them, and what people may ask to be done.

use std::collections::BTreeMap;
use watchfire_ledger::{Delivery, Incident, IncidentAlert, IncidentEvent, Job, LedgerError};
use watchfire_model::{Labels, Severity};

use crate::matchers::AlertMatcher;

/// Why something that people asked for was not done.
#[derive(Debug, thiserror::Error)]
pub enum PeopleError {
    /// It is not there.
    #[error("{0}")]
    NotFound(String),
    /// It cannot be done as things stand.
    #[error("{0}")]
    Conflict(String),
    /// It cannot be meant.
    #[error("{0}")]
    Invalid(String),
    /// It could not be kept.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// Somebody takes an incident on. Times are milliseconds since the Unix epoch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Acknowledge {
    /// Who.
    pub owner: String,
    /// What they say.
    pub note: String,
    /// Until when it holds; `None`: until the incident is over.
    pub until_ms: Option<i64>,
    /// After how long they are reminded, again and again, in milliseconds.
    pub reminder_ms: Option<i64>,
}

/// Where an incident stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IncidentState {
    /// It fires, and nobody has taken it on.
    Firing,
    /// It fires, and somebody has.
    Acknowledged,
    /// It is over.
    Resolved,
}

impl IncidentState {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Firing, Self::Acknowledged, Self::Resolved];

    /// Where an incident stands.
    pub const fn of(incident: &Incident) -> Self {
        match (incident.resolved_ms, &incident.acknowledgement) {
            (Some(_), _) => Self::Resolved,
            (None, Some(_)) => Self::Acknowledged,
            (None, None) => Self::Firing,
        }
    }

    /// A word for interfaces.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Firing => "firing",
            Self::Acknowledged => "acknowledged",
            Self::Resolved => "resolved",
        }
    }
}

/// Which incidents somebody wants to see.
#[derive(Clone, Debug)]
pub struct IncidentFilter {
    /// Only those that stand so; any, where it is empty.
    pub states: Vec<IncidentState>,
    /// Only those of these severities; any, where it is empty.
    pub severities: Vec<Severity>,
    /// Only those with an alert that satisfies all of these.
    pub matchers: Vec<AlertMatcher>,
    /// Only those that have this text somewhere in their alerts' labels and annotations, in any case.
    pub text: String,
    /// Only those that were open at this time or later, in milliseconds since the Unix epoch.
    pub from_ms: i64,
    /// Only those that were open at this time or before.
    pub to_ms: i64,
    /// How many are left out, the newest first.
    pub offset: usize,
    /// How many are shown.
    pub limit: usize,
}

/// Some incidents.
#[derive(Clone, Debug, PartialEq)]
pub struct Incidents {
    /// How many satisfy the filter.
    pub total: usize,
    /// How many of them stand where, in the order of [`IncidentState::ALL`].
    pub counts: [usize; 3],
    /// Those asked for, the newest first.
    pub shown: Vec<IncidentView>,
}

/// An incident.
#[derive(Clone, Debug, PartialEq)]
pub struct IncidentView {
    /// What is kept of it.
    pub incident: Incident,
    /// The alerts in it, the first first.
    pub alerts: Vec<IncidentAlert>,
    /// How many steps and rounds its policy has, where it has one.
    pub policy: Option<(usize, u32)>,
}

/// An incident with everything that happened to it.
#[derive(Clone, Debug, PartialEq)]
pub struct IncidentStory {
    /// The incident.
    pub view: IncidentView,
    /// What happened, in order.
    pub events: Vec<IncidentEvent>,
    /// Who was told, in order.
    pub notifications: Vec<Told>,
}

/// A notification about an incident.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    /// The notification.
    pub job: Job,
    /// The name of the integration's kind, where it is still configured.
    pub integration: Option<&'static str>,
    /// The attempts to deliver it, in order.
    pub attempts: Vec<Delivery>,
}

impl IncidentView {
    /// The labels that all of its alerts share.
    pub fn common_labels(&self) -> BTreeMap<String, String> {
        common(self.alerts.iter().map(|alert| own(&alert.labels)))
    }

    /// The annotations that all of its alerts share.
    pub fn common_annotations(&self) -> BTreeMap<String, String> {
        common(self.alerts.iter().map(|alert| alert.annotations.to_map()))
    }

    /// One line for people.
    pub fn title(&self) -> String {
        let labels = self.common_labels();
        let name = labels.get("alertname").map_or("Alerts", String::as_str);
        let count = match self.alerts.len() {
            1 => String::new(),
            count => format!(" ({count} alerts)"),
        };
        let annotations = self.common_annotations();
        let says = ["summary", "message", "description"].into_iter().find_map(|key| annotations.get(key));
        match says {
            Some(says) => format!("{name}{count}: {says}"),
            None => {
                let group = self.incident.labels.iter().filter(|(label, _)| *label != "alertname");
                let group: Vec<String> = group.map(|(label, value)| format!("{label}={value}")).collect();
                let rest = if group.is_empty() { String::new() } else { format!(": {}", group.join(", ")) };
                format!("{name}{count}{rest}")
            }
        }
    }

    /// Whether one of its alerts says a text, in any case; `text` is in lower case.
    pub(crate) fn says(&self, text: &str) -> bool {
        let has = |value: &str| value.to_lowercase().contains(text);
        self.alerts.iter().any(|alert| {
            alert.labels.iter().any(|(_, value)| has(value))
                || alert.annotations.to_map().values().any(|value| has(value))
        })
    }
}

fn own(labels: &Labels) -> BTreeMap<String, String> {
    labels.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn common(mut sets: impl Iterator<Item = BTreeMap<String, String>>) -> BTreeMap<String, String> {
    let mut shared = sets.next().unwrap_or_default();
    for set in sets {
        shared.retain(|name, value| set.get(name) == Some(value));
    }
    shared
}
