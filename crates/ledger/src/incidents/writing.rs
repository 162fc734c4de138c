//! What can be done to incidents, inside one transaction.

use super::{Escalation, EventKind, Incident, severity_code};
use crate::alerts::{Alert, Fingerprint, fingerprints_text, map_text};
use crate::texts::labels_text;
use crate::{LedgerError, Writing};
use rusqlite::params;
use std::collections::BTreeSet;
use watchfire_model::{Labels, Severity};

/// An incident that begins.
#[derive(Clone, Debug)]
pub struct NewIncident<'a> {
    /// Its group's key.
    pub group_key: &'a str,
    /// Its group's receiver.
    pub receiver: &'a str,
    /// Its group's labels.
    pub labels: &'a Labels,
    /// How bad it is.
    pub severity: Severity,
    /// Since when its first alert fires, in milliseconds since the Unix epoch.
    pub started_ms: i64,
    /// Where its escalation stands.
    pub escalation: Option<Escalation>,
}

/// Something that happened to an incident.
#[derive(Clone, Debug)]
pub struct NewEvent<'a> {
    /// The incident.
    pub incident: i64,
    /// When, in milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// What.
    pub kind: EventKind,
    /// Who did it.
    pub actor: Option<&'a str>,
    /// A sentence for people.
    pub text: String,
    /// The alerts it is about.
    pub alerts: BTreeSet<Fingerprint>,
}

impl Writing<'_> {
    /// Keeps a new incident.
    pub fn open_incident(&self, new: NewIncident<'_>, now_ms: i64) -> Result<Incident, LedgerError> {
        let escalation = new.escalation.as_ref().map(map_text).transpose()?;
        self.run(
            "INSERT INTO incidents (group_key, receiver, labels, severity, started_ms, updated_ms, reopened,
                 escalation, paged) VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, ?7, '[]')",
            params![
                new.group_key,
                new.receiver,
                labels_text(new.labels),
                severity_code(new.severity),
                new.started_ms,
                now_ms,
                escalation,
            ],
        )?;
        Ok(Incident {
            id: self.transaction.last_insert_rowid(),
            group_key: new.group_key.to_owned(),
            receiver: new.receiver.to_owned(),
            labels: new.labels.clone(),
            severity: new.severity,
            started_ms: new.started_ms,
            resolved_ms: None,
            updated_ms: now_ms,
            reopened: 0,
            acknowledgement: None,
            escalation: new.escalation,
            paged: BTreeSet::new(),
            firing: BTreeSet::new(),
        })
    }

    /// Keeps what changes of an incident; not its alerts.
    pub fn put_incident(&self, incident: &Incident) -> Result<(), LedgerError> {
        let acknowledgement = incident.acknowledgement.as_ref().map(map_text).transpose()?;
        let escalation = incident.escalation.as_ref().map(map_text).transpose()?;
        self.run(
            "UPDATE incidents SET severity = ?2, resolved_ms = ?3, updated_ms = ?4, reopened = ?5,
                 acknowledgement = ?6, escalation = ?7, paged = ?8 WHERE id = ?1",
            params![
                incident.id,
                severity_code(incident.severity),
                incident.resolved_ms,
                incident.updated_ms,
                incident.reopened,
                acknowledgement,
                escalation,
                map_text(&incident.paged)?,
            ],
        )?;
        Ok(())
    }

    /// Keeps alerts that fire in an incident, replacing those with the same fingerprint.
    pub fn put_incident_alerts<'i>(
        &self,
        incident: i64,
        alerts: impl IntoIterator<Item = &'i Alert>,
    ) -> Result<(), LedgerError> {
        let mut statement = self.transaction.prepare_cached(
            "INSERT OR REPLACE INTO incident_alerts (incident, fingerprint, labels, annotations, generator_url,
                 starts_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?;
        for alert in alerts {
            statement.execute(params![
                incident,
                alert.fingerprint.cast_signed(),
                labels_text(&alert.labels),
                alert.annotations.as_json(),
                alert.generator_url,
                alert.starts_ms,
            ])?;
        }
        Ok(())
    }

    /// Notes when alerts of an incident ended.
    pub fn end_incident_alerts(
        &self,
        incident: i64,
        ended: impl IntoIterator<Item = (Fingerprint, i64)>,
    ) -> Result<(), LedgerError> {
        let mut statement = self.transaction.prepare_cached(
            "UPDATE incident_alerts SET ends_ms = ?3 WHERE incident = ?1 AND fingerprint = ?2",
        )?;
        for (fingerprint, ends_ms) in ended {
            statement.execute(params![incident, fingerprint.cast_signed(), ends_ms])?;
        }
        Ok(())
    }

    /// Adds to what happened to an incident.
    pub fn add_event(&self, event: &NewEvent<'_>) -> Result<(), LedgerError> {
        self.run(
            "INSERT INTO incident_events (incident, at_ms, kind, actor, text, alerts)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![
                event.incident,
                event.at_ms,
                event.kind.as_str(),
                event.actor,
                event.text,
                fingerprints_text(&event.alerts),
            ],
        )?;
        Ok(())
    }

    /// Forgets incidents that were over before a time and that nobody has to be told of any more; returns how many.
    pub fn prune_incidents(&self, before_ms: i64) -> Result<usize, LedgerError> {
        let pruned = self.transaction.execute(
            "DELETE FROM incidents WHERE resolved_ms IS NOT NULL AND resolved_ms < ?1 AND paged = '[]'",
            [before_ms],
        )?;
        Ok(pruned)
    }
}
