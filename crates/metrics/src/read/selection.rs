//! Series handed out one after the other, merged from memory and parts.

use crate::head::series::HeadSeries;
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
    scratch: Scratch,
    warnings: Vec<String>,
    counted: usize,
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
}

impl fmt::Debug for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Selection").field("range", &self.range).finish_non_exhaustive()
    }
}

impl Cursor {
    fn new(part: &Arc<Part>, matchers: &[Matcher], range: TimeRange, damage: &mut Vec<String>) -> Self {
        let known = damage.len();
        let ranks = part.select(matchers, damage).into_iter().peekable();
        let doubts = if damage.len() > known { matchers.to_vec() } else { Vec::new() };
        let part = Arc::clone(part);
        let mut cursor = Self { part, doubts, ranks, page: None, next: None };
        cursor.advance(range, damage);
        cursor
    }

    fn advance(&mut self, range: TimeRange, damage: &mut Vec<String>) {
        self.next = None;
        while let Some(rank) = self.ranks.peek().copied() {
            let found = self.page.as_ref().and_then(|page| PartSeries::on(page, rank));
            let Some(found) = found else {
                match self.part.series_page(rank) {
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
        let mut selection = Self::from_parts(&core.parts.list(), matchers, range);
        // What is known already, and counted, comes first.
        let pending = core.recovery.pending().map(|pending| format!("{pending}; samples are missing"));
        let known: Vec<String> = core.parts.unreadable.iter().cloned().chain(pending).collect();
        selection.counted = known.len();
        selection.warnings.splice(0..0, known);
        (selection.core, selection.head, selection.flushes) = (Some(Arc::clone(core)), head, flushes);
        selection
    }

    pub(crate) fn from_parts(parts: &[Arc<Part>], matchers: &[Matcher], range: TimeRange) -> Self {
        let mut warnings = Vec::new();
        let parts = parts
            .iter()
            .filter(|part| part.range().overlaps(range))
            .map(|part| Cursor::new(part, matchers, range, &mut warnings))
            .collect();
        let (head, scratch) = (VecDeque::new(), Scratch::default());
        Self { core: None, range, head, parts, flushes: 0, scratch, warnings, counted: 0 }
    }

    /// Adds the series of more parts, of which only the labels are wanted.
    pub(crate) fn also(&mut self, parts: &[Arc<Part>], matchers: &[Matcher]) {
        for part in parts.iter().filter(|part| part.range().overlaps(self.range)) {
            self.parts.push(Cursor::new(part, matchers, self.range, &mut self.warnings));
        }
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
            let mut gather = Gather::new(self.range, samples);
            for cursor in &mut self.parts {
                if let Some(series) = cursor.next.take_if(|series| *series.labels() == labels) {
                    cursor.part.read(&series, &mut self.scratch, &mut gather, &mut self.warnings);
                    cursor.advance(self.range, &mut self.warnings);
                }
            }
            if let Some(series) = self.take_head(&labels)
                && series.read(&mut gather) > self.flushes
            {
                self.read_moved(&labels, &mut gather);
            }
            gather.finish();
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
            let mut found = false;
            for cursor in &mut self.parts {
                if cursor.next.as_ref().is_some_and(|series| *series.labels() == labels) {
                    cursor.advance(self.range, &mut self.warnings);
                    found = true;
                }
            }
            if let Some(series) = self.take_head(&labels) {
                found |= series.overlaps(self.range);
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
    fn read_moved(&mut self, labels: &Labels, gather: &mut Gather<'_>) {
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
            let mut cursor = Cursor::new(part, &matchers, self.range, &mut self.warnings);
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
}

impl Drop for Selection {
    fn drop(&mut self) {
        if let Some(core) = &self.core {
            core.counters.damaged(self.warnings.get(self.counted..).unwrap_or_default());
        }
    }
}
