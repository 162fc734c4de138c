//! A file of rules over the past, stretch by stretch.

use super::overlay::Overlay;
use super::plan::Step;
use super::reads::Writes;
use super::recorder::{AlertWriter, Recorder, by_time};
use super::{Life, Outcome, Pending, Replay, Timing};
use crate::file::{Rule, RuleFile};
use crate::manager::Settings;
use crate::query::Asker;
use crate::sink::Evaluation;
use crate::template::Surroundings;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;
use watchfire_model::{Matcher, SampleValue, Samples, Series};
use watchfire_promql::ast::Expr;
use watchfire_promql::{Query, QueryError, QueryResult, Source, Value};

mod prepare;

/// How many evaluations one query asks for at most.
const MOST_AT_ONCE: i64 = 4_096;
/// How many samples of answers wait for their turn, about.
const MOST_HELD: usize = 1_000_000;
/// A rule that failed so often is not asked any more.
const MOST_FAILURES: u64 = 1_000;

/// What is replayed, and how.
pub struct Plan<'a> {
    /// The rules.
    pub file: &'a RuleFile,
    /// Only the alerting rules of this name.
    pub only: Option<&'a str>,
    /// What the configuration says about all groups.
    pub settings: &'a Settings,
    /// The files in which groups stand that are evaluated elsewhere, by the groups' names: it decides at which times they are.
    pub places: &'a HashMap<String, String>,
    /// From when on, and until when, in milliseconds since the Unix epoch.
    pub range: (i64, i64),
    /// What may be spent.
    pub limits: Limits,
}

impl std::fmt::Debug for Plan<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plan")
            .field("file", &self.file.name)
            .field("range", &self.range)
            .finish_non_exhaustive()
    }
}

/// What one backtest may spend.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Evaluations that are asked for many at once.
    pub evaluations: i64,
    /// Evaluations that have to be asked for one by one.
    pub singly: i64,
    /// Bytes that recorded series may take.
    pub bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { evaluations: 100_000_000, singly: 2_000_000, bytes: 256 << 20 }
    }
}

/// Whoever answers the questions of a replay and hears of its alerts.
pub trait Host {
    /// Why it does not go on.
    type Stop;

    /// Answers a query of a rule, over [`Backtest::source`].
    fn ask(&mut self, rule: &Rule, query: Query) -> Result<Result<QueryResult, QueryError>, Self::Stop>;

    /// An alerting rule was evaluated; by its number in [`Backtest::replays`]. They come in the order of time.
    fn evaluated(&mut self, rule: usize, evaluation: &Evaluation, ended: Vec<Life>)
    -> Result<(), Self::Stop>;

    /// Nothing more happens until this time, in milliseconds since the Unix epoch.
    fn passed(&mut self, to_ms: i64) -> Result<(), Self::Stop>;
}

/// Why a backtest came to no end.
#[derive(Debug)]
pub enum Ended<S> {
    /// The host stopped it.
    Stopped(S),
    /// It would take too much; says which rule, and what to change.
    Refused(String),
}

/// A rule of the file.
struct Node {
    rule: Rule,
    group: String,
    timing: Timing,
    limit: usize,
    singly: bool,
    kind: Kind,
    /// Its next evaluation, in milliseconds since the Unix epoch.
    next_ms: i64,
    /// How many evaluations the next query asks for.
    width: i64,
    failures: u64,
    error: Option<String>,
    /// Answers that wait for their turn.
    pending: Pending,
}

enum Kind {
    Recording(Recorder),
    Alerting {
        /// Its number among those that are told of, and when its turn is there.
        told: Option<(usize, i64)>,
        /// If other rules read its series.
        writer: Option<AlertWriter>,
    },
}

/// Rules of a file being replayed.
pub struct Backtest {
    nodes: Vec<Node>,
    steps: Vec<Step>,
    replays: Vec<Replay>,
    /// Of each replay, the rules whose expressions decide.
    behind: Vec<Vec<usize>>,
    writes: Vec<Writes>,
    overlay: Arc<Overlay>,
    asker: Asker,
    settings: Settings,
    from_ms: i64,
    to_ms: i64,
    limits: Limits,
    /// Samples in answers that wait.
    held: usize,
}

impl std::fmt::Debug for Backtest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Backtest").field("rules", &self.nodes.len()).finish_non_exhaustive()
    }
}

impl Backtest {
    fn needed(&self) -> impl Iterator<Item = &Node> {
        self.steps.iter().flat_map(|step| &step.rules).filter_map(|rule| self.nodes.get(*rule))
    }

    /// The store as the rules see it.
    pub fn source(&self) -> Arc<dyn Source> {
        Arc::clone(&self.overlay) as _
    }

    /// How many evaluations there are, those of the recording rules included.
    pub fn evaluations(&self) -> i64 {
        let of = |node: &Node| (self.to_ms - node.begin_ms()) / node.timing.interval_ms + 1;
        self.needed().map(of).sum()
    }

    /// The alerting rules.
    pub fn replays(&self) -> &[Replay] {
        &self.replays
    }

    /// The names of the recording rules that are replayed, each once.
    pub fn recorded(&self) -> Vec<&str> {
        let recording = self.needed().filter(|node| matches!(node.rule, Rule::Recording(_)));
        let mut names: Vec<&str> = recording.map(|node| node.rule.name()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// The expressions that decide about an alerting rule: its own, and those of the rules whose series it reads.
    pub fn expressions(&self, replay: usize) -> Vec<Arc<Expr>> {
        let behind = self.behind.get(replay).into_iter().flatten();
        behind
            .filter_map(|rule| self.nodes.get(*rule))
            .map(|node| Arc::clone(&node.rule.expr().tree))
            .collect()
    }

    /// Whether a selector reads what a rule of the file writes.
    pub fn is_replayed(&self, matchers: &[Matcher]) -> bool {
        self.writes.iter().any(|writes| writes.may_satisfy(matchers))
    }

    /// Of a rule that is replayed, recording ones included: its name, its group, and what went wrong first.
    pub fn faults(&self) -> Vec<(&str, &str, &str)> {
        let faulty = |node: &'_ Node| node.error.is_some();
        self.needed()
            .filter(|node| faulty(node))
            .map(|node| (node.rule.name(), node.group.as_str(), node.error.as_deref().unwrap_or_default()))
            .collect()
    }

    /// What goes on at the end, of a rule by its number.
    pub fn finish(&mut self, replay: usize) -> Vec<Life> {
        self.replays.get_mut(replay).map(Replay::finish).unwrap_or_default()
    }

    /// Samples in answers that wait.
    #[cfg(test)]
    pub(super) const fn held(&self) -> usize {
        self.held
    }

    /// Lets recording rules begin with the time asked for.
    #[cfg(test)]
    pub(super) fn begin_at_once(&mut self) {
        for node in &mut self.nodes {
            let late = (self.from_ms - node.timing.first_ms).max(0);
            let interval_ms = node.timing.interval_ms;
            node.timing.first_ms += (late + interval_ms - 1) / interval_ms * interval_ms;
            node.next_ms = node.timing.first_ms;
        }
    }

    /// Replays everything.
    ///
    /// # Errors
    /// Where the host stops it, or too much memory would be needed.
    pub fn run<H: Host>(&mut self, host: &mut H) -> Result<(), Ended<H::Stop>> {
        let intervals = self.needed().map(|node| node.timing.interval_ms);
        let stretch_ms = intervals.min().unwrap_or(1).saturating_mul(MOST_AT_ONCE);
        let mut begin_ms = self.needed().map(Node::begin_ms).min().unwrap_or(self.from_ms).min(self.from_ms);
        while begin_ms <= self.to_ms {
            let mut end_ms = begin_ms.saturating_add(stretch_ms - 1).min(self.to_ms);
            for step in 0..self.steps.len() {
                end_ms = self.advance(step, end_ms, host)?;
            }
            self.follow(end_ms, host)?;
            self.overlay.forget(end_ms.saturating_sub(self.longest_offset_ms()));
            let bytes = self.overlay.bytes();
            if bytes > self.limits.bytes {
                let (metric, series) = self.overlay.largest().unwrap_or_default();
                return Err(Ended::Refused(format!(
                    "what the recording rules of the file record takes {} MiB at once, more than the {} MiB that one \
                     backtest may take; most of it is {metric:?} with {series} series: backtest fewer rules with \"rule\", \
                     give its group a longer interval, or let other rules read less of it at once",
                    bytes >> 20,
                    self.limits.bytes >> 20,
                )));
            }
            begin_ms = end_ms.saturating_add(1);
        }
        Ok(())
    }

    fn longest_offset_ms(&self) -> i64 {
        self.needed().map(|node| node.timing.offset_ms).max().unwrap_or(0)
    }

    /// Evaluates the rules of a step to a time at most, and returns how far it came.
    fn advance<H: Host>(&mut self, step: usize, end_ms: i64, host: &mut H) -> Result<i64, Ended<H::Stop>> {
        let Some(Step { rules, one_by_one }) = self.steps.get(step) else { return Ok(end_ms) };
        let (rules, one_by_one) = (rules.clone(), *one_by_one);
        let next = |nodes: &[Node]| -> Option<(i64, usize)> {
            rules.iter().filter_map(|rule| nodes.get(*rule).map(|node| (node.next_ms, *rule))).min()
        };
        let mut last_ms = i64::MIN;
        while let Some((next_ms, rule)) = next(&self.nodes).filter(|(next_ms, _)| *next_ms <= end_ms) {
            if next_ms > last_ms && last_ms > i64::MIN && self.is_full() {
                return Ok(next_ms - 1);
            }
            let to_ms = if one_by_one { next_ms } else { end_ms };
            self.ask(rule, to_ms, host)?;
            last_ms = last_ms.max(next_ms);
        }
        Ok(end_ms)
    }

    /// Whether answers have to be followed before more are asked for.
    fn is_full(&self) -> bool {
        self.held > MOST_HELD || self.overlay.bytes() > self.limits.bytes / 4 * 3
    }

    /// Asks for the next evaluations of a rule, to a time at most, and takes the answer.
    fn ask<H: Host>(&mut self, rule: usize, to_ms: i64, host: &mut H) -> Result<(), Ended<H::Stop>> {
        let Some(node) = self.nodes.get_mut(rule) else { return Ok(()) };
        let Timing { interval_ms, offset_ms, .. } = node.timing;
        let due = (to_ms - node.next_ms) / interval_ms + 1;
        if node.failures >= MOST_FAILURES {
            let told = matches!(node.kind, Kind::Alerting { .. });
            for number in (0..due).filter(|_| told) {
                let at_ms = node.next_ms + number * interval_ms;
                node.pending.push_back((at_ms, Err(node.error.clone().unwrap_or_default())));
            }
            node.next_ms += due * interval_ms;
            return Ok(());
        }
        let mut count = if node.singly { 1 } else { node.width.min(due) };
        loop {
            let first_ms = node.next_ms - offset_ms;
            let last_ms = first_ms + (count - 1) * interval_ms;
            let tree = Arc::clone(&node.rule.expr().tree);
            let query = match count {
                1 => Query::instant(tree, first_ms),
                _ => Query::range(tree, first_ms, last_ms, interval_ms),
            };
            if node.singly {
                self.overlay.look_no_farther_than(node.next_ms);
            }
            let answered = host.ask(&node.rule, query);
            self.overlay.look_no_farther_than(i64::MAX);
            let outcome = match answered.map_err(Ended::Stopped)? {
                Ok(result) => series_of(result.value, first_ms),
                Err(QueryError::Timeout) if count == 1 => {
                    return Err(Ended::Refused(format!(
                        "rule {:?} of group {:?}: one evaluation takes longer than a query may (--query.timeout); \
                         leave it out with \"rule\", or make the expression cheaper",
                        node.rule.name(),
                        node.group
                    )));
                }
                Err(error @ (QueryError::Cancelled | QueryError::Source(_))) => {
                    let (name, group) = (node.rule.name(), &node.group);
                    return Err(Ended::Refused(format!("rule {name:?} of group {group:?}: {error}")));
                }
                Err(error) => Err(error.to_string()),
            };
            // What goes wrong at one time must not hide what the others give, and what is too much at once may be less.
            let samples =
                outcome.as_ref().map_or(0, |series| series.iter().map(|one| one.samples.len()).sum());
            if count > 1 && (outcome.is_err() || samples > MOST_HELD) {
                count /= 2;
                node.width = count;
                continue;
            }
            if samples < MOST_HELD / 8 {
                node.width = (count * 2).max(node.width).min(MOST_AT_ONCE);
            }
            node.failures += u64::from(outcome.is_err());
            let times: Vec<i64> = (0..count).map(|number| first_ms + number * interval_ms).collect();
            node.next_ms += count * interval_ms;
            self.take(rule, &times, outcome);
            return Ok(());
        }
    }

    fn take(&mut self, rule: usize, times: &[i64], outcome: Result<Vec<Series>, String>) {
        let Some(node) = self.nodes.get_mut(rule) else { return };
        let offset_ms = node.timing.offset_ms;
        if let Err(error) = &outcome {
            node.error.get_or_insert_with(|| error.clone());
        }
        match &mut node.kind {
            Kind::Recording(recorder) => {
                let Ok(answer) = outcome else { return };
                let (rows, fault) = recorder.record(times, answer);
                if let Some(fault) = fault {
                    node.error.get_or_insert(fault);
                }
                self.overlay.write(rows);
            }
            Kind::Alerting { told, writer } => {
                let pending = match outcome {
                    Ok(answer) => by_time(answer, offset_ms),
                    Err(error) => times.iter().map(|at| (at + offset_ms, Err(error.clone()))).collect(),
                };
                if let (Some(writer), Rule::Alerting(alert)) = (writer, &node.rule) {
                    let mut given = pending.iter().peekable();
                    let nothing: Outcome = Ok(Vec::new());
                    for query_ms in times {
                        let at_ms = query_ms + offset_ms;
                        let outcome =
                            given.next_if(|(given_ms, _)| *given_ms == at_ms).map(|(_, outcome)| outcome);
                        if outcome.is_none() && writer.is_idle() {
                            continue;
                        }
                        let around = Surroundings {
                            external_labels: self.settings.external_labels.clone(),
                            external_url: self.settings.external_url.clone(),
                            now_ms: at_ms,
                            query: self.asker.for_templates(*query_ms),
                        };
                        let when = (at_ms, *query_ms, node.limit);
                        self.overlay.write(writer.write(alert, outcome.unwrap_or(&nothing), when, &around));
                    }
                }
                if told.is_some() {
                    self.held += size(&pending);
                    node.pending.extend(pending);
                }
            }
        }
    }

    /// Lets the alerting rules live through their answers up to a time, in the order of time.
    fn follow<H: Host>(&mut self, end_ms: i64, host: &mut H) -> Result<(), Ended<H::Stop>> {
        let mut turns = BinaryHeap::new();
        for (rule, node) in self.nodes.iter().enumerate() {
            if let Kind::Alerting { told: Some((_, turn_ms)), .. } = node.kind {
                turns.push(Reverse((turn_ms, rule)));
            }
        }
        while let Some(Reverse((at_ms, rule))) = turns.pop() {
            if at_ms > end_ms {
                break;
            }
            let Some(node) = self.nodes.get_mut(rule) else { continue };
            let Kind::Alerting { told: Some((number, turn_ms)), .. } = &mut node.kind else { continue };
            let Some(replay) = self.replays.get_mut(*number) else { continue };
            let interval_ms = node.timing.interval_ms;
            let outcome = match node.pending.front() {
                Some((given_ms, _)) if *given_ms == at_ms => {
                    node.pending.pop_front().map(|(_, outcome)| outcome)
                }
                _ => None,
            };
            if let Some(outcome) = &outcome {
                self.held = self.held.saturating_sub(outcome.as_ref().map_or(1, Vec::len));
            }
            if let Some((evaluation, ended)) = replay.step(at_ms, outcome.unwrap_or_else(|| Ok(Vec::new()))) {
                host.evaluated(*number, &evaluation, ended).map_err(Ended::Stopped)?;
            }
            let next_ms = at_ms + interval_ms;
            *turn_ms = if replay.is_idle() {
                // Nothing comes of the evaluations between.
                let there_ms = node.pending.front().map_or(node.next_ms, |(given_ms, _)| *given_ms);
                let rest = (there_ms.min(end_ms + interval_ms) - next_ms).max(0);
                next_ms + rest / interval_ms * interval_ms
            } else {
                next_ms
            };
            turns.push(Reverse((*turn_ms, rule)));
        }
        host.passed(end_ms).map_err(Ended::Stopped)
    }
}

impl Node {
    /// Its first evaluation; of a rule that others read, before the time asked for.
    const fn begin_ms(&self) -> i64 {
        self.timing.first_ms
    }
}

fn size(pending: &Pending) -> usize {
    pending.iter().map(|(_, outcome)| outcome.as_ref().map_or(1, Vec::len)).sum()
}

fn series_of(value: Value, at_ms: i64) -> Result<Vec<Series>, String> {
    let one = |labels, value: SampleValue| {
        let mut samples = Samples::default();
        samples.push(at_ms, value);
        Series { labels, samples }
    };
    match value {
        Value::Matrix(series) => Ok(series),
        Value::Vector(found) => {
            Ok(found.into_iter().map(|sample| one(sample.labels, sample.value)).collect())
        }
        Value::Scalar { value, .. } => {
            Ok(vec![one(watchfire_model::Labels::empty(), SampleValue::Float(value))])
        }
        Value::String { .. } => Err("rule result is not a vector or scalar".to_owned()),
    }
}
