//! Sums and means over many histograms, with Kahan–Neumaier compensation in every number.

use super::{ArithmeticNotes, Histogram, HistogramError, arithmetic, layout};

/// One step of a compensated sum: adds `value` to `(sum, compensation)` (Neumaier's variant; an infinite sum forgets
/// its compensation).
pub fn kahan_add(value: f64, sum: &mut f64, compensation: &mut f64) {
    let total = *sum + value;
    if total.is_infinite() {
        *compensation = 0.0;
    } else if sum.abs() >= value.abs() {
        *compensation += (*sum - total) + value;
    } else {
        *compensation += (value - total) + *sum;
    }
    *sum = total;
}

fn add_all(values: &[f64], sums: &mut [f64], losses: &mut [f64]) {
    for ((sum, lost), value) in sums.iter_mut().zip(losses).zip(values) {
        kahan_add(*value, sum, lost);
    }
}

/// A sum of histograms that loses no small numbers beside large ones.
#[derive(Clone, Debug)]
pub struct KahanHistogram {
    sum: Histogram,
    /// What rounding took from each number of `sum`; the same layout.
    compensation: Histogram,
    /// Memory for [`layout::places`].
    places: [Vec<usize>; 2],
}

impl KahanHistogram {
    /// Starts with one histogram.
    pub fn new(first: &Histogram) -> Self {
        let mut compensation = first.clone();
        compensation.zero_count = 0.0;
        compensation.count = 0.0;
        compensation.sum = 0.0;
        compensation.positive_buckets.fill(0.0);
        compensation.negative_buckets.fill(0.0);
        Self { sum: first.clone(), compensation, places: Default::default() }
    }

    /// Adds a histogram, as [`Histogram::add`].
    ///
    /// # Errors
    /// As [`Histogram::add`].
    pub fn add(&mut self, other: &Histogram) -> Result<ArithmeticNotes, HistogramError> {
        let mut bounds_reconciled = false;
        if self.sum.has_layout_of(other) {
            let (sum, lost) = (&mut self.sum, &mut self.compensation);
            kahan_add(other.zero_count, &mut sum.zero_count, &mut lost.zero_count);
            add_all(&other.positive_buckets, &mut sum.positive_buckets, &mut lost.positive_buckets);
            add_all(&other.negative_buckets, &mut sum.negative_buckets, &mut lost.negative_buckets);
        } else if !self.add_in_place(other) {
            bounds_reconciled = self.add_aligned(other)?;
        }
        let (sum, lost) = (&mut self.sum, &mut self.compensation);
        kahan_add(other.count, &mut sum.count, &mut lost.count);
        kahan_add(other.sum, &mut sum.sum, &mut lost.sum);
        let reset_conflict = sum.combine_hint(other.reset_hint);
        Ok(ArithmeticNotes { reset_conflict, bounds_reconciled })
    }

    /// Adds the buckets of a histogram all of whose buckets are here too; else does nothing and says so by false.
    fn add_in_place(&mut self, other: &Histogram) -> bool {
        let (sum, lost) = (&mut self.sum, &mut self.compensation);
        let alike = sum.schema == other.schema
            && sum.zero_threshold == other.zero_threshold
            && sum.custom_values == other.custom_values;
        let [positive, negative] = &mut self.places;
        let found = alike
            && layout::places(
                (&sum.positive_spans, sum.positive_buckets.len()),
                (&other.positive_spans, other.positive_buckets.len()),
                positive,
            )
            && layout::places(
                (&sum.negative_spans, sum.negative_buckets.len()),
                (&other.negative_spans, other.negative_buckets.len()),
                negative,
            );
        if !found {
            return false;
        }
        kahan_add(other.zero_count, &mut sum.zero_count, &mut lost.zero_count);
        for (places, values, sums, losses) in [
            (&*positive, &other.positive_buckets, &mut sum.positive_buckets, &mut lost.positive_buckets),
            (&*negative, &other.negative_buckets, &mut sum.negative_buckets, &mut lost.negative_buckets),
        ] {
            for (place, value) in places.iter().zip(values) {
                if let (Some(sum), Some(lost)) = (sums.get_mut(*place), losses.get_mut(*place)) {
                    kahan_add(*value, sum, lost);
                }
            }
        }
        true
    }

    /// Adds the buckets of a histogram of another layout; true when custom bounds differed.
    fn add_aligned(&mut self, other: &Histogram) -> Result<bool, HistogramError> {
        let (sum, lost) = (&mut self.sum, &mut self.compensation);
        let aligned = sum.align(other, Some(&mut *lost))?;
        kahan_add(aligned.zero_count, &mut sum.zero_count, &mut lost.zero_count);
        for (side, spans, buckets, lost_spans, lost_buckets) in [
            (
                &aligned.positive,
                &mut sum.positive_spans,
                &mut sum.positive_buckets,
                &mut lost.positive_spans,
                &mut lost.positive_buckets,
            ),
            (
                &aligned.negative,
                &mut sum.negative_spans,
                &mut sum.negative_buckets,
                &mut lost.negative_spans,
                &mut lost.negative_buckets,
            ),
        ] {
            arithmetic::merge(spans, buckets, Some(&mut *lost_buckets), side);
            lost_spans.clone_from(spans);
            let values = layout::spread(side, &layout::indexes(spans, buckets.len()));
            add_all(&values, buckets, lost_buckets);
        }
        Ok(aligned.bounds_reconciled)
    }

    /// Multiplies the sum so far.
    pub fn mul_scalar(&mut self, factor: f64) {
        self.sum.mul_scalar(factor);
        self.compensation.mul_scalar(factor);
    }

    /// Divides the sum so far.
    pub fn div_scalar(&mut self, divisor: f64) {
        self.sum.div_scalar(divisor);
        self.compensation.div_scalar(divisor);
    }

    /// Whether a number of the sum has become infinite.
    pub fn has_overflow(&self) -> bool {
        self.sum.has_overflow()
    }

    /// The sum, with what rounding took from it.
    pub fn finish(self) -> Histogram {
        let (mut sum, lost) = (self.sum, self.compensation);
        // Both have one layout, so that nothing needs to be aligned.
        sum.zero_count += lost.zero_count;
        sum.count += lost.count;
        sum.sum += lost.sum;
        sum.positive_buckets.iter_mut().zip(&lost.positive_buckets).for_each(|(sum, lost)| *sum += lost);
        sum.negative_buckets.iter_mut().zip(&lost.negative_buckets).for_each(|(sum, lost)| *sum += lost);
        sum
    }
}

/// A mean of histograms: sum divided by count, or, from the first overflow on, a running mean.
#[derive(Clone, Debug)]
pub struct HistogramMean {
    state: KahanHistogram,
    count: f64,
    running: bool,
}

impl HistogramMean {
    /// Starts with one histogram.
    pub fn new(first: &Histogram) -> Self {
        Self { state: KahanHistogram::new(first), count: 1.0, running: false }
    }

    /// Takes in one more histogram.
    ///
    /// # Errors
    /// As [`Histogram::add`].
    pub fn add(&mut self, other: &Histogram) -> Result<ArithmeticNotes, HistogramError> {
        self.count += 1.0;
        if !self.running {
            let mut next = self.state.clone();
            let notes = next.add(other)?;
            if !next.has_overflow() {
                self.state = next;
                return Ok(notes);
            }
            self.running = true;
            self.state.div_scalar(self.count - 1.0);
        }
        self.state.mul_scalar((self.count - 1.0) / self.count);
        let mut share = other.clone();
        share.div_scalar(self.count);
        self.state.add(&share)
    }

    /// The mean.
    pub fn finish(mut self) -> Histogram {
        if !self.running {
            self.state.div_scalar(self.count);
        }
        self.state.finish()
    }
}
