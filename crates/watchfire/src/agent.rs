//! `watchfire agent`: collects this host and what the configuration names, shows it on a port and sends it on. It keeps
//! nothing, answers no question and wakes nobody.

#[cfg(target_os = "linux")]
mod pages;

use crate::cli::AgentArgs;
use crate::process;
use crate::run::local;
use anyhow::{Context, bail};
use std::path::Path;
use std::sync::Arc;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use watchfire_api::{AgentPages, ConnectionLimits};
use watchfire_forward::Forwarder;
use watchfire_guard::check_listen_address;
use watchfire_model::MetricType::Gauge;
use watchfire_model::ingest::MetricSink;
use watchfire_model::time::{Clock, SystemClock};
use watchfire_scrape::config::RemoteWrite;
use watchfire_scrape::discovery::DiscoveryStats;
use watchfire_scrape::{Check, Config, Gather, Manager};
use watchfire_wire::exposition::Format;
use watchfire_wire::exposition::write::{Family, write};

/// Runs the agent until it is told to stop.
pub(crate) fn run(args: &AgentArgs) -> anyhow::Result<()> {
    check_listen_address(args.listen_address)?;
    let config = read(args)?;
    // One thread does: there is little to do, and each thread of the allocator's keeps memory of its own.
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(4).build()?;
    let outcome = runtime.block_on(serve(args, config));
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    outcome
}

/// The configuration, with the addresses of the command line. What an agent does not do is refused, as Prometheus's
/// agent mode refuses it.
fn read(args: &AgentArgs) -> anyhow::Result<Config> {
    let mut config = match &args.config_file {
        Some(file) => Config::load(file, Check::Full)?,
        None => Config::default(),
    };
    let file = args.config_file.as_deref().unwrap_or(Path::new("")).display().to_string();
    let refuse = |is_there: bool, what: &str| {
        if is_there {
            bail!(
                "{file}: {what} means nothing to an agent; take it out, and give it to the server that is sent to"
            );
        }
        Ok(())
    };
    refuse(!config.rule_files.is_empty(), "rule_files")?;
    refuse(!config.alerting.alertmanagers.is_empty(), "alerting")?;
    refuse(config.alertmanager_file.is_some(), "alertmanager_file")?;
    refuse(config.oncall_file.is_some(), "oncall_file")?;
    refuse(config.heartbeat.is_some(), "heartbeat")?;
    config.remote_write.extend(args.remote_write_url.iter().map(RemoteWrite::to));
    for to in &config.remote_write {
        if !to.url.starts_with("http://") && !to.url.starts_with("https://") {
            bail!(
                "remote write to {:?}: it needs a scheme and a host, like http://server:9090/api/v1/write",
                to.url
            );
        }
    }
    if config.remote_write.is_empty() && !config.scrape_configs.is_empty() {
        bail!("{file}: scrape_configs without remote_write: what is scraped would go nowhere");
    }
    if !config.collect.enabled && config.scrape_configs.is_empty() {
        bail!("{file}: there is nothing to collect; add `collect: {{}}` for this machine, or scrape_configs");
    }
    Ok(config)
}

async fn serve(args: &AgentArgs, config: Config) -> anyhow::Result<()> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let bound = watchfire_api::bind(args.listen_address).await?;
    let address = bound.address;
    let buffer_bytes = usize::try_from(args.buffer_size).unwrap_or(usize::MAX);
    let forwarder = Forwarder::new(
        config.remote_write.clone(),
        &config.global.external_labels,
        buffer_bytes,
        Arc::clone(&clock),
    );
    let (stop, stopped) = watch::channel(false);
    let sending = tokio::spawn({
        let (forwarder, stopped, drain) = (forwarder.clone(), stopped.clone(), args.flush_deadline);
        async move { forwarder.run(stopped, drain).await }
    });
    let discovery: Arc<DiscoveryStats> = Arc::default();
    let own: Gather = Arc::new({
        let (forwarder, discovery) = (forwarder.clone(), Arc::clone(&discovery));
        move || own_metrics(&forwarder, &discovery)
    });
    let scrape = if config.remote_write.is_empty() {
        None
    } else {
        let sink: Arc<dyn MetricSink> = Arc::new(forwarder.clone());
        let options = watchfire_scrape::Options { discovery, ..watchfire_scrape::Options::default() };
        let scrape = Arc::new(Manager::start(options, &config, sink, Arc::clone(&clock)).await?);
        local::apply(&scrape, &clock, Arc::clone(&own), &config.collect, &args.collectors);
        Some(scrape)
    };
    // Whoever asks gets what is so at that moment, as from a node_exporter.
    let host = local::gather(Arc::new(local::host(&config.collect, &args.collectors, &clock)));
    let is_collecting = config.collect.enabled;
    let pages = AgentPages::new(Arc::new(move || {
        let mut text = if is_collecting { host() } else { Vec::new() };
        text.extend(own());
        text
    }));
    tracing::info!(address = %address, "Listening on");
    println!("Watchfire's agent shows this machine at http://{address}/metrics");
    for to in &config.remote_write {
        tracing::info!(remote = remote_name(to), "sending on to");
    }
    #[cfg(target_os = "linux")]
    tokio::spawn(settle());
    let quit = async move {
        if let Err(error) = until_signal().await {
            tracing::error!(%error, "signals cannot be heard");
        }
    };
    bound.serve_agent(pages, ConnectionLimits { connections: 64, ..ConnectionLimits::default() }, quit).await;
    tracing::info!("stopping");
    if let Some(scrape) = scrape {
        scrape.stop().await;
    }
    stop.send_replace(true);
    sending.await.context("the sender of samples failed")?;
    tracing::info!("stopped");
    Ok(())
}

/// How long the start, and whoever looks at once, may take.
#[cfg(target_os = "linux")]
const SETTLING: std::time::Duration = std::time::Duration::from_secs(5);

/// Gives back, once, what only the start needed.
#[cfg(target_os = "linux")]
async fn settle() {
    tokio::time::sleep(SETTLING).await;
    match pages::give_back() {
        Ok(bytes) => tracing::debug!(bytes, "gave back the program's pages"),
        Err(error) => tracing::debug!(%error, "the program's pages stay"),
    }
}

/// Its name, or the host of its address: the rest of it may hold a secret.
fn remote_name(to: &RemoteWrite) -> String {
    let host =
        to.url.parse::<http::Uri>().ok().and_then(|url| url.authority().map(|all| all.host().to_owned()));
    if to.name.is_empty() { host.unwrap_or_default() } else { to.name.clone() }
}

fn own_metrics(forwarder: &Forwarder, discovery: &DiscoveryStats) -> Vec<u8> {
    let mut build = Family::new("watchfire_build_info", Gauge, "What this binary is.");
    let revision = option_env!("WATCHFIRE_REVISION").unwrap_or("");
    build.push([("version", env!("CARGO_PKG_VERSION")), ("revision", revision)], 1.0);
    let mut families = process::families();
    families.insert(0, build);
    let mut text = write(&families, Format::Text);
    forwarder.write_metrics(&mut text);
    discovery.write_metrics(&mut text);
    text.into_bytes()
}

async fn until_signal() -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
