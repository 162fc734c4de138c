//! What one evaluation shares: the source, the account of samples held, the deadline, the remarks.

use super::annotations::Notes;
use super::crew::{Helpers, Spawn};
use super::queried::Queried;
use super::usage::Account;
use super::{EngineOptions, Query, QueryError};
use crate::source::Source;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;
use watchfire_model::Coarse;

/// The evaluation times of a (sub)query: `start_ms`, `start_ms + interval_ms`, …, `count` of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Steps {
    pub(crate) start_ms: i64,
    pub(crate) interval_ms: i64,
    pub(crate) count: usize,
}

impl Steps {
    pub(crate) const fn once(at_ms: i64) -> Self {
        Self { start_ms: at_ms, interval_ms: 1, count: 1 }
    }

    /// The steps between two instants, both inside; an interval of zero stands for one step.
    pub(crate) fn between(start_ms: i64, end_ms: i64, interval_ms: i64) -> Self {
        let interval_ms = interval_ms.max(1);
        let span = end_ms.saturating_sub(start_ms);
        let count =
            if span < 0 { 0 } else { usize::try_from(span / interval_ms).unwrap_or(usize::MAX - 1) + 1 };
        Self { start_ms, interval_ms, count }
    }

    #[inline]
    pub(crate) fn time(&self, step: usize) -> i64 {
        let distance = self.interval_ms.saturating_mul(i64::try_from(step).unwrap_or(i64::MAX));
        self.start_ms.saturating_add(distance)
    }

    pub(crate) fn end_ms(&self) -> i64 {
        self.time(self.count.saturating_sub(1))
    }

    pub(crate) fn times(self) -> impl Iterator<Item = i64> {
        (0..self.count).map(move |step| self.time(step))
    }
}

/// The state of one evaluation.
pub(crate) struct Context<'a> {
    pub(crate) source: &'a dyn Source,
    pub(crate) lookback_ms: i64,
    pub(crate) notes: Notes,
    pub(crate) samples_read: u64,
    pub(crate) queried: Queried,
    /// Where windows were read in place of samples.
    pub(crate) coarse: Vec<Coarse>,
    /// Set where an error comes up deep inside a loop; it ends the query soon after.
    pub(crate) failure: Option<QueryError>,
    cancel: &'a AtomicBool,
    deadline: Option<Instant>,
    account: Account<'a>,
    until_check: usize,
    helpers: Option<(&'a dyn Spawn<'a>, &'a Arc<Helpers>)>,
}

/// What a thread has to tell about its part of an evaluation.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) notes: Notes,
    samples_read: u64,
    queried: Queried,
    coarse: Vec<Coarse>,
}

/// How many samples may be touched between two looks at the clock.
const CHECK_INTERVAL: usize = 65_536;

impl<'a> Context<'a> {
    pub(crate) fn new(
        options: &EngineOptions,
        query: &'a Query,
        source: &'a dyn Source,
        account: Account<'a>,
        helpers: (&'a dyn Spawn<'a>, &'a Arc<Helpers>),
    ) -> Self {
        let timeout = query.timeout.map_or(options.timeout, |timeout| timeout.min(options.timeout));
        Self {
            source,
            lookback_ms: super::millis(query.lookback.unwrap_or(options.lookback)),
            notes: Notes::default(),
            samples_read: 0,
            queried: Queried::default(),
            coarse: Vec::new(),
            failure: None,
            cancel: &query.cancel,
            deadline: Instant::now().checked_add(timeout),
            account,
            until_check: 0,
            helpers: Some(helpers),
        }
    }

    /// The same evaluation on another thread, which asks for no help itself.
    pub(crate) fn fork(&self) -> Self {
        Self {
            source: self.source,
            lookback_ms: self.lookback_ms,
            notes: Notes::default(),
            samples_read: 0,
            queried: self.queried.anew(),
            coarse: Vec::new(),
            failure: None,
            cancel: self.cancel,
            deadline: self.deadline,
            account: self.account,
            until_check: 0,
            helpers: None,
        }
    }

    /// Where threads can be started, and how many may be.
    pub(crate) const fn helpers(&self) -> Option<(&'a dyn Spawn<'a>, &'a Arc<Helpers>)> {
        self.helpers
    }

    /// What was counted by step so far, which is counted anew then.
    pub(crate) fn take_queried(&mut self) -> Queried {
        let anew = self.queried.anew();
        std::mem::replace(&mut self.queried, anew)
    }

    /// What was noticed since the last report.
    pub(crate) fn report(&mut self) -> Report {
        Report {
            notes: std::mem::take(&mut self.notes),
            samples_read: std::mem::take(&mut self.samples_read),
            queried: self.take_queried(),
            coarse: std::mem::take(&mut self.coarse),
        }
    }

    /// Takes over what another thread has noticed.
    pub(crate) fn absorb(&mut self, report: Report) {
        self.notes.absorb(report.notes);
        self.samples_read += report.samples_read;
        self.queried.absorb(&report.queried);
        self.read_coarse(&report.coarse);
    }

    /// Says that windows were read in place of samples.
    pub(crate) fn read_coarse(&mut self, stretches: &[Coarse]) {
        for stretch in stretches {
            if !self.coarse.contains(stretch) {
                self.coarse.push(*stretch);
            }
        }
    }

    /// Puts samples on the account; too many end the query.
    pub(crate) fn hold(&mut self, samples: usize) -> Result<(), QueryError> {
        self.account.hold(samples)
    }

    /// Puts samples on the account if that leaves most of it to what the query cannot do without; whether it did.
    pub(crate) fn hold_gladly(&mut self, samples: usize) -> bool {
        self.account.hold_gladly(samples)
    }

    /// The most samples that were on the account.
    pub(crate) fn peak_samples(&self) -> u64 {
        (self.account.usage.peak_bytes() / super::usage::SAMPLE_BYTES) as u64
    }

    /// Takes samples off the account.
    pub(crate) fn release(&mut self, samples: usize) {
        self.account.release(samples);
    }

    /// Notes that samples were read.
    pub(crate) fn read(&mut self, samples: usize) {
        self.samples_read += samples as u64;
        self.account.usage.read(samples);
    }

    /// Says that work on so many samples is done, and looks now and then whether the query should end.
    #[inline]
    pub(crate) fn worked(&mut self, samples: usize) -> Result<(), QueryError> {
        // A series costs something even when it is empty.
        let cost = samples.saturating_add(64);
        if self.until_check > cost {
            self.until_check -= cost;
            return Ok(());
        }
        self.until_check = CHECK_INTERVAL;
        self.check()
    }

    /// Ends the query when it was cancelled or took too long.
    pub(crate) fn check(&self) -> Result<(), QueryError> {
        if self.cancel.load(Ordering::Relaxed) {
            return Err(QueryError::Cancelled);
        }
        if self.deadline.is_some_and(|deadline| Instant::now() > deadline) {
            return Err(QueryError::Timeout);
        }
        Ok(())
    }
}
