//! Discord: a message with an embed, by a webhook.

use crate::attempt::Attempt;
use crate::config::Global;
use crate::config::read::{self, text_or};
use crate::encoding::cut_chars;
use crate::sending::{Request, Sending};
use serde_json::{Map, Value, json};
use std::time::Duration;
use watchfire_settings::client::{ClientConfig, Source};
use watchfire_settings::{Problem, Reading, Section};

const MAX_TITLE_CHARS: usize = 256;
const MAX_MESSAGE_CHARS: usize = 4096;
const MAX_CONTENT_CHARS: usize = 2000;
const RED: u32 = 0x99_2D_22;
const GREEN: u32 = 0x2E_CC_71;

/// `discord_configs`.
#[derive(Clone, Debug, PartialEq)]
pub struct Discord {
    /// The webhook; whoever knows it may post.
    pub webhook_url: Source,
    /// How Discord is reached.
    pub http_config: ClientConfig,
    /// The embed's title, a template.
    pub title: String,
    /// The embed's text, a template.
    pub message: String,
    /// The text above the embed, a template.
    pub content: String,
    /// Who speaks, a template.
    pub username: String,
    /// The picture of who speaks, a template.
    pub avatar_url: String,
}

impl Discord {
    pub(crate) fn take(
        section: &mut Section,
        global: &Global,
        reading: &mut Reading<'_>,
    ) -> Result<Self, Problem> {
        let webhook_url = read::secret_url(section, reading, "webhook_url", "webhook_url_file")?
            .ok_or_else(|| section.problem("one of webhook_url or webhook_url_file must be configured"))?;
        Ok(Self {
            webhook_url,
            http_config: read::http(section, &global.http_config, reading)?,
            title: text_or(section, "title", r#"{{ template "discord.default.title" . }}"#)?,
            message: text_or(section, "message", r#"{{ template "discord.default.message" . }}"#)?,
            content: text_or(section, "content", r#"{{ template "discord.default.content" . }}"#)?,
            username: text_or(section, "username", "")?,
            avatar_url: text_or(section, "avatar_url", "")?,
        })
    }

    pub(crate) async fn attempt(&self, sending: &Sending<'_>) -> Result<Attempt, Attempt> {
        let url = sending.reveal(&self.webhook_url).await?;
        let cut = |field: &str, text: String, most: usize| {
            let (text, cut) = cut_chars(&text, most);
            if cut {
                sending.note(format!("{field} cut to {most} characters"));
            }
            text
        };
        let title = cut("title", sending.title("title", &self.title), MAX_TITLE_CHARS);
        let message = cut("message", sending.message("message", &self.message), MAX_MESSAGE_CHARS);
        let content = cut("content", sending.text("content", &self.content), MAX_CONTENT_CHARS);
        let color = if sending.notification.is_firing() { RED } else { GREEN };
        let mut body = Map::new();
        body.insert("content".to_owned(), content.into());
        let embed = json!([{ "title": title, "description": message, "color": color }]);
        body.insert("embeds".to_owned(), embed);
        for (key, template) in [("username", &self.username), ("avatar_url", &self.avatar_url)] {
            let text = sending.text(key, template);
            if !text.is_empty() {
                body.insert(key.to_owned(), text.into());
            }
        }
        let request = Request::json(url, Value::Object(body).to_string());
        let answer = sending.exchange(&self.http_config, request).await?;
        let mut attempt = answer.judged(&[]);
        // Discord says how long to wait in the body too, in seconds with a fraction.
        let pause = answer.json().get("retry_after").and_then(Value::as_f64);
        if answer.status == 429 && attempt.retry_after.is_none() {
            attempt.retry_after = pause.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        }
        Ok(attempt)
    }
}
