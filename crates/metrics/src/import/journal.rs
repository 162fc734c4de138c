//! What of which source is in parts: a file of the data directory, replaced as a whole by each change.

use crate::codec::bytes::{Reader, put_signed, put_sized, put_varint};
use crate::part::Summary;
use crate::store::{CompactError, Core};
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;
use watchfire_disk::{BlockError, BlockReader, BlockWriter, Disk, FileKind};

pub(crate) const JOURNAL_FILE: &str = "imports";
const KIND: FileKind = FileKind { magic: *b"WFIMPT\r\n", version: 1 };

/// A part as it is known again: a number alone may have been given to another part meanwhile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PartName {
    seq: u64,
    day: i64,
    min_ms: i64,
    max_ms: i64,
    samples: u64,
    series: u64,
}

impl PartName {
    pub(super) fn new(seq: u64, day: i64, summary: &Summary) -> Self {
        let (min_ms, max_ms) = (summary.min_ms, summary.max_ms);
        Self { seq, day, min_ms, max_ms, samples: summary.samples, series: u64::from(summary.series) }
    }

    fn put(&self, out: &mut Vec<u8>) {
        put_varint(out, self.seq);
        put_signed(out, self.day);
        put_signed(out, self.min_ms);
        put_signed(out, self.max_ms);
        put_varint(out, self.samples);
        put_varint(out, self.series);
    }

    fn take(input: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            seq: input.varint()?,
            day: input.signed()?,
            min_ms: input.signed()?,
            max_ms: input.signed()?,
            samples: input.varint()?,
            series: input.varint()?,
        })
    }
}

/// Parts that were about to be published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Doubt {
    pub(super) position: u64,
    pub(super) parts: Vec<PartName>,
}

/// What is known of a source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) done: bool,
    /// Everything up to here is in parts.
    pub(super) position: Option<u64>,
    /// Those parts, while the source is not done.
    pub(super) parts: Vec<PartName>,
    pub(super) doubt: Option<Doubt>,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Journal {
    pub(super) sources: BTreeMap<String, Entry>,
}

impl Journal {
    /// The journal kept; an empty one where there is none. A damaged one is told and forgotten: what was imported is
    /// then imported again, and merging drops what is there twice.
    pub(super) fn read(core: &Core) -> Self {
        match read(&*core.disk, &core.path) {
            Ok(journal) => journal.unwrap_or_default(),
            Err(error) => {
                tracing::error!(%error, "the journal of imports is damaged and begins anew");
                Self::default()
            }
        }
    }

    pub(super) fn write(&self, core: &Core) -> Result<(), CompactError> {
        let write = || {
            let disk = Arc::clone(&core.disk);
            BlockWriter::create(disk, &core.path, JOURNAL_FILE, KIND)?.finish(&self.encode()).map(|_| ())
        };
        write().map_err(|error: io::Error| core.fails(error))
    }

    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_varint(&mut out, self.sources.len() as u64);
        for (source, entry) in &self.sources {
            put_sized(&mut out, source.as_bytes());
            let flags = u8::from(entry.done)
                | u8::from(entry.position.is_some()) << 1
                | u8::from(entry.doubt.is_some()) << 2;
            out.push(flags);
            if let Some(position) = entry.position {
                put_varint(&mut out, position);
            }
            put_parts(&mut out, &entry.parts);
            if let Some(doubt) = &entry.doubt {
                put_varint(&mut out, doubt.position);
                put_parts(&mut out, &doubt.parts);
            }
        }
        out
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut input = Reader::new(bytes);
        let mut sources = BTreeMap::new();
        for _ in 0..input.varint()? {
            let source = std::str::from_utf8(input.sized()?).ok()?.to_owned();
            let flags = input.byte()?;
            let position = if flags & 2 != 0 { Some(input.varint()?) } else { None };
            let parts = take_parts(&mut input)?;
            let doubt = if flags & 4 != 0 {
                Some(Doubt { position: input.varint()?, parts: take_parts(&mut input)? })
            } else {
                None
            };
            sources.insert(source, Entry { done: flags & 1 != 0, position, parts, doubt });
        }
        input.is_empty().then_some(Self { sources })
    }
}

fn put_parts(out: &mut Vec<u8>, parts: &[PartName]) {
    put_varint(out, parts.len() as u64);
    parts.iter().for_each(|part| part.put(out));
}

fn take_parts(input: &mut Reader<'_>) -> Option<Vec<PartName>> {
    (0..input.varint()?).map(|_| PartName::take(input)).collect()
}

fn read(disk: &dyn Disk, path: &Path) -> Result<Option<Journal>, BlockError> {
    let path = path.join(JOURNAL_FILE);
    let bytes = match BlockReader::open(disk, &path, KIND) {
        Err(BlockError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other?.footer()?,
    };
    let journal = Journal::decode(&bytes);
    journal.map(Some).ok_or(BlockError::Damaged { path, what: "an entry makes no sense" })
}

/// An error when a newer release wrote the journal.
pub(crate) fn check(disk: &dyn Disk, path: &Path) -> Result<(), BlockError> {
    match read(disk, path) {
        Err(error @ BlockError::UnknownVersion { .. }) => Err(error),
        _ => Ok(()),
    }
}

/// Whether there is a journal, all of which was read; an error when it is damaged.
pub(crate) fn verify(disk: &dyn Disk, path: &Path) -> Result<bool, BlockError> {
    read(disk, path).map(|journal| journal.is_some())
}
