//! Samples from memory into parts.

use crate::head::series::HeadSeries;
use crate::part::PartWriter;
use crate::parts::DAY_MS;
use crate::store::{CompactError, Core};
use crate::writing;
use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::Ordering;
use watchfire_model::Samples;

/// Writers wait while series are forgotten, so only so many are at once: about two milliseconds' worth.
pub(super) const FORGET_AT_ONCE: usize = 4096;
/// New series wait while so many are told that their samples are in parts: some hundred microseconds.
const DRAINED_AT_ONCE: usize = 512;
/// A series without samples for so long has ended, as far as an early flush is concerned: twice as long as a query
/// looks back by default, which is what nobody's scrape interval exceeds.
const ENDED_AFTER_MS: i64 = 600_000;

impl Core {
    /// Makes parts of the samples in memory and then frees that memory and the log that held them.
    pub(crate) fn flush(&self) -> Result<(), CompactError> {
        self.flush_forgetting(i64::MAX)
    }

    /// As [`Core::flush`], not long after the last one. A series that is only between two samples is not forgotten: while
    /// memory is short it would not be made again.
    pub(crate) fn flush_early(&self) -> Result<(), CompactError> {
        self.flush_forgetting(self.clock.now_ms().saturating_sub(ENDED_AFTER_MS))
    }

    fn flush_forgetting(&self, ended_ms: i64) -> Result<(), CompactError> {
        self.ceiling.flushing(true, self.head.len() as u64);
        let flushed = self.forget_and_flush(ended_ms);
        self.ceiling.flushing(false, self.head.len() as u64);
        if flushed.is_err() {
            // What is not removed now is tried again, at the latest before a deletion is acknowledged.
            let _ = self.remove_strays();
        }
        flushed
    }

    /// Forgets the series without samples in memory whose newest was before `ended_ms`, and flushes the others.
    fn forget_and_flush(&self, ended_ms: i64) -> Result<(), CompactError> {
        if let Some(pending) = self.recovery.pending() {
            // It would drop the segments that are still to be read.
            return Err(self.fails(io::Error::new(io::ErrorKind::ResourceBusy, pending)));
        }
        for empty in self.head.ended_series(ended_ms).chunks(FORGET_AT_ONCE) {
            let _alone = writing(&self.gate);
            self.head.forget(empty);
        }
        let closed_day = self.last_closed_day();
        let segment = {
            let _alone = writing(&self.gate);
            self.head.release_numbers();
            // Every batch logged before this segment is in memory, and no number of a forgotten series is in it.
            self.log.roll()
        };
        let series = self.head.sorted();
        let mut writers: BTreeMap<i64, (u64, PartWriter)> = BTreeMap::new();
        let mut samples = Samples::default();
        let (mut copied, mut conflicts) = (Vec::with_capacity(series.len()), 0);
        for id in series {
            let copy = |series: &HeadSeries| series.copy(&mut samples, &self.head.memory);
            let Some((labels, (part_of_it, contradicted))) = self.head.with_labels(id, copy) else {
                continue;
            };
            conflicts += contradicted;
            copied.push((id, part_of_it));
            if samples.is_empty() {
                continue;
            }
            let times = &samples.timestamps_ms;
            let mut from = 0;
            while let Some(first) = times.get(from) {
                let day = first.div_euclid(DAY_MS);
                let to = times.partition_point(|at| at.div_euclid(DAY_MS) <= day);
                let (_, writer) = match writers.entry(day) {
                    std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
                    std::collections::btree_map::Entry::Vacant(entry) => {
                        let seq = self.parts.next_seq();
                        entry.insert((seq, self.start_part(day, seq)?))
                    }
                };
                writer.add(&labels, &samples, from..to).map_err(|error| self.fails(error))?;
                from = to;
            }
        }
        let mut parts = Vec::new();
        for (day, (seq, writer)) in writers {
            parts.extend(self.finish_part(day, seq, writer)?);
        }
        self.write_metadata().map_err(|error| self.fails(error))?;
        self.write_exemplars().map_err(|error| self.fails(error))?;
        self.parts.replace(parts, &[]);
        self.counters.conflicts(conflicts);
        let flush = self.flushes.fetch_add(1, Ordering::SeqCst) + 1;
        for copied in copied.chunks(DRAINED_AT_ONCE) {
            let registry = self.head.registry();
            for (id, copied) in copied {
                let Some(known) = registry.get(*id) else { continue };
                known.drain(*copied, flush, &self.head.memory);
            }
        }
        self.tiers.flushed_day.store(closed_day, Ordering::Relaxed);
        self.log.drop_before(segment).map_err(|error| self.fails(io::Error::other(error.to_string())))?;
        Ok(())
    }
}
