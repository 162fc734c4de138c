//! How long samples are kept, and how much of them.

use std::fmt;
use std::time::Duration;
use watchfire_model::{Labels, Matcher, duration};

/// What is kept. A change takes effect at once for what is written and read, and on disk at the next upkeep.
#[derive(Clone, Debug, PartialEq)]
pub struct Retention {
    /// Samples older than this, in milliseconds, are refused, and dropped once kept; [`i64::MAX`] keeps them for ever.
    pub time_ms: i64,
    /// When the store takes more bytes than this, its oldest days are dropped; `None` is no bound.
    pub size_bytes: Option<u64>,
    /// Series that are kept for another time than the rest. Of several rules that fit, the first one counts.
    pub rules: Vec<KeepRule>,
}

/// Series that are kept for a time of their own.
#[derive(Clone, Debug, PartialEq)]
pub struct KeepRule {
    /// Which series: each selector is a conjunction of matchers, and any of them suffices.
    pub selectors: Vec<Vec<Matcher>>,
    /// How long, in milliseconds; longer or shorter than [`Retention::time_ms`].
    pub keep_ms: i64,
}

impl KeepRule {
    /// Whether the rule is about this series.
    pub fn fits(&self, labels: &Labels) -> bool {
        fits_any(&self.selectors, labels)
    }
}

/// Whether a series satisfies all matchers of any of the selectors.
pub(crate) fn fits_any(selectors: &[Vec<Matcher>], labels: &Labels) -> bool {
    selectors.iter().any(|matchers| matchers.iter().all(|matcher| matcher.matches_labels(labels)))
}

impl Retention {
    /// How long the samples of a series are kept, in milliseconds.
    pub fn keep_ms(&self, labels: &Labels) -> i64 {
        let rule = self.rules.iter().find(|rule| rule.fits(labels));
        rule.map_or(self.time_ms, |rule| rule.keep_ms)
    }

    /// The longest time for which any sample may be kept.
    pub(crate) fn longest_ms(&self) -> i64 {
        self.rules.iter().map(|rule| rule.keep_ms).fold(self.time_ms, i64::max)
    }

    /// The time for which every sample is kept.
    pub(crate) fn shortest_ms(&self) -> i64 {
        self.rules.iter().map(|rule| rule.keep_ms).fold(self.time_ms, i64::min)
    }
}

/// As Prometheus's status page says it: `15d or 50GiB`; nothing where everything is kept. Rules are not in it.
impl fmt::Display for Retention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_bounded = self.time_ms != i64::MAX;
        if is_bounded {
            f.write_str(&duration::format(Duration::from_millis(self.time_ms.max(0).unsigned_abs())))?;
        }
        let Some(bytes) = self.size_bytes else { return Ok(()) };
        let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
        // The largest unit in which it is a whole number.
        let power = (bytes.trailing_zeros() / 10).min(6);
        let unit = units.get(power as usize).copied().unwrap_or_default();
        write!(f, "{}{}{unit}", if is_bounded { " or " } else { "" }, bytes >> (10 * power))
    }
}

#[cfg(test)]
mod tests;
