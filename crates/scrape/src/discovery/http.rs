//! `http_sd_configs`: a server that answers with the list of targets (Prometheus's HTTP service discovery).

use super::{Outcome, TargetGroup};
use crate::config::Reading;
use crate::config::client::ClientConfig;
use crate::config::section::Section;
use crate::config::yaml::{Node, Problem};
use crate::fetch::{Identity, Ready};
use crate::relabel::NameScheme;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::time::Duration;
use watchfire_settings::http::causes;

/// No list of targets may be larger than this, in bytes.
pub const MAX_LIST_BYTES: usize = 64 << 20;

/// The label that names the server a target was told by.
const URL_LABEL: &str = "__meta_url";

/// One entry of `http_sd_configs`.
#[derive(Clone, Debug, PartialEq)]
pub struct HttpSource {
    /// Whom to ask.
    pub url: String,
    /// How often; also how long an answer may take.
    pub refresh_interval: Duration,
    /// How to reach it.
    pub client: ClientConfig,
}

/// Reads `http_sd_configs`.
pub(crate) fn read_sources(items: Vec<Node>, reading: &mut Reading<'_>) -> Result<Vec<HttpSource>, Problem> {
    items.into_iter().map(|item| read_source(item, reading)).collect()
}

fn read_source(item: Node, reading: &mut Reading<'_>) -> Result<HttpSource, Problem> {
    let mut section = Section::open_item(item, "HTTP discovery configuration")?;
    let (url, place) = section.required_text("url")?;
    let wrong =
        |what: &str| Problem::new(place, format!("url {what}; expected one such as \"http://host/targets\""));
    match reqwest::Url::parse(&url) {
        Ok(parsed) if !matches!(parsed.scheme(), "http" | "https") => {
            return Err(wrong("has a scheme other than http and https"));
        }
        // The library takes the first part of the path for a host that is missing.
        Ok(_) if url.split_once("://").is_none_or(|(_, rest)| rest.starts_with('/')) => {
            return Err(wrong("has no host"));
        }
        Ok(_) => {}
        Err(error) => return Err(wrong(&format!("is no URL: {error}"))),
    }
    let refresh_interval = super::take_refresh_interval(&mut section, 60)?;
    let client = ClientConfig::take(&mut section, reading)?;
    section.finish()?;
    Ok(HttpSource { url, refresh_interval, client })
}

/// Asks one server, and remembers what it answered last.
pub(super) struct HttpDiscovery {
    source: HttpSource,
    scheme: NameScheme,
    user_agent: String,
    identity: Identity,
    /// The client, unless its certificates are in files, which may change.
    ready: Option<Ready>,
    groups: Vec<TargetGroup>,
}

impl HttpDiscovery {
    pub(super) fn new(
        source: HttpSource,
        scheme: NameScheme,
        user_agent: &str,
        groups: Vec<TargetGroup>,
    ) -> Self {
        let identity = Identity::new(&source.client, user_agent);
        Self { source, scheme, user_agent: user_agent.to_owned(), identity, ready: None, groups }
    }

    /// Asks once. Whatever goes wrong, the last good list stays.
    pub(super) async fn refresh(&mut self) -> Outcome {
        let mut outcome = Outcome::default();
        let limit = self.source.refresh_interval;
        match tokio::time::timeout(limit, self.ask())
            .await
            .unwrap_or_else(|_| Err(format!("no answer within {}", watchfire_model::duration::format(limit))))
        {
            Ok(groups) => self.groups = groups,
            Err(reason) => {
                outcome.failures = 1;
                outcome.is_failed = true;
                let stays = match self.groups.iter().map(|group| group.targets.len()).sum::<usize>() {
                    0 => "there is no earlier list".to_owned(),
                    targets => format!("the {targets} targets of its last good list stay"),
                };
                outcome
                    .faults
                    .push(format!("http_sd_configs: {}: {reason}; {stays}", shown(&self.source.url)));
            }
        }
        outcome.groups.clone_from(&self.groups);
        outcome
    }

    async fn ask(&mut self) -> Result<Vec<TargetGroup>, String> {
        let ready = match self.ready.take() {
            Some(ready) => ready,
            None => Ready::build(&self.source.client, &self.user_agent, &self.source.url).await?,
        };
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        if let Ok(seconds) = HeaderValue::from_str(&self.source.refresh_interval.as_secs_f64().to_string()) {
            headers.insert(HeaderName::from_static("x-prometheus-refresh-interval-seconds"), seconds);
        }
        self.identity.add_to(&mut headers).await.map_err(|error| error.to_string())?;
        let sent = ready.request(reqwest::Method::GET).headers(headers).send().await;
        if !self.source.client.tls.reads_files() {
            self.ready = Some(ready);
        }
        let mut response = sent.map_err(causes)?;
        let status = response.status();
        if status == reqwest::StatusCode::UNAUTHORIZED {
            self.identity.was_refused().await;
        }
        if status != reqwest::StatusCode::OK {
            return Err(format!("server returned HTTP status {status}"));
        }
        let kind = response.headers().get(CONTENT_TYPE).map(|kind| String::from_utf8_lossy(kind.as_bytes()));
        let kind = kind.unwrap_or_default().trim().to_owned();
        if !is_json(&kind) {
            return Err(format!("unsupported content type {kind:?}; expected application/json"));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(causes)? {
            if body.len().saturating_add(chunk.len()) > MAX_LIST_BYTES {
                return Err(format!("the list has more than {MAX_LIST_BYTES} bytes"));
            }
            body.extend_from_slice(&chunk);
        }
        read_list(&body, &self.source.url, self.scheme)
    }
}

/// The address without what may be secret in it.
fn shown(url: &str) -> String {
    let Ok(mut parsed) = reqwest::Url::parse(url) else { return "an address that is no URL".to_owned() };
    if parsed.password().is_some() {
        // Only an address without a host takes no password, and such are refused.
        let _ = parsed.set_password(Some("xxxxx"));
    }
    parsed.to_string()
}

/// JSON, in UTF-8 if it says so.
fn is_json(content_type: &str) -> bool {
    let lower = content_type.to_ascii_lowercase();
    let (kind, charset) =
        lower.split_once(';').map_or((lower.as_str(), None), |(kind, rest)| (kind, Some(rest)));
    let charset = charset.map(str::trim_start);
    kind == "application/json" && matches!(charset, None | Some("charset=utf-8" | "charset=\"utf-8\""))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Item {
    #[serde(default, alias = "Targets")]
    targets: Option<Vec<String>>,
    #[serde(default, alias = "Labels")]
    labels: Option<BTreeMap<String, String>>,
}

fn read_list(body: &[u8], url: &str, scheme: NameScheme) -> Result<Vec<TargetGroup>, String> {
    let items: Option<Vec<Option<Item>>> =
        serde_json::from_slice(body).map_err(|error| format!("the list is not as expected: {error}"))?;
    let mut groups = Vec::new();
    for (index, item) in items.unwrap_or_default().into_iter().enumerate() {
        let item = item.ok_or_else(|| format!("group {index} is null; expected targets and labels"))?;
        let mut labels: Vec<(String, String)> = item.labels.unwrap_or_default().into_iter().collect();
        if let Some((name, _)) = labels.iter().find(|(name, _)| !scheme.is_label_name(name)) {
            return Err(format!("group {index}: {name:?} is not a valid label name"));
        }
        labels.retain(|(name, _)| name != URL_LABEL);
        labels.push((URL_LABEL.to_owned(), url.to_owned()));
        groups.push(TargetGroup { targets: item.targets.unwrap_or_default(), labels });
    }
    Ok(groups)
}

#[cfg(test)]
mod tests;
