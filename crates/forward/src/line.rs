//! One address: what waits for it, and the one request that is under way.

use crate::encoding::{description, part};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use watchfire_channels::{Attempt, Outcome, Tools, post_bytes};
use watchfire_model::ingest::Batch;
use watchfire_model::time::Clock;
use watchfire_model::{Labels, Metadata};
use watchfire_scrape::config::RemoteWrite;
use watchfire_wire::snappy;

/// Families whose descriptions are remembered; more are sent each time they are told.
const MOST_FAMILIES: usize = 10_000;
/// How often the same complaint is logged.
const COMPLAIN_EVERY: Duration = Duration::from_secs(60);

/// Answers after which the same request cannot do better: it is malformed, refused for its samples, or too large.
const HOPELESS: [u16; 5] = [400, 409, 413, 415, 422];

/// A request ready to be sent.
#[derive(Debug)]
struct Request {
    /// Counted up, so that a request that was dropped meanwhile is not taken for the next.
    number: u64,
    body: Arc<Vec<u8>>,
    samples: u64,
    newest_ms: i64,
}

/// What happened so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    /// Samples that were taken in.
    pub(crate) taken: u64,
    /// Samples that the other side confirmed.
    pub(crate) sent: u64,
    /// Samples that the other side refused for good.
    pub(crate) failed: u64,
    /// Samples that were sent again.
    pub(crate) retried: u64,
    /// Samples dropped because the buffer was full.
    pub(crate) dropped_full: u64,
    /// Samples dropped because they waited too long (`sample_age_limit`).
    pub(crate) dropped_old: u64,
    /// Samples that cannot be sent: their labels are not valid, or their kind is not sent.
    pub(crate) left_out: u64,
    /// Bytes of confirmed requests.
    pub(crate) bytes: u64,
    /// The newest sample that was confirmed, in milliseconds since the Unix epoch.
    pub(crate) newest_sent_ms: i64,
    /// The newest that was taken in.
    pub(crate) newest_taken_ms: i64,
}

#[derive(Debug, Default)]
struct State {
    /// The request that is being filled, not compressed yet.
    filling: Vec<u8>,
    filling_samples: u64,
    filling_newest_ms: i64,
    filling_since: Option<Instant>,
    waiting: VecDeque<Request>,
    waiting_bytes: usize,
    waiting_samples: u64,
    next_number: u64,
    families: HashMap<String, Metadata>,
    counts: Counts,
    complained: Option<Instant>,
}

/// One address of `remote_write`.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) to: RemoteWrite,
    external: Labels,
    buffer_bytes: usize,
    state: Mutex<State>,
    wake: Notify,
}

impl Line {
    pub(crate) fn new(to: RemoteWrite, external: Labels, buffer_bytes: usize) -> Self {
        Self { to, external, buffer_bytes, state: Mutex::default(), wake: Notify::new() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Counters and queues are whole between calls.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What happened so far, how many samples wait, and in how many bytes.
    pub(crate) fn counts(&self) -> (Counts, u64, usize) {
        let state = self.lock();
        (
            state.counts,
            state.waiting_samples + state.filling_samples,
            state.waiting_bytes + state.filling.len(),
        )
    }

    /// Takes samples in.
    pub(crate) fn take(&self, batch: &Batch) {
        let part = part(batch, &self.to, &self.external);
        let mut state = self.lock();
        state.counts.left_out += part.left_out;
        if part.bytes.is_empty() {
            return;
        }
        state.counts.taken += part.samples;
        state.counts.newest_taken_ms = state.counts.newest_taken_ms.max(part.newest_ms);
        state.fill(&part.bytes, part.samples, part.newest_ms);
        if state.filling_samples >= self.to.queue.max_samples_per_send as u64 {
            self.seal(&mut state);
        }
        drop(state);
        self.wake.notify_one();
    }

    /// Takes in what a family says about itself, where that is news.
    pub(crate) fn describe(&self, family: &str, metadata: &Metadata) {
        if !self.to.send_metadata {
            return;
        }
        let mut state = self.lock();
        if state.families.get(family) == Some(metadata) {
            return;
        }
        if state.families.len() < MOST_FAMILIES {
            state.families.insert(family.to_owned(), metadata.clone());
        }
        state.fill(&description(family, metadata), 0, i64::MIN);
    }

    /// Makes a request of what was gathered, and drops the oldest where there is no room for it.
    fn seal(&self, state: &mut State) {
        state.filling_since = None;
        if state.filling.is_empty() {
            return;
        }
        let bytes = std::mem::take(&mut state.filling);
        let (samples, newest_ms) = (std::mem::take(&mut state.filling_samples), state.filling_newest_ms);
        state.filling_newest_ms = i64::MIN;
        let body = match snappy::compress(&bytes) {
            Ok(body) => Arc::new(body),
            Err(error) => {
                tracing::error!(%error, samples, "samples could not be packed for remote write");
                state.counts.left_out += samples;
                return;
            }
        };
        let mut dropped = 0;
        while !state.waiting.is_empty() && state.waiting_bytes + body.len() > self.buffer_bytes {
            dropped += state.pop().map_or(0, |request| request.samples);
        }
        if dropped > 0 {
            state.counts.dropped_full += dropped;
            self.complain(
                state,
                &format!("the buffer of {} bytes is full, the oldest samples are dropped", self.buffer_bytes),
            );
        }
        state.waiting_bytes += body.len();
        state.waiting_samples += samples;
        let number = state.next_number;
        state.next_number += 1;
        state.waiting.push_back(Request { number, body, samples, newest_ms });
    }

    fn complain(&self, state: &mut State, problem: &str) {
        let now = Instant::now();
        if state.complained.is_none_or(|last| now.duration_since(last) >= COMPLAIN_EVERY) {
            state.complained = Some(now);
            let waiting = state.waiting_samples;
            tracing::warn!(remote = self.label(), waiting, "remote write: {problem}");
        }
    }

    /// What it is called in logs and metrics: its name, or its address without what may be secret.
    pub(crate) fn label(&self) -> &str {
        if self.to.name.is_empty() { self.host() } else { &self.to.name }
    }

    /// The address without credentials, path and query.
    pub(crate) fn host(&self) -> &str {
        let rest = self.to.url.split_once("://").map_or(self.to.url.as_str(), |(_, rest)| rest);
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        authority.rsplit('@').next().unwrap_or_default()
    }

    /// The next request: the oldest that waits, or what was gathered for long enough; `None` when there is nothing more
    /// and `stop` was said.
    async fn next(&self, stop: &mut watch::Receiver<bool>) -> Option<(u64, Arc<Vec<u8>>, i64)> {
        loop {
            let due = {
                let mut state = self.lock();
                let stopping = *stop.borrow();
                let due = state.filling_since.map(|since| since + self.to.queue.batch_send_deadline);
                if stopping || due.is_some_and(|due| due <= Instant::now()) {
                    self.seal(&mut state);
                }
                if let Some(request) = state.waiting.front() {
                    return Some((request.number, Arc::clone(&request.body), request.newest_ms));
                }
                if stopping {
                    return None;
                }
                due
            };
            let until_due = async {
                match due {
                    Some(due) => tokio::time::sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = self.wake.notified() => {}
                () = until_due => {}
                _ = stop.changed() => {}
            }
        }
    }

    /// Sends until told to stop, and then for at most `drain`.
    pub(crate) async fn run(
        &self,
        tools: &Tools,
        clock: &dyn Clock,
        mut stop: watch::Receiver<bool>,
        drain: Duration,
    ) {
        let mut end = stop.clone();
        let sending = self.send_all(tools, clock, &mut stop);
        let ended = async {
            // A sender that is gone means the same.
            let _ = end.wait_for(|stop| *stop).await;
            tokio::time::sleep(drain).await;
        };
        tokio::select! {
            () = sending => {}
            () = ended => {}
        }
        let left = self.counts().1;
        if left > 0 {
            tracing::warn!(
                remote = self.label(),
                samples = left,
                "samples were not sent before the end and are lost"
            );
        }
    }

    async fn send_all(&self, tools: &Tools, clock: &dyn Clock, stop: &mut watch::Receiver<bool>) {
        let mut pause = self.to.queue.min_backoff;
        let mut is_again = None;
        while let Some((number, body, newest_ms)) = self.next(stop).await {
            let limit_ms = i64::try_from(self.to.queue.sample_age_limit.as_millis()).unwrap_or(i64::MAX);
            // What holds only descriptions has no age.
            if limit_ms > 0 && newest_ms > i64::MIN && clock.now_ms().saturating_sub(newest_ms) > limit_ms {
                self.done(number, |counts, request| counts.dropped_old += request.samples);
                continue;
            }
            if is_again == Some(number) {
                let mut state = self.lock();
                state.counts.retried += state.waiting.front().map_or(0, |request| request.samples);
            }
            let attempt = self.send(tools, &body).await;
            if attempt.outcome == Outcome::Delivered {
                (pause, is_again) = (self.to.queue.min_backoff, None);
                self.done(number, |counts, request| {
                    counts.sent += request.samples;
                    counts.bytes += request.body.len() as u64;
                    counts.newest_sent_ms = counts.newest_sent_ms.max(request.newest_ms);
                });
                continue;
            }
            let error = attempt.error.unwrap_or_default();
            if attempt.status.is_some_and(|status| HOPELESS.contains(&status)) {
                self.done(number, |counts, request| counts.failed += request.samples);
                self.complain(&mut self.lock(), &format!("samples are refused for good: {error}"));
                (pause, is_again) = (self.to.queue.min_backoff, None);
                continue;
            }
            self.complain(&mut self.lock(), &format!("{error}; it is tried again"));
            is_again = Some(number);
            // Many agents that lost one server must not all come back at one moment.
            let spread = pause.mul_f64(0.5 + fastrand::f64() / 2.0);
            tokio::time::sleep(attempt.retry_after.unwrap_or(spread)).await;
            pause = (pause * 2).min(self.to.queue.max_backoff);
        }
    }

    /// A request is over, one way or the other; it may have been dropped meanwhile.
    fn done(&self, number: u64, count: impl FnOnce(&mut Counts, &Request)) {
        let mut state = self.lock();
        if state.waiting.front().is_some_and(|request| request.number == number)
            && let Some(request) = state.pop()
        {
            count(&mut state.counts, &request);
        }
    }

    async fn send(&self, tools: &Tools, body: &[u8]) -> Attempt {
        let headers = [
            ("content-type", "application/x-protobuf"),
            ("content-encoding", "snappy"),
            ("x-prometheus-remote-write-version", "0.1.0"),
        ];
        post_bytes(tools, &self.to.client, &self.to.url, &headers, body.to_vec(), self.to.timeout).await
    }
}

impl State {
    fn fill(&mut self, bytes: &[u8], samples: u64, newest_ms: i64) {
        if self.filling.is_empty() {
            self.filling_newest_ms = i64::MIN;
        }
        self.filling.extend_from_slice(bytes);
        self.filling_samples += samples;
        self.filling_newest_ms = self.filling_newest_ms.max(newest_ms);
        self.filling_since.get_or_insert_with(Instant::now);
    }

    fn pop(&mut self) -> Option<Request> {
        let request = self.waiting.pop_front()?;
        self.waiting_bytes -= request.body.len();
        self.waiting_samples -= request.samples;
        Some(request)
    }
}
