//! The web UI's files and pages.

use crate::app::App;
use crate::error::ApiError;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use std::sync::Arc;
use watchfire_assets::File;

/// The one page every route of the web UI starts from, told where the site's root is.
pub(crate) async fn index(State(app): State<Arc<App>>) -> Response {
    let page = String::from_utf8_lossy(watchfire_assets::index_page().identity);
    let base = format!("<head><base href=\"{}/\">", escape_attribute(&app.route_prefix));
    let page = page.replacen("<head>", &base, 1);
    ([(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CACHE_CONTROL, "no-cache")], page)
        .into_response()
}

/// Prometheus's old address of its graph page.
pub(crate) async fn graph(State(app): State<Arc<App>>, uri: http::Uri) -> Redirect {
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    Redirect::temporary(&format!("{}/explore{query}", app.route_prefix))
}

/// A hashed file of the web UI: it never changes under its name.
pub(crate) async fn asset(Path(path): Path<String>, headers: HeaderMap) -> Response {
    serve(&format!("assets/{path}"), &headers, "public, max-age=31536000, immutable")
}

/// A file at the site's root, such as the icon.
pub(crate) async fn icon(headers: HeaderMap) -> Response {
    serve("favicon.svg", &headers, "public, max-age=86400")
}

/// The Python module by which a training tells how it goes.
pub(crate) async fn python_helper() -> Response {
    let kind = [(header::CONTENT_TYPE, "text/x-python; charset=utf-8")];
    (kind, watchfire_assets::python_helper()).into_response()
}

fn serve(path: &str, headers: &HeaderMap, caching: &'static str) -> Response {
    let Some(file) = watchfire_assets::ui_file(path) else {
        return ApiError::not_found("no such file").into_response();
    };
    let accepted = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or("");
    let accepts =
        |coding: &str| accepted.split(',').any(|part| part.trim().split(';').next() == Some(coding));
    let (body, coding) = match file {
        File { brotli: Some(body), .. } if accepts("br") => (*body, Some("br")),
        File { gzip: Some(body), .. } if accepts("gzip") => (*body, Some("gzip")),
        _ => (file.identity, None),
    };
    let mut response = (StatusCode::OK, body).into_response();
    let out = response.headers_mut();
    out.insert(header::CONTENT_TYPE, HeaderValue::from_static(watchfire_assets::media_type(path)));
    out.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    out.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if let Some(coding) = coding {
        out.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding));
    }
    response
}

fn escape_attribute(text: &str) -> String {
    text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;")
}
