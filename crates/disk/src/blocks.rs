//! Immutable files of checksummed blocks.
//!
//! A file is a header of 16 bytes, blocks of any length one after the other, a footer, and a trailer of 24 bytes that
//! says where the footer lies. The checksum of a block (CRC-32C) travels in the [`BlockRef`] that points at it, the
//! way a tree's parent holds its children's checksums, so that a block that was written to the wrong place is found
//! out as well as one whose bits rotted.

use crate::fs::{Disk, ReadFile, WriteFile};
use crate::{publish, sums_match};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const HEADER_BYTES: u64 = 16;
const TRAILER_BYTES: usize = 24;
const TRAILER_MAGIC: [u8; 4] = *b"WFen";
/// Written to the file system in pieces of about this size.
const WRITE_BUFFER_BYTES: usize = 1 << 20;
/// No footer and no block is longer; a longer length is damage.
const MAX_BLOCK_BYTES: u64 = 1 << 30;

/// What kind of file it is, and which version of its format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileKind {
    /// The first eight bytes.
    pub magic: [u8; 8],
    /// The newest version this program reads and the one it writes; older ones down to 1 are read too.
    pub version: u32,
}

/// Where a block lies and what its bytes must sum to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BlockRef {
    /// From the start of the file.
    pub offset: u64,
    /// In bytes.
    pub len: u32,
    /// CRC-32C of the bytes.
    pub crc: u32,
}

/// Why a block or a file cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BlockError {
    /// The operating system says no.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// The bytes are not those that were written.
    #[error("{} at byte {offset}: {len} bytes are damaged: checksum {got:08x}, expected {expected:08x}", path.display())]
    Checksum {
        /// The file.
        path: PathBuf,
        /// Where the block begins.
        offset: u64,
        /// How long it is.
        len: u32,
        /// The checksum of what is there.
        got: u32,
        /// The checksum of what was written.
        expected: u32,
    },
    /// The file is cut short or is something else.
    #[error("{}: damaged: {what}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
    /// A newer program wrote it.
    #[error(
        "{}: format version {found} is newer than version {supported}, the newest this program reads; \
         use the release that wrote it, or a newer one", path.display())]
    UnknownVersion {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The newest that is known here.
        supported: u32,
    },
}

/// Writes a file of blocks that appears under its name when [`BlockWriter::finish`] returns.
#[derive(Debug)]
pub struct BlockWriter {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    name: String,
    file: Box<dyn WriteFile>,
    buffer: Vec<u8>,
    offset: u64,
    finished: bool,
}

impl BlockWriter {
    /// Starts the file `dir/name`.
    pub fn create(disk: Arc<dyn Disk>, dir: &Path, name: &str, kind: FileKind) -> io::Result<Self> {
        let file = publish::begin(&*disk, dir, name)?;
        let mut buffer = Vec::with_capacity(WRITE_BUFFER_BYTES);
        buffer.extend_from_slice(&kind.magic);
        buffer.extend_from_slice(&kind.version.to_le_bytes());
        let crc = crc32c::crc32c(&buffer);
        buffer.extend_from_slice(&crc.to_le_bytes());
        let (dir, name) = (dir.to_owned(), name.to_owned());
        Ok(Self { disk, dir, name, file, buffer, offset: HEADER_BYTES, finished: false })
    }

    /// Adds a block of at most 1 GiB.
    pub fn write_block(&mut self, bytes: &[u8]) -> io::Result<BlockRef> {
        let too_long = || io::Error::new(io::ErrorKind::InvalidInput, "a block is longer than 1 GiB");
        let len = u32::try_from(bytes.len()).map_err(|_| too_long())?;
        if u64::from(len) > MAX_BLOCK_BYTES {
            return Err(too_long());
        }
        let block = BlockRef { offset: self.offset, len, crc: crc32c::crc32c(bytes) };
        self.offset += u64::from(len);
        if self.buffer.len() + bytes.len() > WRITE_BUFFER_BYTES {
            self.file.append(&self.buffer)?;
            self.buffer.clear();
        }
        if bytes.len() > WRITE_BUFFER_BYTES {
            self.file.append(bytes)?;
        } else {
            self.buffer.extend_from_slice(bytes);
        }
        Ok(block)
    }

    /// Bytes written so far.
    pub fn len(&self) -> u64 {
        self.offset
    }

    /// Whether no block was written.
    pub fn is_empty(&self) -> bool {
        self.offset == HEADER_BYTES
    }

    /// Adds the footer, from which readers start, and publishes the file. Returns its length.
    pub fn finish(mut self, footer: &[u8]) -> io::Result<u64> {
        let footer = self.write_block(footer)?;
        let mut trailer = Vec::with_capacity(TRAILER_BYTES);
        trailer.extend_from_slice(&footer.offset.to_le_bytes());
        trailer.extend_from_slice(&footer.len.to_le_bytes());
        trailer.extend_from_slice(&footer.crc.to_le_bytes());
        let crc = crc32c::crc32c(&trailer);
        trailer.extend_from_slice(&crc.to_le_bytes());
        trailer.extend_from_slice(&TRAILER_MAGIC);
        self.write_block(&trailer)?;
        self.file.append(&self.buffer)?;
        publish::finish(&*self.disk, &mut *self.file, &self.dir, &self.name)?;
        self.finished = true;
        Ok(self.offset)
    }
}

impl Drop for BlockWriter {
    fn drop(&mut self) {
        if !self.finished {
            publish::abandon(&*self.disk, &self.dir, &self.name);
        }
    }
}

/// Reads a file of blocks.
#[derive(Debug)]
pub struct BlockReader {
    path: PathBuf,
    file: Arc<dyn ReadFile>,
    len: u64,
    version: u32,
}

impl BlockReader {
    /// Opens a file and checks its header; nothing else is read.
    pub fn open(disk: &dyn Disk, path: &Path, kind: FileKind) -> Result<Self, BlockError> {
        let io = |source| BlockError::Io { path: path.to_owned(), source };
        let damaged = |what| BlockError::Damaged { path: path.to_owned(), what };
        let file = disk.open(path).map_err(io)?;
        let len = file.len().map_err(io)?;
        if len < HEADER_BYTES + TRAILER_BYTES as u64 {
            return Err(damaged("cut short"));
        }
        let mut header = [0_u8; HEADER_BYTES as usize];
        file.read_at(&mut header, 0).map_err(io)?;
        let [magic @ .., v0, v1, v2, v3, c0, c1, c2, c3] = header;
        let version = u32::from_le_bytes([v0, v1, v2, v3]);
        let sum = crc32c::crc32c_append(crc32c::crc32c(&magic), &[v0, v1, v2, v3]);
        if !sums_match(sum, u32::from_le_bytes([c0, c1, c2, c3])) {
            return Err(damaged("the header's checksum is wrong"));
        }
        if magic != kind.magic {
            return Err(damaged("it is a file of another kind"));
        }
        if version > kind.version || version == 0 {
            let (path, supported) = (path.to_owned(), kind.version);
            return Err(BlockError::UnknownVersion { path, found: version, supported });
        }
        Ok(Self { path: path.to_owned(), file, len, version })
    }

    /// The format version it was written in.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// Its length in bytes.
    pub fn len_bytes(&self) -> u64 {
        self.len
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the footer.
    pub fn footer(&self) -> Result<Vec<u8>, BlockError> {
        let mut trailer = [0_u8; TRAILER_BYTES];
        self.read_raw(&mut trailer, self.len - TRAILER_BYTES as u64)?;
        let [o0, o1, o2, o3, o4, o5, o6, o7, l0, l1, l2, l3, c0, c1, c2, c3, s0, s1, s2, s3, magic @ ..] =
            trailer;
        let sum = crc32c::crc32c(&[o0, o1, o2, o3, o4, o5, o6, o7, l0, l1, l2, l3, c0, c1, c2, c3]);
        if magic != TRAILER_MAGIC || !sums_match(sum, u32::from_le_bytes([s0, s1, s2, s3])) {
            return Err(BlockError::Damaged {
                path: self.path.clone(),
                what: "the end is missing or damaged",
            });
        }
        let block = BlockRef {
            offset: u64::from_le_bytes([o0, o1, o2, o3, o4, o5, o6, o7]),
            len: u32::from_le_bytes([l0, l1, l2, l3]),
            crc: u32::from_le_bytes([c0, c1, c2, c3]),
        };
        let mut footer = Vec::new();
        self.read(block, &mut footer)?;
        Ok(footer)
    }

    /// Reads a block into `bytes`, replacing what is there, and checks it.
    pub fn read(&self, block: BlockRef, bytes: &mut Vec<u8>) -> Result<(), BlockError> {
        let end = block.offset.checked_add(u64::from(block.len));
        if end.is_none_or(|end| end > self.len) || u64::from(block.len) > MAX_BLOCK_BYTES {
            return Err(BlockError::Damaged {
                path: self.path.clone(),
                what: "a block lies beyond the end of the file",
            });
        }
        bytes.resize(block.len as usize, 0);
        self.read_raw(bytes, block.offset)?;
        let got = crc32c::crc32c(bytes);
        if !sums_match(got, block.crc) {
            return Err(BlockError::Checksum {
                path: self.path.clone(),
                offset: block.offset,
                len: block.len,
                got,
                expected: block.crc,
            });
        }
        Ok(())
    }

    fn read_raw(&self, bytes: &mut [u8], offset: u64) -> Result<(), BlockError> {
        self.file.read_at(bytes, offset).map_err(|source| BlockError::Io { path: self.path.clone(), source })
    }
}

#[cfg(test)]
mod tests;
