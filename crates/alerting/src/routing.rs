//! What the routing tree does with a label set, node by node, and what it would mean for people.

use crate::config::Config;
use crate::intervals::NamedInterval;
use crate::route::{GroupBy, Route};
use crate::silences::Silences;
use std::collections::BTreeMap;
use std::time::Duration;
use watchfire_channels::Integration;
use watchfire_ledger::{Alert, Fingerprint, Silence};
use watchfire_model::Labels;

/// What a node made of an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The alert ends up here.
    EndsHere,
    /// It matches, and a node below took the alert.
    Passed,
    /// A matcher does not hold.
    NotMatched,
    /// It was not asked: another node had taken the alert already, or the one above does not match.
    NotTried,
}

impl Outcome {
    /// A word for interfaces.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EndsHere => "ends_here",
            Self::Passed => "passed",
            Self::NotMatched => "not_matched",
            Self::NotTried => "not_tried",
        }
    }
}

/// A node of the tree, with what it made of an alert.
#[derive(Clone, Debug, PartialEq)]
pub struct RouteNode {
    /// The places on the way down, `0.1`; empty for the root.
    pub id: String,
    /// Alertmanager's key of the route.
    pub key: String,
    /// Who is told.
    pub receiver: String,
    /// What an alert must satisfy.
    pub matchers: Vec<String>,
    /// Whether siblings further down are tried, too.
    pub goes_on: bool,
    /// The labels that make a group; `...` for all.
    pub group_by: Vec<String>,
    /// How long a new group waits.
    pub group_wait: Duration,
    /// How often a group is looked at after that.
    pub group_interval: Duration,
    /// After how long people are told again.
    pub repeat_interval: Duration,
    /// The intervals in which nobody is told.
    pub mute_time_intervals: Vec<String>,
    /// The intervals outside of which nobody is told.
    pub active_time_intervals: Vec<String>,
    /// Labels for templates.
    pub labels: BTreeMap<String, String>,
    /// What it made of the alert, and why; `None` where there is no alert.
    pub verdict: Option<(Outcome, String)>,
    /// The nodes below.
    pub routes: Vec<RouteNode>,
}

impl RouteNode {
    /// The tree as it is.
    pub fn of(root: &Route) -> Self {
        Self::build(root, String::new())
    }

    /// The tree with what each node makes of a label set.
    pub fn traced(root: &Route, labels: &Labels) -> Self {
        let mut tree = Self::of(root);
        tree.trace(root, labels, String::new());
        tree
    }

    fn build(route: &Route, id: String) -> Self {
        let below = |index: usize| if id.is_empty() { index.to_string() } else { format!("{id}.{index}") };
        let routes =
            route.routes.iter().enumerate().map(|(index, child)| Self::build(child, below(index))).collect();
        Self {
            key: route.key.clone(),
            receiver: route.receiver.clone(),
            matchers: route.matchers.iter().map(ToString::to_string).collect(),
            goes_on: route.goes_on,
            group_by: match &route.group_by {
                GroupBy::All => vec!["...".to_owned()],
                GroupBy::Labels(names) => names.iter().cloned().collect(),
            },
            group_wait: route.group_wait,
            group_interval: route.group_interval,
            repeat_interval: route.repeat_interval,
            mute_time_intervals: route.mute_time_intervals.clone(),
            active_time_intervals: route.active_time_intervals.clone(),
            labels: route.labels.clone(),
            verdict: None,
            routes,
            id,
        }
    }

    /// The same walk as [`Route::matching`]; whether the node or one below took the alert.
    fn trace(&mut self, route: &Route, labels: &Labels, matched: String) -> bool {
        if let Some(matcher) = route.matchers.iter().find(|matcher| !matcher.matches(labels)) {
            let has = match labels.get(matcher.name()).filter(|value| !value.is_empty()) {
                Some(value) => format!("the alert has {}={value:?}", matcher.name()),
                None => format!("the alert has no label {:?}", matcher.name()),
            };
            self.skip(&Outcome::NotMatched, &format!("{matcher}: {has}"));
            return false;
        }
        let mut taken = false;
        let mut ended_by: Option<String> = None;
        for (node, child) in self.routes.iter_mut().zip(&route.routes) {
            if let Some(by) = &ended_by {
                node.skip(
                    &Outcome::NotTried,
                    &format!("route {by} took the alert and does not say continue"),
                );
                continue;
            }
            let why = child.matchers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            let took = node.trace(child, labels, why);
            taken |= took;
            if took && !child.goes_on {
                ended_by = Some(node.id.clone());
            }
        }
        self.verdict = Some((if taken { Outcome::Passed } else { Outcome::EndsHere }, matched));
        true
    }

    fn skip(&mut self, outcome: &Outcome, why: &str) {
        self.verdict = Some((*outcome, why.to_owned()));
        let below = match outcome {
            Outcome::NotMatched => format!("route {} above does not match", self.id),
            _ => why.to_owned(),
        };
        for child in &mut self.routes {
            child.skip(&Outcome::NotTried, &below);
        }
    }

    /// The nodes in which the alert ends up, in the order of [`Route::matching`].
    pub fn ends(&self) -> Vec<&Self> {
        let mut ends: Vec<&Self> = self.routes.iter().flat_map(Self::ends).collect();
        if matches!(self.verdict, Some((Outcome::EndsHere, _))) {
            ends.push(self);
        }
        ends
    }
}

/// Something that keeps an alert from being told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suppression {
    /// `silence`, `inhibition`, `mute_time_interval` or `active_time_interval`.
    pub kind: &'static str,
    /// Ids of silences, fingerprints of alerts, names of intervals.
    pub names: Vec<String>,
    /// The same for people.
    pub text: String,
}

impl Suppression {
    pub(crate) fn by_silence(silence: &Silence) -> Self {
        let until = crate::explain::clock_text(silence.ends_ms);
        let (id, by, comment) = (&silence.id, &silence.created_by, &silence.comment);
        Self {
            kind: "silence",
            names: vec![id.clone()],
            text: format!("silence {id} by {by:?}, until {until}: {comment}"),
        }
    }

    pub(crate) fn by_alert(source: Fingerprint, alert: Option<&Alert>) -> Self {
        let labels = alert.map(|alert| crate::fingerprint::label_set_text(&alert.labels)).unwrap_or_default();
        let text = format!("inhibited by the firing alert {source:016x} {labels}");
        Self { kind: "inhibition", names: vec![format!("{source:016x}")], text }
    }

    /// What a route's intervals say of a time.
    pub(crate) fn by_intervals(config: &Config, route: &RouteNode, at_ms: i64) -> Option<Self> {
        let is_now = |name: &String| {
            config.time_intervals.get(name).is_some_and(|interval: &NamedInterval| interval.contains(at_ms))
        };
        if !route.active_time_intervals.is_empty() && !route.active_time_intervals.iter().any(is_now) {
            let names = route.active_time_intervals.clone();
            let text = format!("outside of the route's active intervals: {}", names.join(", "));
            return Some(Self { kind: "active_time_interval", names, text });
        }
        let names: Vec<String> =
            route.mute_time_intervals.iter().filter(|name| is_now(name)).cloned().collect();
        let text = format!("inside of the route's mute intervals: {}", names.join(", "));
        (!names.is_empty()).then_some(Self { kind: "mute_time_interval", names, text })
    }

    pub(crate) fn by_silences(silences: &Silences, labels: &Labels, at_ms: i64) -> Vec<Self> {
        let ids = silences.muting(labels, at_ms);
        ids.iter().filter_map(|id| silences.get(id)).map(Self::by_silence).collect()
    }
}

/// Where an alert goes.
#[derive(Clone, Debug, PartialEq)]
pub struct RoutedTo {
    /// The node's [`RouteNode::id`].
    pub route: String,
    /// Who is told.
    pub receiver: String,
    /// Alertmanager's group key.
    pub group_key: String,
    /// The labels of the group.
    pub group_labels: Labels,
    /// How long a new group waits.
    pub group_wait: Duration,
    /// How often it is looked at after that.
    pub group_interval: Duration,
    /// After how long people are told again.
    pub repeat_interval: Duration,
    /// In which ways the receiver is told: `webhook[0]`.
    pub integrations: Vec<String>,
    /// Who is told what the receiver refuses for good.
    pub fallback: Option<String>,
    /// The intervals that mute the route.
    pub suppressed_by: Vec<Suppression>,
}

/// What would become of an alert with some labels.
#[derive(Clone, Debug, PartialEq)]
pub struct RouteTest {
    /// The alert's fingerprint.
    pub fingerprint: Fingerprint,
    /// The tree, traced; `None` without a configuration.
    pub tree: Option<RouteNode>,
    /// Where it goes.
    pub routes: Vec<RoutedTo>,
    /// The silences and alerts that mute it everywhere.
    pub suppressed_by: Vec<Suppression>,
}

/// An integration's name among those of its receiver.
pub(crate) fn integration_name(integration: &Integration) -> String {
    format!("{}[{}]", integration.kind.name(), integration.index)
}

/// Where a configuration leads an alert, without regard to silences and other alerts.
pub(crate) fn test(config: &Config, labels: &Labels, at_ms: i64) -> RouteTest {
    let fingerprint = crate::fingerprint(labels);
    let Some(root) = &config.route else {
        return RouteTest { fingerprint, tree: None, routes: Vec::new(), suppressed_by: Vec::new() };
    };
    let tree = RouteNode::traced(root, labels);
    let ends = root.matching(labels);
    let routes = tree
        .ends()
        .into_iter()
        .zip(ends)
        .map(|(node, route)| {
            let group_labels = route.group_labels(labels);
            let receiver = config.receiver(&route.receiver);
            RoutedTo {
                route: node.id.clone(),
                receiver: route.receiver.clone(),
                group_key: route.group_key(&group_labels),
                group_labels,
                group_wait: route.group_wait,
                group_interval: route.group_interval,
                repeat_interval: route.repeat_interval,
                integrations: receiver
                    .map(|receiver| receiver.integrations.iter().map(integration_name).collect())
                    .unwrap_or_default(),
                fallback: config.fallbacks.get(&route.receiver).cloned(),
                suppressed_by: Suppression::by_intervals(config, node, at_ms).into_iter().collect(),
            }
        })
        .collect();
    RouteTest { fingerprint, tree: Some(tree), routes, suppressed_by: Vec::new() }
}

#[cfg(test)]
mod tests;
