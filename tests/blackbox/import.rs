//! A real Prometheus is written to and imported in every way there is; each sample must arrive bit for bit.
//!
//! `WATCHFIRE_TEST_PROMETHEUS` names another program than the `prometheus` that is installed.

use crate::harness::{Peer, binary, find_program, free_port, now_ms};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use watchfire_disk::RealDisk;
use watchfire_metrics::{Store, StoreOptions};
use watchfire_model::histogram::{CUSTOM_BUCKETS_SCHEMA, ResetHint, Span};
use watchfire_model::ingest::{Batch, ValueRef};
use watchfire_model::time::SystemClock;
use watchfire_model::{Histogram, Labels, MatchOp, Matcher, STALE_NAN, Samples, TimeRange};
use watchfire_wire::remote_write::{FloatSample, HistogramForm, HistogramSample, TimeSeries, decode, encode};
use watchfire_wire::{remote_read, snappy};

const SERIES: usize = 40;
/// Less than an hour of them: Prometheus takes nothing older than that beside newer samples.
const SAMPLES: i64 = 220;
const STEP_MS: i64 = 15_000;

/// Every sample of a series: floats as their bits, histograms without what is known about resets, which depends on how
/// chunks were cut.
type Told = BTreeMap<String, Vec<(i64, String)>>;

fn tell(samples: &Samples) -> Vec<(i64, String)> {
    let value = |index: usize| match samples.histogram(index) {
        Some(histogram) => {
            let plain = Histogram { reset_hint: ResetHint::Unknown, ..(**histogram).clone() };
            let mut bytes = Vec::new();
            plain.encode(&mut bytes);
            format!("{bytes:02x?}")
        }
        None => format!("{:016x}", samples.floats[index].to_bits()),
    };
    samples.timestamps_ms.iter().enumerate().map(|(index, at)| (*at, value(index))).collect()
}

/// A Prometheus that was written to.
struct Source {
    folder: tempfile::TempDir,
    _peer: Peer,
    base: String,
    client: reqwest::Client,
    version: String,
}

impl Source {
    async fn start() -> Option<Self> {
        let program = std::env::var("WATCHFIRE_TEST_PROMETHEUS").unwrap_or_else(|_| "prometheus".to_owned());
        let path = if program.contains('/') { PathBuf::from(&program) } else { find_program(&program)? };
        let version = Command::new(path).arg("--version").output().unwrap();
        let version = String::from_utf8_lossy(&[version.stdout, version.stderr].concat()).into_owned();
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("prometheus.yml");
        std::fs::write(&config, "scrape_configs: []\n").unwrap();
        let base = format!("127.0.0.1:{}", free_port());
        let peer = Peer::start(
            &program,
            [
                format!("--config.file={}", config.display()),
                format!("--storage.tsdb.path={}", folder.path().join("data").display()),
                format!("--web.listen-address={base}"),
                "--web.enable-remote-write-receiver".to_owned(),
                "--web.enable-admin-api".to_owned(),
                "--enable-feature=native-histograms".to_owned(),
            ],
        )?;
        let client = reqwest::Client::new();
        let source = Self { folder, _peer: peer, base: format!("http://{base}"), client, version };
        let started = Instant::now();
        while source.client.get(format!("{}/-/ready", source.base)).send().await.is_err() {
            assert!(started.elapsed() < Duration::from_secs(60), "prometheus did not start");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Some(source)
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    async fn post(&self, path: &str, body: Vec<u8>) -> (u16, Vec<u8>) {
        let started = Instant::now();
        loop {
            let request = self.client.post(format!("{}{path}", self.base)).body(body.clone());
            let request =
                request.header("content-encoding", "snappy").header("content-type", "application/x-protobuf");
            let answer = request.send().await.unwrap();
            let status = answer.status().as_u16();
            // Its first seconds are spent getting ready.
            if status != 503 || started.elapsed() > Duration::from_secs(60) {
                return (status, answer.bytes().await.unwrap().to_vec());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    async fn write(&self, series: &[TimeSeries<'_>], form: HistogramForm) {
        let body = snappy::compress(&encode(series, &[], form)).unwrap();
        let (status, said) = self.post("/api/v1/write", body).await;
        assert!(status < 300, "{status}: {}", String::from_utf8_lossy(&said));
    }

    /// Compares with what it has by its own account. Asked for samples, it tells the sign of no zero, no custom bounds,
    /// and in old versions no histograms.
    async fn agrees(&self, expected: &Told) {
        let told = self.told().await;
        let can_tell =
            |labels: &str| labels.contains("floats") || self.is_3() && !labels.contains("kind=\"custom\"");
        for (labels, samples) in expected.iter().filter(|(labels, _)| can_tell(labels)) {
            let told = &told[labels];
            assert_eq!(told.len(), samples.len(), "{labels}");
            for (told, sample) in told.iter().zip(samples) {
                let sign = sample.1 == "8000000000000000" && told.1 == "0000000000000000";
                assert!(told == sample || (sign && told.0 == sample.0), "{labels}: {told:?}, not {sample:?}");
            }
        }
        assert!(told.keys().all(|labels| expected.contains_key(labels)));
    }

    fn is_3(&self) -> bool {
        self.version.contains("version 3")
    }

    async fn told(&self) -> Told {
        let all = vec![Matcher::new("kind", MatchOp::NotEqual, "custom").unwrap()];
        let range = TimeRange::new(0, now_ms() + 3_600_000);
        let body = snappy::compress(&remote_read::encode_request(&[all], range, false)).unwrap();
        let (status, answer) = self.post("/api/v1/read", body).await;
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&answer));
        let plain = snappy::decompress(&answer, 1 << 30).unwrap();
        let mut told = Told::new();
        for result in remote_read::results(&plain).unwrap() {
            let (mut batch, mut families) = (Batch::new(), Vec::new());
            decode(result, &mut batch, &mut families).unwrap();
            assert_eq!(batch.refused(), []);
            for series in batch.series() {
                let mut values = BTreeMap::new();
                for sample in series.samples() {
                    let mut one = Samples::default();
                    match sample.value {
                        ValueRef::Float(value) => one.push_float(sample.timestamp_ms, value),
                        ValueRef::Histogram(histogram) => {
                            one.push_histogram(sample.timestamp_ms, Arc::clone(histogram));
                        }
                    }
                    values.extend(tell(&one));
                }
                // Of a deleted series Prometheus may still tell that it was there.
                if !values.is_empty() {
                    told.insert(series.checked_labels().unwrap().to_string(), values.into_iter().collect());
                }
            }
        }
        told
    }
}

/// Floats of every kind, native histograms of both, and their ends. Gives what was written.
async fn fill(source: &Source) -> Told {
    let mut written = Told::new();
    let from = now_ms() - SAMPLES * STEP_MS - 60_000;
    let names: Vec<String> = (0..SERIES).map(|number| format!("host-{number}é")).collect();
    let float = |number: usize, index: i64| match (number % 5, index) {
        (_, index) if index == SAMPLES - 1 && number.is_multiple_of(2) => STALE_NAN,
        (0, _) => (index * 7 + number as i64) as f64,
        (1, _) => (index as f64 * 0.37).sin() * 1e-7,
        (2, _) => [f64::INFINITY, f64::NEG_INFINITY, -0.0, f64::MIN_POSITIVE / 8.0][index as usize % 4],
        (3, _) => f64::from_bits(0x7ff8_0000_0000_1234 + index as u64 % 3),
        _ => 42.0,
    };
    let floats: Vec<TimeSeries<'_>> = names
        .iter()
        .enumerate()
        .map(|(number, name)| TimeSeries {
            labels: vec![("__name__", "floats"), ("instance", name)],
            samples: (0..SAMPLES)
                .map(|index| FloatSample {
                    // Some targets are scraped with jitter, and one has a gap of half an hour.
                    timestamp_ms: from + index * STEP_MS + (number as i64 % 3) * (index % 7),
                    value: float(number, index),
                })
                .filter(|sample| {
                    number != 4 || !(60..180).contains(&((sample.timestamp_ms - from) / STEP_MS))
                })
                .collect(),
            ..TimeSeries::default()
        })
        .collect();
    for series in &floats {
        let mut samples = Samples::default();
        series.samples.iter().for_each(|sample| samples.push_float(sample.timestamp_ms, sample.value));
        written.insert(Labels::from_pairs(series.labels.iter().copied()).to_string(), tell(&samples));
    }
    for chunk in floats.chunks(10) {
        source.write(chunk, HistogramForm::Integer).await;
    }
    for (name, form) in [("whole", HistogramForm::Integer), ("float", HistogramForm::Float)] {
        let histograms = (0..SAMPLES).map(|index| {
            // It resets now and then, gets another layout, and ends.
            let base = (index % 80) as f64 + if form == HistogramForm::Float { 0.25 } else { 0.0 };
            let mut histogram = Histogram {
                schema: if index > 150 { 1 } else { 2 },
                zero_threshold: if index > 190 { 0.001 } else { 0.0 },
                zero_count: base,
                sum: base * 1.7 - 3.0,
                positive_spans: vec![Span { offset: -2, length: 2 }, Span { offset: 3, length: 1 }],
                positive_buckets: vec![base + 1.0, base * 2.0, 3.0],
                negative_spans: vec![Span { offset: 0, length: 1 }],
                negative_buckets: vec![base],
                ..Histogram::default()
            };
            histogram.count = histogram.zero_count
                + histogram.positive_buckets.iter().chain(&histogram.negative_buckets).sum::<f64>();
            if index == SAMPLES - 1 {
                histogram = Histogram { sum: STALE_NAN, ..Histogram::default() };
            }
            HistogramSample { timestamp_ms: from + index * STEP_MS, histogram: Arc::new(histogram) }
        });
        let labels = vec![("__name__", "latency"), ("kind", name)];
        let series = TimeSeries { labels, histograms: histograms.collect(), ..TimeSeries::default() };
        let mut samples = Samples::default();
        for sample in &series.histograms {
            samples.push_histogram(sample.timestamp_ms, Arc::clone(&sample.histogram));
        }
        // Older versions keep only some float histograms that are written to them.
        if form == HistogramForm::Float && !source.is_3() {
            continue;
        }
        written.insert(Labels::from_pairs(series.labels.iter().copied()).to_string(), tell(&samples));
        source.write(&[series], form).await;
    }
    if source.is_3() {
        let histograms = (0..100).map(|index| {
            let buckets = vec![index as f64, 2.0, 5.0];
            let histogram = Histogram {
                schema: CUSTOM_BUCKETS_SCHEMA,
                count: buckets.iter().sum(),
                sum: index as f64,
                positive_spans: vec![Span { offset: 0, length: 3 }],
                positive_buckets: buckets,
                custom_values: vec![0.005, std::f64::consts::PI],
                ..Histogram::default()
            };
            HistogramSample { timestamp_ms: from + index * STEP_MS, histogram: Arc::new(histogram) }
        });
        let labels = vec![("__name__", "latency"), ("kind", "custom")];
        let series = TimeSeries { labels, histograms: histograms.collect(), ..TimeSeries::default() };
        let mut samples = Samples::default();
        for sample in &series.histograms {
            samples.push_histogram(sample.timestamp_ms, Arc::clone(&sample.histogram));
        }
        written.insert(Labels::from_pairs(series.labels.iter().copied()).to_string(), tell(&samples));
        source.write(&[series], HistogramForm::Integer).await;
    }
    written
}

fn import(from: impl AsRef<std::ffi::OsStr>, to: &Path) -> Command {
    let mut command = Command::new(binary());
    command.args(["import", "prometheus"]).arg(from);
    command.arg(format!("--storage.tsdb.path={}", to.display())).stdin(Stdio::null());
    command
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// What a data folder of ours holds, and how many samples its parts do.
fn held(path: &Path) -> (Told, u64) {
    let options = StoreOptions { background: false, ..StoreOptions::default() };
    let store = Store::open(path, options, Arc::new(RealDisk), Arc::new(SystemClock)).unwrap();
    let mut selection = store.select(&[], TimeRange::ALL).unwrap();
    let (mut told, mut samples) = (Told::new(), Samples::default());
    while let Some(labels) = selection.next(&mut samples).unwrap() {
        told.insert(labels.to_string(), tell(&samples));
    }
    assert!(selection.warnings().is_empty());
    drop((selection, store));
    let report =
        watchfire_metrics::verify(path, &RealDisk, &mut |_| std::ops::ControlFlow::Continue(())).unwrap();
    assert_eq!(report.problems, []);
    (told, report.samples)
}

fn count(told: &Told) -> u64 {
    told.values().map(|samples| samples.len() as u64).sum()
}

fn assert_same(found: &Told, expected: &Told, way: &str) {
    assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>(), "{way}");
    for (labels, samples) in expected {
        let found = &found[labels];
        let different = samples.iter().zip(found).find(|(left, right)| left != right);
        assert!(different.is_none(), "{way}: {labels}: {different:?}");
        assert_eq!(found.len(), samples.len(), "{way}: {labels}");
    }
}

#[tokio::test]
async fn every_sample_of_a_prometheus_arrives_bit_for_bit_from_folder_snapshot_and_url() {
    let Some(source) = Source::start().await else { return };
    let mut expected = fill(&source).await;
    // Somebody deleted a series before he moved.
    let gone = "/api/v1/admin/tsdb/delete_series?match[]=floats%7Binstance%3D%22host-7%C3%A9%22%7D";
    assert_eq!(source.post(gone, Vec::new()).await.0, 204);
    expected.retain(|labels, _| !labels.contains("host-7é"));
    source.agrees(&expected).await;
    assert!(count(&expected) > 8_000, "{} samples", count(&expected));
    let (status, _) = source.post("/api/v1/admin/tsdb/snapshot", Vec::new()).await;
    assert_eq!(status, 200);
    let snapshots = source.data().join("snapshots");
    let snapshot = std::fs::read_dir(&snapshots).unwrap().next().unwrap().unwrap().path();
    let data = source.data();
    let url = source.base.clone();
    let ways = [("snapshot", snapshot.as_os_str()), ("folder", data.as_os_str()), ("url", url.as_ref())];
    for (way, from) in ways {
        let to = source.folder.path().join(way);
        let output = import(from, &to).output().unwrap();
        assert!(output.status.success(), "{way}: {}", said(&output));
        let (found, stored) = held(&to);
        assert_same(&found, &expected, way);
        assert_eq!(stored, count(&expected), "{way}");
        // Once more: what is there is known and nothing is there twice.
        if way != "url" {
            let output = import(from, &to).output().unwrap();
            assert!(said(&output).contains("imported before") || way == "folder", "{}", said(&output));
            assert_same(&held(&to).0, &expected, way);
        }
    }
    // Killed again and again it ends the same.
    let to = source.folder.path().join("killed");
    let mut pause = Duration::from_millis(1);
    for _ in 0..12 {
        let mut child = import(&snapshot, &to).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(pause);
        pause = pause * 3 / 2;
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let output = import(&snapshot, &to).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let (found, stored) = held(&to);
    assert_same(&found, &expected, "killed");
    assert_eq!(stored, count(&expected), "nothing is there twice");
    // Only what was asked for.
    let to = source.folder.path().join("some");
    let output = import(&snapshot, &to).arg("--match=latency{kind=\"whole\"}").output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(held(&to).0.len(), 1);
}

#[tokio::test]
async fn a_damaged_chunk_is_named_and_everything_else_imported() {
    let Some(source) = Source::start().await else { return };
    let expected = fill(&source).await;
    assert_eq!(source.post("/api/v1/admin/tsdb/snapshot", Vec::new()).await.0, 200);
    let snapshot =
        std::fs::read_dir(source.data().join("snapshots")).unwrap().next().unwrap().unwrap().path();
    let block = std::fs::read_dir(&snapshot).unwrap().next().unwrap().unwrap().path();
    let chunks = block.join("chunks/000001");
    let mut bytes = std::fs::read(&chunks).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x40;
    std::fs::write(&chunks, &bytes).unwrap();
    let to = source.folder.path().join("to");
    let output = import(&snapshot, &to).output().unwrap();
    let text = said(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("chunks/000001 at byte"), "{text}");
    assert!(text.contains("1 damaged place was found and left out"), "{text}");
    let (found, _) = held(&to);
    let lost = count(&expected) - count(&found);
    assert!((1..=220).contains(&lost), "one chunk is lost, not {lost} samples");
    // The file is mended: the next run imports what was missing.
    bytes[middle] ^= 0x40;
    std::fs::write(&chunks, &bytes).unwrap();
    let output = import(&snapshot, &to).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let (found, stored) = held(&to);
    assert_same(&found, &expected, "mended");
    assert_eq!(stored, count(&expected), "nothing is there twice");
}

#[test]
fn a_source_that_is_none_and_history_that_is_too_old_are_refused_with_the_mend() {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("to");
    let output = import(folder.path(), &to).output().unwrap();
    let text = said(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("no blocks and no write-ahead log here"), "{text}");
    let ulid = "01HQ0000000000000000000000";
    std::fs::create_dir(folder.path().join(ulid)).unwrap();
    let meta = format!(r#"{{"ulid":"{ulid}","minTime":1000,"maxTime":7200000,"version":1}}"#);
    std::fs::write(folder.path().join(ulid).join("meta.json"), meta).unwrap();
    let text = said(&import(folder.path(), &to).output().unwrap());
    assert!(text.contains("--storage.tsdb.retention.time") && text.contains("--skip-old"), "{text}");
    assert!(!to.exists(), "nothing was touched");
    let text = said(&import("http://127.0.0.1:1/x", &to).arg("--match=rate(x[1m])").output().unwrap());
    assert!(text.contains("write it like up or"), "{text}");
}
