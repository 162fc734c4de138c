//! `route`: the routing tree, with everything inherited filled in.

use super::{Config, matchers};
use crate::route::{GroupBy, Route};
use crate::state::POLICY_LABEL;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use watchfire_settings::yaml::{Node, Place};
use watchfire_settings::{Problem, Section};

/// What a route inherits from above.
#[derive(Clone)]
struct Inherited {
    key: Option<String>,
    receiver: String,
    group_by: GroupBy,
    group_wait: Duration,
    group_interval: Duration,
    repeat_interval: Duration,
    labels: BTreeMap<String, String>,
}

/// How many receivers a mistake names.
const MOST_NAMED: usize = 10;

pub(super) struct Reader<'a> {
    /// Receivers and intervals are known.
    pub(super) config: &'a Config,
    /// Policies of escalation, where they are named.
    pub(super) policies: &'a mut Vec<(String, Place)>,
    pub(super) problems: &'a mut Vec<Problem>,
}

impl Reader<'_> {
    pub(super) fn root(&mut self, node: Node) -> Option<Route> {
        let place = node.place;
        let inherited = Inherited {
            key: None,
            receiver: String::new(),
            group_by: GroupBy::Labels(BTreeSet::new()),
            group_wait: Duration::from_secs(30),
            group_interval: Duration::from_secs(5 * 60),
            repeat_interval: Duration::from_secs(4 * 60 * 60),
            labels: BTreeMap::new(),
        };
        let root = self.node(node, "route", &inherited)?;
        let wrong = [
            (
                root.receiver.is_empty(),
                "root route must specify a default receiver; expected a key 'receiver'",
            ),
            (!root.matchers.is_empty(), "root route must not have any matchers"),
            (!root.mute_time_intervals.is_empty(), "root route must not have any mute time intervals"),
            (!root.active_time_intervals.is_empty(), "root route must not have any active time intervals"),
            (root.goes_on, "cannot have continue in root route"),
        ];
        for (_, message) in wrong.into_iter().filter(|(is_wrong, _)| *is_wrong) {
            self.problems.push(Problem::new(place, message));
        }
        Some(root)
    }

    fn node(&mut self, node: Node, path: &str, above: &Inherited) -> Option<Route> {
        match self.read(node, path, above) {
            Ok(route) => Some(route),
            Err(problem) => {
                self.problems.push(Problem::new(problem.place, format!("{path}: {}", problem.message)));
                None
            }
        }
    }

    fn read(&mut self, node: Node, path: &str, above: &Inherited) -> Result<Route, Problem> {
        let mode = self.config.matcher_mode;
        let mut section = Section::open_item(node, "route")?;
        let mut own = above.clone();
        if let Some((receiver, place)) = section.placed_text("receiver")?
            && !receiver.is_empty()
        {
            if self.config.receiver(&receiver).is_none() {
                let known = self.config.receivers.receivers.iter().take(MOST_NAMED);
                let known: Vec<&str> = known.map(|receiver| receiver.name.as_str()).collect();
                let known = if known.is_empty() { "there are none".to_owned() } else { known.join(", ") };
                let message = format!(
                    "{path}: undefined receiver {receiver:?} used in route; expected one of receivers: {known}"
                );
                self.problems.push(Problem::new(place, message));
            }
            own.receiver = receiver;
        }
        if section.has("group_by").is_some() {
            own.group_by = self.group_by(section.list("group_by")?)?;
        }
        own.group_wait = section.duration("group_wait")?.unwrap_or(own.group_wait);
        own.group_interval = not_zero(&mut section, "group_interval")?.unwrap_or(own.group_interval);
        own.repeat_interval = not_zero(&mut section, "repeat_interval")?.unwrap_or(own.repeat_interval);
        for (key, text) in section.text_map("labels")? {
            if !mode.is_label_name(&key.name) {
                return Err(Problem::new(key.place, format!("invalid label name {:?} in labels", key.name)));
            }
            if key.name == POLICY_LABEL && !text.is_empty() {
                self.policies.push((text.clone(), key.place));
            }
            own.labels.insert(key.name, text);
        }
        let mut matchers = matchers(&mut section, ("match", "match_re", "matchers"), mode)?;
        let goes_on = section.flag("continue")?.unwrap_or(false);
        let mute_time_intervals = self.intervals(&mut section, "mute_time_intervals", path)?;
        let active_time_intervals = self.intervals(&mut section, "active_time_intervals", path)?;
        let children = section.list("routes")?;
        section.finish()?;
        let key = Route::key_below(above.key.as_deref(), &mut matchers);
        own.key = Some(key.clone());
        let routes = children
            .into_iter()
            .enumerate()
            .filter_map(|(index, child)| self.node(child, &format!("{path}.routes[{index}]"), &own))
            .collect();
        Ok(Route {
            key,
            receiver: own.receiver,
            group_by: own.group_by,
            group_wait: own.group_wait,
            group_interval: own.group_interval,
            repeat_interval: own.repeat_interval,
            matchers,
            goes_on,
            mute_time_intervals,
            active_time_intervals,
            labels: own.labels,
            routes,
        })
    }

    fn group_by(&self, items: Vec<Node>) -> Result<GroupBy, Problem> {
        let mut names = BTreeSet::new();
        let mut all = false;
        let mut last = Place::default();
        for item in items {
            last = item.place;
            let place = item.place;
            let name = watchfire_settings::section::text(item)?;
            if name == "..." {
                all = true;
            } else if !self.config.matcher_mode.is_label_name(&name) {
                return Err(Problem::new(place, format!("invalid label name {name:?} in group_by list")));
            } else if !names.insert(name.clone()) {
                return Err(Problem::new(place, format!("duplicated label {name:?} in group_by")));
            }
        }
        if all && !names.is_empty() {
            let message = "cannot have wildcard group_by (`...`) and other labels at the same time";
            return Err(Problem::new(last, message));
        }
        Ok(if all { GroupBy::All } else { GroupBy::Labels(names) })
    }

    fn intervals(
        &mut self,
        section: &mut Section,
        key: &'static str,
        path: &str,
    ) -> Result<Vec<String>, Problem> {
        let mut names = Vec::new();
        for item in section.list(key)? {
            let place = item.place;
            let name = watchfire_settings::section::text(item)?;
            if !self.config.time_intervals.contains_key(&name) {
                let message = format!("{path}: undefined time interval {name:?} used in route");
                self.problems.push(Problem::new(place, message));
            }
            names.push(name);
        }
        Ok(names)
    }
}

fn not_zero(section: &mut Section, key: &'static str) -> Result<Option<Duration>, Problem> {
    match section.placed_duration(key)? {
        Some((duration, place)) if duration.is_zero() => {
            Err(Problem::new(place, format!("{key} cannot be zero; expected a duration such as 5m")))
        }
        found => Ok(found.map(|(duration, _)| duration)),
    }
}
