//! The loops of one job.

use super::status::{PoolStatus, TargetMetadata, TargetStatus, global_url};
use super::{LocalTarget, Options};
use crate::config::{Global, ScrapeConfig};
use crate::discovery::{Discovery, Hub, Live};
use crate::error::ScrapeError;
use crate::fetch::Fetcher;
use crate::runner::status::LoopStatus;
use crate::runner::{Job, JobSource, Order, Runner, World, supervise};
use crate::target::{self, DroppedTarget, INSTANCE, JOB, Target, TargetKey};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use watchfire_model::Labels;

/// One running loop.
struct Loop {
    target: Target,
    status: Arc<LoopStatus>,
    orders: watch::Sender<Order>,
    handle: JoinHandle<()>,
}

/// The loops of one job, and what became of its other targets.
pub(super) struct Pool {
    job: Arc<Job>,
    pub(super) live: Arc<Live>,
    loops: HashMap<TargetKey, Loop>,
    dropped: Vec<DroppedTarget>,
    dropped_count: usize,
    faults: Vec<String>,
}

impl Pool {
    /// A pool without loops; [`Pool::sync`] starts them.
    pub(super) fn new(config: Arc<ScrapeConfig>, fetcher: Fetcher, live: Arc<Live>) -> Self {
        Self::with_job(Job { config, source: JobSource::Http(fetcher), forbidden: None }, live)
    }

    fn with_job(job: Job, live: Arc<Live>) -> Self {
        Self {
            job: Arc::new(job),
            live,
            loops: HashMap::new(),
            dropped: Vec::new(),
            dropped_count: 0,
            faults: Vec::new(),
        }
    }

    /// A pool of one target inside this program, running.
    pub(super) fn local(local: LocalTarget, world: &World, hub: &Hub) -> Self {
        let LocalTarget { job, instance, interval, gather, honor_labels } = local;
        let mut config = ScrapeConfig::named(&job, &Global::default());
        config.scrape_interval = interval;
        config.scrape_timeout = interval;
        config.honor_labels = honor_labels;
        let labels = Labels::from_pairs([(JOB, job.as_str()), (INSTANCE, instance.as_str())]);
        let target = Target {
            key: TargetKey::local(&labels),
            discovered: labels.clone(),
            labels,
            url: format!("local://{job}/{instance}"),
            interval,
            timeout: interval,
        };
        let nothing = Discovery::default();
        let live = Arc::new(Live::start(&nothing, config.naming.scheme, &config.job_name, hub, None));
        let job = Job { config: Arc::new(config), source: JobSource::Local(gather), forbidden: None };
        let mut pool = Self::with_job(job, live);
        // Asking ourselves burdens nobody: the loop begins with a turn of its own, and the timetable soon after it, so
        // that people see something at once and a rate of it before they have read it.
        let now_ms = u64::try_from(world.clock.now_ms()).unwrap_or(0);
        let interval_ms = u64::try_from(interval.as_millis()).unwrap_or(u64::MAX).max(1);
        pool.spawn(target, Duration::from_millis((now_ms + interval_ms.min(2_000)) % interval_ms), world);
        pool
    }

    /// Whether the settings are these already.
    pub(super) fn is_configured(&self, config: &ScrapeConfig) -> bool {
        *self.job.config == *config
    }

    /// Takes over new settings; [`Pool::sync`] hands them to the loops.
    pub(super) fn reconfigure(&mut self, config: Arc<ScrapeConfig>, fetcher: Fetcher, live: Arc<Live>) {
        let forbidden = self.job.forbidden.clone();
        self.job = Arc::new(Job { config, source: JobSource::Http(fetcher), forbidden });
        self.live = live;
        for running in self.loops.values() {
            self.order(running);
        }
    }

    fn order(&self, running: &Loop) {
        // A loop that ended by itself, because it panicked, takes no orders.
        let _ = running.orders.send(Order::Run(Arc::clone(&self.job)));
    }

    /// Brings the loops in step with what discovery says now.
    pub(super) fn sync(&mut self, world: &World, options: &Options, hub: &Hub) {
        let groups = self.live.groups();
        let faults = self.live.faults(&format!("job {:?}", self.job.config.job_name));
        let found = groups.iter().map(|group| group.targets.len()).sum();
        hub.handed_over(&self.job.config.job_name, found);
        let resolved = target::resolve(&self.job.config, &groups);
        self.dropped = resolved.dropped;
        self.dropped_count = resolved.dropped_count;
        self.faults = faults;
        for error in &resolved.errors {
            tracing::warn!(error = %error, "target skipped");
        }
        self.faults.extend(resolved.errors.iter().map(ToString::to_string));
        self.forbid(resolved.targets.len());
        let wanted: HashSet<&TargetKey> = resolved.targets.iter().map(|target| &target.key).collect();
        let gone: Vec<TargetKey> = self.loops.keys().filter(|key| !wanted.contains(key)).cloned().collect();
        // A target that only changed how it is asked keeps its series: the new loop goes on with them.
        let labels: HashSet<&Labels> = resolved.targets.iter().map(|target| &target.labels).collect();
        for key in gone {
            if let Some(running) = self.loops.remove(&key) {
                let mark_stale = !labels.contains(&running.target.labels);
                let _ = running.orders.send(Order::Stop { mark_stale });
            }
        }
        for target in resolved.targets {
            match self.loops.get_mut(&target.key) {
                Some(running) => running.target = target,
                None => {
                    let offset = target.key.offset(target.interval, options.seed);
                    self.spawn(target, offset, world);
                }
            }
        }
    }

    /// Applies `target_limit`.
    fn forbid(&mut self, found: usize) {
        let limit = self.job.config.limits.targets;
        let over = limit > 0 && u64::try_from(found).map_or(true, |found| found > limit);
        let forbidden = over.then_some(ScrapeError::TargetLimit { found, limit });
        if self.job.forbidden == forbidden {
            return;
        }
        self.job = Arc::new(self.job.with_forbidden(forbidden));
        for running in self.loops.values() {
            self.order(running);
        }
    }

    fn spawn(&mut self, target: Target, offset: Duration, world: &World) {
        let status = Arc::new(LoopStatus::default());
        let (orders, receiver) = watch::channel(Order::Run(Arc::clone(&self.job)));
        let runner = Runner {
            world: world.clone(),
            status: Arc::clone(&status),
            job: Arc::clone(&self.job),
            orders: receiver,
            interval: target.interval,
            timeout: target.timeout,
            offset,
            labels: target.labels.clone(),
            url: target.url.clone(),
        };
        let handle = tokio::spawn(supervise(runner));
        self.loops.insert(target.key.clone(), Loop { target, status, orders, handle });
    }

    /// Tells every loop to end.
    pub(super) fn stop(self, mark_stale: bool) -> Vec<JoinHandle<()>> {
        self.loops
            .into_values()
            .map(|running| {
                let _ = running.orders.send(Order::Stop { mark_stale });
                running.handle
            })
            .collect()
    }

    /// The state of each target, by URL.
    pub(super) fn targets(&self, options: &Options) -> Vec<TargetStatus> {
        let mut targets: Vec<TargetStatus> =
            self.loops.values().map(|running| self.target_status(running, options)).collect();
        targets.sort_by(|left, right| left.scrape_url.cmp(&right.scrape_url));
        targets
    }

    fn target_status(&self, running: &Loop, options: &Options) -> TargetStatus {
        let (last, write_error, write_warning) = running.status.last();
        TargetStatus::new(
            &running.target,
            &self.job.config.job_name,
            global_url(&running.target.url, options.external_host.as_deref()),
            last,
            write_error,
            write_warning,
        )
    }

    /// The state of the pool as a whole.
    pub(super) fn status(&self) -> PoolStatus {
        PoolStatus {
            scrape_pool: self.job.config.job_name.clone(),
            active_targets: self.loops.len(),
            dropped: self.dropped.clone(),
            dropped_count: self.dropped_count,
            faults: self.faults.clone(),
        }
    }

    /// What the targets' metrics say about themselves.
    pub(super) fn metadata(&self) -> Vec<TargetMetadata> {
        let of = |running: &Loop| TargetMetadata {
            target: running.target.labels.clone(),
            families: running.status.metadata(),
        };
        self.loops.values().map(of).collect()
    }
}
