//! What parts cost: `cargo run --profile quick-release -p watchfire-metrics --example part_cost -- [SERIES] [SCRAPES] [FLUSHES]`.
//!
//! Series shaped as in `bench/`, scraped every 15 s, flushed FLUSHES times and then merged. Prints bytes per sample by
//! what they are for, CPU of flushing and merging, how fast all samples are read, and how long it takes to select one
//! series, cold and warm, in parts and in memory. Each series also has a label `uid` with a value of its own.

#[allow(dead_code, reason = "only its series are used")]
#[path = "../../../bench/src/load.rs"]
mod load;

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;
use watchfire_disk::RealDisk;
use watchfire_metrics::{Store, StoreOptions, verify};
use watchfire_model::ingest::Batch;
use watchfire_model::time::{Clock, SystemClock};
use watchfire_model::{Labels, MatchOp, Matcher, Samples, TimeRange};

fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
    let ticks = |index: usize| fields.get(index).and_then(|ticks| ticks.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / 100.0
}

fn peak_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or(0) * 1024
}

fn select(store: &Store, what: &str, matchers: &[Matcher]) -> Result<(), Box<dyn std::error::Error>> {
    let mut samples = Samples::default();
    let (mut found, mut times) = (0, Vec::new());
    for _ in 0..11 {
        let began = Instant::now();
        let mut selection = store.select(matchers, TimeRange::ALL)?;
        found = 0;
        while selection.next(&mut samples)?.is_some() {
            found += 1;
        }
        times.push(began.elapsed().as_secs_f64() * 1e6);
    }
    let first = times[0];
    times.sort_by(f64::total_cmp);
    println!("  {what}: {found} series, first {first:.0} µs, then {:.0} µs", times[times.len() / 2]);
    Ok(())
}

fn selections(store: &Store, labels: &Labels, uid: &str) -> Result<(), Box<dyn std::error::Error>> {
    let equal = |name: &str| Matcher::equal(name, labels.get(name).unwrap_or(""));
    let device = labels
        .iter()
        .map(|(name, _)| name)
        .find(|name| !["__name__", "instance", "job", "uid"].contains(name));
    let device = device.unwrap_or("job");
    select(store, "by name, instance and another", &[equal("__name__"), equal("instance"), equal(device)])?;
    select(store, "by a value of its own", &[Matcher::equal("uid", uid)])?;
    let prefix = Matcher::new("uid", MatchOp::Regex, format!("{uid}.*"))?;
    select(store, "by a pattern with that prefix", &[prefix])?;
    let all = Matcher::new("job", MatchOp::Regex, "n.+")?;
    select(
        store,
        "with a pattern for all besides",
        &[equal("__name__"), equal("instance"), equal(device), all],
    )
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<usize>());
    let series = arguments.next().transpose()?.unwrap_or(10_000);
    let scrapes = arguments.next().transpose()?.unwrap_or(480);
    let flushes = arguments.next().transpose()?.unwrap_or(4);
    let dir = std::env::temp_dir().join(format!("watchfire-part-cost-{}", std::process::id()));
    let clock = Arc::new(SystemClock);
    let options =
        StoreOptions { background: false, retention_ms: i64::MAX, relaxed: true, ..StoreOptions::default() };
    let store = Store::open(&dir, options.clone(), Arc::new(RealDisk), Arc::clone(&clock) as Arc<dyn Clock>)?;
    let mut targets = load::targets(series, 1);
    // One day, so that all become one part.
    let day = 86_400_000;
    let start_ms = clock.now_ms() / day * day - day;
    let (mut flush_s, mut sent) = (0.0, Batch::new());
    let mut one = None;
    for scrape in 0..scrapes {
        for (target, state) in targets.iter_mut().enumerate() {
            let (_, samples) = state.scrape(start_ms + scrape as i64 * 15_000);
            sent.clear();
            for (index, (labels, timestamp_ms, value)) in samples.enumerate() {
                let uid = format!(
                    "{:08x}",
                    (target * load::SERIES_PER_TARGET + index).wrapping_mul(0x9e37_79b1) as u32
                );
                sent.begin_series();
                for (name, value) in labels.iter().filter(|(name, _)| name.as_str() < "uid") {
                    sent.push_label(name.as_bytes(), value.as_bytes());
                }
                sent.push_label(b"uid", uid.as_bytes());
                sent.push_float(timestamp_ms, 0, value);
                if target == series / load::SERIES_PER_TARGET / 2 && index == 14 {
                    let pairs = labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
                    one = Some((Labels::from_pairs(pairs), uid));
                }
            }
            drop(store.append(&sent));
        }
        if (scrape + 1) % scrapes.div_ceil(flushes) == 0 && scrape + 1 < scrapes {
            let cpu = cpu_seconds();
            store.compact_now()?;
            flush_s += cpu_seconds() - cpu;
        }
    }
    let (labels, uid) = one.ok_or("too few series")?;
    println!("in memory");
    selections(&store, &labels, &uid)?;
    let cpu = cpu_seconds();
    store.compact_now()?;
    flush_s += cpu_seconds() - cpu;
    let total = store.counters().part_samples as f64;
    println!(
        "{total} samples; {:.0} ns of CPU a sample to flush and merge; at most {} MB in memory",
        flush_s * 1e9 / total,
        peak_bytes() >> 20
    );
    drop(store);
    let report = verify(&dir, &RealDisk, &mut |_| ControlFlow::Continue(()))?;
    for (what, bytes) in [
        ("values", report.value_bytes),
        ("timestamps", report.timestamp_bytes),
        ("series", report.series_bytes),
        ("index", report.index_bytes),
        ("all", std::fs::metadata(part(&dir)?)?.len()),
    ] {
        println!(
            "  {what:12}{:>8.3} bytes a sample, {:>8.1} bytes a series",
            bytes as f64 / total,
            bytes as f64 / series as f64
        );
    }
    let began = Instant::now();
    let store = Store::open(&dir, options, Arc::new(RealDisk), clock)?;
    println!("opened in {:.1} ms", began.elapsed().as_secs_f64() * 1e3);
    println!("in parts");
    selections(&store, &labels, &uid)?;
    let began = Instant::now();
    let mut samples = Samples::default();
    let mut selection = store.select(&[Matcher::equal("job", "node")], TimeRange::ALL)?;
    while selection.next(&mut samples)?.is_some() {}
    println!("all read at {:.0} M samples/s", total / began.elapsed().as_secs_f64() / 1e6);
    drop((selection, store));
    Ok(std::fs::remove_dir_all(&dir)?)
}

fn part(dir: &Path) -> Result<std::path::PathBuf, Box<dyn std::error::Error>> {
    let mut found = dir.join("parts");
    while found.is_dir() {
        found = std::fs::read_dir(&found)?.next().ok_or("no part")??.path();
    }
    Ok(found)
}
