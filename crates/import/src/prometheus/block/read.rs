//! A block's series in label order, with their samples.

use super::super::window::Window;
use crate::selection::retain;
use crate::{Choice, Watch};
use hashbrown::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use watchfire_disk::Disk;
use watchfire_model::{Labels, Samples, TimeRange};
use watchfire_wire::prometheus_block::chunk::{
    MAX_FRAME_HEADER_BYTES, SEGMENT_HEADER_BYTES, check_segment_header, decode, frame_bytes, read_frame,
};
use watchfire_wire::prometheus_block::index::{
    CHECKSUM_BYTES, ChunkPlace, HEADER_BYTES, SECTION_LENGTH_BYTES, SeriesEntry, Symbols, TOC_BYTES, Toc,
    Version, check_section, first_postings, read_postings, section_bytes, series_bytes,
};
use watchfire_wire::prometheus_block::{FormatError, tombstones};

/// Summed in pieces of this size where a section is not wanted in memory.
const PIECE_BYTES: usize = 1 << 20;
const MAX_TOMBSTONES_BYTES: u64 = 1 << 30;

/// Why a block cannot be read at all.
#[derive(Debug, thiserror::Error)]
pub(super) enum Problem {
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{} at {source}", path.display())]
    Format { path: PathBuf, source: FormatError },
}

/// Which series there are.
#[derive(Debug)]
enum Series {
    /// As the list of all series tells.
    Listed { references: Vec<u32>, next: usize },
    /// One after the other, as that list is damaged.
    Scanned { next: u64, end: u64 },
}

pub(super) struct BlockReader<'a> {
    disk: &'a dyn Disk,
    path: PathBuf,
    index: Window,
    version: Version,
    symbols: Symbols,
    series: Series,
    /// The file of chunks that was read last.
    segment: Option<(u32, Window)>,
    /// Files of chunks that cannot be read; each is told once.
    lost_segments: Vec<u32>,
    deleted: HashMap<u64, Vec<TimeRange>>,
    entry: SeriesEntry,
    labels: Labels,
    /// Damaged places told.
    damage: u64,
}

impl<'a> BlockReader<'a> {
    pub(super) fn open(disk: &'a dyn Disk, path: &Path, watch: &mut dyn Watch) -> Result<Self, Problem> {
        let index_path = path.join("index");
        let mut index = Window::open(disk, &index_path)
            .map_err(|source| Problem::Io { path: index_path.clone(), source })?;
        let version = read(&mut index, 0, HEADER_BYTES, |bytes, _| Version::read(bytes))?;
        let len = index.len();
        let toc_offset = len.saturating_sub(TOC_BYTES as u64);
        let toc = read(&mut index, toc_offset, TOC_BYTES, |bytes, _| Toc::read(bytes, len))?;
        let section = section(&mut index, toc.symbols, "the symbol table")?;
        let symbols = Symbols::read(version, section, toc.symbols)
            .map_err(|source| Problem::Format { path: index_path.clone(), source })?;
        let mut damage = 0;
        let series = match listed(&mut index, &toc) {
            Ok(references) => Series::Listed { references, next: 0 },
            Err(problem) => {
                damage = 1;
                watch.damaged(format!("{problem}; the series are looked for one after the other instead"));
                Series::Scanned { next: version.next_series(toc.series), end: toc.series_end(len) }
            }
        };
        let mut reader = Self {
            disk,
            path: path.to_owned(),
            index,
            version,
            symbols,
            series,
            segment: None,
            lost_segments: Vec::new(),
            deleted: HashMap::new(),
            entry: SeriesEntry::default(),
            labels: Labels::empty(),
            damage,
        };
        reader.read_tombstones(watch);
        Ok(reader)
    }

    fn read_tombstones(&mut self, watch: &mut dyn Watch) {
        let path = self.path.join("tombstones");
        let bytes = match super::super::read_small(self.disk, &path, MAX_TOMBSTONES_BYTES) {
            Ok(None) => return,
            Ok(Some(bytes)) => bytes,
            Err(error) => {
                self.tell(format!("{}: {error}; what was deleted is imported too", path.display()), watch);
                return;
            }
        };
        match tombstones::read(&bytes) {
            Ok(stones) => {
                for stone in stones {
                    let range = TimeRange::new(stone.min_ms, stone.max_ms);
                    self.deleted.entry(stone.series).or_default().push(range);
                }
            }
            Err(error) => {
                self.tell(format!("{} at {error}; what was deleted is imported too", path.display()), watch);
            }
        }
    }

    /// How many damaged places were told.
    pub(super) fn damage(&self) -> u64 {
        self.damage
    }

    fn tell(&mut self, text: String, watch: &mut dyn Watch) {
        self.damage += 1;
        watch.damaged(text);
    }

    /// Leaves out the series up to this position.
    pub(super) fn skip_to(&mut self, position: u64) {
        let version = self.version;
        match &mut self.series {
            Series::Listed { references, next } => {
                *next = references.partition_point(|reference| version.series_offset(*reference) <= position);
            }
            Series::Scanned { next, .. } => *next = (*next).max(position),
        }
    }

    /// How much of the block was read, from 0 to 1.
    pub(super) fn done(&self) -> f64 {
        match &self.series {
            Series::Listed { references, next } => *next as f64 / (references.len() as f64).max(1.0),
            Series::Scanned { next, end } => *next as f64 / (*end as f64).max(1.0),
        }
    }

    /// The labels of the series that was read last.
    pub(super) fn labels(&self) -> &Labels {
        &self.labels
    }

    /// Reads the next series that is wanted; its position, or `None` at the end. What is damaged is told and left out.
    pub(super) fn next(
        &mut self,
        choice: &Choice,
        samples: &mut Samples,
        watch: &mut dyn Watch,
    ) -> Option<u64> {
        loop {
            let (offset, scanned) = match &mut self.series {
                Series::Listed { references, next } => {
                    let reference = references.get(*next)?;
                    *next += 1;
                    (self.version.series_offset(*reference), false)
                }
                Series::Scanned { next, end } => {
                    if *next >= *end {
                        return None;
                    }
                    (*next, true)
                }
            };
            let found = self.read_entry(offset);
            if scanned {
                self.step_over(offset, &found);
                if found.is_err() {
                    continue;
                }
            }
            if let Err(problem) = found {
                self.tell(format!("{problem}; the series is left out"), watch);
                continue;
            }
            let Some(labels) = self.entry_labels() else {
                let path = self.index.path().display();
                self.tell(
                    format!("{path} at byte {offset}: a series of unknown symbols; it is left out"),
                    watch,
                );
                continue;
            };
            if !choice.wants(&labels) {
                continue;
            }
            self.labels = labels;
            self.read_samples(offset, choice, samples, watch);
            return Some(offset);
        }
    }

    /// Moves on from a series that was read, or to where the next may begin.
    fn step_over(&mut self, offset: u64, found: &Result<usize, Problem>) {
        let version = self.version;
        if let Series::Scanned { next, end } = &mut self.series {
            *next = match (found, version) {
                (Ok(len), _) => version.next_series(offset + *len as u64),
                (Err(_), Version::V2) => version.next_series(offset + 1),
                // Without alignment there is no telling where the next one begins.
                (Err(_), Version::V1) => *end,
            };
        }
    }

    fn read_entry(&mut self, offset: u64) -> Result<usize, Problem> {
        let len = read(&mut self.index, offset, 10, series_bytes)?;
        let entry = &mut self.entry;
        read(&mut self.index, offset, len, |bytes, offset| entry.read(bytes, offset))?;
        Ok(len)
    }

    fn entry_labels(&self) -> Option<Labels> {
        let pairs: Option<Vec<(&str, &str)>> = self
            .entry
            .labels
            .iter()
            .map(|(name, value)| Some((self.symbols.get(*name)?, self.symbols.get(*value)?)))
            .collect();
        pairs.map(Labels::from_pairs)
    }

    fn read_samples(&mut self, offset: u64, choice: &Choice, samples: &mut Samples, watch: &mut dyn Watch) {
        samples.clear();
        let range = choice.range;
        let chunks = std::mem::take(&mut self.entry.chunks);
        for chunk in &chunks {
            if !range.overlaps(TimeRange::new(chunk.min_ms, chunk.max_ms)) {
                continue;
            }
            if let Err(problem) = self.read_chunk(chunk, samples)
                && !self.lost_segments.contains(&chunk.segment)
            {
                if self.segment.as_ref().is_none_or(|(number, _)| *number != chunk.segment) {
                    self.lost_segments.push(chunk.segment);
                    self.tell(format!("{problem}; the chunks in it are left out"), watch);
                } else {
                    self.tell(format!("{problem}; the chunk, of {}, is left out", self.labels), watch);
                }
            }
        }
        self.entry.chunks = chunks;
        let inside = |range: TimeRange, at: Option<&i64>| at.is_none_or(|at| range.contains(*at));
        let times = &samples.timestamps_ms;
        if !inside(range, times.first()) || !inside(range, times.last()) {
            retain(samples, |at| range.contains(at));
        }
        if let Some(deleted) = self.deleted.get(&self.version.series_reference(offset)) {
            retain(samples, |at| !deleted.iter().any(|range| range.contains(at)));
        }
    }

    fn read_chunk(&mut self, chunk: &ChunkPlace, samples: &mut Samples) -> Result<(), Problem> {
        let window = self.segment(chunk.segment)?;
        let offset = u64::from(chunk.offset);
        let len = read(window, offset, MAX_FRAME_HEADER_BYTES, frame_bytes)?;
        read(window, offset, len, |bytes, offset| {
            let frame = read_frame(bytes, offset)?;
            decode(frame.encoding, frame.data, samples).map_err(|problem| FormatError { offset, problem })
        })
    }

    fn segment(&mut self, number: u32) -> Result<&mut Window, Problem> {
        if self.segment.as_ref().is_none_or(|(open, _)| *open != number) {
            // Files are numbered from 1, references from 0.
            let path = self.path.join("chunks").join(format!("{:06}", u64::from(number) + 1));
            self.segment = None;
            let mut window = Window::open(self.disk, &path).map_err(|source| Problem::Io { path, source })?;
            read(&mut window, 0, SEGMENT_HEADER_BYTES, |bytes, _| check_segment_header(bytes))?;
            self.segment = Some((number, window));
        }
        match &mut self.segment {
            Some((_, window)) => Ok(window),
            None => Err(Problem::Io { path: self.path.clone(), source: io::ErrorKind::NotFound.into() }),
        }
    }
}

/// Decodes what stands at `offset`, of which up to `len` bytes are read.
fn read<T>(
    window: &mut Window,
    offset: u64,
    len: usize,
    decode: impl FnOnce(&[u8], u64) -> Result<T, FormatError>,
) -> Result<T, Problem> {
    match window.at(offset, len) {
        Ok(bytes) => match decode(bytes, offset) {
            Ok(decoded) => Ok(decoded),
            Err(source) => Err(Problem::Format { path: window.path().to_owned(), source }),
        },
        Err(source) => Err(Problem::Io { path: window.path().to_owned(), source }),
    }
}

/// The content of a section, its checksum compared.
fn section(window: &mut Window, offset: u64, what: &'static str) -> Result<Vec<u8>, Problem> {
    let len = read(window, offset, SECTION_LENGTH_BYTES, section_bytes)? as usize;
    let start = offset + SECTION_LENGTH_BYTES as u64;
    let mut content = read(window, start, len + CHECKSUM_BYTES, |bytes, _| Ok(bytes.to_vec()))?;
    let behind = content.split_off(content.len().min(len));
    check_section(crc32c::crc32c(&content), &behind, offset, what)
        .map_err(|source| Problem::Format { path: window.path().to_owned(), source })?;
    Ok(content)
}

/// The references of all series, ascending.
fn listed(window: &mut Window, toc: &Toc) -> Result<Vec<u32>, Problem> {
    const WHAT: &str = "the table of postings";
    let table = toc.postings_offsets;
    let len = u64::from(read(window, table, SECTION_LENGTH_BYTES, section_bytes)?);
    let start = table + SECTION_LENGTH_BYTES as u64;
    let first = read(window, start, 64, |bytes, offset| {
        let place = first_postings(bytes, offset)?;
        Ok(place.filter(|place| place.name.is_empty() && place.value.is_empty()).map(|place| place.offset))
    })?;
    let mut sum = 0;
    let mut at = start;
    while at < start + len {
        let piece = usize::try_from(start + len - at).unwrap_or(usize::MAX).min(PIECE_BYTES);
        let taken = read(window, at, piece, |bytes, _| {
            sum = crc32c::crc32c_append(sum, bytes);
            Ok(bytes.len())
        })?;
        at += (taken as u64).max(1);
    }
    read(window, start + len, CHECKSUM_BYTES, |behind, _| check_section(sum, behind, table, WHAT))?;
    let nonsense = |what| Problem::Format {
        path: window.path().to_owned(),
        source: FormatError {
            offset: table,
            problem: watchfire_wire::prometheus_block::Problem::Nonsense(what),
        },
    };
    let offset = first.ok_or_else(|| nonsense("the list of all series is missing"))?;
    let content = section(window, offset, "the list of all series")?;
    let references = read_postings(&content, offset)
        .map_err(|source| Problem::Format { path: window.path().to_owned(), source })?;
    if !references.is_sorted() {
        let source = FormatError {
            offset,
            problem: watchfire_wire::prometheus_block::Problem::Nonsense(
                "the list of all series is not sorted",
            ),
        };
        return Err(Problem::Format { path: window.path().to_owned(), source });
    }
    Ok(references)
}
