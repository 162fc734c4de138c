//! Requests counted by route and answer.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

/// Requests answered, under the names Prometheus users know (`prometheus_http_requests_total`).
#[derive(Debug, Default)]
pub struct HttpMetrics {
    counts: Mutex<BTreeMap<(&'static str, u16), Count>>,
}

/// What is known about one route and status.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Count {
    /// Requests answered.
    pub requests: u64,
    /// Seconds spent until the answer began.
    pub seconds: f64,
}

impl HttpMetrics {
    pub(crate) fn record(&self, route: &'static str, status: u16, took: Duration) {
        let mut counts = self.counts.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let count = counts.entry((route, status)).or_default();
        count.requests += 1;
        count.seconds += took.as_secs_f64();
    }

    /// Counts by route and HTTP status so far.
    pub fn snapshot(&self) -> Vec<((&'static str, u16), Count)> {
        let counts = self.counts.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        counts.iter().map(|(key, count)| (*key, *count)).collect()
    }
}
