//! VictorOps (Splunk On-Call): incidents opened and resolved by their entity.

use crate::attempt::Attempt;
use crate::config::Global;
use crate::config::read::{self, pairs, text_or};
use crate::encoding::cut_chars;
use crate::notification::Pairs;
use crate::sending::{Request, Sending};
use serde_json::{Map, Value};
use watchfire_settings::client::{ClientConfig, Source};
use watchfire_settings::{Problem, Reading, Section};

const MAX_MESSAGE_CHARS: usize = 20_480;
/// Fields of the message itself, which no field of one's own may replace.
const RESERVED: [&str; 7] = [
    "routing_key",
    "message_type",
    "state_message",
    "entity_display_name",
    "monitoring_tool",
    "entity_id",
    "entity_state",
];

/// `victorops_configs`.
#[derive(Clone, Debug, PartialEq)]
pub struct VictorOps {
    /// Where messages go.
    pub api_url: String,
    /// The key of the integration.
    pub api_key: Source,
    /// Who is told, a template.
    pub routing_key: String,
    /// How VictorOps is reached.
    pub http_config: ClientConfig,
    /// Fields that are templates, by their keys.
    pub texts: Pairs,
    /// More fields, templates by their names.
    pub custom_fields: Pairs,
}

impl VictorOps {
    pub(crate) fn take(
        section: &mut Section,
        global: &Global,
        reading: &mut Reading<'_>,
    ) -> Result<Self, Problem> {
        let keys = ("api_key", "api_key_file");
        let missing =
            "no VictorOps API key set; expected api_key, api_key_file, or victorops_api_key under global";
        let api_key = read::secret_or(section, reading, keys, &global.victorops_api_key, missing)?;
        let mut texts = Pairs::new();
        for (key, default) in [
            ("message_type", "CRITICAL"),
            ("state_message", r#"{{ template "victorops.default.state_message" . }}"#),
            ("entity_display_name", r#"{{ template "victorops.default.entity_display_name" . }}"#),
            ("monitoring_tool", r#"{{ template "victorops.default.monitoring_tool" . }}"#),
        ] {
            texts.insert(key.to_owned(), text_or(section, key, default)?);
        }
        let custom_fields = pairs(section, "custom_fields")?;
        if let Some(name) = custom_fields.keys().find(|name| RESERVED.contains(&name.as_str())) {
            let message = format!(
                "victorops config contains custom field {name} which cannot be used as it conflicts with the fixed/static fields"
            );
            return Err(section.problem(message));
        }
        Ok(Self {
            api_url: read::url_or(section, "api_url", &global.victorops_api_url)?,
            api_key,
            routing_key: read::required(section, "routing_key")?,
            http_config: read::http(section, &global.http_config, reading)?,
            texts,
            custom_fields,
        })
    }

    pub(crate) async fn attempt(&self, sending: &Sending<'_>) -> Result<Attempt, Attempt> {
        let key = sending.reveal(&self.api_key).await?;
        let routing = sending.required("routing_key", &self.routing_key)?;
        let template = |key: &str| self.texts.get(key).map_or("", String::as_str);
        let kind = if sending.notification.is_firing() {
            let kind = sending.text("message_type", template("message_type"));
            if matches!(kind.as_str(), "CRITICAL" | "WARNING" | "INFO" | "ACKNOWLEDGEMENT") {
                kind
            } else {
                "CRITICAL".to_owned()
            }
        } else {
            "RECOVERY".to_owned()
        };
        let (message, cut) =
            cut_chars(&sending.message("state_message", template("state_message")), MAX_MESSAGE_CHARS);
        if cut {
            sending.note(format!("state_message cut to {MAX_MESSAGE_CHARS} characters"));
        }
        let mut body: Map<String, Value> = [
            ("message_type", kind),
            ("entity_id", sending.key_hash()),
            ("entity_display_name", sending.title("entity_display_name", template("entity_display_name"))),
            ("state_message", message),
            ("monitoring_tool", sending.text("monitoring_tool", template("monitoring_tool"))),
        ]
        .map(|(key, value)| (key.to_owned(), value.into()))
        .into_iter()
        .collect();
        for (name, template) in &self.custom_fields {
            body.insert(name.clone(), sending.text(name, template).into());
        }
        let url = format!("{}/{key}/{}", self.api_url.trim_end_matches('/'), crate::encoding::form(&routing));
        let request = Request::json(url, Value::Object(body).to_string());
        Ok(sending.exchange(&self.http_config, request).await?.judged(&[]))
    }
}
