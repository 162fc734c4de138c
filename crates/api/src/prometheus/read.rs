//! `read`: remote read, by which another Prometheus asks for raw samples.
//!
//! Both answers are given: all samples in one message, and a stream of chunks.

use crate::app::App;
use crate::error::ApiError;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header;
use std::sync::Arc;
use tokio::sync::mpsc;
use watchfire_model::{Labels, Matcher, Samples, TimeRange};
use watchfire_promql::SelectHints;
use watchfire_wire::remote_read::{self, ReadQuery, ReadRequest, SampledResponse};
use watchfire_wire::snappy;

/// Limits on remote read (`--storage.remote.read-…`).
#[derive(Clone, Copy, Debug)]
pub struct ReadLimits {
    /// How many samples an answer that is one message may have; 0 for any number.
    pub samples: usize,
    /// How many requests are answered at once.
    pub concurrency: usize,
    /// About how many bytes a frame of a streamed answer has.
    pub frame_bytes: usize,
}

impl Default for ReadLimits {
    fn default() -> Self {
        Self { samples: 50_000_000, concurrency: 10, frame_bytes: 1 << 20 }
    }
}

/// No question is longer.
const MAX_REQUEST_BYTES: usize = 32 << 20;
/// Frames that wait for a slow client; the reading stops until one is taken.
const FRAMES_AHEAD: usize = 4;
const STREAMED_CONTENT_TYPE: &str = "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse";

pub(crate) async fn read(State(app): State<Arc<App>>, body: Bytes) -> Result<Response, ApiError> {
    let bytes = snappy::decompress(&body, MAX_REQUEST_BYTES)
        .map_err(|error| ApiError::bad_data(format!("the body is not what snappy made: {error}")))?;
    let request =
        remote_read::decode_request(&bytes).map_err(|error| ApiError::bad_data(error.to_string()))?;
    if !request.accepts_samples && !request.accepts_chunks {
        return Err(ApiError::bad_data(
            "server does not support any of the requested response types; it has SAMPLES and STREAMED_XOR_CHUNKS",
        ));
    }
    let slot = Arc::clone(&app.read_slots)
        .acquire_owned()
        .await
        .map_err(|_| ApiError::unavailable("the server is shutting down"))?;
    if request.prefers_chunks || !request.accepts_samples {
        return Ok(streamed(app, request, slot));
    }
    let body = app.blocking(move |app| sampled(app, &request)).await?;
    drop(slot);
    let headers =
        [(header::CONTENT_TYPE, remote_read::SAMPLED_CONTENT_TYPE), (header::CONTENT_ENCODING, "snappy")];
    Ok((headers, body).into_response())
}

/// Hands every series of a query to `each`, until it says that it is enough.
fn select(
    app: &App,
    query: &ReadQuery,
    mut each: impl FnMut(&Labels, &Samples) -> Result<bool, ApiError>,
) -> Result<(), ApiError> {
    let ReadQuery { range, matchers } = query;
    if matchers.is_empty() {
        return Err(ApiError::bad_data("a query without matchers; at least one is needed"));
    }
    let (matchers, range): (&[Matcher], TimeRange) = (matchers, *range);
    let mut stream = app.source.select(matchers, range, &SelectHints::default())?;
    let mut samples = Samples::default();
    while let Some(labels) = stream.next(&mut samples)? {
        if !samples.is_empty() && !each(&labels, &samples)? {
            break;
        }
    }
    Ok(())
}

fn sampled(app: &App, request: &ReadRequest) -> Result<Vec<u8>, ApiError> {
    let limit = app.read_limits.samples;
    let external = app.control.external_labels();
    let mut response = SampledResponse::default();
    let mut count = 0;
    for query in &request.queries {
        response.begin_result();
        let query = without_external(query, &external);
        select(app, &query, |labels, samples| {
            count += samples.len();
            if limit > 0 && count > limit {
                return Err(ApiError::bad_data(format!("exceeded sample limit ({limit})")));
            }
            response.push(&with_external(labels, &external), samples);
            Ok(true)
        })?;
    }
    snappy::compress(&response.finish()).map_err(|error| ApiError::internal(error.to_string()))
}

/// Frames as they are made; an error ends the connection in the middle of the answer, which the client notices.
fn streamed(app: Arc<App>, request: ReadRequest, slot: tokio::sync::OwnedSemaphorePermit) -> Response {
    let (frames, taken) = mpsc::channel::<Result<Bytes, std::io::Error>>(FRAMES_AHEAD);
    tokio::task::spawn_blocking(move || {
        let _slot = slot;
        let frame_bytes = app.read_limits.frame_bytes;
        let external = app.control.external_labels();
        let mut buffer = Vec::new();
        for (index, query) in request.queries.iter().enumerate() {
            let query = without_external(query, &external);
            let sent = select(&app, &query, |labels, samples| {
                let labels = with_external(labels, &external);
                remote_read::frame(index, &labels, samples, frame_bytes, &mut buffer);
                Ok(buffer.len() < frame_bytes
                    || frames.blocking_send(Ok(std::mem::take(&mut buffer).into())).is_ok())
            });
            if let Err(error) = sent {
                tracing::warn!(error = error.message(), "a remote read ended early");
                let _ = frames.blocking_send(Err(std::io::Error::other(error.message().to_owned())));
                return;
            }
        }
        if !buffer.is_empty() {
            // A client that is gone needs no answer.
            let _ = frames.blocking_send(Ok(buffer.into()));
        }
    });
    let stream = futures_util::stream::unfold(taken, |mut taken| async {
        taken.recv().await.map(|frame| (frame, taken))
    });
    ([(header::CONTENT_TYPE, STREAMED_CONTENT_TYPE)], Body::from_stream(stream)).into_response()
}

/// The query without what it asks of external labels, which no stored series has. As in Prometheus, so that a
/// reader that has the same external labels finds its own series.
fn without_external(query: &ReadQuery, external: &Labels) -> ReadQuery {
    let mut kept = query.clone();
    for (name, value) in external.iter() {
        let asked = kept.matchers.iter().position(|matcher| {
            matcher.name == name && matcher.op == watchfire_model::MatchOp::Equal && matcher.value == value
        });
        if let Some(index) = asked {
            kept.matchers.remove(index);
        }
    }
    kept
}

/// The series as others see it: with the external labels that it does not have itself.
fn with_external(labels: &Labels, external: &Labels) -> Labels {
    if external.is_empty() {
        return labels.clone();
    }
    let own = labels.iter();
    let added = external.iter().filter(|(name, _)| labels.get(name).is_none());
    Labels::from_pairs(own.chain(added))
}
