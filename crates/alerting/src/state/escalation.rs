//! Who is told beside a group's receiver: the steps of policies, reminders, and their ends.

use super::State;
use super::evaluation::millis;
use super::incidents::{Tally, event, restart, span};
use super::muting;
use super::outbox::enqueue;
use super::standing::standing_of;
use super::tables::{GroupId, Options, Tables};
use crate::config::Config;
use crate::telling::{self, About};
use crate::wiring::{Wire, Wiring};
use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use watchfire_ledger::{Alert, EventKind, Incident, JobDraft, LedgerError, Writing};
use watchfire_oncall::{OnCall, Stand, Target};

/// How the reason of a notification begins that a policy sends.
pub(super) const ESCALATION: &str = "escalation: ";
/// After how long a step is tried again while everything that fires is muted, in milliseconds.
const MUTED_MS: i64 = 15_000;
/// The same while somebody whom it tells is being told something else right now.
const BUSY_MS: i64 = 1_000;

/// What is needed to tell people.
pub(super) struct Pager<'a> {
    pub(super) config: &'a Config,
    pub(super) oncall: &'a OnCall,
    pub(super) wiring: &'a Wiring,
    pub(super) external_url: &'a str,
    /// Jobs being sent right now.
    pub(super) sending: &'a HashSet<i64>,
    pub(super) now_ms: i64,
}

/// What became of telling people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Paged {
    Told,
    /// Everything that fires is muted.
    Muted,
    /// One of them is being told something else right now.
    Busy,
}

impl State {
    /// Does what is due for incidents: steps, reminders, acknowledgements that run out, and ends that are owed.
    pub(crate) fn escalate_due(&mut self, now_ms: i64) -> Result<(), LedgerError> {
        let watched = self.tables.watched().filter(|(_, due_ms)| *due_ms <= now_ms);
        let due: Vec<GroupId> = watched.map(|(id, _)| Arc::clone(id)).collect();
        // Before the first configuration, nobody is known.
        if self.config.route.is_none() || (due.is_empty() && self.tables.closing.is_empty()) {
            return Ok(());
        }
        let mut tally = Tally::default();
        self.with_pager(now_ms, |pager, tables, write| {
            for id in &due {
                pager.look_at(tables, write, &mut tally, id)?;
            }
            let closing: Vec<i64> = tables.closing.keys().copied().collect();
            for incident in closing {
                pager.tell_end(tables, write, incident)?;
            }
            Ok(())
        })?;
        self.tally.add(tally);
        Ok(())
    }

    /// Changes state with everything at hand that is needed to tell people.
    pub(super) fn with_pager<T>(
        &mut self,
        now_ms: i64,
        change: impl FnOnce(&Pager<'_>, &mut Tables, &Writing<'_>) -> Result<T, LedgerError>,
    ) -> Result<T, LedgerError> {
        let (config, wiring) = (Arc::clone(&self.config), Arc::clone(&self.wiring));
        let (oncall, external_url) = (Arc::clone(&self.oncall), self.external_url.clone());
        let sending: HashSet<i64> = self.in_flight.keys().copied().collect();
        self.change(|tables, write| {
            let pager = Pager {
                config: &config,
                oncall: &oncall,
                wiring: &wiring,
                external_url: &external_url,
                sending: &sending,
                now_ms,
            };
            change(&pager, tables, write)
        })
    }
}

/// When there is something to do for an incident next.
pub(super) fn due_ms(incident: &Incident) -> Option<i64> {
    let acknowledgement = incident.acknowledgement.as_ref();
    let times = [
        acknowledgement.and_then(|acknowledgement| acknowledgement.until_ms),
        acknowledgement.and_then(|acknowledgement| acknowledgement.next_reminder_ms),
        incident.escalation.as_ref().and_then(|escalation| escalation.next_ms),
    ];
    times.into_iter().flatten().min()
}

impl Pager<'_> {
    fn look_at(
        &self,
        tables: &mut Tables,
        write: &Writing<'_>,
        tally: &mut Tally,
        id: &GroupId,
    ) -> Result<(), LedgerError> {
        let Some(mut incident) = tables.incidents.get(id).cloned() else { return Ok(()) };
        let is_due = |time: Option<i64>| time.is_some_and(|time| time <= self.now_ms);
        if let Some(acknowledgement) = &mut incident.acknowledgement {
            if is_due(acknowledgement.until_ms) {
                let text = format!("the acknowledgement of {} ran out", acknowledgement.owner);
                incident.acknowledgement = None;
                restart(&mut incident, self.now_ms);
                tally.event(write, &event(&incident, self.now_ms, EventKind::Expired, text))?;
                let own = BTreeSet::from([id.1.clone()]);
                self.page(tables, write, &mut incident, &own, "acknowledgement expired")?;
            } else if is_due(acknowledgement.next_reminder_ms) {
                acknowledgement.next_reminder_ms =
                    acknowledgement.reminder_ms.map(|every_ms| self.now_ms.saturating_add(every_ms));
                let (owner, at_ms) = (acknowledgement.owner.clone(), acknowledgement.at_ms);
                let person = self.oncall.person(&owner);
                let to = person.map_or_else(|| vec![id.1.clone()], |person| person.receivers.clone());
                let for_ms = self.now_ms - at_ms;
                let text = format!("{owner} has had it for {}", span(for_ms));
                tally.event(write, &event(&incident, self.now_ms, EventKind::Reminded, text))?;
                let reason = format!("reminder: acknowledged by {owner}");
                self.page(tables, write, &mut incident, &to.into_iter().collect(), &reason)?;
            }
        }
        if is_due(incident.escalation.as_ref().and_then(|escalation| escalation.next_ms)) {
            self.step(tables, write, tally, &mut incident)?;
        }
        incident.updated_ms = self.now_ms;
        write.put_incident(&incident)?;
        tables.put_incident(id, incident);
        Ok(())
    }

    /// Takes the step that is due, and those after it while nobody can be told.
    pub(super) fn step(
        &self,
        tables: &mut Tables,
        write: &Writing<'_>,
        tally: &mut Tally,
        incident: &mut Incident,
    ) -> Result<(), LedgerError> {
        let Some(mut escalation) = incident.escalation.take() else { return Ok(()) };
        escalation.next_ms = None;
        let Some(policy) = self.oncall.policy(&escalation.policy) else {
            let text = format!("policy {} is not configured any more", escalation.policy);
            *tally.unreachable.entry(escalation.policy.clone()).or_default() += 1;
            incident.escalation = Some(escalation);
            return tally.event(write, &event(incident, self.now_ms, EventKind::Unreachable, text));
        };
        loop {
            let Some((number, step)) = policy.step_from(escalation.step, incident.severity) else {
                let again = escalation.step > 0 && escalation.round < policy.repeat;
                if !again {
                    break;
                }
                (escalation.step, escalation.round) = (0, escalation.round + 1);
                continue;
            };
            let stands = |schedule: &str| tables.stands(schedule);
            let (mut to, mut told, mut missing) = (BTreeSet::new(), Vec::new(), Vec::new());
            for target in &step.tell {
                match reach(self.oncall, self.wiring, target, &stands, self.now_ms) {
                    Ok((receivers, words)) => {
                        to.extend(receivers);
                        told.push(words);
                    }
                    Err(why) => missing.push(why),
                }
            }
            let name = format!("step {} of {}", number + 1, policy.name);
            let mut paged = Paged::Told;
            if !to.is_empty() {
                paged = self.page(tables, write, incident, &to, &format!("{ESCALATION}{name}"))?;
            }
            if paged != Paged::Told {
                // Nothing was written: the same step is taken a little later.
                let pause_ms = if paged == Paged::Muted { MUTED_MS } else { BUSY_MS };
                escalation.next_ms = Some(self.now_ms.saturating_add(pause_ms));
                break;
            }
            for why in &missing {
                *tally.unreachable.entry(policy.name.clone()).or_default() += 1;
                tracing::warn!(policy = policy.name, step = number + 1, why, "nobody can be told by a step");
                let text = format!("{name}: {why}");
                tally.event(write, &event(incident, self.now_ms, EventKind::Unreachable, text))?;
            }
            escalation.step = number + 1;
            let after = Some(self.now_ms.saturating_add(millis(step.wait)));
            if !told.is_empty() {
                let text = format!("{name} told {}", told.join(", "));
                tally.event(write, &event(incident, self.now_ms, EventKind::Escalated, text))?;
                *tally.steps.entry((policy.name.clone(), number + 1)).or_default() += 1;
            }
            let more = policy.step_from(escalation.step, incident.severity).is_some();
            let rounds = escalation.round < policy.repeat;
            // Nobody is left to be waited for in this round; the next one is not begun at once.
            if !told.is_empty() || !more {
                escalation.next_ms = after.filter(|_| more || rounds);
                break;
            }
        }
        incident.escalation = Some(escalation);
        Ok(())
    }

    /// Queues a notification of what fires in an incident to receivers.
    pub(super) fn page(
        &self,
        tables: &mut Tables,
        write: &Writing<'_>,
        incident: &mut Incident,
        receivers: &BTreeSet<String>,
        reason: &str,
    ) -> Result<Paged, LedgerError> {
        let id = tables.id_of(&incident.group_key, &incident.receiver);
        let Some(group) = tables.groups.get(&id) else { return Ok(Paged::Muted) };
        let options = tables.options(group);
        if muting::intervals(self.config, &options, self.now_ms).is_some() {
            return Ok(Paged::Muted);
        }
        let firing = group.members.iter().filter_map(|member| tables.alerts.get(member));
        let firing = firing
            .filter(|alert| !alert.is_resolved(self.now_ms) && tables.muted(alert, self.now_ms).is_none());
        let alerts: Vec<Alert> = super::sorted(firing).into_iter().cloned().collect();
        if alerts.is_empty() {
            return Ok(Paged::Muted);
        }
        let destinations: Vec<(&String, &Wire)> = receivers
            .iter()
            .flat_map(|receiver| self.wiring.of(receiver).iter().map(move |wire| (receiver, wire)))
            .collect();
        let busy = destinations.iter().any(|(receiver, wire)| {
            let open = tables.open_job(&tables.id_of(&id.0, receiver), wire.number);
            open.is_some_and(|open| self.sending.contains(&open.id))
        });
        if busy {
            return Ok(Paged::Busy);
        }
        for (receiver, wire) in destinations {
            let to = tables.id_of(&id.0, receiver);
            self.queue(tables, write, incident, (&to, wire), &alerts, (&options, reason))?;
            // Whoever has a group of their own hears the end from it.
            if !tables.groups.contains_key(&to) {
                incident.paged.insert((receiver.clone(), wire.number));
            }
        }
        Ok(Paged::Told)
    }

    /// Tells those who were told by steps that an incident is over.
    fn tell_end(&self, tables: &mut Tables, write: &Writing<'_>, number: i64) -> Result<(), LedgerError> {
        let Some(mut incident) = tables.closing.get(&number).cloned() else { return Ok(()) };
        let alerts: Vec<Alert> =
            write.reading().incident_alerts(number)?.iter().map(|alert| alert.to_alert()).collect();
        let mut waiting = BTreeSet::new();
        for destination in std::mem::take(&mut incident.paged) {
            let to = tables.id_of(&incident.group_key, &destination.0);
            let Some(wire) = self.wiring.get(&destination).filter(|wire| wire.send_resolved) else {
                continue;
            };
            if tables.groups.contains_key(&to) {
                continue;
            }
            // What is being sent cannot be changed any more; the loop wakes when it is over.
            if tables.open_job(&to, wire.number).is_some_and(|open| self.sending.contains(&open.id)) {
                waiting.insert(destination);
                continue;
            }
            let options = Options::default();
            let reason = format!("{ESCALATION}{}", crate::decide::Reason::AllResolved.as_str());
            self.queue(tables, write, &incident, (&to, wire), &alerts, (&options, &reason))?;
        }
        incident.paged = waiting;
        write.put_incident(&incident)?;
        if incident.paged.is_empty() {
            tables.closing.remove(&number);
        } else {
            tables.closing.insert(number, incident);
        }
        Ok(())
    }

    fn queue(
        &self,
        tables: &mut Tables,
        write: &Writing<'_>,
        incident: &Incident,
        (to, wire): (&GroupId, &Wire),
        alerts: &[Alert],
        (options, reason): (&Options, &str),
    ) -> Result<(), LedgerError> {
        let told: Vec<&Alert> = alerts.iter().collect();
        let standing = wire.channel.knows_standing().then(|| standing_of(Some(incident)));
        let about = About {
            receiver: &to.1,
            group_key: &to.0,
            group_labels: &incident.labels,
            route_labels: &options.labels,
            external_url: self.external_url,
            alerts: &told,
            reason,
            now_ms: self.now_ms,
            standing,
        };
        let payload = match telling::payload(&about, self.wiring) {
            Ok(payload) => payload,
            Err(error) => {
                tracing::error!(group = to.0, receiver = to.1, %error, "notification could not be written");
                return Ok(());
            }
        };
        let (resolved, firing): (Vec<&Alert>, Vec<&Alert>) =
            alerts.iter().partition(|alert| alert.is_resolved(self.now_ms));
        let draft = JobDraft {
            group_key: to.0.clone(),
            receiver: to.1.clone(),
            integration: wire.number,
            reason: reason.to_owned(),
            payload,
            firing: firing.into_iter().map(|alert| alert.fingerprint).collect(),
            resolved: resolved.into_iter().map(|alert| alert.fingerprint).collect(),
            incident: Some(incident.id),
        };
        enqueue(tables, write, draft, self.now_ms)
    }
}

/// The receivers that a target means now, and in words who that is; or why nobody can be told.
pub(super) fn reach(
    oncall: &OnCall,
    wiring: &Wiring,
    target: &Target,
    stands: &impl Fn(&str) -> Vec<Stand>,
    now_ms: i64,
) -> Result<(Vec<String>, String), String> {
    let people: Vec<String> = match target {
        Target::Receiver(name) => {
            return if wiring.of(name).is_empty() {
                Err(format!("{target} is not configured, or tells nobody"))
            } else {
                Ok((vec![name.clone()], target.to_string()))
            };
        }
        Target::Person(name) => vec![name.clone()],
        Target::Schedule(name) => {
            let schedule =
                oncall.schedule(name).ok_or_else(|| format!("{target} is not configured any more"))?;
            schedule.on_call(now_ms, &stands(name))
        }
        Target::Rotation(name) => {
            let schedule =
                oncall.schedule(name).ok_or_else(|| format!("{target} is not configured any more"))?;
            schedule.people().into_iter().map(str::to_owned).collect()
        }
    };
    if people.is_empty() {
        return Err(format!("nobody is on call by {target}"));
    }
    let known = people.iter().filter_map(|name| oncall.person(name));
    let receivers: Vec<String> = known
        .flat_map(|person| &person.receivers)
        .filter(|receiver| !wiring.of(receiver).is_empty())
        .cloned()
        .collect();
    let who = people.join(", ");
    if receivers.is_empty() {
        return Err(format!("{who} cannot be told: no receiver of theirs is configured"));
    }
    let words = if matches!(target, Target::Person(_)) { who } else { format!("{who} ({target})") };
    Ok((receivers, words))
}
