//! Prometheus's error shape: `{"status":"error","errorType":"…","error":"…"}`.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use watchfire_promql::{ParseError, QueryError, SourceError};

/// An answer that says what went wrong, in Prometheus's error JSON.
#[derive(Debug)]
pub(crate) struct ApiError {
    status: StatusCode,
    kind: &'static str,
    message: String,
}

impl ApiError {
    pub(crate) fn bad_data(message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, kind: "bad_data", message: message.into() }
    }

    /// `invalid parameter "start": …`, as Prometheus words it.
    pub(crate) fn bad_parameter(name: &str, reason: impl std::fmt::Display) -> Self {
        Self::bad_data(format!("invalid parameter {name:?}: {reason}"))
    }

    pub(crate) fn execution(message: impl Into<String>) -> Self {
        Self { status: StatusCode::UNPROCESSABLE_ENTITY, kind: "execution", message: message.into() }
    }

    pub(crate) fn unavailable(message: impl Into<String>) -> Self {
        Self { status: StatusCode::SERVICE_UNAVAILABLE, kind: "unavailable", message: message.into() }
    }

    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self { status: StatusCode::INTERNAL_SERVER_ERROR, kind: "internal", message: message.into() }
    }

    /// What failed inside.
    pub(crate) fn internal_of(error: impl std::fmt::Display) -> Self {
        Self::internal(error.to_string())
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self { status: StatusCode::NOT_FOUND, kind: "not_found", message: message.into() }
    }

    pub(crate) fn conflict(message: impl Into<String>) -> Self {
        Self { status: StatusCode::CONFLICT, kind: "conflict", message: message.into() }
    }

    /// As many of its kind as may be are under way.
    pub(crate) fn too_many(message: impl Into<String>) -> Self {
        Self { status: StatusCode::TOO_MANY_REQUESTS, kind: "unavailable", message: message.into() }
    }

    pub(crate) fn too_large(limit_bytes: usize) -> Self {
        Self {
            status: StatusCode::PAYLOAD_TOO_LARGE,
            kind: "bad_data",
            message: format!("request body is larger than the {limit_bytes} bytes allowed here"),
        }
    }

    pub(crate) fn request_timeout(limit: std::time::Duration) -> Self {
        Self {
            status: StatusCode::REQUEST_TIMEOUT,
            kind: "timeout",
            message: format!("the request body did not arrive within {} s", limit.as_secs()),
        }
    }

    pub(crate) fn timeout(message: impl Into<String>) -> Self {
        Self { status: StatusCode::SERVICE_UNAVAILABLE, kind: "timeout", message: message.into() }
    }

    pub(crate) fn method_not_allowed(method: &http::Method) -> Self {
        Self {
            status: StatusCode::METHOD_NOT_ALLOWED,
            kind: "bad_data",
            message: format!("method {method} is not allowed here; the Allow header names those that are"),
        }
    }

    pub(crate) fn forbidden(message: impl Into<String>) -> Self {
        Self { status: StatusCode::FORBIDDEN, kind: "forbidden", message: message.into() }
    }

    pub(crate) const fn kind(&self) -> &'static str {
        self.kind
    }

    pub(crate) fn message(&self) -> &str {
        &self.message
    }
}

impl From<ParseError> for ApiError {
    fn from(error: ParseError) -> Self {
        Self::bad_data(format!("invalid parameter \"query\": {error}"))
    }
}

impl From<QueryError> for ApiError {
    fn from(error: QueryError) -> Self {
        let message = error.to_string();
        match error {
            QueryError::Timeout => Self { status: StatusCode::SERVICE_UNAVAILABLE, kind: "timeout", message },
            QueryError::Cancelled => {
                Self { status: StatusCode::SERVICE_UNAVAILABLE, kind: "canceled", message }
            }
            QueryError::Source(SourceError::Cancelled) => {
                Self { status: StatusCode::SERVICE_UNAVAILABLE, kind: "canceled", message }
            }
            QueryError::Source(_) => Self::internal(message),
            _ => Self::execution(message),
        }
    }
}

impl From<SourceError> for ApiError {
    fn from(error: SourceError) -> Self {
        Self::internal(error.to_string())
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = serde_json::json!({"status": "error", "errorType": self.kind, "error": self.message});
        (self.status, [(http::header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
    }
}
