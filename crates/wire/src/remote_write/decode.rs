//! From the bytes of a request into a batch.

use super::{Batch, DecodeError, histogram, metric_type};
use crate::protobuf::{Field, MessageReader, ProtobufError};
use watchfire_model::Metadata;

/// Adds what a decompressed request holds to `batch` and `families`. A histogram that contradicts itself is refused
/// there, and the rest is taken; bytes that are no message are an error that names the place, and then what was added
/// so far is of no use.
pub fn decode(
    bytes: &[u8],
    batch: &mut Batch,
    families: &mut Vec<(String, Metadata)>,
) -> Result<(), DecodeError> {
    let mut message = MessageReader::new(bytes);
    while let Some(field) = message.next()? {
        match field.number {
            1 => read_series(field.message("timeseries")?, batch)?,
            3 => families.push(read_metadata(&field)?),
            _ => {}
        }
    }
    Ok(())
}

fn read_series(mut message: MessageReader<'_>, batch: &mut Batch) -> Result<(), ProtobufError> {
    batch.begin_series();
    while let Some(field) = message.next()? {
        match field.number {
            1 => {
                let (name, value) = read_label(&field)?;
                batch.push_label(name, value);
            }
            2 => read_sample(&field, batch)?,
            3 => read_exemplar(&field, batch)?,
            4 => {
                histogram::read(&field)?.push(batch);
            }
            _ => {}
        }
    }
    Ok(())
}

/// The bytes of a label's name and value.
#[inline]
fn read_label<'a>(field: &Field<'a>) -> Result<(&'a [u8], &'a [u8]), ProtobufError> {
    match split_label(field.bytes("labels")?) {
        Some(label) => Ok(label),
        None => read_any_label(field),
    }
}

/// A label as every sender writes it: the name, then the value, and nothing else.
#[inline]
fn split_label(label: &[u8]) -> Option<(&[u8], &[u8])> {
    let [0x0a, name_len @ ..0x80, rest @ ..] = label else { return None };
    let (name, rest) = rest.split_at_checked(usize::from(*name_len))?;
    let [0x12, value_len @ ..0x80, value @ ..] = rest else { return None };
    (value.len() == usize::from(*value_len)).then_some((name, value))
}

fn read_any_label<'a>(field: &Field<'a>) -> Result<(&'a [u8], &'a [u8]), ProtobufError> {
    let mut message = field.message("labels")?;
    let (mut name, mut value): (&[u8], &[u8]) = (&[], &[]);
    while let Some(field) = message.next()? {
        match field.number {
            1 => name = field.bytes("label.name")?,
            2 => value = field.bytes("label.value")?,
            _ => {}
        }
    }
    Ok((name, value))
}

#[inline]
fn read_sample(field: &Field<'_>, batch: &mut Batch) -> Result<(), ProtobufError> {
    let mut message = field.message("samples")?;
    let (mut value, mut timestamp_ms) = (0.0, 0);
    while let Some(field) = message.next()? {
        match field.number {
            1 => value = field.double("sample.value")?,
            2 => timestamp_ms = field.int64("sample.timestamp")?,
            _ => {}
        }
    }
    batch.push_float(timestamp_ms, 0, value);
    Ok(())
}

fn read_exemplar(field: &Field<'_>, batch: &mut Batch) -> Result<(), ProtobufError> {
    let mut message = field.message("exemplars")?;
    let mut labels = Vec::new();
    let (mut value, mut timestamp_ms) = (0.0, 0);
    while let Some(field) = message.next()? {
        match field.number {
            1 => labels.push(read_label(&field)?),
            2 => value = field.double("exemplar.value")?,
            3 => timestamp_ms = field.int64("exemplar.timestamp")?,
            _ => {}
        }
    }
    batch.push_exemplar(timestamp_ms, value, labels);
    Ok(())
}

/// Words of description lose the bytes that are no text, and nothing else.
fn read_metadata(field: &Field<'_>) -> Result<(String, Metadata), ProtobufError> {
    let text = |field: &Field<'_>, name| Ok(String::from_utf8_lossy(field.bytes(name)?).into_owned());
    let mut message = field.message("metadata")?;
    let (mut family, mut metadata) = (String::new(), Metadata::default());
    while let Some(field) = message.next()? {
        match field.number {
            1 => metadata.kind = metric_type(field.uint64("metadata.type")?),
            2 => family = text(&field, "metadata.metric_family_name")?,
            4 => metadata.help = text(&field, "metadata.help")?,
            5 => metadata.unit = text(&field, "metadata.unit")?,
            _ => {}
        }
    }
    Ok((family, metadata))
}
