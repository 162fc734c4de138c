//! A backtest before it runs: which rules are needed, from when on, and whether that is too much.

use super::super::overlay::Overlay;
use super::super::plan::{self, Part, Step};
use super::super::reads::{Reads, Writes};
use super::super::recorder::{AlertWriter, Recorder};
use super::super::{Pending, Replay, Timing};
use super::{Backtest, Kind, Node, Plan};
use crate::alerting::millis;
use crate::file::Rule;
use crate::query::Asker;
use std::sync::Arc;
use watchfire_promql::{Engine, Source};

impl Backtest {
    /// Makes the plan. `source` is where series are stored.
    ///
    /// # Errors
    /// What it would take too much of, with the rule that takes most.
    pub fn new(plan: &Plan<'_>, engine: &Engine, source: Arc<dyn Source>) -> Result<Self, String> {
        let lookback_ms = millis(engine.options().lookback);
        let (from_ms, to_ms) = plan.range;
        let mut parts = Vec::new();
        let mut nodes = Vec::new();
        for (number, group) in plan.file.groups.iter().enumerate() {
            let file = plan.places.get(&group.name).map_or(plan.file.name.as_str(), String::as_str);
            for (place, rule) in group.rules.iter().enumerate() {
                let timing = Timing::of((file, group), plan.settings, from_ms);
                let reads = Reads::of(&rule.expr().tree, lookback_ms);
                let kind = match rule {
                    Rule::Recording(rule) => Kind::Recording(Recorder::new(rule, group.limit)),
                    Rule::Alerting(_) => Kind::Alerting { told: None, writer: None },
                };
                nodes.push(Node {
                    rule: rule.clone(),
                    group: group.name.clone(),
                    timing,
                    limit: group.limit,
                    singly: reads.singly,
                    kind,
                    next_ms: timing.first_ms,
                    width: 64,
                    failures: 0,
                    error: None,
                    pending: Pending::new(),
                });
                let writes = Writes::of(rule);
                parts.push(Part { place: (number, place), offset_ms: timing.offset_ms, reads, writes });
            }
        }
        let is_chosen = |rule: &Rule| matches!(rule, Rule::Alerting(rule) if plan.only.is_none_or(|only| *only == *rule.name));
        let chosen: Vec<usize> = nodes
            .iter()
            .enumerate()
            .filter(|(_, node)| is_chosen(&node.rule))
            .map(|(index, _)| index)
            .collect();
        let edges = plan::edges(&parts);
        let needed = plan::needed(&edges, chosen.iter().copied());
        let steps = plan::steps(&parts, &edges, &needed);
        for step in steps.iter().filter(|step| step.one_by_one) {
            for rule in &step.rules {
                if let Some(node) = nodes.get_mut(*rule) {
                    node.singly = true;
                }
            }
        }
        begin_before(&mut nodes, &steps, &edges, from_ms);
        let read: Vec<bool> = (0..nodes.len())
            .map(|writer| {
                let is_read = |(reader, read): (usize, &Vec<(usize, Option<i64>)>)| {
                    needed.get(reader) == Some(&true) && read.iter().any(|(found, _)| *found == writer)
                };
                edges.iter().enumerate().any(is_read)
            })
            .collect();
        let writers =
            nodes.iter().zip(&parts).enumerate().filter(|(index, _)| read.get(*index) == Some(&true));
        let writers = writers
            .map(|(_, (node, part))| (part.writes.clone(), node.begin_ms() - part.offset_ms))
            .collect();
        let asking = parts.iter().zip(&needed).filter(|(_, needed)| **needed).map(|(part, _)| &part.reads);
        let overlay = Arc::new(Overlay::new(source, writers, asking));
        let over: Arc<dyn Source> = overlay.clone();
        let (mut replays, mut behind) = (Vec::new(), Vec::new());
        for index in &chosen {
            let Some(node) = nodes.get_mut(*index) else { continue };
            let Some(group) = plan.file.groups.iter().find(|group| group.name == node.group) else {
                continue;
            };
            let Rule::Alerting(rule) = &node.rule else { continue };
            let file = plan.places.get(&group.name).map_or(plan.file.name.as_str(), String::as_str);
            let asked = (engine.clone(), Arc::clone(&over));
            let replay = Replay::new((file, group), rule, plan.settings, asked, from_ms);
            if let Kind::Alerting { told, .. } = &mut node.kind {
                *told = Some((replays.len(), node.timing.first_ms));
            }
            replays.push(replay);
            let own = plan::needed(&edges, [*index]);
            behind.push(own.iter().enumerate().filter(|(_, own)| **own).map(|(index, _)| index).collect());
        }
        for (node, is_read) in nodes.iter_mut().zip(&read) {
            if let Kind::Alerting { writer, .. } = &mut node.kind
                && *is_read
            {
                *writer = Some(AlertWriter::default());
            }
        }
        let writes = parts.into_iter().map(|part| part.writes).collect();
        let backtest = Self {
            nodes,
            steps,
            replays,
            behind,
            writes,
            overlay,
            asker: Asker::new(engine.clone(), over),
            settings: plan.settings.clone(),
            from_ms,
            to_ms,
            limits: plan.limits,
            held: 0,
        };
        backtest.check()?;
        Ok(backtest)
    }

    fn check(&self) -> Result<(), String> {
        for (singly, most) in [(false, self.limits.evaluations), (true, self.limits.singly)] {
            let of = |node: &Node| -> i64 {
                (self.to_ms.saturating_sub(node.begin_ms()) / node.timing.interval_ms).saturating_add(1)
            };
            let counted: Vec<(&Node, i64)> =
                self.needed().filter(|node| !singly || node.singly).map(|node| (node, of(node))).collect();
            let total = counted.iter().fold(0_i64, |total, (_, count)| total.saturating_add(*count));
            let Some((node, count)) = counted.iter().max_by_key(|(_, count)| *count) else { continue };
            if total > most {
                let why = if singly {
                    " one by one (they look ahead, use @, or read themselves or a rule that stands after them)"
                } else {
                    ""
                };
                return Err(format!(
                    "{total} evaluations{why}, more than the {most} that one backtest may have; {} of them are of rule {:?} \
                     of group {:?} with its interval of {}: ask for a shorter time, for one rule with \"rule\", or give the \
                     group a longer interval",
                    count,
                    node.rule.name(),
                    node.group,
                    watchfire_model::duration::format(std::time::Duration::from_millis(
                        node.timing.interval_ms.unsigned_abs()
                    )),
                ));
            }
        }
        Ok(())
    }
}

/// Lets recording rules begin so long before the time asked for that those who read them find what they look at.
fn begin_before(nodes: &mut [Node], steps: &[Step], edges: &plan::Edges, from_ms: i64) {
    let mut before = vec![0_i64; nodes.len()];
    for step in steps.iter().rev() {
        let own = step.rules.iter().filter_map(|rule| before.get(*rule).copied()).max().unwrap_or(0);
        for rule in &step.rules {
            if let Some(node) = nodes.get_mut(*rule)
                && matches!(node.kind, Kind::Recording(_))
                && own > 0
            {
                let interval_ms = node.timing.interval_ms;
                let early = own.min(from_ms.max(0)) / interval_ms + 1;
                node.timing.first_ms -= early * interval_ms;
                node.next_ms = node.timing.first_ms;
            }
            for (writer, back_ms) in edges.get(*rule).into_iter().flatten() {
                if step.rules.contains(writer) {
                    continue;
                }
                let is_recording =
                    nodes.get(*rule).is_some_and(|node| matches!(node.kind, Kind::Recording(_)));
                let own = if is_recording { own } else { 0 };
                if let (Some(before), Some(back_ms)) = (before.get_mut(*writer), back_ms) {
                    *before = (*before).max(own.saturating_add(*back_ms));
                }
            }
        }
    }
}
