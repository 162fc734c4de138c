//! Slack, by an incoming webhook or by an app: messages with attachments, updated in place or continued in a thread.

use crate::answers::BUTTONS;
use crate::attempt::{Attempt, Outcome, Receipt};
use crate::config::read::{self, records, text_or};
use crate::config::{Global, SLACK_POST};
use crate::encoding::{cut_bytes, cut_chars};
use crate::notification::Pairs;
use crate::sending::{Answer, Request, Sending};
use crate::standing::{Standing, with_standing};
use serde_json::{Map, Value, json};
use std::time::Duration;
use watchfire_settings::client::{ClientConfig, Credentials, Source, take_source};
use watchfire_settings::{Problem, Reading, Section};

/// Slack cuts longer titles off.
const MAX_TITLE_CHARS: usize = 1024;
/// Slack refuses longer texts.
const MAX_TEXT_BYTES: usize = 40_000;

/// `slack_configs`.
#[derive(Clone, Debug, PartialEq)]
pub struct Slack {
    /// An incoming webhook, or a method of Slack's API.
    pub url: Source,
    /// The token of an app (`xoxb-…`); without one, the URL is an incoming webhook.
    pub app_token: Option<Source>,
    /// How Slack is reached.
    pub http_config: ClientConfig,
    /// How long one attempt may take.
    pub timeout: Option<Duration>,
    /// Whether the message of a group is updated in place. Needs an app.
    pub update_message: bool,
    /// Watchfire's own key: whether what follows on a group's first message goes into its thread. Needs an app.
    pub thread_replies: bool,
    /// Fields that are templates, by their keys.
    pub texts: Pairs,
    /// `short_fields`, `link_names`.
    pub short_fields: bool,
    /// Whether names and channels become links.
    pub link_names: bool,
    /// Which fields Slack formats.
    pub mrkdwn_in: Vec<String>,
    /// `fields`.
    pub fields: Vec<(Pairs, Option<bool>)>,
    /// `actions`: buttons.
    pub actions: Vec<(Pairs, Option<Pairs>)>,
}

const TEXTS: [(&str, &str); 18] = [
    ("channel", ""),
    ("username", r#"{{ template "slack.default.username" . }}"#),
    ("color", r#"{{ template "slack.default.color" . }}"#),
    ("title", r#"{{ template "slack.default.title" . }}"#),
    ("title_link", r#"{{ template "slack.default.titlelink" . }}"#),
    ("pretext", r#"{{ template "slack.default.pretext" . }}"#),
    ("text", r#"{{ template "slack.default.text" . }}"#),
    ("fallback", r#"{{ template "slack.default.fallback" . }}"#),
    ("callback_id", r#"{{ template "slack.default.callbackid" . }}"#),
    ("icon_emoji", r#"{{ template "slack.default.iconemoji" . }}"#),
    ("icon_url", r#"{{ template "slack.default.iconurl" . }}"#),
    ("footer", r#"{{ template "slack.default.footer" . }}"#),
    ("image_url", ""),
    ("thumb_url", ""),
    ("message_text", ""),
    ("author_name", ""),
    ("author_link", ""),
    ("author_icon", ""),
];

impl Slack {
    pub(crate) fn take(
        section: &mut Section,
        global: &Global,
        reading: &mut Reading<'_>,
    ) -> Result<Self, Problem> {
        let own_url = read::secret_url(section, reading, "api_url", "api_url_file")?;
        let own_token =
            take_source(section, reading, "app_token", "app_token_file")?.map(|(source, _)| source);
        let app_url = read::url(section, "app_url")?;
        let has_own = section.has("http_config").is_some();
        let http_config = read::http(section, &global.http_config, reading)?;
        if own_token.is_some()
            && matches!(http_config.credentials, Some(Credentials::Header { .. }))
            && has_own
        {
            return Err(section.problem(
                "app_token and http_config.authorization exclude each other; expected one of them",
            ));
        }
        let mut texts = Pairs::new();
        for (key, default) in TEXTS {
            texts.insert(key.to_owned(), text_or(section, key, default)?);
        }
        if own_url.is_some() && own_token.is_some() {
            return Err(section.problem("api_url and app_token exclude each other; expected one of them"));
        }
        // A URL of its own stands for a webhook, and the global token is not for it. Whoever authorises by hand
        // uses the API without a token of ours.
        let by_hand = http_config.credentials.is_some();
        let app_token = match (&own_url, own_token) {
            (None, None) if !by_hand => global.slack_app_token.clone(),
            (_, own) => own,
        };
        let url = match (own_url, &app_token) {
            (Some(url), _) => url,
            (None, Some(_)) => Source::Inline(app_url.unwrap_or_else(|| global.slack_app_url.clone()).into()),
            (None, None) => match (&global.slack_api_url, app_url) {
                (_, Some(url)) => Source::Inline(url.into()),
                (Some(url), None) => url.clone(),
                (None, None) if by_hand => Source::Inline(global.slack_app_url.clone().into()),
                (None, None) => {
                    return Err(section.problem(
                        "no Slack API URL or app token set; expected api_url, api_url_file, app_token or \
                         app_token_file here, or the same under global with slack_ before it",
                    ));
                }
            },
        };
        let update_message = section.flag("update_message")?.unwrap_or(false);
        let thread_replies = section.flag("thread_replies")?.unwrap_or(false);
        let is_app = app_token.is_some()
            || by_hand
            || matches!(&url, Source::Inline(url) if url.expose() == SLACK_POST);
        if (update_message || thread_replies) && !is_app {
            let key = if update_message { "update_message" } else { "thread_replies" };
            return Err(section.problem(format!(
                "{key} needs an app, not an incoming webhook; expected app_token or app_token_file"
            )));
        }
        let timeout = section.duration("timeout")?.filter(|timeout| !timeout.is_zero());
        let mrkdwn_in = match section.has("mrkdwn_in") {
            Some(_) => section.texts("mrkdwn_in")?,
            None => ["fallback", "pretext", "text"].map(str::to_owned).to_vec(),
        };
        Ok(Self {
            url,
            app_token,
            http_config,
            timeout,
            update_message,
            thread_replies,
            texts,
            short_fields: section.flag("short_fields")?.unwrap_or(false),
            link_names: section.flag("link_names")?.unwrap_or(false),
            mrkdwn_in,
            fields: take_fields(section)?,
            actions: take_actions(section)?,
        })
    }

    /// Whether it is an app, which knows its messages again; an incoming webhook does not.
    pub(crate) fn is_app(&self) -> bool {
        self.app_token.is_some()
            || self.http_config.credentials.is_some()
            || matches!(&self.url, Source::Inline(url) if url.expose() == SLACK_POST)
    }

    fn template(&self, key: &str) -> &str {
        self.texts.get(key).map_or("", String::as_str)
    }

    fn attachment(&self, sending: &Sending<'_>) -> Value {
        let field = |key: &str| sending.text(key, self.template(key));
        let (title, cut) = cut_chars(&sending.title("title", self.template("title")), MAX_TITLE_CHARS);
        if cut {
            sending.note(format!("title cut to {MAX_TITLE_CHARS} characters"));
        }
        let mut text = sending.message("text", self.template("text"));
        if let Some(line) = acknowledgement(sending) {
            // In front, where nothing is cut off.
            text = if text.is_empty() { line } else { format!("{line}\n{text}") };
        }
        let (text, cut) = cut_bytes(&text, MAX_TEXT_BYTES);
        if cut {
            sending.note(format!("text cut to {MAX_TEXT_BYTES} bytes"));
        }
        let mut attachment = Map::new();
        let mut put = |key: &str, value: String, always: bool| {
            if always || !value.is_empty() {
                attachment.insert(key.to_owned(), value.into());
            }
        };
        put("title", title, false);
        put("title_link", field("title_link"), false);
        put("pretext", field("pretext"), false);
        put("text", text, true);
        put("fallback", sending.title("fallback", self.template("fallback")), true);
        put("callback_id", field("callback_id"), true);
        for key in ["author_name", "author_link", "author_icon", "image_url", "thumb_url"] {
            put(key, field(key), false);
        }
        put("footer", field("footer"), true);
        put("color", field("color"), false);
        let fields: Vec<Value> = self
            .fields
            .iter()
            .map(|(field, short)| {
                let text = |key: &str| sending.text(key, field.get(key).map_or("", String::as_str));
                json!({
                    "title": text("title"),
                    "value": text("value"),
                    "short": short.unwrap_or(self.short_fields),
                })
            })
            .collect();
        let actions: Vec<Value> = self.actions.iter().map(|action| button(sending, action)).collect();
        for (key, list) in [("fields", fields), ("actions", actions)] {
            if !list.is_empty() {
                attachment.insert(key.to_owned(), list.into());
            }
        }
        if !self.mrkdwn_in.is_empty() {
            attachment.insert("mrkdwn_in".to_owned(), self.mrkdwn_in.clone().into());
        }
        Value::Object(attachment)
    }

    pub(crate) async fn attempt(&self, sending: &Sending<'_>) -> Result<Attempt, Attempt> {
        let mut url = sending.reveal(&self.url).await?;
        let channel = sending.required("channel", self.template("channel"))?;
        let known = |key: &str| sending.receipt.and_then(|receipt| receipt.get(key)).cloned();
        // A group that is new opens a new message.
        let before = known("ts").zip(known("channel"));
        let standing = sending.notification.standing.as_ref();
        let is_all = standing.is_some_and(|standing| standing.is_all);
        let mut body = Map::new();
        let mut put = |key: &str, value: String| {
            if !value.is_empty() {
                body.insert(key.to_owned(), value.into());
            }
        };
        put("channel", channel);
        for key in ["username", "icon_emoji", "icon_url"] {
            put(key, sending.text(key, self.template(key)));
        }
        let in_thread = is_all && self.thread_replies && !self.update_message;
        put(
            "text",
            if in_thread {
                acknowledgement(sending).unwrap_or_else(|| "Given back: nobody has it any more".to_owned())
            } else {
                sending.text("message_text", self.template("message_text"))
            },
        );
        match &before {
            Some((ts, channel)) if self.update_message || (is_all && !self.thread_replies) => {
                put("ts", ts.clone());
                put("channel", channel.clone());
                url = url.replace("chat.postMessage", "chat.update");
            }
            Some((ts, channel)) if self.thread_replies => {
                put("thread_ts", ts.clone());
                put("channel", channel.clone());
            }
            _ => {}
        }
        if self.link_names {
            body.insert("link_names".to_owned(), true.into());
        }
        if !in_thread {
            body.insert("attachments".to_owned(), json!([self.attachment(sending)]));
        }
        let mut request = Request::json(&url, Value::Object(body).to_string()).within(self.timeout);
        if let Some(token) = &self.app_token {
            request = request.header("authorization", format!("Bearer {}", sending.reveal(token).await?));
        }
        if url.contains("/api/chat.") || self.app_token.is_some() {
            request.headers.retain(|(name, _)| name.as_str() != "content-type");
            request = request.header("content-type", "application/json; charset=utf-8");
        }
        let answer = sending.exchange(&self.http_config, request).await?;
        let mut attempt = judged(&answer);
        if attempt.outcome == Outcome::Delivered {
            attempt.receipt =
                receipt(&answer, before.filter(|_| is_all || (self.thread_replies && !self.update_message)));
            if attempt.receipt.is_some() && !sending.notification.is_firing() && !self.thread_replies {
                // What fires next is a new story, in a message of its own.
                attempt.receipt = attempt.receipt.filter(|_| self.update_message);
            }
            attempt.receipt = attempt.receipt.map(|receipt| match standing {
                Some(standing) => with_standing(receipt, &standing.mark),
                None => receipt,
            });
        }
        Ok(attempt)
    }
}

/// Who has taken the incident on, as Slack writes it. What people typed is text, and calls nobody.
fn acknowledgement(sending: &Sending<'_>) -> Option<String> {
    let line = sending.notification.standing.as_ref().and_then(Standing::line)?;
    let plain = line.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    Some(format!(":white_check_mark: {plain}"))
}

/// Slack says in the body whether it worked.
fn judged(answer: &Answer) -> Attempt {
    if !answer.is_success() {
        return answer.judged(&[]);
    }
    let said = match answer.said() {
        Ok(said) => said,
        Err(unknown) => return unknown,
    };
    let Some(ok) = said.get("ok").and_then(Value::as_bool) else {
        // A webhook answers `ok`, and nothing else.
        let ok = answer.body.trim() == "ok" || answer.body.trim().is_empty();
        return if ok {
            Attempt::delivered(answer.status)
        } else {
            answer.failed(false, &format!("unexpected answer from Slack: {}", answer.words()))
        };
    };
    if ok {
        return Attempt::delivered(answer.status);
    }
    let error = said.get("error").and_then(Value::as_str).unwrap_or("unknown error");
    let passing = matches!(
        error,
        "ratelimited"
            | "rate_limited"
            | "message_limit_exceeded"
            | "internal_error"
            | "fatal_error"
            | "service_unavailable"
            | "request_timeout"
            | "team_added_to_org"
    );
    answer.failed(passing, &format!("error response from Slack: {error}"))
}

/// Where the message is: the first one of a thread stays the one to answer to.
fn receipt(answer: &Answer, thread: Option<(String, String)>) -> Option<Receipt> {
    let said = answer.json();
    let found = || {
        let text = |key: &str| said.get(key).and_then(Value::as_str).map(str::to_owned);
        text("ts").zip(text("channel"))
    };
    let (ts, channel) = thread.or_else(found)?;
    Some(Receipt::from([("ts".to_owned(), ts), ("channel".to_owned(), channel)]))
}

fn take_fields(section: &mut Section) -> Result<Vec<(Pairs, Option<bool>)>, Problem> {
    let mut fields = Vec::new();
    for item in section.list("fields")? {
        let mut inner = Section::open_item(item, "Slack field")?;
        let mut field = Pairs::new();
        for key in ["title", "value"] {
            field.insert(key.to_owned(), read::required(&mut inner, key)?);
        }
        let short = inner.flag("short")?;
        inner.finish()?;
        fields.push((field, short));
    }
    Ok(fields)
}

fn take_actions(section: &mut Section) -> Result<Vec<(Pairs, Option<Pairs>)>, Problem> {
    let mut actions = Vec::new();
    for item in section.list("actions")? {
        let mut inner = Section::open_item(item, "Slack action")?;
        let mut action = Pairs::new();
        for key in ["type", "text"] {
            action.insert(key.to_owned(), read::required(&mut inner, key)?);
        }
        for key in ["url", "style", "name", "value"] {
            if let Some(text) = inner.text(key)? {
                action.insert(key.to_owned(), text);
            }
        }
        if action.get("url").is_none_or(String::is_empty) && action.get("name").is_none_or(String::is_empty) {
            return Err(inner.problem("missing name or url in Slack action configuration"));
        }
        let confirm = match inner.section("confirm", "Slack confirmation")? {
            Some(mut dialog) => {
                let mut texts = Pairs::from([("text".to_owned(), read::required(&mut dialog, "text")?)]);
                for key in ["title", "ok_text", "dismiss_text"] {
                    if let Some(text) = dialog.text(key)? {
                        texts.insert(key.to_owned(), text);
                    }
                }
                dialog.finish()?;
                Some(texts)
            }
            None => None,
        };
        inner.finish()?;
        actions.push((action, confirm));
    }
    Ok(actions)
}

fn button(sending: &Sending<'_>, (action, confirm): &(Pairs, Option<Pairs>)) -> Value {
    let filled = |texts: &Pairs| -> Map<String, Value> {
        let texts = texts.iter().map(|(key, template)| (key.clone(), sending.text(key, template)));
        texts.filter(|(_, text)| !text.is_empty()).map(|(key, text)| (key, text.into())).collect()
    };
    let mut button = filled(action);
    // A button that is answered here says which group it is about.
    let is_ours = button.get("name").and_then(Value::as_str).is_some_and(|name| BUTTONS.contains(&name));
    if is_ours && !button.contains_key("url") {
        button.entry("value").or_insert_with(|| sending.key_hash().into());
    }
    if let Some(confirm) = confirm {
        button.insert("confirm".to_owned(), Value::Object(filled(confirm)));
    }
    Value::Object(button)
}

/// For channels that show fields as Slack does.
pub(crate) fn plain_fields(
    section: &mut Section,
    key: &'static str,
    keys: &[&'static str],
) -> Result<Vec<Pairs>, Problem> {
    records(section, key, keys, &["title", "value"])
}
