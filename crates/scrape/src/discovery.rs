//! Where targets come from: written in the configuration, in files that may change at any time, told by servers, or
//! found in DNS.

mod dns;
mod files;
mod http;
mod live;
mod stats;

pub use dns::{DnsSource, RecordKind};
pub use files::FileDiscovery;
pub use http::{HttpSource, MAX_LIST_BYTES};
pub use live::Live;
pub use stats::{DiscoveryStats, Hub};

use crate::config::section::{Section, text};
use crate::config::yaml::{Node, Problem};
use crate::config::{Reading, services};
use crate::relabel::NameScheme;
use std::path::PathBuf;
use std::time::Duration;

/// Addresses that share labels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TargetGroup {
    /// The addresses, `host:port` or `host`.
    pub targets: Vec<String>,
    /// Labels of each of them.
    pub labels: Vec<(String, String)>,
}

/// The sources of one job's targets.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Discovery {
    /// `static_configs`.
    pub static_groups: Vec<TargetGroup>,
    /// `file_sd_configs`.
    pub file_sources: Vec<FileSource>,
    /// `http_sd_configs`.
    pub http_sources: Vec<HttpSource>,
    /// `dns_sd_configs`.
    pub dns_sources: Vec<DnsSource>,
}

impl Discovery {
    /// Takes every discovery out of a section; those that Watchfire has not are told to `reading`.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub(crate) fn take(
        section: &mut Section,
        scheme: NameScheme,
        reading: &mut Reading<'_>,
    ) -> Result<Self, Problem> {
        let discovery = Self {
            static_groups: read_static_configs(section, scheme)?,
            file_sources: read_file_sources(section.list("file_sd_configs")?, reading)?,
            http_sources: http::read_sources(section.list("http_sd_configs")?, reading)?,
            dns_sources: dns::read_sources(section.list("dns_sd_configs")?)?,
        };
        services::take(section, reading)?;
        Ok(discovery)
    }
}

fn read_static_configs(section: &mut Section, scheme: NameScheme) -> Result<Vec<TargetGroup>, Problem> {
    let place = section.placed("static_configs");
    let groups = read_static(section.list("static_configs")?, scheme)?;
    if let Some(place) = place
        && groups.iter().any(|group| group.targets.iter().any(String::is_empty))
    {
        return Err(Problem::new(place, "a target of static_configs is empty; expected HOST:PORT"));
    }
    Ok(groups)
}

/// What became of one refresh.
#[derive(Debug, Default)]
struct Outcome {
    /// The targets as of now, with those kept from before where something failed.
    groups: Vec<TargetGroup>,
    /// What failed, one line each.
    faults: Vec<String>,
    /// Names looked up.
    lookups: u64,
    /// Answers that failed, of servers or lookups.
    failures: u64,
    /// Whether the refresh as a whole failed.
    is_failed: bool,
}

impl FileSource {
    /// What is wrong with the files that are there now. Reads them; blocks.
    pub fn check(&self, scheme: NameScheme) -> Vec<watchfire_settings::Fault> {
        let mut discovery = FileDiscovery::new(self.clone(), scheme);
        discovery.poll(Duration::ZERO);
        discovery.faults().to_vec()
    }
}

/// Takes `refresh_interval`; none and zero stand for the default.
fn take_refresh_interval(section: &mut Section, default_seconds: u64) -> Result<Duration, Problem> {
    let own = section.duration("refresh_interval")?.filter(|own| !own.is_zero());
    Ok(own.unwrap_or(Duration::from_secs(default_seconds)))
}

/// One entry of `file_sd_configs`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileSource {
    /// Patterns of files, `*` in the last element only.
    pub patterns: Vec<PathBuf>,
    /// How often every file is read anew even though it looks unchanged.
    pub refresh_interval: Duration,
}

/// Reads `static_configs`, or the groups of a target file.
fn read_static(items: Vec<Node>, scheme: NameScheme) -> Result<Vec<TargetGroup>, Problem> {
    items.into_iter().map(|item| read_group(item, scheme)).collect()
}

fn read_group(item: Node, scheme: NameScheme) -> Result<TargetGroup, Problem> {
    let mut section = Section::open_item(item, "target group")?;
    let mut group = TargetGroup::default();
    for item in section.list("targets")? {
        let place = item.place;
        let address = text(item)?;
        check_address(&address).map_err(|message| Problem::new(place, message))?;
        group.targets.push(address);
    }
    for (key, value) in section.text_map("labels")? {
        if !scheme.is_label_name(&key.name) {
            return Err(Problem::new(key.place, format!("{:?} is not a valid label name", key.name)));
        }
        group.labels.push((key.name, value));
    }
    section.finish()?;
    Ok(group)
}

/// Refuses an address that holds a path or a scheme, as Prometheus does.
pub(crate) fn check_address(address: &str) -> Result<(), String> {
    if address.contains('/') {
        return Err(format!(
            "{address:?} is not a valid hostname; expected HOST:PORT without scheme or path"
        ));
    }
    Ok(())
}

/// Reads `file_sd_configs`.
fn read_file_sources(items: Vec<Node>, reading: &Reading<'_>) -> Result<Vec<FileSource>, Problem> {
    items.into_iter().map(|item| read_file_source(item, reading)).collect()
}

fn read_file_source(item: Node, reading: &Reading<'_>) -> Result<FileSource, Problem> {
    let mut section = Section::open_item(item, "file discovery configuration")?;
    let mut patterns = Vec::new();
    for item in section.list("files")? {
        let place = item.place;
        let pattern = text(item)?;
        let known = [".json", ".yml", ".yaml", ".JSON", ".YML", ".YAML"];
        if !crate::config::glob::is_pattern(&pattern) || !known.iter().any(|ending| pattern.ends_with(ending))
        {
            return Err(Problem::new(
                place,
                format!(
                    "path name {pattern:?} is not valid for file discovery; expected it to end in .json, .yml or \
                     .yaml, with \"*\" in its last element only"
                ),
            ));
        }
        patterns.push(reading.resolve(&pattern));
    }
    if patterns.is_empty() {
        return Err(
            section.problem("files is missing in a file discovery configuration; expected at least one path")
        );
    }
    let refresh_interval = take_refresh_interval(&mut section, 300)?;
    section.finish()?;
    Ok(FileSource { patterns, refresh_interval })
}
