use super::*;
use crate::testing::wait;
use proptest::prelude::*;
use std::task::{Context, Poll, Waker};
use watchfire_disk::{Fault, RealDisk, SimDisk};
use watchfire_model::ingest::{Batch, MetricSink, RefusalReason, Row, WriteError, WriteReport};
use watchfire_model::time::ManualClock;
use watchfire_model::{STALE_NAN, SampleValue, Samples};

mod bad_disk;

const NOW: i64 = 1_700_000_000_000;

fn options() -> StoreOptions {
    StoreOptions {
        group_window: Duration::ZERO,
        retry_every: Duration::from_millis(5),
        ..StoreOptions::default()
    }
}

fn open_at(disk: Arc<dyn Disk>, path: &Path) -> Store {
    Store::open(path, options(), disk, Arc::new(ManualClock::at(NOW))).unwrap()
}

fn row(name: &str, instance: &str, timestamp_ms: i64, value: f64) -> Row {
    let series = Labels::from_pairs([("__name__", name), ("instance", instance)]);
    Row { series, timestamp_ms, start_timestamp_ms: 0, value: SampleValue::Float(value) }
}

type Bits = BTreeMap<String, Vec<(i64, u64)>>;

fn everything(store: &Store, matchers: &[Matcher]) -> Bits {
    let mut found = Bits::new();
    let mut samples = Samples::default();
    let mut selection = store.select(matchers, TimeRange::ALL).unwrap();
    let mut previous: Option<Labels> = None;
    while let Some(labels) = selection.next(&mut samples).unwrap() {
        assert!(previous.is_none_or(|previous| previous < labels), "label order");
        let bits = samples.timestamps_ms.iter().zip(&samples.floats);
        found.insert(labels.to_string(), bits.map(|(at, value)| (*at, value.to_bits())).collect());
        previous = Some(labels);
    }
    found
}

#[test]
fn a_batch_can_be_queried_at_once_and_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let store = open_at(Arc::new(RealDisk), dir.path());
    let rows = vec![
        row("up", "b", NOW, 1.0),
        row("up", "a", NOW, -0.0),
        row("up", "a", NOW + 15_000, STALE_NAN),
        row("up", "a", NOW - 60_000, 0.1),
        row("down", "a", NOW, 7.0),
    ];
    let committed = store.write(rows);
    let matchers = [Matcher::equal("__name__", "up")];
    let before = everything(&store, &matchers);
    assert_eq!(before.len(), 2);
    assert_eq!(
        before["up{instance=\"a\"}"],
        [(NOW - 60_000, 0.1_f64.to_bits()), (NOW, (-0.0_f64).to_bits()), (NOW + 15_000, STALE_NAN.to_bits())]
    );
    assert_eq!(wait(committed).unwrap().accepted, 5);
    drop(store);
    let store = open_at(Arc::new(RealDisk), dir.path());
    assert_eq!(everything(&store, &matchers), before);
    assert_eq!(store.label_values("__name__", &[], TimeRange::ALL).unwrap(), ["down", "up"]);
    assert_eq!(store.label_names(&[], TimeRange::ALL).unwrap(), ["__name__", "instance"]);
}

#[test]
fn bad_rows_are_refused_by_reason_and_the_rest_is_kept() {
    let store = open_at(Arc::new(SimDisk::new(1)), Path::new("/s"));
    let nameless = Row { series: Labels::from_pairs([("a", "b")]), ..row("x", "a", NOW, 1.0) };
    let rows = vec![
        row("up", "a", NOW, 1.0),
        row("up", "a", NOW, 1.0),
        row("up", "a", NOW, 2.0),
        row("up", "a", NOW - options().retention_ms - 1, 1.0),
        row("up", "a", NOW + options().max_ahead_ms + 1, 1.0),
        nameless,
    ];
    let report = wait(store.write(rows)).unwrap();
    assert_eq!(report.accepted, 2);
    let reasons: Vec<RefusalReason> = report.refused.iter().map(|refusal| refusal.reason).collect();
    use RefusalReason::*;
    assert_eq!(reasons, [TooOld, TooFarAhead, DuplicateTimestamp, InvalidLabels]);
    assert_eq!(everything(&store, &[]).values().map(Vec::len).sum::<usize>(), 1);
}

#[test]
fn a_series_with_bad_labels_is_named_and_costs_no_other() {
    let store = open_at(Arc::new(SimDisk::new(1)), Path::new("/s"));
    let mut batch = Batch::new();
    let mut series = |labels: &[(&[u8], &[u8])], samples: i64| {
        batch.begin_series();
        labels.iter().for_each(|(name, value)| batch.push_label(name, value));
        (0..samples).for_each(|step| batch.push_float(NOW - step, 0, 1.0));
    };
    series(&[(b"__name__", b"up"), (b"b", b"1"), (b"a", b"1"), (b"b", b"2")], 2);
    series(&[(b"a", b"1")], 1);
    series(&[(b"__name__", b"up"), (b"a", b"\xff")], 1);
    series(&[(b"__name__", b"good"), (b"a", b"1"), (b"gone", b"")], 1);
    series(&[(b"a", b"1"), (b"__name__", b"good")], 1);
    let report = wait(store.write(batch)).unwrap();
    assert_eq!(report.accepted, 2);
    let [refusal] = report.refused.as_slice() else { panic!("one reason: {report:?}") };
    assert_eq!((refusal.reason, refusal.rows), (RefusalReason::InvalidLabels, 4));
    assert_eq!(
        refusal.example,
        "series {__name__=\"up\", b=\"1\", a=\"1\", b=\"2\"}: the label \"b\" is there twice"
    );
    let kept = everything(&store, &[]);
    assert_eq!(
        kept.keys().collect::<Vec<_>>(),
        ["good{a=\"1\"}"],
        "the order of labels is none of the series'"
    );
    assert_eq!(kept["good{a=\"1\"}"].len(), 1, "the same sample twice");
}

#[test]
fn a_series_with_labels_above_the_limits_costs_no_other() {
    let store = open_at(Arc::new(SimDisk::new(1)), Path::new("/s"));
    let long = "x".repeat(5000);
    let labels = |name: &str| Labels::from_pairs([("__name__", "m"), (name, "1")]);
    let good = row("m", "a", NOW, 1.0);
    let bad = Row { series: labels(&long), ..good.clone() };
    let report = wait(store.write(vec![bad.clone(), good.clone(), bad])).unwrap();
    assert_eq!(report.accepted, 1);
    let [refusal] = report.refused.as_slice() else { panic!("one reason: {report:?}") };
    assert_eq!((refusal.reason, refusal.rows), (RefusalReason::LabelLimit, 2));
    assert!(
        refusal.example.contains("of 5000 bytes is longer than label_name_length_limit, 4096"),
        "{report:?}"
    );
    let counted = store.counters().samples_refused;
    assert!(counted.contains(&("label_limit", 2)), "{counted:?}");
    assert_eq!(everything(&store, &[]).len(), 1);

    let later = row("m", "b", NOW, 1.0);
    let bad =
        Row { series: Labels::from_pairs([("__name__", "m"), ("x", "1"), ("y", "2")]), ..later.clone() };
    store.set_label_limits(LabelLimits { label_limit: 2, ..LabelLimits::default() });
    let report = wait(store.write(vec![bad.clone(), later])).unwrap();
    assert_eq!((report.accepted, report.refused[0].reason), (1, RefusalReason::LabelLimit));
    store.set_label_limits(LabelLimits { label_limit: 0, ..LabelLimits::default() });
    assert_eq!(wait(store.write(vec![bad])).unwrap().accepted, 1, "0 is any number");
}

#[test]
fn series_are_found_in_whatever_order_they_are_sent() {
    let store = open_at(Arc::new(SimDisk::new(3)), Path::new("/s"));
    let mut random = fastrand::Rng::with_seed(3);
    let mut order: Vec<usize> = (0..200).collect();
    let mut sent = BTreeMap::new();
    for step in 0..12 {
        if step >= 6 {
            random.shuffle(&mut order);
        }
        // New ones come between those that are known.
        order.insert(100, 1000 + step as usize);
        let rows: Vec<Row> = order
            .iter()
            .map(|index| row("m", &index.to_string(), NOW + step * 1000, (*index as i64 * step) as f64))
            .collect();
        for row in &rows {
            sent.entry(row.series.to_string()).or_insert_with(Vec::new).push(row.timestamp_ms);
        }
        assert_eq!(wait(store.write(rows)).unwrap().accepted, order.len());
    }
    let found = everything(&store, &[]);
    let times =
        found.iter().map(|(name, samples)| (name.clone(), samples.iter().map(|(at, _)| *at).collect()));
    assert_eq!(times.collect::<BTreeMap<String, Vec<i64>>>(), sent);
    for (name, samples) in &found {
        let index: i64 = name.split('"').nth(1).unwrap().parse().unwrap();
        for (at, bits) in samples {
            assert_eq!(f64::from_bits(*bits), (index * ((at - NOW) / 1000)) as f64, "{name}");
        }
    }
}

#[test]
fn every_segment_of_the_log_introduces_the_series_it_speaks_of() {
    let disk = SimDisk::new(4);
    let store = open_at(Arc::new(disk.clone()), Path::new("/s"));
    let rows = |at: i64| (0..10).map(|index| row("m", &index.to_string(), at, 1.0)).collect::<Vec<_>>();
    wait(store.write(rows(NOW))).unwrap();
    wait(store.write(rows(NOW + 1))).unwrap();
    store.core.log.roll();
    wait(store.write(rows(NOW + 2))).unwrap();
    drop(store);
    let wal = Path::new("/s/wal");
    let mut segments: Vec<String> = disk.list(wal).unwrap().into_iter().map(|entry| entry.name).collect();
    segments.sort();
    disk.remove_file(&wal.join(&segments[0])).unwrap();
    let store = open_at(Arc::new(disk), Path::new("/s"));
    let found = everything(&store, &[]);
    assert_eq!(found.len(), 10);
    assert!(found.values().all(|samples| samples.len() == 1 && samples[0].0 == NOW + 2));
}

#[test]
fn a_second_process_is_refused_with_a_clear_text() {
    let dir = tempfile::tempdir().unwrap();
    let _first = open_at(Arc::new(RealDisk), dir.path());
    let clock = Arc::new(ManualClock::at(NOW));
    let error = Store::open(dir.path(), options(), Arc::new(RealDisk), clock).unwrap_err();
    assert!(error.to_string().contains("another process holds this data directory"), "{error}");
}

#[test]
fn parts_answer_as_memory_did_and_survive_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let store = open_at(Arc::new(RealDisk), dir.path());
    let day = crate::parts::DAY_MS;
    let mut rows = Vec::new();
    for step in 0..2800_i64 {
        for instance in 0..20 {
            let at = NOW - 2 * day + step * 60_000;
            rows.push(row("metric", &format!("i{instance:02}"), at, (step * instance) as f64 / 10.0));
        }
    }
    wait(store.write(rows)).unwrap();
    store.describe(&Labels::empty(), "metric", Metadata { help: "helps".to_owned(), ..Metadata::default() });
    let before = everything(&store, &[]);
    let mut held = store.select(&[], TimeRange::ALL).unwrap();
    store.compact_now().unwrap();
    assert_eq!(everything(&store, &[]), before);
    let mut samples = Samples::default();
    let mut seen = 0;
    while held.next(&mut samples).unwrap().is_some() {
        assert_eq!(samples.len(), 2800, "a selection outlives the flush under it");
        seen += 1;
    }
    assert_eq!(seen, 20);
    drop(held);
    assert!(store.counters().parts >= 3);
    wait(store.write(vec![row("metric", "i05", NOW - day + 1, 5.0), row("other", "i05", NOW, 1.0)])).unwrap();
    store.compact_now().unwrap();
    drop(store);
    let store = open_at(Arc::new(RealDisk), dir.path());
    let after = everything(&store, &[]);
    assert_eq!(after.len(), 21);
    assert_eq!(after["metric{instance=\"i05\"}"].len(), 2801);
    let regex = Matcher::new("instance", watchfire_model::MatchOp::Regex, "i0[5-7]").unwrap();
    assert_eq!(store.series(std::slice::from_ref(&regex), TimeRange::ALL).unwrap().len(), 4);
    assert_eq!(store.label_values("__name__", &[regex], TimeRange::ALL).unwrap(), ["metric", "other"]);
    let not = Matcher::new("instance", watchfire_model::MatchOp::NotRegex, "i.*").unwrap();
    assert!(store.series(&[not], TimeRange::ALL).unwrap().is_empty());
    assert_eq!(store.metadata()["metric"].help, "helps");
}

#[test]
fn histograms_and_start_timestamps_come_back_from_parts() {
    let dir = tempfile::tempdir().unwrap();
    let store = open_at(Arc::new(RealDisk), dir.path());
    let histogram = |count: f64| {
        let sum = if count == 3.0 { STALE_NAN } else { count };
        SampleValue::Histogram(Arc::new(watchfire_model::Histogram { count, sum, ..Default::default() }))
    };
    let mut rows: Vec<Row> = (0..4)
        .map(|step| Row {
            value: histogram(step as f64),
            start_timestamp_ms: if step < 2 { 11 } else { 22 },
            ..row("h", "a", NOW + step * 1000, 0.0)
        })
        .collect();
    rows.push(row("h", "a", NOW + 9000, 1.5));
    wait(store.write(rows)).unwrap();
    let read = |store: &Store| {
        let mut samples = Samples::default();
        store.select(&[], TimeRange::ALL).unwrap().next(&mut samples).unwrap().unwrap();
        let kinds: Vec<_> =
            samples.histograms.iter().map(|found| found.as_ref().map(|found| found.sum.to_bits())).collect();
        (samples.timestamps_ms.clone(), kinds, samples.start_timestamps_ms.clone())
    };
    let before = read(&store);
    assert_eq!(before.2, [11, 11, 22, 22, 0]);
    assert_eq!(before.1[3], Some(STALE_NAN.to_bits()));
    store.compact_now().unwrap();
    assert_eq!(read(&store), before);
    drop(store);
    assert_eq!(read(&open_at(Arc::new(RealDisk), dir.path())), before);
}

#[test]
fn what_is_older_than_the_retention_is_dropped_as_the_clock_moves() {
    let disk = SimDisk::new(9);
    let clock = Arc::new(ManualClock::at(NOW));
    let store = Store::open(Path::new("/s"), options(), Arc::new(disk), clock.clone()).unwrap();
    wait(store.write(vec![row("old", "a", NOW, 1.0)])).unwrap();
    store.compact_now().unwrap();
    clock.advance(options().retention_ms + 1);
    wait(store.write(vec![row("new", "a", NOW + options().retention_ms, 1.0)])).unwrap();
    store.compact_now().unwrap();
    assert_eq!(everything(&store, &[]).into_keys().collect::<Vec<_>>(), ["new{instance=\"a\"}"]);
}

#[test]
fn a_part_of_a_newer_release_is_refused_before_anything_is_touched() {
    let disk = SimDisk::new(2);
    let dir = crate::parts::day_dir(Path::new("/s"), 3);
    disk.create_dir_all(&dir).unwrap();
    let kind = watchfire_disk::FileKind { version: 7, ..crate::part::KIND };
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    watchfire_disk::BlockWriter::create(shared, &dir, "000000000001.part", kind)
        .unwrap()
        .finish(b"?")
        .unwrap();
    let clock = Arc::new(ManualClock::at(NOW));
    let error = Store::open(Path::new("/s"), options(), Arc::new(disk.clone()), clock).unwrap_err();
    assert!(error.to_string().contains("format version 7 is newer than version 1"), "{error}");
    assert_eq!(disk.list(Path::new("/s")).unwrap().len(), 1, "only the parts directory is there");
}

/// Rows of one batch: series, minutes before now, value.
type Sent = Vec<(u8, i64, u64)>;

fn batch_rows(batch: &Sent) -> Vec<Row> {
    let name = |series: u8| format!("s{series}");
    batch
        .iter()
        .map(|(series, minutes, bits)| {
            row(&name(*series), "a", NOW - minutes * 60_000, f64::from_bits(*bits))
        })
        .collect()
}

#[derive(Clone, Debug)]
enum Step {
    Write(Sent),
    Compact,
    Flush,
    Reopen,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let bits = prop_oneof![
        (0..50_u32).prop_map(|number| f64::from(number).to_bits()),
        Just(STALE_NAN.to_bits()),
        any::<u64>(),
    ];
    let step = prop_oneof![
        6 => prop::collection::vec((0..5_u8, 0..5000_i64, bits), 1..40).prop_map(Step::Write),
        1 => Just(Step::Compact),
        1 => Just(Step::Flush),
        1 => Just(Step::Reopen),
    ];
    prop::collection::vec(step, 1..20)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn the_store_is_a_map_where_the_first_value_of_a_time_stays(steps in steps()) {
        let disk = SimDisk::new(7);
        let mut store = open_at(Arc::new(disk.clone()), Path::new("/s"));
        let mut model: BTreeMap<String, BTreeMap<i64, u64>> = BTreeMap::new();
        for step in steps {
            match step {
                Step::Write(batch) => {
                    for row in batch_rows(&batch) {
                        let SampleValue::Float(value) = row.value else { continue };
                        let series = model.entry(row.series.to_string()).or_default();
                        series.entry(row.timestamp_ms).or_insert(value.to_bits());
                    }
                    wait(store.write(batch_rows(&batch))).unwrap();
                }
                Step::Compact => store.compact_now().unwrap(),
                Step::Flush => store.core.flush().unwrap(),
                Step::Reopen => {
                    drop(store);
                    store = open_at(Arc::new(disk.clone()), Path::new("/s"));
                }
            }
            let found = everything(&store, &[]);
            let expected: Bits =
                model.iter().map(|(name, samples)| (name.clone(), samples.iter().map(|(at, bits)| (*at, *bits)).collect())).collect();
            prop_assert_eq!(found, expected);
        }
    }
}

#[test]
fn writers_readers_and_upkeep_at_once_lose_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = open_at(Arc::new(RealDisk), dir.path());
    let (writers, steps) = (3_i64, 300_i64);
    std::thread::scope(|scope| {
        let store = &store;
        for writer in 0..writers {
            scope.spawn(move || {
                for step in 0..steps {
                    let at = NOW - 40_000_000 + step * 1000;
                    let rows = (0..10).map(|series| row("m", &format!("{writer}-{series}"), at, step as f64));
                    wait(store.write(rows.collect::<Vec<_>>())).unwrap();
                    if step % 10 == 9 {
                        // Whatever is being moved, a series never has holes.
                        let own = [Matcher::equal("instance", format!("{writer}-0"))];
                        let found = everything(store, &own);
                        assert_eq!(found.values().map(Vec::len).sum::<usize>() as i64, step + 1);
                    }
                }
            });
        }
        scope.spawn(move || (0..30).for_each(|_| store.compact_now().unwrap()));
    });
    let all = everything(&store, &[]);
    assert_eq!(all.values().map(Vec::len).sum::<usize>() as i64, writers * steps * 10);
    drop(store);
    assert_eq!(everything(&open_at(Arc::new(RealDisk), dir.path()), &[]), all);
}

#[test]
fn series_that_ended_are_forgotten_and_their_numbers_never_mix_up_the_log() {
    let disk = SimDisk::new(13);
    let store = open_at(Arc::new(disk.clone()), Path::new("/s"));
    let name = |generation: i64, index: i64| format!("{generation}-{index}");
    let mut expected = 0;
    for generation in 0..4 {
        // Those of the generation before last are empty by now; half of the last one goes on.
        for (of, count) in [(generation, 100), (generation - 1, 50)] {
            let at = NOW + generation * 1000;
            let rows: Vec<Row> = (0..count).map(|index| row("m", &name(of, index), at, of as f64)).collect();
            expected += rows.len();
            wait(store.write(rows)).unwrap();
        }
        store.core.flush().unwrap();
        store.core.flush().unwrap();
        assert_eq!(store.core.head.len(), 0, "nothing in memory is without samples after a second flush");
        let rows: Vec<Row> = (0..70).map(|index| row("n", &name(generation, index), NOW, 9.0)).collect();
        expected += rows.len();
        wait(store.write(rows)).unwrap();
    }
    let before = everything(&store, &[]);
    assert_eq!(before.values().map(Vec::len).sum::<usize>(), expected);
    disk.cut_power();
    drop(store);
    disk.restart();
    assert_eq!(everything(&open_at(Arc::new(disk), Path::new("/s")), &[]), before);
}

#[test]
fn of_late_samples_with_one_time_the_first_stays_whole_whatever_its_kind() {
    let store = open_at(Arc::new(SimDisk::new(14)), Path::new("/s"));
    let histogram = SampleValue::Histogram(Arc::default());
    let at = |at, value: &SampleValue, start_timestamp_ms| Row {
        value: value.clone(),
        start_timestamp_ms,
        ..row("m", "a", at, 0.0)
    };
    let (one, two) = (SampleValue::Float(1.0), SampleValue::Float(2.0));
    let rows = vec![
        at(NOW, &one, 7),
        at(NOW - 1000, &one, 0),
        at(NOW - 1000, &histogram, 0),
        at(NOW - 2000, &histogram, 5),
        at(NOW - 2000, &two, 6),
        at(NOW - 3000, &two, 0),
        at(NOW - 3000, &two, 6),
    ];
    wait(store.write(rows)).unwrap();
    for _ in 0..2 {
        let mut samples = Samples::default();
        store.select(&[], TimeRange::ALL).unwrap().next(&mut samples).unwrap().unwrap();
        let found: Vec<_> = samples.iter().map(|(_, value)| value).collect();
        assert_eq!(found, [two.clone(), histogram.clone(), one.clone(), one.clone()]);
        assert_eq!(samples.start_timestamps_ms, [0, 5, 0, 7]);
        store.compact_now().unwrap();
    }
}

#[test]
fn who_keeps_answers_learns_of_every_change_in_the_time_that_they_speak_of() {
    const HOUR_MS: i64 = 3_600_000;
    let dir = tempfile::tempdir().unwrap();
    let store = open_at(Arc::new(RealDisk), dir.path());
    let old = TimeRange::new(NOW - 30 * HOUR_MS, NOW - 20 * HOUR_MS);
    let seen = || store.changes(old).unwrap();
    let before = seen();
    drop(store.write(vec![row("up", "a", NOW, 1.0), row("up", "a", NOW - 60_000, 1.0)]));
    assert_eq!(seen(), before, "what comes now is another time's");
    drop(store.write(vec![row("up", "a", NOW - 25 * HOUR_MS, 1.0)]));
    let late = seen();
    assert_ne!(late, before);
    store.flush_now().unwrap();
    store.compact_now().unwrap();
    assert_eq!(seen(), late, "the same samples in other places");
    store.delete(vec![vec![Matcher::equal("instance", "a")]], TimeRange::ALL).unwrap();
    let deleted = seen();
    assert_ne!(deleted, late);
    store.set_retention(Retention { time_ms: 21 * HOUR_MS, size_bytes: None, rules: Vec::new() });
    assert_eq!(store.changes(old), None, "samples go from it by themselves");
    assert!(store.changes(TimeRange::new(NOW - 20 * HOUR_MS, NOW)).is_some());
}
