//! Reading the index of a part: for each label name, pages of its values in order with the series that have them.

use super::Part;
use super::cache::{Asked, MAX_RANKS};
use crate::codec::bytes::Reader;
use crate::read::texts::Texts;
use roaring::RoaringBitmap;
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;
use watchfire_disk::BlockRef;
use watchfire_model::{Labels, MatchOp, Matcher};

/// A label name, and its values.
#[derive(Debug)]
pub(super) struct NamePages {
    pub(super) name: String,
    /// The first value of each page and where it lies.
    pub(super) pages: Vec<(String, BlockRef)>,
}

/// The series that have a value, not yet read.
#[derive(Clone, Copy, Debug)]
pub(super) enum Postings<'a> {
    One(u32),
    Many(&'a [u8]),
}

impl<'a> Postings<'a> {
    /// Takes them off a page.
    pub(super) fn take(input: &mut Reader<'a>) -> Option<Self> {
        match input.byte()? {
            0 => Some(Self::One(u32::try_from(input.varint()?).ok()?)),
            1 => Some(Self::Many(input.sized()?)),
            _ => None,
        }
    }

    pub(super) fn read(self) -> Option<RoaringBitmap> {
        match self {
            Self::One(id) => Some(RoaringBitmap::from_iter([id])),
            Self::Many(bytes) => RoaringBitmap::deserialize_from(bytes).ok(),
        }
    }
}

/// Hands out the values of a page.
#[derive(Debug)]
pub(super) struct ValuePage<'a> {
    input: Reader<'a>,
    value: Vec<u8>,
}

impl<'a> ValuePage<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { input: Reader::new(bytes), value: Vec::new() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.input.is_empty()
    }

    pub(super) fn next(&mut self) -> Option<(&str, Postings<'a>)> {
        let shared =
            usize::try_from(self.input.varint()?).ok().filter(|shared| *shared <= self.value.len())?;
        self.value.truncate(shared);
        self.value.extend_from_slice(self.input.sized()?);
        let postings = Postings::take(&mut self.input)?;
        Some((std::str::from_utf8(&self.value).ok()?, postings))
    }
}

/// What all values that a pattern matches begin with; empty when that is not known.
pub(crate) fn prefix_of(matcher: &Matcher) -> &str {
    if matcher.op != MatchOp::Regex || matcher.value.contains('|') {
        return "";
    }
    let pattern = matcher.value.as_str();
    let plain = pattern.find(|c| r".+*?()[]{}^$\".contains(c)).unwrap_or(pattern.len());
    let (prefix, rest) = pattern.split_at(plain);
    // What repeats the last letter, or makes it optional.
    let repeated = rest.starts_with(['*', '?', '{']);
    let last = prefix.char_indices().next_back().map_or(0, |(at, _)| at);
    if repeated { prefix.get(..last).unwrap_or_default() } else { prefix }
}

/// Which values are asked for.
#[derive(Clone, Copy, Debug)]
enum Wanted<'a> {
    /// These, in order.
    These(&'a [&'a str]),
    /// Those that begin so.
    Prefix(&'a str),
}

impl Wanted<'_> {
    /// Whether any may lie at `first` or behind, and before `next`.
    fn may_lie(self, first: &str, next: Option<&str>) -> bool {
        match self {
            Self::These(values) => {
                let from = values.partition_point(|value| *value < first);
                values.get(from).is_some_and(|value| next.is_none_or(|next| *value < next))
            }
            Self::Prefix(prefix) => {
                let before = next.is_some_and(|next| next <= prefix);
                let behind = first > prefix && !first.starts_with(prefix);
                !before && !behind
            }
        }
    }

    /// Whether nothing behind this value is wanted.
    fn ends_at(self, value: &str) -> bool {
        match self {
            Self::These(values) => values.last().is_none_or(|last| *last <= value),
            Self::Prefix(_) => false,
        }
    }

    fn holds(self, value: &str) -> bool {
        match self {
            Self::These(values) => values.binary_search(&value).is_ok(),
            Self::Prefix(prefix) => value.starts_with(prefix),
        }
    }
}

/// The ranks of the series that were selected, one after the other.
pub(crate) enum Ranks {
    Known { ranks: Arc<[u32]>, next: usize },
    New(std::iter::Peekable<roaring::bitmap::IntoIter>),
}

impl Ranks {
    pub(crate) fn of(ranks: RoaringBitmap) -> Self {
        Self::New(ranks.into_iter().peekable())
    }

    /// The next one, which stays the next.
    pub(crate) fn peek(&mut self) -> Option<u32> {
        match self {
            Self::Known { ranks, next } => ranks.get(*next).copied(),
            Self::New(ranks) => ranks.peek().copied(),
        }
    }

    pub(crate) fn skip_one(&mut self) {
        match self {
            Self::Known { next, .. } => *next += 1,
            Self::New(ranks) => {
                ranks.next();
            }
        }
    }

    /// How many are left.
    pub(crate) fn left(&self) -> usize {
        match self {
            Self::Known { ranks, next } => ranks.len().saturating_sub(*next),
            Self::New(ranks) => ranks.size_hint().1.unwrap_or(usize::MAX - 1),
        }
    }
}

impl Part {
    /// The ranks of all series.
    pub(crate) fn all(&self) -> RoaringBitmap {
        let mut all = RoaringBitmap::new();
        all.insert_range(0..self.summary.series);
        all
    }

    /// The ranks of the series that satisfy all matchers. Pages that cannot be read are left out and named.
    pub(crate) fn select(&self, matchers: &[Matcher], damage: &mut Vec<String>) -> RoaringBitmap {
        // All series are not written down only to be struck out.
        let mut found: Option<RoaringBitmap> = None;
        for matcher in matchers {
            if found.as_ref().is_some_and(RoaringBitmap::is_empty) {
                break;
            }
            let needs_label = !matcher.matches_empty();
            let mut ids = RoaringBitmap::new();
            let finite = match matcher.op {
                // All others have it.
                MatchOp::NotEqual if !needs_label => Some(vec![matcher.value.as_str()]),
                _ => matcher.finite_values().filter(|_| needs_label),
            };
            let wanted = match &finite {
                Some(values) => Wanted::These(values),
                None if needs_label => Wanted::Prefix(prefix_of(matcher)),
                None => Wanted::Prefix(""),
            };
            self.values(&matcher.name, wanted, damage, &mut |value, postings| {
                if finite.is_some() || matcher.matches(value) == needs_label {
                    ids |= postings.read()?;
                }
                Some(ControlFlow::Continue(()))
            });
            found = Some(match found {
                found if !needs_label => found.unwrap_or_else(|| self.all()) - ids,
                Some(found) => found & ids,
                None => ids,
            });
        }
        found.unwrap_or_else(|| self.all())
    }

    /// What is asked, for [`Part::select_again`] of this part or another one with the same cache.
    pub(crate) fn asked(&self, matchers: &[Matcher]) -> Asked {
        self.cache.asked(matchers)
    }

    /// As [`Part::select`], in order; what was asked lately is known still.
    pub(crate) fn select_again(
        &self,
        matchers: &[Matcher],
        asked: &Asked,
        damage: &mut Vec<String>,
    ) -> Ranks {
        if let Some(ranks) = self.cache.found(self.seq, asked) {
            return Ranks::Known { ranks, next: 0 };
        }
        let known = damage.len();
        let ranks = self.select(matchers, damage);
        // What is damaged is to be said again.
        if damage.len() > known || ranks.len() > MAX_RANKS {
            return Ranks::of(ranks);
        }
        let ranks: Arc<[u32]> = ranks.iter().collect();
        self.cache.keep_found(self.seq, asked, Arc::clone(&ranks));
        Ranks::Known { ranks, next: 0 }
    }

    /// Calls `each` with those values of a label that are wanted, until it says to stop; `None` says that the postings
    /// make no sense.
    fn values(
        &self,
        name: &str,
        wanted: Wanted<'_>,
        damage: &mut Vec<String>,
        each: &mut dyn FnMut(&str, Postings<'_>) -> Option<ControlFlow<()>>,
    ) {
        let names = &self.summary.names;
        let found = names.binary_search_by(|entry| entry.name.as_str().cmp(name));
        let Some(entry) = found.ok().and_then(|index| names.get(index)) else { return };
        for (index, (first, block)) in entry.pages.iter().enumerate() {
            let next = entry.pages.get(index + 1).map(|(first, _)| first.as_str());
            if !wanted.may_lie(first, next) {
                continue;
            }
            let bytes = match self.value_page(*block) {
                Ok(bytes) => bytes,
                Err(error) => {
                    damage.push(error.to_string());
                    continue;
                }
            };
            let mut page = ValuePage::new(&bytes);
            while !page.is_empty() {
                let done = page.next().and_then(|(value, postings)| {
                    let ends = wanted.ends_at(value);
                    let goes_on =
                        if wanted.holds(value) { each(value, postings)? } else { ControlFlow::Continue(()) };
                    Some(if ends { ControlFlow::Break(()) } else { goes_on })
                });
                match done {
                    Some(ControlFlow::Continue(())) => {}
                    Some(ControlFlow::Break(())) => return,
                    None => {
                        damage.push(self.nonsense("a page of label values makes no sense").to_string());
                        break;
                    }
                }
            }
        }
    }

    /// Adds the names of labels that the series in `ids` have, or all.
    pub(crate) fn label_names(
        &self,
        ids: Option<&RoaringBitmap>,
        damage: &mut Vec<String>,
        out: &mut BTreeSet<String>,
    ) {
        let Some(ids) = ids else {
            out.extend(self.summary.names.iter().map(|entry| entry.name.clone()));
            return;
        };
        let value_pages = self.summary.names.iter().map(|entry| entry.pages.len()).sum();
        let few = self.each_of_few(ids, value_pages, damage, &mut |labels| {
            for (name, _) in labels {
                if !out.contains(name) {
                    out.insert(name.to_owned());
                }
            }
        });
        if few {
            return;
        }
        for entry in &self.summary.names {
            let mut has = false;
            if !out.contains(&entry.name) {
                self.values(&entry.name, Wanted::Prefix(""), damage, &mut |_, postings| {
                    has = !postings.read()?.is_disjoint(ids);
                    Some(if has { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
                });
            }
            if has {
                out.insert(entry.name.clone());
            }
        }
    }

    /// Adds the values of one label that the series in `ids` have, or all.
    pub(crate) fn label_values(
        &self,
        name: &str,
        ids: Option<&RoaringBitmap>,
        damage: &mut Vec<String>,
        out: &mut Texts,
    ) {
        let entry = self.summary.names.iter().find(|entry| entry.name == name);
        let value_pages = entry.map_or(0, |entry| entry.pages.len());
        if let Some(ids) = ids
            && self.each_of_few(ids, value_pages, damage, &mut |labels| {
                if let Some(value) = labels.get(name) {
                    out.add(value);
                }
            })
        {
            return;
        }
        self.values(name, Wanted::Prefix(""), damage, &mut |value, postings| {
            let has = match ids {
                Some(ids) => !postings.read()?.is_disjoint(ids),
                None => true,
            };
            if has {
                out.add(value);
            }
            Some(ControlFlow::Continue(()))
        });
    }

    /// Calls `each` with the labels of the series in `ids` if they lie on fewer pages than `most`; else does nothing
    /// and says so by `false`. Pages that cannot be read are left out and named.
    pub(super) fn each_of_few(
        &self,
        ids: &RoaringBitmap,
        most: usize,
        damage: &mut Vec<String>,
        each: &mut dyn FnMut(&Labels),
    ) -> bool {
        let pages = &self.summary.series_pages;
        let ends = pages.iter().skip(1).map(|(first, _)| *first).chain([self.summary.series]);
        let touched = pages.iter().zip(ends).map(|((first, _), end)| (*first, end));
        let touched: Vec<u32> = touched
            .filter(|(first, end)| ids.range_cardinality(*first..*end) > 0)
            .map(|(first, _)| first)
            .take(most)
            .collect();
        if touched.len() >= most {
            return false;
        }
        for first in touched {
            match self.series_page(first, true) {
                Err((error, _)) => damage.push(error.to_string()),
                Ok(page) => {
                    for (_, labels) in page.labels().filter(|(rank, _)| ids.contains(*rank)) {
                        each(labels);
                    }
                }
            }
        }
        true
    }
}
