//! What the questions of `bench/run queries` cost without HTTP, on one thread, in the data that a run with
//! `BENCH_DATA=FOLDER` has left: `cargo run --profile quick-release -p watchfire-metrics --example query_cost --
//! FOLDER/watchfire END_MS [ONLY] [RUNS]`. END_MS is what `FOLDER/loaded` says.
//!
//! Prints milliseconds of CPU of each run on the average, the samples read, the series of the answer, and the sum of the bits of all
//! values, which no change that only makes things quicker may change. No server may have the folder open.

use std::path::Path;
use std::sync::Arc;
use watchfire_disk::RealDisk;
use watchfire_metrics::{Batch, Downsampled, Split as StoreSplit, Store, StoreOptions};
use watchfire_model::time::SystemClock;
use watchfire_model::{Coarse, Labels, Matcher, Samples, TimeRange};
use watchfire_promql::{
    Engine, EngineOptions, ParseOptions, Query, SelectHints, SeriesStream, Source, SourceError, Split, Value,
    parse,
};

/// As in `bench/src/comparison.rs`: `$r` is a short range, `$q` a longer one, `$s` a step.
const QUESTIONS: [(&str, &str); 13] = [
    ("single series", "rate(node_cpu_seconds_total{instance=\"host-007:9100\",cpu=\"3\",mode=\"user\"}[$r])"),
    ("host by mode", "sum by (mode) (rate(node_cpu_seconds_total{instance=\"host-007:9100\"}[$r]))"),
    ("fleet by instance", "sum by (instance) (rate(node_cpu_seconds_total{mode!=\"idle\"}[$r]))"),
    ("fleet by mode", "sum by (mode) (rate(node_cpu_seconds_total[$r]))"),
    ("topk of averages", "topk(5, avg_over_time(DCGM_FI_DEV_POWER_USAGE[$r]))"),
    (
        "p99, classic",
        "histogram_quantile(0.99, sum by (le, model_name) (rate({__name__=\"vllm:time_to_first_token_seconds_bucket\"}[$r])))",
    ),
    ("p99, native", "histogram_quantile(0.99, sum by (model_name) (rate(inference_latency_seconds[$r])))"),
    (
        "regex on devices",
        "sum by (instance) (rate(node_network_receive_bytes_total{device=~\"eth.*|ens.*\"}[$r]))",
    ),
    (
        "filesystem join",
        "(1 - node_filesystem_avail_bytes / node_filesystem_size_bytes) * on (instance) group_left (rack) node_rack_info",
    ),
    ("quantile over time", "quantile_over_time(0.95, DCGM_FI_DEV_GPU_TEMP[$q])"),
    ("predict_linear", "predict_linear(node_filesystem_avail_bytes[$q], 14400)"),
    ("subquery", "max_over_time(sum by (instance) (rate(node_cpu_seconds_total{mode=\"user\"}[$r]))[$q:$s])"),
    ("count everything", "count by (job) ({__name__=~\".+\"})"),
];

/// Name, length, step, and what stands for `$r`, `$q` and `$s`.
const RANGES: [(&str, i64, i64, [&str; 3]); 2] = [
    ("1 h", 3_600_000, 15_000, ["5m", "30m", "1m"]),
    ("30 d", 30 * 86_400_000, 3_600_000, ["1h", "6h", "30m"]),
];

/// The store as the engine sees it.
struct StoreSource(Arc<Store>);

impl Source for StoreSource {
    fn select(
        &self,
        matchers: &[Matcher],
        range: TimeRange,
        hints: &SelectHints,
    ) -> Result<Box<dyn SeriesStream + '_>, SourceError> {
        Ok(Box::new(Stream(self.0.select_digest(matchers, range, hints.digest()).map_err(failed)?)))
    }

    fn label_names(&self, matchers: &[Matcher], range: TimeRange) -> Result<Vec<String>, SourceError> {
        self.0.label_names(matchers, range).map_err(failed)
    }

    fn label_values(
        &self,
        name: &str,
        matchers: &[Matcher],
        range: TimeRange,
    ) -> Result<Vec<String>, SourceError> {
        self.0.label_values(name, matchers, range).map_err(failed)
    }
}

fn failed(error: watchfire_metrics::ReadError) -> SourceError {
    SourceError::Storage(error.to_string())
}

struct Stream(Downsampled);

impl SeriesStream for Stream {
    fn next(&mut self, samples: &mut Samples) -> Result<Option<Labels>, SourceError> {
        self.0.next(samples).map_err(failed)
    }

    fn split(&mut self, max: usize) -> Split {
        match self.0.split(max) {
            StoreSplit::End => Split::End,
            StoreSplit::Batch(batch) => Split::Batch(Box::new(Part(batch))),
            StoreSplit::Inseparable => Split::Inseparable,
        }
    }

    fn most(&self) -> usize {
        self.0.most()
    }

    fn coarse(&self) -> &[Coarse] {
        self.0.coarse()
    }
}

struct Part(Box<Batch>);

impl SeriesStream for Part {
    fn next(&mut self, samples: &mut Samples) -> Result<Option<Labels>, SourceError> {
        self.0.next(samples).map_err(failed)
    }
}

/// What this thread has cost so far, in milliseconds; the wall clock says little on a machine with other work.
fn cpu_ms() -> f64 {
    // The kernel counts when a thread stops running.
    std::thread::yield_now();
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = text.split_whitespace().next().and_then(|text| text.parse::<f64>().ok());
    nanoseconds.unwrap_or(f64::NAN) / 1e6
}

/// The number of series, and the bits of all values added up.
fn sum_of(value: &Value) -> (usize, u64) {
    let Value::Matrix(series) = value else { return (0, 0) };
    let bits = series.iter().flat_map(|series| series.samples.floats.iter().map(|value| value.to_bits()));
    (series.len(), bits.fold(0, u64::wrapping_add))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let usage = "usage: query_cost FOLDER END_MS [ONLY] [RUNS]";
    let folder = args.next().ok_or(usage)?;
    let end_ms: i64 = args.next().ok_or(usage)?.trim().parse()?;
    let only = args.next().unwrap_or_default();
    let runs: usize = args.next().map_or(Ok(7), |runs| runs.parse())?;
    let options =
        StoreOptions { retention_ms: 100 * 86_400_000, background: false, ..StoreOptions::default() };
    let store =
        Arc::new(Store::open(Path::new(&folder), options, Arc::new(RealDisk), Arc::new(SystemClock))?);
    store.wait_until_ready()?;
    let source = StoreSource(Arc::clone(&store));
    let engine = Engine::new(EngineOptions { threads: 1, ..EngineOptions::default() });
    let mut log_sum = 0.0;
    let mut asked = 0;
    for (range, length_ms, step_ms, [short, long, step]) in RANGES {
        for (name, text) in QUESTIONS {
            let name = format!("{range} {name}");
            if !name.contains(&only) {
                continue;
            }
            let text = text.replace("$r", short).replace("$q", long).replace("$s", step);
            let (mut began, mut answer, mut read) = (0.0, (0, 0), 0);
            for run in 0..=runs {
                // The first run fills caches.
                if run == 1 {
                    began = cpu_ms();
                }
                let expr = parse(&text, ParseOptions::default())?;
                let query =
                    Query::range(expr, (end_ms - length_ms) / 1000 * 1000, end_ms / 1000 * 1000, step_ms);
                let result = engine.evaluate(&query, &source)?;
                answer = sum_of(&result.value);
                read = result.samples_read;
            }
            let mean_ms = (cpu_ms() - began) / runs as f64;
            println!(
                "{name:<26}{mean_ms:>10.3} ms {read:>10} samples {:>6} series {:016x}",
                answer.0, answer.1
            );
            log_sum += mean_ms.ln();
            asked += 1;
        }
    }
    println!("geometric mean of {asked}: {:.3} ms", (log_sum / f64::from(asked)).exp());
    // What was read from the log stays there.
    std::process::exit(0)
}
