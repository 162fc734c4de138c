//! Parts of an index on disk while it is written. Their names are those of unfinished files, so that what a crash leaves
//! is removed at the next start.

use super::{Each, Ids};
use crate::codec::bytes::{Reader, put_sized};
use crate::part::values::Postings;
use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use watchfire_disk::{BlockReader, BlockRef, BlockWriter, Disk, FileKind};

const KIND: FileKind = FileKind { magic: *b"WFXRUN\r\n", version: 1 };
/// A run is read in pieces of about this size.
const PIECE_BYTES: usize = 32 << 10;

/// The runs of a part. Dropping them removes their files.
#[derive(Debug)]
pub(super) struct Runs {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    part: String,
    runs: Vec<(PathBuf, Vec<BlockRef>)>,
}

/// A run that is being written.
pub(super) struct RunWriter {
    writer: BlockWriter,
    path: PathBuf,
    blocks: Vec<BlockRef>,
    piece: Vec<u8>,
    /// The name of the label that the piece is at.
    name: Option<String>,
}

fn failed(error: impl std::fmt::Display) -> io::Error {
    io::Error::other(error.to_string())
}

impl Runs {
    pub(super) fn new(disk: Arc<dyn Disk>, dir: &Path, part: &str) -> Self {
        Self { disk, dir: dir.to_owned(), part: part.to_owned(), runs: Vec::new() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    pub(super) fn begin(&self) -> io::Result<RunWriter> {
        let name = format!("{}.run{}.tmp", self.part, self.runs.len());
        let writer = BlockWriter::create(Arc::clone(&self.disk), &self.dir, &name, KIND)?;
        let path = self.dir.join(name);
        Ok(RunWriter { writer, path, blocks: Vec::new(), piece: Vec::new(), name: None })
    }

    pub(super) fn end(&mut self, mut run: RunWriter) -> io::Result<()> {
        run.end_piece()?;
        // Known before it is there, so that it is removed in any case.
        self.runs.push((run.path, run.blocks));
        run.writer.finish(&[]).map(drop)
    }

    /// Everything in all runs, in order, each value once.
    pub(super) fn merge(&self, with: &mut Each<'_>) -> io::Result<()> {
        let mut heap = BinaryHeap::new();
        for (number, (path, blocks)) in self.runs.iter().enumerate() {
            let file = BlockReader::open(&*self.disk, path, KIND).map_err(failed)?;
            let mut run = RunReader {
                number,
                file,
                blocks,
                piece: Vec::new(),
                place: 0,
                name: String::new(),
                value: Vec::new(),
            };
            if let Some(ids) = run.next()? {
                heap.push(Head { run, ids });
            }
        }
        while let Some(Head { mut run, mut ids }) = heap.pop() {
            // The runs after it that have the same value, the earliest first.
            while heap.peek().is_some_and(|other| other.run.key() == run.key()) {
                let Some(mut other) = heap.pop() else { break };
                ids.join(other.ids);
                if let Some(ids) = other.run.next()? {
                    other.ids = ids;
                    heap.push(other);
                }
            }
            with(&run.name, &run.value, ids)?;
            if let Some(ids) = run.next()? {
                heap.push(Head { run, ids });
            }
        }
        Ok(())
    }
}

impl Drop for Runs {
    fn drop(&mut self) {
        for (path, _) in &self.runs {
            // What stays is removed at the next start.
            let _ = self.disk.remove_file(path);
        }
    }
}

impl RunWriter {
    pub(super) fn put(&mut self, name: &str, value: &[u8], ids: Ids) -> io::Result<()> {
        if self.piece.len() >= PIECE_BYTES {
            self.end_piece()?;
        }
        if self.name.as_deref() == Some(name) {
            self.piece.push(0);
        } else {
            self.piece.push(1);
            put_sized(&mut self.piece, name.as_bytes());
            self.name = Some(name.to_owned());
        }
        put_sized(&mut self.piece, value);
        ids.put(&mut self.piece)
    }

    fn end_piece(&mut self) -> io::Result<()> {
        if !self.piece.is_empty() {
            self.blocks.push(self.writer.write_block(&self.piece)?);
            self.piece.clear();
            self.name = None;
        }
        Ok(())
    }
}

/// A run that is being read, standing at one of its values.
struct RunReader<'a> {
    number: usize,
    file: BlockReader,
    blocks: &'a [BlockRef],
    piece: Vec<u8>,
    place: usize,
    name: String,
    value: Vec<u8>,
}

impl RunReader<'_> {
    fn key(&self) -> (&str, &[u8]) {
        (&self.name, &self.value)
    }

    /// Moves on to the next value; the series that have it, `None` at the end.
    fn next(&mut self) -> io::Result<Option<Ids>> {
        if self.place >= self.piece.len() {
            let Some((block, rest)) = self.blocks.split_first() else { return Ok(None) };
            self.file.read(*block, &mut self.piece).map_err(failed)?;
            (self.blocks, self.place) = (rest, 0);
        }
        let nonsense = || failed(format!("{}: an entry makes no sense", self.file.path().display()));
        let mut input = Reader::new(self.piece.get(self.place..).unwrap_or_default());
        let before = input.rest().len();
        let mut entry = || {
            if input.byte()? == 1 {
                self.name.clear();
                self.name.push_str(std::str::from_utf8(input.sized()?).ok()?);
            }
            self.value.clear();
            self.value.extend_from_slice(input.sized()?);
            match Postings::take(&mut input)? {
                Postings::One(id) => Some(Ids::One(id)),
                many => Some(Ids::Many(Box::new(many.read()?))),
            }
        };
        let ids = entry().ok_or_else(nonsense)?;
        self.place += before - input.rest().len();
        Ok(Some(ids))
    }
}

/// A run in the heap, the smallest value on top, and of one value the earliest run.
struct Head<'a> {
    run: RunReader<'a>,
    ids: Ids,
}

impl Ord for Head<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        other.run.key().cmp(&self.run.key()).then(other.run.number.cmp(&self.run.number))
    }
}

impl PartialOrd for Head<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Head<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Head<'_> {}
