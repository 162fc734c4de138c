//! What can go wrong with the ledger.

use std::path::PathBuf;

/// Why the ledger could not be opened, read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// The file was written by a newer release.
    #[error(
        "{path}: the ledger has schema version {found}, this release knows versions up to {known}; \
         run the release that wrote it, or a newer one"
    )]
    NewerSchema {
        /// The file.
        path: PathBuf,
        /// The version found in it.
        found: u32,
        /// The newest version this release reads.
        known: u32,
    },
    /// The file belongs to another program.
    #[error("{path}: is an SQLite file of another program (application id {application_id:#x})")]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What it calls itself.
        application_id: u32,
    },
    /// The file, or its folder, could not be reached.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// The system's words.
        source: std::io::Error,
    },
    /// A row does not say what it should.
    #[error("ledger: damaged row in table {table}: {reason}")]
    DamagedRow {
        /// The table.
        table: &'static str,
        /// What was found.
        reason: String,
    },
    /// Whoever changed something wanted it taken back.
    #[error("ledger: the change was taken back")]
    Undone,
    /// SQLite failed, for instance on a full disk.
    #[error("ledger: {0}")]
    Sqlite(#[from] rusqlite::Error),
}
