//! Backups of a data folder in another folder or in a bucket, and the way back.
//!
//! Flows in: a snapshot, that is a folder whose files do not change. Flows out: objects at a [`Place`], and a manifest
//! that names them with length and checksum; the way back gives the same files, checked. Parts are immutable, so a
//! backup sends only those that no earlier one has sent. A backup exists when its manifest does, which is written
//! last; what an interrupted one has sent is found and used by the next. Nothing is believed that was not checked.
//! This crate never knows what the files hold.
//!
//! At the place: `backups/NAME.json`, one manifest for each backup; `objects/parts/…`, shared by all of them;
//! `objects/NAME/…`, the files that change from one backup to the next.

mod error;
mod manifest;
mod place;
mod prune;
mod restore;
mod save;
mod verify;

pub use error::BackupError;
pub use manifest::{FileEntry, Manifest};
pub use place::{BucketOptions, Place};
pub use prune::{Pruned, prune};
pub use restore::{Restored, restore};
pub use save::{Saved, save};
pub use verify::{Verified, verify};

/// How far something has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Files dealt with.
    pub files_done: usize,
    /// Files in all.
    pub files: usize,
    /// Bytes dealt with.
    pub bytes_done: u64,
    /// Bytes in all.
    pub bytes: u64,
}

/// Is told how far something has come, often.
pub type Watch<'a> = &'a mut (dyn FnMut(Progress) + Send);
