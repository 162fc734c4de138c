//! Alertmanager's API v2, under `/api/v2` and `/alertmanager/api/v2`, as amtool, Prometheus and dashboards call it.

pub(crate) mod alerts;
pub(crate) mod general;
pub(crate) mod silences;

use crate::error::ApiError;
use crate::params::Params;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use jiff::Timestamp;
use serde_json::json;
use std::fmt;
use watchfire_alerting::{AlertMatcher, MatcherMode};

/// What went wrong, in the shapes that Alertmanager's clients know: a bare string, or for parameters and bodies of a
/// wrong form an object with a code.
#[derive(Debug)]
pub(crate) enum AmError {
    /// A string.
    Plain(StatusCode, String),
    /// An object; the code says which rule was broken.
    Form(StatusCode, u32, String),
    /// What every route may answer.
    Other(ApiError),
}

impl AmError {
    pub(crate) fn bad(message: impl fmt::Display) -> Self {
        Self::Plain(StatusCode::BAD_REQUEST, message.to_string())
    }

    pub(crate) fn not_found(message: impl fmt::Display) -> Self {
        Self::Plain(StatusCode::NOT_FOUND, message.to_string())
    }

    pub(crate) fn internal(message: impl fmt::Display) -> Self {
        Self::Plain(StatusCode::INTERNAL_SERVER_ERROR, message.to_string())
    }

    /// A value that is there and cannot be.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::Form(StatusCode::UNPROCESSABLE_ENTITY, 601, message.into())
    }

    /// A key of a body that is missing.
    pub(crate) fn missing(path: &str) -> Self {
        Self::Form(StatusCode::UNPROCESSABLE_ENTITY, 602, format!("{path} in body is required"))
    }

    /// A list of a body that needs at least one item.
    pub(crate) fn too_few(path: &str) -> Self {
        let message = format!("{path} in body should have at least 1 items");
        Self::Form(StatusCode::UNPROCESSABLE_ENTITY, 612, message)
    }

    /// A body that is no JSON of the right kind.
    pub(crate) fn body(name: &str, error: impl fmt::Display) -> Self {
        let message = format!("parsing {name} body from \"\" failed, because {error}");
        Self::Form(StatusCode::BAD_REQUEST, 400, message)
    }
}

impl From<ApiError> for AmError {
    fn from(error: ApiError) -> Self {
        Self::Other(error)
    }
}

impl IntoResponse for AmError {
    fn into_response(self) -> Response {
        let (status, body) = match self {
            Self::Plain(status, message) => (status, json!(message)),
            Self::Form(status, code, message) => (status, json!({"code": code, "message": message})),
            Self::Other(error) => return error.into_response(),
        };
        (status, [(http::header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
    }
}

/// `true` and `false`, in the words Go knows.
fn flag(params: &Params, name: &str) -> Result<bool, AmError> {
    match params.get(name) {
        None | Some("1" | "t" | "T" | "true" | "TRUE" | "True") => Ok(true),
        Some("0" | "f" | "F" | "false" | "FALSE" | "False") => Ok(false),
        Some(other) => Err(AmError::invalid(format!("{name} in query must be of type boolean: {other:?}"))),
    }
}

/// A parameter that may come more than once, each time with a matcher or several.
fn matchers(params: &Params, name: &str, mode: MatcherMode) -> Result<Vec<AlertMatcher>, AmError> {
    let mut all = Vec::new();
    for text in params.all(name) {
        all.extend(mode.parse(text, "api").map_err(AmError::bad)?);
    }
    Ok(all)
}

/// A time in a body; Go's zero time and nothing at all are none.
fn time(text: Option<&str>) -> Result<Option<i64>, String> {
    let Some(text) = text.filter(|text| !text.is_empty() && !text.starts_with("0001-01-01T00:00:00")) else {
        return Ok(None);
    };
    text.parse::<Timestamp>()
        .map(|time| Some(time.as_millisecond()))
        .map_err(|_| format!("parsing time {text:?}: expected RFC 3339, such as 2026-11-21T10:00:00Z"))
}
