//! Alertmanager's API v2, under `/api/v2` and `/alertmanager/api/v2`, as amtool, Prometheus and dashboards call it.

pub(crate) mod alerts;
pub(crate) mod general;
pub(crate) mod silences;

use crate::error::ApiError;
use crate::params::Params;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;
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

    /// A key of a body that is missing, or the body itself.
    pub(crate) fn missing(path: &str) -> Self {
        Self::Form(StatusCode::UNPROCESSABLE_ENTITY, 602, format!("{path} in body is required"))
    }

    /// A list of a body that needs at least one item.
    pub(crate) fn too_few(path: &str) -> Self {
        let message = format!("{path} in body should have at least 1 items");
        Self::Form(StatusCode::UNPROCESSABLE_ENTITY, 612, message)
    }

    /// A method that a path does not know.
    pub(crate) fn method_not_allowed(method: &http::Method) -> Self {
        let message = format!("method {method} is not allowed here; the Allow header names those that are");
        Self::Form(StatusCode::METHOD_NOT_ALLOWED, 405, message)
    }

    /// A path that leads nowhere.
    pub(crate) fn nowhere(path: &str) -> Self {
        Self::Form(StatusCode::NOT_FOUND, 404, format!("path {path} was not found"))
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

/// Yes and no in the words that Alertmanager takes for yes, and their opposites. It takes all else for no, a slip of the
/// pen, too.
fn flag(params: &Params, name: &str) -> Result<bool, AmError> {
    let Some(word) = params.get(name).filter(|word| !word.is_empty()) else { return Ok(true) };
    match word.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "ok" | "y" | "on" | "selected" | "checked" | "t" | "enabled" => Ok(true),
        "false" | "0" | "no" | "n" | "off" | "f" | "disabled" => Ok(false),
        other => Err(AmError::invalid(format!("{name} in query must be of type boolean: {other:?}"))),
    }
}

/// A parameter that may come more than once, each time with a matcher, or with several in braces.
fn matchers(params: &Params, name: &str, mode: MatcherMode) -> Result<Vec<AlertMatcher>, AmError> {
    let mut all = Vec::new();
    for text in params.all(name) {
        let parsed = mode.parse_one(text, "api").map_err(|error| match name {
            "filter" => AmError::bad(error),
            _ => AmError::bad(format!("failed to parse {name} param: {error}")),
        });
        all.extend(parsed?);
    }
    Ok(all)
}

/// The last whole second that there is: 9999-12-30 22:00.
const LAST_MS: i64 = 253_402_207_200_000;

/// A time in a body; Go's zero time and nothing at all are none. One without an offset is in UTC, and one that is too far
/// to be counted, as `9999-12-31` is to say for ever, the last there is.
fn time(text: Option<&str>) -> Result<Option<i64>, String> {
    let Some(text) = text.filter(|text| !text.is_empty() && !text.starts_with("0001-01-01T00:00:00")) else {
        return Ok(None);
    };
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(Some(time.as_millisecond()));
    }
    let civil: DateTime = text
        .trim_end_matches(['Z', 'z'])
        .parse()
        .map_err(|_| format!("parsing time {text:?}: expected RFC 3339, such as 2026-11-21T10:00:00Z"))?;
    Ok(Some(Offset::UTC.to_timestamp(civil).map_or(LAST_MS, Timestamp::as_millisecond)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_clients_write_them() {
        let ms = |text: &str| time(Some(text)).unwrap();
        assert_eq!(ms("2023-11-14T22:13:20.5Z"), Some(1_700_000_000_500));
        assert_eq!(ms("2023-11-15T00:13:20+02:00"), Some(1_700_000_000_000));
        assert_eq!(ms("2023-11-14T22:13:20"), Some(1_700_000_000_000));
        assert_eq!(ms("2023-11-14 22:13:20.000001"), Some(1_700_000_000_000));
        assert_eq!(ms("2023-11-14"), Some(1_699_920_000_000));
        assert_eq!(ms("9999-12-31T23:59:59Z"), Some(LAST_MS));
        assert_eq!(crate::time::rfc3339(LAST_MS), "9999-12-30T22:00:00.000Z");
        assert_eq!((ms(""), ms("0001-01-01T00:00:00.000Z"), time(None).unwrap()), (None, None, None));
        for wrong in ["x", "2023-13-01", "10:00", "2023-11-14T22:13:20+99:99", "-"] {
            assert!(time(Some(wrong)).is_err(), "{wrong}");
        }
    }
}
