//! Webhooks: the body of Alertmanager 0.28 and later, byte for byte.

use crate::attempt::Attempt;
use crate::config::Global;
use crate::notification::Notification;
use crate::sending::{DEFAULT_TIMEOUT, Request, Sending};
use reqwest::header::HeaderName;
use serde::Serialize;
use std::time::Duration;
use watchfire_settings::client::{ClientConfig, Source, take_source};
use watchfire_settings::{Place, Problem, Reading, Section};

/// `webhook_configs`.
#[derive(Clone, Debug, PartialEq)]
pub struct Webhook {
    /// Where notifications are posted.
    pub url: Source,
    /// How it is reached.
    pub http_config: ClientConfig,
    /// How many alerts one notification may hold; 0 for any number.
    pub max_alerts: u64,
    /// How long one attempt may take; `None` for the default.
    pub timeout: Option<Duration>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    receiver: &'a str,
    status: crate::Status,
    alerts: &'a [crate::Alert],
    group_labels: &'a crate::Pairs,
    common_labels: &'a crate::Pairs,
    common_annotations: &'a crate::Pairs,
    #[serde(rename = "externalURL")]
    external_url: &'a str,
    #[serde(rename = "notification_reason", skip_serializing_if = "str::is_empty")]
    notification_reason: &'a str,
    #[serde(skip_serializing_if = "crate::Pairs::is_empty")]
    route_labels: &'a crate::Pairs,
    version: &'static str,
    group_key: &'a str,
    truncated_alerts: u64,
}

impl Webhook {
    pub(crate) fn take(
        section: &mut Section,
        global: &Global,
        reading: &mut Reading<'_>,
    ) -> Result<Self, Problem> {
        let url = match take_source(section, reading, "url", "url_file")? {
            Some((Source::Inline(url), place)) => {
                check_url(url.expose(), place)?;
                Source::Inline(url)
            }
            Some((file, _)) => file,
            None => return Err(section.problem("one of url or url_file must be configured")),
        };
        let timeout = section.duration("timeout")?.filter(|timeout| !timeout.is_zero());
        Ok(Self {
            url,
            http_config: take_http(section, global, reading)?,
            max_alerts: section.count("max_alerts")?.unwrap_or(0),
            timeout,
        })
    }

    pub(crate) async fn send(&self, sending: &Sending<'_>) -> Attempt {
        self.attempt(sending).await.unwrap_or_else(|failed| failed)
    }

    async fn attempt(&self, sending: &Sending<'_>) -> Result<Attempt, Attempt> {
        let url = sending.reveal(&self.url).await?;
        let body = body(&sending.notification.truncated(self.max_alerts))
            .map_err(|error| Attempt::dead(error.to_string()))?;
        let mut request =
            Request { timeout: self.timeout.unwrap_or(DEFAULT_TIMEOUT), ..Request::json(url, body) };
        let key = &sending.notification.delivery_key;
        if !key.is_empty() {
            request.headers.push((HeaderName::from_static("idempotency-key"), key.clone()));
        }
        Ok(sending.exchange(&self.http_config, request).await?.judged(&[]))
    }
}

/// `http_config` of an integration, or the global one.
pub(crate) fn take_http(
    section: &mut Section,
    global: &Global,
    reading: &mut Reading<'_>,
) -> Result<ClientConfig, Problem> {
    match section.section("http_config", "HTTP configuration")? {
        Some(mut inner) => {
            let config = ClientConfig::take(&mut inner, reading)?;
            inner.finish()?;
            Ok(config)
        }
        None => Ok(global.http_config.clone()),
    }
}

/// Refuses what is not the address of a web server.
pub(crate) fn check_url(url: &str, place: Place) -> Result<(), Problem> {
    let problem = match reqwest::Url::parse(url) {
        Ok(parsed) if !matches!(parsed.scheme(), "http" | "https") => {
            format!("unsupported scheme {:?} for URL; expected http or https", parsed.scheme())
        }
        Ok(parsed) if parsed.host_str().is_none_or(str::is_empty) => {
            "missing host for URL; expected one such as \"https://example.org/hook\"".to_owned()
        }
        Ok(_) => return Ok(()),
        Err(error) => format!("invalid URL: {error}; expected one such as \"https://example.org/hook\""),
    };
    Err(Problem::new(place, problem))
}

/// Writes the body.
pub(crate) fn body(notification: &Notification) -> Result<String, serde_json::Error> {
    let body = Body {
        receiver: &notification.receiver,
        status: notification.status,
        alerts: &notification.alerts,
        group_labels: &notification.group_labels,
        common_labels: &notification.common_labels,
        common_annotations: &notification.common_annotations,
        external_url: &notification.external_url,
        notification_reason: &notification.notification_reason,
        route_labels: &notification.route_labels,
        version: "4",
        group_key: &notification.group_key,
        truncated_alerts: notification.truncated_alerts,
    };
    let mut text = go_escaped(&serde_json::to_string(&body)?);
    text.push('\n');
    Ok(text)
}

/// Go's JSON writer escapes what could end a script in HTML. These characters stand only inside texts.
pub(crate) fn go_escaped(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '<' => escaped.push_str("\\u003c"),
            '>' => escaped.push_str("\\u003e"),
            '&' => escaped.push_str("\\u0026"),
            '\u{2028}' => escaped.push_str("\\u2028"),
            '\u{2029}' => escaped.push_str("\\u2029"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests;
