//! `watchfire alertmanager`: the server as an Alertmanager, started with Alertmanager's flags.

use super::RunArgs;
use clap::{Args, Parser};
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// What can be set about alerting by flags, of every way to start the server.
#[derive(Clone, Debug, Args)]
pub(crate) struct AlertingArgs {
    /// How long after the start the first notification of a group that begins waits at least, so that senders can say
    /// what fires.
    #[arg(long = "dispatch.start-delay", value_name = "DURATION", default_value = "0s", value_parser = super::duration)]
    pub(crate) start_delay: Duration,

    /// How long silences are kept after their end.
    #[arg(long = "silences.retention", alias = "data.retention", value_name = "DURATION", default_value = "120h", value_parser = super::duration)]
    pub(crate) silence_retention: Duration,

    /// How many silences there may be, the expired ones included; 0 for any number.
    #[arg(long = "silences.max-silences", value_name = "N", default_value_t = 0)]
    pub(crate) max_silences: usize,

    /// How large a silence may be; 0 for any size.
    #[arg(long = "silences.max-silence-size-bytes", value_name = "BYTES", default_value_t = 0)]
    pub(crate) max_silence_size_bytes: usize,

    /// How many alerts may wait for one Alertmanager of `alerting` in the configuration; the oldest are dropped first.
    #[arg(long = "alertmanager.notification-queue-capacity", value_name = "N", default_value_t = 10_000)]
    pub(crate) queue_capacity: usize,

    /// How long an alert that fires is not sent again to the Alertmanagers of `alerting` in the configuration.
    #[arg(long = "rules.alert.resend-delay", value_name = "DURATION", default_value = "1m", value_parser = super::duration)]
    pub(crate) resend_delay: Duration,

    /// How long the history of alerts is kept.
    #[arg(long = "alerts.history.retention", value_name = "DURATION", default_value = "90d", value_parser = super::duration)]
    pub(crate) history_retention: Duration,

    /// How many events the history of alerts has at most; the oldest go first.
    #[arg(long = "alerts.history.max-events", value_name = "N", default_value_t = 2_000_000)]
    pub(crate) history_max_events: u64,

    /// How many alerts of one rule may begin within an hour and be kept in history; more are told, and counted.
    #[arg(long = "alerts.history.max-events-per-rule", value_name = "N", default_value_t = 20_000)]
    pub(crate) history_max_events_per_rule: u64,
}

/// Alertmanager's flags. Those of its cluster are accepted and do nothing: one server is the whole cluster.
#[derive(Clone, Debug, Args)]
pub(crate) struct AlertmanagerArgs {
    /// Alertmanager's configuration file.
    #[arg(long = "config.file", value_name = "FILE", default_value = "alertmanager.yml")]
    config_file: PathBuf,

    /// The on-call file: people, schedules and policies of escalation. Not a flag of Alertmanager's.
    #[arg(long = "oncall.file", value_name = "FILE")]
    oncall_file: Option<PathBuf>,

    /// Folder for all data.
    #[arg(long = "storage.path", value_name = "DIR", default_value = "data")]
    storage_path: PathBuf,

    /// Address to listen on. Only loopback addresses are allowed while no user exists. Of several the first counts.
    #[arg(long = "web.listen-address", value_name = "HOST:PORT", default_value = "127.0.0.1:9093")]
    listen_address: Vec<String>,

    /// How this server is reached from outside.
    #[arg(long = "web.external-url", value_name = "URL")]
    external_url: Option<String>,

    /// Path before every route; the path of --web.external-url by default.
    #[arg(long = "web.route-prefix", value_name = "PATH")]
    route_prefix: Option<String>,

    /// Whose pages may read answers in a browser: a pattern of whole origins. Nobody's without it.
    #[arg(long = "web.cors.origin", value_name = "REGEX", default_value = "")]
    cors_origin: String,

    #[command(flatten)]
    alerting: AlertingArgs,

    /// Features, separated by commas: classic-mode, utf8-strict-mode, receiver-name-in-metrics. The others are on or mean nothing here.
    #[arg(long = "enable-feature", value_name = "FEATURE")]
    enable_feature: Vec<String>,

    /// Only messages of this level or above are written.
    #[arg(long = "log.level", value_name = "LEVEL", default_value = "info")]
    log_level: String,

    /// How messages are written, on standard error.
    #[arg(long = "log.format", value_name = "FORMAT", default_value = "logfmt")]
    log_format: String,

    /// Not supported: TLS and users of Alertmanager's own web server.
    #[arg(long = "web.config.file", value_name = "FILE", default_value = "")]
    web_config_file: String,

    /// Accepted for Alertmanager's sake, without effect.
    #[command(flatten)]
    ignored: Ignored,
}

/// What is so of every flag of the cluster.
const ALONE: &str = "one server is the whole cluster";
const ON_DISK: &str = "what is acknowledged is on disk already";
const NO_LIMIT: &str = "there is no such limit";

macro_rules! ignored {
    (values: $($field:ident = $name:literal: $why:expr),* $(,)?; switches: $($switch:ident = $on:literal, $not:ident = $off:literal: $because:expr),* $(,)?) => {
        /// Flags without effect.
        #[derive(Clone, Debug, Args)]
        struct Ignored {
            $(
                #[arg(long = $name, hide = true, value_name = "VALUE", num_args = 1)]
                $field: Vec<OsString>,
            )*
            $(
                #[arg(long = $on, hide = true)]
                $switch: bool,
                #[arg(long = $off, hide = true)]
                $not: bool,
            )*
        }

        impl Ignored {
            /// The flags that are set to something, and why nothing comes of it.
            fn told(&self) -> Vec<(&'static str, &'static str)> {
                let mut told = Vec::new();
                $(
                    if self.$field.iter().any(|value| !value.is_empty()) {
                        told.push((concat!("--", $name), $why));
                    }
                )*
                $(
                    if self.$switch {
                        told.push((concat!("--", $on), $because));
                    }
                )*
                told
            }
        }
    };
}

ignored! {
    values:
    maintenance = "data.maintenance-interval": ON_DISK,
    gc = "alerts.gc-interval": "an alert goes when its end has been told",
    per_alertname = "alerts.per-alertname-limit": NO_LIMIT,
    dispatch_maintenance = "dispatch.maintenance-interval": "a group goes with its last alert",
    concurrency = "web.get-concurrency": NO_LIMIT,
    timeout = "web.timeout": NO_LIMIT,
    memory_ratio = "auto-gomemlimit.ratio": "memory is not collected here",
    listen = "cluster.listen-address": ALONE,
    advertise = "cluster.advertise-address": ALONE,
    peer_name = "cluster.peer-name": ALONE,
    peer = "cluster.peer": ALONE,
    peer_timeout = "cluster.peer-timeout": ALONE,
    resolve_timeout = "cluster.peers-resolve-timeout": ALONE,
    gossip = "cluster.gossip-interval": ALONE,
    push_pull = "cluster.pushpull-interval": ALONE,
    settle = "cluster.settle-timeout": ALONE,
    tcp_timeout = "cluster.tcp-timeout": ALONE,
    probe_timeout = "cluster.probe-timeout": ALONE,
    probe = "cluster.probe-interval": ALONE,
    reconnect = "cluster.reconnect-interval": ALONE,
    reconnect_timeout = "cluster.reconnect-timeout": ALONE,
    tls = "cluster.tls-config": ALONE,
    label = "cluster.label": ALONE,
    name = "cluster.name": ALONE;
    switches:
    public_discovery = "cluster.allow-insecure-public-advertise-address-discovery",
    no_public_discovery = "no-cluster.allow-insecure-public-advertise-address-discovery": ALONE,
    log_silences = "log.silences", no_log_silences = "no-log.silences":
        "what became of a silence is shown on its page",
    systemd_socket = "web.systemd-socket", no_systemd_socket = "no-web.systemd-socket":
        "this server listens at --web.listen-address",
}

/// Only to read the flags of `run`.
#[derive(Debug, Parser)]
struct Run {
    #[command(flatten)]
    args: RunArgs,
}

impl AlertmanagerArgs {
    /// What is set and has no effect, each with why, for the log.
    pub(crate) fn without_effect(&self) -> Vec<(String, &'static str)> {
        let more = self.listen_address.iter().skip(1);
        let more =
            more.map(|address| (format!("--web.listen-address={address}"), "one address is listened at"));
        let ignored = self.ignored.told().into_iter().map(|(flag, why)| (flag.to_owned(), why));
        more.chain(ignored).collect()
    }

    /// The same as flags of `run`: a server that collects nothing, evaluates nothing, and tells people.
    pub(crate) fn into_run(self) -> anyhow::Result<RunArgs> {
        if !self.web_config_file.is_empty() {
            anyhow::bail!(
                "--web.config.file is not supported yet; put a proxy that speaks TLS before this server"
            );
        }
        let mut flags: Vec<OsString> = vec!["watchfire".into(), "--alerting.only".into()];
        let mut flag = |name: &str, value: OsString| {
            let mut flag = OsString::from(format!("--{name}="));
            flag.push(value);
            flags.push(flag);
        };
        flag("alertmanager.file", self.config_file.into());
        flag("storage.tsdb.path", self.storage_path.into());
        for address in self.listen_address.into_iter().take(1) {
            flag("web.listen-address", address.into());
        }
        for (name, value) in [
            ("web.external-url", self.external_url),
            ("web.route-prefix", self.route_prefix),
            ("web.cors.origin", Some(self.cors_origin)),
        ] {
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                flag(name, value.into());
            }
        }
        if !self.enable_feature.is_empty() {
            flag("enable-feature", self.enable_feature.join(",").into());
        }
        flag("log.level", self.log_level.into());
        flag("log.format", self.log_format.into());
        let mut args = Run::try_parse_from(flags)?.args;
        args.alerting = self.alerting;
        args.oncall_file = self.oncall_file;
        Ok(args)
    }
}

#[cfg(test)]
mod tests {
    use crate::cli::{Cli, Command};
    use clap::Parser;

    #[test]
    fn alertmanagers_flags_are_understood() {
        let cli = Cli::parse_from([
            "watchfire",
            "alertmanager",
            "--config.file=am.yml",
            "--log.level",
            "debug",
            "--web.listen-address",
            "127.0.0.1:0",
            "--storage.path",
            "/tmp/am",
            "--cluster.listen-address=",
            "--cluster.settle-timeout",
            "0s",
            "--cluster.peer=a:1",
            "--cluster.peer=b:1",
            "--dispatch.start-delay",
            "5s",
            "--data.retention=1h",
            "--enable-feature=classic-mode",
            "--web.cors.origin=https?://a",
            "--web.listen-address=127.0.0.1:1",
            "--alerts.per-alertname-limit=3",
            "--dispatch.maintenance-interval=30s",
            "--no-web.systemd-socket",
            "--log.silences",
            "--cluster.peer-name=x",
        ]);
        let Some(Command::Alertmanager(args)) = cli.command else { panic!("not understood") };
        let without_effect = args.without_effect();
        let named: Vec<&str> = without_effect.iter().map(|(flag, _)| flag.as_str()).collect();
        assert_eq!(
            named,
            [
                "--web.listen-address=127.0.0.1:1",
                "--alerts.per-alertname-limit",
                "--dispatch.maintenance-interval",
                "--cluster.peer-name",
                "--cluster.peer",
                "--cluster.settle-timeout",
                "--log.silences",
            ]
        );
        let run = args.into_run().unwrap();
        assert!(run.alerting_only);
        assert_eq!(run.alertmanager_file, Some("am.yml".into()));
        assert_eq!((run.alerting.start_delay.as_secs(), run.alerting.silence_retention.as_secs()), (5, 3600));
        assert_eq!(run.enable_feature, ["classic-mode"]);
        assert_eq!(run.listen_address.to_string(), "127.0.0.1:0");
        assert!(run.cors_origin.is_some());
    }
}
