//! An immutable file of series: the samples of one day, or some of them.
//!
//! Columns of values come in groups, each as long as is read in one go, with those timestamp columns between them that
//! no series before had; then pages of series in label order (labels, and where their blocks lie), then, for each
//! label name, pages of its values in order with the series that have them, and a footer with the places of all pages.
//! A series is known inside a part by its rank, so that ids are dense and ascend with labels. A damaged byte costs the
//! group or the page it is in, and the rest answers on.

mod cache;
#[cfg(feature = "fuzz")]
pub(crate) mod fuzz;
mod index;
mod read;
mod series;
mod values;
mod verify;
mod write;

pub(crate) use cache::{Asked, PageCache};
pub(crate) use read::{Keep, Scratch};
pub(crate) use series::{PartSeries, SeriesPage};
pub(crate) use values::{Ranks, prefix_of};
pub(crate) use write::PartWriter;

use crate::codec::bytes::{Reader, put_varint};
use crate::codec::pack::{pack, unpack};
use std::io;
use std::path::Path;
use std::sync::Arc;
use values::NamePages;
use watchfire_disk::{BlockError, BlockReader, BlockRef, BlockWriter, Disk, FileKind};
use watchfire_model::TimeRange;

/// The kind and version of the files written here.
pub(crate) const KIND: FileKind = FileKind { magic: *b"WFPART\r\n", version: 1 };
/// Samples in a block at most.
pub(crate) const BLOCK_SAMPLES: usize = 8192;
/// Pages are cut at about this size before packing.
const PAGE_BYTES: usize = 32 << 10;
/// And where they have so many series: who wants one of them unpacks all.
const PAGE_SERIES: u32 = 512;
/// Columns of values are read and checked together up to about this size.
const GROUP_BYTES: usize = 16 << 10;
/// No page unpacks to more: one value's list of series may be long.
const MAX_PAGE_BYTES: usize = 1 << 28;
/// Timestamp columns up to this long stand in the pages that need them.
const INLINE_BYTES: usize = 48;
const PAGE_LEVEL: i32 = 3;

/// A column in a group.
#[derive(Clone, Copy, Debug)]
struct BlockPlace {
    group: BlockRef,
    offset: u32,
    len: u32,
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
    cache: Arc<PageCache>,
}

impl Part {
    /// Opens a part; its pages are kept in `cache`.
    pub(crate) fn open(
        disk: &dyn Disk,
        path: &Path,
        seq: u64,
        day: i64,
        cache: &Arc<PageCache>,
    ) -> Result<Self, BlockError> {
        let reader = BlockReader::open(disk, path, KIND)?;
        let footer = reader.footer()?;
        let summary = Summary::decode(&footer).ok_or_else(|| BlockError::Damaged {
            path: path.to_owned(),
            what: "the footer makes no sense",
        })?;
        Ok(Self { seq, day, summary, reader, cache: Arc::clone(cache) })
    }

    /// Frees the memory its pages take; the file is about to go.
    pub(crate) fn forget_pages(&self) {
        self.cache.forget(self.seq);
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

    fn value_page(&self, block: BlockRef) -> Result<Arc<Vec<u8>>, BlockError> {
        let key = (self.seq, block.offset);
        self.cache.values(key, || self.page(block))
    }

    /// The page that holds a rank; when it cannot be read, why, and the rank behind its last. It is kept in the cache if
    /// `caching`.
    pub(crate) fn series_page(&self, rank: u32, caching: bool) -> Result<Arc<SeriesPage>, (BlockError, u32)> {
        let pages = &self.summary.series_pages;
        let index = pages.partition_point(|(first, _)| *first <= rank);
        let end = pages.get(index).map_or(self.summary.series, |(first, _)| *first);
        let Some((first, block)) = index.checked_sub(1).and_then(|index| pages.get(index)) else {
            return Err((self.nonsense("a page of series is missing"), end));
        };
        let decode = || {
            let page = SeriesPage::decode(*first, &self.page(*block)?);
            page.filter(|page| page.len() == (end - first) as usize)
                .ok_or_else(|| self.nonsense("a page of series makes no sense"))
        };
        let page = if caching {
            self.cache.series((self.seq, block.offset), decode)
        } else {
            decode().map(Arc::new)
        };
        page.map_err(|error| (error, end))
    }
}

fn write_page(writer: &mut BlockWriter, page: &[u8]) -> io::Result<BlockRef> {
    let mut packed = Vec::new();
    put_varint(&mut packed, page.len() as u64);
    packed.extend_from_slice(&pack(page, PAGE_LEVEL)?);
    writer.write_block(&packed)
}

fn put_block_ref(out: &mut Vec<u8>, block: &BlockRef) {
    put_varint(out, block.offset);
    put_varint(out, u64::from(block.len));
    out.extend_from_slice(&block.crc.to_le_bytes());
}

fn take_block_ref(input: &mut Reader<'_>) -> Option<BlockRef> {
    let offset = input.varint()?;
    let len = u32::try_from(input.varint()?).ok()?;
    Some(BlockRef { offset, len, crc: input.u32()? })
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
