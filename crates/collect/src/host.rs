//! This host: the collectors, and how they are run.

mod bonding;
mod conntrack;
mod cpu;
mod cpu_info;
mod cpufreq;
mod diskstats;
mod edac;
mod filefd;
mod filesystem;
mod hwmon;
mod infiniband;
mod kernel_hung;
mod loadavg;
mod mdadm;
mod meminfo;
mod mounts;
mod netclass;
mod netdev;
mod netstat;
mod nvme;
mod os;
mod pressure;
mod processes;
mod rapl;
mod schedstat;
mod sockstat;
mod softirqs;
mod softnet;
mod stat;
mod textfile;
mod thermal;
mod time;
mod udev;
mod uname;
mod vmstat;
mod vulnerabilities;

use crate::llm::LlmServers;
use crate::{CollectError, Collection, GpuOptions, LlmDiscovery, Roots};
use regex::Regex;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
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

/// What to collect. The defaults are node_exporter's, plus what is cheap and useful: CPU information, interrupts by
/// kind and CPU vulnerabilities.
#[derive(Clone, Debug)]
pub struct Options {
    /// Collectors that shall not run, by name.
    pub disabled: Vec<String>,
    /// Which CPU flags become `node_cpu_flag_info` (`--collector.cpu.info.flags-include`); none when not set. By
    /// default those that decide how fast numbers are crunched, and whether this is a virtual machine.
    pub cpu_flags_include: Option<Regex>,
    /// Which CPU bugs become `node_cpu_bug_info` (`--collector.cpu.info.bugs-include`); none when not set.
    pub cpu_bugs_include: Option<Regex>,
    /// Disks that are passed over (`--collector.diskstats.device-exclude`).
    pub disk_exclude: Option<Regex>,
    /// Mount points that are passed over (`--collector.filesystem.mount-points-exclude`).
    pub mount_points_exclude: Option<Regex>,
    /// Types of file systems that are passed over (`--collector.filesystem.fs-types-exclude`).
    pub fs_types_exclude: Option<Regex>,
    /// Network devices whose traffic is told (`--collector.netdev.device-include`); all when not set.
    pub netdev_include: Option<Regex>,
    /// Network devices whose traffic is passed over (`--collector.netdev.device-exclude`).
    pub netdev_exclude: Option<Regex>,
    /// Network devices whose properties are passed over (`--collector.netclass.ignored-devices`).
    pub netclass_ignored: Option<Regex>,
    /// Fields of /proc/vmstat that are told (`--collector.vmstat.fields`).
    pub vmstat_fields: Option<Regex>,
    /// Fields of the network protocols that are told, as `Protocol_Field` (`--collector.netstat.fields`).
    pub netstat_fields: Option<Regex>,
    /// Folders with metrics in files (`--collector.textfile.directory`).
    pub textfile_folders: Vec<PathBuf>,
    /// How GPUs are asked, and under which names they are told.
    pub gpu: GpuOptions,
}

impl Default for Options {
    fn default() -> Self {
        // The patterns are constants that a test compiles; a filter that did not compile would filter nothing.
        let pattern = |pattern: &str| Regex::new(pattern).ok();
        Self {
            disabled: Vec::new(),
            cpu_flags_include: pattern(r"^(aes|avx.*|amx_.*|asimd.*|sve.*|constant_tsc|hypervisor)$"),
            cpu_bugs_include: None,
            disk_exclude: pattern(r"^(z?ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\d+n\d+p)\d+$"),
            mount_points_exclude: pattern(
                r"^/(dev|proc|run/credentials/.+|sys|var/lib/docker/.+|var/lib/containers/storage/.+)($|/)",
            ),
            fs_types_exclude: pattern(concat!(
                r"^(autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|fusectl|hugetlbfs|iso9660|",
                r"mqueue|nsfs|overlay|proc|procfs|pstore|rpc_pipefs|securityfs|selinuxfs|squashfs|erofs|sysfs|",
                r"tracefs)$"
            )),
            netdev_include: None,
            netdev_exclude: None,
            netclass_ignored: None,
            vmstat_fields: pattern(r"^(oom_kill|pgpg|pswp|pg.*fault).*"),
            netstat_fields: pattern(concat!(
                r"^(.*_(InErrors|InErrs)|Ip_Forwarding|Ip(6|Ext)_(InOctets|OutOctets)|Icmp6?_(InMsgs|OutMsgs)|",
                r"TcpExt_(Listen.*|Syncookies.*|TCPSynRetrans|TCPTimeouts|TCPOFOQueue|TCPRcvQDrop)|",
                r"Tcp_(ActiveOpens|InSegs|OutSegs|OutRsts|PassiveOpens|RetransSegs|CurrEstab)|",
                r"Udp6?_(InDatagrams|OutDatagrams|NoPorts|RcvbufErrors|SndbufErrors))$"
            )),
            textfile_folders: Vec::new(),
            gpu: GpuOptions::default(),
        }
    }
}

impl Options {
    /// The flags that [`Options::set`] knows, which are node_exporter's, and three of our own for GPUs.
    pub const FLAGS: [&str; 14] = [
        "collector.cpu.info.flags-include",
        "collector.cpu.info.bugs-include",
        "collector.diskstats.device-exclude",
        "collector.filesystem.mount-points-exclude",
        "collector.filesystem.fs-types-exclude",
        "collector.gpu.kmsg",
        "collector.gpu.nvidia-library",
        "collector.gpu.nvidia-smi",
        "collector.netclass.ignored-devices",
        "collector.netdev.device-include",
        "collector.netdev.device-exclude",
        "collector.netstat.fields",
        "collector.textfile.directory",
        "collector.vmstat.fields",
    ];

    /// Sets an option by the name of node_exporter's flag.
    ///
    /// # Errors
    /// When there is no such flag, or a pattern is no regular expression; the text names both.
    pub fn set(&mut self, flag: &str, value: &str) -> Result<(), String> {
        let pattern = || {
            let compiled = Regex::new(value);
            compiled
                .map(Some)
                .map_err(|error| format!("--{flag}: {value:?} is no regular expression: {error}"))
        };
        match flag {
            "collector.cpu.info.flags-include" => self.cpu_flags_include = pattern()?,
            "collector.cpu.info.bugs-include" => self.cpu_bugs_include = pattern()?,
            "collector.diskstats.device-exclude" => self.disk_exclude = pattern()?,
            "collector.filesystem.mount-points-exclude" => self.mount_points_exclude = pattern()?,
            "collector.filesystem.fs-types-exclude" => self.fs_types_exclude = pattern()?,
            "collector.gpu.kmsg" => self.gpu.kmsg = PathBuf::from(value),
            "collector.gpu.nvidia-library" => self.gpu.nvidia_library = Some(PathBuf::from(value)),
            "collector.gpu.nvidia-smi" => self.gpu.nvidia_smi = PathBuf::from(value),
            "collector.netclass.ignored-devices" => self.netclass_ignored = pattern()?,
            "collector.netdev.device-include" => self.netdev_include = pattern()?,
            "collector.netdev.device-exclude" => self.netdev_exclude = pattern()?,
            "collector.netstat.fields" => self.netstat_fields = pattern()?,
            "collector.textfile.directory" => self.textfile_folders.push(PathBuf::from(value)),
            "collector.vmstat.fields" => self.vmstat_fields = pattern()?,
            _ => return Err(format!("there is no flag --{flag}; known are --{}", Self::FLAGS.join(", --"))),
        }
        Ok(())
    }
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
    /// All collectors that `options` does not switch off.
    pub fn new(roots: Roots, options: Options, clock: Arc<dyn Clock>) -> Self {
        let disabled = options.disabled.clone();
        let gpu = options.gpu.clone();
        let mut collectors = builtin(options, Arc::clone(&clock));
        let llm = Arc::new(LlmDiscovery::new(roots.clone(), Arc::clone(&clock)));
        collectors.extend(crate::gpu::collectors(gpu, clock));
        collectors.push(Box::new(LlmServers { discovery: Arc::clone(&llm) }));
        collectors.retain(|collector| !disabled.iter().any(|name| name == collector.name()));
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

fn builtin(options: Options, clock: Arc<dyn Clock>) -> Vec<Box<dyn Collector>> {
    let mut collectors: Vec<Box<dyn Collector>> = Vec::new();
    if !options.textfile_folders.is_empty() {
        collectors.push(Box::new(textfile::TextFile { folders: options.textfile_folders }));
    }
    let always: [Box<dyn Collector>; 33] = [
        Box::new(bonding::Bonding),
        Box::new(conntrack::Conntrack),
        Box::new(cpu::Cpu::default()),
        Box::new(cpu_info::CpuInfo { flags: options.cpu_flags_include, bugs: options.cpu_bugs_include }),
        Box::new(cpufreq::CpuFreq),
        Box::new(vulnerabilities::Vulnerabilities),
        Box::new(diskstats::DiskStats { exclude: options.disk_exclude }),
        Box::new(edac::Edac),
        Box::new(filefd::FileFd),
        Box::new(filesystem::FileSystem::new(options.mount_points_exclude, options.fs_types_exclude)),
        Box::new(loadavg::LoadAvg),
        Box::new(hwmon::HwMon),
        Box::new(infiniband::InfiniBand),
        Box::new(kernel_hung::KernelHung),
        Box::new(mdadm::MdAdm),
        Box::new(meminfo::MemInfo),
        Box::new(netstat::NetStat { fields: options.netstat_fields }),
        Box::new(nvme::Nvme),
        Box::new(os::OsRelease),
        Box::new(processes::Processes::default()),
        Box::new(rapl::Rapl),
        Box::new(schedstat::SchedStat),
        Box::new(sockstat::SockStat),
        Box::new(softnet::SoftNet),
        Box::new(thermal::Thermal),
        Box::new(netclass::NetClass { ignored: options.netclass_ignored }),
        Box::new(netdev::NetDev { include: options.netdev_include, exclude: options.netdev_exclude }),
        Box::new(pressure::Pressure),
        Box::new(softirqs::SoftIrqs),
        Box::new(stat::Stat),
        Box::new(time::Time { clock }),
        Box::new(uname::UnameInfo),
        Box::new(vmstat::VmStat { fields: options.vmstat_fields }),
    ];
    collectors.extend(always);
    collectors
}

/// Whether a name passes an optional filter: included where one is set, and not excluded.
fn passes(name: &str, include: Option<&Regex>, exclude: Option<&Regex>) -> bool {
    include.is_none_or(|include| include.is_match(name))
        && !exclude.is_some_and(|exclude| exclude.is_match(name))
}

#[cfg(test)]
mod tests;
