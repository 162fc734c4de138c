//! From a discovered address to a target that can be asked, or to one that a rule dropped.

use crate::config::ScrapeConfig;
use crate::config::global::Limits;
use crate::discovery::{TargetGroup, check_address};
use crate::relabel::{self, Verdict};
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;
use watchfire_model::{Labels, LabelsBuilder, duration};

/// The label that holds the address a target is reached at.
pub const ADDRESS: &str = "__address__";
/// The label that names the job.
pub const JOB: &str = "job";
/// The label that names the instance.
pub const INSTANCE: &str = "instance";
const SCHEME: &str = "__scheme__";
const METRICS_PATH: &str = "__metrics_path__";
const SCRAPE_INTERVAL: &str = "__scrape_interval__";
const SCRAPE_TIMEOUT: &str = "__scrape_timeout__";
const PARAM_PREFIX: &str = "__param_";
const META_PREFIX: &str = "__meta_";
/// Labels that begin so are not stored.
const HIDDEN_PREFIX: &str = "__";

/// Something to scrape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The labels that every series of it gets.
    pub labels: Labels,
    /// What discovery said, before relabelling.
    pub discovered: Labels,
    /// Where it is.
    pub url: String,
    /// How often to ask.
    pub interval: Duration,
    /// How long to wait.
    pub timeout: Duration,
    /// What makes it itself: two targets with one key are one.
    pub key: TargetKey,
}

/// The identity of a target within its job.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TargetKey {
    labels: Labels,
    url: String,
}

impl TargetKey {
    /// A key for a target that has no URL of its own.
    pub(crate) fn local(labels: &Labels) -> Self {
        Self { labels: labels.clone(), url: String::new() }
    }

    /// Where in its interval the target is asked: even over targets, and the same after a restart with one seed.
    pub(crate) fn offset(&self, interval: Duration, seed: u64) -> Duration {
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        seed.hash(&mut hasher);
        let nanos = u64::try_from(interval.as_nanos()).unwrap_or(u64::MAX).max(1);
        Duration::from_nanos(hasher.finish() % nanos)
    }
}

/// A target that relabelling dropped, remembered so that people can see why it is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DroppedTarget {
    /// The job it was found for.
    pub scrape_pool: String,
    /// What discovery said.
    pub discovered: Labels,
}

/// A target that cannot be made of what discovery and the rules gave.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("instance {index} in group of the job {job:?}: {reason}")]
pub struct TargetError {
    job: String,
    index: usize,
    reason: String,
}

/// The targets of a job.
#[derive(Debug, Default)]
pub struct Resolved {
    /// Those to ask.
    pub targets: Vec<Target>,
    /// Those a rule dropped, at most as many as the configuration keeps.
    pub dropped: Vec<DroppedTarget>,
    /// How many a rule dropped.
    pub dropped_count: usize,
    /// What is wrong with the others.
    pub errors: Vec<TargetError>,
}

/// Dropped targets kept per job when the configuration sets no bound.
const DEFAULT_KEPT_DROPPED: usize = 10_000;

/// Makes targets of groups: labels, rules, identity.
pub fn resolve<'a>(config: &ScrapeConfig, groups: impl IntoIterator<Item = &'a TargetGroup>) -> Resolved {
    let mut resolved = Resolved::default();
    let mut seen = HashSet::new();
    let keep = kept_dropped(&config.limits);
    for group in groups {
        for (index, address) in group.targets.iter().enumerate() {
            match resolve_one(config, group, address) {
                Ok(Outcome::Target(target)) => {
                    if seen.insert(target.key.clone()) {
                        resolved.targets.push(target);
                    }
                }
                Ok(Outcome::Dropped(discovered)) => {
                    resolved.dropped_count += 1;
                    if resolved.dropped.len() < keep {
                        resolved
                            .dropped
                            .push(DroppedTarget { scrape_pool: config.job_name.clone(), discovered });
                    }
                }
                Err(reason) => {
                    resolved.errors.push(TargetError { job: config.job_name.clone(), index, reason });
                }
            }
        }
    }
    resolved
}

/// What becomes of one address, hidden labels included, for whoever wants to see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// What discovery said; of a target that cannot be made, its address.
    pub discovered: Labels,
    /// What the rules made of it, none when they dropped it.
    pub labels: Labels,
    /// Why no target can be made of it.
    pub error: Option<String>,
}

/// Says what becomes of one address of a group.
pub fn judge(config: &ScrapeConfig, group: &TargetGroup, address: &str) -> Judged {
    match resolve_one(config, group, address) {
        Ok(Outcome::Target(target)) => {
            Judged { discovered: target.discovered, labels: target.key.labels, error: None }
        }
        Ok(Outcome::Dropped(discovered)) => Judged { discovered, labels: Labels::empty(), error: None },
        Err(error) => Judged {
            discovered: Labels::from_pairs([(ADDRESS, address)]),
            labels: Labels::empty(),
            error: Some(error),
        },
    }
}

fn kept_dropped(limits: &Limits) -> usize {
    match usize::try_from(limits.keep_dropped_targets) {
        Ok(0) | Err(_) => DEFAULT_KEPT_DROPPED,
        Ok(most) => most,
    }
}

enum Outcome {
    Target(Target),
    Dropped(Labels),
}

fn resolve_one(config: &ScrapeConfig, group: &TargetGroup, address: &str) -> Result<Outcome, String> {
    let mut labels = LabelsBuilder::new();
    for (name, value) in &group.labels {
        labels.set(name, value);
    }
    labels.set(ADDRESS, address);
    set_default(&mut labels, JOB, &config.job_name);
    set_default(&mut labels, SCRAPE_INTERVAL, &duration::format(config.scrape_interval));
    set_default(&mut labels, SCRAPE_TIMEOUT, &duration::format(config.scrape_timeout));
    set_default(&mut labels, METRICS_PATH, &config.metrics_path);
    set_default(&mut labels, SCHEME, &config.scheme);
    for (name, values) in &config.params {
        if let Some(first) = values.first() {
            labels.set(format!("{PARAM_PREFIX}{name}"), first);
        }
    }
    let discovered = labels.build();
    if relabel::apply(&config.relabel_configs, &mut labels) == Verdict::Drop {
        return Ok(Outcome::Dropped(discovered));
    }
    let address = labels.get(ADDRESS).filter(|address| !address.is_empty()).ok_or("no address")?.to_owned();
    check_address(&address)?;
    let interval = label_duration(&labels, SCRAPE_INTERVAL)?;
    let timeout = label_duration(&labels, SCRAPE_TIMEOUT)?;
    if timeout > interval {
        return Err(format!(
            "scrape timeout cannot be greater than scrape interval ({} > {})",
            duration::format(timeout),
            duration::format(interval)
        ));
    }
    labels.retain(|name, _| !name.starts_with(META_PREFIX));
    set_default(&mut labels, INSTANCE, &address);
    let all = labels.build();
    let url = url(config, &all, &address)?;
    let key = TargetKey { labels: all.clone(), url: url.clone() };
    let labels = all.without(|name| name.starts_with(HIDDEN_PREFIX));
    Ok(Outcome::Target(Target { labels, discovered, url, interval, timeout, key }))
}

fn set_default(labels: &mut LabelsBuilder, name: &str, value: &str) {
    if labels.get(name).is_none_or(str::is_empty) {
        labels.set(name, value);
    }
}

fn label_duration(labels: &LabelsBuilder, name: &str) -> Result<Duration, String> {
    let text = labels.get(name).unwrap_or("");
    let parsed = duration::parse(text).map_err(|error| format!("error parsing {name}: {error}"))?;
    if parsed.is_zero() {
        return Err(format!("{name} cannot be 0"));
    }
    Ok(parsed)
}

fn url(config: &ScrapeConfig, labels: &Labels, address: &str) -> Result<String, String> {
    let scheme = labels.get(SCHEME).unwrap_or("http");
    let path = labels.get(METRICS_PATH).unwrap_or("/metrics");
    let slash = if path.starts_with('/') { "" } else { "/" };
    let mut url = reqwest::Url::parse(&format!("{scheme}://{address}{slash}{path}"))
        .map_err(|error| format!("invalid target URL: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("unsupported scheme {scheme:?}; expected http or https"));
    }
    let mut params: Vec<(String, Vec<String>)> = config.params.clone();
    for (name, value) in labels {
        let Some(name) = name.strip_prefix(PARAM_PREFIX) else { continue };
        match params.iter_mut().find(|(found, _)| found == name) {
            Some((_, values)) => match values.first_mut() {
                Some(first) => value.clone_into(first),
                None => values.push(value.to_owned()),
            },
            None => params.push((name.to_owned(), vec![value.to_owned()])),
        }
    }
    params.sort_by(|left, right| left.0.cmp(&right.0));
    if params.iter().any(|(_, values)| !values.is_empty()) {
        let mut query = url.query_pairs_mut();
        for (name, values) in &params {
            for value in values {
                query.append_pair(name, value);
            }
        }
    }
    Ok(url.to_string())
}

#[cfg(test)]
mod tests;
