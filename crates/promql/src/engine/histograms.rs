//! The histogram algebra of `watchfire-model`, with its outcomes turned into remarks.

use super::aggregate::RunningHistogram;
use super::context::Context;
use crate::ast::Span;
use watchfire_model::Histogram;
use watchfire_model::histogram::{
    ArithmeticNotes, HistogramError, HistogramMean as ModelMean, KahanHistogram, ResetHint,
};

/// Turns what an operation had to do into remarks. `operation` is the word they use: `addition`, `subtraction` or
/// `aggregation`.
pub(crate) fn note(notes: ArithmeticNotes, operation: &str, span: &Span, cx: &mut Context<'_>) {
    if notes.reset_conflict {
        cx.notes.reset_collision(span, operation);
    }
    if notes.bounds_reconciled {
        cx.notes.reconciled_buckets(span, operation);
    }
}

/// Adds; `None` and a remark when the two kinds of buckets do not go together. Resets are the caller's business, so
/// hints that contradict each other are no news.
pub(crate) fn add_noting(
    sum: &mut Histogram,
    other: &Histogram,
    operation: &str,
    span: &Span,
    metric: &str,
    cx: &mut Context<'_>,
) -> Option<()> {
    match sum.add(other) {
        Ok(notes) => {
            note(ArithmeticNotes { reset_conflict: false, ..notes }, operation, span, cx);
            Some(())
        }
        Err(_) => {
            cx.notes.mixed_schemas(span, metric);
            None
        }
    }
}

/// Subtracts, as [`add_noting`] adds.
pub(crate) fn sub_noting(
    from: &mut Histogram,
    other: &Histogram,
    operation: &str,
    span: &Span,
    metric: &str,
    cx: &mut Context<'_>,
) -> Option<()> {
    match from.sub(other) {
        Ok(notes) => {
            note(ArithmeticNotes { reset_conflict: false, ..notes }, operation, span, cx);
            Some(())
        }
        Err(_) => {
            cx.notes.mixed_schemas(span, metric);
            None
        }
    }
}

/// What `count_values` calls a histogram.
pub(crate) fn shown(histogram: &Histogram) -> String {
    histogram.to_string()
}

/// A sum or mean that the model keeps.
pub(crate) trait Fold: Sized {
    /// Starts with one histogram.
    fn start(first: &Histogram) -> Self;
    /// Takes in one more.
    fn take_in(&mut self, other: &Histogram) -> Result<ArithmeticNotes, HistogramError>;
    /// The result.
    fn result(self) -> Histogram;
}

impl Fold for KahanHistogram {
    fn start(first: &Histogram) -> Self {
        Self::new(first)
    }
    fn take_in(&mut self, other: &Histogram) -> Result<ArithmeticNotes, HistogramError> {
        self.add(other)
    }
    fn result(self) -> Histogram {
        self.finish()
    }
}

impl Fold for ModelMean {
    fn start(first: &Histogram) -> Self {
        Self::new(first)
    }
    fn take_in(&mut self, other: &Histogram) -> Result<ArithmeticNotes, HistogramError> {
        self.add(other)
    }
    fn result(self) -> Histogram {
        self.finish()
    }
}

/// The sum of histograms in an aggregation or over time.
pub(crate) type HistogramSum = Aggregated<KahanHistogram>;

/// Their mean.
pub(crate) type HistogramMean = Aggregated<ModelMean>;

/// A sum or mean, with what there is to say about it.
#[derive(Debug)]
pub(crate) struct Aggregated<F> {
    fold: Option<F>,
    incompatible: bool,
    reset_seen: bool,
    no_reset_seen: bool,
}

impl<F> Default for Aggregated<F> {
    fn default() -> Self {
        Self { fold: None, incompatible: false, reset_seen: false, no_reset_seen: false }
    }
}

impl<F: Fold> RunningHistogram for Aggregated<F> {
    fn add(&mut self, histogram: &Histogram, (span, metric): (&Span, &str), cx: &mut Context<'_>) {
        self.reset_seen |= histogram.reset_hint == ResetHint::Reset;
        self.no_reset_seen |= histogram.reset_hint == ResetHint::NoReset;
        match &mut self.fold {
            None => self.fold = Some(F::start(histogram)),
            Some(_) if self.incompatible => {}
            Some(fold) => match fold.take_in(histogram) {
                // Conflicting hints are looked for among all histograms, whatever their order.
                Ok(notes) => {
                    note(ArithmeticNotes { reset_conflict: false, ..notes }, "aggregation", span, cx)
                }
                Err(_) => {
                    cx.notes.mixed_schemas(span, metric);
                    self.incompatible = true;
                }
            },
        }
    }

    fn total(self, span: &Span, cx: &mut Context<'_>) -> Option<Histogram> {
        if self.reset_seen && self.no_reset_seen {
            cx.notes.reset_collision(span, "aggregation");
        }
        if self.incompatible {
            return None;
        }
        let mut total = self.fold?.result();
        total.compact(0);
        Some(total)
    }
}
