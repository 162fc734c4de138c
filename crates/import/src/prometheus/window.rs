//! A file read through a window that moves forward.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use watchfire_disk::{Disk, ReadFile};

/// Read at once at least.
const AHEAD_BYTES: usize = 256 << 10;

/// Hands out pieces of a file, which mostly follow one another.
#[derive(Debug)]
pub(super) struct Window {
    path: PathBuf,
    file: Arc<dyn ReadFile>,
    len: u64,
    start: u64,
    bytes: Vec<u8>,
}

impl Window {
    pub(super) fn open(disk: &dyn Disk, path: &Path) -> io::Result<Self> {
        let file = disk.open(path)?;
        let len = file.len()?;
        Ok(Self { path: path.to_owned(), file, len, start: 0, bytes: Vec::new() })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Up to `len` bytes from `offset`: fewer only where the file ends.
    pub(super) fn at(&mut self, offset: u64, len: usize) -> io::Result<&[u8]> {
        let left = self.len.saturating_sub(offset);
        let len = usize::try_from(left).unwrap_or(usize::MAX).min(len);
        let inside = offset.checked_sub(self.start).and_then(|at| usize::try_from(at).ok());
        let held = inside.is_some_and(|at| at.saturating_add(len) <= self.bytes.len());
        if !held {
            let ahead = usize::try_from(left).unwrap_or(usize::MAX).min(len.max(AHEAD_BYTES));
            self.start = offset;
            self.bytes.resize(ahead, 0);
            if let Err(error) = self.file.read_at(&mut self.bytes, offset) {
                self.bytes.clear();
                return Err(error);
            }
        }
        let at = usize::try_from(offset - self.start).unwrap_or(usize::MAX);
        Ok(self.bytes.get(at..at + len).unwrap_or_default())
    }
}
