//! The index of a part: for each label name, pages of its values in order with the series that have them.

use super::{PAGE_BYTES, Part, write_page};
use crate::codec::bytes::{Reader, put_sized, put_varint};
use hashbrown::{DefaultHashBuilder, HashMap, HashTable};
use roaring::RoaringBitmap;
use std::collections::BTreeSet;
use std::hash::BuildHasher;
use std::io;
use std::ops::ControlFlow;
use watchfire_disk::{BlockRef, BlockWriter};
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

impl Postings<'_> {
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
        let postings = match self.input.byte()? {
            0 => Postings::One(u32::try_from(self.input.varint()?).ok()?),
            1 => Postings::Many(self.input.sized()?),
            _ => return None,
        };
        Some((std::str::from_utf8(&self.value).ok()?, postings))
    }
}

/// What all values that a pattern matches begin with; empty when that is not known.
fn prefix_of(matcher: &Matcher) -> &str {
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

    fn holds(self, value: &str) -> bool {
        match self {
            Self::These(values) => values.binary_search(&value).is_ok(),
            Self::Prefix(prefix) => value.starts_with(prefix),
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
        let mut found = self.all();
        for matcher in matchers {
            if found.is_empty() {
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
            if needs_label {
                found &= ids;
            } else {
                found -= ids;
            }
        }
        found
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
                    if wanted.holds(value) { each(value, postings) } else { Some(ControlFlow::Continue(())) }
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
        out: &mut BTreeSet<String>,
    ) {
        let entry = self.summary.names.iter().find(|entry| entry.name == name);
        let value_pages = entry.map_or(0, |entry| entry.pages.len());
        if let Some(ids) = ids
            && self.each_of_few(ids, value_pages, damage, &mut |labels| {
                out.extend(labels.get(name).map(str::to_owned));
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
                out.insert(value.to_owned());
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

/// The series of a value while a part is written. Most values have one.
#[derive(Debug)]
enum Ids {
    One(u32),
    Many(Box<RoaringBitmap>),
}

#[derive(Debug)]
struct Value {
    begin: usize,
    len: u32,
    ids: Ids,
}

/// The values of a label while a part is written.
#[derive(Debug, Default)]
struct Values {
    text: Vec<u8>,
    values: Vec<Value>,
    by_text: HashTable<u32>,
    /// The one added to last: it is often the next too.
    last: usize,
}

fn text_of<'a>(text: &'a [u8], value: &Value) -> &'a [u8] {
    text.get(value.begin..value.begin + value.len as usize).unwrap_or_default()
}

impl Values {
    fn find(&self, value: &[u8], hasher: &DefaultHashBuilder) -> Result<usize, u64> {
        let is =
            |index: usize| self.values.get(index).is_some_and(|known| text_of(&self.text, known) == value);
        if is(self.last) {
            return Ok(self.last);
        }
        let hash = hasher.hash_one(value);
        self.by_text.find(hash, |index| is(*index as usize)).map(|index| *index as usize).ok_or(hash)
    }

    fn add(&mut self, value: &str, id: u32, hasher: &DefaultHashBuilder) {
        match self.find(value.as_bytes(), hasher) {
            Ok(index) => {
                self.last = index;
                match self.values.get_mut(index).map(|value| &mut value.ids) {
                    Some(Ids::Many(ids)) => {
                        ids.insert(id);
                    }
                    Some(ids) => {
                        let Ids::One(first) = ids else { return };
                        *ids = Ids::Many(Box::new(RoaringBitmap::from_iter([*first, id])));
                    }
                    None => {}
                }
            }
            Err(hash) => {
                self.last = self.values.len();
                let value = value.as_bytes();
                self.values.push(Value {
                    begin: self.text.len(),
                    len: value.len() as u32,
                    ids: Ids::One(id),
                });
                self.text.extend_from_slice(value);
                let (text, values) = (&self.text, &self.values);
                self.by_text.insert_unique(hash, self.last as u32, |index| {
                    hasher.hash_one(values.get(*index as usize).map_or(&[][..], |value| text_of(text, value)))
                });
            }
        }
    }

    fn write(mut self, writer: &mut BlockWriter) -> io::Result<Vec<(String, BlockRef)>> {
        let (mut values, text) = (std::mem::take(&mut self.values), &self.text);
        values.sort_unstable_by(|left, right| text_of(text, left).cmp(text_of(text, right)));
        let mut pages = Vec::new();
        let (mut page, mut first, mut last): (Vec<u8>, Option<&[u8]>, &[u8]) = (Vec::new(), None, &[]);
        let mut end = |page: &mut Vec<u8>, first: &[u8]| {
            let block = write_page(writer, page)?;
            page.clear();
            io::Result::Ok((String::from_utf8_lossy(first).into_owned(), block))
        };
        for value in values {
            let text = text_of(text, &value);
            if first.is_none() {
                (first, last) = (Some(text), &[]);
            }
            let shared = text.iter().zip(last).take_while(|(left, right)| left == right).count();
            put_varint(&mut page, shared as u64);
            put_sized(&mut page, text.get(shared..).unwrap_or_default());
            last = text;
            match value.ids {
                Ids::One(id) => {
                    page.push(0);
                    put_varint(&mut page, u64::from(id));
                }
                Ids::Many(mut ids) => {
                    ids.optimize();
                    page.push(1);
                    put_varint(&mut page, ids.serialized_size() as u64);
                    ids.serialize_into(&mut page)?;
                }
            }
            if page.len() >= PAGE_BYTES
                && let Some(first) = first.take()
            {
                pages.push(end(&mut page, first)?);
            }
        }
        if let Some(first) = first {
            pages.push(end(&mut page, first)?);
        }
        Ok(pages)
    }
}

/// The index of a part while it is written.
#[derive(Debug, Default)]
pub(super) struct IndexWriter {
    names: HashMap<String, Values>,
    hasher: DefaultHashBuilder,
}

impl IndexWriter {
    /// Adds a series; its id is larger than all before.
    pub(super) fn add(&mut self, labels: &Labels, id: u32) {
        for (name, value) in labels {
            if !self.names.contains_key(name) {
                self.names.insert(name.to_owned(), Values::default());
            }
            if let Some(values) = self.names.get_mut(name) {
                values.add(value, id, &self.hasher);
            }
        }
    }

    /// Writes all pages; names in order.
    pub(super) fn write(self, writer: &mut BlockWriter) -> io::Result<Vec<NamePages>> {
        let mut names: Vec<_> = self.names.into_iter().collect();
        names.sort_unstable_by(|left, right| left.0.cmp(&right.0));
        let write = |(name, values): (String, Values)| Ok(NamePages { name, pages: values.write(writer)? });
        names.into_iter().map(write).collect()
    }
}
