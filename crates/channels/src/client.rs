//! HTTP clients and the tokens they are given, kept while the configuration is in force.

use reqwest::header::HeaderValue;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use watchfire_settings::client::ClientConfig;
use watchfire_settings::http::{self, PinnedResolver};

/// More clients or tokens than this are forgotten and made anew.
const MOST: usize = 256;

/// A client for a configuration, and for one host where the certificate's name is set.
type Known = (ClientConfig, Option<String>, reqwest::Client);

/// Clients by their configuration, and OAuth 2 tokens.
#[derive(Default)]
pub(crate) struct Clients {
    clients: Mutex<Vec<Known>>,
    tokens: Mutex<HashMap<String, (String, i64)>>,
}

impl fmt::Debug for Clients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clients").finish_non_exhaustive()
    }
}

/// A client, the URL to ask it for, and the `Host` header where the URL's host is another.
pub(crate) struct Ready {
    pub(crate) client: reqwest::Client,
    pub(crate) url: reqwest::Url,
    pub(crate) host: Option<HeaderValue>,
}

impl Clients {
    /// The client of a configuration for a URL. Reads certificates; blocks then.
    pub(crate) fn ready(&self, config: &ClientConfig, url: &str) -> Result<Ready, String> {
        let mut url = reqwest::Url::parse(url).map_err(|error| format!("invalid URL: {error}"))?;
        let mut host = None;
        let mut pinned = None;
        if let (Some(name), "https", Some(own)) = (&config.tls.server_name, url.scheme(), url.host_str()) {
            let own = own.to_owned();
            let authority = match url.port() {
                Some(port) => format!("{own}:{port}"),
                None => own.clone(),
            };
            host = Some(HeaderValue::from_str(&authority).map_err(|error| error.to_string())?);
            url.set_host(Some(name)).map_err(|error| format!("server_name: {error}"))?;
            pinned = Some(own);
        }
        let client = self.client(config, pinned)?;
        Ok(Ready { client, url, host })
    }

    fn client(&self, config: &ClientConfig, pinned: Option<String>) -> Result<reqwest::Client, String> {
        let fixed = !config.tls.reads_files();
        {
            let clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
            let known = clients.iter().find(|(other, host, _)| other == config && *host == pinned);
            if let (true, Some((_, _, client))) = (fixed, known) {
                return Ok(client.clone());
            }
        }
        let resolver = match (&config.tls.server_name, &pinned) {
            (Some(name), Some(host)) => Some(Arc::new(PinnedResolver::new(name, host))),
            _ => None,
        };
        let agent = concat!("Watchfire/", env!("CARGO_PKG_VERSION"));
        let client = http::build(config, agent, true, resolver)?;
        if fixed {
            let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
            if clients.len() >= MOST {
                clients.clear();
            }
            clients.push((config.clone(), pinned, client.clone()));
        }
        Ok(client)
    }

    /// A token that is still good.
    pub(crate) fn token(&self, key: &str, now_ms: i64) -> Option<String> {
        let tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.get(key).filter(|(_, until_ms)| *until_ms > now_ms).map(|(token, _)| token.clone())
    }

    /// Keeps a token.
    pub(crate) fn keep_token(&self, key: &str, token: &str, until_ms: i64) {
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        if tokens.len() >= MOST {
            tokens.clear();
        }
        tokens.insert(key.to_owned(), (token.to_owned(), until_ms));
    }

    /// Forgets a token that was refused.
    pub(crate) fn drop_token(&self, key: &str) {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}
