//! Making a backup.

use crate::error::BackupError;
use crate::manifest::{FileEntry, Manifest};
use crate::place::{Place, list_files};
use crate::{Progress, Watch};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

pub(crate) const OBJECTS: &str = "objects";
/// Files of this ending never change.
const IMMUTABLE: &str = ".part";
/// The end of a part holds the checksum of its footer, which holds those of all its blocks.
const TAIL_BYTES: u64 = 64;

/// What a backup took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saved {
    /// The backup.
    pub manifest: Manifest,
    /// Files that were not there yet.
    pub new_files: usize,
    /// Their bytes.
    pub new_bytes: u64,
}

/// Saves all files of the folder `from`, which must not change meanwhile, as the backup `name`.
pub async fn save(
    from: &Path,
    place: &Place,
    name: &str,
    created_ms: i64,
    watch: Watch<'_>,
) -> Result<Saved, BackupError> {
    let mut files = BTreeMap::new();
    list_files(from, "", &mut files).map_err(BackupError::io(from))?;
    let there = place.list(OBJECTS).await?;
    let known = known_checksums(place).await?;
    let mut progress = Progress { files: files.len(), bytes: files.values().sum(), ..Progress::default() };
    let mut saved = Saved {
        manifest: Manifest {
            name: name.to_owned(),
            created_ms,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            files: Vec::with_capacity(files.len()),
        },
        new_files: 0,
        new_bytes: 0,
    };
    for (path, bytes) in files {
        watch(progress);
        let source = from.join(&path);
        let object = object_name(name, &path, &source, bytes).map_err(BackupError::io(&source))?;
        let crc32c = if there.get(&object) == Some(&bytes) && path.ends_with(IMMUTABLE) {
            let crc32c = match known.get(&object) {
                Some(crc32c) => *crc32c,
                // An interrupted backup has sent it, and no manifest tells its checksum.
                None => checksum(&source).map_err(BackupError::io(&source))?,
            };
            progress.bytes_done += bytes;
            crc32c
        } else {
            saved.new_files += 1;
            saved.new_bytes += bytes;
            place
                .put_file(&object, &source, &mut |piece| {
                    progress.bytes_done += piece;
                    watch(progress);
                })
                .await?
        };
        progress.files_done += 1;
        saved.manifest.files.push(FileEntry { path, object, bytes, crc32c });
    }
    place.put_manifest(&saved.manifest).await?;
    watch(progress);
    Ok(saved)
}

/// The checksums of the objects of all backups. A manifest that cannot be read is left out: its objects are still
/// there, and are read here again.
async fn known_checksums(place: &Place) -> Result<BTreeMap<String, u32>, BackupError> {
    let mut known = BTreeMap::new();
    for name in place.backups().await? {
        match place.manifest(Some(&name)).await {
            Ok(manifest) => {
                known.extend(manifest.files.into_iter().map(|file| (file.object, file.crc32c)));
            }
            Err(error @ (BackupError::Damaged { .. } | BackupError::UnknownVersion { .. })) => {
                tracing::warn!(%error, "an earlier backup cannot be read");
            }
            Err(error) => return Err(error),
        }
    }
    Ok(known)
}

/// Objects of immutable files are named by what is in them and shared, the others belong to one backup.
fn object_name(backup: &str, path: &str, source: &Path, bytes: u64) -> io::Result<String> {
    if !path.ends_with(IMMUTABLE) {
        return Ok(format!("{OBJECTS}/{backup}/{path}"));
    }
    let mut file = File::open(source)?;
    file.seek(SeekFrom::Start(bytes.saturating_sub(TAIL_BYTES)))?;
    let mut tail = Vec::new();
    file.take(TAIL_BYTES).read_to_end(&mut tail)?;
    Ok(format!("{OBJECTS}/{path}.{bytes:x}-{:08x}", crc32c::crc32c(&tail)))
}

fn checksum(path: &Path) -> io::Result<u32> {
    let mut file = File::open(path)?;
    let mut buffer = vec![0; 1 << 20];
    let mut crc = 0;
    loop {
        let len = file.read(&mut buffer)?;
        match buffer.get(..len) {
            None | Some([]) => return Ok(crc),
            Some(bytes) => crc = crc32c::crc32c_append(crc, bytes),
        }
    }
}

#[cfg(test)]
mod tests;
