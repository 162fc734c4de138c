//! Inhibition: an alert that makes others not worth telling.

use crate::matchers::AlertMatcher;
use std::collections::{BTreeSet, HashMap};
use watchfire_ledger::{Alert, Fingerprint};
use watchfire_model::Labels;

/// A rule: while an alert that satisfies the sources fires, those that satisfy the targets are muted, if they share
/// the values of some labels. An absent label is as good as an empty one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InhibitRule {
    /// Its name; may be empty.
    pub name: String,
    /// What mutes.
    pub sources: Vec<AlertMatcher>,
    /// What is muted.
    pub targets: Vec<AlertMatcher>,
    /// The labels that must be equal.
    pub equal: Vec<String>,
}

impl InhibitRule {
    fn is_source(&self, labels: &Labels) -> bool {
        self.sources.iter().all(|matcher| matcher.matches(labels))
    }

    fn is_target(&self, labels: &Labels) -> bool {
        self.targets.iter().all(|matcher| matcher.matches(labels))
    }

    fn key(&self, labels: &Labels) -> Vec<String> {
        self.equal.iter().map(|name| labels.get(name).unwrap_or_default().to_owned()).collect()
    }
}

/// The rules in force with all alerts that are a source of one, whether they fire or not: several for one set of equal
/// labels, so that the end of one does not hide the others.
#[derive(Debug, Default)]
pub(crate) struct Inhibitor {
    rules: Vec<(InhibitRule, Sources)>,
}

/// By the values of the labels that must be equal.
type Sources = HashMap<Vec<String>, BTreeSet<Fingerprint>>;

impl Inhibitor {
    pub(crate) fn new<'a>(rules: &[InhibitRule], alerts: impl Iterator<Item = &'a Alert>) -> Self {
        let mut inhibitor = Self { rules: rules.iter().map(|rule| (rule.clone(), HashMap::new())).collect() };
        if !rules.is_empty() {
            alerts.for_each(|alert| inhibitor.put(alert));
        }
        inhibitor
    }

    /// An alert is there.
    pub(crate) fn put(&mut self, alert: &Alert) {
        for (rule, sources) in &mut self.rules {
            if rule.is_source(&alert.labels) {
                sources.entry(rule.key(&alert.labels)).or_default().insert(alert.fingerprint);
            }
        }
    }

    /// An alert is not there any more.
    pub(crate) fn remove(&mut self, alert: &Alert) {
        for (rule, sources) in &mut self.rules {
            if !rule.is_source(&alert.labels) {
                continue;
            }
            let key = rule.key(&alert.labels);
            if let Some(set) = sources.get_mut(&key) {
                set.remove(&alert.fingerprint);
                if set.is_empty() {
                    sources.remove(&key);
                }
            }
        }
    }

    /// What mutes an alert with these labels: one firing source for each rule that does.
    pub(crate) fn sources_of(
        &self,
        labels: &Labels,
        alerts: &HashMap<Fingerprint, Alert>,
        now_ms: i64,
    ) -> Vec<Fingerprint> {
        let mut found = Vec::new();
        for (rule, sources) in &self.rules {
            if !rule.is_target(labels) {
                continue;
            }
            let Some(candidates) = sources.get(&rule.key(labels)) else { continue };
            // Who is on both sides is not muted by who is, too: not by itself, and two of them not by each other.
            let on_both_sides = rule.is_source(labels);
            let source = candidates.iter().find(|source| {
                alerts.get(*source).is_some_and(|source| {
                    !(source.is_resolved(now_ms) || on_both_sides && rule.is_target(&source.labels))
                })
            });
            found.extend(source.filter(|source| !found.contains(*source)).copied());
        }
        found
    }
}

/// The sources that fire at a moment, ready for being asked about many alerts.
pub(crate) struct Firing<'a> {
    rules: Vec<(&'a InhibitRule, FiringSources<'a>)>,
}

/// By the values of the labels that must be equal: whether one of the sources is no target, too.
type FiringSources<'a> = HashMap<Vec<&'a str>, bool>;

impl Inhibitor {
    /// The sources that fire at a time.
    pub(crate) fn firing<'a>(&'a self, alerts: &HashMap<Fingerprint, Alert>, now_ms: i64) -> Firing<'a> {
        let mut rules = Vec::new();
        for (rule, sources) in &self.rules {
            let mut firing = FiringSources::new();
            for (key, candidates) in sources {
                let mut candidates = candidates
                    .iter()
                    .filter_map(|source| alerts.get(source))
                    .filter(|source| !source.is_resolved(now_ms))
                    .map(|source| !rule.is_target(&source.labels))
                    .peekable();
                if candidates.peek().is_some() {
                    firing.insert(key.iter().map(String::as_str).collect(), candidates.any(|pure| pure));
                }
            }
            if !firing.is_empty() {
                rules.push((rule, firing));
            }
        }
        Firing { rules }
    }
}

impl Firing<'_> {
    /// Whether one of them mutes an alert with these labels.
    pub(crate) fn mute(&self, labels: &Labels) -> bool {
        self.rules.iter().any(|(rule, firing)| {
            if !rule.is_target(labels) {
                return false;
            }
            let key: Vec<&str> = rule.equal.iter().map(|name| labels.get(name).unwrap_or_default()).collect();
            // Who is on both sides is muted only by who is not.
            firing.get(&key).is_some_and(|pure| *pure || !rule.is_source(labels))
        })
    }
}

#[cfg(test)]
mod tests;
