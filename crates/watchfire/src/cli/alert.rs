//! `watchfire alert`: receivers and templates tried out, alerts explained; `watchfire rules`: rules over the past.

use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum Alert {
    /// Sends a test notification to a receiver and prints what was sent and answered, secrets masked.
    ///
    /// Fails unless every integration of the receiver was told.
    TestReceiver(TestReceiverArgs),
    /// Fills a notification template in and prints it.
    Render(RenderArgs),
    /// Asks a running server why somebody was told of an alert, or was not.
    Explain(ExplainArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// Which alert: matchers such as 'alertname="Down"' or instance=~"a.*", or its fingerprint.
    #[arg(value_name = "MATCHER", required = true)]
    pub(crate) alert: Vec<String>,
    /// The life that was going on then: RFC 3339 or Unix seconds; now by default.
    #[arg(long, value_name = "TIME")]
    pub(crate) time: Option<String>,
    /// Only what this receiver was told.
    #[arg(long, value_name = "RECEIVER")]
    pub(crate) receiver: Option<String>,
    /// The server asked.
    #[arg(long, visible_alias = "url", value_name = "URL", default_value = "http://127.0.0.1:9090")]
    pub(crate) server: String,
    /// Print the server's JSON as it is.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Rules {
    /// Asks a running server how often the alerting rules of a file would have paged, from the data it has stored.
    Backtest(BacktestArgs),
    /// Records the past: evaluates the recording rules of files over stored data, and writes what they give to a running
    /// server.
    ///
    /// Rules are taken in order, each over the whole time before the next, so that a rule sees what those before it
    /// recorded. Alerting rules are left out. What is written again changes nothing, so the same command may be repeated.
    /// Choose an end before the rules began to be evaluated, or both will be there.
    Backfill(BackfillArgs),
}

#[derive(Debug, Args)]
pub(crate) struct BackfillArgs {
    /// The rule files.
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// From when: RFC 3339 or Unix seconds.
    #[arg(long, value_name = "TIME")]
    pub(crate) start: String,
    /// Until when; three hours ago by default.
    #[arg(long, value_name = "TIME")]
    pub(crate) end: Option<String>,
    /// How often rules are evaluated whose group does not say.
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = super::duration)]
    pub(crate) eval_interval: std::time::Duration,
    /// Only the rule with this name.
    #[arg(long, value_name = "RECORD")]
    pub(crate) rule: Option<String>,
    /// The server asked and written to.
    #[arg(long, visible_alias = "url", value_name = "URL", default_value = "http://127.0.0.1:9090")]
    pub(crate) server: String,
}

#[derive(Debug, Args)]
pub(crate) struct BacktestArgs {
    /// The rule file.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Only the alert with this name.
    #[arg(long, value_name = "ALERT")]
    pub(crate) rule: Option<String>,
    /// From when: RFC 3339 or Unix seconds; 30 days before the end by default.
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<String>,
    /// Until when; now by default.
    #[arg(long, value_name = "TIME")]
    pub(crate) to: Option<String>,
    /// A routing to try instead of the server's: an Alertmanager configuration file.
    #[arg(long = "alertmanager.file", value_name = "FILE")]
    pub(crate) alertmanager_file: Option<PathBuf>,
    /// The server asked.
    #[arg(long, visible_alias = "url", value_name = "URL", default_value = "http://127.0.0.1:9090")]
    pub(crate) server: String,
    /// Print the server's JSON as it is.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct TestReceiverArgs {
    /// Alertmanager's configuration file.
    #[arg(long = "alertmanager.file", value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Where people reach this server; links in the notification lead there.
    #[arg(long = "web.external-url", value_name = "URL", default_value = "http://localhost:9090")]
    pub(crate) external_url: String,
    /// Tell the end of the test as well, where ends are told, so that a pager closes what it opened.
    #[arg(long)]
    pub(crate) resolve: bool,
    /// The receiver's name.
    #[arg(value_name = "RECEIVER")]
    pub(crate) receiver: String,
}

#[derive(Debug, Args)]
pub(crate) struct RenderArgs {
    /// Files of templates, or a pattern of files; may be given several times.
    #[arg(long = "template.glob", value_name = "GLOB")]
    pub(crate) globs: Vec<PathBuf>,
    /// What to fill in, such as '{{ template "slack.default.title" . }}'.
    #[arg(long = "template.text", value_name = "TEXT")]
    pub(crate) text: String,
    /// What it is for.
    #[arg(long = "template.type", value_name = "TYPE", default_value = "text")]
    pub(crate) kind: Kind,
    /// A file with the notification in JSON, as webhooks receive it; a test notification without.
    #[arg(long = "template.data", value_name = "FILE")]
    pub(crate) data: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// Plain text: nothing is escaped.
    Text,
    /// HTML: values are escaped by where they stand.
    Html,
}
