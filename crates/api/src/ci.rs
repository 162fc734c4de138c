//! Reports of tests and coverage, and webhooks of GitHub and GitLab.

use crate::app::App;
use crate::error::ApiError;
use crate::format::json;
use crate::params::QueryParams;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use serde_json::json;
use std::sync::Arc;
use watchfire_ci::{CiError, Labelled, ReportKind, Taken};
use watchfire_receive::exposition::unpacked;

/// A project or a branch has at most so many characters.
const MAX_WORD: usize = 200;

impl From<CiError> for ApiError {
    fn from(error: CiError) -> Self {
        match error {
            CiError::NotConfigured(_) => Self::not_found(error.to_string()),
            CiError::Unsigned => Self::forbidden(error.to_string()),
            CiError::Invalid(message) => Self::bad_data(message),
            other => Self::unavailable(other.to_string()),
        }
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// Whom a report is about, and its text.
fn report(params: &QueryParams, headers: &HeaderMap, body: &[u8]) -> Result<(Labelled, String), ApiError> {
    let word = |name: &str| -> Result<String, ApiError> {
        let word = params.get(name).unwrap_or_default();
        if word.chars().count() > MAX_WORD || word.chars().any(char::is_control) {
            let reason = format!("it has more than {MAX_WORD} characters, or a control character");
            return Err(ApiError::bad_parameter(name, reason));
        }
        Ok(word.to_owned())
    };
    let of = Labelled { project: word("project")?, branch: word("branch")? };
    if of.project.is_empty() {
        return Err(ApiError::bad_parameter("project", "it is missing; expected ?project=NAME"));
    }
    let encoding = headers.get("content-encoding").and_then(|value| value.to_str().ok());
    let body = unpacked(encoding, body).map_err(|error| ApiError::bad_data(error.to_string()))?;
    let text =
        String::from_utf8(body.into_owned()).map_err(|_| ApiError::bad_data("the report is not UTF-8"))?;
    Ok((of, text))
}

/// 200 with the number of samples that are on disk.
fn answered(taken: &Taken) -> Result<Response, ApiError> {
    if !taken.refused.is_empty() {
        return Err(ApiError::bad_data(taken.refused.join("; ")));
    }
    let data = json!({"status": "success", "data": {"samples": taken.samples}});
    Ok(json(data.to_string().into_bytes()))
}

/// Takes a report of this kind.
pub(crate) async fn upload(
    kind: ReportKind,
    State(app): State<Arc<App>>,
    params: QueryParams,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ApiError> {
    let (of, text) = report(&params, &headers, &body)?;
    answered(&app.ci.report(kind, &of, &text).await?)
}

pub(crate) async fn github(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ApiError> {
    let (kind, signature) = (header(&headers, "x-github-event"), header(&headers, "x-hub-signature-256"));
    answered(&app.ci.github(kind, signature, &body).await?)
}

pub(crate) async fn gitlab(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ApiError> {
    answered(&app.ci.gitlab(header(&headers, "x-gitlab-token"), &body).await?)
}
