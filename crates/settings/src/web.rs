//! The file of `--web.config.file`: TLS, users and headers of a server, in the form that Prometheus and its exporters
//! share. Here it is judged.

use crate::client::{Source, TLS_VERSIONS, take_source};
use crate::reading::Reading;
use crate::section::{Section, text};
use crate::yaml::{Fault, Node, Place, Problem, Value, parse_file};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use std::path::Path;

/// Whom a server asks for a certificate, and what becomes of those who have none.
const CLIENT_AUTH: [(&str, bool); 7] = [
    ("", false),
    ("NoClientCert", false),
    ("RequestClientCert", true),
    ("RequireClientCert", true),
    ("RequireAnyClientCert", true),
    ("VerifyClientCertIfGiven", true),
    ("RequireAndVerifyClientCert", true),
];

/// Go's names of the ciphers that are thought safe.
const CIPHERS: [&str; 13] = [
    "TLS_AES_128_GCM_SHA256",
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
];

const CURVES: [&str; 4] = ["CurveP256", "CurveP384", "CurveP521", "X25519"];

/// The headers that may be set, and the values that they may have; none where any will do.
const HEADERS: [(&str, &[&str]); 5] = [
    ("Content-Security-Policy", &[]),
    ("Strict-Transport-Security", &[]),
    ("X-Content-Type-Options", &["nosniff"]),
    ("X-Frame-Options", &["deny", "sameorigin"]),
    ("X-XSS-Protection", &[]),
];

/// What a file asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WebConfig {
    /// Whether connections are encrypted.
    pub is_encrypted: bool,
    /// How many people have a password.
    pub users: usize,
    /// How many headers are set.
    pub headers: usize,
}

impl WebConfig {
    /// Reads a file and the certificates and keys it names. Blocks.
    ///
    /// # Errors
    /// The first fault found.
    pub fn load(file: &Path) -> Result<Self, Fault> {
        let node = parse_file(file)?;
        let mut reading = Reading::new(file.parent().unwrap_or(Path::new("")));
        let config = read(node, &mut reading).map_err(|problem| problem.in_file(file))?;
        reading.check_world().map_err(|problem| problem.in_file(file))?;
        Ok(config)
    }
}

fn read(node: Node, reading: &mut Reading<'_>) -> Result<WebConfig, Problem> {
    let mut root = Section::open(node, "web configuration file")?;
    let is_encrypted = match root.section("tls_server_config", "tls_server_config")? {
        Some(section) => read_tls(section, reading)?,
        None => false,
    };
    let headers = match root.section("http_server_config", "http_server_config")? {
        Some(section) => read_http(section)?,
        None => 0,
    };
    let users = root.text_map("basic_auth_users")?;
    for (key, hash) in &users {
        check_hash(hash).map_err(|found| {
            let name = &key.name;
            Problem::new(
                key.place,
                format!("the password of {name:?} {found}; expected a hash made by bcrypt"),
            )
        })?;
    }
    if let Some(mut section) = root.section("rate_limit", "rate_limit")? {
        section.duration("interval")?;
        section.number("burst")?;
        section.finish()?;
    }
    root.finish()?;
    Ok(WebConfig { is_encrypted, users: users.len(), headers })
}

/// Says whether there is a certificate to encrypt with.
fn read_tls(mut section: Section, reading: &mut Reading<'_>) -> Result<bool, Problem> {
    let place = section.place();
    let cert = take_source(&mut section, reading, "cert", "cert_file")?;
    let key = take_source(&mut section, reading, "key", "key_file")?;
    let clients = take_source(&mut section, reading, "client_ca", "client_ca_file")?;
    let asks = section.choice("client_auth_type", &CLIENT_AUTH)?.unwrap_or(false);
    section.texts("client_allowed_sans")?;
    read_words(&mut section, "cipher_suites", &CIPHERS)?;
    read_words(&mut section, "curve_preferences", &CURVES)?;
    section.flag("prefer_server_cipher_suites")?;
    let least = section.choice("min_version", &TLS_VERSIONS)?;
    let most = section.choice("max_version", &TLS_VERSIONS)?;
    section.finish()?;
    if let (Some(least), Some(most)) = (least, most)
        && most < least
    {
        return Err(Problem::new(place, "max_version is older than min_version; expected it to be newer"));
    }
    let ((cert, cert_place), (key, key_place)) = match (cert, key) {
        (Some(cert), Some(key)) => (cert, key),
        (None, None) if clients.is_none() && !asks => return Ok(false),
        (None, _) => return Err(Problem::new(place, "cert or cert_file is missing; expected one of them")),
        (_, None) => return Err(Problem::new(place, "key or key_file is missing; expected one of them")),
    };
    check_pair(&reveal(&cert, cert_place)?, &reveal(&key, key_place)?, cert_place)?;
    if let Some((clients, place)) = clients {
        if !asks {
            let message = "client_ca without a client_auth_type that asks for certificates; expected one such as \
                           RequireAndVerifyClientCert";
            return Err(Problem::new(place, message));
        }
        if certificates(&reveal(&clients, place)?, place)?.is_empty() {
            return Err(Problem::new(place, "client_ca holds no certificate; expected one in PEM"));
        }
    }
    Ok(true)
}

fn reveal(source: &Source, place: Place) -> Result<String, Problem> {
    source.reveal().map_err(|reason| Problem::new(place, reason))
}

fn certificates(pem: &str, place: Place) -> Result<Vec<CertificateDer<'static>>, Problem> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    all.map_err(|error| Problem::new(place, format!("the certificate is not valid PEM: {error}")))
}

/// Whether the key is the certificate's.
fn check_pair(cert: &str, key: &str, place: Place) -> Result<(), Problem> {
    let chain = certificates(cert, place)?;
    if chain.is_empty() {
        return Err(Problem::new(place, "there is no certificate; expected one in PEM"));
    }
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes())
        .map_err(|error| Problem::new(place, format!("the key is not valid PEM: {error}")))?;
    CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider())
        .map(|_| ())
        .map_err(|error| Problem::new(place, format!("certificate and key do not fit: {error}")))
}

fn read_words(section: &mut Section, name: &'static str, known: &[&str]) -> Result<(), Problem> {
    for item in section.list(name)? {
        let place = item.place;
        let word = text(item)?;
        if !known.contains(&word.as_str()) {
            let message = format!("{name} names {word:?}; expected {}", known.join(", "));
            return Err(Problem::new(place, message));
        }
    }
    Ok(())
}

/// Says how many headers are set.
fn read_http(mut section: Section) -> Result<usize, Problem> {
    section.flag("http2")?;
    let headers = section.take("headers");
    section.finish()?;
    let Some(headers) = headers else { return Ok(0) };
    let Value::Map(entries) = headers.value else { return Err(headers.expected("a mapping of headers")) };
    let count = entries.len();
    for (key, value) in entries {
        let Some((_, allowed)) = HEADERS.iter().find(|(name, _)| *name == key.name) else {
            let names = HEADERS.map(|(name, _)| name).join(", ");
            let message = format!("the header {:?} cannot be set here; expected one of {names}", key.name);
            return Err(Problem::new(key.place, message));
        };
        let place = value.place;
        let value = text(value)?;
        if !allowed.is_empty() && !allowed.contains(&value.as_str()) {
            let message = format!("{} is {value:?}; expected {}", key.name, allowed.join(" or "));
            return Err(Problem::new(place, message));
        }
    }
    Ok(count)
}

/// The form `$2y$10$` and 53 characters of salt and hash. What is wrong is told without the hash.
fn check_hash(hash: &str) -> Result<(), String> {
    const SHORTEST: usize = 59;
    if hash.len() < SHORTEST {
        return Err("is too short".to_owned());
    }
    let mut parts = hash.split('$');
    let (before, version, cost) = (parts.next(), parts.next().unwrap_or(""), parts.next().unwrap_or(""));
    if before != Some("") || !version.starts_with('2') || version.len() > 2 {
        return Err("does not begin with $2y$, $2b$ or $2a$".to_owned());
    }
    match cost.parse::<u32>() {
        Ok(4..=31) if cost.len() == 2 => Ok(()),
        _ => Err(format!("has the cost {cost:?}, which is not between 04 and 31")),
    }
}

#[cfg(test)]
mod tests;
