//! Prometheus remote read: asking for raw samples, and both shapes of the answer, from either side.
//!
//! [`decode_request`] reads a question, [`SampledResponse`] and [`frame`] write answers.
//! [`encode_request`] makes the question. The answer is either a `prometheus.ReadResponse`, whose results
//! [`results`] hands out as what [`crate::remote_write::decode`] reads; or a stream of frames, put together by
//! [`Frames`], each a few chunks of one or more series ([`read_chunked`]).

mod answer;

pub use answer::{
    MatcherFault, ReadQuery, ReadRequest, SAMPLED_CONTENT_TYPE, SampledResponse, decode_request, frame,
};

use crate::prometheus_block::chunk::Encoding;
use crate::protobuf::{Field, MessageReader, MessageWriter, ProtobufError};
use watchfire_model::{MatchOp, Matcher, TimeRange};

/// The content type of a streamed answer begins so.
pub const STREAMED_CONTENT_TYPE: &str = "application/x-streamed-protobuf";
/// No frame is larger: Prometheus sends about a megabyte.
const MAX_FRAME_BYTES: usize = 64 << 20;

/// An uncompressed `prometheus.ReadRequest` for series of any of these selectors;
/// [`crate::snappy::compress`] makes a body of it. With `streamed`, an answer of chunks is asked for, and one of samples
/// from servers that do not know such.
pub fn encode_request(selectors: &[Vec<Matcher>], range: TimeRange, streamed: bool) -> Vec<u8> {
    let mut request = MessageWriter::new();
    for matchers in selectors {
        request.message(1, |query| {
            query.uint64(1, range.start_ms.cast_unsigned());
            query.uint64(2, range.end_ms.cast_unsigned());
            for matcher in matchers {
                query.message(3, |message| {
                    let kind = match matcher.op {
                        MatchOp::Equal => 0,
                        MatchOp::NotEqual => 1,
                        MatchOp::Regex => 2,
                        MatchOp::NotRegex => 3,
                    };
                    message.uint64(1, kind);
                    message.string(2, &matcher.name);
                    message.string(3, &matcher.value);
                });
            }
        });
    }
    if streamed {
        // A packed list: chunks first, samples otherwise.
        request.bytes(2, &[1, 0]);
    }
    request.finish()
}

/// The results of a decompressed `prometheus.ReadResponse`, one for each selector.
pub fn results(response: &[u8]) -> Result<Vec<&[u8]>, ProtobufError> {
    let mut message = MessageReader::new(response);
    let mut results = Vec::new();
    while let Some(field) = message.next()? {
        if field.number == 1 {
            results.push(bytes(&field, "results")?);
        }
    }
    Ok(results)
}

fn bytes<'a>(field: &Field<'a>, name: &'static str) -> Result<&'a [u8], ProtobufError> {
    match field.value {
        crate::protobuf::Value::Bytes(bytes) => Ok(bytes),
        // Reading it as what it is not tells so.
        _ => field.message(name).map(|_| &[][..]),
    }
}

/// Why a stream of frames cannot be read on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// A frame of impossible length.
    #[error("a frame of impossible length")]
    Length,
    /// The bytes are not those that were sent.
    #[error("a frame is damaged: checksum {got:08x}, expected {expected:08x}")]
    Checksum {
        /// The checksum of what came.
        got: u32,
        /// The checksum of what was sent.
        expected: u32,
    },
}

/// Cuts a stream of bytes into frames: length, checksum, message.
#[derive(Debug, Default)]
pub struct Frames {
    bytes: Vec<u8>,
    at: usize,
}

impl Frames {
    /// Adds bytes that came.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.drain(..std::mem::take(&mut self.at));
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole frame's message, or `None` until more bytes came.
    #[expect(clippy::should_implement_trait, reason = "an iterator would have to own the message")]
    pub fn next(&mut self) -> Result<Option<&[u8]>, FrameError> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let (mut len, mut used) = (0_usize, 0);
        loop {
            let Some(byte) = rest.get(used) else { return Ok(None) };
            if used > 4 {
                return Err(FrameError::Length);
            }
            len |= usize::from(byte & 0x7f) << (7 * used);
            used += 1;
            if byte & 0x80 == 0 {
                break;
            }
        }
        if len > MAX_FRAME_BYTES {
            return Err(FrameError::Length);
        }
        let after = rest.get(used..).unwrap_or_default();
        let Some((sum, after)) = after.split_first_chunk::<4>() else { return Ok(None) };
        let Some(message) = after.get(..len) else { return Ok(None) };
        self.at += used + 4 + len;
        let (got, expected) = (crc32c::crc32c(message), u32::from_be_bytes(*sum));
        if got != expected {
            return Err(FrameError::Checksum { got, expected });
        }
        Ok(Some(message))
    }

    /// Whether the stream ended within a frame.
    pub fn is_torn(&self) -> bool {
        self.at < self.bytes.len()
    }
}

/// A series in a frame, with some of its chunks.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ChunkedSeries<'a> {
    /// Labels in the order sent.
    pub labels: Vec<(&'a str, &'a str)>,
    /// Its chunks in time order; for [`decode`](crate::prometheus_block::chunk::decode). The encoding is its number
    /// where it is not known here.
    pub chunks: Vec<(Result<Encoding, u8>, &'a [u8])>,
}

/// Reads a frame's `prometheus.ChunkedReadResponse`.
pub fn read_chunked(message: &[u8]) -> Result<Vec<ChunkedSeries<'_>>, ProtobufError> {
    let mut reader = MessageReader::new(message);
    let mut found = Vec::new();
    while let Some(field) = reader.next()? {
        if field.number != 1 {
            continue;
        }
        let mut series = ChunkedSeries::default();
        let mut message = field.message("chunked_series")?;
        while let Some(field) = message.next()? {
            match field.number {
                1 => series.labels.push(read_label(&field)?),
                2 => series.chunks.push(read_chunk(&field)?),
                _ => {}
            }
        }
        found.push(series);
    }
    Ok(found)
}

fn read_label<'a>(field: &Field<'a>) -> Result<(&'a str, &'a str), ProtobufError> {
    let mut message = field.message("labels")?;
    let (mut name, mut value) = ("", "");
    while let Some(field) = message.next()? {
        match field.number {
            1 => name = field.string("label.name")?,
            2 => value = field.string("label.value")?,
            _ => {}
        }
    }
    Ok((name, value))
}

fn read_chunk<'a>(field: &Field<'a>) -> Result<(Result<Encoding, u8>, &'a [u8]), ProtobufError> {
    let mut message = field.message("chunks")?;
    let (mut number, mut data) = (0, &[][..]);
    while let Some(field) = message.next()? {
        match field.number {
            3 => number = u8::try_from(field.uint64("chunk.type")?).unwrap_or(u8::MAX),
            4 => data = bytes(&field, "chunk.data")?,
            _ => {}
        }
    }
    Ok((Encoding::from_number(number).map_err(|_| number), data))
}

#[cfg(test)]
mod tests;
