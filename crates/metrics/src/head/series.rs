//! One series in memory.

use super::memory::Memory;
use crate::codec::chunk::{Chunk, ChunkWriter, Pieces};
use crate::locked;
use crate::read::gather::Gather;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use watchfire_model::ingest::ValueRef;
use watchfire_model::{Histogram, Samples, TimeRange, is_stale};

/// A chunk is closed at this many samples, so that reading the newest need not decode hours.
const CHUNK_SAMPLES: u16 = 480;

/// What the allocator keeps beside each block.
const BLOCK_BYTES: usize = 16;

/// A series that has samples in memory, or had some not long ago.
#[derive(Debug)]
pub(crate) struct HeadSeries {
    pub(crate) id: u32,
    /// The low bits of the newest log segment that knows the series. Segments are numbered from 1.
    introduced: AtomicU32,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// The newest floats.
    active: ChunkWriter,
    /// What few series have.
    extra: Option<Box<Extra>>,
    /// The number of the last flush that took samples away.
    drained: u32,
    /// What the head counts for the samples.
    counted_bytes: u32,
}

impl State {
    /// About the bytes that the samples take.
    fn bytes(&self) -> usize {
        self.active.bytes() + self.extra.as_ref().map_or(0, |extra| extra.bytes())
    }

    fn count(&mut self, bytes: usize, memory: &Memory) {
        let counted = u32::try_from(bytes).unwrap_or(u32::MAX);
        memory.change_samples(self.counted_bytes as usize, counted as usize);
        self.counted_bytes = counted;
    }

    /// Closes the chunk that grows.
    fn seal(&mut self, memory: &Memory, pool: &Mutex<Pieces>) {
        let sealed = self.active.seal(pool);
        self.extra.get_or_insert_default().sealed.extend(sealed);
        self.count(self.bytes(), memory);
    }

    /// Hands over the floats that came in time order, of all chunks that reach into the range, until `each` says to stop.
    fn read_floats(&self, range: TimeRange, pool: &Mutex<Pieces>, mut each: impl FnMut(i64, u64) -> bool) {
        for chunk in self.sealed() {
            if range.overlaps(TimeRange::new(chunk.first_ms, chunk.last_ms)) {
                chunk.read(&mut each);
            }
        }
        let active = &self.active;
        if active.count > 0 && range.overlaps(TimeRange::new(active.first_ms(), active.last_ms)) {
            active.read(pool, &mut each);
        }
    }

    fn sealed(&self) -> &[Chunk] {
        self.extra.as_ref().map_or(&[], |extra| &extra.sealed)
    }
}

#[derive(Debug, Default)]
struct Extra {
    /// Floats older than the active chunk's.
    sealed: Vec<Chunk>,
    /// Floats older than the newest sample at their arrival and without a start timestamp, in order of arrival.
    late: Vec<(i64, u64)>,
    /// The other late samples.
    odd: Vec<Odd>,
    /// Histograms that came in time order.
    histograms: Vec<(i64, Arc<Histogram>)>,
    /// The newest sample of the series, if that is a histogram.
    newest_histogram: Option<(i64, Arc<Histogram>)>,
    /// Spans of samples in time order with one start timestamp: first and last sample, start. The last one grows.
    starts: Vec<(i64, i64, i64)>,
    /// The last span must not grow.
    starts_closed: bool,
}

/// A late histogram, or a late float with a start timestamp.
#[derive(Debug)]
struct Odd {
    timestamp_ms: i64,
    start_ms: i64,
    value: OddValue,
    /// How many of `late` came before it: of two samples with one time the first to arrive stays.
    after: usize,
}

#[derive(Debug)]
enum OddValue {
    Float(f64),
    Histogram(Arc<Histogram>),
}

/// What became of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Appended {
    Kept,
    /// The same sample is there already.
    Duplicate,
    /// Another value for the same time is there already.
    Conflict,
}

/// How much of a series a flush has copied.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Copied {
    /// Of the active chunk, known by its first sample.
    active: u16,
    active_ms: i64,
    sealed: u32,
    late: u32,
    odd: u32,
    histograms: u32,
    starts: u32,
}

impl HeadSeries {
    pub(crate) fn new(id: u32) -> Self {
        let state = State { active: ChunkWriter::default(), extra: None, drained: 0, counted_bytes: 0 };
        Self { id, introduced: AtomicU32::new(0), state: Mutex::new(state) }
    }

    /// Whether this segment of the log knows the series, and it is the newest that does.
    pub(crate) fn is_introduced(&self, segment: u64) -> bool {
        self.introduced.load(Ordering::Acquire) == segment as u32
    }

    /// Notes that the series was introduced to this segment.
    pub(crate) fn introduce(&self, segment: u64) {
        self.introduced.store(segment as u32, Ordering::Release);
    }

    /// Adds a sample, and counts in `memory` what it takes.
    pub(crate) fn append(
        &self,
        timestamp_ms: i64,
        start_ms: i64,
        value: ValueRef<'_>,
        memory: &Memory,
    ) -> Appended {
        let pool = memory.pool(self.id);
        let mut state = locked(&self.state);
        let state = &mut *state;
        let newest_histogram = state.extra.as_ref().and_then(|extra| extra.newest_histogram.as_ref());
        let newest = newest_histogram.map_or(state.active.last_ms, |(newest_ms, _)| *newest_ms);
        if timestamp_ms == newest {
            let same = match (value, newest_histogram) {
                (ValueRef::Float(value), None) => value.to_bits() == state.active.last_bits,
                (ValueRef::Histogram(histogram), Some((_, kept))) => same_histogram(histogram, kept),
                _ => false,
            };
            return if same { Appended::Duplicate } else { Appended::Conflict };
        }
        let in_order = timestamp_ms > newest;
        let mut grown;
        match value {
            ValueRef::Float(value) if in_order => {
                if !state.active.reaches(timestamp_ms) {
                    state.seal(memory, pool);
                }
                grown = state.active.push(pool, timestamp_ms, value.to_bits());
                if state.active.count >= CHUNK_SAMPLES {
                    state.seal(memory, pool);
                    grown = 0;
                }
                if let Some(extra) = &mut state.extra {
                    extra.newest_histogram = None;
                }
            }
            ValueRef::Float(value) if start_ms == 0 => {
                state.extra.get_or_insert_default().late.push((timestamp_ms, value.to_bits()));
                grown = size_of::<(i64, u64)>();
            }
            ValueRef::Histogram(histogram) if in_order => {
                let extra = state.extra.get_or_insert_default();
                extra.histograms.push((timestamp_ms, Arc::clone(histogram)));
                grown = size_of::<(i64, Arc<Histogram>)>() + histogram_bytes(histogram);
                extra.newest_histogram = Some((timestamp_ms, Arc::clone(histogram)));
            }
            value => {
                let extra = state.extra.get_or_insert_default();
                let (value, held) = match value {
                    ValueRef::Float(value) => (OddValue::Float(value), 0),
                    ValueRef::Histogram(histogram) => {
                        (OddValue::Histogram(Arc::clone(histogram)), histogram_bytes(histogram))
                    }
                };
                extra.odd.push(Odd { timestamp_ms, start_ms, value, after: extra.late.len() });
                grown = size_of::<Odd>() + held;
            }
        }
        let has_starts = state.extra.as_ref().is_some_and(|extra| !extra.starts.is_empty());
        if in_order && (start_ms != 0 || has_starts) {
            state.extra.get_or_insert_default().note_start(timestamp_ms, start_ms);
        }
        if grown > 0 {
            state.count(state.counted_bytes as usize + grown, memory);
        }
        Appended::Kept
    }

    /// Hands over the samples in the gatherer's range. Returns the number of the last flush that took some away.
    pub(crate) fn read(&self, gather: &mut Gather<'_>, memory: &Memory) -> u32 {
        let state = locked(&self.state);
        let extra = state.extra.as_deref();
        let start_of = |at| extra.map_or(0, |extra| extra.start_of(at));
        let has_starts = extra.is_some_and(|extra| !extra.starts.is_empty());
        let pool = memory.pool(self.id);
        if has_starts || gather.hides() {
            let end_ms = gather.range.end_ms;
            state.read_floats(gather.range, pool, |at, bits| {
                if at > end_ms {
                    return false;
                }
                gather.float(at, f64::from_bits(bits), start_of(at));
                true
            });
        } else {
            gather.plain_floats(|range, times, values| {
                state.read_floats(range, pool, |at, bits| {
                    if at > range.end_ms {
                        return false;
                    }
                    if at >= range.start_ms {
                        times.push(at);
                        values.push(f64::from_bits(bits));
                    }
                    true
                });
            });
        }
        if let Some(extra) = extra {
            for (at, histogram) in &extra.histograms {
                gather.histogram(*at, Arc::clone(histogram), start_of(*at));
            }
            let mut odd = extra.odd.iter().peekable();
            for (index, (at, bits)) in extra.late.iter().enumerate() {
                while let Some(odd) = odd.next_if(|odd| odd.after <= index) {
                    odd.read(gather);
                }
                gather.float(*at, f64::from_bits(*bits), 0);
            }
            odd.for_each(|odd| odd.read(gather));
        }
        state.drained
    }

    /// Whether any sample lies in the range; whole chunks are counted as in it.
    pub(crate) fn overlaps(&self, range: TimeRange) -> bool {
        let state = locked(&self.state);
        let active = &state.active;
        (active.count > 0 && range.overlaps(TimeRange::new(active.first_ms(), active.last_ms)))
            || state
                .sealed()
                .iter()
                .any(|chunk| range.overlaps(TimeRange::new(chunk.first_ms, chunk.last_ms)))
            || state.extra.as_ref().is_some_and(|extra| {
                extra.late.iter().any(|(at, _)| range.contains(*at))
                    || extra.odd.iter().any(|odd| range.contains(odd.timestamp_ms))
                    || extra.histograms.iter().any(|(at, _)| range.contains(*at))
            })
    }

    /// From the oldest to the newest sample in memory; `None` without samples.
    pub(crate) fn range(&self) -> Option<TimeRange> {
        let state = locked(&self.state);
        let active = Some((state.active.first_ms(), state.active.last_ms)).filter(|_| state.active.count > 0);
        let sealed = state.sealed().iter().map(|chunk| (chunk.first_ms, chunk.last_ms));
        let extra = state.extra.iter().flat_map(|extra| {
            let histograms = extra.histograms.iter().map(|(at, _)| (*at, *at));
            let odd = extra.odd.iter().map(|odd| (odd.timestamp_ms, odd.timestamp_ms));
            extra.late.iter().map(|(at, _)| (*at, *at)).chain(odd).chain(histograms)
        });
        let all = sealed.chain(active).chain(extra);
        all.reduce(|left, right| (left.0.min(right.0), left.1.max(right.1)))
            .map(|(start_ms, end_ms)| TimeRange::new(start_ms, end_ms))
    }

    /// Whether no sample is in memory, and the newest was before `ended_ms` or said that the series ended.
    pub(crate) fn has_ended(&self, ended_ms: i64) -> bool {
        let state = locked(&self.state);
        let newest_histogram = state.extra.as_ref().and_then(|extra| extra.newest_histogram.as_ref());
        let (newest_ms, newest) = match newest_histogram {
            Some((newest_ms, histogram)) => (*newest_ms, histogram.sum),
            None => (state.active.last_ms, f64::from_bits(state.active.last_bits)),
        };
        let ended = is_stale(newest) || newest_ms < ended_ms;
        drop(state);
        ended && self.is_empty()
    }

    /// Whether no sample is in memory.
    pub(crate) fn is_empty(&self) -> bool {
        let state = locked(&self.state);
        state.active.count == 0
            && state.sealed().is_empty()
            && state.extra.as_ref().is_none_or(|extra| {
                extra.late.is_empty() && extra.odd.is_empty() && extra.histograms.is_empty()
            })
    }

    /// Chunks in memory.
    pub(crate) fn chunks(&self) -> usize {
        let state = locked(&self.state);
        state.sealed().len() + usize::from(state.active.count > 0)
    }

    /// Samples in memory that came after a newer one.
    #[cfg(test)]
    pub(crate) fn late(&self) -> usize {
        locked(&self.state).extra.as_ref().map_or(0, |extra| extra.late.len())
    }

    /// Copies all samples into `out` for a flush, and says how much that was, and how many late samples were left out
    /// because another value came first.
    pub(crate) fn copy(&self, out: &mut Samples, memory: &Memory) -> (Copied, u64) {
        let copied = {
            let mut state = locked(&self.state);
            let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
            let mut copied = Copied {
                active: state.active.count,
                active_ms: state.active.first_ms(),
                ..Copied::default()
            };
            if let Some(extra) = &mut state.extra {
                extra.starts_closed = true;
                copied.sealed = count(extra.sealed.len());
                copied.late = count(extra.late.len());
                copied.odd = count(extra.odd.len());
                copied.histograms = count(extra.histograms.len());
                copied.starts = count(extra.starts.len());
            }
            copied
        };
        // What arrives between the two locks is copied too and stays in memory: it is deduplicated later.
        let mut gather = Gather::new(TimeRange::ALL, out);
        self.read(&mut gather, memory);
        let conflicts = gather.finish();
        (copied, conflicts)
    }

    /// Forgets what flush number `flush` has copied and made durable.
    pub(crate) fn drain(&self, copied: Copied, flush: u32, memory: &Memory) {
        let mut state = locked(&self.state);
        let state = &mut *state;
        state.drained = flush;
        // If it is another by now, it was sealed: what was copied of it stays, and is deduplicated later.
        if state.active.first_ms() == copied.active_ms {
            state.active.forget(memory.pool(self.id), copied.active);
        }
        if let Some(extra) = &mut state.extra {
            take_front(&mut extra.sealed, copied.sealed);
            take_front(&mut extra.late, copied.late);
            take_front(&mut extra.odd, copied.odd);
            for odd in &mut extra.odd {
                odd.after = odd.after.saturating_sub(copied.late as usize);
            }
            take_front(&mut extra.histograms, copied.histograms);
            take_front(&mut extra.starts, copied.starts);
            if extra.is_empty() {
                state.extra = None;
            }
        }
        state.count(state.bytes(), memory);
    }
}

fn take_front<T>(list: &mut Vec<T>, count: u32) {
    list.drain(..list.len().min(count as usize));
    list.shrink_to_fit();
}

impl Extra {
    /// Whether it may be forgotten.
    fn is_empty(&self) -> bool {
        self.newest_histogram.is_none()
            && self.sealed.is_empty()
            && self.late.is_empty()
            && self.odd.is_empty()
            && self.histograms.is_empty()
            && self.starts.is_empty()
    }

    fn bytes(&self) -> usize {
        let sealed: usize =
            self.sealed.iter().map(|chunk| size_of::<Chunk>() + BLOCK_BYTES + chunk.bytes()).sum();
        let histograms: usize = self.histograms.iter().map(|(_, histogram)| histogram_bytes(histogram)).sum();
        size_of::<Self>()
            + sealed
            + self.late.capacity() * size_of::<(i64, u64)>()
            + self.odd.capacity() * size_of::<Odd>()
            + self.odd.iter().map(Odd::held_bytes).sum::<usize>()
            + self.histograms.capacity() * size_of::<(i64, Arc<Histogram>)>()
            + histograms
            + self.starts.capacity() * size_of::<(i64, i64, i64)>()
    }

    fn note_start(&mut self, timestamp_ms: i64, start_ms: i64) {
        if !self.starts_closed
            && let Some((_, last, start)) = self.starts.last_mut()
            && *start == start_ms
        {
            *last = timestamp_ms;
            return;
        }
        self.starts_closed = false;
        self.starts.push((timestamp_ms, timestamp_ms, start_ms));
    }

    /// The start timestamp of a sample that came in time order.
    fn start_of(&self, timestamp_ms: i64) -> i64 {
        let index = self.starts.partition_point(|span| span.1 < timestamp_ms);
        self.starts.get(index).filter(|span| span.0 <= timestamp_ms).map_or(0, |span| span.2)
    }
}

impl Odd {
    fn read(&self, gather: &mut Gather<'_>) {
        match &self.value {
            OddValue::Float(value) => gather.float(self.timestamp_ms, *value, self.start_ms),
            OddValue::Histogram(histogram) => {
                gather.histogram(self.timestamp_ms, Arc::clone(histogram), self.start_ms);
            }
        }
    }

    fn held_bytes(&self) -> usize {
        match &self.value {
            OddValue::Float(_) => 0,
            OddValue::Histogram(histogram) => histogram_bytes(histogram),
        }
    }
}

fn histogram_bytes(histogram: &Histogram) -> usize {
    let spans = histogram.positive_spans.len() + histogram.negative_spans.len();
    let numbers =
        histogram.positive_buckets.len() + histogram.negative_buckets.len() + histogram.custom_values.len();
    size_of::<Histogram>() + BLOCK_BYTES + 8 * (spans + numbers)
}

/// Whether all bits are equal, so that a stale histogram equals itself.
fn same_histogram(left: &Arc<Histogram>, right: &Arc<Histogram>) -> bool {
    if Arc::ptr_eq(left, right) {
        return true;
    }
    let (mut left_bytes, mut right_bytes) = (Vec::new(), Vec::new());
    left.encode(&mut left_bytes);
    right.encode(&mut right_bytes);
    left_bytes == right_bytes
}

#[cfg(test)]
mod tests;
