//! What to collect, and the flags that say so: node_exporter's names, with its defaults.

use super::flags::{self, Flag};
use crate::GpuOptions;
use regex::Regex;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// What to collect. The defaults are node_exporter's, plus what is cheap and useful: CPU information, interrupts by
/// kind, CPU vulnerabilities, processes and systemd's units.
#[derive(Clone, Debug)]
pub struct Options {
    /// Collectors that are switched on or off by name, whatever their default.
    pub(super) switched: BTreeMap<&'static str, bool>,
    /// Whether only collectors run that are switched on (`--collector.disable-defaults`).
    pub disable_defaults: bool,
    /// Network devices whose neighbours are told (`--collector.arp.device-include`); all when not set.
    pub arp_include: Option<Regex>,
    /// Network devices whose neighbours are passed over (`--collector.arp.device-exclude`).
    pub arp_exclude: Option<Regex>,
    /// Whether time spent in guests is told (`--collector.cpu.guest`).
    pub cpu_guest: bool,
    /// Which CPU flags become `node_cpu_flag_info` (`--collector.cpu.info.flags-include`); none when not set. By
    /// default those that decide how fast numbers are crunched, and whether this is a virtual machine.
    pub cpu_flags_include: Option<Regex>,
    /// Which CPU bugs become `node_cpu_bug_info` (`--collector.cpu.info.bugs-include`); none when not set.
    pub cpu_bugs_include: Option<Regex>,
    /// Disks that are told (`--collector.diskstats.device-include`); all when not set.
    pub disk_include: Option<Regex>,
    /// Disks that are passed over (`--collector.diskstats.device-exclude`).
    pub disk_exclude: Option<Regex>,
    /// Mount points that are told (`--collector.filesystem.mount-points-include`); all when not set.
    pub mount_points_include: Option<Regex>,
    /// Mount points that are passed over (`--collector.filesystem.mount-points-exclude`).
    pub mount_points_exclude: Option<Regex>,
    /// Types of file systems that are told (`--collector.filesystem.fs-types-include`); all when not set.
    pub fs_types_include: Option<Regex>,
    /// Types of file systems that are passed over (`--collector.filesystem.fs-types-exclude`).
    pub fs_types_exclude: Option<Regex>,
    /// How long a file system may take to answer (`--collector.filesystem.mount-timeout`).
    pub mount_timeout: Duration,
    /// Chips whose sensors are told (`--collector.hwmon.chip-include`); all when not set.
    pub hwmon_chip_include: Option<Regex>,
    /// Chips whose sensors are passed over (`--collector.hwmon.chip-exclude`).
    pub hwmon_chip_exclude: Option<Regex>,
    /// Sensors that are told, as `chip;sensor` (`--collector.hwmon.sensor-include`); all when not set.
    pub hwmon_sensor_include: Option<Regex>,
    /// Sensors that are passed over, as `chip;sensor` (`--collector.hwmon.sensor-exclude`).
    pub hwmon_sensor_exclude: Option<Regex>,
    /// InfiniBand adapters that are told (`--collector.infiniband.device-include`); all when not set.
    pub infiniband_include: Option<Regex>,
    /// InfiniBand adapters that are passed over (`--collector.infiniband.device-exclude`).
    pub infiniband_exclude: Option<Regex>,
    /// The labels of the load balancer's backends (`--collector.ipvs.backend-labels`).
    pub ipvs_labels: Vec<String>,
    /// Network devices whose traffic is told (`--collector.netdev.device-include`); all when not set.
    pub netdev_include: Option<Regex>,
    /// Network devices whose traffic is passed over (`--collector.netdev.device-exclude`).
    pub netdev_exclude: Option<Regex>,
    /// Network devices whose properties are passed over (`--collector.netclass.ignored-devices`).
    pub netclass_ignored: Option<Regex>,
    /// Fields of the network protocols that are told, as `Protocol_Field` (`--collector.netstat.fields`).
    pub netstat_fields: Option<Regex>,
    /// Power supplies that are passed over (`--collector.powersupply.ignored-supplies`).
    pub power_supply_ignored: Option<Regex>,
    /// Whether interrupts by kind are told of /proc/stat (`--collector.stat.softirq`).
    pub stat_softirq: bool,
    /// systemd's units, and what is told of them.
    pub systemd: SystemdOptions,
    /// Tape drives that are passed over (`--collector.tapestats.ignored-devices`).
    pub tape_ignored: Option<Regex>,
    /// Folders with metrics in files (`--collector.textfile.directory`).
    pub textfile_folders: Vec<PathBuf>,
    /// Fields of /proc/vmstat that are told (`--collector.vmstat.fields`).
    pub vmstat_fields: Option<Regex>,
    /// How GPUs are asked, and under which names they are told.
    pub gpu: GpuOptions,
}

/// Which of systemd's units are told, and what of them.
#[derive(Clone, Debug)]
pub struct SystemdOptions {
    /// Units that are told (`--collector.systemd.unit-include`).
    pub include: Option<Regex>,
    /// Units that are passed over (`--collector.systemd.unit-exclude`).
    pub exclude: Option<Regex>,
    /// Whether threads and their limit are told (`--collector.systemd.enable-task-metrics`).
    pub tasks: bool,
    /// Whether restarts are told (`--collector.systemd.enable-restarts-metrics`).
    pub restarts: bool,
    /// Whether the time of their start is told (`--collector.systemd.enable-start-time-metrics`).
    pub start_times: bool,
    /// The socket of the system's bus (`DBUS_SYSTEM_BUS_ADDRESS` without its scheme).
    pub bus: PathBuf,
}

impl Default for SystemdOptions {
    fn default() -> Self {
        let address = std::env::var("DBUS_SYSTEM_BUS_ADDRESS").unwrap_or_default();
        let path =
            address.strip_prefix("unix:path=").map(|rest| rest.split([',', ';']).next().unwrap_or(rest));
        Self {
            include: whole(".+").ok(),
            exclude: whole(r".+\.(automount|device|mount|scope|slice)").ok(),
            tasks: false,
            restarts: false,
            start_times: false,
            bus: PathBuf::from(path.unwrap_or("/run/dbus/system_bus_socket")),
        }
    }
}

/// A pattern for the whole of a name.
fn whole(pattern: &str) -> Result<Regex, regex::Error> {
    Regex::new(&format!("^(?:{pattern})$"))
}

impl Default for Options {
    fn default() -> Self {
        // The patterns are constants that a test compiles; a filter that did not compile would filter nothing.
        let pattern = |pattern: &str| Regex::new(pattern).ok();
        Self {
            switched: BTreeMap::new(),
            disable_defaults: false,
            arp_include: None,
            arp_exclude: None,
            cpu_guest: true,
            cpu_flags_include: pattern(r"^(aes|avx.*|amx_.*|asimd.*|sve.*|constant_tsc|hypervisor)$"),
            cpu_bugs_include: None,
            disk_include: None,
            disk_exclude: pattern(r"^(z?ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\d+n\d+p)\d+$"),
            mount_points_include: None,
            mount_points_exclude: pattern(
                r"^/(dev|proc|run/credentials/.+|sys|var/lib/docker/.+|var/lib/containers/storage/.+)($|/)",
            ),
            fs_types_include: None,
            fs_types_exclude: pattern(concat!(
                r"^(autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|fusectl|hugetlbfs|iso9660|",
                r"mqueue|nsfs|overlay|proc|procfs|pstore|rpc_pipefs|securityfs|selinuxfs|squashfs|erofs|sysfs|",
                r"tracefs)$"
            )),
            mount_timeout: Duration::from_secs(5),
            hwmon_chip_include: None,
            hwmon_chip_exclude: None,
            hwmon_sensor_include: None,
            hwmon_sensor_exclude: None,
            infiniband_include: None,
            infiniband_exclude: None,
            ipvs_labels: super::ipvs::LABELS.map(str::to_owned).to_vec(),
            netdev_include: None,
            netdev_exclude: None,
            netclass_ignored: None,
            netstat_fields: pattern(concat!(
                r"^(.*_(InErrors|InErrs)|Ip_Forwarding|Ip(6|Ext)_(InOctets|OutOctets)|Icmp6?_(InMsgs|OutMsgs)|",
                r"TcpExt_(Listen.*|Syncookies.*|TCPSynRetrans|TCPTimeouts|TCPOFOQueue|TCPRcvQDrop)|",
                r"Tcp_(ActiveOpens|InSegs|OutSegs|OutRsts|PassiveOpens|RetransSegs|CurrEstab)|",
                r"Udp6?_(InDatagrams|OutDatagrams|NoPorts|RcvbufErrors|SndbufErrors))$"
            )),
            power_supply_ignored: None,
            stat_softirq: true,
            systemd: SystemdOptions::default(),
            tape_ignored: None,
            textfile_folders: Vec::new(),
            vmstat_fields: pattern(r"^(oom_kill|pgpg|pswp|pg.*fault).*"),
            gpu: GpuOptions::default(),
        }
    }
}

impl Options {
    /// Switches a collector on or off.
    ///
    /// # Errors
    /// When there is no such collector; the text names those that there are.
    pub fn switch(&mut self, collector: &str, on: bool) -> Result<(), String> {
        let known = flags::COLLECTORS.iter().find(|known| known.name == collector);
        let known = known.ok_or_else(|| {
            let names: Vec<&str> = flags::COLLECTORS.iter().map(|known| known.name).collect();
            format!("there is no collector {collector:?}; there are {}", names.join(", "))
        })?;
        self.switched.insert(known.name, on);
        Ok(())
    }

    /// Whether a collector runs.
    pub fn runs(&self, collector: &str) -> bool {
        let by_default = flags::COLLECTORS.iter().any(|known| known.name == collector && known.is_default);
        self.switched.get(collector).copied().unwrap_or(by_default && !self.disable_defaults)
    }

    /// Sets what flags say: the name of each without its dashes, and its value, which is empty for a switch.
    ///
    /// # Errors
    /// When there is no such flag, a value makes no sense, or two flags exclude each other; the text names the flag.
    pub fn apply<'a>(&mut self, given: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<(), String> {
        let mut names: Vec<&str> = Vec::new();
        for (flag, value) in given {
            self.set(flag, value)?;
            names.push(flag);
        }
        for (include, exclude) in flags::EITHER {
            let is_given = |flag: &str| names.contains(&flag);
            if is_given(include) && is_given(exclude) {
                return Err(format!("--{include} and --{exclude} exclude each other: give one of them"));
            }
            if is_given(include) {
                // What one asks for by name is not left out by a default.
                self.set(exclude, "^$")?;
            }
        }
        Ok(())
    }

    fn set(&mut self, flag: &str, value: &str) -> Result<(), String> {
        let wrong = |error: regex::Error| format!("--{flag}: {value:?} is no regular expression: {error}");
        let pattern = || Regex::new(value).map(Some).map_err(wrong);
        let whole = || whole(value).map(Some).map_err(wrong);
        let collector = flag.strip_prefix("collector.").or_else(|| flag.strip_prefix("no-collector."));
        let on = flag.starts_with("collector.");
        match flag.strip_prefix("no-").unwrap_or(flag) {
            "collector.arp.device-include" => self.arp_include = pattern()?,
            "collector.arp.device-exclude" => self.arp_exclude = pattern()?,
            "collector.cpu.guest" => self.cpu_guest = on,
            "collector.cpu.info" => self.switch("cpu_info", on)?,
            "collector.cpu.info.flags-include" => {
                self.switch("cpu_info", true)?;
                self.cpu_flags_include = pattern()?;
            }
            "collector.cpu.info.bugs-include" => {
                self.switch("cpu_info", true)?;
                self.cpu_bugs_include = pattern()?;
            }
            "collector.disable-defaults" => self.disable_defaults = on,
            "collector.diskstats.device-include" => self.disk_include = pattern()?,
            "collector.diskstats.device-exclude" => self.disk_exclude = pattern()?,
            "collector.filesystem.mount-points-include" => self.mount_points_include = pattern()?,
            "collector.filesystem.mount-points-exclude" => self.mount_points_exclude = pattern()?,
            "collector.filesystem.fs-types-include" => self.fs_types_include = pattern()?,
            "collector.filesystem.fs-types-exclude" => self.fs_types_exclude = pattern()?,
            "collector.filesystem.mount-timeout" => {
                self.mount_timeout = watchfire_model::duration::parse(value)
                    .map_err(|error| format!("--{flag}: {value:?}: {error}; write it like 5s"))?;
            }
            "collector.gpu.aliases" => self.gpu.aliases = crate::GpuAliases::parse(value)?,
            "collector.gpu.amd-smi" => self.gpu.amd_smi = PathBuf::from(value),
            "collector.gpu.xpu-smi" => self.gpu.xpu_smi = PathBuf::from(value),
            "collector.gpu.kmsg" => self.gpu.kmsg = PathBuf::from(value),
            "collector.gpu.nvidia-library" => self.gpu.nvidia_library = Some(PathBuf::from(value)),
            "collector.gpu.nvidia-smi" => self.gpu.nvidia_smi = PathBuf::from(value),
            "collector.hwmon.chip-include" => self.hwmon_chip_include = pattern()?,
            "collector.hwmon.chip-exclude" => self.hwmon_chip_exclude = pattern()?,
            "collector.hwmon.sensor-include" => self.hwmon_sensor_include = pattern()?,
            "collector.hwmon.sensor-exclude" => self.hwmon_sensor_exclude = pattern()?,
            "collector.infiniband.device-include" => self.infiniband_include = pattern()?,
            "collector.infiniband.device-exclude" => self.infiniband_exclude = pattern()?,
            "collector.ipvs.backend-labels" => self.ipvs_labels = backend_labels(flag, value)?,
            "collector.netclass.ignored-devices" => self.netclass_ignored = pattern()?,
            "collector.netdev.device-include" => self.netdev_include = pattern()?,
            "collector.netdev.device-exclude" => self.netdev_exclude = pattern()?,
            "collector.netstat.fields" => self.netstat_fields = pattern()?,
            "collector.powersupply.ignored-supplies" => self.power_supply_ignored = pattern()?,
            "collector.stat.softirq" => self.stat_softirq = on,
            "collector.systemd.enable-restarts-metrics" => self.systemd.restarts = on,
            "collector.systemd.enable-start-time-metrics" => self.systemd.start_times = on,
            "collector.systemd.enable-task-metrics" => self.systemd.tasks = on,
            "collector.systemd.unit-include" => self.systemd.include = whole()?,
            "collector.systemd.unit-exclude" => self.systemd.exclude = whole()?,
            "collector.tapestats.ignored-devices" => self.tape_ignored = pattern()?,
            "collector.textfile.directory" => self.textfile_folders.push(PathBuf::from(value)),
            "collector.vmstat.fields" => self.vmstat_fields = pattern()?,
            // Asked for by scripts that know them; the answer is what it is without them.
            "collector.netclass.ignore-invalid-speed"
            | "collector.arp.netlink"
            | "collector.netclass.netlink"
            | "collector.netdev.netlink" => {}
            _ => self.switch(collector.unwrap_or(flag), on)?,
        }
        Ok(())
    }

    /// The flags that there are besides those that switch collectors.
    pub fn flags() -> &'static [Flag] {
        &flags::FLAGS
    }
}

fn backend_labels(flag: &str, value: &str) -> Result<Vec<String>, String> {
    let known = super::ipvs::LABELS;
    let labels = value.split(',').map(str::trim).filter(|label| !label.is_empty());
    let labels = labels.map(|label| {
        let is_known = known.contains(&label);
        is_known
            .then(|| label.to_owned())
            .ok_or_else(|| format!("--{flag}: there is no label {label:?}; there are {}", known.join(", ")))
    });
    labels.collect()
}

#[cfg(test)]
mod tests;
