//! Writing a part, series by series in label order.

use super::index::IndexWriter;
use super::series::{HAS_HISTOGRAMS, HAS_STARTS, PageBuilder, Place, Timeline};
use super::{
    BLOCK_SAMPLES, GROUP_BYTES, INLINE_BYTES, KIND, PAGE_BYTES, PAGE_LEVEL, PAGE_SERIES, Summary,
    put_block_ref, write_page,
};
use crate::codec::bytes::{put_signed, put_sized, put_varint};
use crate::codec::floats::put_floats;
use crate::codec::ints::put_ints;
use crate::codec::pack::pack;
use hashbrown::{DefaultHashBuilder, HashMap};
use std::hash::BuildHasher;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use watchfire_disk::{BlockWriter, Disk};
use watchfire_model::{Labels, Samples, TimeRange};

/// About what it takes to remember where a timestamp column is.
const COLUMN_BYTES: usize = 64;

/// Two independent hashes of timestamps, which stand for them.
type TimelineKey = (u64, u64);

#[derive(Debug)]
pub(crate) struct PartWriter {
    writer: BlockWriter,
    summary: Summary,
    page: PageBuilder,
    page_first: u32,
    /// The timelines on this page.
    on_page: HashMap<TimelineKey, u32>,
    /// The columns of values that are not written yet.
    group: Vec<u8>,
    index: IndexWriter,
    /// Where the timestamp columns written so far are.
    columns: HashMap<TimelineKey, Place>,
    max_columns: usize,
    hashers: (DefaultHashBuilder, DefaultHashBuilder),
}

impl PartWriter {
    /// Starts the part `dir/name` with what its footer is to say. About `max_bytes` of memory hold what belongs to its
    /// end: the rest of the index goes to files beside it, and timestamps are shared with fewer series.
    pub(crate) fn create(
        disk: Arc<dyn Disk>,
        dir: &Path,
        name: &str,
        (order, level, replaces): (u64, u32, Vec<u64>),
        max_bytes: usize,
    ) -> io::Result<Self> {
        disk.create_dir_all(dir)?;
        let index = IndexWriter::new(Arc::clone(&disk), dir, name, max_bytes);
        let writer = BlockWriter::create(disk, dir, name, KIND)?;
        let summary =
            Summary { min_ms: i64::MAX, max_ms: i64::MIN, order, level, replaces, ..Summary::default() };
        Ok(Self {
            writer,
            summary,
            page: PageBuilder::default(),
            page_first: 0,
            on_page: HashMap::new(),
            group: Vec::new(),
            index,
            columns: HashMap::new(),
            max_columns: max_bytes / COLUMN_BYTES,
            hashers: Default::default(),
        })
    }

    /// What was added so far.
    pub(crate) fn summary(&self) -> &Summary {
        &self.summary
    }

    /// Adds a series, later in label order than all before, with the samples of `range`.
    pub(crate) fn add(&mut self, labels: &Labels, samples: &Samples, range: Range<usize>) -> io::Result<()> {
        if range.is_empty() {
            return Ok(());
        }
        if self.page.len() >= PAGE_BYTES || self.page.series_count >= PAGE_SERIES {
            self.end_page()?;
        }
        self.index.add(labels, self.summary.series)?;
        self.summary.series += 1;
        self.summary.samples += range.len() as u64;
        self.page.add_series(labels, range.len().div_ceil(BLOCK_SAMPLES));
        for from in range.clone().step_by(BLOCK_SAMPLES) {
            self.add_block(samples, from..(from + BLOCK_SAMPLES).min(range.end))?;
        }
        Ok(())
    }

    fn add_block(&mut self, samples: &Samples, range: Range<usize>) -> io::Result<()> {
        if self.group.len() >= GROUP_BYTES {
            self.end_group()?;
        }
        let timestamps = samples.timestamps_ms.get(range.clone()).unwrap_or_default();
        let histograms = samples.histograms.get(range.clone()).unwrap_or_default();
        let mixed = histograms.iter().any(Option::is_some);
        let starts = samples.start_timestamps_ms.get(range.clone()).unwrap_or_default();
        let started = starts.iter().any(|start| *start != 0);
        let flags = if mixed { HAS_HISTOGRAMS } else { 0 } | if started { HAS_STARTS } else { 0 };
        let timeline = self.timeline(timestamps)?;
        let begin = self.group.len();
        if started {
            put_ints(&mut self.group, starts);
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
            put_varint(&mut self.group, plain.len() as u64);
            self.group.extend_from_slice(&pack(&plain, PAGE_LEVEL)?);
        } else {
            put_floats(&mut self.group, floats);
        }
        self.page.add_block(timeline, flags, self.group.len() - begin);
        Ok(())
    }

    /// The number on this page of the timeline with these timestamps, which are written if they are new.
    fn timeline(&mut self, timestamps: &[i64]) -> io::Result<u32> {
        let key = (self.hashers.0.hash_one(timestamps), self.hashers.1.hash_one(timestamps));
        if let Some(number) = self.on_page.get(&key) {
            return Ok(*number);
        }
        let (Some(first), Some(last)) = (timestamps.first(), timestamps.last()) else { return Ok(0) };
        self.summary.min_ms = self.summary.min_ms.min(*first);
        self.summary.max_ms = self.summary.max_ms.max(*last);
        let column = match self.columns.get(&key) {
            Some(place) => place.clone(),
            None => {
                let mut column = Vec::new();
                put_ints(&mut column, timestamps);
                if column.len() <= INLINE_BYTES {
                    Place::Inline(column.into())
                } else {
                    if self.columns.len() >= self.max_columns {
                        self.columns.clear();
                    }
                    let place = Place::At(self.writer.write_block(&column)?);
                    self.columns.insert(key, place.clone());
                    place
                }
            }
        };
        let range = TimeRange::new(*first, *last);
        let number = self.page.add_timeline(&Timeline { count: timestamps.len(), range, column });
        self.on_page.insert(key, number);
        Ok(number)
    }

    fn end_group(&mut self) -> io::Result<()> {
        if self.group.is_empty() {
            return Ok(());
        }
        let block = self.writer.write_block(&self.group)?;
        self.page.add_group(&block);
        self.group.clear();
        Ok(())
    }

    fn end_page(&mut self) -> io::Result<()> {
        self.end_group()?;
        if self.page.series_count > 0 {
            let block = write_page(&mut self.writer, &self.page.finish())?;
            self.summary.series_pages.push((self.page_first, block));
        }
        self.on_page.clear();
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
        let names = self.index.write(&mut self.writer)?;
        put_varint(&mut footer, names.len() as u64);
        for entry in names {
            put_sized(&mut footer, entry.name.as_bytes());
            put_varint(&mut footer, entry.pages.len() as u64);
            for (first, block) in entry.pages {
                put_sized(&mut footer, first.as_bytes());
                put_block_ref(&mut footer, &block);
            }
        }
        self.writer.finish(&footer).map(Some)
    }
}
