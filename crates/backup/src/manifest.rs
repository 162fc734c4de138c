//! What a backup consists of.
//!
//! A manifest is one JSON object: `format` (1), `crc32c` of the bytes of the value of `backup`, and `backup` itself.

use crate::error::BackupError;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::path::{Component, Path};

const FORMAT: u64 = 1;

/// A backup: the files of a data folder as of one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The backup's name: letters, digits, `-` and `_`. Names sort by age.
    pub name: String,
    /// When it was made, in milliseconds since the Unix epoch.
    pub created_ms: i64,
    /// The release that made it.
    pub program: String,
    /// Its files, by path.
    pub files: Vec<FileEntry>,
}

/// One file of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Where it goes, relative to the data folder, with `/` between names.
    pub path: String,
    /// The object that holds its bytes.
    pub object: String,
    /// Its length in bytes.
    pub bytes: u64,
    /// CRC-32C of its bytes.
    pub crc32c: u32,
}

#[derive(Serialize, Deserialize)]
struct Envelope<'a> {
    format: u64,
    crc32c: u32,
    #[serde(borrow)]
    backup: &'a RawValue,
}

impl Manifest {
    /// The sum of its files' lengths in bytes.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    pub(crate) fn encode(&self) -> Result<Vec<u8>, serde_json::Error> {
        let backup = serde_json::value::to_raw_value(self)?;
        let crc32c = crc32c::crc32c(backup.get().as_bytes());
        serde_json::to_vec(&Envelope { format: FORMAT, crc32c, backup: &backup })
    }

    /// Reads a manifest; `object` says where it came from. Paths that would lead out of a folder are refused.
    pub fn decode(bytes: &[u8], object: &str) -> Result<Self, BackupError> {
        let damaged = |problem: String| BackupError::Damaged { object: object.to_owned(), problem };
        let envelope: Envelope<'_> =
            serde_json::from_slice(bytes).map_err(|error| damaged(format!("it is no manifest: {error}")))?;
        if envelope.format > FORMAT {
            let (object, found) = (object.to_owned(), envelope.format);
            return Err(BackupError::UnknownVersion { object, found, supported: FORMAT });
        }
        if crc32c::crc32c(envelope.backup.get().as_bytes()) != envelope.crc32c {
            return Err(damaged("its checksum is wrong".to_owned()));
        }
        let manifest: Self = serde_json::from_str(envelope.backup.get())
            .map_err(|error| damaged(format!("it is no manifest: {error}")))?;
        if !is_name(&manifest.name) {
            return Err(damaged(format!("it calls itself {:?}", manifest.name)));
        }
        let stray =
            manifest.files.iter().find(|file| !stays_inside(&file.path) || !stays_inside(&file.object));
        match stray {
            Some(file) => Err(damaged(format!("{:?} leads out of its folder", file.path))),
            None => Ok(manifest),
        }
    }
}

/// Whether a text can be a backup's name.
pub(crate) fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

/// Whether a path is relative and goes only down.
fn stays_inside(path: &str) -> bool {
    !path.is_empty()
        && !path.contains(['\\', '\0'])
        && Path::new(path).components().all(|part| matches!(part, Component::Normal(_)))
}

#[cfg(test)]
mod tests;
