//! Rocket.Chat: a message with an attachment, by a user's token.

use crate::attempt::Attempt;
use crate::config::Global;
use crate::config::read::{self, records, text_or};
use crate::encoding::cut_chars;
use crate::notification::Pairs;
use crate::sending::{Request, Sending};
use serde_json::{Map, Value, json};
use watchfire_settings::client::{ClientConfig, Source};
use watchfire_settings::{Problem, Reading, Section};

const MAX_TITLE_CHARS: usize = 1024;

/// `rocketchat_configs`.
#[derive(Clone, Debug, PartialEq)]
pub struct RocketChat {
    /// Where the server is.
    pub api_url: String,
    /// The user's token.
    pub token: Source,
    /// The user's identity.
    pub token_id: Source,
    /// How the server is reached.
    pub http_config: ClientConfig,
    /// Fields that are templates, by their keys.
    pub texts: Pairs,
    /// `fields`.
    pub fields: Vec<Pairs>,
    /// `actions`: buttons.
    pub actions: Vec<Pairs>,
}

impl RocketChat {
    pub(crate) fn take(
        section: &mut Section,
        global: &Global,
        reading: &mut Reading<'_>,
    ) -> Result<Self, Problem> {
        let keys = ("token", "token_file");
        let missing =
            "no Rocket.Chat token set; expected token, token_file, or rocketchat_token under global";
        let token = read::secret_or(section, reading, keys, &global.rocketchat_token, missing)?;
        let keys = ("token_id", "token_id_file");
        let missing = "no Rocket.Chat token id set; expected token_id, token_id_file, or rocketchat_token_id under global";
        let token_id = read::secret_or(section, reading, keys, &global.rocketchat_token_id, missing)?;
        let mut texts = Pairs::new();
        for (key, default) in [
            ("channel", ""),
            ("color", r#"{{ if eq .Status "firing" }}red{{ else }}green{{ end }}"#),
            ("title", r#"{{ template "rocketchat.default.title" . }}"#),
            ("title_link", r#"{{ template "rocketchat.default.titlelink" . }}"#),
            ("text", r#"{{ template "rocketchat.default.text" . }}"#),
            ("emoji", r#"{{ template "rocketchat.default.emoji" . }}"#),
            ("icon_url", r#"{{ template "rocketchat.default.iconurl" . }}"#),
            ("image_url", ""),
            ("thumb_url", ""),
        ] {
            texts.insert(key.to_owned(), text_or(section, key, default)?);
        }
        let action = ["type", "text", "url", "msg", "msg_in_chat_window", "msg_processing_type"];
        section.flag("link_names")?;
        let short_fields = section.flag("short_fields")?.unwrap_or(false);
        let mut fields = crate::slack::plain_fields(section, "fields", &["title", "value", "short"])?;
        for field in &mut fields {
            field.entry("short".to_owned()).or_insert_with(|| short_fields.to_string());
        }
        Ok(Self {
            api_url: read::url_or(section, "api_url", &global.rocketchat_api_url)?,
            token,
            token_id,
            http_config: read::http(section, &global.http_config, reading)?,
            texts,
            fields,
            actions: records(section, "actions", &action, &[])?,
        })
    }

    pub(crate) async fn attempt(&self, sending: &Sending<'_>) -> Result<Attempt, Attempt> {
        let (token, id) = (sending.reveal(&self.token).await?, sending.reveal(&self.token_id).await?);
        let template = |key: &str| self.texts.get(key).map_or("", String::as_str);
        let field = |key: &str| sending.text(key, template(key));
        let mut attachment = Map::new();
        let (title, cut) = cut_chars(&sending.title("title", template("title")), MAX_TITLE_CHARS);
        if cut {
            sending.note(format!("title cut to {MAX_TITLE_CHARS} characters"));
        }
        attachment.insert("title".to_owned(), title.into());
        let text = sending.message("text", template("text"));
        if !text.is_empty() {
            attachment.insert("text".to_owned(), text.into());
        }
        for key in ["title_link", "color", "image_url", "thumb_url"] {
            let text = field(key);
            if !text.is_empty() {
                attachment.insert(key.to_owned(), text.into());
            }
        }
        if !self.fields.is_empty() {
            attachment.insert("fields".to_owned(), crate::mattermost::shown_fields(sending, &self.fields));
        }
        let actions: Vec<Value> = self
            .actions
            .iter()
            .map(|action| {
                let texts =
                    action.iter().map(|(key, template)| (key.clone(), sending.text(key, template).into()));
                let mut shown: Map<String, Value> = texts.collect();
                let in_chat = action.get("msg_in_chat_window").is_some_and(|flag| flag == "true");
                shown.insert("msg_in_chat_window".to_owned(), in_chat.into());
                shown.insert("is_webview".to_owned(), false.into());
                Value::Object(shown)
            })
            .collect();
        if !actions.is_empty() {
            attachment.insert("actions".to_owned(), actions.into());
        }
        let mut body = Map::new();
        body.insert("channel".to_owned(), sending.required("channel", template("channel"))?.into());
        for (key, text) in [("emoji", field("emoji")), ("avatar", field("icon_url"))] {
            if !text.is_empty() {
                body.insert(key.to_owned(), text.into());
            }
        }
        body.insert("attachments".to_owned(), json!([attachment]));
        let body = Value::Object(body);
        let url = format!("{}/api/v1/chat.postMessage", self.api_url.trim_end_matches('/'));
        let request =
            Request::json(url, body.to_string()).header("x-auth-token", token).header("x-user-id", id);
        let answer = sending.exchange(&self.http_config, request).await?;
        if !answer.is_success() {
            return Ok(answer.judged(&[]));
        }
        // Only this is a yes: a proxy's page of a login is none.
        let said = answer.said()?;
        if said.get("success") != Some(&Value::Bool(true)) {
            let error = said.get("error").and_then(Value::as_str).unwrap_or("no success reported");
            let passing = error.contains("too-many-requests");
            return Ok(answer.failed(passing, &format!("error response from Rocket.Chat: {error}")));
        }
        Ok(answer.judged(&[]))
    }
}
