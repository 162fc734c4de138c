//! A block's index: symbols, series with the places of their chunks, and postings.
//!
//! The table of contents at the end of the file says where everything lies. The list of postings for no label holds
//! all series in label order. What a reader of all series has no use for (label indices) is not decoded.

use super::bytes::{Bytes, check};
use super::chunk::check_header;
use super::{FormatError, Problem};

const MAGIC: u32 = 0xbaaa_d700;
/// How long the header of an index is.
pub const HEADER_BYTES: usize = 5;
/// How long the table of contents at the end is.
pub const TOC_BYTES: usize = 6 * 8 + 4;
/// Before the bytes that a section's checksum covers stands their number, in so many bytes.
pub const SECTION_LENGTH_BYTES: usize = 4;
/// Behind them stands the checksum.
pub const CHECKSUM_BYTES: usize = 4;
/// Series begin at multiples of this, since version 2.
const SERIES_ALIGNMENT: u64 = 16;
/// No series' entry is longer: 64 labels and a million chunks fit. A longer length is damage.
pub const MAX_SERIES_BYTES: usize = 64 << 20;

/// The version of an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// Until Prometheus 2.0: references are offsets in bytes.
    V1,
    /// Since then: symbols are numbered, series referred to by their offset divided by 16.
    V2,
}

impl Version {
    /// Reads the first [`HEADER_BYTES`] of an index.
    pub fn read(bytes: &[u8]) -> Result<Self, FormatError> {
        let mut input = Bytes::new(bytes, 0, "the header of an index");
        Ok(match check_header(&mut input, MAGIC, "index", 2)? {
            1 => Self::V1,
            _ => Self::V2,
        })
    }

    /// Where in the file the series lies that postings refer to by this number.
    pub fn series_offset(self, reference: u32) -> u64 {
        match self {
            Self::V1 => u64::from(reference),
            Self::V2 => u64::from(reference) * SERIES_ALIGNMENT,
        }
    }

    /// The reference that tombstones and the log know the series at `offset` by.
    pub fn series_reference(self, offset: u64) -> u64 {
        match self {
            Self::V1 => offset,
            Self::V2 => offset / SERIES_ALIGNMENT,
        }
    }

    /// Where the series behind a series that ends at `offset` may begin.
    pub fn next_series(self, offset: u64) -> u64 {
        match self {
            Self::V1 => offset,
            Self::V2 => offset.next_multiple_of(SERIES_ALIGNMENT),
        }
    }
}

/// Where the sections of an index begin; 0 where there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Toc {
    /// The symbol table.
    pub symbols: u64,
    /// The first series.
    pub series: u64,
    /// The first label index, which is where the series end.
    pub label_indices: u64,
    /// The table of label indices.
    pub label_offsets: u64,
    /// The first list of postings.
    pub postings: u64,
    /// The table of postings.
    pub postings_offsets: u64,
}

impl Toc {
    /// Reads the last [`TOC_BYTES`] of an index that is `file_bytes` long.
    pub fn read(bytes: &[u8], file_bytes: u64) -> Result<Self, FormatError> {
        let offset = file_bytes.saturating_sub(TOC_BYTES as u64);
        let mut input = Bytes::new(bytes, offset, "the table of contents");
        let summed = input.take(TOC_BYTES - CHECKSUM_BYTES)?;
        check(summed, input.u32()?, offset, "the table of contents")?;
        let mut input = Bytes::new(summed, offset, "the table of contents");
        let toc = Self {
            symbols: input.u64()?,
            series: input.u64()?,
            label_indices: input.u64()?,
            label_offsets: input.u64()?,
            postings: input.u64()?,
            postings_offsets: input.u64()?,
        };
        let inside = [
            toc.symbols,
            toc.series,
            toc.label_indices,
            toc.label_offsets,
            toc.postings,
            toc.postings_offsets,
        ];
        if inside.iter().any(|section| *section > offset) {
            return Err(FormatError::new(offset, Problem::Nonsense("a section beyond the end of the index")));
        }
        Ok(toc)
    }

    /// Where the series end, as far as the table of contents tells.
    pub fn series_end(&self, file_bytes: u64) -> u64 {
        [self.label_indices, self.postings, self.label_offsets, self.postings_offsets]
            .into_iter()
            .filter(|section| *section > self.series)
            .min()
            .unwrap_or(file_bytes.saturating_sub(TOC_BYTES as u64))
    }
}

/// The length of the section that begins with `bytes`, without that length itself and the checksum.
pub fn section_bytes(bytes: &[u8], offset: u64) -> Result<u32, FormatError> {
    Bytes::new(bytes, offset, "the length of a section").u32()
}

/// The strings of an index.
#[derive(Debug)]
pub struct Symbols {
    version: Version,
    bytes: Vec<u8>,
    /// Where the section's content begins in the file.
    base: u64,
    count: u32,
    /// Where every [`STRIDE`]th symbol begins.
    marks: Vec<u32>,
}

/// Symbols between two that are found directly.
const STRIDE: u32 = 8;

impl Symbols {
    /// Reads the symbol table from its section: what stands between its length and its checksum, which the caller has
    /// compared ([`check_section`]). The section began at `offset` with its length.
    pub fn read(version: Version, section: Vec<u8>, offset: u64) -> Result<Self, FormatError> {
        let base = offset + SECTION_LENGTH_BYTES as u64;
        let mut input = Bytes::new(&section, base, "the symbol table");
        let count = input.u32()?;
        let mut marks = Vec::with_capacity(section.len().min(count as usize) / STRIDE as usize + 1);
        for index in 0..count {
            if index % STRIDE == 0 {
                let at = section.len() - input.len();
                marks.push(
                    u32::try_from(at).map_err(|_| input.nonsense("a symbol table of more than 4 GiB"))?,
                );
            }
            input.string()?;
        }
        Ok(Self { version, bytes: section, base, count, marks })
    }

    /// The symbol that series refer to by this number.
    pub fn get(&self, reference: u32) -> Option<&str> {
        let (start, skip) = match self.version {
            Version::V1 => (u64::from(reference).checked_sub(self.base)?, 0),
            Version::V2 if reference < self.count => {
                (u64::from(*self.marks.get((reference / STRIDE) as usize)?), reference % STRIDE)
            }
            Version::V2 => return None,
        };
        let rest = self.bytes.get(usize::try_from(start).ok()?..)?;
        let mut input = Bytes::new(rest, 0, "a symbol");
        for _ in 0..skip {
            let len = input.uvarint().ok()?;
            input.take(usize::try_from(len).ok()?).ok()?;
        }
        input.string().ok()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.count as usize
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}

/// Compares the checksum of a section's content with the one behind it. `got` is over the content.
pub fn check_section(got: u32, behind: &[u8], offset: u64, what: &'static str) -> Result<(), FormatError> {
    let expected = Bytes::new(behind, offset, what).u32()?;
    if got == expected {
        return Ok(());
    }
    Err(FormatError::new(offset, Problem::Checksum { what, got, expected }))
}

/// Where a chunk lies, and what times it has samples of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkPlace {
    /// Time of the first sample, in milliseconds since the Unix epoch.
    pub min_ms: i64,
    /// Time of the last sample.
    pub max_ms: i64,
    /// Number of the file in `chunks/`, from 0: `chunks/000001` is 0.
    pub segment: u32,
    /// Where in that file.
    pub offset: u32,
}

/// A series of an index, read again and again into the same memory.
#[derive(Clone, Debug, Default)]
pub struct SeriesEntry {
    /// Names and values, as references for [`Symbols::get`].
    pub labels: Vec<(u32, u32)>,
    /// Its chunks in time order.
    pub chunks: Vec<ChunkPlace>,
}

/// How many bytes the series' entry takes that begins with `bytes`; ten are enough.
pub fn series_bytes(bytes: &[u8], offset: u64) -> Result<usize, FormatError> {
    let mut input = Bytes::new(bytes, offset, "a series");
    let len = input.uvarint()?;
    let len = usize::try_from(len).ok().filter(|len| *len <= MAX_SERIES_BYTES);
    let len = len.ok_or_else(|| input.nonsense("a series of impossible length"))?;
    Ok(bytes.len() - input.len() + len + CHECKSUM_BYTES)
}

impl SeriesEntry {
    /// Reads the series that begins with `bytes`, at `offset` in the index.
    pub fn read(&mut self, bytes: &[u8], offset: u64) -> Result<(), FormatError> {
        self.labels.clear();
        self.chunks.clear();
        let mut input = Bytes::new(bytes, offset, "a series");
        let len = input.uvarint()?;
        let content_offset = input.offset();
        let content = input.take(usize::try_from(len).map_err(|_| input.truncated())?)?;
        check(content, input.u32()?, offset, "a series")?;
        let mut input = Bytes::new(content, content_offset, "a series");
        for _ in 0..input.count(2)? {
            self.labels.push((input.uvarint32()?, input.uvarint32()?));
        }
        let (mut last_ms, mut reference) = (0_i64, 0_i64);
        for index in 0..input.count(3)? {
            let min_ms = if index == 0 {
                input.varint()?
            } else {
                last_ms.wrapping_add(input.uvarint()?.cast_signed())
            };
            let max_ms = min_ms.wrapping_add(input.uvarint()?.cast_signed());
            reference = if index == 0 {
                input.uvarint()?.cast_signed()
            } else {
                reference.wrapping_add(input.varint()?)
            };
            last_ms = max_ms;
            let place = reference.cast_unsigned();
            let (segment, offset) = ((place >> 32) as u32, place as u32);
            self.chunks.push(ChunkPlace { min_ms, max_ms, segment, offset });
        }
        Ok(())
    }
}

/// Where the list of postings for a label lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PostingsPlace<'a> {
    /// The label's name; empty in the list of all series.
    pub name: &'a str,
    /// Its value.
    pub value: &'a str,
    /// Where the list begins in the index.
    pub offset: u64,
}

/// The first entry of the table of postings, whose section content begins with `bytes` at `offset`: the list of all
/// series, where the index was written whole. `None` in an empty table.
pub fn first_postings(bytes: &[u8], offset: u64) -> Result<Option<PostingsPlace<'_>>, FormatError> {
    let mut input = Bytes::new(bytes, offset, "the table of postings");
    if input.u32()? == 0 {
        return Ok(None);
    }
    if input.uvarint()? != 2 {
        return Err(input.nonsense("postings for something else than a name and a value"));
    }
    Ok(Some(PostingsPlace { name: input.string()?, value: input.string()?, offset: input.uvarint()? }))
}

/// The references in a list of postings, from its section content at `offset`, whose checksum was compared.
pub fn read_postings(content: &[u8], offset: u64) -> Result<Vec<u32>, FormatError> {
    let mut input = Bytes::new(content, offset, "a list of postings");
    let count = input.u32()? as usize;
    if count * 4 != input.len() {
        return Err(input.nonsense("a list of postings that is not as long as it says"));
    }
    let (numbers, _) = input.rest().as_chunks::<4>();
    Ok(numbers.iter().map(|number| u32::from_be_bytes(*number)).collect())
}

#[cfg(test)]
mod tests;
