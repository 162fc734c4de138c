//! Mattermost: a message with an attachment, by an incoming webhook.

use crate::attempt::Attempt;
use crate::config::Global;
use crate::config::read::{self, text_or};
use crate::encoding::cut_chars;
use crate::notification::Pairs;
use crate::sending::{Request, Sending};
use serde_json::{Map, Value};
use watchfire_settings::client::{ClientConfig, Source};
use watchfire_settings::{Problem, Reading, Section};

/// Mattermost refuses longer texts.
const MAX_TEXT_CHARS: usize = 16_383;

/// `mattermost_configs`.
#[derive(Clone, Debug, PartialEq)]
pub struct Mattermost {
    /// The incoming webhook.
    pub webhook_url: Source,
    /// How Mattermost is reached.
    pub http_config: ClientConfig,
    /// Fields of the message that are templates, by their keys.
    pub texts: Pairs,
    /// Fields of the attachments that are templates, by their keys.
    pub attachments: Vec<(Pairs, Vec<Pairs>)>,
    /// The card at the side (`props.card`), a template.
    pub card: Option<String>,
    /// `priority.priority`, a template, with whether an acknowledgement is asked for and repeated.
    pub priority: Option<(String, bool, bool)>,
}

const MESSAGE: [(&str, &str); 6] = [
    ("channel", ""),
    ("username", r#"{{ template "mattermost.default.username" . }}"#),
    ("icon_url", ""),
    ("icon_emoji", ""),
    ("type", ""),
    ("message", ""),
];
const ATTACHMENT: [(&str, &str); 13] = [
    ("fallback", r#"{{ template "mattermost.default.fallback" . }}"#),
    ("color", r#"{{ template "mattermost.default.color" . }}"#),
    ("pretext", ""),
    ("text", r#"{{ template "mattermost.default.text" . }}"#),
    ("author_name", ""),
    ("author_link", ""),
    ("author_icon", ""),
    ("title", r#"{{ template "mattermost.default.title" . }}"#),
    ("title_link", r#"{{ template "mattermost.default.titlelink" . }}"#),
    ("thumb_url", ""),
    ("footer", ""),
    ("footer_icon", ""),
    ("image_url", ""),
];

fn attachment(section: &mut Section, defaults: bool) -> Result<(Pairs, Vec<Pairs>), Problem> {
    let mut texts = Pairs::new();
    for (key, default) in ATTACHMENT {
        texts.insert(key.to_owned(), text_or(section, key, if defaults { default } else { "" })?);
    }
    Ok((texts, crate::slack::plain_fields(section, "fields", &["title", "value", "short"])?))
}

impl Mattermost {
    pub(crate) fn take(
        section: &mut Section,
        global: &Global,
        reading: &mut Reading<'_>,
    ) -> Result<Self, Problem> {
        let own = read::secret_url(section, reading, "webhook_url", "webhook_url_file")?;
        let webhook_url = own.or_else(|| global.mattermost_webhook_url.clone()).ok_or_else(|| {
            section.problem(
                "no Mattermost webhook URL set; expected webhook_url, webhook_url_file, or \
                 mattermost_webhook_url under global",
            )
        })?;
        let mut texts = Pairs::new();
        for (key, default) in MESSAGE {
            texts.insert(key.to_owned(), text_or(section, key, default)?);
        }
        let mut attachments = Vec::new();
        for item in section.list("attachments")? {
            let mut inner = Section::open_item(item, "Mattermost attachment")?;
            attachments.push(attachment(&mut inner, false)?);
            inner.finish()?;
        }
        let own = attachment(section, true)?;
        if attachments.is_empty() {
            attachments.push(own);
        }
        let card = match section.section("props", "Mattermost properties")? {
            Some(mut props) => {
                let card = props.text("card")?;
                props.finish()?;
                card
            }
            None => None,
        };
        let priority = match section.section("priority", "Mattermost priority")? {
            Some(mut inner) => {
                let word = text_or(&mut inner, "priority", "")?;
                let asked = inner.flag("requested_ack")?.unwrap_or(false);
                let repeated = inner.flag("persistent_notifications")?.unwrap_or(false);
                inner.finish()?;
                Some((word, asked, repeated))
            }
            None => None,
        };
        Ok(Self {
            webhook_url,
            http_config: read::http(section, &global.http_config, reading)?,
            texts,
            attachments,
            card,
            priority,
        })
    }

    pub(crate) async fn attempt(&self, sending: &Sending<'_>) -> Result<Attempt, Attempt> {
        let url = sending.reveal(&self.webhook_url).await?;
        let mut body = Map::new();
        for (key, template) in &self.texts {
            let text = sending.text(key, template);
            if !text.is_empty() {
                let key = if key == "message" { "text" } else { key };
                body.insert(key.to_owned(), text.into());
            }
        }
        let attachments: Vec<Value> = self
            .attachments
            .iter()
            .map(|(texts, fields)| {
                let mut attachment = Map::new();
                for (key, template) in texts {
                    let text = match key.as_str() {
                        "text" => sending.message(key, template),
                        "title" | "fallback" => sending.title(key, template),
                        _ => sending.text(key, template),
                    };
                    let (text, cut) = cut_chars(&text, MAX_TEXT_CHARS);
                    if cut {
                        sending.note(format!("{key} cut to {MAX_TEXT_CHARS} characters"));
                    }
                    if !text.is_empty() {
                        attachment.insert(key.clone(), text.into());
                    }
                }
                if !fields.is_empty() {
                    attachment.insert("fields".to_owned(), shown_fields(sending, fields));
                }
                Value::Object(attachment)
            })
            .collect();
        body.insert("attachments".to_owned(), attachments.into());
        if let Some(card) = &self.card {
            body.insert("props".to_owned(), serde_json::json!({ "card": sending.text("card", card) }));
        }
        if let Some((word, asked, repeated)) = &self.priority {
            body.insert(
                "priority".to_owned(),
                serde_json::json!({
                    "priority": sending.text("priority", word),
                    "requested_ack": asked,
                    "persistent_notifications": repeated,
                }),
            );
        }
        let request = Request::json(url, Value::Object(body).to_string());
        Ok(sending.exchange(&self.http_config, request).await?.judged(&[]))
    }
}

/// Fields with their titles and values filled in.
pub(crate) fn shown_fields(sending: &Sending<'_>, fields: &[Pairs]) -> Value {
    let shown = fields.iter().map(|field| {
        let text = |key: &str| sending.text(key, field.get(key).map_or("", String::as_str));
        let mut shown = serde_json::json!({ "title": text("title"), "value": text("value") });
        if let (Some(short), Some(shown)) = (field.get("short"), shown.as_object_mut()) {
            shown.insert("short".to_owned(), (short == "true").into());
        }
        shown
    });
    shown.collect()
}
