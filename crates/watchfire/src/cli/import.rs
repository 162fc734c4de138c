//! What `watchfire import` is told.

use super::duration;
use clap::{Args, Subcommand};
use std::path::PathBuf;
use std::time::Duration;
use watchfire_model::Matcher;

const EXAMPLES: &str = "\
Examples:
  watchfire import prometheus /var/lib/prometheus
  watchfire import prometheus snapshots/20261121T073000Z-1f2e --match='{job=\"node\"}' --match=up
  watchfire import prometheus http://prometheus:9090 --min-time=2026-11-01T00:00:00Z";

#[derive(Debug, Subcommand)]
pub(crate) enum Import {
    /// Imports a Prometheus: its data folder, a snapshot of it, one block, or over the network by remote read.
    ///
    /// From a folder the blocks are read directly, and the write-ahead log for the hours that are in no block yet. The
    /// source is only read, never changed. Every sample arrives bit for bit: floats, stale markers, native histograms.
    /// What was deleted stays deleted. Exemplars are not imported. From a URL samples are asked for day by day, the
    /// oldest first, and arrive with the external labels of that server.
    ///
    /// Stop the server that uses the target folder first, and start it again afterwards. The import may be stopped by
    /// Ctrl-C or killed at any time: run the same command again and it goes on where it was. What is there already is
    /// not imported twice. Where the target has a value for the same series and time already, that value stays.
    #[command(after_long_help = EXAMPLES)]
    Prometheus(ImportPrometheusArgs),
    /// Takes over from an Alertmanager: its silences, and what it has told to whom, so that nobody is told twice of what
    /// fires, and everybody is told of its end.
    ///
    /// From a folder both are read; stop that Alertmanager before, so that it has written them down. From a URL the
    /// silences are asked for; what was told cannot be. Stop the server that uses the target folder first. May be
    /// repeated.
    Alertmanager(ImportAlertmanagerArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ImportAlertmanagerArgs {
    /// Alertmanager's data folder (its --storage.path), or its URL.
    #[arg(value_name = "DIR|URL")]
    pub(crate) source: String,

    /// Folder it goes to: that of the server that will use it, which must not run meanwhile.
    #[arg(
        long = "storage.tsdb.path",
        visible_alias = "storage.path",
        value_name = "DIR",
        default_value = "data"
    )]
    pub(crate) storage_path: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct ImportPrometheusArgs {
    /// Prometheus's data folder (its --storage.tsdb.path), a snapshot, one block, or the URL of its remote read:
    /// http://prometheus:9090/api/v1/read, whose path may be left out.
    #[arg(value_name = "DIR|URL")]
    pub(crate) source: String,

    /// Folder the samples go to: that of the server that will use them, which must not run meanwhile.
    #[arg(long = "storage.tsdb.path", value_name = "DIR", default_value = "data")]
    pub(crate) storage_path: PathBuf,

    /// How long that server keeps samples. Older ones are not imported: it would drop them at once. Give the server
    /// the same.
    #[arg(long = "storage.tsdb.retention.time", value_name = "DURATION", default_value = "30d", value_parser = duration)]
    pub(crate) retention_time: Duration,

    /// Leave samples out that are older than the retention, instead of refusing to begin.
    #[arg(long)]
    pub(crate) skip_old: bool,

    /// Only series that this selector selects; given several times, those that any selects.
    #[arg(long = "match", value_name = "SELECTOR", value_parser = selector)]
    pub(crate) matches: Vec<Selector>,

    /// Only samples at or after this time: milliseconds since the Unix epoch, or RFC 3339.
    #[arg(long, value_name = "TIME", value_parser = time, allow_negative_numbers = true)]
    pub(crate) min_time: Option<i64>,

    /// Only samples at or before this time.
    #[arg(long, value_name = "TIME", value_parser = time, allow_negative_numbers = true)]
    pub(crate) max_time: Option<i64>,

    /// User for HTTP basic authentication, with a URL.
    #[arg(long = "http.user", value_name = "USER")]
    pub(crate) http_user: Option<String>,

    /// File with that user's password.
    #[arg(long = "http.password-file", value_name = "FILE", requires = "http_user")]
    pub(crate) http_password_file: Option<PathBuf>,

    /// File with a token that is sent as `Authorization: Bearer`, with a URL.
    #[arg(long = "http.bearer-token-file", value_name = "FILE", conflicts_with = "http_user")]
    pub(crate) http_bearer_token_file: Option<PathBuf>,
}

/// One `--match`.
#[derive(Clone, Debug)]
pub(crate) struct Selector(pub(crate) Vec<Matcher>);

fn selector(text: &str) -> Result<Selector, String> {
    let parsed = watchfire_promql::parser::parse_metric_selector(text);
    parsed.map(Selector).map_err(|error| format!("{error}; write it like up or {{job=\"node\"}}"))
}

fn time(text: &str) -> Result<i64, String> {
    if let Ok(milliseconds) = text.parse() {
        return Ok(milliseconds);
    }
    let parsed = text.parse::<jiff::Timestamp>().map(jiff::Timestamp::as_millisecond);
    parsed
        .map_err(|_| "write it as milliseconds since the Unix epoch, or like 2026-11-21T07:30:00Z".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_milliseconds_or_rfc_3339() {
        assert_eq!(time("1700000000000"), Ok(1_700_000_000_000));
        assert_eq!(time("-5"), Ok(-5));
        assert_eq!(time("2023-11-14T22:13:20Z"), Ok(1_700_000_000_000));
        assert!(time("yesterday").is_err());
    }

    #[test]
    fn a_selector_that_is_none_says_how_one_looks() {
        assert_eq!(selector("up{job=\"node\"}").unwrap().0.len(), 2);
        assert!(selector("rate(up[5m])").unwrap_err().contains("{job=\"node\"}"));
    }
}
