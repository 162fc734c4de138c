//! The thread that does the upkeep.

use super::Flush;
use super::early::EarlyFlush;
use crate::locked;
use crate::store::Core;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How often the background looks whether there is something to do.
const TICK: Duration = Duration::from_secs(5);

/// The thread that does the upkeep.
#[derive(Debug)]
pub(crate) struct Worker {
    stop: Arc<(Mutex<bool>, Condvar)>,
    /// The store's, for what takes long.
    stopping: Arc<AtomicBool>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Worker {
    pub(crate) fn start(core: &Arc<Core>) -> io::Result<Self> {
        let stop = Arc::new((Mutex::new(false), Condvar::new()));
        let mut thread = None;
        if core.options.background && !core.options.stepped {
            let (core, stop) = (Arc::clone(core), Arc::clone(&stop));
            let run = move || work(&core, &stop);
            thread = Some(std::thread::Builder::new().name("metrics-upkeep".to_owned()).spawn(run)?);
        }
        Ok(Self { stop, stopping: Arc::clone(&core.stopping), thread: Mutex::new(thread) })
    }

    /// Lets the thread end: a flush is finished, a merge is not.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
        *locked(&self.stop.0) = true;
        self.stop.1.notify_all();
        if let Some(thread) = locked(&self.thread).take() {
            // If it panicked there is nothing left to wait for.
            let _ = thread.join();
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.stop();
    }
}

fn work(core: &Core, stop: &(Mutex<bool>, Condvar)) {
    // What the log gave back at the start need not wait for a whole period: the next start would read it again.
    let early = core.options.flush_every * 3 / 4;
    let mut last_flush = Instant::now().checked_sub(early).unwrap_or_else(Instant::now);
    let flushed_at = AtomicU64::new(0);
    let mut early_flush = EarlyFlush::default();
    loop {
        let stopped = locked(&stop.0);
        let (stopped, _) = stop
            .1
            .wait_timeout_while(stopped, TICK, |stopped| !*stopped)
            .unwrap_or_else(PoisonError::into_inner);
        if *stopped {
            return;
        }
        drop(stopped);
        if !core.recovery.is_done() {
            continue;
        }
        let appended = core.counters.appended.load(Ordering::Relaxed);
        let waiting = appended.saturating_sub(flushed_at.load(Ordering::Relaxed));
        let since = last_flush.elapsed();
        let is_due = since >= core.options.flush_every
            || waiting >= core.options.flush_samples
            || core.head.holds_much(&core.options);
        let flush = match is_due {
            true => Flush::Usual,
            false if early_flush.is_due(core.ceiling.measure(), since, core.options.flush_every) => {
                Flush::Early
            }
            false => Flush::None,
        };
        if flush != Flush::None {
            last_flush = Instant::now();
            flushed_at.store(appended, Ordering::Relaxed);
        }
        if let Err(error) = core.tend_with(flush) {
            tracing::error!(%error, "upkeep of the metric store failed, it is tried again");
        }
        if flush == Flush::Early {
            early_flush.done(core.ceiling.measure());
        }
    }
}
