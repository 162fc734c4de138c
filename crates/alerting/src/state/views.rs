//! What the HTTP layer shows, as of one moment.

use super::State;
use super::muting;
use super::tables::GroupId;
use crate::matchers::AlertMatcher;
use crate::silences::SilenceState;
use crate::status::{AlertView, GroupView};
use crate::telling::{self, About};
use std::collections::{BTreeMap, HashMap, HashSet};
use watchfire_channels::Receiver;
use watchfire_ledger::{Alert, Fingerprint};
use watchfire_model::Labels;
use watchfire_model::matcher::Matcher;

/// Which alerts somebody wants to see.
#[derive(Clone, Debug)]
pub struct AlertFilter {
    /// Those that are told.
    pub active: bool,
    /// Those that a silence mutes.
    pub silenced: bool,
    /// Those that another alert mutes.
    pub inhibited: bool,
    /// In groups: those that an interval mutes.
    pub muted: bool,
    /// Only those that satisfy all of these.
    pub matchers: Vec<AlertMatcher>,
    /// Only those of receivers whose name satisfies this.
    pub receiver: Option<Matcher>,
    /// Only those of receivers whose labels satisfy all of these.
    pub receiver_matchers: Vec<AlertMatcher>,
}

impl Default for AlertFilter {
    fn default() -> Self {
        Self {
            active: true,
            silenced: true,
            inhibited: true,
            muted: true,
            matchers: Vec::new(),
            receiver: None,
            receiver_matchers: Vec::new(),
        }
    }
}

/// The labels by which receivers are chosen: its own, and its name as `name`.
pub fn receiver_labels(name: &str, receiver: Option<&Receiver>) -> Labels {
    let own = receiver.into_iter().flat_map(|receiver| &receiver.labels);
    let mut builder = Labels::from_pairs([("name", name)]).to_builder();
    for (name, value) in own {
        builder.set(name.as_str(), value.as_str());
    }
    builder.build()
}

impl AlertFilter {
    fn shows(&self, view: &AlertView) -> bool {
        // An interval mutes a group, and leaves its alerts active.
        let active = view.silenced_by.is_empty() && view.inhibited_by.is_empty();
        (self.active || !active)
            && (self.silenced || view.silenced_by.is_empty())
            && (self.inhibited || view.inhibited_by.is_empty())
            && (self.muted || view.muted_by.is_empty())
    }
}

/// How many silences stand where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) active: usize,
    pub(crate) suppressed: usize,
    pub(crate) resolved: usize,
    pub(crate) silences_active: usize,
    pub(crate) silences_pending: usize,
    pub(crate) silences_expired: usize,
}

impl State {
    pub(crate) fn counts(&self, now_ms: i64) -> Counts {
        let mut counts = Counts::default();
        let silences = self.tables.silences.active(now_ms);
        let sources = self.tables.inhibitor.firing(&self.tables.alerts, now_ms);
        for alert in self.tables.alerts.values() {
            *(if alert.is_resolved(now_ms) {
                &mut counts.resolved
            } else if silences.mute(&alert.labels) || sources.mute(&alert.labels) {
                &mut counts.suppressed
            } else {
                &mut counts.active
            }) += 1;
        }
        for silence in self.tables.silences.iter() {
            *(match SilenceState::of(silence, now_ms) {
                SilenceState::Active => &mut counts.silences_active,
                SilenceState::Pending => &mut counts.silences_pending,
                SilenceState::Expired => &mut counts.silences_expired,
            }) += 1;
        }
        counts
    }

    pub(crate) const fn suppressed(&self) -> muting::Suppressed {
        self.suppressed
    }

    pub(crate) fn group_count(&self) -> usize {
        self.tables.groups.len()
    }

    pub(crate) fn open_job_count(&self) -> usize {
        self.tables.jobs.len()
    }

    /// All alerts that fire, by fingerprint.
    pub(crate) fn alerts(&self, filter: &AlertFilter, now_ms: i64) -> Vec<AlertView> {
        let wanted: HashMap<Fingerprint, &Alert> = self
            .tables
            .alerts
            .values()
            .filter(|alert| is_wanted(alert, filter, now_ms))
            .map(|alert| (alert.fingerprint, alert))
            .collect();
        let receivers = self.receivers_by_alert(|alert| wanted.contains_key(&alert));
        let mut views: Vec<AlertView> = wanted
            .values()
            .filter_map(|alert| {
                let receivers = owned(receivers.get(&alert.fingerprint));
                let shown = receivers.iter().any(|receiver| self.shows_receiver(filter, receiver))
                    || (receivers.is_empty() && filter.receiver.is_none());
                let view = shown.then(|| self.view(alert, receivers, now_ms))?;
                filter.shows(&view).then_some(view)
            })
            .collect();
        views.sort_by_key(|view| view.fingerprint);
        views
    }

    /// All groups with their alerts that fire, by labels and receiver.
    pub(crate) fn groups(&self, filter: &AlertFilter, now_ms: i64) -> Vec<GroupView> {
        let wanted: Vec<(_, Vec<&Alert>)> = self
            .tables
            .groups
            .values()
            .filter(|group| self.shows_receiver(filter, &group.receiver))
            .filter_map(|group| {
                let mut alerts = self.tables.members(group);
                alerts.retain(|alert| is_wanted(alert, filter, now_ms));
                (!alerts.is_empty()).then_some((group, alerts))
            })
            .collect();
        let shown: HashSet<Fingerprint> =
            wanted.iter().flat_map(|(_, alerts)| alerts).map(|alert| alert.fingerprint).collect();
        let receivers = self.receivers_by_alert(|alert| shown.contains(&alert));
        let mut groups: Vec<GroupView> = Vec::with_capacity(wanted.len());
        for (group, alerts) in wanted {
            let options = self.tables.options(group);
            let muted_by =
                muting::intervals(&self.config, &options, now_ms).map(|(_, names)| names).unwrap_or_default();
            let about = About {
                receiver: &group.receiver,
                group_key: &group.key,
                group_labels: &group.labels,
                route_labels: &options.labels,
                external_url: self.external_url(),
                alerts: &alerts,
                reason: "",
                now_ms,
                standing: None,
            };
            let route_labels = telling::route_labels(&about, &self.wiring);
            let alerts: Vec<AlertView> = alerts
                .into_iter()
                .map(|alert| {
                    let receivers = owned(receivers.get(&alert.fingerprint));
                    let mut view = self.view(alert, receivers, now_ms);
                    view.muted_by.clone_from(&muted_by);
                    view
                })
                .filter(|view| filter.shows(view))
                .collect();
            if !alerts.is_empty() {
                groups.push(GroupView {
                    key: group.key.clone(),
                    receiver: group.receiver.clone(),
                    labels: group.labels.clone(),
                    route_labels,
                    next_flush_ms: group.next_flush_ms,
                    alerts,
                });
            }
        }
        groups.sort_by(|left, right| {
            crate::order::by_labels(&left.labels, &right.labels)
                .then_with(|| left.receiver.cmp(&right.receiver))
        });
        groups
    }

    fn shows_receiver(&self, filter: &AlertFilter, name: &str) -> bool {
        if filter.receiver.as_ref().is_some_and(|wanted| !wanted.matches(name)) {
            return false;
        }
        if filter.receiver_matchers.is_empty() {
            return true;
        }
        let labels = receiver_labels(name, self.config.receiver(name));
        filter.receiver_matchers.iter().all(|matcher| matcher.matches(&labels))
    }

    /// Which receivers are told of each wanted alert.
    fn receivers_by_alert(&self, wanted: impl Fn(Fingerprint) -> bool) -> HashMap<Fingerprint, Vec<&str>> {
        let mut receivers: HashMap<Fingerprint, Vec<&str>> = HashMap::new();
        // Each name once, in the order of the routes' keys.
        let by_receiver: BTreeMap<&GroupId, _> = self.tables.groups.iter().collect();
        for group in by_receiver.values() {
            for member in group.members.iter().copied().filter(|member| wanted(*member)) {
                let names = receivers.entry(member).or_default();
                if !names.contains(&&*group.receiver) {
                    names.push(&group.receiver);
                }
            }
        }
        receivers
    }

    fn view(&self, alert: &Alert, receivers: Vec<String>, now_ms: i64) -> AlertView {
        AlertView {
            fingerprint: alert.fingerprint,
            labels: alert.labels.clone(),
            annotations: alert.annotations.clone(),
            starts_ms: alert.starts_ms,
            ends_ms: alert.ends_ms,
            updated_ms: alert.updated_ms,
            generator_url: alert.generator_url.clone(),
            receivers,
            silenced_by: self.tables.silences.muting(&alert.labels, now_ms),
            inhibited_by: self.tables.inhibited_by(alert, now_ms),
            muted_by: Vec::new(),
        }
    }
}

/// Whether an alert fires and has the labels that are asked for.
fn is_wanted(alert: &Alert, filter: &AlertFilter, now_ms: i64) -> bool {
    !alert.is_resolved(now_ms) && filter.matchers.iter().all(|matcher| matcher.matches(&alert.labels))
}

fn owned(names: Option<&Vec<&str>>) -> Vec<String> {
    names.into_iter().flatten().map(|name| (*name).to_owned()).collect()
}
