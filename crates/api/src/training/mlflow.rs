//! `/api/2.0/mlflow`.

use crate::app::App;
use crate::format::json;
use crate::origin::Origin;
use crate::params::QueryParams;
use axum::body::Bytes;
use axum::extract::{RawPathParams, State};
use axum::response::Response;
use http::StatusCode;
use std::sync::Arc;
use watchfire_training::mlflow::{Answer, Endpoint, Request, handle, not_found};

/// Answers one of its requests.
pub(crate) async fn serve(
    endpoint: Endpoint,
    State(app): State<Arc<App>>,
    named: RawPathParams,
    params: QueryParams,
    origin: Origin,
    body: Bytes,
) -> Response {
    let is_near = origin.client.is_some_and(|client| client.to_canonical().is_loopback());
    let host = is_near.then(|| app.training.host().to_owned());
    let named = named.iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
    let query =
        params.pairs().map(|(name, value)| (name.to_owned(), value.to_owned())).chain(named).collect();
    shown(&handle(&app.training, Request { endpoint, query, body: body.to_vec(), host }).await)
}

/// The list of files of whatever is asked for.
pub(crate) async fn no_files() -> Response {
    json(br#"{"files":[]}"#.to_vec())
}

/// What MLflow has and this has not.
pub(crate) async fn missing(uri: http::Uri) -> Response {
    shown(&not_found(uri.path()))
}

fn shown(answer: &Answer) -> Response {
    let mut response = json(answer.body.to_string().into_bytes());
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response
}
