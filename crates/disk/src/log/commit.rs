//! The promise that a record is on disk.

use crate::locked;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

/// Why a record is not on disk.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct CommitError(pub String);

#[derive(Debug, Default)]
struct Inner {
    result: Option<Result<(), CommitError>>,
    wakers: Vec<Waker>,
}

/// What the records of one group wait for.
#[derive(Debug, Default)]
pub(super) struct Cell {
    inner: Mutex<Inner>,
    done: Condvar,
}

impl Cell {
    pub(super) fn resolve(&self, result: Result<(), CommitError>) {
        let mut inner = locked(&self.inner);
        inner.result = Some(result);
        let wakers = std::mem::take(&mut inner.wakers);
        drop(inner);
        self.done.notify_all();
        for waker in wakers {
            waker.wake();
        }
    }
}

/// Resolves when a record is on disk, or cannot be put there. It needs no runtime: await it, or [`Commit::wait`].
#[derive(Clone, Debug)]
pub struct Commit {
    /// `None` when there is nothing to wait for.
    cell: Option<Arc<Cell>>,
}

impl Commit {
    /// A commit that has already happened.
    pub fn done() -> Self {
        Self { cell: None }
    }

    /// A commit that has failed.
    pub fn failed(reason: String) -> Self {
        let cell = Cell::default();
        cell.resolve(Err(CommitError(reason)));
        Self { cell: Some(Arc::new(cell)) }
    }

    /// What became of the record, as far as it is known by now.
    pub fn outcome(&self) -> Option<Result<(), CommitError>> {
        self.cell.as_ref().map_or(Some(Ok(())), |cell| locked(&cell.inner).result.clone())
    }

    pub(super) fn waiting(cell: Arc<Cell>) -> Self {
        Self { cell: Some(cell) }
    }

    /// Blocks this thread until the record is on disk or cannot be put there.
    pub fn wait(&self) -> Result<(), CommitError> {
        let Some(cell) = &self.cell else { return Ok(()) };
        let mut inner = locked(&cell.inner);
        loop {
            if let Some(result) = &inner.result {
                return result.clone();
            }
            inner = cell.done.wait(inner).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Future for Commit {
    type Output = Result<(), CommitError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(cell) = &self.cell else { return Poll::Ready(Ok(())) };
        let mut inner = locked(&cell.inner);
        if let Some(result) = &inner.result {
            return Poll::Ready(result.clone());
        }
        if !inner.wakers.iter().any(|waker| waker.will_wake(context.waker())) {
            inner.wakers.push(context.waker().clone());
        }
        Poll::Pending
    }
}
