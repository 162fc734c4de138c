//! Queries that are known to be quick.
//!
//! Handing a query to another thread and its answer back costs more than a small query itself. What was quick the last
//! time it was asked is therefore answered by the thread that serves the request, which tells the others that it is
//! busy, unless it is done before that would be worth the while; should it take longer this time, it is given up soon and
//! evaluated on a thread of its own after all.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::runtime::{Handle, RuntimeFlavor};
use watchfire_promql::engine::Query;

/// A query that took no longer, its answer included, is quick.
const QUICK: Duration = Duration::from_millis(1);
/// A query that took no longer is done before another thread could take over what this one serves.
const AT_ONCE: Duration = Duration::from_micros(250);
/// So many are remembered, or fewer where two fall on one place.
const PLACES: usize = 4096;

/// The queries that were quick when they were asked last.
#[derive(Debug)]
pub struct QuickQueries {
    /// Each a query's number at the place that follows from it, or 0. The lowest bit says that it was done at once.
    places: Box<[AtomicU64]>,
    hasher: RandomState,
}

/// How quick a query was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// So that nobody notices a thread that is busy with it.
    AtOnce,
    /// So that it may be evaluated on a thread that serves requests, if that says so.
    Quick,
}

impl Pace {
    /// For so long a query that was quick may try to be so again.
    pub(crate) const fn patience(self) -> Duration {
        match self {
            Self::AtOnce => Duration::from_micros(500),
            Self::Quick => Duration::from_millis(5),
        }
    }
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
        Number(self.hasher.hash_one((text, length_ms, query.step_ms)).max(2) & !1)
    }

    fn place(&self, number: Number) -> Option<&AtomicU64> {
        self.places.get((number.0 >> 1) as usize % PLACES)
    }

    /// How quick a query was, if it may be tried on this thread.
    pub(crate) fn pace(&self, number: Number) -> Option<Pace> {
        let known = self.place(number)?.load(Ordering::Relaxed);
        if known & !1 != number.0 {
            return None;
        }
        // Elsewhere no other thread could take over.
        let on_one_of_many =
            Handle::try_current().is_ok_and(|on| on.runtime_flavor() == RuntimeFlavor::MultiThread);
        on_one_of_many.then_some(if known & 1 == 1 { Pace::AtOnce } else { Pace::Quick })
    }

    /// Notes how long it took.
    pub(crate) fn took(&self, number: Number, took: Duration) {
        let Some(place) = self.place(number) else { return };
        if took <= QUICK {
            place.store(number.0 | u64::from(took <= AT_ONCE), Ordering::Relaxed);
        } else if place.load(Ordering::Relaxed) & !1 == number.0 {
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
        assert_eq!(quick.pace(number), None);
        quick.took(number, QUICK);
        assert_eq!(quick.pace(number), Some(Pace::Quick));
        quick.took(number, AT_ONCE);
        assert_eq!(quick.pace(number), Some(Pace::AtOnce));
        let longer = quick.number("up", &query(20_000));
        assert_eq!(quick.pace(longer), None);
        quick.took(number, QUICK + Duration::from_micros(1));
        assert_eq!(quick.pace(number), None);
    }

    #[tokio::test]
    async fn nothing_is_tried_where_it_would_hold_everybody_up() {
        let quick = QuickQueries::default();
        let number = quick.number("up", &query(10_000));
        quick.took(number, Duration::ZERO);
        assert_eq!(quick.pace(number), None);
    }
}
