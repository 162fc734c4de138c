//! PagerDuty: events of version 2, and of version 1 for old service keys.

use crate::attempt::{Attempt, Outcome};
use crate::config::Global;
use crate::config::read::{self, records, text_or};
use crate::encoding::cut_chars;
use crate::notification::Pairs;
use crate::sending::{Request, Sending};
use crate::standing::with_standing;
use crate::templates::typed;
use serde_json::{Map, Value, json};
use std::time::Duration;
use watchfire_settings::client::{ClientConfig, Source, take_source};
use watchfire_settings::yaml::{self, Node};
use watchfire_settings::{Problem, Reading, Section};

/// PagerDuty refuses longer summaries.
const MAX_SUMMARY_CHARS: usize = 1024;
/// PagerDuty refuses larger events.
const MAX_EVENT_BYTES: usize = 512_000;
/// Where events of version 1 go.
const V1_URL: &str = "https://events.pagerduty.com/generic/2010-04-15/create_event.json";

/// `pagerduty_configs`.
#[derive(Clone, Debug, PartialEq)]
pub struct PagerDuty {
    /// The key of an integration of version 2 or 1.
    pub key: Key,
    /// Where events go.
    pub url: String,
    /// How PagerDuty is reached.
    pub http_config: ClientConfig,
    /// How long one attempt may take.
    pub timeout: Option<Duration>,
    /// Fields that are templates, by their keys.
    pub texts: Pairs,
    /// `details`: texts and trees of texts, all templates.
    pub details: Vec<(String, Value)>,
    /// `images`.
    pub images: Vec<Pairs>,
    /// `links`.
    pub links: Vec<Pairs>,
}

/// Which version of PagerDuty's events.
#[derive(Clone, Debug, PartialEq)]
pub enum Key {
    /// `routing_key`: version 2.
    Routing(Source),
    /// `service_key`: version 1.
    Service(Source),
}

const CLIENT: &str = r#"{{ template "pagerduty.default.client" . }}"#;

impl PagerDuty {
    pub(crate) fn take(
        section: &mut Section,
        global: &Global,
        reading: &mut Reading<'_>,
    ) -> Result<Self, Problem> {
        let routing = take_source(section, reading, "routing_key", "routing_key_file")?;
        let service = take_source(section, reading, "service_key", "service_key_file")?;
        let own_url = read::url(section, "url")?;
        let (key, url) = match (routing, service) {
            (Some((key, _)), _) => (Key::Routing(key), global.pagerduty_url.clone()),
            (None, Some((key, _))) => (Key::Service(key), V1_URL.to_owned()),
            (None, None) => {
                return Err(section.problem(
                    "missing service or routing key in PagerDuty config; expected routing_key or routing_key_file",
                ));
            }
        };
        let client = text_or(section, "client", CLIENT)?;
        let mut texts = Pairs::new();
        for (key, default) in [
            ("client_url", r#"{{ template "pagerduty.default.clientURL" . }}"#),
            ("description", r#"{{ template "pagerduty.default.description" . }}"#),
            ("severity", "error"),
            ("class", ""),
            ("component", ""),
            ("group", ""),
        ] {
            texts.insert(key.to_owned(), text_or(section, key, default)?);
        }
        texts.insert("source".to_owned(), section.text("source")?.unwrap_or_else(|| client.clone()));
        texts.insert("client".to_owned(), client);
        let mut details: Vec<(String, Value)> = [
            ("firing", "{{ .Alerts.Firing | toJson }}"),
            ("resolved", "{{ .Alerts.Resolved | toJson }}"),
            ("num_firing", "{{ .Alerts.Firing | len }}"),
            ("num_resolved", "{{ .Alerts.Resolved | len }}"),
        ]
        .map(|(name, template)| (name.to_owned(), template.into()))
        .to_vec();
        if let Some(node) = section.take("details") {
            for (name, value) in take_details(&node)? {
                match details.iter_mut().find(|(known, _)| *known == name) {
                    Some((_, known)) => *known = value,
                    None => details.push((name, value)),
                }
            }
        }
        Ok(Self {
            key,
            url: own_url.unwrap_or(url),
            http_config: read::http(section, &global.http_config, reading)?,
            timeout: section.duration("timeout")?.filter(|timeout| !timeout.is_zero()),
            texts,
            details,
            images: records(section, "images", &["href", "alt", "src"], &[])?,
            links: records(section, "links", &["href", "text"], &[])?,
        })
    }

    /// Whether its key is one of version 2, whose events can be acknowledged.
    pub(crate) const fn is_v2(&self) -> bool {
        matches!(self.key, Key::Routing(_))
    }

    fn template(&self, key: &str) -> &str {
        self.texts.get(key).map_or("", String::as_str)
    }

    fn details(&self, sending: &Sending<'_>) -> Map<String, Value> {
        let filled = self.details.iter().map(|(name, value)| (name.clone(), detail(sending, name, value)));
        filled.collect()
    }

    pub(crate) async fn attempt(&self, sending: &Sending<'_>) -> Result<Attempt, Attempt> {
        let (summary, cut) =
            cut_chars(&sending.title("description", self.template("description")), MAX_SUMMARY_CHARS);
        if cut {
            sending.note(format!("description cut to {MAX_SUMMARY_CHARS} characters"));
        }
        match &self.key {
            Key::Routing(key) => self.v2(sending, key, summary).await,
            Key::Service(key) => self.v1(sending, key, summary).await,
        }
    }

    async fn v2(&self, sending: &Sending<'_>, key: &Source, summary: String) -> Result<Attempt, Attempt> {
        let Some(standing) = &sending.notification.standing else {
            return self.event(sending, key, summary).await;
        };
        let mut attempt = Attempt::delivered(202);
        if !standing.is_all {
            attempt = self.event(sending, key, summary).await?;
        }
        if standing.is_taken() && sending.notification.is_firing() && attempt.outcome == Outcome::Delivered {
            attempt = self.acknowledge(sending, key).await?;
        }
        let receipt = sending.receipt.cloned().unwrap_or_default();
        attempt.receipt =
            (attempt.outcome == Outcome::Delivered).then(|| with_standing(receipt, &standing.mark));
        Ok(attempt)
    }

    /// Somebody has taken the incident on: PagerDuty stops to tell others.
    async fn acknowledge(&self, sending: &Sending<'_>, key: &Source) -> Result<Attempt, Attempt> {
        let event = json!({
            "routing_key": sending.required_secret("routing_key", key).await?,
            "event_action": "acknowledge",
            "dedup_key": sending.key_hash(),
        });
        let request = Request::json(&self.url, event.to_string()).within(self.timeout);
        Ok(sending.exchange(&self.http_config, request).await?.judged(&[]))
    }

    async fn event(&self, sending: &Sending<'_>, key: &Source, summary: String) -> Result<Attempt, Attempt> {
        let field = |key: &str| sending.text(key, self.template(key));
        let mut payload = Map::new();
        let severity = field("severity");
        let severity = if severity.is_empty() { "error".to_owned() } else { severity };
        for (key, value) in [
            ("summary", summary),
            ("source", field("source")),
            ("severity", severity),
            ("class", field("class")),
            ("component", field("component")),
            ("group", field("group")),
        ] {
            if !value.is_empty() || matches!(key, "summary" | "source" | "severity") {
                payload.insert(key.to_owned(), value.into());
            }
        }
        let earliest = sending.notification.alerts.iter().filter_map(|alert| alert.starts_at).min();
        if let Some(earliest) = earliest {
            payload.insert("timestamp".to_owned(), earliest.to_string().into());
        }
        payload.insert("custom_details".to_owned(), Value::Object(self.details(sending)));
        let mut event = Map::new();
        event.insert("routing_key".to_owned(), sending.required_secret("routing_key", key).await?.into());
        event.insert("event_action".to_owned(), action(sending).into());
        event.insert("dedup_key".to_owned(), sending.key_hash().into());
        event.insert("client".to_owned(), field("client").into());
        event.insert("client_url".to_owned(), field("client_url").into());
        for (key, list) in [("images", &self.images), ("links", &self.links)] {
            let filled = pictures(sending, list);
            if !filled.is_empty() {
                event.insert(key.to_owned(), filled.into());
            }
        }
        event.insert("payload".to_owned(), Value::Object(payload));
        let mut event = Value::Object(event);
        let mut body = event.to_string();
        if body.len() > MAX_EVENT_BYTES {
            let error = format!(
                "Custom details have been removed because the original event exceeds the maximum size of {MAX_EVENT_BYTES} bytes"
            );
            sending.note(format!("details left out: the event had {} bytes", body.len()));
            if let Some(details) = event.pointer_mut("/payload/custom_details") {
                *details = json!({ "error": error });
            }
            body = event.to_string();
        }
        let request = Request::json(&self.url, body).within(self.timeout);
        Ok(sending.exchange(&self.http_config, request).await?.judged(&[]))
    }

    async fn v1(&self, sending: &Sending<'_>, key: &Source, summary: String) -> Result<Attempt, Attempt> {
        let event = json!({
            "service_key": sending.required_secret("service_key", key).await?,
            "event_type": action(sending),
            "incident_key": sending.key_hash(),
            "description": summary,
            "client": if sending.notification.is_firing() { sending.text("client", self.template("client")) } else { String::new() },
            "client_url": if sending.notification.is_firing() { sending.text("client_url", self.template("client_url")) } else { String::new() },
            "details": self.details(sending),
        });
        let request = Request::json(&self.url, event.to_string()).within(self.timeout);
        // Version 1 says 403 where too many come.
        Ok(sending.exchange(&self.http_config, request).await?.judged(&[403]))
    }
}

fn action(sending: &Sending<'_>) -> &'static str {
    if sending.notification.is_firing() { "trigger" } else { "resolve" }
}

fn pictures(sending: &Sending<'_>, list: &[Pairs]) -> Vec<Value> {
    let filled = list.iter().map(|record| {
        let fields = record.iter().map(|(key, template)| (key.clone(), sending.text(key, template)));
        let fields = fields.filter(|(_, text)| !text.is_empty()).map(|(key, text)| (key, text.into()));
        fields.collect::<Map<String, Value>>()
    });
    // PagerDuty refuses events with links that lead nowhere.
    let whole = |record: &Map<String, Value>| record.contains_key("href") || record.contains_key("src");
    filled.filter(whole).map(Value::Object).collect()
}

fn take_details(node: &Node) -> Result<Vec<(String, Value)>, Problem> {
    match &node.value {
        yaml::Value::Map(entries) => {
            Ok(entries.iter().map(|(key, node)| (key.name.clone(), tree(node))).collect())
        }
        _ => Err(node.expected("a mapping of details")),
    }
}

fn tree(node: &Node) -> Value {
    match &node.value {
        yaml::Value::Null => Value::Null,
        yaml::Value::Scalar(text, _) => text.as_str().into(),
        yaml::Value::List(items) => items.iter().map(tree).collect(),
        yaml::Value::Map(entries) => {
            Value::Object(entries.iter().map(|(key, node)| (key.name.clone(), tree(node))).collect())
        }
    }
}

/// Texts filled in and read as what they look like; where that fails, the text is what went wrong.
fn detail(sending: &Sending<'_>, name: &str, value: &Value) -> Value {
    match value {
        Value::String(template) => match sending.expand(template, watchfire_templates::Mode::Text) {
            Ok(text) => typed(&text),
            Err(error) => {
                sending.note(format!("details.{name}: {error}"));
                format!("template failed: {error}").into()
            }
        },
        Value::Array(items) => items.iter().map(|item| detail(sending, name, item)).collect(),
        Value::Object(entries) => Value::Object(
            entries.iter().map(|(key, value)| (key.clone(), detail(sending, key, value))).collect(),
        ),
        other => other.clone(),
    }
}
