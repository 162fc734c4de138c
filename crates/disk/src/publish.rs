//! Files that exist whole or not at all.

use crate::fs::{Disk, WriteFile};
use std::io;
use std::path::Path;

/// Ends the name of a file that is not finished yet.
const UNFINISHED: &str = ".tmp";

/// Writes `dir/name` so that after any crash it is either whole or as it was before: written under another name,
/// synced, renamed, and the directory synced. What a failed attempt left is removed where possible.
pub fn publish<T>(
    disk: &dyn Disk,
    dir: &Path,
    name: &str,
    write: impl FnOnce(&mut dyn WriteFile) -> io::Result<T>,
) -> io::Result<T> {
    let unfinished = dir.join(format!("{name}{UNFINISHED}"));
    let attempt = || {
        let mut file = disk.create(&unfinished)?;
        let done = write(&mut *file)?;
        finish(disk, &mut *file, dir, name)?;
        Ok(done)
    };
    let done = attempt();
    if done.is_err() {
        // Whatever is left is found and removed at the next start.
        let _ = disk.remove_file(&unfinished);
    }
    done
}

/// Opens the file that [`finish`] will name `dir/name`.
pub(crate) fn begin(disk: &dyn Disk, dir: &Path, name: &str) -> io::Result<Box<dyn WriteFile>> {
    disk.create(&dir.join(format!("{name}{UNFINISHED}")))
}

/// Makes the unfinished file durable under its final name.
pub(crate) fn finish(disk: &dyn Disk, file: &mut dyn WriteFile, dir: &Path, name: &str) -> io::Result<()> {
    file.sync()?;
    disk.rename(&dir.join(format!("{name}{UNFINISHED}")), &dir.join(name))?;
    disk.sync_dir(dir)
}

/// Forgets an unfinished file.
pub(crate) fn abandon(disk: &dyn Disk, dir: &Path, name: &str) {
    let _ = disk.remove_file(&dir.join(format!("{name}{UNFINISHED}")));
}

/// Whether a file of this name is what an interrupted [`publish`] left.
pub fn is_leftover(name: &str) -> bool {
    name.ends_with(UNFINISHED)
}

/// Removes what interrupted calls of [`publish`] left in a directory.
pub fn remove_leftovers(disk: &dyn Disk, dir: &Path) -> io::Result<()> {
    for entry in disk.list(dir)? {
        if !entry.is_dir && is_leftover(&entry.name) {
            disk.remove_file(&dir.join(&entry.name))?;
        }
    }
    Ok(())
}
