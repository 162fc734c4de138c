//! What looking at this host costs, beside node_exporter: the same collectors, asked by turns.

use crate::{Plan, find};
use anyhow::{Context, bail};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The collectors that dashboards and alerts ask most of.
const COLLECTORS: [&str; 21] = [
    "conntrack",
    "cpu",
    "diskstats",
    "filefd",
    "filesystem",
    "hwmon",
    "loadavg",
    "meminfo",
    "netclass",
    "netdev",
    "netstat",
    "os",
    "pressure",
    "sockstat",
    "stat",
    "textfile",
    "thermal_zone",
    "time",
    "timex",
    "uname",
    "vmstat",
];

/// Filters that differ between versions and distributions, made equal.
const FILTERS: [&str; 6] = [
    "--collector.diskstats.device-exclude=^(z?ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\\d+n\\d+p)\\d+$",
    "--collector.filesystem.fs-types-exclude=^(autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|fusectl|hugetlbfs|iso9660|mqueue|nsfs|overlay|proc|procfs|pstore|rpc_pipefs|securityfs|selinuxfs|squashfs|sysfs|tracefs)$",
    "--collector.filesystem.mount-points-exclude=^/(dev|proc|sys)($|/)",
    "--collector.netclass.ignore-invalid-speed",
    "--collector.netdev.device-exclude=^$",
    "--collector.netstat.fields=^(.*_(InErrors|InErrs)|Ip_Forwarding|Ip(6|Ext)_(InOctets|OutOctets)|Tcp_.*)$",
];

/// Scrapes before anything counts, and of one turn.
const WARM_UP: usize = 20;
const TURN: usize = 25;

/// Before memory is looked at, and a few scrapes more: an exporter runs for months, and what only its start needed is given
/// back after a few seconds.
const SETTLED: Duration = Duration::from_secs(8);

/// A program that tells of this host.
struct Exporter {
    name: &'static str,
    child: Child,
    url: String,
}

impl Drop for Exporter {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Exporter {
    fn start(name: &'static str, program: &Path, first: &[&str], only: bool) -> anyhow::Result<Self> {
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut command = Command::new(program);
        command.args(first).arg(format!("--web.listen-address=127.0.0.1:{port}")).arg("--log.level=error");
        if only {
            command.arg("--collector.disable-defaults").args(FILTERS);
            command.args(COLLECTORS.map(|collector| format!("--collector.{collector}")));
        }
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let child = child.with_context(|| format!("cannot start {}", program.display()))?;
        Ok(Self { name, child, url: format!("http://127.0.0.1:{port}/metrics") })
    }

    async fn scrape(&self, client: &reqwest::Client) -> anyhow::Result<String> {
        Ok(client.get(&self.url).send().await?.error_for_status()?.text().await?)
    }

    async fn until_ready(&self, client: &reqwest::Client) -> anyhow::Result<()> {
        let started = Instant::now();
        while started.elapsed() < Duration::from_secs(60) {
            if self.scrape(client).await.is_ok() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        bail!("{} does not answer", self.name)
    }

    /// CPU seconds so far.
    fn cpu_s(&self) -> anyhow::Result<f64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
        let ticks = |index: usize| fields.get(index).and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
        Ok((ticks(11) + ticks(12)) as f64 / 100.0)
    }

    /// Bytes of a line of its status.
    fn bytes(&self, line: &str) -> anyhow::Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let found = status.lines().find_map(|text| text.strip_prefix(line)?.strip_prefix(':'));
        let kib = found.and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<f64>().ok());
        Ok(kib.with_context(|| format!("the kernel tells no {line}"))? * 1024.0)
    }
}

/// Measures the same collectors of both, then what each collects by default.
pub(crate) async fn measure(plan: &Plan) -> anyhow::Result<()> {
    let names = ["node_exporter", "prometheus-node-exporter"];
    let Some(peer) = names.iter().find_map(|name| find(name)) else {
        bail!("no peer to compare with; install Debian's package prometheus-node-exporter");
    };
    let version = Command::new(&peer).arg("--version").output()?;
    let version = [version.stdout, version.stderr].concat();
    println!("{}", String::from_utf8_lossy(&version).lines().next().unwrap_or_default());
    for (only, title) in [(true, "the same 21 collectors"), (false, "what each collects by default")] {
        let exporters = [
            Exporter::start("watchfire agent", &plan.watchfire, &["agent"], only)?,
            Exporter::start("node_exporter", &peer, &[], only)?,
        ];
        compare(&exporters, title, usize::try_from(plan.scrapes)?).await?;
    }
    Ok(())
}

async fn compare(exporters: &[Exporter; 2], title: &str, scrapes: usize) -> anyhow::Result<()> {
    let client = reqwest::Client::new();
    let mut series = [0, 0];
    for (exporter, series) in exporters.iter().zip(&mut series) {
        exporter.until_ready(&client).await?;
        for _ in 0..WARM_UP {
            let text = exporter.scrape(&client).await?;
            *series = text.lines().filter(|line| line.starts_with("node_")).count();
        }
    }
    let mut cpu = [0.0, 0.0];
    for _ in 0..scrapes.div_ceil(TURN) {
        for (exporter, cpu) in exporters.iter().zip(&mut cpu) {
            let before = exporter.cpu_s()?;
            for _ in 0..TURN {
                exporter.scrape(&client).await?;
            }
            *cpu += exporter.cpu_s()? - before;
        }
    }
    tokio::time::sleep(SETTLED).await;
    for exporter in exporters {
        for _ in 0..WARM_UP {
            exporter.scrape(&client).await?;
        }
    }
    let count = (scrapes.div_ceil(TURN) * TURN) as f64;
    println!("\n{title}, {count} scrapes");
    println!("{:20}{:>14}{:>16}{:>16}{:>16}", "", "node_ series", "CPU ms/scrape", "resident MB", "peak MB");
    let mut rows = Vec::new();
    for ((exporter, cpu), series) in exporters.iter().zip(cpu).zip(series) {
        let row = [cpu * 1e3 / count, exporter.bytes("VmRSS")? / 1e6, exporter.bytes("VmHWM")? / 1e6];
        println!("{:20}{series:>14}{:>16.3}{:>16.1}{:>16.1}", exporter.name, row[0], row[1], row[2]);
        rows.push(row);
    }
    let ratio = |column: usize| rows[0][column] / rows[1][column];
    println!("{:34}{:>16.2}{:>16.2}{:>16.2}", "ratio", ratio(0), ratio(1), ratio(2));
    Ok(())
}
