//! What the stores ask of a file system, and nothing more.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// A name in a directory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// The last component of the path.
    pub name: String,
    /// Whether it is a directory.
    pub is_dir: bool,
}

/// A file system. The real one is [`RealDisk`](crate::RealDisk); [`SimDisk`](crate::SimDisk) is one that fails on
/// demand.
pub trait Disk: Send + Sync + fmt::Debug {
    /// Makes a directory and its parents, and makes their names durable.
    fn create_dir_all(&self, path: &Path) -> io::Result<()>;
    /// The names in a directory, sorted. Names that are not UTF-8 are not ours and are left out.
    fn list(&self, dir: &Path) -> io::Result<Vec<Entry>>;
    /// Makes a new empty file, or empties an old one, for appending.
    fn create(&self, path: &Path) -> io::Result<Box<dyn WriteFile>>;
    /// Opens a file for reading.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn ReadFile>>;
    /// Cuts a file to `len` bytes, durably.
    fn truncate(&self, path: &Path, len: u64) -> io::Result<()>;
    /// Gives a file or directory another name in the same directory, replacing a file of that name.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Gives a file a second name on the same file system. What is written to it later would show under both; files
    /// that are only ever replaced keep under the second name what they held.
    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file; open handles stay readable.
    fn remove_file(&self, path: &Path) -> io::Result<()>;
    /// Removes a directory and all in it.
    fn remove_dir_all(&self, path: &Path) -> io::Result<()>;
    /// Makes the names in a directory durable.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
    /// Bytes that may still be written to the file system of `dir`.
    fn free_bytes(&self, dir: &Path) -> io::Result<u64>;
    /// Takes the lock file at `path` for this process until the guard is dropped; `None` when another holds it.
    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn DirLock>>>;
}

/// A file being written from front to back.
pub trait WriteFile: Send + fmt::Debug {
    /// Adds bytes at the end. After an error an unknown part of them may be there.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Makes all appended bytes durable. After an error none of the bytes since the last success may be trusted,
    /// even if a later call succeeds: kernels drop pages they could not write.
    fn sync(&mut self) -> io::Result<()>;
}

/// A file being read.
pub trait ReadFile: Send + Sync + fmt::Debug {
    /// Its length in bytes.
    fn len(&self) -> io::Result<u64>;
    /// Whether it has no bytes.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
    /// Fills `buf` from `offset`; an error when the file ends before.
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()>;
}

/// Holds a lock while it lives.
pub trait DirLock: Send + Sync + fmt::Debug {}
