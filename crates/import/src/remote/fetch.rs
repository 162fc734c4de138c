//! One question and its answer.

use super::Remote;
use crate::Stop;
use crate::accumulate::Accumulator;
use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use watchfire_model::ingest::{Batch, ValueRef};
use watchfire_model::{Labels, Matcher, Samples, TimeRange};
use watchfire_wire::prometheus_block::chunk::decode;
use watchfire_wire::remote_read::{self, Frames};
use watchfire_wire::{remote_write, snappy};

/// More than this is asked for in smaller slices.
const BUDGET_BYTES: usize = 1 << 30;
/// An answer of samples, compressed and not.
const MAX_BODY_BYTES: usize = 256 << 20;
const MAX_PLAIN_BYTES: usize = 1 << 30;
/// As much of a refusal is shown.
const SHOWN_BYTES: usize = 300;

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Fault {
    /// It may be better later.
    Passing(String),
    /// It will not be better later.
    Refused(String),
    /// A smaller slice may do.
    TooMuch(String),
    /// Chunks that only the server understands.
    UnknownEncoding(u8),
    Stopped,
}

/// What an answer held.
#[derive(Debug, Default)]
pub(super) struct Held {
    pub(super) samples: Accumulator,
    /// Samples that the server told in a way that makes no sense.
    pub(super) refused: Vec<String>,
}

fn passing(error: reqwest::Error) -> Fault {
    // The URL is told elsewhere, without its credentials.
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    Fault::Passing(text)
}

impl Remote {
    pub(super) async fn fetch(
        &self,
        selectors: &[Vec<Matcher>],
        range: TimeRange,
        stop: &Stop,
    ) -> Result<Held, Fault> {
        let question = remote_read::encode_request(selectors, range, self.streamed);
        let question = snappy::compress(&question).map_err(|error| Fault::Refused(error.to_string()))?;
        let mut request = self
            .client
            .post(self.url.clone())
            .header(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"))
            .header("content-encoding", "snappy")
            .header("x-prometheus-remote-read-version", "0.1.0")
            .body(question);
        if let Some(user) = &self.credentials.user {
            request = request.basic_auth(user, self.credentials.password.as_ref());
        } else if let Some(token) = &self.credentials.bearer_token {
            request = request.bearer_auth(token);
        }
        let mut response = request.send().await.map_err(passing)?;
        let status = response.status();
        if !status.is_success() {
            let mut body = Vec::new();
            while body.len() < SHOWN_BYTES
                && let Ok(Some(bytes)) = response.chunk().await
            {
                body.extend_from_slice(&bytes);
            }
            body.truncate(SHOWN_BYTES);
            return Err(judge(status, String::from_utf8_lossy(&body).trim()));
        }
        let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or("");
        let mut held = Held::default();
        if kind.starts_with(remote_read::STREAMED_CONTENT_TYPE) {
            let mut frames = Frames::default();
            while let Some(bytes) = response.chunk().await.map_err(passing)? {
                frames.push(&bytes);
                while let Some(message) = frames.next().map_err(|error| Fault::Passing(error.to_string()))? {
                    take_chunks(message, range, &mut held.samples)?;
                }
                if held.samples.bytes() > BUDGET_BYTES {
                    return Err(Fault::TooMuch("the answer does not fit into memory".to_owned()));
                }
                if stop.is_asked() {
                    return Err(Fault::Stopped);
                }
            }
            if frames.is_torn() {
                return Err(Fault::Passing("the answer ended too early".to_owned()));
            }
            return Ok(held);
        }
        let mut body = Vec::new();
        while let Some(bytes) = response.chunk().await.map_err(passing)? {
            body.extend_from_slice(&bytes);
            if body.len() > MAX_BODY_BYTES {
                return Err(Fault::TooMuch("the answer does not fit into memory".to_owned()));
            }
        }
        let plain = match snappy::decompress(&body, MAX_PLAIN_BYTES) {
            Ok(plain) => plain,
            Err(snappy::SnappyError::TooLarge { .. }) => {
                return Err(Fault::TooMuch("the answer does not fit into memory".to_owned()));
            }
            Err(error) => return Err(Fault::Refused(format!("{error}; is this a server's remote read?"))),
        };
        take_samples(&plain, range, &mut held)?;
        Ok(held)
    }
}

fn judge(status: StatusCode, body: &str) -> Fault {
    let said = if body.is_empty() { status.to_string() } else { format!("{status}: {body}") };
    match status {
        // Prometheus says so when --storage.remote.read-sample-limit is reached.
        _ if body.contains("limit") => Fault::TooMuch(said),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Fault::Refused(format!(
            "{said}; give --http.user and --http.password-file, or --http.bearer-token-file"
        )),
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => {
            Fault::Refused(format!("{said}; remote read of Prometheus is at /api/v1/read"))
        }
        StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => Fault::Passing(said),
        status if status.is_server_error() => Fault::Passing(said),
        _ => Fault::Refused(said),
    }
}

fn nonsense(error: impl ToString) -> Fault {
    Fault::Passing(format!("the answer makes no sense: {}", error.to_string()))
}

/// Chunks come whole: what lies beside the range asked for is left out.
fn take_chunks(message: &[u8], range: TimeRange, held: &mut Accumulator) -> Result<(), Fault> {
    let mut samples = Samples::default();
    for series in remote_read::read_chunked(message).map_err(nonsense)? {
        let number = held.series(&Labels::from_pairs(series.labels));
        for (encoding, data) in series.chunks {
            samples.clear();
            let encoding = encoding.map_err(Fault::UnknownEncoding)?;
            decode(encoding, data, &mut samples).map_err(nonsense)?;
            for (index, timestamp_ms) in samples.timestamps_ms.iter().enumerate() {
                if !range.contains(*timestamp_ms) {
                    continue;
                }
                match (samples.histogram(index), samples.floats.get(index)) {
                    (Some(histogram), _) => held.push_histogram(number, *timestamp_ms, histogram),
                    (None, Some(value)) => held.push_float(number, *timestamp_ms, *value),
                    (None, None) => {}
                }
            }
        }
    }
    Ok(())
}

fn take_samples(response: &[u8], range: TimeRange, held: &mut Held) -> Result<(), Fault> {
    let (mut batch, mut families) = (Batch::new(), Vec::new());
    for result in remote_read::results(response).map_err(nonsense)? {
        batch.clear();
        // A result is laid out as a request to write.
        remote_write::decode(result, &mut batch, &mut families).map_err(nonsense)?;
        for series in batch.series().filter(|series| !series.is_empty()) {
            let labels = series.checked_labels().map_err(nonsense)?;
            let number = held.samples.series(&labels);
            for sample in series.samples().filter(|sample| range.contains(sample.timestamp_ms)) {
                match sample.value {
                    ValueRef::Float(value) => held.samples.push_float(number, sample.timestamp_ms, value),
                    ValueRef::Histogram(histogram) => {
                        held.samples.push_histogram(number, sample.timestamp_ms, histogram);
                    }
                }
            }
        }
        held.refused.extend(batch.refused().iter().map(|refusal| {
            format!("{} histograms that contradict themselves, such as {}", refusal.rows, refusal.example)
        }));
    }
    Ok(())
}
