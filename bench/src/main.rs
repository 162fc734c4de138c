//! Watchfire beside its peers: the same bytes by remote write, the same queries, on the same machine, in the same run.
//!
//! Absolute times depend on the machine, so what counts is the ratio to a peer: below 1 is less than the peer needs.

mod load;
mod peers;
mod queries;

use anyhow::{Context, bail};
use load::Target;
use peers::{Cost, Peer};
use std::path::{Path, PathBuf};
use std::time::Duration;
use watchfire_wire::remote_write::{FloatSample, HistogramForm, TimeSeries, encode};
use watchfire_wire::snappy;

/// Series, and how long a history of them.
struct Plan {
    series: usize,
    scrapes: i64,
    watchfire: PathBuf,
}

const SCRAPE_INTERVAL_MS: i64 = 15_000;
const TARGETS_PER_REQUEST: usize = 4;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let plan = plan()?;
    let folder = tempfile::tempdir()?;
    let mut peers = vec![Peer::start("watchfire", &plan.watchfire, folder.path()).await?];
    for name in ["prometheus", "victoria-metrics"] {
        match find(name) {
            Some(program) => peers.push(Peer::start(name, &program, folder.path()).await?),
            None => println!("{name} is not installed; no comparison with it"),
        }
    }
    if peers.len() == 1 {
        bail!("no peer to compare with; install one of Debian's packages prometheus and victoria-metrics");
    }
    let end_ms = ingest(&plan, &peers).await?;
    queries::compare(&peers, end_ms).await
}

fn plan() -> anyhow::Result<Plan> {
    let number = |name: &str, default: i64| -> anyhow::Result<i64> {
        match std::env::var(name) {
            Ok(text) => text.parse().with_context(|| format!("{name}={text} is not a number")),
            Err(_) => Ok(default),
        }
    };
    let watchfire =
        std::env::args_os().nth(1).map(PathBuf::from).context("usage: watchfire-bench WATCHFIRE_BINARY")?;
    let series = usize::try_from(number("BENCH_SERIES", 30_000)?).context("BENCH_SERIES is negative")?;
    Ok(Plan { series, scrapes: number("BENCH_SCRAPES", 120)?, watchfire })
}

/// Sends the same requests to every peer in turn, and prints what they cost.
async fn ingest(plan: &Plan, peers: &[Peer]) -> anyhow::Result<i64> {
    let now_ms =
        i64::try_from(std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_millis())?;
    let end_ms = now_ms / SCRAPE_INTERVAL_MS * SCRAPE_INTERVAL_MS - 2 * SCRAPE_INTERVAL_MS;
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
            for peer in peers {
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
    tokio::time::sleep(Duration::from_secs(2)).await;
    let busy: Vec<Cost> = peers.iter().map(Peer::cost).collect::<Result<_, _>>()?;
    for peer in peers {
        peer.settle().await?;
    }
    let settled: Vec<Cost> = peers.iter().map(Peer::cost).collect::<Result<_, _>>()?;

    println!("\n{} series, {} scrapes, {samples} samples by remote write", plan.series, plan.scrapes);
    println!(
        "{:24}{:>18}{:>18}{:>18}{:>18}",
        "", "CPU µs/sample", "with merging", "resident B/series", "disk B/sample"
    );
    let rows: Vec<[f64; 4]> = before
        .iter()
        .zip(&busy)
        .zip(&settled)
        .map(|((before, busy), settled)| {
            [
                (busy.cpu_s - before.cpu_s) * 1e6 / samples as f64,
                (settled.cpu_s - before.cpu_s) * 1e6 / samples as f64,
                busy.resident_bytes as f64 / plan.series as f64,
                settled.disk_bytes as f64 / samples as f64,
            ]
        })
        .collect();
    for (peer, row) in peers.iter().zip(&rows) {
        println!("{:24}{:>18.3}{:>18.3}{:>18.0}{:>18.2}", peer.name, row[0], row[1], row[2], row[3]);
    }
    for (peer, row) in peers.iter().zip(&rows).skip(1) {
        let ratio = |index: usize| rows[0][index] / row[index];
        println!(
            "{:24}{:>18.2}{:>18.2}{:>18.2}{:>18.2}",
            format!("ratio to {}", peer.name),
            ratio(0),
            ratio(1),
            ratio(2),
            ratio(3)
        );
    }
    Ok(end_ms)
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
