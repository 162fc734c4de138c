//! What a run was started with, as the plug-in hparams of TensorBoard keeps it: a map in the metadata of a value.

use crate::protobuf::{MessageReader, ProtobufError, Value};

/// Reads the metadata of a value; of other plug-ins nothing is taken.
pub(super) fn read(metadata: &[u8], params: &mut Vec<(String, String)>) -> Result<(), ProtobufError> {
    let Some(plugin) = bytes_of(metadata, 1)? else { return Ok(()) };
    if bytes_of(plugin, 1)? != Some(b"hparams".as_slice()) {
        return Ok(());
    }
    // An experiment's description and a session's end stand in other fields.
    let Some(session) = bytes_of(plugin, 2)?.map(|data| bytes_of(data, 3)).transpose()?.flatten() else {
        return Ok(());
    };
    let mut entries = MessageReader::new(session);
    while let Some(entry) = entries.next()? {
        let (1, Value::Bytes(entry)) = (entry.number, entry.value) else { continue };
        if let (Some(key), Some(value)) = (bytes_of(entry, 1)?, bytes_of(entry, 2)?)
            && let Some(value) = text_of(value)?
        {
            params.push((String::from_utf8_lossy(key).into_owned(), value));
        }
    }
    Ok(())
}

/// The last bytes under a number.
fn bytes_of(message: &[u8], wanted: u32) -> Result<Option<&[u8]>, ProtobufError> {
    let (mut found, mut fields) = (None, MessageReader::new(message));
    while let Some(field) = fields.next()? {
        if let Value::Bytes(bytes) = field.value
            && field.number == wanted
        {
            found = Some(bytes);
        }
    }
    Ok(found)
}

/// A `google.protobuf.Value` as text; lists, structures and nothing at all are none.
fn text_of(value: &[u8]) -> Result<Option<String>, ProtobufError> {
    let (mut text, mut fields) = (None, MessageReader::new(value));
    while let Some(field) = fields.next()? {
        match (field.number, field.value) {
            (2, Value::Fixed64(bits)) => text = Some(number(f64::from_bits(bits))),
            (3, Value::Bytes(bytes)) => text = Some(String::from_utf8_lossy(bytes).into_owned()),
            (4, Value::Varint(bool)) => text = Some((bool != 0).to_string()),
            _ => {}
        }
    }
    Ok(text)
}

/// As people write it.
fn number(value: f64) -> String {
    let is_handy = value == 0.0 || !value.is_finite() || (1e-5..1e16).contains(&value.abs());
    if is_handy { value.to_string() } else { format!("{value:e}") }
}
