//! Compressing an answer piece by piece, each on its own, so that several threads can do it.

use flate2::{Compress, Compression, Crc, FlushCompress, Status};
use std::sync::{Mutex, PoisonError};

/// The beginning of a gzip stream (RFC 1952): deflated, without a name or a time, by the quickest algorithm, anywhere.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 255];
/// The last block of a stream, with nothing in it.
const LAST_BLOCK: [u8; 2] = [3, 0];

/// Encoders that nobody uses: each has some hundred kilobytes that are not to be cleared for every short answer.
static IDLE: Mutex<Vec<Compress>> = Mutex::new(Vec::new());
const MAX_IDLE: usize = 4;

/// A piece of text, compressed.
#[derive(Debug)]
pub(super) struct Packed {
    bytes: Vec<u8>,
    crc: Crc,
}

impl Packed {
    /// Compresses a text; `last` when nothing comes behind it. `None` when the encoder fails.
    pub(super) fn of(text: &[u8], last: bool) -> Option<Self> {
        let idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner).pop();
        // JSON of numbers gains little from looking longer.
        let mut encoder = idle.unwrap_or_else(|| Compress::new(Compression::fast(), false));
        let bytes =
            deflate(&mut encoder, text, if last { FlushCompress::Finish } else { FlushCompress::Sync });
        encoder.reset();
        let mut idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < MAX_IDLE {
            idle.push(encoder);
        }
        drop(idle);
        let mut crc = Crc::new();
        crc.update(text);
        Some(Self { bytes: bytes?, crc })
    }
}

fn deflate(encoder: &mut Compress, mut text: &[u8], flush: FlushCompress) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    loop {
        bytes.reserve(text.len() / 4 + 128);
        let before = encoder.total_in();
        let status = encoder.compress_vec(text, &mut bytes, flush).ok()?;
        text = text.get(usize::try_from(encoder.total_in() - before).ok()?..)?;
        // What did not fit is still to come out.
        let done = match flush {
            FlushCompress::Finish => matches!(status, Status::StreamEnd),
            _ => text.is_empty() && bytes.len() < bytes.capacity(),
        };
        if done {
            return Some(bytes);
        }
    }
}

/// A gzip stream under construction.
#[derive(Debug, Default)]
pub(super) struct Gzip {
    crc: Crc,
    begun: bool,
    ended: bool,
}

impl Gzip {
    /// The next bytes of the stream: those of a piece that follows on the ones before.
    pub(super) fn add(&mut self, piece: Packed, last: bool) -> Vec<u8> {
        self.crc.combine(&piece.crc);
        self.ended |= last;
        if self.begun {
            return piece.bytes;
        }
        self.begun = true;
        [&HEADER, piece.bytes.as_slice()].concat()
    }

    /// The end of the stream.
    pub(super) fn end(self, out: &mut Vec<u8>) {
        if !self.ended {
            out.extend_from_slice(&LAST_BLOCK);
        }
        out.extend_from_slice(&self.crc.sum().to_le_bytes());
        out.extend_from_slice(&self.crc.amount().to_le_bytes());
    }
}
