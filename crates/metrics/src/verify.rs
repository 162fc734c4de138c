//! A whole data directory read and checked, as `watchfire verify` does it. Nothing is changed.

use crate::exemplars::{self, Exemplar};
use crate::import;
use crate::masks::deletions;
use crate::part::{PageCache, Part};
use crate::parts;
use crate::record::{self, RecordSink, RecordValue};
use crate::tiers;
use crate::upkeep::metadata;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use watchfire_disk::{BlockError, Disk, Log, LogError};
use watchfire_model::{Labels, Metadata};

/// How far a verification is.
#[derive(Clone, Copy, Debug)]
pub struct Progress<'a> {
    /// The file, or the directory of the log, that is being read.
    pub path: &'a Path,
    /// Bytes of all files read so far; an estimate within a file.
    pub bytes_done: u64,
    /// Bytes of all files there are to read.
    pub bytes_total: u64,
}

/// Something that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file.
    pub path: PathBuf,
    /// What is wrong and where in it, for a person; names the file too.
    pub text: String,
}

/// What a verification found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Files read: parts, log segments, the metadata.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Blocks and pages of parts whose checksums were compared.
    pub blocks: u64,
    /// Series in parts; one that is in two parts counts twice.
    pub series: u64,
    /// Samples in parts.
    pub samples: u64,
    /// Bytes that columns of timestamps take in parts.
    pub timestamp_bytes: u64,
    /// Bytes that columns of values take in parts.
    pub value_bytes: u64,
    /// Bytes of parts that say which series there are and where their columns lie.
    pub series_bytes: u64,
    /// Bytes of parts by which series are found: label values, and the series that have them.
    pub index_bytes: u64,
    /// Whole records of the log.
    pub log_records: u64,
    /// Bytes at the end of the log that belong to a write which a crash interrupted. They were never acknowledged, so
    /// they are no problem; the next start cuts them off.
    pub torn_bytes: u64,
    /// What is damaged. Empty when all is well.
    pub problems: Vec<Problem>,
    /// Whether the caller ended it before all was read.
    pub interrupted: bool,
}

impl Report {
    fn add(&mut self, path: &Path, error: impl ToString) {
        self.problems.push(Problem { path: path.to_owned(), text: error.to_string() });
    }
}

/// Reads every part, those of downsampled tiers too, every segment of the log, the metadata, the exemplars and the deletions in the
/// data directory `path`, compares every checksum and decodes everything. Changes nothing and takes no lock, so that it
/// may run beside a store that is open:
/// files which that removes meanwhile are left out. `progress` is called often and ends it by `Break`.
///
/// An error only when a directory cannot be listed; a file that cannot be read is a [`Problem`].
pub fn verify(
    path: &Path,
    disk: &dyn Disk,
    progress: &mut dyn FnMut(&Progress<'_>) -> ControlFlow<()>,
) -> io::Result<Report> {
    let mut report = Report::default();
    let no_cache = PageCache::new(0);
    let mut files = parts::files(disk, path)?;
    files.extend(tiers::part_files(disk, path)?);
    let length = |path: &Path| disk.open(path).and_then(|file| file.len()).unwrap_or(0);
    let lengths: Vec<u64> = files.iter().map(|(.., file)| length(file)).collect();
    let wal = path.join("wal");
    let wal_bytes = match disk.list(&wal) {
        Ok(entries) => entries.iter().map(|entry| length(&wal.join(&entry.name))).sum(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
        Err(error) => return Err(error),
    };
    let bytes_total = lengths.iter().sum::<u64>() + wal_bytes;
    for ((day, seq, file), len) in files.iter().zip(lengths) {
        let before = report.bytes;
        let part = match Part::open(disk, file, *seq, *day, &no_cache) {
            Ok(part) => part,
            Err(BlockError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => {
                report.files += 1;
                report.bytes += len;
                report.add(file, error);
                continue;
            }
        };
        let mut problems = Vec::new();
        let verified = part.verify(&mut |error| problems.push(error), &mut |bytes| {
            let flow = progress(&Progress { path: file, bytes_done: before + bytes.min(len), bytes_total });
            report.interrupted |= flow.is_break();
            flow
        });
        for problem in problems {
            report.add(file, problem);
        }
        report.files += 1;
        report.bytes += len;
        report.blocks += verified.blocks;
        report.series += verified.series;
        report.samples += verified.samples;
        report.timestamp_bytes += verified.timestamp_bytes;
        report.value_bytes += verified.value_bytes;
        report.series_bytes += verified.series_bytes;
        report.index_bytes += verified.index_bytes;
        if report.interrupted {
            return Ok(report);
        }
    }
    verify_log(&wal, disk, &mut report);
    report.interrupted = progress(&Progress { path: &wal, bytes_done: bytes_total, bytes_total }).is_break();
    for (file, verified) in tiers::verify(disk, path)? {
        report.files += 1;
        if let Err(error) = verified {
            report.add(&file, error);
        }
    }
    for (name, verified) in [
        (metadata::METADATA_FILE, metadata::verify(disk, path)),
        (exemplars::file::FILE, exemplars::file::verify(disk, path)),
        (import::JOURNAL_FILE, import::verify(disk, path)),
        (deletions::FILE, deletions::read(disk, path).map(|kept| !kept.is_empty())),
    ] {
        match verified {
            Ok(false) => {}
            Ok(true) => report.files += 1,
            Err(error) => report.add(&path.join(name), error),
        }
    }
    Ok(report)
}

fn verify_log(wal: &Path, disk: &dyn Disk, report: &mut Report) {
    let mut nonsense = Vec::new();
    let scanned = Log::scan(disk, wal, record::FORMAT, |path, record| {
        let mut sink = Checked { sound: true };
        if record::decode(record, &mut sink).is_none() || !sink.sound {
            nonsense.push(path.to_owned());
        }
    });
    for path in nonsense {
        let text = format!("{}: a record makes no sense", path.display());
        report.problems.push(Problem { path, text });
    }
    match scanned {
        Err(error) => {
            let (LogError::Io { path, .. } | LogError::UnknownVersion { path, .. }) = &error else {
                report.add(wal, &error);
                return;
            };
            report.add(path, &error);
        }
        Ok(recovery) => {
            report.files += recovery.segments as u64;
            report.bytes += recovery.bytes;
            report.log_records = recovery.records;
            report.torn_bytes = recovery.torn_bytes;
            for damage in recovery.damage {
                let (path, offset, bytes) = (damage.path, damage.offset, damage.bytes);
                let text = format!("{} at byte {offset}: {bytes} bytes are damaged", path.display());
                report.problems.push(Problem { path, text });
            }
        }
    }
}

/// Looks at the pieces of a record and keeps none.
struct Checked {
    sound: bool,
}

impl RecordSink for Checked {
    fn define(&mut self, _: u32, labels: &[u8]) {
        self.sound &= Labels::from_bytes(labels).is_some();
    }

    fn sample(&mut self, _: u32, _: i64, _: i64, _: RecordValue) {}

    fn metadata(&mut self, _: String, _: Metadata) {}

    fn exemplar(&mut self, _: &Labels, _: Exemplar) {}
}

#[cfg(test)]
mod tests;
