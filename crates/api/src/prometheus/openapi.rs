//! `openapi.yaml`: the description of this API that programs read.

use crate::app::App;
use crate::params::Params;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header;
use std::sync::Arc;

/// JSON, which is YAML too.
const DOCUMENT: &str = include_str!("openapi.json");
/// What only the description in OpenAPI 3.2 has: a stream of events.
const LIVE: &str = "/notifications/live";

pub(crate) async fn document(State(app): State<Arc<App>>, params: Params) -> Response {
    let newer = matches!(params.get("openapi_version"), Some("3.2" | "3.2.0"));
    let headers = [
        (header::CONTENT_TYPE, "application/yaml; charset=utf-8"),
        (header::CACHE_CONTROL, "no-cache, no-store, must-revalidate"),
    ];
    (headers, text(newer, &app.external_url)).into_response()
}

fn text(newer: bool, external_url: &str) -> String {
    let mut document: serde_json::Value = serde_json::from_str(DOCUMENT).unwrap_or_default();
    if let Some(document) = document.as_object_mut() {
        let version = if newer { "3.2.0" } else { "3.1.0" };
        document.insert("openapi".to_owned(), version.into());
        let server = serde_json::json!([{ "url": format!("{external_url}/api/v1") }]);
        document.insert("servers".to_owned(), server);
        let paths = document.get_mut("paths").and_then(serde_json::Value::as_object_mut);
        if let Some(paths) = paths.filter(|_| !newer) {
            paths.shift_remove(LIVE);
        }
    }
    serde_json::to_string_pretty(&document).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn document(newer: bool) -> serde_json::Value {
        serde_json::from_str(&text(newer, "http://watch.example")).unwrap()
    }

    #[test]
    fn the_document_names_every_route_of_the_api_and_no_other() {
        let ours = [
            "/openapi.yaml",
            "/admin/tsdb/compact",
            "/alerts/history",
            "/alerts/statistics",
            "/alerts/explain",
            "/routes",
            "/routes/test",
            "/rules/backtest",
        ];
        let rooms = ["/incidents", "/schedules", "/receivers", "/training", "/ci", "/import"];
        let is_ours = |path: &str| ours.contains(&path) || rooms.iter().any(|room| path.starts_with(room));
        let routes: BTreeSet<String> = crate::routes::routes()
            .iter()
            .filter_map(|route| route.path.strip_prefix("/api/v1"))
            .filter(|path| !is_ours(path))
            .map(str::to_owned)
            .collect();
        let document = document(true);
        let described: BTreeSet<String> = document["paths"].as_object().unwrap().keys().cloned().collect();
        assert_eq!(routes, described);
        for route in crate::routes::routes() {
            let Some(path) = route.path.strip_prefix("/api/v1").filter(|path| !is_ours(path)) else {
                continue;
            };
            let method = route.method.as_str().to_lowercase();
            assert!(document["paths"][path][&method].is_object(), "{route:?} is not described");
        }
    }

    #[test]
    fn every_reference_leads_somewhere() {
        fn references(value: &serde_json::Value, found: &mut Vec<String>) {
            match value {
                serde_json::Value::Object(fields) => {
                    for (name, value) in fields {
                        match value.as_str().filter(|_| name == "$ref") {
                            Some(target) => found.push(target.to_owned()),
                            None => references(value, found),
                        }
                    }
                }
                serde_json::Value::Array(items) => items.iter().for_each(|item| references(item, found)),
                _ => {}
            }
        }
        let document = document(false);
        assert_eq!(
            (&document["openapi"], &document["paths"][LIVE]),
            (&"3.1.0".into(), &serde_json::Value::Null)
        );
        let mut found = Vec::new();
        references(&document, &mut found);
        assert!(found.len() > 20);
        for target in found {
            let pointer = target.trim_start_matches('#');
            assert!(document.pointer(pointer).is_some(), "{target} leads nowhere");
        }
    }
}
