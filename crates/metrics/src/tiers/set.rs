//! The windows of some whole days of a tier: a part for each column, and a manifest.

use crate::codec::bytes::{Reader, put_signed, put_varint};
use crate::part::{PageCache, Part};
use crate::parts::{DAY_MS, file_name};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use watchfire_disk::{BlockError, BlockReader, BlockWriter, Disk, FileKind, is_leftover};

pub(super) const KIND: FileKind = FileKind { magic: *b"WFTIER\r\n", version: 1 };

/// What a part of a set holds of each window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Column {
    /// The first sample, as it was measured.
    First,
    /// The last sample, and a stale marker after it. Every series of the set is in this column.
    Last,
    /// How many samples; this and what follows stands at the time of the last sample.
    Count,
    /// Their sum.
    Sum,
    /// The smallest of the floats.
    Min,
    /// The largest of the floats.
    Max,
    /// The sum of the values before each counter reset inside, where there was any.
    Lost,
}

pub(crate) const COLUMNS: [Column; 7] =
    [Column::First, Column::Last, Column::Count, Column::Sum, Column::Min, Column::Max, Column::Lost];

/// A set that can be read.
#[derive(Debug)]
pub(crate) struct Set {
    pub(crate) seq: u64,
    /// Its first UTC day since the epoch.
    pub(crate) start_day: i64,
    pub(crate) days: i64,
    /// The numbers of the parts, or of the finer set, it was made of.
    pub(crate) sources: Vec<u64>,
    /// In the order of [`COLUMNS`].
    pub(crate) parts: Vec<Option<Arc<Part>>>,
    /// Bytes of all its files.
    pub(crate) bytes: u64,
    path: PathBuf,
}

impl Set {
    /// The day after its last.
    pub(crate) fn end_day(&self) -> i64 {
        self.start_day.saturating_add(self.days)
    }

    /// Its last instant.
    pub(crate) fn end_ms(&self) -> i64 {
        self.end_day().saturating_mul(DAY_MS)
    }

    pub(crate) fn part(&self, column: Column) -> Option<&Arc<Part>> {
        self.parts.get(column as usize)?.as_ref()
    }

    /// Series in it.
    pub(crate) fn series(&self) -> u64 {
        self.part(Column::Last).map_or(0, |part| u64::from(part.summary.series))
    }

    /// Windows in it, over all series.
    pub(crate) fn windows(&self) -> u64 {
        self.part(Column::Count).map_or(0, |part| part.summary.samples)
    }

    /// Removes its files, the manifest first; those that an earlier attempt removed are no matter.
    pub(super) fn remove(&self, disk: &dyn Disk) -> io::Result<()> {
        let remove = |path: &Path| match disk.remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        };
        remove(&self.path)?;
        let Some(dir) = self.path.parent() else { return Ok(()) };
        disk.sync_dir(dir)?;
        for part in self.parts.iter().flatten() {
            part.forget_pages();
            remove(part.path())?;
        }
        disk.sync_dir(dir)
    }
}

/// What a manifest says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Manifest {
    pub(super) start_day: i64,
    pub(super) days: i64,
    pub(super) sources: Vec<u64>,
    /// The numbers of the parts, in the order of [`COLUMNS`]; 0 for a column without samples.
    pub(super) parts: Vec<u64>,
}

impl Manifest {
    fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        put_signed(&mut bytes, self.start_day);
        put_signed(&mut bytes, self.days);
        for list in [&self.sources, &self.parts] {
            put_varint(&mut bytes, list.len() as u64);
            list.iter().for_each(|seq| put_varint(&mut bytes, *seq));
        }
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut input = Reader::new(bytes);
        let (start_day, days) = (input.signed()?, input.signed()?);
        let mut list = || {
            let count = input.count()?;
            (0..count).map(|_| input.varint()).collect::<Option<Vec<u64>>>()
        };
        let (sources, parts) = (list()?, list()?);
        let possible = -1_000_000..1_000_000;
        let sound = possible.contains(&start_day) && (1..=4096).contains(&days);
        (sound && parts.len() == COLUMNS.len()).then_some(Self { start_day, days, sources, parts })
    }
}

fn manifest_name(seq: u64) -> String {
    format!("{seq:012}.set")
}

/// Writes the manifest of a set whose parts are published, and opens it: from here on the set exists.
pub(super) fn publish(
    disk: &Arc<dyn Disk>,
    cache: &Arc<PageCache>,
    dir: &Path,
    seq: u64,
    manifest: &Manifest,
) -> io::Result<Set> {
    let name = manifest_name(seq);
    disk.create_dir_all(dir)?;
    BlockWriter::create(Arc::clone(disk), dir, &name, KIND)?.finish(&manifest.encode())?;
    open(&**disk, cache, &dir.join(name), seq).map_err(|error| io::Error::other(error.to_string()))
}

fn open(disk: &dyn Disk, cache: &Arc<PageCache>, path: &Path, seq: u64) -> Result<Set, BlockError> {
    let reader = BlockReader::open(disk, path, KIND)?;
    let nonsense = || BlockError::Damaged { path: path.to_owned(), what: "the manifest makes no sense" };
    let manifest = Manifest::decode(&reader.footer()?).ok_or_else(nonsense)?;
    let dir = path.parent().ok_or_else(nonsense)?;
    let mut parts = Vec::new();
    for number in &manifest.parts {
        parts.push(match number {
            0 => None,
            number => {
                let file = dir.join(file_name(*number));
                Some(Arc::new(Part::open(disk, &file, *number, manifest.start_day, cache)?))
            }
        });
    }
    let bytes = reader.len_bytes() + parts.iter().flatten().map(|part| part.bytes()).sum::<u64>();
    let Manifest { start_day, days, sources, .. } = manifest;
    Ok(Set { seq, start_day, days, sources, parts, bytes, path: path.to_owned() })
}

/// Makes sure that a manifest that may have been published is not there.
pub(super) fn remove_manifest(disk: &dyn Disk, dir: &Path, seq: u64) -> io::Result<()> {
    match disk.remove_file(&dir.join(manifest_name(seq))) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => disk.sync_dir(dir),
    }
}

/// Whether a manifest and everything it names can be opened.
pub(super) fn verify(disk: &dyn Disk, path: &Path) -> Result<(), BlockError> {
    open(disk, &PageCache::new(0), path, 0).map(drop)
}

/// Opens the sets in a folder, by day. Files that belong to none, and sets whose days a newer set holds, are removed;
/// a set that cannot be read is left out, named, and left as it is.
pub(super) fn open_all(
    disk: &dyn Disk,
    cache: &Arc<PageCache>,
    dir: &Path,
    unreadable: &mut Vec<String>,
    last: &mut u64,
) -> io::Result<Vec<Arc<Set>>> {
    let (mut sets, mut files, mut damaged) = (Vec::new(), Vec::new(), false);
    for entry in super::list(disk, dir)? {
        let path = dir.join(&entry.name);
        if is_leftover(&entry.name) {
            disk.remove_file(&path)?;
            continue;
        }
        let Some((number, extension)) = entry.name.split_once('.') else { continue };
        let Ok(number) = number.parse::<u64>() else { continue };
        *last = (*last).max(number);
        match extension {
            "part" => files.push((number, path)),
            "set" => match open(disk, cache, &path, number) {
                Ok(set) => sets.push(set),
                Err(error) => {
                    tracing::error!(%error, "days of a downsampled tier are left out");
                    unreadable.push(error.to_string());
                    damaged = true;
                }
            },
            _ => {}
        }
    }
    // The newest first.
    sets.sort_by_key(|set| std::cmp::Reverse(set.seq));
    let mut kept: Vec<Set> = Vec::new();
    for set in sets {
        let overlaps = |other: &Set| set.start_day < other.end_day() && other.start_day < set.end_day();
        if kept.iter().any(overlaps) {
            set.remove(disk)?;
            files.retain(|(number, _)| !set.parts.iter().flatten().any(|part| part.seq == *number));
        } else {
            kept.push(set);
        }
    }
    // What belongs to a damaged manifest cannot be told from what belongs to none.
    for (number, path) in files {
        let known = kept.iter().any(|set| set.parts.iter().flatten().any(|part| part.seq == number));
        if !known && !damaged {
            disk.remove_file(&path)?;
        }
    }
    kept.sort_by_key(|set| set.start_day);
    Ok(kept.into_iter().map(Arc::new).collect())
}

#[cfg(test)]
mod tests;
