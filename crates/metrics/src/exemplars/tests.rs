use super::*;
use crate::testing::{mutated, wait};
use crate::{OpenError, StoreOptions, verify};
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use watchfire_disk::{BlockError, BlockWriter, Disk, Fault, FileKind, SimDisk};
use watchfire_model::time::ManualClock;

const NOW: i64 = 1_700_000_000_000;
const DIR: &str = "/s";

fn options() -> StoreOptions {
    StoreOptions {
        group_window: Duration::ZERO,
        retry_every: Duration::from_millis(5),
        background: false,
        ..StoreOptions::default()
    }
}

fn try_open(disk: &SimDisk, now_ms: i64) -> Result<Store, OpenError> {
    Store::open(Path::new(DIR), options(), Arc::new(disk.clone()), Arc::new(ManualClock::at(now_ms)))
}

fn open(disk: &SimDisk) -> Store {
    try_open(disk, NOW).unwrap()
}

fn series(instance: &str) -> Labels {
    Labels::from_pairs([("__name__", "latency_bucket"), ("instance", instance)])
}

fn add(batch: &mut Batch, instance: &str, at: i64, value: f64, trace: &str) {
    batch.begin_shared(series(instance));
    batch.push_exemplar(at, value, [(b"trace_id".as_slice(), trace.as_bytes())]);
}

/// A sample for the series and an exemplar of it.
fn batch(instance: &str, at: i64, value: f64, trace: &str) -> Batch {
    let mut batch = Batch::new();
    batch.begin_shared(series(instance));
    batch.push_float(at, 0, value);
    add(&mut batch, instance, at, value, trace);
    batch
}

fn selector(matcher: Matcher) -> Vec<Vec<Matcher>> {
    vec![vec![matcher]]
}

fn everything(store: &Store) -> Vec<(Labels, Vec<Exemplar>)> {
    store.exemplars(&selector(Matcher::equal("__name__", "latency_bucket")), TimeRange::ALL)
}

fn traces(store: &Store) -> Vec<(String, i64)> {
    let all = everything(store);
    let traces = all.iter().flat_map(|(_, found)| found);
    traces.map(|found| (found.labels.get("trace_id").unwrap().to_owned(), found.timestamp_ms)).collect()
}

#[test]
fn exemplars_are_found_by_their_series_and_time_and_after_a_restart() {
    let disk = SimDisk::new(1);
    let store = open(&disk);
    let report = wait(store.write(batch("b", NOW, 0.5, "one"))).unwrap();
    assert_eq!((report.accepted, report.exemplars), (1, 1));
    wait(store.write(batch("a", NOW + 5, f64::INFINITY, "two"))).unwrap();
    // Prometheus sends exemplars apart from the samples of their series.
    let mut alone = Batch::new();
    add(&mut alone, "b", NOW + 1000, 0.25, "three");
    assert_eq!(wait(store.write(alone)).unwrap().exemplars, 1);
    let found = everything(&store);
    assert_eq!(
        found.iter().map(|(labels, _)| labels.clone()).collect::<Vec<_>>(),
        [series("a"), series("b")]
    );
    assert_eq!(traces(&store), [("two".into(), NOW + 5), ("one".into(), NOW), ("three".into(), NOW + 1000)]);
    let of_b = selector(Matcher::equal("instance", "b"));
    let early = store.exemplars(&of_b, TimeRange { start_ms: 0, end_ms: NOW });
    assert_eq!((early.len(), early[0].1.len(), early[0].1[0].value), (1, 1, 0.5));
    assert!(store.exemplars(&of_b, TimeRange { start_ms: 0, end_ms: NOW - 1 }).is_empty());
    assert!(store.exemplars(&[], TimeRange::ALL).is_empty());

    drop(store);
    disk.cut_power();
    disk.restart();
    let store = open(&disk);
    assert_eq!(everything(&store), found, "from the log");
    store.flush_now().unwrap();
    drop(store);
    let store = open(&disk);
    assert_eq!(everything(&store), found, "from the file");
    assert_eq!(store.exemplar_stats().series, 2);
}

#[test]
fn what_is_refused_is_told_with_its_reason_and_counted() {
    let disk = SimDisk::new(1);
    let store = open(&disk);
    let mut sent = batch("a", NOW, 1.0, "t");
    add(&mut sent, "a", NOW - 1, 1.0, "late");
    add(&mut sent, "a", NOW, 1.0, "t");
    add(&mut sent, "a", NOW + 1, 1.0, &"ß".repeat(120));
    add(&mut sent, "a", NOW + 2, 1.0, &"ß".repeat(121));
    add(&mut sent, "nobody", NOW, 1.0, "t");
    add(&mut sent, "a", NOW - 16 * 86_400_000, 1.0, "old");
    add(&mut sent, "a", NOW + 3_600_000, 1.0, "ahead");
    sent.begin_shared(series("a"));
    sent.push_exemplar(NOW + 3, 1.0, [(b"x".as_slice(), b"\xff".as_slice())]);
    sent.begin_packed(b"nonsense");
    sent.push_exemplar(NOW + 3, 1.0, []);
    let report = wait(store.write(sent)).unwrap();
    assert!(report.refused.is_empty(), "samples are not concerned: {:?}", report.refused);
    assert_eq!(report.exemplars, 3, "the duplicate is there");
    let refused = |reason| report.refused_exemplars.iter().find(|refused| refused.reason == reason).unwrap();
    for (reason, rows, words) in [
        (RefusalReason::OutOfOrder, 1, "older than its newest one"),
        (RefusalReason::LabelLimit, 1, "129 characters, at most 128"),
        (RefusalReason::UnknownSeries, 1, "instance=\"nobody\""),
        (RefusalReason::TooOld, 1, "older than the retention keeps"),
        (RefusalReason::TooFarAhead, 1, "check the clocks"),
        (RefusalReason::InvalidLabels, 2, "its own labels"),
    ] {
        assert_eq!(refused(reason).rows, rows, "{reason:?}");
        assert!(refused(reason).example.contains(words), "{}", refused(reason).example);
    }
    let stats = store.exemplar_stats();
    assert_eq!((stats.kept, stats.appended, stats.max), (2, 2, 100_000));
    assert!(stats.refused.contains(&(RefusalReason::OutOfOrder, 1)), "{:?}", stats.refused);
    assert_eq!(stats.refused.iter().map(|(_, count)| count).sum::<u64>(), 7);
}

#[test]
fn exemplars_older_than_the_retention_are_neither_answered_nor_kept_on_disk() {
    let disk = SimDisk::new(1);
    let store = open(&disk);
    wait(store.write(batch("a", NOW - 1000, 1.0, "old"))).unwrap();
    wait(store.write(batch("a", NOW + 1000, 1.0, "new"))).unwrap();
    store.close();
    drop(store);
    let store = try_open(&disk, NOW + 15 * 86_400_000).unwrap();
    assert_eq!(traces(&store), [("new".into(), NOW + 1000)]);
    assert_eq!(store.exemplar_stats().kept, 2);
    store.flush_now().unwrap();
    assert_eq!(store.exemplar_stats().kept, 1);
    drop(store);
    let store = open(&disk);
    assert_eq!(traces(&store), [("new".into(), NOW + 1000)], "also with the clock set back");
}

#[test]
fn deleted_exemplars_are_gone_at_once_and_after_a_crash_and_later_ones_stay() {
    let disk = SimDisk::new(1);
    let store = open(&disk);
    wait(store.write(batch("a", NOW, 1.0, "early"))).unwrap();
    wait(store.write(batch("a", NOW + 1000, 1.0, "later"))).unwrap();
    wait(store.write(batch("b", NOW, 1.0, "other"))).unwrap();
    store.delete(selector(Matcher::equal("instance", "a")), TimeRange::new(0, NOW)).unwrap();
    let left = [("later".to_owned(), NOW + 1000), ("other".to_owned(), NOW)];
    assert_eq!(traces(&store), left);
    drop(store);
    disk.cut_power();
    disk.restart();
    assert_eq!(traces(&open(&disk)), left);
}

#[test]
fn a_deleted_exemplar_whose_record_failed_is_not_logged_again() {
    let disk = SimDisk::new(1);
    let store = open(&disk);
    wait(store.write(batch("a", NOW, 1.0, "first"))).unwrap();
    disk.fail_at(disk.calls() + 1, Fault::Full);
    let mut both = batch("a", NOW + 1000, 1.0, "deleted");
    add(&mut both, "a", NOW + 2000, 1.0, "stays");
    assert!(wait(store.append(&both)).is_err());
    disk.heal();
    store.delete(selector(Matcher::equal("instance", "a")), TimeRange::new(0, NOW + 1000)).unwrap();
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while wait(store.append(&batch("a", NOW + 3000, 1.0, "new"))).is_err() {
        assert!(std::time::Instant::now() < deadline, "never recovered");
        std::thread::sleep(Duration::from_millis(1));
    }
    drop(store);
    disk.cut_power();
    disk.restart();
    assert_eq!(traces(&open(&disk)), [("stays".to_owned(), NOW + 2000), ("new".to_owned(), NOW + 3000)]);
}

/// Faults at every call: what was acknowledged is there after the power comes back, also what was sent until it was.
#[test]
fn acknowledged_exemplars_survive_a_power_cut_at_every_call_and_none_is_invented() {
    let mut cases = 0;
    for fault in [Fault::PowerCut, Fault::SyncError, Fault::Full] {
        for at in 1.. {
            let disk = SimDisk::new(at);
            disk.fail_at(at, fault);
            let (mut sent, mut acknowledged) = (BTreeSet::new(), BTreeSet::new());
            if let Ok(store) = try_open(&disk, NOW) {
                for step in 0..6_i64 {
                    let (instance, trace) = (["a", "b"][step as usize % 2], format!("t{step}"));
                    // Two at once, and the sender sends them again when they are not acknowledged.
                    let mut one = batch(instance, NOW + step * 10, step as f64, &trace);
                    add(&mut one, instance, NOW + step * 10 + 1, 0.0, &trace);
                    for _ in 0..2 {
                        sent.insert((trace.clone(), NOW + step * 10));
                        sent.insert((trace.clone(), NOW + step * 10 + 1));
                        if wait(store.append(&one)).is_ok_and(|report| report.exemplars == 2) {
                            acknowledged.insert((trace.clone(), NOW + step * 10));
                            acknowledged.insert((trace.clone(), NOW + step * 10 + 1));
                            break;
                        }
                        disk.heal();
                        let deadline = std::time::Instant::now() + Duration::from_secs(20);
                        while store.counters().read_only.is_some() && fault != Fault::PowerCut {
                            assert!(std::time::Instant::now() < deadline, "never recovered");
                            std::thread::sleep(Duration::from_millis(1));
                        }
                    }
                    if step % 3 == 2 {
                        let _ = store.flush_now();
                    }
                }
            }
            let finished = disk.calls() < at;
            disk.cut_power();
            disk.restart();
            let recovered: BTreeSet<_> = traces(&open(&disk)).into_iter().collect();
            assert!(acknowledged.is_subset(&recovered), "{fault:?} at call {at}: lost one");
            assert!(recovered.is_subset(&sent), "{fault:?} at call {at}: invented one");
            cases += 1;
            if finished {
                assert_eq!(acknowledged.len(), 12, "without a fault all are acknowledged");
                break;
            }
        }
    }
    println!("{cases} faults");
}

#[test]
fn a_file_of_a_newer_release_is_refused_before_anything_is_touched() {
    let disk = SimDisk::new(1);
    let newer = FileKind { magic: *b"WFEXEM\r\n", version: 2 };
    disk.create_dir_all(Path::new(DIR)).unwrap();
    let writer = BlockWriter::create(Arc::new(disk.clone()), Path::new(DIR), file::FILE, newer).unwrap();
    writer.finish(b"?").unwrap();
    let error = try_open(&disk, NOW).unwrap_err();
    assert!(matches!(error, OpenError::Part(BlockError::UnknownVersion { .. })), "{error}");
    assert!(error.to_string().contains("/s/exemplars: format version 2 is newer"), "{error}");
    assert_eq!(disk.list(Path::new(DIR)).unwrap().len(), 1, "nothing was made");
}

#[test]
fn a_damaged_file_is_named_by_verify_and_written_again() {
    let disk = SimDisk::new(1);
    let store = open(&disk);
    wait(store.write(batch("a", NOW, 1.0, "t"))).unwrap();
    store.flush_now().unwrap();
    drop(store);
    let problems = || {
        let report = verify(Path::new(DIR), &disk, &mut |_| ControlFlow::Continue(())).unwrap();
        report.problems.into_iter().map(|problem| problem.text).collect::<Vec<_>>()
    };
    assert_eq!(problems(), [""; 0]);
    let path = Path::new(DIR).join(file::FILE);
    disk.remove_file(&path).unwrap();
    disk.create(&path).and_then(|mut file| file.append(b"WFEXEM\r\n\x01 and then nothing of use")).unwrap();
    assert!(problems().iter().any(|problem| problem.contains("/s/exemplars")), "{:?}", problems());
    let store = open(&disk);
    assert!(traces(&store).is_empty());
    assert_eq!(store.counters().corruptions, 1);
    store.flush_now().unwrap();
    assert_eq!(problems(), [""; 0]);
}

#[test]
fn ten_thousand_mutated_groups_are_read_or_refused_without_a_panic() {
    let mut bytes = Vec::new();
    for number in 0..4 {
        let exemplars: Vec<Exemplar> = (0..5)
            .map(|step| Exemplar {
                labels: Labels::from_pairs([("trace_id", "0123456789"), ("span_id", "abc")]),
                value: f64::from(step) / 3.0,
                timestamp_ms: NOW + i64::from(step * number),
            })
            .collect();
        record::put_group(&mut bytes, &series(&number.to_string()), exemplars.iter());
    }
    let (mut refused, mut random) = (0, fastrand::Rng::with_seed(3));
    for case in 0..10_000 {
        let bytes = mutated(&bytes, &mut random);
        let mut input = crate::codec::bytes::Reader::new(&bytes);
        let mut found = 0;
        while !input.is_empty() {
            if record::take_group(&mut input, &mut |_, _| found += 1).is_none() {
                refused += 1;
                break;
            }
        }
        assert!(found * 10 <= bytes.len(), "case {case}");
    }
    assert!(refused > 1000, "{refused}");
}
