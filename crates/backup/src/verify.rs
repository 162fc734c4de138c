//! Reading a backup without bringing it back.

use crate::error::BackupError;
use crate::manifest::Manifest;
use crate::place::Place;
use crate::restore::Check;
use crate::{Progress, Watch};

/// What was found.
#[derive(Debug)]
pub struct Verified {
    /// The backup.
    pub manifest: Manifest,
    /// Objects that are missing, cannot be read, or do not have the bytes that were saved.
    pub problems: Vec<BackupError>,
}

/// Reads every object of the backup `name`, or of the newest, and compares length and checksum with the manifest.
pub async fn verify(place: &Place, name: Option<&str>, watch: Watch<'_>) -> Result<Verified, BackupError> {
    let manifest = place.manifest(name).await?;
    let mut progress =
        Progress { files: manifest.files.len(), bytes: manifest.bytes(), ..Progress::default() };
    let mut problems = Vec::new();
    for file in &manifest.files {
        let mut check = Check::default();
        let read = place
            .get(&file.object, &mut |piece| {
                check.take(piece);
                progress.bytes_done += piece.len() as u64;
                watch(progress);
                Ok(())
            })
            .await;
        problems.extend(read.and_then(|()| check.matches(place, file)).err());
        progress.files_done += 1;
        watch(progress);
    }
    Ok(Verified { manifest, problems })
}
