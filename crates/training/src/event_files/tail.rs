//! The next piece of a growing file.

use super::{param, point};
use crate::points::Point;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use watchfire_wire::event_file::{MAX_RECORD_BYTES, Record, event, record};

/// What is read at once, at least.
const PIECE_BYTES: u64 = 1 << 20;
/// A record with its head and its tail.
const MOST_BYTES: u64 = MAX_RECORD_BYTES + 16;
/// So many values are taken at once.
const MOST_POINTS: usize = 5_000;

/// A piece of a file.
#[derive(Debug, Default)]
pub(super) struct Piece {
    /// What tells this file from another of its name.
    pub(super) identity: String,
    /// Its scalars.
    pub(super) points: Vec<Point>,
    /// What the run was started with.
    pub(super) params: Vec<(String, String)>,
    /// When its first event was written, in milliseconds since the Unix epoch.
    pub(super) started_ms: Option<i64>,
    /// Where the next piece begins.
    pub(super) read_bytes: u64,
    /// Whether there is no more for now.
    pub(super) is_end: bool,
    /// What was left out, and where.
    pub(super) faults: Vec<String>,
}

/// Reads on from where the last piece of the same file ended.
pub(super) fn read(path: &Path, from: Option<(String, u64)>) -> std::io::Result<Piece> {
    let mut file = File::open(path)?;
    let metadata = file.metadata()?;
    let identity = identity(&metadata);
    // Another file, or the same one written anew, is read from its beginning.
    let from = from.filter(|(known, bytes)| *known == identity && *bytes <= metadata.len());
    let mut at = from.map_or(0, |(_, bytes)| bytes);
    let mut piece = Piece { identity, read_bytes: at, ..Piece::default() };
    let mut wanted = PIECE_BYTES;
    loop {
        file.seek(SeekFrom::Start(at))?;
        let mut bytes = Vec::new();
        (&file).take(wanted).read_to_end(&mut bytes)?;
        let mut rest = bytes.as_slice();
        let needed = loop {
            match record(rest) {
                Record::Partial { needed } => break needed,
                Record::Skip { bytes, reason } => {
                    if at + bytes > metadata.len() {
                        // What is passed over is not all there yet.
                        piece.is_end = true;
                        return Ok(piece);
                    }
                    piece.faults.extend(reason.map(|reason| format!("byte {at}: {reason}")));
                    at += bytes;
                    rest =
                        usize::try_from(bytes).ok().and_then(|bytes| rest.get(bytes..)).unwrap_or_default();
                }
                Record::Whole { bytes, content } => {
                    match event(content) {
                        Ok(event) => {
                            if at == 0 && event.wall_time.is_finite() && event.wall_time > 0.0 {
                                piece.started_ms = Some((event.wall_time * 1_000.0) as i64);
                            }
                            piece.params.extend(event.params.into_iter().filter_map(param));
                            let scalars = event.scalars.into_iter();
                            piece.points.extend(
                                scalars.filter_map(|scalar| point(scalar, event.wall_time, event.step)),
                            );
                        }
                        Err(error) => {
                            piece.faults.push(format!("byte {at}: the record is no event: {error}"))
                        }
                    }
                    at += bytes;
                    rest =
                        usize::try_from(bytes).ok().and_then(|bytes| rest.get(bytes..)).unwrap_or_default();
                }
            }
            piece.read_bytes = at;
            if piece.points.len() >= MOST_POINTS || piece.faults.len() >= 100 {
                return Ok(piece);
            }
        };
        if at + needed > metadata.len() || needed > MOST_BYTES {
            piece.is_end = true;
            return Ok(piece);
        }
        wanted = needed.max(PIECE_BYTES);
    }
}

#[cfg(unix)]
fn identity(metadata: &std::fs::Metadata) -> String {
    use std::os::unix::fs::MetadataExt;
    format!("{}:{}", metadata.dev(), metadata.ino())
}

#[cfg(not(unix))]
fn identity(_: &std::fs::Metadata) -> String {
    String::new()
}
