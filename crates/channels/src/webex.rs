//! Webex: a message in a room, by a bot.

use crate::attempt::Attempt;
use crate::config::Global;
use crate::config::read::{self, text_or};
use crate::encoding::cut_bytes;
use crate::sending::{Request, Sending};
use serde_json::json;
use watchfire_settings::client::ClientConfig;
use watchfire_settings::{Problem, Reading, Section};

/// Webex refuses longer messages.
const MAX_MESSAGE_BYTES: usize = 7439;

/// `webex_configs`.
#[derive(Clone, Debug, PartialEq)]
pub struct Webex {
    /// Where messages go.
    pub api_url: String,
    /// The room, a template.
    pub room_id: String,
    /// The message, a template.
    pub message: String,
    /// How Webex is reached, with the bot's token as its authorization.
    pub http_config: ClientConfig,
}

impl Webex {
    pub(crate) fn take(
        section: &mut Section,
        global: &Global,
        reading: &mut Reading<'_>,
    ) -> Result<Self, Problem> {
        let http_config = read::http(section, &global.http_config, reading)?;
        if http_config.credentials.is_none() {
            return Err(section.problem("missing webex_configs.http_config.authorization"));
        }
        let room_id = section.text("room_id")?.filter(|room| !room.is_empty());
        Ok(Self {
            api_url: read::url_or(section, "api_url", &global.webex_api_url)?,
            room_id: room_id.ok_or_else(|| section.problem("missing room_id on webex_config"))?,
            message: text_or(section, "message", r#"{{ template "webex.default.message" . }}"#)?,
            http_config,
        })
    }

    pub(crate) async fn attempt(&self, sending: &Sending<'_>) -> Result<Attempt, Attempt> {
        let room = sending.required("room_id", &self.room_id)?;
        let (message, cut) = cut_bytes(&sending.message("message", &self.message), MAX_MESSAGE_BYTES);
        if cut {
            sending.note(format!("message cut to {MAX_MESSAGE_BYTES} bytes"));
        }
        let body = json!({ "markdown": message, "roomId": room });
        let request = Request::json(&self.api_url, body.to_string());
        Ok(sending.exchange(&self.http_config, request).await?.judged(&[]))
    }
}
