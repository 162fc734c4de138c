//! Target files: JSON or YAML lists of groups, read again when they change.

use super::{FileSource, TargetGroup, read_static};
use crate::config::glob;
use crate::config::yaml::{Fault, Value, parse_file};
use crate::relabel::NameScheme;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// The label that names the file a target came from.
const FILE_LABEL: &str = "__meta_filepath";

/// What a file looked like when it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    len: u64,
}

#[derive(Debug)]
struct Known {
    stamp: Stamp,
    groups: Vec<TargetGroup>,
}

/// The files of one [`FileSource`] and the targets they gave last.
#[derive(Debug)]
pub struct FileDiscovery {
    source: FileSource,
    scheme: NameScheme,
    files: BTreeMap<PathBuf, Known>,
    /// How long ago all files were read, whatever they looked like.
    since_refresh: Duration,
    faults: Vec<Fault>,
    read_errors: u64,
}

impl FileDiscovery {
    /// A discovery that has read nothing yet.
    pub fn new(source: FileSource, scheme: NameScheme) -> Self {
        let since_refresh = source.refresh_interval;
        Self { source, scheme, files: BTreeMap::new(), since_refresh, faults: Vec::new(), read_errors: 0 }
    }

    /// Looks for changes, `elapsed` after the last look; says whether targets or faults are others now. A file that
    /// is wrong keeps the targets it gave last, and is told by [`FileDiscovery::faults`]; one that vanished gives none.
    pub fn poll(&mut self, elapsed: Duration) -> bool {
        self.since_refresh = self.since_refresh.saturating_add(elapsed);
        let refresh = self.since_refresh >= self.source.refresh_interval;
        if refresh {
            self.since_refresh = Duration::ZERO;
        }
        let mut found: Vec<PathBuf> =
            self.source.patterns.iter().flat_map(|pattern| glob::expand(pattern)).collect();
        found.sort();
        found.dedup();
        let before = self.files.len();
        self.files.retain(|file, _| found.binary_search(file).is_ok());
        let mut changed = self.files.len() != before;
        let mut faults = Vec::new();
        for file in found {
            changed |= self.look(&file, refresh, &mut faults);
        }
        for fault in &faults {
            if !self.faults.contains(fault) {
                tracing::warn!(error = %fault, "target file refused, its last good targets stay");
            }
        }
        changed |= self.faults != faults;
        self.faults = faults;
        changed
    }

    fn look(&mut self, file: &Path, refresh: bool, faults: &mut Vec<Fault>) -> bool {
        let stamp = match std::fs::metadata(file) {
            Ok(metadata) => Stamp { modified: metadata.modified().ok(), len: metadata.len() },
            Err(error) => {
                self.read_errors += 1;
                faults.push(Fault::of_file(file, format!("cannot read the file: {error}")));
                return false;
            }
        };
        let old_fault = self.faults.iter().find(|fault| fault.file == file).cloned();
        let known = self.files.get(file);
        if !refresh && known.is_some_and(|known| known.stamp == stamp) {
            faults.extend(old_fault);
            return false;
        }
        match read_groups(file, self.scheme) {
            Ok(groups) => {
                let changed = known.is_none_or(|known| known.groups != groups);
                self.files.insert(file.to_owned(), Known { stamp, groups });
                changed
            }
            Err(fault) => {
                self.read_errors += 1;
                faults.push(fault);
                // Remembering the stamp keeps a wrong file from being read at every look.
                let groups = self.files.remove(file).map(|known| known.groups).unwrap_or_default();
                self.files.insert(file.to_owned(), Known { stamp, groups });
                false
            }
        }
    }

    /// The groups of all files, in the order of their names.
    pub fn groups(&self) -> impl Iterator<Item = &TargetGroup> {
        self.files.values().flat_map(|known| &known.groups)
    }

    /// How often a file could not be read or was wrong.
    pub fn read_errors(&self) -> u64 {
        self.read_errors
    }

    /// What was wrong at the last look.
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }
}

fn read_groups(file: &Path, scheme: NameScheme) -> Result<Vec<TargetGroup>, Fault> {
    let node = parse_file(file)?;
    let items = match node.value {
        Value::List(items) => items,
        Value::Null => Vec::new(),
        _ => return Err(node.expected("a list of target groups").in_file(file)),
    };
    let mut groups = read_static(items, scheme).map_err(|problem| problem.in_file(file))?;
    for group in &mut groups {
        group.labels.push((FILE_LABEL.to_owned(), file.display().to_string()));
    }
    Ok(groups)
}

#[cfg(test)]
mod tests;
