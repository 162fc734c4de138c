//! Which formats are asked for, and which one an answer is in.

use crate::config::ScrapeConfig;
use crate::config::global::ScrapeProtocol;
use crate::error::ScrapeError;
use watchfire_wire::exposition::Format;

const DEFAULT: [ScrapeProtocol; 4] = [
    ScrapeProtocol::OpenMetricsText100,
    ScrapeProtocol::OpenMetricsText001,
    ScrapeProtocol::PrometheusText100,
    ScrapeProtocol::PrometheusText004,
];

/// The `Accept` header of a job: its protocols with falling weights, then anything.
pub(crate) fn accept_header(config: &ScrapeConfig) -> String {
    let listed = config.scrape_protocols.as_deref().unwrap_or(&DEFAULT);
    let mut weight = 6_u8;
    let mut parts = Vec::new();
    for protocol in listed {
        let media_type = match protocol {
            // Protobuf is not read yet, so it is not asked for.
            ScrapeProtocol::PrometheusProto => continue,
            ScrapeProtocol::PrometheusText004 => "text/plain;version=0.0.4".to_owned(),
            ScrapeProtocol::PrometheusText100 => {
                format!("text/plain;version=1.0.0;escaping={}", config.naming.escaping)
            }
            ScrapeProtocol::OpenMetricsText001 => "application/openmetrics-text;version=0.0.1".to_owned(),
            ScrapeProtocol::OpenMetricsText100 => {
                format!("application/openmetrics-text;version=1.0.0;escaping={}", config.naming.escaping)
            }
        };
        parts.push(format!("{media_type};q=0.{weight}"));
        weight = weight.saturating_sub(1).max(2);
    }
    parts.push(format!("*/*;q=0.{weight}"));
    parts.join(",")
}

/// The format of an answer, by its `Content-Type` and the job's `fallback_scrape_protocol`. Without a fallback, an
/// answer that does not say what it is, or says it is something else, is refused, as in Prometheus 3.
pub(crate) fn format_of(
    content_type: Option<&str>,
    fallback: Option<ScrapeProtocol>,
) -> Result<Format, ScrapeError> {
    let content_type = content_type.unwrap_or("").trim();
    if let Some(format) = Format::from_content_type(content_type) {
        return Ok(format);
    }
    match fallback {
        Some(ScrapeProtocol::OpenMetricsText001 | ScrapeProtocol::OpenMetricsText100) => {
            Ok(Format::OpenMetrics)
        }
        Some(ScrapeProtocol::PrometheusText004 | ScrapeProtocol::PrometheusText100) => Ok(Format::Text),
        _ if content_type.is_empty() => Err(ScrapeError::BlankContentType),
        _ => Err(ScrapeError::UnsupportedContentType(content_type.chars().take(200).collect())),
    }
}
