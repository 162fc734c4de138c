//! Bringing a backup back.

use crate::error::BackupError;
use crate::manifest::{FileEntry, Manifest};
use crate::place::Place;
use crate::{Progress, Watch};
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use watchfire_disk::{Disk, RealDisk};

/// What was brought back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// The backup.
    pub manifest: Manifest,
    /// Files that an interrupted call had brought already.
    pub kept_files: usize,
}

/// Brings the backup `name`, or the newest, back into the folder `to`, which must not exist or be empty. Until all files
/// are there and checked they lie in `TO.restoring`, which an interrupted call leaves and the next one goes on with.
pub async fn restore(
    place: &Place,
    name: Option<&str>,
    to: &Path,
    watch: Watch<'_>,
) -> Result<Restored, BackupError> {
    let io = || BackupError::io(to);
    if to.try_exists().map_err(io())? && std::fs::read_dir(to).map_err(io())?.next().is_some() {
        return Err(BackupError::NotEmpty { path: to.to_owned() });
    }
    let manifest = place.manifest(name).await?;
    let unfinished = unfinished(to);
    let mut progress =
        Progress { files: manifest.files.len(), bytes: manifest.bytes(), ..Progress::default() };
    let mut kept_files = 0;
    for file in &manifest.files {
        watch(progress);
        let path = unfinished.join(&file.path);
        if is_there(&path, file).map_err(BackupError::io(&path))? {
            kept_files += 1;
            progress.bytes_done += file.bytes;
        } else {
            bring(place, file, &path, &mut |piece| {
                progress.bytes_done += piece;
                watch(progress);
            })
            .await?;
        }
        progress.files_done += 1;
    }
    // A file of another backup that an earlier call was told to bring does not belong here.
    remove_strangers(&unfinished, &unfinished, &manifest).map_err(BackupError::io(&unfinished))?;
    let parent = to.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if to.try_exists().map_err(io())? {
        std::fs::remove_dir(to).map_err(io())?;
    }
    RealDisk.create_dir_all(&unfinished).map_err(BackupError::io(&unfinished))?;
    std::fs::rename(&unfinished, to).and_then(|()| RealDisk.sync_dir(parent)).map_err(io())?;
    watch(progress);
    Ok(Restored { manifest, kept_files })
}

fn unfinished(to: &Path) -> PathBuf {
    let mut name = to.file_name().map_or_else(|| OsString::from("data"), OsString::from);
    name.push(".restoring");
    to.with_file_name(name)
}

/// Copies an object to a file, which appears only when length and checksum are right.
async fn bring(
    place: &Place,
    file: &FileEntry,
    path: &Path,
    each: &mut (dyn FnMut(u64) + Send),
) -> Result<(), BackupError> {
    let (Some(dir), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str())) else {
        return Ok(());
    };
    RealDisk.create_dir_all(dir).map_err(BackupError::io(dir))?;
    // Publishing is synchronous and fetching is not, so the bytes take a name of their own on the way.
    let fetched = dir.join(format!("{name}.fetched.tmp"));
    let mut writer = RealDisk.create(&fetched).map_err(BackupError::io(&fetched))?;
    let mut check = Check::default();
    let outcome = place
        .get(&file.object, &mut |piece| {
            check.take(piece);
            each(piece.len() as u64);
            writer.append(piece).map_err(BackupError::io(&fetched))
        })
        .await
        .and_then(|()| check.matches(place, file))
        .and_then(|()| writer.sync().map_err(BackupError::io(&fetched)))
        .and_then(|()| {
            RealDisk
                .rename(&fetched, path)
                .and_then(|()| RealDisk.sync_dir(dir))
                .map_err(BackupError::io(path))
        });
    if outcome.is_err() {
        let _ = RealDisk.remove_file(&fetched);
    }
    outcome
}

/// Length and checksum of bytes as they pass.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Check {
    bytes: u64,
    crc32c: u32,
}

impl Check {
    pub(crate) fn take(&mut self, piece: &[u8]) {
        self.bytes += piece.len() as u64;
        self.crc32c = crc32c::crc32c_append(self.crc32c, piece);
    }

    pub(crate) fn matches(self, place: &Place, file: &FileEntry) -> Result<(), BackupError> {
        let problem = if self.bytes != file.bytes {
            format!("it has {} bytes, the manifest says {}", self.bytes, file.bytes)
        } else if self.crc32c != file.crc32c {
            format!("its checksum is {:08x}, the manifest says {:08x}", self.crc32c, file.crc32c)
        } else {
            return Ok(());
        };
        Err(BackupError::Damaged { object: place.show(&file.object), problem })
    }
}

fn is_there(path: &Path, file: &FileEntry) -> io::Result<bool> {
    let mut found = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        found => found?,
    };
    if found.metadata()?.len() != file.bytes {
        return Ok(false);
    }
    let mut check = Check::default();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let len = found.read(&mut buffer)?;
        match buffer.get(..len) {
            None | Some([]) => return Ok(check.crc32c == file.crc32c),
            Some(piece) => check.take(piece),
        }
    }
}

fn remove_strangers(root: &Path, dir: &Path, manifest: &Manifest) -> io::Result<()> {
    let entries = match RealDisk.list(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let path = dir.join(&entry.name);
        if entry.is_dir {
            remove_strangers(root, &path, manifest)?;
            continue;
        }
        let relative = path.strip_prefix(root).unwrap_or(&path);
        if !manifest.files.iter().any(|file| Path::new(&file.path) == relative) {
            RealDisk.remove_file(&path)?;
        }
    }
    Ok(())
}
