//! Building HTTP clients as the configuration says, and what a request needs beside: encodings, small files.

use crate::client::{ClientConfig, Source, TlsVersion};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::io::Read;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Certificates and passwords are small; a larger file is a mistake.
const MAX_SECRET_FILE_BYTES: u64 = 4 << 20;

/// Redirects followed, as in Go's client.
const MAX_REDIRECTS: usize = 10;

/// Builds a client. Reads certificates. With a resolver, names are looked up by it.
///
/// # Errors
/// Says what in the configuration cannot be used.
pub fn build(
    client: &ClientConfig,
    user_agent: &str,
    gzip: bool,
    resolver: Option<Arc<PinnedResolver>>,
) -> Result<reqwest::Client, String> {
    let mut builder = reqwest::Client::builder()
        .user_agent(user_agent)
        .gzip(gzip)
        .referer(false)
        .pool_idle_timeout(Duration::from_secs(300))
        .redirect(if client.follow_redirects {
            reqwest::redirect::Policy::limited(MAX_REDIRECTS)
        } else {
            reqwest::redirect::Policy::none()
        });
    if let Some(url) = &client.proxy_url {
        builder = builder.proxy(proxy(client, url.expose())?);
    } else if !client.proxy_from_environment {
        builder = builder.no_proxy();
    }
    if let Some(resolver) = resolver {
        builder = builder.dns_resolver(resolver);
    }
    let tls = &client.tls;
    if let Some(ca) = &tls.ca {
        let pem = read_source(ca)?;
        let certificates = reqwest::Certificate::from_pem_bundle(&pem)
            .map_err(|error| format!("the CA certificates are not valid PEM: {error}"))?;
        builder = builder.tls_certs_only(certificates);
    }
    if let (Some(cert), Some(key)) = (&tls.cert, &tls.key) {
        let mut pem = read_source(cert)?;
        pem.push(b'\n');
        pem.extend(read_source(key)?);
        let identity = reqwest::Identity::from_pem(&pem)
            .map_err(|error| format!("the client certificate is not valid PEM: {error}"))?;
        builder = builder.identity(identity);
    }
    if tls.insecure_skip_verify {
        builder = builder.tls_danger_accept_invalid_certs(true);
    }
    builder = builder.tls_version_min(match tls.min_version {
        TlsVersion::Tls13 => reqwest::tls::Version::TLS_1_3,
        _ => reqwest::tls::Version::TLS_1_2,
    });
    if tls.max_version == Some(TlsVersion::Tls12) {
        builder = builder.tls_version_max(reqwest::tls::Version::TLS_1_2);
    }
    builder.build().map_err(|error| format!("cannot build the HTTP client: {}", causes(error)))
}

fn proxy(client: &ClientConfig, url: &str) -> Result<reqwest::Proxy, String> {
    let mut proxy =
        reqwest::Proxy::all(url).map_err(|error| format!("proxy_url: {}", error.without_url()))?;
    if let Some(hosts) = &client.no_proxy {
        proxy = proxy.no_proxy(reqwest::NoProxy::from_string(hosts));
    }
    if !client.proxy_connect_header.is_empty() {
        let mut headers = reqwest::header::HeaderMap::new();
        for (name, value) in &client.proxy_connect_header {
            let header = reqwest::header::HeaderName::from_bytes(name.as_bytes());
            let value = reqwest::header::HeaderValue::from_str(value.expose());
            let (Ok(header), Ok(value)) = (header, value) else {
                return Err(format!("proxy_connect_header {name:?} is not a valid HTTP header"));
            };
            headers.append(header, value);
        }
        proxy = proxy.headers(headers);
    }
    Ok(proxy)
}

fn read_source(source: &Source) -> Result<Vec<u8>, String> {
    match source {
        Source::Inline(secret) => Ok(secret.expose().as_bytes().to_vec()),
        Source::File(path) => {
            read_small(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
        }
    }
}

/// The bytes of a file that must be small.
pub fn read_small(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(MAX_SECRET_FILE_BYTES + 1).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > MAX_SECRET_FILE_BYTES {
        return Err(std::io::Error::other(format!("the file has more than {MAX_SECRET_FILE_BYTES} bytes")));
    }
    Ok(bytes)
}

/// Base 64 with padding (RFC 4648), for basic authentication.
pub fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let padded = [0, 1, 2].map(|index| u32::from(group.get(index).copied().unwrap_or(0)));
        let bits = padded.iter().fold(0, |bits, byte| (bits << 8) | byte);
        for index in 0..4 {
            let letter = ALPHABET.get((bits >> (18 - 6 * index)) as usize & 63).copied().unwrap_or(b'=');
            text.push(if index <= group.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

/// An error with its causes, on one line, without the address, which may be a secret.
pub fn causes(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
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

/// Sends the server's name to the target's host, and every other name, met in redirects, where it belongs.
#[derive(Debug)]
pub struct PinnedResolver {
    server_name: String,
    host: String,
}

impl PinnedResolver {
    /// For requests to URLs under `server_name` whose connections go to `host`.
    pub fn new(server_name: &str, host: &str) -> Self {
        Self { server_name: server_name.to_owned(), host: host.to_owned() }
    }
}

impl Resolve for PinnedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let pinned = name.as_str().eq_ignore_ascii_case(&self.server_name);
        let host = if pinned { self.host.clone() } else { name.as_str().to_owned() };
        Box::pin(async move {
            let bare = host.trim_start_matches('[').trim_end_matches(']');
            // Port 0 stands for the one in the URL.
            let addresses: Vec<SocketAddr> = tokio::net::lookup_host((bare, 0)).await?.collect();
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}
