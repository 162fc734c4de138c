//! Why somebody was told of an alert, or was not: every decision on the way, with its time.

mod destination;
mod life;
mod people;

pub use destination::{DestinationView, NotificationView, Timers, Verdict};

use crate::history::HistoryEvent;
use crate::matchers::AlertMatcher;
use crate::routing::{RouteNode, Suppression};
use crate::state::EventDetail;
use life::Life;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;
use watchfire_ledger::{
    AlertEvent, AlertEventKind, AlertIdentity, Fingerprint, LedgerError, Notified, Reading,
};
use watchfire_model::Labels;

/// How many events are looked at for an alert that satisfies matchers.
const MOST_SCANNED: usize = 50_000;

/// Which alert, and when.
#[derive(Clone, Debug)]
pub struct ExplainQuery {
    /// This one, or
    pub fingerprint: Option<Fingerprint>,
    /// the one that satisfies all of these and was heard of last.
    pub matchers: Vec<AlertMatcher>,
    /// The life that was going on then, or the last one before, in milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// Only what this receiver was told.
    pub receiver: Option<String>,
}

/// One decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// `evaluation`, `routing`, `inhibition`, `silence`, `interval`, `group`, `outbox`, `attempt`, `confirmed`,
    /// `acknowledgement` or `escalation`.
    pub step: &'static str,
    /// `pass`, `stop`, `wait`, `fail` or `unknown`.
    pub verdict: &'static str,
    /// When, in milliseconds since the Unix epoch.
    pub at_ms: Option<i64>,
    /// For people.
    pub text: String,
}

/// Why somebody was told of an alert, or was not.
#[derive(Clone, Debug)]
pub struct Explained {
    /// The alert.
    pub identity: Arc<AlertIdentity>,
    /// Its annotations in that life.
    pub annotations: BTreeMap<String, String>,
    /// How many other alerts satisfy the matchers.
    pub others: u64,
    /// `yes`, `no`, `waiting` or `partly`.
    pub told: &'static str,
    /// One or two sentences.
    pub summary: String,
    /// The decisions, in order.
    pub steps: Vec<Step>,
    /// What history has of that life, oldest first.
    pub events: Vec<HistoryEvent>,
    /// The routing tree of today with what it makes of the alert.
    pub tree: Option<RouteNode>,
    /// Whether the tree of today leads elsewhere than the alert went.
    pub changed: bool,
    /// Who was to be told.
    pub destinations: Vec<DestinationView>,
    /// What limits the answer.
    pub notes: Vec<String>,
}

/// What is in memory about an alert now.
#[derive(Clone, Debug, Default)]
pub(crate) struct Snapshot {
    /// The alert, if it is known.
    pub(crate) labels: Option<Labels>,
    pub(crate) annotations: BTreeMap<String, String>,
    pub(crate) starts_ms: i64,
    pub(crate) ends_ms: Option<i64>,
    /// Its groups.
    pub(crate) groups: Vec<GroupSnapshot>,
    /// What mutes it everywhere.
    pub(crate) muted: Vec<Suppression>,
}

/// A group as it stands now.
#[derive(Clone, Debug)]
pub(crate) struct GroupSnapshot {
    pub(crate) key: String,
    pub(crate) receiver: String,
    pub(crate) created_ms: i64,
    pub(crate) next_flush_ms: i64,
    pub(crate) told: Vec<Notified>,
}

/// A time for people, in UTC.
pub(crate) fn clock_text(at_ms: i64) -> String {
    jiff::Timestamp::from_millisecond(at_ms).map_or_else(|_| at_ms.to_string(), |at| format!("{at:.3}"))
}

/// Which alert a question is about, and how many others it could be about.
pub(crate) fn find(
    read: &Reading<'_>,
    query: &ExplainQuery,
) -> Result<Option<(Arc<AlertIdentity>, u64)>, LedgerError> {
    if let Some(fingerprint) = query.fingerprint {
        return Ok(read.alert_identity(fingerprint)?.map(|identity| (Arc::new(identity), 0)));
    }
    let mut seen = BTreeSet::new();
    let mut first = None;
    let mut scanned = 0;
    read.scan_events((i64::MIN, query.at_ms), None, |event| {
        scanned += 1;
        if seen.insert(event.fingerprint)
            && let Some(identity) = read.alert_identity(event.fingerprint)?
        {
            if !query.matchers.iter().all(|matcher| matcher.matches(&identity.labels)) {
                seen.remove(&event.fingerprint);
            } else if first.is_none() {
                first = Some(identity);
            }
        }
        Ok(if scanned < MOST_SCANNED { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
    })?;
    let others = u64::try_from(seen.len().saturating_sub(1)).unwrap_or(u64::MAX);
    Ok(first.map(|identity| (Arc::new(identity), others)))
}

/// Puts together why, from what history, outbox and memory say.
pub(crate) fn explain(
    read: &Reading<'_>,
    query: &ExplainQuery,
    identity: Arc<AlertIdentity>,
    others: u64,
    around: &Around<'_>,
) -> Result<Explained, LedgerError> {
    let life = Life::at(read, &identity, query.at_ms)?;
    let mut steps = Vec::new();
    let mut notes = Vec::new();
    life.tell(&identity, around, &mut steps);
    let tree = around.config.route.as_ref().map(|root| RouteNode::traced(root, &identity.labels));
    let mut destinations = Vec::new();
    let mut changed = false;
    if let Some(fired_ms) = life.fired_ms(around) {
        let went = life.groups(around);
        let today: BTreeSet<(String, String)> =
            crate::routing::test(around.config, &identity.labels, around.now_ms)
                .routes
                .into_iter()
                .map(|route| (route.group_key, route.receiver))
                .collect();
        changed = !went.is_empty() && went.iter().cloned().collect::<BTreeSet<_>>() != today;
        let places = if went.is_empty() { today.into_iter().collect() } else { went };
        routing_step(&places, fired_ms, changed, around, &mut steps);
        for place in places {
            if query.receiver.as_ref().is_some_and(|wanted| *wanted != place.1) {
                continue;
            }
            let view = destination::look(read, &identity, &life, place, fired_ms, around, tree.as_ref())?;
            steps.extend(view.steps());
            destinations.push(view);
        }
        let told = destinations.iter().flat_map(|view| &view.notifications);
        let mut known: BTreeSet<i64> = told.map(|told| told.job.id).collect();
        for view in &destinations {
            steps.extend(view.people.told_others(read, identity.fingerprint, &mut known, around)?);
        }
        // Those who were told by steps stand between what is theirs.
        steps.sort_by_key(|step| step.at_ms);
        if around.now_ms.saturating_sub(fired_ms) > destination::OUTBOX_MS {
            notes.push("notifications and attempts older than 14 days are forgotten".to_owned());
        }
    }
    let (told, summary) = sum_up(&life, &destinations, around);
    if changed {
        notes.push("the routing tree leads the alert elsewhere today than it went then".to_owned());
    }
    let annotations = life
        .events
        .iter()
        .rev()
        .find_map(|event| event.annotations.clone())
        .unwrap_or_else(|| around.snapshot.annotations.clone());
    let events = life
        .events
        .iter()
        .map(|event| HistoryEvent {
            annotations: event.annotations.clone().unwrap_or_else(|| annotations.clone()),
            detail: EventDetail::read(event.detail.as_deref()),
            event: event.clone(),
            identity: Arc::clone(&identity),
        })
        .collect();
    Ok(Explained {
        identity,
        annotations,
        others,
        told,
        summary,
        steps,
        events,
        tree,
        changed,
        destinations,
        notes,
    })
}

/// What is known beside the ledger.
#[derive(Debug)]
pub(crate) struct Around<'a> {
    pub(crate) config: &'a crate::Config,
    pub(crate) snapshot: &'a Snapshot,
    /// Which integration has which number, by receiver.
    pub(crate) integrations: &'a BTreeMap<(String, u32), String>,
    pub(crate) now_ms: i64,
}

fn routing_step(
    places: &[(String, String)],
    fired_ms: i64,
    changed: bool,
    around: &Around<'_>,
    steps: &mut Vec<Step>,
) {
    if around.config.route.is_none() && places.is_empty() {
        let text = "there is no alertmanager.yml, so nobody is told; name one with --alertmanager.file";
        steps.push(Step { step: "routing", verdict: "stop", at_ms: Some(fired_ms), text: text.to_owned() });
        return;
    }
    for (key, receiver) in places {
        let then = if changed { ", as the tree was then" } else { "" };
        let text = format!("routed to receiver {receiver:?}, group {key}{then}");
        steps.push(Step { step: "routing", verdict: "pass", at_ms: Some(fired_ms), text });
    }
}

fn sum_up(life: &Life, destinations: &[DestinationView], around: &Around<'_>) -> (&'static str, String) {
    let counts =
        |verdict: &[Verdict]| destinations.iter().filter(|view| verdict.contains(&view.verdict)).count();
    let told = counts(&[Verdict::Told]);
    let waiting = counts(&[Verdict::Waiting, Verdict::Retrying]);
    let word = if told > 0 && told == destinations.len() {
        "yes"
    } else if told > 0 {
        "partly"
    } else if waiting > 0 {
        "waiting"
    } else {
        "no"
    };
    if destinations.is_empty() {
        return (word, life.why_nowhere(around));
    }
    let texts: Vec<String> =
        destinations.iter().map(|view| format!("{}: {}", view.receiver, view.text)).collect();
    (word, texts.join(" "))
}

/// Whether an event belongs to the steps of a life.
fn is_begin(event: &AlertEvent) -> bool {
    matches!(event.kind, AlertEventKind::Pending | AlertEventKind::Firing)
}
