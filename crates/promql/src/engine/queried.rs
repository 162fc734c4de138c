//! How many samples a query looks at at each of its steps, counted as Prometheus counts them for `stats`: a selector looks
//! at one of each series, a range at all that are inside, once for every step; a histogram counts for as many as it is
//! large. What lies inside of a subquery does not count, but what the subquery hands out does.

use super::context::Steps;
use super::times::Reference;
use watchfire_model::{Histogram, Samples};

/// How the steps of an operator stand to those of the query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// They are the same.
    Steps,
    /// Its one step stands for all.
    Once,
    /// It is inside of a subquery.
    Subquery,
}

impl Scope {
    /// The scope of what is evaluated once for all steps.
    pub(crate) const fn once(self) -> Self {
        match self {
            Self::Steps | Self::Once => Self::Once,
            Self::Subquery => Self::Subquery,
        }
    }
}

/// Counts by step; of nothing unless they were asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Queried {
    counts: Vec<u64>,
}

impl Queried {
    /// Counts at so many steps.
    pub(crate) fn at(steps: usize) -> Self {
        Self { counts: vec![0; steps] }
    }

    /// One that counts the same, with nothing counted.
    pub(crate) fn anew(&self) -> Self {
        Self::at(self.counts.len())
    }

    /// Whether anything is to be counted.
    pub(crate) const fn counts(&self, scope: Scope) -> bool {
        !self.counts.is_empty() && !matches!(scope, Scope::Subquery)
    }

    pub(crate) fn add(&mut self, scope: Scope, step: usize, samples: u64) {
        match scope {
            Scope::Steps => {
                if let Some(count) = self.counts.get_mut(step) {
                    *count += samples;
                }
            }
            Scope::Once => self.counts.iter_mut().for_each(|count| *count += samples),
            Scope::Subquery => {}
        }
    }

    /// Adds what was counted elsewhere.
    pub(crate) fn absorb(&mut self, other: &Self) {
        for (count, other) in self.counts.iter_mut().zip(&other.counts) {
            *count += other;
        }
    }

    /// Counts the samples of a series in the windows of all steps.
    pub(crate) fn windows(
        &mut self,
        scope: Scope,
        steps: Steps,
        (reference, range_ms): (Reference, i64),
        samples: &Samples,
    ) {
        if !self.counts(scope) {
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
        for (step, time_ms) in steps.times().enumerate() {
            let end_ms = reference.apply(time_ms);
            self.add(scope, step, behind(end_ms) - behind(end_ms.saturating_sub(range_ms)));
        }
    }

    pub(crate) fn finish(self) -> Vec<u64> {
        self.counts
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
