//! What people and policies did about a life of an alert: who took it on, and who was told beside its receiver.

use super::destination::{NotificationView, attempt_step};
use super::{Around, Step, clock_text};
use std::collections::BTreeSet;
use watchfire_ledger::{EventKind, Fingerprint, Incident, IncidentEvent, LedgerError, Reading};

/// The incidents of one group in a life of an alert.
#[derive(Clone, Debug, Default)]
pub(super) struct People {
    /// The decisions, in order.
    pub(super) steps: Vec<Step>,
    /// What holds now, for people.
    pub(super) now: Option<String>,
    incidents: Vec<i64>,
}

/// Looks at the incidents of a group between the beginning of an alert and its end.
pub(super) fn look(
    read: &Reading<'_>,
    (key, receiver): (&str, &str),
    (from_ms, to_ms): (i64, i64),
) -> Result<People, LedgerError> {
    let mut people = People::default();
    for incident in read.incidents_of((key, receiver), (from_ms, to_ms))? {
        let events = read.incident_events(incident.id)?;
        let during = events.iter().filter(|event| (from_ms..=to_ms).contains(&event.at_ms));
        people.steps.extend(during.filter_map(|event| step(receiver, event)));
        people.now = now(&incident, &events);
        people.incidents.push(incident.id);
    }
    Ok(people)
}

fn step(receiver: &str, event: &IncidentEvent) -> Option<Step> {
    let who = event.actor.as_deref().unwrap_or("somebody");
    let said = if event.text.is_empty() { String::new() } else { format!(" ({})", event.text) };
    let (step, verdict, text) = match event.kind {
        EventKind::Acknowledged => {
            let text = format!("acknowledged by {who}{said}: repeats and escalation wait");
            ("acknowledgement", "stop", text)
        }
        EventKind::Unacknowledged => {
            let by = event.actor.as_deref().map(|who| format!(" by {who}")).unwrap_or_default();
            (
                "acknowledgement",
                "pass",
                format!("acknowledgement taken back{by}{said}: repeats and escalation go on"),
            )
        }
        EventKind::Expired => {
            ("acknowledgement", "pass", format!("{}: repeats and escalation go on", event.text))
        }
        EventKind::Reminded => ("acknowledgement", "pass", format!("reminded: {}", event.text)),
        EventKind::Escalated => match &event.actor {
            Some(who) => ("escalation", "pass", format!("{who} {}", event.text)),
            None => ("escalation", "pass", event.text.clone()),
        },
        EventKind::Unreachable => ("escalation", "fail", event.text.clone()),
        _ => return None,
    };
    Some(Step { step, verdict, at_ms: Some(event.at_ms), text: format!("{receiver}: {text}") })
}

/// What an incident that fires waits for.
fn now(incident: &Incident, events: &[IncidentEvent]) -> Option<String> {
    if incident.resolved_ms.is_some() {
        return None;
    }
    if let Some(taken) = &incident.acknowledgement {
        let until = match taken.until_ms {
            Some(until_ms) => format!("until {}", clock_text(until_ms)),
            None => "until it is over".to_owned(),
        };
        let at = clock_text(taken.at_ms);
        return Some(format!(
            "It is not repeated and not escalated: {} acknowledged it at {at}, {until}.",
            taken.owner
        ));
    }
    let escalation = incident.escalation.as_ref()?;
    let last = events.iter().rev().find(|event| event.kind == EventKind::Escalated);
    let last = last.map(|event| format!("The last step of escalation: {}. ", event.text)).unwrap_or_default();
    Some(match escalation.next_ms {
        Some(next_ms) => {
            format!("{last}Policy {:?} takes its next step at {}.", escalation.policy, clock_text(next_ms))
        }
        None => format!("{last}Policy {:?} has no further step.", escalation.policy),
    })
}

impl People {
    /// The notifications to others that told of the alert, such as those of steps; not those that are known already.
    pub(super) fn told_others(
        &self,
        read: &Reading<'_>,
        alert: Fingerprint,
        known: &mut BTreeSet<i64>,
        around: &Around<'_>,
    ) -> Result<Vec<Step>, LedgerError> {
        let mut steps = Vec::new();
        for incident in &self.incidents {
            for job in read.jobs_of_incident(*incident)? {
                let speaks = job.firing.contains(&alert) || job.resolved.contains(&alert);
                if !speaks || !known.insert(job.id) {
                    continue;
                }
                let name = around.integrations.get(&(job.receiver.clone(), job.integration)).cloned();
                let told = NotificationView {
                    is_firing: job.firing.contains(&alert),
                    integration: name.unwrap_or_else(|| "(gone)".to_owned()),
                    attempts: read.deliveries_of(job.id)?,
                    job,
                };
                steps.push(told.step());
                steps.extend(
                    told.attempts.iter().map(|attempt| attempt_step(&told.job.receiver, &told, attempt)),
                );
            }
        }
        Ok(steps)
    }
}
