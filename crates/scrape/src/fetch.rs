//! Asking one target over HTTP: the request, the bounds on the answer, and what kind of answer it is.

mod client;
mod pinned;
pub(crate) mod protocol;

use crate::config::ScrapeConfig;
use crate::config::client::{Credentials, Source};
use crate::error::ScrapeError;
use pinned::Pinned;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;
use watchfire_settings::http;

pub use client::ClientError;

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
    credentials: Option<Credentials>,
    headers: Vec<(String, Vec<Source>)>,
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
            credentials: config.client.credentials.clone(),
            headers: config.client.headers.clone(),
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
        if let Some(credentials) = &self.credentials {
            let text = match credentials {
                Credentials::Basic { username, password } => {
                    let user = read(username, "the username").await?;
                    let password = match password {
                        Some(password) => read(password, "the password").await?,
                        None => String::new(),
                    };
                    format!("Basic {}", http::base64(format!("{user}:{password}").as_bytes()))
                }
                Credentials::Header { kind, credentials } => {
                    format!("{kind} {}", read(credentials, "the credentials").await?)
                }
                // Refused when the configuration is read.
                Credentials::OAuth2(_) => {
                    return Err(ScrapeError::Credentials {
                        what: "oauth2".to_owned(),
                        reason: "it is not supported for scraping".to_owned(),
                    });
                }
            };
            headers.insert(AUTHORIZATION, secret_header(&text, "the credentials")?);
        }
        for (name, values) in &self.headers {
            let Ok(header) = HeaderName::from_bytes(name.as_bytes()) else { continue };
            for value in values {
                headers.append(header.clone(), secret_header(&read(value, name).await?, name)?);
            }
        }
        Ok(headers)
    }
}

fn secret_header(text: &str, what: &str) -> Result<HeaderValue, ScrapeError> {
    let mut value = HeaderValue::from_str(text).map_err(|_| ScrapeError::Credentials {
        what: what.to_owned(),
        reason: "it holds characters that no HTTP header may hold".to_owned(),
    })?;
    value.set_sensitive(true);
    Ok(value)
}

/// The value of a source; a file is read anew every time, so that rotated credentials are picked up.
async fn read(source: &Source, what: &str) -> Result<String, ScrapeError> {
    match source {
        Source::Inline(secret) => Ok(secret.expose().to_owned()),
        Source::File(path) => {
            let path_read = path.clone();
            let text = tokio::task::spawn_blocking(move || http::read_small(&path_read)).await;
            let failed = |reason: String| ScrapeError::Credentials {
                what: format!("{what} from {}", path.display()),
                reason,
            };
            match text {
                Ok(Ok(bytes)) => match String::from_utf8(bytes) {
                    Ok(text) => Ok(text.trim().to_owned()),
                    Err(_) => Err(failed("it is not UTF-8".to_owned())),
                },
                Ok(Err(error)) => Err(failed(error.to_string())),
                Err(error) => Err(failed(error.to_string())),
            }
        }
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
