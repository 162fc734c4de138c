//! What a series costs: `cargo run --profile quick-release -p watchfire-metrics --example head_cost -- [SERIES] [SCRAPES]`.
//!
//! The series and values of the benchmark beside peers (`bench/`), 500 to a target, scraped every 15 s. Prints resident
//! memory per series, CPU time per sample, and how long a flush and a start with all samples in the log take.

#[path = "../../../bench/src/load.rs"]
mod load;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use watchfire_disk::RealDisk;
use watchfire_metrics::{Store, StoreOptions};
use watchfire_model::ingest::{Batch, Row};
use watchfire_model::time::{Clock, SystemClock};
use watchfire_model::{Labels, SampleValue};

const RESTART: &str = "--restart";
const INTERVAL_MS: i64 = 15_000;

fn status_bytes(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
    let ticks = |index: usize| fields.get(index).and_then(|ticks| ticks.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / 100.0
}

/// Writes one row again and again until told to stop; the longest wait in microseconds.
fn write_meanwhile(store: &Store, clock: &dyn Clock, stop: &AtomicBool, longest: &AtomicU64) {
    let series = Labels::from_pairs([("__name__", "written_meanwhile"), ("job", "node")]);
    let mut last_ms = 0;
    while !stop.load(Ordering::Relaxed) {
        let timestamp_ms = clock.now_ms().max(last_ms + 1);
        last_ms = timestamp_ms;
        let value = SampleValue::Float(1.0);
        let row = Row { series: series.clone(), timestamp_ms, start_timestamp_ms: 0, value };
        let started = Instant::now();
        drop(store.write(vec![row]));
        longest.fetch_max(started.elapsed().as_micros() as u64, Ordering::Relaxed);
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_some_and(|first| first == RESTART) {
        return restart(Path::new(&arguments.next().ok_or("which folder?")?));
    }
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<usize>());
    let series = arguments.next().transpose()?.unwrap_or(100_000);
    let scrapes = arguments.next().transpose()?.unwrap_or(40);
    let dir = std::env::temp_dir().join(format!("watchfire-head-cost-{}", std::process::id()));
    let clock = Arc::new(SystemClock);
    let options = StoreOptions { background: false, ..StoreOptions::default() };
    let mut targets = load::targets(series, 1);
    let mut packed: Vec<Vec<Labels>> = Vec::new();
    for target in &mut targets {
        let pairs = |labels: &[(String, String)]| {
            Labels::from_pairs(labels.iter().map(|(name, value)| (name.as_str(), value.as_str())))
        };
        packed.push(target.scrape(0).1.map(|(labels, ..)| pairs(labels)).collect());
    }
    let label_bytes: usize = packed.iter().flatten().map(|labels| labels.as_bytes().len()).sum();
    println!("{series} series of {} bytes of labels, {scrapes} scrapes", label_bytes / series);
    let store = Store::open(&dir, options, Arc::new(RealDisk), clock.clone())?;
    let start_ms = clock.now_ms() - scrapes as i64 * INTERVAL_MS;
    let base_memory = status_bytes("VmRSS");
    let resident = |what: &str| {
        let bytes = status_bytes("VmRSS").saturating_sub(base_memory) as f64 / series as f64;
        println!("{what}: {bytes:.0} resident bytes/series");
    };
    let (mut generating, mut first, cpu) = (Duration::ZERO, Duration::ZERO, cpu_seconds());
    let mut batch = Batch::new();
    for scrape in 0..scrapes {
        let began = Instant::now();
        for (target, packed) in targets.iter_mut().zip(&packed) {
            let started = Instant::now();
            let (timestamp_ms, values) = target.scrape(start_ms + scrape as i64 * INTERVAL_MS);
            let values: Vec<f64> = values.map(|(.., value)| value).collect();
            generating += started.elapsed();
            batch.clear();
            for (labels, value) in packed.iter().zip(values) {
                batch.begin_packed(labels.as_bytes());
                batch.push_float(timestamp_ms, 0, value);
            }
            // As a scrape loop: the write is kept, nobody waits for it.
            drop(store.append(&batch));
        }
        if scrape == 0 {
            first = began.elapsed();
            resident("after the first scrape");
        }
    }
    let total = (series * scrapes) as f64;
    let cpu = cpu_seconds() - cpu - generating.as_secs_f64();
    println!("first scrape: {:.2} s; all: {:.0} CPU ns/sample", first.as_secs_f64(), cpu * 1e9 / total);
    resident("after the last");
    let stats = store.counters();
    println!(
        "estimated: {} bytes/series; log: {:.2} bytes/sample",
        stats.head_bytes / series as u64,
        stats.log.bytes_written as f64 / total
    );
    drop(store);
    // In a process of its own: what this one has freed would hide what a start takes.
    let again = std::process::Command::new(std::env::current_exe()?).arg(RESTART).arg(&dir).status()?;
    std::fs::remove_dir_all(&dir)?;
    if again.success() { Ok(()) } else { Err("the second process failed".into()) }
}

/// Starts with everything in the log, flushes, and starts again.
fn restart(dir: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let clock = Arc::new(SystemClock);
    let options = StoreOptions { background: false, ..StoreOptions::default() };
    let base_memory = status_bytes("VmRSS");
    let (started, cpu) = (Instant::now(), cpu_seconds());
    let store = Store::open(dir, options.clone(), Arc::new(RealDisk), clock.clone())?;
    println!(
        "start with all in the log: {:.2} s, {:.2} CPU s",
        started.elapsed().as_secs_f64(),
        cpu_seconds() - cpu
    );
    let series = store.counters().head_series.max(1);
    let resident = |what: &str| {
        let bytes = status_bytes("VmRSS").saturating_sub(base_memory) as f64 / series as f64;
        println!("{what}: {bytes:.0} resident bytes/series");
    };
    resident("then");
    let (stop, longest) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| write_meanwhile(&store, &*clock, &stop, &longest));
        let (started, cpu) = (Instant::now(), cpu_seconds());
        let flushed = store.flush_now();
        println!(
            "flush: {:.2} s, {:.2} CPU s, longest write meanwhile {:.1} ms",
            started.elapsed().as_secs_f64(),
            cpu_seconds() - cpu,
            longest.load(Ordering::Relaxed) as f64 / 1e3
        );
        stop.store(true, Ordering::Relaxed);
        flushed
    })?;
    resident("after the flush");
    println!("at most: {:.0} resident bytes/series", status_bytes("VmHWM") as f64 / series as f64);
    drop(store);
    let started = Instant::now();
    let store = Store::open(dir, options, Arc::new(RealDisk), clock)?;
    println!("start after a flush: {:.2} s", started.elapsed().as_secs_f64());
    drop(store);
    Ok(())
}
