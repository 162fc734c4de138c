//! `tls_config.server_name`: the name a target's certificate is checked against when it is not the address's own.
//!
//! The name goes into the URL, so that both the greeting (SNI) and the check use it, and a resolver of our own sends
//! the connection to the target's address all the same. The `Host` header stays the target's.

use super::client::{self, ClientError};
use crate::config::ScrapeConfig;
use crate::error::ScrapeError;
use reqwest::header::{HOST, HeaderValue};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use watchfire_settings::http::PinnedResolver;

/// One client per host, because connections are shared by the name in the URL, which is the same for all of them.
pub(super) struct Pinned {
    server_name: String,
    config: Arc<ScrapeConfig>,
    user_agent: String,
    clients: Mutex<HashMap<String, reqwest::Client>>,
}

/// Hosts come and go with discovery; above this many the clients are forgotten and built anew.
const MAX_CLIENTS: usize = 10_000;

impl Pinned {
    pub(super) fn new(server_name: &str, config: &Arc<ScrapeConfig>, user_agent: &str) -> Self {
        Self {
            server_name: server_name.to_owned(),
            config: Arc::clone(config),
            user_agent: user_agent.to_owned(),
            clients: Mutex::default(),
        }
    }

    /// A request to an `https` URL under the name its certificate must have.
    pub(super) async fn request(&self, url: &str) -> Result<reqwest::RequestBuilder, ScrapeError> {
        let failed = |reason: String| ScrapeError::Unreachable { url: url.to_owned(), reason };
        let mut parsed = reqwest::Url::parse(url).map_err(|error| failed(error.to_string()))?;
        let host = parsed.host_str().unwrap_or("").to_owned();
        let authority = match parsed.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.clone(),
        };
        let client = self.client(&host).await.map_err(|error| failed(error.to_string()))?;
        parsed.set_host(Some(&self.server_name)).map_err(|error| failed(error.to_string()))?;
        let authority = HeaderValue::from_str(&authority).map_err(|error| failed(error.to_string()))?;
        Ok(client.get(parsed).header(HOST, authority))
    }

    async fn client(&self, host: &str) -> Result<reqwest::Client, ClientError> {
        let known = self.clients.lock().unwrap_or_else(PoisonError::into_inner).get(host).cloned();
        if let Some(client) = known {
            return Ok(client);
        }
        let resolver = Arc::new(PinnedResolver::new(&self.server_name, host));
        let (config, user_agent) = (Arc::clone(&self.config), self.user_agent.clone());
        // Building reads certificates.
        let building =
            tokio::task::spawn_blocking(move || client::build(&config, &user_agent, Some(resolver))).await;
        let client = building.map_err(|error| ClientError::new(&self.config, error.to_string()))??;
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if clients.len() >= MAX_CLIENTS {
            clients.clear();
        }
        clients.insert(host.to_owned(), client.clone());
        Ok(client)
    }
}
