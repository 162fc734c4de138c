//! Incidents follow their groups: they begin with what is told first, and are over when nothing in them fires.

use super::State;
use super::evaluation::millis;
use super::tables::{GroupId, Tables};
use crate::canary::is_canary;
use crate::wiring::Wiring;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use watchfire_ledger::{
    Alert, Escalation, EventKind, Fingerprint, Incident, LedgerError, NewEvent, NewIncident, Writing,
};
use watchfire_model::Severity;
use watchfire_oncall::OnCall;

/// The label of a route that names its policy of escalation.
pub(crate) const POLICY_LABEL: &str = "escalation_policy";

/// What was counted since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// What happened to incidents, by kind.
    pub(crate) events: BTreeMap<&'static str, u64>,
    /// Steps taken, by policy and number from 1.
    pub(crate) steps: BTreeMap<(String, u32), u64>,
    /// Targets of steps that nobody could be told at, by policy.
    pub(crate) unreachable: BTreeMap<String, u64>,
    /// Incidents acknowledged for the first time since they began, and how long that took in all.
    pub(crate) acknowledged: (u64, i64),
    /// Incidents that were over, and how long they took in all.
    pub(crate) resolved: (u64, i64),
    /// Incidents forgotten after their retention.
    pub(crate) pruned: u64,
}

impl Tally {
    /// Adds what was counted in a change that is on disk now.
    pub(crate) fn add(&mut self, other: Self) {
        for (kind, count) in other.events {
            *self.events.entry(kind).or_default() += count;
        }
        for (step, count) in other.steps {
            *self.steps.entry(step).or_default() += count;
        }
        for (policy, count) in other.unreachable {
            *self.unreachable.entry(policy).or_default() += count;
        }
        for (mine, new) in
            [(&mut self.acknowledged, other.acknowledged), (&mut self.resolved, other.resolved)]
        {
            mine.0 += new.0;
            mine.1 = mine.1.saturating_add(new.1);
        }
        self.pruned += other.pruned;
    }

    /// Writes something down that happened to an incident, and counts it.
    pub(super) fn event(&mut self, write: &Writing<'_>, event: &NewEvent<'_>) -> Result<(), LedgerError> {
        *self.events.entry(event.kind.as_str()).or_default() += 1;
        write.add_event(event)
    }
}

/// What incidents are followed with.
#[derive(Clone, Copy)]
pub(super) struct Desk<'a> {
    pub(super) oncall: &'a OnCall,
    pub(super) wiring: &'a Wiring,
    pub(super) now_ms: i64,
}

/// An event without anybody who did it.
pub(super) fn event(
    incident: &Incident,
    at_ms: i64,
    kind: EventKind,
    text: impl Into<String>,
) -> NewEvent<'static> {
    NewEvent { incident: incident.id, at_ms, kind, actor: None, text: text.into(), alerts: BTreeSet::new() }
}

impl Desk<'_> {
    /// Brings the incident of a group up to date. `members` are the group's alerts, `muted` those of them that are not
    /// worth telling. Whether the incident is acknowledged.
    pub(super) fn follow(
        &self,
        tables: &mut Tables,
        write: &Writing<'_>,
        tally: &mut Tally,
        id: &GroupId,
        (members, muted): (&[Alert], &HashSet<Fingerprint>),
    ) -> Result<bool, LedgerError> {
        let firing: Vec<&Alert> = members
            .iter()
            .filter(|alert| !alert.is_resolved(self.now_ms) && !muted.contains(&alert.fingerprint))
            .collect();
        let Some(incident) = tables.incidents.get(id) else {
            self.begin(tables, write, tally, id, &firing)?;
            return Ok(false);
        };
        let fires: HashSet<Fingerprint> = members
            .iter()
            .filter(|alert| !alert.is_resolved(self.now_ms))
            .map(|alert| alert.fingerprint)
            .collect();
        let joined: Vec<&Alert> =
            firing.iter().copied().filter(|alert| !incident.firing.contains(&alert.fingerprint)).collect();
        let ended: Vec<Fingerprint> =
            incident.firing.iter().copied().filter(|alert| !fires.contains(alert)).collect();
        let mut incident = incident.clone();
        if !joined.is_empty() {
            write.put_incident_alerts(incident.id, joined.iter().copied())?;
            let alerts: BTreeSet<Fingerprint> = joined.iter().map(|alert| alert.fingerprint).collect();
            incident.firing.extend(&alerts);
            incident.updated_ms = self.now_ms;
            let text = format!("{} joined", counted(alerts.len()));
            let joined = NewEvent { alerts, ..event(&incident, self.now_ms, EventKind::Joined, text) };
            tally.event(write, &joined)?;
        }
        self.weigh(tables, write, tally, &mut incident, &ended)?;
        if !joined.is_empty() {
            write.put_incident(&incident)?;
        }
        let acknowledged = incident.acknowledgement.is_some();
        tables.put_incident(id, incident);
        end(tables, write, tally, id, &ended, (self.now_ms, None))?;
        Ok(acknowledged && tables.incidents.contains_key(id))
    }

    /// How bad an incident is may have changed.
    fn weigh(
        &self,
        tables: &Tables,
        write: &Writing<'_>,
        tally: &mut Tally,
        incident: &mut Incident,
        ended: &[Fingerprint],
    ) -> Result<(), LedgerError> {
        let left = incident.firing.iter().filter(|alert| !ended.contains(alert));
        let alerts = left.filter_map(|alert| tables.alerts.get(alert));
        let Some(severity) = alerts.map(|alert| self.oncall.severities.of(&alert.labels)).min() else {
            return Ok(());
        };
        if severity == incident.severity {
            return Ok(());
        }
        let text = format!("{} instead of {}", severity.as_str(), incident.severity.as_str());
        incident.severity = severity;
        incident.updated_ms = self.now_ms;
        tally.event(write, &event(incident, self.now_ms, EventKind::Severity, text))?;
        let known = incident.acknowledgement.as_ref().map(|acknowledgement| acknowledgement.severity);
        if known.is_some_and(|known| severity < known) {
            let text = format!("{} is worse than what was acknowledged", severity.as_str());
            tally.event(write, &event(incident, self.now_ms, EventKind::Unacknowledged, text))?;
            incident.acknowledgement = None;
            restart(incident, self.now_ms);
        } else if incident.acknowledgement.is_none() && self.widens(incident) {
            // What was too mild for the policy is not any more.
            restart(incident, self.now_ms);
        }
        write.put_incident(incident)
    }

    /// Whether a policy that waits for nothing and took no step has one for the incident now.
    fn widens(&self, incident: &Incident) -> bool {
        let Some(escalation) = &incident.escalation else { return false };
        let policy = self.oncall.policy(&escalation.policy);
        escalation.next_ms.is_none()
            && escalation.step == 0
            && policy.is_some_and(|policy| policy.step_from(0, incident.severity).is_some())
    }

    fn begin(
        &self,
        tables: &mut Tables,
        write: &Writing<'_>,
        tally: &mut Tally,
        id: &GroupId,
        firing: &[&Alert],
    ) -> Result<(), LedgerError> {
        let Some(group) = tables.groups.get(id) else { return Ok(()) };
        // Nobody has to do anything about a canary.
        if is_canary(&group.labels, &id.1) {
            return Ok(());
        }
        let policy = tables.options(group).labels.get(POLICY_LABEL).filter(|name| !name.is_empty()).cloned();
        // Whoever routes alerts to nobody does not want to see them as incidents.
        let is_told = !self.wiring.of(&id.1).is_empty() || policy.is_some();
        let (true, Some(started_ms)) = (is_told, firing.iter().map(|alert| alert.starts_ms).min()) else {
            return Ok(());
        };
        let severities = firing.iter().map(|alert| self.oncall.severities.of(&alert.labels));
        let severity: Severity = severities.min().unwrap_or_default();
        let escalation =
            policy.map(|policy| Escalation { policy, step: 0, round: 0, next_ms: Some(self.now_ms) });
        let after_ms = self.now_ms.saturating_sub(millis(self.oncall.incidents.reopen_within));
        let before = write.reading().last_incident(&id.0, &id.1)?;
        let before = before.filter(|last| last.resolved_ms.is_some_and(|ended_ms| ended_ms > after_ms));
        let alerts: BTreeSet<Fingerprint> = firing.iter().map(|alert| alert.fingerprint).collect();
        let (mut incident, kind, text) = match before {
            Some(mut incident) => {
                let quiet_ms = self.now_ms - incident.resolved_ms.unwrap_or(self.now_ms);
                // Whoever was told that it fires, and not yet that it was over, is told that when it is.
                let owed = tables.closing.remove(&incident.id).map(|closing| closing.paged);
                incident.paged = owed.unwrap_or_default();
                (incident.resolved_ms, incident.severity) = (None, severity);
                incident.reopened += 1;
                incident.escalation = escalation;
                let text = format!("fires again, {} after it was over", span(quiet_ms));
                (incident, EventKind::Reopened, text)
            }
            None => {
                let new = NewIncident {
                    group_key: &id.0,
                    receiver: &id.1,
                    labels: &group.labels,
                    severity,
                    started_ms,
                    escalation,
                };
                let incident = write.open_incident(new, self.now_ms)?;
                (incident, EventKind::Fired, format!("{} told for the first time", counted(alerts.len())))
            }
        };
        write.put_incident_alerts(incident.id, firing.iter().copied())?;
        incident.updated_ms = self.now_ms;
        incident.firing = alerts.clone();
        write.put_incident(&incident)?;
        tally.event(write, &NewEvent { alerts, ..event(&incident, self.now_ms, kind, text) })?;
        tables.put_incident(id, incident);
        Ok(())
    }
}

/// The escalation begins anew, now.
pub(super) fn restart(incident: &mut Incident, now_ms: i64) {
    if let Some(escalation) = &mut incident.escalation {
        (escalation.step, escalation.round, escalation.next_ms) = (0, 0, Some(now_ms));
    }
}

/// Alerts of a group are over, or are nobody's any more: so are those of its incident, and the incident when none is left.
pub(super) fn end(
    tables: &mut Tables,
    write: &Writing<'_>,
    tally: &mut Tally,
    id: &GroupId,
    ended: &[Fingerprint],
    (now_ms, why): (i64, Option<&str>),
) -> Result<(), LedgerError> {
    let Some(incident) = tables.incidents.get(id) else { return Ok(()) };
    let ended: BTreeSet<Fingerprint> =
        ended.iter().copied().filter(|alert| incident.firing.contains(alert)).collect();
    if ended.is_empty() {
        return Ok(());
    }
    let ends = |alert: &Fingerprint| {
        let ends_ms = tables.alerts.get(alert).and_then(|alert| alert.ends_ms);
        (*alert, ends_ms.filter(|ends_ms| *ends_ms <= now_ms).unwrap_or(now_ms))
    };
    let ends: Vec<(Fingerprint, i64)> = ended.iter().map(ends).collect();
    write.end_incident_alerts(incident.id, ends.iter().copied())?;
    let mut incident = incident.clone();
    incident.firing.retain(|alert| !ended.contains(alert));
    incident.updated_ms = now_ms;
    if !incident.firing.is_empty() {
        let text = format!("{} ended, {} still firing", counted(ended.len()), incident.firing.len());
        let some = NewEvent { alerts: ended, ..event(&incident, now_ms, EventKind::Ended, text) };
        tally.event(write, &some)?;
        write.put_incident(&incident)?;
        tables.put_incident(id, incident);
        return Ok(());
    }
    let resolved_ms = ends.iter().map(|(_, ends_ms)| *ends_ms).max().unwrap_or(now_ms);
    let took_ms = resolved_ms.saturating_sub(incident.started_ms).max(0);
    incident.resolved_ms = Some(resolved_ms);
    incident.acknowledgement = None;
    if let Some(escalation) = &mut incident.escalation {
        escalation.next_ms = None;
    }
    let text = match why {
        Some(why) => why.to_owned(),
        None => format!("over after {}", span(took_ms)),
    };
    tally.resolved.0 += 1;
    tally.resolved.1 = tally.resolved.1.saturating_add(took_ms);
    tally.event(write, &NewEvent { alerts: ended, ..event(&incident, now_ms, EventKind::Resolved, text) })?;
    write.put_incident(&incident)?;
    tables.remove_incident(id);
    if !incident.paged.is_empty() {
        tables.closing.insert(incident.id, incident);
    }
    Ok(())
}

impl State {
    /// Forgets incidents that were over long ago, and overrides of schedules.
    pub(crate) fn prune_incidents(&mut self, now_ms: i64) -> Result<usize, LedgerError> {
        let before_ms = now_ms.saturating_sub(millis(self.oncall.incidents.retention));
        let pruned = self.change(|tables, write| {
            write.prune_overrides(before_ms)?;
            tables.overrides = write.reading().overrides()?;
            write.prune_incidents(before_ms)
        })?;
        self.tally.pruned += u64::try_from(pruned).unwrap_or(u64::MAX);
        Ok(pruned)
    }

    /// What was counted since the start.
    pub(crate) const fn tally(&self) -> &Tally {
        &self.tally
    }

    /// How many incidents fire, by severity and whether they are acknowledged.
    pub(crate) fn incident_counts(&self) -> BTreeMap<(Severity, bool), u64> {
        let mut counts: BTreeMap<(Severity, bool), u64> = BTreeMap::new();
        for severity in Severity::ALL {
            counts.extend([((severity, false), 0), ((severity, true), 0)]);
        }
        for incident in self.tables.incidents.values() {
            *counts.entry((incident.severity, incident.acknowledgement.is_some())).or_default() += 1;
        }
        counts
    }
}

fn counted(alerts: usize) -> String {
    format!("{alerts} {}", if alerts == 1 { "alert" } else { "alerts" })
}

/// A time for people, in whole seconds.
pub(super) fn span(ms: i64) -> String {
    let seconds = u64::try_from(ms.max(0) / 1_000).unwrap_or_default();
    watchfire_model::duration::format(std::time::Duration::from_secs(seconds))
}
