//! Pages of series: their labels, and where their samples lie.
//!
//! A page first lists the timelines its blocks have and the groups their values lie in, each once however many series
//! share it. Then come the series in label order: labels without what they share with the ones before, and for each
//! block its timeline and how many bytes its values take; values lie in the groups one after the other.

use super::{BLOCK_SAMPLES, BlockPlace, take_block_ref};
use crate::codec::bytes::{Reader, put_signed, put_sized, put_varint};
use std::sync::Arc;
use watchfire_disk::BlockRef;
use watchfire_model::{Labels, TimeRange};

pub(super) const HAS_HISTOGRAMS: u8 = 1;
pub(super) const HAS_STARTS: u8 = 2;
const FLAG_BITS: u32 = 2;
/// About how many floats can be read while one histogram is.
const HISTOGRAM_COST: usize = 32;

/// Timestamps that blocks may share.
#[derive(Clone, Debug)]
pub(super) struct Timeline {
    pub(super) count: usize,
    pub(super) range: TimeRange,
    pub(super) column: Place,
}

/// Where a column is.
#[derive(Clone, Debug)]
pub(super) enum Place {
    Inline(Arc<[u8]>),
    At(BlockRef),
}

/// Some samples of a series.
#[derive(Clone, Copy, Debug)]
pub(super) struct Block {
    pub(super) flags: u8,
    timeline: u32,
    /// Where its values lie.
    pub(super) values: BlockPlace,
}

#[derive(Debug)]
struct Entry {
    labels: Labels,
    /// Where its blocks end; they begin where those of the one before do.
    blocks_end: u32,
}

/// The series of some ranks.
#[derive(Debug)]
pub(crate) struct SeriesPage {
    pub(crate) first: u32,
    entries: Vec<Entry>,
    blocks: Vec<Block>,
    timelines: Vec<Timeline>,
}

/// A series on its page.
#[derive(Clone, Debug)]
pub(crate) struct PartSeries {
    page: Arc<SeriesPage>,
    index: usize,
}

impl PartSeries {
    /// The series of this rank, if it is on the page.
    pub(crate) fn on(page: &Arc<SeriesPage>, rank: u32) -> Option<Self> {
        let index = rank.checked_sub(page.first)? as usize;
        (index < page.entries.len()).then(|| Self { page: Arc::clone(page), index })
    }

    pub(crate) fn labels(&self) -> &Labels {
        #[expect(clippy::indexing_slicing, reason = "made only where there is such a series")]
        &self.page.entries[self.index].labels
    }

    pub(super) fn blocks(&self) -> impl Iterator<Item = (&Block, &Timeline)> {
        self.page.blocks_of(self.index)
    }

    /// About what it costs to read its samples in a range, floats being 1 each.
    pub(crate) fn cost(&self, range: TimeRange) -> usize {
        let inside = self.blocks().filter(|(_, timeline)| timeline.range.overlaps(range));
        let cost = |(block, timeline): (&Block, &Timeline)| {
            let each = if block.flags & HAS_HISTOGRAMS == 0 { 1 } else { HISTOGRAM_COST };
            timeline.count * each
        };
        inside.map(cost).sum()
    }

    pub(crate) fn overlaps(&self, range: TimeRange) -> bool {
        self.ranges().any(|own| own.overlaps(range))
    }

    /// From when to when each of its blocks is.
    pub(crate) fn ranges(&self) -> impl Iterator<Item = TimeRange> {
        self.blocks().map(|(_, timeline)| timeline.range)
    }
}

impl SeriesPage {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The labels of all series, with their ranks.
    pub(super) fn labels(&self) -> impl Iterator<Item = (u32, &Labels)> {
        (self.first..).zip(self.entries.iter().map(|entry| &entry.labels))
    }

    /// About what it takes in memory.
    pub(super) fn memory_bytes(&self) -> usize {
        let labels: usize = self.entries.iter().map(|entry| entry.labels.as_bytes().len() + 16).sum();
        let inline: usize = self
            .timelines
            .iter()
            .map(|timeline| match &timeline.column {
                Place::Inline(bytes) => bytes.len() + 16,
                Place::At(_) => 0,
            })
            .sum();
        labels
            + inline
            + self.entries.len() * size_of::<Entry>()
            + self.blocks.len() * size_of::<Block>()
            + self.timelines.len() * size_of::<Timeline>()
    }

    fn blocks_of(&self, index: usize) -> impl Iterator<Item = (&Block, &Timeline)> {
        let end = |index: usize| self.entries.get(index).map_or(0, |entry| entry.blocks_end as usize);
        let begin = index.checked_sub(1).map_or(0, end);
        let blocks = self.blocks.get(begin..end(index)).unwrap_or_default();
        blocks.iter().filter_map(|block| Some((block, self.timelines.get(block.timeline as usize)?)))
    }

    /// Reads an unpacked page whose first series has the rank `first`.
    pub(super) fn decode(first: u32, bytes: &[u8]) -> Option<Self> {
        let mut input = Reader::new(bytes);
        let mut timelines = Vec::new();
        let mut start_ms = 0_i64;
        for _ in 0..input.count()? {
            let count =
                usize::try_from(input.varint()?).ok().filter(|count| (1..=BLOCK_SAMPLES).contains(count))?;
            start_ms = start_ms.checked_add(input.signed()?)?;
            let range = TimeRange::new(start_ms, start_ms.checked_add_unsigned(input.varint()?)?);
            timelines.push(Timeline { count, range, column: take_place(&mut input)? });
        }
        let mut groups = Vec::new();
        for _ in 0..input.count()? {
            groups.push(take_block_ref(&mut input)?);
        }
        let mut groups = groups.into_iter();
        let (mut group, mut offset) = (BlockRef::default(), 0_u32);
        let (mut entries, mut blocks) = (Vec::new(), Vec::new());
        let mut packed = Vec::new();
        while !input.is_empty() {
            let shared = usize::try_from(input.varint()?).ok().filter(|shared| *shared <= packed.len())?;
            packed.truncate(shared);
            packed.extend_from_slice(input.sized()?);
            let labels = Labels::from_bytes(&packed)?;
            for _ in 0..input.count()? {
                let word = input.varint()?;
                let flags = word as u8 & ((1 << FLAG_BITS) - 1);
                let timeline = u32::try_from(word >> FLAG_BITS)
                    .ok()
                    .filter(|index| (*index as usize) < timelines.len())?;
                let len = u32::try_from(input.varint()?).ok()?;
                if offset == group.len {
                    (group, offset) = (groups.next()?, 0);
                }
                let values = BlockPlace { group, offset, len };
                offset = offset.checked_add(len).filter(|end| *end <= group.len)?;
                blocks.push(Block { flags, timeline, values });
            }
            entries.push(Entry { labels, blocks_end: u32::try_from(blocks.len()).ok()? });
        }
        Some(Self { first, entries, blocks, timelines })
    }
}

fn take_place(input: &mut Reader<'_>) -> Option<Place> {
    match input.byte()? {
        0 => Some(Place::Inline(input.sized()?.into())),
        1 => Some(Place::At(take_block_ref(input)?)),
        _ => None,
    }
}

/// A page under construction.
#[derive(Debug, Default)]
pub(super) struct PageBuilder {
    timelines: Vec<u8>,
    timeline_count: u32,
    last_start_ms: i64,
    groups: Vec<u8>,
    group_count: u32,
    series: Vec<u8>,
    pub(super) series_count: u32,
    last: Vec<u8>,
}

impl PageBuilder {
    pub(super) fn len(&self) -> usize {
        self.timelines.len() + self.groups.len() + self.series.len()
    }

    /// Adds a timeline and returns its number on this page.
    pub(super) fn add_timeline(&mut self, timeline: &Timeline) -> u32 {
        let out = &mut self.timelines;
        put_varint(out, timeline.count as u64);
        let TimeRange { start_ms, end_ms } = timeline.range;
        put_signed(out, start_ms.wrapping_sub(self.last_start_ms));
        self.last_start_ms = start_ms;
        put_varint(out, end_ms.abs_diff(start_ms));
        match &timeline.column {
            Place::Inline(bytes) => {
                out.push(0);
                put_sized(out, bytes);
            }
            Place::At(block) => {
                out.push(1);
                super::put_block_ref(out, block);
            }
        }
        self.timeline_count += 1;
        self.timeline_count - 1
    }

    /// Says where the values of blocks added since the last group lie.
    pub(super) fn add_group(&mut self, block: &BlockRef) {
        super::put_block_ref(&mut self.groups, block);
        self.group_count += 1;
    }

    pub(super) fn add_series(&mut self, labels: &Labels, blocks: usize) {
        let packed = labels.as_bytes();
        let shared = packed.iter().zip(&self.last).take_while(|(left, right)| left == right).count();
        put_varint(&mut self.series, shared as u64);
        put_sized(&mut self.series, packed.get(shared..).unwrap_or_default());
        self.last.truncate(shared);
        self.last.extend_from_slice(packed.get(shared..).unwrap_or_default());
        put_varint(&mut self.series, blocks as u64);
        self.series_count += 1;
    }

    pub(super) fn add_block(&mut self, timeline: u32, flags: u8, values_len: usize) {
        put_varint(&mut self.series, u64::from(timeline) << FLAG_BITS | u64::from(flags));
        put_varint(&mut self.series, values_len as u64);
    }

    /// The finished page; this one is empty again.
    pub(super) fn finish(&mut self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.len() + 8);
        put_varint(&mut out, u64::from(self.timeline_count));
        out.append(&mut self.timelines);
        put_varint(&mut out, u64::from(self.group_count));
        out.append(&mut self.groups);
        out.append(&mut self.series);
        *self = Self::default();
        out
    }
}
