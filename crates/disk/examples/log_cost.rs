//! One log for all writers against several: `cargo run --profile quick-release -p watchfire-disk --example log_cost -- [SECONDS]`.
//!
//! Writers append a record of 2 KiB, about a scrape of 500 series, and wait until it is on disk, over and over; each
//! writer belongs to one of the logs. Prints commits a second, processor time and syncs per commit, and how long a
//! writer waited.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use watchfire_disk::{Log, LogOptions, RealDisk};

const RECORD: [u8; 2048] = [7; 2048];

fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
    let ticks = |index: usize| fields.get(index).and_then(|ticks| ticks.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / 100.0
}

/// Writes until it is told to stop; how long each commit took.
fn write(log: &Log, stop: &AtomicBool) -> Result<Vec<Duration>, Box<dyn std::error::Error + Send + Sync>> {
    let mut waits = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let began = Instant::now();
        log.append(log.segment(), &[&RECORD])?.wait()?;
        waits.push(began.elapsed());
    }
    Ok(waits)
}

fn measure(dir: &Path, logs: usize, writers: usize, seconds: u64) -> Result<(), Box<dyn std::error::Error>> {
    let opened: Result<Vec<Log>, _> = (0..logs)
        .map(|number| {
            let dir = dir.join(format!("{logs}-{writers}-{number}"));
            Log::open(Arc::new(RealDisk), &dir, LogOptions::default(), |_, _| {}).map(|(log, _)| log)
        })
        .collect();
    let opened = opened?;
    let (stop, began, cpu) = (AtomicBool::new(false), Instant::now(), cpu_seconds());
    let waits = std::thread::scope(|scope| {
        let writing: Vec<_> = (0..writers)
            .zip(opened.iter().cycle())
            .map(|(_, log)| scope.spawn(|| write(log, &stop)))
            .collect();
        std::thread::sleep(Duration::from_secs(seconds));
        stop.store(true, Ordering::Relaxed);
        writing
            .into_iter()
            .map(|writer| writer.join().unwrap_or_else(|_| Err("a writer panicked".into())))
            .collect::<Result<Vec<_>, _>>()
    });
    let mut waits: Vec<Duration> = waits.map_err(|error| error.to_string())?.into_iter().flatten().collect();
    waits.sort_unstable();
    let (commits, elapsed) = (waits.len().max(1) as f64, began.elapsed().as_secs_f64());
    let syncs: u64 = opened.iter().map(|log| log.stats().syncs).sum();
    let at = |share: f64| waits.get((waits.len() as f64 * share) as usize).copied().unwrap_or_default();
    println!(
        "{writers:>2} writers, {logs:>2} logs: {:>6.0} commits/s, {:>5.1} us of CPU and {:.2} syncs each, waits {:?} and {:?} (p99)",
        commits / elapsed,
        (cpu_seconds() - cpu) * 1e6 / commits,
        syncs as f64 / commits,
        at(0.5),
        at(0.99),
    );
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let seconds = std::env::args().nth(1).map(|text| text.parse()).transpose()?.unwrap_or(5);
    let dir = std::env::temp_dir().join(format!("watchfire-log-cost-{}", std::process::id()));
    for writers in [1, 4, 16] {
        for logs in [1, 4, 16] {
            if logs <= writers {
                measure(&dir, logs, writers, seconds)?;
            }
        }
    }
    std::fs::remove_dir_all(&dir)?;
    Ok(())
}
