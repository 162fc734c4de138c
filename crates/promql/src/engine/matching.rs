//! Binary operators between two vectors: series find each other by their labels.

use super::QueryError;
use super::binary::{Outcome, apply};
use super::column::{
    BoxOperator, Held, HeldSeries, Operator, Point, SeriesKey, StepVector, hold_all, is_metadata,
};
use super::context::{Context, Steps};
use crate::ast::{BinaryOp, Cardinality, Span, VectorMatching};
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
pub(crate) struct Join<'a> {
    pub(crate) op: BinaryOp,
    pub(crate) return_bool: bool,
    pub(crate) matching: &'a VectorMatching,
    pub(crate) left: BoxOperator<'a>,
    pub(crate) right: BoxOperator<'a>,
    pub(crate) steps: Steps,
    pub(crate) span: &'a Span,
    pub(crate) result: Option<Held>,
}

impl<'a> Operator<'a> for Join<'a> {
    fn next(&mut self, cx: &mut Context<'a>, out: &mut StepVector) -> Result<Option<SeriesKey>, QueryError> {
        if self.result.is_none() {
            self.result = Some(Held::new(self.run(cx)?));
        }
        Ok(self.result.as_mut().and_then(|held| held.next(cx, out)))
    }
}

/// All series of one signature.
#[derive(Default)]
struct MatchGroup {
    /// The series of the "one" side.
    ones: Vec<usize>,
    /// The series of the "many" side.
    many: Vec<usize>,
}

impl<'a> Join<'a> {
    fn run(&mut self, cx: &mut Context<'a>) -> Result<Vec<HeldSeries>, QueryError> {
        let swapped = self.matching.cardinality == Cardinality::OneToMany;
        let left = hold_all(self.left.as_mut(), cx)?;
        let fills = self.matching.fill_left.is_some() || self.matching.fill_right.is_some();
        if left.is_empty() && !fills {
            return Ok(Vec::new());
        }
        let right = hold_all(self.right.as_mut(), cx)?;
        let (many, ones) = if swapped { (&right, &left) } else { (&left, &right) };
        let mut places: HashMap<Labels, usize> = HashMap::new();
        let mut groups: Vec<(Labels, MatchGroup)> = Vec::new();
        let mut place_of = |labels: &Labels, groups: &mut Vec<(Labels, MatchGroup)>| {
            let signature = signature(self.matching, labels);
            *places.entry(signature.clone()).or_insert_with(|| {
                groups.push((signature, MatchGroup::default()));
                groups.len() - 1
            })
        };
        for (index, series) in many.iter().enumerate() {
            let place = place_of(&series.key.labels, &mut groups);
            if let Some((_, group)) = groups.get_mut(place) {
                group.many.push(index);
            }
        }
        for (index, series) in ones.iter().enumerate() {
            let place = place_of(&series.key.labels, &mut groups);
            if let Some((_, group)) = groups.get_mut(place) {
                group.ones.push(index);
            }
        }
        self.check_ones(&groups, ones, if swapped { "left" } else { "right" })?;
        let mut output = Output::new(self.steps.count);
        for (labels, group) in &groups {
            cx.worked(self.steps.count.saturating_mul(group.many.len().max(1)))?;
            self.join_group(labels, group, many, ones, swapped, &mut output, cx)?;
        }
        for series in left.iter().chain(&right) {
            cx.release(series.vector.len());
        }
        cx.hold(output.series.len().saturating_mul(self.steps.count))?;
        Ok(output.series)
    }

    /// On the "one" side no two series of a group may have a sample at the same step.
    fn check_ones(
        &self,
        groups: &[(Labels, MatchGroup)],
        ones: &[HeldSeries],
        side: &str,
    ) -> Result<(), QueryError> {
        for (labels, group) in groups {
            if group.ones.len() < 2 {
                continue;
            }
            let mut taken: Vec<Option<usize>> = vec![None; self.steps.count];
            for index in &group.ones {
                let Some(series) = ones.get(*index) else { continue };
                for (step, slot) in taken.iter_mut().enumerate() {
                    if !series.vector.is_present(step) {
                        continue;
                    }
                    if let Some(first) = slot.and_then(|first| ones.get(first)) {
                        // Prometheus names the later series first.
                        let (one, other) = (shown(&series.key.labels), shown(&first.key.labels));
                        return Err(QueryError::Execution(format!(
                            "found duplicate series for the match group {} on the {side} hand-side of the operation: \
                             [{one}, {other}];many-to-many matching not allowed: matching labels must be unique on \
                             one side",
                            shown(labels)
                        )));
                    }
                    *slot = Some(*index);
                }
            }
        }
        Ok(())
    }

    #[expect(clippy::too_many_arguments, reason = "all belong to one group of one join")]
    fn join_group(
        &self,
        labels: &Labels,
        group: &MatchGroup,
        many: &[HeldSeries],
        ones: &[HeldSeries],
        swapped: bool,
        output: &mut Output,
        cx: &mut Context<'a>,
    ) -> Result<(), QueryError> {
        // As in Prometheus the sides are exchanged for `group_right`, but not what fills them.
        let (fill_many, fill_one) = (self.matching.fill_left, self.matching.fill_right);
        let absent_key = SeriesKey::new(labels.clone());
        let one_to_one = self.matching.cardinality == Cardinality::OneToOne;
        let mut matched = vec![false; if one_to_one { self.steps.count } else { 0 }];
        let mut emit = Emitter { join: self, swapped, one_to_one, output };
        // Which "one" series has the sample: usually there is one series for all steps.
        let mut owners: Vec<Option<usize>> = vec![None; self.steps.count];
        for index in &group.ones {
            let Some(series) = ones.get(*index) else { continue };
            for (owner, present) in owners.iter_mut().zip(&series.vector.present) {
                if *present {
                    *owner = Some(*index);
                }
            }
        }
        for index in &group.many {
            let Some(series) = many.get(*index) else { continue };
            let mut target = Target::default();
            for (step, owner) in owners.iter().enumerate() {
                let Some(point) = series.vector.get(step) else { continue };
                let one = owner.and_then(|owner| ones.get(owner));
                let (one_key, one_point) = match (one, fill_one) {
                    (Some(one), _) => match one.vector.get(step) {
                        Some(one_point) => (&one.key, one_point),
                        None => continue,
                    },
                    (None, Some(fill)) => (&absent_key, Point::Float(fill)),
                    (None, None) => continue,
                };
                if let Some(matched) = matched.get_mut(step) {
                    // Two that meet are an error even where a comparison filters both away.
                    if std::mem::replace(matched, true) {
                        return Err(many_to_one_error());
                    }
                }
                emit.emit(&mut target, step, (&series.key, point), (one_key, one_point), cx)?;
            }
        }
        let Some(fill) = fill_many else { return Ok(()) };
        let present_many = |step: usize| {
            let has = |index: &usize| many.get(*index).is_some_and(|series| series.vector.is_present(step));
            group.many.iter().any(has)
        };
        let mut target = Target::default();
        for (step, owner) in owners.iter().enumerate() {
            let Some(one) = owner.and_then(|owner| ones.get(owner)) else { continue };
            let Some(point) = one.vector.get(step) else { continue };
            if !present_many(step) {
                emit.emit(&mut target, step, (&absent_key, Point::Float(fill)), (&one.key, point), cx)?;
            }
        }
        Ok(())
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

/// The series being written to, remembered from step to step.
#[derive(Default)]
struct Target {
    place: Option<usize>,
    /// The address of the "one" key the place was found for.
    one: Option<Labels>,
    drop_name: bool,
}

struct Emitter<'j, 'a, 'o> {
    join: &'j Join<'a>,
    swapped: bool,
    one_to_one: bool,
    output: &'o mut Output,
}

impl<'a> Emitter<'_, 'a, '_> {
    /// Computes one result and puts it in its place.
    fn emit(
        &mut self,
        target: &mut Target,
        step: usize,
        many: (&SeriesKey, Point<'_>),
        one: (&SeriesKey, Point<'_>),
        cx: &mut Context<'a>,
    ) -> Result<(), QueryError> {
        let (left, right) = if self.swapped { (one.1, many.1) } else { (many.1, one.1) };
        let value = match apply(self.join.op, left, right, self.join.span, cx) {
            Outcome::Value(value) => value,
            Outcome::Holds(holds) if self.join.return_bool => SampleValue::Float(f64::from(u8::from(holds))),
            Outcome::Holds(true) => left.to_value(),
            Outcome::Holds(false) | Outcome::Nothing => return Ok(()),
        };
        let drop_name = self.drops_name(many.0, one.0);
        let known = target.one.as_ref() == Some(&one.0.labels) && target.drop_name == drop_name;
        let place = match target.place {
            Some(place) if known => place,
            _ => {
                let labels = self.result_labels(&many.0.labels, &one.0.labels);
                let place = self.output.place(SeriesKey { labels, drop_name });
                *target = Target { place: Some(place), one: Some(one.0.labels.clone()), drop_name };
                place
            }
        };
        let Some(series) = self.output.series.get_mut(place) else { return Ok(()) };
        if series.vector.is_present(step) && !self.one_to_one {
            let words = "multiple matches for labels: grouping labels must ensure unique matches";
            return Err(QueryError::Execution(words.to_owned()));
        }
        series.vector.set(step, value);
        Ok(())
    }

    fn drops_name(&self, many: &SeriesKey, one: &SeriesKey) -> bool {
        let filters = self.join.op.is_comparison() && !self.join.return_bool;
        let trims = matches!(self.join.op, BinaryOp::TrimUpper | BinaryOp::TrimLower);
        // A metric name taken over with `group_left(__name__)` comes from the "one" side, with its fate.
        let named = self.join.matching.include.iter().any(|label| label == watchfire_model::METRIC_NAME);
        if named { one.drop_name } else { many.drop_name || !(filters || trims) }
    }

    /// The labels of a result.
    fn result_labels(&self, many: &Labels, one: &Labels) -> Labels {
        let matching = self.join.matching;
        if self.one_to_one {
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

/// The results, one series per label set.
struct Output {
    places: HashMap<Labels, usize>,
    series: Vec<HeldSeries>,
    steps: usize,
}

impl Output {
    fn new(steps: usize) -> Self {
        Self { places: HashMap::new(), series: Vec::new(), steps }
    }

    fn place(&mut self, key: SeriesKey) -> usize {
        if let Some(place) = self.places.get(&key.labels) {
            if let Some(series) = self.series.get_mut(*place) {
                series.key.drop_name |= key.drop_name;
            }
            return *place;
        }
        self.places.insert(key.labels.clone(), self.series.len());
        self.series.push(HeldSeries { key, vector: StepVector::absent(self.steps) });
        self.series.len() - 1
    }
}
