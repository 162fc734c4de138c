//! What can be asked about incidents.

use super::{Incident, IncidentAlert, IncidentEvent};
use crate::alerts::Fingerprint;
use crate::outbox::{JOBS, Job};
use crate::{LedgerError, Reading};
use rusqlite::params;
use std::collections::BTreeSet;

/// An incident that somebody took on. Times are milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Which.
    pub incident: i64,
    /// When.
    pub at_ms: i64,
    /// Since when it fired: since its first alert, or since it began again.
    pub begun_ms: i64,
}

impl Reading<'_> {
    /// The incidents that fire, and those that are over without everybody having been told; by number.
    pub fn live_incidents(&self) -> Result<Vec<Incident>, LedgerError> {
        let sql = "SELECT * FROM incidents WHERE resolved_ms IS NULL OR paged <> '[]' ORDER BY id";
        self.with_firing(self.list(sql, [], Incident::from_row)?)
    }

    /// An incident.
    pub fn incident(&self, id: i64) -> Result<Option<Incident>, LedgerError> {
        let found = self.list("SELECT * FROM incidents WHERE id = ?1", [id], Incident::from_row)?;
        Ok(self.with_firing(found)?.pop())
    }

    /// The newest incident of a group.
    pub fn last_incident(&self, group_key: &str, receiver: &str) -> Result<Option<Incident>, LedgerError> {
        let sql = "SELECT * FROM incidents WHERE group_key = ?1 AND receiver = ?2 ORDER BY id DESC LIMIT 1";
        let found = self.list(sql, [group_key, receiver], Incident::from_row)?;
        Ok(self.with_firing(found)?.pop())
    }

    /// The incidents of a group that were open at some time between two, oldest first.
    pub fn incidents_of(
        &self,
        (group_key, receiver): (&str, &str),
        (from_ms, to_ms): (i64, i64),
    ) -> Result<Vec<Incident>, LedgerError> {
        let sql = "SELECT * FROM incidents WHERE group_key = ?1 AND receiver = ?2 AND started_ms <= ?4
                   AND (resolved_ms IS NULL OR resolved_ms >= ?3) ORDER BY id";
        self.with_firing(self.list(sql, params![group_key, receiver, from_ms, to_ms], Incident::from_row)?)
    }

    /// The incidents that were open at some time between two, newest first.
    pub fn incidents_between(&self, from_ms: i64, to_ms: i64) -> Result<Vec<Incident>, LedgerError> {
        let sql =
            "SELECT * FROM incidents WHERE started_ms <= ?2 AND (resolved_ms IS NULL OR resolved_ms >= ?1)
                   ORDER BY started_ms DESC, id DESC";
        self.with_firing(self.list(sql, params![from_ms, to_ms], Incident::from_row)?)
    }

    /// The alerts of an incident, the first first.
    pub fn incident_alerts(&self, incident: i64) -> Result<Vec<IncidentAlert>, LedgerError> {
        let sql = "SELECT * FROM incident_alerts WHERE incident = ?1 ORDER BY starts_ms, fingerprint";
        self.list(sql, [incident], IncidentAlert::from_row)
    }

    /// What happened to an incident, in order.
    pub fn incident_events(&self, incident: i64) -> Result<Vec<IncidentEvent>, LedgerError> {
        let sql = "SELECT * FROM incident_events WHERE incident = ?1 ORDER BY id";
        self.list(sql, [incident], IncidentEvent::from_row)
    }

    /// The incidents that somebody took on between two times, each time for the first time since it began, in order.
    pub fn first_acknowledgements(&self, (from_ms, to_ms): (i64, i64)) -> Result<Vec<Taken>, LedgerError> {
        let sql = "SELECT e.incident, e.at_ms, CASE b.kind WHEN 'fired' THEN i.started_ms ELSE b.at_ms END AS begun_ms
                   FROM incident_events e JOIN incidents i ON i.id = e.incident
                   JOIN incident_events b ON b.id = (SELECT max(id) FROM incident_events
                       WHERE incident = e.incident AND id < e.id AND kind IN ('fired', 'reopened'))
                   WHERE e.kind = 'acknowledged' AND e.at_ms BETWEEN ?1 AND ?2 AND NOT EXISTS (
                       SELECT 1 FROM incident_events a WHERE a.incident = e.incident
                       AND a.kind = 'acknowledged' AND a.id > b.id AND a.id < e.id)
                   ORDER BY e.id";
        self.list(sql, [from_ms, to_ms], |row| {
            Ok(Taken { incident: row.get(0)?, at_ms: row.get(1)?, begun_ms: row.get(2)? })
        })
    }

    /// The notifications about an incident, oldest first.
    pub fn jobs_of_incident(&self, incident: i64) -> Result<Vec<Job>, LedgerError> {
        self.list(&format!("{JOBS} WHERE incident = ?1 ORDER BY id"), [incident], Job::from_row)
    }

    fn with_firing(&self, mut incidents: Vec<Incident>) -> Result<Vec<Incident>, LedgerError> {
        let sql = "SELECT fingerprint FROM incident_alerts WHERE incident = ?1 AND ends_ms IS NULL";
        for incident in incidents.iter_mut().filter(|incident| incident.resolved_ms.is_none()) {
            let firing = self.list(sql, [incident.id], |row| Ok(row.get::<_, i64>(0)?.cast_unsigned()))?;
            incident.firing = firing.into_iter().collect::<BTreeSet<Fingerprint>>();
        }
        Ok(incidents)
    }
}
