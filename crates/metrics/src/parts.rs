//! Which parts there are. On disk a directory for each UTC day holds its parts, so that a day is dropped as a whole.

mod strays;

use crate::part::{KIND, PageCache, Part};
use crate::{locked, reading, writing};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use watchfire_disk::{BlockError, BlockReader, Disk, remove_leftovers};

pub(crate) const DAY_MS: i64 = 86_400_000;

#[derive(Debug)]
pub(crate) struct PartList {
    /// By day, then by order.
    parts: RwLock<Arc<Vec<Arc<Part>>>>,
    next_seq: AtomicU64,
    /// Unpacked pages of all parts.
    pub(crate) cache: Arc<PageCache>,
    /// Parts that cannot be opened, and why.
    pub(crate) unreadable: Vec<String>,
    /// Their days and numbers.
    unopened: Vec<(i64, u64)>,
    /// Files that may be on disk although their parts are not shown, with their numbers.
    strays: Mutex<BTreeMap<PathBuf, u64>>,
    /// Whether what an earlier process removed is known to stay away after a power cut.
    removals_settled: AtomicBool,
    /// The parts found damaged, by number.
    damaged: Mutex<BTreeMap<u64, KnownDamage>>,
    /// Since when the parts of a day are what they are, in milliseconds; days that nobody asked for since are not here.
    unchanged_since: Mutex<BTreeMap<i64, i64>>,
}

/// What is known of a damaged part.
#[derive(Clone, Debug, Default)]
struct KnownDamage {
    /// Some of the places.
    places: Vec<String>,
    /// Whether all of it was looked at and bytes are not what was written: it is not merged, for what cannot be read
    /// now might be with better tools.
    quarantined: bool,
}

/// A part some of which cannot be read. The rest of it answers; it is not merged with others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DamagedPart {
    /// The file.
    pub path: PathBuf,
    /// What is wrong and where: not all, when there is much.
    pub places: Vec<String>,
}

/// So many places of a damaged part are told.
const MAX_PLACES: usize = 20;

pub(crate) fn root(path: &Path) -> PathBuf {
    path.join("parts")
}

/// The day since the epoch as `day-19675`.
pub(crate) fn day_dir(path: &Path, day: i64) -> PathBuf {
    root(path).join(format!("day-{day}"))
}

pub(crate) fn file_name(seq: u64) -> String {
    format!("{seq:012}.part")
}

/// The part files found: day, sequence number, path.
pub(crate) fn files(disk: &dyn Disk, path: &Path) -> io::Result<Vec<(i64, u64, PathBuf)>> {
    let list = |dir: &Path| match disk.list(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        other => other,
    };
    let mut found = Vec::new();
    for entry in list(&root(path))? {
        let Some(day) = entry.name.strip_prefix("day-").and_then(|day| day.parse().ok()) else { continue };
        let dir = root(path).join(&entry.name);
        for file in list(&dir)? {
            if let Some(seq) = file.name.strip_suffix(".part").and_then(|seq| seq.parse().ok()) {
                found.push((day, seq, dir.join(file.name)));
            }
        }
    }
    Ok(found)
}

impl PartList {
    /// An error when a newer release wrote a part. Changes nothing.
    pub(crate) fn check(disk: &dyn Disk, path: &Path) -> Result<(), BlockError> {
        let io = |source| BlockError::Io { path: path.to_owned(), source };
        for (_, _, file) in files(disk, path).map_err(io)? {
            if let Err(error @ BlockError::UnknownVersion { .. }) = BlockReader::open(disk, &file, KIND) {
                return Err(error);
            }
        }
        Ok(())
    }

    /// Opens all parts, and removes those that a crash kept from being removed.
    pub(crate) fn open(disk: &dyn Disk, path: &Path, cache_bytes: usize) -> io::Result<Self> {
        let cache = PageCache::new(cache_bytes);
        let (mut parts, mut unreadable, mut unopened) = (Vec::new(), Vec::new(), Vec::new());
        let files = files(disk, path)?;
        let mut last = files.iter().map(|(_, number, _)| *number).max().unwrap_or(0);
        let mut taken = BTreeSet::new();
        // A merged part replaces only parts of its own day.
        let mut replaced = BTreeSet::new();
        for (day, number, file) in &files {
            // A power cut can bring back a part whose number was given to one of another day since. In memory, numbers
            // are unique: caches and the list of parts tell parts apart by them.
            let mut seq = *number;
            if !taken.insert(seq) {
                last += 1;
                seq = last;
            }
            match Part::open(disk, file, seq, *day, &cache) {
                Ok(part) => {
                    replaced.extend(part.summary.replaces.iter().map(|number| (*day, *number)));
                    parts.push((*number, Arc::new(part)));
                }
                Err(error) => {
                    tracing::error!(%error, "a part is left out");
                    unreadable.push(error.to_string());
                    unopened.push((*day, *number));
                }
            }
        }
        parts.retain(|(number, part)| !replaced.contains(&(part.day, *number)));
        for (day, number, file) in &files {
            if replaced.contains(&(*day, *number)) {
                disk.remove_file(file)?;
            }
        }
        let mut parts = parts
            .into_iter()
            .map(
                |(number, part)| {
                    if part.seq == number { Ok(part) } else { renumbered(disk, path, &part, &cache) }
                },
            )
            .collect::<io::Result<Vec<_>>>()?;
        let mut days: Vec<i64> = files.iter().map(|(day, ..)| *day).collect();
        days.dedup();
        for day in days {
            remove_leftovers(disk, &day_dir(path, day))?;
        }
        sort(&mut parts);
        let parts = RwLock::new(Arc::new(parts));
        let next_seq = AtomicU64::new(last + 1);
        Ok(Self {
            parts,
            next_seq,
            cache,
            unreadable,
            unopened,
            strays: Mutex::default(),
            removals_settled: AtomicBool::new(false),
            damaged: Mutex::default(),
            unchanged_since: Mutex::default(),
        })
    }

    pub(crate) fn list(&self) -> Arc<Vec<Arc<Part>>> {
        Arc::clone(&reading(&self.parts))
    }

    /// The parts of each day that may be merged with each other: of two values for one time that of the older part
    /// stays, so parts on two sides of one that must be left out do not come together. Where a part cannot be opened it
    /// is not known how old it is, only that those made after it are newer.
    pub(crate) fn mergeable(&self) -> Vec<(i64, Vec<Arc<Part>>)> {
        let mut runs: Vec<(i64, Vec<Arc<Part>>)> = Vec::new();
        let mut together = false;
        for part in self.list().iter() {
            let left_out = |(day, seq): &(i64, u64)| *day == part.day && part.summary.order <= *seq;
            if self.is_quarantined(part.seq) || self.unopened.iter().any(left_out) {
                together = false;
                continue;
            }
            match runs.last_mut().filter(|(day, _)| together && *day == part.day) {
                Some((_, run)) => run.push(Arc::clone(part)),
                None => runs.push((part.day, vec![Arc::clone(part)])),
            }
            together = true;
        }
        runs
    }

    /// Numbers up to this one are in use elsewhere.
    pub(crate) fn skip_to(&self, last_seq: u64) {
        self.next_seq.fetch_max(last_seq.saturating_add(1), Ordering::Relaxed);
    }

    pub(crate) fn next_seq(&self) -> u64 {
        self.next_seq.fetch_add(1, Ordering::Relaxed)
    }

    /// Shows `new` parts and no longer those with the numbers in `gone`, at once. The files of those are to be removed.
    pub(crate) fn replace(&self, new: Vec<Part>, gone: &[u64]) {
        let mut list = writing(&self.parts);
        let gone_parts = list.iter().filter(|part| gone.contains(&part.seq)).map(|part| part.day);
        let days: Vec<i64> = gone_parts.chain(new.iter().map(|part| part.day)).collect();
        for part in list.iter().filter(|part| gone.contains(&part.seq)) {
            self.stray(part.path().to_owned(), part.seq);
        }
        new.iter().for_each(|part| self.no_stray(part.path()));
        let kept = list.iter().filter(|part| !gone.contains(&part.seq)).cloned();
        let mut parts: Vec<_> = kept.chain(new.into_iter().map(Arc::new)).collect();
        sort(&mut parts);
        *list = Arc::new(parts);
        drop(list);
        locked(&self.unchanged_since).retain(|day, _| !days.contains(day));
        let mut damaged = locked(&self.damaged);
        for seq in gone {
            self.cache.forget(*seq);
            damaged.remove(seq);
        }
    }

    /// Remembers a damaged place of a part that a reader met.
    pub(crate) fn note_damage(&self, seq: u64, place: &str) {
        let mut damaged = locked(&self.damaged);
        let known = damaged.entry(seq).or_default();
        if known.places.len() < MAX_PLACES && !known.places.iter().any(|known| known == place) {
            known.places.push(place.to_owned());
        }
    }

    /// Takes a part out of merging, for these damaged places.
    pub(crate) fn quarantine(&self, seq: u64, mut places: Vec<String>) {
        places.truncate(MAX_PLACES);
        locked(&self.damaged).insert(seq, KnownDamage { places, quarantined: true });
    }

    pub(crate) fn is_quarantined(&self, seq: u64) -> bool {
        locked(&self.damaged).get(&seq).is_some_and(|known| known.quarantined)
    }

    /// The parts found damaged since the store was opened that are still here.
    pub(crate) fn damaged(&self) -> Vec<DamagedPart> {
        let parts = self.list();
        let damaged = locked(&self.damaged);
        let known = parts.iter().filter_map(|part| Some((part, damaged.get(&part.seq)?)));
        known
            .map(|(part, known)| DamagedPart { path: part.path().to_owned(), places: known.places.clone() })
            .collect()
    }

    /// For how long the parts of a day have been the same, as far as this process knows.
    pub(crate) fn quiet_ms(&self, day: i64, now_ms: i64) -> i64 {
        now_ms.saturating_sub(*locked(&self.unchanged_since).entry(day).or_insert(now_ms))
    }
}

/// Gives the file of a part the number that the part has in memory: deletions name parts by their numbers, and the next
/// start might choose another.
fn renumbered(disk: &dyn Disk, path: &Path, part: &Part, cache: &Arc<PageCache>) -> io::Result<Arc<Part>> {
    let dir = day_dir(path, part.day);
    let file = dir.join(file_name(part.seq));
    disk.rename(part.path(), &file)?;
    disk.sync_dir(&dir)?;
    tracing::warn!(file = %file.display(), "two parts had one number; this one has another now");
    let part = Part::open(disk, &file, part.seq, part.day, cache);
    part.map(Arc::new).map_err(|error| io::Error::other(error.to_string()))
}

fn sort(parts: &mut [Arc<Part>]) {
    parts.sort_by_key(|part| (part.day, part.summary.order, part.seq));
}
