//! The write-ahead log (`wal/*`, `wal/checkpoint.*`, `wbl/*`): pages of fragments, which make up records.
//!
//! A segment is handed in page by page, and [`Records`] hands out whole records, decompressed. A damaged fragment costs
//! the record it belongs to and those behind it in its page; reading goes on with the next page.

mod record;

pub use record::{RecordSink, decode};

use super::bytes::{Bytes, check};
use super::{FormatError, Problem};
use zstd::zstd_safe::get_frame_content_size;

/// How long a page is; the last of a segment may be shorter.
pub const PAGE_BYTES: usize = 32 << 10;
/// No record is larger when decompressed.
const MAX_RECORD_BYTES: usize = 256 << 20;

const TYPE_MASK: u8 = 0b0000_0111;
const SNAPPY: u8 = 0b0000_1000;
const ZSTD: u8 = 0b0001_0000;

/// Puts fragments together.
pub struct Records {
    /// The record whose fragments are being read; the first of them began there.
    open: Option<u64>,
    /// A record that began and never ended, and was not told yet.
    torn: Option<u64>,
    record: Vec<u8>,
    plain: Vec<u8>,
    zstd: Option<zstd::bulk::Decompressor<'static>>,
}

impl std::fmt::Debug for Records {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Records").field("open", &self.open).finish_non_exhaustive()
    }
}

impl Default for Records {
    fn default() -> Self {
        Self::new()
    }
}

impl Records {
    /// Reads a segment from its start.
    pub fn new() -> Self {
        Self { open: None, torn: None, record: Vec::new(), plain: Vec::new(), zstd: None }
    }

    /// Reads a page that begins at `offset` in its segment. `take` is handed every whole record, or what was damaged.
    pub fn page(&mut self, page: &[u8], offset: u64, mut take: impl FnMut(Result<&[u8], FormatError>)) {
        let mut input = Bytes::new(page, offset, "a record");
        while !input.is_empty() {
            let step = self.fragment(&mut input);
            if let Some(torn) = self.torn.take() {
                take(Err(FormatError::new(torn, Problem::Truncated("a record"))));
            }
            match step {
                Ok(Step::Record(compression, at)) => match self.decompressed(compression, at) {
                    Ok(record) => take(Ok(record)),
                    Err(error) => take(Err(error)),
                },
                Ok(Step::More) => {}
                Ok(Step::PageEnds) => return,
                Err(error) => {
                    self.open = None;
                    take(Err(error));
                    return;
                }
            }
        }
    }

    /// Ends a segment: an error when its last record is not whole, as after a crash.
    pub fn finish(&mut self) -> Result<(), FormatError> {
        match self.open.take() {
            Some(began) => Err(FormatError::new(began, Problem::Truncated("a record"))),
            None => Ok(()),
        }
    }

    fn fragment(&mut self, input: &mut Bytes<'_>) -> Result<Step, FormatError> {
        let offset = input.offset();
        let flags = input.u8()?;
        if flags & TYPE_MASK == 0 {
            return Ok(Step::PageEnds);
        }
        let len = usize::from(input.u16()?);
        let expected = input.u32()?;
        let data = input.take(len)?;
        check(data, expected, offset, "a record of the log")?;
        let begins = matches!(flags & TYPE_MASK, 1 | 2);
        match (begins, self.open) {
            (true, None) => self.start(data, offset),
            (true, Some(torn)) => {
                // The writer stopped within a record and went on with the next: only the torn one is lost.
                self.start(data, offset);
                self.torn = Some(torn);
            }
            (false, Some(_)) if self.record.len() + len <= MAX_RECORD_BYTES => {
                self.record.extend_from_slice(data);
            }
            (false, Some(at)) => {
                self.open = None;
                return Err(FormatError::new(at, Problem::Nonsense("a record of impossible length")));
            }
            // After damage the rest of a record comes without its beginning; its loss was told there.
            (false, None) => return Ok(Step::More),
        }
        match flags & TYPE_MASK {
            1 | 4 => {
                let at = self.open.take().unwrap_or(offset);
                Ok(Step::Record(flags & (SNAPPY | ZSTD), at))
            }
            2 | 3 => Ok(Step::More),
            _ => Err(FormatError::new(offset, Problem::Nonsense("a fragment of unknown type"))),
        }
    }

    fn start(&mut self, data: &[u8], offset: u64) {
        self.record.clear();
        self.record.extend_from_slice(data);
        self.open = Some(offset);
    }

    fn decompressed(&mut self, compression: u8, offset: u64) -> Result<&[u8], FormatError> {
        let broken = |what| FormatError::new(offset, Problem::Nonsense(what));
        match compression {
            0 => return Ok(&self.record),
            SNAPPY => {
                self.plain = crate::snappy::decompress(&self.record, MAX_RECORD_BYTES)
                    .map_err(|_| broken("a record that snappy cannot decompress"))?;
            }
            _ => {
                const CANNOT: &str = "a record that zstd cannot decompress";
                let known = get_frame_content_size(&self.record).map_err(|_| broken(CANNOT))?;
                let known = known.and_then(|len| usize::try_from(len).ok());
                let mut room = known.unwrap_or(self.record.len().saturating_mul(16).max(1 << 16));
                let zstd = match &mut self.zstd {
                    Some(zstd) => zstd,
                    empty => {
                        let fresh = zstd::bulk::Decompressor::new().map_err(|_| broken(CANNOT))?;
                        empty.insert(fresh)
                    }
                };
                loop {
                    if room > MAX_RECORD_BYTES {
                        return Err(broken("a record of impossible length"));
                    }
                    self.plain.clear();
                    self.plain.reserve(room);
                    match zstd.decompress_to_buffer(&self.record, &mut self.plain) {
                        Ok(_) => break,
                        Err(_) if known.is_none() => room = room.saturating_mul(4),
                        Err(_) => return Err(broken(CANNOT)),
                    }
                }
            }
        }
        Ok(&self.plain)
    }
}

enum Step {
    /// A record is whole; how it is compressed and where it began.
    Record(u8, u64),
    More,
    PageEnds,
}

#[cfg(test)]
mod tests;
