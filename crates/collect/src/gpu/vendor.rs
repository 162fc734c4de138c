//! The programs of AMD and Intel, for what their drivers do not show below /sys: all of a GPU where a container hides
//! that folder, and how busy Intel's GPUs are.
//!
//! They take seconds of a CPU, so they run beside the collection, every quarter of a minute, and only while they are
//! needed. What they last said is told until it is a minute old.

use super::device::{Device, Snapshot};
use super::families as f;
use super::program::{find, run};
use super::{Fault, amd_smi, smi, xpu_smi};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How long after one run ended the next begins.
const PAUSE: Duration = Duration::from_secs(15);

/// How old an answer may be that is told.
const STALE: Duration = Duration::from_secs(60);

/// How long one question may take.
const LIMIT: Duration = Duration::from_secs(10);

/// Whose program it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Maker {
    Amd,
    Intel,
}

impl Maker {
    fn word(self) -> &'static str {
        match self {
            Self::Amd => "amd",
            Self::Intel => "intel",
        }
    }
}

#[derive(Default)]
struct State {
    is_running: bool,
    /// When the last run ended, and what it brought.
    last: Option<(Instant, Result<Vec<Device>, Fault>)>,
}

/// A program that is run from time to time.
pub(super) struct VendorProgram {
    name: PathBuf,
    maker: Maker,
    /// How long the first look may wait for the first answer.
    patience: Duration,
    state: Arc<(Mutex<State>, Condvar)>,
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl VendorProgram {
    pub(super) fn new(name: PathBuf, maker: Maker, patience: Duration) -> Self {
        Self { name, maker, patience, state: Arc::default() }
    }

    /// Adds to the snapshot what it lacks, where the program is there.
    pub(super) fn complete(&self, snapshot: &mut Snapshot) {
        let mut own = snapshot.devices.iter().filter(|device| is_of(device, self.maker)).peekable();
        let is_needed = match self.maker {
            Maker::Amd => own.peek().is_none(),
            Maker::Intel => own.peek().is_none() || own.any(|device| !has(device, f::UTILIZATION.name)),
        };
        if !is_needed {
            return;
        }
        match self.look() {
            None => {}
            Some(Ok(devices)) => merge(snapshot, devices),
            Some(Err(fault)) => snapshot.fault = Some(fault),
        }
    }

    /// The last answer; `None` when there is no such program, or no answer yet.
    fn look(&self) -> Option<Result<Vec<Device>, Fault>> {
        let program = find(&self.name)?;
        let (state, changed) = &*self.state;
        let mut locked = lock(state);
        let is_due = locked.last.as_ref().is_none_or(|(at, _)| at.elapsed() >= PAUSE);
        if is_due && !locked.is_running {
            locked.is_running = self.start(program);
        }
        if locked.last.is_none() {
            let waited = changed
                .wait_timeout_while(locked, self.patience, |state| state.is_running && state.last.is_none());
            locked = waited.map_or_else(|error| error.into_inner().0, |(locked, _)| locked);
        }
        let (at, answer) = locked.last.as_ref()?;
        if at.elapsed() < STALE {
            return Some(answer.clone());
        }
        let message = format!("{} has not answered for {:.0?}", self.name.display(), at.elapsed());
        Some(Err(Fault { reason: "timeout", message }))
    }

    fn start(&self, program: PathBuf) -> bool {
        let (state, maker) = (Arc::clone(&self.state), self.maker);
        let started = thread::Builder::new().name("gpu-vendor".to_owned()).spawn(move || {
            let answer = match maker {
                Maker::Amd => ask_amd(&program),
                Maker::Intel => ask_intel(&program),
            };
            let (state, changed) = &*state;
            let mut state = lock(state);
            state.is_running = false;
            state.last = Some((Instant::now(), answer));
            changed.notify_all();
        });
        started.is_ok()
    }
}

fn ask_amd(program: &Path) -> Result<Vec<Device>, Fault> {
    let ask = |what: &str| run(program, &[what, "--json"], LIMIT);
    let answers = amd_smi::Answers {
        metric: ask("metric")?,
        list: ask("list").unwrap_or_default(),
        fixed: ask("static").unwrap_or_default(),
        process: ask("process").unwrap_or_default(),
    };
    or_garbage(program, amd_smi::devices(&answers), &answers.metric)
}

fn ask_intel(program: &Path) -> Result<Vec<Device>, Fault> {
    if let Ok(help) = run(program, &["--help-query-gpu"], LIMIT) {
        let fields = smi::known_fields(&help).join(",");
        if !fields.is_empty() {
            let text = run(program, &[&format!("--query-gpu={fields}"), "--format=csv"], LIMIT)?;
            let mut devices = smi::devices(&text);
            for device in &mut devices {
                device.info.push(("vendor", "intel".to_owned()));
                // These are names of NVIDIA's.
                device.raw.clear();
            }
            return or_garbage(program, devices, &text);
        }
    }
    let discovery = run(program, &["discovery", "-j"], LIMIT)?;
    let numbers = xpu_smi::numbers(&discovery);
    let details = numbers.iter().filter_map(|number| {
        let detail = run(program, &["discovery", "-d", number, "-j"], LIMIT).ok()?;
        Some((number.clone(), detail))
    });
    let details = details.collect();
    let all = numbers.join(",");
    let dump = ["dump", "-d", &all, "-m", xpu_smi::METRICS, "-i", "1", "-n", "1"];
    let dump = if numbers.is_empty() { String::new() } else { run(program, &dump, LIMIT)? };
    let answers = xpu_smi::Answers { discovery, details, dump };
    or_garbage(program, xpu_smi::devices(&answers), &answers.discovery)
}

fn or_garbage(program: &Path, devices: Vec<Device>, text: &str) -> Result<Vec<Device>, Fault> {
    if !devices.is_empty() {
        return Ok(devices);
    }
    let said: String = text.trim().chars().take(200).collect();
    let message = format!("{} tells of no GPU; it says {said:?}", program.display());
    Err(Fault { reason: "garbage", message })
}

fn is_of(device: &Device, maker: Maker) -> bool {
    device.info.iter().any(|(label, value)| *label == "vendor" && value == maker.word())
}

fn has(device: &Device, family: &str) -> bool {
    device.readings.iter().any(|reading| reading.family.name == family)
}

/// Puts what a program told to the GPUs that are known by their address already; others are added.
fn merge(snapshot: &mut Snapshot, devices: Vec<Device>) {
    for mut told in devices {
        let known = snapshot
            .devices
            .iter_mut()
            .find(|known| !known.pci_bus_id.is_empty() && known.pci_bus_id == told.pci_bus_id);
        let Some(known) = known else {
            told.index = snapshot.devices.len().to_string();
            snapshot.devices.push(told);
            continue;
        };
        told.readings.retain(|reading| {
            let is_same = |other: &super::device::Reading| {
                other.family.name == reading.family.name && other.labels == reading.labels
            };
            !known.readings.iter().any(is_same)
        });
        known.readings.append(&mut told.readings);
        known.processes.append(&mut told.processes);
        if known.name.is_empty() {
            known.name = told.name;
        }
        for (label, value) in told.info {
            if !known.info.iter().any(|(other, _)| *other == label) {
                known.info.push((label, value));
            }
        }
    }
}

#[cfg(test)]
mod tests;
