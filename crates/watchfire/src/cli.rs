//! The command line. Flags keep Prometheus's names where they mean the same.

mod agent;
mod alert;
mod alertmanager;
mod backup;
mod collectors;
mod import;
mod people;
mod query;

pub(crate) use agent::AgentArgs;
pub(crate) use alert::{
    Alert, BackfillArgs, BacktestArgs, ExplainArgs, Kind as AlertTemplateKind, RenderArgs, Rules,
    TestReceiverArgs,
};
pub(crate) use alertmanager::{AlertingArgs, AlertmanagerArgs};
pub(crate) use backup::{BackupArgs, PlaceArgs, RestoreArgs, VerifyArgs};
pub(crate) use collectors::CollectorArgs;
pub(crate) use import::{Import, ImportAlertmanagerArgs, ImportPrometheusArgs};

pub(crate) use people::{
    AckArgs, AskedArgs, EscalateArgs, Incident, IncidentListArgs, IncidentSaidArgs, IncidentShowArgs,
    NoteArgs, Schedule, ScheduleShowArgs,
};
pub(crate) use query::{
    AskArgs, Format, InstantArgs, LabelsArgs, QueryArgs, QueryCommand, RangeArgs, SeriesArgs,
};

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use watchfire_scrape::config::metrics::MemoryLimit;

/// Watches an AI platform: collects, keeps, queries, draws, alerts.
///
/// Without a command and without flags it watches this machine: it listens on 127.0.0.1:9090, keeps its data in ./data,
/// collects this host's metrics, evaluates the built-in rules and serves the web UI.
#[derive(Debug, Parser)]
#[command(name = "watchfire", version, args_conflicts_with_subcommands = true, max_term_width = 110)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

#[derive(Debug, Subcommand)]
#[allow(clippy::large_enum_variant, reason = "there is one, and it is parsed once")]
pub(crate) enum Command {
    /// Runs the server. This is what happens without a command, too.
    Run(RunArgs),
    /// Collects this host and shows it on a port, or sends it on to a server; keeps nothing.
    Agent(AgentArgs),
    /// Runs the server as an Alertmanager, with Alertmanager's flags: it takes alerts and tells people, nothing else.
    #[command(version)]
    Alertmanager(AlertmanagerArgs),
    /// Reads this host's metrics as `run` would, without running a server.
    Collect(CollectArgs),
    /// Checks files before they are used; each fault is one line with file, line and column.
    #[command(subcommand)]
    Check(Check),
    /// Runs unit tests.
    #[command(subcommand)]
    Test(Test),
    /// Tries receivers and notification templates out, and explains who was told of an alert.
    #[command(subcommand)]
    Alert(Alert),
    /// Asks a running server about incidents, and takes them on.
    #[command(subcommand)]
    Incident(Incident),
    /// Asks a running server who is on call.
    #[command(subcommand)]
    Schedule(Schedule),
    /// Tries rules out over the past.
    #[command(subcommand)]
    Rules(Rules),
    /// Asks a running server a PromQL query.
    Query(QueryArgs),
    /// Saves the data folder to another folder or a bucket; only what is new since the last backup is sent.
    Backup(BackupArgs),
    /// Brings a backup back into a new data folder, every checksum compared.
    Restore(RestoreArgs),
    /// Reads a data folder or a backup from end to end, compares every checksum and names what is damaged.
    Verify(VerifyArgs),
    /// Brings another system's history into the data folder, while no server runs on it.
    #[command(subcommand)]
    Import(Import),
    /// Prints the Python module by which a training tells how it goes: `watchfire python-helper > watchfire.py`.
    PythonHelper,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct RunArgs {
    /// Configuration file, in the format of prometheus.yml. Without it, this machine is watched.
    #[arg(long = "config.file", value_name = "FILE")]
    pub(crate) config_file: Option<PathBuf>,

    /// Alertmanager's configuration file: who is told about alerts. Overrides `alertmanager_file` of the configuration.
    #[arg(long = "alertmanager.file", value_name = "FILE")]
    pub(crate) alertmanager_file: Option<PathBuf>,

    /// The on-call file: people, schedules and policies of escalation. Overrides `oncall_file` of the configuration.
    #[arg(long = "oncall.file", value_name = "FILE")]
    pub(crate) oncall_file: Option<PathBuf>,

    /// Collect nothing and evaluate nothing: take alerts from outside, and tell people.
    #[arg(long = "alerting.only", conflicts_with = "config_file")]
    pub(crate) alerting_only: bool,

    #[command(flatten)]
    pub(crate) alerting: AlertingArgs,

    /// Folder for all data. One process at a time may use it.
    #[arg(long = "storage.tsdb.path", value_name = "DIR", default_value = "data")]
    pub(crate) storage_path: PathBuf,

    /// How long samples are kept; 30d unless a size is given. `storage.tsdb.retention` of the configuration comes first.
    #[arg(long = "storage.tsdb.retention.time", value_name = "DURATION", value_parser = duration)]
    pub(crate) retention_time: Option<Duration>,

    /// When the store takes more than this, its oldest days are dropped: 512MB, 50GB. No bound by default.
    #[arg(long = "storage.tsdb.retention.size", value_name = "SIZE", value_parser = size)]
    pub(crate) retention_size: Option<u64>,

    /// How much memory the program may use before it refuses new series: a size, or a share of what the machine has or
    /// its control group allows. 0 for any amount. Overrides `metrics.limits.memory` of the configuration; 60% without
    /// either.
    #[arg(long = "storage.memory-limit", value_name = "SIZE|PERCENT", value_parser = memory_limit)]
    pub(crate) memory_limit: Option<MemoryLimit>,

    /// Acknowledge writes before they are on disk. Faster on slow disks; a crash may lose the last second.
    #[arg(long = "storage.relaxed-durability")]
    pub(crate) relaxed_durability: bool,

    /// Address to listen on. Only loopback addresses are allowed while no user exists.
    #[arg(long = "web.listen-address", value_name = "HOST:PORT", default_value = "127.0.0.1:9090", value_parser = listen_address)]
    pub(crate) listen_address: SocketAddr,

    /// How many connections may be open at once; more wait to be accepted.
    #[arg(long = "web.max-connections", value_name = "N", default_value_t = 512)]
    pub(crate) max_connections: usize,

    /// How long the head of a request may take to arrive, and how long a connection may stay idle.
    #[arg(long = "web.read-timeout", value_name = "DURATION", default_value = "75s", value_parser = duration)]
    pub(crate) read_timeout: Duration,

    /// How this server is reached from outside; used in links of notifications, and its host is served too.
    #[arg(long = "web.external-url", value_name = "URL", value_parser = external_url)]
    pub(crate) external_url: Option<http::Uri>,

    /// Path before every route; the path of --web.external-url by default.
    #[arg(long = "web.route-prefix", value_name = "PATH")]
    pub(crate) route_prefix: Option<String>,

    /// Accepted for Prometheus's sake: the receiver is on by default, on loopback.
    #[arg(long = "web.enable-remote-write-receiver")]
    pub(crate) enable_remote_write_receiver: bool,

    /// Accepted for Prometheus's sake: reload and quit are on by default, on loopback.
    #[arg(long = "web.enable-lifecycle")]
    pub(crate) enable_lifecycle: bool,

    /// Lets samples be deleted over HTTP: delete_series and clean_tombstones.
    #[arg(long = "web.enable-admin-api")]
    pub(crate) enable_admin_api: bool,

    /// Whose pages may read answers in a browser: a pattern of whole origins, such as `https?://(a|b)[.]example`. Nobody's
    /// without it.
    #[arg(long = "web.cors.origin", value_name = "REGEX", value_parser = watchfire_api::Cors::new)]
    pub(crate) cors_origin: Option<watchfire_api::Cors>,

    /// How many samples an answer to remote read may have that is one message; 0 for any number.
    #[arg(long = "storage.remote.read-sample-limit", value_name = "N", default_value_t = 50_000_000)]
    pub(crate) read_sample_limit: usize,

    /// How many remote reads are answered at once; more wait.
    #[arg(long = "storage.remote.read-concurrent-limit", value_name = "N", default_value_t = 10)]
    pub(crate) read_concurrency: usize,

    /// About how many bytes a frame of a streamed remote read has.
    #[arg(
        long = "storage.remote.read-max-bytes-in-frame",
        value_name = "BYTES",
        default_value_t = 1_048_576
    )]
    pub(crate) read_frame_bytes: usize,

    /// How far back an instant selector looks for a sample.
    #[arg(long = "query.lookback-delta", value_name = "DURATION", default_value = "5m", value_parser = duration)]
    pub(crate) lookback_delta: Duration,

    /// How long a query may take.
    #[arg(long = "query.timeout", value_name = "DURATION", default_value = "2m", value_parser = duration)]
    pub(crate) query_timeout: Duration,

    /// How many queries may run at once; more wait.
    #[arg(long = "query.max-concurrency", value_name = "N", default_value_t = 20)]
    pub(crate) query_max_concurrency: usize,

    /// How many samples one query may hold at once.
    #[arg(long = "query.max-samples", value_name = "N", default_value_t = 50_000_000)]
    pub(crate) query_max_samples: usize,

    /// How much memory the samples may take that one query holds at once: 512MB, 2GB. No bound by default.
    #[arg(long = "query.max-memory", value_name = "SIZE", value_parser = size)]
    pub(crate) query_max_memory: Option<u64>,

    /// How much memory the answers of range queries may take that are kept for the next one: 64MB, 0B for none. At most
    /// a thirty-second part of the memory ceiling.
    #[arg(long = "query.cache-size", value_name = "SIZE", default_value = "64MB", value_parser = size)]
    pub(crate) query_cache_size: u64,

    /// Feature flags of Prometheus and Alertmanager, separated by commas: `promql-experimental-functions`,
    /// `promql-extended-range-selectors`, `promql-binop-fill-modifiers`, `promql-delayed-name-removal`,
    /// `promql-per-step-stats`, `use-start-timestamps`, `type-and-unit-labels`, `search-api`; `classic-mode` and
    /// `utf8-strict-mode` choose the grammar of Alertmanager's matchers. Others are accepted: what they enable is always on, or not here.
    #[arg(long = "enable-feature", value_name = "FEATURE", value_delimiter = ',')]
    pub(crate) enable_feature: Vec<String>,

    #[command(flatten)]
    pub(crate) collectors: CollectorArgs,

    /// Only messages of this level or above are written.
    #[arg(long = "log.level", value_name = "LEVEL", value_enum, default_value_t = LogLevel::Info)]
    pub(crate) log_level: LogLevel,

    /// How messages are written, on standard error.
    #[arg(long = "log.format", value_name = "FORMAT", value_enum, default_value_t = LogFormat::Logfmt)]
    pub(crate) log_format: LogFormat,
}

impl RunArgs {
    /// Whether one of Prometheus's feature flags is set.
    pub(crate) fn has_feature(&self, name: &str) -> bool {
        self.enable_feature.iter().any(|feature| feature == name)
    }

    /// The experimental PromQL that is understood.
    pub(crate) fn parse_options(&self) -> watchfire_promql::ParseOptions {
        watchfire_promql::ParseOptions::of_features(&self.enable_feature)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogLevel {
    Debug,
    Info,
    Warn,
    Error,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    Logfmt,
    /// One JSON object per line.
    Json,
}

#[derive(Debug, Args)]
pub(crate) struct CollectArgs {
    /// Collect once and write the exposition to standard output.
    #[arg(long, required = true)]
    pub(crate) once: bool,
    #[command(flatten)]
    pub(crate) collectors: CollectorArgs,
}

/// Where the host's files are, for collecting a host from inside a container.
#[derive(Clone, Debug, Args)]
pub(crate) struct RootArgs {
    /// Mount point of procfs.
    #[arg(long = "path.procfs", help_heading = "Collectors", value_name = "DIR", default_value = "/proc")]
    pub(crate) procfs: PathBuf,
    /// Mount point of sysfs.
    #[arg(long = "path.sysfs", help_heading = "Collectors", value_name = "DIR", default_value = "/sys")]
    pub(crate) sysfs: PathBuf,
    /// Mount point of the root filesystem.
    #[arg(long = "path.rootfs", help_heading = "Collectors", value_name = "DIR", default_value = "/")]
    pub(crate) rootfs: PathBuf,
    /// Folder of udev's data.
    #[arg(
        long = "path.udev.data",
        help_heading = "Collectors",
        value_name = "DIR",
        default_value = "/run/udev/data"
    )]
    pub(crate) udev: PathBuf,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Check {
    /// Checks configuration files and the rule and alertmanager files they name.
    Config {
        /// Do not look at the files the configuration names.
        #[arg(long)]
        syntax_only: bool,
        #[command(flatten)]
        rules: RuleOptions,
        /// The configuration files.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Shows what discovery finds for a job now, and what relabelling makes of it.
    ServiceDiscovery {
        /// How long to wait for servers that tell targets.
        #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = duration)]
        timeout: Duration,
        /// The configuration file.
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// The job's name.
        #[arg(value_name = "JOB")]
        job: String,
    },
    /// Checks files of --web.config.file, as Prometheus and its exporters read them. Watchfire does not serve by them yet.
    WebConfig {
        /// The files.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Checks Alertmanager configuration files.
    Alertmanager {
        /// Alertmanager's feature flags, separated by commas: classic-mode or utf8-strict-mode.
        #[arg(long, value_name = "FEATURE", value_delimiter = ',')]
        enable_feature: Vec<String>,
        /// The configuration files.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Checks on-call files: people, schedules, calendars and policies.
    Oncall {
        /// The Alertmanager configuration whose receivers they name, and whose routes name their policies.
        #[arg(long = "alertmanager.file", value_name = "FILE")]
        alertmanager_file: Option<PathBuf>,
        /// The on-call files.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Checks rule files; those on standard input without any.
    Rules {
        #[command(flatten)]
        rules: RuleOptions,
        /// The rule files.
        #[arg(value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Checks an exposition on standard input.
    Metrics {
        /// Hold it to the letter of the OpenMetrics specification.
        #[arg(long)]
        strict: bool,
    },
    /// Checks Grafana dashboards: whether every panel can be drawn and every query be read.
    Dashboards {
        /// The dashboards' JSON files.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Asks a running server whether it is healthy.
    Healthy(ServerArgs),
    /// Asks a running server whether it is ready.
    Ready(ServerArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ServerArgs {
    /// The server asked.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:9090")]
    pub(crate) url: String,
}

/// How rule files are checked.
#[derive(Clone, Debug, Args)]
pub(crate) struct RuleOptions {
    /// What is told though it is no fault, separated by commas: rules that repeat each other, jobs that are scraped less
    /// often than a query looks back.
    #[arg(long, value_name = "CHECK", value_enum, value_delimiter = ',', default_value = "duplicate-rules")]
    pub(crate) lint: Vec<Lint>,
    /// Fail (exit status 3) where something is told.
    #[arg(long)]
    pub(crate) lint_fatal: bool,
    /// Pass over keys in rule files that nobody knows.
    #[arg(long)]
    pub(crate) ignore_unknown_fields: bool,
    /// Prometheus's feature flags that the server has: only what they enable passes. All without it.
    #[arg(long, value_name = "FEATURE", value_delimiter = ',')]
    pub(crate) enable_feature: Option<Vec<String>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Lint {
    All,
    DuplicateRules,
    TooLongScrapeInterval,
    None,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Test {
    /// Runs rule tests in promtool's file format.
    Rules {
        /// Runs only tests whose name this pattern matches somewhere; may come more than once.
        #[arg(long, value_name = "REGEX")]
        run: Vec<String>,
        /// Also writes what became of the tests to this file, in JUnit's XML.
        #[arg(long, value_name = "FILE")]
        junit: Option<PathBuf>,
        /// Pass over keys in rule files that nobody knows.
        #[arg(long)]
        ignore_unknown_fields: bool,
        /// The test files.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
}

fn duration(text: &str) -> Result<Duration, String> {
    watchfire_model::duration::parse(text).map_err(|error| format!("{error}; write it like 15s, 5m or 30d"))
}

fn size(text: &str) -> Result<u64, String> {
    let bytes = watchfire_scrape::config::units::parse_size(text);
    bytes.ok_or_else(|| "it needs a number and a unit, like 512MB or 50GB".to_owned())
}

fn memory_limit(text: &str) -> Result<MemoryLimit, String> {
    MemoryLimit::parse(text).ok_or_else(|| "it needs a size or a share, like 4GB or 60%".to_owned())
}

fn external_url(text: &str) -> Result<http::Uri, String> {
    let url: http::Uri =
        text.parse().map_err(|error| format!("{error}; write it like https://watch.example/path"))?;
    match (url.scheme_str(), url.host()) {
        (Some("http" | "https"), Some(_)) => Ok(url),
        _ => Err("it needs a scheme and a host, like https://watch.example/path".to_owned()),
    }
}

/// `HOST:PORT`, where the host may be left out or be `localhost`: both mean loopback.
fn listen_address(text: &str) -> Result<SocketAddr, String> {
    let (host, port) = text.rsplit_once(':').ok_or("it needs a port, like 127.0.0.1:9090")?;
    let host = if matches!(host, "" | "localhost") { "127.0.0.1" } else { host };
    format!("{host}:{port}")
        .parse()
        .map_err(|_| "write it as an IP address and a port, like 127.0.0.1:9090".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn flags_work_with_and_without_the_run_command() {
        for args in [
            &["watchfire", "--web.listen-address=:9999"][..],
            &["watchfire", "run", "--web.listen-address", ":9999"],
        ] {
            let cli = Cli::parse_from(args);
            let run = match cli.command {
                Some(Command::Run(run)) => run,
                _ => cli.run,
            };
            assert_eq!(run.listen_address, "127.0.0.1:9999".parse().unwrap());
            assert_eq!((run.retention_time, run.retention_size), (None, None));
        }
    }
}
