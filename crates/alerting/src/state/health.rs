//! How a destination fares: how much may be asked of it, and when next.

use std::time::Duration;

/// How many notifications are on their way to one destination at once, while it is well.
const MOST_AT_ONCE: u32 = 8;
/// After as many failures in a row a destination is left alone for a while, whoever wants to call it.
const FAILURES_TO_PAUSE: u32 = 3;

/// A destination. Times are milliseconds since the Unix epoch.
#[derive(Clone, Debug, Default)]
pub(crate) struct Health {
    /// On their way now.
    in_flight: u32,
    /// In a row.
    failures: u32,
    /// Not to be called before.
    gate_ms: i64,
    /// When the calls so far would be over at its pace.
    paced_ms: i64,
    /// The pace: milliseconds between calls, and how many may come early.
    pace: Option<(i64, i64)>,
}

impl Health {
    pub(super) fn new(pace: Option<(Duration, u32)>) -> Self {
        let ms = |between: Duration| i64::try_from(between.as_millis()).unwrap_or(i64::MAX);
        Self { pace: pace.map(|(between, burst)| (ms(between), i64::from(burst))), ..Self::default() }
    }

    /// Whether as much is on its way as may be: one call at a time tells whether it is well again.
    pub(super) const fn is_full(&self) -> bool {
        self.in_flight >= if self.failures > 0 { 1 } else { MOST_AT_ONCE }
    }

    /// When it may be called.
    pub(super) fn ready_ms(&self) -> i64 {
        let early_ms = self.pace.map_or(i64::MAX, |(between_ms, burst)| between_ms.saturating_mul(burst));
        self.gate_ms.max(self.paced_ms.saturating_sub(early_ms))
    }

    /// A call begins.
    pub(super) fn begin(&mut self, now_ms: i64) {
        self.in_flight += 1;
        if let Some((between_ms, _)) = self.pace {
            self.paced_ms = self.paced_ms.max(now_ms).saturating_add(between_ms);
        }
    }

    /// A call is over, and nothing is known of how it went.
    pub(super) const fn end(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    /// It answered.
    pub(super) const fn well(&mut self) {
        self.failures = 0;
        self.gate_ms = i64::MIN;
    }

    /// It failed, and whoever called it waits until a time; so does everybody when it asked for that, or fails again and
    /// again.
    pub(super) fn unwell(&mut self, until_ms: i64, asked: bool) {
        self.failures = self.failures.saturating_add(1);
        if asked || self.failures >= FAILURES_TO_PAUSE {
            self.gate_ms = self.gate_ms.max(until_ms);
        }
    }

    /// How often it failed in a row.
    pub(super) const fn failures(&self) -> u32 {
        self.failures
    }

    /// Something about it has changed: it begins anew.
    pub(super) const fn forgive(&mut self) {
        self.well();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_destination_that_fails_gets_one_call_at_a_time_and_then_a_pause() {
        let mut health = Health::new(None);
        for _ in 0..MOST_AT_ONCE {
            assert!(!health.is_full());
            health.begin(0);
        }
        assert!(health.is_full());
        for _ in 0..MOST_AT_ONCE {
            health.end();
        }
        health.unwell(50, false);
        assert!(health.ready_ms() < 10, "others may try");
        health.begin(10);
        assert!(health.is_full(), "one at a time");
        health.end();
        health.unwell(60, false);
        health.unwell(70, false);
        assert_eq!(health.ready_ms(), 70);
        health.well();
        assert!(health.ready_ms() < 0 && !health.is_full());
        health.unwell(90, true);
        assert_eq!(health.ready_ms(), 90, "it asked for it");
    }

    #[test]
    fn calls_come_at_the_pace_of_the_destination_after_a_burst() {
        let mut health = Health::new(Some((Duration::from_millis(100), 3)));
        let mut ready = Vec::new();
        for _ in 0..6 {
            let at_ms = health.ready_ms().max(1_000);
            ready.push(at_ms);
            health.begin(at_ms);
            health.end();
        }
        assert_eq!(ready, [1_000, 1_000, 1_000, 1_000, 1_100, 1_200]);
    }
}
