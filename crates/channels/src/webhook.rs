//! Webhooks: the body of Alertmanager 0.34, byte for byte; older ones had less in it.

use crate::attempt::Attempt;
use crate::config::{Global, read};
use crate::notification::Notification;
use crate::sending::{Request, Sending};
use crate::{encoding, templates};
use serde::Serialize;
use std::time::Duration;
use watchfire_settings::client::{ClientConfig, Source, take_source};
use watchfire_settings::yaml::{Node, ScalarKind, Value};
use watchfire_settings::{Problem, Reading, Section};

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
    /// A body of one's own: its texts are templates, and what they become is read as YAML.
    pub payload: Option<serde_json::Value>,
    /// Watchfire's own key: with this secret the body is signed, in the header `X-Watchfire-Signature-256`.
    pub hmac: Option<Source>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a, A> {
    receiver: &'a str,
    status: crate::Status,
    alerts: &'a A,
    #[serde(rename = "notification_reason", skip_serializing_if = "str::is_empty")]
    notification_reason: &'a str,
    group_labels: &'a crate::Pairs,
    common_labels: &'a crate::Pairs,
    common_annotations: &'a crate::Pairs,
    route_labels: &'a crate::Pairs,
    #[serde(rename = "externalURL")]
    external_url: &'a str,
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
        let url = read::secret_url(section, reading, "url", "url_file")?
            .ok_or_else(|| section.problem("one of url or url_file must be configured"))?;
        let timeout = section.duration("timeout")?.filter(|timeout| !timeout.is_zero());
        Ok(Self {
            url,
            http_config: read::http(section, &global.http_config, reading)?,
            max_alerts: section.count("max_alerts")?.unwrap_or(0),
            timeout,
            payload: section.take("payload").map(|node| plain_json(&node)),
            hmac: take_source(section, reading, "hmac_secret", "hmac_secret_file")?.map(|(source, _)| source),
        })
    }

    pub(crate) async fn attempt(&self, sending: &Sending<'_>) -> Result<Attempt, Attempt> {
        let body = match &self.payload {
            Some(payload) => filled(payload, sending)?.to_string(),
            None => body(&sending.notification.truncated(self.max_alerts))
                .map_err(|error| Attempt::dead(error.to_string()))?,
        };
        self.post(sending, body).await
    }

    /// Whether nothing of what is sent depends on the alerts but the alerts themselves, as they stand.
    pub(crate) fn is_plain(&self) -> bool {
        let plain_url = matches!(&self.url, Source::Inline(url) if !url.expose().contains("{{"));
        plain_url && self.payload.is_none() && self.max_alerts == 0
    }

    /// Posts a body.
    pub(crate) async fn post(&self, sending: &Sending<'_>, body: String) -> Result<Attempt, Attempt> {
        let url = sending.required_secret("url", &self.url).await?;
        let mut request = Request::json(url, body).within(self.timeout);
        let key = &sending.notification.delivery_key;
        if !key.is_empty() {
            request = request.header("idempotency-key", key);
        }
        if let Some(secret) = &self.hmac {
            let secret = sending.reveal(secret).await?;
            let signature = encoding::hex(&encoding::hmac_sha256(secret.as_bytes(), &request.body));
            request = request.header("x-watchfire-signature-256", format!("sha256={signature}"));
        }
        Ok(sending.exchange(&self.http_config, request).await?.judged(&[]))
    }
}

/// A tree of the configuration as JSON, its texts as they are written.
pub(crate) fn plain_json(node: &Node) -> serde_json::Value {
    match &node.value {
        Value::Null => serde_json::Value::Null,
        Value::Scalar(_, ScalarKind::Bool(flag)) => (*flag).into(),
        Value::Scalar(text, _) => text.as_str().into(),
        Value::List(items) => items.iter().map(plain_json).collect(),
        Value::Map(entries) => serde_json::Value::Object(
            entries.iter().map(|(key, node)| (key.name.clone(), plain_json(node))).collect(),
        ),
    }
}

/// The same with its texts filled in, each become what it looks like.
pub(crate) fn filled(
    payload: &serde_json::Value,
    sending: &Sending<'_>,
) -> Result<serde_json::Value, Attempt> {
    Ok(match payload {
        serde_json::Value::String(template) => templates::typed(&sending.required("payload", template)?),
        serde_json::Value::Array(items) => {
            items.iter().map(|item| filled(item, sending)).collect::<Result<_, _>>()?
        }
        serde_json::Value::Object(entries) => {
            let filled =
                |(name, value): (&String, &serde_json::Value)| Ok((name.clone(), filled(value, sending)?));
            serde_json::Value::Object(entries.iter().map(filled).collect::<Result<_, Attempt>>()?)
        }
        other => other.clone(),
    })
}

/// Writes the body.
pub(crate) fn body<A: Serialize>(notification: &Notification<A>) -> Result<String, serde_json::Error> {
    versioned_body(notification, "4")
}

/// The same body under another version, for receivers that count their own.
pub(crate) fn versioned_body<A: Serialize>(
    notification: &Notification<A>,
    version: &'static str,
) -> Result<String, serde_json::Error> {
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
        version,
        group_key: &notification.group_key,
        truncated_alerts: notification.truncated_alerts,
    };
    let mut text = watchfire_templates::json::escaped(&serde_json::to_string(&body)?);
    text.push('\n');
    Ok(text)
}

#[cfg(test)]
mod tests;
