//! Building the HTTP client of a job.

use super::pinned::PinnedResolver;
use crate::config::ScrapeConfig;
use crate::config::client::{ClientConfig, Source, TlsVersion};
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Why the HTTP client of a job could not be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("job {job:?}: {reason}")]
pub struct ClientError {
    job: String,
    reason: String,
}

/// Certificates and passwords are small; a larger file is a mistake.
const MAX_SECRET_FILE_BYTES: u64 = 4 << 20;

/// Redirects followed, as in Go's client.
const MAX_REDIRECTS: usize = 10;

impl ClientError {
    pub(super) fn new(config: &ScrapeConfig, reason: String) -> Self {
        Self { job: config.job_name.clone(), reason }
    }
}

/// Builds a client. Reads certificates.
pub(super) fn build(
    config: &ScrapeConfig,
    user_agent: &str,
    resolver: Option<Arc<PinnedResolver>>,
) -> Result<reqwest::Client, ClientError> {
    let failed = |reason: String| ClientError::new(config, reason);
    let client = &config.client;
    let mut builder = reqwest::Client::builder()
        .user_agent(user_agent)
        .gzip(config.enable_compression)
        .referer(false)
        .pool_idle_timeout(Duration::from_secs(300))
        .redirect(if client.follow_redirects {
            reqwest::redirect::Policy::limited(MAX_REDIRECTS)
        } else {
            reqwest::redirect::Policy::none()
        });
    if let Some(url) = &client.proxy_url {
        builder = builder.proxy(proxy(client, url.expose()).map_err(failed)?);
    } else if !client.proxy_from_environment {
        builder = builder.no_proxy();
    }
    if let Some(resolver) = resolver {
        builder = builder.dns_resolver(resolver);
    }
    let tls = &client.tls;
    if let Some(ca) = &tls.ca {
        let pem = read_source(ca).map_err(failed)?;
        let certificates = reqwest::Certificate::from_pem_bundle(&pem)
            .map_err(|error| failed(format!("the CA certificates are not valid PEM: {error}")))?;
        builder = builder.tls_certs_only(certificates);
    }
    if let (Some(cert), Some(key)) = (&tls.cert, &tls.key) {
        let mut pem = read_source(cert).map_err(failed)?;
        pem.push(b'\n');
        pem.extend(read_source(key).map_err(failed)?);
        let identity = reqwest::Identity::from_pem(&pem)
            .map_err(|error| failed(format!("the client certificate is not valid PEM: {error}")))?;
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
    builder.build().map_err(|error| failed(format!("cannot build the HTTP client: {}", super::causes(error))))
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
pub(super) fn read_small(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(MAX_SECRET_FILE_BYTES + 1).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > MAX_SECRET_FILE_BYTES {
        return Err(std::io::Error::other(format!("the file has more than {MAX_SECRET_FILE_BYTES} bytes")));
    }
    Ok(bytes)
}

/// Base 64 with padding (RFC 4648), for basic authentication.
pub(super) fn base64(bytes: &[u8]) -> String {
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
