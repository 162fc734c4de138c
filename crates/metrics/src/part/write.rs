//! Writing a part, series by series in label order.

use super::{BLOCK_SAMPLES, HAS_HISTOGRAMS, HAS_STARTS, INLINE_BYTES, KIND, PAGE_BYTES, Place, Summary};
use crate::codec::bytes::{put_signed, put_sized, put_varint};
use crate::codec::floats::put_floats;
use crate::codec::ints::put_ints;
use crate::codec::pack::pack;
use hashbrown::{DefaultHashBuilder, HashMap};
use roaring::RoaringBitmap;
use std::collections::BTreeMap;
use std::hash::BuildHasher;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use watchfire_disk::{BlockRef, BlockWriter, Disk};
use watchfire_model::{Labels, Samples};

const PAGE_LEVEL: i32 = 3;

#[derive(Debug)]
pub(crate) struct PartWriter {
    writer: BlockWriter,
    summary: Summary,
    page: Vec<u8>,
    page_first: u32,
    postings: BTreeMap<String, BTreeMap<String, RoaringBitmap>>,
    /// Timestamp columns written, by two independent hashes of theirs.
    columns: HashMap<(u64, u64), Place>,
    hashers: (DefaultHashBuilder, DefaultHashBuilder),
    column: Vec<u8>,
}

impl PartWriter {
    /// Starts the part `dir/name` with what its footer is to say.
    pub(crate) fn create(
        disk: Arc<dyn Disk>,
        dir: &Path,
        name: &str,
        order: u64,
        level: u32,
        replaces: Vec<u64>,
    ) -> io::Result<Self> {
        disk.create_dir_all(dir)?;
        let writer = BlockWriter::create(disk, dir, name, KIND)?;
        let summary =
            Summary { min_ms: i64::MAX, max_ms: i64::MIN, order, level, replaces, ..Summary::default() };
        Ok(Self {
            writer,
            summary,
            page: Vec::new(),
            page_first: 0,
            postings: BTreeMap::new(),
            columns: HashMap::new(),
            hashers: Default::default(),
            column: Vec::new(),
        })
    }

    /// Adds a series, later in label order than all before, with the samples of `range`.
    pub(crate) fn add(&mut self, labels: &Labels, samples: &Samples, range: Range<usize>) -> io::Result<()> {
        if range.is_empty() {
            return Ok(());
        }
        let rank = self.summary.series;
        self.summary.series += 1;
        self.summary.samples += range.len() as u64;
        for (name, value) in labels {
            if !self.postings.contains_key(name) {
                self.postings.insert(name.to_owned(), BTreeMap::new());
            }
            let Some(values) = self.postings.get_mut(name) else { continue };
            match values.get_mut(value) {
                Some(ids) => {
                    ids.insert(rank);
                }
                None => {
                    values.insert(value.to_owned(), RoaringBitmap::from_iter([rank]));
                }
            }
        }
        put_sized(&mut self.page, labels.as_bytes());
        put_varint(&mut self.page, range.len().div_ceil(BLOCK_SAMPLES) as u64);
        for from in range.clone().step_by(BLOCK_SAMPLES) {
            self.add_block(samples, from..(from + BLOCK_SAMPLES).min(range.end))?;
        }
        if self.page.len() >= PAGE_BYTES {
            self.end_page()?;
        }
        Ok(())
    }

    fn add_block(&mut self, samples: &Samples, range: Range<usize>) -> io::Result<()> {
        let timestamps = samples.timestamps_ms.get(range.clone()).unwrap_or_default();
        let (Some(first), Some(last)) = (timestamps.first(), timestamps.last()) else { return Ok(()) };
        self.summary.min_ms = self.summary.min_ms.min(*first);
        self.summary.max_ms = self.summary.max_ms.max(*last);
        let histograms = samples.histograms.get(range.clone()).unwrap_or_default();
        let mixed = histograms.iter().any(Option::is_some);
        let starts = samples.start_timestamps_ms.get(range.clone()).unwrap_or_default();
        let started = starts.iter().any(|start| *start != 0);
        let flags = if mixed { HAS_HISTOGRAMS } else { 0 } | if started { HAS_STARTS } else { 0 };
        self.page.push(flags);
        put_varint(&mut self.page, timestamps.len() as u64);
        put_signed(&mut self.page, *first);
        put_varint(&mut self.page, last.abs_diff(*first));
        let key = (self.hashers.0.hash_one(timestamps), self.hashers.1.hash_one(timestamps));
        if let Some(place) = self.columns.get(&key) {
            put_place(&mut self.page, place);
        } else {
            self.column.clear();
            put_ints(&mut self.column, timestamps);
            let place = self.place()?;
            put_place(&mut self.page, &place);
            self.columns.insert(key, place);
        }
        self.column.clear();
        if started {
            put_ints(&mut self.column, starts);
        }
        let floats = samples.floats.get(range).unwrap_or_default();
        if mixed {
            let mut plain = Vec::new();
            for (float, histogram) in floats.iter().zip(histograms) {
                plain.push(u8::from(histogram.is_some()));
                match histogram {
                    Some(histogram) => histogram.encode(&mut plain),
                    None => plain.extend_from_slice(&float.to_le_bytes()),
                }
            }
            put_varint(&mut self.column, plain.len() as u64);
            self.column.extend_from_slice(&pack(&plain, PAGE_LEVEL)?);
        } else {
            put_floats(&mut self.column, floats);
        }
        let place = self.place()?;
        put_place(&mut self.page, &place);
        Ok(())
    }

    /// Puts the finished column where it belongs.
    fn place(&mut self) -> io::Result<Place> {
        if self.column.len() <= INLINE_BYTES {
            return Ok(Place::Inline(self.column.clone()));
        }
        Ok(Place::At(self.writer.write_block(&self.column)?))
    }

    fn end_page(&mut self) -> io::Result<()> {
        if !self.page.is_empty() {
            let block = write_page(&mut self.writer, &self.page)?;
            self.summary.series_pages.push((self.page_first, block));
            self.page.clear();
        }
        self.page_first = self.summary.series;
        Ok(())
    }

    /// Writes the index and publishes the part; `None`, and no file, when it has no series.
    pub(crate) fn finish(mut self) -> io::Result<Option<u64>> {
        if self.summary.series == 0 {
            return Ok(None);
        }
        self.end_page()?;
        let mut footer = Vec::new();
        put_signed(&mut footer, self.summary.min_ms);
        put_signed(&mut footer, self.summary.max_ms);
        put_varint(&mut footer, self.summary.samples);
        put_varint(&mut footer, u64::from(self.summary.series));
        put_varint(&mut footer, self.summary.order);
        put_varint(&mut footer, u64::from(self.summary.level));
        put_varint(&mut footer, self.summary.replaces.len() as u64);
        for seq in &self.summary.replaces {
            put_varint(&mut footer, *seq);
        }
        put_varint(&mut footer, self.summary.series_pages.len() as u64);
        for (first, block) in &self.summary.series_pages {
            put_varint(&mut footer, u64::from(*first));
            put_block_ref(&mut footer, block);
        }
        put_varint(&mut footer, self.postings.len() as u64);
        for (name, values) in std::mem::take(&mut self.postings) {
            let pages = self.value_pages(values)?;
            put_sized(&mut footer, name.as_bytes());
            put_varint(&mut footer, pages.len() as u64);
            for (first, block) in pages {
                put_sized(&mut footer, first.as_bytes());
                put_block_ref(&mut footer, &block);
            }
        }
        self.writer.finish(&footer).map(Some)
    }

    fn value_pages(
        &mut self,
        values: BTreeMap<String, RoaringBitmap>,
    ) -> io::Result<Vec<(String, BlockRef)>> {
        let mut pages = Vec::new();
        let (mut page, mut first) = (Vec::new(), None);
        for (value, mut ids) in values {
            put_sized(&mut page, value.as_bytes());
            match ids.min().filter(|_| ids.len() == 1) {
                Some(id) => {
                    page.push(0);
                    put_varint(&mut page, u64::from(id));
                }
                None => {
                    ids.optimize();
                    page.push(1);
                    let mut bytes = Vec::with_capacity(ids.serialized_size());
                    ids.serialize_into(&mut bytes)?;
                    put_sized(&mut page, &bytes);
                }
            }
            first.get_or_insert(value);
            if page.len() >= PAGE_BYTES {
                let block = write_page(&mut self.writer, &page)?;
                pages.extend(first.take().map(|first| (first, block)));
                page.clear();
            }
        }
        if let Some(first) = first {
            pages.push((first, write_page(&mut self.writer, &page)?));
        }
        Ok(pages)
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

fn put_place(out: &mut Vec<u8>, place: &Place) {
    match place {
        Place::Inline(bytes) => {
            out.push(0);
            put_sized(out, bytes);
        }
        Place::At(block) => {
            out.push(1);
            put_block_ref(out, block);
        }
    }
}
