//! One series over all steps, as columns.

use super::QueryError;
use super::context::Context;
use std::sync::Arc;
use watchfire_model::{Histogram, Labels, SampleValue};

/// What a series is called, and whether it loses its name at the end of the query.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SeriesKey {
    pub(crate) labels: Labels,
    /// Names are dropped only at the end ("delayed name removal"), so that label functions can still see them.
    pub(crate) drop_name: bool,
}

impl SeriesKey {
    pub(crate) const fn new(labels: Labels) -> Self {
        Self { labels, drop_name: false }
    }

    pub(crate) fn nameless(self) -> Self {
        Self { drop_name: true, ..self }
    }

    /// The labels as the user sees them.
    pub(crate) fn shown(self) -> Labels {
        if self.drop_name { without_metadata(&self.labels) } else { self.labels }
    }
}

/// Whether a label describes the metric itself: its name, type or unit. They are dropped together.
pub(crate) fn is_metadata(label: &str) -> bool {
    matches!(label, "__name__" | "__type__" | "__unit__")
}

pub(crate) fn without_metadata(labels: &Labels) -> Labels {
    labels.without(is_metadata)
}

/// A sample, borrowed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Point<'a> {
    Float(f64),
    Histogram(&'a Arc<Histogram>),
}

impl Point<'_> {
    pub(crate) fn to_value(self) -> SampleValue {
        match self {
            Self::Float(value) => SampleValue::Float(value),
            Self::Histogram(histogram) => SampleValue::Histogram(Arc::clone(histogram)),
        }
    }
}

/// The samples of one series, one place per step. `histograms` stays empty until one is needed.
#[derive(Clone, Debug, Default)]
pub(crate) struct StepVector {
    pub(crate) values: Vec<f64>,
    pub(crate) present: Vec<bool>,
    pub(crate) histograms: Vec<Option<Arc<Histogram>>>,
}

impl StepVector {
    /// Forgets everything and makes room for `count` steps, all absent.
    pub(crate) fn reset(&mut self, count: usize) {
        self.values.clear();
        self.values.resize(count, 0.0);
        self.present.clear();
        self.present.resize(count, false);
        self.histograms.clear();
    }

    pub(crate) fn absent(count: usize) -> Self {
        let mut vector = Self::default();
        vector.reset(count);
        vector
    }

    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    pub(crate) fn has_histograms(&self) -> bool {
        !self.histograms.is_empty()
    }

    #[inline]
    pub(crate) fn is_present(&self, step: usize) -> bool {
        self.present.get(step).copied().unwrap_or(false)
    }

    pub(crate) fn any_present(&self) -> bool {
        self.present.contains(&true)
    }

    pub(crate) fn present_count(&self) -> usize {
        self.present.iter().filter(|present| **present).count()
    }

    #[inline]
    pub(crate) fn get(&self, step: usize) -> Option<Point<'_>> {
        if !self.is_present(step) {
            return None;
        }
        match self.histograms.get(step) {
            Some(Some(histogram)) => Some(Point::Histogram(histogram)),
            _ => self.values.get(step).map(|value| Point::Float(*value)),
        }
    }

    #[inline]
    pub(crate) fn set_float(&mut self, step: usize, value: f64) {
        if let (Some(slot), Some(present)) = (self.values.get_mut(step), self.present.get_mut(step)) {
            *slot = value;
            *present = true;
        }
        if let Some(slot) = self.histograms.get_mut(step) {
            *slot = None;
        }
    }

    pub(crate) fn set_histogram(&mut self, step: usize, histogram: Arc<Histogram>) {
        if self.histograms.is_empty() {
            self.histograms.resize(self.values.len(), None);
        }
        if let (Some(slot), Some(present)) = (self.histograms.get_mut(step), self.present.get_mut(step)) {
            *slot = Some(histogram);
            *present = true;
        }
    }

    #[inline]
    pub(crate) fn set(&mut self, step: usize, value: SampleValue) {
        match value {
            SampleValue::Float(value) => self.set_float(step, value),
            SampleValue::Histogram(histogram) => self.set_histogram(step, histogram),
        }
    }

    pub(crate) fn clear_at(&mut self, step: usize) {
        if let Some(present) = self.present.get_mut(step) {
            *present = false;
        }
        if let Some(slot) = self.histograms.get_mut(step) {
            *slot = None;
        }
    }

    /// Calls `change` with every float and puts its result in place; histograms disappear.
    pub(crate) fn map_floats(&mut self, mut change: impl FnMut(f64) -> f64) {
        self.drop_histograms();
        for (value, present) in self.values.iter_mut().zip(&self.present) {
            if *present {
                *value = change(*value);
            }
        }
    }

    /// Makes every histogram absent.
    pub(crate) fn drop_histograms(&mut self) {
        for (slot, present) in self.histograms.iter().zip(&mut self.present) {
            if slot.is_some() {
                *present = false;
            }
        }
        self.histograms.clear();
    }
}

/// Something that gives out series, one after the other, each over all steps.
pub(crate) trait Operator<'a> {
    /// Moves to the next series and fills `out` with all its steps; `None` at the end.
    fn next(&mut self, cx: &mut Context<'a>, out: &mut StepVector) -> Result<Option<SeriesKey>, QueryError>;
}

pub(crate) type BoxOperator<'a> = Box<dyn Operator<'a> + 'a>;

/// A series kept whole, where streaming is not possible.
#[derive(Clone, Debug)]
pub(crate) struct HeldSeries {
    pub(crate) key: SeriesKey,
    pub(crate) vector: StepVector,
}

/// Pulls everything and keeps it, on the account.
pub(crate) fn hold_all<'a>(
    operator: &mut dyn Operator<'a>,
    cx: &mut Context<'a>,
) -> Result<Vec<HeldSeries>, QueryError> {
    let mut held = Vec::new();
    let mut vector = StepVector::default();
    while let Some(key) = operator.next(cx, &mut vector)? {
        if !vector.any_present() {
            continue;
        }
        cx.hold(vector.len())?;
        held.push(HeldSeries { key, vector: std::mem::take(&mut vector) });
    }
    Ok(held)
}

/// Gives out series that are already there.
#[derive(Debug)]
pub(crate) struct Held {
    series: std::vec::IntoIter<HeldSeries>,
}

impl Held {
    pub(crate) fn new(series: Vec<HeldSeries>) -> Self {
        Self { series: series.into_iter() }
    }

    pub(crate) fn next(&mut self, cx: &mut Context<'_>, out: &mut StepVector) -> Option<SeriesKey> {
        let series = self.series.next()?;
        cx.release(series.vector.len());
        *out = series.vector;
        Some(series.key)
    }
}
