//! Discoveries at work: files are looked at, servers are asked on a schedule of their own.

use super::dns::DnsDiscovery;
use super::http::HttpDiscovery;
use super::stats::Hub;
use super::{Discovery, DnsSource, FileDiscovery, FileSource, HttpSource, Outcome, TargetGroup};
use crate::relabel::NameScheme;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

/// What a service is asked.
#[derive(Clone, Debug, PartialEq)]
enum Asked {
    Http(Box<HttpSource>),
    Dns(DnsSource),
}

impl Asked {
    fn is_like(&self, other: &Self) -> bool {
        matches!((self, other), (Self::Http(_), Self::Http(_)) | (Self::Dns(_), Self::Dns(_)))
    }

    const fn mechanism(&self) -> &'static str {
        match self {
            Self::Http(_) => "http",
            Self::Dns(_) => "dns",
        }
    }

    const fn interval(&self) -> Duration {
        match self {
            Self::Http(source) => source.refresh_interval,
            Self::Dns(source) => source.refresh_interval,
        }
    }
}

/// What a service said last.
#[derive(Default)]
struct Said {
    groups: Vec<TargetGroup>,
    faults: Vec<String>,
    /// Whether it was asked at all.
    is_asked: bool,
    /// Whether nobody has taken note of it yet.
    is_news: bool,
}

/// A service that is asked again and again until this is dropped.
struct Service {
    asked: Asked,
    scheme: NameScheme,
    said: Arc<Mutex<Said>>,
    task: JoinHandle<()>,
}

impl Drop for Service {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A target file, or several, with what they are looked at for.
struct Files {
    source: FileSource,
    scheme: NameScheme,
    discovery: Mutex<FileDiscovery>,
}

/// The discoveries of one job, or of one entry of `alertmanagers`.
pub struct Live {
    static_groups: Vec<TargetGroup>,
    files: Vec<Arc<Files>>,
    services: Vec<Arc<Service>>,
    hub: Hub,
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live")
            .field("files", &self.files.len())
            .field("services", &self.services.len())
            .finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Live {
    /// Begins what `before` does not do already; the same discovery goes on with what it knows. One that is asked
    /// otherwise than before tells what that one told until it knows better. Must be called inside a tokio runtime.
    pub fn start(
        discovery: &Discovery,
        scheme: NameScheme,
        config: &str,
        hub: &Hub,
        before: Option<&Self>,
    ) -> Self {
        let mut old_files: Vec<Arc<Files>> = before.map(|live| live.files.clone()).unwrap_or_default();
        let files = discovery.file_sources.iter().map(|source| {
            let same = old_files.iter().position(|old| old.source == *source && old.scheme == scheme);
            same.map(|at| old_files.remove(at)).unwrap_or_else(|| {
                let discovery = Mutex::new(FileDiscovery::new(source.clone(), scheme));
                Arc::new(Files { source: source.clone(), scheme, discovery })
            })
        });
        let files = files.collect();
        let asked: Vec<Asked> = discovery
            .http_sources
            .iter()
            .cloned()
            .map(|source| Asked::Http(Box::new(source)))
            .chain(discovery.dns_sources.iter().cloned().map(Asked::Dns))
            .collect();
        let mut old: Vec<Arc<Service>> = before.map(|live| live.services.clone()).unwrap_or_default();
        let kept: Vec<Option<Arc<Service>>> = asked
            .iter()
            .map(|asked| {
                let same = old.iter().position(|old| old.asked == *asked && old.scheme == scheme);
                same.map(|at| old.remove(at))
            })
            .collect();
        let services = asked.into_iter().zip(kept).map(|(asked, kept)| {
            kept.unwrap_or_else(|| {
                let like = old.iter().position(|old| old.asked.is_like(&asked)).map(|at| old.remove(at));
                let inherited = like.map(|old| lock(&old.said).groups.clone()).unwrap_or_default();
                Arc::new(Service::start(asked, scheme, config, hub, inherited))
            })
        });
        let services = services.collect();
        Self { static_groups: discovery.static_groups.clone(), files, services, hub: hub.clone() }
    }

    /// Whether there are files to look at.
    pub fn has_files(&self) -> bool {
        !self.files.is_empty()
    }

    /// Looks at the files, `elapsed` after the last look; says whether targets or faults may be others now. Blocks.
    pub fn poll(&self, elapsed: Duration) -> bool {
        self.files.iter().fold(false, |changed, files| {
            let started = Instant::now();
            let mut discovery = lock(&files.discovery);
            let before = discovery.read_errors();
            let news = discovery.poll(elapsed);
            self.hub.looked_at_files(discovery.read_errors().saturating_sub(before), started.elapsed());
            news | changed
        })
    }

    /// Whether a service has said something else since the last time this was asked.
    pub fn take_news(&self) -> bool {
        self.services
            .iter()
            .fold(false, |news, service| std::mem::take(&mut lock(&service.said).is_news) | news)
    }

    /// All targets as of now.
    pub fn groups(&self) -> Vec<TargetGroup> {
        let mut groups = self.static_groups.clone();
        for files in &self.files {
            groups.extend(lock(&files.discovery).groups().cloned());
        }
        for service in &self.services {
            groups.extend_from_slice(&lock(&service.said).groups);
        }
        groups
    }

    /// What is wrong as of now, one line each; `whose` names the consumer where a fault does not name its file.
    pub fn faults(&self, whose: &str) -> Vec<String> {
        let mut faults = Vec::new();
        for files in &self.files {
            faults.extend(lock(&files.discovery).faults().iter().map(ToString::to_string));
        }
        for service in &self.services {
            faults.extend(lock(&service.said).faults.iter().map(|fault| format!("{whose}: {fault}")));
        }
        faults
    }

    /// Waits until every service was asked once, or its time is over; for those who look once.
    pub async fn settle(&self, limit: Duration) {
        let until = tokio::time::Instant::now() + limit;
        for service in &self.services {
            while !lock(&service.said).is_asked && tokio::time::Instant::now() < until {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
}

impl Service {
    fn start(asked: Asked, scheme: NameScheme, config: &str, hub: &Hub, inherited: Vec<TargetGroup>) -> Self {
        let said = Arc::new(Mutex::new(Said { groups: inherited.clone(), ..Said::default() }));
        let (heard, hub, config, source) = (Arc::clone(&said), hub.clone(), config.to_owned(), asked.clone());
        let task = tokio::spawn(async move {
            let (mechanism, interval) = (source.mechanism(), source.interval());
            let mut ticks = tokio::time::interval(interval);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            let mut asking = match source {
                Asked::Http(source) => {
                    Asking::Http(Box::new(HttpDiscovery::new(*source, scheme, hub.user_agent(), inherited)))
                }
                Asked::Dns(source) => Asking::Dns(DnsDiscovery::new(source, inherited)),
            };
            loop {
                ticks.tick().await;
                let started = Instant::now();
                let outcome = asking.refresh().await;
                hub.refreshed(&config, mechanism, &outcome, started.elapsed());
                hear(&heard, outcome);
                hub.wake();
            }
        });
        Self { asked, scheme, said, task }
    }
}

enum Asking {
    Http(Box<HttpDiscovery>),
    Dns(DnsDiscovery),
}

impl Asking {
    async fn refresh(&mut self) -> Outcome {
        match self {
            Self::Http(discovery) => discovery.refresh().await,
            Self::Dns(discovery) => discovery.refresh().await,
        }
    }
}

fn hear(said: &Mutex<Said>, outcome: Outcome) {
    let mut said = lock(said);
    for fault in &outcome.faults {
        if !said.faults.contains(fault) {
            tracing::warn!(error = fault, "discovery failed");
        }
    }
    said.is_asked = true;
    if said.groups != outcome.groups || said.faults != outcome.faults {
        said.is_news = true;
        said.groups = outcome.groups;
        said.faults = outcome.faults;
    }
}

#[cfg(test)]
mod tests;
