//! What can go wrong.

use std::io;
use std::path::{Path, PathBuf};

/// Why a backup could not be made, read or brought back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// The operating system says no.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// The object storage says no.
    #[error("{place}: {source}")]
    Storage {
        /// The bucket, or an object in it.
        place: String,
        /// What it said.
        source: object_store::Error,
    },
    /// A place that is written wrongly.
    #[error("{text:?} is no place for backups: {problem}; write a folder, or s3://BUCKET/PREFIX")]
    Place {
        /// As it was given.
        text: String,
        /// What is wrong.
        problem: String,
    },
    /// Bytes that are not those that were saved.
    #[error("{object}: damaged: {problem}")]
    Damaged {
        /// Which object, with its place.
        object: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A newer program wrote it.
    #[error(
        "{object}: manifest format {found} is newer than {supported}, the newest this program reads; \
         use the release that wrote it, or a newer one"
    )]
    UnknownVersion {
        /// The manifest.
        object: String,
        /// Its format.
        found: u64,
        /// The newest that is known here.
        supported: u64,
    },
    /// There is no such backup.
    #[error("{place} has no backup {name:?}; it has {known}")]
    NoSuchBackup {
        /// Where it was looked for.
        place: String,
        /// What was looked for.
        name: String,
        /// What is there.
        known: String,
    },
    /// The folder to restore into is in use.
    #[error("{} is not empty; restore into a new folder, or move this one away", path.display())]
    NotEmpty {
        /// The folder.
        path: PathBuf,
    },
}

impl BackupError {
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }
}
