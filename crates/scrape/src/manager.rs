//! All scraping: one pool of loops per job, kept in step with the configuration and with discovery.

mod pool;
pub(crate) mod stats;
pub(crate) mod status;

use crate::config::{Config, ScrapeConfig};
use crate::discovery::FileDiscovery;
use crate::fetch::{ClientError, Fetcher};
use crate::runner::{Gather, World};
use pool::{Pool, Sources};
use stats::ScrapeStats;
use status::{PoolStatus, TargetMetadata, TargetStatus};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::task::JoinHandle;
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
}

impl Default for Options {
    fn default() -> Self {
        Self {
            seed: 0,
            user_agent: concat!("Watchfire/", env!("CARGO_PKG_VERSION")).to_owned(),
            external_host: None,
            type_and_unit_labels: false,
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
    state: Mutex<State>,
    /// Held while a configuration is applied, so that two do not mix.
    applying: tokio::sync::Mutex<()>,
}

/// A job about to be applied: its settings, its client unless the running one will do, and its target files.
type Prepared = (Arc<ScrapeConfig>, Option<Fetcher>, Arc<Mutex<Sources>>);

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
        let shared = Arc::new(Shared {
            world,
            options,
            state: Mutex::new(State::default()),
            applying: tokio::sync::Mutex::new(()),
        });
        let manager = Self { shared: Arc::clone(&shared), watcher: Mutex::new(None) };
        manager.apply(config).await?;
        let watcher = tokio::spawn(watch_files(shared));
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
        let mut jobs: Vec<Prepared> = Vec::new();
        for job in configured.iter().chain(found.iter().filter(|job| !is_configured(job))) {
            let (same_job, same_sources) = {
                let state = self.shared.lock();
                let old = state.pools.get(&job.job_name).filter(|pool| pool.is_configured(job));
                let sources = state
                    .pools
                    .get(&job.job_name)
                    .filter(|pool| pool.has_sources(job))
                    .map(|pool| Arc::clone(&pool.sources));
                (old.is_some(), sources)
            };
            // Certificates are read when a client is built, so a reload reads them anew.
            let fetcher = if same_job && !job.client.tls.reads_files() {
                None
            } else {
                Some(Fetcher::new(job, &self.shared.options.user_agent)?)
            };
            let sources = same_sources.unwrap_or_else(|| Arc::new(Mutex::new(Sources::new(job))));
            jobs.push((Arc::clone(job), fetcher, sources));
        }
        for (_, _, sources) in &jobs {
            poll(sources, Duration::ZERO).await;
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
        for (job, fetcher, sources) in jobs {
            match (state.pools.get_mut(&job.job_name), fetcher) {
                (Some(pool), None) => pool.sources = sources,
                (Some(pool), Some(fetcher)) => pool.reconfigure(job.clone(), fetcher, sources),
                (None, Some(fetcher)) => {
                    state.pools.insert(job.job_name.clone(), Pool::new(Arc::clone(&job), fetcher, sources));
                }
                // A client is missing only where a pool with the same settings was found above, and only this
                // function removes pools.
                (None, None) => continue,
            }
            if let Some(pool) = state.pools.get_mut(&job.job_name) {
                pool.sync(&shared.world, &shared.options);
            }
        }
        Ok(())
    }

    /// Adds a target inside this program, or replaces the one of the same job and instance.
    pub fn add_local(&self, target: LocalTarget) {
        let mut state = self.shared.lock();
        let name = format!("{}\0{}", target.job, target.instance);
        if let Some(old) = state.locals.remove(&name) {
            old.stop(false);
        }
        let pool = Pool::local(target, &self.shared.world);
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

/// Looks at target files again and again, and syncs the pools whose targets changed.
async fn watch_files(shared: Arc<Shared>) {
    loop {
        let wait = shared
            .lock()
            .poll
            .map_or(FILE_POLL, |refresh| refresh.clamp(Duration::from_millis(10), FILE_POLL));
        tokio::time::sleep(wait).await;
        let _applying = shared.applying.lock().await;
        let watched: Vec<(String, Arc<Mutex<Sources>>)> = {
            let state = shared.lock();
            let with_files = state.pools.iter().filter(|(_, pool)| pool.has_files());
            with_files.map(|(name, pool)| (name.clone(), Arc::clone(&pool.sources))).collect()
        };
        for (name, sources) in watched {
            if poll(&sources, wait).await
                && let Some(pool) = shared.lock().pools.get_mut(&name)
            {
                pool.sync(&shared.world, &shared.options);
            }
        }
    }
}

/// Looks at the files of one job, where blocking is allowed; says whether its targets may be others now.
async fn poll(sources: &Arc<Mutex<Sources>>, elapsed: Duration) -> bool {
    let sources = Arc::clone(sources);
    let polling = tokio::task::spawn_blocking(move || {
        let mut sources = sources.lock().unwrap_or_else(PoisonError::into_inner);
        sources
            .files
            .iter_mut()
            .fold(false, |changed, files: &mut FileDiscovery| files.poll(elapsed) | changed)
    });
    polling.await.unwrap_or(false)
}

#[cfg(test)]
mod tests;
