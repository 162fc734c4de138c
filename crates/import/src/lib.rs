//! Other systems' data becomes parts of the metric store.
//!
//! Flows in: a data directory of Prometheus, a snapshot of one, or a single block, read file by file in small windows;
//! or a server's remote read, day by day.
//! Flows out: series in label order through [`watchfire_metrics::Import`], each source once, resumable. Damaged places
//! are told with file and offset and left out; the rest is imported. This crate promises to use memory in proportion to
//! one series, a block's symbol table and a fixed budget, whatever the size of the source. It never changes the source
//! and never serves anybody.

mod accumulate;
mod prometheus;
mod remote;
mod selection;

pub use prometheus::{Block, BlockMeta, DataDir, Head, find};
pub use remote::{Credentials, Remote};
pub use selection::Choice;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use watchfire_metrics::{CompactError, ImportReport};

/// Why an import cannot go on. What was imported stays, and a later run goes on behind it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The source cannot be read.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The source is not what it was taken for.
    #[error("{}: {problem}", path.display())]
    NotASource {
        /// The directory.
        path: PathBuf,
        /// What is wrong with it, and what would be right.
        problem: String,
    },
    /// The server does not answer, or refuses.
    #[error("{url}: {problem}")]
    Remote {
        /// What was asked, without credentials.
        url: String,
        /// What went wrong, and what to do where that is known.
        problem: String,
    },
    /// The store cannot be written.
    #[error(transparent)]
    Store(#[from] CompactError),
    /// Somebody asked to stop.
    #[error("stopped")]
    Stopped,
}

/// Hears of what happens during an import, and may stop it.
pub trait Watch {
    /// So much of the source was looked at, from 0 to 1; `report` counts what this run has imported of it.
    fn progress(&mut self, done: f64, report: &ImportReport);
    /// Something is damaged and left out; the text names the file and the place.
    fn damaged(&mut self, text: String);
    /// Something that is worth knowing and no damage.
    fn note(&mut self, text: String);
}

/// Says from elsewhere that an import is to stop.
#[derive(Debug, Default)]
pub struct Stop(AtomicBool);

impl Stop {
    /// One that was not asked for yet.
    pub const fn new() -> Self {
        Self(AtomicBool::new(false))
    }

    /// Asks the import to end as soon as what it holds is published.
    pub fn ask(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Whether it was asked.
    pub fn is_asked(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}
