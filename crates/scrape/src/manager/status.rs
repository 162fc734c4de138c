//! What the API shows of targets and pools.

use crate::runner::status::{Health, Scraped};
use crate::target::{DroppedTarget, Target};
use std::time::Duration;
use watchfire_model::{Labels, Metadata};

/// The label, before relabelling, that says what to do when a target does not answer as it should.
pub const HINT_LABEL: &str = "__meta_watchfire_hint";

/// One target, as `/api/v1/targets` shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct TargetStatus {
    /// Its labels before relabelling.
    pub discovered: Labels,
    /// Its labels.
    pub labels: Labels,
    /// Its job's name in the configuration.
    pub scrape_pool: String,
    /// Where it is asked.
    pub scrape_url: String,
    /// The same as others see it.
    pub global_url: String,
    /// Why its last scrape failed or was not stored; empty when all went well.
    pub last_error: String,
    /// What of its last scrape was not stored, and why; empty when all was, and the target is well all the same. Of a
    /// target that fails, what may mend it ([`HINT_LABEL`]).
    pub last_warning: String,
    /// When it was asked last, in milliseconds since the Unix epoch.
    pub last_scrape_ms: Option<i64>,
    /// How long that took.
    pub last_scrape_duration: Duration,
    /// Samples in the last answer.
    pub last_samples: usize,
    /// Lines of the last answer that named a series again.
    pub last_duplicates: usize,
    /// Whether it answers.
    pub health: Health,
    /// How often it is asked.
    pub interval: Duration,
    /// How long it may take.
    pub timeout: Duration,
}

impl TargetStatus {
    pub(super) fn new(
        target: &Target,
        scrape_pool: &str,
        global_url: String,
        last: Option<Scraped>,
        write_error: Option<String>,
        write_warning: Option<String>,
    ) -> Self {
        let error = last.as_ref().and_then(|last| last.error.clone());
        // Whoever found the target may know what it lacks.
        let hint = || target.discovered.get(HINT_LABEL).filter(|_| error.is_some()).map(str::to_owned);
        let warning = write_warning.or_else(hint);
        let health = match (&last, &error) {
            (None, _) => Health::Unknown,
            (Some(_), None) => Health::Up,
            (Some(_), Some(_)) => Health::Down,
        };
        Self {
            discovered: target.discovered.clone(),
            labels: target.labels.clone(),
            scrape_pool: scrape_pool.to_owned(),
            scrape_url: target.url.clone(),
            global_url,
            last_error: error.or(write_error).unwrap_or_default(),
            last_warning: warning.unwrap_or_default(),
            last_scrape_ms: last.as_ref().map(|last| last.timestamp_ms),
            last_scrape_duration: last.as_ref().map_or(Duration::ZERO, |last| last.duration),
            last_samples: last.as_ref().map_or(0, |last| last.counts.scraped),
            last_duplicates: last.as_ref().map_or(0, |last| last.counts.duplicates),
            health,
            interval: target.interval,
            timeout: target.timeout,
        }
    }
}

/// One job.
#[derive(Clone, Debug, PartialEq)]
pub struct PoolStatus {
    /// Its name.
    pub scrape_pool: String,
    /// How many targets are asked.
    pub active_targets: usize,
    /// Targets that relabelling dropped, as many as are kept.
    pub dropped: Vec<DroppedTarget>,
    /// How many it dropped.
    pub dropped_count: usize,
    /// Target files that are wrong and targets that cannot be made, one line each.
    pub faults: Vec<String>,
}

/// What the metrics of one target say about themselves, for `/api/v1/targets/metadata`.
#[derive(Clone, Debug, PartialEq)]
pub struct TargetMetadata {
    /// The target's labels.
    pub target: Labels,
    /// Its metric families, by name.
    pub families: Vec<(String, Metadata)>,
}

/// An URL in which `localhost` is the host's own name.
pub(super) fn global_url(url: &str, external_host: Option<&str>) -> String {
    let (Some(host), Ok(mut parsed)) = (external_host, reqwest::Url::parse(url)) else {
        return url.to_owned();
    };
    let local = matches!(parsed.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    if local && matches!(parsed.scheme(), "http" | "https") && parsed.set_host(Some(host)).is_ok() {
        return parsed.to_string();
    }
    url.to_owned()
}
