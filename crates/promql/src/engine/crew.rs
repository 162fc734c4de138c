//! Series of one selector evaluated on several threads and handed out in their order, so that an answer is the same to
//! the last bit whoever worked on it.
//!
//! The stream of series is cut into batches. Each thread takes the next batch, evaluates it with an operator of its own
//! and puts the result in its place; the thread that asks takes the results in order, and works itself while the one it
//! needs is not ready. Nobody runs more than a few batches ahead.

use super::QueryError;
use super::column::{BoxOperator, Operator, SeriesKey, StepVector};
use super::context::{Context, Report, Steps};
use super::scalar::{Scalar, ScalarColumn};
use super::selector::SourceSeries;
use crate::source::{SeriesStream, Split};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, Scope};

/// Below this many samples a second thread costs more than it brings.
const WORTHWHILE_SAMPLES: u64 = 20_000;
/// So many values a batch has at most, so that what is finished ahead of time stays small.
const BATCH_VALUES: usize = 16_384;
const BATCH_SERIES: usize = 256;
/// How densely samples are taken to lie where that is not known.
const LIKELY_INTERVAL_MS: u64 = 15_000;

/// How many threads may help those that evaluate, all queries of an engine together.
#[derive(Debug)]
pub(crate) struct Helpers {
    free: AtomicUsize,
    /// Tests let them help with little work too.
    eager: bool,
}

impl Helpers {
    pub(crate) fn new(count: usize, eager: bool) -> Arc<Self> {
        Arc::new(Self { free: AtomicUsize::new(count), eager })
    }

    pub(super) fn take(self: &Arc<Self>) -> Option<Permit> {
        let one_less = |free: usize| free.checked_sub(1);
        let taken = self.free.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less);
        taken.is_ok().then(|| Permit(Arc::clone(self)))
    }
}

/// A thread that may help until this is dropped.
#[derive(Debug)]
#[must_use]
pub struct Permit(Arc<Helpers>);

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.free.fetch_add(1, Ordering::Relaxed);
    }
}

/// Where threads live that are gone when the evaluation is.
pub(crate) trait Spawn<'a>: Sync {
    /// Whether the thread could be started.
    fn spawn_job(&'a self, job: Box<dyn FnOnce() + Send + 'a>) -> bool;
}

impl<'scope> Spawn<'scope> for Scope<'scope, '_> {
    fn spawn_job(&'scope self, job: Box<dyn FnOnce() + Send + 'scope>) -> bool {
        Builder::new().name("query-helper".to_owned()).spawn_scoped(self, job).is_ok()
    }
}

/// What makes the operator of some series, with the scalar arguments over all steps.
pub(crate) type Make<'a> =
    Arc<dyn Fn(SourceSeries<'a>, &Arc<[ScalarColumn]>) -> BoxOperator<'a> + Send + Sync + 'a>;

/// The operator of a selector with what is applied to each of its series.
pub(crate) struct PerSeries<'a> {
    source: Option<SourceSeries<'a>>,
    /// From when to when samples are read.
    first_ms: i64,
    last_ms: i64,
    steps: Steps,
    scalars: Vec<Scalar<'a>>,
    make: Make<'a>,
    /// Made when the first series is asked for.
    work: Option<BoxOperator<'a>>,
}

impl<'a> PerSeries<'a> {
    pub(crate) fn new(
        source: SourceSeries<'a>,
        (first_ms, last_ms): (i64, i64),
        steps: Steps,
        scalars: Vec<Scalar<'a>>,
        make: Make<'a>,
    ) -> Self {
        Self { source: Some(source), first_ms, last_ms, steps, scalars, make, work: None }
    }

    fn begin(
        &mut self,
        mut source: SourceSeries<'a>,
        cx: &mut Context<'a>,
    ) -> Result<BoxOperator<'a>, QueryError> {
        let columns = self.scalars.iter_mut().map(|scalar| scalar.evaluate(cx, self.steps));
        let arguments: Arc<[ScalarColumn]> = columns.collect::<Result<_, _>>()?;
        source.open(cx, self.first_ms, self.last_ms)?;
        let most = source.most();
        let Some((room, helpers)) = cx.helpers().filter(|_| most > 1 && most < usize::MAX) else {
            return Ok((self.make)(source, &arguments));
        };
        let length_ms = self.last_ms.saturating_sub(self.first_ms).unsigned_abs();
        let likely = (length_ms / LIKELY_INTERVAL_MS).max(self.steps.count as u64);
        let worthwhile = helpers.eager || likely.saturating_mul(most as u64) >= WORTHWHILE_SAMPLES;
        let first = if worthwhile { helpers.take() } else { None };
        let Some(first) = first else {
            return Ok((self.make)(source, &arguments));
        };
        let mut permits = vec![first];
        let batch = (BATCH_VALUES / self.steps.count.max(1)).clamp(1, BATCH_SERIES).min(most.div_ceil(8));
        while permits.len() < most / batch
            && let Some(permit) = helpers.take()
        {
            permits.push(permit);
        }
        let function = source.function();
        let Some(stream) = source.into_stream() else {
            return Err(QueryError::Execution("a selector was opened twice".to_owned()));
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                stream,
                done: VecDeque::new(),
                ended: false,
                stopped: false,
                broken: false,
            }),
            changed: Condvar::new(),
            batch,
            ahead: 2 * (permits.len() + 1),
            function,
            arguments,
            make: Arc::clone(&self.make),
        });
        for permit in permits {
            let (shared, mut fork) = (Arc::clone(&shared), cx.fork());
            room.spawn_job(Box::new(move || {
                let _permit = permit;
                shared.help(&mut fork);
            }));
        }
        Ok(Box::new(Crew { shared, fork: cx.fork(), ready: Output::default() }))
    }
}

impl<'a> Operator<'a> for PerSeries<'a> {
    fn next(&mut self, cx: &mut Context<'a>, out: &mut StepVector) -> Result<Option<SeriesKey>, QueryError> {
        if let Some(source) = self.source.take() {
            self.work = Some(self.begin(source, cx)?);
        }
        match &mut self.work {
            Some(operator) => operator.next(cx, out),
            None => Ok(None),
        }
    }
}

/// What all threads of a selector share.
struct Shared<'a> {
    state: Mutex<State<'a>>,
    changed: Condvar,
    /// Series in a batch.
    batch: usize,
    /// Batches that may be unfinished or wait to be taken.
    ahead: usize,
    function: &'static str,
    arguments: Arc<[ScalarColumn]>,
    make: Make<'a>,
}

struct State<'a> {
    stream: Box<dyn SeriesStream + 'a>,
    /// The batches that were begun and not taken yet, in order; empty places are being worked on. The number of the
    /// first is `taken`.
    done: VecDeque<Slot>,
    ended: bool,
    /// Nobody wants any more.
    stopped: bool,
    /// A thread ended in the midst of its work.
    broken: bool,
}

/// A batch that was begun.
type Slot = Arc<Mutex<Option<Output>>>;

/// What came of a batch.
#[derive(Default)]
struct Output {
    series: VecDeque<(SeriesKey, StepVector)>,
    report: Report,
    /// Why the series after these are missing.
    failure: Option<QueryError>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<'a> Shared<'a> {
    /// Works until nothing is left to do.
    fn help(&self, cx: &mut Context<'a>) {
        let mut state = locked(&self.state);
        while !state.stopped && !state.ended {
            if state.done.len() >= self.ahead {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let Some((batch, slot)) = self.begin(&mut state) else { continue };
            drop(state);
            self.finish(batch, &slot, cx);
            state = locked(&self.state);
        }
    }

    /// Takes the next batch; notes when there is none.
    fn begin(&self, state: &mut State<'a>) -> Option<(Box<dyn SeriesStream + 'a>, Slot)> {
        match state.stream.split(self.batch) {
            Split::Batch(batch) => {
                let slot = Slot::default();
                state.done.push_back(Arc::clone(&slot));
                Some((batch, slot))
            }
            Split::End | Split::Inseparable => {
                state.ended = true;
                self.changed.notify_all();
                None
            }
        }
    }

    /// Evaluates a batch and puts what came of it in its place.
    fn finish(&self, batch: Box<dyn SeriesStream + 'a>, slot: &Slot, cx: &mut Context<'a>) {
        let _guard = Guard(self);
        let mut operator = (self.make)(SourceSeries::of(batch, self.function), &self.arguments);
        let mut output = Output::default();
        loop {
            let mut vector = StepVector::default();
            match operator.next(cx, &mut vector) {
                Ok(Some(key)) => output.series.push_back((key, vector)),
                Ok(None) => break,
                Err(error) => {
                    output.failure = Some(error);
                    break;
                }
            }
        }
        output.report = cx.report();
        *locked(slot) = Some(output);
    }
}

/// Wakes those that wait, also when the work ended in a panic.
struct Guard<'s, 'a>(&'s Shared<'a>);

impl Drop for Guard<'_, '_> {
    fn drop(&mut self) {
        let mut state = locked(&self.0.state);
        state.broken |= std::thread::panicking();
        self.0.changed.notify_all();
    }
}

/// Threads at work on one selector, seen by the one that asks.
struct Crew<'a> {
    shared: Arc<Shared<'a>>,
    /// For batches that the asking thread evaluates itself.
    fork: Context<'a>,
    ready: Output,
}

impl<'a> Crew<'a> {
    /// The next batch's outcome, in order; `None` after the last.
    fn take(&mut self) -> Result<Option<Output>, QueryError> {
        let shared = Arc::clone(&self.shared);
        let mut state = locked(&shared.state);
        loop {
            let ready = state.done.front().and_then(|slot| locked(slot).take());
            if let Some(output) = ready {
                state.done.pop_front();
                shared.changed.notify_all();
                return Ok(Some(output));
            }
            if state.broken {
                return Err(QueryError::Execution("a thread of the query failed unexpectedly".to_owned()));
            }
            if !state.ended && state.done.len() < shared.ahead {
                if let Some((batch, slot)) = shared.begin(&mut state) {
                    drop(state);
                    shared.finish(batch, &slot, &mut self.fork);
                    state = locked(&shared.state);
                }
                continue;
            }
            if state.done.is_empty() {
                // Complete only now.
                let mut output = Output::default();
                for warning in state.stream.warnings() {
                    output.report.notes.source_warning(warning);
                }
                let said = !output.report.notes.is_empty() && !state.stopped;
                state.stopped = true;
                return Ok(said.then_some(output));
            }
            state = shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl<'a> Operator<'a> for Crew<'a> {
    fn next(&mut self, cx: &mut Context<'a>, out: &mut StepVector) -> Result<Option<SeriesKey>, QueryError> {
        loop {
            if let Some((key, vector)) = self.ready.series.pop_front() {
                *out = vector;
                return Ok(Some(key));
            }
            if let Some(failure) = self.ready.failure.take() {
                return Err(failure);
            }
            let Some(ready) = self.take()? else { return Ok(None) };
            self.ready = ready;
            cx.absorb(std::mem::take(&mut self.ready.report));
            cx.check()?;
        }
    }
}

impl Drop for Crew<'_> {
    fn drop(&mut self) {
        locked(&self.shared.state).stopped = true;
        self.shared.changed.notify_all();
    }
}
