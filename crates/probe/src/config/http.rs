//! `http`.

use super::{take_ip, take_regex, take_regexes};
use crate::dial::IpChoice;
use regex::bytes::Regex;
use std::path::PathBuf;
use watchfire_settings::client::ClientConfig;
use watchfire_settings::{Node, Problem, Reading, Section};

/// A request, and what its answer must be like.
#[derive(Clone, Debug)]
pub struct Http {
    /// Which address of a name.
    pub ip: IpChoice,
    /// `GET` unless said otherwise.
    pub method: String,
    /// Headers to send.
    pub headers: Vec<(String, String)>,
    /// The body to send.
    pub body: String,
    /// A file that holds the body instead.
    pub body_file: Option<PathBuf>,
    /// Statuses that are good; any of 200 to 299 where none is named.
    pub valid_status_codes: Vec<u16>,
    /// Versions that are good; any where none is named.
    pub valid_http_versions: Vec<String>,
    /// Bad when it is encrypted.
    pub fail_if_ssl: bool,
    /// Bad when it is not.
    pub fail_if_not_ssl: bool,
    /// Bad when the body matches one of these.
    pub fail_if_body_matches: Vec<Regex>,
    /// Bad when it does not match all of these.
    pub fail_if_body_not_matches: Vec<Regex>,
    /// Bad when a header matches.
    pub fail_if_header_matches: Vec<HeaderCheck>,
    /// Bad when a header does not.
    pub fail_if_header_not_matches: Vec<HeaderCheck>,
    /// Of the body at most so many bytes are read; more is bad.
    pub body_size_limit: usize,
    /// The encoding asked for: `gzip` or `identity`; none asks for nothing.
    pub compression: Option<String>,
    /// Credentials, TLS, redirects.
    pub client: ClientConfig,
}

/// A look at one header.
#[derive(Clone, Debug)]
pub struct HeaderCheck {
    /// Its name.
    pub header: String,
    /// What its value is compared with.
    pub regexp: Regex,
    /// Whether it may be missing.
    pub allow_missing: bool,
}

/// A body larger than this says nothing more about health.
const MAX_BODY_BYTES: usize = 10 << 20;

impl Default for Http {
    fn default() -> Self {
        Self {
            ip: IpChoice::default(),
            method: "GET".to_owned(),
            headers: Vec::new(),
            body: String::new(),
            body_file: None,
            valid_status_codes: Vec::new(),
            valid_http_versions: Vec::new(),
            fail_if_ssl: false,
            fail_if_not_ssl: false,
            fail_if_body_matches: Vec::new(),
            fail_if_body_not_matches: Vec::new(),
            fail_if_header_matches: Vec::new(),
            fail_if_header_not_matches: Vec::new(),
            body_size_limit: MAX_BODY_BYTES,
            compression: None,
            client: ClientConfig::default(),
        }
    }
}

pub(super) fn read(node: Option<Node>, reading: &mut Reading<'_>) -> Result<Http, Problem> {
    let Some(node) = node else { return Ok(Http::default()) };
    let mut section = Section::open(node, "http probe")?;
    let place = section.place();
    let client_place = section.has("proxy_url");
    let method = section.placed_text("method")?;
    if let Some((method, place)) = &method
        && http::Method::from_bytes(method.as_bytes()).is_err()
    {
        return Err(Problem::new(*place, format!("method is {method:?}; expected one such as GET")));
    }
    let body_file = section.placed_text("body_file")?.filter(|(path, _)| !path.is_empty());
    let http = Http {
        ip: take_ip(&mut section)?,
        method: method.map_or_else(|| "GET".to_owned(), |(method, _)| method.to_ascii_uppercase()),
        headers: take_headers(&mut section)?,
        body: section.text("body")?.unwrap_or_default(),
        body_file: body_file.map(|(path, place)| reading.refer(&path, place)),
        valid_status_codes: take_statuses(&mut section)?,
        valid_http_versions: section.texts("valid_http_versions")?,
        fail_if_ssl: section.flag("fail_if_ssl")?.unwrap_or(false),
        fail_if_not_ssl: section.flag("fail_if_not_ssl")?.unwrap_or(false),
        fail_if_body_matches: take_regexes(&mut section, "fail_if_body_matches_regexp")?,
        fail_if_body_not_matches: take_regexes(&mut section, "fail_if_body_not_matches_regexp")?,
        fail_if_header_matches: take_checks(&mut section, "fail_if_header_matches")?,
        fail_if_header_not_matches: take_checks(&mut section, "fail_if_header_not_matches")?,
        body_size_limit: section
            .size("body_size_limit")?
            .filter(|size| *size > 0)
            .map_or(MAX_BODY_BYTES, |size| {
                usize::try_from(size).unwrap_or(MAX_BODY_BYTES).min(MAX_BODY_BYTES)
            }),
        compression: section
            .choice("compression", &[("gzip", Some("gzip")), ("identity", Some("identity")), ("", None)])?
            .flatten()
            .map(str::to_owned),
        client: ClientConfig::take(&mut section, reading)?,
    };
    section.flag("skip_resolve_phase_with_proxy")?;
    section.finish()?;
    if !http.body.is_empty() && http.body_file.is_some() {
        return Err(Problem::new(place, "body and body_file exclude each other; expected one of them"));
    }
    if let (Some(place), Some(_)) = (client_place, &http.client.proxy_url) {
        reading.not_yet(place, "probes through a proxy are not supported yet");
    }
    Ok(http)
}

fn take_headers(section: &mut Section) -> Result<Vec<(String, String)>, Problem> {
    let mut headers = Vec::new();
    for (key, value) in section.text_map("headers")? {
        let valid = http::HeaderName::from_bytes(key.name.as_bytes()).is_ok()
            && http::HeaderValue::from_str(&value).is_ok();
        if !valid {
            let message = format!("{:?} with this value is no header", key.name);
            return Err(Problem::new(key.place, message));
        }
        headers.push((key.name, value));
    }
    Ok(headers)
}

fn take_statuses(section: &mut Section) -> Result<Vec<u16>, Problem> {
    let mut statuses = Vec::new();
    for node in section.list("valid_status_codes")? {
        let place = node.place;
        let text = watchfire_settings::section::text(node)?;
        let status = text.parse::<u16>().ok().filter(|status| (100..=999).contains(status));
        statuses.push(status.ok_or_else(|| {
            Problem::new(place, format!("{text:?} is no HTTP status; expected one such as 200"))
        })?);
    }
    Ok(statuses)
}

fn take_checks(section: &mut Section, name: &'static str) -> Result<Vec<HeaderCheck>, Problem> {
    let mut checks = Vec::new();
    for node in section.list(name)? {
        let mut check = Section::open_item(node, "header check")?;
        let (header, _) = check.required_text("header")?;
        let regexp = take_regex(&mut check, "regexp")?
            .ok_or_else(|| check.problem("regexp is missing in header check; expected a value"))?;
        let allow_missing = check.flag("allow_missing")?.unwrap_or(false);
        check.finish()?;
        checks.push(HeaderCheck { header, regexp, allow_missing });
    }
    Ok(checks)
}
