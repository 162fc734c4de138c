//! The configuration file: Prometheus's `prometheus.yml`, with Watchfire's own keys beside Prometheus's.
//!
//! Everything wrong is told as one line, `FILE:LINE:COL: found; expected`. Paths are relative to the folder of the
//! file they stand in.

pub mod alerting;
mod canary;
mod ci;
pub mod global;
mod heartbeat;
pub mod job;
mod kubernetes;
mod mask;
pub mod metrics;
mod objectives;
mod prices;
mod remote;
pub(crate) mod services;
pub mod storage;
mod training;

pub use alerting::{Alerting, Alertmanager};
pub use canary::Canary;
pub use ci::Ci;
pub use global::Global;
pub use heartbeat::Heartbeat;
pub use job::ScrapeConfig;
pub use metrics::Metrics;
pub use objectives::{About, LlmObjective, Objectives, ProbeObjective};
pub use prices::Prices;
pub use remote::{QueueConfig, RemoteWrite};
pub use storage::{Otlp, Storage};
pub use training::Training;
pub(crate) use watchfire_settings::Reading;
pub use watchfire_settings::{client, glob, secret, section, units, yaml};
pub use yaml::{Fault, Place, Problem};

use section::{Section, text};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use yaml::Node;

/// How much of a configuration is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// The file and the scrape configuration files it names, but no certificate, password or rule file, and no
    /// complaint about features that Prometheus has and Watchfire has not.
    Syntax,
    /// All that is needed to run it.
    Full,
}

/// `collect`: what is gathered from this machine and this program without any scrape configuration.
///
/// Without a configuration file it is on. A file that does not say `collect` leaves it off, so that a `prometheus.yml`
/// gives the series it gives in Prometheus and no others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collect {
    /// Whether to gather at all.
    pub enabled: bool,
    /// How often.
    pub interval: Duration,
    /// Whether LLM servers that are found on this machine are scraped.
    pub llm: bool,
    /// Whether NVIDIA's GPUs are told under the names of other exporters too.
    pub gpu_aliases: bool,
    /// Collectors that shall not run, by name.
    pub disabled_collectors: Vec<String>,
    /// Folders whose `*.prom` files are told.
    pub textfile_directories: Vec<PathBuf>,
}

impl Default for Collect {
    fn default() -> Self {
        Self {
            enabled: true,
            interval: Duration::from_secs(5),
            llm: true,
            gpu_aliases: true,
            disabled_collectors: Vec::new(),
            textfile_directories: Vec::new(),
        }
    }
}

/// A whole configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// `global`.
    pub global: Global,
    /// `scrape_configs`, and those of `scrape_config_files` after them.
    pub scrape_configs: Vec<Arc<ScrapeConfig>>,
    /// `rule_files`, as absolute or working-folder-relative patterns for [`glob::expand`].
    pub rule_files: Vec<PathBuf>,
    /// `alerting`.
    pub alerting: Alerting,
    /// `storage`.
    pub storage: Storage,
    /// `otlp`.
    pub otlp: Otlp,
    /// `remote_write`: where an agent sends what it collects. A server does not.
    pub remote_write: Vec<RemoteWrite>,
    /// `alertmanager_file`: Watchfire's own key, an Alertmanager configuration.
    pub alertmanager_file: Option<PathBuf>,
    /// `probe_file`: Watchfire's own key, modules of probes in blackbox_exporter's format.
    pub probe_file: Option<PathBuf>,
    /// `heartbeat`: Watchfire's own key, whom to tell that all is well.
    pub heartbeat: Option<Heartbeat>,
    /// `canary`: Watchfire's own key, which receivers are sent an alert on a schedule to see whether it arrives.
    pub canary: Option<Canary>,
    /// `oncall_file`: Watchfire's own key, people and schedules.
    pub oncall_file: Option<PathBuf>,
    /// `collect`: Watchfire's own key.
    pub collect: Collect,
    /// `metrics`: Watchfire's own key.
    pub metrics: Metrics,
    /// `ci`: Watchfire's own key.
    pub ci: Ci,
    /// `training`: Watchfire's own key.
    pub training: Training,
    /// `objectives`: Watchfire's own key, what is promised of LLM servers and of what probes look at.
    pub objectives: Objectives,
    /// `prices`: Watchfire's own key, what tokens and GPUs cost and what may be spent.
    pub prices: Option<Prices>,
    /// `built_in_rules`: Watchfire's own key. Whether the rules that come with the program are evaluated; by default
    /// unless `rule_files` names others and nothing that only they use is configured.
    pub built_in_rules: bool,
    /// What is accepted and has no effect, each on one line with its place.
    pub notes: Vec<String>,
    masked: String,
}

/// What is in force without a configuration file.
impl Default for Config {
    fn default() -> Self {
        // Whoever configures nothing looks at one machine, and wants to know soon.
        let global = Global { evaluation_interval: Duration::from_secs(15), ..Global::default() };
        Self {
            global,
            scrape_configs: Vec::new(),
            rule_files: Vec::new(),
            alerting: Alerting::default(),
            storage: Storage::default(),
            otlp: Otlp::default(),
            remote_write: Vec::new(),
            alertmanager_file: None,
            probe_file: None,
            heartbeat: None,
            canary: None,
            oncall_file: None,
            collect: Collect::default(),
            metrics: Metrics::default(),
            ci: Ci::default(),
            training: Training::default(),
            objectives: Objectives::default(),
            prices: None,
            built_in_rules: true,
            notes: Vec::new(),
            masked: String::new(),
        }
    }
}

impl Config {
    /// Reads a configuration file and the scrape configuration files it names.
    ///
    /// # Errors
    /// The first fault found.
    pub fn load(file: &Path, check: Check) -> Result<Self, Fault> {
        let text = yaml::read_file(file)?;
        Self::parse(&text, file, check)
    }

    /// Reads a configuration from a text; `file` is its name in messages, and its folder the base of paths.
    ///
    /// # Errors
    /// The first fault found.
    pub fn parse(text: &str, file: &Path, check: Check) -> Result<Self, Fault> {
        let in_file = |problem: Problem| problem.in_file(file);
        let node = yaml::parse(text).map_err(in_file)?;
        let masked = mask::render(&node);
        let folder = file.parent().unwrap_or(Path::new(""));
        let mut reading = Reading::with_oauth2(folder);
        let (mut config, scrape_files, mut jobs) = read_root(node, &mut reading).map_err(in_file)?;
        if check == Check::Full {
            reading.check_world().map_err(in_file)?;
        }
        config.notes = reading.take_notes().into_iter().map(|note| note.in_file(file).to_string()).collect();
        for (pattern, place) in scrape_files {
            let files = glob::expand(&pattern);
            if files.is_empty() {
                let message = format!("{} names no file", pattern.display());
                config.notes.push(Problem::new(place, message).in_file(file).to_string());
            }
            for scrape_file in files {
                config.read_scrape_file(&scrape_file, &mut jobs, check)?;
            }
        }
        config.masked = masked;
        Ok(config)
    }

    /// The configuration as YAML with every secret masked, for `/api/v1/status/config`.
    pub fn to_yaml(&self) -> &str {
        &self.masked
    }

    fn read_scrape_file(&mut self, file: &Path, jobs: &mut Jobs, check: Check) -> Result<(), Fault> {
        let in_file = |problem: Problem| problem.in_file(file);
        let node = yaml::parse_file(file)?;
        let mut reading = Reading::with_oauth2(file.parent().unwrap_or(Path::new("")));
        let mut section = Section::open(node, "scrape configuration file").map_err(in_file)?;
        let items = section.list("scrape_configs").map_err(in_file)?;
        section.finish().map_err(in_file)?;
        let configs = read_jobs(items, &self.global, jobs, &mut reading).map_err(in_file)?;
        if check == Check::Full {
            reading.check_world().map_err(in_file)?;
        }
        self.notes.extend(reading.take_notes().into_iter().map(|note| note.in_file(file).to_string()));
        self.scrape_configs.extend(configs);
        Ok(())
    }
}

/// The names of the jobs read so far.
#[derive(Default)]
struct Jobs(Vec<String>);

type Root = (Config, Vec<(PathBuf, Place)>, Jobs);

fn read_root(node: Node, reading: &mut Reading<'_>) -> Result<Root, Problem> {
    let mut root = Section::open(node, "configuration file")?;
    let variable = |name: &str| std::env::var(name).ok();
    let global = match root.section("global", "global configuration")? {
        Some(section) => Global::read(section, reading, &variable)?,
        None => Global::default(),
    };
    let scheme = global.naming.scheme;
    let mut config = Config::default();
    for item in root.list("rule_files")? {
        config.rule_files.push(read_pattern(item, "rule file", reading)?);
    }
    let mut scrape_files = Vec::new();
    for item in root.list("scrape_config_files")? {
        let place = item.place;
        scrape_files.push((read_pattern(item, "scrape configuration file", reading)?, place));
    }
    let mut jobs = Jobs::default();
    config.scrape_configs = read_jobs(root.list("scrape_configs")?, &global, &mut jobs, reading)?;
    if let Some(section) = root.section("alerting", "alerting configuration")? {
        config.alerting = Alerting::read(section, scheme, reading)?;
    }
    if let Some(section) = root.section("storage", "storage configuration")? {
        config.storage = Storage::read(section, reading)?;
    }
    if let Some(section) = root.section("metrics", "metrics configuration")? {
        config.metrics = Metrics::read(section)?;
    }
    if let Some(raw) = config.storage.retention_time {
        config.metrics.check_tiers(Some(raw))?;
    }
    let place = root.has("otlp");
    if let Some(section) = root.section("otlp", "OTLP configuration")? {
        config.otlp = Otlp::read(section, scheme == crate::relabel::NameScheme::Legacy)?;
        if let Some(place) = place {
            reading.note(place, "otlp has no effect yet");
        }
    }
    if let Some(mut section) = root.section("runtime", "runtime configuration")? {
        section.count("gogc")?;
        section.finish()?;
    }
    if let Some(section) = root.section("tracing", "tracing configuration")? {
        let place = storage::check_tracing(section, reading)?;
        reading.note(place, "tracing has no effect yet");
    }
    for list in ["remote_write", "remote_read"] {
        let place = root.has(list);
        let items = root.list(list)?;
        if let (Some(place), false) = (place, items.is_empty()) {
            reading.note(place, format!("{list} has no effect yet"));
        }
        match list {
            "remote_write" => config.remote_write = remote::read_write(items, scheme, reading)?,
            _ => remote::check_read(items, reading)?,
        }
    }
    config.alertmanager_file =
        root.placed_text("alertmanager_file")?.map(|(path, place)| reading.refer(&path, place));
    config.probe_file = root.placed_text("probe_file")?.map(|(path, place)| reading.refer(&path, place));
    config.heartbeat = heartbeat::read(root.take("heartbeat"), reading)?;
    config.canary = canary::read(root.take("canary"))?;
    config.oncall_file = root.placed_text("oncall_file")?.map(|(path, place)| reading.refer(&path, place));
    let base = Collect::default();
    config.collect = Collect { enabled: false, ..base.clone() };
    if let Some(mut section) = root.section("collect", "collect configuration")? {
        config.collect = Collect {
            enabled: section.flag("enabled")?.unwrap_or(base.enabled),
            interval: section.duration("interval")?.filter(|own| !own.is_zero()).unwrap_or(base.interval),
            llm: section.flag("llm")?.unwrap_or(base.llm),
            gpu_aliases: section.flag("gpu_aliases")?.unwrap_or(base.gpu_aliases),
            disabled_collectors: section
                .list("disabled_collectors")?
                .into_iter()
                .map(text)
                .collect::<Result<_, _>>()?,
            textfile_directories: section
                .list("textfile_directories")?
                .into_iter()
                .map(|item| Ok(reading.resolve(&text(item)?)))
                .collect::<Result<_, Problem>>()?,
        };
        section.finish()?;
    }
    if let Some(section) = root.section("ci", "ci configuration")? {
        config.ci = Ci::read(section, &reading.resolve(""))?;
    }
    if let Some(section) = root.section("training", "training configuration")? {
        config.training = Training::read(section, reading)?;
    }
    let objectives = objectives::read(root.take("objectives"))?;
    config.prices = prices::read(root.take("prices"))?;
    let used = objectives.is_some() || config.prices.is_some();
    config.objectives = objectives.unwrap_or_default();
    config.built_in_rules = root.flag("built_in_rules")?.unwrap_or(config.rule_files.is_empty() || used);
    root.finish()?;
    config.global = global;
    Ok((config, scrape_files, jobs))
}

fn read_pattern(item: Node, what: &str, reading: &Reading<'_>) -> Result<PathBuf, Problem> {
    let place = item.place;
    let pattern = text(item)?;
    if !glob::is_pattern(&pattern) {
        let message = format!("invalid {what} path {pattern:?}; expected \"*\" in its last element only");
        return Err(Problem::new(place, message));
    }
    Ok(reading.resolve(&pattern))
}

fn read_jobs(
    items: Vec<Node>,
    global: &Global,
    jobs: &mut Jobs,
    reading: &mut Reading<'_>,
) -> Result<Vec<Arc<ScrapeConfig>>, Problem> {
    let mut configs = Vec::new();
    for item in items {
        let place = item.place;
        let config = ScrapeConfig::read(item, global, reading)?;
        if jobs.0.contains(&config.job_name) {
            let message = format!("found multiple scrape configs with job name {:?}", config.job_name);
            return Err(Problem::new(place, message));
        }
        jobs.0.push(config.job_name.clone());
        configs.push(Arc::new(config));
    }
    Ok(configs)
}

#[cfg(test)]
mod tests;
