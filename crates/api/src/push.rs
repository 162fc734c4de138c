//! Pushed telemetry: remote write, and expositions as text.

use crate::app::App;
use crate::params::QueryParams as Params;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use std::sync::Arc;
use tokio::task::JoinError;
use watchfire_model::Labels;
use watchfire_model::ingest::WriteError;
use watchfire_receive::exposition;
use watchfire_receive::groups::{self, GroupError, Replace};
use watchfire_receive::remote_write::{self, Headers, Received};

/// Remote write 1.0 and 2.0: 204 once everything is on disk. What is refused is named in a 400, and the rest is kept.
pub(crate) async fn remote_write(State(app): State<Arc<App>>, headers: HeaderMap, body: Bytes) -> Response {
    let sent_header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let sent = Headers {
        content_type: sent_header("content-type"),
        content_encoding: sent_header("content-encoding"),
        version: sent_header("x-prometheus-remote-write-version"),
    };
    let Received { batch, metadata } = match remote_write::accept(sent, &body) {
        Ok(received) => received,
        Err(error) => return (status(error.status), format!("{error}\n")).into_response(),
    };
    for (family, metadata) in metadata {
        app.sink.describe(&Labels::empty(), &family, metadata);
    }
    let report = match app.sink.write(batch).await {
        Ok(report) => report,
        Err(error) => return try_again(&error),
    };
    let answer = remote_write::answer(&report);
    let mut response = (status(answer.status), answer.message).into_response();
    for (name, count) in answer.headers {
        if let Ok(name) = HeaderName::try_from(name) {
            response.headers_mut().insert(name, HeaderValue::from(count));
        }
    }
    response
}

/// An exposition as text, as VictoriaMetrics takes it: 204 once everything is on disk. Lines that are refused are named in a
/// 400, and the rest is kept.
pub(crate) async fn exposition(
    State(app): State<Arc<App>>,
    params: Params,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let sent_header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let sent = exposition::Headers {
        content_type: sent_header("content-type"),
        content_encoding: sent_header("content-encoding"),
    };
    let read =
        exposition::Options::read(params.all("extra_label"), params.get("timestamp"), app.clock.now_ms())
            .and_then(|options| exposition::accept(sent, &options, &body));
    let (batch, metadata, faults) = match read {
        Ok(received) => received.into_parts(),
        Err(error) => return (status(error.status), format!("{error}\n")).into_response(),
    };
    for (family, metadata) in metadata {
        app.sink.describe(&Labels::empty(), &family, metadata);
    }
    match app.sink.write(batch).await {
        Ok(report) => {
            let answer = exposition::answer(&faults, &report);
            (status(answer.status), answer.message).into_response()
        }
        Err(error) => try_again(&error),
    }
}

/// A group pushed by a batch job, as Pushgateway takes it: 200 once it is on disk, 400 when anything is wrong with it.
pub(crate) async fn put_group(
    app: State<Arc<App>>,
    path: Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    push_group(app, path, headers, body, Replace::All).await
}

/// As [`put_group`], but families that are not sent stay.
pub(crate) async fn post_group(
    app: State<Arc<App>>,
    path: Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    push_group(app, path, headers, body, Replace::Sent).await
}

async fn push_group(
    State(app): State<Arc<App>>,
    Path(path): Path<String>,
    headers: HeaderMap,
    body: Bytes,
    replace: Replace,
) -> Response {
    let changing = Arc::clone(&app);
    let outcome = tokio::task::spawn_blocking(move || {
        let key = groups::parse(&path)?;
        let sent_header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let sent = exposition::Headers {
            content_type: sent_header("content-type"),
            content_encoding: sent_header("content-encoding"),
        };
        let outcome = changing.groups.push(&key, replace, sent, &body);
        // A refused push is told of, too.
        changing.control.groups_changed();
        outcome
    });
    group_answer(outcome.await, StatusCode::OK)
}

/// Deletes a group: 202 whether there was one or not, as from Pushgateway; here it is gone by then.
pub(crate) async fn delete_group(State(app): State<Arc<App>>, Path(path): Path<String>) -> Response {
    let outcome = tokio::task::spawn_blocking(move || {
        app.groups.delete(&groups::parse(&path)?)?;
        app.control.groups_changed();
        Ok(())
    });
    group_answer(outcome.await, StatusCode::ACCEPTED)
}

fn group_answer(outcome: Result<Result<(), GroupError>, JoinError>, good: StatusCode) -> Response {
    match outcome {
        Ok(Ok(())) => good.into_response(),
        Ok(Err(GroupError::Refused(error))) => (status(error.status), format!("{error}\n")).into_response(),
        Ok(Err(error)) => (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}

/// Nothing was acknowledged: 503 makes the sender keep the batch and try again.
fn try_again(error: &WriteError) -> Response {
    let mut response = (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")).into_response();
    if matches!(error, WriteError::Starting(_)) {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

fn status(code: u16) -> StatusCode {
    StatusCode::from_u16(code).unwrap_or(StatusCode::BAD_REQUEST)
}
