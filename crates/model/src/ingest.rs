//! How samples are handed to whatever keeps them.
//!
//! Scrape loops, receivers, host collectors and rule groups write; a metric store, or an agent's outgoing queue,
//! accepts. The trait stands here because all of those callers share it.

mod batch;

pub use batch::{Batch, Exemplar, SampleRef, SeriesRef, ValueRef};

use crate::{Labels, Metadata, SampleValue};
use std::future::Future;
use std::pin::Pin;

/// One sample on its way in, for callers that have few of them: many go into a [`Batch`] at once.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The series it belongs to.
    pub series: Labels,
    /// When it was measured, in milliseconds since the Unix epoch.
    pub timestamp_ms: i64,
    /// When its counter started counting, 0 where unknown.
    pub start_timestamp_ms: i64,
    /// What was measured.
    pub value: SampleValue,
}

/// What became of a batch: rows that were not kept are counted by reason and the first culprit is named.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WriteReport {
    /// Rows kept, duplicates of a kept sample included.
    pub accepted: usize,
    /// How many of them are native histograms.
    pub histograms: usize,
    /// Exemplars kept; those are not among the rows.
    pub exemplars: usize,
    /// Rows refused, with the reason and an example; empty when all went well.
    pub refused: Vec<Refusal>,
    /// Exemplars refused. They make nothing fail, as in Prometheus.
    pub refused_exemplars: Vec<Refusal>,
}

impl WriteReport {
    /// How many rows were refused, for whatever reason.
    pub fn refused_rows(&self) -> usize {
        self.refused.iter().map(|refusal| refusal.rows).sum()
    }
}

/// Rows refused for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub reason: RefusalReason,
    /// How many rows.
    pub rows: usize,
    /// The first of them, in words that a user can act on.
    pub example: String,
}

impl Refusal {
    /// Counts rows in a list of one entry for each reason; `example` is asked for the first.
    pub fn note(
        refused: &mut Vec<Self>,
        reason: RefusalReason,
        rows: usize,
        example: impl FnOnce() -> String,
    ) {
        match refused.iter_mut().find(|refusal| refusal.reason == reason) {
            Some(refusal) => refusal.rows += rows,
            None => refused.push(Self { reason, rows, example: example() }),
        }
    }

    /// Puts better words in the place of a reason's example.
    pub fn explain(refused: &mut [Self], reason: RefusalReason, words: String) {
        if let Some(refusal) = refused.iter_mut().find(|refusal| refusal.reason == reason) {
            refusal.example = words;
        }
    }
}

/// Why a row was not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RefusalReason {
    /// Older than the retention keeps.
    TooOld,
    /// Further in the future than a clock may be wrong.
    TooFarAhead,
    /// A new series above a limit.
    SeriesLimit,
    /// Another value is already kept for the same series and time, and it wins.
    DuplicateTimestamp,
    /// The labels have no metric name or are not valid.
    InvalidLabels,
    /// More or longer labels than allowed.
    LabelLimit,
    /// A native histogram that contradicts itself.
    InvalidHistogram,
    /// A line that could not be read.
    Malformed,
    /// An exemplar that is older than the newest of its series.
    OutOfOrder,
    /// An exemplar of a series that is not there.
    UnknownSeries,
}

impl RefusalReason {
    /// A word for metrics and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TooOld => "too_old",
            Self::TooFarAhead => "too_far_ahead",
            Self::SeriesLimit => "series_limit",
            Self::DuplicateTimestamp => "duplicate_timestamp",
            Self::InvalidLabels => "invalid_labels",
            Self::LabelLimit => "label_limit",
            Self::InvalidHistogram => "invalid_histogram",
            Self::Malformed => "malformed",
            Self::OutOfOrder => "out_of_order",
            Self::UnknownSeries => "unknown_series",
        }
    }
}

/// Why a whole batch was not kept. Nothing of it was acknowledged; the caller may try again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The disk takes no more, or is failing; reads go on.
    #[error("storage is read-only: {0}")]
    ReadOnly(String),
    /// What was written before is still being read back after a start; reads are answered with what is there.
    #[error("storage is starting: {0}; try again soon")]
    Starting(String),
    /// The store is shutting down.
    #[error("storage is shutting down")]
    Closed,
}

/// Resolves when the batch is on disk, or could not be put there.
pub type Committed = Pin<Box<dyn Future<Output = Result<WriteReport, WriteError>> + Send>>;

/// Whatever keeps samples.
pub trait MetricSink: Send + Sync {
    /// Hands over a batch. It can be queried at once; it is durable when the returned future resolves. Callers that
    /// acknowledge to somebody wait; scrape loops may drop the future without losing the write. A sink whose disk is
    /// too slow for what comes in takes the batch later, while the future is polled: then dropping it loses the batch.
    /// This call never blocks the thread on the disk.
    fn write(&self, batch: Batch) -> Committed;

    /// Keeps what a metric family says about itself, the newest saying winning. `target` is the label set that
    /// identifies the source (job and instance), empty for pushed data.
    fn describe(&self, target: &Labels, family: &str, metadata: Metadata);
}
