//! Records into series, on several threads.

use super::numbers::{Numbers, row};
use crate::exemplars::Exemplar;
use crate::head::Head;
use crate::record::{self, RecordSink, RecordValue};
use std::num::NonZero;
use std::ops::Range;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use watchfire_model::ingest::ValueRef;
use watchfire_model::labels::LabelProblem;
use watchfire_model::{Labels, Metadata};

/// More workers than this would only wait for the one thread that decodes.
const MAX_WORKERS: usize = 6;
/// What is handed to a worker at once; a batch stays below what the allocator asks the system for anew each time.
const BATCH_SAMPLES: usize = 2048;
const BATCH_LABEL_BYTES: usize = 64 << 10;
/// Batches that wait for a worker at most.
const WAITING: usize = 8;

/// What was found in the log.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    pub(super) samples: u64,
    /// Samples whose series was lost to damage.
    pub(super) orphans: u64,
    /// Records that make no sense.
    pub(super) unreadable: u64,
}

struct Definition {
    /// Which sample of the batch it comes before.
    before: usize,
    id: u32,
    labels: Range<usize>,
}

struct Sample {
    id: u32,
    timestamp_ms: i64,
    start_ms: i64,
    value: RecordValue,
}

/// A stretch of one segment, as far as it concerns one worker's series.
#[derive(Default)]
struct Batch {
    segment: u64,
    labels: Vec<u8>,
    definitions: Vec<Definition>,
    samples: Vec<Sample>,
    /// Dropped with the batch: who waits for the other end knows that it has been dealt with.
    token: Option<Sender<()>>,
}

impl Batch {
    fn is_full(&self) -> bool {
        self.samples.len() >= BATCH_SAMPLES || self.labels.len() >= BATCH_LABEL_BYTES
    }

    fn is_empty(&self) -> bool {
        self.samples.is_empty() && self.definitions.is_empty()
    }
}

/// How many workers this machine can use.
pub(super) fn workers() -> usize {
    std::thread::available_parallelism().map_or(1, NonZero::get).min(MAX_WORKERS)
}

/// Puts the records that `read` decodes into the head; returns once they are all there.
pub(super) fn into<T, E>(
    head: &Head,
    workers: usize,
    oldest_ms: i64,
    metadata: impl Fn(String, Metadata),
    exemplar: impl Fn(&Labels, Exemplar),
    read: impl FnOnce(&mut Decoder<'_>) -> Result<T, E>,
) -> Result<(T, Tally), E> {
    std::thread::scope(|scope| {
        let indexer = head.index_later();
        scope.spawn(move || head.index_all(&indexer));
        let (mut senders, mut threads) = (Vec::new(), Vec::new());
        for _ in 0..workers {
            let (sender, batches) = sync_channel(WAITING);
            senders.push(sender);
            threads.push(scope.spawn(move || work(head, &batches, oldest_ms)));
        }
        let batches = std::iter::repeat_with(Batch::default).take(workers).collect();
        let (metadata, exemplar) = (&metadata, &exemplar);
        let mut decoder =
            Decoder { batches, senders, metadata, exemplar, segment: 0, tally: Tally::default() };
        let read = read(&mut decoder);
        decoder.send_all();
        let Decoder { senders, mut tally, .. } = decoder;
        drop(senders);
        for thread in threads {
            match thread.join() {
                Ok(done) => {
                    tally.samples += done.samples;
                    tally.orphans += done.orphans;
                }
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        head.index_at_once();
        Ok((read?, tally))
    })
}

/// Takes records apart and hands the pieces to the workers.
pub(super) struct Decoder<'a> {
    batches: Vec<Batch>,
    senders: Vec<SyncSender<Batch>>,
    metadata: &'a dyn Fn(String, Metadata),
    exemplar: &'a dyn Fn(&Labels, Exemplar),
    segment: u64,
    tally: Tally,
}

impl Decoder<'_> {
    pub(super) fn record(&mut self, segment: u64, record: &[u8]) {
        if segment != self.segment {
            self.settle();
            self.segment = segment;
        }
        if record::decode(record, self).is_none() {
            self.tally.unreadable += 1;
        }
    }

    /// The batch of the worker that a series belongs to.
    fn batch(&mut self, id: u32) -> Option<&mut Batch> {
        let worker = row(id) as usize % self.batches.len().max(1);
        if self.batches.get(worker).is_some_and(Batch::is_full) {
            self.send(worker);
        }
        self.batches.get_mut(worker)
    }

    fn send(&mut self, worker: usize) {
        let (Some(batch), Some(sender)) = (self.batches.get_mut(worker), self.senders.get(worker)) else {
            return;
        };
        if !batch.is_empty() {
            let mut batch = std::mem::take(batch);
            batch.segment = self.segment;
            // A worker ends early only when it panics, which is told when it is joined.
            let _ = sender.send(batch);
        }
    }

    fn send_all(&mut self) {
        for worker in 0..self.batches.len() {
            self.send(worker);
        }
    }

    /// Waits until the workers have dealt with everything so far: another segment, of another run perhaps, may give the
    /// series of one worker a number that belongs to another.
    fn settle(&mut self) {
        self.send_all();
        let (token, settled) = channel();
        for sender in &self.senders {
            let _ = sender.send(Batch { token: Some(token.clone()), ..Batch::default() });
        }
        drop(token);
        // Nothing is ever sent; it fails when the last token is gone.
        let _ = settled.recv();
    }
}

impl RecordSink for Decoder<'_> {
    fn define(&mut self, id: u32, labels: &[u8]) {
        let Some(batch) = self.batch(id) else { return };
        let from = batch.labels.len();
        batch.labels.extend_from_slice(labels);
        let labels = from..batch.labels.len();
        batch.definitions.push(Definition { before: batch.samples.len(), id, labels });
    }

    fn sample(&mut self, id: u32, timestamp_ms: i64, start_ms: i64, value: RecordValue) {
        if let Some(batch) = self.batch(id) {
            batch.samples.push(Sample { id, timestamp_ms, start_ms, value });
        }
    }

    fn metadata(&mut self, family: String, metadata: Metadata) {
        (self.metadata)(family, metadata);
    }

    fn exemplar(&mut self, series: &Labels, exemplar: Exemplar) {
        (self.exemplar)(series, exemplar);
    }
}

fn work(head: &Head, batches: &Receiver<Batch>, oldest_ms: i64) -> Tally {
    let mut tally = Tally::default();
    // What a number stands for in the segment.
    let (mut segment, mut numbers) = (0, Numbers::default());
    for batch in batches {
        if batch.segment != segment {
            numbers.clear();
            segment = batch.segment;
        }
        let mut definitions = batch.definitions.iter().peekable();
        for (at, sample) in batch.samples.iter().enumerate() {
            while let Some(definition) = definitions.next_if(|definition| definition.before <= at) {
                define(head, &batch, definition, &mut numbers);
            }
            let Some(series) = numbers.get(sample.id) else {
                tally.orphans += 1;
                continue;
            };
            if sample.timestamp_ms < oldest_ms {
                continue;
            }
            let value = match &sample.value {
                RecordValue::Float(value) => ValueRef::Float(*value),
                RecordValue::Histogram(histogram) => ValueRef::Histogram(histogram),
            };
            series.append(sample.timestamp_ms, sample.start_ms, value, &head.memory);
            tally.samples += 1;
        }
        for definition in definitions {
            define(head, &batch, definition, &mut numbers);
        }
        drop(batch.token);
    }
    tally
}

fn define(head: &Head, batch: &Batch, definition: &Definition, numbers: &mut Numbers) {
    let labels = batch.labels.get(definition.labels.clone()).unwrap_or_default();
    let parsed = || Labels::from_bytes(labels).ok_or(LabelProblem::Packing);
    numbers.set(definition.id, head.with_series(labels, parsed, |known| known.hold()).ok());
}
