//! What is in memory about one alert, for those who want to know why.

use super::State;
use crate::explain::{GroupSnapshot, Snapshot};
use crate::inhibit::Inhibitor;
use crate::routing::{RouteTest, Suppression, integration_name, test};
use crate::wiring::number;
use std::collections::{BTreeMap, BTreeSet};
use watchfire_ledger::{Alert, AlertIdentity, Fingerprint};
use watchfire_model::Labels;

impl State {
    /// What is known of an alert now.
    pub(crate) fn snapshot(&self, fingerprint: Fingerprint, labels: &Labels, now_ms: i64) -> Snapshot {
        let alert = self.tables.alerts.get(&fingerprint);
        let groups = self.tables.groups.iter().filter(|(_, group)| group.members.contains(&fingerprint));
        let groups = groups
            .map(|(id, group)| GroupSnapshot {
                key: id.0.clone(),
                receiver: id.1.clone(),
                created_ms: group.created_ms,
                next_flush_ms: group.next_flush_ms,
                told: self.tables.told(id).cloned().collect(),
            })
            .collect();
        Snapshot {
            labels: alert.map(|alert| alert.labels.clone()),
            annotations: alert.map(|alert| alert.annotations.to_map()).unwrap_or_default(),
            starts_ms: alert.map_or(0, |alert| alert.starts_ms),
            ends_ms: alert.and_then(|alert| alert.ends_ms),
            groups,
            muted: self.muting(labels, now_ms),
        }
    }

    /// An alert that history does not know, such as one of a flood.
    pub(crate) fn identity(&self, matches: impl Fn(&Alert) -> bool) -> Option<AlertIdentity> {
        let alert = self.tables.alerts.values().find(|alert| matches(alert))?;
        Some(AlertIdentity {
            fingerprint: alert.fingerprint,
            labels: alert.labels.clone(),
            rule: alert.labels.get("alertname").unwrap_or_default().to_owned(),
            group: String::new(),
            file: String::new(),
        })
    }

    /// The names of alerts, each once, sorted.
    pub(crate) fn names_of<'a>(&self, alerts: impl Iterator<Item = &'a Fingerprint>) -> Vec<String> {
        let alerts = alerts.filter_map(|alert| self.tables.alerts.get(alert));
        let names: BTreeSet<&str> =
            alerts.map(|alert| alert.labels.get("alertname").unwrap_or_default()).collect();
        names.into_iter().map(str::to_owned).collect()
    }

    /// The names of all integrations, by receiver and number.
    pub(crate) fn integration_names(&self) -> BTreeMap<(String, u32), String> {
        let receivers = self.config.receivers.receivers.iter();
        receivers
            .flat_map(|receiver| receiver.integrations.iter().map(move |found| (receiver, found)))
            .map(|(receiver, found)| {
                let place = (receiver.name.clone(), number(found.kind.name(), found.index));
                (place, integration_name(found))
            })
            .collect()
    }

    /// What would become of an alert with these labels, under the configuration in force or another one.
    pub(crate) fn route_test(&self, other: Option<&crate::Config>, labels: &Labels, at_ms: i64) -> RouteTest {
        let mut found = test(other.unwrap_or(&self.config), labels, at_ms);
        found.suppressed_by = match other {
            None => self.muting(labels, at_ms),
            Some(other) => {
                let inhibitor = Inhibitor::new(&other.inhibit_rules, self.tables.alerts.values());
                let sources = inhibitor.sources_of(labels, &self.tables.alerts, at_ms);
                self.suppressions(labels, &sources, at_ms)
            }
        };
        found
    }

    fn muting(&self, labels: &Labels, at_ms: i64) -> Vec<Suppression> {
        let sources = self.tables.inhibitor.sources_of(labels, &self.tables.alerts, at_ms);
        self.suppressions(labels, &sources, at_ms)
    }

    fn suppressions(&self, labels: &Labels, sources: &[Fingerprint], at_ms: i64) -> Vec<Suppression> {
        let by_alerts =
            sources.iter().map(|source| Suppression::by_alert(*source, self.tables.alerts.get(source)));
        let by_silences = Suppression::by_silences(&self.tables.silences, labels, at_ms);
        by_alerts.chain(by_silences).collect()
    }
}
