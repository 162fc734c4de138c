//! What metric families say about themselves, kept in a file beside the parts.

use crate::codec::bytes::Reader;
use crate::locked;
use crate::record::{put_metadata, take_metadata};
use crate::store::Core;
use hashbrown::HashMap;
use std::io;
use std::path::Path;
use std::sync::Arc;
use watchfire_disk::{BlockError, BlockReader, BlockWriter, Disk, FileKind};
use watchfire_model::Metadata;

pub(crate) const METADATA_FILE: &str = "metadata";
const METADATA_KIND: FileKind = FileKind { magic: *b"WFMETA\r\n", version: 1 };

impl Core {
    pub(super) fn write_metadata(&self) -> io::Result<()> {
        let mut bytes = Vec::new();
        let known = locked(&self.metadata);
        let mut families: Vec<_> = known.iter().collect();
        // Sorted, so that the same families make the same file.
        families.sort_unstable_by_key(|(family, _)| *family);
        for (family, metadata) in families {
            put_metadata(&mut bytes, family, metadata);
        }
        drop(known);
        let disk = Arc::clone(&self.disk);
        BlockWriter::create(disk, &self.path, METADATA_FILE, METADATA_KIND)?.finish(&bytes)?;
        Ok(())
    }
}

/// An error when a newer release wrote the metadata.
pub(crate) fn check(disk: &dyn Disk, path: &Path) -> Result<(), BlockError> {
    match BlockReader::open(disk, &path.join(METADATA_FILE), METADATA_KIND) {
        Err(error @ BlockError::UnknownVersion { .. }) => Err(error),
        _ => Ok(()),
    }
}

/// Whether there is metadata, all of which was read; an error when it is damaged.
pub(crate) fn verify(disk: &dyn Disk, path: &Path) -> Result<bool, BlockError> {
    let path = path.join(METADATA_FILE);
    let bytes = match BlockReader::open(disk, &path, METADATA_KIND) {
        Err(BlockError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
        Ok(file) => file.footer()?,
    };
    let mut input = Reader::new(&bytes);
    while !input.is_empty() {
        if take_metadata(&mut input).is_none() {
            return Err(BlockError::Damaged { path, what: "an entry makes no sense" });
        }
    }
    Ok(true)
}

/// The metadata kept. What cannot be read is named in `damage`; the sources will tell it again.
pub(crate) fn read(disk: &dyn Disk, path: &Path, damage: &mut Vec<String>) -> HashMap<String, Metadata> {
    let mut found = HashMap::new();
    let file = BlockReader::open(disk, &path.join(METADATA_FILE), METADATA_KIND);
    match file.and_then(|file| file.footer()) {
        Err(BlockError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
        Err(error) => damage.push(error.to_string()),
        Ok(bytes) => {
            let mut input = Reader::new(&bytes);
            while let Some((family, metadata)) = take_metadata(&mut input) {
                found.insert(family, metadata);
            }
        }
    }
    found
}
