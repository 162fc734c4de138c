//! Writes first inputs for the targets: files that a store made, and a few texts.
//! `cargo +nightly run --manifest-path fuzz/Cargo.toml --bin seeds`

use std::path::{Path, PathBuf};
use std::sync::Arc;
use watchfire_disk::{Disk, SimDisk};
use watchfire_metrics::{Store, StoreOptions};
use watchfire_model::ingest::{Batch, MetricSink, Row};
use watchfire_model::time::ManualClock;
use watchfire_model::{Histogram, Labels, Matcher, Metadata, SampleValue, TimeRange};

const REPORTS: [(&str, &str); 3] = [
    ("junit", "<testsuites><testsuite name=\"a\"><testcase name=\"b\" time=\"0.5\"><failure/></testcase></testsuite></testsuites>"),
    ("cobertura", "<coverage line-rate=\"0.5\" lines-covered=\"1\" lines-valid=\"2\"><packages/></coverage>"),
    ("lcov", "SF:a.rs\nLF:2\nLH:1\nend_of_record\n"),
];
const NOW_MS: i64 = 1_700_000_000_000;

fn main() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let disk = SimDisk::new(1);
    let options = StoreOptions { stepped: true, background: false, ..StoreOptions::default() };
    let clock = Arc::new(ManualClock::at(NOW_MS));
    let store = Store::open(Path::new("/s"), options, Arc::new(disk.clone()), clock).expect("an empty disk");
    store.wait_until_ready().expect("an empty log");
    let mut batch = Batch::default();
    for series in 0..20_u32 {
        let labels = Labels::from_pairs([("__name__", "m"), ("a", "b"), ("n", &*series.to_string())]);
        for step in 0..40_u32 {
            let value = match series % 4 {
                0 => SampleValue::Float(f64::from(step)),
                1 => SampleValue::Float(f64::from(step * series) / 10.0),
                2 => SampleValue::Float(f64::from(step).sqrt()),
                _ => SampleValue::Histogram(Arc::new(Histogram { count: f64::from(step), ..Histogram::default() })),
            };
            let timestamp_ms = NOW_MS - i64::from(step) * 15_000;
            batch.push(Row { series: labels.clone(), timestamp_ms, start_timestamp_ms: i64::from(step % 2), value });
        }
    }
    store.describe(&Labels::empty(), "m", Metadata { help: "Helps.".to_owned(), ..Metadata::default() });
    drop(MetricSink::write(&store, batch));
    for _ in 0..4 {
        store.step_log();
    }
    keep(&disk, &corpus);
    store.compact_now().expect("a healthy disk");
    keep(&disk, &corpus);
    store.delete(vec![vec![Matcher::equal("n", "3")]], TimeRange::new(0, NOW_MS - 100_000)).expect("a healthy disk");
    keep(&disk, &corpus);
    let mut event = vec![0x09, 0, 0, 0, 0, 0, 0x10, 0x7a, 0x40, 0x10, 3, 0x2a, 13, 0x0a, 11, 0x0a, 4];
    event.extend(b"loss\x15\0\0\0\x3f");
    put(&corpus.join("event_file"), "scalars", &watchfire_wire::event_file::frame(&event).repeat(2));
    put(&corpus.join("event_file"), "event", &event);
    for (name, text) in REPORTS {
        put(&corpus.join("reports"), name, text.as_bytes());
    }
    for (name, text) in EXPOSITIONS {
        put(&corpus.join("exposition"), name, text.as_bytes());
    }
    put(&corpus.join("manifest"), "whole", MANIFEST.as_bytes());
}

const EXPOSITIONS: [(&str, &str); 3] = [
    ("text", "# HELP a Helps.\n# TYPE a counter\na{b=\"c\\n\",d=\"\"} 1.5e3 1700000000000\n{\"x.y\",z=\"1\"} NaN\n"),
    (
        "openmetrics",
        "# TYPE a counter\n# UNIT a seconds\na_total{b=\"c\"} 1 1.5 # {trace=\"t\"} 0.5 1.0\na_created{b=\"c\"} 1.0\n# EOF\n",
    ),
    ("histogram", "# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_bucket{le=\"+Inf\"} 2\nh_sum 3\nh_count 2\n"),
];
const MANIFEST: &str = r#"{"name":"a-1","created_ms":1,"program":"0.1","files":[{"path":"wal/1","object":"objects/x","bytes":5,"crc32c":7}]}"#;

fn keep(disk: &SimDisk, corpus: &Path) {
    for (path, len) in disk.files() {
        let mut bytes = vec![0; usize::try_from(len).expect("small")];
        disk.open(&path).and_then(|file| file.read_at(&mut bytes, 0)).expect("a healthy disk");
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let choice = if name.ends_with(".part") { 0 } else if name.ends_with(".log") { 1 } else { 2 };
        if name == "LOCK" {
            continue;
        }
        if choice == 1 {
            put(&corpus.join("log"), &name, &bytes);
        }
        // As the targets `store` and `files` choose them.
        bytes.insert(0, choice);
        put(&corpus.join("store"), &name, &bytes);
        if let Some(kind) = ["part", "log", "metadata", "deletions", "exemplars"].iter().position(|end| name.ends_with(end)) {
            bytes.remove(0);
            bytes.insert(0, kind as u8);
            put(&corpus.join("files"), &name, &bytes);
        }
    }
}

fn put(folder: &PathBuf, name: &str, bytes: &[u8]) {
    std::fs::create_dir_all(folder).and_then(|()| std::fs::write(folder.join(name), bytes)).expect("room");
}
