//! GPUs, whoever made them: what each reader says becomes the same families.
//!
//! NVIDIA's are asked through the driver's library, or through `nvidia-smi` where that cannot be loaded; those of AMD
//! and Intel are read from sysfs, and through `amd-smi` and `xpu-smi` where that does not suffice. The kernel's log adds the errors that a driver reported before it died. Each reader
//! that talks to a driver has a thread of its own, so that a driver that hangs delays a scrape once and then never again.

mod aliases;
mod amd_smi;
#[cfg(any(target_os = "macos", test))]
mod apple;
mod device;
mod drm;
mod families;
mod kmsg;
mod nvml;
mod program;
mod smi;
mod tell;
mod vendor;
mod watched;
mod xids;
mod xpu_smi;

pub use aliases::GpuAliases;
#[cfg(target_os = "macos")]
pub(crate) use program::run as run_program;

use crate::host::Collector;
use crate::{CollectError, Collection, Roots};
use device::Snapshot;
use kmsg::{Event, Kmsg};
use program::SmiProgram;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use tell::Owners;
use vendor::{Maker, VendorProgram};
use watched::{NoAnswer, Watched};
use watchfire_model::time::Clock;
use xids::{Origin, Tally};

/// What is asked of GPUs, and how.
#[derive(Clone, Debug)]
pub struct GpuOptions {
    /// NVIDIA's library (`libnvidia-ml.so.1` where the loader finds it, when not set).
    pub nvidia_library: Option<PathBuf>,
    /// The program that is asked where the library cannot be loaded; looked for in PATH when it is a bare name.
    pub nvidia_smi: PathBuf,
    /// AMD's program, asked where its driver shows nothing below /sys.
    pub amd_smi: PathBuf,
    /// Intel's program, asked for what its driver does not show below /sys.
    pub xpu_smi: PathBuf,
    /// The kernel's log.
    pub kmsg: PathBuf,
    /// How long a driver may take for an answer.
    pub deadline: Duration,
    /// How long a driver that is not there is left alone before it is looked for again.
    pub retry: Duration,
    /// The most processes of a GPU that are told one by one; those with the most memory are.
    pub processes_per_gpu: usize,
    /// The names told beside the canonical ones.
    pub aliases: GpuAliases,
}

impl Default for GpuOptions {
    fn default() -> Self {
        Self {
            nvidia_library: None,
            nvidia_smi: PathBuf::from("nvidia-smi"),
            amd_smi: PathBuf::from("amd-smi"),
            xpu_smi: PathBuf::from("xpu-smi"),
            kmsg: PathBuf::from("/dev/kmsg"),
            deadline: Duration::from_secs(2),
            retry: Duration::from_secs(60),
            processes_per_gpu: 128,
            aliases: GpuAliases::default(),
        }
    }
}

/// What went wrong: a word for a label, and a sentence for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) reason: &'static str,
    pub(crate) message: String,
}

/// A reader's answer.
enum Answer {
    Found(Snapshot),
    /// There is no such driver on this machine.
    Absent(String),
    Failed(Fault),
}

/// What the readers know together: which GPU has which address, and the errors that were reported.
#[derive(Debug, Default)]
struct Shared {
    /// Index and UUID by PCI address.
    names: BTreeMap<String, (String, String)>,
    xids: Tally,
    /// Other events of the kernel: how often, and when last.
    events: BTreeMap<&'static str, (u64, i64)>,
}

/// The collectors of GPUs and of the kernel's log.
pub(crate) fn collectors(options: GpuOptions, clock: Arc<dyn Clock>) -> Vec<Box<dyn Collector>> {
    let shared = Arc::new(Mutex::new(Shared::default()));
    let kernel_log = KernelLog {
        log: Mutex::new(Kmsg::new(options.kmsg.clone())),
        clock: Arc::clone(&clock),
        shared: Arc::clone(&shared),
    };
    let vendors = [
        VendorProgram::new(options.amd_smi.clone(), Maker::Amd, options.deadline),
        VendorProgram::new(options.xpu_smi.clone(), Maker::Intel, options.deadline),
    ];
    let drm = Drm { owners: Mutex::default(), options: options.clone(), vendors };
    let nvidia = Nvidia {
        options,
        clock,
        shared,
        reader: OnceLock::new(),
        owners: Mutex::default(),
        told: OnceLock::new(),
        absent: Mutex::default(),
    };
    vec![
        Box::new(nvidia),
        Box::new(drm),
        Box::new(kernel_log),
        #[cfg(target_os = "macos")]
        Box::new(apple::Apple),
    ]
}

/// NVIDIA's GPUs.
struct Nvidia {
    options: GpuOptions,
    clock: Arc<dyn Clock>,
    shared: Arc<Mutex<Shared>>,
    reader: OnceLock<Watched<Answer>>,
    owners: Mutex<Owners>,
    /// Set once it was said that there is no driver.
    told: OnceLock<()>,
    /// When the reader last said so: until it would look again it is not asked, which on a busy machine takes longer
    /// than all the rest.
    absent: Mutex<Option<Instant>>,
}

/// Answers for NVIDIA's driver until nobody asks any more.
fn serve_nvidia(options: &GpuOptions, questions: &mut dyn Iterator<Item = ()>, answer: &dyn Fn(Answer)) {
    let mut program = SmiProgram::new(options.nvidia_smi.clone(), options.deadline);
    let mut absent: Option<(Instant, String)> = None;
    while questions.next().is_some() {
        if let Some((since, message)) = &absent
            && since.elapsed() < options.retry
        {
            answer(Answer::Absent(message.clone()));
            continue;
        }
        absent = None;
        match nvml::open(options.nvidia_library.as_deref()) {
            Ok(library) => {
                // One session as long as the driver answers; a failed look ends it, and the next question starts anew.
                let mut session = nvml::Session::new(&library);
                loop {
                    match session.look() {
                        Ok(snapshot) => answer(Answer::Found(snapshot)),
                        Err(fault) => {
                            answer(Answer::Failed(fault));
                            break;
                        }
                    }
                    if questions.next().is_none() {
                        return;
                    }
                }
            }
            Err(nvml::Refusal::Failed(fault)) => answer(Answer::Failed(fault)),
            Err(nvml::Refusal::Absent(message)) => match program.look() {
                Some(Ok(snapshot)) => answer(Answer::Found(snapshot)),
                Some(Err(fault)) => answer(Answer::Failed(fault)),
                None => {
                    absent = Some((Instant::now(), message.clone()));
                    answer(Answer::Absent(message));
                }
            },
        }
    }
}

impl Collector for Nvidia {
    fn name(&self) -> &'static str {
        "gpu_nvidia"
    }

    fn collect(&self, roots: &Roots, out: &mut Collection) -> Result<(), CollectError> {
        let mut absent = self.absent.lock().unwrap_or_else(PoisonError::into_inner);
        if absent.is_some_and(|since| since.elapsed() < self.options.retry) {
            return Err(CollectError::NoData("NVIDIA driver"));
        }
        let reader = self.reader.get_or_init(|| {
            let options = self.options.clone();
            Watched::start("gpu-nvidia", options.deadline, move |questions, answer| {
                serve_nvidia(&options, questions, answer);
            })
        });
        let mut snapshot = match reader.ask() {
            Ok(Answer::Found(snapshot)) => snapshot,
            Ok(Answer::Absent(message)) => {
                *absent = Some(Instant::now());
                self.told.get_or_init(|| {
                    tracing::info!(reason = message, "no NVIDIA driver; its GPUs are not collected")
                });
                return Err(CollectError::NoData("NVIDIA driver"));
            }
            Ok(Answer::Failed(fault)) => return Err(fault.into()),
            Err(NoAnswer::Hung(since)) => {
                let message = format!(
                    "the NVIDIA driver has not answered for {since:.1?}; it is not asked again before it does. \
                     dmesg may say why, and a reboot may be the only cure"
                );
                return Err(Fault { reason: "timeout", message }.into());
            }
            Err(NoAnswer::Gone) => {
                let message =
                    "the reader of NVIDIA's GPUs has ended; reload the configuration to start it anew".into();
                return Err(Fault { reason: "reader_ended", message }.into());
            }
        };
        {
            let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
            for device in &snapshot.devices {
                let name = (device.index.clone(), device.uuid.clone());
                shared.names.insert(device.pci_bus_id.clone(), name);
            }
            let now_ms = self.clock.now_ms();
            for (pci, xid) in snapshot.xids.drain(..) {
                shared.xids.report(&pci, xid, now_ms, Origin::Driver);
            }
        }
        for device in &mut snapshot.devices {
            device.info.push(("vendor", "nvidia".to_owned()));
        }
        let mut owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
        tell::devices(roots, &snapshot, self.options.processes_per_gpu, &mut owners, out);
        let host =
            roots.proc("sys/kernel/hostname").map(|source| source.text.trim().to_owned()).unwrap_or_default();
        aliases::tell(self.options.aliases, &snapshot.devices, &host, out);
        snapshot.fault.map_or(Ok(()), |fault| Err(fault.into()))
    }
}

/// GPUs of AMD and Intel.
struct Drm {
    options: GpuOptions,
    vendors: [VendorProgram; 2],
    owners: Mutex<Owners>,
}

impl Collector for Drm {
    fn name(&self) -> &'static str {
        "gpu_drm"
    }

    fn collect(&self, roots: &Roots, out: &mut Collection) -> Result<(), CollectError> {
        let mut snapshot = drm::look(roots);
        for vendor in &self.vendors {
            vendor.complete(&mut snapshot);
        }
        if snapshot.devices.is_empty() {
            if let Some(fault) = snapshot.fault {
                return Err(fault.into());
            }
            return Err(CollectError::NoData("GPU of AMD or Intel"));
        }
        let mut owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
        tell::devices(roots, &snapshot, self.options.processes_per_gpu, &mut owners, out);
        snapshot.fault.map_or(Ok(()), |fault| Err(fault.into()))
    }
}

/// The kernel's log, and the errors of GPUs from wherever they were reported.
struct KernelLog {
    log: Mutex<Kmsg>,
    clock: Arc<dyn Clock>,
    shared: Arc<Mutex<Shared>>,
}

impl Collector for KernelLog {
    fn name(&self) -> &'static str {
        "kernel_log"
    }

    fn collect(&self, roots: &Roots, out: &mut Collection) -> Result<(), CollectError> {
        let read = self.log.lock().unwrap_or_else(PoisonError::into_inner).look();
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let read = read.map(|events| {
            let started_ms = started_ms(roots, self.clock.now_ms());
            for (micros, event) in events {
                let at_ms = started_ms.saturating_add(micros / 1000);
                match event {
                    Event::Xid(pci, xid) => shared.xids.report(&pci, xid, at_ms, Origin::Log),
                    Event::Other(name) => {
                        let (times, last_ms) = shared.events.entry(name).or_insert((0, at_ms));
                        *times += 1;
                        *last_ms = at_ms.max(*last_ms);
                    }
                }
            }
        });
        tell::errors(&shared, out);
        match read {
            Err(error) if error.is_absent() => Err(CollectError::NoData("kernel log")),
            read => read,
        }
    }
}

/// When the machine started, in milliseconds since 1970.
fn started_ms(roots: &Roots, now_ms: i64) -> i64 {
    let uptime = roots.proc("uptime").ok();
    let seconds: f64 = uptime
        .and_then(|source| source.text.split_ascii_whitespace().next()?.parse().ok())
        .filter(|seconds: &f64| seconds.is_finite())
        .unwrap_or(0.0);
    now_ms.saturating_sub((seconds * 1000.0) as i64)
}

#[cfg(test)]
mod tests;
