//! How noisy rules are.

use super::Identities;
use crate::canary::CANARY;
use crate::matchers::AlertMatcher;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::ControlFlow;
use std::sync::Arc;
use watchfire_ledger::{
    AlertEvent, AlertEventKind, AlertIdentity, Fingerprint, IncidentAlert, LedgerError, Reading,
};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// How many events are counted.
const MOST_EVENTS: usize = 1_000_000;
/// How many days are told of one by one.
const MOST_DAYS: usize = 400;

/// Which rules, over which time. Times are milliseconds, absolute ones since the Unix epoch.
#[derive(Clone, Debug)]
pub struct StatisticsQuery {
    /// From when.
    pub from_ms: i64,
    /// Until when.
    pub to_ms: i64,
    /// Only alerts that satisfy all of these.
    pub matchers: Vec<AlertMatcher>,
    /// Only these rules; all where there are none.
    pub rules: BTreeSet<String>,
    /// What lasted less counts as short.
    pub within_ms: i64,
    /// What fires again sooner flaps.
    pub flap_ms: i64,
}

/// Times of which the middle and the long ones are told.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Durations(Vec<i64>);

impl Durations {
    /// How many.
    pub const fn count(&self) -> usize {
        self.0.len()
    }

    /// The smallest that is not exceeded by a share of them, in milliseconds.
    pub fn quantile_ms(&self, share: f64) -> Option<i64> {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let rank = (share * sorted.len() as f64).ceil() as usize;
        sorted.get(rank.saturating_sub(1)).copied()
    }

    /// Adds one, in milliseconds.
    pub fn add(&mut self, ms: i64) {
        self.0.push(ms.max(0));
    }

    fn share_below(&self, ms: i64) -> Option<f64> {
        let below = self.0.iter().filter(|lasted| **lasted < ms).count();
        (!self.0.is_empty()).then(|| below as f64 / self.0.len() as f64)
    }
}

/// What was counted of one rule, or of all.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RuleStatistics {
    /// The rule's name; of alerts from outside their `alertname`.
    pub rule: String,
    /// Its group; empty for alerts from outside.
    pub group: String,
    /// Its file; empty for alerts from outside.
    pub file: String,
    /// How often an alert of it began to fire.
    pub fired: u64,
    /// How many alerts of it did.
    pub instances: u64,
    /// How many fire at the end of the span.
    pub firing: u64,
    /// How often one was pending and ended without firing.
    pub pending_only: u64,
    /// How many notifications that spoke of it were confirmed.
    pub notifications: u64,
    /// How many were refused for good.
    pub notifications_failed: u64,
    /// How long alerts of it fired within the span, added up, in milliseconds.
    pub firing_ms: i64,
    /// How long those that ended had fired.
    pub to_resolve: Durations,
    /// How long incidents with an alert of it fired until somebody took them on, of those that somebody did.
    pub to_acknowledge: Durations,
    /// How often one fired again soon after its end.
    pub flaps: u64,
    /// Which share of those that ended had fired for a short time only.
    pub short_lived: Option<f64>,
    /// Confirmed notifications by receiver.
    pub receivers: BTreeMap<String, u64>,
}

/// What happened on one day, UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Day {
    /// When it begins, in milliseconds since the Unix epoch.
    pub start_ms: i64,
    /// How often alerts began to fire.
    pub fired: u64,
    /// How many notifications were confirmed.
    pub notifications: u64,
}

/// Statistics of rules.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Statistics {
    /// By rule, the noisiest first.
    pub rules: Vec<RuleStatistics>,
    /// All together.
    pub total: RuleStatistics,
    /// By day.
    pub days: Vec<Day>,
    /// There was more than is counted; the newest counts.
    pub truncated: bool,
}

/// Name, group, file.
type Key = (String, String, String);

#[derive(Default)]
struct Counting {
    statistics: RuleStatistics,
    instances: HashSet<Fingerprint>,
}

pub(crate) fn statistics(
    read: &Reading<'_>,
    query: &StatisticsQuery,
    now_ms: i64,
) -> Result<Statistics, LedgerError> {
    let mut known = Identities::default();
    let mut events: Vec<(AlertEvent, Arc<AlertIdentity>)> = Vec::new();
    let mut truncated = false;
    read.scan_events((query.from_ms, query.to_ms), None, |event| {
        if events.len() == MOST_EVENTS {
            truncated = true;
            return Ok(ControlFlow::Break(()));
        }
        if event.kind.is_of_life()
            && let Some(identity) = known.of(read, event.fingerprint)?
            && is_wanted(query, &identity)
        {
            events.push((event, identity));
        }
        Ok(ControlFlow::Continue(()))
    })?;
    let mut rules: BTreeMap<Key, Counting> = BTreeMap::new();
    let mut days = days_of(query.from_ms, query.to_ms);
    count_lives(read, query, &events, &mut rules, &mut days, now_ms)?;
    count_open(read, query, &events, &mut known, &mut rules)?;
    count_notices(read, query, &mut rules, &mut days)?;
    let to_acknowledge = count_acknowledgements(read, query, &mut known, &mut rules)?;
    let mut total = Counting::default();
    total.statistics.to_acknowledge = to_acknowledge;
    let mut list: Vec<RuleStatistics> = Vec::with_capacity(rules.len());
    for ((rule, group, file), counting) in rules {
        total.instances.extend(&counting.instances);
        add(&mut total.statistics, &counting.statistics);
        list.push(RuleStatistics { rule, group, file, ..finished(counting, query.within_ms) });
    }
    list.sort_by_key(|rule| std::cmp::Reverse((rule.notifications, rule.fired)));
    Ok(Statistics { rules: list, total: finished(total, query.within_ms), days, truncated })
}

fn is_wanted(query: &StatisticsQuery, identity: &AlertIdentity) -> bool {
    is_counted(query, &identity.rule)
        && query.matchers.iter().all(|matcher| matcher.matches(&identity.labels))
}

/// Whether a rule counts; canaries, which are no noise, only for whoever asks for them.
fn is_counted(query: &StatisticsQuery, rule: &str) -> bool {
    if query.rules.is_empty() { rule != CANARY } else { query.rules.contains(rule) }
}

fn key_of(identity: &AlertIdentity) -> Key {
    (identity.rule.clone(), identity.group.clone(), identity.file.clone())
}

fn count_lives(
    read: &Reading<'_>,
    query: &StatisticsQuery,
    newest_first: &[(AlertEvent, Arc<AlertIdentity>)],
    rules: &mut BTreeMap<Key, Counting>,
    days: &mut [Day],
    now_ms: i64,
) -> Result<(), LedgerError> {
    // When each alert last ended, and since when it fires.
    let mut ended: HashMap<Fingerprint, i64> = HashMap::new();
    let mut firing: HashMap<Fingerprint, (i64, Key)> = HashMap::new();
    for (event, identity) in newest_first.iter().rev() {
        let counting = rules.entry(key_of(identity)).or_default();
        let alert = event.fingerprint;
        match event.kind {
            AlertEventKind::Firing => {
                counting.statistics.fired += 1;
                counting.instances.insert(alert);
                if let Some(day) = day_of(days, event.at_ms) {
                    day.fired += 1;
                }
                let before = match ended.get(&alert) {
                    Some(before_ms) => Some(*before_ms),
                    None => last_end(read, event)?,
                };
                let flaps =
                    before.is_some_and(|before_ms| event.at_ms.saturating_sub(before_ms) < query.flap_ms);
                counting.statistics.flaps += u64::from(flaps);
                firing.insert(alert, (event.at_ms, key_of(identity)));
            }
            AlertEventKind::Resolved => {
                let fired_ms = event.fired_ms.unwrap_or(event.at_ms);
                counting.statistics.to_resolve.add(event.at_ms.saturating_sub(fired_ms));
                let within_ms = event.at_ms.saturating_sub(fired_ms.max(query.from_ms)).max(0);
                counting.statistics.firing_ms += within_ms;
                ended.insert(alert, event.at_ms);
                firing.remove(&alert);
            }
            AlertEventKind::Inactive => counting.statistics.pending_only += 1,
            AlertEventKind::Pending | AlertEventKind::Suppressed | AlertEventKind::Unsuppressed => {}
        }
    }
    for (since_ms, key) in firing.into_values() {
        let counting = rules.entry(key).or_default();
        counting.statistics.firing += 1;
        counting.statistics.firing_ms += query.to_ms.min(now_ms).saturating_sub(since_ms).max(0);
    }
    Ok(())
}

/// When the alert had ended before an event.
fn last_end(read: &Reading<'_>, event: &AlertEvent) -> Result<Option<i64>, LedgerError> {
    let before = read.events_of(event.fingerprint, event.at_ms, 4)?;
    let mut ends =
        before.into_iter().filter(|other| other.id < event.id && other.kind == AlertEventKind::Resolved);
    Ok(ends.next().map(|end| end.at_ms))
}

/// What fired through the whole span, and so has no event in it.
fn count_open(
    read: &Reading<'_>,
    query: &StatisticsQuery,
    events: &[(AlertEvent, Arc<AlertIdentity>)],
    known: &mut Identities,
    rules: &mut BTreeMap<Key, Counting>,
) -> Result<(), LedgerError> {
    let seen: HashSet<Fingerprint> = events.iter().map(|(event, _)| event.fingerprint).collect();
    // What ended later was open then.
    let mut ended_later = Vec::new();
    let mut scanned = 0;
    read.scan_events((query.to_ms.saturating_add(1), i64::MAX), None, |event| {
        scanned += 1;
        let through = event.kind == AlertEventKind::Resolved
            && event.fired_ms.is_some_and(|fired_ms| fired_ms < query.from_ms);
        if through {
            ended_later.push(event.fingerprint);
        }
        Ok(if scanned < MOST_EVENTS { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
    })?;
    for alert in ended_later {
        let Some(identity) = known.of(read, alert)?.filter(|identity| is_wanted(query, identity)) else {
            continue;
        };
        let counting = rules.entry(key_of(&identity)).or_default();
        counting.statistics.firing += 1;
        counting.statistics.firing_ms += query.to_ms.saturating_sub(query.from_ms).max(0);
    }
    for alert in read.firing_in_history()? {
        if seen.contains(&alert) {
            continue;
        }
        let Some(identity) = known.of(read, alert)?.filter(|identity| is_wanted(query, identity)) else {
            continue;
        };
        let before = read.events_of(alert, query.from_ms, 1)?;
        if before
            .iter()
            .any(|event| matches!(event.kind, AlertEventKind::Firing | AlertEventKind::Suppressed))
        {
            let counting = rules.entry(key_of(&identity)).or_default();
            counting.statistics.firing += 1;
            counting.statistics.firing_ms += query.to_ms.saturating_sub(query.from_ms).max(0);
        }
    }
    Ok(())
}

fn count_notices(
    read: &Reading<'_>,
    query: &StatisticsQuery,
    rules: &mut BTreeMap<Key, Counting>,
    days: &mut [Day],
) -> Result<(), LedgerError> {
    // Notices know the rule's name only; where several rules share one, each is told of all.
    let mut by_name: HashMap<String, Vec<Key>> = HashMap::new();
    for key in rules.keys() {
        by_name.entry(key.0.clone()).or_default().push(key.clone());
    }
    let mut jobs = HashSet::new();
    for notice in read.notices((query.from_ms, query.to_ms))? {
        let wanted = is_counted(query, &notice.rule);
        let keys = match by_name.get(&notice.rule) {
            Some(keys) => keys.clone(),
            // Told of, but nothing of its alerts changed within the span.
            None if wanted && query.matchers.is_empty() => {
                vec![(notice.rule.clone(), String::new(), String::new())]
            }
            None => continue,
        };
        for key in keys {
            let statistics = &mut rules.entry(key).or_default().statistics;
            if notice.delivered {
                statistics.notifications += 1;
                *statistics.receivers.entry(notice.receiver.clone()).or_default() += 1;
            } else {
                statistics.notifications_failed += 1;
            }
        }
        if notice.delivered
            && jobs.insert(notice.job)
            && let Some(day) = day_of(days, notice.at_ms)
        {
            day.notifications += 1;
        }
    }
    Ok(())
}

/// How long it took until somebody took incidents on: of each rule with an alert in one, and of all, each once.
fn count_acknowledgements(
    read: &Reading<'_>,
    query: &StatisticsQuery,
    known: &mut Identities,
    rules: &mut BTreeMap<Key, Counting>,
) -> Result<Durations, LedgerError> {
    let mut all = Durations::default();
    for taken in read.first_acknowledgements((query.from_ms, query.to_ms))? {
        let took_ms = taken.at_ms.saturating_sub(taken.begun_ms);
        let fired_then = |alert: &IncidentAlert| {
            alert.starts_ms <= taken.at_ms && alert.ends_ms.is_none_or(|ends_ms| ends_ms >= taken.begun_ms)
        };
        let mut of_rules = BTreeSet::new();
        for alert in read.incident_alerts(taken.incident)?.iter().filter(|alert| fired_then(alert)) {
            if let Some(identity) = known.of(read, alert.fingerprint)?
                && is_wanted(query, &identity)
            {
                of_rules.insert(key_of(&identity));
            }
        }
        if !of_rules.is_empty() {
            all.add(took_ms);
        }
        for key in of_rules {
            rules.entry(key).or_default().statistics.to_acknowledge.add(took_ms);
        }
    }
    Ok(all)
}

fn add(total: &mut RuleStatistics, rule: &RuleStatistics) {
    total.fired += rule.fired;
    total.firing += rule.firing;
    total.pending_only += rule.pending_only;
    total.notifications += rule.notifications;
    total.notifications_failed += rule.notifications_failed;
    total.firing_ms += rule.firing_ms;
    total.flaps += rule.flaps;
    total.to_resolve.0.extend(&rule.to_resolve.0);
    for (receiver, count) in &rule.receivers {
        *total.receivers.entry(receiver.clone()).or_default() += count;
    }
}

fn finished(counting: Counting, within_ms: i64) -> RuleStatistics {
    let short_lived = counting.statistics.to_resolve.share_below(within_ms);
    let instances = u64::try_from(counting.instances.len()).unwrap_or(u64::MAX);
    RuleStatistics { instances, short_lived, ..counting.statistics }
}

/// The days, UTC, that a span touches.
fn days_of(from_ms: i64, to_ms: i64) -> Vec<Day> {
    let (first, last) = (from_ms.div_euclid(DAY_MS), to_ms.div_euclid(DAY_MS));
    (first..=last).take(MOST_DAYS).map(|day| Day { start_ms: day * DAY_MS, ..Day::default() }).collect()
}

fn day_of(days: &mut [Day], at_ms: i64) -> Option<&mut Day> {
    let first_ms = days.first()?.start_ms;
    let index = at_ms.saturating_sub(first_ms).div_euclid(DAY_MS);
    days.get_mut(usize::try_from(index).ok()?)
}

#[cfg(test)]
mod tests;
