//! What is counted about requests and queries.

use crate::app::Timings;
use http::Method;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The bounds, in seconds, by which answers are counted: those of Prometheus's histogram and those of Alertmanager's.
pub const ANSWER_BOUNDS: [f64; 18] =
    [0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.25, 0.4, 0.5, 1.0, 2.5, 3.0, 5.0, 8.0, 10.0, 20.0, 60.0, 120.0];

/// A route, a method in lower case and a status.
pub type Answered = (&'static str, &'static str, u16);

/// Requests answered, under the names Prometheus users know (`prometheus_http_requests_total`).
#[derive(Debug, Default)]
pub struct HttpMetrics {
    counts: Mutex<BTreeMap<Answered, Count>>,
}

/// What is known about one route, method and status.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Count {
    /// Requests answered.
    pub requests: u64,
    /// Seconds spent until the answer began.
    pub seconds: f64,
    /// How many began within each of [`ANSWER_BOUNDS`].
    pub within: [u64; ANSWER_BOUNDS.len()],
}

impl HttpMetrics {
    pub(crate) fn record(&self, route: &'static str, method: &Method, status: u16, took: Duration) {
        let mut counts = self.counts.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let count = counts.entry((route, method_name(method), status)).or_default();
        for (within, bound) in count.within.iter_mut().zip(ANSWER_BOUNDS) {
            *within += u64::from(took.as_secs_f64() <= bound);
        }
        count.requests += 1;
        count.seconds += took.as_secs_f64();
    }

    /// Counts by route, method and HTTP status so far.
    pub fn snapshot(&self) -> Vec<(Answered, Count)> {
        let counts = self.counts.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        counts.iter().map(|(key, count)| (*key, *count)).collect()
    }
}

/// As metrics name it; whatever nobody should send is one name, so that nobody can make many.
fn method_name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "get",
        Method::POST => "post",
        Method::PUT => "put",
        Method::DELETE => "delete",
        Method::PATCH => "patch",
        Method::HEAD => "head",
        Method::OPTIONS => "options",
        _ => "other",
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
