//! Building the HTTP client of a job.

use crate::config::ScrapeConfig;
use crate::config::client::ClientConfig;
use reqwest::header::{HOST, HeaderValue};
use std::sync::Arc;
use watchfire_settings::http::{self, PinnedResolver};

/// Why the HTTP client of a job could not be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("job {job:?}: {reason}")]
pub struct ClientError {
    job: String,
    reason: String,
}

impl ClientError {
    pub(crate) fn new(config: &ScrapeConfig, reason: String) -> Self {
        Self { job: config.job_name.clone(), reason }
    }
}

/// Builds a client. Reads certificates.
pub(super) fn build(
    config: &ScrapeConfig,
    user_agent: &str,
    resolver: Option<Arc<PinnedResolver>>,
) -> Result<reqwest::Client, ClientError> {
    http::build(&config.client, user_agent, config.enable_compression, resolver)
        .map_err(|reason| ClientError::new(config, reason))
}

/// A client for one address: requests go out under the name that the server's certificate must have.
pub(crate) struct Ready {
    client: reqwest::Client,
    url: reqwest::Url,
    /// The `Host` header, where the URL's host is the certificate's name.
    host: Option<HeaderValue>,
}

impl Ready {
    /// Builds it where blocking is allowed, because certificates are read.
    pub(crate) async fn build(config: &ClientConfig, user_agent: &str, url: &str) -> Result<Self, String> {
        let (config, user_agent, url) = (config.clone(), user_agent.to_owned(), url.to_owned());
        let building = tokio::task::spawn_blocking(move || Self::build_blocking(&config, &user_agent, &url));
        building.await.map_err(|error| error.to_string())?
    }

    /// The same, blocking.
    pub(crate) fn build_blocking(config: &ClientConfig, user_agent: &str, url: &str) -> Result<Self, String> {
        let mut url = reqwest::Url::parse(url).map_err(|error| format!("invalid URL: {error}"))?;
        let (mut host, mut resolver) = (None, None);
        if let (Some(name), "https", Some(own)) = (&config.tls.server_name, url.scheme(), url.host_str()) {
            let own = own.to_owned();
            let authority = match url.port() {
                Some(port) => format!("{own}:{port}"),
                None => own.clone(),
            };
            host = Some(HeaderValue::from_str(&authority).map_err(|error| error.to_string())?);
            url.set_host(Some(name)).map_err(|error| format!("server_name: {error}"))?;
            resolver = Some(Arc::new(PinnedResolver::new(name, &own)));
        }
        let client = http::build(config, user_agent, true, resolver)?;
        Ok(Self { client, url, host })
    }

    /// A request to the address.
    pub(crate) fn request(&self, method: reqwest::Method) -> reqwest::RequestBuilder {
        let request = self.client.request(method, self.url.clone());
        match &self.host {
            Some(host) => request.header(HOST, host.clone()),
            None => request,
        }
    }
}
