//! What every channel does when it sends: secrets revealed, requests made, answers judged.

use crate::attempt::{Attempt, Outcome, Receipt};
use crate::channel::Tools;
use crate::notification::{Notification, Status};
use crate::templates::Prepared;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;
use watchfire_settings::client::{ClientConfig, Credentials, OAuth2, Source};
use watchfire_settings::http;
use watchfire_settings::secret::MASK;
use watchfire_templates::Mode;

/// How long an attempt may take where the receiver says nothing.
pub(crate) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);
/// How much of an answer is read.
const MAX_ANSWER_BYTES: usize = 64 << 10;
/// How much of an answer's text is kept in an error.
const MAX_ERROR_BYTES: usize = 1024;
/// The longest pause a destination may ask for.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(60 * 60);

/// One request and its answer, for people; secrets are masked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// What was sent: the request line, the headers and the body, or the dialogue so far.
    pub sent: String,
    /// What came back, or why nothing did.
    pub answered: String,
}

/// One attempt under way.
pub(crate) struct Sending<'a> {
    pub(crate) tools: &'a Tools,
    pub(crate) notification: &'a Notification,
    pub(crate) receipt: Option<&'a Receipt>,
    prepared: OnceLock<Prepared>,
    notes: Mutex<Vec<String>>,
    secrets: Mutex<Vec<String>>,
    exchanges: Mutex<Vec<Exchange>>,
    /// Whether somebody wants to see what is sent and answered.
    is_shown: bool,
}

/// What a server said.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The body, as far as it is read.
    pub(crate) body: String,
    /// Why there is no more of the body, if there should be.
    broke_off: Option<String>,
    pub(crate) retry_after: Option<Duration>,
}

/// A request to be made.
pub(crate) struct Request {
    pub(crate) method: reqwest::Method,
    pub(crate) url: String,
    pub(crate) headers: Vec<(HeaderName, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) timeout: Duration,
}

impl Request {
    /// A POST of a form.
    pub(crate) fn form(url: impl Into<String>, fields: &[(&str, String)]) -> Self {
        let pairs: Vec<String> = fields
            .iter()
            .map(|(name, value)| {
                let (name, value) = (crate::encoding::form(name), crate::encoding::form(value));
                format!("{name}={value}")
            })
            .collect();
        Self {
            headers: vec![(CONTENT_TYPE, "application/x-www-form-urlencoded".to_owned())],
            ..Self::json(url, pairs.join("&"))
        }
    }

    /// The same with a header more.
    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((HeaderName::from_static(name), value.into()));
        self
    }

    /// The same with the time that one attempt may take, where it is set.
    pub(crate) fn within(mut self, timeout: Option<Duration>) -> Self {
        self.timeout = timeout.unwrap_or(self.timeout);
        self
    }

    /// A POST of JSON.
    pub(crate) fn json(url: impl Into<String>, body: impl Into<Vec<u8>>) -> Self {
        Self {
            method: reqwest::Method::POST,
            url: url.into(),
            headers: vec![(CONTENT_TYPE, "application/json".to_owned())],
            body: body.into(),
            timeout: DEFAULT_TIMEOUT,
        }
    }
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<'a> Sending<'a> {
    pub(crate) fn new(
        tools: &'a Tools,
        notification: &'a Notification,
        receipt: Option<&'a Receipt>,
        is_shown: bool,
    ) -> Self {
        Self {
            tools,
            notification,
            receipt,
            prepared: OnceLock::new(),
            notes: Mutex::default(),
            secrets: Mutex::default(),
            exchanges: Mutex::default(),
            is_shown,
        }
    }

    /// Ends the attempt: failed templates are noted, and secrets masked.
    pub(crate) fn finish(self, mut attempt: Attempt) -> (Attempt, Vec<Exchange>) {
        let notes = held(&self.notes).join("; ");
        if !notes.is_empty() {
            let error = attempt.error.take().map_or_else(String::new, |error| format!("{error}; "));
            attempt.error = Some(format!("{error}{notes}"));
        }
        attempt.error = attempt.error.map(|error| self.masked(&error));
        // Once more, for secrets that an answer itself told of.
        let exchanges = std::mem::take(&mut *held(&self.exchanges));
        let masked = |exchange: Exchange| Exchange {
            sent: self.masked(&exchange.sent),
            answered: self.masked(&exchange.answered),
        };
        (attempt, exchanges.into_iter().map(masked).collect())
    }

    /// A text without the secrets that were revealed so far.
    pub(crate) fn masked(&self, text: &str) -> String {
        let secrets = held(&self.secrets);
        secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), MASK))
    }

    /// Something that must not be shown.
    pub(crate) fn hide(&self, secret: &str) {
        // Anything shorter stands in every text.
        if secret.len() >= 4 {
            let mut secrets = held(&self.secrets);
            if !secrets.iter().any(|known| known == secret) {
                secrets.push(secret.to_owned());
                // The longest first, so that no part of one stays behind.
                secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
            }
        }
    }

    /// Keeps what was sent and answered, for people.
    pub(crate) fn show(&self, sent: &str, answered: &str) {
        if !self.is_shown {
            return;
        }
        let exchange = Exchange { sent: self.masked(sent), answered: self.masked(answered) };
        held(&self.exchanges).push(exchange);
    }

    /// Remembers something that did not go as configured and did not stop the delivery.
    pub(crate) fn note(&self, note: String) {
        held(&self.notes).push(note);
    }

    pub(crate) fn expand(&self, template: &str, mode: Mode) -> Result<String, String> {
        if !template.contains("{{") && mode == Mode::Text {
            return Ok(template.to_owned());
        }
        let prepared = self.prepared.get_or_init(|| self.tools.templates().prepared(self.notification));
        prepared.expand(template, mode)
    }

    /// A field beside the message. Empty where its template fails, which is noted.
    pub(crate) fn text(&self, field: &str, template: &str) -> String {
        self.expand(template, Mode::Text).unwrap_or_else(|error| {
            self.note(format!("{field}: {error}"));
            String::new()
        })
    }

    /// A field that people read. A plain text where its template fails, which is noted there too.
    pub(crate) fn message(&self, field: &str, template: &str) -> String {
        self.expand(template, Mode::Text).unwrap_or_else(|error| {
            self.note(format!("{field}: {error}"));
            format!("{}\n(the template of {field} failed: {error})", self.plain())
        })
    }

    /// A title. Short and plain where its template fails, which is noted.
    pub(crate) fn title(&self, field: &str, template: &str) -> String {
        self.expand(template, Mode::Text).unwrap_or_else(|error| {
            self.note(format!("{field}: {error}"));
            self.subject()
        })
    }

    /// A field without which nobody can be told.
    pub(crate) fn required(&self, field: &str, template: &str) -> Result<String, Attempt> {
        self.expand(template, Mode::Text).map_err(|error| Attempt::dead(format!("{field}: {error}")))
    }

    /// A secret that is also a template.
    pub(crate) async fn required_secret(&self, field: &str, source: &Source) -> Result<String, Attempt> {
        let template = self.reveal(source).await?;
        let text = self.required(field, &template)?;
        self.hide(&text);
        Ok(text)
    }

    /// What happened, without any template: `[FIRING:2] Down api`.
    pub(crate) fn subject(&self) -> String {
        let notification = self.notification;
        let values: Vec<&str> = notification.group_labels.values().map(String::as_str).collect();
        let firing = notification.alerts.iter().filter(|alert| alert.status == Status::Firing).count();
        match notification.status {
            Status::Firing => format!("[FIRING:{firing}] {}", values.join(" ")),
            Status::Resolved => format!("[RESOLVED] {}", values.join(" ")),
        }
    }

    /// The subject, and the labels of the first alerts.
    pub(crate) fn plain(&self) -> String {
        const MOST: usize = 10;
        let mut text = self.subject();
        let alerts = &self.notification.alerts;
        for alert in alerts.iter().take(MOST) {
            let labels: Vec<String> =
                alert.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
            text.push_str(&format!("\n{}: {}", alert.status.as_str(), labels.join(", ")));
        }
        if alerts.len() > MOST {
            text.push_str(&format!("\nand {} more", alerts.len() - MOST));
        }
        text
    }

    /// The group's identity for other systems: the hash of its key.
    pub(crate) fn key_hash(&self) -> String {
        crate::answers::group_identity(&self.notification.group_key)
    }

    /// A secret; a file is read anew.
    pub(crate) async fn reveal(&self, source: &Source) -> Result<String, Attempt> {
        if let Source::Inline(secret) = source {
            self.hide(secret.expose());
            return Ok(secret.expose().to_owned());
        }
        let source = source.clone();
        let revealed = match tokio::task::spawn_blocking(move || source.reveal()).await {
            Ok(Ok(secret)) => secret,
            Ok(Err(error)) => return Err(Attempt::retry(error)),
            Err(error) => return Err(Attempt::retry(error.to_string())),
        };
        self.hide(&revealed);
        Ok(revealed)
    }

    /// Makes a request and reads what comes back.
    pub(crate) async fn exchange(&self, client: &ClientConfig, request: Request) -> Result<Answer, Attempt> {
        let authorization = self.authorization(client).await?;
        self.exchange_with(client, request, authorization).await
    }

    async fn exchange_with(
        &self,
        client: &ClientConfig,
        request: Request,
        authorization: Option<String>,
    ) -> Result<Answer, Attempt> {
        let mut headers = self.headers(client, authorization).await?;
        for (name, value) in &request.headers {
            headers.insert(name.clone(), secret_header(value, name.as_str())?);
        }
        let shown = if self.is_shown { self.shown(&request, &headers) } else { String::new() };
        // Building a client may read small files, at most once for each attempt.
        let ready = self.tools.clients.ready(client, &request.url).map_err(Attempt::dead)?;
        if let Some(host) = ready.host {
            headers.insert(reqwest::header::HOST, host);
        }
        let asked = ready
            .client
            .request(request.method, ready.url)
            .timeout(request.timeout)
            .headers(headers)
            .body(request.body);
        match self.answer(asked).await {
            Ok(answer) => {
                self.show(&shown, &format!("{}\n{}", answer.status_words(), answer.body));
                Ok(answer)
            }
            Err(error) => {
                self.show(&shown, &error);
                Err(Attempt::retry(error))
            }
        }
    }

    async fn answer(&self, asked: reqwest::RequestBuilder) -> Result<Answer, String> {
        let mut response = asked.send().await.map_err(http::causes)?;
        let status = response.status().as_u16();
        let now_ms = self.tools.now_ms();
        let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| pause(value, now_ms));
        let (mut body, mut broke_off) = (Vec::new(), None);
        while body.len() < MAX_ANSWER_BYTES {
            match response.chunk().await {
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Ok(None) => break,
                // The status has been said. Where that is not all that counts, see `Answer::said`.
                Err(error) => {
                    broke_off = Some(http::causes(error));
                    break;
                }
            }
        }
        body.truncate(MAX_ANSWER_BYTES);
        Ok(Answer { status, body: String::from_utf8_lossy(&body).into_owned(), broke_off, retry_after })
    }

    fn shown(&self, request: &Request, headers: &HeaderMap) -> String {
        let mut shown = format!("{} {}\n", request.method, request.url);
        for (name, value) in headers {
            let plain = *name == CONTENT_TYPE || name.as_str() == "idempotency-key";
            let value = if plain { value.to_str().unwrap_or(MASK) } else { MASK };
            shown.push_str(&format!("{name}: {value}\n"));
        }
        shown.push('\n');
        shown.push_str(&String::from_utf8_lossy(&request.body));
        shown
    }

    async fn authorization(&self, config: &ClientConfig) -> Result<Option<String>, Attempt> {
        Ok(match &config.credentials {
            None => None,
            Some(Credentials::Basic { username, password }) => {
                let user = self.reveal(username).await?;
                let password = match password {
                    Some(password) => self.reveal(password).await?,
                    None => String::new(),
                };
                Some(format!("Basic {}", http::base64(format!("{user}:{password}").as_bytes())))
            }
            Some(Credentials::Header { kind, credentials }) => {
                Some(format!("{kind} {}", self.reveal(credentials).await?))
            }
            Some(Credentials::OAuth2(oauth)) => Some(format!("Bearer {}", self.token(oauth).await?)),
        })
    }

    /// A token by client credentials, fetched when there is none that is good for a while yet.
    async fn token(&self, oauth: &OAuth2) -> Result<String, Attempt> {
        const MARGIN_MS: i64 = 10_000;
        let secret = self.reveal(&oauth.client_secret).await?;
        let scopes = oauth.scopes.join(" ");
        let key = crate::encoding::sha256_hex(
            [oauth.token_url.as_str(), &oauth.client_id, &secret, &scopes].join("\0").as_bytes(),
        );
        let now_ms = self.tools.now_ms();
        if let Some(token) = self.tools.clients.token(&key, now_ms.saturating_add(MARGIN_MS)) {
            self.hide(&token);
            return Ok(token);
        }
        let mut form = vec![("grant_type", "client_credentials".to_owned())];
        if !scopes.is_empty() {
            form.push(("scope", scopes));
        }
        for (name, value) in &oauth.endpoint_params {
            form.push((name, value.expose().to_owned()));
        }
        let basic = http::base64(format!("{}:{secret}", oauth.client_id).as_bytes());
        let request = Request::form(&oauth.token_url, &form);
        let asked = self.exchange_with(&oauth.client, request, Some(format!("Basic {basic}")));
        let mut answer = Box::pin(asked).await?;
        if matches!(answer.status, 400 | 401) {
            // Some servers want the secret among the parameters.
            form.push(("client_id", oauth.client_id.clone()));
            form.push(("client_secret", secret));
            let request = Request::form(&oauth.token_url, &form);
            answer = Box::pin(self.exchange_with(&oauth.client, request, None)).await?;
        }
        if !answer.is_success() {
            let judged = answer.judged(&[]);
            let error = format!("oauth2: {}", judged.error.as_deref().unwrap_or_default());
            return Err(Attempt { error: Some(error), ..judged });
        }
        let answered: serde_json::Value = serde_json::from_str(&answer.body).unwrap_or_default();
        let Some(token) = answered.get("access_token").and_then(serde_json::Value::as_str) else {
            return Err(Attempt::retry("oauth2: the answer holds no access_token"));
        };
        self.hide(token);
        let seconds = answered.get("expires_in").and_then(serde_json::Value::as_i64).unwrap_or(300);
        self.tools.clients.keep_token(&key, token, now_ms.saturating_add(seconds.saturating_mul(1000)));
        Ok(token.to_owned())
    }

    async fn headers(
        &self,
        config: &ClientConfig,
        authorization: Option<String>,
    ) -> Result<HeaderMap, Attempt> {
        let mut headers = HeaderMap::new();
        if let Some(authorization) = authorization {
            headers.insert(AUTHORIZATION, secret_header(&authorization, "the credentials")?);
        }
        for (name, values) in &config.headers {
            let Ok(header) = HeaderName::from_bytes(name.as_bytes()) else { continue };
            for value in values {
                headers.append(header.clone(), secret_header(&self.reveal(value).await?, name)?);
            }
        }
        Ok(headers)
    }
}

fn secret_header(text: &str, what: &str) -> Result<HeaderValue, Attempt> {
    let mut value = HeaderValue::from_str(text)
        .map_err(|_| Attempt::dead(format!("{what} holds characters that no HTTP header may hold")))?;
    value.set_sensitive(true);
    Ok(value)
}

impl Answer {
    /// Whether the server agreed.
    pub(crate) const fn is_success(&self) -> bool {
        matches!(self.status, 200..=299)
    }

    /// What to make of the answer: success, worth another try (408, 425, 429, 5xx and what the receiver knows beside),
    /// or refused for good.
    pub(crate) fn judged(&self, also_passing: &[u16]) -> Attempt {
        if self.is_success() {
            return Attempt::delivered(self.status);
        }
        let passing = matches!(self.status, 408 | 425 | 429 | 500..) || also_passing.contains(&self.status);
        self.failed(passing, &format!("unexpected status code {}: {}", self.status_words(), self.words()))
    }

    /// The body as JSON, of servers that say in it whether it worked; null where it is none. Of one that broke off nobody
    /// knows what it would have said.
    pub(crate) fn said(&self) -> Result<serde_json::Value, Attempt> {
        match &self.broke_off {
            Some(error) if self.is_success() => {
                Err(self.failed(true, &format!("the answer broke off: {error}")))
            }
            _ => Ok(self.json()),
        }
    }

    /// The body as JSON; null where it is none.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// A failure with these words.
    pub(crate) fn failed(&self, passing: bool, error: &str) -> Attempt {
        Attempt {
            outcome: if passing { Outcome::Retry } else { Outcome::Dead },
            status: Some(self.status),
            error: Some(error.to_owned()),
            retry_after: self.retry_after.filter(|_| passing),
            receipt: None,
        }
    }

    pub(crate) fn status_words(&self) -> String {
        reqwest::StatusCode::from_u16(self.status)
            .map_or_else(|_| self.status.to_string(), |code| code.to_string())
    }

    /// The beginning of the body, on one line.
    pub(crate) fn words(&self) -> String {
        let mut words = self.body.split_whitespace().collect::<Vec<_>>().join(" ");
        let mut end = words.len().min(MAX_ERROR_BYTES);
        while !words.is_char_boundary(end) {
            end -= 1;
        }
        words.truncate(end);
        words
    }
}

/// Seconds, or a date.
fn pause(value: &HeaderValue, now_ms: i64) -> Option<Duration> {
    let text = value.to_str().ok()?.trim();
    let pause = match text.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let date = jiff::fmt::rfc2822::parse(text).ok()?.timestamp().as_millisecond();
            Duration::from_millis(u64::try_from(date.saturating_sub(now_ms)).unwrap_or(0))
        }
    };
    Some(pause.min(MAX_RETRY_AFTER))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_asked_for_in_seconds_or_by_date_and_bounded() {
        let pause = |text: &str| pause(&HeaderValue::from_str(text).unwrap(), 1_700_000_000_000);
        assert_eq!(pause("7"), Some(Duration::from_secs(7)));
        assert_eq!(pause("Tue, 14 Nov 2023 22:13:50 GMT"), Some(Duration::from_secs(30)));
        assert_eq!(pause("999999999"), Some(MAX_RETRY_AFTER));
        assert_eq!(pause("soon"), None);
    }
}
