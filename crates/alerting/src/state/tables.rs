//! The ledger's rows in memory.

use super::Destination;
use super::adoption::Adoption;
use super::canaries::Book;
use super::escalation::due_ms;
use super::evaluation::millis;
use super::recorder::Recorder;
use crate::inhibit::{InhibitRule, Inhibitor};
use crate::route::Route;
use crate::silences::Silences;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use watchfire_ledger::{
    Alert, Fingerprint, Group, Incident, Job, Ledger, LedgerError, Notified, Override, RuleInstance, Writing,
};
use watchfire_model::Labels;

/// A group's key and receiver.
pub(crate) type GroupId = Arc<(String, String)>;

/// What the ledger says.
#[derive(Debug, Default)]
pub(super) struct Tables {
    pub(super) rules: HashMap<String, BTreeMap<Labels, RuleInstance>>,
    pub(super) alerts: HashMap<Fingerprint, Alert>,
    pub(super) groups: BTreeMap<GroupId, Group>,
    /// By group and integration.
    pub(super) notified: BTreeMap<(GroupId, u32), Notified>,
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
    /// The groups by their turns.
    turns: BTreeSet<(i64, GroupId)>,
    /// Groups that are not in the ledger as they are here, until the change that is under way is kept.
    unwritten: HashSet<GroupId>,
    /// What groups have of their routes, by their texts.
    options: HashMap<Arc<str>, Arc<Options>>,
    /// Addresses of sources, each once however many alerts have it.
    sources: HashSet<Arc<str>>,
    /// The incidents for which there is something to do at some time.
    watched: BTreeSet<GroupId>,
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
    fn read(text: &str) -> Self {
        // A row that cannot be read gets Alertmanager's defaults rather than losing its group.
        serde_json::from_str(text).unwrap_or(Self {
            group_interval_ms: 300_000,
            repeat_interval_ms: 14_400_000,
            retired: false,
            mute_intervals: Vec::new(),
            active_intervals: Vec::new(),
            labels: BTreeMap::new(),
        })
    }

    /// Whether they are those of a route.
    pub(super) fn is_of(&self, route: &Route) -> bool {
        self.group_interval_ms == millis(route.group_interval)
            && self.repeat_interval_ms == millis(route.repeat_interval)
            && !self.retired
            && self.mute_intervals == route.mute_time_intervals
            && self.active_intervals == route.active_time_intervals
            && self.labels == route.labels
    }

    pub(super) fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl From<&Route> for Options {
    fn from(route: &Route) -> Self {
        Self {
            group_interval_ms: millis(route.group_interval),
            repeat_interval_ms: millis(route.repeat_interval),
            retired: false,
            mute_intervals: route.mute_time_intervals.clone(),
            active_intervals: route.active_time_intervals.clone(),
            labels: route.labels.clone(),
        }
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
            for mut alert in read.alerts()? {
                alert.generator_url = tables.known_source(alert.generator_url);
                tables.alerts.insert(alert.fingerprint, alert);
            }
            for mut group in read.groups()? {
                let id = Arc::new((group.key.clone(), group.receiver.clone()));
                group.options = tables.known_options(&group.options);
                tables.turns.insert((group.next_flush_ms, Arc::clone(&id)));
                tables.groups.insert(id, group);
            }
            for told in read.notified()? {
                tables.put_told(told);
            }
            for job in read.open_jobs()? {
                tables.put_job(job);
            }
            tables.silences = Silences::new(read.silences()?);
            for incident in read.live_incidents()? {
                if incident.resolved_ms.is_some() {
                    tables.closing.insert(incident.id, incident);
                } else {
                    let id = tables.id_of(&incident.group_key, &incident.receiver);
                    tables.put_incident(&id, incident);
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
        let id = self.id_of(&job.group_key, &job.receiver);
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
        let id = self.id_of(&job.group_key, &job.receiver);
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
        let range = (Arc::clone(id), 0)..=(Arc::clone(id), u32::MAX);
        self.notified.range(range).map(|(_, told)| told)
    }

    pub(super) fn put_told(&mut self, told: Notified) {
        let id = self.id_of(&told.group_key, &told.receiver);
        self.notified.insert((id, told.integration), told);
    }

    /// Keeps an alert, in the ledger and here, or replaces the one with its fingerprint.
    pub(super) fn put_alert(&mut self, write: &Writing<'_>, mut alert: Alert) -> Result<(), LedgerError> {
        alert.row = self.alerts.get(&alert.fingerprint).map_or(0, |known| known.row);
        alert.row = write.put_alert(&alert)?;
        alert.generator_url = self.known_source(alert.generator_url);
        self.inhibitor.put(&alert);
        self.alerts.insert(alert.fingerprint, alert);
        Ok(())
    }

    /// An address of a source, as others have it.
    fn known_source(&mut self, source: Arc<str>) -> Arc<str> {
        /// More are looked through for those that nobody has any more.
        const MANY: usize = 1024;
        if let Some(known) = self.sources.get(&source) {
            return Arc::clone(known);
        }
        if self.sources.len() >= MANY && self.sources.len() == self.sources.capacity() {
            self.sources.retain(|known| Arc::strong_count(known) > 1);
        }
        self.sources.insert(Arc::clone(&source));
        source
    }

    /// The name of a group, that of the group itself where it is there.
    pub(super) fn id_of(&self, key: &str, receiver: &str) -> GroupId {
        let id = Arc::new((key.to_owned(), receiver.to_owned()));
        self.groups.get_key_value(&id).map_or(id, |(known, _)| Arc::clone(known))
    }

    /// What a group has of its route.
    pub(super) fn options(&self, group: &Group) -> Arc<Options> {
        let known = self.options.get(&group.options).cloned();
        known.unwrap_or_else(|| Arc::new(Options::read(&group.options)))
    }

    /// The text of options, as other groups have it.
    pub(super) fn known_options(&mut self, text: &str) -> Arc<str> {
        if let Some((known, _)) = self.options.get_key_value(text) {
            return Arc::clone(known);
        }
        let known: Arc<str> = text.into();
        self.options.insert(Arc::clone(&known), Arc::new(Options::read(text)));
        known
    }

    /// A group that begins.
    pub(super) fn put_group(&mut self, id: &GroupId, group: Group) {
        self.turns.insert((group.next_flush_ms, Arc::clone(id)));
        self.unwritten.insert(Arc::clone(id));
        self.groups.insert(Arc::clone(id), group);
    }

    /// A group is not what the ledger has: it is written when the change that is under way ends, once, however many
    /// alerts join it.
    pub(super) fn touch(&mut self, id: &GroupId) {
        self.unwritten.insert(Arc::clone(id));
    }

    /// Writes the groups that changed.
    pub(super) fn write_groups(&mut self, write: &Writing<'_>) -> Result<(), LedgerError> {
        for id in self.unwritten.drain() {
            if let Some(group) = self.groups.get(&id) {
                write.put_group(group)?;
            }
        }
        Ok(())
    }

    /// A group has its next turn at a time.
    pub(super) fn put_turn(
        &mut self,
        write: &Writing<'_>,
        id: &GroupId,
        next_ms: i64,
    ) -> Result<(), LedgerError> {
        let Some(group) = self.groups.get_mut(id) else { return Ok(()) };
        self.turns.remove(&(group.next_flush_ms, Arc::clone(id)));
        group.next_flush_ms = next_ms;
        self.turns.insert((next_ms, Arc::clone(id)));
        write.touch_group(group)
    }

    /// The groups whose turn has come.
    pub(super) fn due_groups(&self, now_ms: i64) -> Vec<GroupId> {
        let due = self.turns.iter().take_while(|(turn_ms, _)| *turn_ms <= now_ms);
        due.map(|(_, id)| Arc::clone(id)).collect()
    }

    /// When the next group has its turn.
    pub(super) fn next_turn_ms(&self) -> Option<i64> {
        self.turns.first().map(|(turn_ms, _)| *turn_ms)
    }

    /// An incident that fires.
    pub(super) fn put_incident(&mut self, id: &GroupId, incident: Incident) {
        if due_ms(&incident).is_some() {
            self.watched.insert(Arc::clone(id));
        } else {
            self.watched.remove(id);
        }
        self.incidents.insert(Arc::clone(id), incident);
    }

    /// An incident is over.
    pub(super) fn remove_incident(&mut self, id: &GroupId) {
        self.watched.remove(id);
        self.incidents.remove(id);
    }

    /// The incidents for which there is something to do at some time, and when.
    pub(super) fn watched(&self) -> impl Iterator<Item = (&GroupId, i64)> {
        self.watched.iter().filter_map(|id| Some((id, due_ms(self.incidents.get(id)?)?)))
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
        self.unwritten.remove(id);
        if let Some(group) = self.groups.remove(id) {
            self.turns.remove(&(group.next_flush_ms, Arc::clone(id)));
            for member in group.members {
                release(&mut self.held, member);
            }
        }
        let told: Vec<u32> = self.told(id).map(|told| told.integration).collect();
        for integration in told {
            self.notified.remove(&(Arc::clone(id), integration));
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
        let rows = loose.iter().filter_map(|alert| self.alerts.get(alert)).map(|alert| alert.row);
        write.delete_alerts(rows)?;
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
