//! Alerting rules: what an expression's answer makes of a rule's instances.

use crate::file::AlertingRule;
use crate::query::{Asker, Found, float_of};
use crate::sink::{AlertInstance, AlertState, Restored};
use crate::template::{self, Compiled, Surroundings};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;
use watchfire_model::ingest::Row;
use watchfire_model::{Labels, METRIC_NAME, SampleValue};

const ALERT_NAME: &str = "alertname";
const ALERT_STATE: &str = "alertstate";
const ALERTS: &str = "ALERTS";
const ALERTS_FOR_STATE: &str = "ALERTS_FOR_STATE";
/// How long a resolved instance is remembered, so that whoever missed its end is told again.
const RESOLVED_RETENTION: Duration = Duration::from_secs(15 * 60);
/// A pending instance whose rule was not evaluated for longer than this begins anew: too much is unknown.
const OUTAGE_TOLERANCE: Duration = Duration::from_secs(60 * 60);

/// An instance that the expression's answer names.
#[derive(Debug)]
pub(crate) struct Candidate {
    pub(crate) labels: Labels,
    pub(crate) annotations: BTreeMap<String, String>,
    pub(crate) value: f64,
}

/// Asks the expression and fills in the templates. Blocks.
pub(crate) fn ask(
    rule: &AlertingRule,
    asker: &Asker,
    at_ms: i64,
    around: &Surroundings,
) -> Result<Vec<Candidate>, String> {
    let samples = asker.vector(Arc::clone(&rule.expr.tree), at_ms)?;
    candidates(rule, samples, &rule.annotations, around)
}

/// The instances that an answer names; fills in the templates of the labels, and of these annotations.
pub(crate) fn candidates(
    rule: &AlertingRule,
    samples: Vec<Found>,
    annotations: &BTreeMap<String, String>,
    around: &Surroundings,
) -> Result<Vec<Candidate>, String> {
    let compile = |texts: &BTreeMap<String, String>| -> Vec<(String, Result<Compiled, String>)> {
        texts
            .iter()
            .map(|(name, text)| {
                let compiled = Compiled::new(&rule.name, text, around).map_err(|problem| problem.message);
                (name.clone(), compiled)
            })
            .collect()
    };
    let (label_templates, annotation_templates) = (compile(&rule.labels), compile(annotations));
    let mut seen = HashSet::with_capacity(samples.len());
    let mut candidates = Vec::with_capacity(samples.len());
    for sample in samples {
        let value = float_of(&sample.value);
        let data = template::data(&sample.labels, value, around);
        let expand = |(name, compiled): &(String, Result<Compiled, String>)| {
            let expanded = match compiled {
                Ok(compiled) => compiled.expand(&rule.name, &data),
                Err(message) => Err(message.clone()),
            };
            let text = expanded.unwrap_or_else(|message| {
                tracing::warn!(rule = rule.name, template = name, error = message, "template failed");
                format!("<error expanding template: {message}>")
            });
            (name.clone(), text)
        };
        let mut builder = sample.labels.to_builder();
        builder.remove(METRIC_NAME);
        for (name, text) in label_templates.iter().map(expand) {
            builder.set(name, text);
        }
        builder.set(ALERT_NAME, rule.name.as_str());
        let labels = builder.build();
        if !seen.insert(labels.clone()) {
            return Err(
                "vector contains metrics with the same labelset after applying alert labels".to_owned()
            );
        }
        let annotations = annotation_templates.iter().map(expand).collect();
        candidates.push(Candidate { labels, annotations, value });
    }
    Ok(candidates)
}

/// The instances of one alerting rule.
#[derive(Clone, Debug, Default)]
pub(crate) struct Instances {
    active: HashMap<Labels, AlertInstance>,
}

impl Instances {
    /// Takes up what was kept of the rule. The time that was not watched does not count as pending; after an outage
    /// of more than an hour pending instances begin anew. What fires, fires.
    pub(crate) fn restore(restored: Restored, now_ms: i64) -> Self {
        let unwatched_ms = now_ms.saturating_sub(restored.evaluated_ms).max(0);
        let forget = unwatched_ms > millis(OUTAGE_TOLERANCE);
        let active = restored
            .instances
            .into_iter()
            .filter(|instance| !(forget && instance.state == AlertState::Pending))
            .map(|mut instance| {
                if instance.state == AlertState::Pending {
                    instance.active_ms = instance.active_ms.saturating_add(unwatched_ms);
                }
                (instance.labels.clone(), instance)
            })
            .collect();
        Self { active }
    }

    /// Whether nothing is known.
    pub(crate) fn is_empty(&self) -> bool {
        self.active.is_empty()
    }

    /// All instances, by labels.
    pub(crate) fn list(&self) -> Vec<AlertInstance> {
        let mut list: Vec<AlertInstance> = self.active.values().cloned().collect();
        list.sort_by(|left, right| left.labels.cmp(&right.labels));
        list
    }

    /// Takes in the candidates of one evaluation; fails, and forgets everything, when there are more than `limit`.
    pub(crate) fn step(
        &mut self,
        rule: &AlertingRule,
        candidates: Vec<Candidate>,
        at_ms: i64,
        limit: usize,
    ) -> Result<(), String> {
        let mut named = HashSet::with_capacity(candidates.len());
        for candidate in candidates {
            named.insert(candidate.labels.clone());
            match self.active.get_mut(&candidate.labels) {
                Some(instance) if instance.state != AlertState::Inactive => {
                    instance.value = candidate.value;
                    instance.annotations = candidate.annotations;
                }
                _ => {
                    let instance = AlertInstance {
                        labels: candidate.labels.clone(),
                        annotations: candidate.annotations,
                        state: AlertState::Pending,
                        value: candidate.value,
                        active_ms: at_ms,
                        fired_ms: None,
                        resolved_ms: None,
                        keep_firing_since_ms: None,
                    };
                    self.active.insert(candidate.labels, instance);
                }
            }
        }
        let mut in_force = 0_usize;
        self.active.retain(|labels, instance| {
            let keep = advance(instance, rule, named.contains(labels), at_ms);
            in_force += usize::from(keep && instance.state != AlertState::Inactive);
            keep
        });
        if limit > 0 && in_force > limit {
            self.active.clear();
            return Err(format!("exceeded limit of {limit} with {in_force} alerts"));
        }
        Ok(())
    }

    /// `ALERTS` and `ALERTS_FOR_STATE` of the instances in force.
    pub(crate) fn rows(&self, at_ms: i64) -> Vec<Row> {
        let in_force = self.active.values().filter(|instance| instance.state != AlertState::Inactive);
        in_force
            .flat_map(|instance| {
                let mut builder = instance.labels.to_builder();
                builder.set(METRIC_NAME, ALERTS_FOR_STATE);
                let for_state = row(builder.build(), at_ms, instance.active_ms.div_euclid(1000) as f64);
                builder.set(METRIC_NAME, ALERTS).set(ALERT_STATE, instance.state.as_str());
                [row(builder.build(), at_ms, 1.0), for_state]
            })
            .collect()
    }
}

fn row(series: Labels, timestamp_ms: i64, value: f64) -> Row {
    Row { series, timestamp_ms, start_timestamp_ms: 0, value: SampleValue::Float(value) }
}

/// Moves one instance on; `false` if it is to be forgotten.
fn advance(instance: &mut AlertInstance, rule: &AlertingRule, named: bool, at_ms: i64) -> bool {
    if named {
        instance.keep_firing_since_ms = None;
    } else {
        let firing = instance.state == AlertState::Firing;
        let held = firing && !rule.keep_firing_for.is_zero() && {
            let since = *instance.keep_firing_since_ms.get_or_insert(at_ms);
            at_ms.saturating_sub(since) < millis(rule.keep_firing_for)
        };
        let long_gone = instance
            .resolved_ms
            .is_some_and(|resolved| at_ms.saturating_sub(resolved) > millis(RESOLVED_RETENTION));
        if instance.state == AlertState::Pending || long_gone {
            return false;
        }
        if !held {
            if firing {
                instance.state = AlertState::Inactive;
                instance.resolved_ms = Some(at_ms);
            }
            return true;
        }
    }
    let active_for = at_ms.saturating_sub(instance.active_ms);
    if instance.state == AlertState::Pending && active_for >= millis(rule.hold) {
        instance.state = AlertState::Firing;
        instance.fired_ms = Some(at_ms);
    }
    true
}

pub(crate) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
