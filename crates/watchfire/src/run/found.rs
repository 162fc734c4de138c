//! LLM servers found on this host, scraped without being named in a configuration.

use serde_json::json;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::time::Instant;
use watchfire_collect::{LlmDiscovery, LlmServer};
use watchfire_scrape::config::{Check, ScrapeConfig};
use watchfire_scrape::{Config, HINT_LABEL, Manager};

/// How often this host is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(15);

/// How long a server that is gone stays a target: long enough for somebody to be told that it is down.
const KEPT: Duration = Duration::from_secs(3600);

/// Where the jobs come from, in messages.
const ORIGIN: &str = "LLM servers found on this host";

/// Keeps the jobs in line with what runs, until the discovery or the program ends.
pub(crate) async fn watch(scrape: Weak<Manager>, discovery: Weak<LlmDiscovery>, host: String) {
    let mut known: BTreeMap<SocketAddr, (LlmServer, Instant)> = BTreeMap::new();
    let mut told = None;
    loop {
        let Some(current) = discovery.upgrade() else { return };
        let Ok(servers) = tokio::task::spawn_blocking(move || current.servers()).await else { return };
        let now = Instant::now();
        known.extend(servers.into_iter().map(|server| (server.address, (server, now))));
        known.retain(|_, (_, seen)| now.duration_since(*seen) < KEPT);
        let Some(scrape) = scrape.upgrade() else { return };
        let configured = scrape.targets().into_iter().filter(|target| target.discovered.get(FOUND).is_none());
        let configured: Vec<String> = configured.map(|target| target.scrape_url).collect();
        let servers =
            known.values().map(|(server, _)| server).filter(|server| !is_among(server, &configured));
        let text = jobs(servers, &host);
        if told.as_ref() != Some(&text) {
            match read(&text) {
                Ok(found) => {
                    if let Err(error) = scrape.apply_found(found).await {
                        tracing::error!(%error, "LLM servers that were found are not scraped");
                    }
                }
                Err(error) => tracing::error!(error, "LLM servers that were found are not scraped"),
            }
            told = Some(text);
        }
        drop(scrape);
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// The label, before relabelling, of targets that were found.
const FOUND: &str = "__meta_watchfire_engine";

/// Whether a configuration names this server already, by whatever name this host has.
fn is_among(server: &LlmServer, urls: &[String]) -> bool {
    let port = server.address.port();
    let hosts = [server.address.ip().to_string(), "localhost".to_owned()];
    urls.iter().any(|url| {
        hosts.iter().any(|host| {
            let begins = format!("://{host}:{port}/");
            url.contains(&begins)
        })
    })
}

/// The jobs as a configuration: one for each engine, with a group for each server.
fn jobs<'a>(servers: impl Iterator<Item = &'a LlmServer>, host: &str) -> String {
    let mut groups: BTreeMap<&str, Vec<serde_json::Value>> = BTreeMap::new();
    for server in servers {
        let Some(path) = server.engine.metrics_path() else { continue };
        let name = server.engine.name();
        let mut labels = serde_json::Map::new();
        labels.insert("instance".into(), format!("{host}:{}", server.address.port()).into());
        labels.insert("__metrics_path__".into(), path.into());
        labels.insert(FOUND.into(), name.into());
        labels.insert(HINT_LABEL.into(), server.engine.hint().into());
        let group = json!({"targets": [server.address.to_string()], "labels": labels});
        groups.entry(name).or_default().push(group);
    }
    let jobs = groups.into_iter().map(|(name, groups)| {
        json!({
            "job_name": name,
            "scrape_interval": "15s",
            "scrape_timeout": "10s",
            "static_configs": groups,
            // When a series began, as a series of its own: Python's client has one for each counter and bucket.
            "metric_relabel_configs": [
                {"source_labels": ["__name__"], "regex": "(vllm:|sglang:|litellm_|trtllm_|ray_|http_request).*_created",
                 "action": "drop"}
            ],
        })
    });
    json!({"scrape_configs": jobs.collect::<Vec<_>>()}).to_string()
}

fn read(text: &str) -> Result<Vec<Arc<ScrapeConfig>>, String> {
    let config = Config::parse(text, Path::new(ORIGIN), Check::Full).map_err(|fault| fault.to_string())?;
    Ok(config.scrape_configs)
}
