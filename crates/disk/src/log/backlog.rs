//! What earlier runs left in a log, read through a window of bounded size.

use super::segment::{self, FRAME_HEADER_BYTES, FRAME_MARK, HEADER_BYTES};
use super::{Damage, LogError, Recovery, torn};
use crate::fs::{Disk, ReadFile};
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Files are read in pieces of this size; only a record that is longer needs more memory.
const READ_BYTES: usize = 1 << 20;

/// The segments of earlier runs, to be read once.
#[derive(Debug)]
pub struct Backlog {
    disk: Arc<dyn Disk>,
    segments: Vec<(u64, PathBuf)>,
}

impl Backlog {
    pub(super) fn new(disk: Arc<dyn Disk>, segments: Vec<(u64, PathBuf)>) -> Self {
        Self { disk, segments }
    }

    /// The numbers of the first and the last segment; `None` when there is nothing to read.
    pub fn range(&self) -> Option<(u64, u64)> {
        Some((self.segments.first()?.0, self.segments.last()?.0))
    }

    /// Hands every whole record, with the number of its segment, to `each` in the order of writing, until it breaks off.
    /// What cannot be read is skipped and reported; a torn end is cut off.
    pub fn read(self, mut each: impl FnMut(u64, &[u8]) -> ControlFlow<()>) -> Result<Recovery, LogError> {
        let mut recovery = Recovery::default();
        let last = self.segments.last().map_or(0, |(number, _)| *number);
        for (number, path) in &self.segments {
            let tail = if *number == last { Tail::CutOff } else { Tail::Damage };
            let mut each = |record: &[u8]| each(*number, record);
            if replay(&*self.disk, path, tail, &mut recovery, &mut each)?.is_break() {
                break;
            }
        }
        Ok(recovery)
    }
}

/// What becomes of bytes at the end of a segment that are no whole frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tail {
    /// They are damage: only the last segment can have been cut short by a crash.
    Damage,
    /// They are a write that was interrupted, and are cut off.
    CutOff,
    /// They are such a write, and are left as they are.
    Leave,
}

/// Hands the whole records of a segment to `each`. What cannot be read at the end of the last segment is a torn tail;
/// elsewhere it is damage, and reading goes on at the next whole frame.
pub(super) fn replay(
    disk: &dyn Disk,
    path: &Path,
    tail: Tail,
    recovery: &mut Recovery,
    each: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
) -> Result<ControlFlow<()>, LogError> {
    let io = |source| LogError::Io { path: path.to_owned(), source };
    let mut window = Window::open(disk, path).map_err(io)?;
    recovery.segments += 1;
    recovery.bytes += window.len;
    let header = window.at(0, HEADER_BYTES).map_err(io)?;
    // A bad header does not stop the frames behind it from being found.
    let mut position = if segment::parse_header(header).is_some() { HEADER_BYTES as u64 } else { 0 };
    while position < window.len {
        if let Some((payload, frame_len)) = window.frame(position).map_err(io)? {
            recovery.records += 1;
            if each(payload).is_break() {
                return Ok(ControlFlow::Break(()));
            }
            position += frame_len as u64;
            continue;
        }
        let next = window.next_frame(position).map_err(io)?;
        let skipped = next.unwrap_or(window.len) - position;
        // Without more than a header nothing was ever acknowledged in it.
        let unfinished = next.is_none()
            && (window.len <= HEADER_BYTES as u64
                || (tail != Tail::Damage && is_unfinished(disk, path, position).map_err(io)?));
        if unfinished {
            recovery.torn_bytes += skipped;
            if tail == Tail::CutOff {
                tracing::info!(segment = %path.display(), bytes = skipped, "cut off an interrupted write");
                disk.truncate(path, position).map_err(io)?;
            }
            break;
        }
        tracing::error!(
            segment = %path.display(),
            offset = position,
            bytes = skipped,
            "damaged bytes in the log were skipped"
        );
        recovery.damage.push(Damage { path: path.to_owned(), offset: position, bytes: skipped });
        position += skipped;
    }
    Ok(ControlFlow::Continue(()))
}

/// Whether what stands at `position` and reaches to the end of the file is what a crash left of a write.
fn is_unfinished(disk: &dyn Disk, path: &Path, position: u64) -> io::Result<bool> {
    let mut window = Window::open(disk, path)?;
    Ok(torn::is_unfinished(window.at(position, usize::MAX)?))
}

/// A stretch of a file, which only ever moves on.
struct Window {
    file: Arc<dyn ReadFile>,
    len: u64,
    /// Where in the file `bytes` begins.
    base: u64,
    bytes: Vec<u8>,
}

impl Window {
    fn open(disk: &dyn Disk, path: &Path) -> io::Result<Self> {
        let file = disk.open(path)?;
        let len = file.len()?;
        Ok(Self { file, len, base: 0, bytes: Vec::new() })
    }

    /// The bytes from `from` on: at least `wanted` of them, or all that are left. Lets go of those before.
    fn at(&mut self, from: u64, wanted: usize) -> io::Result<&[u8]> {
        let left = usize::try_from(self.len.saturating_sub(from)).unwrap_or(usize::MAX);
        let wanted = wanted.min(left);
        let passed = usize::try_from(from.saturating_sub(self.base)).unwrap_or(usize::MAX);
        if self.bytes.len().saturating_sub(passed) >= wanted {
            return Ok(self.bytes.get(passed..).unwrap_or_default());
        }
        self.bytes.drain(..passed.min(self.bytes.len()));
        self.base = from;
        if self.bytes.len() < READ_BYTES && wanted < READ_BYTES {
            self.bytes.shrink_to(2 * READ_BYTES);
        }
        let held = self.bytes.len();
        self.bytes.resize(wanted.max(READ_BYTES.min(left)).max(held), 0);
        let missing = self.bytes.get_mut(held..).unwrap_or_default();
        self.file.read_at(missing, from + held as u64)?;
        Ok(&self.bytes)
    }

    /// The payload and total length of the frame at `position`, when it is whole.
    fn frame(&mut self, position: u64) -> io::Result<Option<(&[u8], usize)>> {
        let Some(len) = segment::frame_len(self.at(position, FRAME_HEADER_BYTES)?) else { return Ok(None) };
        if position + len as u64 > self.len {
            return Ok(None);
        }
        Ok(segment::frame(self.at(position, len)?))
    }

    /// Where the next whole frame behind `position` begins.
    fn next_frame(&mut self, position: u64) -> io::Result<Option<u64>> {
        let mut from = position + 1;
        loop {
            let bytes = self.at(from, READ_BYTES)?;
            if bytes.len() < FRAME_HEADER_BYTES {
                return Ok(None);
            }
            match memchr::memmem::find(bytes, &FRAME_MARK) {
                Some(offset) => {
                    let candidate = from + offset as u64;
                    if self.frame(candidate)?.is_some() {
                        return Ok(Some(candidate));
                    }
                    from = candidate + 1;
                }
                // A mark may lie across the end of what was looked at.
                None => from += (bytes.len() - (FRAME_MARK.len() - 1)) as u64,
            }
        }
    }
}

#[cfg(test)]
mod tests;
