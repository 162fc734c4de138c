//! Prometheus's files: blocks (`index`, `chunks/*`, `tombstones`) and the write-ahead log.
//!
//! Flows in: bytes of such a file, as much of it as the caller chose to read. Flows out: label references, places of
//! chunks, samples. Nothing here reads a file or knows a file's name: errors carry an offset, the caller adds the rest.
//! Every checksum there is gets checked, no length is believed before the bytes are there, and nothing panics.
//!
//! The formats are those of Prometheus 2.0 to 3.x (its `tsdb/docs/format`). Numbers of fixed width have their high end
//! first; checksums are CRC-32C.

mod bits;
mod bytes;
pub mod chunk;
pub mod index;
pub mod tombstones;
pub mod wal;

/// Why bytes of a file cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("byte {offset}: {problem}")]
pub struct FormatError {
    /// Where, in bytes from the start of the file.
    pub offset: u64,
    /// What is wrong there.
    pub problem: Problem,
}

/// What is wrong with bytes of a file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// A field runs over the end.
    #[error("the file ends within {0}")]
    Truncated(&'static str),
    /// The bytes are not those that were written.
    #[error("{what} is damaged: checksum {got:08x}, expected {expected:08x}")]
    Checksum {
        /// What was summed.
        what: &'static str,
        /// The checksum of what is there.
        got: u32,
        /// The checksum of what was written.
        expected: u32,
    },
    /// It is another kind of file.
    #[error("this is no {what} of Prometheus: it begins with {found:08x}, expected {expected:08x}")]
    Magic {
        /// What it should be.
        what: &'static str,
        /// How it begins.
        found: u32,
        /// How it should begin.
        expected: u32,
    },
    /// A version that is not known here.
    #[error("format version {found} of {what} is not known; versions up to {newest} are")]
    Version {
        /// What has the version.
        what: &'static str,
        /// Its version.
        found: u8,
        /// The newest known here.
        newest: u8,
    },
    /// Chunks of a kind that is not known here.
    #[error("a chunk in the encoding {0}, which is not known")]
    Encoding(u8),
    /// Anything else that contradicts itself.
    #[error("{0}")]
    Nonsense(&'static str),
}

impl FormatError {
    pub(crate) fn new(offset: u64, problem: Problem) -> Self {
        Self { offset, problem }
    }
}
