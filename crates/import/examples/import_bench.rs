//! How fast a Prometheus folder is imported, and what it takes afterwards:
//! `cargo run --profile quick-release -p watchfire-import --example import_bench -- SOURCE TARGET`.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;
use watchfire_disk::RealDisk;
use watchfire_import::{Choice, Stop, Watch, find};
use watchfire_metrics::{ImportReport, Store, StoreOptions};
use watchfire_model::time::SystemClock;

struct Quiet;

impl Watch for Quiet {
    fn progress(&mut self, _: f64, _: &ImportReport) {}
    fn damaged(&mut self, text: String) {
        eprintln!("damaged: {text}");
    }
    fn note(&mut self, text: String) {
        eprintln!("{text}");
    }
}

fn bytes(folder: &Path) -> std::io::Result<u64> {
    let mut total = 0;
    for entry in std::fs::read_dir(folder)? {
        let (path, metadata) =
            (entry.as_ref().map(std::fs::DirEntry::path), entry.as_ref().map(|e| e.metadata()));
        if let (Ok(path), Ok(Ok(metadata))) = (path, metadata) {
            total += if metadata.is_dir() { bytes(&path)? } else { metadata.len() };
        }
    }
    Ok(total)
}

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [source, target] = args.as_slice() else { return Err("usage: import_bench SOURCE TARGET".into()) };
    let (source, target) = (Path::new(source), Path::new(target));
    let options = StoreOptions { retention_ms: i64::MAX / 2, background: false, ..StoreOptions::default() };
    let store = Store::open(target, options, Arc::new(RealDisk), Arc::new(SystemClock))?;
    let data = find(&RealDisk, source, &mut Quiet)?;
    let (choice, stop) = (Choice::default(), Stop::new());
    let (mut samples, mut block_bytes) = (0, 0);
    let started = Instant::now();
    for block in &data.blocks {
        block_bytes += bytes(block.path())?;
        let report = block.import(&RealDisk, &store, &choice, &stop, &mut Quiet)?;
        samples += report.map_or(0, |report| report.samples);
    }
    if let Some(head) = &data.head {
        samples +=
            head.import(&RealDisk, &store, &choice, &stop, &mut Quiet)?.map_or(0, |report| report.samples);
    }
    let seconds = started.elapsed().as_secs_f64();
    store.compact_now()?;
    let parts = bytes(&target.join("parts"))?;
    println!("{samples} samples in {seconds:.2} s: {:.1} M samples/s", samples as f64 / seconds / 1e6);
    println!(
        "{block_bytes} bytes of blocks became {parts} bytes of merged parts: {:.2} times, {:.3} bytes a sample",
        parts as f64 / block_bytes.max(1) as f64,
        parts as f64 / samples.max(1) as f64
    );
    Ok(())
}
