//! The one place where requests are let in, and where answers get their security headers.

use crate::app::App;
use crate::error::ApiError;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, header};
use std::sync::Arc;
use std::time::Instant;
use watchfire_guard::Permission;

/// What applies to one route.
#[derive(Clone)]
pub(crate) struct Policy {
    pub(crate) route: &'static str,
    pub(crate) permission: Permission,
    pub(crate) app: Arc<App>,
}

/// Scripts, styles and data only from ourselves; nothing may frame us, and no text may become markup.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
     connect-src 'self'; font-src 'self'; manifest-src 'self'; base-uri 'self'; form-action 'self'; \
     frame-ancestors 'none'; require-trusted-types-for 'script'";

pub(crate) async fn enforce(State(policy): State<Policy>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let mut response = match policy.app.hosts.check(request.method(), request.headers()) {
        // Until users exist, whoever reaches the loopback address may do everything; the permission is declared so
        // that the day users arrive only this line changes.
        Ok(()) => next.run(request).await,
        Err(refused) => {
            tracing::warn!(route = policy.route, permission = policy.permission.as_str(), %refused, "request refused");
            ApiError::forbidden(refused.to_string()).into_response()
        }
    };
    secure(response.headers_mut());
    policy.app.http_metrics.record(policy.route, response.status().as_u16(), started.elapsed());
    response
}

fn secure(headers: &mut http::HeaderMap) {
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
