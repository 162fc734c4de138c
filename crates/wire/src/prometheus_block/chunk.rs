//! Chunks: runs of samples of one series, as they stand in `chunks/*`, in `chunks_head/*` and in remote read's streams.

mod histogram;
mod write;
mod xor;

use super::bytes::{Bytes, check};
use super::{FormatError, Problem};
use watchfire_model::Samples;

/// The first bytes of a file in `chunks/`.
const MAGIC: u32 = 0x85bd_40dd;
/// How long the header of a file in `chunks/` is; the first chunk stands behind it.
pub const SEGMENT_HEADER_BYTES: usize = 8;
/// A chunk's length in bytes and its encoding take at most so much before the data.
pub const MAX_FRAME_HEADER_BYTES: usize = 6;
/// The checksum behind a chunk's data.
pub const CHECKSUM_BYTES: usize = 4;
/// No chunk is longer: Prometheus cuts them at some hundred samples. A longer length is damage.
pub const MAX_CHUNK_BYTES: usize = 8 << 20;

/// How a chunk tells its samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// Floats (`EncXOR`).
    Xor,
    /// Native histograms with whole counts (`EncHistogram`).
    Histogram,
    /// Native histograms with float counts (`EncFloatHistogram`).
    FloatHistogram,
}

impl Encoding {
    /// The encoding with this number.
    pub fn from_number(number: u8) -> Result<Self, Problem> {
        match number {
            1 => Ok(Self::Xor),
            2 => Ok(Self::Histogram),
            3 => Ok(Self::FloatHistogram),
            other => Err(Problem::Encoding(other)),
        }
    }

    /// The number of the encoding.
    pub const fn number(self) -> u8 {
        match self {
            Self::Xor => 1,
            Self::Histogram => 2,
            Self::FloatHistogram => 3,
        }
    }
}

/// Checks the first [`SEGMENT_HEADER_BYTES`] of a file in `chunks/`.
pub fn check_segment_header(bytes: &[u8]) -> Result<(), FormatError> {
    let mut input = Bytes::new(bytes, 0, "the header of a chunks file");
    check_header(&mut input, MAGIC, "chunks file", 1).map(|_| ())
}

/// Reads a file's magic number and version; the version.
pub(crate) fn check_header(
    input: &mut Bytes<'_>,
    magic: u32,
    what: &'static str,
    newest: u8,
) -> Result<u8, FormatError> {
    let offset = input.offset();
    let found = input.u32()?;
    if found != magic {
        return Err(FormatError::new(offset, Problem::Magic { what, found, expected: magic }));
    }
    let version = input.u8()?;
    if version == 0 || version > newest {
        return Err(FormatError::new(offset + 4, Problem::Version { what, found: version, newest }));
    }
    Ok(version)
}

/// A chunk in a file, its checksum checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// How it tells its samples.
    pub encoding: Encoding,
    /// The samples.
    pub data: &'a [u8],
}

/// How many bytes the chunk takes that begins with `bytes`, of which [`MAX_FRAME_HEADER_BYTES`] are enough.
pub fn frame_bytes(bytes: &[u8], offset: u64) -> Result<usize, FormatError> {
    let mut input = Bytes::new(bytes, offset, "a chunk");
    let len = data_bytes(&mut input)?;
    Ok(bytes.len() - input.len() + 1 + len + CHECKSUM_BYTES)
}

fn data_bytes(input: &mut Bytes<'_>) -> Result<usize, FormatError> {
    let len = input.uvarint()?;
    let len = usize::try_from(len).ok().filter(|len| *len <= MAX_CHUNK_BYTES);
    len.ok_or_else(|| input.nonsense("a chunk of impossible length"))
}

/// Reads the chunk that begins with `bytes`, at `offset` in its file.
pub fn read_frame(bytes: &[u8], offset: u64) -> Result<Frame<'_>, FormatError> {
    let mut input = Bytes::new(bytes, offset, "a chunk");
    let len = data_bytes(&mut input)?;
    let summed = input.take(1 + len)?;
    let expected = input.u32()?;
    check(summed, expected, offset, "a chunk")?;
    let (number, data) = summed.split_first().ok_or_else(|| input.truncated())?;
    let encoding = Encoding::from_number(*number).map_err(|problem| FormatError::new(offset, problem))?;
    Ok(Frame { encoding, data })
}

/// Adds the samples of a chunk to `samples`. When the chunk contradicts itself, `samples` is as it was before.
///
/// Reset hints of histograms are those Prometheus would tell: the first of a chunk knows of a reset before it only when
/// the chunk says that there was one, since what came before may be gone.
pub fn decode(encoding: Encoding, data: &[u8], samples: &mut Samples) -> Result<(), Problem> {
    let before = samples.len();
    let decoded = match encoding {
        Encoding::Xor => xor::decode(data, samples),
        Encoding::Histogram => histogram::decode(data, histogram::Counts::Whole, samples),
        Encoding::FloatHistogram => histogram::decode(data, histogram::Counts::Float, samples),
    };
    decoded.map_err(|what| {
        cut(samples, before);
        Problem::Nonsense(what)
    })
}

/// Floats as the data of a chunk of [`Encoding::Xor`]: at most 65,535 samples, in time order; more are left out.
pub fn encode_floats(timestamps_ms: &[i64], values: &[f64]) -> Vec<u8> {
    xor::encode(timestamps_ms, values)
}

/// The histograms that samples begin with, as the data of a chunk of [`Encoding::FloatHistogram`], and how many those are:
/// all that share a layout of buckets, `most` at most. Nothing where the first is no histogram.
pub fn encode_histograms(samples: &Samples, from: usize, most: usize) -> Option<(Vec<u8>, usize)> {
    histogram::encode(samples, from, most)
}

/// How many samples a chunk says that it holds.
pub fn sample_count(data: &[u8]) -> usize {
    data.first_chunk::<2>().map_or(0, |count| usize::from(u16::from_be_bytes(*count)))
}

fn cut(samples: &mut Samples, len: usize) {
    samples.timestamps_ms.truncate(len);
    samples.floats.truncate(len);
    samples.histograms.truncate(len);
    samples.start_timestamps_ms.truncate(len);
}

#[cfg(test)]
mod tests;
