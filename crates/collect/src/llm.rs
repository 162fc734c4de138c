//! LLM servers on this host: found by what runs and what listens, without being told of any.
//!
//! Known engines are recognised by their command lines; what listens on a port that an engine uses by default and is
//! nobody's known is asked for its metrics every ten minutes, and recognised by the names in them.

mod engines;
mod http;
mod ollama;
mod sockets;

pub use engines::Engine;

use crate::host::Collector;
use crate::processes::{self, Owner, Process};
use crate::{CollectError, Collection, Label, Roots};
use sockets::Listener;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use watchfire_model::time::Clock;

/// How long what was found is taken to be so.
const FRESH_MS: i64 = 15_000;

/// After which time a port that was nobody's known is asked again.
const ASK_AGAIN_MS: i64 = 600_000;

/// How long an answer on a port of this host may take.
const PATIENCE: Duration = Duration::from_millis(500);

/// The most processes that are looked at; a machine with more has other troubles.
const MOST_PROCESSES: usize = 20_000;

/// An LLM server that runs on this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LlmServer {
    /// What it is.
    pub engine: Engine,
    /// Where it answers.
    pub address: SocketAddr,
    /// Its process, where that is known.
    pub pid: Option<u32>,
    /// The model that it was started with, where its command line says.
    pub model: String,
    owner: Owner,
}

/// Finds LLM servers, at most every fifteen seconds.
pub struct LlmDiscovery {
    roots: Roots,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    looked_ms: Option<i64>,
    servers: Vec<LlmServer>,
    /// What was said on ports that are nobody's known, by the socket's number: what it is, and when it was asked.
    asked: HashMap<u64, (Option<Engine>, i64)>,
}

impl std::fmt::Debug for LlmDiscovery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LlmDiscovery").field("roots", &self.roots).finish_non_exhaustive()
    }
}

impl LlmDiscovery {
    /// Finds those whose processes are below these roots.
    pub fn new(roots: Roots, clock: Arc<dyn Clock>) -> Self {
        Self { roots, clock, state: Mutex::default() }
    }

    /// The servers that run, by address. Blocks for some milliseconds, and half a second for each unknown port.
    pub fn servers(&self) -> Vec<LlmServer> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let now_ms = self.clock.now_ms();
        if state
            .looked_ms
            .is_none_or(|looked| now_ms.saturating_sub(looked).unsigned_abs() >= FRESH_MS.unsigned_abs())
        {
            state.servers = self.find(&mut state.asked, now_ms);
            state.looked_ms = Some(now_ms);
        }
        state.servers.clone()
    }

    fn find(&self, asked: &mut HashMap<u64, (Option<Engine>, i64)>, now_ms: i64) -> Vec<LlmServer> {
        let listeners = sockets::listeners(&self.roots);
        let mut found: BTreeMap<SocketAddr, LlmServer> = BTreeMap::new();
        for (pid, engine, process) in self.engines() {
            let own = sockets::of_process(&self.roots, pid);
            let wanted = engine.port(&process.arguments);
            let Some(listener) = choose(&listeners, own.as_ref(), wanted) else { continue };
            let owner = processes::owner(&self.roots, pid).unwrap_or_default();
            let model = owner.model.clone();
            let server = LlmServer { engine, address: listener.reachable(), pid: Some(pid), model, owner };
            // Of a parent and its workers on one socket the parent is met first: its number is lower.
            found.entry(server.address).or_insert(server);
        }
        asked.retain(|inode, _| listeners.iter().any(|listener| listener.inode == *inode));
        for listener in &listeners {
            let address = listener.reachable();
            if found.contains_key(&address) || !engines::is_usual(address.port()) {
                continue;
            }
            let known = asked.get(&listener.inode).filter(|(engine, at_ms)| {
                engine.is_some() || now_ms.saturating_sub(*at_ms).unsigned_abs() < ASK_AGAIN_MS.unsigned_abs()
            });
            let engine = match known {
                Some((engine, _)) => *engine,
                None => {
                    let engine = recognise(address);
                    asked.insert(listener.inode, (engine, now_ms));
                    engine
                }
            };
            if let Some(engine) = engine {
                let server =
                    LlmServer { engine, address, pid: None, model: String::new(), owner: Owner::default() };
                found.insert(address, server);
            }
        }
        found.into_values().collect()
    }

    /// The processes that are engines, by number.
    fn engines(&self) -> Vec<(u32, Engine, Process)> {
        let Ok(entries) = std::fs::read_dir(&self.roots.procfs) else { return Vec::new() };
        let names = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        let mut pids: Vec<u32> = names.take(MOST_PROCESSES).collect();
        pids.sort_unstable();
        let found = pids.into_iter().filter_map(|pid| {
            // The command line alone decides, and most processes are nothing of ours.
            let arguments = processes::arguments(&self.roots, pid);
            let engine = Engine::of_command(&arguments)?;
            Some((pid, engine, processes::read(&self.roots, pid)?))
        });
        found.collect()
    }
}

/// The socket on which an engine serves: the one that its command line or its habit names, otherwise its only one.
fn choose<'a>(listeners: &'a [Listener], own: Option<&HashSet<u64>>, wanted: u16) -> Option<&'a Listener> {
    let is_own = |listener: &&Listener| own.is_none_or(|own| own.contains(&listener.inode));
    let named = listeners.iter().filter(is_own).find(|listener| listener.address.port() == wanted);
    // The port is often held by a child: then the process has no such socket, and the port is taken on its word.
    let named = named.or_else(|| listeners.iter().find(|listener| listener.address.port() == wanted));
    named.or_else(|| {
        own?;
        let mut all = listeners.iter().filter(is_own);
        let first = all.next()?;
        all.next().is_none().then_some(first)
    })
}

/// What answers on a port, by the names of its metrics.
fn recognise(address: SocketAddr) -> Option<Engine> {
    ["/metrics", "/prometheus/metrics", "/api/version"].into_iter().find_map(|path| {
        let answer = http::get(address, path, PATIENCE).ok()?;
        Engine::of_answer(path, &answer.body)
    })
}

/// Tells of the servers, and of what Ollama says of itself: it has no metrics.
pub(crate) struct LlmServers {
    pub(crate) discovery: Arc<LlmDiscovery>,
}

impl Collector for LlmServers {
    fn name(&self) -> &'static str {
        "llm"
    }

    fn collect(&self, _roots: &Roots, out: &mut Collection) -> Result<(), CollectError> {
        let servers = self.discovery.servers();
        if servers.is_empty() {
            return Err(CollectError::NoData("LLM server"));
        }
        let mut failure = Ok(());
        for server in &servers {
            let address = server.address.to_string();
            let pid = server.pid.map(|pid| pid.to_string()).unwrap_or_default();
            let mut labels: Vec<Label<'_>> = vec![
                ("engine", server.engine.name()),
                ("address", &address),
                ("pid", &pid),
                ("process", &server.owner.process),
                ("container_id", &server.owner.container_id),
                ("pod_uid", &server.owner.pod_uid),
                ("service", &server.owner.service),
                ("model", &server.model),
            ];
            labels.retain(|(_, value)| !value.is_empty());
            out.gauge("llm_server_info", "An LLM server that runs on this host.", &labels, 1.0);
            if server.engine == Engine::Ollama {
                let told = ollama::tell(server.address, PATIENCE, out);
                failure = failure.and(told);
            }
        }
        failure
    }
}

#[cfg(test)]
mod tests;
