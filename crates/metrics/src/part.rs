//! An immutable file of series: the samples of one day, or some of them.
//!
//! Blocks of up to 8192 samples come first, then pages of series in label order (labels, and where their blocks lie),
//! then, for each label name, pages of its values in order with the series that have them, and a footer with the
//! places of all pages. A series is known inside a part by its rank, so that ids are dense and ascend with labels.
//! Timestamp columns that are equal are written once.

mod verify;
mod write;

pub(crate) use write::PartWriter;

use crate::codec::bytes::Reader;
use crate::codec::floats::take_floats;
use crate::codec::ints::take_ints;
use crate::codec::pack::unpack;
use crate::read::gather::Gather;
use roaring::RoaringBitmap;
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use watchfire_disk::{BlockError, BlockReader, BlockRef, Disk, FileKind};
use watchfire_model::{Histogram, Labels, Matcher, TimeRange};

/// The kind and version of the files written here.
pub(crate) const KIND: FileKind = FileKind { magic: *b"WFPART\r\n", version: 1 };
/// Samples in a block at most.
pub(crate) const BLOCK_SAMPLES: usize = 8192;
/// Pages are cut at about this size before packing.
const PAGE_BYTES: usize = 32 << 10;
/// No page unpacks to more: one value's list of series may be long.
const MAX_PAGE_BYTES: usize = 1 << 28;
/// Columns up to this long stand in the page of their series.
const INLINE_BYTES: usize = 48;

/// An answer names at most so many damaged blocks.
const MAX_NAMED_PLACES: usize = 100;

const HAS_HISTOGRAMS: u8 = 1;
const HAS_STARTS: u8 = 2;

/// Where a column is.
#[derive(Clone, Debug)]
enum Place {
    Inline(Vec<u8>),
    At(BlockRef),
}

#[derive(Clone, Debug)]
struct Block {
    flags: u8,
    count: usize,
    range: TimeRange,
    timestamps: Place,
    values: Place,
}

impl Block {
    fn bytes_on_disk(&self) -> u64 {
        let bytes = |place: &Place| match place {
            Place::Inline(_) => 0,
            Place::At(block) => u64::from(block.len),
        };
        bytes(&self.timestamps) + bytes(&self.values)
    }
}

/// A series as a page tells of it.
#[derive(Clone, Debug)]
pub(crate) struct PartSeries {
    pub(crate) labels: Labels,
    blocks: Vec<Block>,
}

impl PartSeries {
    pub(crate) fn overlaps(&self, range: TimeRange) -> bool {
        self.blocks.iter().any(|block| block.range.overlaps(range))
    }
}

#[derive(Debug)]
struct NamePages {
    name: String,
    /// The first value of each page and where it lies.
    pages: Vec<(String, BlockRef)>,
}

/// What the footer says.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    pub(crate) min_ms: i64,
    pub(crate) max_ms: i64,
    pub(crate) samples: u64,
    pub(crate) series: u32,
    /// Of two values for one time, that of the smaller order stays.
    pub(crate) order: u64,
    /// How often its samples were merged.
    pub(crate) level: u32,
    /// The parts whose samples this one holds; they are to be removed.
    pub(crate) replaces: Vec<u64>,
    /// The first rank of each page of series and where it lies.
    series_pages: Vec<(u32, BlockRef)>,
    names: Vec<NamePages>,
}

/// An open part.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) seq: u64,
    pub(crate) day: i64,
    pub(crate) summary: Summary,
    reader: BlockReader,
}

/// Memory that reading uses again and again.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    bytes: Vec<u8>,
    timestamps: Vec<i64>,
    /// Whose timestamps those are.
    cached: Option<(u64, BlockRef)>,
    ints: Vec<i64>,
    floats: Vec<f64>,
    starts: Vec<i64>,
}

impl Part {
    pub(crate) fn open(disk: &dyn Disk, path: &Path, seq: u64, day: i64) -> Result<Self, BlockError> {
        let reader = BlockReader::open(disk, path, KIND)?;
        let footer = reader.footer()?;
        let summary = Summary::decode(&footer).ok_or_else(|| BlockError::Damaged {
            path: path.to_owned(),
            what: "the footer makes no sense",
        })?;
        Ok(Self { seq, day, summary, reader })
    }

    pub(crate) fn path(&self) -> &Path {
        self.reader.path()
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.reader.len_bytes()
    }

    pub(crate) fn range(&self) -> TimeRange {
        TimeRange::new(self.summary.min_ms, self.summary.max_ms)
    }

    fn nonsense(&self, what: &'static str) -> BlockError {
        BlockError::Damaged { path: self.path().to_owned(), what }
    }

    fn page(&self, block: BlockRef) -> Result<Vec<u8>, BlockError> {
        let mut packed = Vec::new();
        self.reader.read(block, &mut packed)?;
        let mut input = Reader::new(&packed);
        let mut unpacked = || {
            let len = usize::try_from(input.varint()?).ok().filter(|len| *len <= MAX_PAGE_BYTES)?;
            unpack(input.rest(), len)
        };
        unpacked().ok_or_else(|| self.nonsense("a page does not unpack"))
    }

    /// The page that holds a rank: the ranks it holds, and its series.
    pub(crate) fn series_page(&self, rank: u32) -> Result<(u32, Vec<PartSeries>), (BlockError, u32)> {
        let pages = &self.summary.series_pages;
        let index = pages.partition_point(|(first, _)| *first <= rank);
        let end = pages.get(index).map_or(self.summary.series, |(first, _)| *first);
        let Some((first, block)) = index.checked_sub(1).and_then(|index| pages.get(index)) else {
            return Err((self.nonsense("a page of series is missing"), end));
        };
        let decoded = self.page(*block).and_then(|bytes| {
            let mut input = Reader::new(&bytes);
            let mut series = Vec::new();
            while !input.is_empty() {
                let one = take_series(&mut input);
                series.push(one.ok_or_else(|| self.nonsense("a page of series makes no sense"))?);
            }
            Ok(series)
        });
        decoded.map(|series| (*first, series)).map_err(|error| (error, end))
    }

    /// The ranks of the series that satisfy all matchers. Pages that cannot be read are left out and named.
    pub(crate) fn select(&self, matchers: &[Matcher], damage: &mut Vec<String>) -> RoaringBitmap {
        let mut found = RoaringBitmap::new();
        found.insert_range(0..self.summary.series);
        for matcher in matchers {
            let needs_label = !matcher.matches_empty();
            let mut ids = RoaringBitmap::new();
            let wanted = matcher.finite_values().filter(|_| needs_label);
            let test = |value: &str| matcher.matches(value) == needs_label;
            self.values(&matcher.name, wanted.as_deref(), damage, &mut |value, postings| {
                if test(value) {
                    ids |= postings;
                }
                ControlFlow::Continue(())
            });
            if needs_label {
                found &= ids;
            } else {
                found -= ids;
            }
        }
        found
    }

    /// Calls `each` with the values of a label, or those of its pages that may hold `wanted`, until it says to stop.
    fn values(
        &self,
        name: &str,
        wanted: Option<&[&str]>,
        damage: &mut Vec<String>,
        each: &mut dyn FnMut(&str, RoaringBitmap) -> ControlFlow<()>,
    ) {
        let names = &self.summary.names;
        let found = names.binary_search_by(|entry| entry.name.as_str().cmp(name));
        let Some(entry) = found.ok().and_then(|index| names.get(index)) else { return };
        for (index, (first, block)) in entry.pages.iter().enumerate() {
            let next = entry.pages.get(index + 1).map(|(first, _)| first.as_str());
            let may_hold = |value: &&str| *value >= first.as_str() && next.is_none_or(|next| *value < next);
            if wanted.is_some_and(|wanted| !wanted.iter().any(may_hold)) {
                continue;
            }
            match self.page(*block) {
                Err(error) => damage.push(error.to_string()),
                Ok(bytes) => {
                    let mut input = Reader::new(&bytes);
                    while !input.is_empty() {
                        let Some((value, ids)) = take_value(&mut input, wanted) else {
                            damage.push(self.nonsense("a page of label values makes no sense").to_string());
                            break;
                        };
                        if let Some(ids) = ids
                            && each(value, ids).is_break()
                        {
                            return;
                        }
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
                self.values(&entry.name, None, damage, &mut |_, postings| {
                    has = !postings.is_disjoint(ids);
                    if has { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
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
        self.values(name, None, damage, &mut |value, postings| {
            if ids.is_none_or(|ids| !postings.is_disjoint(ids)) {
                out.insert(value.to_owned());
            }
            ControlFlow::Continue(())
        });
    }

    /// Calls `each` with the labels of the series in `ids` if they lie on fewer pages than `most`; else does nothing
    /// and says so by `false`. Pages that cannot be read are left out and named.
    fn each_of_few(
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
            match self.series_page(first) {
                Err((error, _)) => damage.push(error.to_string()),
                Ok((first, page)) => {
                    for series in (first..).zip(&page).filter(|(rank, _)| ids.contains(*rank)) {
                        each(&series.1.labels);
                    }
                }
            }
        }
        true
    }

    /// Hands over the samples of a series in the gatherer's range. Blocks that cannot be read are left out and named.
    pub(crate) fn read(
        &self,
        series: &PartSeries,
        scratch: &mut Scratch,
        gather: &mut Gather<'_>,
        damage: &mut Vec<String>,
    ) {
        let range = gather.range;
        for block in series.blocks.iter().filter(|block| block.range.overlaps(range)) {
            if let Err(error) = self.read_block(block, scratch, gather)
                && damage.len() < MAX_NAMED_PLACES
            {
                damage.push(format!("{}: {error}", series.labels));
            }
        }
    }

    fn read_block(
        &self,
        block: &Block,
        scratch: &mut Scratch,
        gather: &mut Gather<'_>,
    ) -> Result<(), BlockError> {
        let nonsense = || self.nonsense("a block makes no sense");
        let key = match &block.timestamps {
            Place::At(place) => Some((self.seq, *place)),
            Place::Inline(_) => None,
        };
        if key.is_none() || scratch.cached != key || scratch.timestamps.len() != block.count {
            scratch.cached = None;
            let bytes = self.column(&block.timestamps, &mut scratch.bytes)?;
            take_ints(&mut Reader::new(bytes), block.count, &mut scratch.timestamps).ok_or_else(nonsense)?;
            scratch.cached = key;
        }
        let bytes = self.column(&block.values, &mut scratch.bytes)?;
        let mut input = Reader::new(bytes);
        scratch.starts.clear();
        if block.flags & HAS_STARTS != 0 {
            take_ints(&mut input, block.count, &mut scratch.starts).ok_or_else(nonsense)?;
        }
        if block.flags & HAS_HISTOGRAMS != 0 {
            return self.read_mixed(input, &scratch.timestamps, &scratch.starts, gather).ok_or_else(nonsense);
        }
        take_floats(&mut input, block.count, &mut scratch.ints, &mut scratch.floats).ok_or_else(nonsense)?;
        if scratch.starts.is_empty() {
            gather.floats(&scratch.timestamps, &scratch.floats);
        } else {
            for ((at, value), start) in scratch.timestamps.iter().zip(&scratch.floats).zip(&scratch.starts) {
                gather.float(*at, *value, *start);
            }
        }
        Ok(())
    }

    fn read_mixed(
        &self,
        mut input: Reader<'_>,
        timestamps: &[i64],
        starts: &[i64],
        gather: &mut Gather<'_>,
    ) -> Option<()> {
        let len = usize::try_from(input.varint()?).ok().filter(|len| *len <= MAX_PAGE_BYTES)?;
        let bytes = unpack(input.rest(), len)?;
        let mut input = Reader::new(&bytes);
        for (index, at) in timestamps.iter().enumerate() {
            let start = starts.get(index).copied().unwrap_or(0);
            if input.byte()? == 0 {
                gather.float(*at, f64::from_bits(input.u64()?), start);
            } else {
                let (histogram, len) = Histogram::decode(input.rest())?;
                input.bytes(len)?;
                gather.histogram(*at, &Arc::new(histogram), start);
            }
        }
        Some(())
    }

    fn column<'a>(&self, place: &'a Place, bytes: &'a mut Vec<u8>) -> Result<&'a [u8], BlockError> {
        match place {
            Place::Inline(bytes) => Ok(bytes),
            Place::At(block) => {
                self.reader.read(*block, bytes)?;
                Ok(bytes)
            }
        }
    }
}

fn take_block_ref(input: &mut Reader<'_>) -> Option<BlockRef> {
    let offset = input.varint()?;
    let len = u32::try_from(input.varint()?).ok()?;
    Some(BlockRef { offset, len, crc: input.u32()? })
}

fn take_place(input: &mut Reader<'_>) -> Option<Place> {
    match input.byte()? {
        0 => Some(Place::Inline(input.sized()?.to_vec())),
        1 => Some(Place::At(take_block_ref(input)?)),
        _ => None,
    }
}

fn take_series(input: &mut Reader<'_>) -> Option<PartSeries> {
    let labels = Labels::from_bytes(input.sized()?)?;
    let mut blocks = Vec::new();
    for _ in 0..input.count()? {
        let flags = input.byte()?;
        let count =
            usize::try_from(input.varint()?).ok().filter(|count| (1..=BLOCK_SAMPLES).contains(count))?;
        let start_ms = input.signed()?;
        let end_ms = start_ms.checked_add_unsigned(input.varint()?)?;
        let range = TimeRange::new(start_ms, end_ms);
        let (timestamps, values) = (take_place(input)?, take_place(input)?);
        blocks.push(Block { flags, count, range, timestamps, values });
    }
    Some(PartSeries { labels, blocks })
}

/// A value and, where it is wanted, the series that have it.
fn take_value<'a>(
    input: &mut Reader<'a>,
    wanted: Option<&[&str]>,
) -> Option<(&'a str, Option<RoaringBitmap>)> {
    let value = input.text()?;
    let skip = wanted.is_some_and(|wanted| !wanted.contains(&value));
    let ids = match input.byte()? {
        0 => {
            let id = u32::try_from(input.varint()?).ok()?;
            (!skip).then(|| RoaringBitmap::from_iter([id]))
        }
        _ => {
            let bytes = input.sized()?;
            if skip { None } else { Some(RoaringBitmap::deserialize_from(bytes).ok()?) }
        }
    };
    Some((value, ids))
}

impl Summary {
    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut input = Reader::new(bytes);
        let mut summary = Self {
            min_ms: input.signed()?,
            max_ms: input.signed()?,
            samples: input.varint()?,
            series: u32::try_from(input.varint()?).ok()?,
            order: input.varint()?,
            level: u32::try_from(input.varint()?).ok()?,
            ..Self::default()
        };
        for _ in 0..input.count()? {
            summary.replaces.push(input.varint()?);
        }
        for _ in 0..input.count()? {
            let first = u32::try_from(input.varint()?).ok()?;
            summary.series_pages.push((first, take_block_ref(&mut input)?));
        }
        for _ in 0..input.count()? {
            let name = input.text()?.to_owned();
            let mut pages = Vec::new();
            for _ in 0..input.count()? {
                pages.push((input.text()?.to_owned(), take_block_ref(&mut input)?));
            }
            summary.names.push(NamePages { name, pages });
        }
        Some(summary)
    }
}

#[cfg(test)]
mod tests;
