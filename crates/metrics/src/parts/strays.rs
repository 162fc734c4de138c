//! Files of parts that may be on disk although no list shows them: published by an attempt that failed afterwards, or
//! not removed when their part went. The next start would show them, so none may be left when a deletion is acknowledged,
//! and a deletion that holds for one of them is not forgotten.

use super::{PartList, day_dir, file_name, root};
use crate::locked;
use crate::part::{Part, PartWriter};
use crate::store::{CompactError, Core};
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use watchfire_disk::Disk;

fn missing_is_fine<T>(done: io::Result<T>, instead: T) -> io::Result<T> {
    match done {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(instead),
        other => other,
    }
}

/// Removes the files that are there. What is gone when it returns stays gone.
fn remove_files(disk: &dyn Disk, paths: &[PathBuf]) -> io::Result<()> {
    for path in paths {
        missing_is_fine(disk.remove_file(path), ())?;
    }
    let dirs: BTreeSet<&Path> = paths.iter().filter_map(|path| path.parent()).collect();
    dirs.into_iter().try_for_each(|dir| missing_is_fine(disk.sync_dir(dir), ()))
}

impl PartList {
    /// Notes that the file of a part may be on disk although the part is not shown.
    pub(super) fn stray(&self, path: PathBuf, seq: u64) {
        locked(&self.strays).insert(path, seq);
    }

    /// The file is no stray, for its part is shown or it is gone.
    pub(super) fn no_stray(&self, path: &Path) {
        locked(&self.strays).remove(path);
    }

    /// The numbers of parts that are not shown and may be at the next start: strays, and what cannot be opened now.
    pub(crate) fn may_return(&self) -> impl Iterator<Item = u64> {
        let strays: Vec<u64> = locked(&self.strays).values().copied().collect();
        strays.into_iter().chain(self.unopened.iter().map(|(_, seq)| *seq))
    }

    /// The days and numbers of the parts that cannot be opened.
    pub(crate) fn unopened(&self) -> &[(i64, u64)] {
        &self.unopened
    }
}

impl Core {
    /// Publishes and opens a part, to be shown with [`PartList::replace`]; `None` when it has no series.
    pub(crate) fn finish_part(
        &self,
        day: i64,
        seq: u64,
        writer: PartWriter,
    ) -> Result<Option<Part>, CompactError> {
        let path = day_dir(&self.path, day).join(file_name(seq));
        // A rename whose directory could not be synced may have been made all the same.
        self.parts.stray(path.clone(), seq);
        if writer.finish().map_err(|error| self.fails(error))?.is_some() {
            return self.open_part(day, seq).map(Some);
        }
        self.parts.no_stray(&path);
        Ok(None)
    }

    /// Removes the files of parts that are not shown any more.
    pub(crate) fn remove(&self, parts: &[Arc<Part>]) -> Result<(), CompactError> {
        self.remove_paths(parts.iter().map(|part| part.path().to_owned()).collect())
    }

    /// Removes what earlier attempts left. The caller holds the upkeep, so that nobody is between publishing and showing.
    pub(crate) fn remove_strays(&self) -> Result<(), CompactError> {
        self.remove_stray_sets()?;
        let paths: Vec<PathBuf> = locked(&self.parts.strays).keys().cloned().collect();
        if paths.is_empty() { Ok(()) } else { self.remove_paths(paths) }
    }

    /// An earlier process may have ended between removing a file and syncing its directory. Before the first deletion is
    /// acknowledged, such files are made sure not to come back.
    pub(crate) fn settle_removals(&self) -> Result<(), CompactError> {
        if self.parts.removals_settled.load(Ordering::Relaxed) {
            return Ok(());
        }
        let days = missing_is_fine(self.disk.list(&root(&self.path)), Vec::new());
        let days = days.map_err(|error| self.fails(error))?.into_iter().filter(|entry| entry.is_dir);
        let dirs = days.map(|day| root(&self.path).join(day.name)).chain([self.path.join("wal")]);
        for dir in dirs {
            missing_is_fine(self.disk.sync_dir(&dir), ()).map_err(|error| self.fails(error))?;
        }
        self.parts.removals_settled.store(true, Ordering::Relaxed);
        Ok(())
    }

    fn remove_paths(&self, paths: Vec<PathBuf>) -> Result<(), CompactError> {
        remove_files(&*self.disk, &paths).map_err(|error| self.fails(error))?;
        paths.iter().for_each(|path| self.parts.no_stray(path));
        Ok(())
    }
}

#[cfg(test)]
mod tests;
