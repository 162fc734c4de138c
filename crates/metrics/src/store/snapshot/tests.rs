use super::*;
use crate::store::StoreOptions;
use crate::testing::wait;
use std::sync::Arc;
use std::time::Duration;
use watchfire_disk::{Disk, Fault, SimDisk};
use watchfire_model::ingest::Row;
use watchfire_model::time::ManualClock;
use watchfire_model::{Labels, Matcher, SampleValue, Samples, TimeRange};

const NOW: i64 = 1_700_000_000_000;

fn open(disk: &SimDisk, path: &Path) -> Store {
    let options = StoreOptions { group_window: Duration::ZERO, background: false, ..StoreOptions::default() };
    Store::open(path, options, Arc::new(disk.clone()), Arc::new(ManualClock::at(NOW))).unwrap()
}

fn write(store: &Store, timestamp_ms: i64, value: f64) {
    let series = Labels::from_pairs([("__name__", "up")]);
    let row = Row { series, timestamp_ms, start_timestamp_ms: 0, value: SampleValue::Float(value) };
    wait(store.write(vec![row])).unwrap();
}

fn values(store: &Store) -> Vec<f64> {
    let mut samples = Samples::default();
    let mut selection = store.select(&[Matcher::equal("__name__", "up")], TimeRange::ALL).unwrap();
    selection.next(&mut samples).unwrap();
    samples.floats
}

#[test]
fn a_snapshot_is_a_store_of_that_moment_and_stays_when_the_store_goes_on() {
    let disk = SimDisk::new(1);
    let store = open(&disk, Path::new("/data"));
    write(&store, NOW - 2000, 1.0);
    let first = store.snapshot("first", false, |_| Ok(())).unwrap();
    write(&store, NOW - 1000, 2.0);
    let without_head = store.snapshot("without-head", true, |_| Ok(())).unwrap();
    store.compact_now().unwrap();
    assert_eq!(values(&store), [1.0, 2.0]);
    assert_eq!(values(&open(&disk, &first.path)), [1.0]);
    assert_eq!(values(&open(&disk, &without_head.path)), [1.0]);
}

#[test]
fn a_name_that_is_taken_or_leads_elsewhere_is_refused() {
    let disk = SimDisk::new(2);
    let store = open(&disk, Path::new("/data"));
    store.snapshot("a", false, |_| Ok(())).unwrap();
    let error = store.snapshot("a", false, |_| Ok(())).unwrap_err().to_string();
    assert!(error.contains("/data/snapshots/a is there already"), "{error}");
    for name in ["", "..", "../b", "a/b", "a.tmp"] {
        let error = store.snapshot(name, false, |_| Ok(())).unwrap_err().to_string();
        assert!(error.contains("is no name for a snapshot"), "{error}");
    }
}

#[test]
fn a_power_cut_at_any_call_leaves_a_whole_snapshot_or_none() {
    let mut cases = 0;
    for at in 1.. {
        let disk = SimDisk::new(at);
        let store = open(&disk, Path::new("/data"));
        write(&store, NOW - 1000, 1.0);
        let before = disk.calls();
        disk.fail_at(before + at, Fault::PowerCut);
        let made = store.snapshot("s", false, |_| Ok(())).is_ok();
        let finished = disk.calls() < before + at;
        disk.cut_power();
        drop(store);
        disk.restart();
        let names: Vec<String> = match disk.list(Path::new("/data/snapshots")) {
            Ok(entries) => entries.into_iter().map(|entry| entry.name).collect(),
            Err(_) => Vec::new(),
        };
        let there = names.iter().any(|name| name == "s");
        assert!(there || !made, "cut at call {at}: {names:?}");
        if there {
            assert_eq!(values(&open(&disk, Path::new("/data/snapshots/s"))), [1.0], "cut at call {at}");
        }
        // The next snapshot clears away what was left.
        let store = open(&disk, Path::new("/data"));
        assert_eq!(values(&store), [1.0], "cut at call {at}");
        store.snapshot("next", false, |_| Ok(())).unwrap();
        let left = disk.list(Path::new("/data/snapshots")).unwrap();
        assert!(left.iter().all(|entry| !is_leftover(&entry.name)), "cut at call {at}: {left:?}");
        cases += 1;
        if finished {
            break;
        }
    }
    println!("{cases} power cuts");
}
