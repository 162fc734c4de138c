//! Compensated sums (Kahan, Neumaier), in the order and with the special cases of Prometheus.

/// Below this no step of an addition can overflow.
const SAFE: f64 = 1e300;

/// A running sum with its compensation.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Kahan {
    pub(crate) sum: f64,
    pub(crate) compensation: f64,
}

impl Kahan {
    #[inline]
    pub(crate) fn add(&mut self, value: f64) {
        let total = self.sum + value;
        if total.abs() < SAFE && self.sum.abs() < SAFE {
            // Knuth's exact error of the addition: the very bits of the branches below, without a branch that
            // depends on which of the two is larger.
            let added = total - self.sum;
            self.compensation += (self.sum - (total - added)) + (value - added);
        } else if total.is_infinite() {
            self.compensation = 0.0;
        } else if self.sum.abs() >= value.abs() {
            self.compensation += (self.sum - total) + value;
        } else {
            self.compensation += (value - total) + self.sum;
        }
        self.sum = total;
    }

    pub(crate) fn total(self) -> f64 {
        self.sum + self.compensation
    }
}

/// No sum of a billion of these comes near to where sums need more care.
pub(crate) const TAME: f64 = 1e200;

/// Whether all values are smaller than [`TAME`]; NaN is not.
pub(crate) fn tame(values: &[f64]) -> bool {
    values.iter().fold(true, |tame, value| tame & (value.abs() < TAME))
}

/// Running sums side by side, one for each step.
#[derive(Clone, Debug, Default)]
pub(crate) struct Kahans {
    sums: Vec<f64>,
    compensations: Vec<f64>,
    /// How many values a sum has at most, while all of them are tame.
    tame: Option<u32>,
}

impl Kahans {
    pub(crate) fn new(steps: usize) -> Self {
        Self { sums: vec![0.0; steps], compensations: vec![0.0; steps], tame: Some(0) }
    }

    /// Adds to each sum the value that is present: the very bits of [`Kahan::add`].
    pub(crate) fn add(&mut self, values: &[f64], present: &[bool]) {
        self.tame = self.tame.filter(|count| *count < 1_000_000_000 && tame(values)).map(|count| count + 1);
        let sums = self.sums.iter_mut().zip(&mut self.compensations);
        if self.tame.is_none() {
            for ((sum, compensation), (value, present)) in sums.zip(values.iter().zip(present)) {
                if *present {
                    let mut one = Kahan { sum: *sum, compensation: *compensation };
                    one.add(*value);
                    (*sum, *compensation) = (one.sum, one.compensation);
                }
            }
            return;
        }
        for ((sum, compensation), (value, present)) in sums.zip(values.iter().zip(present)) {
            // No sum is ever -0, so that adding 0 changes no bit; and without a branch several are added at once.
            let value = if *present { *value } else { 0.0 };
            let total = *sum + value;
            let added = total - *sum;
            *compensation += (*sum - (total - added)) + (value - added);
            *sum = total;
        }
    }

    pub(crate) fn total(&self, step: usize) -> f64 {
        let at = |column: &[f64]| column.get(step).copied().unwrap_or(0.0);
        at(&self.sums) + at(&self.compensations)
    }
}

/// Sums of several terms each side by side: the very bits of [`Kahan`], as long as no sum comes near 1e300.
pub(crate) fn sums<const N: usize>(terms: impl Iterator<Item = [f64; N]>) -> [f64; N] {
    let (mut sums, mut lost) = ([0.0; N], [0.0; N]);
    for terms in terms {
        for ((sum, lost), term) in sums.iter_mut().zip(&mut lost).zip(terms) {
            let total = *sum + term;
            let added = total - *sum;
            *lost += (*sum - (total - added)) + (term - added);
            *sum = total;
        }
    }
    for (sum, lost) in sums.iter_mut().zip(lost) {
        *sum += lost;
    }
    sums
}

/// A running mean: a sum while it fits, an incremental mean once the sum would overflow.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Mean {
    state: Kahan,
    count: f64,
    incremental: bool,
}

impl Mean {
    pub(crate) fn add(&mut self, value: f64) {
        self.count += 1.0;
        if !self.incremental {
            let mut next = self.state;
            next.add(value);
            if self.count == 1.0 || !next.sum.is_infinite() {
                self.state = next;
                return;
            }
            // The sum overflows: from here on keep the mean itself.
            self.incremental = true;
            self.state.sum /= self.count - 1.0;
            self.state.compensation /= self.count - 1.0;
        }
        let share = (self.count - 1.0) / self.count;
        self.state = Kahan { sum: share * self.state.sum, compensation: share * self.state.compensation };
        self.state.add(value / self.count);
    }

    /// The mean of all these values: what adding them one by one gives.
    pub(crate) fn of(values: &[f64]) -> f64 {
        let mut sum = Kahan::default();
        for value in values {
            sum.add(*value);
        }
        if sum.sum.is_finite() {
            // The sum never overflowed, since nothing finite comes after infinity.
            let count = values.len() as f64;
            return sum.sum / count + sum.compensation / count;
        }
        let mut mean = Self::default();
        for value in values {
            mean.add(*value);
        }
        mean.value()
    }

    pub(crate) fn value(self) -> f64 {
        if self.incremental {
            self.state.total()
        } else {
            self.state.sum / self.count + self.state.compensation / self.count
        }
    }
}

#[cfg(test)]
mod tests;
