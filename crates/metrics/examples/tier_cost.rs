//! What downsampled tiers cost: bytes beside the samples they are made of, and the time of queries over both.
//!
//! `cargo run --profile quick-release --example tier_cost -- DAYS` writes node-like series, 15 seconds apart, to a
//! temporary folder. The second opening keeps samples for a day only, so that the same queries read tiers.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;
use watchfire_disk::RealDisk;
use watchfire_metrics::{Store, StoreOptions, TierOptions};
use watchfire_model::ingest::Row;
use watchfire_model::time::ManualClock;
use watchfire_model::{Digest, Labels, Matcher, SampleValue, Samples, TimeRange};

const DAY_MS: i64 = 86_400_000;
const FIRST_MS: i64 = 20_000 * DAY_MS;
const SERIES: u64 = 60;

fn options(retention_days: i64) -> StoreOptions {
    let tier = |resolution_ms, days: i64| TierOptions { resolution_ms, keep_ms: days * DAY_MS };
    StoreOptions {
        retention_ms: retention_days * DAY_MS,
        tiers: vec![tier(300_000, 1_000), tier(3_600_000, 4_000)],
        background: false,
        ..StoreOptions::default()
    }
}

/// A third counters of whole numbers, a third counters of seconds, a third gauges.
fn day(day: i64, state: &mut [f64], random: &mut fastrand::Rng) -> Vec<Row> {
    let labels = |id: u64| {
        let name = ["bytes_total", "seconds_total", "usage"][(id % 3) as usize];
        Labels::from_pairs([("__name__", name), ("instance", "a:9100"), ("id", &id.to_string())])
    };
    let series: Vec<Labels> = (0..SERIES).map(labels).collect();
    let mut rows = Vec::with_capacity(5_760 * state.len());
    for tick in 0..5_760 {
        let timestamp_ms = FIRST_MS + day * DAY_MS + tick * 15_000 + random.i64(0..3);
        for ((id, state), series) in (0_u64..).zip(state.iter_mut()).zip(&series) {
            match id % 3 {
                0 => *state += f64::from(random.u32(0..5_000)),
                1 => *state = ((*state + random.f64() * 15.0) * 100.0).round() / 100.0,
                _ => *state = ((*state * 0.95 + random.f64() * 5.0) * 1_000.0).round() / 1_000.0,
            }
            let value = SampleValue::Float(*state);
            rows.push(Row { series: series.clone(), timestamp_ms, start_timestamp_ms: 0, value });
        }
    }
    rows
}

/// Milliseconds to read what a query over the last `days` days reads, and how many samples that is.
fn read(store: &Store, days: i64, until_ms: i64, name: &str, digest: Digest) -> (f64, usize) {
    let began = Instant::now();
    let range = TimeRange::new(until_ms - days * DAY_MS + 1, until_ms);
    let (mut samples, mut count) = (Samples::default(), 0);
    let matchers = [Matcher::equal("__name__", name)];
    if let Ok(mut selection) = store.select_digest(&matchers, range, digest) {
        while let Ok(Some(_)) = selection.next(&mut samples) {
            count += samples.len();
        }
    }
    (began.elapsed().as_secs_f64() * 1_000.0, count)
}

fn open(path: &Path, retention_days: i64, clock: &Arc<ManualClock>) -> Option<Store> {
    Store::open(path, options(retention_days), Arc::new(RealDisk), Arc::clone(clock) as _).ok()
}

fn main() {
    let days = std::env::args().nth(1).and_then(|days| days.parse().ok()).unwrap_or(30_i64);
    let Ok(dir) = tempfile::tempdir() else { return };
    let clock = Arc::new(ManualClock::at(FIRST_MS));
    let (mut state, mut random) = (vec![0.0; SERIES as usize], fastrand::Rng::with_seed(1));
    let Some(store) = open(dir.path(), 3_000, &clock) else { return };
    for number in 0..days {
        clock.set(FIRST_MS + (number + 1) * DAY_MS);
        drop(store.write(day(number, &mut state, &mut random)));
        let _ = store.flush_now();
    }
    clock.set(FIRST_MS + days * DAY_MS + 2 * 3_600_000);
    let began = Instant::now();
    let _ = store.compact_now();
    let made_s = began.elapsed().as_secs_f64();
    let (counters, tiers) = (store.counters(), store.tier_stats());
    let raw = counters.part_samples as f64;
    println!("{days} days, {raw} samples: {:.3} bytes a sample", counters.part_bytes as f64 / raw);
    for tier in &tiers.tiers {
        let (bytes, windows) = (tier.bytes as f64, tier.windows as f64);
        println!(
            "{}: {:.3} bytes for each sample they stand for, {:.2} a window, {:.4} of the samples' bytes",
            tier.resolution,
            bytes / raw,
            bytes / windows,
            bytes / counters.part_bytes as f64
        );
    }
    println!("made in {made_s:.2} s: {:.1} million samples a second", raw / made_s / 1e6);
    let until_ms = FIRST_MS + days * DAY_MS;
    let queries = [
        ("rate", "bytes_total", Digest::Edges),
        ("avg_over_time", "usage", Digest::Totals),
        ("max_over_time", "usage", Digest::Largest),
    ];
    let ask = |store: &Store| {
        queries.map(|(_, name, digest)| {
            let _ = read(store, days, until_ms, name, digest);
            read(store, days, until_ms, name, digest)
        })
    };
    let from_samples = ask(&store);
    drop(store);
    let Some(store) = open(dir.path(), 1, &clock) else { return };
    clock.advance(2 * DAY_MS);
    let _ = store.compact_now();
    let from_tiers = ask(&store);
    for ((query, samples), tiers) in queries.iter().zip(from_samples).zip(from_tiers) {
        println!(
            "{}: {:.2} ms over {} samples, {:.2} ms over {} kept ones: {:.4} of the time",
            query.0,
            samples.0,
            samples.1,
            tiers.0,
            tiers.1,
            tiers.0 / samples.0
        );
    }
}
