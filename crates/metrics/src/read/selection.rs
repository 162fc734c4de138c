//! Series handed out one after the other, merged from memory and parts.

use super::reader::{Batch, Found, Reader, blame};
use crate::head::rows::SeriesHandle;
use crate::masks::Masks;
use crate::part::{Asked, Keep, Part, PartSeries, Ranks, Scratch, SeriesPage};
use crate::store::{Core, ReadError};
use std::cmp::Ordering;
use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic;
use std::sync::{Arc, Mutex};
use watchfire_model::{Labels, Matcher, Samples, TimeRange};

/// The series that satisfy a query, in label order, each once; read lazily. It answers from the moment it was made,
/// whatever is flushed, merged or dropped meanwhile; samples that arrive later may be in it. While it lives, the store
/// and its directory lock live too.
pub struct Selection {
    head: VecDeque<(Labels, SeriesHandle)>,
    cursors: Vec<Cursor>,
    /// Which cursors stand at the series met last.
    next_in: Vec<usize>,
    /// Where the series met last lies, see [`Selection::meet`].
    places: Vec<Place>,
    reader: Reader,
    /// Memory of readers that are done, for those to come.
    scratches: Arc<Mutex<Vec<Scratch>>>,
}

/// The values of so many series of a part, or fewer, are kept in the cache: what dashboards ask again and again.
const FEW_SERIES: usize = 64;

/// What a batch costs to read, at least, if there are so many series: about that many floats.
const BATCH_COST: usize = 16_384;

/// A part, by its place among those of the selection, and a series in it.
pub(super) type Place = (usize, PartSeries);

/// The selected series of a part, page by page.
pub(super) struct Cursor {
    part: Arc<Part>,
    /// What a series must satisfy, where the index is damaged and cannot be believed; else empty.
    doubts: Vec<Matcher>,
    ranks: Ranks,
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
    /// With what is asked of all parts, pages and what was found stay in the cache.
    pub(super) fn new(
        part: &Arc<Part>,
        matchers: &[Matcher],
        range: TimeRange,
        asked: Option<&Asked>,
        damage: &mut Vec<String>,
    ) -> Self {
        let known = damage.len();
        let ranks = match asked {
            Some(asked) => part.select_again(matchers, asked, damage),
            None => Ranks::of(part.select(matchers, damage)),
        };
        let caching = asked.is_some();
        let doubts = if damage.len() > known { matchers.to_vec() } else { Vec::new() };
        let part = Arc::clone(part);
        let mut cursor = Self { part, doubts, ranks, page: None, next: None, caching };
        cursor.advance(range, damage);
        cursor
    }

    /// No more series than this are to come.
    fn left(&self) -> usize {
        self.ranks.left() + usize::from(self.next.is_some())
    }

    pub(super) fn advance(&mut self, range: TimeRange, damage: &mut Vec<String>) {
        self.next = None;
        while let Some(rank) = self.ranks.peek() {
            let found = self.page.as_ref().and_then(|page| PartSeries::on(page, rank));
            let Some(found) = found else {
                match self.part.series_page(rank, self.caching) {
                    Ok(page) if PartSeries::on(&page, rank).is_some() => self.page = Some(page),
                    Ok(_) => {
                        damage.push(format!("{}: a series is missing", self.part.path().display()));
                        self.ranks.skip_one();
                    }
                    Err((error, end)) => {
                        damage.push(error.to_string());
                        while self.ranks.peek().is_some_and(|rank| rank < end) {
                            self.ranks.skip_one();
                        }
                    }
                }
                continue;
            };
            self.ranks.skip_one();
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
        let flushes = core.flushes.load(atomic::Ordering::SeqCst);
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
        let asked = parts.first().filter(|_| caching).map(|part| part.asked(matchers));
        let cursors: Vec<Cursor> = parts
            .iter()
            .map(|part| {
                let known = warnings.len();
                let cursor = Cursor::new(part, matchers, range, asked.as_ref(), &mut warnings);
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
        Self {
            head: VecDeque::new(),
            cursors,
            next_in: Vec::new(),
            places: Vec::new(),
            reader,
            scratches: Arc::default(),
        }
    }

    /// The same without what is hidden.
    pub(crate) fn masked(mut self, masks: Option<Arc<Masks>>) -> Self {
        self.reader.masks = masks;
        self
    }

    /// Moves to the next series: its labels, and what of it is in memory. Where it lies in parts is added to
    /// [`Selection::places`].
    fn meet(&mut self) -> Option<(Labels, Option<SeriesHandle>)> {
        let mut smallest = self.head.front().map(|(labels, _)| labels);
        let mut in_head = smallest.is_some();
        self.next_in.clear();
        for (index, cursor) in self.cursors.iter().enumerate() {
            let Some(series) = &cursor.next else { continue };
            match smallest.map_or(Ordering::Less, |smallest| series.labels().cmp(smallest)) {
                Ordering::Less => {
                    (smallest, in_head) = (Some(series.labels()), false);
                    self.next_in.clear();
                    self.next_in.push(index);
                }
                Ordering::Equal => self.next_in.push(index),
                Ordering::Greater => {}
            }
        }
        let labels = smallest?.clone();
        let Reader { warnings, blamed, range, .. } = &mut self.reader;
        for index in &self.next_in {
            let Some(cursor) = self.cursors.get_mut(*index) else { continue };
            self.places.extend(cursor.next.take().map(|series| (*index, series)));
            let known = warnings.len();
            cursor.advance(*range, warnings);
            blame(blamed, cursor.part.seq, warnings.get(known..));
        }
        let head = if in_head { self.head.pop_front().map(|(_, series)| series) } else { None };
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

    /// Takes the next series out of this selection without reading their samples: `max` at most, and fewer where they are
    /// long, so that who works on them together is done at about the same time. `None` at the end.
    pub fn split(&mut self, max: usize) -> Option<Batch> {
        self.places.clear();
        let (mut found, mut cost) = (Vec::with_capacity(max.min(self.most())), 0);
        while found.len() < max && cost < BATCH_COST {
            let before = self.places.len();
            let Some((labels, head)) = self.meet() else { break };
            let own = self.places.get(before..).unwrap_or_default();
            cost += own.iter().map(|(_, series)| series.cost(self.reader.range)).sum::<usize>();
            found.push(Found { labels, head, places: own.len() });
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
