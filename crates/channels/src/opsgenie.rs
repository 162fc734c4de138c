//! Opsgenie: alerts opened, updated and closed by their alias.

use crate::attempt::Attempt;
use crate::config::Global;
use crate::config::read::{self, pairs, records, text_or};
use crate::encoding::cut_chars;
use crate::notification::Pairs;
use crate::sending::{Request, Sending};
use serde_json::{Map, Value, json};
use watchfire_settings::client::{ClientConfig, Source};
use watchfire_settings::{Problem, Reading, Section};

const MAX_MESSAGE_CHARS: usize = 130;

/// `opsgenie_configs`.
#[derive(Clone, Debug, PartialEq)]
pub struct OpsGenie {
    /// Where Opsgenie's API is.
    pub api_url: String,
    /// The key of an integration.
    pub api_key: Source,
    /// How Opsgenie is reached.
    pub http_config: ClientConfig,
    /// Fields that are templates, by their keys.
    pub texts: Pairs,
    /// More details, templates by their names.
    pub details: Pairs,
    /// Who is asked: `id`, `name` or `username`, and `type`.
    pub responders: Vec<Pairs>,
    /// Whether message and description of an open alert are updated.
    pub update_alerts: bool,
}

impl OpsGenie {
    pub(crate) fn take(
        section: &mut Section,
        global: &Global,
        reading: &mut Reading<'_>,
    ) -> Result<Self, Problem> {
        let key = ("api_key", "api_key_file");
        let missing =
            "no Opsgenie API key set; expected api_key, api_key_file, or opsgenie_api_key under global";
        let api_key = read::secret_or(section, reading, key, &global.opsgenie_api_key, missing)?;
        let mut texts = Pairs::new();
        for (key, default) in [
            ("message", r#"{{ template "opsgenie.default.message" . }}"#),
            ("description", r#"{{ template "opsgenie.default.description" . }}"#),
            ("source", r#"{{ template "opsgenie.default.source" . }}"#),
            ("tags", ""),
            ("note", ""),
            ("priority", ""),
            ("entity", ""),
            ("actions", ""),
        ] {
            texts.insert(key.to_owned(), text_or(section, key, default)?);
        }
        let responders = records(section, "responders", &["id", "name", "username", "type"], &["type"])?;
        for responder in &responders {
            if !["id", "name", "username"].iter().any(|key| responder.contains_key(*key)) {
                return Err(section.problem("responder without id, name or username; expected one of them"));
            }
            let kind = responder.get("type").map_or("", String::as_str);
            let lower = kind.to_ascii_lowercase();
            if !kind.contains("{{")
                && !matches!(lower.as_str(), "team" | "teams" | "user" | "escalation" | "schedule")
            {
                let message =
                    format!("responder type is {kind:?}; expected team, teams, user, escalation or schedule");
                return Err(section.problem(message));
            }
        }
        Ok(Self {
            api_url: read::url_or(section, "api_url", &global.opsgenie_api_url)?,
            api_key,
            http_config: read::http(section, &global.http_config, reading)?,
            texts,
            details: pairs(section, "details")?,
            responders,
            update_alerts: section.flag("update_alerts")?.unwrap_or(false),
        })
    }

    fn field(&self, sending: &Sending<'_>, key: &str) -> String {
        sending.text(key, self.texts.get(key).map_or("", String::as_str))
    }

    fn responders(&self, sending: &Sending<'_>) -> Vec<Value> {
        let mut list = Vec::new();
        for responder in &self.responders {
            let filled: Map<String, Value> = responder
                .iter()
                .map(|(key, template)| (key.clone(), sending.text(key, template)))
                .filter(|(_, text)| !text.is_empty())
                .map(|(key, text)| (key, text.into()))
                .collect();
            // Several teams, separated by commas.
            if filled.get("type").and_then(Value::as_str) == Some("teams") {
                let names = filled.get("name").and_then(Value::as_str).unwrap_or("");
                let teams = names.split(',').map(str::trim).filter(|name| !name.is_empty());
                list.extend(teams.map(|name| json!({ "name": name, "type": "team" })));
            } else if filled.len() > 1 {
                list.push(Value::Object(filled));
            }
        }
        list
    }

    pub(crate) async fn attempt(&self, sending: &Sending<'_>) -> Result<Attempt, Attempt> {
        let key = sending.required_secret("api_key", &self.api_key).await?;
        let alias = sending.key_hash();
        let base = format!("{}/v2/alerts", self.api_url.trim_end_matches('/'));
        let source = self.field(sending, "source");
        let request = |method: reqwest::Method, url: String, body: Value| {
            let request = Request::json(url, body.to_string());
            Request { method, ..request }.header("authorization", format!("GenieKey {key}"))
        };
        if !sending.notification.is_firing() {
            let url = format!("{base}/{alias}/close?identifierType=alias");
            let close = request(reqwest::Method::POST, url, json!({ "source": source }));
            return Ok(sending.exchange(&self.http_config, close).await?.judged(&[]));
        }
        let template = |key: &str| self.texts.get(key).map_or("", String::as_str);
        let (message, cut) = cut_chars(&sending.title("message", template("message")), MAX_MESSAGE_CHARS);
        if cut {
            sending.note(format!("message cut to {MAX_MESSAGE_CHARS} characters"));
        }
        let description = sending.message("description", template("description"));
        let mut details: Map<String, Value> = sending
            .notification
            .common_labels
            .iter()
            .map(|(key, value)| (key.clone(), value.as_str().into()))
            .collect();
        for (key, template) in &self.details {
            details.insert(key.clone(), sending.text(key, template).into());
        }
        let listed = |key: &str| -> Vec<String> {
            let text = self.field(sending, key);
            text.split(',').filter(|word| !word.is_empty()).map(str::to_owned).collect()
        };
        let mut body = Map::new();
        body.insert("alias".to_owned(), alias.as_str().into());
        body.insert("message".to_owned(), message.as_str().into());
        body.insert("description".to_owned(), description.as_str().into());
        body.insert("details".to_owned(), Value::Object(details));
        body.insert("source".to_owned(), source.into());
        for (key, list) in [("tags", listed("tags")), ("actions", listed("actions"))] {
            if !list.is_empty() {
                body.insert(key.to_owned(), list.into());
            }
        }
        let responders = self.responders(sending);
        if !responders.is_empty() {
            body.insert("responders".to_owned(), responders.into());
        }
        for key in ["note", "priority", "entity"] {
            let text = self.field(sending, key);
            if !text.is_empty() {
                body.insert(key.to_owned(), text.into());
            }
        }
        let open = request(reqwest::Method::POST, base.clone(), Value::Object(body));
        let mut attempt = sending.exchange(&self.http_config, open).await?.judged(&[]);
        if self.update_alerts && attempt.outcome == crate::Outcome::Delivered {
            for (what, text) in [("message", message), ("description", description)] {
                let url = format!("{base}/{alias}/{what}?identifierType=alias");
                let update = request(reqwest::Method::PUT, url, json!({ what: text }));
                attempt = sending.exchange(&self.http_config, update).await?.judged(&[]);
                if attempt.outcome != crate::Outcome::Delivered {
                    break;
                }
            }
        }
        Ok(attempt)
    }
}
