//! Every kind of sample through the whole store: log, replay, flush, merge and restart, bit by bit.

use super::*;
use proptest::prelude::*;
use watchfire_disk::SimDisk;
use watchfire_model::histogram::{CUSTOM_BUCKETS_SCHEMA, ResetHint, Span};
use watchfire_model::ingest::Row;
use watchfire_model::time::ManualClock;
use watchfire_model::{Histogram, STALE_NAN, SampleValue, Samples};

const NOW: i64 = 1_700_000_000_000;

#[derive(Clone, Debug)]
enum Step {
    /// A sample of a series: how far from the newest so far, its start timestamp, its value.
    Write(usize, i64, i64, SampleValue),
    Flush,
    Compact,
    Restart,
}

fn floats() -> impl Strategy<Value = f64> {
    prop_oneof![
        Just(STALE_NAN),
        Just(-0.0),
        Just(f64::NEG_INFINITY),
        (0..1000_u32).prop_map(f64::from),
        (any::<i32>(), 0..9_i32).prop_map(|(number, places)| f64::from(number) / 10_f64.powi(places)),
        any::<u64>().prop_map(f64::from_bits),
    ]
}

fn histograms() -> impl Strategy<Value = Histogram> {
    let counts = prop_oneof![
        prop::collection::vec((0..1_u32 << 20).prop_map(f64::from), 0..12),
        prop::collection::vec(floats(), 0..12),
    ];
    let hint = prop_oneof![
        Just(ResetHint::Unknown),
        Just(ResetHint::Reset),
        Just(ResetHint::NoReset),
        Just(ResetHint::Gauge)
    ];
    (counts, -4..9_i32, any::<bool>(), -9..9_i32, floats(), hint).prop_map(
        |(counts, schema, custom, offset, sum, reset_hint)| {
            let spans = |length: usize, offset: i32| {
                let length = length as u32;
                if length == 0 { Vec::new() } else { vec![Span { offset, length }] }
            };
            let negative = if custom { &[][..] } else { counts.get(..counts.len() / 3).unwrap_or_default() };
            Histogram {
                reset_hint,
                schema: if custom { CUSTOM_BUCKETS_SCHEMA } else { schema },
                zero_threshold: if custom { 0.0 } else { 1e-128 },
                zero_count: if custom { 0.0 } else { counts.len() as f64 },
                count: counts.iter().sum(),
                sum,
                positive_spans: spans(counts.len(), if custom { 0 } else { offset }),
                negative_spans: spans(negative.len(), -offset),
                negative_buckets: negative.to_vec(),
                custom_values: if custom {
                    (0..counts.len()).map(|at| at as f64 / 4.0).collect()
                } else {
                    Vec::new()
                },
                positive_buckets: counts,
            }
        },
    )
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let value = prop_oneof![
        3 => floats().prop_map(SampleValue::Float),
        2 => histograms().prop_map(|histogram| SampleValue::Histogram(Arc::new(histogram))),
    ];
    let ahead = prop_oneof![4 => Just(15_000_i64), 2 => 1..20_000_i64, 1 => -4 * 86_400_000..0_i64];
    let start = prop_oneof![3 => Just(0), 2 => Just(NOW - 10_000_000), 1 => any::<i32>().prop_map(i64::from)];
    let write = (0..3_usize, ahead, start, value)
        .prop_map(|(series, ahead, start, value)| Step::Write(series, ahead, start, value));
    prop::collection::vec(
        prop_oneof![24 => write, 1 => Just(Step::Flush), 1 => Just(Step::Compact), 2 => Just(Step::Restart)],
        1..120,
    )
}

/// What identifies a value to the last bit.
fn bits(value: &SampleValue) -> Vec<u8> {
    match value {
        SampleValue::Float(value) => value.to_le_bytes().to_vec(),
        SampleValue::Histogram(histogram) => {
            let mut bytes = vec![1];
            histogram.encode(&mut bytes);
            bytes
        }
    }
}

type Model = BTreeMap<String, BTreeMap<i64, (i64, Vec<u8>)>>;

fn everything(store: &Store) -> Model {
    let mut found = Model::new();
    let mut samples = Samples::default();
    let mut selection = store.select(&[], TimeRange::ALL).unwrap();
    while let Some(labels) = selection.next(&mut samples).unwrap() {
        let of_series = found.entry(labels.to_string()).or_default();
        for (at, timestamp_ms) in samples.timestamps_ms.iter().enumerate() {
            let value = match samples.histograms.get(at).and_then(Option::clone) {
                Some(histogram) => SampleValue::Histogram(histogram),
                None => SampleValue::Float(samples.floats[at]),
            };
            let start = samples.start_timestamps_ms.get(at).copied().unwrap_or(0);
            assert!(of_series.insert(*timestamp_ms, (start, bits(&value))).is_none(), "a time stands twice");
        }
    }
    assert!(selection.warnings().is_empty(), "{:?}", selection.warnings());
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn every_kind_of_sample_survives_log_flush_merge_and_restart_to_the_last_bit(steps in steps()) {
        let disk: Arc<dyn Disk> = Arc::new(SimDisk::new(1));
        let options = || StoreOptions {
            background: false,
            group_window: Duration::ZERO,
            retention_ms: i64::MAX,
            max_ahead_ms: i64::MAX / 4,
            ..StoreOptions::default()
        };
        let open = || {
            let clock = Arc::new(ManualClock::at(NOW));
            Store::open(Path::new("/s"), options(), Arc::clone(&disk), clock).unwrap()
        };
        let (mut store, mut model, mut newest) = (Some(open()), Model::new(), NOW);
        for step in steps {
            let opened = store.as_ref().unwrap();
            match step {
                Step::Write(series, ahead, start_timestamp_ms, value) => {
                    let series = Labels::from_pairs([("__name__", "kept"), ("series", &series.to_string())]);
                    let timestamp_ms = newest + ahead;
                    let of_series = model.entry(series.to_string()).or_default();
                    if of_series.contains_key(&timestamp_ms) {
                        continue;
                    }
                    newest = newest.max(timestamp_ms);
                    of_series.insert(timestamp_ms, (start_timestamp_ms, bits(&value)));
                    drop(opened.write(vec![Row { series, timestamp_ms, start_timestamp_ms, value }]));
                }
                Step::Flush => opened.flush_now().unwrap(),
                Step::Compact => opened.compact_now().unwrap(),
                Step::Restart => {
                    drop(store.take());
                    store = Some(open());
                }
            }
        }
        prop_assert_eq!(&everything(store.as_ref().unwrap()), &model);
        drop(store.take());
        let store = open();
        prop_assert_eq!(&everything(&store), &model);
        store.compact_now().unwrap();
        prop_assert_eq!(&everything(&store), &model);
    }
}

#[test]
fn what_series_and_samples_take_is_counted_until_they_are_gone() {
    let disk: Arc<dyn Disk> = Arc::new(SimDisk::new(1));
    let options = StoreOptions {
        background: false,
        flush_bytes: 4000,
        flush_bytes_per_series: 20,
        ..StoreOptions::default()
    };
    let store = Store::open(Path::new("/s"), options.clone(), disk, Arc::new(ManualClock::at(NOW))).unwrap();
    let head = &store.core.head;
    let write = |from: i64, to: i64| {
        for step in from..to {
            let row = |series: usize| Row {
                series: Labels::from_pairs([("__name__", "kept"), ("series", &series.to_string())]),
                timestamp_ms: NOW - 900_000 + step * 1000,
                start_timestamp_ms: 0,
                value: SampleValue::Float((step * 1000 + series as i64) as f64 / 7.0),
            };
            drop(store.write((0..10).map(row).collect::<Vec<Row>>()));
        }
    };
    assert_eq!(head.bytes(), 0);
    write(0, 10);
    let series_bytes = head.bytes() - head.memory.sample_bytes();
    assert!(series_bytes > 10 * 100 && head.memory.sample_bytes() > 10 * 16);
    assert!(!head.holds_much(&options), "{} bytes of samples", head.memory.sample_bytes());
    write(10, 700);
    assert!(head.holds_much(&options), "{} bytes of samples", head.memory.sample_bytes());
    assert_eq!(head.bytes() - head.memory.sample_bytes(), series_bytes, "there are no more series");
    store.flush_now().unwrap();
    assert_eq!(head.memory.sample_bytes(), 0);
    store.flush_now().unwrap();
    assert_eq!((head.len(), head.bytes()), (0, 0), "the second flush forgets them");
}
