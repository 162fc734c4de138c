//! Instants and spans, in milliseconds since the Unix epoch, as Prometheus counts them.

/// A closed interval of time, `start_ms..=end_ms`, in milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TimeRange {
    /// First instant inside the range.
    pub start_ms: i64,
    /// Last instant inside the range.
    pub end_ms: i64,
}

impl TimeRange {
    /// Everything that can be told in milliseconds.
    pub const ALL: Self = Self { start_ms: i64::MIN, end_ms: i64::MAX };

    /// A range from `start_ms` to `end_ms`, both inside.
    pub const fn new(start_ms: i64, end_ms: i64) -> Self {
        Self { start_ms, end_ms }
    }

    /// Whether the instant lies inside.
    pub const fn contains(self, timestamp_ms: i64) -> bool {
        self.start_ms <= timestamp_ms && timestamp_ms <= self.end_ms
    }

    /// Whether the two ranges share an instant.
    pub const fn overlaps(self, other: Self) -> bool {
        self.start_ms <= other.end_ms && other.start_ms <= self.end_ms
    }
}

/// Where the present comes from. Everything that asks for the time asks through this, so that tests can set it.
pub trait Clock: Send + Sync {
    /// The wall clock, in milliseconds since the Unix epoch.
    fn now_ms(&self) -> i64;
}

/// The machine's own wall clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now_ms(&self) -> i64 {
        std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

/// A clock that stands still until it is told to move.
#[derive(Debug, Default)]
pub struct ManualClock(std::sync::atomic::AtomicI64);

impl ManualClock {
    /// A clock that shows `now_ms`.
    pub const fn at(now_ms: i64) -> Self {
        Self(std::sync::atomic::AtomicI64::new(now_ms))
    }

    /// Sets the time shown, in milliseconds since the Unix epoch.
    pub fn set(&self, now_ms: i64) {
        self.0.store(now_ms, std::sync::atomic::Ordering::SeqCst);
    }

    /// Moves the time shown by `by_ms` milliseconds.
    pub fn advance(&self, by_ms: i64) {
        self.0.fetch_add(by_ms, std::sync::atomic::Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now_ms(&self) -> i64 {
        self.0.load(std::sync::atomic::Ordering::SeqCst)
    }
}
