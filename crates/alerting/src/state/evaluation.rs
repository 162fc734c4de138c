//! What a rule's evaluation changes: its instances, the alerts, and the groups they fall into.

use super::State;
use super::tables::{GroupId, Options, Tables};
use crate::config::Config;
use crate::fingerprint;
use crate::route::Route;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;
use watchfire_ledger::{
    Alert, AlertEventKind, AlertIdentity, EventDraft, Fingerprint, Group, InstanceState, LedgerError,
    RuleInstance, Texts, Writing,
};
use watchfire_model::Labels;
use watchfire_rules::{AlertInstance, AlertState, Evaluation};

impl State {
    /// Whether an evaluation changes nothing that is kept.
    pub(crate) fn is_news(&self, evaluation: &Evaluation) -> bool {
        !evaluation.instances.is_empty() || self.tables.rules.contains_key(&evaluation.rule)
    }

    /// Takes in an evaluation.
    pub(crate) fn commit(&mut self, evaluation: &Evaluation, now_ms: i64) -> Result<(), LedgerError> {
        let config = Arc::clone(&self.config);
        let start_ms = self.start_ms;
        self.change(|tables, write| {
            let changes = keep_instances(tables, write, evaluation)?;
            let mut touched = Vec::new();
            let mut routed = HashMap::new();
            for instance in &evaluation.instances {
                let labels = with_external(&instance.labels, &evaluation.external_labels);
                let fingerprint = fingerprint(&labels);
                match instance.state {
                    AlertState::Pending => {}
                    AlertState::Firing => {
                        let when = When { now_ms, start_ms };
                        let groups =
                            fire(tables, write, &config, (fingerprint, labels), instance, evaluation, when)?;
                        if let Some(groups) = groups {
                            routed.insert(fingerprint, groups);
                        }
                    }
                    AlertState::Inactive => {
                        let ends_ms = instance.resolved_ms.unwrap_or(evaluation.evaluated_ms);
                        resolve(tables, write, fingerprint, ends_ms, Some(instance.value))?;
                        touched.push(fingerprint);
                    }
                }
            }
            for change in &changes {
                change.record(tables, write, evaluation, &routed)?;
            }
            tables.forget_loose(write, &touched, now_ms)
        })
    }

    /// Ends the alerts of all rules but these.
    pub(crate) fn retain(
        &mut self,
        rules: &BTreeSet<String>,
        external_labels: &Labels,
        now_ms: i64,
    ) -> Result<(), LedgerError> {
        let gone: Vec<String> =
            self.tables.rules.keys().filter(|rule| !rules.contains(*rule)).cloned().collect();
        if gone.is_empty() {
            return Ok(());
        }
        self.change(|tables, write| {
            let mut touched = Vec::new();
            for rule in gone {
                write.delete_rule(&rule)?;
                for (labels, instance) in tables.rules.remove(&rule).unwrap_or_default() {
                    let fingerprint = fingerprint(&with_external(&labels, external_labels));
                    if instance.state == InstanceState::Firing {
                        resolve(tables, write, fingerprint, now_ms, Some(instance.value))?;
                        touched.push(fingerprint);
                    } else if instance.state == InstanceState::Pending {
                        let event = event_of(&instance, AlertEventKind::Inactive, now_ms);
                        tables.recorder.withdrawn(write, fingerprint, &event)?;
                    }
                }
            }
            tables.forget_loose(write, &touched, now_ms)
        })
    }
}

/// External labels where the alert has none of that name.
fn with_external(labels: &Labels, external: &Labels) -> Labels {
    if external.is_empty() {
        return labels.clone();
    }
    Labels::from_pairs(external.iter().chain(labels))
}

fn keep_instances(
    tables: &mut Tables,
    write: &Writing<'_>,
    evaluation: &Evaluation,
) -> Result<Vec<Change>, LedgerError> {
    let kept = tables.rules.remove(&evaluation.rule).unwrap_or_default();
    if evaluation.instances.is_empty() {
        write.delete_rule(&evaluation.rule)?;
        return Ok(changes(kept, &BTreeMap::new()));
    }
    let now: BTreeMap<Labels, RuleInstance> =
        evaluation.instances.iter().map(|instance| (instance.labels.clone(), kept_form(instance))).collect();
    write.set_rule_evaluated(&evaluation.rule, evaluation.evaluated_ms)?;
    let changed = now.iter().filter(|(labels, instance)| kept.get(*labels) != Some(*instance));
    write.put_instances(&evaluation.rule, changed.map(|(_, instance)| instance))?;
    write.delete_instances(&evaluation.rule, kept.keys().filter(|labels| !now.contains_key(*labels)))?;
    let changes = changes(kept, &now);
    tables.rules.insert(evaluation.rule.clone(), now);
    Ok(changes)
}

/// An instance that is not what it was.
struct Change {
    kind: AlertEventKind,
    instance: RuleInstance,
}

/// What is new between two evaluations; of the ends of what fired, history learns with the alert.
fn changes(before: BTreeMap<Labels, RuleInstance>, now: &BTreeMap<Labels, RuleInstance>) -> Vec<Change> {
    let mut changes = Vec::new();
    for (labels, instance) in now {
        let was = before.get(labels).map(|instance| instance.state);
        let kind = match (was, instance.state) {
            (Some(was), is) if was == is => continue,
            (_, InstanceState::Pending) => AlertEventKind::Pending,
            (_, InstanceState::Firing) => AlertEventKind::Firing,
            (_, InstanceState::Resolved) => continue,
        };
        changes.push(Change { kind, instance: instance.clone() });
    }
    for (labels, instance) in before {
        if instance.state == InstanceState::Pending && !now.contains_key(&labels) {
            changes.push(Change { kind: AlertEventKind::Inactive, instance });
        }
    }
    changes
}

impl Change {
    fn record(
        &self,
        tables: &mut Tables,
        write: &Writing<'_>,
        evaluation: &Evaluation,
        routed: &HashMap<Fingerprint, Vec<GroupId>>,
    ) -> Result<(), LedgerError> {
        let labels = with_external(&self.instance.labels, &evaluation.external_labels);
        let fingerprint = fingerprint(&labels);
        let event = event_of(&self.instance, self.kind, evaluation.evaluated_ms);
        if self.kind == AlertEventKind::Inactive {
            return tables.recorder.withdrawn(write, fingerprint, &event);
        }
        let origin = &evaluation.origin;
        let identity = AlertIdentity {
            fingerprint,
            labels,
            rule: origin.name.clone(),
            group: origin.group.clone(),
            file: origin.file.clone(),
        };
        let groups = routed.get(&fingerprint).map_or(&[][..], Vec::as_slice);
        tables.recorder.begins(write, &identity, &event, groups)
    }
}

fn event_of(instance: &RuleInstance, kind: AlertEventKind, at_ms: i64) -> EventDraft<'_> {
    EventDraft {
        at_ms,
        kind,
        value: Some(instance.value),
        active_ms: Some(instance.active_ms),
        fired_ms: instance.fired_ms,
        annotations: (kind != AlertEventKind::Inactive).then_some(&instance.annotations),
        detail: None,
    }
}

/// An instance as the ledger keeps it.
pub(crate) fn kept_form(instance: &AlertInstance) -> RuleInstance {
    RuleInstance {
        labels: instance.labels.clone(),
        annotations: Texts::from(&instance.annotations),
        state: match instance.state {
            AlertState::Pending => InstanceState::Pending,
            AlertState::Firing => InstanceState::Firing,
            AlertState::Inactive => InstanceState::Resolved,
        },
        value: instance.value,
        active_ms: instance.active_ms,
        fired_ms: instance.fired_ms,
        resolved_ms: instance.resolved_ms,
        keep_firing_since_ms: instance.keep_firing_since_ms,
    }
}

/// An instance as rules have it.
pub(crate) fn rule_form(instance: RuleInstance) -> AlertInstance {
    AlertInstance {
        labels: instance.labels,
        annotations: instance.annotations.to_map(),
        state: match instance.state {
            InstanceState::Pending => AlertState::Pending,
            InstanceState::Firing => AlertState::Firing,
            InstanceState::Resolved => AlertState::Inactive,
        },
        value: instance.value,
        active_ms: instance.active_ms,
        fired_ms: instance.fired_ms,
        resolved_ms: instance.resolved_ms,
        keep_firing_since_ms: instance.keep_firing_since_ms,
    }
}

/// The time, and when the first groups may be told.
#[derive(Clone, Copy, Debug)]
pub(super) struct When {
    pub(super) now_ms: i64,
    pub(super) start_ms: i64,
}

fn fire(
    tables: &mut Tables,
    write: &Writing<'_>,
    config: &Config,
    (fingerprint, labels): (Fingerprint, Labels),
    instance: &AlertInstance,
    evaluation: &Evaluation,
    when: When,
) -> Result<Option<Vec<GroupId>>, LedgerError> {
    // As the instance was kept a moment ago.
    let kept = tables.rules.get(&evaluation.rule).and_then(|instances| instances.get(&instance.labels));
    let annotations =
        kept.map_or_else(|| Texts::from(&instance.annotations), |kept| kept.annotations.clone());
    let firing = |alert: &&mut Alert| !alert.is_resolved(when.now_ms);
    if let Some(alert) = tables.alerts.get_mut(&fingerprint).filter(firing) {
        alert.updated_ms = evaluation.evaluated_ms;
        let same = alert.annotations == annotations
            && *alert.generator_url == *evaluation.generator_url
            && alert.ends_ms.is_none();
        if same {
            return Ok(None);
        }
        alert.annotations = annotations;
        alert.generator_url = evaluation.generator_url.as_str().into();
        // What came from outside and is watched by a rule, too, lasts as long as the rule says.
        (alert.ends_ms, alert.by_timeout) = (None, false);
        write.put_alert(alert)?;
        return Ok(None);
    }
    let alert = Alert {
        row: 0,
        fingerprint,
        labels,
        annotations,
        starts_ms: instance.fired_ms.unwrap_or(evaluation.evaluated_ms),
        ends_ms: None,
        by_timeout: false,
        updated_ms: evaluation.evaluated_ms,
        generator_url: evaluation.generator_url.as_str().into(),
    };
    begin(tables, write, config, alert, when).map(Some)
}

/// Keeps an alert that was not there, or was over, and puts it where its routes lead; returns where that is.
pub(super) fn begin(
    tables: &mut Tables,
    write: &Writing<'_>,
    config: &Config,
    alert: Alert,
    when: When,
) -> Result<Vec<GroupId>, LedgerError> {
    // What was there before and ended unseen has its end in history first.
    if let Some(before) = tables.alerts.get(&alert.fingerprint) {
        tables.recorder.ends(write, before, None)?;
    }
    let mut groups = Vec::new();
    if let Some(root) = &config.route {
        for route in root.matching(&alert.labels) {
            groups.push(join(tables, route, &alert, when));
        }
    }
    tables.put_alert(write, alert)?;
    Ok(groups)
}

fn resolve(
    tables: &mut Tables,
    write: &Writing<'_>,
    fingerprint: Fingerprint,
    ends_ms: i64,
    value: Option<f64>,
) -> Result<(), LedgerError> {
    // An alert that began after this end is another one: its rule was renamed, or two rules give the same labels.
    let ended = tables
        .alerts
        .get_mut(&fingerprint)
        .filter(|alert| !alert.is_resolved(ends_ms) && alert.starts_ms <= ends_ms);
    let Some(alert) = ended else { return Ok(()) };
    (alert.ends_ms, alert.by_timeout) = (Some(ends_ms), false);
    alert.updated_ms = ends_ms;
    write.put_alert(alert)?;
    tables.recorder.ends(write, alert, value)
}

/// Puts an alert into its group of a route, beginning the group if need be.
pub(super) fn join(tables: &mut Tables, route: &Route, alert: &Alert, when: When) -> GroupId {
    let labels = route.group_labels(&alert.labels);
    let id = tables.id_of(&route.group_key(&labels), &route.receiver);
    let known = tables.groups.get(&id).map(|group| tables.options(group));
    if !known.as_ref().is_some_and(|options| options.is_of(route)) {
        let options = tables.known_options(&Options::from(route).text());
        if let Some(group) = tables.groups.get_mut(&id) {
            group.options = options;
            tables.touch(&id);
        } else {
            let wait_ms = millis(route.group_wait);
            // Whoever has waited long enough elsewhere, in a group before a restart for instance, does not wait again.
            let waited = alert.starts_ms.saturating_add(wait_ms) < when.now_ms;
            let flush_ms = if waited { when.now_ms } else { when.now_ms.saturating_add(wait_ms) };
            let group = Group {
                key: id.0.clone(),
                receiver: id.1.clone(),
                labels,
                options,
                members: BTreeSet::new(),
                created_ms: when.now_ms,
                next_flush_ms: flush_ms.max(when.start_ms),
            };
            tables.put_group(&id, group);
        }
    }
    if tables.add_member(&id, alert.fingerprint) {
        tables.touch(&id);
    }
    id
}

pub(crate) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
