//! Queries that are known to be quick.
//!
//! Handing a query to another thread and its answer back costs more than a small query itself. What was quick the last
//! time it was asked is therefore answered by the thread that serves the request, which tells the others that it is
//! busy; should it take longer this time, it is given up soon and evaluated on a thread of its own after all.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::runtime::{Handle, RuntimeFlavor};
use watchfire_promql::engine::Query;

/// A query that took no longer, its answer included, is quick.
const QUICK: Duration = Duration::from_micros(500);
/// For so long a query that was quick may try to be so again.
pub(crate) const PATIENCE: Duration = Duration::from_millis(5);
/// So many are remembered, or fewer where two fall on one place.
const PLACES: usize = 4096;

/// The queries that were quick when they were asked last.
#[derive(Debug)]
pub struct QuickQueries {
    /// Each a query's number at the place that follows from it, or 0.
    places: Box<[AtomicU64]>,
    hasher: RandomState,
}

/// What is remembered of a query.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Number(u64);

impl Default for QuickQueries {
    fn default() -> Self {
        Self { places: (0..PLACES).map(|_| AtomicU64::new(0)).collect(), hasher: RandomState::new() }
    }
}

impl QuickQueries {
    /// The number of a query: the same for the same text over as many steps of the same length, whenever they are.
    pub(crate) fn number(&self, text: &str, query: &Query) -> Number {
        let length_ms = query.end_ms.saturating_sub(query.start_ms);
        Number(self.hasher.hash_one((text, length_ms, query.step_ms)).max(1))
    }

    fn place(&self, number: Number) -> Option<&AtomicU64> {
        self.places.get(number.0 as usize % PLACES)
    }

    /// Whether a query was quick, and may be tried on this thread.
    pub(crate) fn may_try(&self, number: Number) -> bool {
        let known = self.place(number).is_some_and(|place| place.load(Ordering::Relaxed) == number.0);
        // Elsewhere no other thread could take over.
        known && Handle::try_current().is_ok_and(|on| on.runtime_flavor() == RuntimeFlavor::MultiThread)
    }

    /// Notes how long it took.
    pub(crate) fn took(&self, number: Number, took: Duration) {
        let Some(place) = self.place(number) else { return };
        if took <= QUICK {
            place.store(number.0, Ordering::Relaxed);
        } else if place.load(Ordering::Relaxed) == number.0 {
            place.store(0, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use watchfire_promql::{ParseOptions, parse};

    fn query(end_ms: i64) -> Query {
        Query::range(parse("up", ParseOptions::default()).unwrap(), 0, end_ms, 1_000)
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn what_was_quick_is_tried_until_it_is_slow() {
        let quick = QuickQueries::default();
        let number = quick.number("up", &query(10_000));
        assert!(!quick.may_try(number));
        quick.took(number, QUICK);
        assert!(quick.may_try(number));
        let longer = quick.number("up", &query(20_000));
        assert!(!quick.may_try(longer));
        quick.took(number, QUICK + Duration::from_micros(1));
        assert!(!quick.may_try(number));
    }

    #[tokio::test]
    async fn nothing_is_tried_where_it_would_hold_everybody_up() {
        let quick = QuickQueries::default();
        let number = quick.number("up", &query(10_000));
        quick.took(number, Duration::ZERO);
        assert!(!quick.may_try(number));
    }
}
