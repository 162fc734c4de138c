//! `watchfire agent`.

use super::{CollectorArgs, LogFormat, LogLevel, duration, listen_address, size};
use clap::Args;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Clone, Debug, Args)]
pub(crate) struct AgentArgs {
    /// Configuration file: `collect`, `scrape_configs`, `remote_write` and `global` of a prometheus.yml. Without it, this
    /// machine is collected.
    #[arg(long = "config.file", value_name = "FILE")]
    pub(crate) config_file: Option<PathBuf>,

    /// Where samples are sent on to, besides `remote_write` of the configuration; may come more than once.
    #[arg(long = "remote-write.url", value_name = "URL")]
    pub(crate) remote_write_url: Vec<String>,

    /// How much may wait for each address, compressed, while it does not answer; then the oldest goes first.
    #[arg(long = "remote-write.buffer-size", value_name = "SIZE", default_value = "8MB", value_parser = size)]
    pub(crate) buffer_size: u64,

    /// How long a stop waits until what is left has been sent.
    #[arg(long = "storage.remote.flush-deadline", value_name = "DURATION", default_value = "10s", value_parser = duration)]
    pub(crate) flush_deadline: Duration,

    /// Address to listen on, node_exporter's port by default. Only loopback addresses are allowed while no user exists.
    #[arg(long = "web.listen-address", value_name = "HOST:PORT", default_value = "127.0.0.1:9100", value_parser = listen_address)]
    pub(crate) listen_address: SocketAddr,

    #[command(flatten)]
    pub(crate) collectors: CollectorArgs,

    /// The least important messages that are logged.
    #[arg(long = "log.level", value_name = "LEVEL", value_enum, default_value_t = LogLevel::Info)]
    pub(crate) log_level: LogLevel,

    /// How messages are logged.
    #[arg(long = "log.format", value_name = "FORMAT", value_enum, default_value_t = LogFormat::Logfmt)]
    pub(crate) log_format: LogFormat,
}
