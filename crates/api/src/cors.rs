//! Whose pages may read answers in a browser (`--web.cors.origin`). Nobody's, unless it is asked for.

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue, Method};
use regex::Regex;

/// The origins that are let in, as a pattern of whole origins such as `https://(a|b)\\.example`.
#[derive(Clone, Debug)]
pub struct Cors(Regex);

impl Cors {
    /// Reads the pattern.
    ///
    /// # Errors
    /// When it is no regular expression.
    pub fn new(pattern: &str) -> Result<Self, String> {
        Regex::new(&format!("^(?s:{pattern})$")).map(Self).map_err(|error| error.to_string())
    }

    /// The origin of a request that is let in. Only what reads is: another site's page changes nothing here.
    pub(crate) fn allows(&self, method: &Method, path: &str, headers: &HeaderMap) -> Option<HeaderValue> {
        let origin = headers.get(ORIGIN)?;
        let reads = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS | Method::POST)
            && path.contains("/api/v1/")
            && !path.contains("/admin/")
            && !path.ends_with("/write");
        (reads && self.0.is_match(origin.to_str().ok()?)).then(|| origin.clone())
    }

    /// What tells the browser so, as Prometheus does.
    pub(crate) fn mark(headers: &mut HeaderMap, origin: HeaderValue) {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.append(VARY, HeaderValue::from_static("Origin"));
        for (name, value) in [
            (ACCESS_CONTROL_ALLOW_HEADERS, "Accept, Authorization, Content-Type, Origin"),
            (ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, OPTIONS"),
            (ACCESS_CONTROL_EXPOSE_HEADERS, "Date"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        headers.insert("cross-origin-resource-policy", HeaderValue::from_static("cross-origin"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_origins_that_match_may_read_and_none_may_change() {
        let cors = Cors::new("https?://(a|b)[.]example").unwrap();
        let allows = |method: &Method, path: &str, origin: &str| {
            let headers = HeaderMap::from_iter([(ORIGIN, origin.parse().unwrap())]);
            cors.allows(method, path, &headers).is_some()
        };
        assert!(allows(&Method::GET, "/api/v1/query", "https://a.example"));
        assert!(allows(&Method::POST, "/x/api/v1/query", "http://b.example"));
        assert!(!allows(&Method::GET, "/api/v1/query", "https://a.example.evil"));
        assert!(!allows(&Method::GET, "/api/v1/query", "null"));
        for (method, path) in [
            (Method::POST, "/api/v1/write"),
            (Method::POST, "/api/v1/admin/tsdb/delete_series"),
            (Method::POST, "/-/reload"),
            (Method::PUT, "/api/v1/query"),
            (Method::GET, "/api/ui/v1/boot"),
        ] {
            assert!(!allows(&method, path, "https://a.example"), "{method} {path}");
        }
        assert!(cors.allows(&Method::GET, "/api/v1/query", &HeaderMap::new()).is_none());
        assert!(Cors::new("(").is_err());
    }
}
