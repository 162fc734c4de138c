//! Taking batches in: head first, so that they can be queried, then the log, so that they are kept.

use crate::head::admission::Refusals;
use crate::head::memory::Memory;
use crate::head::registry::{Known, Registry};
use crate::head::rows::SeriesHandle;
use crate::head::series::Appended;
use crate::head::{Head, NotMade};
use crate::record::{self, SampleEncoder};
use crate::retention::Retention;
use crate::store::{Core, Store};
use crate::{locked, reading};
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, RwLockReadGuard};
use std::task::{Context, Poll};
use watchfire_disk::{AppendError, Commit, LogState};
use watchfire_model::ingest::{
    Batch, Committed, MetricSink, Refusal, RefusalReason, SampleRef, SeriesRef, ValueRef, WriteError,
    WriteReport,
};
use watchfire_model::labels::RawLabels;
use watchfire_model::{Labels, Metadata, TimeRange};

/// What introducing series to a segment of the log took.
#[derive(Debug, Default)]
pub(crate) struct Introduced {
    segment: u64,
    bytes: u64,
}

impl Store {
    /// As [`MetricSink::write`], for anything that becomes a batch.
    pub fn write(&self, batch: impl Into<Batch>) -> Committed {
        MetricSink::write(self, batch.into())
    }

    /// As [`MetricSink::write`], with a batch that the caller keeps to fill it again. It blocks this thread while
    /// [`max_queued_bytes`](crate::StoreOptions::max_queued_bytes) wait for the disk: not for async code.
    pub fn append(&self, batch: &Batch) -> Committed {
        while self.core.log.is_crowded() {
            let room = self.core.log.barrier().map_err(refused);
            let room = room.and_then(|room| room.wait().map_err(|error| WriteError::ReadOnly(error.0)));
            if let Err(error) = room {
                return ready(Err(error));
            }
        }
        self.core.take(batch)
    }
}

impl MetricSink for Store {
    fn write(&self, batch: Batch) -> Committed {
        if let Some(pending) = self.core.recovery.pending() {
            return ready(Err(WriteError::Starting(pending)));
        }
        if batch.is_empty() {
            return self.core.promise(WriteReport::default());
        }
        if !self.core.log.is_crowded() {
            return self.core.take(&batch);
        }
        // A slow disk must not stop the threads that also answer queries: the batch waits as a future.
        let core = Arc::clone(&self.core);
        Box::pin(async move {
            while core.log.is_crowded() {
                let room = core.log.barrier().map_err(refused)?;
                room.await.map_err(|error| WriteError::ReadOnly(error.0))?;
            }
            core.take(&batch).await
        })
    }

    fn describe(&self, _target: &Labels, family: &str, metadata: Metadata) {
        self.core.describe(family, metadata);
    }
}

/// The times between which samples are taken.
struct Window {
    now_ms: i64,
    oldest_ms: i64,
    newest_ms: i64,
}

impl Window {
    fn contains(&self, timestamp_ms: i64) -> bool {
        (self.oldest_ms..=self.newest_ms).contains(&timestamp_ms)
    }

    /// Refuses the samples of a series that lie outside, and returns how many lie within.
    fn sift(&self, series: SeriesRef<'_>, refused: &mut Vec<Refusal>) -> usize {
        let mut within = 0;
        for SampleRef { timestamp_ms: at, .. } in series.samples() {
            if at < self.oldest_ms {
                Refusal::note(refused, RefusalReason::TooOld, 1, || {
                    let by_ms = self.oldest_ms.saturating_sub(at);
                    format!("{} at {at} ms is {by_ms} ms older than the retention keeps", show(series))
                });
            } else if at > self.newest_ms {
                Refusal::note(refused, RefusalReason::TooFarAhead, 1, || {
                    let by_ms = at.saturating_sub(self.now_ms);
                    format!("{} at {at} ms is {by_ms} ms in the future; check the clocks", show(series))
                });
            } else {
                within += 1;
            }
        }
        within
    }
}

/// Where a series is probably found. Senders send their series in the order in which they sent them first, and numbers
/// were given in that order: the series with the next number is nearly always the next one sent. It is found without a
/// hash, a table or the lock of one.
struct Usual<'a> {
    head: &'a Head,
    registry: Option<RwLockReadGuard<'a, Registry>>,
    next: u32,
    /// Wrong guesses, less the right ones.
    misses: u32,
}

/// After so many more wrong guesses than right ones, a batch is taken to be in no order.
const MAX_MISSES: u32 = 64;

impl<'a> Usual<'a> {
    fn new(head: &'a Head) -> Self {
        // The first guess is wrong in all but one batch; it costs nothing to speak of.
        Self { head, registry: None, next: 0, misses: 0 }
    }

    /// The series that follows the one before, if it is the one with these labels.
    fn follower(&mut self, packed: &[u8]) -> Option<Known<'_>> {
        if self.misses > MAX_MISSES {
            return None;
        }
        let head = self.head;
        let registry = self.registry.get_or_insert_with(|| head.registry());
        if !registry.is(self.next, packed) {
            self.misses += 1;
            // A new series needs the registry for itself.
            self.registry = None;
            return None;
        }
        self.misses = self.misses.saturating_sub(1);
        let series = self.registry.as_ref()?.get(self.next);
        self.next = self.next.wrapping_add(1);
        series
    }

    /// Tells which series was found otherwise.
    fn after(&mut self, id: u32) {
        self.next = id.wrapping_add(1);
    }
}

/// A batch on its way into memory: what became of it, and what goes into the log.
struct Intake<'a> {
    report: WriteReport,
    encoder: SampleEncoder,
    /// The numbers of the series whose samples were encoded.
    logged: Vec<u32>,
    /// The log segment that the batch probably goes to.
    segment: u64,
    /// Those of the logged series that this segment does not know yet.
    new: Vec<SeriesHandle>,
    /// Samples that were not there before.
    added: u64,
    /// From the first of them to the last.
    added_between: Option<TimeRange>,
    window: Window,
    memory: &'a Memory,
    refusals: Refusals<'a>,
}

impl Intake<'_> {
    fn take(&mut self, series: SeriesRef<'_>, into: Known<'_>) {
        let before = self.encoder.bytes.len();
        for sample in series.samples() {
            let SampleRef { timestamp_ms, start_timestamp_ms, value } = sample;
            if !self.window.contains(timestamp_ms) {
                continue;
            }
            match into.append(timestamp_ms, start_timestamp_ms, value, self.memory) {
                Appended::Kept => {
                    self.added += 1;
                    let between =
                        self.added_between.get_or_insert(TimeRange::new(timestamp_ms, timestamp_ms));
                    between.start_ms = between.start_ms.min(timestamp_ms);
                    between.end_ms = between.end_ms.max(timestamp_ms);
                }
                // Also a duplicate is logged: the first may be on its way in another batch that fails.
                Appended::Duplicate => {}
                Appended::Conflict => {
                    let refused = &mut self.report.refused;
                    Refusal::note(refused, RefusalReason::DuplicateTimestamp, 1, || {
                        format!(
                            "{} at {timestamp_ms} ms has another value already, which stays",
                            show(series)
                        )
                    });
                    continue;
                }
            }
            self.encoder.push(into.id, timestamp_ms, start_timestamp_ms, value);
            self.report.accepted += 1;
            self.report.histograms += usize::from(matches!(value, ValueRef::Histogram(_)));
        }
        if self.encoder.bytes.len() > before {
            self.logged.push(into.id);
            if !into.is_introduced(self.segment) {
                self.new.push(into.hold());
            }
        }
    }
}

impl Core {
    fn take(&self, batch: &Batch) -> Committed {
        if let Some(pending) = self.recovery.pending() {
            return ready(Err(WriteError::Starting(pending)));
        }
        match self.log.state() {
            LogState::Writable => {}
            LogState::ReadOnly(reason) => return ready(Err(WriteError::ReadOnly(reason))),
            LogState::Closed => return ready(Err(WriteError::Closed)),
        }
        // A flush and the forgetting of series happen between batches.
        let gate = reading(&self.gate);
        let now_ms = self.clock.now_ms();
        let retention = self.retention();
        let window = Window {
            now_ms,
            oldest_ms: now_ms.saturating_sub(retention.time_ms).max(self.tiers.first_sample_ms()),
            newest_ms: now_ms.saturating_add(self.options.max_ahead_ms),
        };
        let mut intake = Intake {
            report: WriteReport { refused: batch.refused().to_vec(), ..WriteReport::default() },
            encoder: SampleEncoder::with_room_for(batch.len()),
            logged: Vec::with_capacity(batch.len()),
            segment: self.log.segment(),
            new: Vec::new(),
            added: 0,
            added_between: None,
            window,
            memory: &self.head.memory,
            refusals: Refusals::default(),
        };
        self.head.admission.at(now_ms);
        let mut usual = Usual::new(&self.head);
        for series in batch.series().filter(|series| !series.is_empty()) {
            if !retention.rules.is_empty() {
                intake.window.oldest_ms =
                    oldest_ms(&retention, now_ms, series).max(self.tiers.first_sample_ms());
            }
            self.take_series(series, &mut intake, &mut usual);
        }
        // Only now is it known which label all that was refused had in common.
        if let Some(words) = self.head.admission.settle(std::mem::take(&mut intake.refusals)) {
            Refusal::explain(&mut intake.report.refused, RefusalReason::SeriesLimit, words);
        }
        drop(usual);
        let Intake { mut report, encoder, logged, segment, new, added, added_between, .. } = intake;
        if let Some(between) = added_between {
            self.changes.between(between);
        }
        self.counters.appended.fetch_add(added, Ordering::Relaxed);
        self.counters.refuse(&report.refused);
        // Before the samples in the log: their commit is that of both.
        let promised = self.take_exemplars(batch, now_ms, &mut report) | self.log_described();
        if logged.is_empty() {
            drop(gate);
            return if promised { self.promise(report) } else { ready(Ok(report)) };
        }
        let logged = self.log_batch(segment, new, &logged, &encoder.bytes);
        drop(gate);
        match logged {
            Ok(commit) => Box::pin(Pending { commit, report: Some(report) }),
            Err(error) => ready(Err(refused(error))),
        }
    }

    /// A report for when all that was described before is on disk: it is promised with the batch, also when there is
    /// nothing else in it.
    fn promise(&self, report: WriteReport) -> Committed {
        self.log_described();
        match self.log.barrier() {
            Ok(commit) => Box::pin(Pending { commit, report: Some(report) }),
            Err(error) => ready(Err(refused(error))),
        }
    }

    /// Logs samples, introducing those of their series that the segment does not know. `new` are those as far as
    /// `segment` is concerned; should another have begun, they are found again.
    fn log_batch(
        &self,
        mut segment: u64,
        mut new: Vec<SeriesHandle>,
        logged: &[u32],
        samples: &[u8],
    ) -> Result<Commit, AppendError> {
        let introduced_bytes = {
            let introduced = locked(&self.introduced);
            if introduced.segment == segment { introduced.bytes } else { 0 }
        };
        if self.log.wants_roll(introduced_bytes) {
            self.log.roll();
        }
        loop {
            let mut definitions = Vec::new();
            let (registry, mut packed) = (self.head.registry(), Vec::new());
            // None is forgotten, as the gate is held.
            let known: Vec<Known<'_>> = new.iter().filter_map(|series| registry.get(series.id)).collect();
            record::definitions(known.len(), &mut definitions);
            for known in known {
                packed.clear();
                registry.pairs.pack(known.pairs, &mut packed);
                record::definition(known.id, &packed, &mut definitions);
            }
            drop(registry);
            match self.log.append(segment, &[&definitions, samples]) {
                Err(AppendError::SegmentChanged(next)) => {
                    segment = next;
                    let registry = self.head.registry();
                    let series = logged.iter().filter_map(|id| registry.get(*id));
                    new = series
                        .filter(|known| !known.is_introduced(segment))
                        .map(|known| known.hold())
                        .collect();
                }
                Err(error) => return Err(error),
                Ok(commit) => {
                    // Only now: another batch that leans on this must come after it in the log.
                    for series in &new {
                        series.introduce(segment);
                    }
                    if !new.is_empty() {
                        let mut introduced = locked(&self.introduced);
                        if introduced.segment != segment {
                            *introduced = Introduced { segment, bytes: 0 };
                        }
                        introduced.bytes += definitions.len() as u64;
                    }
                    return Ok(commit);
                }
            }
        }
    }

    fn take_series<'a>(&self, series: SeriesRef<'a>, intake: &mut Intake<'a>, usual: &mut Usual<'_>) {
        // First, so that a sample that is refused makes no series.
        let within = intake.window.sift(series, &mut intake.report.refused);
        if within == 0 {
            return;
        }
        // A series that is known needs no check: its bytes are those of one that was checked.
        let packed = series.packed_labels();
        if let Some(into) = usual.follower(packed) {
            intake.take(series, into);
            return;
        }
        let made = self.head.with_series(
            packed,
            || self.label_limits().check(packed).and_then(|()| series.checked_labels()),
            |into| {
                intake.take(series, into);
                into.id
            },
        );
        let (reason, problem) = match made {
            Ok(id) => {
                usual.after(id);
                return;
            }
            Err(NotMade::Refused(refused)) => {
                Refusal::note(&mut intake.report.refused, RefusalReason::SeriesLimit, within, String::new);
                intake.refusals.note(refused);
                return;
            }
            Err(NotMade::NoNumber) => {
                (RefusalReason::SeriesLimit, "there is no number left for a new series".to_owned())
            }
            Err(NotMade::NoMetricName) => (
                RefusalReason::InvalidLabels,
                "no metric name: the label \"__name__\" is missing or empty".to_owned(),
            ),
            Err(NotMade::Invalid(problem)) if problem.is_limit() => {
                (RefusalReason::LabelLimit, problem.to_string())
            }
            Err(NotMade::Invalid(problem)) => (RefusalReason::InvalidLabels, problem.to_string()),
        };
        Refusal::note(&mut intake.report.refused, reason, within, || {
            format!("series {}: {problem}", show(series))
        });
    }
}

/// From when on the samples of a series are kept. The rules are asked only where they may matter.
fn oldest_ms(retention: &Retention, now_ms: i64, series: SeriesRef<'_>) -> i64 {
    let surely_kept_ms = now_ms.saturating_sub(retention.shortest_ms());
    if series.samples().all(|sample| sample.timestamp_ms >= surely_kept_ms) {
        return surely_kept_ms;
    }
    // Labels that are no label set are refused for that further on.
    let keep_ms = series.checked_labels().map_or(retention.time_ms, |labels| retention.keep_ms(&labels));
    now_ms.saturating_sub(keep_ms)
}

fn refused(error: AppendError) -> WriteError {
    match error {
        AppendError::Closed => WriteError::Closed,
        error => WriteError::ReadOnly(error.to_string()),
    }
}

/// A series for an error: as it is known where its labels are in order, else as it was sent.
fn show(series: SeriesRef<'_>) -> String {
    match series.checked_labels() {
        Ok(labels) => labels.to_string(),
        Err(_) => RawLabels(series.packed_labels()).to_string(),
    }
}

fn ready(result: Result<WriteReport, WriteError>) -> Committed {
    Box::pin(std::future::ready(result))
}

struct Pending {
    commit: Commit,
    report: Option<WriteReport>,
}

impl Future for Pending {
    type Output = Result<WriteReport, WriteError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match Pin::new(&mut self.commit).poll(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(())) => Poll::Ready(Ok(self.report.take().unwrap_or_default())),
            Poll::Ready(Err(error)) => Poll::Ready(Err(WriteError::ReadOnly(error.0))),
        }
    }
}
