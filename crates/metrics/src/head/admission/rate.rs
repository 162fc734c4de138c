//! How often something happened within the last hour, about, in a few bytes.

use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};

pub(super) const HOUR_MS: i64 = 3_600_000;

/// Two hours' counts, of which the older one fades as the newer one fills.
#[derive(Debug, Default)]
pub(crate) struct Rate {
    hour: AtomicI64,
    now: AtomicU32,
    before: AtomicU32,
}

impl Rate {
    /// Counts one.
    pub(crate) fn count(&self, now_ms: i64) {
        self.turn(now_ms.div_euclid(HOUR_MS));
        self.now.fetch_add(1, Ordering::Relaxed);
    }

    fn turn(&self, hour: i64) {
        let last = self.hour.load(Ordering::Relaxed);
        // Whoever wins moves the counts; what others count meanwhile may fall into either hour.
        if hour > last && self.hour.compare_exchange(last, hour, Ordering::Relaxed, Ordering::Relaxed).is_ok()
        {
            let ended = self.now.swap(0, Ordering::Relaxed);
            self.before.store(if hour == last + 1 { ended } else { 0 }, Ordering::Relaxed);
        }
    }

    /// About how many within the hour that ends now.
    pub(crate) fn per_hour(&self, now_ms: i64) -> u64 {
        let (now, before) = (self.now.load(Ordering::Relaxed), self.before.load(Ordering::Relaxed));
        let into_ms = now_ms.rem_euclid(HOUR_MS);
        let fading = |count: u32| u64::from(count) * (HOUR_MS - into_ms) as u64 / HOUR_MS as u64;
        match now_ms.div_euclid(HOUR_MS).saturating_sub(self.hour.load(Ordering::Relaxed)) {
            // A clock that was set back counts on in the hour that was reached.
            ..=0 => u64::from(now) + fading(before),
            1 => fading(now),
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hour_before_fades_as_this_one_fills() {
        let rate = Rate::default();
        let hour = 400_000 * HOUR_MS;
        for _ in 0..100 {
            rate.count(hour + 10);
        }
        assert_eq!(rate.per_hour(hour + HOUR_MS / 2), 100);
        assert_eq!(rate.per_hour(hour + HOUR_MS + HOUR_MS / 2), 50);
        rate.count(hour + HOUR_MS + HOUR_MS / 2);
        assert_eq!(rate.per_hour(hour + HOUR_MS + HOUR_MS / 2), 51);
        assert_eq!(rate.per_hour(hour + 3 * HOUR_MS), 0);
        rate.count(hour + 5 * HOUR_MS);
        assert_eq!(rate.per_hour(hour + 5 * HOUR_MS), 1);
    }
}
