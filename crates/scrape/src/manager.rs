//! All scraping: one pool of loops per job, kept in step with the configuration and with discovery.

mod pool;
pub(crate) mod stats;
pub(crate) mod status;

use crate::config::{Config, ScrapeConfig};
use crate::discovery::{DiscoveryStats, Hub, Live};
use crate::fetch::{ClientError, Fetcher, Ready};
use crate::runner::{Gather, World};
use pool::Pool;
use stats::ScrapeStats;
use status::{PoolStatus, TargetMetadata, TargetStatus};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use watchfire_model::ingest::MetricSink;
use watchfire_model::time::Clock;

/// How often target files are looked at for changes, at most.
const FILE_POLL: Duration = Duration::from_secs(5);

/// What a manager needs besides its configuration.
#[derive(Clone, Debug)]
pub struct Options {
    /// Varies where in their interval targets are asked, so that two instances with one configuration do not ask
    /// at the same moment. The same seed gives the same timetable after a restart.
    pub seed: u64,
    /// The `User-Agent`, `Watchfire/<version>`.
    pub user_agent: String,
    /// The name by which others reach this host; stands in for `localhost` in the global URLs of targets.
    pub external_host: Option<String>,
    /// Series get the labels `__type__` and `__unit__`, where their targets say these (experimental
    /// `type-and-unit-labels`).
    pub type_and_unit_labels: bool,
    /// Where discovery counts.
    pub discovery: Arc<DiscoveryStats>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            seed: 0,
            user_agent: concat!("Watchfire/", env!("CARGO_PKG_VERSION")).to_owned(),
            external_host: None,
            type_and_unit_labels: false,
            discovery: Arc::default(),
        }
    }
}

/// A target inside this program: it is asked on a schedule like any other and has `up` and the rest, but no HTTP.
#[derive(Clone)]
pub struct LocalTarget {
    /// The label `job`, which is also the name of its pool.
    pub job: String,
    /// The label `instance`.
    pub instance: String,
    /// How often to ask; also how long an answer may take.
    pub interval: Duration,
    /// Gives the exposition, in Prometheus's text format. Runs on a thread where blocking is allowed.
    pub gather: Gather,
    /// Whether its own `job` and `instance` stand in the place of the target's.
    pub honor_labels: bool,
}

impl fmt::Debug for LocalTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalTarget")
            .field("job", &self.job)
            .field("instance", &self.instance)
            .field("interval", &self.interval)
            .finish_non_exhaustive()
    }
}

/// Runs the loops. Dropping it ends them without stale markers, like [`Manager::stop`].
pub struct Manager {
    shared: Arc<Shared>,
    watcher: Mutex<Option<JoinHandle<()>>>,
}

impl fmt::Debug for Manager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Manager").field("pools", &self.shared.lock().pools.len()).finish_non_exhaustive()
    }
}

struct Shared {
    world: World,
    options: Options,
    hub: Hub,
    state: Mutex<State>,
    /// Held while a configuration is applied, so that two do not mix.
    applying: tokio::sync::Mutex<()>,
}

/// A job about to be applied: its settings, its client unless the running one will do, and its discoveries.
type Prepared = (Arc<ScrapeConfig>, Option<Fetcher>, Arc<Live>);

#[derive(Default)]
struct State {
    /// By job.
    pools: BTreeMap<String, Pool>,
    locals: BTreeMap<String, Pool>,
    /// How often target files are looked at.
    poll: Option<Duration>,
    /// The jobs of the configuration in force.
    configured: Vec<Arc<ScrapeConfig>>,
    /// The jobs of what was found on this host.
    found: Vec<Arc<ScrapeConfig>>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // A pool is whole between calls; a panic elsewhere does not spoil it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Manager {
    /// Starts scraping what a configuration says. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// When the HTTP client of a job cannot be built, for instance because of a bad certificate.
    pub async fn start(
        options: Options,
        config: &Config,
        sink: Arc<dyn MetricSink>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ClientError> {
        let world = World { sink, clock, stats: Arc::default(), describes: options.type_and_unit_labels };
        let hub = Hub::new("scrape", &options.user_agent, Arc::clone(&options.discovery));
        let shared = Arc::new(Shared {
            world,
            options,
            hub,
            state: Mutex::new(State::default()),
            applying: tokio::sync::Mutex::new(()),
        });
        let manager = Self { shared: Arc::clone(&shared), watcher: Mutex::new(None) };
        manager.apply(config).await?;
        let watcher = tokio::spawn(watch(shared));
        *manager.watcher.lock().unwrap_or_else(PoisonError::into_inner) = Some(watcher);
        Ok(manager)
    }

    /// Goes over to another configuration. Targets that are in both keep running without a gap; those that are gone
    /// get stale markers.
    ///
    /// # Errors
    /// As [`Manager::start`]; then nothing changes.
    pub async fn apply(&self, config: &Config) -> Result<(), ClientError> {
        let _applying = self.shared.applying.lock().await;
        let found = self.shared.lock().found.clone();
        self.run_jobs(&config.scrape_configs, &found).await?;
        self.shared.lock().configured.clone_from(&config.scrape_configs);
        Ok(())
    }

    /// Scrapes jobs that no configuration names, beside those of the configuration and in place of those that were
    /// found before. A job of the configuration with the same name wins.
    ///
    /// # Errors
    /// As [`Manager::start`]; then nothing changes.
    pub async fn apply_found(&self, found: Vec<Arc<ScrapeConfig>>) -> Result<(), ClientError> {
        let _applying = self.shared.applying.lock().await;
        let configured = self.shared.lock().configured.clone();
        self.run_jobs(&configured, &found).await?;
        self.shared.lock().found = found;
        Ok(())
    }

    /// Goes over to these jobs. The caller holds `applying`.
    async fn run_jobs(
        &self,
        configured: &[Arc<ScrapeConfig>],
        found: &[Arc<ScrapeConfig>],
    ) -> Result<(), ClientError> {
        let is_configured =
            |job: &&Arc<ScrapeConfig>| configured.iter().any(|own| own.job_name == job.job_name);
        let mut clients: Vec<(Arc<ScrapeConfig>, Option<Fetcher>)> = Vec::new();
        for job in configured.iter().chain(found.iter().filter(|job| !is_configured(job))) {
            let same_job =
                self.shared.lock().pools.get(&job.job_name).is_some_and(|pool| pool.is_configured(job));
            // Certificates are read when a client is built, so a reload reads them anew.
            let fetcher = if same_job && !job.client.tls.reads_files() {
                None
            } else {
                Some(Fetcher::new(job, &self.shared.options.user_agent)?)
            };
            for source in job.discovery.http_sources.iter().filter(|_| !same_job) {
                Ready::build_blocking(&source.client, &self.shared.options.user_agent, &source.url)
                    .map_err(|reason| ClientError::new(job, format!("http_sd_configs: {reason}")))?;
            }
            clients.push((Arc::clone(job), fetcher));
        }
        // Nothing can fail any more, so discoveries may begin.
        let mut jobs: Vec<Prepared> = Vec::new();
        for (job, fetcher) in clients {
            let before = self.shared.lock().pools.get(&job.job_name).map(|pool| Arc::clone(&pool.live));
            let (scheme, hub) = (job.naming.scheme, &self.shared.hub);
            let live = Live::start(&job.discovery, scheme, &job.job_name, hub, before.as_deref());
            let live = Arc::new(live);
            poll(&live, Duration::ZERO).await;
            jobs.push((job, fetcher, live));
        }
        let shared = &self.shared;
        let mut state = shared.lock();
        let names: Vec<&str> = jobs.iter().map(|(job, _, _)| job.job_name.as_str()).collect();
        let gone: Vec<String> =
            state.pools.keys().filter(|name| !names.contains(&name.as_str())).cloned().collect();
        for name in gone {
            if let Some(pool) = state.pools.remove(&name) {
                pool.stop(true);
            }
        }
        state.poll =
            jobs.iter().flat_map(|(job, _, _)| &job.discovery.file_sources).map(|s| s.refresh_interval).min();
        for (job, fetcher, live) in jobs {
            match (state.pools.get_mut(&job.job_name), fetcher) {
                (Some(pool), None) => pool.live = live,
                (Some(pool), Some(fetcher)) => pool.reconfigure(job.clone(), fetcher, live),
                (None, Some(fetcher)) => {
                    state.pools.insert(job.job_name.clone(), Pool::new(Arc::clone(&job), fetcher, live));
                }
                // A client is missing only where a pool with the same settings was found above, and only this
                // function removes pools.
                (None, None) => continue,
            }
            if let Some(pool) = state.pools.get_mut(&job.job_name) {
                pool.sync(&shared.world, &shared.options, &shared.hub);
            }
        }
        let names: Vec<&str> = state.pools.keys().map(String::as_str).collect();
        shared.hub.retain(&names);
        Ok(())
    }

    /// Adds a target inside this program, or replaces the one of the same job and instance.
    pub fn add_local(&self, target: LocalTarget) {
        let mut state = self.shared.lock();
        let name = format!("{}\0{}", target.job, target.instance);
        if let Some(old) = state.locals.remove(&name) {
            old.stop(false);
        }
        let pool = Pool::local(target, &self.shared.world, &self.shared.hub);
        state.locals.insert(name, pool);
    }

    /// Removes a target inside this program; its series end. Says whether there was one.
    pub fn remove_local(&self, job: &str, instance: &str) -> bool {
        let removed = self.shared.lock().locals.remove(&format!("{job}\0{instance}"));
        removed.map(|pool| pool.stop(true)).is_some()
    }

    /// Every target that is asked, by job.
    pub fn targets(&self) -> Vec<TargetStatus> {
        let state = self.shared.lock();
        state.all().flat_map(|pool| pool.targets(&self.shared.options)).collect()
    }

    /// Every job with what relabelling dropped and what is wrong with its targets.
    pub fn pools(&self) -> Vec<PoolStatus> {
        self.shared.lock().all().map(Pool::status).collect()
    }

    /// What the metrics of each target say about themselves.
    pub fn metadata(&self) -> Vec<TargetMetadata> {
        self.shared.lock().all().flat_map(Pool::metadata).collect()
    }

    /// Counters about scraping itself.
    pub fn stats(&self) -> ScrapeStats {
        self.shared.world.stats.snapshot()
    }

    /// What discovery counts, other consumers' with it where they share [`Options::discovery`].
    pub fn discovery(&self) -> &DiscoveryStats {
        &self.shared.options.discovery
    }

    /// Ends all loops and waits for them. No stale markers are written: the targets are not gone, we are.
    pub async fn stop(&self) {
        let _applying = self.shared.applying.lock().await;
        if let Some(watcher) = self.watcher.lock().unwrap_or_else(PoisonError::into_inner).take() {
            watcher.abort();
        }
        let pools: Vec<Pool> = {
            let mut state = self.shared.lock();
            let pools = std::mem::take(&mut state.pools).into_values();
            pools.chain(std::mem::take(&mut state.locals).into_values()).collect()
        };
        let loops: Vec<JoinHandle<()>> = pools.into_iter().flat_map(|pool| pool.stop(false)).collect();
        for running in loops {
            // A loop that panicked has nothing left to end.
            let _ = running.await;
        }
    }
}

impl Drop for Manager {
    fn drop(&mut self) {
        if let Some(watcher) = self.watcher.lock().unwrap_or_else(PoisonError::into_inner).take() {
            watcher.abort();
        }
    }
}

impl State {
    fn all(&self) -> impl Iterator<Item = &Pool> {
        self.pools.values().chain(self.locals.values())
    }
}

/// Looks at target files again and again, hears what services say, and syncs the pools whose targets changed.
async fn watch(shared: Arc<Shared>) {
    let mut looked = Instant::now();
    loop {
        let wait = shared
            .lock()
            .poll
            .map_or(FILE_POLL, |refresh| refresh.clamp(Duration::from_millis(10), FILE_POLL));
        let is_look = tokio::select! {
            () = tokio::time::sleep_until(looked + wait) => true,
            () = shared.hub.changed() => false,
        };
        let _applying = shared.applying.lock().await;
        let elapsed = looked.elapsed();
        if is_look {
            looked = Instant::now();
        }
        let watched: Vec<(String, Arc<Live>)> = {
            let state = shared.lock();
            state.pools.iter().map(|(name, pool)| (name.clone(), Arc::clone(&pool.live))).collect()
        };
        for (name, live) in watched {
            let mut is_news = live.take_news();
            if is_look && live.has_files() {
                is_news |= poll(&live, elapsed).await;
            }
            if is_news && let Some(pool) = shared.lock().pools.get_mut(&name) {
                pool.sync(&shared.world, &shared.options, &shared.hub);
            }
        }
    }
}

/// Looks at the files of one job, where blocking is allowed; says whether its targets may be others now.
async fn poll(live: &Arc<Live>, elapsed: Duration) -> bool {
    let live = Arc::clone(live);
    tokio::task::spawn_blocking(move || live.poll(elapsed)).await.unwrap_or(false)
}

#[cfg(test)]
mod tests;
