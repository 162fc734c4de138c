//! Asking one target over HTTP: the request, the bounds on the answer, and what kind of answer it is.

mod client;
mod identity;
mod pinned;
pub(crate) mod protocol;

use crate::config::ScrapeConfig;
use crate::error::ScrapeError;
use pinned::Pinned;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

pub use client::ClientError;
pub(crate) use client::Ready;
pub(crate) use identity::Identity;

/// No body may be larger than this, in bytes, whatever the configuration says.
pub const HARD_BODY_LIMIT_BYTES: u64 = 256 << 20;

/// What a target answered.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The body, uncompressed.
    pub(crate) body: Vec<u8>,
    /// The `Content-Type`, if it came.
    pub(crate) content_type: Option<String>,
}

/// Asks the targets of one job.
#[derive(Clone)]
pub(crate) struct Fetcher {
    client: reqwest::Client,
    pinned: Option<Arc<Pinned>>,
    accept: HeaderValue,
    identity: Arc<Identity>,
    body_limit_bytes: u64,
}

impl Fetcher {
    /// Builds the client of a job. Reads certificates.
    pub(crate) fn new(config: &Arc<ScrapeConfig>, user_agent: &str) -> Result<Self, ClientError> {
        let limit = config.limits.body_size_bytes;
        let accept = protocol::accept_header(config);
        let server_name = config.client.tls.server_name.as_deref();
        Ok(Self {
            client: client::build(config, user_agent, None)?,
            pinned: server_name.map(|name| Arc::new(Pinned::new(name, config, user_agent))),
            accept: HeaderValue::from_str(&accept).unwrap_or(HeaderValue::from_static("*/*")),
            identity: Arc::new(Identity::new(&config.client, user_agent)),
            body_limit_bytes: if limit == 0 {
                HARD_BODY_LIMIT_BYTES
            } else {
                limit.min(HARD_BODY_LIMIT_BYTES)
            },
        })
    }

    /// Asks, and reads the whole answer, within `timeout`. `expected_bytes` is the size of the last body.
    pub(crate) async fn fetch(
        &self,
        url: &str,
        timeout: Duration,
        expected_bytes: usize,
    ) -> Result<Answer, ScrapeError> {
        match tokio::time::timeout(timeout, self.ask(url, timeout, expected_bytes)).await {
            Ok(answer) => answer,
            Err(_) => Err(ScrapeError::Timeout { url: url.to_owned() }),
        }
    }

    async fn ask(&self, url: &str, timeout: Duration, expected_bytes: usize) -> Result<Answer, ScrapeError> {
        let unreachable =
            |error: reqwest::Error| ScrapeError::Unreachable { url: url.to_owned(), reason: causes(error) };
        let headers = self.headers(timeout).await?;
        let request = match &self.pinned {
            Some(pinned) if url.starts_with("https:") => pinned.request(url).await?,
            _ => self.client.get(url),
        };
        let mut response = request.headers(headers).send().await.map_err(unreachable)?;
        let status = response.status();
        if status == reqwest::StatusCode::UNAUTHORIZED {
            self.identity.was_refused().await;
        }
        if status != reqwest::StatusCode::OK {
            return Err(ScrapeError::Status(status.to_string()));
        }
        let content_type = response
            .headers()
            .get(CONTENT_TYPE)
            .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        let too_large = || ScrapeError::BodyTooLarge { limit_bytes: self.body_limit_bytes };
        if response.content_length().is_some_and(|length| length > self.body_limit_bytes) {
            return Err(too_large());
        }
        let mut body: Vec<u8> = Vec::with_capacity(expected_bytes.min(64 << 20));
        while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
            let length = body.len().saturating_add(chunk.len());
            if u64::try_from(length).map_or(true, |length| length > self.body_limit_bytes) {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { body, content_type })
    }

    async fn headers(&self, timeout: Duration) -> Result<HeaderMap, ScrapeError> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, self.accept.clone());
        if let Ok(seconds) = HeaderValue::from_str(&timeout.as_secs_f64().to_string()) {
            headers.insert(HeaderName::from_static("x-prometheus-scrape-timeout-seconds"), seconds);
        }
        self.identity.add_to(&mut headers).await?;
        Ok(headers)
    }
}

/// An error and what caused it, without the URL, which is told anyway.
fn causes(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tls_tests;
