//! The server: put together, started, reloaded, stopped.

pub(crate) mod config;
mod control;
mod found;
mod keep;
pub(crate) mod local;
pub(crate) mod memory;
mod metrics;
pub(crate) mod snapshot;
mod source;
mod url;

use crate::cli::RunArgs;
use anyhow::Context;
use config::Loaded;
use control::Center;
use std::sync::{Arc, OnceLock};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Semaphore, oneshot, watch};
use watchfire_alerting::{
    Alerting, AlertingOptions, Calendars, Fanout, Heartbeat, HistoryLimits, SenderOptions, Senders,
    SilenceLimits, Tuning,
};
use watchfire_api::{
    ActiveQueries, App, BuildInfo, ConnectionLimits, Flags, HttpMetrics, Probes, QueryLimits, QueryMetrics,
    RuleQueries,
};
use watchfire_disk::RealDisk;
use watchfire_guard::{HostPolicy, check_listen_address};
use watchfire_ledger::Ledger;
use watchfire_metrics::{Store, StoreOptions};
use watchfire_model::ingest::MetricSink;
use watchfire_model::time::{Clock, SystemClock};
use watchfire_promql::QueryCache;
use watchfire_promql::engine::{Engine, EngineOptions};

/// Threads that only the queries of rules use, so that no dashboard can starve an alert.
const RULE_QUERY_THREADS: usize = 2;
/// How long a stop waits for notifications that are being sent; the rest stays in the outbox.
const DRAIN: std::time::Duration = std::time::Duration::from_secs(5);

/// Runs the server until it is told to stop.
pub(crate) fn run(args: RunArgs) -> anyhow::Result<()> {
    check_listen_address(args.listen_address)?;
    let loaded = Loaded::read(&args)?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().thread_name("watchfire").enable_all().build()?;
    let outcome = runtime.block_on(serve(args, loaded));
    // Blocking work that nobody waits for any more must not keep the process.
    runtime.shutdown_timeout(std::time::Duration::from_secs(5));
    outcome
}

async fn serve(args: RunArgs, loaded: Loaded) -> anyhow::Result<()> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let started_ms = clock.now_ms();
    let bound = watchfire_api::bind(args.listen_address).await?;
    let address = bound.address;
    let urls = url::Urls::new(&args, address);

    let retention = keep::retention(&args, &loaded.config);
    let options = StoreOptions {
        retention_ms: retention.time_ms,
        retention_bytes: retention.size_bytes,
        retention_rules: retention.rules,
        tiers: keep::tiers(&loaded.config),
        max_exemplars: keep::max_exemplars(&loaded.config),
        relaxed: args.relaxed_durability,
        label_limits: memory::label_limits(&loaded.config),
        limits: memory::series_limits(&loaded.config),
        memory_ceiling_bytes: memory::ceiling_bytes(&args, &loaded.config),
        memory_probe: Some(Arc::new(memory::ProcessMemory)),
        ..StoreOptions::default()
    };
    // Questions are answered while the log is read back; see `start` for what waits.
    let store = Store::open_serving(&args.storage_path, options, Arc::new(RealDisk), Arc::clone(&clock))
        .with_context(|| format!("cannot open the data folder {}", args.storage_path.display()))?;
    let store = Arc::new(store);
    let ledger = Ledger::open(&args.storage_path.join("ledger.db"), started_ms)
        .with_context(|| format!("cannot open the ledger in {}", args.storage_path.display()))?;
    let ledger = ledger.ledger;
    let sink: Arc<dyn MetricSink> = Arc::clone(&store) as Arc<dyn MetricSink>;
    let source = Arc::new(source::StoreSource::new(Arc::clone(&store)));
    let engine = engine(&args, &loaded);

    let discovery: Arc<watchfire_scrape::discovery::DiscoveryStats> = Arc::default();
    let scrape_options = watchfire_scrape::Options {
        discovery: Arc::clone(&discovery),
        external_host: urls.external_host().map(str::to_owned),
        type_and_unit_labels: args.has_feature("type-and-unit-labels"),
        ..watchfire_scrape::Options::default()
    };
    let nothing = watchfire_scrape::Config::default();
    let scrape =
        watchfire_scrape::Manager::start(scrape_options, &nothing, Arc::clone(&sink), Arc::clone(&clock))
            .await?;
    let scrape = Arc::new(scrape);
    let options =
        AlertingOptions { ledger: ledger.clone(), clock: Arc::clone(&clock), tuning: tuning(&args) };
    let alerting = tokio::task::spawn_blocking(|| Alerting::open(options)).await??;
    let (stop_alerting, stopped) = watch::channel(false);
    let (begin_sending, begun) = oneshot::channel();
    let sending = tokio::spawn({
        let alerting = alerting.clone();
        async move {
            // Whom to tell is known only then.
            if begun.await.is_ok() {
                alerting.run(stopped, DRAIN).await;
            }
        }
    });
    let senders = Senders::new(
        SenderOptions {
            queue_capacity: args.alerting.queue_capacity,
            resend_delay: args.alerting.resend_delay,
        },
        Arc::clone(&clock),
        discovery,
    );
    let forwarding = tokio::spawn({
        let (senders, stopped) = (senders.clone(), stop_alerting.subscribe());
        async move { senders.run(stopped, DRAIN).await }
    });
    let heartbeat = Heartbeat::new(alerting.clone(), Arc::clone(&clock));
    let beating = tokio::spawn({
        let (heartbeat, stopped) = (heartbeat.clone(), stop_alerting.subscribe());
        async move { heartbeat.run(stopped).await }
    });
    let calendars = Calendars::new(alerting.clone(), Arc::clone(&clock));
    let reading = tokio::spawn({
        let (calendars, stopped) = (calendars.clone(), stop_alerting.subscribe());
        async move { calendars.run(stopped).await }
    });
    let queries = Arc::new(ActiveQueries::default());
    let rules = watchfire_rules::Manager::start(watchfire_rules::Parts {
        // What users ask does not take the threads that help the rules.
        engine: engine.apart(),
        source: Arc::clone(&source) as Arc<dyn watchfire_promql::Source>,
        samples: Arc::clone(&sink),
        alerts: Arc::new(Fanout { alerting: alerting.clone(), senders: senders.clone() }),
        clock: Arc::clone(&clock),
        observer: Some(Arc::new(RuleQueries::new(Arc::clone(&queries), Arc::clone(&clock)))),
        query_threads: RULE_QUERY_THREADS,
    })?;
    let rules = Arc::new(rules);
    let training = Arc::new(watchfire_training::Runs::new(watchfire_training::Options {
        ledger: ledger.clone(),
        sink: Arc::clone(&sink),
        source: Arc::clone(&source) as Arc<dyn watchfire_promql::Source>,
        clock: Arc::clone(&clock),
        host: local::host_name(),
    }));
    let ci = Arc::new(watchfire_ci::Ci::new(watchfire_ci::Options {
        ledger: ledger.clone(),
        sink: Arc::clone(&sink),
        clock: Arc::clone(&clock),
    }));
    let groups = {
        let (ledger, clock) = (ledger.clone(), Arc::clone(&clock));
        tokio::task::spawn_blocking(|| watchfire_receive::groups::Groups::open(ledger, clock)).await??
    };
    let (center, stop) = Center::new(
        args.clone(),
        urls.external(),
        Arc::clone(&clock),
        tokio::runtime::Handle::current(),
        ledger,
    );
    let center = Arc::new(center);
    let app = Arc::new(App {
        engine,
        source,
        sink,
        store: Arc::clone(&store),
        scrape: Arc::clone(&scrape),
        rules: Arc::clone(&rules),
        alerting,
        senders,
        heartbeat,
        calendars,
        control: Arc::clone(&center) as Arc<dyn watchfire_api::Control>,
        clock,
        hosts: HostPolicy::new(args.external_url.as_ref()),
        limits: QueryLimits { concurrency: args.query_max_concurrency, ..QueryLimits::default() },
        slots: Arc::new(Semaphore::new(args.query_max_concurrency.max(1))),
        admin_enabled: args.enable_admin_api,
        search_enabled: args.has_feature("search-api"),
        parse: args.parse_options(),
        read_limits: watchfire_api::ReadLimits {
            samples: args.read_sample_limit,
            concurrency: args.read_concurrency,
            frame_bytes: args.read_frame_bytes,
        },
        read_slots: Arc::new(Semaphore::new(args.read_concurrency.max(1))),
        backtests: App::backtests(),
        listeners: App::listeners(),
        cors: args.cors_origin.clone(),
        flags: flags(&args),
        build: BuildInfo {
            version: env!("CARGO_PKG_VERSION"),
            revision: option_env!("WATCHFIRE_REVISION").unwrap_or(""),
        },
        started_ms,
        listen_address: address,
        route_prefix: urls.prefix(),
        external_url: urls.external(),
        http_metrics: HttpMetrics::default(),
        query_metrics: Arc::new(QueryMetrics::default()),
        cache: cache(&args, &loaded),
        queries,
        probes: Probes::default(),
        quick: watchfire_api::QuickQueries::default(),
        ci,
        groups: Arc::new(groups),
        training: Arc::clone(&training),
    });
    center.adopt(Arc::clone(&app));
    let failure = Arc::new(OnceLock::new());
    let starting = tokio::spawn({
        let (store, center, failure) = (Arc::clone(&store), Arc::clone(&center), Arc::clone(&failure));
        let training = Arc::clone(&training);
        let url = urls.external();
        async move {
            match start(store, &center, &training, loaded).await {
                Ok(()) => {
                    // Nobody listens once the program is stopping.
                    let _ = begin_sending.send(());
                    println!("Watchfire is watching: {url}/");
                }
                Err(error) => {
                    let _ = failure.set(error);
                    watchfire_api::Control::quit(&*center);
                }
            }
        }
    });

    tracing::info!(address = %address, "Listening on");
    let signals = tokio::spawn(signals(Arc::clone(&center)));
    let limits = ConnectionLimits { connections: args.max_connections, read_timeout: args.read_timeout };
    bound.serve(Arc::clone(&app), limits, stop).await;
    tracing::info!("stopping");
    starting.abort();
    signals.abort();
    rules.stop().await;
    scrape.stop().await;
    stop_alerting.send_replace(true);
    sending.await?;
    forwarding.await?;
    beating.await?;
    reading.await?;
    tokio::task::spawn_blocking(move || store.close()).await?;
    tracing::info!("stopped");
    Arc::into_inner(failure).and_then(OnceLock::into_inner).map_or(Ok(()), Err)
}

/// Waits for the log to be read back and puts the configuration in force: what writes, evaluates and tells people begins
/// when the past is whole.
async fn start(
    store: Arc<Store>,
    center: &Center,
    training: &Arc<watchfire_training::Runs>,
    loaded: Loaded,
) -> anyhow::Result<()> {
    tokio::task::spawn_blocking(move || store.wait_until_ready()).await??;
    training.begin();
    drop(tokio::spawn(watchfire_training::watch::publish(Arc::downgrade(training))));
    center.apply(loaded).await
}

fn tuning(args: &RunArgs) -> Tuning {
    let receiver_names = args.has_feature("receiver-name-in-metrics");
    let args = &args.alerting;
    Tuning {
        receiver_names,
        start_delay: args.start_delay,
        silences: SilenceLimits { count: args.max_silences, size_bytes: args.max_silence_size_bytes },
        retention: args.silence_retention,
        history: HistoryLimits {
            retention: args.history_retention,
            events: args.history_max_events,
            per_rule: args.history_max_events_per_rule,
            is_quiet: false,
        },
    }
}

fn engine(args: &RunArgs, loaded: &Loaded) -> Engine {
    Engine::new(EngineOptions {
        lookback: args.lookback_delta,
        timeout: args.query_timeout,
        max_samples: args.query_max_samples,
        max_bytes: args
            .query_max_memory
            .map_or(usize::MAX, |bytes| usize::try_from(bytes).unwrap_or(usize::MAX)),
        default_subquery_step: loaded.config.global.evaluation_interval,
        use_start_timestamps: args.has_feature("use-start-timestamps"),
        delayed_name_removal: args.has_feature("promql-delayed-name-removal"),
        per_step_stats: args.has_feature("promql-per-step-stats"),
        ..EngineOptions::default()
    })
}

/// A part of the memory ceiling that kept answers may take.
const CACHE_PART: u64 = 32;

fn cache(args: &RunArgs, loaded: &Loaded) -> QueryCache {
    let ceiling = match memory::ceiling_bytes(args, &loaded.config) {
        0 => u64::MAX,
        ceiling => ceiling / CACHE_PART,
    };
    QueryCache::new(usize::try_from(args.query_cache_size.min(ceiling)).unwrap_or(usize::MAX))
}

/// Turns signals into what the HTTP routes do too.
async fn signals(center: Arc<Center>) -> anyhow::Result<()> {
    use watchfire_api::Control;
    let mut reload = signal(SignalKind::hangup())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    loop {
        tokio::select! {
            _ = reload.recv() => {
                let center = Arc::clone(&center);
                // What went wrong is logged where it happens.
                let _ = tokio::task::spawn_blocking(move || center.reload()).await?;
            }
            _ = terminate.recv() => center.quit(),
            _ = interrupt.recv() => center.quit(),
        }
    }
}

fn flags(args: &RunArgs) -> Flags {
    let path = |path: &Option<std::path::PathBuf>| {
        path.as_ref().map(|path| path.display().to_string()).unwrap_or_default()
    };
    let duration = watchfire_model::duration::format;
    let pairs = [
        ("config.file", path(&args.config_file)),
        ("alertmanager.file", path(&args.alertmanager_file)),
        ("oncall.file", path(&args.oncall_file)),
        ("dispatch.start-delay", duration(args.alerting.start_delay)),
        ("silences.retention", duration(args.alerting.silence_retention)),
        ("silences.max-silences", args.alerting.max_silences.to_string()),
        ("silences.max-silence-size-bytes", args.alerting.max_silence_size_bytes.to_string()),
        ("alertmanager.notification-queue-capacity", args.alerting.queue_capacity.to_string()),
        ("rules.alert.resend-delay", duration(args.alerting.resend_delay)),
        ("alerts.history.retention", duration(args.alerting.history_retention)),
        ("alerts.history.max-events", args.alerting.history_max_events.to_string()),
        ("alerts.history.max-events-per-rule", args.alerting.history_max_events_per_rule.to_string()),
        ("storage.tsdb.path", args.storage_path.display().to_string()),
        ("storage.tsdb.retention.time", args.retention_time.map_or_else(String::new, duration)),
        (
            "storage.tsdb.retention.size",
            args.retention_size.map_or_else(String::new, |size| format!("{size}B")),
        ),
        ("storage.memory-limit", args.memory_limit.map_or_else(String::new, |limit| limit.to_string())),
        ("storage.relaxed-durability", args.relaxed_durability.to_string()),
        ("web.listen-address", args.listen_address.to_string()),
        ("web.external-url", args.external_url.as_ref().map(ToString::to_string).unwrap_or_default()),
        ("web.max-connections", args.max_connections.to_string()),
        ("web.read-timeout", duration(args.read_timeout)),
        ("web.route-prefix", args.route_prefix.clone().unwrap_or_default()),
        ("web.enable-remote-write-receiver", "true".to_owned()),
        ("web.enable-lifecycle", "true".to_owned()),
        ("web.enable-admin-api", args.enable_admin_api.to_string()),
        ("storage.remote.read-sample-limit", args.read_sample_limit.to_string()),
        ("storage.remote.read-concurrent-limit", args.read_concurrency.to_string()),
        ("storage.remote.read-max-bytes-in-frame", args.read_frame_bytes.to_string()),
        ("query.lookback-delta", duration(args.lookback_delta)),
        ("query.timeout", duration(args.query_timeout)),
        ("query.max-concurrency", args.query_max_concurrency.to_string()),
        ("query.max-samples", args.query_max_samples.to_string()),
        ("query.max-memory", args.query_max_memory.map_or_else(String::new, |bytes| format!("{bytes}B"))),
        ("query.cache-size", format!("{}B", args.query_cache_size)),
        ("enable-feature", args.enable_feature.join(",")),
        ("log.level", format!("{:?}", args.log_level).to_lowercase()),
        ("log.format", format!("{:?}", args.log_format).to_lowercase()),
    ];
    Flags(pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}
