//! Reload, readiness and stop: what only the program as a whole can do.

use super::config::Loaded;
use super::{keep, local, memory, metrics, snapshot};
use crate::cli::RunArgs;
use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use watchfire_api::{App, AppError, Control};
use watchfire_ledger::Ledger;
use watchfire_model::Labels;
use watchfire_model::time::Clock;
use watchfire_rules::manager::Settings;
use watchfire_scrape::{Config, Gather};
use watchfire_wire::exposition::Format;

/// The program's center: it holds what is in force, and changes it as a whole.
pub(crate) struct Center {
    args: RunArgs,
    external_url: String,
    clock: Arc<dyn Clock>,
    runtime: tokio::runtime::Handle,
    ledger: Ledger,
    app: OnceLock<Arc<App>>,
    /// Nothing before the start is through.
    in_force: Mutex<Option<Config>>,
    reloading: Mutex<()>,
    is_ready: AtomicBool,
    /// Whether pushed groups are a target at this time, asked as the configuration in force says.
    shows_groups: AtomicBool,
    last_reload_ms: AtomicI64,
    last_reload_good: AtomicBool,
    stop: watch::Sender<bool>,
}

impl Center {
    /// A center without anything in force yet, and what resolves when it is told to stop.
    pub(crate) fn new(
        args: RunArgs,
        external_url: String,
        clock: Arc<dyn Clock>,
        runtime: tokio::runtime::Handle,
        ledger: Ledger,
    ) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let (stop, mut stopped) = watch::channel(false);
        let center = Self {
            args,
            external_url,
            clock,
            runtime,
            ledger,
            app: OnceLock::new(),
            in_force: Mutex::default(),
            reloading: Mutex::default(),
            is_ready: AtomicBool::new(false),
            shows_groups: AtomicBool::new(false),
            last_reload_ms: AtomicI64::new(0),
            last_reload_good: AtomicBool::new(true),
            stop,
        };
        let wait = async move {
            // An error means that the center is gone, which is a stop as well.
            let _ = stopped.wait_for(|stopped| *stopped).await;
        };
        (center, wait)
    }

    /// Learns what it is the center of.
    pub(crate) fn adopt(&self, app: Arc<App>) {
        // Called once, by the start.
        let _ = self.app.set(app);
    }

    /// Puts a configuration in force that was read and checked as a whole.
    pub(crate) async fn apply(&self, loaded: Loaded) -> anyhow::Result<()> {
        let Some(app) = self.app.get() else { anyhow::bail!("the program has not started yet") };
        for note in &loaded.alertmanager.notes {
            tracing::warn!(note, "alertmanager configuration");
        }
        for note in &loaded.config.notes {
            tracing::warn!(note, "configuration");
        }
        // Two steps can still fail, a certificate that cannot be used and a ledger that cannot be written; the first
        // changes nothing then, and the second takes it back.
        app.scrape.apply(&loaded.config).await?;
        let global = &loaded.config.global;
        let alerting = watchfire_alerting::Settings {
            external_url: self.external_url.clone(),
            external_labels: global.external_labels.clone(),
            oncall: Arc::new(app.calendars.filled(loaded.oncall).await),
        };
        if let Err(error) = app.alerting.apply(loaded.alertmanager, alerting).await {
            let before = self.in_force().clone();
            if let Some(before) = before {
                app.scrape.apply(&before).await?;
            }
            return Err(error.into());
        }
        app.calendars.apply().await;
        app.heartbeat.apply(loaded.config.heartbeat.clone());
        app.senders.apply(&loaded.config.alerting, global.naming.scheme);
        app.probes.set(loaded.probes);
        let weak = Arc::downgrade(app);
        let own: Gather = Arc::new(move || {
            weak.upgrade().map(|app| app.control.own_metrics(Format::Text)).unwrap_or_default()
        });
        local::apply(&app.scrape, &app.clock, own, &loaded.config.collect, &self.args.collectors);
        let ci = &loaded.config.ci;
        app.ci.set_secrets(watchfire_ci::Secrets { github: ci.github.clone(), gitlab: ci.gitlab.clone() });
        let training = &loaded.config.training;
        app.training.watch_folders(training.tensorboard_directories.clone());
        let default = watchfire_training::Rates::default();
        app.training.set_rates(watchfire_training::Rates {
            gpu_per_hour: training.gpu_price_per_hour,
            currency: training.currency.clone().unwrap_or(default.currency),
        });
        if let Err(error) = app.queries.log_to(global.query_log_file.as_deref()) {
            let path = global.query_log_file.as_deref().unwrap_or_else(|| std::path::Path::new(""));
            tracing::error!(path = %path.display(), %error, "cannot open query_log_file; the query log stays as it was");
        }
        app.store.set_max_exemplars(keep::max_exemplars(&loaded.config));
        let ceiling_bytes = memory::ceiling_bytes(&self.args, &loaded.config);
        app.store.set_limits(&memory::series_limits(&loaded.config), ceiling_bytes);
        app.store.set_label_limits(memory::label_limits(&loaded.config));
        let (store, tiers) = (Arc::clone(&app.store), keep::tiers(&loaded.config));
        let retention = keep::retention(&self.args, &loaded.config);
        // It waits for the upkeep that is under way.
        let set =
            tokio::task::spawn_blocking(move || store.set_retention_and_tiers(retention, &tiers)).await?;
        if let Err(error) = set {
            tracing::error!(%error, "retention and downsampled tiers stay as they were");
        }
        let settings = Settings {
            evaluation_interval: global.evaluation_interval,
            query_offset: global.rule_query_offset,
            external_labels: global.external_labels.clone(),
            external_url: self.external_url.clone(),
        };
        app.rules.apply(loaded.rules, settings).await;
        *self.in_force() = Some(loaded.config);
        self.shows_groups.store(false, Ordering::Relaxed);
        self.groups_changed();
        self.last_reload_ms.store(self.clock.now_ms(), Ordering::Relaxed);
        self.last_reload_good.store(true, Ordering::Relaxed);
        self.is_ready.store(true, Ordering::Release);
        Ok(())
    }

    fn in_force(&self) -> MutexGuard<'_, Option<Config>> {
        self.in_force.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn try_reload(&self) -> anyhow::Result<()> {
        // A signal and a request at once must not mix two configurations.
        let _alone = self.reloading.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.is_ready() {
            anyhow::bail!("the program is still starting; try again when /-/ready answers 200");
        }
        let loaded = Loaded::read(&self.args)?;
        self.runtime.block_on(self.apply(loaded))
    }
}

impl Control for Center {
    fn reload(&self) -> Result<(), AppError> {
        self.try_reload().map_err(|error| {
            let error = crate::one_line(&error);
            self.last_reload_good.store(false, Ordering::Relaxed);
            tracing::error!(error, "reload failed, what ran before stays in force");
            AppError(error)
        })?;
        tracing::info!("configuration reloaded");
        Ok(())
    }

    fn quit(&self) {
        self.stop.send_replace(true);
    }

    fn snapshot(&self, skip_head: bool) -> Result<String, AppError> {
        let Some(app) = self.app.get() else {
            return Err(AppError("the program has not started yet".to_owned()));
        };
        snapshot::make(&app.store, &self.ledger, self.clock.now_ms(), skip_head)
            .map_err(|error| AppError(error.to_string()))
    }

    fn groups_changed(&self) {
        let Some(app) = self.app.get() else { return };
        // Before a configuration is in force there is no interval; it will call this again.
        let interval = self.scrape_interval();
        let has_groups = app.groups.stats().groups > 0;
        if !interval.is_zero() && self.shows_groups.swap(has_groups, Ordering::Relaxed) != has_groups {
            local::show_groups(&app.scrape, &app.groups, interval);
        }
    }

    fn is_ready(&self) -> bool {
        self.is_ready.load(Ordering::Acquire)
    }

    fn is_stopping(&self) -> bool {
        *self.stop.borrow()
    }

    fn relabel_rules(&self, job: &str) -> Option<Vec<watchfire_scrape::relabel::Rule>> {
        let config = self.in_force();
        let found = config.as_ref()?.scrape_configs.iter().find(|found| found.job_name == job)?;
        Some(found.relabel_configs.clone())
    }

    fn config_yaml(&self) -> String {
        self.in_force().as_ref().map(|config| config.to_yaml().to_owned()).unwrap_or_default()
    }

    fn own_metrics(&self, format: Format) -> Vec<u8> {
        self.app.get().map(|app| metrics::exposition(app, format)).unwrap_or_default().into_bytes()
    }

    fn external_labels(&self) -> Labels {
        self.in_force().as_ref().map(|config| config.global.external_labels.clone()).unwrap_or_default()
    }

    fn scrape_interval(&self) -> Duration {
        self.in_force().as_ref().map_or(Duration::ZERO, |config| {
            let local = if config.collect.enabled { config.collect.interval } else { Duration::ZERO };
            // Where nothing but this machine is watched, its interval is the one that counts.
            let only_local = config.collect.enabled && config.scrape_configs.is_empty();
            if only_local { local } else { config.global.scrape_interval.max(local) }
        })
    }

    fn evaluation_interval(&self) -> Duration {
        let default = Settings::default().evaluation_interval;
        self.in_force().as_ref().map_or(default, |config| config.global.evaluation_interval)
    }

    fn last_reload(&self) -> (i64, bool) {
        (self.last_reload_ms.load(Ordering::Relaxed), self.last_reload_good.load(Ordering::Relaxed))
    }
}
