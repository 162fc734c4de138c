//! Snapshots: a second set of names for the files that make up the store at one moment.

use super::{CompactError, Store};
use crate::exemplars;
use crate::import::JOURNAL_FILE;
use crate::locked;
use crate::masks::deletions;
use crate::store::Core;
use crate::tiers;
use crate::upkeep::metadata::METADATA_FILE;
use std::io;
use std::path::{Path, PathBuf};
use watchfire_disk::is_leftover;

/// The folder of the data directory that holds snapshots, each a folder of its own.
pub const SNAPSHOTS: &str = "snapshots";

/// What the store keeps besides its log: folders of immutable files, and files that are only ever replaced as a whole.
/// The log is not among them, as a flush goes before.
const FOLDERS: [&str; 2] = ["parts", tiers::FOLDER];
const FILES: [&str; 4] = [METADATA_FILE, exemplars::file::FILE, JOURNAL_FILE, deletions::FILE];

/// A snapshot on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Where it lies: a data directory that can be opened, copied, or removed.
    pub path: PathBuf,
    /// Files in it.
    pub files: u64,
}

impl Store {
    /// Makes the snapshot `name`: hard links to everything the store holds at this moment, which costs no room until
    /// merging replaces the files. Samples still in memory are written to parts before, or left out with `skip_head`.
    /// What others keep beside the store is added by `also`, which is given the folder; it makes durable what it writes.
    /// The snapshot appears under its name whole or not at all. Names are of ASCII letters, digits, `-` and `_`.
    pub fn snapshot(
        &self,
        name: &str,
        skip_head: bool,
        also: impl FnOnce(&Path) -> io::Result<()>,
    ) -> Result<Snapshot, CompactError> {
        let core = &self.core;
        let plain = !name.is_empty()
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
        if !plain {
            let problem = format!("{name:?} is no name for a snapshot: use letters, digits, - and _");
            return Err(core.fails(io::Error::new(io::ErrorKind::InvalidInput, problem)));
        }
        // No flush, merge or drop may change the set of files meanwhile.
        let _upkeep = locked(&core.upkeep);
        if !skip_head {
            core.flush()?;
        }
        core.link_all(name, also).map_err(|error| core.fails(error))
    }
}

impl Core {
    fn link_all(&self, name: &str, also: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<Snapshot> {
        let all = self.path.join(SNAPSHOTS);
        let (unfinished, path) = (all.join(format!("{name}.tmp")), all.join(name));
        self.disk.create_dir_all(&all)?;
        for entry in self.disk.list(&all)? {
            if entry.name == name {
                let problem = format!("{} is there already", path.display());
                return Err(io::Error::new(io::ErrorKind::AlreadyExists, problem));
            }
            if is_leftover(&entry.name) {
                self.disk.remove_dir_all(&all.join(&entry.name))?;
            }
        }
        self.disk.create_dir_all(&unfinished)?;
        let mut files = 0;
        for entry in self.disk.list(&self.path)? {
            let (from, to) = (self.path.join(&entry.name), unfinished.join(&entry.name));
            if entry.is_dir && FOLDERS.contains(&entry.name.as_str()) {
                self.link_folder(&from, &to, &mut files)?;
            } else if !entry.is_dir && FILES.contains(&entry.name.as_str()) {
                self.disk.hard_link(&from, &to)?;
                files += 1;
            }
        }
        also(&unfinished)?;
        self.disk.sync_dir(&unfinished)?;
        self.disk.rename(&unfinished, &path)?;
        self.disk.sync_dir(&all)?;
        Ok(Snapshot { path, files })
    }

    fn link_folder(&self, from: &Path, to: &Path, files: &mut u64) -> io::Result<()> {
        self.disk.create_dir_all(to)?;
        for entry in self.disk.list(from)? {
            let (from, to) = (from.join(&entry.name), to.join(&entry.name));
            if entry.is_dir {
                self.link_folder(&from, &to, files)?;
            } else if !is_leftover(&entry.name) {
                self.disk.hard_link(&from, &to)?;
                *files += 1;
            }
        }
        self.disk.sync_dir(to)
    }
}

#[cfg(test)]
mod tests;
