//! What an Alertmanager writes into its data folder: `silences` and `nflog`, records of a varint length and a protobuf
//! message each.

use crate::protobuf::{Field, MessageReader, ProtobufError, Value};

/// How many records a file may have: more is refused before memory is taken for it.
const MOST_RECORDS: usize = 5_000_000;

/// Why a file could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// A record is not what it should be.
    #[error("record {record}, which begins at byte {offset}: {error}")]
    Record {
        /// Which, from 0.
        record: usize,
        /// Where it begins.
        offset: usize,
        /// What is wrong; its byte counts from the record's begin.
        error: ProtobufError,
    },
    /// The file ends within a record.
    #[error("record {record}, which begins at byte {offset}, is cut off")]
    CutOff {
        /// Which, from 0.
        record: usize,
        /// Where it begins.
        offset: usize,
    },
    /// There are too many.
    #[error("more than {MOST_RECORDS} records")]
    TooMany,
}

/// One condition of a silence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedMatcher {
    /// The label.
    pub name: String,
    /// What it is compared with.
    pub pattern: String,
    /// Whether that is a regular expression.
    pub is_regex: bool,
    /// Whether it must match, or must not.
    pub is_equal: bool,
}

/// A silence. Times are milliseconds since the Unix epoch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SavedSilence {
    /// Which: a UUID.
    pub id: String,
    /// Its conditions.
    pub matchers: Vec<SavedMatcher>,
    /// From when it mutes.
    pub starts_ms: i64,
    /// Until when.
    pub ends_ms: i64,
    /// When it was last changed.
    pub updated_ms: i64,
    /// Who made it.
    pub created_by: String,
    /// Why.
    pub comment: String,
    /// Fields that this release does not know.
    pub unknown_fields: u32,
}

/// What a receiver was told of a group last. Times are milliseconds since the Unix epoch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SavedNotice {
    /// The group's key.
    pub group_key: String,
    /// The receiver's name.
    pub receiver: String,
    /// The kind of its integration.
    pub integration: String,
    /// Its place among those of its kind.
    pub index: u32,
    /// When.
    pub at_ms: i64,
    /// The alerts told as firing: [`watchfire_model::xxhash64`] over their labels.
    pub firing: Vec<u64>,
    /// The alerts told as resolved.
    pub resolved: Vec<u64>,
    /// Until when Alertmanager would remember it.
    pub expires_ms: i64,
}

/// Reads the file `silences`.
pub fn read_silences(bytes: &[u8]) -> Result<Vec<SavedSilence>, SnapshotError> {
    records(bytes, |mut message| {
        let mut silence = SavedSilence::default();
        while let Some(field) = message.next()? {
            if field.number == 1 {
                silence = read_silence(field.message("silence")?)?;
            }
        }
        Ok(silence)
    })
}

/// Reads the file `nflog`.
pub fn read_nflog(bytes: &[u8]) -> Result<Vec<SavedNotice>, SnapshotError> {
    records(bytes, |mut message| {
        let mut notice = SavedNotice::default();
        let mut expires_ms = 0;
        while let Some(field) = message.next()? {
            match field.number {
                1 => notice = read_notice(field.message("entry")?)?,
                2 => expires_ms = time(&field, "expires_at")?,
                _ => {}
            }
        }
        Ok(SavedNotice { expires_ms, ..notice })
    })
}

fn records<T>(
    bytes: &[u8],
    read: impl Fn(MessageReader<'_>) -> Result<T, ProtobufError>,
) -> Result<Vec<T>, SnapshotError> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let (record, offset) = (found.len(), at);
        if record == MOST_RECORDS {
            return Err(SnapshotError::TooMany);
        }
        let cut_off = SnapshotError::CutOff { record, offset };
        let mut length = 0_usize;
        let mut shift = 0;
        loop {
            let Some(byte) = bytes.get(at).filter(|_| shift < 35) else { return Err(cut_off) };
            at += 1;
            length |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                break;
            }
        }
        let end = at.checked_add(length);
        let Some(message) = end.and_then(|end| bytes.get(at..end)) else { return Err(cut_off) };
        at += length;
        let read = read(MessageReader::new(message));
        found.push(read.map_err(|error| SnapshotError::Record { record, offset, error })?);
    }
    Ok(found)
}

fn read_silence(mut message: MessageReader<'_>) -> Result<SavedSilence, ProtobufError> {
    let mut silence = SavedSilence::default();
    while let Some(field) = message.next()? {
        match field.number {
            1 => silence.id = field.string("id")?.to_owned(),
            2 => silence.matchers.push(read_matcher(field.message("matchers")?)?),
            3 => silence.starts_ms = time(&field, "starts_at")?,
            4 => silence.ends_ms = time(&field, "ends_at")?,
            5 => silence.updated_ms = time(&field, "updated_at")?,
            8 => silence.created_by = field.string("created_by")?.to_owned(),
            9 => silence.comment = field.string("comment")?.to_owned(),
            // Comments of releases before 0.3 stand in both.
            7 => {}
            _ => silence.unknown_fields += 1,
        }
    }
    Ok(silence)
}

fn read_matcher(mut message: MessageReader<'_>) -> Result<SavedMatcher, ProtobufError> {
    let mut matcher =
        SavedMatcher { name: String::new(), pattern: String::new(), is_regex: false, is_equal: true };
    while let Some(field) = message.next()? {
        match field.number {
            1 => {
                let kind = field.uint64("type")?;
                matcher.is_regex = kind & 1 == 1;
                matcher.is_equal = kind < 2;
            }
            2 => field.string("name")?.clone_into(&mut matcher.name),
            3 => field.string("pattern")?.clone_into(&mut matcher.pattern),
            _ => {}
        }
    }
    Ok(matcher)
}

fn read_notice(mut message: MessageReader<'_>) -> Result<SavedNotice, ProtobufError> {
    let mut notice = SavedNotice::default();
    while let Some(field) = message.next()? {
        match field.number {
            1 => field.string("group_key")?.clone_into(&mut notice.group_key),
            2 => {
                let mut receiver = field.message("receiver")?;
                while let Some(field) = receiver.next()? {
                    match field.number {
                        1 => field.string("group_name")?.clone_into(&mut notice.receiver),
                        2 => field.string("integration")?.clone_into(&mut notice.integration),
                        3 => notice.index = u32::try_from(field.uint64("idx")?).unwrap_or(u32::MAX),
                        _ => {}
                    }
                }
            }
            5 => notice.at_ms = time(&field, "timestamp")?,
            6 => push_hashes(&field, &mut notice.firing)?,
            7 => push_hashes(&field, &mut notice.resolved)?,
            _ => {}
        }
    }
    Ok(notice)
}

/// Packed or not.
fn push_hashes(field: &Field<'_>, into: &mut Vec<u64>) -> Result<(), ProtobufError> {
    let Value::Bytes(bytes) = field.value else {
        into.push(field.uint64("alerts")?);
        return Ok(());
    };
    let mut number = 0_u64;
    let mut shift = 0;
    for byte in bytes {
        // Ten bytes hold 64 bits; what is beyond is cut.
        number |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
        shift += 7;
        if byte & 0x80 == 0 {
            into.push(number);
            (number, shift) = (0, 0);
        }
    }
    Ok(())
}

/// A `google.protobuf.Timestamp`, cut to milliseconds.
fn time(field: &Field<'_>, name: &'static str) -> Result<i64, ProtobufError> {
    let mut message = field.message(name)?;
    let (mut seconds, mut nanoseconds) = (0_i64, 0_i64);
    while let Some(field) = message.next()? {
        match field.number {
            1 => seconds = field.int64("seconds")?,
            2 => nanoseconds = field.int64("nanos")?,
            _ => {}
        }
    }
    Ok(seconds.saturating_mul(1_000).saturating_add(nanoseconds / 1_000_000))
}

#[cfg(test)]
mod tests;
