use crate::{KeepRule, Retention, Store, StoreOptions};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use watchfire_disk::{BlockReader, BlockWriter, Disk, Fault, FileKind, SimDisk};
use watchfire_model::ingest::{Row, WriteReport};
use watchfire_model::time::{Clock, ManualClock};
use watchfire_model::{Labels, MatchOp, Matcher, SampleValue, Samples, TimeRange};

const NOW: i64 = 1_700_000_000_000;
const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

fn options() -> StoreOptions {
    StoreOptions { background: false, stepped: true, ..StoreOptions::default() }
}

fn open(disk: &SimDisk, clock: &Arc<ManualClock>, options: StoreOptions) -> Store {
    let disk = Arc::new(disk.clone());
    Store::open(Path::new("/s"), options, disk, Arc::clone(clock) as Arc<dyn Clock>).unwrap()
}

fn labels(series: u8) -> Labels {
    let value = series.to_string();
    let job = if series.is_multiple_of(2) { "even" } else { "odd" };
    Labels::from_pairs([("__name__", "m"), ("job", job), ("s", value.as_str())])
}

fn write(store: &Store, samples: &[(u8, i64, f64)]) -> WriteReport {
    let row = |(series, at, value): &(u8, i64, f64)| Row {
        series: labels(*series),
        timestamp_ms: *at,
        start_timestamp_ms: 0,
        value: SampleValue::Float(*value),
    };
    let mut committed = store.write(samples.iter().map(row).collect::<Vec<_>>());
    loop {
        match committed.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(report) => return report.unwrap(),
            Poll::Pending => store.step_log(),
        }
    }
}

type Seen = BTreeMap<(String, i64), u64>;

fn seen(store: &Store, range: TimeRange) -> Seen {
    let mut found = Seen::new();
    let mut samples = Samples::default();
    let mut selection = store.select(&[], range).unwrap();
    while let Some(labels) = selection.next(&mut samples).unwrap() {
        for (at, value) in samples.timestamps_ms.iter().zip(&samples.floats) {
            found.insert((labels.to_string(), *at), value.to_bits());
        }
    }
    assert_eq!(selection.warnings(), [] as [String; 0]);
    found
}

fn series(name: &str, value: &str) -> Vec<Matcher> {
    vec![Matcher::equal("__name__", "m"), Matcher::equal(name, value)]
}

fn part_files(disk: &SimDisk) -> Vec<(std::path::PathBuf, u64)> {
    disk.files().into_iter().filter(|(path, _)| path.extension().is_some_and(|kind| kind == "part")).collect()
}

#[test]
fn a_deleted_series_is_gone_at_once_also_from_label_lists_and_after_a_crash() {
    let (disk, clock) = (SimDisk::new(1), Arc::new(ManualClock::at(NOW)));
    let store = open(&disk, &clock, options());
    write(&store, &[(1, NOW - 2 * DAY, 1.0), (2, NOW - 2 * DAY, 2.0), (3, NOW, 3.0)]);
    store.flush_now().unwrap();
    write(&store, &[(1, NOW, 4.0), (2, NOW, 5.0)]);
    store.delete(vec![series("s", "1"), series("s", "3")], TimeRange::ALL).unwrap();
    let gone = |store: &Store| {
        assert_eq!(
            seen(store, TimeRange::ALL).into_values().map(f64::from_bits).collect::<Vec<_>>(),
            [2.0, 5.0]
        );
        assert_eq!(store.label_values("s", &[], TimeRange::ALL).unwrap(), ["2"]);
        assert_eq!(store.label_values("job", &[], TimeRange::ALL).unwrap(), ["even"]);
        assert_eq!(store.label_names(&series("job", "odd"), TimeRange::ALL).unwrap(), [] as [&str; 0]);
        assert_eq!(store.series(&[], TimeRange::ALL).unwrap(), [labels(2)]);
        assert_eq!(store.counters().deletions, 1);
    };
    gone(&store);
    disk.cut_power();
    drop(store);
    disk.restart();
    let store = open(&disk, &clock, options());
    gone(&store);
    store.clean_now().unwrap();
    assert_eq!(store.counters().deletions, 0, "nothing is left of it in any part");
    assert_eq!(store.counters().part_samples, 2);
    assert_eq!(store.series(&[], TimeRange::ALL).unwrap(), [labels(2)]);
}

#[test]
fn what_is_written_after_a_deletion_is_seen_whatever_time_it_is_of() {
    let (disk, clock) = (SimDisk::new(2), Arc::new(ManualClock::at(NOW)));
    let store = open(&disk, &clock, options());
    write(&store, &[(1, NOW - HOUR, 1.0), (1, NOW, 2.0)]);
    store.delete(vec![series("s", "1")], TimeRange::ALL).unwrap();
    assert_eq!(seen(&store, TimeRange::ALL), Seen::new());
    // The same time with another value, the very same sample, and a late one.
    let report = write(&store, &[(1, NOW, 3.0), (1, NOW - HOUR, 1.0)]);
    assert_eq!(report.refused, []);
    let again = |store: &Store| {
        let values: Vec<f64> = seen(store, TimeRange::ALL).into_values().map(f64::from_bits).collect();
        assert_eq!(values, [1.0, 3.0]);
    };
    again(&store);
    store.flush_now().unwrap();
    again(&store);
    store.compact_now().unwrap();
    again(&store);
    assert_eq!(store.counters().deletions, 0);
    drop(store);
    disk.restart();
    again(&open(&disk, &clock, options()));
}

#[test]
fn a_deleted_time_leaves_the_samples_around_it() {
    let (disk, clock) = (SimDisk::new(3), Arc::new(ManualClock::at(NOW)));
    let store = open(&disk, &clock, options());
    let samples: Vec<_> = (0..100).map(|step| (1, NOW - 100_000 + step * 1000, step as f64)).collect();
    write(&store, &samples);
    for (from, to) in [(10, 19), (15, 29), (50, 50), (90, 200)] {
        let range = TimeRange::new(NOW - 100_000 + from * 1000, NOW - 100_000 + to * 1000);
        store.delete(vec![series("job", "odd")], range).unwrap();
    }
    let left = |store: &Store| {
        let values: Vec<f64> = seen(store, TimeRange::ALL).into_values().map(f64::from_bits).collect();
        let expected: Vec<f64> =
            (0..90).filter(|step| !(10..30).contains(step) && *step != 50).map(f64::from).collect();
        assert_eq!(values, expected);
        let inside = TimeRange::new(NOW - 85_000, NOW - 72_000);
        assert_eq!(seen(store, inside), Seen::new());
    };
    left(&store);
    let inside = TimeRange::new(NOW - 85_000, NOW - 72_000);
    assert_eq!(store.series(&[], inside).unwrap(), []);
    assert_eq!(
        store.label_values("s", &[], TimeRange::new(NOW - 90_000, NOW - 82_000)).unwrap(),
        [] as [&str; 0]
    );
    store.clean_now().unwrap();
    left(&store);
    assert_eq!(store.counters().part_samples, 69);
}

#[test]
fn deletions_that_repeat_or_touch_nothing_leave_no_record() {
    let (disk, clock) = (SimDisk::new(4), Arc::new(ManualClock::at(NOW)));
    let store = open(&disk, &clock, options());
    write(&store, &[(1, NOW, 1.0), (2, NOW, 1.0)]);
    store.delete(vec![series("s", "9")], TimeRange::ALL).unwrap();
    store.delete(vec![series("s", "1")], TimeRange::new(0, 1)).unwrap();
    assert_eq!(store.counters().deletions, 0);
    for _ in 0..3 {
        store.delete(vec![series("s", "1")], TimeRange::new(NOW - 1, NOW)).unwrap();
    }
    store.delete(vec![series("s", "1")], TimeRange::ALL).unwrap();
    assert_eq!(store.counters().deletions, 1);
}

#[test]
fn a_part_with_little_left_is_written_again_within_the_hour_and_one_with_nothing_goes() {
    let (disk, clock) = (SimDisk::new(5), Arc::new(ManualClock::at(NOW)));
    let store = open(&disk, &clock, options());
    let samples: Vec<_> = (0..40).map(|series| (series, NOW, 1.0)).collect();
    write(&store, &samples);
    write(&store, &[(101, NOW - 3 * DAY, 1.0)]);
    store.tend(true).unwrap();
    store.delete(vec![series("s", "0")], TimeRange::ALL).unwrap();
    clock.advance(HOUR);
    store.tend(false).unwrap();
    assert_eq!((store.counters().parts, store.counters().deletions), (2, 1), "one series of forty can wait");
    store.delete(vec![series("job", "odd")], TimeRange::ALL).unwrap();
    store.tend(false).unwrap();
    assert_eq!(store.counters().part_samples, 41, "it was looked at less than an hour ago");
    clock.advance(HOUR);
    store.tend(false).unwrap();
    assert_eq!((store.counters().parts, store.counters().part_samples), (1, 19));
    assert_eq!(store.counters().deletions, 0);
    assert_eq!(part_files(&disk).len(), 1);
}

#[test]
fn rules_keep_some_series_longer_and_others_shorter_than_the_rest() {
    let (disk, clock) = (SimDisk::new(6), Arc::new(ManualClock::at(NOW)));
    let rules = vec![
        KeepRule { selectors: vec![series("s", "1")], keep_ms: 40 * DAY },
        KeepRule { selectors: vec![series("job", "odd")], keep_ms: 2 * DAY },
    ];
    let store = open(
        &disk,
        &clock,
        StoreOptions { retention_ms: 10 * DAY, retention_rules: rules.clone(), ..options() },
    );
    let ages = [1, 5, 20];
    let samples: Vec<_> = (1..=3).flat_map(|s| ages.map(|age| (s, NOW - age * DAY, f64::from(s)))).collect();
    let report = write(&store, &samples);
    assert_eq!(report.accepted, 6, "1 keeps all, 2 two, 3 one: {report:?}");
    let days = |store: &Store| {
        let mut found = BTreeMap::<String, Vec<i64>>::new();
        for (labels, at) in seen(store, TimeRange::ALL).into_keys() {
            found.entry(labels).or_default().push((clock.now_ms() - at) / DAY);
        }
        found.into_values().collect::<Vec<_>>()
    };
    assert_eq!(days(&store), [vec![5, 1], vec![20, 5, 1], vec![1]]);
    clock.advance(7 * DAY);
    assert_eq!(days(&store), [vec![8], vec![27, 12, 8]], "at once, from memory too");
    store.tend(true).unwrap();
    assert_eq!(days(&store), [vec![8], vec![27, 12, 8]]);
    // Series without samples are in memory, and in lists, until the next flush.
    store.tend(true).unwrap();
    let recent = TimeRange::new(clock.now_ms() - 9 * DAY, clock.now_ms());
    assert_eq!(store.label_values("s", &[], recent).unwrap(), ["1", "2"]);
    store.clean_now().unwrap();
    assert_eq!(store.counters().part_samples, 4);
    assert_eq!(days(&store), [vec![8], vec![27, 12, 8]]);
    store.set_retention(Retention { time_ms: 10 * DAY, size_bytes: None, rules: Vec::new() });
    store.tend(false).unwrap();
    assert_eq!(days(&store), [vec![8], vec![8]], "a reload that drops the rules drops what they kept");
    assert_eq!(store.counters().time_retentions, 1);
}

#[test]
fn the_oldest_days_go_while_the_store_is_too_large() {
    let (disk, clock) = (SimDisk::new(7), Arc::new(ManualClock::at(NOW)));
    let store = open(&disk, &clock, options());
    let mut random = fastrand::Rng::with_seed(1);
    for age in 0..5 {
        let day: Vec<_> = (0..2000).map(|step| (1, NOW - age * DAY - step * 1000, random.f64())).collect();
        write(&store, &day);
    }
    store.flush_now().unwrap();
    let all = store.counters();
    let retention = |size_bytes| Retention { size_bytes: Some(size_bytes), ..(*store.retention()).clone() };
    let days = || {
        part_files(&disk)
            .iter()
            .map(|(path, _)| path.parent().unwrap().to_owned())
            .collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(days().len(), 5);
    store.set_retention(retention(all.part_bytes * 7 / 10));
    store.tend(false).unwrap();
    assert_eq!((days().len(), store.counters().size_retentions), (3, 2));
    let oldest = seen(&store, TimeRange::ALL).into_keys().map(|(_, at)| at).min().unwrap();
    assert!(oldest > NOW - 3 * DAY);
    store.set_retention(retention(1));
    store.tend(false).unwrap();
    assert_eq!((days().len(), store.counters().size_retentions), (1, 4), "the newest day stays");
}

#[test]
fn a_power_cut_at_any_call_of_a_deletion_leaves_all_or_nothing_and_an_answer_is_kept() {
    let mut cases = 0;
    for fault in [Fault::PowerCut, Fault::SyncError, Fault::Full] {
        for call in 1.. {
            let (disk, clock) = (SimDisk::new(call), Arc::new(ManualClock::at(NOW)));
            let store = open(&disk, &clock, options());
            write(&store, &[(1, NOW - DAY, 1.0), (2, NOW - DAY, 2.0)]);
            store.flush_now().unwrap();
            write(&store, &[(1, NOW, 3.0), (2, NOW, 4.0)]);
            let first = disk.calls();
            disk.fail_at(first + call, fault);
            let answer = store.delete(vec![series("s", "1")], TimeRange::ALL);
            let finished = disk.calls() < first + call;
            if answer.is_err() && !disk.is_cut() {
                // Not deleted as far as anybody was told, and upkeep goes on once the disk is well.
                assert_eq!(seen(&store, TimeRange::ALL).len(), 4, "{fault:?} at call {call}");
                disk.heal();
                store.step_log();
                store.tend(true).unwrap();
                assert_eq!(seen(&store, TimeRange::ALL).len(), 4, "{fault:?} at call {call}");
                disk.forget_faults();
            }
            disk.cut_power();
            drop(store);
            disk.restart();
            let store = open(&disk, &clock, options());
            let values: Vec<f64> = seen(&store, TimeRange::ALL).into_values().map(f64::from_bits).collect();
            match answer {
                Ok(()) => assert_eq!(values, [2.0, 4.0], "{fault:?} at call {call}"),
                Err(_) => assert!(
                    values == [2.0, 4.0, 1.0, 3.0] || values == [2.0, 4.0],
                    "{fault:?} at call {call}: {values:?}"
                ),
            }
            cases += 1;
            if finished {
                assert!(answer.is_ok());
                break;
            }
        }
    }
    assert!(cases > 30, "{cases}");
}

#[test]
fn a_damaged_file_of_deletions_is_told_and_one_of_a_newer_release_is_refused() {
    let (disk, clock) = (SimDisk::new(8), Arc::new(ManualClock::at(NOW)));
    let store = open(&disk, &clock, options());
    write(&store, &[(1, NOW, 1.0)]);
    store.delete(vec![series("s", "1")], TimeRange::ALL).unwrap();
    drop(store);
    let file = Path::new("/s/deletions");
    disk.flip_bit(file, 20 * 8).unwrap();
    let store = open(&disk, &clock, options());
    let mut selection = store.select(&[], TimeRange::ALL).unwrap();
    assert!(selection.next(&mut Samples::default()).unwrap().is_some());
    assert!(selection.warnings()[0].contains("may be seen again"), "{:?}", selection.warnings());
    drop((selection, store));
    let newer = FileKind { magic: *b"WFDELS\r\n", version: 2 };
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    BlockWriter::create(shared, Path::new("/s"), "deletions", newer).unwrap().finish(b"").unwrap();
    let told = Store::open(Path::new("/s"), options(), Arc::new(disk), clock).unwrap_err().to_string();
    assert!(told.contains("/s/deletions: format version 2 is newer"), "{told}");
}

#[test]
fn records_of_deletions_that_were_damaged_are_never_misread_as_more() {
    use super::deletions::{Deletion, read, write};
    let disk: Arc<dyn Disk> = Arc::new(SimDisk::new(9));
    disk.create_dir_all(Path::new("/s")).unwrap();
    let odd = Matcher::new("job", MatchOp::NotRegex, "o.*").unwrap();
    let deletion = |start_ms| {
        Arc::new(Deletion {
            selectors: vec![series("s", "1"), vec![odd.clone()]],
            range: TimeRange::new(start_ms, i64::MAX),
            parts: [1, 7, 1 << 40].into(),
        })
    };
    let all = vec![deletion(i64::MIN), deletion(0)];
    write(&disk, Path::new("/s"), &all).unwrap();
    assert_eq!(read(&*disk, Path::new("/s")).unwrap(), all);
    let kind = FileKind { magic: *b"WFDELS\r\n", version: 1 };
    let bytes = BlockReader::open(&*disk, Path::new("/s/deletions"), kind).unwrap().footer().unwrap();
    let mut random = fastrand::Rng::with_seed(3);
    for _ in 0..3000 {
        let mutated = crate::testing::mutated(&bytes, &mut random);
        BlockWriter::create(Arc::clone(&disk), Path::new("/s"), "deletions", kind)
            .unwrap()
            .finish(&mutated)
            .unwrap();
        // Nothing but an error or a list; no panic, no memory for counts that cannot be.
        let _ = read(&*disk, Path::new("/s"));
    }
}

#[derive(Clone, Debug)]
enum Step {
    Write(Vec<(u8, i64)>),
    SendNewestAgain(u8),
    Delete { selectors: u8, from: i64, to: i64 },
    Flush,
    Compact,
    Clean,
    Tend(i64),
    Restart { cut: bool },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    // Minutes before now, over four days with some crowding at the newest.
    let minutes = || prop_oneof![0..30_i64, 0..(4 * 24 * 60_i64)];
    let step = prop_oneof![
        6 => prop::collection::vec((0..5_u8, minutes()), 1..20).prop_map(Step::Write),
        2 => (0..5_u8).prop_map(Step::SendNewestAgain),
        3 => (1..32_u8, minutes(), minutes()).prop_map(|(selectors, from, to)| Step::Delete { selectors, from, to }),
        2 => Just(Step::Flush),
        1 => Just(Step::Compact),
        1 => Just(Step::Clean),
        2 => (0..600_i64).prop_map(Step::Tend),
        1 => any::<bool>().prop_map(|cut| Step::Restart { cut }),
    ];
    prop::collection::vec(step, 1..40)
}

/// Which series a set of bits selects, and by what.
fn selectors(bits: u8) -> (Vec<Vec<Matcher>>, Vec<u8>) {
    let regex = Matcher::new("s", MatchOp::Regex, "[34]").unwrap();
    let all = [
        (series("s", "0"), vec![0]),
        (series("job", "odd"), vec![1, 3]),
        (vec![Matcher::equal("__name__", "m"), regex], vec![3, 4]),
        (vec![Matcher::new("s", MatchOp::NotEqual, "2").unwrap(), Matcher::equal("job", "even")], vec![0, 4]),
        (series("s", "2"), vec![2]),
    ];
    let chosen = all.into_iter().enumerate().filter(|(index, _)| bits & (1 << index) != 0);
    let (matchers, series): (Vec<_>, Vec<_>) = chosen.map(|(_, one)| one).unzip();
    (matchers, series.into_iter().flatten().collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn answers_are_those_of_a_map_whatever_is_deleted_kept_merged_and_restarted(steps in steps(), seed: u64) {
        let disk = SimDisk::new(seed);
        let clock = Arc::new(ManualClock::at(NOW));
        let rules = vec![
            KeepRule { selectors: vec![series("s", "1")], keep_ms: DAY },
            KeepRule { selectors: vec![series("job", "odd"), series("s", "4")], keep_ms: 5 * DAY },
        ];
        let keep = |series: u8| [3 * DAY, DAY, 3 * DAY, 5 * DAY, 5 * DAY][usize::from(series)];
        let options = || StoreOptions { retention_ms: 3 * DAY, retention_rules: rules.clone(), ..options() };
        let mut store = open(&disk, &clock, options());
        let mut model: BTreeMap<(u8, i64), f64> = BTreeMap::new();
        let mut newest: BTreeMap<u8, (i64, f64)> = BTreeMap::new();
        let mut next = 0.0;
        for step in steps {
            let now = clock.now_ms();
            match step {
                Step::Write(samples) => for (series, minutes) in samples {
                    next += 1.0;
                    let at = now - minutes * 60_000;
                    let report = write(&store, &[(series, at, next)]);
                    if at < now - keep(series) {
                        prop_assert_eq!(report.accepted, 0);
                    } else {
                        model.entry((series, at)).or_insert(next);
                        if newest.get(&series).is_none_or(|(newest, _)| *newest < at) {
                            newest.insert(series, (at, next));
                        }
                    }
                },
                Step::SendNewestAgain(series) => {
                    let Some((at, value)) = newest.get(&series).copied() else { continue };
                    write(&store, &[(series, at, value)]);
                    if at >= now - keep(series) {
                        model.entry((series, at)).or_insert(value);
                    }
                }
                Step::Delete { selectors: bits, from, to } => {
                    let range = TimeRange::new(now - from.max(to) * 60_000, now - from.min(to) * 60_000);
                    let (matchers, series) = selectors(bits);
                    store.delete(matchers, range).unwrap();
                    model.retain(|(own, at), _| !(series.contains(own) && range.contains(*at)));
                }
                Step::Flush => store.flush_now().unwrap(),
                Step::Compact => store.compact_now().unwrap(),
                Step::Clean => store.clean_now().unwrap(),
                Step::Tend(minutes) => {
                    clock.advance(minutes * 60_000);
                    store.tend(minutes % 2 == 0).unwrap();
                }
                Step::Restart { cut } => {
                    if cut { disk.cut_power() } else { disk.kill() }
                    drop(store);
                    disk.restart();
                    store = open(&disk, &clock, options());
                }
            }
            let now = clock.now_ms();
            model.retain(|(series, at), _| *at >= now - keep(*series));
            for range in [TimeRange::ALL, TimeRange::new(now - 2 * DAY, now - DAY), TimeRange::new(now - HOUR, now)] {
                let inside = model.iter().filter(|((_, at), _)| range.contains(*at));
                let expected: Seen =
                    inside.map(|((series, at), value)| ((labels(*series).to_string(), *at), value.to_bits())).collect();
                prop_assert_eq!(&seen(&store, range), &expected);
                let listed = store.series(&[], range).unwrap();
                let values = store.label_values("s", &[], range).unwrap();
                for (series, _) in expected.keys() {
                    prop_assert!(listed.iter().any(|labels| labels.to_string() == *series));
                    prop_assert!(listed.iter().filter_map(|labels| labels.get("s")).all(|s| values.iter().any(|value| value == s)));
                }
            }
        }
    }
}
