//! A fleet of hosts with GPUs and LLM servers, for questions: some hours of it as scraped, and a month of some of its
//! hosts at a coarser interval. The same on every run.

use crate::load::{Shape, State};
use fastrand::Rng;
use std::sync::Arc;
use watchfire_model::Histogram;
use watchfire_model::histogram::Span;
use watchfire_wire::remote_write::{FloatSample, HistogramForm, HistogramSample, TimeSeries, encode};
use watchfire_wire::snappy;

const CPUS: usize = 16;
const MODES: [&str; 8] = ["idle", "iowait", "irq", "nice", "softirq", "steal", "system", "user"];
const FILESYSTEMS: usize = 8;
const GPUS: usize = 8;
const ENGINES: usize = 2;
const MODELS: usize = 10;
const BOUNDS: [&str; 15] = [
    "0.001", "0.005", "0.01", "0.02", "0.04", "0.06", "0.08", "0.1", "0.25", "0.5", "0.75", "1.0", "2.5",
    "5.0", "+Inf",
];
/// Buckets of a native histogram of schema 3: nine to a doubling, from about a millisecond to some seconds.
const NATIVE_BUCKETS: usize = 48;

/// A host's series share their timestamps.
pub(crate) struct Host {
    series: Vec<State>,
    histograms: Vec<NativeHistogram>,
    offset_ms: i64,
    rng: Rng,
}

struct NativeHistogram {
    labels: Vec<(String, String)>,
    buckets: Vec<f64>,
    sum: f64,
}

/// The hosts of a fleet.
pub(crate) fn hosts(count: usize) -> Vec<Host> {
    (0..count).map(Host::new).collect()
}

impl Host {
    fn new(number: usize) -> Self {
        let mut rng = Rng::with_seed(7 ^ (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let instance = format!("host-{number:03}:9100");
        let mut series = Vec::new();
        let mut add = |rng: &mut Rng, name: &str, extra: &[(&str, String)], shape: Shape| {
            let value = if let Shape::Constant(value) = shape { value } else { (rng.f64() * 1e6).floor() };
            series.push(State { labels: labels(name, &instance, extra), shape, value });
        };
        for cpu in 0..CPUS {
            for mode in MODES {
                let extra = [("cpu", cpu.to_string()), ("mode", mode.to_owned())];
                let share = rng.f64();
                add(&mut rng, "node_cpu_seconds_total", &extra, Shape::FloatCounter { share });
            }
        }
        for number in 0..FILESYSTEMS {
            let extra =
                [("device", format!("/dev/nvme{number}n1")), ("mountpoint", format!("/data{number}"))];
            add(&mut rng, "node_filesystem_avail_bytes", &extra, Shape::Bytes { mean: 4e11 });
            add(&mut rng, "node_filesystem_size_bytes", &extra, Shape::Constant(5e11));
        }
        for (prefix, count) in [("eth", 4), ("ens", 2), ("veth", 12), ("docker", 2)] {
            for number in 0..count {
                let shape = Shape::Counter { per_second: 10_f64.powf(rng.f64() * 6.0) };
                let extra = [("device", format!("{prefix}{number}"))];
                add(&mut rng, "node_network_receive_bytes_total", &extra, shape);
            }
        }
        for gpu in 0..GPUS {
            let extra = [("gpu", gpu.to_string())];
            let temperature = Shape::Gauge { mean: 60.0, swing: 15.0, decimals: 0 };
            add(&mut rng, "DCGM_FI_DEV_GPU_TEMP", &extra, temperature);
            let power = Shape::Gauge { mean: 400.0, swing: 200.0, decimals: 3 };
            add(&mut rng, "DCGM_FI_DEV_POWER_USAGE", &extra, power);
        }
        let rack = [("rack", format!("rack-{}", number / 10))];
        add(&mut rng, "node_rack_info", &rack, Shape::Constant(1.0));
        let model = format!("model-{}", number % MODELS);
        let mut histograms = Vec::new();
        for engine in 0..ENGINES {
            let here = [("model_name", model.clone()), ("engine", engine.to_string())];
            let mut below = 0.0;
            for bound in BOUNDS {
                below += rng.f64();
                let extra = [here[0].clone(), here[1].clone(), ("le", bound.to_owned())];
                let shape = Shape::Counter { per_second: 5.0 * below };
                add(&mut rng, "vllm:time_to_first_token_seconds_bucket", &extra, shape);
            }
            histograms.push(NativeHistogram {
                labels: labels("inference_latency_seconds", &instance, &here),
                buckets: vec![0.0; NATIVE_BUCKETS],
                sum: 0.0,
            });
        }
        let offset_ms = rng.i64(0..15_000);
        Self { series, histograms, offset_ms, rng }
    }

    /// How many series it has.
    pub(crate) fn series(&self) -> usize {
        self.series.len() + self.histograms.len()
    }

    /// The scrapes due at these times as the body of one request, and how many samples it has.
    pub(crate) fn request(&mut self, ticks_ms: &[i64]) -> anyhow::Result<(Vec<u8>, u64)> {
        let Self { series, histograms, offset_ms, rng } = self;
        let mut out = Vec::new();
        for state in series.iter_mut() {
            let samples = ticks_ms.iter().map(|tick_ms| {
                state.step(rng, *tick_ms);
                FloatSample { timestamp_ms: tick_ms + *offset_ms, value: state.value }
            });
            let samples = samples.collect();
            let series = TimeSeries { labels: borrowed(&state.labels), samples, ..TimeSeries::default() };
            // A message of several series is their concatenation.
            out.extend_from_slice(&encode([&series], &[], HistogramForm::Integer));
        }
        for histogram in histograms.iter_mut() {
            let samples = ticks_ms.iter().map(|tick_ms| HistogramSample {
                timestamp_ms: tick_ms + *offset_ms,
                histogram: Arc::new(histogram.step(rng)),
            });
            let samples = samples.collect();
            let labels = borrowed(&histogram.labels);
            let series = TimeSeries { labels, histograms: samples, ..TimeSeries::default() };
            out.extend_from_slice(&encode([&series], &[], HistogramForm::Integer));
        }
        let count = (series.len() + histograms.len()) * ticks_ms.len();
        Ok((snappy::compress(&out)?, count as u64))
    }
}

impl NativeHistogram {
    fn step(&mut self, rng: &mut Rng) -> Histogram {
        for _ in 0..40 {
            // Most observations lie in the middle.
            let place = (rng.f64() + rng.f64()) / 2.0 * NATIVE_BUCKETS as f64;
            if let Some(bucket) = self.buckets.get_mut(place as usize) {
                *bucket += 1.0;
            }
            self.sum += rng.f64();
        }
        Histogram {
            schema: 3,
            zero_threshold: 1e-128,
            count: self.buckets.iter().sum(),
            sum: self.sum,
            positive_spans: vec![Span { offset: -32, length: NATIVE_BUCKETS as u32 }],
            positive_buckets: self.buckets.clone(),
            ..Histogram::default()
        }
    }
}

/// One sample at each time of series with a label that has many values, some thousand series in each request.
pub(crate) fn many_values(count: usize, ticks_ms: &[i64]) -> anyhow::Result<Vec<(Vec<u8>, u64)>> {
    const SERIES_PER_REQUEST: usize = 5_000;
    let numbers: Vec<usize> = (0..count).collect();
    let mut requests = Vec::new();
    for tick_ms in ticks_ms {
        for group in numbers.chunks(SERIES_PER_REQUEST) {
            let mut out = Vec::new();
            for number in group {
                // Spread over the alphabet, as identifiers are.
                let id = format!("{:016x}", (*number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
                let labels = labels("request_info", "gateway:9100", &[("request_id", id)]);
                let samples = vec![FloatSample { timestamp_ms: *tick_ms, value: 1.0 }];
                let series = TimeSeries { labels: borrowed(&labels), samples, ..TimeSeries::default() };
                out.extend_from_slice(&encode([&series], &[], HistogramForm::Integer));
            }
            requests.push((snappy::compress(&out)?, group.len() as u64));
        }
    }
    Ok(requests)
}

fn labels(name: &str, instance: &str, extra: &[(&str, String)]) -> Vec<(String, String)> {
    let mut labels = vec![
        ("__name__".to_owned(), name.to_owned()),
        ("instance".to_owned(), instance.to_owned()),
        ("job".to_owned(), "fleet".to_owned()),
    ];
    labels.extend(extra.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    labels.sort();
    labels
}

fn borrowed(labels: &[(String, String)]) -> Vec<(&str, &str)> {
    labels.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}
