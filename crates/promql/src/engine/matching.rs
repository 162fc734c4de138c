//! Binary operators between two vectors: series find each other by their labels.

use super::QueryError;
use super::binary::{Outcome, apply};
use super::column::{BoxOperator, HeldSeries, Operator, Point, SeriesKey, StepVector, hold_all, is_metadata};
use super::context::{Context, Steps};
use crate::ast::{Binary, BinaryOp, Cardinality, Span, VectorMatching};
use std::collections::HashMap;
use watchfire_model::{Labels, SampleValue};

/// The labels by which two series find each other.
pub(super) fn signature(matching: &VectorMatching, labels: &Labels) -> Labels {
    let named = |name: &str| matching.labels.iter().any(|label| label == name);
    if matching.on {
        labels.without(|name| !named(name))
    } else {
        labels.without(|name| is_metadata(name) || named(name))
    }
}

/// The operator of `a op b` with one series meeting one, or many meeting one.
///
/// The "one" side (the right one, with `group_right` the left one) is kept; the series of the other side stream by.
pub(crate) struct Join<'a> {
    rule: Rule<'a>,
    many: BoxOperator<'a>,
    one: BoxOperator<'a>,
    state: Option<State>,
}

/// How results are made.
struct Rule<'a> {
    op: BinaryOp,
    return_bool: bool,
    matching: &'a VectorMatching,
    steps: Steps,
    span: &'a Span,
}

impl<'a> Join<'a> {
    pub(crate) fn new(
        binary: &'a Binary,
        left: BoxOperator<'a>,
        right: BoxOperator<'a>,
        steps: Steps,
        span: &'a Span,
    ) -> Self {
        let rule =
            Rule { op: binary.op, return_bool: binary.return_bool, matching: &binary.matching, steps, span };
        let (many, one) = if rule.swapped() { (right, left) } else { (left, right) };
        Self { rule, many, one, state: None }
    }
}

impl Rule<'_> {
    fn swapped(&self) -> bool {
        self.matching.cardinality == Cardinality::OneToMany
    }

    fn one_to_one(&self) -> bool {
        self.matching.cardinality == Cardinality::OneToOne
    }

    /// What stands for an absent sample of the "many" side. As in Prometheus the sides are exchanged for
    /// `group_right`, but not what fills them.
    const fn fill_many(&self) -> Option<f64> {
        self.matching.fill_left
    }

    /// What stands for an absent sample of the "one" side.
    const fn fill_one(&self) -> Option<f64> {
        self.matching.fill_right
    }
}

/// What is known once the "one" side is read.
struct State {
    ones: Vec<HeldSeries>,
    places: HashMap<Labels, usize>,
    groups: Vec<MatchGroup>,
    /// By step: why it has no answer, should the "many" side have any sample there.
    conflicts: Vec<Option<Conflict>>,
    any_conflict: bool,
    /// Results of the last series that are still to be handed out.
    pending: Vec<HeldSeries>,
    /// With `group_left(…)` two series may get the same labels: where each result has samples.
    results: HashMap<Labels, Vec<bool>>,
    finished: bool,
}

/// All that have one signature.
struct MatchGroup {
    labels: Labels,
    /// By step: which series of the "one" side has the sample. Empty while there is none.
    owners: Vec<Option<usize>>,
    /// By step: whether the "many" side has one. Empty until it is needed.
    met: Vec<bool>,
}

/// Two series of the "one" side that have a sample at one step.
#[derive(Clone, Copy, Debug)]
struct Conflict {
    group: usize,
    first: usize,
    second: usize,
}

impl State {
    fn read<'a>(
        one: &mut BoxOperator<'a>,
        rule: &Rule<'a>,
        cx: &mut Context<'a>,
    ) -> Result<Self, QueryError> {
        let ones = hold_all(one.as_mut(), cx)?;
        let mut state = Self {
            ones: Vec::new(),
            places: HashMap::with_capacity(ones.len()),
            groups: Vec::with_capacity(ones.len()),
            conflicts: Vec::new(),
            any_conflict: false,
            pending: Vec::new(),
            results: HashMap::new(),
            finished: false,
        };
        for (index, series) in ones.iter().enumerate() {
            let place = state.place(signature(rule.matching, &series.key.labels));
            let Some(group) = state.groups.get_mut(place) else { continue };
            cx.hold(rule.steps.count)?;
            group.owners.resize(rule.steps.count, None);
            for (step, (owner, present)) in group.owners.iter_mut().zip(&series.vector.present).enumerate() {
                match *owner {
                    _ if !present => {}
                    None => *owner = Some(index),
                    Some(first) => {
                        state.any_conflict = true;
                        state.conflicts.resize(rule.steps.count, None);
                        if let Some(slot) = state.conflicts.get_mut(step) {
                            slot.get_or_insert(Conflict { group: place, first, second: index });
                        }
                    }
                }
            }
        }
        state.ones = ones;
        Ok(state)
    }

    fn place(&mut self, signature: Labels) -> usize {
        if let Some(place) = self.places.get(&signature) {
            return *place;
        }
        self.places.insert(signature.clone(), self.groups.len());
        self.groups.push(MatchGroup { labels: signature, owners: Vec::new(), met: Vec::new() });
        self.groups.len() - 1
    }

    /// A step without a sample on the "many" side needs no unique match; any other does.
    fn check_conflicts(&self, rule: &Rule<'_>, vector: &StepVector) -> Result<(), QueryError> {
        if !self.any_conflict {
            return Ok(());
        }
        for (conflict, present) in self.conflicts.iter().zip(&vector.present) {
            if let Some(conflict) = conflict.filter(|_| *present) {
                return Err(self.many_to_many(rule, conflict));
            }
        }
        Ok(())
    }

    /// Where absent samples are filled, no step is without a sample.
    fn check_all_conflicts(&self, rule: &Rule<'_>) -> Result<(), QueryError> {
        match self.conflicts.iter().flatten().next() {
            Some(conflict) => Err(self.many_to_many(rule, *conflict)),
            None => Ok(()),
        }
    }

    fn many_to_many(&self, rule: &Rule<'_>, conflict: Conflict) -> QueryError {
        let name =
            |place: usize| self.ones.get(place).map(|series| shown(&series.key.labels)).unwrap_or_default();
        let group = self.groups.get(conflict.group).map(|group| shown(&group.labels)).unwrap_or_default();
        let side = if rule.swapped() { "left" } else { "right" };
        // Prometheus names the later series first.
        let (one, other) = (name(conflict.second), name(conflict.first));
        QueryError::Execution(format!(
            "found duplicate series for the match group {group} on the {side} hand-side of the operation: \
             [{one}, {other}];many-to-many matching not allowed: matching labels must be unique on one side"
        ))
    }
}

impl<'a> Operator<'a> for Join<'a> {
    fn next(&mut self, cx: &mut Context<'a>, out: &mut StepVector) -> Result<Option<SeriesKey>, QueryError> {
        let mut state = match self.state.take() {
            Some(state) => state,
            None => State::read(&mut self.one, &self.rule, cx)?,
        };
        let result = self.pull(&mut state, cx, out);
        self.state = Some(state);
        result
    }
}

impl<'a> Join<'a> {
    fn pull(
        &mut self,
        state: &mut State,
        cx: &mut Context<'a>,
        out: &mut StepVector,
    ) -> Result<Option<SeriesKey>, QueryError> {
        loop {
            if let Some(series) = state.pending.pop() {
                *out = series.vector;
                return Ok(Some(series.key));
            }
            if state.finished {
                return Ok(None);
            }
            match self.many.next(cx, out)? {
                Some(key) => {
                    cx.worked(out.len())?;
                    state.check_conflicts(&self.rule, out)?;
                    self.rule.join(&key, out, state, cx)?;
                }
                None => {
                    state.finished = true;
                    if self.rule.fill_one().or(self.rule.fill_many()).is_some() {
                        state.check_all_conflicts(&self.rule)?;
                    }
                    self.rule.fill(state, cx)?;
                    let held = state.ones.len().saturating_mul(2).saturating_mul(self.rule.steps.count);
                    cx.release(held);
                }
            }
        }
    }
}

impl<'a> Rule<'a> {
    /// Joins one series of the "many" side.
    fn join(
        &self,
        key: &SeriesKey,
        vector: &StepVector,
        state: &mut State,
        cx: &mut Context<'a>,
    ) -> Result<(), QueryError> {
        let place = state.place(signature(self.matching, &key.labels));
        let Some(group) = state.groups.get_mut(place) else { return Ok(()) };
        if group.owners.is_empty() && self.fill_one().is_none() {
            return Ok(());
        }
        let tracks = self.one_to_one() || self.fill_many().is_some();
        if tracks && group.met.is_empty() {
            cx.hold(self.steps.count / 8 + 1)?;
            group.met.resize(self.steps.count, false);
        }
        let absent = SeriesKey::new(group.labels.clone());
        let mut emitter = Emitter::new(self, &mut state.pending);
        for step in 0..vector.len() {
            let Some(point) = vector.get(step) else { continue };
            let one = group.owners.get(step).copied().flatten().and_then(|owner| state.ones.get(owner));
            let (one_key, one_point) = match (one, self.fill_one()) {
                (Some(one), _) => match one.vector.get(step) {
                    Some(one_point) => (&one.key, one_point),
                    None => continue,
                },
                (None, Some(fill)) => (&absent, Point::Float(fill)),
                (None, None) => continue,
            };
            if !emitter.emit(step, (key, point), (one_key, one_point), cx) {
                continue;
            }
            if let Some(met) = group.met.get_mut(step) {
                // Two that meet are an error even where a comparison filters both away.
                if std::mem::replace(met, true) && self.one_to_one() {
                    return Err(many_to_one_error());
                }
            }
        }
        self.check_unique(state)?;
        // They are handed out from the end.
        state.pending.reverse();
        Ok(())
    }

    /// Joins what the "one" side has alone, if it is to be filled.
    fn fill(&self, state: &mut State, cx: &mut Context<'a>) -> Result<(), QueryError> {
        let Some(fill) = self.fill_many() else { return Ok(()) };
        for group in &state.groups {
            cx.worked(group.owners.len())?;
            let absent = SeriesKey::new(group.labels.clone());
            let mut emitter = Emitter::new(self, &mut state.pending);
            for (step, owner) in group.owners.iter().enumerate() {
                let one = owner.and_then(|owner| state.ones.get(owner));
                let met = group.met.get(step).copied().unwrap_or(false);
                if let Some(one) = one.filter(|_| !met)
                    && let Some(point) = one.vector.get(step)
                {
                    emitter.emit(step, (&absent, Point::Float(fill)), (&one.key, point), cx);
                }
            }
        }
        self.check_unique(state)?;
        cx.hold(state.pending.len().saturating_mul(self.steps.count))?;
        state.pending.reverse();
        Ok(())
    }

    /// With labels taken over from the "one" side, no two results may be the same.
    fn check_unique(&self, state: &mut State) -> Result<(), QueryError> {
        if self.matching.include.is_empty() {
            return Ok(());
        }
        for series in &state.pending {
            let seen = state
                .results
                .entry(series.key.clone().shown())
                .or_insert_with(|| vec![false; series.vector.len()]);
            for (seen, present) in seen.iter_mut().zip(&series.vector.present) {
                if *seen && *present {
                    let words = "multiple matches for labels: grouping labels must ensure unique matches";
                    return Err(QueryError::Execution(words.to_owned()));
                }
                *seen |= present;
            }
        }
        Ok(())
    }

    fn drops_name(&self, many: &SeriesKey, one: &SeriesKey) -> bool {
        let filters = self.op.is_comparison() && !self.return_bool;
        let trims = matches!(self.op, BinaryOp::TrimUpper | BinaryOp::TrimLower);
        // A metric name taken over with `group_left(__name__)` comes from the "one" side, with its fate.
        let named = self.matching.include.iter().any(|label| label == watchfire_model::METRIC_NAME);
        if named { one.drop_name } else { many.drop_name || !(filters || trims) }
    }

    /// The labels of a result.
    fn result_labels(&self, many: &Labels, one: &Labels) -> Labels {
        let matching = self.matching;
        if self.one_to_one() {
            let named = |name: &str| matching.labels.iter().any(|label| label == name);
            return many.without(|name| if matching.on { !named(name) } else { named(name) });
        }
        if matching.include.is_empty() {
            return many.clone();
        }
        let mut builder = many.to_builder();
        for label in &matching.include {
            builder.set(label, one.get(label).unwrap_or(""));
        }
        builder.build()
    }
}

fn many_to_one_error() -> QueryError {
    let words = "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)";
    QueryError::Execution(words.to_owned())
}

/// `{a="1", b="2"}`: label sets in errors always have braces.
fn shown(labels: &Labels) -> String {
    let mut text = String::from("{");
    for (index, (name, value)) in labels.iter().enumerate() {
        if index > 0 {
            text.push_str(", ");
        }
        if watchfire_model::labels::is_legacy_label_name(name) {
            text.push_str(name);
        } else {
            text.push_str(&super::annotations::quoted(name));
        }
        text.push('=');
        text.push_str(&super::annotations::quoted(value));
    }
    text.push('}');
    text
}

/// Puts results in their places: usually all results of one series have the same labels.
struct Emitter<'r, 'a, 'p> {
    rule: &'r Rule<'a>,
    pending: &'p mut Vec<HeldSeries>,
    /// Where the results of this series begin.
    first: usize,
    /// The place of the last result, and the "one" labels it was made with.
    last: Option<(usize, Labels)>,
}

impl<'r, 'a, 'p> Emitter<'r, 'a, 'p> {
    fn new(rule: &'r Rule<'a>, pending: &'p mut Vec<HeldSeries>) -> Self {
        let first = pending.len();
        Self { rule, pending, first, last: None }
    }

    /// Computes one result. False where the operator does not fit the two: then they did not meet at all.
    fn emit(
        &mut self,
        step: usize,
        many: (&SeriesKey, Point<'_>),
        one: (&SeriesKey, Point<'_>),
        cx: &mut Context<'a>,
    ) -> bool {
        let (left, right) = if self.rule.swapped() { (one.1, many.1) } else { (many.1, one.1) };
        let value = match apply(self.rule.op, left, right, self.rule.span, cx) {
            Outcome::Value(value) => value,
            Outcome::Holds(holds) if self.rule.return_bool => SampleValue::Float(f64::from(u8::from(holds))),
            Outcome::Holds(true) => left.to_value(),
            Outcome::Holds(false) => return true,
            Outcome::Nothing => return false,
        };
        let place = match &self.last {
            Some((place, labels)) if *labels == one.0.labels => *place,
            _ => {
                let place = self.place(many.0, one.0);
                self.last = Some((place, one.0.labels.clone()));
                place
            }
        };
        if let Some(series) = self.pending.get_mut(place) {
            series.vector.set(step, value);
        }
        true
    }

    fn place(&mut self, many: &SeriesKey, one: &SeriesKey) -> usize {
        let labels = self.rule.result_labels(&many.labels, &one.labels);
        let key = SeriesKey { labels, drop_name: self.rule.drops_name(many, one) };
        let known = self.pending.iter().skip(self.first).position(|series| series.key == key);
        known.map(|place| self.first + place).unwrap_or_else(|| {
            self.pending.push(HeldSeries { key, vector: StepVector::absent(self.rule.steps.count) });
            self.pending.len() - 1
        })
    }
}
