//! What is left of samples that were downsampled, in the form a query wants them.
//!
//! Time is cut into windows, each open at its start and closed at its end like the ranges of PromQL, at the multiples
//! of a resolution since the Unix epoch. Of each series and window a store keeps the first and the last sample as they
//! were, how many there were, their sum, the smallest, the largest, and what counter resets between them took away.

use crate::Histogram;
use std::sync::Arc;

/// What of the windows a reader wants: each function needs another part of what was kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Digest {
    /// The first and the last sample of each window, as they were measured; see [`Rollup::weight`] and
    /// [`Rollup::lost`]. For everything that looks at single samples or at the change between them.
    #[default]
    Edges,
    /// One sample for each window, its sum; [`Rollup::weight`] is how many samples it is the sum of.
    Totals,
    /// One sample for each window, the smallest; floats only.
    Smallest,
    /// One sample for each window, the largest; floats only.
    Largest,
    /// Up to three samples for each window: the smallest, the largest, and the mean of all others with their number as
    /// [`Rollup::weight`]; floats only.
    Spread,
}

/// What a sample stands for beside itself. The default is that of a sample as it was measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Rollup {
    /// How many samples it stands for. Among [`Digest::Edges`]: how many were measured after the sample before it, up
    /// to itself; more than one says that the two belong to one window and that there were others between them.
    pub weight: u32,
    /// Where `weight` is more than one, among [`Digest::Edges`]: the sum of the values before each counter reset since
    /// the sample before.
    pub lost: f64,
    /// The same of histograms.
    pub lost_histogram: Option<Arc<Histogram>>,
}

impl Default for Rollup {
    fn default() -> Self {
        Self { weight: 1, lost: 0.0, lost_histogram: None }
    }
}

/// A stretch of time of which only windows are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Coarse {
    /// Its last instant, a multiple of the resolution, in milliseconds since the Unix epoch. It begins where the
    /// stretch before it ends.
    pub until_ms: i64,
    /// The length of its windows in milliseconds.
    pub resolution_ms: i64,
}
