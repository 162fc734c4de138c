//! One attempt to deliver a notification, and what to make of the answer.

use crate::config::{Credentials, Webhook};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use std::time::Duration;
use watchfire_ledger::{Job, Outcome};

/// How long an attempt may take where the receiver says nothing.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);
/// How much of an error's text is kept.
const MAX_ERROR_BYTES: usize = 1024;
/// The longest pause a destination may ask for.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(60 * 60);

/// What became of an attempt.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    pub(crate) outcome: Outcome,
    pub(crate) status: Option<u16>,
    pub(crate) error: Option<String>,
    /// The destination asks not to be called before.
    pub(crate) retry_after: Option<Duration>,
}

/// Posts a job's payload.
pub(crate) async fn post(client: &reqwest::Client, webhook: &Webhook, job: &Job, now_ms: i64) -> Attempt {
    let revealed = {
        let webhook = webhook.clone();
        tokio::task::spawn_blocking(move || reveal(&webhook)).await
    };
    let (url, authorization) = match revealed {
        Ok(Ok(revealed)) => revealed,
        Ok(Err(error)) => return failed(error.to_string()),
        Err(error) => return failed(error.to_string()),
    };
    let mut request = client
        .post(url)
        .timeout(webhook.timeout.unwrap_or(DEFAULT_TIMEOUT))
        .header(CONTENT_TYPE, "application/json")
        // The same for every attempt at the same content, so that a receiver can tell a repetition from news.
        .header("Idempotency-Key", format!("watchfire-{}-{}-{}", job.created_ms, job.id, job.generation))
        .body(job.payload.clone());
    if let Some(authorization) = authorization {
        request = request.header(AUTHORIZATION, authorization);
    }
    let response = match request.send().await {
        Ok(response) => response,
        // The address may be a secret.
        Err(error) => return failed(chain(&error.without_url())),
    };
    let status = response.status();
    if status.is_success() {
        return Attempt {
            outcome: Outcome::Delivered,
            status: Some(status.as_u16()),
            error: None,
            retry_after: None,
        };
    }
    let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| retry_after(value, now_ms));
    let passing = status.is_server_error() || matches!(status.as_u16(), 408 | 425 | 429);
    let words = first_words(response).await;
    Attempt {
        outcome: if passing { Outcome::Retry } else { Outcome::Dead },
        status: Some(status.as_u16()),
        error: Some(format!("unexpected status code {status}: {words}")),
        retry_after: retry_after.filter(|_| passing),
    }
}

fn failed(error: String) -> Attempt {
    Attempt { outcome: Outcome::Retry, status: None, error: Some(error), retry_after: None }
}

fn reveal(webhook: &Webhook) -> std::io::Result<(String, Option<HeaderValue>)> {
    let header = |text: String| {
        let mut value = HeaderValue::try_from(text).map_err(std::io::Error::other)?;
        value.set_sensitive(true);
        Ok::<_, std::io::Error>(value)
    };
    let authorization = match &webhook.credentials {
        None => None,
        Some(Credentials::Basic { username, password }) => {
            Some(header(format!("Basic {}", base64(&format!("{username}:{}", password.reveal()?))))?)
        }
        Some(Credentials::Authorization { kind, credentials }) => {
            Some(header(format!("{kind} {}", credentials.reveal()?))?)
        }
    };
    Ok((webhook.url.reveal()?, authorization))
}

fn base64(text: &str) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut encoded = String::with_capacity(text.len().div_ceil(3) * 4);
    for chunk in text.as_bytes().chunks(3) {
        let bits =
            chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let index = (bits >> (18 - 6 * place) & 63) as usize;
            let letter = ALPHABET.get(index).copied().unwrap_or(b'=');
            encoded.push(if place > chunk.len() { '=' } else { char::from(letter) });
        }
    }
    encoded
}

/// Seconds, or a date.
fn retry_after(value: &HeaderValue, now_ms: i64) -> Option<Duration> {
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

async fn first_words(mut response: reqwest::Response) -> String {
    let mut words = Vec::new();
    while words.len() < MAX_ERROR_BYTES {
        match response.chunk().await {
            Ok(Some(chunk)) => words.extend_from_slice(&chunk),
            Ok(None) | Err(_) => break,
        }
    }
    words.truncate(MAX_ERROR_BYTES);
    String::from_utf8_lossy(&words).split_whitespace().collect::<Vec<_>>().join(" ")
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let words = inner.to_string();
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        source = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_padded() {
        for (text, encoded) in
            [("", ""), ("a", "YQ=="), ("ab", "YWI="), ("abc", "YWJj"), ("u:hunter2", "dTpodW50ZXIy")]
        {
            assert_eq!(base64(text), encoded);
        }
    }

    #[test]
    fn a_pause_is_asked_for_in_seconds_or_by_date_and_bounded() {
        let pause = |text: &str| retry_after(&HeaderValue::from_str(text).unwrap(), 1_700_000_000_000);
        assert_eq!(pause("7"), Some(Duration::from_secs(7)));
        assert_eq!(pause("Tue, 14 Nov 2023 22:13:50 GMT"), Some(Duration::from_secs(30)));
        assert_eq!(pause("999999999"), Some(MAX_RETRY_AFTER));
        assert_eq!(pause("soon"), None);
    }
}
