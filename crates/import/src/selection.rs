//! Which series and times are imported.

use std::sync::Arc;
use watchfire_model::histogram::ResetHint;
use watchfire_model::{Labels, Matcher, Samples, TimeRange};

/// What of a source is wanted.
#[derive(Clone, Debug)]
pub struct Choice {
    /// Series that satisfy all matchers of any of these; all series when there is none.
    pub selectors: Vec<Vec<Matcher>>,
    /// Samples in this range, both ends included.
    pub range: TimeRange,
}

impl Default for Choice {
    fn default() -> Self {
        Self { selectors: Vec::new(), range: TimeRange::ALL }
    }
}

impl Choice {
    /// Whether a series is wanted.
    pub fn wants(&self, labels: &Labels) -> bool {
        let satisfies =
            |matchers: &Vec<Matcher>| matchers.iter().all(|matcher| matcher.matches_labels(labels));
        self.selectors.is_empty() || self.selectors.iter().any(satisfies)
    }

    /// The choice in words, for telling sources apart: a block of which some series were imported is not done.
    pub(crate) fn key(&self) -> String {
        let mut key = String::new();
        for matchers in &self.selectors {
            key.push_str(&format!(" match={matchers:?}"));
        }
        if self.range.start_ms != i64::MIN {
            key.push_str(&format!(" from={}", self.range.start_ms));
        }
        if self.range.end_ms != i64::MAX {
            key.push_str(&format!(" to={}", self.range.end_ms));
        }
        key
    }
}

/// Brings samples into time order, of two with one time the first.
pub(crate) fn put_in_order(samples: &mut Samples) {
    let times = &samples.timestamps_ms;
    if times.is_sorted_by(|left, right| left < right) {
        return;
    }
    let mut order: Vec<usize> = (0..times.len()).collect();
    order.sort_by_key(|index| times.get(*index).copied());
    order.dedup_by_key(|index| times.get(*index).copied());
    pick(samples, &order);
}

/// Keeps the samples whose times please.
pub(crate) fn retain(samples: &mut Samples, mut pleases: impl FnMut(i64) -> bool) {
    let times = samples.timestamps_ms.iter().enumerate();
    let order: Vec<usize> = times.filter(|(_, at)| pleases(**at)).map(|(index, _)| index).collect();
    if order.len() < samples.len() {
        pick(samples, &order);
    }
}

/// Keeps the samples at these places, in this order. A histogram that follows another one than before no longer knows
/// that there was no reset in between.
fn pick(samples: &mut Samples, order: &[usize]) {
    fn column<T: Clone>(column: &mut Vec<T>, order: &[usize]) {
        *column = order.iter().filter_map(|index| column.get(*index).cloned()).collect();
    }
    column(&mut samples.timestamps_ms, order);
    column(&mut samples.floats, order);
    column(&mut samples.histograms, order);
    column(&mut samples.start_timestamps_ms, order);
    let mut expected = None;
    for (place, index) in order.iter().enumerate() {
        if expected != Some(*index)
            && let Some(Some(histogram)) = samples.histograms.get_mut(place)
            && histogram.reset_hint == ResetHint::NoReset
        {
            Arc::make_mut(histogram).reset_hint = ResetHint::Unknown;
        }
        expected = Some(index + 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use watchfire_model::Histogram;

    fn histogram(count: f64, reset_hint: ResetHint) -> Arc<Histogram> {
        Arc::new(Histogram { count, reset_hint, ..Histogram::default() })
    }

    fn hints(samples: &Samples) -> Vec<ResetHint> {
        samples.histograms.iter().flatten().map(|histogram| histogram.reset_hint).collect()
    }

    #[test]
    fn a_histogram_behind_a_gap_does_not_know_of_resets() {
        let mut samples = Samples::default();
        for at in 1..=5 {
            samples.push_histogram(at, histogram(at as f64, ResetHint::NoReset));
        }
        retain(&mut samples, |at| at != 3);
        assert_eq!(samples.timestamps_ms, [1, 2, 4, 5]);
        // What was before the first is not known either.
        let (unknown, no_reset) = (ResetHint::Unknown, ResetHint::NoReset);
        assert_eq!(hints(&samples), [unknown, no_reset, unknown, no_reset]);
    }

    #[test]
    fn samples_are_put_in_order_and_the_first_of_two_stays() {
        let mut samples = Samples::default();
        for (at, value) in [(3, 1.0), (1, 2.0), (3, 3.0), (2, 4.0)] {
            samples.push_float(at, value);
        }
        put_in_order(&mut samples);
        assert_eq!((samples.timestamps_ms, samples.floats), (vec![1, 2, 3], vec![2.0, 4.0, 1.0]));
    }
}
