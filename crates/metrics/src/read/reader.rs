//! Reading the samples of series whose places are known.

use super::selection::{Cursor, Place};
use crate::head::rows::SeriesHandle;
use crate::head::series::HeadSeries;
use crate::locked;
use crate::masks::{Masks, SeriesMask};
use crate::part::{Part, Scratch};
use crate::read::gather::Gather;
use crate::store::{Core, ReadError};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use watchfire_model::{Labels, Matcher, Samples, TimeRange};

/// What is needed to read samples, and what was noticed meanwhile. What is damaged is noted with the store when it goes.
pub(super) struct Reader {
    pub(super) core: Option<Arc<Core>>,
    pub(super) range: TimeRange,
    pub(super) parts: Arc<[Arc<Part>]>,
    /// Flushes before the selection was made.
    pub(super) flushes: u32,
    /// What is not to be seen; `None` when all is.
    pub(super) masks: Option<Arc<Masks>>,
    pub(super) scratch: Scratch,
    pub(super) warnings: Vec<String>,
    /// So many of the warnings are counted already.
    pub(super) counted: usize,
    /// The parts that are damaged, and one place each.
    pub(super) blamed: Vec<(u64, String)>,
    pub(super) conflicts: u64,
}

impl Reader {
    pub(super) fn new(range: TimeRange, parts: Arc<[Arc<Part>]>, scratch: Scratch) -> Self {
        Self {
            core: None,
            range,
            parts,
            flushes: 0,
            masks: None,
            scratch,
            warnings: Vec::new(),
            counted: 0,
            blamed: Vec::new(),
            conflicts: 0,
        }
    }

    /// Another one that reads the same, with memory of its own.
    fn fork(&self, mut scratch: Scratch) -> Self {
        scratch.keep = self.scratch.keep;
        let mut fork = Self::new(self.range, Arc::clone(&self.parts), scratch);
        (fork.core, fork.flushes, fork.masks) = (self.core.clone(), self.flushes, self.masks.clone());
        fork
    }

    /// Replaces what is in `samples` by those of the series in the range.
    pub(super) fn read(
        &mut self,
        labels: &Labels,
        places: &[Place],
        head: Option<&HeadSeries>,
        samples: &mut Samples,
    ) {
        let masks = self.masks.clone();
        let mask = masks.as_ref().map(|masks| masks.of(labels));
        self.scratch.recycle(samples);
        let mut gather = Gather::new(self.range, samples);
        if let Some(mask) = &mask {
            gather.range.start_ms = gather.range.start_ms.max(mask.oldest_ms);
        }
        let order = time_order(places);
        for place in 0..places.len() {
            let place = order.get(place).copied().unwrap_or(place);
            let Some((index, series)) = places.get(place) else { continue };
            let Some(part) = self.parts.get(*index) else { continue };
            if let Some(mask) = &mask {
                gather.hide(mask.deleted_in(part.seq));
            }
            let known = self.warnings.len();
            part.read(series, &mut self.scratch, &mut gather, &mut self.warnings);
            blame(&mut self.blamed, part.seq, self.warnings.get(known..));
        }
        gather.hide(Vec::new());
        if let Some(series) = head
            && let Some(core) = &self.core
            && series.read(&mut gather, &core.head.memory) > self.flushes
        {
            self.read_moved(labels, mask.as_ref(), &mut gather);
        }
        self.conflicts += gather.finish();
    }

    /// Reads a series from the parts that have appeared since this selection was made.
    fn read_moved(&mut self, labels: &Labels, mask: Option<&SeriesMask<'_>>, gather: &mut Gather<'_>) {
        let Some(core) = &self.core else { return };
        if core.flushes.load(Ordering::SeqCst) == self.flushes {
            return;
        }
        let matchers: Vec<Matcher> = labels.iter().map(|(name, value)| Matcher::equal(name, value)).collect();
        let range = self.range;
        for part in core.parts.list().iter() {
            let known = self.parts.iter().any(|known| known.seq == part.seq);
            if known || !part.range().overlaps(range) {
                continue;
            }
            gather.hide(mask.map_or_else(Vec::new, |mask| mask.deleted_in(part.seq)));
            let mut cursor =
                Cursor::new(part, &matchers, range, Some(&part.asked(&matchers)), &mut self.warnings);
            while let Some(series) = cursor.next.take() {
                if series.labels() == labels {
                    part.read(&series, &mut self.scratch, gather, &mut self.warnings);
                }
                cursor.advance(range, &mut self.warnings);
            }
        }
    }
}

/// In which order places are read: that of time, where none overlaps another, so that nothing need be sorted behind.
/// Empty for the order that they have: of two values for one time that of the older part must come first.
fn time_order(places: &[Place]) -> Vec<usize> {
    let span = |(_, series): &Place| {
        series.ranges().reduce(|left, right| {
            TimeRange::new(left.start_ms.min(right.start_ms), left.end_ms.max(right.end_ms))
        })
    };
    let follows = |(before, after): (Option<TimeRange>, Option<TimeRange>)| match (before, after) {
        (Some(before), Some(after)) => before.end_ms < after.start_ms,
        _ => true,
    };
    if places.iter().zip(places.iter().skip(1)).all(|(before, after)| follows((span(before), span(after)))) {
        return Vec::new();
    }
    let mut order: Vec<(Option<TimeRange>, usize)> = places.iter().map(span).zip(0..).collect();
    order.sort_by_key(|(span, _)| span.map(|span| span.start_ms));
    let apart = order.iter().zip(order.iter().skip(1)).all(|(before, after)| follows((before.0, after.0)));
    if apart { order.into_iter().map(|(_, place)| place).collect() } else { Vec::new() }
}

/// Notes that a part is damaged if there are new warnings of it.
pub(super) fn blame(blamed: &mut Vec<(u64, String)>, seq: u64, new: Option<&[String]>) {
    if let Some(place) = new.and_then(<[String]>::first)
        && blamed.iter().all(|(known, _)| *known != seq)
    {
        blamed.push((seq, place.clone()));
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if let Some(core) = &self.core {
            for (seq, place) in &self.blamed {
                core.parts.note_damage(*seq, place);
            }
            core.counters.damaged(self.warnings.get(self.counted..).unwrap_or_default());
        }
    }
}

/// Some series of a [`Selection`](super::selection::Selection), in label order, whose samples are not read yet: they can
/// be read on another thread while the selection goes on.
pub struct Batch {
    found: std::vec::IntoIter<Found>,
    places: Vec<Place>,
    /// How many of the places are passed.
    passed: usize,
    reader: Reader,
    scratches: Arc<Mutex<Vec<Scratch>>>,
}

/// A series, and how many of the places are its own.
pub(super) struct Found {
    pub(super) labels: Labels,
    pub(super) head: Option<SeriesHandle>,
    pub(super) places: usize,
}

impl std::fmt::Debug for Batch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Batch").field("series", &self.found.len()).finish_non_exhaustive()
    }
}

impl Batch {
    pub(super) fn new(
        found: Vec<Found>,
        places: Vec<Place>,
        of: &Reader,
        scratches: &Arc<Mutex<Vec<Scratch>>>,
    ) -> Self {
        let scratch = locked(scratches).pop().unwrap_or_default();
        let (found, scratches) = (found.into_iter(), Arc::clone(scratches));
        Self { found, places, passed: 0, reader: of.fork(scratch), scratches }
    }

    /// As [`Selection::next`](super::selection::Selection::next).
    pub fn next(&mut self, samples: &mut Samples) -> Result<Option<Labels>, ReadError> {
        for Found { labels, head, places } in self.found.by_ref() {
            let end = self.passed + places;
            let own = self.places.get(self.passed..end).unwrap_or_default();
            self.passed = end;
            self.reader.read(&labels, own, head.as_deref(), samples);
            if !samples.is_empty() {
                return Ok(Some(labels));
            }
        }
        self.reader.scratch.recycle(samples);
        samples.clear();
        Ok(None)
    }

    /// What was left out because it is damaged, with its place. Complete at the end.
    pub fn warnings(&self) -> &[String] {
        &self.reader.warnings
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        locked(&self.scratches).push(std::mem::take(&mut self.reader.scratch));
    }
}
