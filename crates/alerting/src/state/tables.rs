//! The ledger's rows in memory.

use super::Destination;
use super::adoption::Adoption;
use super::canaries::Book;
use super::recorder::Recorder;
use crate::inhibit::{InhibitRule, Inhibitor};
use crate::silences::Silences;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use watchfire_ledger::{
    Alert, Fingerprint, Group, Incident, Job, Ledger, LedgerError, Notified, Override, RuleInstance, Writing,
};
use watchfire_model::Labels;

/// A group's key and receiver.
pub(crate) type GroupId = (String, String);

/// What the ledger says.
#[derive(Debug, Default)]
pub(super) struct Tables {
    pub(super) rules: HashMap<String, BTreeMap<Labels, RuleInstance>>,
    pub(super) alerts: HashMap<Fingerprint, Alert>,
    pub(super) groups: BTreeMap<GroupId, Group>,
    /// By group key, receiver and integration.
    pub(super) notified: BTreeMap<(String, String, u32), Notified>,
    /// The open jobs.
    pub(super) jobs: BTreeMap<i64, Job>,
    pub(super) silences: Silences,
    /// Those that fire.
    pub(super) incidents: BTreeMap<GroupId, Incident>,
    /// Those that are over, and whose end somebody is still owed.
    pub(super) closing: BTreeMap<i64, Incident>,
    /// Overrides of schedules that people made, the oldest first.
    pub(super) overrides: Vec<Override>,
    /// Of the rules in force; not in the ledger.
    pub(super) inhibitor: Inhibitor,
    /// What had been told elsewhere.
    pub(super) adoption: Adoption,
    /// When canaries were confirmed.
    pub(super) canaries: Book,
    /// What goes into history.
    pub(super) recorder: Recorder,
    /// In how many groups an alert is.
    held: HashMap<Fingerprint, u32>,
    /// The open jobs of a group, by integration.
    jobs_of: HashMap<GroupId, BTreeMap<u32, i64>>,
    /// The open jobs of a destination, by the time of their next attempt.
    due: BTreeMap<Destination, BTreeSet<(i64, i64)>>,
}

/// What a group has of its route, as kept in the ledger.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Options {
    pub(super) group_interval_ms: i64,
    pub(super) repeat_interval_ms: i64,
    /// No route leads here any more: the group only waits for its alerts to end.
    #[serde(default)]
    pub(super) retired: bool,
    /// The intervals in which nobody is told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) mute_intervals: Vec<String>,
    /// The intervals outside of which nobody is told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) active_intervals: Vec<String>,
    /// The route's labels: templates.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) labels: BTreeMap<String, String>,
}

impl Options {
    pub(super) fn of(group: &Group) -> Self {
        // A row that cannot be read gets Alertmanager's defaults rather than losing its group.
        serde_json::from_str(&group.options).unwrap_or(Self {
            group_interval_ms: 300_000,
            repeat_interval_ms: 14_400_000,
            retired: false,
            mute_intervals: Vec::new(),
            active_intervals: Vec::new(),
            labels: BTreeMap::new(),
        })
    }

    pub(super) fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl Tables {
    pub(super) fn load(ledger: &Ledger, inhibit_rules: &[InhibitRule]) -> Result<Self, LedgerError> {
        ledger.read(|read| {
            let mut tables = Self::default();
            for rule in read.rules()? {
                let state = read.rule_state(&rule)?.unwrap_or_default();
                let instances =
                    state.instances.into_iter().map(|instance| (instance.labels.clone(), instance)).collect();
                tables.rules.insert(rule, instances);
            }
            tables.alerts = read.alerts()?.into_iter().map(|alert| (alert.fingerprint, alert)).collect();
            tables.groups = read
                .groups()?
                .into_iter()
                .map(|group| ((group.key.clone(), group.receiver.clone()), group))
                .collect();
            tables.notified = read
                .notified()?
                .into_iter()
                .map(|told| ((told.group_key.clone(), told.receiver.clone(), told.integration), told))
                .collect();
            for job in read.open_jobs()? {
                tables.put_job(job);
            }
            tables.silences = Silences::new(read.silences()?);
            for incident in read.live_incidents()? {
                if incident.resolved_ms.is_some() {
                    tables.closing.insert(incident.id, incident);
                } else {
                    let id = (incident.group_key.clone(), incident.receiver.clone());
                    tables.incidents.insert(id, incident);
                }
            }
            tables.overrides = read.overrides()?;
            for member in tables.groups.values().flat_map(|group| &group.members) {
                *tables.held.entry(*member).or_default() += 1;
            }
            tables.inhibitor = Inhibitor::new(inhibit_rules, tables.alerts.values());
            tables.recorder = Recorder::load(read)?;
            tables.adoption = Adoption::load(read)?;
            tables.canaries = Book::load(read)?;
            Ok(tables)
        })
    }

    /// The alerts of a group, in Alertmanager's order.
    pub(super) fn members(&self, group: &Group) -> Vec<&Alert> {
        super::sorted(group.members.iter().filter_map(|member| self.alerts.get(member)))
    }

    /// The incident of a group: the one that fires, or the one that is over and not told to everybody.
    pub(super) fn incident_of(&self, id: &GroupId) -> Option<&Incident> {
        let closing =
            || self.closing.values().find(|incident| incident.group_key == id.0 && incident.receiver == id.1);
        self.incidents.get(id).or_else(closing)
    }

    /// An incident that fires, or whose end is still to be told.
    pub(super) fn incident_mut(&mut self, number: i64) -> Option<&mut Incident> {
        let firing = self.incidents.values_mut().find(|incident| incident.id == number);
        firing.or_else(|| self.closing.get_mut(&number))
    }

    /// Whether a job tells somebody beside the receiver of its incident's group.
    pub(super) fn is_paged(&self, job: &Job) -> bool {
        let all = self.incidents.values().chain(self.closing.values());
        let own = all.filter(|incident| Some(incident.id) == job.incident);
        own.flat_map(|incident| &incident.paged)
            .any(|(receiver, wire)| (receiver.as_str(), *wire) == (job.receiver.as_str(), job.integration))
    }

    /// The open job of a group for one of its destinations.
    pub(super) fn open_job(&self, id: &GroupId, integration: u32) -> Option<&Job> {
        self.jobs.get(self.jobs_of.get(id)?.get(&integration)?)
    }

    /// The open jobs of a group.
    pub(super) fn jobs_of(&self, id: &GroupId) -> impl Iterator<Item = &Job> {
        let jobs = self.jobs_of.get(id).into_iter().flat_map(BTreeMap::values);
        jobs.filter_map(|job| self.jobs.get(job))
    }

    /// Whether a group has an open job.
    pub(super) fn has_jobs(&self, id: &GroupId) -> bool {
        self.jobs_of.contains_key(id)
    }

    /// The destinations that something waits for, each with its jobs: when they may be tried, and their numbers.
    pub(super) fn due(&self) -> impl Iterator<Item = (&Destination, &BTreeSet<(i64, i64)>)> {
        self.due.iter()
    }

    pub(super) fn put_job(&mut self, job: Job) {
        let id = (job.group_key.clone(), job.receiver.clone());
        self.jobs_of.entry(id).or_default().insert(job.integration, job.id);
        let destination = (job.receiver.clone(), job.integration);
        self.due.entry(destination).or_default().insert((job.next_try_ms, job.id));
        if let Some(before) = self.jobs.insert(job.id, job) {
            self.forget_due(&before);
        }
    }

    /// A job failed and is tried again at a later time.
    pub(super) fn put_off(&mut self, job: i64, next_try_ms: i64, error: &str) {
        let Some(mut job) = self.jobs.get(&job).cloned() else { return };
        job.next_try_ms = next_try_ms;
        job.last_error = Some(error.to_owned());
        self.put_job(job);
    }

    /// Takes the turn of a job that is not as it was; where that is the turn it has now, it stays.
    fn forget_due(&mut self, before: &Job) {
        if self.jobs.get(&before.id).is_some_and(|now| {
            now.next_try_ms == before.next_try_ms
                && (&now.receiver, now.integration) == (&before.receiver, before.integration)
        }) {
            return;
        }
        let destination = (before.receiver.clone(), before.integration);
        if let Some(due) = self.due.get_mut(&destination) {
            due.remove(&(before.next_try_ms, before.id));
            if due.is_empty() {
                self.due.remove(&destination);
            }
        }
    }

    pub(super) fn remove_job(&mut self, job: i64) -> Option<Job> {
        let job = self.jobs.remove(&job)?;
        self.forget_due(&job);
        let id = (job.group_key.clone(), job.receiver.clone());
        if let Some(jobs) = self.jobs_of.get_mut(&id) {
            jobs.remove(&job.integration);
            if jobs.is_empty() {
                self.jobs_of.remove(&id);
            }
        }
        Some(job)
    }

    /// What the destinations of a group were told.
    pub(super) fn told<'t>(&'t self, id: &'t GroupId) -> impl Iterator<Item = &'t Notified> {
        let range = (id.0.clone(), id.1.clone(), 0)..=(id.0.clone(), id.1.clone(), u32::MAX);
        self.notified.range(range).map(|(_, told)| told)
    }

    pub(super) fn put_told(&mut self, told: Notified) {
        self.notified.insert((told.group_key.clone(), told.receiver.clone(), told.integration), told);
    }

    /// Adds an alert, or replaces the one with its fingerprint.
    pub(super) fn put_alert(&mut self, alert: Alert) {
        self.inhibitor.put(&alert);
        self.alerts.insert(alert.fingerprint, alert);
    }

    /// Puts an alert into a group that is there; whether it was not in it before.
    pub(super) fn add_member(&mut self, id: &GroupId, fingerprint: Fingerprint) -> bool {
        let joined = self.groups.get_mut(id).is_some_and(|group| group.members.insert(fingerprint));
        if joined {
            *self.held.entry(fingerprint).or_default() += 1;
        }
        joined
    }

    /// Takes alerts out of a group.
    pub(super) fn remove_members(&mut self, id: &GroupId, members: &[Fingerprint]) {
        let Some(group) = self.groups.get_mut(id) else { return };
        for member in members {
            if group.members.remove(member) {
                release(&mut self.held, *member);
            }
        }
    }

    /// Forgets a group and what was told about it.
    pub(super) fn remove_group(&mut self, write: &Writing<'_>, id: &GroupId) -> Result<(), LedgerError> {
        write.delete_group(&id.0, &id.1)?;
        self.recorder.forget_group(id);
        if let Some(group) = self.groups.remove(id) {
            for member in group.members {
                release(&mut self.held, member);
            }
        }
        let told: Vec<u32> = self.told(id).map(|told| told.integration).collect();
        for integration in told {
            self.notified.remove(&(id.0.clone(), id.1.clone(), integration));
        }
        Ok(())
    }

    /// Forgets resolved alerts that no group holds.
    pub(super) fn forget_loose(
        &mut self,
        write: &Writing<'_>,
        candidates: &[Fingerprint],
        now_ms: i64,
    ) -> Result<(), LedgerError> {
        let loose: Vec<Fingerprint> = candidates
            .iter()
            .copied()
            .filter(|fingerprint| {
                self.alerts.get(fingerprint).is_some_and(|alert| alert.is_resolved(now_ms))
                    && !self.held.contains_key(fingerprint)
            })
            .collect();
        write.delete_alerts(loose.iter().copied())?;
        for fingerprint in loose {
            if let Some(alert) = self.alerts.remove(&fingerprint) {
                self.recorder.ends(write, &alert, None)?;
                self.inhibitor.remove(&alert);
            }
        }
        Ok(())
    }
}

fn release(held: &mut HashMap<Fingerprint, u32>, member: Fingerprint) {
    if let Some(count) = held.get_mut(&member) {
        *count -= 1;
        if *count == 0 {
            held.remove(&member);
        }
    }
}

#[cfg(test)]
mod tests;
