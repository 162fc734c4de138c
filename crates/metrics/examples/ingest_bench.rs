//! Measures the store alone: `cargo run --profile quick-release -p watchfire-metrics --example ingest_bench -- [SERIES] [SCRAPES]`.
//!
//! Node-shaped series (counters, gauges with decimals, constants), scraped every 15 s from targets of 500 series each,
//! written in batches of one scrape. Prints samples per second, bytes per sample and memory per series.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use watchfire_disk::RealDisk;
use watchfire_metrics::{Store, StoreOptions};
use watchfire_model::ingest::Batch;
use watchfire_model::time::{Clock, SystemClock};
use watchfire_model::{Labels, Matcher, Samples, TimeRange};

const TARGET_SERIES: usize = 500;

fn value(series: usize, scrape: usize, random: &mut fastrand::Rng, counters: &mut [f64]) -> f64 {
    match series % 10 {
        0..4 => {
            if let Some(counter) = counters.get_mut(series) {
                *counter += random.u32(0..200) as f64;
                return *counter;
            }
            0.0
        }
        4 => (scrape as f64 * 0.37 + random.u32(0..100) as f64 / 100.0).round() / 100.0,
        5 => f64::from(random.u32(20_000..21_000)) / 100.0,
        6 => f64::from(random.u32(0..1 << 30)) * 4096.0,
        _ => series as f64,
    }
}

fn resident_bytes() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    pages.split_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * 4096
}

fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
    let ticks = |index: usize| fields.get(index).and_then(|ticks| ticks.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / 100.0
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<usize>());
    let series = arguments.next().transpose()?.unwrap_or(100_000);
    let scrapes = arguments.next().transpose()?.unwrap_or(240);
    let dir = std::env::temp_dir().join(format!("watchfire-ingest-bench-{}", std::process::id()));
    let clock = Arc::new(SystemClock);
    let options = StoreOptions {
        background: false,
        retention_ms: i64::MAX,
        group_window: Duration::from_millis(5),
        ..StoreOptions::default()
    };
    let store = Store::open(&dir, options.clone(), Arc::new(RealDisk), clock.clone())?;
    let labels: Vec<Labels> = (0..series)
        .map(|index| {
            let (target, metric) = (index / TARGET_SERIES, index % TARGET_SERIES);
            let instance = format!("host-{target:05}.example.net:9100");
            let (name, cpu) = (format!("node_metric_{}_total", metric / 8), (metric % 8).to_string());
            let fixed = [("job", "node"), ("env", "production"), ("region", "eu-west-1")];
            Labels::from_pairs(
                [("__name__", name.as_str()), ("instance", instance.as_str()), ("cpu", cpu.as_str())]
                    .into_iter()
                    .chain(fixed),
            )
        })
        .collect();
    let mut counters = vec![0.0; series];
    let mut random = fastrand::Rng::with_seed(1);
    let start_ms = clock.now_ms() - scrapes as i64 * 15_000;
    let base_memory = resident_bytes();
    let (started, cpu) = (Instant::now(), cpu_seconds());
    let mut sent = Batch::new();
    for scrape in 0..scrapes {
        let at = start_ms + scrape as i64 * 15_000;
        for (target, batch) in labels.chunks(TARGET_SERIES).enumerate() {
            let timestamp_ms = at + target as i64 % 15_000;
            sent.clear();
            for (index, labels) in batch.iter().enumerate() {
                sent.begin_packed(labels.as_bytes());
                let series = target * TARGET_SERIES + index;
                sent.push_float(timestamp_ms, 0, value(series, scrape, &mut random, &mut counters));
            }
            // As a scrape loop: the write is kept, nobody waits for it.
            drop(store.append(&sent));
        }
    }
    let total = (series * scrapes) as f64;
    let (seconds, cpu) = (started.elapsed().as_secs_f64(), cpu_seconds() - cpu);
    let memory = resident_bytes().saturating_sub(base_memory) as f64 / series as f64;
    println!(
        "ingest: {:.2} M samples/s, {:.2} M samples per CPU second",
        total / seconds / 1e6,
        total / cpu / 1e6
    );
    println!("memory: {memory:.0} resident bytes/series after {scrapes} scrapes");
    println!("log: {:.2} bytes/sample", store.counters().log.bytes_written as f64 / total);
    drop(store);
    let started = Instant::now();
    let store = Store::open(&dir, options, Arc::new(RealDisk), clock)?;
    println!("restart from the log: {:.2} s", started.elapsed().as_secs_f64());
    let started = Instant::now();
    store.compact_now()?;
    let seconds = started.elapsed().as_secs_f64();
    let stats = store.counters();
    println!(
        "flush: {seconds:.2} s, {:.3} bytes/sample on disk, index included",
        stats.part_bytes as f64 / total
    );
    let started = Instant::now();
    let mut samples = Samples::default();
    let mut read = 0;
    let mut selection = store.select(&[Matcher::equal("job", "node")], TimeRange::ALL)?;
    while selection.next(&mut samples)?.is_some() {
        read += samples.len();
    }
    println!("read all: {:.1} M samples/s", read as f64 / started.elapsed().as_secs_f64() / 1e6);
    let started = Instant::now();
    let one = [
        Matcher::equal("__name__", "node_metric_3_total"),
        Matcher::equal("instance", "host-00000.example.net:9100"),
    ];
    let mut selection = store.select(&one, TimeRange::ALL)?;
    while selection.next(&mut samples)?.is_some() {}
    println!("8 series of {series}: {:.2} ms", started.elapsed().as_secs_f64() * 1e3);
    let started = Instant::now();
    let names = store.label_names(&one, TimeRange::ALL)?.len();
    println!("{names} label names of 8 series: {:.2} ms", started.elapsed().as_secs_f64() * 1e3);
    let started = Instant::now();
    let values = store.label_values("instance", &[Matcher::equal("job", "node")], TimeRange::ALL)?.len();
    println!("{values} label values of all series: {:.2} ms", started.elapsed().as_secs_f64() * 1e3);
    drop(store);
    remove(&dir);
    Ok(())
}

fn remove(dir: &Path) {
    if let Err(error) = std::fs::remove_dir_all(dir) {
        eprintln!("cannot remove {}: {error}", dir.display());
    }
}
