//! Agreeing on a format over HTTP.

use super::Format;

/// The `Accept` header to scrape with: OpenMetrics first, then text, then anything.
pub const ACCEPT: &str = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
application/openmetrics-text;version=0.0.1;q=0.5,\
text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,\
text/plain;version=0.0.4;q=0.3,*/*;q=0.2";

/// The `Content-Type` of a body in Prometheus text.
pub const TEXT_CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8; escaping=allow-utf-8";

/// The `Content-Type` of a body in OpenMetrics.
pub const OPENMETRICS_CONTENT_TYPE: &str =
    "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=allow-utf-8";

impl Format {
    /// The format a `Content-Type` names, by its media type alone. `None` for anything that is no exposition:
    /// HTML, JSON, protobuf. Whether that is an error or means text is the caller's choice
    /// (Prometheus: `fallback_scrape_protocol`).
    pub fn from_content_type(content_type: &str) -> Option<Self> {
        let media_type = content_type.split(';').next().unwrap_or_default().trim();
        if media_type.eq_ignore_ascii_case("text/plain") {
            Some(Self::Text)
        } else if media_type.eq_ignore_ascii_case("application/openmetrics-text") {
            Some(Self::OpenMetrics)
        } else {
            None
        }
    }

    /// The `Content-Type` to answer with.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Text => TEXT_CONTENT_TYPE,
            Self::OpenMetrics => OPENMETRICS_CONTENT_TYPE,
        }
    }
}

/// The format to answer a request with, by its `Accept` header: OpenMetrics where it is asked for with at least
/// the weight of text, text otherwise.
pub fn negotiate(accept: &str) -> Format {
    let mut openmetrics = 0.0_f32;
    let mut text = 0.0_f32;
    for range in accept.split(',') {
        let mut parts = range.split(';').map(str::trim);
        let media_type = parts.next().unwrap_or_default();
        let mut weight = 1.0_f32;
        let mut version = "";
        for part in parts {
            match part.split_once('=') {
                Some(("q", value)) => weight = value.trim().parse().unwrap_or(0.0),
                Some(("version", value)) => version = value.trim(),
                _ => {}
            }
        }
        let known = matches!(version, "" | "0.0.1" | "1.0.0");
        if media_type.eq_ignore_ascii_case("application/openmetrics-text") && known {
            openmetrics = openmetrics.max(weight);
        } else if media_type.eq_ignore_ascii_case("text/plain") || media_type == "text/*" {
            text = text.max(weight);
        }
    }
    if openmetrics > 0.0 && openmetrics >= text { Format::OpenMetrics } else { Format::Text }
}
