//! The one place where requests are let in, and where answers get their security headers.
//!
//! [`outer`] stands before everything, also before what no route answers; [`enforce`] before each route.

use crate::app::App;
use crate::cors::Cors;
use crate::error::ApiError;
use crate::unread::Reading;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use http::{HeaderName, HeaderValue, Method, header};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};
use watchfire_guard::Permission;

/// How long a body may take to arrive. Senders of telemetry give up sooner.
const BODY_TIMEOUT: Duration = Duration::from_secs(60);

/// The name under which requests are counted that reach no route.
const NO_ROUTE: &str = "none";

/// What applies to one route.
#[derive(Clone)]
pub(crate) struct Policy {
    pub(crate) route: &'static str,
    pub(crate) permission: Permission,
    pub(crate) body_limit_bytes: usize,
    pub(crate) app: Arc<App>,
}

/// Marks an answer that a route has counted.
#[derive(Clone, Copy)]
struct Counted;

/// Scripts, styles and data only from ourselves; nothing may frame us, and no text may become markup.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
     connect-src 'self'; font-src 'self'; manifest-src 'self'; base-uri 'self'; form-action 'self'; \
     frame-ancestors 'none'; require-trusted-types-for 'script'";

/// Turns requests away that name a host we do not serve or come from another site's page, whatever they ask for, and
/// sees to it that every answer is an answer and carries the security headers.
pub(crate) async fn outer(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let allowed = app
        .cors
        .as_ref()
        .and_then(|cors| cors.allows(request.method(), request.uri().path(), request.headers()));
    let refused = match &allowed {
        // Another site's page may ask what it may read; it names a host that is served all the same.
        Some(_) => app.hosts.check_host(request.headers()),
        None => app.hosts.check(request.method(), request.headers()),
    };
    let method = request.method().clone();
    let (request, reading) = Reading::of(request);
    let asks_first = *request.method() == Method::OPTIONS && request.uri().path().contains("/api/v1/");
    let mut response = match refused {
        // Prometheus answers so on every path of its API.
        Ok(()) if asks_first => http::StatusCode::NO_CONTENT.into_response(),
        Ok(()) => answered(next.run(request)).await,
        Err(refused) => {
            tracing::warn!(path = request.uri().path(), %refused, "request refused");
            ApiError::forbidden(refused.to_string()).into_response()
        }
    };
    secure(response.headers_mut());
    reading.mark(response.headers_mut());
    if let Some(origin) = allowed {
        Cors::mark(response.headers_mut(), origin);
    }
    if response.extensions_mut().remove::<Counted>().is_none() {
        app.http_metrics.record(NO_ROUTE, &method, response.status().as_u16(), started.elapsed());
    }
    response
}

/// A fault in a handler is that request's alone: its client gets an answer, and everybody else's connection lives on.
async fn answered(handling: impl Future<Output = Response>) -> Response {
    AssertUnwindSafe(handling).catch_unwind().await.unwrap_or_else(|_| {
        // Where and why was written to standard error when it happened.
        tracing::error!("a request failed unexpectedly");
        ApiError::internal("the request failed unexpectedly; please report it with what is in the log")
            .into_response()
    })
}

/// Reads the body, within the route's limits, and counts the answer.
///
/// Until users exist, whoever reaches the loopback address may do everything; the permission is declared so that the
/// day users arrive only this function changes.
pub(crate) async fn enforce(State(policy): State<Policy>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    tracing::trace!(route = policy.route, permission = policy.permission.as_str(), "request");
    let method = request.method().clone();
    let mut response = match with_body(request, policy.body_limit_bytes).await {
        Ok(request) => answered(next.run(request)).await,
        Err(error) => error.into_response(),
    };
    policy.app.http_metrics.record(policy.route, &method, response.status().as_u16(), started.elapsed());
    response.extensions_mut().insert(Counted);
    response
}

/// The request with its whole body in memory. One that announces too much is refused before a byte is read.
async fn with_body(request: Request, limit_bytes: usize) -> Result<Request, ApiError> {
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        return Ok(request);
    }
    let (parts, body) = request.into_parts();
    let announced = parts.headers.get(header::CONTENT_LENGTH);
    let announced = announced.and_then(|value| value.to_str().ok()).and_then(|text| text.parse::<u64>().ok());
    if announced.is_some_and(|bytes| bytes > limit_bytes as u64) {
        return Err(ApiError::too_large(limit_bytes));
    }
    match tokio::time::timeout(BODY_TIMEOUT, to_bytes(body, limit_bytes)).await {
        Ok(Ok(bytes)) => Ok(Request::from_parts(parts, Body::from(bytes))),
        Ok(Err(error)) if is_too_large(&error) => Err(ApiError::too_large(limit_bytes)),
        Ok(Err(error)) => Err(ApiError::bad_data(format!("could not read the request body: {error}"))),
        Err(_) => Err(ApiError::request_timeout(BODY_TIMEOUT)),
    }
}

fn is_too_large(error: &axum::Error) -> bool {
    std::error::Error::source(error).is_some_and(|source| source.is::<http_body_util::LengthLimitError>())
}

pub(crate) fn secure(headers: &mut http::HeaderMap) {
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::StatusCode;

    #[tokio::test]
    async fn a_handler_that_panics_still_gives_an_answer() {
        let response = answered(async { panic!("a fault in a handler") }).await;
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let body = to_bytes(response.into_body(), 4096).await.unwrap();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!((&body["status"], &body["errorType"]), (&"error".into(), &"internal".into()));
    }

    #[tokio::test]
    async fn a_body_over_the_limit_is_refused_whether_it_is_announced_or_not() {
        let request = |body: Body| http::Request::post("/").body(body).unwrap();
        assert!(with_body(request(Body::from("12345")), 5).await.is_ok());
        let refused = with_body(request(Body::from("123456")), 5).await.unwrap_err();
        assert_eq!(refused.into_response().status(), StatusCode::PAYLOAD_TOO_LARGE);
        let announced = http::Request::post("/").header("content-length", "6").body(Body::empty()).unwrap();
        assert!(with_body(announced, 5).await.is_err());
    }
}
