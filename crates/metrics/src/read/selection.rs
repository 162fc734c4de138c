//! Series handed out one after the other, merged from memory and parts.

use crate::head::series::HeadSeries;
use crate::masks::{Masks, SeriesMask};
use crate::part::{Part, PartSeries, Scratch, SeriesPage};
use crate::read::gather::Gather;
use crate::store::{Core, ReadError};
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use watchfire_model::{Labels, Matcher, Samples, TimeRange};

/// The series that satisfy a query, in label order, each once; read lazily. It answers from the moment it was made,
/// whatever is flushed, merged or dropped meanwhile; samples that arrive later may be in it. While it lives, the store
/// and its directory lock live too.
pub struct Selection {
    core: Option<Arc<Core>>,
    range: TimeRange,
    head: VecDeque<Arc<HeadSeries>>,
    parts: Vec<Cursor>,
    /// Flushes before this selection was made.
    flushes: u32,
    /// What is not to be seen; `None` when all is.
    masks: Option<Arc<Masks>>,
    scratch: Scratch,
    warnings: Vec<String>,
    counted: usize,
    /// The parts that are damaged, and one place each.
    blamed: Vec<(u64, String)>,
    conflicts: u64,
}

/// The selected series of a part, page by page.
struct Cursor {
    part: Arc<Part>,
    /// What a series must satisfy, where the index is damaged and cannot be believed; else empty.
    doubts: Vec<Matcher>,
    ranks: std::iter::Peekable<roaring::bitmap::IntoIter>,
    /// The page that was read last.
    page: Option<Arc<SeriesPage>>,
    next: Option<PartSeries>,
    /// Whether its pages stay in the cache.
    caching: bool,
}

impl fmt::Debug for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Selection").field("range", &self.range).finish_non_exhaustive()
    }
}

impl Cursor {
    fn new(
        part: &Arc<Part>,
        matchers: &[Matcher],
        range: TimeRange,
        caching: bool,
        damage: &mut Vec<String>,
    ) -> Self {
        let known = damage.len();
        let ranks = part.select(matchers, damage).into_iter().peekable();
        let doubts = if damage.len() > known { matchers.to_vec() } else { Vec::new() };
        let part = Arc::clone(part);
        let mut cursor = Self { part, doubts, ranks, page: None, next: None, caching };
        cursor.advance(range, damage);
        cursor
    }

    fn advance(&mut self, range: TimeRange, damage: &mut Vec<String>) {
        self.next = None;
        while let Some(rank) = self.ranks.peek().copied() {
            let found = self.page.as_ref().and_then(|page| PartSeries::on(page, rank));
            let Some(found) = found else {
                match self.part.series_page(rank, self.caching) {
                    Ok(page) if PartSeries::on(&page, rank).is_some() => self.page = Some(page),
                    Ok(_) => {
                        damage.push(format!("{}: a series is missing", self.part.path().display()));
                        self.ranks.next();
                    }
                    Err((error, end)) => {
                        damage.push(error.to_string());
                        while self.ranks.next_if(|rank| *rank < end).is_some() {}
                    }
                }
                continue;
            };
            self.ranks.next();
            let meant = |series: &PartSeries| {
                let value = |matcher: &Matcher| series.labels().get(&matcher.name).unwrap_or_default();
                self.doubts.iter().all(|matcher| matcher.matches(value(matcher)))
            };
            self.next = Some(found).filter(|series| series.overlaps(range) && meant(series));
            if self.next.is_some() {
                return;
            }
        }
    }
}

impl Selection {
    pub(crate) fn new(core: &Arc<Core>, matchers: &[Matcher], range: TimeRange) -> Self {
        // In this order: what a flush moves meanwhile is then seen twice rather than not at all.
        let flushes = core.flushes.load(Ordering::SeqCst);
        let head = core.head.select(matchers).into();
        let mut selection = Self::over(&core.parts.list(), matchers, range, true);
        // What is known already, and counted, comes first.
        let pending = core.recovery.pending().map(|pending| format!("{pending}; samples are missing"));
        let known: Vec<String> =
            core.parts.unreadable.iter().cloned().chain(core.recovery.lost()).chain(pending).collect();
        selection.counted = known.len();
        selection.warnings.splice(0..0, known);
        (selection.core, selection.head, selection.flushes) = (Some(Arc::clone(core)), head, flushes);
        selection.masked(core.masks(range))
    }

    /// What parts alone hold, read once and not kept in the cache.
    pub(crate) fn from_parts(parts: &[Arc<Part>], matchers: &[Matcher], range: TimeRange) -> Self {
        Self::over(parts, matchers, range, false)
    }

    /// What parts alone hold, for questions that may be asked again: pages are kept in the cache.
    pub(crate) fn from_parts_cached(parts: &[Arc<Part>], matchers: &[Matcher], range: TimeRange) -> Self {
        Self::over(parts, matchers, range, true)
    }

    fn over(parts: &[Arc<Part>], matchers: &[Matcher], range: TimeRange, caching: bool) -> Self {
        let (mut warnings, mut blamed) = (Vec::new(), Vec::new());
        let parts = parts
            .iter()
            .filter(|part| part.range().overlaps(range))
            .map(|part| {
                let known = warnings.len();
                let cursor = Cursor::new(part, matchers, range, caching, &mut warnings);
                blame(&mut blamed, part.seq, warnings.get(known..));
                cursor
            })
            .collect();
        let (head, scratch) = (VecDeque::new(), Scratch::default());
        Self {
            core: None,
            range,
            head,
            parts,
            flushes: 0,
            masks: None,
            scratch,
            warnings,
            counted: 0,
            blamed,
            conflicts: 0,
        }
    }

    /// The same without what is hidden.
    pub(crate) fn masked(mut self, masks: Option<Arc<Masks>>) -> Self {
        self.masks = masks;
        self
    }

    fn smallest(&self) -> Option<Labels> {
        let mut smallest = self.head.front().map(|series| &series.labels);
        for cursor in &self.parts {
            if let Some(series) = &cursor.next
                && smallest.is_none_or(|smallest| series.labels() < smallest)
            {
                smallest = Some(series.labels());
            }
        }
        smallest.cloned()
    }

    /// Moves to the next series that has samples in the range: replaces what is in `samples`, whose memory is used
    /// again, and returns the labels; `None` at the end.
    pub fn next(&mut self, samples: &mut Samples) -> Result<Option<Labels>, ReadError> {
        while let Some(labels) = self.smallest() {
            let masks = self.masks.clone();
            let mask = masks.as_ref().map(|masks| masks.of(&labels));
            let mut gather = Gather::new(self.range, samples);
            if let Some(mask) = &mask {
                gather.range.start_ms = gather.range.start_ms.max(mask.oldest_ms);
            }
            for cursor in &mut self.parts {
                if let Some(series) = cursor.next.take_if(|series| *series.labels() == labels) {
                    let known = self.warnings.len();
                    if let Some(mask) = &mask {
                        gather.hide(mask.deleted_in(cursor.part.seq));
                    }
                    cursor.part.read(&series, &mut self.scratch, &mut gather, &mut self.warnings);
                    cursor.advance(self.range, &mut self.warnings);
                    blame(&mut self.blamed, cursor.part.seq, self.warnings.get(known..));
                }
            }
            gather.hide(Vec::new());
            if let Some(series) = self.take_head(&labels)
                && series.read(&mut gather) > self.flushes
            {
                self.read_moved(&labels, mask.as_ref(), &mut gather);
            }
            self.conflicts += gather.finish();
            if !samples.is_empty() {
                return Ok(Some(labels));
            }
        }
        samples.clear();
        Ok(None)
    }

    /// The next series without its samples; one with none in the range may be among them.
    pub(crate) fn next_labels(&mut self) -> Option<Labels> {
        loop {
            let labels = self.smallest()?;
            let masks = self.masks.clone();
            let mask = masks.as_ref().map(|masks| masks.of(&labels));
            let mut range = self.range;
            if let Some(mask) = &mask {
                range.start_ms = range.start_ms.max(mask.oldest_ms);
            }
            let mut found = false;
            for cursor in &mut self.parts {
                if let Some(series) = cursor.next.take_if(|series| *series.labels() == labels) {
                    let seq = cursor.part.seq;
                    found |= mask.as_ref().is_none_or(|mask| mask.shows_any(seq, range, series.ranges()));
                    cursor.advance(self.range, &mut self.warnings);
                }
            }
            if let Some(series) = self.take_head(&labels) {
                found |= range.start_ms <= range.end_ms && series.overlaps(range);
            }
            if found {
                return Some(labels);
            }
        }
    }

    fn take_head(&mut self, labels: &Labels) -> Option<Arc<HeadSeries>> {
        let is_next = self.head.front().is_some_and(|series| series.labels == *labels);
        if is_next { self.head.pop_front() } else { None }
    }

    /// Reads a series from the parts that have appeared since this selection was made.
    fn read_moved(&mut self, labels: &Labels, mask: Option<&SeriesMask<'_>>, gather: &mut Gather<'_>) {
        let Some(core) = &self.core else { return };
        if core.flushes.load(Ordering::SeqCst) == self.flushes {
            return;
        }
        let matchers: Vec<Matcher> = labels.iter().map(|(name, value)| Matcher::equal(name, value)).collect();
        for part in core.parts.list().iter() {
            let known = self.parts.iter().any(|cursor| cursor.part.seq == part.seq);
            if known || !part.range().overlaps(self.range) {
                continue;
            }
            gather.hide(mask.map_or_else(Vec::new, |mask| mask.deleted_in(part.seq)));
            let mut cursor = Cursor::new(part, &matchers, self.range, true, &mut self.warnings);
            while let Some(series) = cursor.next.take() {
                if series.labels() == labels {
                    part.read(&series, &mut self.scratch, gather, &mut self.warnings);
                }
                cursor.advance(self.range, &mut self.warnings);
            }
        }
    }

    /// What was left out because it is damaged, with its place. Complete at the end.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The parts found damaged so far, by number, and one place each.
    pub(crate) fn blamed(&self) -> &[(u64, String)] {
        &self.blamed
    }

    /// Samples left out so far because an older one with the same time has another value.
    pub(crate) fn conflicts(&self) -> u64 {
        self.conflicts
    }
}

/// Notes that a part is damaged if there are new warnings of it.
fn blame(blamed: &mut Vec<(u64, String)>, seq: u64, new: Option<&[String]>) {
    if let Some(place) = new.and_then(<[String]>::first)
        && blamed.iter().all(|(known, _)| *known != seq)
    {
        blamed.push((seq, place.clone()));
    }
}

impl Drop for Selection {
    fn drop(&mut self) {
        if let Some(core) = &self.core {
            for (seq, place) in &self.blamed {
                core.parts.note_damage(*seq, place);
            }
            core.counters.damaged(self.warnings.get(self.counted..).unwrap_or_default());
        }
    }
}
