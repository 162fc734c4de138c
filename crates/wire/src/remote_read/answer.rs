//! The side that answers: questions in, samples or frames of chunks out.

use crate::prometheus_block::chunk::{self, Encoding};
use crate::protobuf::{MessageReader, MessageWriter, ProtobufError};
use crate::remote_write::{self, HistogramForm, HistogramSample, TimeSeries};
use watchfire_model::{Labels, MatchOp, Matcher, Samples, TimeRange};

/// The content type of an answer of samples.
pub const SAMPLED_CONTENT_TYPE: &str = "application/x-protobuf";
/// As many samples as Prometheus puts into a chunk.
const SAMPLES_PER_CHUNK: usize = 120;

/// One query of a request.
#[derive(Clone, Debug, PartialEq)]
pub struct ReadQuery {
    /// What is asked for, both ends inside.
    pub range: TimeRange,
    /// The conditions on its series.
    pub matchers: Vec<Matcher>,
}

/// A `prometheus.ReadRequest`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReadRequest {
    /// Its queries.
    pub queries: Vec<ReadQuery>,
    /// Whether an answer of samples is accepted; it is when nothing is said.
    pub accepts_samples: bool,
    /// Whether a stream of chunks is.
    pub accepts_chunks: bool,
    /// Whether the stream of chunks comes first among what is accepted.
    pub prefers_chunks: bool,
}

/// Why a question cannot be answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MatcherFault {
    /// It is no protobuf message of that kind.
    #[error(transparent)]
    Message(#[from] ProtobufError),
    /// A matcher of a kind that there is not.
    #[error("a matcher of unknown type {0}")]
    Type(u64),
    /// A regular expression that is none.
    #[error("{0}")]
    Regex(String),
}

/// Reads a decompressed `prometheus.ReadRequest`.
pub fn decode_request(body: &[u8]) -> Result<ReadRequest, MatcherFault> {
    let mut message = MessageReader::new(body);
    let mut request = ReadRequest::default();
    let mut accepted = Vec::new();
    while let Some(field) = message.next()? {
        match field.number {
            1 => request.queries.push(query(field.message("queries")?)?),
            2 => field.each_uint64("accepted_response_types", |kind| accepted.push(kind))?,
            _ => {}
        }
    }
    request.accepts_samples = accepted.is_empty() || accepted.contains(&0);
    request.accepts_chunks = accepted.contains(&1);
    request.prefers_chunks = accepted.iter().find(|kind| **kind <= 1) == Some(&1);
    Ok(request)
}

fn query(mut message: MessageReader<'_>) -> Result<ReadQuery, MatcherFault> {
    let (mut start_ms, mut end_ms, mut matchers) = (0, 0, Vec::new());
    while let Some(field) = message.next()? {
        match field.number {
            1 => start_ms = field.int64("start_timestamp_ms")?,
            2 => end_ms = field.int64("end_timestamp_ms")?,
            3 => matchers.push(matcher(field.message("matchers")?)?),
            _ => {}
        }
    }
    Ok(ReadQuery { range: TimeRange::new(start_ms, end_ms.max(start_ms)), matchers })
}

fn matcher(mut message: MessageReader<'_>) -> Result<Matcher, MatcherFault> {
    let (mut kind, mut name, mut value) = (0, "", "");
    while let Some(field) = message.next()? {
        match field.number {
            1 => kind = field.uint64("matcher.type")?,
            2 => name = field.string("matcher.name")?,
            3 => value = field.string("matcher.value")?,
            _ => {}
        }
    }
    let op = match kind {
        0 => MatchOp::Equal,
        1 => MatchOp::NotEqual,
        2 => MatchOp::Regex,
        3 => MatchOp::NotRegex,
        other => return Err(MatcherFault::Type(other)),
    };
    Matcher::new(name, op, value).map_err(|error| MatcherFault::Regex(error.to_string()))
}

/// A `prometheus.ReadResponse` in the making: one result per query, each with its series.
#[derive(Debug, Default)]
pub struct SampledResponse {
    results: Vec<Vec<u8>>,
}

impl SampledResponse {
    /// Begins the result of the next query.
    pub fn begin_result(&mut self) {
        self.results.push(Vec::new());
    }

    /// Adds a series to the result begun last. Histograms travel with float counts, of which no value is lost.
    pub fn push(&mut self, labels: &Labels, samples: &Samples) {
        let mut series = TimeSeries { labels: labels.iter().collect(), ..TimeSeries::default() };
        for index in 0..samples.len() {
            let Some(timestamp_ms) = samples.timestamps_ms.get(index).copied() else { continue };
            if let Some(histogram) = samples.histogram(index) {
                series
                    .histograms
                    .push(HistogramSample { timestamp_ms, histogram: std::sync::Arc::clone(histogram) });
            } else if let Some(value) = samples.floats.get(index).copied() {
                series.samples.push(remote_write::FloatSample { timestamp_ms, value });
            }
        }
        if let Some(result) = self.results.last_mut() {
            // A `QueryResult` is laid out like a `WriteRequest`: its series are field 1.
            result.extend(remote_write::encode([&series], &[], HistogramForm::Float));
        }
    }

    /// How many bytes it has so far, before compression.
    pub fn len(&self) -> usize {
        self.results.iter().map(Vec::len).sum()
    }

    /// Whether no series was added.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The uncompressed message.
    pub fn finish(self) -> Vec<u8> {
        let mut message = MessageWriter::new();
        for result in &self.results {
            // One without series stands there too: results are told apart by their order.
            if result.is_empty() {
                message.message(1, |_| {});
            } else {
                message.bytes(1, result);
            }
        }
        message.finish()
    }
}

/// Frames of a streamed answer for one series: chunks of at most 120 samples, about `limit_bytes` a frame. Each is a length,
/// a checksum and a `prometheus.ChunkedReadResponse`. Where a series has both, floats and histograms stand in chunks of
/// their own.
pub fn frame(query_index: usize, labels: &Labels, samples: &Samples, limit_bytes: usize, out: &mut Vec<u8>) {
    let mut open: Vec<EncodedChunk> = Vec::new();
    let mut bytes = 0;
    let mut from = 0;
    while from < samples.len() {
        let (encoding, data, count) = match chunk::encode_histograms(samples, from, SAMPLES_PER_CHUNK) {
            Some((data, count)) => (Encoding::FloatHistogram, data, count),
            None => {
                let all = from..(from + SAMPLES_PER_CHUNK).min(samples.len());
                let count = all.take_while(|index| samples.histogram(*index).is_none()).count();
                let (times, values) =
                    (samples.timestamps_ms.get(from..from + count), samples.floats.get(from..from + count));
                let data = chunk::encode_floats(times.unwrap_or_default(), values.unwrap_or_default());
                (Encoding::Xor, data, count)
            }
        };
        let last = from + count.max(1) - 1;
        if let (Some(first_ms), Some(last_ms)) =
            (samples.timestamps_ms.get(from), samples.timestamps_ms.get(last))
        {
            bytes += data.len();
            open.push(EncodedChunk { first_ms: *first_ms, last_ms: *last_ms, encoding, data });
        }
        from = last + 1;
        if bytes >= limit_bytes {
            push_frame(query_index, labels, &open, out);
            open.clear();
            bytes = 0;
        }
    }
    if !open.is_empty() {
        push_frame(query_index, labels, &open, out);
    }
}

/// A chunk as it goes into a frame.
struct EncodedChunk {
    first_ms: i64,
    last_ms: i64,
    encoding: Encoding,
    data: Vec<u8>,
}

fn push_frame(query_index: usize, labels: &Labels, chunks: &[EncodedChunk], out: &mut Vec<u8>) {
    let mut response = MessageWriter::new();
    response.message(1, |series| {
        for (name, value) in labels.iter() {
            series.message(1, |label| {
                label.string(1, name);
                label.string(2, value);
            });
        }
        for EncodedChunk { first_ms, last_ms, encoding, data } in chunks {
            series.message(2, |chunk| {
                chunk.uint64(1, first_ms.cast_unsigned());
                chunk.uint64(2, last_ms.cast_unsigned());
                chunk.uint64(3, u64::from(encoding.number()));
                chunk.bytes(4, data);
            });
        }
    });
    response.uint64(2, query_index as u64);
    let message = response.finish();
    let mut length = message.len();
    while length >= 0x80 {
        out.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend_from_slice(&crc32c::crc32c(&message).to_be_bytes());
    out.extend_from_slice(&message);
}

#[cfg(test)]
mod tests;
