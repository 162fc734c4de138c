//! The deletions that are not physical yet, kept in a file beside the parts.

use crate::codec::bytes::{Reader, put_signed, put_sized, put_varint};
use crate::part::Part;
use roaring::RoaringBitmap;
use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::Arc;
use watchfire_disk::{BlockError, BlockReader, BlockWriter, Disk, FileKind};
use watchfire_model::{MatchOp, Matcher, TimeRange};

/// The file in the data directory.
pub(crate) const FILE: &str = "deletions";
const KIND: FileKind = FileKind { magic: *b"WFDELS\r\n", version: 1 };

/// In the file an operator is its place here.
const OPS: [MatchOp; 4] = [MatchOp::Equal, MatchOp::NotEqual, MatchOp::Regex, MatchOp::NotRegex];

/// Samples that were deleted and are still in parts.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Deletion {
    /// Of which series: each selector is a conjunction, and any of them suffices.
    pub(crate) selectors: Vec<Vec<Matcher>>,
    /// Of which time.
    pub(crate) range: TimeRange,
    /// The numbers of the parts that held such samples when they were deleted.
    pub(crate) parts: BTreeSet<u64>,
}

impl Deletion {
    /// The series of a part that it selects.
    pub(crate) fn selected_in(&self, part: &Part, damage: &mut Vec<String>) -> RoaringBitmap {
        let mut ids = RoaringBitmap::new();
        for matchers in &self.selectors {
            ids |= part.select(matchers, damage);
        }
        ids
    }

    /// Whether it hides all that the other one does.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        self.range.start_ms <= other.range.start_ms
            && other.range.end_ms <= self.range.end_ms
            && self.parts.is_superset(&other.parts)
            && self.selectors == other.selectors
    }

    fn encode(&self, out: &mut Vec<u8>) {
        put_signed(out, self.range.start_ms);
        put_signed(out, self.range.end_ms);
        put_varint(out, self.parts.len() as u64);
        for seq in &self.parts {
            put_varint(out, *seq);
        }
        put_varint(out, self.selectors.len() as u64);
        for matchers in &self.selectors {
            put_varint(out, matchers.len() as u64);
            for matcher in matchers {
                let op = OPS.iter().position(|op| *op == matcher.op).unwrap_or_default();
                put_varint(out, op as u64);
                put_sized(out, matcher.name.as_bytes());
                put_sized(out, matcher.value.as_bytes());
            }
        }
    }

    fn decode(input: &mut Reader<'_>) -> Option<Self> {
        let range = TimeRange::new(input.signed()?, input.signed()?);
        let parts = (0..input.count()?).map(|_| input.varint()).collect::<Option<_>>()?;
        let mut selectors = Vec::new();
        for _ in 0..input.count()? {
            let mut matchers = Vec::new();
            for _ in 0..input.count()? {
                let op = usize::try_from(input.varint()?).ok().and_then(|op| OPS.get(op))?;
                let (name, value) = (input.text()?, input.text()?);
                matchers.push(Matcher::new(name, *op, value).ok()?);
            }
            selectors.push(matchers);
        }
        Some(Self { selectors, range, parts })
    }
}

/// An error when a newer release wrote the file.
pub(crate) fn check(disk: &dyn Disk, path: &Path) -> Result<(), BlockError> {
    match BlockReader::open(disk, &path.join(FILE), KIND) {
        Err(error @ BlockError::UnknownVersion { .. }) => Err(error),
        _ => Ok(()),
    }
}

/// The deletions kept, none where there is no file.
pub(crate) fn read(disk: &dyn Disk, path: &Path) -> Result<Vec<Arc<Deletion>>, BlockError> {
    let path = path.join(FILE);
    let bytes = match BlockReader::open(disk, &path, KIND) {
        Err(BlockError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(error),
        Ok(file) => file.footer()?,
    };
    let mut input = Reader::new(&bytes);
    let mut deletions = Vec::new();
    while !input.is_empty() {
        let Some(deletion) = Deletion::decode(&mut input) else {
            return Err(BlockError::Damaged { path, what: "a deletion makes no sense" });
        };
        deletions.push(Arc::new(deletion));
    }
    Ok(deletions)
}

/// Puts these deletions, and no others, on disk.
pub(crate) fn write(disk: &Arc<dyn Disk>, path: &Path, deletions: &[Arc<Deletion>]) -> io::Result<()> {
    let mut bytes = Vec::new();
    for deletion in deletions {
        deletion.encode(&mut bytes);
    }
    BlockWriter::create(Arc::clone(disk), path, FILE, KIND)?.finish(&bytes)?;
    Ok(())
}
