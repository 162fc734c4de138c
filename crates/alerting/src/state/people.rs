//! What people do with incidents and schedules: on disk before anybody is told that it is done.

use super::State;
use super::escalation::{ESCALATION, Paged, reach};
use super::evaluation::millis;
use super::incidents::{Tally, event, restart};
use super::tables::{GroupId, Tables};
use crate::explain::clock_text;
use crate::incident::{Acknowledge, PeopleError};
use watchfire_channels::{Answer, Wish, group_identity};
use watchfire_ledger::{
    Acknowledgement, EventKind, Incident, LedgerError, NewEvent, NewOverride, Override, Writing,
};
use watchfire_oncall::{OnCall, Stand, Target};

/// How far the clock of whoever answers may be behind ours, in milliseconds.
const SKEW_MS: i64 = 60_000;
/// How many answers are known again.
const MOST_HEARD: usize = 1_000;
/// No text of people is longer, in bytes.
const MOST_TEXT: usize = 16 << 10;

impl State {
    /// Somebody takes an incident on.
    pub(crate) fn acknowledge(
        &mut self,
        id: i64,
        taken: &Acknowledge,
        now_ms: i64,
    ) -> Result<(), PeopleError> {
        texts(&[&taken.owner, &taken.note])?;
        if taken.owner.trim().is_empty() {
            return Err(PeopleError::Invalid(
                "owner is missing; expected who takes the incident on".to_owned(),
            ));
        }
        if taken.until_ms.is_some_and(|until_ms| until_ms <= now_ms) {
            return Err(PeopleError::Invalid(
                "the acknowledgement would be over already; expected a later end".to_owned(),
            ));
        }
        if taken.reminder_ms.is_some_and(|every_ms| every_ms < 1_000) {
            return Err(PeopleError::Invalid(
                "reminder is shorter than 1s; expected a longer one".to_owned(),
            ));
        }
        self.act(id, now_ms, |incident, write, tally| {
            if incident.acknowledgement.is_none() {
                tally.acknowledged.0 += 1;
                let took_ms = now_ms.saturating_sub(incident.started_ms).max(0);
                tally.acknowledged.1 = tally.acknowledged.1.saturating_add(took_ms);
            }
            incident.acknowledgement = Some(Acknowledgement {
                owner: taken.owner.clone(),
                note: taken.note.clone(),
                at_ms: now_ms,
                until_ms: taken.until_ms,
                reminder_ms: taken.reminder_ms,
                next_reminder_ms: taken.reminder_ms.map(|every_ms| now_ms.saturating_add(every_ms)),
                severity: incident.severity,
            });
            if let Some(escalation) = &mut incident.escalation {
                escalation.next_ms = None;
            }
            let until = taken.until_ms.map(|until_ms| format!("until {}", clock_text(until_ms)));
            let text = match (until, taken.note.is_empty()) {
                (Some(until), true) => until,
                (Some(until), false) => format!("{until}: {}", taken.note),
                (None, _) => taken.note.clone(),
            };
            let acknowledged = event(incident, now_ms, EventKind::Acknowledged, text);
            tally.event(write, &NewEvent { actor: Some(&taken.owner), ..acknowledged })
        })?;
        self.show(id, now_ms)
    }

    /// Somebody gives an incident back: repeats and escalation go on.
    pub(crate) fn unacknowledge(
        &mut self,
        id: i64,
        by: &str,
        note: &str,
        now_ms: i64,
    ) -> Result<(), PeopleError> {
        texts(&[by, note])?;
        if self.open(id)?.acknowledgement.is_none() {
            return Err(PeopleError::Conflict(format!("incident {id} is not acknowledged")));
        }
        self.act(id, now_ms, |incident, write, tally| {
            incident.acknowledgement = None;
            restart(incident, now_ms);
            let given_back = event(incident, now_ms, EventKind::Unacknowledged, note);
            tally.event(write, &NewEvent { actor: named(by), ..given_back })
        })?;
        self.show(id, now_ms)
    }

    /// Somebody notes something, also when the incident is over.
    pub(crate) fn note_incident(
        &mut self,
        id: i64,
        by: &str,
        note: &str,
        now_ms: i64,
    ) -> Result<(), PeopleError> {
        texts(&[by, note])?;
        if note.trim().is_empty() {
            return Err(PeopleError::Invalid("note is empty; expected a text".to_owned()));
        }
        let noted = |incident: &mut Incident, write: &Writing<'_>, tally: &mut Tally| {
            let noted = event(incident, now_ms, EventKind::Note, note);
            tally.event(write, &NewEvent { actor: named(by), ..noted })
        };
        if self.find(id).is_some() {
            return self.act(id, now_ms, noted);
        }
        let mut tally = Tally::default();
        let found = self.change(|tables, write| {
            let Some(mut incident) = write.reading().incident(id)? else { return Ok(false) };
            incident.updated_ms = now_ms;
            noted(&mut incident, write, &mut tally)?;
            write.put_incident(&incident)?;
            if let Some(closing) = tables.closing.get_mut(&id) {
                closing.updated_ms = now_ms;
            }
            Ok(true)
        })?;
        self.tally.add(tally);
        if found { Ok(()) } else { Err(PeopleError::NotFound(format!("there is no incident {id}"))) }
    }

    /// Somebody wants more people told: the next step of the policy, or `to`, now. An acknowledgement is over by it.
    pub(crate) fn escalate(
        &mut self,
        id: i64,
        (by, note): (&str, &str),
        to: Option<&Target>,
        now_ms: i64,
    ) -> Result<(), PeopleError> {
        texts(&[by, note])?;
        let incident = self.open(id)?;
        let receivers = match to {
            Some(target) => {
                if !self.oncall.knows(target) {
                    return Err(PeopleError::Invalid(format!("{target} is not known")));
                }
                let stands = |schedule: &str| self.tables.stands(schedule);
                let (receivers, words) = reach(&self.oncall, &self.wiring, target, &stands, now_ms)
                    .map_err(PeopleError::Conflict)?;
                Some((receivers, words))
            }
            None if incident.escalation.is_none() => {
                let message = format!("incident {id} has no escalation policy; say whom to tell with \"to\"");
                return Err(PeopleError::Conflict(message));
            }
            None => None,
        };
        let group = self.tables.id_of(&incident.group_key, &incident.receiver);
        let mut tally = Tally::default();
        let paged = self.with_pager(now_ms, |pager, tables, write| {
            let Some(mut incident) = tables.incidents.get(&group).cloned() else { return Ok(Paged::Told) };
            if let Some((receivers, _)) = &receivers {
                let reason = format!("{ESCALATION}by {}", if by.is_empty() { "hand" } else { by });
                let receivers = receivers.iter().cloned().collect();
                let paged = pager.page(tables, write, &mut incident, &receivers, &reason)?;
                if paged != Paged::Told {
                    return Ok(paged);
                }
            }
            let taken_back = incident.acknowledgement.take().is_some();
            incident.updated_ms = now_ms;
            let words = match &receivers {
                Some((_, words)) => format!("asked for {words} to be told"),
                None => "asked for the next step".to_owned(),
            };
            let text = if note.is_empty() { words } else { format!("{words}: {note}") };
            let asked = event(&incident, now_ms, EventKind::Escalated, text);
            tally.event(write, &NewEvent { actor: named(by), ..asked })?;
            if receivers.is_none() {
                begin_again_when_through(pager.oncall, &mut incident);
                pager.step(tables, write, &mut tally, &mut incident)?;
            } else if taken_back {
                go_on(pager.oncall, &mut incident, now_ms);
            }
            write.put_incident(&incident)?;
            tables.put_incident(&group, incident);
            Ok(Paged::Told)
        })?;
        self.tally.add(tally);
        self.show(id, now_ms)?;
        match paged {
            Paged::Told => Ok(()),
            Paged::Muted => {
                Err(PeopleError::Conflict(format!("everything that fires in incident {id} is muted")))
            }
            Paged::Busy => {
                Err(PeopleError::Conflict("they are being told right now; try again in a moment".to_owned()))
            }
        }
    }

    /// Somebody answered where they were told: every incident of that group that fires is meant. One that stands as they
    /// want it already is left alone, because whoever sends an answer may send it twice. One that was heard, or is older
    /// than an incident, is not about it: somebody may have kept it to send it again.
    pub(crate) fn answered(&mut self, answer: &Answer, now_ms: i64) -> Result<usize, PeopleError> {
        if !answer.id.is_empty() && self.heard.contains(&answer.id) {
            return Ok(0);
        }
        let meant = |incident: &&Incident| {
            group_identity(&incident.group_key) == answer.group
                && answer.at_ms.is_none_or(|at_ms| at_ms.saturating_add(SKEW_MS) >= incident.started_ms)
        };
        let found: Vec<(i64, bool)> = self
            .tables
            .incidents
            .values()
            .filter(meant)
            .map(|incident| (incident.id, incident.acknowledgement.is_some()))
            .collect();
        for (id, is_acknowledged) in &found {
            let id = *id;
            match &answer.wish {
                Wish::Acknowledge if !is_acknowledged => {
                    let taken = Acknowledge { owner: answer.by.clone(), ..Acknowledge::default() };
                    self.acknowledge(id, &taken, now_ms)?;
                }
                Wish::Unacknowledge if *is_acknowledged => self.unacknowledge(id, &answer.by, "", now_ms)?,
                Wish::Escalate => self.escalate(id, (&answer.by, ""), None, now_ms)?,
                Wish::Note(note) => self.note_incident(id, &answer.by, note, now_ms)?,
                Wish::Acknowledge | Wish::Unacknowledge => {}
            }
        }
        if !answer.id.is_empty() {
            self.heard.push_back(answer.id.clone());
            if self.heard.len() > MOST_HEARD {
                self.heard.pop_front();
            }
        }
        Ok(found.len())
    }

    /// Keeps an override of a schedule.
    pub(crate) fn add_override(&mut self, made: NewOverride, now_ms: i64) -> Result<Override, PeopleError> {
        texts(&[&made.created_by, &made.note])?;
        if self.oncall.schedule(&made.schedule).is_none() {
            return Err(PeopleError::NotFound(format!("there is no schedule {:?}", made.schedule)));
        }
        if made.people.is_empty() {
            return Err(PeopleError::Invalid("people is empty; expected who is on call".to_owned()));
        }
        if let Some(name) = made.people.iter().find(|name| self.oncall.person(name).is_none()) {
            return Err(PeopleError::Invalid(format!("person {name:?} is not known")));
        }
        if made.from_ms >= made.to_ms {
            return Err(PeopleError::Invalid(
                "the override ends before it begins; expected from before to".to_owned(),
            ));
        }
        if made.to_ms <= now_ms {
            return Err(PeopleError::Invalid(
                "the override is over already; expected a later end".to_owned(),
            ));
        }
        Ok(self.change(|tables, write| {
            let kept = write.add_override(made, now_ms)?;
            tables.overrides.push(kept.clone());
            Ok(kept)
        })?)
    }

    /// Takes an override of a schedule back.
    pub(crate) fn remove_override(&mut self, schedule: &str, id: i64) -> Result<(), PeopleError> {
        let is_it = |made: &Override| made.id == id && made.content.schedule == schedule;
        if !self.tables.overrides.iter().any(is_it) {
            return Err(PeopleError::NotFound(format!("schedule {schedule:?} has no override {id}")));
        }
        self.change(|tables, write| {
            write.delete_override(id)?;
            tables.overrides.retain(|made| made.id != id);
            Ok(())
        })?;
        Ok(())
    }

    /// The overrides of a schedule that people made.
    pub(crate) fn overrides(&self, schedule: &str) -> Vec<Override> {
        self.tables.overrides.iter().filter(|made| made.content.schedule == schedule).cloned().collect()
    }

    /// Lets receivers show how things stand with an incident now. Who did it is not told that this could not be kept:
    /// the group's next turn makes up for it.
    fn show(&mut self, id: i64, now_ms: i64) -> Result<(), PeopleError> {
        let Some(group) = self.find(id).map(|(group, _)| group.clone()) else { return Ok(()) };
        if let Err(error) = self.show_standing(&group, now_ms) {
            tracing::warn!(incident = id, %error, "receivers show who has the incident a little later");
        }
        Ok(())
    }

    fn find(&self, id: i64) -> Option<(&GroupId, &Incident)> {
        self.tables.incidents.iter().find(|(_, incident)| incident.id == id)
    }

    /// An incident that fires.
    fn open(&self, id: i64) -> Result<&Incident, PeopleError> {
        if let Some((_, incident)) = self.find(id) {
            return Ok(incident);
        }
        match self.ledger.read(|read| read.incident(id))? {
            Some(_) => Err(PeopleError::Conflict(format!("incident {id} is over"))),
            None => Err(PeopleError::NotFound(format!("there is no incident {id}"))),
        }
    }

    fn act(
        &mut self,
        id: i64,
        now_ms: i64,
        act: impl FnOnce(&mut Incident, &Writing<'_>, &mut Tally) -> Result<(), LedgerError>,
    ) -> Result<(), PeopleError> {
        let incident = self.open(id)?;
        let group = self.tables.id_of(&incident.group_key, &incident.receiver);
        let mut tally = Tally::default();
        self.change(|tables, write| {
            let Some(mut incident) = tables.incidents.get(&group).cloned() else { return Ok(()) };
            act(&mut incident, write, &mut tally)?;
            incident.updated_ms = now_ms;
            write.put_incident(&incident)?;
            tables.put_incident(&group, incident);
            Ok(())
        })?;
        self.tally.add(tally);
        Ok(())
    }
}

/// The policy that an acknowledgement stopped goes on after the time that people have to acknowledge.
fn go_on(oncall: &OnCall, incident: &mut Incident, now_ms: i64) {
    let Some(escalation) = &mut incident.escalation else { return };
    let Some(policy) = oncall.policy(&escalation.policy) else { return };
    let taken = usize::try_from(escalation.step.saturating_sub(1)).unwrap_or_default();
    let wait = policy.steps.get(taken).map(|step| step.wait).unwrap_or_default();
    escalation.next_ms = Some(now_ms.saturating_add(millis(wait)));
}

/// Whoever asks for the next step where there is none left gets the first.
fn begin_again_when_through(oncall: &OnCall, incident: &mut Incident) {
    let severity = incident.severity;
    let Some(escalation) = &mut incident.escalation else { return };
    let Some(policy) = oncall.policy(&escalation.policy) else { return };
    if policy.step_from(escalation.step, severity).is_none() && escalation.round >= policy.repeat {
        escalation.step = 0;
    }
}

fn named(by: &str) -> Option<&str> {
    Some(by).filter(|by| !by.is_empty())
}

fn texts(texts: &[&str]) -> Result<(), PeopleError> {
    match texts.iter().find(|text| text.len() > MOST_TEXT) {
        Some(text) => {
            let message = format!("a text has {} bytes; expected at most {MOST_TEXT}", text.len());
            Err(PeopleError::Invalid(message))
        }
        None => Ok(()),
    }
}

impl Tables {
    /// The overrides of a schedule that people made, as schedules take them.
    pub(super) fn stands(&self, schedule: &str) -> Vec<Stand> {
        let of_it = self.overrides.iter().filter(|made| made.content.schedule == schedule);
        of_it.map(stand).collect()
    }
}

/// An override as schedules take it.
pub(crate) fn stand(made: &Override) -> Stand {
    Stand {
        people: made.content.people.clone(),
        from_ms: made.content.from_ms,
        to_ms: made.content.to_ms,
        note: made.content.note.clone(),
    }
}
