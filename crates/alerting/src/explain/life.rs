//! One life of an alert: from its beginning to its end, as history has it.

use super::{Around, Step, clock_text, is_begin};
use crate::state::EventDetail;
use watchfire_ledger::{AlertEvent, AlertEventKind, AlertIdentity, LedgerError, Reading};

/// How many events of an alert are looked at.
const MOST_EVENTS: u32 = 2_000;

/// A life, and what is around it.
#[derive(Debug, Default)]
pub(super) struct Life {
    /// Oldest first.
    pub(super) events: Vec<AlertEvent>,
    /// When the next life began.
    pub(super) next_ms: Option<i64>,
}

impl Life {
    /// The life that was going on at a time, or the last one before it.
    pub(super) fn at(read: &Reading<'_>, identity: &AlertIdentity, at_ms: i64) -> Result<Self, LedgerError> {
        let mut all = read.events_of(identity.fingerprint, i64::MAX, MOST_EVENTS)?;
        all.reverse();
        let mut lives: Vec<Vec<AlertEvent>> = Vec::new();
        for event in all {
            let goes_on = lives.last().is_some_and(|life: &Vec<AlertEvent>| {
                let ended = life
                    .iter()
                    .any(|event| matches!(event.kind, AlertEventKind::Resolved | AlertEventKind::Inactive));
                // What is told of a group after the end still belongs to it.
                !(is_begin(&event) && (ended || event.kind == AlertEventKind::Pending))
            });
            match lives.last_mut().filter(|_| goes_on) {
                Some(life) => life.push(event),
                None => lives.push(vec![event]),
            }
        }
        let begun = |life: &Vec<AlertEvent>| life.first().map_or(i64::MAX, |event| event.at_ms);
        let index = lives.iter().rposition(|life| begun(life) <= at_ms).unwrap_or(0);
        let next_ms = lives.get(index + 1).map(begun);
        Ok(Self { events: lives.into_iter().nth(index).unwrap_or_default(), next_ms })
    }

    fn find(&self, kind: AlertEventKind) -> Option<&AlertEvent> {
        self.events.iter().rev().find(|event| event.kind == kind)
    }

    /// Since when it fired, as far as history or memory know.
    pub(super) fn fired_ms(&self, around: &Around<'_>) -> Option<i64> {
        match self.find(AlertEventKind::Firing) {
            Some(event) => Some(event.at_ms),
            None if self.events.is_empty() && around.snapshot.labels.is_some() => {
                Some(around.snapshot.starts_ms)
            }
            None => None,
        }
    }

    /// When it ended.
    pub(super) fn ended_ms(&self, around: &Around<'_>) -> Option<i64> {
        let end = self.find(AlertEventKind::Resolved).map(|event| event.at_ms);
        let known =
            around.snapshot.ends_ms.filter(|ends_ms| self.next_ms.is_none() && *ends_ms <= around.now_ms);
        end.or(known)
    }

    /// The groups and receivers it was routed to when it fired, those it is in now without history.
    pub(super) fn groups(&self, around: &Around<'_>) -> Vec<(String, String)> {
        let detail =
            self.find(AlertEventKind::Firing).map(|event| EventDetail::read(event.detail.as_deref()));
        let mut groups: Vec<(String, String)> = detail
            .map(|detail| detail.groups.into_iter().map(|group| (group.key, group.receiver)).collect())
            .unwrap_or_default();
        if self.next_ms.is_none() {
            for group in &around.snapshot.groups {
                let place = (group.key.clone(), group.receiver.clone());
                if !groups.contains(&place) {
                    groups.push(place);
                }
            }
        }
        groups
    }

    /// What evaluations decided.
    pub(super) fn tell(&self, identity: &AlertIdentity, around: &Around<'_>, steps: &mut Vec<Step>) {
        let mut step = |verdict, at_ms, text| {
            steps.push(Step { step: "evaluation", verdict, at_ms, text });
        };
        let value =
            |event: &AlertEvent| event.value.map(|value| format!(", value {value}")).unwrap_or_default();
        let outside = identity.file.is_empty();
        if self.events.is_empty() {
            match around.snapshot.labels {
                Some(_) => {
                    let text = "it fires; its beginning is not in history".to_owned();
                    step("pass", Some(around.snapshot.starts_ms), text);
                }
                None => step("unknown", None, "history knows nothing of it".to_owned()),
            }
            return;
        }
        for event in &self.events {
            let at = Some(event.at_ms);
            match event.kind {
                AlertEventKind::Pending => {
                    let text = format!("its expression began to hold: pending{}", value(event));
                    step("wait", at, text);
                }
                AlertEventKind::Firing if outside => {
                    step("pass", at, "posted from outside: it fires".to_owned())
                }
                AlertEventKind::Firing => {
                    let text = format!(
                        "its expression has held for as long as \"for\" says: it fires{}",
                        value(event)
                    );
                    step("pass", at, text);
                }
                AlertEventKind::Resolved => step("pass", at, "it ended".to_owned()),
                AlertEventKind::Inactive => {
                    let text =
                        "its expression stopped to hold before \"for\" was over: it never fired".to_owned();
                    step("stop", at, text);
                }
                AlertEventKind::Suppressed | AlertEventKind::Unsuppressed => {}
            }
        }
    }

    /// Why there is nobody whom it would have been told.
    pub(super) fn why_nowhere(&self, around: &Around<'_>) -> String {
        if let Some(event) = self.find(AlertEventKind::Inactive) {
            let since = event.active_ms.map(clock_text).unwrap_or_default();
            return format!(
                "Nobody was told: it was pending from {since} to {} and ended before it fired.",
                clock_text(event.at_ms)
            );
        }
        if self.fired_ms(around).is_none() {
            return match self.find(AlertEventKind::Pending) {
                Some(event) => format!(
                    "Nobody is told yet: it is pending since {}, and fires when that has lasted for as long as \"for\" says.",
                    clock_text(event.at_ms)
                ),
                None => "Nobody was told: history knows of no life of it at that time.".to_owned(),
            };
        }
        if around.config.route.is_none() {
            return "Nobody is told: there is no alertmanager.yml.".to_owned();
        }
        "It fired, and no route led it to a receiver that was asked for.".to_owned()
    }
}
