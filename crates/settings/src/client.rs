//! How an HTTP client reaches a target: credentials, TLS, proxies, redirects (Prometheus `http_client_config`).

use crate::Reading;
use crate::secret::Secret;
use crate::section::{Section, text, text_map};
use crate::yaml::{Node, Place, Problem, Value};
use std::path::PathBuf;

/// A value that stands in the configuration or in a file that is read whenever it is needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// In the configuration.
    Inline(Secret),
    /// In a file; surrounding blanks are dropped.
    File(PathBuf),
}

impl From<String> for Source {
    fn from(value: String) -> Self {
        Self::Inline(value.into())
    }
}

impl Source {
    /// The value; blanks around what a file holds do not count. Blocks where it is in a file.
    ///
    /// # Errors
    /// Names the file that cannot be read.
    pub fn reveal(&self) -> Result<String, String> {
        match self {
            Self::Inline(secret) => Ok(secret.expose().to_owned()),
            Self::File(path) => {
                let failed = |error: String| format!("cannot read {}: {error}", path.display());
                let bytes = crate::http::read_small(path).map_err(|error| failed(error.to_string()))?;
                let text = String::from_utf8(bytes).map_err(|error| failed(error.to_string()))?;
                Ok(text.trim().to_owned())
            }
        }
    }
}

/// What a request is authorised with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credentials {
    /// `basic_auth`.
    Basic {
        /// Who.
        username: Source,
        /// The password, if any.
        password: Option<Source>,
    },
    /// `authorization` or `bearer_token`: `Authorization: KIND CREDENTIALS`.
    Header {
        /// The scheme, `Bearer` unless said otherwise.
        kind: String,
        /// What follows it.
        credentials: Source,
    },
    /// `oauth2`: a token fetched with client credentials (RFC 6749, section 4.4).
    OAuth2(Box<OAuth2>),
}

/// `oauth2`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OAuth2 {
    /// Who we are.
    pub client_id: String,
    /// Our secret.
    pub client_secret: Source,
    /// What we ask for.
    pub scopes: Vec<String>,
    /// Where tokens are given out.
    pub token_url: String,
    /// More parameters of the request for a token.
    pub endpoint_params: Vec<(String, Secret)>,
    /// How the token's server is reached; without credentials of its own.
    pub client: ClientConfig,
}

/// `tls_config`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsConfig {
    /// Certificates to trust, in PEM, instead of the machine's own.
    pub ca: Option<Source>,
    /// Our certificate, in PEM.
    pub cert: Option<Source>,
    /// Its key, in PEM.
    pub key: Option<Source>,
    /// The name in the target's certificate, when it is not the one it is reached by.
    pub server_name: Option<String>,
    /// Trust whatever certificate the target shows.
    pub insecure_skip_verify: bool,
    /// The oldest version to speak. Versions below 1.2 are not spoken whatever is written here.
    pub min_version: TlsVersion,
    /// The newest version to speak.
    pub max_version: Option<TlsVersion>,
}

/// Versions of TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// 1.0.
    Tls10,
    /// 1.1.
    Tls11,
    /// 1.2.
    #[default]
    Tls12,
    /// 1.3.
    Tls13,
}

/// Versions by their names in configuration files.
pub(crate) const TLS_VERSIONS: [(&str, TlsVersion); 4] = [
    ("TLS10", TlsVersion::Tls10),
    ("TLS11", TlsVersion::Tls11),
    ("TLS12", TlsVersion::Tls12),
    ("TLS13", TlsVersion::Tls13),
];

/// How to reach a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientConfig {
    /// What to authorise with.
    pub credentials: Option<Credentials>,
    /// Encryption.
    pub tls: TlsConfig,
    /// Whether to follow redirects.
    pub follow_redirects: bool,
    /// Whether HTTP/2 may be spoken. Kept for `status/config`; targets are asked over HTTP/1.1.
    pub enable_http2: bool,
    /// The proxy to go through. A secret because it may hold a password.
    pub proxy_url: Option<Secret>,
    /// Whom to reach without the proxy, comma-separated.
    pub no_proxy: Option<String>,
    /// Whether `HTTP_PROXY` and its kin are heeded.
    pub proxy_from_environment: bool,
    /// Headers for the proxy when it tunnels.
    pub proxy_connect_header: Vec<(String, Secret)>,
    /// More headers, each with its values.
    pub headers: Vec<(String, Vec<Source>)>,
}

impl TlsConfig {
    /// Takes a `tls_config` under a key of its own out of a section.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn take(
        section: &mut Section,
        key: &'static str,
        reading: &mut Reading<'_>,
    ) -> Result<Self, Problem> {
        match section.section(key, "TLS configuration")? {
            Some(tls) => read_tls(tls, reading),
            None => Ok(Self::default()),
        }
    }

    /// Whether any of it stands in files, which may change while the configuration stays the same.
    pub fn reads_files(&self) -> bool {
        [&self.ca, &self.cert, &self.key]
            .into_iter()
            .flatten()
            .any(|source| matches!(source, Source::File(_)))
    }
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            credentials: None,
            tls: TlsConfig::default(),
            follow_redirects: true,
            enable_http2: true,
            proxy_url: None,
            no_proxy: None,
            proxy_from_environment: false,
            proxy_connect_header: Vec::new(),
            headers: Vec::new(),
        }
    }
}

impl ClientConfig {
    /// Takes the keys of an `http_client_config` out of a section.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn take(section: &mut Section, reading: &mut Reading<'_>) -> Result<Self, Problem> {
        let credentials = take_credentials(section, reading)?;
        let tls = TlsConfig::take(section, "tls_config", reading)?;
        let proxied = section.has("proxy_url");
        let base = take_proxy(section)?;
        if let (Some(place), Some(_), Some(_)) = (proxied, &base.proxy_url, &tls.server_name) {
            reading.not_yet(place, "proxy_url together with tls_config.server_name is not supported yet");
        }
        Ok(Self {
            credentials,
            tls,
            follow_redirects: section.flag("follow_redirects")?.unwrap_or(true),
            enable_http2: section.flag("enable_http2")?.unwrap_or(true),
            headers: read_headers(section.take("http_headers"), reading)?,
            ..base
        })
    }
}

/// The keys of a proxy; all else is the default.
fn take_proxy(section: &mut Section) -> Result<ClientConfig, Problem> {
    let proxy = section.placed_text("proxy_url")?.filter(|(url, _)| !url.is_empty());
    let no_proxy = section.placed_text("no_proxy")?.filter(|(hosts, _)| !hosts.is_empty());
    let proxy_from_environment = section.flag("proxy_from_environment")?.unwrap_or(false);
    let header_place = section.has("proxy_connect_header");
    let proxy_connect_header = read_proxy_headers(section.take("proxy_connect_header"))?;
    if let Some((url, place)) = &proxy {
        // A bare host is taken, as Go takes it.
        let bare = !url.contains("://")
            && !url.starts_with(':')
            && !url.contains(|c: char| c.is_whitespace() || c.is_control());
        let valid = bare || reqwest::Url::parse(url).is_ok_and(|url| url.has_host());
        if !valid {
            let message = "proxy_url is no URL with a host; expected one such as \"http://proxy:3128\"";
            return Err(Problem::new(*place, message));
        }
        if proxy_from_environment {
            return Err(Problem::new(
                *place,
                "proxy_url and proxy_from_environment exclude each other; expected one of them",
            ));
        }
    }
    if let (Some(place), false, None, false) =
        (header_place, proxy_connect_header.is_empty(), &proxy, proxy_from_environment)
    {
        let message =
            "proxy_connect_header without a proxy; expected proxy_url or proxy_from_environment as well";
        return Err(Problem::new(place, message));
    }
    if let (Some((_, place)), None) = (&no_proxy, &proxy) {
        return Err(Problem::new(*place, "no_proxy without a proxy_url; expected both"));
    }
    Ok(ClientConfig {
        proxy_url: proxy.map(|(url, _)| Secret::new(url)),
        no_proxy: no_proxy.map(|(hosts, _)| hosts),
        proxy_from_environment,
        proxy_connect_header,
        ..ClientConfig::default()
    })
}

fn take_credentials(
    section: &mut Section,
    reading: &mut Reading<'_>,
) -> Result<Option<Credentials>, Problem> {
    let token = take_source(section, reading, "bearer_token", "bearer_token_file")?;
    let basic = section.take_with_key("basic_auth");
    let authorization = section.take_with_key("authorization");
    let oauth2 = section.take_with_key("oauth2");
    let given: Vec<(&str, Place)> = [
        token.as_ref().map(|(_, place)| ("bearer_token", *place)),
        basic.as_ref().map(|(key, _)| ("basic_auth", key.place)),
        authorization.as_ref().map(|(key, _)| ("authorization", key.place)),
        oauth2.as_ref().map(|(key, _)| ("oauth2", key.place)),
    ]
    .into_iter()
    .flatten()
    .collect();
    if let [(first, _), (second, place), ..] = given.as_slice() {
        return Err(Problem::new(
            *place,
            format!("{first} and {second} exclude each other; expected one of them"),
        ));
    }
    if let Some((key, node)) = oauth2 {
        if reading.knows_oauth2() {
            return read_oauth2(node, reading).map(Some);
        }
        reading.not_yet(key.place, "oauth2 is not supported yet");
    }
    if let Some((_, node)) = basic {
        return read_basic_auth(node, reading).map(Some);
    }
    if let Some((_, node)) = authorization {
        return read_authorization(node, reading);
    }
    Ok(token.map(|(credentials, _)| Credentials::Header { kind: "Bearer".to_owned(), credentials }))
}

fn read_basic_auth(node: Node, reading: &mut Reading<'_>) -> Result<Credentials, Problem> {
    let mut section = Section::open(node, "basic_auth")?;
    let username = take_source(&mut section, reading, "username", "username_file")?;
    let password = take_source(&mut section, reading, "password", "password_file")?;
    section.finish()?;
    Ok(Credentials::Basic {
        username: username.map_or_else(|| Source::Inline(Secret::new("")), |(source, _)| source),
        password: password.map(|(source, _)| source),
    })
}

fn read_oauth2(node: Node, reading: &mut Reading<'_>) -> Result<Credentials, Problem> {
    let mut section = Section::open(node, "oauth2")?;
    let (client_id, _) = section.required_text("client_id")?;
    let client_secret = take_source(&mut section, reading, "client_secret", "client_secret_file")?;
    let (token_url, place) = section.required_text("token_url")?;
    if !reqwest::Url::parse(&token_url).is_ok_and(|url| url.has_host()) {
        let message = "token_url is no URL with a host; expected one such as \"https://id.example/token\"";
        return Err(Problem::new(place, message));
    }
    take_grant(&mut section, reading)?;
    let scopes = section.texts("scopes")?;
    let params = section.text_map("endpoint_params")?;
    let tls = TlsConfig::take(&mut section, "tls_config", reading)?;
    let client = ClientConfig { tls, ..take_proxy(&mut section)? };
    section.finish()?;
    Ok(Credentials::OAuth2(Box::new(OAuth2 {
        client_id,
        client_secret: client_secret.map_or_else(|| Source::Inline(Secret::new("")), |(source, _)| source),
        scopes,
        token_url,
        endpoint_params: params.into_iter().map(|(key, value)| (key.name, Secret::new(value))).collect(),
        client,
    })))
}

/// The keys for assertions signed by ourselves (RFC 7523) are known and not followed yet.
fn take_grant(section: &mut Section, reading: &mut Reading<'_>) -> Result<(), Problem> {
    let grant = section.placed_text("grant_type")?.filter(|(grant, _)| !grant.is_empty());
    if let Some((grant, place)) = grant.filter(|(grant, _)| grant != "client_credentials") {
        let message = format!("grant_type {grant:?} is not supported yet; expected client_credentials");
        reading.not_yet(place, message);
    }
    let of_assertions = [
        "client_certificate_key",
        "client_certificate_key_file",
        "client_certificate_key_id",
        "signature_algorithm",
        "iss",
        "audience",
        "claims",
    ];
    if let Some(place) = section.ignore(&of_assertions) {
        reading.not_yet(place, "oauth2 by signed assertions is not supported yet; expected client_secret");
    }
    Ok(())
}

fn read_authorization(node: Node, reading: &mut Reading<'_>) -> Result<Option<Credentials>, Problem> {
    let mut section = Section::open(node, "authorization")?;
    let kind = section.placed_text("type")?;
    let credentials = take_source(&mut section, reading, "credentials", "credentials_file")?;
    section.finish()?;
    let kind = match kind {
        Some((kind, place)) if kind.trim().eq_ignore_ascii_case("basic") => {
            return Err(Problem::new(
                place,
                format!("authorization type is {kind:?}; expected basic_auth for that"),
            ));
        }
        Some((kind, _)) if !kind.trim().is_empty() => kind.trim().to_owned(),
        _ => "Bearer".to_owned(),
    };
    Ok(credentials.map(|(credentials, _)| Credentials::Header { kind, credentials }))
}

/// A value that may stand inline or in a file, but not both, and where it stands.
///
/// # Errors
/// When both are given.
pub fn take_source(
    section: &mut Section,
    reading: &mut Reading<'_>,
    inline: &'static str,
    file: &'static str,
) -> Result<Option<(Source, Place)>, Problem> {
    let value = section.placed_text(inline)?.filter(|(value, _)| !value.is_empty());
    let path = section.placed_text(file)?.filter(|(path, _)| !path.is_empty());
    match (value, path) {
        (Some(_), Some((_, place))) => {
            Err(Problem::new(place, format!("{inline} and {file} exclude each other; expected one of them")))
        }
        (Some((value, place)), None) => Ok(Some((Source::Inline(Secret::new(value)), place))),
        (None, Some((path, place))) => Ok(Some((Source::File(reading.refer(&path, place)), place))),
        (None, None) => Ok(None),
    }
}

fn read_tls(mut section: Section, reading: &mut Reading<'_>) -> Result<TlsConfig, Problem> {
    let place = section.place();
    let ca = take_source(&mut section, reading, "ca", "ca_file")?.map(|(source, _)| source);
    let cert = take_source(&mut section, reading, "cert", "cert_file")?.map(|(source, _)| source);
    let key = take_source(&mut section, reading, "key", "key_file")?.map(|(source, _)| source);
    for unsupported in ["ca_ref", "cert_ref", "key_ref"] {
        if let Some((key, _)) = section.take_with_key(unsupported) {
            let known = unsupported.trim_end_matches("_ref");
            let message = format!(
                "{unsupported} names a secret that nobody keeps here; expected {known} or {known}_file"
            );
            reading.not_yet(key.place, message);
        }
    }
    let server_name = section.placed_text("server_name")?.filter(|(name, _)| !name.is_empty());
    if let Some((name, place)) = &server_name
        && name.parse::<std::net::IpAddr>().is_ok()
    {
        reading.not_yet(*place, format!("server_name {name:?} is an address, which is not supported yet"));
    }
    let server_name = server_name.map(|(name, _)| name);
    let insecure_skip_verify = section.flag("insecure_skip_verify")?.unwrap_or(false);
    let min_version = section.choice("min_version", &TLS_VERSIONS)?.unwrap_or_default();
    let max_version = section.choice("max_version", &TLS_VERSIONS)?;
    section.finish()?;
    if cert.is_some() != key.is_some() {
        return Err(Problem::new(
            place,
            "a client certificate needs both cert (or cert_file) and key (or key_file)",
        ));
    }
    if max_version.is_some_and(|max| max < min_version.max(TlsVersion::Tls12)) {
        return Err(Problem::new(place, "max_version leaves no version to speak; expected TLS12 or TLS13"));
    }
    Ok(TlsConfig { ca, cert, key, server_name, insecure_skip_verify, min_version, max_version })
}

fn read_headers(
    node: Option<Node>,
    reading: &mut Reading<'_>,
) -> Result<Vec<(String, Vec<Source>)>, Problem> {
    let Some(node) = node else { return Ok(Vec::new()) };
    let Value::Map(entries) = node.value else { return Err(node.expected("a mapping of headers")) };
    let mut headers = Vec::new();
    for (key, node) in entries {
        if reqwest::header::HeaderName::from_bytes(key.name.as_bytes()).is_err() {
            return Err(Problem::new(key.place, format!("{:?} is not a valid header name", key.name)));
        }
        const RESERVED: [&str; 15] = [
            "accept-charset",
            "accept-encoding",
            "authorization",
            "connection",
            "content-encoding",
            "content-length",
            "content-type",
            "date",
            "host",
            "proxy-authorization",
            "te",
            "trailer",
            "transfer-encoding",
            "upgrade",
            "user-agent",
        ];
        if RESERVED.contains(&key.name.to_ascii_lowercase().as_str()) {
            return Err(Problem::new(key.place, format!("the header {:?} cannot be set here", key.name)));
        }
        let mut section = Section::open(node, "header")?;
        let mut values: Vec<Source> = Vec::new();
        values.extend(section.texts("values")?.into_iter().map(|value| Source::Inline(Secret::new(value))));
        values.extend(section.texts("secrets")?.into_iter().map(|value| Source::Inline(Secret::new(value))));
        for item in section.list("files")? {
            let place = item.place;
            let path = text(item)?;
            values.push(Source::File(reading.refer(&path, place)));
        }
        section.finish()?;
        headers.push((key.name, values));
    }
    Ok(headers)
}

fn read_proxy_headers(node: Option<Node>) -> Result<Vec<(String, Secret)>, Problem> {
    let Some(node) = node else { return Ok(Vec::new()) };
    let Value::Map(entries) = node.value else { return Err(node.expected("a mapping of headers")) };
    let mut headers = Vec::new();
    for (key, node) in entries {
        let values = match node.value {
            Value::List(items) => items.into_iter().map(text).collect::<Result<Vec<_>, _>>()?,
            _ => vec![text(node)?],
        };
        headers.extend(values.into_iter().map(|value| (key.name.clone(), Secret::new(value))));
    }
    Ok(headers)
}

/// Reads plain headers (`headers:` of remote write and tracing), refusing those the protocol sets itself.
///
/// # Errors
/// The first thing that is wrong.
pub fn read_plain_headers(node: Option<Node>, reserved: &[&str]) -> Result<Vec<(String, Secret)>, Problem> {
    let Some(node) = node else { return Ok(Vec::new()) };
    text_map(node, "headers")?
        .into_iter()
        .map(|(key, value)| {
            let lower = key.name.to_ascii_lowercase();
            if reserved.contains(&lower.as_str()) {
                return Err(Problem::new(key.place, format!("the header {:?} cannot be set here", key.name)));
            }
            Ok((key.name, Secret::new(value)))
        })
        .collect()
}
