//! Pushover: a message on a phone.

use crate::attempt::Attempt;
use crate::config::Global;
use crate::config::read::{self, text_or};
use crate::encoding::cut_chars;
use crate::notification::Pairs;
use crate::sending::{Request, Sending};
use watchfire_settings::client::{ClientConfig, Source, take_source};
use watchfire_settings::{Problem, Reading, Section};
use watchfire_templates::Mode;

/// Where messages go.
const API_URL: &str = "https://api.pushover.net/1/messages.json";
const MAX_TITLE_CHARS: usize = 250;
const MAX_MESSAGE_CHARS: usize = 1024;
const MAX_URL_CHARS: usize = 512;

/// `pushover_configs`.
#[derive(Clone, Debug, PartialEq)]
pub struct Pushover {
    /// Watchfire's own key: where messages go.
    pub api_url: String,
    /// Who is told.
    pub user_key: Source,
    /// Which application tells.
    pub token: Source,
    /// How Pushover is reached.
    pub http_config: ClientConfig,
    /// Fields that are templates, by their keys.
    pub texts: Pairs,
    /// Whether the message is HTML.
    pub html: bool,
    /// Whether the message is shown in letters of one width.
    pub monospace: bool,
    /// How often an emergency is repeated, and until when, in seconds; how long it is kept.
    pub times: [(&'static str, Option<u64>); 3],
}

impl Pushover {
    pub(crate) fn take(
        section: &mut Section,
        global: &Global,
        reading: &mut Reading<'_>,
    ) -> Result<Self, Problem> {
        let user_key = take_source(section, reading, "user_key", "user_key_file")?
            .ok_or_else(|| section.problem("one of user_key or user_key_file must be configured"))?;
        let token = take_source(section, reading, "token", "token_file")?
            .ok_or_else(|| section.problem("one of token or token_file must be configured"))?;
        let mut texts = Pairs::new();
        for (key, default) in [
            ("title", r#"{{ template "pushover.default.title" . }}"#),
            ("message", r#"{{ template "pushover.default.message" . }}"#),
            ("url", r#"{{ template "pushover.default.url" . }}"#),
            ("url_title", ""),
            ("device", ""),
            ("sound", ""),
            ("priority", r#"{{ if eq .Status "firing" }}2{{ else }}0{{ end }}"#),
        ] {
            texts.insert(key.to_owned(), text_or(section, key, default)?);
        }
        let mut seconds = |key: &'static str, default: Option<u64>| {
            section.duration(key).map(|found| (key, found.map(|found| found.as_secs()).or(default)))
        };
        let times = [seconds("retry", Some(60))?, seconds("expire", Some(3600))?, seconds("ttl", None)?];
        let html = section.flag("html")?.unwrap_or(false);
        let monospace = section.flag("monospace")?.unwrap_or(false);
        if html && monospace {
            return Err(section.problem("html and monospace exclude each other; expected one of them"));
        }
        Ok(Self {
            api_url: read::url_or(section, "api_url", API_URL)?,
            user_key: user_key.0,
            token: token.0,
            http_config: read::http(section, &global.http_config, reading)?,
            texts,
            html,
            monospace,
            times,
        })
    }

    pub(crate) async fn attempt(&self, sending: &Sending<'_>) -> Result<Attempt, Attempt> {
        let user = sending.required_secret("user_key", &self.user_key).await?;
        let token = sending.required_secret("token", &self.token).await?;
        let template = |key: &str| self.texts.get(key).map_or("", String::as_str);
        let cut = |key: &str, text: String, most: usize| {
            let (text, cut) = cut_chars(&text, most);
            if cut {
                sending.note(format!("{key} cut to {most} characters"));
            }
            text
        };
        let message =
            match sending.expand(template("message"), if self.html { Mode::Html } else { Mode::Text }) {
                Ok(message) => message,
                Err(_) => sending.message("message", template("message")),
            };
        // Pushover refuses an empty message.
        let message =
            if message.trim().is_empty() { "(no details)".to_owned() } else { message.trim().to_owned() };
        let mut form = vec![
            ("token", token),
            ("user", user),
            ("title", cut("title", sending.title("title", template("title")), MAX_TITLE_CHARS)),
            ("message", cut("message", message, MAX_MESSAGE_CHARS)),
            ("url", cut("url", sending.text("url", template("url")), MAX_URL_CHARS)),
            ("url_title", sending.text("url_title", template("url_title"))),
            ("priority", sending.text("priority", template("priority"))),
            ("device", sending.text("device", template("device"))),
            ("sound", sending.text("sound", template("sound"))),
        ];
        for (key, seconds) in self.times {
            form.push((key, seconds.map_or_else(String::new, |seconds| seconds.to_string())));
        }
        for (key, on) in [("html", self.html), ("monospace", self.monospace)] {
            form.push((key, if on { "1".to_owned() } else { String::new() }));
        }
        form.retain(|(_, value)| !value.is_empty());
        let request = Request::form(&self.api_url, &form);
        Ok(sending.exchange(&self.http_config, request).await?.judged(&[]))
    }
}
