//! Series handed out one after the other, merged from memory and parts.

use super::reader::{Batch, Found, Reader, blame};
use crate::head::rows::SeriesHandle;
use crate::masks::Masks;
use crate::part::{Keep, Part, PartSeries, Scratch, SeriesPage};
use crate::store::{Core, ReadError};
use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use watchfire_model::{Labels, Matcher, Samples, TimeRange};

/// The series that satisfy a query, in label order, each once; read lazily. It answers from the moment it was made,
/// whatever is flushed, merged or dropped meanwhile; samples that arrive later may be in it. While it lives, the store
/// and its directory lock live too.
pub struct Selection {
    head: VecDeque<(Labels, SeriesHandle)>,
    cursors: Vec<Cursor>,
    /// Where the series met last lies, see [`Selection::meet`].
    places: Vec<Place>,
    reader: Reader,
    /// Memory of readers that are done, for those to come.
    scratches: Arc<Mutex<Vec<Scratch>>>,
}

/// The values of so many series of a part, or fewer, are kept in the cache: what dashboards ask again and again.
const FEW_SERIES: usize = 64;

/// A part, by its place among those of the selection, and a series in it.
pub(super) type Place = (usize, PartSeries);

/// The selected series of a part, page by page.
pub(super) struct Cursor {
    part: Arc<Part>,
    /// What a series must satisfy, where the index is damaged and cannot be believed; else empty.
    doubts: Vec<Matcher>,
    ranks: std::iter::Peekable<roaring::bitmap::IntoIter>,
    /// The page that was read last.
    page: Option<Arc<SeriesPage>>,
    pub(super) next: Option<PartSeries>,
    /// Whether its pages stay in the cache.
    caching: bool,
}

impl fmt::Debug for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Selection").field("range", &self.reader.range).finish_non_exhaustive()
    }
}

impl Cursor {
    pub(super) fn new(
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

    /// No more series than this are to come.
    fn left(&self) -> usize {
        self.ranks.size_hint().1.unwrap_or(usize::MAX - 1) + usize::from(self.next.is_some())
    }

    pub(super) fn advance(&mut self, range: TimeRange, damage: &mut Vec<String>) {
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
        let reader = &mut selection.reader;
        reader.counted = known.len();
        reader.warnings.splice(0..0, known);
        (reader.core, reader.flushes, selection.head) = (Some(Arc::clone(core)), flushes, head);
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
        let parts: Arc<[Arc<Part>]> =
            parts.iter().filter(|part| part.range().overlaps(range)).cloned().collect();
        let cursors: Vec<Cursor> = parts
            .iter()
            .map(|part| {
                let known = warnings.len();
                let cursor = Cursor::new(part, matchers, range, caching, &mut warnings);
                blame(&mut blamed, part.seq, warnings.get(known..));
                cursor
            })
            .collect();
        let most = cursors.iter().map(Cursor::left).max().unwrap_or(0);
        let keep = match caching {
            false => Keep::Nothing,
            true if most > FEW_SERIES => Keep::Times,
            true => Keep::All,
        };
        let mut reader = Reader::new(range, parts, Scratch::default());
        reader.scratch.keep = keep;
        (reader.warnings, reader.blamed) = (warnings, blamed);
        Self { head: VecDeque::new(), cursors, places: Vec::new(), reader, scratches: Arc::default() }
    }

    /// The same without what is hidden.
    pub(crate) fn masked(mut self, masks: Option<Arc<Masks>>) -> Self {
        self.reader.masks = masks;
        self
    }

    fn smallest(&self) -> Option<Labels> {
        let mut smallest = self.head.front().map(|(labels, _)| labels);
        for cursor in &self.cursors {
            if let Some(series) = &cursor.next
                && smallest.is_none_or(|smallest| series.labels() < smallest)
            {
                smallest = Some(series.labels());
            }
        }
        smallest.cloned()
    }

    /// Moves to the next series: its labels, and what of it is in memory. Where it lies in parts is added to
    /// [`Selection::places`].
    fn meet(&mut self) -> Option<(Labels, Option<SeriesHandle>)> {
        let labels = self.smallest()?;
        let Reader { warnings, blamed, range, .. } = &mut self.reader;
        for (index, cursor) in self.cursors.iter_mut().enumerate() {
            if let Some(series) = cursor.next.take_if(|series| *series.labels() == labels) {
                self.places.push((index, series));
                let known = warnings.len();
                cursor.advance(*range, warnings);
                blame(blamed, cursor.part.seq, warnings.get(known..));
            }
        }
        let head = self.take_head(&labels);
        Some((labels, head))
    }

    /// Moves to the next series that has samples in the range: replaces what is in `samples`, whose memory is used
    /// again, and returns the labels; `None` at the end.
    pub fn next(&mut self, samples: &mut Samples) -> Result<Option<Labels>, ReadError> {
        loop {
            self.places.clear();
            let Some((labels, head)) = self.meet() else { break };
            self.reader.read(&labels, &self.places, head.as_deref(), samples);
            if !samples.is_empty() {
                return Ok(Some(labels));
            }
        }
        samples.clear();
        Ok(None)
    }

    /// Takes the next series out of this selection, `max` at most, without reading their samples; `None` at the end.
    pub fn split(&mut self, max: usize) -> Option<Batch> {
        self.places.clear();
        let mut found = Vec::with_capacity(max.min(self.most()));
        while found.len() < max {
            let before = self.places.len();
            let Some((labels, head)) = self.meet() else { break };
            found.push(Found { labels, head, places: self.places.len() - before });
        }
        let places = std::mem::take(&mut self.places);
        (!found.is_empty()).then(|| Batch::new(found, places, &self.reader, &self.scratches))
    }

    /// No more series than this are to come.
    pub fn most(&self) -> usize {
        let in_parts: usize = self.cursors.iter().map(Cursor::left).sum();
        self.head.len().saturating_add(in_parts)
    }

    /// The next series without its samples; one with none in the range may be among them.
    pub(crate) fn next_labels(&mut self) -> Option<Labels> {
        loop {
            self.places.clear();
            let (labels, head) = self.meet()?;
            let masks = self.reader.masks.clone();
            let mask = masks.as_ref().map(|masks| masks.of(&labels));
            let mut range = self.reader.range;
            if let Some(mask) = &mask {
                range.start_ms = range.start_ms.max(mask.oldest_ms);
            }
            let mut found = false;
            for (index, series) in &self.places {
                let seq = self.reader.parts.get(*index).map_or(0, |part| part.seq);
                found |= mask.as_ref().is_none_or(|mask| mask.shows_any(seq, range, series.ranges()));
            }
            if let Some(series) = head {
                found |= range.start_ms <= range.end_ms && series.overlaps(range);
            }
            if found {
                return Some(labels);
            }
        }
    }

    fn take_head(&mut self, labels: &Labels) -> Option<SeriesHandle> {
        let is_next = self.head.front().is_some_and(|(next, _)| next == labels);
        if is_next { self.head.pop_front().map(|(_, series)| series) } else { None }
    }

    /// What was left out because it is damaged, with its place. Complete at the end.
    pub fn warnings(&self) -> &[String] {
        &self.reader.warnings
    }

    /// The parts found damaged so far, by number, and one place each.
    pub(crate) fn blamed(&self) -> &[(u64, String)] {
        &self.reader.blamed
    }

    /// Samples left out so far because an older one with the same time has another value.
    pub(crate) fn conflicts(&self) -> u64 {
        self.reader.conflicts
    }
}
