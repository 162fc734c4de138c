//! The log read back into memory after a start, while questions are answered already.
//!
//! One thread reads the log through a window, checks and decodes it. Workers share the series by their number in the
//! log, so that the samples of one series keep their order; another thread puts new series into the index. What waits
//! between them is bounded. Until all is read, writes are refused and nothing is flushed: a flush would drop the log.

mod numbers;
mod replay;

use crate::locked;
use crate::store::Core;
use std::io;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;
use watchfire_disk::{Backlog, Damage, LogError};

/// An answer names at most so many places of the log.
const MAX_NAMED_PLACES: usize = 20;

/// How far the log has been read back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReplayProgress {
    /// The first segment there was to read.
    pub first: u64,
    /// The last one.
    pub last: u64,
    /// The one being read.
    pub current: u64,
    /// Whether all is read.
    pub done: bool,
}

/// Whether the log has been read back.
#[derive(Debug, Default)]
pub(crate) struct Recovery {
    first: u64,
    last: u64,
    current: AtomicU64,
    done: AtomicBool,
    stop: AtomicBool,
    outcome: Mutex<Option<Result<(), Arc<LogError>>>>,
    /// Places of the log that could not be read: every answer names them until the next start.
    lost: Mutex<Vec<String>>,
    changed: Condvar,
}

impl Recovery {
    pub(crate) fn of(backlog: &Backlog) -> Self {
        let (first, last) = backlog.range().unwrap_or_default();
        Self { first, last, current: AtomicU64::new(first), ..Self::default() }
    }

    pub(crate) fn is_done(&self) -> bool {
        self.done.load(Ordering::Acquire)
    }

    pub(crate) fn progress(&self) -> ReplayProgress {
        let current = self.current.load(Ordering::Relaxed);
        ReplayProgress { first: self.first, last: self.last, current, done: self.is_done() }
    }

    /// What to tell who is refused or answered in part; `None` once all is read.
    pub(crate) fn pending(&self) -> Option<String> {
        let ReplayProgress { last, current, done, .. } = self.progress();
        (!done).then(|| {
            format!("the log is still being read back after a start, at segment {current} of {last}")
        })
    }

    /// What the log held and could not be read back.
    pub(crate) fn lost(&self) -> Vec<String> {
        locked(&self.lost).clone()
    }

    /// Blocks until all is read, or cannot be.
    pub(crate) fn wait(&self) -> Result<(), Arc<LogError>> {
        let mut outcome = locked(&self.outcome);
        loop {
            if let Some(outcome) = &*outcome {
                return outcome.clone();
            }
            outcome = self.changed.wait(outcome).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn end(&self, outcome: Result<(), LogError>) {
        self.done.store(outcome.is_ok(), Ordering::Release);
        locked(&self.outcome).get_or_insert(outcome.map_err(Arc::new));
        self.changed.notify_all();
    }
}

/// Whoever waits must not wait for ever.
struct EndsAnyway<'a>(&'a Core);

impl Drop for EndsAnyway<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let source = io::Error::other("reading the log back failed unexpectedly; please report it");
            self.0.recovery.end(Err(LogError::Io { path: self.0.path.join("wal"), source }));
        }
    }
}

impl Core {
    /// Reads the log back into memory.
    pub(crate) fn recover(&self, backlog: Backlog) {
        let _ends_anyway = EndsAnyway(self);
        let recovery = &self.recovery;
        let started = Instant::now();
        let mut oldest_ms = self.clock.now_ms().saturating_sub(self.retention().longest_ms());
        if !self.tiers.levels().is_empty() {
            // What no window stands for yet is kept until one does, also when the store was down for long.
            oldest_ms = oldest_ms.min(self.tiers.first_sample_ms());
        }
        let metadata = |family, metadata| {
            locked(&self.metadata).insert(family, metadata);
        };
        let exemplar = |series: &_, exemplar| locked(&self.exemplars).restore(series, exemplar);
        // With one, series get the same numbers in every run.
        let workers = if self.options.stepped { 1 } else { replay::workers() };
        let outcome = replay::into(&self.head, workers, oldest_ms, metadata, exemplar, |decoder| {
            backlog.read(|segment, record| {
                recovery.current.store(segment, Ordering::Relaxed);
                decoder.record(segment, record);
                if recovery.stop.load(Ordering::Relaxed) {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            })
        });
        let (read, tally) = match outcome {
            Ok(done) => done,
            Err(error) => return recovery.end(Err(error)),
        };
        if recovery.stop.load(Ordering::Relaxed) {
            let source = io::Error::new(io::ErrorKind::Interrupted, "reading the log back was broken off");
            return recovery.end(Err(LogError::Io { path: self.path.join("wal"), source }));
        }
        let damaged = read.damage.len() as u64 + tally.unreadable;
        self.counters.corruptions.fetch_add(damaged, Ordering::Relaxed);
        *locked(&recovery.lost) = read.damage.iter().take(MAX_NAMED_PLACES).map(Damage::to_string).collect();
        tracing::info!(
            samples = tally.samples,
            series = self.head.len(),
            segments = read.segments,
            damaged,
            orphans = tally.orphans,
            took = ?started.elapsed(),
            "metric log read back"
        );
        self.head.admission.enforce();
        recovery.end(Ok(()));
    }
}

/// The thread that reads the log back.
pub(crate) struct Replayer {
    core: Arc<Core>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Replayer {
    pub(crate) fn start(core: &Arc<Core>, backlog: Backlog) -> io::Result<Self> {
        let for_thread = Arc::clone(core);
        let thread = std::thread::Builder::new()
            .name("metrics-replay".to_owned())
            .spawn(move || for_thread.recover(backlog))?;
        Ok(Self { core: Arc::clone(core), thread: Mutex::new(Some(thread)) })
    }

    /// Breaks off what is not done.
    pub(crate) fn stop(&self) {
        self.core.recovery.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = locked(&self.thread).take() {
            // If it panicked there is nothing left to wait for.
            let _ = thread.join();
        }
    }
}

impl Drop for Replayer {
    fn drop(&mut self) {
        self.stop();
    }
}

#[cfg(test)]
mod tests;
