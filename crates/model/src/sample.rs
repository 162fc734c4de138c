//! One measured value at one instant.

use crate::Histogram;
use std::sync::Arc;

/// The bit pattern that says "this series ended here" (Prometheus `value.StaleNaN`).
pub const STALE_NAN_BITS: u64 = 0x7ff0_0000_0000_0002;

/// The stale marker as a float. Compare with [`is_stale`], never with `==`.
pub const STALE_NAN: f64 = f64::from_bits(STALE_NAN_BITS);

/// Whether a value is the stale marker, bit for bit; any other NaN is an ordinary value.
#[inline]
pub const fn is_stale(value: f64) -> bool {
    value.to_bits() == STALE_NAN_BITS
}

/// A sample's value: a float or a native histogram.
#[derive(Clone, Debug, PartialEq)]
pub enum SampleValue {
    /// A plain number; [`STALE_NAN`] ends the series.
    Float(f64),
    /// A native histogram (exponential or custom buckets); a stale one has a `sum` of [`STALE_NAN`].
    Histogram(Arc<Histogram>),
}

impl SampleValue {
    /// Whether this value ends its series.
    pub fn is_stale(&self) -> bool {
        match self {
            Self::Float(value) => is_stale(*value),
            Self::Histogram(histogram) => is_stale(histogram.sum),
        }
    }
}
