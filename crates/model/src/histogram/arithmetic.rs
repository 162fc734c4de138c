//! Sums, differences, products.

use super::{ArithmeticNotes, Histogram, HistogramError, ResetHint, layout};

/// One side's buckets as ascending `(index, count)` pairs.
pub(super) type Side = Vec<(i32, f64)>;

/// Another histogram, brought to the layout of the one it is to be added to.
pub(super) struct Aligned {
    /// Observations in the common zero bucket.
    pub(super) zero_count: f64,
    /// Positive buckets outside of it.
    pub(super) positive: Side,
    /// Negative buckets outside of it.
    pub(super) negative: Side,
    /// Whether custom bounds differed.
    pub(super) bounds_reconciled: bool,
}

impl Histogram {
    /// Adds `other`: to the coarser resolution of both, the wider zero bucket of both, or the custom bounds both have.
    ///
    /// The hint of the result: equal hints stay; a gauge makes a gauge; otherwise nothing is known.
    ///
    /// # Errors
    /// [`HistogramError::IncompatibleSchema`] when one has custom buckets and the other has not; `self` is unchanged.
    pub fn add(&mut self, other: &Self) -> Result<ArithmeticNotes, HistogramError> {
        self.combine(other, |left, right| *left += right)
    }

    /// Subtracts `other`, as [`Histogram::add`] adds. A difference is a gauge, whatever its sides are.
    ///
    /// # Errors
    /// As [`Histogram::add`].
    pub fn sub(&mut self, other: &Self) -> Result<ArithmeticNotes, HistogramError> {
        let notes = self.combine(other, |left, right| *left -= right)?;
        self.reset_hint = ResetHint::Gauge;
        Ok(notes)
    }

    /// Multiplies all counts and the sum. A negative factor makes a gauge.
    pub fn mul_scalar(&mut self, factor: f64) {
        self.each_number(|number| *number *= factor);
        if factor < 0.0 {
            self.reset_hint = ResetHint::Gauge;
        }
    }

    /// Divides all counts and the sum. A negative divisor makes a gauge; division by zero leaves no buckets but the
    /// zero bucket.
    pub fn div_scalar(&mut self, divisor: f64) {
        self.each_number(|number| *number /= divisor);
        if divisor < 0.0 {
            self.reset_hint = ResetHint::Gauge;
        }
        if divisor == 0.0 {
            self.positive_spans.clear();
            self.positive_buckets.clear();
            self.negative_spans.clear();
            self.negative_buckets.clear();
        }
    }

    fn each_number(&mut self, change: impl Fn(&mut f64)) {
        change(&mut self.zero_count);
        change(&mut self.count);
        change(&mut self.sum);
        self.positive_buckets.iter_mut().chain(&mut self.negative_buckets).for_each(change);
    }

    fn combine(
        &mut self,
        other: &Self,
        op: impl Fn(&mut f64, f64),
    ) -> Result<ArithmeticNotes, HistogramError> {
        let mut notes = ArithmeticNotes::default();
        if self.has_layout_of(other) {
            op(&mut self.zero_count, other.zero_count);
            zip(&mut self.positive_buckets, &other.positive_buckets, &op);
            zip(&mut self.negative_buckets, &other.negative_buckets, &op);
        } else {
            let aligned = self.align(other, None)?;
            notes.bounds_reconciled = aligned.bounds_reconciled;
            op(&mut self.zero_count, aligned.zero_count);
            merge(&mut self.positive_spans, &mut self.positive_buckets, None, &aligned.positive);
            zip_onto(&self.positive_spans, &mut self.positive_buckets, &aligned.positive, &op);
            merge(&mut self.negative_spans, &mut self.negative_buckets, None, &aligned.negative);
            zip_onto(&self.negative_spans, &mut self.negative_buckets, &aligned.negative, &op);
        }
        op(&mut self.count, other.count);
        op(&mut self.sum, other.sum);
        notes.reset_conflict = self.combine_hint(other.reset_hint);
        Ok(notes)
    }

    /// Whether each number of one stands for the same as that of the other, which needs no alignment.
    pub(super) fn has_layout_of(&self, other: &Self) -> bool {
        self.schema == other.schema
            && self.zero_threshold == other.zero_threshold
            && self.custom_values == other.custom_values
            && self.positive_spans == other.positive_spans
            && self.negative_spans == other.negative_spans
            && self.positive_buckets.len() == other.positive_buckets.len()
            && self.negative_buckets.len() == other.negative_buckets.len()
    }

    /// The hint of a sum; true when the two contradict each other.
    pub(super) fn combine_hint(&mut self, other: ResetHint) -> bool {
        use ResetHint::{Gauge, Unknown};
        match (self.reset_hint, other) {
            (own, other) if own == other => false,
            (Gauge, _) | (_, Gauge) => {
                self.reset_hint = Gauge;
                false
            }
            (own, other) => {
                self.reset_hint = Unknown;
                own != Unknown && other != Unknown
            }
        }
    }

    /// Brings both to one layout: `self` (and `companion`, which has the layout of `self`) in place, `other` in the
    /// answer.
    pub(super) fn align(
        &mut self,
        other: &Self,
        mut companion: Option<&mut Self>,
    ) -> Result<Aligned, HistogramError> {
        if self.is_custom() != other.is_custom() {
            return Err(HistogramError::IncompatibleSchema);
        }
        let mut positive = layout::unpack(&other.positive_spans, &other.positive_buckets);
        let mut negative = layout::unpack(&other.negative_spans, &other.negative_buckets);
        if self.is_custom() {
            let bounds_reconciled = self.custom_values != other.custom_values;
            if bounds_reconciled {
                let common = layout::common_bounds(&self.custom_values, &other.custom_values);
                positive = layout::under_bounds(positive, &other.custom_values, &common);
                if let Some(companion) = &mut companion {
                    companion.keep_bounds(&common);
                }
                self.keep_bounds(&common);
            }
            let zero_count = other.zero_count;
            return Ok(Aligned { zero_count, positive, negative, bounds_reconciled });
        }

        let zero_count = self.share_zero_bucket(other, companion.as_deref_mut());
        // What lies below the common threshold is already in `zero_count`. Judged before buckets are merged: after it,
        // one may reach across the threshold.
        let threshold = self.zero_threshold;
        if threshold != other.zero_threshold {
            for side in [&mut positive, &mut negative] {
                side.retain(|(index, _)| super::buckets::exponential_bound(*index, other.schema) > threshold);
            }
        }
        let schema = self.schema.min(other.schema);
        if other.schema > schema {
            let by = other.schema.abs_diff(schema);
            (positive, negative) = (layout::coarser(positive, by), layout::coarser(negative, by));
        }
        if self.schema > schema {
            if let Some(companion) = companion {
                companion.reduce_resolution(schema)?;
            }
            self.reduce_resolution(schema)?;
        }
        Ok(Aligned { zero_count, positive, negative, bounds_reconciled: false })
    }

    /// Brings custom buckets under fewer bounds.
    pub(super) fn keep_bounds(&mut self, common: &[f64]) {
        let pairs = layout::unpack(&self.positive_spans, &self.positive_buckets);
        let pairs = layout::under_bounds(pairs, &self.custom_values, common);
        (self.positive_spans, self.positive_buckets) = layout::pack_all(&pairs);
        self.custom_values = common.to_vec();
    }

    /// Widens the narrower zero bucket until both are equal; gives the count of `other`'s.
    fn share_zero_bucket(&mut self, other: &Self, mut companion: Option<&mut Self>) -> f64 {
        let mut other_count = other.zero_count;
        let mut other_threshold = other.zero_threshold;
        // Each round widens one of them to a bucket bound of the other, so that it ends; NaN would not.
        while self.zero_threshold < other_threshold || other_threshold < self.zero_threshold {
            if self.zero_threshold > other_threshold {
                (other_count, other_threshold) = other.zero_count_within(self.zero_threshold);
            }
            if other_threshold > self.zero_threshold {
                let (count, threshold) = self.zero_count_within(other_threshold);
                if let Some(companion) = &mut companion {
                    // The companion's buckets have the same bounds but other counts: it follows, it does not decide.
                    companion.zero_count = companion.counts_within(threshold);
                    companion.zero_threshold = threshold;
                    companion.clear_within_zero_bucket();
                }
                self.zero_count = count;
                self.zero_threshold = threshold;
                self.clear_within_zero_bucket();
            }
        }
        other_count
    }

    /// What a zero bucket of at least `threshold` would hold, and its width: a filled bucket is never cut, so the
    /// width grows to its end.
    pub(super) fn zero_count_within(&self, threshold: f64) -> (f64, f64) {
        let mut threshold = threshold;
        if threshold == self.zero_threshold {
            return (self.zero_count, threshold);
        }
        loop {
            let mut count = self.zero_count;
            for bucket in self.positive_iter() {
                if bucket.lower >= threshold {
                    break;
                }
                count += bucket.count;
                if bucket.upper > threshold {
                    if bucket.count != 0.0 {
                        threshold = bucket.upper;
                    }
                    break;
                }
            }
            let mut widened = false;
            for bucket in self.negative_iter() {
                if bucket.upper <= -threshold {
                    break;
                }
                count += bucket.count;
                if bucket.lower < -threshold {
                    widened = bucket.count != 0.0;
                    if widened {
                        threshold = -bucket.lower;
                    }
                    break;
                }
            }
            if !widened {
                return (count, threshold);
            }
        }
    }

    fn counts_within(&self, threshold: f64) -> f64 {
        let positive = self.positive_iter().take_while(|bucket| bucket.lower < threshold);
        let negative = self.negative_iter().take_while(|bucket| bucket.upper > -threshold);
        positive.chain(negative).fold(self.zero_count, |count, bucket| count + bucket.count)
    }

    fn clear_within_zero_bucket(&mut self) {
        let (schema, threshold) = (self.schema, self.zero_threshold);
        let outside = |(index, _): &(i32, f64)| {
            super::buckets::exponential_bound(index.saturating_sub(1), schema) >= threshold
        };
        for (spans, buckets) in [
            (&mut self.positive_spans, &mut self.positive_buckets),
            (&mut self.negative_spans, &mut self.negative_buckets),
        ] {
            let mut pairs = layout::unpack(spans, buckets);
            pairs.retain(outside);
            (*spans, *buckets) = layout::pack_all(&pairs);
        }
    }
}

fn zip(left: &mut [f64], right: &[f64], op: &impl Fn(&mut f64, f64)) {
    left.iter_mut().zip(right).for_each(|(left, right)| op(left, *right));
}

/// Makes room in `buckets` (and in `companion`, of the same layout) for the buckets of `other`.
pub(super) fn merge(
    spans: &mut Vec<super::Span>,
    buckets: &mut Vec<f64>,
    companion: Option<&mut Vec<f64>>,
    other: &Side,
) {
    let own = layout::unpack(spans, buckets);
    let indexes = layout::union(&own, other);
    if indexes.len() != own.len() {
        if let Some(companion) = companion {
            *companion = layout::spread(&layout::unpack(spans, companion), &indexes);
        }
        *buckets = layout::spread(&own, &indexes);
        let places: Side = indexes.into_iter().map(|index| (index, 0.0)).collect();
        *spans = layout::pack_all(&places).0;
    }
}

/// Applies `op` to each bucket that `other` has too; the layout has room for all of them.
fn zip_onto(spans: &[super::Span], buckets: &mut [f64], other: &Side, op: &impl Fn(&mut f64, f64)) {
    let spread = layout::spread(other, &layout::indexes(spans, buckets.len()));
    zip(buckets, &spread, op);
}
