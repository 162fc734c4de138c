//! Which Alertmanagers there are.

use std::collections::BTreeMap;
use std::time::Duration;
use watchfire_model::Labels;
use watchfire_scrape::config::alerting::{Alerting as Wanted, Alertmanager};
use watchfire_scrape::discovery::{Hub, Live, TargetGroup};
use watchfire_scrape::relabel::{self, NameScheme, Rule, Verdict};
use watchfire_settings::client::ClientConfig;

/// How one Alertmanager is reached.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) client: ClientConfig,
    pub(super) timeout: Duration,
    pub(super) alert_relabel_configs: Vec<Rule>,
}

/// The sources of all entries.
#[derive(Debug, Default)]
pub(super) struct Discovered {
    entries: Vec<(Alertmanager, Live)>,
}

impl Discovered {
    /// Begins what `before` does not do already.
    pub(super) fn new(wanted: &Wanted, scheme: NameScheme, hub: &Hub, before: &Self) -> Self {
        let entries = wanted.alertmanagers.iter().enumerate().map(|(index, entry)| {
            let old = before.entries.get(index).map(|(_, live)| live);
            (entry.clone(), Live::start(&entry.discovery, scheme, &config(index), hub, old))
        });
        let entries: Vec<_> = entries.collect();
        let names: Vec<String> = (0..entries.len()).map(config).collect();
        hub.retain(&names.iter().map(String::as_str).collect::<Vec<_>>());
        Self { entries }
    }

    /// What is wrong with the sources, one line each.
    pub(super) fn faults(&self) -> Vec<String> {
        let each = self.entries.iter().enumerate();
        each.flat_map(|(index, (_, live))| live.faults(&format!("alertmanagers[{index}]"))).collect()
    }

    /// The addresses as of now, by address, and those that relabelling dropped. Reads files.
    pub(super) fn look(&mut self, elapsed: Duration, hub: &Hub) -> (BTreeMap<String, Place>, Vec<String>) {
        let (mut found, mut dropped) = (BTreeMap::new(), Vec::new());
        for (index, (entry, live)) in self.entries.iter().enumerate() {
            if live.poll(elapsed) | live.take_news() {
                tracing::debug!(entry = index, "alertmanagers have changed");
            }
            let groups = live.groups();
            hub.handed_over(&config(index), groups.iter().map(|group| group.targets.len()).sum());
            for (address, group) in
                groups.iter().flat_map(|group| group.targets.iter().map(move |target| (target, group)))
            {
                match address_of(entry, address, group) {
                    Ok(url) => {
                        found.entry(url).or_insert_with(|| Place {
                            client: entry.client.clone(),
                            timeout: entry.timeout,
                            alert_relabel_configs: entry.alert_relabel_configs.clone(),
                        });
                    }
                    Err(url) => dropped.push(url),
                }
            }
        }
        dropped.sort();
        dropped.dedup();
        (found, dropped)
    }
}

/// The name of an entry in metrics, as Prometheus has it.
fn config(index: usize) -> String {
    format!("config-{index}")
}

/// Where to post for a target after relabelling; where it would have been if that drops it.
fn address_of(entry: &Alertmanager, address: &str, group: &TargetGroup) -> Result<String, String> {
    let path = format!("/{}/api/v2/alerts", entry.path_prefix.trim_matches('/')).replace("//", "/");
    let mut builder = Labels::empty().to_builder();
    builder.set("__address__", address).set("__scheme__", entry.scheme.as_str()).set("__alerts_path__", path);
    for (name, value) in &group.labels {
        builder.set(name.as_str(), value.as_str());
    }
    let url = |labels: &Labels| {
        let of = |name: &str| labels.get(name).unwrap_or_default().to_owned();
        format!("{}://{}{}", of("__scheme__"), of("__address__"), of("__alerts_path__"))
    };
    let before = builder.build();
    let mut builder = before.to_builder();
    let verdict = relabel::apply(&entry.relabel_configs, &mut builder);
    let after = builder.build();
    let is_there = after.get("__address__").is_some_and(|address| !address.is_empty());
    if verdict == Verdict::Keep && is_there { Ok(url(&after)) } else { Err(url(&before)) }
}
