//! Prometheus remote write 1.0 and 2.0, `POST /api/v1/write`.
//!
//! [`accept`] turns a request into a batch; the caller hands it to its sink, waits until it is on disk, and turns the
//! sink's report into the answer with [`answer`]. The headers in the answer are those of the remote-write 2.0
//! specification, which senders of version 1 may ignore.

use crate::ReceiveError;
use std::cell::RefCell;
use watchfire_model::Metadata;
use watchfire_model::ingest::{Batch, WriteReport};
use watchfire_wire::remote_write as wire;
use watchfire_wire::snappy::SnappyError;

/// The headers of a request that matter here, as they were sent.
#[derive(Clone, Copy, Debug, Default)]
pub struct Headers<'a> {
    /// `Content-Type`.
    pub content_type: Option<&'a str>,
    /// `Content-Encoding`.
    pub content_encoding: Option<&'a str>,
    /// `X-Prometheus-Remote-Write-Version`.
    pub version: Option<&'a str>,
}

/// What one request holds. Labels are not checked yet: the sink refuses the series whose labels are not valid.
#[derive(Clone, Debug, Default)]
pub struct Received {
    /// Samples to keep, series by series in the order sent.
    pub batch: Batch,
    /// What the request says about metric families, in the order sent.
    pub metadata: Vec<(String, Metadata)>,
}

/// What to answer a sender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// 204 when everything was kept, 400 when something was not; then the good rows are kept all the same.
    pub status: u16,
    /// Headers that count what was kept.
    pub headers: [(&'static str, usize); 3],
    /// The reasons with their counts and an example each, empty with 204.
    pub message: String,
}

/// A thread keeps a buffer up to this size for the next request.
const KEPT_BUFFER_BYTES: usize = 4 << 20;

thread_local! {
    /// What requests are decompressed into.
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Decodes a request. The body is compressed, as it came; its size limit is the HTTP server's business.
pub fn accept(headers: Headers<'_>, body: &[u8]) -> Result<Received, ReceiveError> {
    let message = message_of(headers)?;
    BUFFER.with_borrow_mut(|buffer| {
        let received = decode(message, body, buffer);
        if buffer.len() > KEPT_BUFFER_BYTES {
            *buffer = Vec::new();
        }
        received
    })
}

fn decode(message: Message, body: &[u8], buffer: &mut Vec<u8>) -> Result<Received, ReceiveError> {
    let bytes = wire::decompress_into(body, buffer).map_err(|error| {
        let status = if matches!(error, SnappyError::TooLarge { .. }) { 413 } else { 400 };
        ReceiveError { status, message: error.to_string() }
    })?;
    let mut received = Received::default();
    let Received { batch, metadata } = &mut received;
    let invalid = |message| ReceiveError { status: 400, message };
    match message {
        Message::V1 => {
            wire::decode(bytes, batch, metadata).map_err(|error| invalid(error.to_string()))?;
        }
        Message::V2 => {
            wire::v2::decode(bytes, batch, metadata).map_err(|error| match error {
                wire::v2::DecodeError::TooManySymbols => {
                    ReceiveError { status: 413, message: error.to_string() }
                }
                other => invalid(other.to_string()),
            })?;
        }
    }
    received.metadata.retain(|(family, _)| !family.is_empty());
    Ok(received)
}

/// The answer once the sink has reported.
pub fn answer(report: &WriteReport) -> Answer {
    let reason = |refusal: &watchfire_model::ingest::Refusal| {
        format!("{} ({} samples {})", refusal.example, refusal.rows, refusal.reason.as_str())
    };
    Answer {
        status: if report.refused.is_empty() { 204 } else { 400 },
        headers: [
            ("X-Prometheus-Remote-Write-Samples-Written", report.accepted - report.histograms),
            ("X-Prometheus-Remote-Write-Histograms-Written", report.histograms),
            ("X-Prometheus-Remote-Write-Exemplars-Written", report.exemplars),
        ],
        message: report.refused.iter().map(reason).collect::<Vec<_>>().join("; "),
    }
}

/// What a body is, once it is decompressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Message {
    /// `prometheus.WriteRequest`.
    V1,
    /// `io.prometheus.write.v2.Request`.
    V2,
}

const MEDIA_TYPE: &str = "application/x-protobuf";
const V1_MESSAGE: &str = "prometheus.WriteRequest";
const V2_MESSAGE: &str = "io.prometheus.write.v2.Request";

/// The headers say what the body is; it is never guessed.
fn message_of(headers: Headers<'_>) -> Result<Message, ReceiveError> {
    let unsupported = |what: String| {
        let message = format!(
            "{what}; supported: {MEDIA_TYPE};proto={V1_MESSAGE} (remote write 1.0) and \
             {MEDIA_TYPE};proto={V2_MESSAGE} (2.0), both compressed with snappy"
        );
        Err(ReceiveError { status: 415, message })
    };
    let content_type = headers.content_type.unwrap_or(MEDIA_TYPE);
    let mut parts = content_type.split(';').map(str::trim);
    let media_type = parts.next().unwrap_or_default();
    if !media_type.eq_ignore_ascii_case(MEDIA_TYPE) {
        return unsupported(format!("content type {media_type:?} is not supported"));
    }
    let name = parts.find_map(|part| {
        let (key, value) = part.split_once('=')?;
        key.trim().eq_ignore_ascii_case("proto").then(|| value.trim().trim_matches('"'))
    });
    let message = match name {
        // Senders that do not name the message mean version 1. One that says it is of version 2 and does not name it may
        // mean either, and as version 1 the message of version 2 is empty: all of it would be lost in silence.
        None if headers.version.is_some_and(|version| version.starts_with("2.")) => {
            let version = headers.version.unwrap_or("2");
            return unsupported(format!("remote write {version} without the name of its message"));
        }
        None | Some(V1_MESSAGE) => Message::V1,
        Some(V2_MESSAGE) => Message::V2,
        Some(other) => return unsupported(format!("protobuf message {other:?} is not supported")),
    };
    match headers.content_encoding {
        Some(encoding) if !encoding.eq_ignore_ascii_case("snappy") => {
            unsupported(format!("content encoding {encoding:?} is not supported"))
        }
        _ => Ok(message),
    }
}

#[cfg(test)]
mod tests;
