use crate::{Store, StoreOptions};
use std::path::Path;
use std::sync::Arc;
use std::task::{Context, Waker};
use watchfire_disk::{Disk, Fault, SimDisk};
use watchfire_model::ingest::Row;
use watchfire_model::time::{Clock, ManualClock};
use watchfire_model::{Labels, Matcher, SampleValue, Samples, TimeRange};

const NOW: i64 = 1_700_000_000_000;
const DAY: i64 = 86_400_000;

fn open(disk: &SimDisk) -> Store {
    let options = StoreOptions { background: false, stepped: true, ..StoreOptions::default() };
    let clock = Arc::new(ManualClock::at(NOW)) as Arc<dyn Clock>;
    Store::open(Path::new("/s"), options, Arc::new(disk.clone()), clock).unwrap()
}

fn write(store: &Store, samples: &[(&str, i64, f64)]) {
    let row = |(series, at, value): &(&str, i64, f64)| Row {
        series: Labels::from_pairs([("__name__", "m"), ("s", *series)]),
        timestamp_ms: *at,
        start_timestamp_ms: 0,
        value: SampleValue::Float(*value),
    };
    let mut committed = store.write(samples.iter().map(row).collect::<Vec<_>>());
    while committed.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {
        store.step_log();
    }
}

fn values(store: &Store) -> Vec<f64> {
    let (mut samples, mut found) = (Samples::default(), Vec::new());
    let mut selection = store.select(&[], TimeRange::ALL).unwrap();
    while selection.next(&mut samples).unwrap().is_some() {
        found.extend_from_slice(&samples.floats);
    }
    assert_eq!(selection.warnings(), [] as [String; 0]);
    found
}

/// What fails at one of its calls.
#[derive(Clone, Copy, Debug)]
enum Work {
    Flush,
    Merge,
    Clean,
}

fn restarted(disk: &SimDisk, store: Store) -> Store {
    disk.cut_power();
    drop(store);
    disk.restart();
    open(disk)
}

/// Makes the calls from the `call`th of `work` on fail, `faults` of them, and returns whether all came after its end.
fn deleted_stays_deleted(work: Work, fault: Fault, call: u64, faults: u64) -> bool {
    let case = format!("{fault:?} at call {call} of {work:?}, {faults} in all");
    let disk = SimDisk::new(call);
    let store = open(&disk);
    let gone = vec![vec![Matcher::equal("s", "gone")]];
    write(&store, &[("gone", NOW - DAY, 1.0), ("kept", NOW - DAY, 2.0), ("gone", NOW - 2 * DAY, 3.0)]);
    store.flush_now().unwrap();
    write(&store, &[("gone", NOW - DAY + 1, 4.0), ("kept", NOW, 5.0)]);
    match work {
        Work::Flush => {}
        Work::Merge => store.flush_now().unwrap(),
        Work::Clean => store.delete(gone.clone(), TimeRange::new(0, NOW - DAY)).unwrap(),
    }
    let first = disk.calls() + call;
    (first..first + faults).for_each(|call| disk.fail_at(call, fault));
    let done = match work {
        Work::Flush => store.flush_now(),
        Work::Merge => store.compact_now(),
        Work::Clean => store.clean_now(),
    };
    let finished = disk.calls() < first;
    assert!(done.is_ok() || !finished, "{case}: {done:?}");
    disk.forget_faults();
    disk.heal();
    store.step_log();
    store.delete(gone.clone(), TimeRange::ALL).unwrap();
    assert_eq!(values(&store), [2.0, 5.0], "{case}");
    let store = restarted(&disk, store);
    assert_eq!(values(&store), [2.0, 5.0], "{case}, after a restart");
    store.clean_now().unwrap();
    assert_eq!(store.counters().deletions, 0, "{case}");
    let store = restarted(&disk, store);
    assert_eq!(values(&store), [2.0, 5.0], "{case}, after it was made physical and a restart");
    finished
}

#[test]
fn what_is_deleted_after_a_flush_a_merge_or_a_rewrite_failed_at_any_call_never_comes_back() {
    let mut cases = 0;
    for work in [Work::Flush, Work::Merge, Work::Clean] {
        for (fault, faults) in
            [(Fault::SyncError, 1), (Fault::SyncError, 2), (Fault::SyncError, 9), (Fault::Full, 1)]
        {
            for call in 1.. {
                cases += 1;
                if deleted_stays_deleted(work, fault, call, faults) {
                    break;
                }
            }
        }
    }
    assert!(cases > 200, "{cases}");
}

/// The rewrite of a part with nothing left fails at one call, and the next round of upkeep at another, or at none.
#[test]
fn a_deletion_of_which_a_part_could_not_be_removed_is_not_forgotten() {
    let case = |call, next: Option<u64>| {
        let disk = SimDisk::new(call);
        let store = open(&disk);
        write(&store, &[("gone", NOW, 1.0), ("kept", NOW - DAY, 2.0)]);
        store.delete(vec![vec![Matcher::equal("s", "gone")]], TimeRange::ALL).unwrap();
        disk.fail_at(disk.calls() + call, Fault::SyncError);
        let cleaned = store.clean_now();
        let finished = disk.faults() == 0;
        disk.forget_faults();
        next.into_iter().for_each(|next| disk.fail_at(disk.calls() + next, Fault::SyncError));
        let _ = store.tend(false);
        disk.forget_faults();
        let store = restarted(&disk, store);
        assert_eq!(
            values(&store),
            [2.0],
            "the rewrite failed at call {call}, upkeep at {next:?}: {cleaned:?}"
        );
        finished
    };
    for call in 1.. {
        let upkeep = (1..20).map(Some).chain([None]);
        if upkeep.fold(false, |finished, next| finished | case(call, next)) {
            assert!(call > 5, "a rewrite of {call} calls");
            return;
        }
    }
}

#[test]
fn of_two_parts_with_one_number_the_second_has_another_for_good() {
    let disk = SimDisk::new(1);
    let store = open(&disk);
    for (day, value) in [(0, 1.0), (1, 2.0)] {
        write(&store, &[("s", NOW - day * DAY, value)]);
        store.flush_now().unwrap();
    }
    let second = store.core.parts.list()[0].path().to_owned();
    drop(store);
    // As a power cut leaves it that brings a removed part back, whose number another day's has by now.
    disk.rename(&second, &second.with_file_name("000000000001.part")).unwrap();
    let is_part = |path: &std::path::PathBuf| path.extension().is_some_and(|end| end == "part");
    let names = || disk.files().into_iter().map(|(path, _)| path).filter(is_part);
    let before: Vec<_> = names().collect();
    let store = open(&disk);
    let after: Vec<_> = names().collect();
    assert_ne!(before, after);
    assert_eq!(values(&store), [2.0, 1.0]);
    // What is deleted from one of them is not deleted from the other, also after a start that counts anew.
    let day = TimeRange::new(NOW - DAY - 1, NOW - DAY + 1);
    store.delete(vec![vec![Matcher::equal("s", "s")]], day).unwrap();
    assert_eq!(values(&store), [1.0]);
    let store = restarted(&disk, store);
    assert_eq!(values(&store), [1.0]);
    assert_eq!(names().collect::<Vec<_>>(), after, "nothing is renamed a second time");
}
