use super::*;
use std::collections::BTreeMap;
use std::io::Read;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use watchfire_model::Labels;
use watchfire_model::time::{ManualClock, SystemClock};
use watchfire_wire::exposition::{Entry, Format, Parser, strict, write};

/// How many of the expected series of these collectors must be there with the right value; may only rise.
const FLOOR_PERCENT: f64 = 100.0;

/// The families the collectors here are for; the expected output has those of all others too.
const FAMILIES: &str = concat!(
    "^node_(arp_.*|bonding_.*|boot_time_seconds|buddyinfo_.*|context_switches_total|cooling_device_.*|cpu_.*|disk_.*|dmi_.*|dmmultipath_.*|edac_.*|entropy_.*|fibrechannel_.*|filefd_.*|",
    "forks_total|hwmon_.*|infiniband_.*|interrupts_total|intr_total|ipvs_.*|kernel_hung_.*|ksmd_.*|load[0-9]+|md_.*|memory_.*|netstat_.*|network_.*|",
    "nf_conntrack_.*|nfsd?_.*|nvme_(info|namespace_.*)|os_.*|power_supply_.*|pressure_.*|processes_.*|procs_(blocked|running)|rapl_.*|",
    "schedstat_.*|sockstat_.*|softirqs_.*|softnet_.*|tape_.*|thermal_zone_.*|time_.*|udp_queues|vmstat_.*|watchdog_.*|xfs_.*)$"
);

/// What depends on the machine on which the expected output was made, by the rules of the comparing script.
const SKIPPED: &str = "^node_(time_(zone|seconds)|network_(receive|transmit)_(bytes|packets)_total)";

type SeriesValues = BTreeMap<Labels, f64>;

fn pattern(pattern: &str) -> Option<Regex> {
    Some(Regex::new(pattern).unwrap())
}

fn series(body: &str) -> SeriesValues {
    let entries = Parser::new(body, Format::Text).map(Result::unwrap);
    let samples = entries.filter_map(|entry| match entry {
        Entry::Sample(sample) => Some((sample.to_labels(), sample.value)),
        _ => None,
    });
    samples.collect()
}

fn close(left: f64, right: f64) -> bool {
    left == right || (left - right).abs() <= (1e-9 * left.abs().max(right.abs())).max(1e-12)
}

/// Unpacks node_exporter's fixtures, or prints why not.
fn fixtures() -> Option<tempfile::TempDir> {
    let root = std::env::var_os("WATCHFIRE_SHARED")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let archive = root.join("data/node_exporter/fixtures.tar.gz");
    if !archive.exists() {
        println!("skipped: no fixtures at {}", archive.display());
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let unpacked = Command::new("tar").arg("xzf").arg(&archive).arg("-C").arg(folder.path()).status();
    match unpacked {
        Ok(status) if status.success() => Some(folder),
        outcome => {
            println!("skipped: tar could not unpack the fixtures: {outcome:?}");
            None
        }
    }
}

fn fixture_roots(folder: &Path) -> Roots {
    Roots {
        procfs: folder.join("fixtures/proc"),
        sysfs: folder.join("fixtures/sys"),
        rootfs: folder.join("fixtures"),
        udev_data: folder.join("fixtures/udev/data"),
    }
}

/// The options with which the expected output was made.
fn fixture_options() -> Options {
    let options = Options {
        arp_exclude: pattern("^nope$"),
        cpu_flags_include: pattern("^(aes|avx.?|constant_tsc)$"),
        cpu_bugs_include: pattern("^(cpu_meltdown|spectre_.*|mds)$"),
        netclass_ignored: pattern("^(dmz|int)$"),
        netdev_include: pattern("^lo$"),
        ..Options::default()
    };
    with_all(options)
}

/// Those that are off by default switched on.
fn with_all(mut options: Options) -> Options {
    for known in COLLECTORS.iter().filter(|known| !known.is_default) {
        options.switch(known.name, true).unwrap();
    }
    options
}

/// Runs the collectors over the fixtures and compares with the expected output: how many series are expected, what is
/// wrong with which, and what is there besides.
fn compare(folder: &Path, options: Options) -> (usize, Vec<String>, Vec<Labels>) {
    // The fixtures have no traffic counters: the expected ones are those of the loopback device of the machine that
    // made them. This machine's have to be there, with whatever values.
    let host = Host::new(fixture_roots(folder), options, Arc::new(ManualClock::at(0)));
    let found = series(&write::write(&host.collect(), Format::Text));
    let expected = std::fs::read_to_string(folder.join("fixtures/e2e-output.txt")).unwrap();
    // The meter of the CPUs' energy tells where it was read.
    let expected = expected.replace("collector/fixtures", &folder.join("fixtures").display().to_string());
    let (families, skipped) = (Regex::new(FAMILIES).unwrap(), Regex::new(SKIPPED).unwrap());
    let traffic = Regex::new("^node_network_(receive|transmit)_").unwrap();
    let concerns = |labels: &Labels| {
        let name = labels.metric_name();
        families.is_match(name) && !skipped.is_match(name)
    };
    let expected: SeriesValues =
        series(&expected).into_iter().filter(|(labels, _)| concerns(labels)).collect();
    let wrong = expected
        .iter()
        .filter(|(labels, value)| {
            let is_traffic = traffic.is_match(labels.metric_name());
            !found.get(*labels).is_some_and(|found| is_traffic || close(*found, **value))
        })
        .map(|(labels, value)| format!("{labels}: {:?}, expected {value}", found.get(labels)))
        .collect();
    let extra = found.keys().filter(|labels| concerns(labels) && !expected.contains_key(*labels));
    (expected.len(), wrong, extra.cloned().collect())
}

fn percent(expected: usize, wrong: &[String]) -> f64 {
    100.0 * (expected - wrong.len()) as f64 / expected as f64
}

#[test]
fn node_exporters_fixtures_give_the_expected_series_and_no_others() {
    let Some(folder) = fixtures() else { return };
    let (expected, wrong, extra) = compare(folder.path(), fixture_options());
    println!("node_exporter fixtures: {} of {expected} series", expected - wrong.len());
    assert!(expected > 400);
    assert!(percent(expected, &wrong) >= FLOOR_PERCENT, "{}", wrong.join("\n"));
    assert!(extra.is_empty(), "{extra:?}");
}

#[test]
fn without_any_option_nearly_all_of_the_expected_series_are_there() {
    let Some(folder) = fixtures() else { return };
    let (expected, wrong, extra) = compare(folder.path(), with_all(Options::default()));
    println!(
        "node_exporter fixtures, defaults: {} of {expected}, {} extra",
        expected - wrong.len(),
        extra.len()
    );
    assert!(percent(expected, &wrong) >= 98.0, "{}", wrong.join("\n"));
}

#[test]
fn the_fixtures_types_are_those_of_node_exporter() {
    let Some(folder) = fixtures() else { return };
    let types = |body: &str| -> BTreeMap<String, &'static str> {
        let entries = Parser::new(body, Format::Text).map(Result::unwrap);
        entries
            .filter_map(|entry| match entry {
                Entry::Type { family, kind } => Some((family.into_owned(), kind.as_str())),
                _ => None,
            })
            .collect()
    };
    let expected = std::fs::read_to_string(folder.path().join("fixtures/e2e-output.txt")).unwrap();
    let expected = types(&expected);
    let host = Host::new(fixture_roots(folder.path()), fixture_options(), Arc::new(ManualClock::at(0)));
    let body = write::write(&host.collect(), Format::Text);
    let mut compared = 0;
    for (family, kind) in types(&body) {
        if let Some(expected) = expected.get(&family) {
            assert_eq!(kind, *expected, "{family}");
            compared += 1;
        }
    }
    println!("types compared: {compared}");
    assert!(compared > 100);
}

/// A running node_exporter, killed when the test ends.
struct NodeExporter {
    child: Child,
    address: String,
}

impl NodeExporter {
    /// Debian's, with the collectors we have, or a printed line why not.
    fn start() -> Option<Self> {
        let binary = Path::new("/usr/bin/prometheus-node-exporter");
        if !binary.exists() {
            println!("skipped: {} is not installed", binary.display());
            return None;
        }
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let address = format!("127.0.0.1:{port}");
        let mut command = Command::new(binary);
        command.arg(format!("--web.listen-address={address}")).arg("--collector.disable-defaults");
        for name in [
            "cpu",
            "cpu.info",
            "cpufreq",
            "stat",
            "stat.softirq",
            "meminfo",
            "diskstats",
            "filesystem",
            "netdev",
        ] {
            command.arg(format!("--collector.{name}"));
        }
        for name in ["netclass", "loadavg", "vmstat", "pressure", "uname", "time", "filefd", "arp", "dmi"] {
            command.arg(format!("--collector.{name}"));
        }
        for name in ["entropy", "powersupplyclass", "selinux", "timex", "udp_queues", "netstat", "softnet"] {
            command.arg(format!("--collector.{name}"));
        }
        command.arg("--collector.netclass.ignore-invalid-speed");
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        Some(Self { child, address })
    }

    /// Asks until it answers, at most half a minute.
    fn metrics(&mut self) -> String {
        let deadline = Instant::now() + Duration::from_secs(30);
        while Instant::now() < deadline {
            if let Ok(mut stream) = std::net::TcpStream::connect(&self.address) {
                use std::io::Write;
                stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
                stream.write_all(b"GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n").unwrap();
                let mut answer = String::new();
                stream.read_to_string(&mut answer).unwrap();
                let (head, body) = answer.split_once("\r\n\r\n").unwrap();
                assert!(head.contains(" 200 "), "{head}");
                return body.to_owned();
            }
            assert!(self.child.try_wait().unwrap().is_none(), "the node exporter ended");
            std::thread::yield_now();
        }
        panic!("the node exporter did not answer");
    }
}

impl Drop for NodeExporter {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn debians_node_exporter_tells_the_same_series_on_this_host() {
    let Some(mut exporter) = NodeExporter::start() else { return };
    let theirs = series(&exporter.metrics());
    // Debian's filters, and the loopback device that it leaves out.
    let options = Options {
        mount_points_exclude: pattern(
            "^/(dev|proc|run|sys|mnt|media|var/lib/docker/.+|var/lib/containers/storage/.+)($|/)",
        ),
        netdev_exclude: pattern("^lo$"),
        disk_exclude: pattern(r"^(ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\d+n\d+p)\d+$"),
        ..Options::default()
    };
    let host = Host::new(Roots::default(), options, Arc::new(SystemClock));
    let ours = series(&write::write(&host.collect(), Format::Text));
    // Labels that Debian's 1.5 did not have yet are left out of the comparison.
    let comparable = |all: &SeriesValues| -> BTreeMap<Labels, f64> {
        all.iter()
            .filter(|(labels, _)| {
                let name = labels.metric_name();
                name.starts_with("node_")
                    && !name.starts_with("node_exporter")
                    && !name.starts_with("node_scrape")
            })
            .map(|(labels, value)| {
                (labels.without(|label| matches!(label, "adminstate" | "rotational")), *value)
            })
            .collect()
    };
    let (theirs, ours) = (comparable(&theirs), comparable(&ours));
    let missing: Vec<&Labels> = theirs.keys().filter(|labels| !ours.contains_key(*labels)).collect();
    println!("debian's node exporter: {} of {} series", theirs.len() - missing.len(), theirs.len());
    assert!(theirs.len() > 100);
    assert!(missing.is_empty(), "{missing:#?}");
    // Properties that do not move while the test runs have the same value.
    let steady = Regex::new("^node_(network_(info|mtu_bytes|flags|up)|memory_MemTotal_bytes|disk_info|filesystem_size_bytes|uname_info|boot_time_seconds|cpu_info)$").unwrap();
    for (labels, value) in theirs.iter().filter(|(labels, _)| steady.is_match(labels.metric_name())) {
        assert_eq!(ours.get(labels), Some(value), "{labels}");
    }
    // Counters read later are not smaller.
    for (labels, value) in
        theirs.iter().filter(|(labels, _)| labels.metric_name() == "node_cpu_seconds_total")
    {
        assert!(ours[labels] >= *value - 1.0, "{labels}");
    }
}

struct Failing(&'static str);

impl Collector for Failing {
    fn name(&self) -> &'static str {
        self.0
    }

    fn collect(&self, _roots: &Roots, out: &mut Collection) -> Result<(), CollectError> {
        out.gauge("node_before_failure", "Told before the failure.", &[("collector", self.0)], 1.0);
        match self.0 {
            "panics" => panic!("a collector with a mistake"),
            "fails" => Err(CollectError::NoData("such thing")),
            _ => Ok(()),
        }
    }
}

#[test]
fn a_collector_that_fails_costs_no_other() {
    let collectors: Vec<Box<dyn Collector>> =
        ["fails", "panics", "works"].map(|name| Box::new(Failing(name)) as Box<dyn Collector>).into();
    let host = Host::with_collectors(Roots::default(), collectors);
    let found = series(&write::write(&host.collect(), Format::Text));
    let value = |metric: &str, collector: &str| {
        found.get(&Labels::from_pairs([("__name__", metric), ("collector", collector)])).copied()
    };
    for (collector, success) in [("fails", 0.0), ("panics", 0.0), ("works", 1.0)] {
        assert_eq!(value("node_scrape_collector_success", collector), Some(success), "{collector}");
        assert_eq!(value("node_before_failure", collector), Some(1.0), "{collector}");
    }
}

#[test]
fn a_switched_off_collector_does_not_run() {
    let mut options = Options::default();
    options.switch("time", false).unwrap();
    let host = Host::new(Roots::default(), options, Arc::new(ManualClock::at(0)));
    assert!(host.collector_names().all(|name| name != "time"));
    assert!(host.collector_names().any(|name| name == "cpu"));
}

#[test]
fn garbage_in_every_file_makes_errors_and_no_panic() {
    let folder = tempfile::tempdir().unwrap();
    let roots = Roots {
        procfs: folder.path().to_path_buf(),
        sysfs: folder.path().to_path_buf(),
        rootfs: folder.path().to_path_buf(),
        udev_data: folder.path().to_path_buf(),
    };
    let host = Host::new(roots, Options::default(), Arc::new(ManualClock::at(i64::MAX)));
    for garbage in
        ["", "\u{0}\n\n:::", "cpu0 x\nintr\nsoftirq 1 y", "a b c d e f g h - i j k\n", "|\n|\n x: 1 2"]
    {
        for file in [
            "stat",
            "cpuinfo",
            "diskstats",
            "loadavg",
            "mdstat",
            "meminfo",
            "schedstat",
            "vmstat",
            "softirqs",
            "1/stat",
            "net/arp",
            "net/dev",
            "net/ip_vs",
            "net/ip_vs_stats",
            "net/rpc/nfs",
            "net/rpc/nfsd",
            "net/udp",
            "net/udp6",
            "net/netstat",
            "net/snmp",
            "net/snmp6",
            "net/sockstat",
            "net/softnet_stat",
            "net/stat/nf_conntrack",
            "sys/kernel/hung_task_detect_count",
            "sys/net/netfilter/nf_conntrack_count",
            "1/mountinfo",
        ] {
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, garbage).unwrap();
        }
        for family in host.collect() {
            let duration = family.name != "node_scrape_collector_success";
            assert!(duration || family.points.iter().all(|point| point.value == 0.0 || point.value == 1.0));
        }
    }
}

#[test]
fn this_host_is_told_in_both_formats_and_as_rows() {
    let host = Host::new(Roots::default(), Options::default(), Arc::new(SystemClock));
    let families = host.collect();
    if cfg!(target_os = "linux") {
        assert!(families.iter().any(|family| family.name == "node_cpu_seconds_total"));
    }
    let body = write::write(&families, Format::Text);
    let openmetrics = write::write(&families, Format::OpenMetrics);
    let summary = strict::check(&openmetrics).unwrap();
    let rows = crate::rows(&families, &[("job", "node"), ("instance", "here")], 5);
    assert_eq!((rows.len(), rows.len()), (summary.samples, series(&body).len()));
    assert!(rows.iter().all(|row| row.series.get("job") == Some("node") && row.timestamp_ms == 5));
}

/// What a test asks of itself in a namespace of its own.
#[test]
#[ignore = "run by the test below, in a network namespace"]
fn told_from_inside() {
    let mut options = Options { disable_defaults: true, ..Options::default() };
    for name in ["netdev", "netclass", "processes"] {
        options.switch(name, true).unwrap();
    }
    let host = Host::new(Roots::default(), options, Arc::new(SystemClock));
    println!("{}", write::write(&host.collect(), Format::Text));
}

#[test]
fn in_a_network_namespace_its_own_devices_are_told() {
    let mut command = Command::new("unshare");
    command.args(["--net", "--map-root-user", "--"]).arg(std::env::current_exe().unwrap());
    command.args(["--exact", "host::tests::told_from_inside", "--ignored", "--nocapture"]);
    let output = match command.output() {
        Ok(output) if output.status.success() => output,
        outcome => {
            println!("skipped: no network namespace can be made here: {outcome:?}");
            return;
        }
    };
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<&str> = text.lines().filter(|line| line.starts_with("node_network_")).collect();
    let traffic = |line: &&&str| line.starts_with("node_network_receive_bytes_total");
    assert_eq!(lines.iter().filter(traffic).count(), 1, "{text}");
    assert!(lines.iter().any(|line| line.starts_with("node_network_receive_bytes_total{device=\"lo\"} 0")));
    assert!(text.contains("process_top_start_time_seconds{"), "{text}");
}
