//! The collectors by name, and the flags of their options.

/// A collector that can be switched on and off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// Its name, as in node_exporter where that has it.
    pub name: &'static str,
    /// The flag that switches it on, without dashes.
    pub on: &'static str,
    /// The flag that switches it off, without dashes.
    pub off: &'static str,
    /// Whether it runs when nobody says anything.
    pub is_default: bool,
}

macro_rules! collectors {
    ($($name:literal $is_default:literal,)*) => {
        &[$(Known {
            name: $name,
            on: concat!("collector.", $name),
            off: concat!("no-collector.", $name),
            is_default: $is_default,
        },)*]
    };
}

/// All collectors. What costs many series that few people look at is off, as in node_exporter.
pub static COLLECTORS: &[Known] = collectors![
    "arp" true,
    "bonding" true,
    "buddyinfo" false,
    "conntrack" true,
    "cpu" true,
    "cpu_info" true,
    "cpu_vulnerabilities" true,
    "cpufreq" true,
    "diskstats" true,
    "dmi" true,
    "dmmultipath" true,
    "edac" true,
    "entropy" true,
    "fibrechannel" true,
    "filefd" true,
    "filesystem" true,
    "gpu_apple" true,
    "gpu_drm" true,
    "gpu_nvidia" true,
    "hwmon" true,
    "infiniband" true,
    "interrupts" false,
    "ipvs" true,
    "kernel_hung" true,
    "kernel_log" true,
    "ksmd" false,
    "llm" true,
    "loadavg" true,
    "mdadm" true,
    "meminfo" true,
    "meminfo_numa" false,
    "netclass" true,
    "netdev" true,
    "netstat" true,
    "nfs" true,
    "nfsd" true,
    "nvme" true,
    "os" true,
    "powersupplyclass" true,
    "pressure" true,
    "processes" true,
    "rapl" true,
    "schedstat" true,
    "selinux" true,
    "sockstat" true,
    "softirqs" true,
    "softnet" true,
    "stat" true,
    "systemd" true,
    "tapestats" true,
    "textfile" true,
    "thermal_zone" true,
    "time" true,
    "timex" true,
    "udp_queues" true,
    "uname" true,
    "vmstat" true,
    "watchdog" true,
    "xfs" true,
];

/// A flag that sets an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flag {
    /// Its name without dashes.
    pub name: &'static str,
    /// What follows it; a switch has nothing, and may be turned around by `no-` before its name.
    pub value: Option<&'static str>,
    /// The flag that turns a switch off, without dashes.
    pub off: &'static str,
    /// What it does, and what holds without it.
    pub help: &'static str,
    /// Whether it may come more than once.
    pub is_list: bool,
}

const fn value(name: &'static str, value: &'static str, help: &'static str) -> Flag {
    Flag { name, value: Some(value), off: "", help, is_list: false }
}

const fn switch(name: &'static str, off: &'static str, help: &'static str) -> Flag {
    Flag { name, value: None, off, help, is_list: false }
}

const INCLUDE: &str = "Only these are told, by a pattern; all without it";
const NETLINK: &str = "Accepted for node_exporter's sake: /proc and /sys are read";
const EXCLUDE: &str = "These are passed over, by a pattern";

/// The flags of options; node_exporter's, and those of GPUs, which are ours.
pub(super) static FLAGS: [Flag; 45] = [
    switch("collector.arp.netlink", "no-collector.arp.netlink", NETLINK),
    switch("collector.netclass.netlink", "no-collector.netclass.netlink", NETLINK),
    switch("collector.netdev.netlink", "no-collector.netdev.netlink", NETLINK),
    value("collector.arp.device-include", "REGEX", INCLUDE),
    value("collector.arp.device-exclude", "REGEX", EXCLUDE),
    switch("collector.cpu.guest", "no-collector.cpu.guest", "Time spent in guests; on by default"),
    switch("collector.cpu.info", "no-collector.cpu.info", "What /proc/cpuinfo says; on by default"),
    value("collector.cpu.info.flags-include", "REGEX", "Flags of the first CPU that are told"),
    value("collector.cpu.info.bugs-include", "REGEX", "Bugs of the first CPU that are told"),
    switch(
        "collector.disable-defaults",
        "no-collector.disable-defaults",
        "Only collectors that are switched on run",
    ),
    value("collector.diskstats.device-include", "REGEX", INCLUDE),
    value(
        "collector.diskstats.device-exclude",
        "REGEX",
        "Disks that are passed over; partitions and disks in memory without it",
    ),
    value("collector.filesystem.mount-points-include", "REGEX", INCLUDE),
    value(
        "collector.filesystem.mount-points-exclude",
        "REGEX",
        "Mount points that are passed over; the kernel's and containers' without it",
    ),
    value("collector.filesystem.fs-types-include", "REGEX", INCLUDE),
    value(
        "collector.filesystem.fs-types-exclude",
        "REGEX",
        "Types of file systems that are passed over; those that hold no files without it",
    ),
    value(
        "collector.filesystem.mount-timeout",
        "DURATION",
        "How long a file system may take to answer; 5s without it",
    ),
    value(
        "collector.gpu.aliases",
        "NAMES",
        "Names of other exporters under which GPUs are told too, separated by commas: dcgm, nvidia_smi, nvidia_gpu; or none",
    ),
    value("collector.gpu.amd-smi", "FILE", "AMD's program, asked where its driver shows nothing below /sys"),
    value(
        "collector.gpu.xpu-smi",
        "FILE",
        "Intel's program, asked for what its driver does not show below /sys",
    ),
    value("collector.gpu.kmsg", "FILE", "The kernel's log; /dev/kmsg without it"),
    value(
        "collector.gpu.nvidia-library",
        "FILE",
        "NVIDIA's management library; libnvidia-ml.so.1 without it",
    ),
    value(
        "collector.gpu.nvidia-smi",
        "FILE",
        "The program that is asked where that library cannot be loaded",
    ),
    value("collector.hwmon.chip-include", "REGEX", INCLUDE),
    value("collector.hwmon.chip-exclude", "REGEX", EXCLUDE),
    value("collector.hwmon.sensor-include", "REGEX", "Only these sensors are told, as chip;sensor"),
    value("collector.hwmon.sensor-exclude", "REGEX", "These sensors are passed over, as chip;sensor"),
    value("collector.infiniband.device-include", "REGEX", INCLUDE),
    value("collector.infiniband.device-exclude", "REGEX", EXCLUDE),
    value(
        "collector.ipvs.backend-labels",
        "LABELS",
        "Labels of backends, separated by commas; all without it",
    ),
    switch(
        "collector.netclass.ignore-invalid-speed",
        "no-collector.netclass.ignore-invalid-speed",
        "Accepted for node_exporter's sake: a speed that a device does not know is never told",
    ),
    value("collector.netclass.ignored-devices", "REGEX", EXCLUDE),
    value("collector.netdev.device-include", "REGEX", INCLUDE),
    value("collector.netdev.device-exclude", "REGEX", EXCLUDE),
    value("collector.netstat.fields", "REGEX", "Fields that are told, as Protocol_Field"),
    value("collector.powersupply.ignored-supplies", "REGEX", EXCLUDE),
    switch(
        "collector.stat.softirq",
        "no-collector.stat.softirq",
        "Software interrupts by kind; on by default",
    ),
    switch(
        "collector.systemd.enable-restarts-metrics",
        "no-collector.systemd.enable-restarts-metrics",
        "How often services were restarted",
    ),
    switch(
        "collector.systemd.enable-start-time-metrics",
        "no-collector.systemd.enable-start-time-metrics",
        "When units were started",
    ),
    switch(
        "collector.systemd.enable-task-metrics",
        "no-collector.systemd.enable-task-metrics",
        "Threads of services, and how many they may have",
    ),
    value(
        "collector.systemd.unit-include",
        "REGEX",
        "Units that are told, by a pattern for the whole name; all without it",
    ),
    value(
        "collector.systemd.unit-exclude",
        "REGEX",
        "Units that are passed over; automounts, devices, mounts, scopes and slices without it",
    ),
    value("collector.tapestats.ignored-devices", "REGEX", EXCLUDE),
    Flag {
        name: "collector.textfile.directory",
        value: Some("DIR"),
        off: "",
        help: "Folder whose *.prom files are told; may come more than once",
        is_list: true,
    },
    value("collector.vmstat.fields", "REGEX", "Fields of /proc/vmstat that are told"),
];

/// Flags of which only one may be given.
pub(super) const EITHER: [(&str, &str); 8] = [
    ("collector.arp.device-include", "collector.arp.device-exclude"),
    ("collector.diskstats.device-include", "collector.diskstats.device-exclude"),
    ("collector.filesystem.fs-types-include", "collector.filesystem.fs-types-exclude"),
    ("collector.filesystem.mount-points-include", "collector.filesystem.mount-points-exclude"),
    ("collector.hwmon.chip-include", "collector.hwmon.chip-exclude"),
    ("collector.hwmon.sensor-include", "collector.hwmon.sensor-exclude"),
    ("collector.infiniband.device-include", "collector.infiniband.device-exclude"),
    ("collector.netdev.device-include", "collector.netdev.device-exclude"),
];
