//! Microsoft Teams: adaptive cards for workflows (`msteamsv2`), message cards for the connectors of old (`msteams`).

use crate::attempt::Attempt;
use crate::config::Global;
use crate::config::read::{self, text_or};
use crate::encoding::cut_bytes;
use crate::sending::{Request, Sending};
use serde_json::{Value, json};
use std::time::Duration;
use watchfire_settings::client::{ClientConfig, Source};
use watchfire_settings::{Problem, Reading, Section};

/// Teams refuses cards above 28 KiB, counted after it has expanded them; measured, a request of this size passes.
const MAX_BODY_BYTES: usize = 20_000;

/// `msteamsv2_configs` and `msteams_configs`.
#[derive(Clone, Debug, PartialEq)]
pub struct MsTeams {
    /// The address of the workflow or connector; whoever knows it may post.
    pub webhook_url: Source,
    /// How Teams is reached.
    pub http_config: ClientConfig,
    /// How long one attempt may take.
    pub timeout: Option<Duration>,
    /// The title, a template.
    pub title: String,
    /// The text, a template.
    pub text: String,
    /// The summary of a message card, a template.
    pub summary: String,
}

impl MsTeams {
    pub(crate) fn take(
        section: &mut Section,
        global: &Global,
        reading: &mut Reading<'_>,
        workflow: bool,
    ) -> Result<Self, Problem> {
        let webhook_url = read::secret_url(section, reading, "webhook_url", "webhook_url_file")?
            .ok_or_else(|| section.problem("one of webhook_url or webhook_url_file must be configured"))?;
        let version = if workflow { "msteamsv2" } else { "msteams" };
        let default = |name: &str| format!("{{{{ template \"{version}.default.{name}\" . }}}}");
        Ok(Self {
            webhook_url,
            http_config: read::http(section, &global.http_config, reading)?,
            timeout: section.duration("timeout")?.filter(|timeout| !timeout.is_zero()),
            title: text_or(section, "title", &default("title"))?,
            text: text_or(section, "text", &default("text"))?,
            summary: if workflow { String::new() } else { text_or(section, "summary", &default("summary"))? },
        })
    }

    pub(crate) async fn attempt_v2(&self, sending: &Sending<'_>) -> Result<Attempt, Attempt> {
        let color = if sending.notification.is_firing() { "Attention" } else { "Good" };
        let card = |title: &str, text: &str| {
            json!({
                "type": "message",
                "attachments": [{
                    "contentType": "application/vnd.microsoft.card.adaptive",
                    "contentUrl": null,
                    "content": {
                        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                        "type": "AdaptiveCard",
                        "version": "1.2",
                        "body": [
                            {
                                "type": "TextBlock", "text": title, "weight": "Bolder", "size": "Medium",
                                "wrap": true, "style": "heading", "color": color,
                            },
                            { "type": "TextBlock", "text": text, "wrap": true },
                        ],
                        "msteams": { "width": "full" },
                    },
                }],
            })
        };
        self.post(sending, &card).await
    }

    pub(crate) async fn attempt_v1(&self, sending: &Sending<'_>) -> Result<Attempt, Attempt> {
        let color = if sending.notification.is_firing() { "8C1A1A" } else { "2DC72D" };
        let summary = sending.title("summary", &self.summary);
        let card = |title: &str, text: &str| {
            json!({
                "@context": "http://schema.org/extensions",
                "type": "MessageCard",
                "title": title,
                "summary": summary,
                "text": text,
                "themeColor": color,
            })
        };
        self.post(sending, &card).await
    }

    async fn post(
        &self,
        sending: &Sending<'_>,
        card: &(dyn Fn(&str, &str) -> Value + Sync),
    ) -> Result<Attempt, Attempt> {
        let url = sending.reveal(&self.webhook_url).await?;
        let title = cut_bytes(&sending.title("title", &self.title), 2048).0;
        let text = sending.message("text", &self.text);
        let body = fitting(sending, &title, &text, card);
        let request = Request::json(url, body).within(self.timeout);
        let answer = sending.exchange(&self.http_config, request).await?;
        let mut attempt = answer.judged(&[]);
        // A connector says in the body of a success that it refused.
        if answer.is_success() && answer.body.contains("Microsoft Teams endpoint returned HTTP error 429") {
            attempt = answer.failed(true, &format!("throttled by Microsoft Teams: {}", answer.words()));
        } else if answer.is_success() && answer.body.contains("endpoint returned HTTP error") {
            attempt = answer.failed(false, &format!("refused by Microsoft Teams: {}", answer.words()));
        }
        Ok(attempt)
    }
}

/// The card with as much of the text as Teams takes, and where the rest is to be read.
fn fitting(
    sending: &Sending<'_>,
    title: &str,
    text: &str,
    card: &(dyn Fn(&str, &str) -> Value + Sync),
) -> String {
    let whole = card(title, text).to_string();
    if whole.len() <= MAX_BODY_BYTES {
        return whole;
    }
    let note = format!("\n\nCut: the whole is at {}", sending.notification.external_url);
    let mut room = MAX_BODY_BYTES.saturating_sub(card(title, &note).to_string().len());
    loop {
        let cut = format!("{}{note}", cut_bytes(text, room).0);
        let body = card(title, &cut).to_string();
        // What JSON escapes takes more room than it has letters.
        if body.len() <= MAX_BODY_BYTES || room < 16 {
            sending
                .note(format!("text cut: the card had {} bytes, Teams takes {MAX_BODY_BYTES}", whole.len()));
            return body;
        }
        room -= (body.len() - MAX_BODY_BYTES).clamp(1, room / 2 + 1).min(room);
    }
}
