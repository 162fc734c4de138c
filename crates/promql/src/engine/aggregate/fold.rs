//! Aggregations that need one number or histogram per group and step.

use crate::ast::{AggregateOp, Span};
use crate::engine::column::StepVector;
use crate::engine::context::Context;
use crate::engine::histograms::{HistogramMean, HistogramSum};
use crate::engine::kahan::{Kahans, Mean};
use std::sync::Arc;

/// What a group has gathered so far, over all steps.
pub(super) trait Accumulator {
    /// Adds one series; remarks are about the place in the query and the metric.
    fn add(&mut self, vector: &StepVector, at: (&Span, &str), cx: &mut Context<'_>);

    /// The result.
    fn finish(self: Box<Self>, span: &Span, cx: &mut Context<'_>) -> StepVector;
}

pub(super) fn accumulator(op: AggregateOp, steps: usize) -> Box<dyn Accumulator> {
    match op {
        AggregateOp::Sum => Box::new(SumLike::<Kahans, HistogramSum>::new(Kahans::new(steps), steps)),
        AggregateOp::Avg => {
            Box::new(SumLike::<Means, HistogramMean>::new(vec![Mean::default(); steps], steps))
        }
        AggregateOp::Min => Box::new(Extreme { out: StepVector::absent(steps), max: false }),
        AggregateOp::Max => Box::new(Extreme { out: StepVector::absent(steps), max: true }),
        AggregateOp::Stddev | AggregateOp::Stdvar => {
            Box::new(Spread { root: op == AggregateOp::Stddev, states: vec![SpreadState::default(); steps] })
        }
        AggregateOp::Group => Box::new(Presence { out: StepVector::absent(steps) }),
        _ => Box::new(Count { out: StepVector::absent(steps) }),
    }
}

/// Running sums or means of floats, one for each step.
trait Running {
    fn add(&mut self, values: &[f64], present: &[bool]);
    fn total(&self, step: usize) -> f64;
}

impl Running for Kahans {
    fn add(&mut self, values: &[f64], present: &[bool]) {
        Self::add(self, values, present);
    }
    fn total(&self, step: usize) -> f64 {
        Self::total(self, step)
    }
}

type Means = Vec<Mean>;

impl Running for Means {
    fn add(&mut self, values: &[f64], present: &[bool]) {
        for (mean, (value, present)) in self.iter_mut().zip(values.iter().zip(present)) {
            if *present {
                mean.add(*value);
            }
        }
    }
    fn total(&self, step: usize) -> f64 {
        self.get(step).map_or(f64::NAN, |mean| mean.value())
    }
}

/// The same of histograms.
pub(crate) trait RunningHistogram: Default {
    /// Adds one; remarks are about the place in the query and the metric.
    fn add(&mut self, histogram: &watchfire_model::Histogram, at: (&Span, &str), cx: &mut Context<'_>);
    fn total(self, span: &Span, cx: &mut Context<'_>) -> Option<watchfire_model::Histogram>;
}

/// `sum` and `avg`
struct SumLike<F, H> {
    floats: F,
    seen: Vec<bool>,
    histograms: Vec<Option<Box<H>>>,
    /// Which values of a series with histograms are floats.
    are_floats: Vec<bool>,
}

impl<F: Running, H: RunningHistogram> SumLike<F, H> {
    fn new(floats: F, steps: usize) -> Self {
        Self { floats, seen: vec![false; steps], histograms: Vec::new(), are_floats: Vec::new() }
    }

    fn add_floats(&mut self, values: &[f64], present: &[bool]) {
        self.floats.add(values, present);
        for (seen, present) in self.seen.iter_mut().zip(present) {
            *seen |= present;
        }
    }
}

impl<F: Running, H: RunningHistogram> Accumulator for SumLike<F, H> {
    fn add(&mut self, vector: &StepVector, at: (&Span, &str), cx: &mut Context<'_>) {
        if !vector.has_histograms() {
            self.add_floats(&vector.values, &vector.present);
            return;
        }
        if self.histograms.is_empty() {
            self.histograms.resize_with(vector.len(), || None);
        }
        let mut are_floats = std::mem::take(&mut self.are_floats);
        are_floats.clear();
        are_floats.extend_from_slice(&vector.present);
        let rows = vector.histograms.iter().zip(&vector.present).zip(&mut self.histograms);
        for (((histogram, present), running), is_float) in rows.zip(&mut are_floats) {
            if let Some(histogram) = histogram {
                *is_float = false;
                if *present {
                    running.get_or_insert_default().add(histogram, at, cx);
                }
            }
        }
        self.add_floats(&vector.values, &are_floats);
        self.are_floats = are_floats;
    }

    fn finish(self: Box<Self>, span: &Span, cx: &mut Context<'_>) -> StepVector {
        let mut out = StepVector::absent(self.seen.len());
        let mut histograms = self.histograms.into_iter();
        for (step, seen) in self.seen.into_iter().enumerate() {
            match (histograms.next().flatten(), seen) {
                (Some(_), true) => cx.notes.mixed_aggregation(span),
                (Some(histogram), false) => {
                    if let Some(total) = histogram.total(span, cx) {
                        out.set_histogram(step, Arc::new(total));
                    }
                }
                (None, true) => out.set_float(step, self.floats.total(step)),
                (None, false) => {}
            }
        }
        out
    }
}

/// `min` and `max`
struct Extreme {
    out: StepVector,
    max: bool,
}

/// Says that histograms were passed over, when there are any.
fn note_ignored(vector: &StepVector, name: &str, span: &Span, cx: &mut Context<'_>) {
    if vector.has_histograms() && vector.histograms.iter().any(Option::is_some) {
        cx.notes.ignored_in_aggregation(span, name);
    }
}

/// The float samples of a vector, by step.
fn floats(vector: &StepVector) -> impl Iterator<Item = (usize, f64)> + '_ {
    let is_float = |step: usize| !matches!(vector.histograms.get(step), Some(Some(_)));
    let rows = vector.values.iter().zip(&vector.present).enumerate();
    rows.filter(move |(step, (_, present))| **present && is_float(*step))
        .map(|(step, (value, _))| (step, *value))
}

impl Accumulator for Extreme {
    fn add(&mut self, vector: &StepVector, (span, _): (&Span, &str), cx: &mut Context<'_>) {
        note_ignored(vector, if self.max { "max" } else { "min" }, span, cx);
        for (step, value) in floats(vector) {
            let (Some(best), Some(present)) = (self.out.values.get_mut(step), self.out.present.get_mut(step))
            else {
                continue;
            };
            let better = if self.max { *best < value } else { *best > value };
            if !*present || better || best.is_nan() {
                *best = value;
                *present = true;
            }
        }
    }

    fn finish(self: Box<Self>, _span: &Span, _cx: &mut Context<'_>) -> StepVector {
        self.out
    }
}

/// `count`
struct Count {
    out: StepVector,
}

impl Accumulator for Count {
    fn add(&mut self, vector: &StepVector, _: (&Span, &str), _: &mut Context<'_>) {
        let rows = self.out.values.iter_mut().zip(&mut self.out.present).zip(&vector.present);
        // Without a branch several are counted at once.
        for ((count, seen), present) in rows {
            *count += f64::from(u8::from(*present));
            *seen |= *present;
        }
    }

    fn finish(self: Box<Self>, _span: &Span, _cx: &mut Context<'_>) -> StepVector {
        self.out
    }
}

/// `group`
struct Presence {
    out: StepVector,
}

impl Accumulator for Presence {
    fn add(&mut self, vector: &StepVector, _: (&Span, &str), _: &mut Context<'_>) {
        let rows = self.out.values.iter_mut().zip(&mut self.out.present).zip(&vector.present);
        for ((value, seen), present) in rows {
            if *present {
                *value = 1.0;
                *seen = true;
            }
        }
    }

    fn finish(self: Box<Self>, _span: &Span, _cx: &mut Context<'_>) -> StepVector {
        self.out
    }
}

/// `stddev` and `stdvar`, by Welford's method.
struct Spread {
    root: bool,
    states: Vec<SpreadState>,
}

#[derive(Clone, Copy, Debug, Default)]
struct SpreadState {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Accumulator for Spread {
    fn add(&mut self, vector: &StepVector, (span, _): (&Span, &str), cx: &mut Context<'_>) {
        note_ignored(vector, if self.root { "stddev" } else { "stdvar" }, span, cx);
        for (step, value) in floats(vector) {
            let Some(state) = self.states.get_mut(step) else { continue };
            state.count += 1.0;
            let delta = value - state.mean;
            state.mean += delta / state.count;
            state.squares += delta * (value - state.mean);
        }
    }

    fn finish(self: Box<Self>, _span: &Span, _cx: &mut Context<'_>) -> StepVector {
        let mut out = StepVector::absent(self.states.len());
        for (step, state) in self.states.into_iter().enumerate() {
            if state.count > 0.0 {
                let variance = state.squares / state.count;
                out.set_float(step, if self.root { variance.sqrt() } else { variance });
            }
        }
        out
    }
}
