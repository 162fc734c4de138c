//! How long typical queries take over series in memory: milliseconds per query, and nanoseconds per sample read.
//!
//! `cargo run --profile quick-release -p watchfire-promql --example engine_bench [RUNS]`
//!
//! One hour at 15 s; each query is asked over the last half hour at a step of 30 s, and its fastest run counts. The
//! part of the source, copying samples, is in the times, and shown by itself in the first line.

use std::sync::Arc;
use std::time::Instant;
use watchfire_model::{Labels, Matcher, Samples, TimeRange};
use watchfire_promql::{Engine, ParseOptions, Query, SelectHints, SeriesStream, Source, SourceError, parse};

const INTERVAL_MS: i64 = 15_000;
const SAMPLES: i64 = 240;
const INSTANCES: usize = 100;
const BOUNDS: [&str; 15] = [
    "0.005", "0.01", "0.025", "0.05", "0.075", "0.1", "0.25", "0.5", "0.75", "1", "2.5", "5", "7.5", "10",
    "+Inf",
];

const QUERIES: [&str; 18] = [
    "gauge",
    "count(buckets_bucket)",
    "rate(requests_total[5m])",
    "sum by (job) (rate(requests_total[5m]))",
    "sum without (instance) (rate(requests_total[5m]))",
    "histogram_quantile(0.9, rate(buckets_bucket[5m]))",
    "histogram_quantile(0.9, sum by (le) (rate(buckets_bucket[5m])))",
    "topk(5, rate(requests_total[5m]))",
    "quantile_over_time(0.9, gauge[5m])",
    "quantile by (job) (0.9, gauge)",
    "requests_total / on (instance, path) gauge",
    "requests_total * on (instance) group_left (version) build_info",
    "avg_over_time(gauge[5m])",
    "max_over_time(gauge[5m])",
    "count_values(\"v\", gauge)",
    "label_replace(gauge, \"short\", \"$1\", \"instance\", \"(.*):.*\")",
    "max_over_time(rate(requests_total[1m])[5m:30s])",
    "gauge > 50",
];

/// Series in memory, in label order.
struct Memory(Vec<(Labels, Samples)>);

struct Stream<'a> {
    series: std::vec::IntoIter<&'a (Labels, Samples)>,
    range: TimeRange,
}

impl SeriesStream for Stream<'_> {
    fn next(&mut self, samples: &mut Samples) -> Result<Option<Labels>, SourceError> {
        samples.clear();
        let Some((labels, stored)) = self.series.next() else { return Ok(None) };
        let first = stored.timestamps_ms.partition_point(|time| *time < self.range.start_ms);
        let end = stored.timestamps_ms.partition_point(|time| *time <= self.range.end_ms);
        samples.timestamps_ms.extend_from_slice(&stored.timestamps_ms[first..end]);
        samples.floats.extend_from_slice(&stored.floats[first..end]);
        Ok(Some(labels.clone()))
    }
}

impl Source for Memory {
    fn select(
        &self,
        matchers: &[Matcher],
        range: TimeRange,
        _hints: &SelectHints,
    ) -> Result<Box<dyn SeriesStream + '_>, SourceError> {
        let fits = |labels: &Labels| {
            matchers.iter().all(|matcher| matcher.matches(labels.get(&matcher.name).unwrap_or("")))
        };
        let series: Vec<_> = self.0.iter().filter(|(labels, _)| fits(labels)).collect();
        Ok(Box::new(Stream { series: series.into_iter(), range }))
    }

    fn label_names(&self, _: &[Matcher], _: TimeRange) -> Result<Vec<String>, SourceError> {
        Ok(Vec::new())
    }

    fn label_values(&self, _: &str, _: &[Matcher], _: TimeRange) -> Result<Vec<String>, SourceError> {
        Ok(Vec::new())
    }
}

/// A small generator, so that every run measures the same data.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % limit) as f64
    }
}

fn data() -> Memory {
    let mut dice = Dice(42);
    let mut series = Vec::new();
    let mut add = |labels: &[(&str, &str)], next: &mut dyn FnMut() -> f64| {
        let mut samples = Samples::default();
        for index in 0..SAMPLES {
            samples.push_float(index * INTERVAL_MS, next());
        }
        series.push((labels.iter().copied().collect::<Labels>(), samples));
    };
    for index in 0..INSTANCES {
        let instance = format!("host-{index:03}.example.com:9100");
        let instance = ("instance", instance.as_str());
        let job = ("job", if index % 4 == 0 { "api-server" } else { "node" });
        let version = ("version", if index % 2 == 0 { "1.2.3" } else { "1.3.0" });
        add(&[("__name__", "build_info"), instance, job, version], &mut || 1.0);
        for path in 0..10 {
            let path = format!("/api/v1/resource/{path}");
            let path = ("path", path.as_str());
            let mut counter = 0.0;
            add(&[("__name__", "requests_total"), instance, job, path, ("method", "GET")], &mut || {
                counter += dice.below(100);
                counter
            });
            add(&[("__name__", "gauge"), instance, job, path], &mut || dice.below(100));
        }
        for (place, bound) in BOUNDS.into_iter().enumerate() {
            let mut counter = 0.0;
            add(&[("__name__", "buckets_bucket"), instance, job, ("le", bound)], &mut || {
                counter += 10.0 * (place + 1) as f64;
                counter
            });
        }
    }
    series.sort_by(|left, right| left.0.cmp(&right.0));
    Memory(series)
}

/// Reads everything once, as the engine would, and nothing else: the source's own part.
fn read_all(source: &Memory) -> usize {
    let range = TimeRange { start_ms: 0, end_ms: SAMPLES * INTERVAL_MS };
    let Ok(mut stream) = source.select(&[], range, &SelectHints::default()) else { return 0 };
    let (mut samples, mut read) = (Samples::default(), 0);
    while let Ok(Some(_)) = stream.next(&mut samples) {
        read += samples.len();
    }
    read
}

fn fastest<T>(runs: usize, mut run: impl FnMut() -> T) -> (f64, Option<T>) {
    let (mut fastest, mut answer) = (f64::INFINITY, None);
    for _ in 0..runs {
        let started = Instant::now();
        answer = Some(run());
        fastest = fastest.min(started.elapsed().as_secs_f64());
    }
    (fastest, answer)
}

fn main() {
    let runs = std::env::args().nth(1).and_then(|runs| runs.parse().ok()).unwrap_or(15);
    let source = Arc::new(data());
    let engine = Engine::default();
    println!("{} series of {SAMPLES} samples", source.0.len());
    let (seconds, read) = fastest(runs, || read_all(&source));
    let read = read.unwrap_or(0).max(1);
    println!("{:9.3} ms {:7.2} ns/sample  reading alone", seconds * 1e3, seconds * 1e9 / read as f64);
    let end_ms = SAMPLES * INTERVAL_MS;
    for text in QUERIES {
        let expr = match parse(text, ParseOptions::default()) {
            Ok(expr) => expr,
            Err(error) => {
                eprintln!("{text}: {error}");
                continue;
            }
        };
        let query = Query::range(expr, end_ms / 2, end_ms, 30_000);
        match fastest(runs, || engine.evaluate(&query, source.as_ref())) {
            (seconds, Some(Ok(result))) => {
                let per_sample = seconds * 1e9 / result.samples_read.max(1) as f64;
                println!("{:9.3} ms {per_sample:7.2} ns/sample  {text}", seconds * 1e3);
            }
            (_, Some(Err(error))) => eprintln!("{text}: {error}"),
            (_, None) => {}
        }
    }
}
