//! Watchfire beside its peers: the same bytes by remote write, the same queries, on the same machine, in the same run.
//!
//! Absolute times depend on the machine, so what counts is the ratio to a peer: below 1 is less than the peer needs.

mod alerts;
mod chart;
mod comparison;
mod fleet;
mod hosts;
mod load;
mod peers;
mod queries;
mod rules;
mod scale;

use anyhow::{Context, bail};
use load::Target;
use peers::{Cost, Peer};
use std::path::{Path, PathBuf};
use std::time::Duration;
use watchfire_wire::remote_write::{FloatSample, HistogramForm, TimeSeries, encode};
use watchfire_wire::snappy;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// Ingest, a crash and the restart after it, and queries, at one size.
    Compare,
    /// Ingest and restart at four sizes, each ten times the one before.
    Scale,
    /// The comparison set of queries over a fleet.
    Queries,
    /// Recording rules.
    Rules,
    /// Alerts, beside Alertmanager.
    Alerts,
    /// Collecting this host, beside node_exporter.
    Hosts,
}

/// Series, and how long a history of them.
#[derive(Clone, Debug)]
struct Plan {
    mode: Mode,
    series: usize,
    scrapes: i64,
    queries: bool,
    watchfire: PathBuf,
    /// Where a chart goes.
    chart: Option<PathBuf>,
    /// Hosts of the fleet, how many of them have a month, and how many values a label has.
    hosts: usize,
    coarse_hosts: usize,
    values: usize,
    /// Alerts and silences.
    alerts: usize,
    silences: usize,
    /// Only questions whose name has this in it.
    only: Option<String>,
}

const USAGE: &str = "usage: watchfire-bench WATCHFIRE_BINARY [compare | scale [CHART.svg] | queries | rules | alerts | hosts]";
const SCRAPE_INTERVAL_MS: i64 = 15_000;
const TARGETS_PER_REQUEST: usize = 4;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let plan = plan()?;
    match plan.mode {
        Mode::Compare => {
            let (_folder, mut peers) = start(&plan).await?;
            let ingested = ingest(&plan, &mut peers).await?;
            ingested.print(&plan, &peers);
            if plan.queries { queries::compare(&peers, ingested.end_ms).await } else { Ok(()) }
        }
        Mode::Scale => scale::measure(&plan).await,
        Mode::Queries => comparison::measure(&plan).await,
        Mode::Rules => rules::measure(&plan).await,
        Mode::Alerts => alerts::measure(&plan).await,
        Mode::Hosts => hosts::measure(&plan).await,
    }
}

/// Starts all servers there are, with empty data folders, which go with the first of the pair.
async fn start(plan: &Plan) -> anyhow::Result<(tempfile::TempDir, Vec<Peer>)> {
    let folder = tempfile::tempdir()?;
    let peers = start_in(plan, folder.path()).await?;
    Ok((folder, peers))
}

/// Starts all servers there are, with what data they have in the folder.
async fn start_in(plan: &Plan, folder: &Path) -> anyhow::Result<Vec<Peer>> {
    let mut peers = vec![Peer::start("watchfire", &plan.watchfire, folder).await?];
    let alone = std::env::var_os("BENCH_ALONE").is_some();
    for name in ["prometheus", "victoria-metrics"].into_iter().filter(|_| !alone) {
        match find(name) {
            Some(program) => peers.push(Peer::start(name, &program, folder).await?),
            None => println!("{name} is not installed; no comparison with it"),
        }
    }
    if peers.len() == 1 && !alone {
        bail!("no peer to compare with; install one of Debian's packages prometheus and victoria-metrics");
    }
    Ok(peers)
}

fn plan() -> anyhow::Result<Plan> {
    let number = |name: &str, default: i64| -> anyhow::Result<i64> {
        match std::env::var(name) {
            Ok(text) => text.parse().with_context(|| format!("{name}={text} is not a number")),
            Err(_) => Ok(default),
        }
    };
    let mut args = std::env::args_os().skip(1);
    let watchfire = args.next().map(PathBuf::from).context(USAGE)?;
    let mode = match args.next() {
        None => Mode::Compare,
        Some(word) if word == "compare" => Mode::Compare,
        Some(word) if word == "scale" => Mode::Scale,
        Some(word) if word == "queries" => Mode::Queries,
        Some(word) if word == "rules" => Mode::Rules,
        Some(word) if word == "alerts" => Mode::Alerts,
        Some(word) if word == "hosts" => Mode::Hosts,
        Some(_) => bail!(USAGE),
    };
    let size = |name: &str, default: i64| -> anyhow::Result<usize> {
        usize::try_from(number(name, default)?).with_context(|| format!("{name} is negative"))
    };
    let series = size("BENCH_SERIES", if mode == Mode::Scale { 1_000_000 } else { 30_000 })?;
    let default_scrapes = match mode {
        Mode::Scale => 20,
        Mode::Hosts => 500,
        _ => 120,
    };
    Ok(Plan {
        mode,
        series,
        scrapes: number("BENCH_SCRAPES", default_scrapes)?,
        queries: number("BENCH_QUERIES", 1)? != 0,
        watchfire,
        chart: args.next().map(PathBuf::from),
        hosts: size("BENCH_HOSTS", 100)?,
        coarse_hosts: size("BENCH_COARSE_HOSTS", 10)?,
        values: size("BENCH_VALUES", 100_000)?,
        alerts: size("BENCH_ALERTS", 100_000)?,
        silences: size("BENCH_SILENCES", 1_000)?,
        only: std::env::var("BENCH_ONLY").ok(),
    })
}

/// What taking the load has cost every peer, in the order of the peers.
struct Ingested {
    samples: u64,
    /// When the scrape after the last would have been due.
    end_ms: i64,
    costs: Vec<IngestCost>,
}

/// What taking the load has cost one server.
#[derive(Clone, Copy, Debug)]
struct IngestCost {
    /// Microseconds of CPU per sample, while it came in.
    cpu_us: f64,
    /// The same, with the merging afterwards.
    with_merging_us: f64,
    /// Resident bytes per series, before the merging.
    resident: f64,
    /// Bytes on disk per sample, after the merging.
    disk: f64,
    /// Seconds from the start after a crash until it says it is ready, with all of the load still in its log.
    restart_s: f64,
    /// The share of the series that it still knows then.
    kept: f64,
}

impl IngestCost {
    fn columns(self) -> [f64; 5] {
        [self.cpu_us, self.with_merging_us, self.resident, self.disk, self.restart_s]
    }
}

impl Ingested {
    fn print(&self, plan: &Plan, peers: &[Peer]) {
        println!(
            "\n{} series, {} scrapes, {} samples by remote write",
            plan.series, plan.scrapes, self.samples
        );
        println!(
            "{:28}{:>16}{:>16}{:>20}{:>16}{:>16}{:>16}",
            "",
            "CPU µs/sample",
            "with merging",
            "resident B/series",
            "disk B/sample",
            "restart s",
            "series kept"
        );
        for (peer, cost) in peers.iter().zip(&self.costs) {
            let [cpu, merged, resident, disk, restart] = cost.columns();
            print!("{:28}{cpu:>16.3}{merged:>16.3}{resident:>20.0}{disk:>16.2}{restart:>16.2}", peer.name);
            println!("{:>15.1}%", cost.kept * 100.0);
        }
        let Some(ours) = self.costs.first() else { return };
        for (peer, cost) in peers.iter().zip(&self.costs).skip(1) {
            print!("{:28}", format!("ratio to {}", peer.name));
            let widths = [16, 16, 20, 16, 16];
            for ((ours, theirs), width) in ours.columns().into_iter().zip(cost.columns()).zip(widths) {
                print!("{:>width$.2}", ours / theirs);
            }
            println!();
        }
    }
}

/// Sends the same requests to every peer in turn.
async fn ingest(plan: &Plan, peers: &mut [Peer]) -> anyhow::Result<Ingested> {
    let end_ms = now_ms()? / SCRAPE_INTERVAL_MS * SCRAPE_INTERVAL_MS - 2 * SCRAPE_INTERVAL_MS;
    let start_ms = end_ms - plan.scrapes * SCRAPE_INTERVAL_MS;
    let mut targets = load::targets(plan.series, 1);
    let before: Vec<Cost> = peers.iter().map(Peer::cost).collect::<Result<_, _>>()?;
    let client = reqwest::Client::new();
    let mut samples: u64 = 0;
    let mut tick_ms = start_ms;
    while tick_ms < end_ms {
        for group in targets.chunks_mut(TARGETS_PER_REQUEST) {
            let (body, count) = request(group, tick_ms)?;
            samples += count;
            for peer in peers.iter() {
                let response = client
                    .post(format!("{}/api/v1/write", peer.base))
                    .header("content-type", "application/x-protobuf")
                    .header("content-encoding", "snappy")
                    .header("x-prometheus-remote-write-version", "0.1.0")
                    .body(body.clone())
                    .send()
                    .await
                    .with_context(|| format!("{} does not answer", peer.name))?;
                if !response.status().is_success() {
                    bail!("{} answers {}: {}", peer.name, response.status(), response.text().await?);
                }
            }
        }
        tick_ms += SCRAPE_INTERVAL_MS;
    }
    // Servers that acknowledge before the disk has it get the time they say they need.
    tokio::time::sleep(Duration::from_secs(12)).await;
    let busy: Vec<Cost> = peers.iter().map(Peer::cost).collect::<Result<_, _>>()?;
    let mut restarts = Vec::new();
    for peer in peers.iter_mut() {
        let restart = peer.crash_and_restart().await?;
        // What a server is still opening when it calls itself ready must not be taken for lost.
        let mut kept = peer.count_series(end_ms).await?;
        for _ in 0..10 {
            if kept >= plan.series as u64 {
                break;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
            kept = kept.max(peer.count_series(end_ms).await?);
        }
        restarts.push((restart.as_secs_f64(), kept));
    }
    let restarted: Vec<Cost> = peers.iter().map(Peer::cost).collect::<Result<_, _>>()?;
    for peer in peers.iter() {
        peer.settle().await?;
    }
    let settled: Vec<Cost> = peers.iter().map(Peer::cost).collect::<Result<_, _>>()?;

    let mut costs = Vec::new();
    for index in 0..peers.len() {
        let cpu_s = busy[index].cpu_s - before[index].cpu_s;
        let merging_s = settled[index].cpu_s - restarted[index].cpu_s;
        let (restart_s, kept) = restarts[index];
        costs.push(IngestCost {
            cpu_us: cpu_s * 1e6 / samples as f64,
            with_merging_us: (cpu_s + merging_s) * 1e6 / samples as f64,
            resident: busy[index].resident_bytes as f64 / plan.series as f64,
            disk: settled[index].disk_bytes as f64 / samples as f64,
            restart_s,
            kept: kept as f64 / plan.series as f64,
        });
    }
    Ok(Ingested { samples, end_ms, costs })
}

fn now_ms() -> anyhow::Result<i64> {
    Ok(i64::try_from(std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_millis())?)
}

fn request(targets: &mut [Target], tick_ms: i64) -> anyhow::Result<(Vec<u8>, u64)> {
    let mut out: Vec<u8> = Vec::new();
    let mut count = 0;
    for target in targets {
        let (_, samples) = target.scrape(tick_ms);
        for (labels, timestamp_ms, value) in samples {
            let series = TimeSeries {
                labels: labels.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect(),
                samples: vec![FloatSample { timestamp_ms, value }],
                ..TimeSeries::default()
            };
            // A message of several series is their concatenation.
            out.extend_from_slice(&encode([&series], &[], HistogramForm::Float));
            count += 1;
        }
    }
    Ok((snappy::compress(&out)?, count))
}

fn find(name: &str) -> Option<PathBuf> {
    let folders = std::env::var_os("BENCH_PEERS").into_iter().chain(std::env::var_os("PATH"));
    folders
        .flat_map(|paths| std::env::split_paths(&paths).collect::<Vec<_>>())
        .map(|folder: PathBuf| folder.join(name))
        .find(|path: &PathBuf| Path::is_file(path))
}
