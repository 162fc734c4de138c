//! The exemplars in a file beside the parts, written anew by every flush that finds others.

use super::record::{put_group, take_group};
use super::{Exemplar, Exemplars};
use crate::codec::bytes::Reader;
use crate::locked;
use crate::store::Core;
use std::io;
use std::path::Path;
use std::sync::Arc;
use watchfire_disk::{BlockError, BlockReader, BlockWriter, Disk, FileKind};
use watchfire_model::Labels;

pub(crate) const FILE: &str = "exemplars";
const KIND: FileKind = FileKind { magic: *b"WFEXEM\r\n", version: 1 };

impl Core {
    /// Drops what is older than the retention and writes the rest, if it is not in the file already.
    pub(crate) fn write_exemplars(&self) -> io::Result<()> {
        let (now_ms, retention) = (self.clock.now_ms(), self.retention());
        let mut bytes = Vec::new();
        let mut exemplars = locked(&self.exemplars);
        exemplars.kept.expire(|labels| now_ms.saturating_sub(retention.keep_ms(labels)));
        let changes = exemplars.kept.changes();
        if changes == exemplars.written {
            return Ok(());
        }
        for (series, kept) in exemplars.kept.groups() {
            put_group(&mut bytes, series, kept);
        }
        drop(exemplars);
        BlockWriter::create(Arc::clone(&self.disk), &self.path, FILE, KIND)?.finish(&bytes)?;
        locked(&self.exemplars).written = changes;
        Ok(())
    }
}

/// An error when a newer release wrote the exemplars.
pub(crate) fn check(disk: &dyn Disk, path: &Path) -> Result<(), BlockError> {
    match BlockReader::open(disk, &path.join(FILE), KIND) {
        Err(error @ BlockError::UnknownVersion { .. }) => Err(error),
        _ => Ok(()),
    }
}

/// Whether there is a file, all of which was read; an error when it is damaged.
pub(crate) fn verify(disk: &dyn Disk, path: &Path) -> Result<bool, BlockError> {
    read_all(disk, path, &mut |_, _| {})
}

/// Restores the exemplars kept. What cannot be read is named in `damage`, and the next flush writes what there is.
pub(crate) fn read(disk: &dyn Disk, path: &Path, max: usize, damage: &mut Vec<String>) -> Exemplars {
    let mut exemplars = Exemplars::new(max);
    let read = read_all(disk, path, &mut |series, exemplar| exemplars.restore(series, exemplar));
    match read {
        Ok(_) => exemplars.written = exemplars.kept.changes(),
        Err(error) => {
            damage.push(error.to_string());
            exemplars.written = u64::MAX;
        }
    }
    exemplars
}

fn read_all(
    disk: &dyn Disk,
    path: &Path,
    with: &mut dyn FnMut(&Labels, Exemplar),
) -> Result<bool, BlockError> {
    let path = path.join(FILE);
    let bytes = match BlockReader::open(disk, &path, KIND) {
        Err(BlockError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
        Ok(file) => file.footer()?,
    };
    let mut input = Reader::new(&bytes);
    while !input.is_empty() {
        if take_group(&mut input, with).is_none() {
            return Err(BlockError::Damaged { path, what: "an entry makes no sense" });
        }
    }
    Ok(true)
}
