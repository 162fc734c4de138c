//! `count_values`

use super::{Aggregation, Parameter, group_labels};
use crate::engine::QueryError;
use crate::engine::column::{HeldSeries, Point, SeriesKey, StepVector};
use crate::engine::context::Context;
use crate::engine::{format, histograms};
use crate::parser::quote::go_quote_literal;
use std::collections::HashMap;
use watchfire_model::Labels;

pub(super) fn count_values<'a>(
    aggregation: &mut Aggregation<'a>,
    cx: &mut Context<'a>,
) -> Result<Vec<HeldSeries>, QueryError> {
    let Parameter::Text(label) = aggregation.parameter else { return Ok(Vec::new()) };
    if !label.is_label_name() {
        return Err(QueryError::Execution(format!("invalid label name {}", go_quote_literal(label))));
    }
    let label = label.as_str();
    let steps = aggregation.steps.count;
    let mut places: HashMap<Labels, usize> = HashMap::new();
    // Where the series of a group's float is, so that each value is written out once.
    let mut groups: HashMap<Labels, HashMap<u64, usize>> = HashMap::new();
    let mut result: Vec<HeldSeries> = Vec::new();
    let mut vector = StepVector::default();
    while let Some(key) = aggregation.inner.next(cx, &mut vector)? {
        let group = group_labels(aggregation.grouping, &key.labels);
        let floats = groups.entry(group.clone()).or_default();
        // Neighbouring steps often have one value: its place is remembered.
        let mut known: Option<(u64, usize)> = None;
        for step in 0..steps {
            let Some(point) = vector.get(step) else { continue };
            let bits = if let Point::Float(value) = point { Some(value.to_bits()) } else { None };
            let neighbour = known.filter(|(known, _)| Some(*known) == bits).map(|(_, place)| place);
            let place = match neighbour.or_else(|| floats.get(&bits?).copied()) {
                Some(place) => place,
                None => {
                    let shown = match point {
                        Point::Float(value) => format::fixed(value),
                        Point::Histogram(histogram) => histograms::shown(histogram),
                    };
                    let mut builder = group.to_builder();
                    let labels = builder.set(label, shown).build();
                    let place = match places.get(&labels) {
                        Some(place) => *place,
                        None => {
                            cx.hold(steps)?;
                            places.insert(labels.clone(), result.len());
                            let key = SeriesKey { labels, drop_name: false };
                            result.push(HeldSeries { key, vector: StepVector::absent(steps) });
                            result.len() - 1
                        }
                    };
                    if let Some(bits) = bits {
                        floats.insert(bits, place);
                    }
                    place
                }
            };
            known = bits.map(|bits| (bits, place));
            if let Some(counted) = result.get_mut(place) {
                counted.key.drop_name |= key.drop_name;
                let before = if counted.vector.is_present(step) {
                    counted.vector.values.get(step).copied().unwrap_or(0.0)
                } else {
                    0.0
                };
                counted.vector.set_float(step, before + 1.0);
            }
        }
    }
    Ok(result)
}
