//! Rules over the past: the same steps as in production, over answers of the engine for stretches of time.
//!
//! [`Backtest`] replays the alerting rules of a file, and whatever rules of the same file they read: what those would have
//! recorded lies over the store in place of what is stored of it. Each [`Replay`] is one alerting rule.

mod overlay;
mod plan;
mod reads;
mod recorder;
mod run;

pub use run::{Backtest, Ended, Host, Limits, Plan};

use crate::alerting::{Instances, candidates, millis};
use crate::file::{AlertingRule, GroupSpec};
use crate::manager::{Settings, next_evaluation, slot_of};
use crate::query::Asker;
use crate::sink::{AlertInstance, AlertState, Evaluation, Origin};
use crate::template::Surroundings;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use watchfire_model::Labels;
use watchfire_promql::value::VectorSample;
use watchfire_promql::{Engine, Source};

/// One life of an alert. Times are milliseconds since the Unix epoch.
#[derive(Clone, Debug, PartialEq)]
pub struct Life {
    /// The alert's labels, external ones included.
    pub labels: Labels,
    /// Since when its expression held.
    pub active_ms: i64,
    /// Since when it fired; `None`: it was pending only.
    pub fired_ms: Option<i64>,
    /// When it ended; `None`: it goes on at the end.
    pub ended_ms: Option<i64>,
    /// The value when it fired, or began.
    pub value: f64,
    /// The value farthest from zero.
    pub peak: f64,
}

/// What an expression gave at one time, or why nothing.
type Outcome = Result<Vec<VectorSample>, String>;

/// Outcomes with their times, in order; times at which nothing was given are left out.
type Pending = VecDeque<(i64, Outcome)>;

/// How often a rule is evaluated, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// Between two evaluations, in milliseconds.
    pub interval_ms: i64,
    /// How far in the past its expression is asked, in milliseconds.
    pub offset_ms: i64,
    /// The first evaluation, in milliseconds since the Unix epoch.
    pub first_ms: i64,
}

impl Timing {
    /// Of the rules of a group in a file, from a time on.
    fn of((file, group): (&str, &GroupSpec), settings: &Settings, from_ms: i64) -> Self {
        let interval_ms = millis(interval_of(group, settings)).max(1);
        let slot_ms = slot_of(&(file.to_owned(), group.name.clone()), interval_ms);
        let offset_ms = millis(group.query_offset.unwrap_or(settings.query_offset));
        let first_ms = next_evaluation(from_ms.saturating_sub(1), interval_ms, slot_ms);
        Self { interval_ms, offset_ms, first_ms }
    }
}

/// A rule being replayed.
pub struct Replay {
    rule: AlertingRule,
    limit: usize,
    origin: Origin,
    settings: Settings,
    asker: Asker,
    timing: Timing,
    instances: Instances,
    open: HashMap<Labels, Life>,
    /// What was evaluated wrongly first.
    error: Option<String>,
}

impl std::fmt::Debug for Replay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Replay").field("rule", &self.rule.name).finish_non_exhaustive()
    }
}

impl Replay {
    /// A rule of a group in a file, from a time on. `source` is asked by templates only.
    pub fn new(
        (file, group): (&str, &GroupSpec),
        rule: &AlertingRule,
        settings: &Settings,
        (engine, source): (Engine, Arc<dyn Source>),
        from_ms: i64,
    ) -> Self {
        let timing = Timing::of((file, group), settings, from_ms);
        Self {
            rule: rule.clone(),
            limit: group.limit,
            origin: Origin {
                name: rule.name.clone(),
                group: group.name.clone(),
                file: file.to_owned(),
                interval: interval_of(group, settings),
            },
            settings: settings.clone(),
            asker: Asker::new(engine, source),
            timing,
            instances: Instances::default(),
            open: HashMap::new(),
            error: None,
        }
    }

    /// When it is evaluated.
    pub const fn timing(&self) -> Timing {
        self.timing
    }

    /// The rule.
    pub const fn rule(&self) -> &AlertingRule {
        &self.rule
    }

    /// Where it stands.
    pub const fn origin(&self) -> &Origin {
        &self.origin
    }

    /// What was evaluated wrongly first.
    pub fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }

    /// Whether nothing was and is.
    fn is_idle(&self) -> bool {
        self.instances.is_empty() && self.open.is_empty()
    }

    /// One evaluation, of which `outcome` is the expression's answer, or why there is none: what is to be told of it, and
    /// the lives that ended. Nothing where nothing was and is.
    pub fn step(
        &mut self,
        at_ms: i64,
        outcome: Result<Vec<VectorSample>, String>,
    ) -> Option<(Evaluation, Vec<Life>)> {
        if outcome.as_ref().is_ok_and(Vec::is_empty) && self.is_idle() {
            return None;
        }
        let around = Surroundings {
            external_labels: self.settings.external_labels.clone(),
            external_url: self.settings.external_url.clone(),
            now_ms: at_ms,
            query: self.asker.for_templates(at_ms.saturating_sub(self.timing.offset_ms)),
        };
        // Annotations decide nothing.
        let stepped = outcome
            .and_then(|samples| candidates(&self.rule, samples, &BTreeMap::new(), &around))
            .and_then(|found| self.instances.step(&self.rule, found, at_ms, self.limit));
        if let Err(error) = stepped {
            self.error.get_or_insert(error);
        }
        let list = self.instances.list();
        let ended = self.follow(&list, at_ms);
        let evaluation = Evaluation {
            rule: self.rule.id.clone(),
            origin: self.origin.clone(),
            evaluated_ms: at_ms,
            external_labels: self.settings.external_labels.clone(),
            generator_url: String::new(),
            instances: list,
        };
        Some((evaluation, ended))
    }

    /// What goes on at the end.
    pub fn finish(&mut self) -> Vec<Life> {
        let mut left: Vec<Life> = std::mem::take(&mut self.open).into_values().collect();
        left.sort_by(|left, right| left.labels.cmp(&right.labels));
        left
    }

    fn follow(&mut self, instances: &[AlertInstance], at_ms: i64) -> Vec<Life> {
        let mut ended = Vec::new();
        let mut before = std::mem::take(&mut self.open);
        for instance in instances {
            if instance.state == AlertState::Inactive {
                continue;
            }
            let external = &self.settings.external_labels;
            let mut life = before.remove(&instance.labels).unwrap_or_else(|| Life {
                labels: Labels::from_pairs(external.iter().chain(&instance.labels)),
                active_ms: instance.active_ms,
                fired_ms: None,
                ended_ms: None,
                value: instance.value,
                peak: instance.value,
            });
            if life.fired_ms.is_none() && instance.state == AlertState::Firing {
                life.fired_ms = instance.fired_ms;
                life.value = instance.value;
            }
            if instance.value.abs() > life.peak.abs() {
                life.peak = instance.value;
            }
            self.open.insert(instance.labels.clone(), life);
        }
        for (_, mut life) in before {
            life.ended_ms = Some(at_ms);
            ended.push(life);
        }
        ended
    }
}

/// How long the evaluations of a group are apart that does not say so itself.
pub fn interval_of(group: &GroupSpec, settings: &Settings) -> Duration {
    group.interval.unwrap_or(settings.evaluation_interval)
}

#[cfg(test)]
mod tests;
