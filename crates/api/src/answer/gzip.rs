//! Compressing an answer piece by piece.

use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;

/// Text that is compressed together; smaller pieces cost more to send than they gain in time.
const BLOCK: usize = 64 << 10;

/// A gzip stream (RFC 1952) under construction. Bytes are put in with [`Gzip::input`] and come out, compressed, with
/// [`Gzip::take`] whenever there are enough of them, and at the end with [`Gzip::finish`].
#[derive(Debug)]
pub(super) struct Gzip {
    input: Vec<u8>,
    encoder: GzEncoder<Vec<u8>>,
}

impl Default for Gzip {
    fn default() -> Self {
        // JSON of numbers gains little from looking longer.
        Self { input: Vec::new(), encoder: GzEncoder::new(Vec::new(), Compression::fast()) }
    }
}

impl Gzip {
    /// What is not compressed yet; more is appended there.
    pub(super) fn input(&mut self) -> &mut Vec<u8> {
        &mut self.input
    }

    /// What came out so far, once much was put in since.
    pub(super) fn take(&mut self) -> Option<Vec<u8>> {
        if self.input.len() < BLOCK {
            return None;
        }
        self.compress();
        Some(std::mem::take(self.encoder.get_mut())).filter(|piece| !piece.is_empty())
    }

    /// Compresses the rest and ends the stream; gives what [`Gzip::take`] has not given yet.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.compress();
        // A vector takes whatever is written.
        self.encoder.finish().unwrap_or_default()
    }

    fn compress(&mut self) {
        let _ = self.encoder.write_all(&self.input);
        self.input.clear();
    }
}
