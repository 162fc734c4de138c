//! Taking batches in: head first, so that they can be queried, then the log, so that they are kept.

use crate::head::NotMade;
use crate::head::series::Appended;
use crate::record::{self, SampleEncoder};
use crate::store::{Core, Store};
use crate::{locked, reading};
use roaring::RoaringBitmap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use watchfire_disk::{AppendError, Commit, Log, LogState};
use watchfire_model::ingest::{Committed, MetricSink, Refusal, RefusalReason, Row, WriteError, WriteReport};
use watchfire_model::{Histogram, Labels, Metadata, SampleValue};

/// More families than this are not kept: their names come from outside.
const MAX_FAMILIES: usize = 200_000;

/// A sample on its way in, borrowed from wherever it was decoded.
#[derive(Clone, Copy, Debug)]
pub struct Incoming<'a> {
    /// The labels as [`Labels::as_bytes`] packs them. Of a series not known yet they are checked.
    pub labels: &'a [u8],
    /// Milliseconds since the Unix epoch.
    pub timestamp_ms: i64,
    /// When the counter started counting, 0 where unknown.
    pub start_timestamp_ms: i64,
    /// What was measured.
    pub value: IncomingValue<'a>,
}

/// A borrowed sample value.
#[derive(Clone, Copy, Debug)]
pub enum IncomingValue<'a> {
    /// A float.
    Float(f64),
    /// A native histogram.
    Histogram(&'a Arc<Histogram>),
}

/// Which series the log's current segment knows.
#[derive(Debug, Default)]
pub(crate) struct Introduced {
    segment: u64,
    ids: RoaringBitmap,
}

#[derive(Debug, Default)]
struct Tally {
    accepted: usize,
    refused: Vec<Refusal>,
}

impl Tally {
    fn refuse(&mut self, reason: RefusalReason, example: impl FnOnce() -> String) {
        match self.refused.iter_mut().find(|refusal| refusal.reason == reason) {
            Some(refusal) => refusal.rows += 1,
            None => self.refused.push(Refusal { reason, rows: 1, example: example() }),
        }
    }
}

impl Store {
    /// As [`MetricSink::write`], from borrowed samples and without an allocation for each. It blocks this thread while
    /// [`max_queued_bytes`](crate::StoreOptions::max_queued_bytes) wait for the disk: not for async code.
    pub fn append_borrowed<'a>(&self, samples: impl Iterator<Item = Incoming<'a>>) -> Committed {
        while self.core.log.is_crowded() {
            let room = self.core.log.barrier().map_err(refused);
            let room = room.and_then(|room| room.wait().map_err(|error| WriteError::ReadOnly(error.0)));
            if let Err(error) = room {
                return ready(Err(error));
            }
        }
        self.core.take(samples, |incoming| Labels::from_bytes(incoming.labels))
    }
}

impl MetricSink for Store {
    fn write(&self, rows: Vec<Row>) -> Committed {
        if rows.is_empty() {
            // What was described before is promised with the batch, also when there is nothing else in it.
            let barrier = self.core.log.barrier().map_err(refused);
            return Box::pin(async move {
                barrier?.await.map_err(|error| WriteError::ReadOnly(error.0))?;
                Ok(WriteReport::default())
            });
        }
        if !self.core.log.is_crowded() {
            return self.core.take_rows(&rows);
        }
        // A slow disk must not stop the threads that also answer queries: the batch waits as a future.
        let core = Arc::clone(&self.core);
        Box::pin(async move {
            while core.log.is_crowded() {
                let room = core.log.barrier().map_err(refused)?;
                room.await.map_err(|error| WriteError::ReadOnly(error.0))?;
            }
            core.take_rows(&rows).await
        })
    }

    fn describe(&self, _target: &Labels, family: &str, metadata: Metadata) {
        let core = &self.core;
        {
            let mut known = locked(&core.metadata);
            let room = known.len() < MAX_FAMILIES;
            match known.get_mut(family) {
                Some(kept) if *kept == metadata => return,
                Some(kept) => *kept = metadata.clone(),
                None if !room => return,
                None => {
                    known.insert(family.to_owned(), metadata.clone());
                }
            }
        }
        let record = record::metadata(family, &metadata);
        while let Err(AppendError::SegmentChanged(_)) = core.log.append(core.log.segment(), &[&record]) {}
    }
}

impl Core {
    fn take_rows(&self, rows: &[Row]) -> Committed {
        let mut taken = rows.iter();
        let samples = rows.iter().map(|row| Incoming {
            labels: row.series.as_bytes(),
            timestamp_ms: row.timestamp_ms,
            start_timestamp_ms: row.start_timestamp_ms,
            value: match &row.value {
                SampleValue::Float(value) => IncomingValue::Float(*value),
                SampleValue::Histogram(histogram) => IncomingValue::Histogram(histogram),
            },
        });
        // New series share the label set that came with the row.
        self.take(samples, |incoming| {
            taken
                .find(|row| row.series.as_bytes().as_ptr() == incoming.labels.as_ptr())
                .map(|row| row.series.clone())
        })
    }

    fn take<'a>(
        &self,
        samples: impl Iterator<Item = Incoming<'a>>,
        mut labels: impl FnMut(&Incoming<'a>) -> Option<Labels>,
    ) -> Committed {
        match self.log.state() {
            LogState::Writable => {}
            LogState::ReadOnly(reason) => return ready(Err(WriteError::ReadOnly(reason))),
            LogState::Closed => return ready(Err(WriteError::Closed)),
        }
        // A flush and the forgetting of series happen between batches.
        let gate = reading(&self.gate);
        let now_ms = self.clock.now_ms();
        let oldest_ms = now_ms.saturating_sub(self.options.retention_ms);
        let newest_ms = now_ms.saturating_add(self.options.max_ahead_ms);
        let mut tally = Tally::default();
        let mut encoder = SampleEncoder::default();
        let mut kept: Vec<(u32, &'a [u8])> = Vec::with_capacity(samples.size_hint().0);
        let mut floats = 0_u64;
        for incoming in samples {
            let Incoming { timestamp_ms, start_timestamp_ms, value, .. } = incoming;
            if timestamp_ms < oldest_ms {
                tally.refuse(RefusalReason::TooOld, || {
                    let by_ms = oldest_ms.saturating_sub(timestamp_ms);
                    format!(
                        "{} at {timestamp_ms} ms is {by_ms} ms older than the retention keeps",
                        show(incoming)
                    )
                });
                continue;
            }
            if timestamp_ms > newest_ms {
                tally.refuse(RefusalReason::TooFarAhead, || {
                    let by_ms = timestamp_ms.saturating_sub(now_ms);
                    format!(
                        "{} at {timestamp_ms} ms is {by_ms} ms in the future; check the clocks",
                        show(incoming)
                    )
                });
                continue;
            }
            let appended = self.head.with_series(
                incoming.labels,
                || labels(&incoming),
                |series| {
                    (series.id, series.append(timestamp_ms, start_timestamp_ms, value, &self.head.memory))
                },
            );
            match appended {
                Ok((id, Appended::Kept)) => {
                    encoder.push(id, timestamp_ms, start_timestamp_ms, value);
                    kept.push((id, incoming.labels));
                    tally.accepted += 1;
                    floats += 1;
                }
                // Also a duplicate is logged: the first may be on its way in another batch that fails.
                Ok((id, Appended::Duplicate)) => {
                    encoder.push(id, timestamp_ms, start_timestamp_ms, value);
                    kept.push((id, incoming.labels));
                    tally.accepted += 1;
                }
                Ok((_, Appended::Conflict)) => tally.refuse(RefusalReason::DuplicateTimestamp, || {
                    format!("{} at {timestamp_ms} ms has another value already, which stays", show(incoming))
                }),
                Err(NotMade::TooMany) => tally.refuse(RefusalReason::SeriesLimit, || {
                    let limit = self.options.max_series;
                    format!("{} would be a new series above the limit of {limit}", show(incoming))
                }),
                Err(NotMade::NoMetricName) => tally.refuse(RefusalReason::InvalidLabels, || {
                    format!("{} has no metric name or is not a valid label set", show(incoming))
                }),
            }
        }
        self.counters.appended.fetch_add(floats, Ordering::Relaxed);
        self.counters.refuse(&tally.refused);
        let report = WriteReport { accepted: tally.accepted, refused: tally.refused };
        if kept.is_empty() {
            return ready(Ok(report));
        }
        let logged = log_batch(&self.log, &mut locked(&self.introduced), &kept, &encoder.bytes);
        drop(gate);
        match logged {
            Ok(commit) => Box::pin(Pending { commit, report: Some(report) }),
            Err(error) => ready(Err(refused(error))),
        }
    }
}

fn log_batch(
    log: &Log,
    introduced: &mut Introduced,
    kept: &[(u32, &[u8])],
    samples: &[u8],
) -> Result<Commit, AppendError> {
    if log.wants_roll() {
        log.roll();
    }
    let mut segment = log.segment();
    loop {
        if introduced.segment != segment {
            *introduced = Introduced { segment, ids: RoaringBitmap::new() };
        }
        let new: Vec<(u32, &[u8])> =
            kept.iter().filter(|(id, _)| introduced.ids.insert(*id)).copied().collect();
        let mut definitions = Vec::new();
        record::definitions(new.iter().copied(), new.len(), &mut definitions);
        match log.append(segment, &[&definitions, samples]) {
            Err(AppendError::SegmentChanged(next)) => segment = next,
            Err(error) => {
                for (id, _) in new {
                    introduced.ids.remove(id);
                }
                return Err(error);
            }
            Ok(commit) => return Ok(commit),
        }
    }
}

fn refused(error: AppendError) -> WriteError {
    match error {
        AppendError::Closed => WriteError::Closed,
        error => WriteError::ReadOnly(error.to_string()),
    }
}

fn show(incoming: Incoming<'_>) -> String {
    Labels::from_bytes(incoming.labels).map_or_else(|| "a sample".to_owned(), |labels| labels.to_string())
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
