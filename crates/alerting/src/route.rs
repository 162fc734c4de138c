//! The routing tree: which receivers an alert goes to, and in which groups.

use crate::matchers::{AlertMatcher, list_text};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use watchfire_model::Labels;

/// Which labels make a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupBy {
    /// These.
    Labels(BTreeSet<String>),
    /// All of them (`...`): every alert is a group of its own.
    All,
}

/// A node of the routing tree, with everything it inherits filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Alertmanager's key of the route: its matchers and those of all above, `{}/{a="b"}`.
    pub key: String,
    /// The receiver's name.
    pub receiver: String,
    /// Which labels make a group.
    pub group_by: GroupBy,
    /// How long a new group waits for more alerts.
    pub group_wait: Duration,
    /// How often a group is looked at after that.
    pub group_interval: Duration,
    /// After how long people are told again of what they know.
    pub repeat_interval: Duration,
    /// What an alert must satisfy.
    pub matchers: Vec<AlertMatcher>,
    /// Whether siblings further down are tried too.
    pub goes_on: bool,
    /// The intervals in which nobody is told; not inherited.
    pub mute_time_intervals: Vec<String>,
    /// The intervals outside of which nobody is told; not inherited.
    pub active_time_intervals: Vec<String>,
    /// Labels for templates, themselves templates; those of the nodes above included.
    pub labels: BTreeMap<String, String>,
    /// The nodes below.
    pub routes: Vec<Route>,
}

impl Route {
    /// The key of a node below the one with the key `parent`. The matchers are sorted.
    pub(crate) fn key_below(parent: Option<&str>, matchers: &mut [AlertMatcher]) -> String {
        matchers.sort_by(|left, right| left.sort_key().cmp(&right.sort_key()));
        let own = list_text(matchers);
        parent.map_or_else(|| own.clone(), |parent| format!("{parent}/{own}"))
    }

    /// The nodes an alert ends up in: depth first; the first child that matches ends the search among its siblings
    /// unless it says `continue`; a node of which no child matches is it itself.
    pub fn matching<'r>(&'r self, labels: &Labels) -> Vec<&'r Self> {
        if !self.matchers.iter().all(|matcher| matcher.matches(labels)) {
            return Vec::new();
        }
        let mut found = Vec::new();
        for child in &self.routes {
            let below = child.matching(labels);
            let matched = !below.is_empty();
            found.extend(below);
            if matched && !child.goes_on {
                break;
            }
        }
        if found.is_empty() {
            found.push(self);
        }
        found
    }

    /// The labels of an alert's group in this node.
    pub fn group_labels(&self, labels: &Labels) -> Labels {
        match &self.group_by {
            GroupBy::All => labels.clone(),
            GroupBy::Labels(names) => labels.without(|name| !names.contains(name)),
        }
    }

    /// Alertmanager's key of a group in this node.
    pub fn group_key(&self, group_labels: &Labels) -> String {
        format!("{}:{}", self.key, crate::fingerprint::label_set_text(group_labels))
    }
}
