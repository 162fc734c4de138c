//! Whether what stands at the end of a log was never finished, or was finished and is damaged.
//!
//! A write that a crash interrupted leaves the beginning of a frame, perhaps followed by zeros where the file had
//! grown before its bytes arrived. Anything else was written whole, so that it may have been acknowledged, and its loss
//! must be told.

use super::segment::{FRAME_HEADER_BYTES, FRAME_MARK, u32_at};

/// So many zeros at the end of a frame are taken for bytes that never arrived. Records end otherwise.
const MISSING_BYTES: usize = 16;

/// Whether `rest`, which begins where a frame should and holds no whole one, is the beginning of one.
pub(super) fn is_unfinished(rest: &[u8]) -> bool {
    let zeros = rest.iter().rev().take_while(|byte| **byte == 0).count();
    let arrived = rest.len() - zeros;
    let mark = rest.get(..arrived.min(FRAME_MARK.len())).unwrap_or_default();
    if !FRAME_MARK.starts_with(mark) {
        return false;
    }
    if arrived <= FRAME_HEADER_BYTES {
        return true;
    }
    let (Some(len), Some(crc)) = (u32_at(rest, 4), u32_at(rest, 8)) else { return true };
    let end = FRAME_HEADER_BYTES.saturating_add(len as usize);
    if end <= rest.len() {
        return arrived + MISSING_BYTES <= end;
    }
    // It says that it goes on behind the end. Unless that is what is damaged: then all of it is there.
    let payload = rest.get(FRAME_HEADER_BYTES..).unwrap_or_default();
    let Ok(len) = u32::try_from(payload.len()) else { return true };
    crc32c::crc32c_append(crc32c::crc32c(&len.to_le_bytes()), payload) != crc
}

#[cfg(test)]
mod tests;
