//! One file of a log: its header, its frames, and how it is read after a crash.

use super::LogError;
use crate::fs::Disk;
use crate::sums_match;
use std::fmt;
use std::path::{Path, PathBuf};

const MAGIC: [u8; 4] = *b"WFLG";
const VERSION: u32 = 1;
pub(super) const HEADER_BYTES: usize = 16;
pub(super) const FRAME_MARK: [u8; 4] = *b"\xf5Wf\x9a";
pub(super) const FRAME_HEADER_BYTES: usize = 12;
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

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, offset, bytes } = self;
        write!(f, "{} at byte {offset}: {bytes} bytes are damaged and what they held is lost", path.display())
    }
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

pub(super) fn parse_header(bytes: &[u8]) -> Option<(u32, u32)> {
    let (fields, crc) = bytes.get(..HEADER_BYTES)?.split_at_checked(12)?;
    let [m0, m1, m2, m3, v0, v1, v2, v3, f0, f1, f2, f3] = *fields.first_chunk::<12>()?;
    let whole = [m0, m1, m2, m3] == MAGIC && sums_match(crc32c::crc32c(fields), u32_at(crc, 0)?);
    whole.then(|| (u32::from_le_bytes([v0, v1, v2, v3]), u32::from_le_bytes([f0, f1, f2, f3])))
}

pub(super) fn u32_at(bytes: &[u8], offset: usize) -> Option<u32> {
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

/// The total length of the frame whose header stands at the start of `bytes`.
pub(super) fn frame_len(bytes: &[u8]) -> Option<usize> {
    if bytes.first_chunk::<4>()? != &FRAME_MARK {
        return None;
    }
    let len = u32_at(bytes, 4)? as usize;
    (bytes.len() >= FRAME_HEADER_BYTES && len <= MAX_RECORD_BYTES).then_some(FRAME_HEADER_BYTES + len)
}

/// The payload and total length of the frame at the start of `bytes`, when it is whole.
pub(super) fn frame(bytes: &[u8]) -> Option<(&[u8], usize)> {
    let end = frame_len(bytes)?;
    let len = u32_at(bytes, 4)?;
    let crc = u32_at(bytes, 8)?;
    let payload = bytes.get(FRAME_HEADER_BYTES..end)?;
    let sum = crc32c::crc32c_append(crc32c::crc32c(&len.to_le_bytes()), payload);
    sums_match(sum, crc).then_some((payload, end))
}
