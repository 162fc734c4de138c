//! Counter resets between one histogram and the next.

use super::buckets::exponential_bound;
use super::{Histogram, ResetHint, layout};
use crate::is_stale;

impl Histogram {
    /// Whether the counter started anew between `previous` and this one.
    ///
    /// A hint decides if it is there. Otherwise: fewer observations in all or in any bucket, a finer resolution, a
    /// narrower zero bucket, or other kinds of buckets are a reset; custom bounds that differ are compared by the
    /// bounds both have.
    pub fn detect_reset(&self, previous: &Self) -> bool {
        match self.reset_hint {
            ResetHint::Reset => return true,
            ResetHint::NoReset => return false,
            ResetHint::Unknown | ResetHint::Gauge => {}
        }
        if self.count < previous.count || self.is_custom() != previous.is_custom() {
            return true;
        }
        if let Some(fewer) = self.fewer_in_same_layout(previous) {
            return fewer;
        }
        let mut current = layout::unpack(&self.positive_spans, &self.positive_buckets);
        let mut before = layout::unpack(&previous.positive_spans, &previous.positive_buckets);
        if self.is_custom() {
            if self.custom_values != previous.custom_values {
                let common = layout::common_bounds(&self.custom_values, &previous.custom_values);
                current = layout::under_bounds(current, &self.custom_values, &common);
                before = layout::under_bounds(before, &previous.custom_values, &common);
            }
            return any_fewer(&current, &before);
        }
        if self.schema > previous.schema || self.zero_threshold < previous.zero_threshold {
            return true;
        }
        let (zero_before, threshold) = previous.zero_count_within(self.zero_threshold);
        // A threshold inside a filled bucket can only come from a new start.
        if threshold != self.zero_threshold || self.zero_count < zero_before {
            return true;
        }
        let comparable = |mut pairs: Vec<(i32, f64)>| {
            pairs.retain(|(index, _)| exponential_bound(*index, previous.schema) > self.zero_threshold);
            layout::coarser(pairs, previous.schema.abs_diff(self.schema))
        };
        let before_negative = layout::unpack(&previous.negative_spans, &previous.negative_buckets);
        any_fewer(&current, &comparable(before))
            || any_fewer(
                &layout::unpack(&self.negative_spans, &self.negative_buckets),
                &comparable(before_negative),
            )
    }

    /// Whether any bucket has fewer observations than before, if the buckets of both are the same ones and none lies in
    /// the zero bucket.
    fn fewer_in_same_layout(&self, previous: &Self) -> Option<bool> {
        let above_zero = |spans: &[super::Span]| {
            let first = spans.iter().find(|span| span.length > 0);
            let index = spans.first().filter(|span| span.length > 0).map(|span| span.offset);
            first.is_none()
                || index.is_some_and(|index| exponential_bound(index, self.schema) > self.zero_threshold)
        };
        let separate =
            self.is_custom() || above_zero(&self.positive_spans) && above_zero(&self.negative_spans);
        if !separate || !self.has_layout_of(previous) {
            return None;
        }
        // Without a branch several are compared at once, and mostly none is.
        let any = |now: &[f64], before: &[f64]| {
            now.iter().zip(before).fold(false, |any, (now, before)| any | (now < before))
        };
        let fewer = any(&self.positive_buckets, &previous.positive_buckets);
        // The zero bucket of custom buckets, and what lies below zero there, means nothing.
        let below = || {
            self.zero_count < previous.zero_count || any(&self.negative_buckets, &previous.negative_buckets)
        };
        Some(fewer || !self.is_custom() && below())
    }

    /// The hint under which a store hands this histogram out when `previous` stands before it in the same series.
    ///
    /// A gauge stays a gauge. A histogram that provably continues the one before says [`ResetHint::NoReset`]; all
    /// others [`ResetHint::Unknown`], because samples may arrive in between later (Prometheus answers the same for the
    /// first sample of each of its chunks).
    pub fn stored_hint(&self, previous: Option<&Self>) -> ResetHint {
        if self.reset_hint == ResetHint::Gauge {
            return ResetHint::Gauge;
        }
        let continues = previous.is_some_and(|previous| {
            let unhinted = self.reset_hint != ResetHint::Reset && previous.reset_hint != ResetHint::Gauge;
            let same_shape = self.schema == previous.schema
                && self.zero_threshold == previous.zero_threshold
                && self.custom_values == previous.custom_values;
            unhinted
                && same_shape
                && !is_stale(previous.sum)
                && (is_stale(self.sum) || !self.clone().with_hint(ResetHint::Unknown).detect_reset(previous))
        });
        if continues { ResetHint::NoReset } else { ResetHint::Unknown }
    }
}

/// Whether any bucket has fewer observations than it had `before`.
fn any_fewer(current: &[(i32, f64)], before: &[(i32, f64)]) -> bool {
    let mut current = current.iter().peekable();
    before.iter().any(|(index, count)| {
        while current.next_if(|(other, _)| other < index).is_some() {}
        match current.next_if(|(other, _)| other == index) {
            Some((_, now)) => now < count,
            None => *count != 0.0,
        }
    })
}
