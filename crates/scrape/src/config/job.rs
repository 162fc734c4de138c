//! One entry of `scrape_configs`.

use super::Reading;
use super::client::ClientConfig;
use super::global::{Global, HistogramSwitches, Limits, Naming, ScrapeProtocol};
use super::section::{Section, text};
use super::yaml::{Node, Problem, Value};
use crate::discovery::Discovery;
use crate::relabel::{self, read_rules};
use std::path::PathBuf;
use std::time::Duration;

/// A job: where its targets come from, and how they are asked.
#[derive(Clone, Debug, PartialEq)]
pub struct ScrapeConfig {
    /// Its name, unique in the configuration; the label `job` unless the target says otherwise.
    pub job_name: String,
    /// How often to scrape.
    pub scrape_interval: Duration,
    /// How long a scrape may take, never longer than the interval.
    pub scrape_timeout: Duration,
    /// Formats to ask for, best first; `None` for the default list.
    pub scrape_protocols: Option<Vec<ScrapeProtocol>>,
    /// What to take a body for whose `Content-Type` is missing or unknown.
    pub fallback_scrape_protocol: Option<ScrapeProtocol>,
    /// Path of the exposition on the target.
    pub metrics_path: String,
    /// `http` or `https`.
    pub scheme: String,
    /// URL parameters, each with its values.
    pub params: Vec<(String, Vec<String>)>,
    /// Whether labels of the target win over labels from the configuration.
    pub honor_labels: bool,
    /// Whether timestamps of the target are kept.
    pub honor_timestamps: bool,
    /// Whether series with timestamps of the target get stale markers too.
    pub track_timestamps_staleness: bool,
    /// Whether the body may come compressed.
    pub enable_compression: bool,
    /// Bounds on scrapes.
    pub limits: Limits,
    /// How names are checked.
    pub naming: Naming,
    /// What is made of histograms.
    pub histograms: HistogramSwitches,
    /// Whether each scrape reports on its limits and timeout as well.
    pub extra_scrape_metrics: bool,
    /// Where to log failed scrapes.
    pub scrape_failure_log_file: Option<PathBuf>,
    /// How to reach the targets.
    pub client: ClientConfig,
    /// Where the targets come from.
    pub discovery: Discovery,
    /// Rules for targets.
    pub relabel_configs: Vec<relabel::Rule>,
    /// Rules for samples.
    pub metric_relabel_configs: Vec<relabel::Rule>,
}

impl ScrapeConfig {
    /// A job with every default, for a name. It has no targets.
    pub fn named(job_name: &str, global: &Global) -> Self {
        Self {
            job_name: job_name.to_owned(),
            scrape_interval: global.scrape_interval,
            scrape_timeout: global.scrape_timeout.min(global.scrape_interval),
            scrape_protocols: global.scrape_protocols.clone(),
            fallback_scrape_protocol: None,
            metrics_path: "/metrics".to_owned(),
            scheme: "http".to_owned(),
            params: Vec::new(),
            honor_labels: false,
            honor_timestamps: true,
            track_timestamps_staleness: false,
            enable_compression: true,
            limits: global.limits,
            naming: global.naming,
            histograms: global.histograms,
            extra_scrape_metrics: global.extra_scrape_metrics,
            scrape_failure_log_file: global.scrape_failure_log_file.clone(),
            client: ClientConfig::default(),
            discovery: Discovery::default(),
            relabel_configs: Vec::new(),
            metric_relabel_configs: Vec::new(),
        }
    }

    /// Reads one entry.
    pub(crate) fn read(node: Node, global: &Global, reading: &mut Reading<'_>) -> Result<Self, Problem> {
        let mut section = Section::open_item(node, "scrape configuration")?;
        let (job_name, _) = section.required_text("job_name")?;
        let base = Self::named(&job_name, global);
        let interval = section.duration("scrape_interval")?.filter(|own| !own.is_zero());
        let scrape_interval = interval.unwrap_or(base.scrape_interval);
        let timeout = section.placed_duration("scrape_timeout")?.filter(|(own, _)| !own.is_zero());
        if let Some((timeout, place)) = timeout
            && timeout > scrape_interval
        {
            let message =
                format!("scrape_timeout is longer than the scrape_interval in the job {job_name:?}");
            return Err(Problem::new(place, message));
        }
        let naming = Naming::take(&mut section, Some(global.naming))?;
        let discovery = Discovery::take(&mut section, naming.scheme, reading)?;
        let config = Self {
            scrape_interval,
            scrape_timeout: timeout
                .map_or(global.scrape_timeout.min(scrape_interval), |(timeout, _)| timeout),
            scrape_protocols: ScrapeProtocol::take_list(&mut section)?.or(base.scrape_protocols),
            fallback_scrape_protocol: ScrapeProtocol::take_fallback(&mut section)?,
            metrics_path: section
                .text("metrics_path")?
                .filter(|path| !path.is_empty())
                .unwrap_or(base.metrics_path),
            scheme: section
                .choice("scheme", &[("http", "http"), ("https", "https")])?
                .unwrap_or("http")
                .to_owned(),
            params: read_params(section.take("params"))?,
            honor_labels: section.flag("honor_labels")?.unwrap_or(false),
            honor_timestamps: section.flag("honor_timestamps")?.unwrap_or(true),
            track_timestamps_staleness: section.flag("track_timestamps_staleness")?.unwrap_or(false),
            enable_compression: section.flag("enable_compression")?.unwrap_or(true),
            limits: Limits::take(&mut section, base.limits)?,
            naming,
            histograms: HistogramSwitches::take(&mut section, base.histograms)?,
            extra_scrape_metrics: section.flag("extra_scrape_metrics")?.unwrap_or(base.extra_scrape_metrics),
            scrape_failure_log_file: section
                .path("scrape_failure_log_file", reading.folder())?
                .or(base.scrape_failure_log_file),
            client: ClientConfig::take(&mut section, reading)?,
            discovery,
            relabel_configs: read_rules(section.list("relabel_configs")?, naming.scheme)?,
            metric_relabel_configs: read_rules(section.list("metric_relabel_configs")?, naming.scheme)?,
            job_name,
        };
        let limits = ["native_histogram_bucket_limit", "native_histogram_min_bucket_factor"];
        let place = limits.iter().find_map(|name| section.placed(name));
        section.count("native_histogram_bucket_limit")?;
        section.number("native_histogram_min_bucket_factor")?;
        if let Some(place) = place {
            reading.note(place, "limits on native histograms have no effect: text formats carry none");
        }
        if config.histograms != global.histograms {
            config.histograms.note(section.place(), reading);
        }
        section.finish()?;
        Ok(config)
    }
}

fn read_params(node: Option<Node>) -> Result<Vec<(String, Vec<String>)>, Problem> {
    let Some(node) = node else { return Ok(Vec::new()) };
    let Value::Map(entries) = node.value else {
        return Err(node.expected("a mapping of URL parameters to lists of values"));
    };
    entries
        .into_iter()
        .map(|(key, value)| match value.value {
            Value::List(items) => Ok((key.name, items.into_iter().map(text).collect::<Result<_, _>>()?)),
            _ => Err(value.expected("a list of values")),
        })
        .collect()
}
