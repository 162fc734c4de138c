//! Series of every kind that queries trip over, as remote write 1.0 carries them to both servers.

use super::random::Random;
use crate::harness::remote_write::{field, varint};

pub(super) const INTERVAL_MS: i64 = 15_000;
/// Eighty minutes.
pub(super) const SAMPLES: i64 = 320;
/// A sample that says that its series ended.
const STALE: u64 = 0x7ff0_0000_0000_0002;

/// A native histogram in the making: counts of the buckets from `offset` on.
#[derive(Clone)]
pub(super) struct Native {
    schema: i64,
    zero: f64,
    offset: i64,
    positive: Vec<f64>,
    negative: Vec<f64>,
    bounds: Vec<f64>,
    sum: f64,
    /// Counts are floats, and the histogram is a gauge.
    float: bool,
}

#[derive(Clone)]
pub(super) enum Value {
    Float(f64),
    Native(Native),
}

pub(super) struct Series {
    pub(super) labels: Vec<(&'static str, String)>,
    pub(super) samples: Vec<(i64, Value)>,
}

/// All series. For a `modern` peer half of the samples lie on whole seconds, where the edges of ranges are, and counters
/// begin at zero; for others that would make the differences that are known.
pub(super) fn series(random: &mut Random, base_ms: i64, modern: bool) -> Vec<Series> {
    let (aligned, least) = (modern, if modern { 0.0 } else { 1e5 });
    let mut all = Vec::new();
    let mut add = |random: &mut Random,
                   name: &str,
                   labels: &[(&'static str, &str)],
                   value: &mut dyn FnMut(i64, &mut Random) -> Option<Value>| {
        let mut pairs = vec![("__name__", name.to_owned()), ("job", "gen".to_owned())];
        pairs.extend(labels.iter().map(|(name, value)| (*name, (*value).to_owned())));
        pairs.sort();
        // Never on the half of a second, at which Prometheus 2 is asked.
        let shift = if aligned && random.once_in(2) { 0 } else { 1 + 2 * random.below(490) as i64 };
        let mut samples = Vec::new();
        for index in 0..SAMPLES {
            if let Some(value) = value(index, random) {
                samples.push((base_ms + index * INTERVAL_MS + shift, value));
            }
        }
        all.push(Series { labels: pairs, samples });
    };
    let float = |value: f64| Some(Value::Float(value));
    let stale = || Some(Value::Float(f64::from_bits(STALE)));
    for instance in ["a", "b", "c"] {
        let instance = ("instance", instance);
        for mode in ["idle", "user"] {
            let (speed, life) = (1.0 + random.unit() * 40.0, 40 + random.below(120) as i64);
            let mut total = least + random.unit() * 1e5;
            add(random, "requests_total", &[instance, ("mode", mode)], &mut |index, random| {
                // A reset now and then, and a scrape that failed.
                total = if index % life == life - 1 { least } else { total + speed * random.unit() };
                if random.once_in(29) { None } else { float((total * 8.0).floor() / 8.0) }
            });
        }
        let (level, period) = (random.unit() * 1e3, 5.0 + random.unit() * 20.0);
        for kind in ["free", "used"] {
            add(random, "memory_bytes", &[instance, ("kind", kind)], &mut |index, random| {
                float(level * (1.2 + (index as f64 / period).sin()) + random.unit())
            });
        }
        add(random, "steps", &[instance], &mut |index, _| float((index / 7 % 5) as f64));
        // Ends with a marker, stays away, and comes back.
        let (gone, back) = (20 + random.below(15) as i64, 60 + random.below(20) as i64);
        add(random, "flapping", &[instance], &mut |index, random| match index % back {
            at if at < gone => float(random.unit() * 10.0 - 5.0),
            at if at == gone => stale(),
            _ => None,
        });
        // Ends without one.
        add(random, "gappy", &[instance, ("kind", "free")], &mut |index, random| {
            if index / 25 % 2 == 1 || random.once_in(4) { None } else { float(random.unit() * 100.0) }
        });
        for path in ["/x", "/y"] {
            let mut counts = [least; 6];
            let mut sum = least;
            let mut steps = Vec::new();
            for index in 0..SAMPLES {
                if index % 111 == 110 {
                    counts = [least; 6];
                    sum = least;
                }
                for (rank, count) in counts.iter_mut().enumerate() {
                    *count += (random.unit() * 6.0 / (1.0 + rank as f64)).floor();
                    sum += rank as f64 * random.unit();
                }
                let cumulative: Vec<f64> = (0..6).map(|rank| counts[..=rank].iter().sum()).collect();
                steps.push((cumulative, sum));
            }
            let labels = [instance, ("path", path)];
            for (rank, bound) in ["0.1", "0.5", "1", "2.5", "10", "+Inf"].into_iter().enumerate() {
                let labels = [instance, ("le", bound), ("path", path)];
                add(random, "latency_seconds_bucket", &labels, &mut |index, _| {
                    float(steps[index as usize].0[rank])
                });
            }
            add(random, "latency_seconds_count", &labels, &mut |index, _| float(steps[index as usize].0[5]));
            add(random, "latency_seconds_sum", &labels, &mut |index, _| float(steps[index as usize].1));
        }
    }
    // Values at the end of what a float can say, and beyond.
    let odd: [(&str, &[f64]); 5] = [
        ("nan", &[1.0, f64::NAN, 3.0, f64::NAN, f64::NAN, -2.0]),
        ("infinite", &[f64::INFINITY, 2.0, f64::NEG_INFINITY, 5.0, 7.0, 1.0, 3.0]),
        ("huge", &[1e308, 1.7e308, -1e308, 3e307]),
        ("tiny", &[5e-324, -1e-310, 0.0, -0.0, 2.5e-308]),
        ("cancelling", &[1e16, 1.0, -1e16, 1.0, 1e10, -3.5]),
    ];
    for (kind, values) in odd {
        add(random, "odd", &[("kind", kind)], &mut |index, random| {
            if random.once_in(13) { stale() } else { float(values[index as usize % values.len()]) }
        });
    }
    for kind in ["constant", "zero"] {
        let value = if kind == "zero" { 0.0 } else { 42.5 };
        add(random, "flat", &[("kind", kind)], &mut |_, _| float(value));
    }
    all
}

/// Native histograms: counters of two schemas, a gauge with floats, custom bounds, and a series of both kinds.
///
/// Only for the `newest` peers custom bounds differ between instances, and counters begin at zero: Prometheus 3.5 drops
/// such pairs, and guesses wider at where counters of histograms begin.
pub(super) fn natives(random: &mut Random, base_ms: i64, newest: bool) -> Vec<Series> {
    let least = if newest { 0.0 } else { 1e4 };
    let mut all = Vec::new();
    for (name, instance, schema, float) in [
        ("native_seconds", "a", 1, false),
        ("native_seconds", "b", 3, false),
        ("native_seconds", "c", 3, false),
        ("native_fine", "a", 8, false),
        ("native_fine", "b", 5, false),
        ("native_gauge", "a", 0, true),
        ("native_gauge", "b", 2, true),
        ("custom_seconds", "a", -53, false),
        ("custom_seconds", "b", -53, false),
        ("mixed", "a", 0, false),
        ("native_odd", "a", -53, false),
        ("native_odd", "b", -53, false),
        ("native_odd", "c", -53, false),
        ("native_odd", "d", 0, false),
        ("native_odd", "e", 2, true),
        ("native_odd", "f", -53, false),
    ] {
        if name == "native_odd" && !newest {
            continue;
        }
        let mut labels =
            vec![("__name__", name.to_owned()), ("instance", instance.to_owned()), ("job", "gen".to_owned())];
        labels.sort();
        let custom = schema == -53;
        let bounds: &[f64] = match (custom, instance) {
            (false, _) => &[],
            (true, "a") if name == "native_odd" => &[0.0],
            (true, "b") if name == "native_odd" => &[-5.0],
            (true, "c") if name == "native_odd" => &[-10.0, 5.0, 10.0],
            (true, "f") if name == "native_odd" => &[5.0],
            (true, "b") if newest => &[0.1, 0.5, 1.0, 5.0],
            (true, _) => &[0.1, 1.0, 5.0],
        };
        let empty = Native {
            schema,
            zero: 0.0,
            offset: match schema {
                -53 => 0,
                // Most of the bounds between two powers of two.
                5 => -33,
                8 => -256,
                _ => -2,
            },
            positive: match schema {
                -53 => vec![least; bounds.len() + 1],
                5 | 8 => vec![least; 1 << schema],
                _ => vec![least; 7],
            },
            negative: vec![least; if custom { 0 } else { 3 }],
            bounds: bounds.to_vec(),
            sum: 0.0,
            float,
        };
        let mut now = empty.clone();
        let mut samples = Vec::new();
        let life = 50 + random.below(80) as i64;
        for index in 0..if schema > 4 { 40 } else { SAMPLES } {
            if index % life == life - 1 || float {
                now = empty.clone();
            }
            for count in now.positive.iter_mut().chain(&mut now.negative) {
                *count += (random.unit() * 5.0).floor();
            }
            now.zero += if custom { 0.0 } else { (random.unit() * 2.0).floor() };
            now.sum += random.unit() * 10.0;
            let value = match (name, index % 40) {
                ("mixed", 0..20) => Value::Float(index as f64),
                (_, 37) => continue,
                _ => Value::Native(now.clone()),
            };
            samples.push((base_ms + index * INTERVAL_MS + 333, value));
        }
        all.push(Series { labels, samples });
    }
    all
}

/// What only the newest peers are asked about: information about targets, which changes halfway, and names in UTF-8.
pub(super) fn newest(random: &mut Random, base_ms: i64) -> Vec<Series> {
    let mut all = Vec::new();
    let mut add = |labels: &[(&'static str, &str)], samples: Vec<(i64, Value)>| {
        let mut labels: Vec<_> = labels.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        labels.push(("job", "gen".to_owned()));
        labels.sort();
        all.push(Series { labels, samples });
    };
    let at = |index: i64| base_ms + index * INTERVAL_MS;
    let one =
        |range: std::ops::Range<i64>| range.map(|index| (at(index), Value::Float(1.0))).collect::<Vec<_>>();
    for (instance, zone) in [("a", "west"), ("b", "east")] {
        let instance = ("instance", instance);
        let mut first = one(0..SAMPLES / 2);
        first.push((at(SAMPLES / 2), Value::Float(f64::from_bits(STALE))));
        add(&[("__name__", "target_info"), instance, ("zone", zone), ("version", "1")], first);
        let second = one(SAMPLES / 2..SAMPLES);
        add(&[("__name__", "target_info"), instance, ("zone", zone), ("version", "2")], second);
        add(&[("__name__", "build_info"), instance, ("goversion", "1.26")], one(10..SAMPLES));
        for kind in ["read", "write"] {
            let mut total = 0.0;
            let samples = (0..SAMPLES).map(|index| {
                total = if index % 90 == 89 { 0.0 } else { total + (random.unit() * 4096.0).floor() };
                (at(index) + 7, Value::Float(total))
            });
            let samples = samples.collect();
            add(&[("__name__", "disk.io.bytes"), instance, ("kind", kind), ("zone.name", zone)], samples);
        }
    }
    all
}

/// A snappy-compressed `prometheus.WriteRequest` with the samples of a stretch of time.
pub(super) fn request(all: &[Series], from_ms: i64, until_ms: i64) -> Vec<u8> {
    let mut message = Vec::new();
    for series in all {
        let mut timeseries = Vec::new();
        for (name, value) in &series.labels {
            let mut label = Vec::new();
            field(&mut label, 1, name.as_bytes());
            field(&mut label, 2, value.as_bytes());
            field(&mut timeseries, 1, &label);
        }
        for (timestamp_ms, value) in &series.samples {
            if !(from_ms..until_ms).contains(timestamp_ms) {
                continue;
            }
            match value {
                Value::Float(value) => {
                    let mut sample = Vec::new();
                    double(&mut sample, 1, *value);
                    number(&mut sample, 2, *timestamp_ms);
                    field(&mut timeseries, 2, &sample);
                }
                Value::Native(native) => field(&mut timeseries, 4, &histogram(native, *timestamp_ms)),
            }
        }
        field(&mut message, 1, &timeseries);
    }
    snap::raw::Encoder::new().compress_vec(&message).unwrap()
}

fn histogram(native: &Native, timestamp_ms: i64) -> Vec<u8> {
    let mut out = Vec::new();
    let count: f64 = native.positive.iter().chain(&native.negative).sum::<f64>() + native.zero;
    if native.float {
        double(&mut out, 2, count);
    } else {
        number(&mut out, 1, count as i64);
    }
    double(&mut out, 3, native.sum);
    signed(&mut out, 4, native.schema);
    if native.bounds.is_empty() {
        double(&mut out, 5, 0.001);
    }
    if native.float {
        double(&mut out, 7, native.zero);
    } else {
        number(&mut out, 6, native.zero as i64);
    }
    for (first, counts) in [(8, &native.negative), (11, &native.positive)] {
        if counts.is_empty() {
            continue;
        }
        let mut span = Vec::new();
        signed(&mut span, 1, native.offset);
        number(&mut span, 2, counts.len() as i64);
        field(&mut out, first, &span);
        let mut packed = Vec::new();
        if native.float {
            packed.extend(counts.iter().flat_map(|count| count.to_le_bytes()));
            field(&mut out, first + 2, &packed);
        } else {
            let mut before = 0;
            for count in counts {
                let delta = *count as i64 - before;
                before = *count as i64;
                varint(&mut packed, zigzag(delta));
            }
            field(&mut out, first + 1, &packed);
        }
    }
    // A gauge's buckets may shrink without that being a reset.
    number(&mut out, 14, if native.float { 3 } else { 0 });
    number(&mut out, 15, timestamp_ms);
    if !native.bounds.is_empty() {
        let packed: Vec<u8> = native.bounds.iter().flat_map(|bound| bound.to_le_bytes()).collect();
        field(&mut out, 16, &packed);
    }
    out
}

const fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> 63).cast_unsigned()
}

fn signed(out: &mut Vec<u8>, number: u8, value: i64) {
    out.push(number << 3);
    varint(out, zigzag(value));
}

fn number(out: &mut Vec<u8>, number: u8, value: i64) {
    out.push(number << 3);
    varint(out, value.cast_unsigned());
}

fn double(out: &mut Vec<u8>, number: u8, value: f64) {
    out.push(number << 3 | 1);
    out.extend_from_slice(&value.to_le_bytes());
}
