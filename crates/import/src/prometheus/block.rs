//! A block: an index, and files of chunks.

mod read;

use super::read_small;
use crate::selection::put_in_order;
use crate::{Choice, ImportError, Stop, Watch};
use read::BlockReader;
use serde::Deserialize;
use std::path::{Path, PathBuf};
use watchfire_disk::Disk;
use watchfire_metrics::{Import, ImportReport, Imported, Store};
use watchfire_model::{Samples, TimeRange};

/// No `meta.json` is larger.
const MAX_META_BYTES: u64 = 64 << 20;

/// What a block says about itself in its `meta.json`.
#[derive(Clone, Debug, Deserialize)]
pub struct BlockMeta {
    /// Its name.
    pub ulid: String,
    /// No sample is older, in milliseconds since the Unix epoch.
    #[serde(rename = "minTime")]
    pub min_ms: i64,
    /// All samples are older than this.
    #[serde(rename = "maxTime")]
    pub end_ms: i64,
    /// How much is in it.
    #[serde(default)]
    pub stats: BlockStats,
    #[serde(default)]
    compaction: Compaction,
    version: u32,
}

/// How much is in a block, by its own account.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub struct BlockStats {
    /// Samples of all kinds.
    #[serde(default, rename = "numSamples")]
    pub samples: u64,
    /// Series.
    #[serde(default, rename = "numSeries")]
    pub series: u64,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct Compaction {
    #[serde(default)]
    parents: Vec<Parent>,
    #[serde(default)]
    hints: Vec<String>,
}

#[derive(Clone, Debug, Deserialize)]
struct Parent {
    ulid: String,
}

impl BlockMeta {
    /// The blocks it was made of.
    pub(super) fn parents(&self) -> impl Iterator<Item = &str> {
        self.compaction.parents.iter().map(|parent| parent.ulid.as_str())
    }

    /// Whether its samples came out of order, beside those of the head.
    pub(super) fn is_out_of_order(&self) -> bool {
        self.compaction.hints.iter().any(|hint| hint == "from-out-of-order")
    }
}

/// A block on disk.
#[derive(Debug)]
pub struct Block {
    path: PathBuf,
    meta: BlockMeta,
}

impl Block {
    /// Reads what a block says about itself; a text for people where it does not.
    pub(super) fn open(disk: &dyn Disk, path: &Path) -> Result<Self, String> {
        let bytes = match read_small(disk, &path.join("meta.json"), MAX_META_BYTES) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Err("its meta.json is missing".to_owned()),
            Err(error) => return Err(format!("its meta.json cannot be read: {error}")),
        };
        let meta: BlockMeta = serde_json::from_slice(&bytes)
            .map_err(|error| format!("its meta.json makes no sense: {error}"))?;
        if meta.version != 1 {
            return Err(format!("its meta.json has version {}; version 1 is known here", meta.version));
        }
        Ok(Self { path: path.to_owned(), meta })
    }

    /// What it says about itself.
    pub fn meta(&self) -> &BlockMeta {
        &self.meta
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The times it may have samples of.
    pub fn range(&self) -> TimeRange {
        TimeRange::new(self.meta.min_ms, self.meta.end_ms.saturating_sub(1))
    }

    /// What the store's journal knows it by.
    pub fn source(&self, choice: &Choice) -> String {
        format!("prometheus block {}{}", self.meta.ulid, choice.key())
    }

    /// Imports what was chosen of it and is not there yet; `None` when all of it was imported before.
    pub fn import(
        &self,
        disk: &dyn Disk,
        store: &Store,
        choice: &Choice,
        stop: &Stop,
        watch: &mut dyn Watch,
    ) -> Result<Option<ImportReport>, ImportError> {
        let source = self.source(choice);
        if store.imported(&source) == Imported::All {
            return Ok(None);
        }
        let mut import = store.import(&source, false)?;
        let mut reader = match BlockReader::open(disk, &self.path, watch) {
            Ok(reader) => reader,
            Err(problem) => {
                watch.damaged(format!("{problem}; the block is left out"));
                return Ok(Some(ImportReport::default()));
            }
        };
        if !self.series(&mut reader, &mut import, choice, stop, watch)? {
            import.checkpoint()?;
            return Err(ImportError::Stopped);
        }
        let report = if reader.damage() == 0 { import.finish()? } else { import.finish_incomplete()? };
        watch.progress(1.0, &report);
        Ok(Some(report))
    }

    /// Imports series by series; whether it came to the end.
    fn series(
        &self,
        reader: &mut BlockReader<'_>,
        import: &mut Import<'_>,
        choice: &Choice,
        stop: &Stop,
        watch: &mut dyn Watch,
    ) -> Result<bool, ImportError> {
        let mut samples = Samples::default();
        reader.skip_to(import.resume_after());
        let mut count: u32 = 0;
        while let Some(position) = reader.next(choice, &mut samples, watch) {
            put_in_order(&mut samples);
            if !samples.is_empty() {
                import.add(position, reader.labels(), &samples)?;
            }
            count = count.wrapping_add(1);
            if count.is_multiple_of(64) {
                watch.progress(reader.done(), import.report());
            }
            if stop.is_asked() {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
