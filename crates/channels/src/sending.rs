//! What every channel does when it sends: secrets revealed, requests made, answers judged.

use crate::attempt::{Attempt, Outcome, Receipt};
use crate::channel::Tools;
use crate::notification::Notification;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use std::time::Duration;
use watchfire_settings::client::{ClientConfig, Credentials, Source};
use watchfire_settings::http;

/// How long an attempt may take where the receiver says nothing.
pub(crate) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);
/// How much of an answer is read.
const MAX_ANSWER_BYTES: usize = 64 << 10;
/// How much of an answer's text is kept in an error.
const MAX_ERROR_BYTES: usize = 1024;
/// The longest pause a destination may ask for.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(60 * 60);

/// One attempt under way.
#[derive(Debug)]
pub(crate) struct Sending<'a> {
    pub(crate) tools: &'a Tools,
    pub(crate) notification: &'a Notification,
    #[expect(dead_code, reason = "no channel that remembers is built yet")]
    pub(crate) receipt: Option<&'a Receipt>,
}

/// What a server said.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The body, as far as it is read.
    pub(crate) body: String,
    pub(crate) retry_after: Option<Duration>,
}

/// A request to be made.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: reqwest::Method,
    pub(crate) url: String,
    pub(crate) headers: Vec<(HeaderName, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) timeout: Duration,
}

impl Request {
    /// A POST of JSON.
    pub(crate) fn json(url: impl Into<String>, body: impl Into<Vec<u8>>) -> Self {
        Self {
            method: reqwest::Method::POST,
            url: url.into(),
            headers: vec![(reqwest::header::CONTENT_TYPE, "application/json".to_owned())],
            body: body.into(),
            timeout: DEFAULT_TIMEOUT,
        }
    }
}

impl<'a> Sending<'a> {
    pub(crate) fn new(
        tools: &'a Tools,
        notification: &'a Notification,
        receipt: Option<&'a Receipt>,
    ) -> Self {
        Self { tools, notification, receipt }
    }

    /// A secret; a file is read anew.
    pub(crate) async fn reveal(&self, source: &Source) -> Result<String, Attempt> {
        let source = source.clone();
        match tokio::task::spawn_blocking(move || source.reveal()).await {
            Ok(Ok(secret)) => Ok(secret),
            Ok(Err(error)) => Err(Attempt::retry(error)),
            Err(error) => Err(Attempt::retry(error.to_string())),
        }
    }

    /// Makes a request and reads what comes back.
    pub(crate) async fn exchange(&self, client: &ClientConfig, request: Request) -> Result<Answer, Attempt> {
        let built = self.client(client).await?;
        let mut headers = self.credentials(client).await?;
        for (name, value) in &request.headers {
            let value = HeaderValue::from_str(value)
                .map_err(|_| Attempt::dead(format!("the header {name} holds characters it may not hold")))?;
            headers.insert(name.clone(), value);
        }
        let asked = built
            .request(request.method, &request.url)
            .timeout(request.timeout)
            .headers(headers)
            .body(request.body);
        let mut response = asked.send().await.map_err(|error| Attempt::retry(http::causes(error)))?;
        let status = response.status().as_u16();
        let now_ms = self.tools.now_ms();
        let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| pause(value, now_ms));
        let mut body = Vec::new();
        while body.len() < MAX_ANSWER_BYTES {
            match response.chunk().await {
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Ok(None) => break,
                // A success whose body breaks off is a success all the same: the status has been said.
                Err(_) => break,
            }
        }
        body.truncate(MAX_ANSWER_BYTES);
        Ok(Answer { status, body: String::from_utf8_lossy(&body).into_owned(), retry_after })
    }

    async fn client(&self, config: &ClientConfig) -> Result<reqwest::Client, Attempt> {
        let config = config.clone();
        let built = tokio::task::spawn_blocking(move || {
            http::build(&config, concat!("Watchfire/", env!("CARGO_PKG_VERSION")), true, None)
        });
        match built.await {
            Ok(Ok(client)) => Ok(client),
            Ok(Err(error)) => Err(Attempt::retry(error)),
            Err(error) => Err(Attempt::retry(error.to_string())),
        }
    }

    async fn credentials(&self, config: &ClientConfig) -> Result<HeaderMap, Attempt> {
        let mut headers = HeaderMap::new();
        let authorization = match &config.credentials {
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
            Some(Credentials::OAuth2(_)) => return Err(Attempt::dead("oauth2 is not supported yet")),
        };
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

    fn status_words(&self) -> String {
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
