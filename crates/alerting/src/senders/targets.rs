//! Which Alertmanagers there are.

use std::collections::BTreeMap;
use std::time::Duration;
use watchfire_model::Labels;
use watchfire_scrape::config::alerting::{Alerting as Wanted, Alertmanager};
use watchfire_scrape::discovery::{FileDiscovery, TargetGroup};
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
    entries: Vec<(Alertmanager, Vec<FileDiscovery>)>,
}

impl Discovered {
    pub(super) fn new(wanted: &Wanted, scheme: NameScheme) -> Self {
        let entries = wanted
            .alertmanagers
            .iter()
            .map(|entry| {
                let sources = entry.discovery.file_sources.iter();
                (entry.clone(), sources.map(|source| FileDiscovery::new(source.clone(), scheme)).collect())
            })
            .collect();
        Self { entries }
    }

    /// The addresses as of now, by address, and those that relabelling dropped. Reads files.
    pub(super) fn look(&mut self, elapsed: Duration) -> (BTreeMap<String, Place>, Vec<String>) {
        let (mut found, mut dropped) = (BTreeMap::new(), Vec::new());
        for (entry, files) in &mut self.entries {
            for file in files.iter_mut() {
                file.poll(elapsed);
            }
            let groups =
                entry.discovery.static_groups.iter().chain(files.iter().flat_map(FileDiscovery::groups));
            for (address, group) in
                groups.flat_map(|group| group.targets.iter().map(move |target| (target, group)))
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
