//! How many samples a query looks at and reads at each of its steps, counted as Prometheus counts them for `stats`.
//!
//! A selector looks at one sample of each series, a range at all that are inside, once for every step; a histogram counts
//! for as many as it is large. What lies inside of a subquery is not looked at, but what the subquery hands out is.
//! A sample is read at the first step that looks at it through a range, and by a selector at each; what lies inside of a
//! subquery is read for the first of the query's steps at which it is.

use super::context::Steps;
use super::times::Reference;
use std::sync::{Arc, Mutex, PoisonError};
use watchfire_model::{Histogram, Samples};

/// How the steps of an operator stand to those of the query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// They are the same.
    Steps,
    /// Its one step stands for all.
    Once,
    /// It is inside of a subquery; by this number [`Inside`] knows for which step of the query each of its steps is. `once`
    /// when its one step stands for all of those.
    Subquery { number: usize, once: bool },
}

impl Scope {
    /// The scope of what is evaluated once for all steps.
    pub(crate) const fn once(self) -> Self {
        match self {
            Self::Steps | Self::Once => Self::Once,
            Self::Subquery { number, .. } => Self::Subquery { number, once: true },
        }
    }
}

/// The place of a step that is for none of the query's: they are never so many.
const NO_STEP: u32 = u32::MAX;

/// For which step of the query each step of a subquery is evaluated first, by the subquery's number.
#[derive(Clone, Debug, Default)]
pub(crate) struct Inside(Arc<Mutex<Vec<Arc<[u32]>>>>);

impl Inside {
    fn of(&self, number: usize) -> Arc<[u32]> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(number).cloned().unwrap_or_default()
    }

    /// The scope of what is inside of a subquery with these steps, whose range is looked at in steps of another scope. What
    /// lies between two ranges is not counted.
    pub(crate) fn add(
        &self,
        inner: Steps,
        (scope, steps): (Scope, Steps),
        (reference, range_ms): (Reference, i64),
    ) -> Scope {
        let last = steps.count.saturating_sub(1);
        let places = self.places(scope);
        let mut outer = 0;
        let of_query = inner.times().map(|time_ms| {
            while outer < last && reference.apply(steps.time(outer)) < time_ms {
                outer += 1;
            }
            let begins_ms = reference.apply(steps.time(outer)).saturating_sub(range_ms);
            if time_ms > begins_ms { u32::try_from(places.of(outer)).unwrap_or(NO_STEP) } else { NO_STEP }
        });
        let of_query = of_query.collect();
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.push(of_query);
        Scope::Subquery { number: known.len() - 1, once: false }
    }

    fn places(&self, scope: Scope) -> Places {
        match scope {
            Scope::Steps => Places::Same,
            Scope::Once => Places::First(0),
            Scope::Subquery { number, once: true } => {
                Places::First(self.of(number).first().map_or(0, |step| *step as usize))
            }
            Scope::Subquery { number, once: false } => Places::Mapped(self.of(number)),
        }
    }
}

/// Which step of the query a step stands for first.
enum Places {
    Same,
    First(usize),
    Mapped(Arc<[u32]>),
}

impl Places {
    fn of(&self, step: usize) -> usize {
        match self {
            Self::Same => step,
            Self::First(first) => *first,
            Self::Mapped(steps) => steps.get(step).map_or(usize::MAX, |step| *step as usize),
        }
    }
}

/// What each step looks at and reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SamplesByStep {
    /// Samples that it looks at.
    pub looked_at: Vec<u64>,
    /// Those among them, and inside of subqueries, that no step before it has read.
    pub read: Vec<u64>,
}

/// Counts by step; of nothing unless they were asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Queried {
    counts: SamplesByStep,
    inside: Inside,
}

impl Queried {
    /// Counts at so many steps.
    pub(crate) fn at(steps: usize, inside: &Inside) -> Self {
        let counts = SamplesByStep { looked_at: vec![0; steps], read: vec![0; steps] };
        Self { counts, inside: inside.clone() }
    }

    /// One that counts the same, with nothing counted.
    pub(crate) fn anew(&self) -> Self {
        Self::at(self.counts.read.len(), &self.inside)
    }

    /// Whether anything is to be counted.
    pub(crate) const fn counts(&self) -> bool {
        !self.counts.read.is_empty()
    }

    fn look(&mut self, scope: Scope, step: usize, samples: u64) {
        match scope {
            Scope::Steps => add(&mut self.counts.looked_at, step, samples),
            Scope::Once => self.counts.looked_at.iter_mut().for_each(|count| *count += samples),
            Scope::Subquery { .. } => {}
        }
    }

    /// Adds what was counted elsewhere.
    pub(crate) fn absorb(&mut self, other: &Self) {
        let both = |into: &mut Vec<u64>, from: &[u64]| {
            into.iter_mut().zip(from).for_each(|(count, other)| *count += other);
        };
        both(&mut self.counts.looked_at, &other.counts.looked_at);
        both(&mut self.counts.read, &other.counts.read);
    }

    /// Counts the samples of a series that a selector looks at: one at each of these steps, with its weight.
    pub(crate) fn instants(&mut self, scope: Scope, samples: impl Iterator<Item = (usize, u64)>) {
        if !self.counts() {
            return;
        }
        let places = self.inside.places(scope);
        for (step, weight) in samples {
            self.look(scope, step, weight);
            add(&mut self.counts.read, places.of(step), weight);
        }
    }

    /// Counts the samples of a series in the windows of all steps; those of a subquery were read already.
    pub(crate) fn windows(
        &mut self,
        (scope, of_subquery): (Scope, bool),
        steps: Steps,
        (reference, range_ms): (Reference, i64),
        samples: &Samples,
    ) {
        if !self.counts() {
            return;
        }
        let mut before = Vec::with_capacity(samples.len() + 1);
        before.push(0);
        let mut total = 0;
        for place in 0..samples.len() {
            total += samples.histogram(place).map_or(1, |histogram| weight(histogram));
            before.push(total);
        }
        let behind = |time_ms: i64| {
            let place = samples.timestamps_ms.partition_point(|at| *at <= time_ms);
            before.get(place).copied().unwrap_or(total)
        };
        let places = self.inside.places(scope);
        let mut read = 0;
        for (step, time_ms) in steps.times().enumerate() {
            let end_ms = reference.apply(time_ms);
            let (open, close) = (behind(end_ms.saturating_sub(range_ms)), behind(end_ms));
            self.look(scope, step, close - open);
            if !of_subquery {
                add(&mut self.counts.read, places.of(step), close.saturating_sub(open.max(read)));
                read = read.max(close);
            }
        }
    }

    pub(crate) fn finish(self) -> SamplesByStep {
        self.counts
    }
}

fn add(counts: &mut [u64], step: usize, samples: u64) {
    if let Some(count) = counts.get_mut(step) {
        *count += samples;
    }
}

/// How many floats a histogram counts for: by the bytes that one takes in Prometheus beside those of its time.
pub(crate) fn weight(histogram: &Histogram) -> u64 {
    const ITSELF_BYTES: usize = 168;
    const TIME_BYTES: usize = 8;
    let spans = histogram.positive_spans.len() + histogram.negative_spans.len();
    let numbers =
        histogram.positive_buckets.len() + histogram.negative_buckets.len() + histogram.custom_values.len();
    ((ITSELF_BYTES + 8 * (spans + numbers) + TIME_BYTES) / 16) as u64
}

#[cfg(test)]
mod tests;
