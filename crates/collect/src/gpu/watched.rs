//! A reader in a thread of its own: a driver that hangs costs a deadline once, and after that nothing.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoAnswer {
    /// The reader was asked this long ago and has not answered yet.
    Hung(Duration),
    /// The reader's thread has ended.
    Gone,
}

struct Line<T> {
    ask: SyncSender<()>,
    answers: Receiver<T>,
    /// When a question was asked that has no answer yet.
    asked: Option<Instant>,
}

/// Asks a reader in its own thread.
pub(super) struct Watched<T> {
    line: Mutex<Option<Line<T>>>,
    deadline: Duration,
}

impl<T: Send + 'static> Watched<T> {
    /// Starts the thread. `reader` is called in it and given the questions: it answers each with one `T`, and returns
    /// when there will be no more.
    pub(super) fn start(
        name: &str,
        deadline: Duration,
        reader: impl FnOnce(&mut dyn Iterator<Item = ()>, &dyn Fn(T)) + Send + 'static,
    ) -> Self {
        let (ask, questions) = sync_channel::<()>(1);
        let (answer, answers) = sync_channel::<T>(1);
        let started = thread::Builder::new().name(name.to_owned()).spawn(move || {
            // An answer that nobody waits for any more is dropped with its channel.
            let send = |value| drop(answer.send(value));
            reader(&mut questions.into_iter(), &send);
        });
        let line = started.is_ok().then_some(Line { ask, answers, asked: None });
        Self { line: Mutex::new(line), deadline }
    }

    /// The reader's answer, or why there is none. Waits until the deadline at most; while a question is unanswered it
    /// does not wait at all. An answer that came late is thrown away and asked for again: it is of another time.
    pub(super) fn ask(&self) -> Result<T, NoAnswer> {
        let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(open) = line.as_mut() else { return Err(NoAnswer::Gone) };
        if let Some(asked) = open.asked {
            match open.answers.try_recv() {
                Ok(_) => open.asked = None,
                Err(TryRecvError::Empty) => return Err(NoAnswer::Hung(asked.elapsed())),
                Err(TryRecvError::Disconnected) => {
                    *line = None;
                    return Err(NoAnswer::Gone);
                }
            }
        }
        let now = Instant::now();
        if open.ask.try_send(()).is_err() {
            *line = None;
            return Err(NoAnswer::Gone);
        }
        match open.answers.recv_timeout(self.deadline) {
            Ok(answer) => Ok(answer),
            Err(RecvTimeoutError::Timeout) => {
                open.asked = Some(now);
                Err(NoAnswer::Hung(self.deadline))
            }
            Err(RecvTimeoutError::Disconnected) => {
                *line = None;
                Err(NoAnswer::Gone)
            }
        }
    }
}

#[cfg(test)]
mod tests;
