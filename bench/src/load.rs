//! Series shaped like those of hosts, GPUs and LLM servers, the same on every run.

use fastrand::Rng;

/// How a series moves.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shape {
    /// A count of events: whole steps, some scrapes none.
    Counter { per_second: f64 },
    /// Seconds of CPU or of GPU work, in hundredths.
    FloatCounter { share: f64 },
    /// A value with noise around a slow wave: temperature, power, utilisation.
    Gauge { mean: f64, swing: f64, decimals: i32 },
    /// Bytes in use: large integers that jump now and then.
    Bytes { mean: f64 },
    /// Sizes, versions, limits: always the same.
    Constant(f64),
}

/// One series and where it stands.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) labels: Vec<(String, String)>,
    pub(crate) shape: Shape,
    pub(crate) value: f64,
}

/// One scrape target: its series share timestamps.
#[derive(Debug)]
pub(crate) struct Target {
    series: Vec<State>,
    offset_ms: i64,
    rng: Rng,
}

/// Labels, and the sample of one scrape.
pub(crate) type Sample<'a> = (&'a [(String, String)], i64, f64);

/// Series in one target, as on a host with GPUs and an LLM server.
pub(crate) const SERIES_PER_TARGET: usize = 500;

/// `series` series, in targets, from a seed.
pub(crate) fn targets(series: usize, seed: u64) -> Vec<Target> {
    let count = series.div_ceil(SERIES_PER_TARGET);
    (0..count).map(|index| Target::new(index, SERIES_PER_TARGET.min(series), seed)).collect()
}

/// What a target's label `instance` says.
pub(crate) fn instance(index: usize) -> String {
    format!("10.{}.{}.{}:9100", index >> 16, index >> 8 & 0xff, index & 0xff)
}

impl Target {
    fn new(index: usize, series: usize, seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed ^ (index as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let instance = instance(index);
        let states = (0..series).map(|number| state(number, &instance, &mut rng)).collect();
        let offset_ms = rng.i64(0..15_000);
        Self { series: states, offset_ms, rng }
    }

    /// The samples of the scrape that is due at `tick_ms`. Half of all targets are scraped with a few milliseconds of jitter.
    pub(crate) fn scrape(&mut self, tick_ms: i64) -> (i64, impl Iterator<Item = Sample<'_>>) {
        let jitter = if self.offset_ms % 2 == 0 { self.rng.i64(-4..=4) } else { 0 };
        let timestamp_ms = tick_ms + self.offset_ms + jitter;
        let rng = &mut self.rng;
        let samples = self.series.iter_mut().map(move |state| {
            state.step(rng, tick_ms);
            (state.labels.as_slice(), timestamp_ms, state.value)
        });
        (timestamp_ms, samples)
    }
}

impl State {
    /// Moves to the next sample.
    pub(crate) fn step(&mut self, rng: &mut Rng, tick_ms: i64) {
        let wave = (tick_ms as f64 / 3_600_000.0 * std::f64::consts::TAU).sin();
        match self.shape {
            Shape::Counter { per_second } => {
                let events = per_second * 15.0 * (0.5 + rng.f64());
                self.value += events.floor();
            }
            Shape::FloatCounter { share } => {
                self.value = ((self.value + share * 15.0 * rng.f64()) * 100.0).round() / 100.0;
            }
            Shape::Gauge { mean, swing, decimals } => {
                let scale = 10_f64.powi(decimals);
                self.value = ((mean + swing * (wave + rng.f64() - 0.5)) * scale).round() / scale;
            }
            Shape::Bytes { mean } => {
                if rng.f64() < 0.6 {
                    self.value = (mean * (0.9 + 0.2 * rng.f64()) / 4096.0).floor() * 4096.0;
                }
            }
            Shape::Constant(_) => {}
        }
    }
}

fn state(number: usize, instance: &str, rng: &mut Rng) -> State {
    let (name, extra, shape): (&str, Vec<(&str, String)>, Shape) = match number % 10 {
        0 => (
            "node_cpu_seconds_total",
            vec![("cpu", (number / 80).to_string()), ("mode", modes(number / 10))],
            Shape::FloatCounter { share: rng.f64() },
        ),
        1 => (
            "node_network_receive_bytes_total",
            vec![("device", format!("eth{}", number / 10))],
            Shape::Counter { per_second: 10_f64.powf(rng.f64() * 6.0) },
        ),
        2 => (
            "node_filesystem_avail_bytes",
            vec![("mountpoint", format!("/data{}", number / 10))],
            Shape::Bytes { mean: 4e11 },
        ),
        3 => (
            "node_filesystem_size_bytes",
            vec![("mountpoint", format!("/data{}", number / 10))],
            Shape::Constant(5e11),
        ),
        4 => (
            "DCGM_FI_DEV_GPU_TEMP",
            vec![("gpu", (number / 10 % 8).to_string()), ("slot", (number / 80).to_string())],
            Shape::Gauge { mean: 60.0, swing: 15.0, decimals: 0 },
        ),
        5 => (
            "DCGM_FI_DEV_POWER_USAGE",
            vec![("gpu", (number / 10 % 8).to_string()), ("slot", (number / 80).to_string())],
            Shape::Gauge { mean: 400.0, swing: 200.0, decimals: 3 },
        ),
        6 | 7 => (
            "vllm:time_to_first_token_seconds_bucket",
            vec![
                ("le", bucket(number / 10)),
                ("model_name", format!("model-{}", number % 10)),
                ("engine", (number / 150).to_string()),
            ],
            Shape::Counter { per_second: 20.0 * rng.f64() },
        ),
        8 => (
            "vllm:generation_tokens_total",
            vec![("model_name", format!("model-{}", number / 10))],
            Shape::Counter { per_second: 2_000.0 },
        ),
        _ => (
            "vllm:kv_cache_usage_perc",
            vec![("model_name", format!("model-{}", number / 10))],
            Shape::Gauge { mean: 0.5, swing: 0.4, decimals: 6 },
        ),
    };
    let mut labels = vec![
        ("__name__".to_owned(), name.to_owned()),
        ("instance".to_owned(), instance.to_owned()),
        ("job".to_owned(), "node".to_owned()),
    ];
    labels.extend(extra.into_iter().map(|(name, value)| (name.to_owned(), value)));
    labels.sort();
    let value = if let Shape::Constant(value) = shape { value } else { (rng.f64() * 1e6).floor() };
    State { labels, shape, value }
}

fn modes(number: usize) -> String {
    ["idle", "iowait", "irq", "nice", "softirq", "steal", "system", "user"][number % 8].to_owned()
}

fn bucket(number: usize) -> String {
    const BOUNDS: [&str; 15] = [
        "0.001", "0.005", "0.01", "0.02", "0.04", "0.06", "0.08", "0.1", "0.25", "0.5", "0.75", "1.0", "2.5",
        "5.0", "+Inf",
    ];
    BOUNDS[number % 15].to_owned()
}
