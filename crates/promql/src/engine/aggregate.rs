//! Aggregations: series are folded into their groups as they stream by; none is kept unless the operator needs it.

mod count_values;
mod fold;
mod quantile;
mod select;
mod share;

use super::QueryError;
use super::column::{BoxOperator, Held, HeldSeries, Operator, SeriesKey, StepVector, is_metadata};
use super::context::{Context, Steps};
use super::scalar::Scalar;
use crate::ast::{AggregateOp, Grouping, Span, StringLiteral};
use hashbrown::{DefaultHashBuilder, HashTable};
use std::hash::BuildHasher;
use watchfire_model::Labels;

pub(crate) use fold::RunningHistogram;
pub(crate) use quantile::{quantile_of, quantile_of_sorted};

/// The operator of `sum by (…) (v)` and all its kin.
pub(crate) struct Aggregation<'a> {
    pub(crate) op: AggregateOp,
    pub(crate) inner: BoxOperator<'a>,
    /// Series that are to lose their names do so as they find their groups; see [`folds`].
    pub(crate) settles: bool,
    pub(crate) grouping: &'a Grouping,
    pub(crate) parameter: Parameter<'a>,
    pub(crate) steps: Steps,
    /// Where the aggregated expression stands, and the parameter.
    pub(crate) span: &'a Span,
    pub(crate) parameter_span: &'a Span,
    pub(crate) result: Option<Held>,
}

/// What stands before the aggregated expression.
pub(crate) enum Parameter<'a> {
    None,
    Number(Scalar<'a>),
    Text(&'a StringLiteral),
}

impl<'a> Operator<'a> for Aggregation<'a> {
    fn next(&mut self, cx: &mut Context<'a>, out: &mut StepVector) -> Result<Option<SeriesKey>, QueryError> {
        if self.result.is_none() {
            let series = self.run(cx)?;
            self.result = Some(Held::new(series));
        }
        Ok(self.result.as_mut().and_then(|held| held.next(cx, out)))
    }
}

/// Whether an aggregation makes one number or histogram of each group, so that what its series are called does not matter.
pub(crate) const fn folds(op: AggregateOp) -> bool {
    !matches!(
        op,
        AggregateOp::Topk
            | AggregateOp::Bottomk
            | AggregateOp::Limitk
            | AggregateOp::LimitRatio
            | AggregateOp::CountValues
            | AggregateOp::Quantile
    )
}

impl<'a> Aggregation<'a> {
    fn run(&mut self, cx: &mut Context<'a>) -> Result<Vec<HeldSeries>, QueryError> {
        match self.op {
            AggregateOp::Topk | AggregateOp::Bottomk => select::extremes(self, cx),
            AggregateOp::Limitk => select::limit_count(self, cx),
            AggregateOp::LimitRatio => select::limit_ratio(self, cx),
            AggregateOp::CountValues => count_values::count_values(self, cx),
            AggregateOp::Quantile => quantile::quantile(self, cx),
            _ => self.fold(cx),
        }
    }

    fn fold(&mut self, cx: &mut Context<'a>) -> Result<Vec<HeldSeries>, QueryError> {
        let mut groups = Groups { settles: self.settles, ..Groups::default() };
        let mut vector = StepVector::default();
        while let Some(key) = self.inner.next(cx, &mut vector)? {
            let make = |cx: &mut Context<'a>| {
                cx.hold(self.steps.count)?;
                Ok(fold::accumulator(self.op, self.steps.count))
            };
            let accumulator = groups.of(self.grouping, &key, cx, make)?;
            let nameless = self.settles && key.drop_name;
            let metric = if nameless { "" } else { key.labels.metric_name() };
            accumulator.add(&vector, (self.span, metric), cx);
            cx.worked(vector.len() / 4)?;
        }
        let mut result = Vec::with_capacity(groups.entries.len());
        for (key, accumulator) in groups.entries {
            let vector = accumulator.finish(self.span, cx);
            if vector.any_present() {
                result.push(HeldSeries { key, vector });
            }
        }
        Ok(result)
    }

    /// The parameter's value per step; zero when there is none.
    fn number(&mut self, cx: &mut Context<'a>) -> Result<super::scalar::ScalarColumn, QueryError> {
        match &mut self.parameter {
            Parameter::Number(scalar) => scalar.evaluate(cx, self.steps),
            _ => Ok(super::scalar::ScalarColumn::Constant(0.0)),
        }
    }
}

/// Groups in the order they are met.
pub(crate) struct Groups<T> {
    /// By their labels, which are in `entries`.
    places: HashTable<usize>,
    hasher: DefaultHashBuilder,
    /// The labels of the group asked for last, packed; memory that is used again.
    packed: Vec<u8>,
    /// Names that are to go are gone for groups.
    settles: bool,
    entries: Vec<(SeriesKey, T)>,
}

impl<T> Default for Groups<T> {
    fn default() -> Self {
        Self {
            places: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
            packed: Vec::new(),
            settles: false,
            entries: Vec::new(),
        }
    }
}

impl<T> Groups<T> {
    /// The group of a series, made when it is the first. A group loses its name when any of its series does.
    fn of<C>(
        &mut self,
        grouping: &Grouping,
        key: &SeriesKey,
        cx: &mut C,
        make: impl FnOnce(&mut C) -> Result<T, QueryError>,
    ) -> Result<&mut T, QueryError> {
        // Most series belong to a group that is known: no labels are made to find it.
        self.packed.clear();
        let nameless = self.settles && key.drop_name;
        let keeps = |name: &str| grouping_keeps(grouping, name) && !(nameless && is_metadata(name));
        key.labels.pack_those(&mut self.packed, keeps);
        let hash = self.hasher.hash_one(self.packed.as_slice());
        let labels_of =
            |place: usize| self.entries.get(place).map_or(&[][..], |(key, _)| key.labels.as_bytes());
        let known = self.places.find(hash, |place| labels_of(*place) == self.packed).copied();
        let place = match known {
            Some(place) => place,
            None => {
                let made = make(cx)?;
                let labels = key.labels.without(|name| !keeps(name));
                self.entries.push((SeriesKey::new(labels), made));
                let place = self.entries.len() - 1;
                let (entries, hasher) = (&self.entries, &self.hasher);
                self.places.insert_unique(hash, place, |place| {
                    hasher.hash_one(entries.get(*place).map_or(&[][..], |(key, _)| key.labels.as_bytes()))
                });
                place
            }
        };
        match self.entries.get_mut(place) {
            Some((group, made)) => {
                group.drop_name |= key.drop_name && !nameless;
                Ok(made)
            }
            None => Err(QueryError::Execution("a group of an aggregation is lost".to_owned())),
        }
    }
}

/// Whether a group has this label of its series.
fn grouping_keeps(grouping: &Grouping, name: &str) -> bool {
    let named = grouping.labels.iter().any(|label| label == name);
    if grouping.without { !named && !is_metadata(name) } else { named }
}

/// The labels a series' group has.
pub(crate) fn group_labels(grouping: &Grouping, labels: &Labels) -> Labels {
    labels.without(|name| !grouping_keeps(grouping, name))
}
