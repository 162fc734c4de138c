//! This host: the collectors, and how they are run.

mod arp;
mod bonding;
mod buddyinfo;
mod conntrack;
mod cpu;
mod cpu_info;
mod cpufreq;
mod diskstats;
mod dmi;
mod edac;
mod entropy;
mod fibre_channel;
mod filefd;
mod filesystem;
mod flags;
mod hwmon;
mod infiniband;
mod interrupts;
mod ipvs;
mod kernel_hung;
mod ksmd;
mod loadavg;
#[cfg(any(target_os = "macos", test))]
pub(crate) mod mac;
mod mdadm;
mod meminfo;
mod meminfo_numa;
mod mounts;
mod multipath;
mod netclass;
mod netdev;
mod netstat;
mod nfs;
mod nvme;
mod options;
mod os;
mod power_supply;
mod pressure;
mod processes;
mod rapl;
mod schedstat;
mod selinux;
mod sockstat;
mod softirqs;
mod softnet;
mod stat;
mod systemd;
mod tape;
mod textfile;
mod thermal;
mod time;
mod timex;
mod udev;
mod udp_queues;
mod uname;
mod vmstat;
mod vulnerabilities;
mod watchdog;
mod xfs;

pub use flags::{COLLECTORS, Flag, Known};
pub use options::{Options, SystemdOptions};

use crate::llm::LlmServers;
use crate::{CollectError, Collection, LlmDiscovery, Roots};
use regex::Regex;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use watchfire_model::time::Clock;
use watchfire_wire::exposition::write::Family;

/// Something that reads a part of the host's state.
pub trait Collector: Send + Sync {
    /// The name under which it is switched on and reports its success.
    fn name(&self) -> &'static str;

    /// Adds what it finds to `out`. What was added before an error stays.
    fn collect(&self, roots: &Roots, out: &mut Collection) -> Result<(), CollectError>;
}

/// The collectors of a host, ready to run again and again.
pub struct Host {
    roots: Roots,
    collectors: Vec<Box<dyn Collector>>,
    /// Why each collector that fails does: a failure is logged when it begins and when its reason changes.
    failing: Mutex<HashMap<&'static str, &'static str>>,
    llm: Option<Arc<LlmDiscovery>>,
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<&str> = self.collectors.iter().map(|collector| collector.name()).collect();
        f.debug_struct("Host").field("roots", &self.roots).field("collectors", &names).finish()
    }
}

impl Host {
    /// All collectors that `options` leaves.
    pub fn new(roots: Roots, options: Options, clock: Arc<dyn Clock>) -> Self {
        let gpu = options.gpu.clone();
        let mut collectors = builtin(&options, Arc::clone(&clock));
        let llm = Arc::new(LlmDiscovery::new(roots.clone(), Arc::clone(&clock)));
        collectors.extend(crate::gpu::collectors(gpu, clock));
        collectors.push(Box::new(LlmServers { discovery: Arc::clone(&llm) }));
        collectors.retain(|collector| options.runs(collector.name()));
        let has_llm = collectors.iter().any(|collector| collector.name() == "llm");
        Self { llm: has_llm.then_some(llm), ..Self::with_collectors(roots, collectors) }
    }

    /// What finds the LLM servers of this host; `None` when that is switched off.
    pub fn llm(&self) -> Option<&Arc<LlmDiscovery>> {
        self.llm.as_ref()
    }

    /// Just these collectors.
    pub fn with_collectors(roots: Roots, collectors: Vec<Box<dyn Collector>>) -> Self {
        Self { roots, collectors, failing: Mutex::default(), llm: None }
    }

    /// The names of the collectors that run.
    pub fn collector_names(&self) -> impl Iterator<Item = &'static str> {
        self.collectors.iter().map(|collector| collector.name())
    }

    /// Runs the collectors one after another. Blocks for some milliseconds of system calls, and once for five seconds
    /// for each mounted file system that has stopped to answer.
    pub fn collect(&self) -> Vec<Family> {
        let mut out = Collection::default();
        tell_build(&mut out);
        for collector in &self.collectors {
            let name = collector.name();
            // How long something takes is measured, not told: the wall clock may be set in between.
            let started = Instant::now();
            let result = catch_unwind(AssertUnwindSafe(|| collector.collect(&self.roots, &mut out)));
            let seconds = started.elapsed().as_secs_f64();
            let reason = match result {
                Ok(Ok(())) => "",
                Ok(Err(error)) => {
                    self.log_failure(name, &error);
                    error.reason()
                }
                Err(_) => {
                    tracing::error!(collector = name, "collector panicked");
                    "panicked"
                }
            };
            if reason.is_empty() && self.failing().remove(name).is_some() {
                tracing::info!(collector = name, "collector works again");
            }
            tell_outcome(name, reason, seconds, &mut out);
        }
        out.into_families()
    }

    fn failing(&self) -> std::sync::MutexGuard<'_, HashMap<&'static str, &'static str>> {
        self.failing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn log_failure(&self, collector: &'static str, error: &CollectError) {
        let reason = error.reason();
        let is_news = self.failing().insert(collector, reason) != Some(reason);
        if is_news && !matches!(error, CollectError::NoData(_)) {
            tracing::warn!(collector, reason, %error, "collector failed");
        } else {
            tracing::debug!(collector, reason, %error, "collector failed");
        }
    }
}

/// Says what tells of this host. Dashboards list hosts by this series, whoever it names.
fn tell_build(out: &mut Collection) {
    let labels = [
        ("version", env!("CARGO_PKG_VERSION")),
        ("goos", std::env::consts::OS),
        ("goarch", std::env::consts::ARCH),
        ("tags", "watchfire"),
    ];
    let help = "What tells of this host: Watchfire, under node_exporter's names.";
    out.gauge("node_exporter_build_info", help, &labels, 1.0);
}

/// Tells how a collector fared, in node_exporter's words and with the reason. That this machine has no such thing is no
/// failure to watch for.
fn tell_outcome(name: &'static str, reason: &'static str, seconds: f64, out: &mut Collection) {
    let success = f64::from(u8::from(reason.is_empty()));
    let labels = [("collector", name)];
    out.gauge("node_scrape_collector_duration_seconds", "How long a collector took.", &labels, seconds);
    out.gauge("node_scrape_collector_success", "Whether a collector succeeded.", &labels, success);
    if reason == "no_data" {
        return;
    }
    let help =
        "Whether a collector succeeded (1), and why not; there is none for what this machine does not have.";
    let [name] = labels;
    let with_reason = [name, ("reason", reason)];
    let labels = if reason.is_empty() { with_reason.get(..1).unwrap_or_default() } else { &with_reason };
    out.gauge("watchfire_collector_success", help, labels, success);
}

#[cfg(target_os = "macos")]
use mac::builtin;

#[cfg(not(target_os = "macos"))]
fn builtin(options: &Options, clock: Arc<dyn Clock>) -> Vec<Box<dyn Collector>> {
    let all: [Box<dyn Collector>; 54] = [
        Box::new(textfile::TextFile { folders: options.textfile_folders.clone() }),
        Box::new(arp::Arp { include: options.arp_include.clone(), exclude: options.arp_exclude.clone() }),
        Box::new(bonding::Bonding),
        Box::new(buddyinfo::BuddyInfo),
        Box::new(conntrack::Conntrack),
        Box::new(cpu::Cpu::new(options.cpu_guest)),
        Box::new(cpu_info::CpuInfo {
            flags: options.cpu_flags_include.clone(),
            bugs: options.cpu_bugs_include.clone(),
        }),
        Box::new(cpufreq::CpuFreq),
        Box::new(vulnerabilities::Vulnerabilities),
        Box::new(diskstats::DiskStats {
            include: options.disk_include.clone(),
            exclude: options.disk_exclude.clone(),
        }),
        Box::new(dmi::Dmi),
        Box::new(edac::Edac),
        Box::new(entropy::Entropy),
        Box::new(fibre_channel::FibreChannel),
        Box::new(filefd::FileFd),
        Box::new(filesystem::FileSystem::new(options)),
        Box::new(loadavg::LoadAvg),
        Box::new(hwmon::HwMon {
            chips: (options.hwmon_chip_include.clone(), options.hwmon_chip_exclude.clone()),
            sensors: (options.hwmon_sensor_include.clone(), options.hwmon_sensor_exclude.clone()),
        }),
        Box::new(infiniband::InfiniBand {
            include: options.infiniband_include.clone(),
            exclude: options.infiniband_exclude.clone(),
        }),
        Box::new(interrupts::Interrupts),
        Box::new(ipvs::Ipvs { labels: options.ipvs_labels.clone() }),
        Box::new(kernel_hung::KernelHung),
        Box::new(ksmd::Ksmd),
        Box::new(mdadm::MdAdm),
        Box::new(meminfo::MemInfo),
        Box::new(meminfo_numa::MemInfoNuma),
        Box::new(multipath::Multipath),
        Box::new(netstat::NetStat { fields: options.netstat_fields.clone() }),
        Box::new(nfs::NfsClient),
        Box::new(nfs::NfsServer),
        Box::new(nvme::Nvme),
        Box::new(os::OsRelease),
        Box::new(power_supply::PowerSupply { ignored: options.power_supply_ignored.clone() }),
        Box::new(processes::Processes::default()),
        Box::new(rapl::Rapl),
        Box::new(schedstat::SchedStat),
        Box::new(selinux::SeLinux),
        Box::new(sockstat::SockStat),
        Box::new(softnet::SoftNet),
        Box::new(systemd::Systemd::new(options.systemd.clone())),
        Box::new(tape::Tape { ignored: options.tape_ignored.clone() }),
        Box::new(thermal::Thermal),
        Box::new(netclass::NetClass { ignored: options.netclass_ignored.clone() }),
        Box::new(netdev::NetDev {
            include: options.netdev_include.clone(),
            exclude: options.netdev_exclude.clone(),
        }),
        Box::new(pressure::Pressure),
        Box::new(softirqs::SoftIrqs),
        Box::new(stat::Stat { has_softirqs: options.stat_softirq }),
        Box::new(time::Time { clock }),
        Box::new(timex::Timex),
        Box::new(udp_queues::UdpQueues),
        Box::new(uname::UnameInfo),
        Box::new(vmstat::VmStat { fields: options.vmstat_fields.clone() }),
        Box::new(watchdog::Watchdog),
        Box::new(xfs::Xfs),
    ];
    all.into()
}

/// Whether a name passes an optional filter: included where one is set, and not excluded.
fn passes(name: &str, include: Option<&Regex>, exclude: Option<&Regex>) -> bool {
    include.is_none_or(|include| include.is_match(name))
        && !exclude.is_some_and(|exclude| exclude.is_match(name))
}

#[cfg(test)]
mod tests;
