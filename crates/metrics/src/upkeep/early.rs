//! When samples leave memory before their time, because memory is short.

use crate::ceiling::Pressure;
use std::time::Duration;

/// The time between two early flushes while memory is only tight, and while new series are refused.
const TIGHT: Duration = Duration::from_secs(120);
const FULL: Duration = Duration::from_secs(30);

/// Paces early flushes: every one that does not help makes the next one wait twice as long.
#[derive(Debug, Default)]
pub(super) struct EarlyFlush {
    in_vain: u32,
}

impl EarlyFlush {
    /// Whether to flush now. Usual flushes come every `usual` anyway.
    pub(super) fn is_due(&mut self, pressure: Pressure, since: Duration, usual: Duration) -> bool {
        let every = match pressure {
            Pressure::Calm => {
                self.in_vain = 0;
                return false;
            }
            Pressure::Tight => TIGHT,
            Pressure::Full | Pressure::Over => FULL,
        };
        since >= every.saturating_mul(1_u32.checked_shl(self.in_vain).unwrap_or(u32::MAX)).min(usual)
    }

    /// Learns whether the last one helped.
    pub(super) fn done(&mut self, pressure: Pressure) {
        self.in_vain = if pressure == Pressure::Calm { 0 } else { (self.in_vain + 1).min(4) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USUAL: Duration = Duration::from_secs(7200);

    #[test]
    fn it_is_the_more_often_the_shorter_memory_is() {
        let mut early = EarlyFlush::default();
        let long = Duration::from_secs(3600);
        assert!(!early.is_due(Pressure::Calm, long, USUAL));
        assert!(early.is_due(Pressure::Tight, long, USUAL));
        assert!(!early.is_due(Pressure::Tight, FULL, USUAL));
        assert!(early.is_due(Pressure::Full, FULL, USUAL));
        assert!(!early.is_due(Pressure::Over, FULL / 2, USUAL));
    }

    #[test]
    fn what_does_not_help_is_done_ever_less_until_it_does() {
        let mut early = EarlyFlush::default();
        let mut wait = FULL;
        for _ in 0..4 {
            assert!(early.is_due(Pressure::Full, wait, USUAL));
            early.done(Pressure::Full);
            assert!(!early.is_due(Pressure::Full, wait, USUAL));
            wait *= 2;
        }
        early.done(Pressure::Calm);
        assert!(early.is_due(Pressure::Full, FULL, USUAL));
    }
}
