//! What became of alerts: searched, and counted.

mod statistics;

pub(crate) use statistics::statistics;
pub use statistics::{Day, Durations, RuleStatistics, Statistics, StatisticsQuery};

use crate::matchers::AlertMatcher;
use crate::state::EventDetail;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::ControlFlow;
use std::sync::Arc;
use watchfire_ledger::{AlertEvent, AlertEventKind, AlertIdentity, Fingerprint, LedgerError, Reading};

/// How many events one question looks at before it answers with what it has found.
const MOST_SCANNED: usize = 200_000;
/// How far back the annotations are looked for with which an alert fired.
const LIFE_EVENTS: u32 = 50;

/// Which events somebody wants to see. Times are milliseconds since the Unix epoch.
#[derive(Clone, Debug)]
pub struct HistoryQuery {
    /// Not before.
    pub from_ms: i64,
    /// Not after.
    pub to_ms: i64,
    /// Only of alerts that satisfy all of these.
    pub matchers: Vec<AlertMatcher>,
    /// Only of these rules; of all where there are none.
    pub rules: BTreeSet<String>,
    /// Only these changes; all where there are none.
    pub kinds: BTreeSet<AlertEventKind>,
    /// Only of this alert.
    pub fingerprint: Option<Fingerprint>,
    /// Only where this stands in the rule's name or in the value of a label or an annotation, whatever its case.
    pub text: Option<String>,
    /// How many at most.
    pub limit: usize,
    /// The time and number of the event after which to go on.
    pub after: Option<(i64, i64)>,
}

/// An event with its alert.
#[derive(Clone, Debug)]
pub struct HistoryEvent {
    /// What changed.
    pub event: AlertEvent,
    /// Of which alert.
    pub identity: Arc<AlertIdentity>,
    /// The annotations: those kept with this change, else those with which the alert fired.
    pub annotations: BTreeMap<String, String>,
    /// Where it was routed, and what suppressed it.
    pub detail: EventDetail,
}

impl HistoryEvent {
    /// For how long the alert fired, or was pending, when it ended; in milliseconds.
    pub fn lasted_ms(&self) -> Option<i64> {
        let since_ms = match self.event.kind {
            AlertEventKind::Resolved => self.event.fired_ms?,
            AlertEventKind::Inactive => self.event.active_ms?,
            _ => return None,
        };
        Some(self.event.at_ms.saturating_sub(since_ms).max(0))
    }
}

/// The events found, newest first.
#[derive(Clone, Debug, Default)]
pub struct HistoryPage {
    /// The events.
    pub events: Vec<HistoryEvent>,
    /// Where to go on; `None`: there is no more.
    pub next: Option<(i64, i64)>,
    /// When the oldest event that is kept happened.
    pub oldest_ms: Option<i64>,
}

/// Searches the past.
pub(crate) fn search(read: &Reading<'_>, query: &HistoryQuery) -> Result<HistoryPage, LedgerError> {
    let text = query.text.as_ref().map(|text| text.to_lowercase()).filter(|text| !text.is_empty());
    let mut known = Identities::default();
    let mut found = Vec::new();
    let mut next = None;
    let mut scanned = 0;
    read.scan_events((query.from_ms, query.to_ms), query.after, |event| {
        if found.len() == query.limit || scanned == MOST_SCANNED {
            return Ok(ControlFlow::Break(()));
        }
        scanned += 1;
        let place = (event.at_ms, event.id);
        next = Some(place);
        let kind = query.kinds.is_empty() || query.kinds.contains(&event.kind);
        if !kind || query.fingerprint.is_some_and(|wanted| wanted != event.fingerprint) {
            return Ok(ControlFlow::Continue(()));
        }
        let Some(identity) = known.of(read, event.fingerprint)? else { return Ok(ControlFlow::Continue(())) };
        let alert = (query.rules.is_empty() || query.rules.contains(&identity.rule))
            && query.matchers.iter().all(|matcher| matcher.matches(&identity.labels));
        if !alert {
            return Ok(ControlFlow::Continue(()));
        }
        if let Some(text) = &text
            && !speaks_of(&identity, event.annotations.as_ref(), text)
        {
            return Ok(ControlFlow::Continue(()));
        }
        found.push((event, identity));
        Ok(ControlFlow::Continue(()))
    })?;
    let more = match next {
        Some(place) => any_after(read, query, place)?,
        None => false,
    };
    let events = found
        .into_iter()
        .map(|(event, identity)| complete(read, event, identity))
        .collect::<Result<_, _>>()?;
    Ok(HistoryPage { events, next: next.filter(|_| more), oldest_ms: read.oldest_event_ms()? })
}

fn any_after(read: &Reading<'_>, query: &HistoryQuery, place: (i64, i64)) -> Result<bool, LedgerError> {
    let mut any = false;
    read.scan_events((query.from_ms, query.to_ms), Some(place), |_| {
        any = true;
        Ok(ControlFlow::Break(()))
    })?;
    Ok(any)
}

fn complete(
    read: &Reading<'_>,
    event: AlertEvent,
    identity: Arc<AlertIdentity>,
) -> Result<HistoryEvent, LedgerError> {
    let annotations = match &event.annotations {
        Some(annotations) => annotations.clone(),
        None => {
            let before = read.events_of(event.fingerprint, event.at_ms, LIFE_EVENTS)?;
            let mut before = before.into_iter().filter(|other| other.id < event.id);
            before.find_map(|event| event.annotations).unwrap_or_default()
        }
    };
    let detail = EventDetail::read(event.detail.as_deref());
    Ok(HistoryEvent { event, identity, annotations, detail })
}

fn speaks_of(
    identity: &AlertIdentity,
    annotations: Option<&BTreeMap<String, String>>,
    lower_text: &str,
) -> bool {
    let has = |value: &str| value.to_lowercase().contains(lower_text);
    has(&identity.rule)
        || identity.labels.iter().any(|(_, value)| has(value))
        || annotations.is_some_and(|annotations| annotations.values().any(|value| has(value)))
}

/// Alerts that were looked up already.
#[derive(Debug, Default)]
struct Identities(HashMap<Fingerprint, Option<Arc<AlertIdentity>>>);

impl Identities {
    fn of(
        &mut self,
        read: &Reading<'_>,
        alert: Fingerprint,
    ) -> Result<Option<Arc<AlertIdentity>>, LedgerError> {
        if let Some(known) = self.0.get(&alert) {
            return Ok(known.clone());
        }
        let identity = read.alert_identity(alert)?.map(Arc::new);
        self.0.insert(alert, identity.clone());
        Ok(identity)
    }
}
