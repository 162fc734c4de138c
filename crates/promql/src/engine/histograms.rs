//! The histogram algebra of `watchfire-model`, with its outcomes turned into remarks.

use super::aggregate::RunningHistogram;
use super::context::Context;
use crate::ast::Span;
use watchfire_model::Histogram;
use watchfire_model::histogram::{ArithmeticNotes, HistogramMean as ModelMean, KahanHistogram};

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

/// The sum of histograms in an aggregation.
#[derive(Debug, Default)]
pub(crate) struct HistogramSum {
    sum: Option<KahanHistogram>,
    incompatible: bool,
}

impl RunningHistogram for HistogramSum {
    fn add(&mut self, histogram: &Histogram, span: &Span, cx: &mut Context<'_>) {
        match &mut self.sum {
            None => self.sum = Some(KahanHistogram::new(histogram)),
            Some(_) if self.incompatible => {}
            Some(sum) => match sum.add(histogram) {
                Ok(notes) => note(notes, "aggregation", span, cx),
                Err(_) => self.incompatible = true,
            },
        }
    }

    fn total(self, span: &Span, metric: &str, cx: &mut Context<'_>) -> Option<Histogram> {
        if self.incompatible {
            cx.notes.mixed_schemas(span, metric);
            return None;
        }
        let mut total = self.sum?.finish();
        total.compact(0);
        Some(total)
    }
}

/// The mean of histograms in an aggregation.
#[derive(Debug, Default)]
pub(crate) struct HistogramMean {
    mean: Option<ModelMean>,
    incompatible: bool,
}

impl RunningHistogram for HistogramMean {
    fn add(&mut self, histogram: &Histogram, span: &Span, cx: &mut Context<'_>) {
        match &mut self.mean {
            None => self.mean = Some(ModelMean::new(histogram)),
            Some(_) if self.incompatible => {}
            Some(mean) => match mean.add(histogram) {
                Ok(notes) => note(notes, "aggregation", span, cx),
                Err(_) => self.incompatible = true,
            },
        }
    }

    fn total(self, span: &Span, metric: &str, cx: &mut Context<'_>) -> Option<Histogram> {
        if self.incompatible {
            cx.notes.mixed_schemas(span, metric);
            return None;
        }
        let mut mean = self.mean?.finish();
        mean.compact(0);
        Some(mean)
    }
}
