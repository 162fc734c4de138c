//! One file of a log: its header, its frames, and how it is read after a crash.

use super::{LogError, Recovery};
use crate::fs::Disk;
use std::path::{Path, PathBuf};

const MAGIC: [u8; 4] = *b"WFLG";
const VERSION: u32 = 1;
pub(super) const HEADER_BYTES: usize = 16;
const FRAME_MARK: [u8; 4] = *b"\xf5Wf\x9a";
const FRAME_HEADER_BYTES: usize = 12;
/// No record is longer; a longer length is damage.
const MAX_RECORD_BYTES: usize = 1 << 30;

/// A stretch of a segment that holds nothing readable although something was written there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The segment.
    pub path: PathBuf,
    /// Where the stretch begins.
    pub offset: u64,
    /// How long it is.
    pub bytes: u64,
}

pub(super) fn path(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("{number:08}.log"))
}

/// The segments of a directory in the order of writing; none when there is no directory.
pub(super) fn list(disk: &dyn Disk, dir: &Path) -> Result<Vec<(u64, PathBuf)>, LogError> {
    let entries = match disk.list(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(LogError::Io { path: dir.to_owned(), source }),
    };
    let number = |name: &str| name.strip_suffix(".log")?.parse::<u64>().ok();
    let mut segments: Vec<(u64, PathBuf)> = entries
        .iter()
        .filter_map(|entry| number(&entry.name).map(|number| (number, dir.join(&entry.name))))
        .collect();
    segments.sort();
    Ok(segments)
}

pub(super) fn header(format: u32) -> [u8; HEADER_BYTES] {
    let [m0, m1, m2, m3] = MAGIC;
    let [v0, v1, v2, v3] = VERSION.to_le_bytes();
    let [f0, f1, f2, f3] = format.to_le_bytes();
    let crc = crc32c::crc32c(&[m0, m1, m2, m3, v0, v1, v2, v3, f0, f1, f2, f3]);
    let [c0, c1, c2, c3] = crc.to_le_bytes();
    [m0, m1, m2, m3, v0, v1, v2, v3, f0, f1, f2, f3, c0, c1, c2, c3]
}

/// An error when a newer program wrote the segment. A header that is not whole is no error here: replay tells.
pub(super) fn check_header(disk: &dyn Disk, path: &Path, format: u32) -> Result<(), LogError> {
    let io = |source| LogError::Io { path: path.to_owned(), source };
    let file = disk.open(path).map_err(io)?;
    if file.len().map_err(io)? < HEADER_BYTES as u64 {
        return Ok(());
    }
    let mut bytes = [0; HEADER_BYTES];
    file.read_at(&mut bytes, 0).map_err(io)?;
    let Some((version, found_format)) = parse_header(&bytes) else { return Ok(()) };
    let unknown = |found, supported| LogError::UnknownVersion { path: path.to_owned(), found, supported };
    if version > VERSION {
        return Err(unknown(version, VERSION));
    }
    if found_format > format {
        return Err(unknown(found_format, format));
    }
    Ok(())
}

fn parse_header(bytes: &[u8]) -> Option<(u32, u32)> {
    let (fields, crc) = bytes.get(..HEADER_BYTES)?.split_at_checked(12)?;
    let [m0, m1, m2, m3, v0, v1, v2, v3, f0, f1, f2, f3] = *fields.first_chunk::<12>()?;
    let whole = [m0, m1, m2, m3] == MAGIC && crc32c::crc32c(fields) == u32_at(crc, 0)?;
    whole.then(|| (u32::from_le_bytes([v0, v1, v2, v3]), u32::from_le_bytes([f0, f1, f2, f3])))
}

fn u32_at(bytes: &[u8], offset: usize) -> Option<u32> {
    bytes.get(offset..)?.first_chunk::<4>().map(|bytes| u32::from_le_bytes(*bytes))
}

/// Appends a frame to a buffer.
pub(super) fn push_frame(buffer: &mut Vec<u8>, parts: &[&[u8]]) {
    let len: usize = parts.iter().map(|part| part.len()).sum();
    let len = u32::try_from(len).unwrap_or(u32::MAX).to_le_bytes();
    let crc = parts.iter().fold(crc32c::crc32c(&len), |crc, part| crc32c::crc32c_append(crc, part));
    buffer.extend_from_slice(&FRAME_MARK);
    buffer.extend_from_slice(&len);
    buffer.extend_from_slice(&crc.to_le_bytes());
    for part in parts {
        buffer.extend_from_slice(part);
    }
}

/// The payload and total length of the frame at the start of `bytes`, when it is whole.
fn frame(bytes: &[u8]) -> Option<(&[u8], usize)> {
    if bytes.first_chunk::<4>()? != &FRAME_MARK {
        return None;
    }
    let len = u32_at(bytes, 4)?;
    let crc = u32_at(bytes, 8)?;
    if len as usize > MAX_RECORD_BYTES {
        return None;
    }
    let end = FRAME_HEADER_BYTES + len as usize;
    let payload = bytes.get(FRAME_HEADER_BYTES..end)?;
    let sum = crc32c::crc32c_append(crc32c::crc32c(&len.to_le_bytes()), payload);
    (sum == crc).then_some((payload, end))
}

/// What becomes of bytes at the end of a segment that are no whole frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tail {
    /// They are damage: only the last segment can have been cut short by a crash.
    Damage,
    /// They are a write that was interrupted, and are cut off.
    CutOff,
    /// They are such a write, and are left as they are.
    Leave,
}

/// Hands the whole records of a segment to `each`. What cannot be read at the end of the last segment is a torn tail;
/// elsewhere it is damage, and reading goes on at the next whole frame.
pub(super) fn replay(
    disk: &dyn Disk,
    path: &Path,
    tail: Tail,
    recovery: &mut Recovery,
    each: &mut dyn FnMut(&[u8]),
) -> Result<(), LogError> {
    let io = |source| LogError::Io { path: path.to_owned(), source };
    let file = disk.open(path).map_err(io)?;
    let len = usize::try_from(file.len().map_err(io)?).unwrap_or(usize::MAX);
    let mut bytes = vec![0; len];
    file.read_at(&mut bytes, 0).map_err(io)?;
    recovery.segments += 1;
    recovery.bytes += len as u64;
    // A bad header does not stop the frames behind it from being found.
    let mut position = if parse_header(&bytes).is_some() { HEADER_BYTES } else { 0 };
    while let Some(rest) = bytes.get(position..).filter(|rest| !rest.is_empty()) {
        if let Some((payload, frame_len)) = frame(rest) {
            recovery.records += 1;
            each(payload);
            position += frame_len;
            continue;
        }
        let next = memchr::memmem::find_iter(rest, &FRAME_MARK)
            .filter(|&offset| offset > 0)
            .find(|&offset| rest.get(offset..).and_then(frame).is_some());
        match next {
            Some(skipped) => {
                report(path, position, skipped, recovery);
                position += skipped;
            }
            None if tail != Tail::Damage => {
                recovery.torn_bytes += rest.len() as u64;
                if tail == Tail::CutOff {
                    tracing::info!(segment = %path.display(), bytes = rest.len(), "cut off an interrupted write");
                    disk.truncate(path, position as u64).map_err(io)?;
                }
                break;
            }
            None => {
                report(path, position, rest.len(), recovery);
                break;
            }
        }
    }
    Ok(())
}

fn report(path: &Path, offset: usize, bytes: usize, recovery: &mut Recovery) {
    tracing::error!(segment = %path.display(), offset, bytes, "damaged bytes in the log were skipped");
    recovery.damage.push(Damage { path: path.to_owned(), offset: offset as u64, bytes: bytes as u64 });
}
