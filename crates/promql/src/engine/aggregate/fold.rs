//! Aggregations that need one number or histogram per group and step.

use crate::ast::{AggregateOp, Span};
use crate::engine::column::StepVector;
use crate::engine::context::Context;
use crate::engine::histograms::{HistogramMean, HistogramSum};
use crate::engine::kahan::{Kahan, Mean};
use std::sync::Arc;

/// What a group has gathered so far, over all steps.
pub(super) trait Accumulator {
    /// Adds one series.
    fn add(&mut self, vector: &StepVector, span: &Span, cx: &mut Context<'_>);

    /// The result.
    fn finish(self: Box<Self>, span: &Span, cx: &mut Context<'_>) -> StepVector;
}

pub(super) fn accumulator(op: AggregateOp, steps: usize) -> Box<dyn Accumulator> {
    match op {
        AggregateOp::Sum => Box::new(SumLike::<Kahan, HistogramSum>::new(steps)),
        AggregateOp::Avg => Box::new(SumLike::<Mean, HistogramMean>::new(steps)),
        AggregateOp::Min => Box::new(Extreme { out: StepVector::absent(steps), max: false }),
        AggregateOp::Max => Box::new(Extreme { out: StepVector::absent(steps), max: true }),
        AggregateOp::Stddev | AggregateOp::Stdvar => {
            Box::new(Spread { root: op == AggregateOp::Stddev, states: vec![SpreadState::default(); steps] })
        }
        AggregateOp::Group => Box::new(Presence { out: StepVector::absent(steps) }),
        _ => Box::new(Count { out: StepVector::absent(steps) }),
    }
}

/// A running sum or mean of floats.
trait Running: Copy + Default {
    fn add(&mut self, value: f64);
    fn total(self) -> f64;
}

impl Running for Kahan {
    fn add(&mut self, value: f64) {
        Self::add(self, value);
    }
    fn total(self) -> f64 {
        Self::total(self)
    }
}

impl Running for Mean {
    fn add(&mut self, value: f64) {
        Self::add(self, value);
    }
    fn total(self) -> f64 {
        self.value()
    }
}

/// The same of histograms.
pub(crate) trait RunningHistogram: Default {
    fn add(&mut self, histogram: &watchfire_model::Histogram, span: &Span, cx: &mut Context<'_>);
    fn total(self, span: &Span, metric: &str, cx: &mut Context<'_>) -> Option<watchfire_model::Histogram>;
}

/// `sum` and `avg`
struct SumLike<F, H> {
    floats: Vec<F>,
    seen: Vec<bool>,
    histograms: Vec<Option<Box<H>>>,
}

impl<F: Running, H: RunningHistogram> SumLike<F, H> {
    fn new(steps: usize) -> Self {
        Self { floats: vec![F::default(); steps], seen: vec![false; steps], histograms: Vec::new() }
    }
}

impl<F: Running, H: RunningHistogram> Accumulator for SumLike<F, H> {
    fn add(&mut self, vector: &StepVector, span: &Span, cx: &mut Context<'_>) {
        let rows = self.floats.iter_mut().zip(&mut self.seen).zip(vector.values.iter().zip(&vector.present));
        if !vector.has_histograms() {
            for ((running, seen), (value, present)) in rows {
                if *present {
                    running.add(*value);
                    *seen = true;
                }
            }
            return;
        }
        if self.histograms.is_empty() {
            self.histograms.resize_with(vector.len(), || None);
        }
        let histograms = vector.histograms.iter().zip(&mut self.histograms);
        for (((running, seen), (value, present)), (histogram, running_histogram)) in rows.zip(histograms) {
            match histogram {
                _ if !present => {}
                Some(histogram) => running_histogram.get_or_insert_default().add(histogram, span, cx),
                None => {
                    running.add(*value);
                    *seen = true;
                }
            }
        }
    }

    fn finish(self: Box<Self>, span: &Span, cx: &mut Context<'_>) -> StepVector {
        let mut out = StepVector::absent(self.floats.len());
        let mut histograms = self.histograms.into_iter();
        for (step, (running, seen)) in self.floats.into_iter().zip(self.seen).enumerate() {
            match (histograms.next().flatten(), seen) {
                (Some(_), true) => cx.notes.mixed_aggregation(span),
                (Some(histogram), false) => {
                    if let Some(total) = histogram.total(span, "", cx) {
                        out.set_histogram(step, Arc::new(total));
                    }
                }
                (None, true) => out.set_float(step, running.total()),
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
    fn add(&mut self, vector: &StepVector, span: &Span, cx: &mut Context<'_>) {
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
    fn add(&mut self, vector: &StepVector, _span: &Span, _cx: &mut Context<'_>) {
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
    fn add(&mut self, vector: &StepVector, _span: &Span, _cx: &mut Context<'_>) {
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
    fn add(&mut self, vector: &StepVector, span: &Span, cx: &mut Context<'_>) {
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
