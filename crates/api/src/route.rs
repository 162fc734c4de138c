//! A route, and how a table of them becomes a router.

use crate::access;
use crate::alertmanager::AmError;
use crate::app::App;
use crate::error::ApiError;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::handler::Handler;
use axum::response::IntoResponse;
use axum::routing::{MethodFilter, MethodRouter, on};
use http::{Method, Uri};
use std::sync::Arc;
use watchfire_guard::Permission;

/// Bodies that are forms or small JSON.
pub(crate) const FORM_LIMIT_BYTES: usize = 4 << 20;
/// Bodies of routes that expect none.
pub(crate) const NO_BODY_BYTES: usize = 64 << 10;
/// Compressed bodies of pushed telemetry; what they decompress to is capped where that happens.
pub(crate) const PUSH_LIMIT_BYTES: usize = 32 << 20;

/// One entry of the route table.
pub struct Route {
    /// The HTTP method; `GET` stands for `HEAD` too.
    pub method: Method,
    /// The path, with axum's `{name}` for parts that vary.
    pub path: &'static str,
    /// What the caller needs to be allowed.
    pub permission: Permission,
    /// How large a body may be, in bytes.
    pub body_limit_bytes: usize,
    handler: MethodRouter<Arc<App>>,
}

impl std::fmt::Debug for Route {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} ({})", self.method, self.path, self.permission.as_str())
    }
}

impl Route {
    pub(crate) fn get<H, T>(path: &'static str, permission: Permission, handler: H) -> Self
    where
        H: Handler<T, Arc<App>>,
        T: 'static,
    {
        let handler = on(MethodFilter::GET, handler);
        Self { method: Method::GET, path, permission, body_limit_bytes: NO_BODY_BYTES, handler }
    }

    pub(crate) fn post<H, T>(path: &'static str, permission: Permission, handler: H) -> Self
    where
        H: Handler<T, Arc<App>>,
        T: 'static,
    {
        let handler = on(MethodFilter::POST, handler);
        Self { method: Method::POST, path, permission, body_limit_bytes: FORM_LIMIT_BYTES, handler }
    }

    /// As [`Route::post`], for a method that stands beside it.
    pub(crate) fn put<H, T>(path: &'static str, permission: Permission, handler: H) -> Self
    where
        H: Handler<T, Arc<App>>,
        T: 'static,
    {
        let handler = on(MethodFilter::PUT, handler);
        Self { method: Method::PUT, path, permission, body_limit_bytes: NO_BODY_BYTES, handler }
    }

    /// As [`Route::post`], for changing a part.
    pub(crate) fn patch<H, T>(path: &'static str, permission: Permission, handler: H) -> Self
    where
        H: Handler<T, Arc<App>>,
        T: 'static,
    {
        let handler = on(MethodFilter::PATCH, handler);
        Self { method: Method::PATCH, path, permission, body_limit_bytes: FORM_LIMIT_BYTES, handler }
    }

    /// As [`Route::post`], for taking away.
    pub(crate) fn delete<H, T>(path: &'static str, permission: Permission, handler: H) -> Self
    where
        H: Handler<T, Arc<App>>,
        T: 'static,
    {
        let handler = on(MethodFilter::DELETE, handler);
        Self { method: Method::DELETE, path, permission, body_limit_bytes: NO_BODY_BYTES, handler }
    }

    pub(crate) const fn with_body_limit(mut self, bytes: usize) -> Self {
        self.body_limit_bytes = bytes;
        self
    }
}

/// A router in which every route checks its own permission and caps its own bodies.
pub(crate) fn router(routes: Vec<Route>, app: &Arc<App>) -> Router {
    let table = routes.into_iter().fold(Router::new(), |router, route| {
        let policy = access::Policy {
            route: route.path,
            permission: route.permission,
            body_limit_bytes: route.body_limit_bytes,
            app: Arc::clone(app),
        };
        let handler = route
            .handler
            // The policy reads the body and holds it to the limit; what is in memory then needs no second one.
            .layer(DefaultBodyLimit::disable())
            .layer(axum::middleware::from_fn_with_state(policy, access::enforce))
            .with_state(Arc::clone(app));
        router.route(&format!("{}{}", app.route_prefix, route.path), handler)
    });
    table.method_not_allowed_fallback(|method: Method, uri: Uri| async move {
        if uri.path().contains("/api/v2/") {
            return AmError::method_not_allowed(&method).into_response();
        }
        ApiError::method_not_allowed(&method).into_response()
    })
}
