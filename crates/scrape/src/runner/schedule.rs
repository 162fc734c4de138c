//! When a target is asked: at `offset` after every multiple of the interval since the Unix epoch.

use std::time::Duration;

/// The timetable of one target, on the wall clock. Every wait is reckoned from the clock anew, so errors of single
/// waits do not add up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Schedule {
    interval_ms: i64,
    offset_ms: i64,
    next_ms: i64,
}

/// One turn of the loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tick {
    /// The time to store samples under: the scheduled one when we are near enough.
    pub(crate) timestamp_ms: i64,
    /// How many turns before this one were missed.
    pub(crate) missed: u64,
}

impl Schedule {
    /// A timetable whose first turn is the next one after `now_ms`.
    pub(crate) fn start(now_ms: i64, interval: Duration, offset: Duration) -> Self {
        let interval_ms = i64::try_from(interval.as_millis()).unwrap_or(i64::MAX).max(1);
        let offset_ms = i64::try_from(offset.as_millis()).unwrap_or(0) % interval_ms;
        let mut schedule = Self { interval_ms, offset_ms, next_ms: 0 };
        schedule.next_ms = schedule.first_after(now_ms);
        schedule
    }

    /// The first turn at `now_ms` or later.
    fn first_after(&self, now_ms: i64) -> i64 {
        let since = now_ms.saturating_sub(self.offset_ms).rem_euclid(self.interval_ms);
        if since == 0 { now_ms } else { now_ms.saturating_add(self.interval_ms - since) }
    }

    /// How long to sleep. A clock that was set back does not make us wait longer than one interval.
    pub(crate) fn wait(&mut self, now_ms: i64) -> Duration {
        if self.next_ms.saturating_sub(now_ms) > self.interval_ms {
            self.next_ms = self.first_after(now_ms);
        }
        Duration::from_millis(u64::try_from(self.next_ms.saturating_sub(now_ms)).unwrap_or(0))
    }

    /// Takes the turn that is due and sets the next.
    pub(crate) fn tick(&mut self, now_ms: i64) -> Tick {
        let late_ms = now_ms.saturating_sub(self.next_ms).max(0);
        let missed = late_ms / self.interval_ms;
        let due_ms = self.next_ms.saturating_add(missed.saturating_mul(self.interval_ms));
        self.next_ms = due_ms.saturating_add(self.interval_ms);
        let near = (now_ms - due_ms).abs() <= self.tolerance_ms();
        Tick { timestamp_ms: if near { due_ms } else { now_ms }, missed: u64::try_from(missed).unwrap_or(0) }
    }

    /// How far a sample may be moved onto the schedule: 1 % of the interval, 2 ms at most (as Prometheus). Even
    /// steps between samples cost the store nothing.
    fn tolerance_ms(&self) -> i64 {
        (self.interval_ms / 100).min(2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn turns_stand_at_the_offset_of_every_interval() {
        let mut schedule = Schedule::start(10_500, 15 * SECOND, 3 * SECOND);
        assert_eq!(schedule.wait(10_500), Duration::from_millis(7_500));
        assert_eq!(schedule.tick(18_001), Tick { timestamp_ms: 18_000, missed: 0 });
        assert_eq!(
            schedule.wait(18_400),
            Duration::from_millis(14_600),
            "a long scrape does not shift the next"
        );
        assert_eq!(schedule.tick(33_050), Tick { timestamp_ms: 33_050, missed: 0 }, "too late to be moved");
        assert_eq!(schedule.wait(33_060), Duration::from_millis(14_940));
    }

    #[test]
    fn missed_turns_are_counted_and_not_caught_up() {
        let mut schedule = Schedule::start(0, SECOND, Duration::ZERO);
        assert_eq!(schedule.tick(3_400), Tick { timestamp_ms: 3_400, missed: 3 });
        assert_eq!(schedule.wait(3_400), Duration::from_millis(600));
    }

    #[test]
    fn a_clock_set_back_does_not_stop_the_loop() {
        let mut schedule = Schedule::start(1_000_000, SECOND, Duration::ZERO);
        schedule.tick(1_000_000);
        assert_eq!(schedule.wait(400_300), Duration::from_millis(700));
        assert_eq!(schedule.tick(401_000).timestamp_ms, 401_000);
    }

    #[test]
    fn a_clock_set_forward_counts_as_missed_turns() {
        let mut schedule = Schedule::start(0, SECOND, Duration::ZERO);
        assert_eq!(schedule.tick(3_600_000), Tick { timestamp_ms: 3_600_000, missed: 3_600 });
    }
}
