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
        for (family, metadata) in locked(&self.metadata).iter() {
            put_metadata(&mut bytes, family, metadata);
        }
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

/// The metadata kept; what cannot be read will be told again by the sources.
pub(crate) fn read(disk: &dyn Disk, path: &Path) -> HashMap<String, Metadata> {
    let mut found = HashMap::new();
    let file = BlockReader::open(disk, &path.join(METADATA_FILE), METADATA_KIND);
    if let Ok(bytes) = file.and_then(|file| file.footer()) {
        let mut input = Reader::new(&bytes);
        while let Some((family, metadata)) = take_metadata(&mut input) {
            found.insert(family, metadata);
        }
    }
    found
}
