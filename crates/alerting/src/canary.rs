//! Canaries: alerts that fire on a schedule for no other reason than to see whether they arrive.
//!
//! Each is a rule of its own, evaluated as all others are, and a route of its own before all others, so that what is
//! tried is the whole path: engine, rule, route, group, outbox and channel.

use crate::config::Config;
use crate::matchers::AlertMatcher;
use crate::route::{GroupBy, Route};
use std::collections::BTreeSet;
use std::time::Duration;
use watchfire_model::Labels;
use watchfire_model::matcher::MatchOp;
use watchfire_scrape::config::Canary as Wanted;

/// The name of canaries.
pub const CANARY: &str = "WatchfireCanary";
/// The label that says which receiver a canary is for.
const RECEIVER: &str = "receiver";
/// The longest that a canary fires.
const LONGEST: Duration = Duration::from_secs(60);
/// How often its rule is evaluated while it fires, at least.
const TURNS: u32 = 4;
/// The most time between two evaluations.
const SLOWEST: Duration = Duration::from_secs(15);

/// Which receivers are sent a canary, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Canaries {
    /// Who.
    pub receivers: Vec<String>,
    /// How often: at whole multiples since 1970, UTC.
    pub interval: Duration,
    /// How long after those.
    pub offset: Duration,
    /// How long a receiver has to confirm.
    pub within: Duration,
}

/// How a receiver's canaries fare in one of the ways in which it is told. Times are milliseconds since the Unix epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CanaryView {
    /// The receiver.
    pub receiver: String,
    /// The way: `slack[0]`.
    pub integration: String,
    /// When one was confirmed last.
    pub confirmed_ms: Option<i64>,
    /// How many were confirmed.
    pub confirmed: u64,
    /// Whether one should have been confirmed by now, and was not.
    pub is_overdue: bool,
}

impl Canaries {
    /// The canaries of a configuration: for the receivers it names, or for all that tell somebody.
    ///
    /// # Errors
    /// Where a receiver is not known, or tells nobody; with the place of it.
    pub fn new(wanted: &Wanted, config: &Config) -> Result<Self, (watchfire_settings::Place, String)> {
        let mut receivers = Vec::new();
        for (name, place) in &wanted.receivers {
            match config.receiver(name) {
                Some(receiver) if receiver.integrations.is_empty() => {
                    return Err((
                        *place,
                        format!("canary: receiver {name:?} tells nobody: it has no integrations"),
                    ));
                }
                Some(_) => receivers.push(name.clone()),
                None => {
                    let known: Vec<&str> =
                        config.receivers.receivers.iter().map(|receiver| receiver.name.as_str()).collect();
                    let message = format!(
                        "canary: receiver {name:?} is not known; expected one of {}",
                        known.join(", ")
                    );
                    return Err((*place, message));
                }
            }
        }
        if wanted.receivers.is_empty() {
            let all = config.receivers.receivers.iter().filter(|receiver| !receiver.integrations.is_empty());
            receivers.extend(all.map(|receiver| receiver.name.clone()));
        }
        if receivers.is_empty() {
            let message =
                "canary: there is no receiver that tells somebody; expected one in alertmanager_file";
            return Err((wanted.place, message.to_owned()));
        }
        let Wanted { interval, offset, within, .. } = *wanted;
        Ok(Self { receivers, interval, offset, within })
    }

    /// How long each fires.
    fn window(&self) -> Duration {
        LONGEST.min(self.interval / 2)
    }

    /// How often the rules are evaluated, and the groups looked at.
    fn turn(&self) -> Duration {
        SLOWEST.min(self.window() / TURNS).max(Duration::from_secs(1))
    }

    /// The rules, as a rule file.
    pub fn rules(&self) -> String {
        let seconds = |time: Duration| time.as_millis() as f64 / 1_000.0;
        let expr = format!(
            "vector((time() - {}) % {}) < {}",
            seconds(self.offset),
            seconds(self.interval),
            seconds(self.window())
        );
        let rules: Vec<serde_json::Value> = self
            .receivers
            .iter()
            .map(|receiver| {
                serde_json::json!({
                    "alert": CANARY,
                    "expr": expr,
                    "labels": {RECEIVER: escaped(receiver), "severity": "info", "canary": "true"},
                    "annotations": {
                        "summary": format!("Canary: a test that {} is reached. Nothing is wrong.", escaped(receiver)),
                        "description": "Sent on a schedule to see whether alerts arrive here. Nobody has to do anything; it ends by itself within two minutes.",
                    },
                })
            })
            .collect();
        let interval = format!("{}ms", self.turn().as_millis());
        let groups =
            serde_json::json!({"groups": [{"name": "canary", "interval": interval, "rules": rules}]});
        groups.to_string()
    }

    /// The routes that lead each to its receiver and nowhere else, in front of all others.
    fn routes(&self, root: &Route) -> Vec<Route> {
        let matcher = |name: &str, value: &str| AlertMatcher::new(name, MatchOp::Equal, value).ok();
        let route = |receiver: &String| {
            let mut matchers: Vec<AlertMatcher> =
                [matcher("alertname", CANARY), matcher(RECEIVER, receiver)].into_iter().flatten().collect();
            Route {
                key: Route::key_below(Some(&root.key), &mut matchers),
                receiver: receiver.clone(),
                group_by: GroupBy::Labels(BTreeSet::from(["alertname".to_owned(), RECEIVER.to_owned()])),
                group_wait: Duration::ZERO,
                group_interval: self.turn(),
                repeat_interval: self.interval,
                matchers,
                goes_on: false,
                mute_time_intervals: Vec::new(),
                active_time_intervals: Vec::new(),
                labels: std::collections::BTreeMap::new(),
                routes: Vec::new(),
            }
        };
        self.receivers.iter().map(route).collect()
    }

    /// When a canary was to be confirmed last, at a time: when it was due. Both are milliseconds since the Unix epoch.
    pub(crate) fn last_due_ms(&self, now_ms: i64) -> i64 {
        let ms = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        let interval_ms = ms(self.interval).max(1);
        let late_ms = now_ms.saturating_sub(ms(self.within)).saturating_sub(ms(self.offset));
        late_ms.div_euclid(interval_ms).saturating_mul(interval_ms).saturating_add(ms(self.offset))
    }
}

impl Config {
    /// The same configuration with canaries: each has a route of its own.
    pub fn with_canaries(mut self, canaries: Canaries) -> Self {
        if let Some(root) = &mut self.route {
            let routes = canaries.routes(root);
            root.routes.splice(0..0, routes);
            self.canaries = Some(canaries);
        }
        self
    }
}

/// Whether a group is that of a receiver's canaries.
pub(crate) fn is_canary(group_labels: &Labels, receiver: &str) -> bool {
    group_labels.get("alertname") == Some(CANARY) && group_labels.get(RECEIVER) == Some(receiver)
}

/// A text as it is in a rule, where labels and annotations are templates.
fn escaped(value: &str) -> String {
    if value.contains("{{") {
        format!("{{{{ {} }}}}", serde_json::Value::from(value))
    } else {
        value.to_owned()
    }
}

#[cfg(test)]
mod tests;
