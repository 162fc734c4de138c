//! TensorBoard's event files: records with checksums, each holding an event with scalars.
//!
//! A record is its length as a little-endian u64, the masked CRC-32C of these eight bytes, that many bytes, and their masked
//! CRC-32C. What is written is an `Event` of TensorFlow's protobuf schema; only scalars are read here: `simple_value`, and
//! tensors of one number, which newer writers use; and the parameters of a run, as the plug-in hparams keeps them. A file grows
//! while it is read, so its end may be half a record.

mod params;

use crate::protobuf::{MessageReader, ProtobufError, Value};

/// A record that is longer is passed over without being read: scalars are short, pictures are not.
pub const MAX_RECORD_BYTES: u64 = 8 << 20;
/// A longer record is no record: its length is damaged.
const PLAUSIBLE_BYTES: u64 = 1 << 31;
/// Length and checksum before a record, and the checksum after it.
const HEAD_BYTES: usize = 12;
const TAIL_BYTES: usize = 4;

/// What stands at the beginning of a piece of a file.
#[derive(Clone, Debug, PartialEq)]
pub enum Record<'a> {
    /// A whole record of so many bytes, with what it holds.
    Whole {
        /// The bytes that it takes in the file.
        bytes: u64,
        /// What it holds.
        content: &'a [u8],
    },
    /// Its end has not been written yet, or lies beyond the piece: so many bytes are needed.
    Partial {
        /// How many bytes there must be.
        needed: u64,
    },
    /// Damage, or more than is read: go on after so many bytes.
    Skip {
        /// How many.
        bytes: u64,
        /// Why, in words; `None` where that was said already.
        reason: Option<&'static str>,
    },
}

/// Reads the record at the beginning of a piece.
pub fn record(piece: &[u8]) -> Record<'_> {
    let Some(head) = piece.first_chunk::<HEAD_BYTES>() else {
        return Record::Partial { needed: HEAD_BYTES as u64 };
    };
    let Some(length) = length_of(head) else {
        return resume(piece);
    };
    let bytes = length + (HEAD_BYTES + TAIL_BYTES) as u64;
    if length > MAX_RECORD_BYTES {
        return Record::Skip { bytes, reason: Some("a record is too long to be a scalar") };
    }
    // At most what was just allowed.
    let end = HEAD_BYTES + length as usize;
    let (Some(content), Some(sum)) =
        (piece.get(HEAD_BYTES..end), piece.get(end..).and_then(<[u8]>::first_chunk))
    else {
        return Record::Partial { needed: bytes };
    };
    if masked(content) != u32::from_le_bytes(*sum) {
        return Record::Skip { bytes, reason: Some("the checksum of a record does not fit") };
    }
    Record::Whole { bytes, content }
}

/// The length that a head tells, if its checksum fits.
fn length_of(head: &[u8; HEAD_BYTES]) -> Option<u64> {
    let (length, sum) = head.split_first_chunk::<8>()?;
    let is_whole = masked(length).to_le_bytes() == *sum;
    Some(u64::from_le_bytes(*length)).filter(|length| is_whole && *length <= PLAUSIBLE_BYTES)
}

/// Looks for the next head whose checksum fits. That one does by chance is as likely as winning a lottery.
fn resume(piece: &[u8]) -> Record<'_> {
    let reason = Some("the length of a record is damaged");
    let heads = piece.windows(HEAD_BYTES).skip(1);
    let next = heads
        .enumerate()
        .find(|(_, window)| window.first_chunk().is_some_and(|head| length_of(head).is_some()));
    match next {
        Some((before, _)) => Record::Skip { bytes: before as u64 + 1, reason },
        // The last bytes may be the beginning of a head.
        None => Record::Skip { bytes: (piece.len() - (HEAD_BYTES - 1)) as u64, reason },
    }
}

/// TensorFlow stores checksums turned and shifted, so that a checksum of data that holds checksums stays a good one.
fn masked(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// A record as it is written, for tests and tools.
pub fn frame(content: &[u8]) -> Vec<u8> {
    let length = (content.len() as u64).to_le_bytes();
    let mut record = length.to_vec();
    record.extend(masked(&length).to_le_bytes());
    record.extend_from_slice(content);
    record.extend(masked(content).to_le_bytes());
    record
}

/// One number of an event.
#[derive(Clone, Debug, PartialEq)]
pub struct Scalar {
    /// What it is called.
    pub tag: String,
    /// The number.
    pub value: f64,
}

/// What an event says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Event {
    /// When it was written, in seconds since the Unix epoch.
    pub wall_time: f64,
    /// The step it belongs to.
    pub step: i64,
    /// The file's version, in its first event.
    pub file_version: Option<String>,
    /// Its scalars, in order.
    pub scalars: Vec<Scalar>,
    /// What the run was started with, where this event says it: names with numbers, texts, `true` or `false`.
    pub params: Vec<(String, String)>,
}

/// Reads the event that a record holds. What is no scalar is passed over.
///
/// # Errors
/// Bytes that are no message of protobuf.
pub fn event(content: &[u8]) -> Result<Event, ProtobufError> {
    let mut event = Event::default();
    let mut fields = MessageReader::new(content);
    while let Some(field) = fields.next()? {
        match (field.number, field.value) {
            (1, Value::Fixed64(bits)) => event.wall_time = f64::from_bits(bits),
            (2, Value::Varint(step)) => event.step = step.cast_signed(),
            (3, Value::Bytes(version)) => {
                event.file_version = Some(String::from_utf8_lossy(version).into_owned());
            }
            (5, Value::Bytes(summary)) => values(summary, &mut event)?,
            _ => {}
        }
    }
    Ok(event)
}

fn values(summary: &[u8], event: &mut Event) -> Result<(), ProtobufError> {
    let mut fields = MessageReader::new(summary);
    while let Some(field) = fields.next()? {
        if let (1, Value::Bytes(value)) = (field.number, field.value) {
            event.scalars.extend(scalar(value, &mut event.params)?);
        }
    }
    Ok(())
}

fn scalar(bytes: &[u8], params: &mut Vec<(String, String)>) -> Result<Option<Scalar>, ProtobufError> {
    let (mut tag, mut value) = (None, None);
    let mut fields = MessageReader::new(bytes);
    while let Some(field) = fields.next()? {
        match (field.number, field.value) {
            (1, Value::Bytes(text)) => tag = Some(String::from_utf8_lossy(text).into_owned()),
            (2, Value::Fixed32(bits)) => value = Some(f64::from(f32::from_bits(bits))),
            (8, Value::Bytes(tensor)) => value = value.or(one_number(tensor)?),
            (9, Value::Bytes(metadata)) => params::read(metadata, params)?,
            _ => {}
        }
    }
    Ok(tag.zip(value).map(|(tag, value)| Scalar { tag, value }))
}

/// The number of a tensor that holds one. Tensors of more, such as pictures and texts, hold none.
fn one_number(tensor: &[u8]) -> Result<Option<f64>, ProtobufError> {
    let (mut kind, mut content, mut listed) = (0, None, Vec::new());
    let mut fields = MessageReader::new(tensor);
    while let Some(field) = fields.next()? {
        match (field.number, field.value) {
            (1, Value::Varint(found)) => kind = found,
            (2, Value::Bytes(shape)) if !is_scalar_shape(shape)? => return Ok(None),
            (4, Value::Bytes(bytes)) => content = Some(bytes),
            (5, Value::Bytes(bytes)) => {
                listed.extend(packed(bytes, |four| f64::from(f32::from_le_bytes(four))))
            }
            (5, Value::Fixed32(bits)) => listed.push(f64::from(f32::from_bits(bits))),
            (6, Value::Bytes(bytes)) => listed.extend(packed(bytes, f64::from_le_bytes)),
            (6, Value::Fixed64(bits)) => listed.push(f64::from_bits(bits)),
            (7 | 10, Value::Varint(number)) => listed.push(number.cast_signed() as f64),
            _ => {}
        }
        if listed.len() > 1 {
            return Ok(None);
        }
    }
    // The kinds of TensorFlow: 1 float, 2 double, 3 int32, 9 int64.
    let stored = content.and_then(|bytes| match (kind, bytes.len()) {
        (1, 4) => bytes.first_chunk().map(|four| f64::from(f32::from_le_bytes(*four))),
        (2, 8) => bytes.first_chunk().map(|eight| f64::from_le_bytes(*eight)),
        (3, 4) => bytes.first_chunk().map(|four| f64::from(i32::from_le_bytes(*four))),
        (9, 8) => bytes.first_chunk().map(|eight| i64::from_le_bytes(*eight) as f64),
        _ => None,
    });
    Ok(stored.or(listed.first().copied()))
}

/// The first two of a packed list: more than one is not wanted.
fn packed<const N: usize>(bytes: &[u8], number: fn([u8; N]) -> f64) -> impl Iterator<Item = f64> {
    bytes.chunks_exact(N).take(2).filter_map(move |chunk| chunk.first_chunk::<N>().copied()).map(number)
}

/// Whether no dimension is larger than one.
fn is_scalar_shape(shape: &[u8]) -> Result<bool, ProtobufError> {
    let mut fields = MessageReader::new(shape);
    while let Some(field) = fields.next()? {
        let (2, Value::Bytes(dimension)) = (field.number, field.value) else { continue };
        let mut sizes = MessageReader::new(dimension);
        while let Some(size) = sizes.next()? {
            if let (1, Value::Varint(size)) = (size.number, size.value)
                && size > 1
            {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests;
