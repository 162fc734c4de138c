//! What is counted about requests and queries.

use crate::app::Timings;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
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

/// Queries counted, under the names Prometheus users know (`prometheus_engine_queries` and its kin).
#[derive(Debug, Default)]
pub struct QueryMetrics {
    running: AtomicU64,
    finished: AtomicU64,
    queued_us: AtomicU64,
    evaluated_us: AtomicU64,
    samples_read: AtomicU64,
}

/// What is known about queries so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct QueryCounts {
    /// Running or waiting for a slot now.
    pub running: u64,
    /// Evaluated, well or not.
    pub finished: u64,
    /// Seconds these waited for a slot.
    pub queued_s: f64,
    /// Seconds these were evaluated.
    pub evaluated_s: f64,
    /// Samples these read.
    pub samples_read: u64,
}

impl QueryMetrics {
    /// Counts a query as running until what is returned is dropped.
    pub(crate) fn begin(self: &Arc<Self>) -> RunningQuery {
        self.running.fetch_add(1, Ordering::Relaxed);
        RunningQuery(Arc::clone(self))
    }

    /// Counts so far.
    pub fn snapshot(&self) -> QueryCounts {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        QueryCounts {
            running: count(&self.running),
            finished: count(&self.finished),
            queued_s: count(&self.queued_us) as f64 / 1e6,
            evaluated_s: count(&self.evaluated_us) as f64 / 1e6,
            samples_read: count(&self.samples_read),
        }
    }
}

/// A query that is running or waiting.
#[derive(Debug)]
pub(crate) struct RunningQuery(Arc<QueryMetrics>);

impl RunningQuery {
    /// It came to an end by itself.
    pub(crate) fn end(self, timings: Timings, samples_read: u64) {
        let us = |duration: Duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        self.0.finished.fetch_add(1, Ordering::Relaxed);
        self.0.queued_us.fetch_add(us(timings.queued), Ordering::Relaxed);
        self.0.evaluated_us.fetch_add(us(timings.evaluated), Ordering::Relaxed);
        self.0.samples_read.fetch_add(samples_read, Ordering::Relaxed);
    }
}

impl Drop for RunningQuery {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::Relaxed);
    }
}
