//! Telegram: a message by a bot.

use crate::attempt::Attempt;
use crate::config::Global;
use crate::config::read::{self, text_or};
use crate::encoding::cut_chars;
use crate::sending::{Request, Sending};
use serde_json::{Map, Value};
use std::time::Duration;
use watchfire_settings::client::{ClientConfig, Source, take_source};
use watchfire_settings::{Problem, Reading, Section};
use watchfire_templates::Mode;

/// Telegram refuses longer messages.
const MAX_MESSAGE_CHARS: usize = 4096;

/// `telegram_configs`.
#[derive(Clone, Debug, PartialEq)]
pub struct Telegram {
    /// Where Telegram's API is.
    pub api_url: String,
    /// The bot's token.
    pub bot_token: Source,
    /// The chat, a number.
    pub chat_id: Source,
    /// A topic in the chat; 0 for none.
    pub message_thread_id: i64,
    /// The message, a template.
    pub message: String,
    /// How Telegram formats it: `HTML`, `Markdown`, `MarkdownV2`, or nothing.
    pub parse_mode: String,
    /// Whether the message makes no sound.
    pub disable_notifications: bool,
    /// How Telegram is reached.
    pub http_config: ClientConfig,
}

impl Telegram {
    pub(crate) fn take(
        section: &mut Section,
        global: &Global,
        reading: &mut Reading<'_>,
    ) -> Result<Self, Problem> {
        let token = ("bot_token", "bot_token_file");
        let missing = "missing bot_token or bot_token_file on telegram_config";
        let bot_token = read::secret_or(section, reading, token, &global.telegram_bot_token, missing)?;
        let number = |text: &str| text.parse::<i64>().is_ok_and(|number| number != 0);
        let chat_id = match take_source(section, reading, "chat_id", "chat_id_file")? {
            Some((Source::Inline(id), place)) if !number(id.expose()) => {
                return Err(Problem::new(
                    place,
                    "chat_id is no number other than 0; expected one such as -100123",
                ));
            }
            Some((source, _)) => source,
            None => return Err(section.problem("missing chat_id or chat_id_file on telegram_config")),
        };
        let parse_mode = section
            .choice(
                "parse_mode",
                &[("", ""), ("HTML", "HTML"), ("Markdown", "Markdown"), ("MarkdownV2", "MarkdownV2")],
            )?
            .unwrap_or("HTML");
        let thread = section.number("message_thread_id")?.unwrap_or(0.0);
        #[expect(clippy::cast_possible_truncation, reason = "topics are small numbers")]
        let message_thread_id = thread as i64;
        Ok(Self {
            api_url: read::url_or(section, "api_url", &global.telegram_api_url)?,
            bot_token,
            chat_id,
            message_thread_id,
            message: text_or(section, "message", r#"{{ template "telegram.default.message" . }}"#)?,
            parse_mode: parse_mode.to_owned(),
            disable_notifications: section.flag("disable_notifications")?.unwrap_or(false),
            http_config: read::http(section, &global.http_config, reading)?,
        })
    }

    /// The message and how it is formatted. What is too long in HTML would be cut inside of a tag, so it goes plain.
    fn message(&self, sending: &Sending<'_>) -> (String, &str) {
        let mode = if self.parse_mode == "HTML" { Mode::Html } else { Mode::Text };
        match sending.expand(&self.message, mode) {
            Ok(message) if mode == Mode::Html && message.chars().count() > MAX_MESSAGE_CHARS => {
                sending.note(format!("message above {MAX_MESSAGE_CHARS} characters: sent short and plain"));
                (cut_chars(&sending.plain(), MAX_MESSAGE_CHARS).0, "")
            }
            Ok(message) => {
                let (message, cut) = cut_chars(&message, MAX_MESSAGE_CHARS);
                if cut {
                    sending.note(format!("message cut to {MAX_MESSAGE_CHARS} characters"));
                }
                (message, &self.parse_mode)
            }
            Err(error) => {
                sending.note(format!("message: {error}"));
                let text = format!("{}\n(the template of message failed: {error})", sending.plain());
                (cut_chars(&text, MAX_MESSAGE_CHARS).0, "")
            }
        }
    }

    pub(crate) async fn attempt(&self, sending: &Sending<'_>) -> Result<Attempt, Attempt> {
        let token = sending.reveal(&self.bot_token).await?;
        let chat = sending.reveal(&self.chat_id).await?;
        let (message, parse_mode) = self.message(sending);
        let mut body = Map::new();
        body.insert("chat_id".to_owned(), chat.into());
        body.insert("text".to_owned(), message.into());
        if !parse_mode.is_empty() {
            body.insert("parse_mode".to_owned(), parse_mode.into());
        }
        // Links in alerts lead to servers that Telegram should not visit.
        body.insert("disable_web_page_preview".to_owned(), "true".into());
        if self.message_thread_id != 0 {
            body.insert("message_thread_id".to_owned(), self.message_thread_id.to_string().into());
        }
        if self.disable_notifications {
            body.insert("disable_notification".to_owned(), "true".into());
        }
        let url = format!("{}/bot{token}/sendMessage", self.api_url.trim_end_matches('/'));
        let request = Request::json(url, Value::Object(body).to_string());
        let answer = sending.exchange(&self.http_config, request).await?;
        let mut attempt = answer.judged(&[]);
        let said = answer.said()?;
        if answer.is_success() && said.get("ok") == Some(&Value::Bool(false)) {
            attempt = answer.failed(false, &format!("error response from Telegram: {}", answer.words()));
        }
        let pause = said.pointer("/parameters/retry_after").and_then(Value::as_u64);
        if let (429, Some(seconds)) = (answer.status, pause) {
            attempt.retry_after = Some(Duration::from_secs(seconds.min(3600)));
        }
        Ok(attempt)
    }
}
