use super::choose::runs;
use crate::parts::DAY_MS;
use crate::{Store, StoreOptions, TierOptions};
use std::path::Path;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use watchfire_disk::{Disk, Fault, SimDisk};
use watchfire_model::ingest::Row;
use watchfire_model::time::ManualClock;
use watchfire_model::{Digest, Labels, SampleValue, Samples, TimeRange};

const HOUR: i64 = 3_600_000;
/// The first day of samples.
const FIRST: i64 = 20_000 * DAY_MS;

fn options() -> StoreOptions {
    let tier = |resolution_ms, days: i64| TierOptions { resolution_ms, keep_ms: days * DAY_MS };
    StoreOptions {
        retention_ms: 2 * DAY_MS,
        tiers: vec![tier(HOUR, 4), tier(6 * HOUR, 100)],
        stepped: true,
        ..StoreOptions::default()
    }
}

fn open(disk: &SimDisk, clock: &Arc<ManualClock>) -> Option<Store> {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    Store::open(Path::new("/s"), options(), disk, Arc::clone(clock) as _).ok()
}

/// A sample in each quarter of an hour of a day, for two series; whether it was acknowledged.
fn write(store: &Store, day: i64) -> bool {
    let rows = (0..96).flat_map(|quarter| {
        ["a", "b"].map(|job| Row {
            series: Labels::from_pairs([("__name__", "x"), ("job", job)]),
            timestamp_ms: FIRST + day * DAY_MS + quarter * 900_000 + 1_000,
            start_timestamp_ms: 0,
            value: SampleValue::Float((day * 96 + quarter) as f64),
        })
    });
    let mut committed = store.write(rows.collect::<Vec<_>>());
    store.step_log();
    matches!(committed.as_mut().poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(Ok(_)))
}

/// Sums over whole days, from whatever there is of them.
fn daily_sums(store: &Store) -> Option<Vec<f64>> {
    let mut sums = vec![0.0; 5];
    let mut samples = Samples::default();
    let mut selection = store.select_digest(&[], TimeRange::ALL, Digest::Totals).unwrap();
    while selection.next(&mut samples).unwrap().is_some() {
        for (at, value) in samples.timestamps_ms.iter().zip(&samples.floats) {
            sums[usize::try_from((at - FIRST) / DAY_MS).unwrap()] += value;
        }
    }
    // The disk may be down.
    selection.warnings().is_empty().then_some(sums)
}

fn expected(days: i64) -> Vec<f64> {
    (0..5_i64)
        .map(
            |day| {
                if day < days { (0..96).map(|quarter| 2.0 * (day * 96 + quarter) as f64).sum() } else { 0.0 }
            },
        )
        .collect()
}

/// Five days, a day at a time, tended after each.
fn run(disk: &SimDisk, clock: &Arc<ManualClock>, from: &mut i64) -> Option<()> {
    let store = open(disk, clock)?;
    while *from < 5 {
        clock.set(FIRST + (*from + 1) * DAY_MS + 2 * HOUR);
        // Unless it was acknowledged before.
        if daily_sums(&store)?[usize::try_from(*from).ok()?] == 0.0 && !write(&store, *from) {
            return None;
        }
        store.tend(true).ok()?;
        store.tend(false).ok()?;
        *from += 1;
    }
    (daily_sums(&store)? == expected(5)).then_some(())
}

#[test]
fn a_power_cut_at_any_call_loses_no_window_and_invents_none() {
    let disk = SimDisk::new(1);
    let clock = Arc::new(ManualClock::at(FIRST + DAY_MS));
    run(&disk, &clock, &mut 0).expect("without faults");
    let calls = disk.calls();
    let step = (calls / 150).max(1);
    for fault in [Fault::PowerCut, Fault::SyncError, Fault::Full] {
        for at in (1..calls).step_by(usize::try_from(step).unwrap()) {
            let disk = SimDisk::new(at);
            let clock = Arc::new(ManualClock::at(FIRST + DAY_MS));
            let mut day = 0;
            disk.fail_at(at, fault);
            let mut attempts = 0;
            while run(&disk, &clock, &mut day).is_none() {
                attempts += 1;
                assert!(attempts < 4, "{fault:?} at call {at}: day {day}");
                disk.cut_power();
                disk.restart();
                disk.heal();
            }
            disk.forget_faults();
            disk.heal();
            let store = open(&disk, &clock).unwrap();
            store.tend(true).unwrap();
            assert_eq!(daily_sums(&store), Some(expected(5)), "{fault:?} at call {at}");
            let stats = store.tier_stats();
            assert_eq!(stats.seam_ms, Some(FIRST + 3 * DAY_MS), "{fault:?} at call {at}");
            assert_eq!(stats.tiers.iter().map(|tier| tier.days).collect::<Vec<_>>(), [4, 5]);
            let known: usize = super::files(&disk, Path::new("/s")).unwrap().len();
            // The seam, and for each day and tier a manifest, and parts of all columns but that of resets.
            assert_eq!(known, 1 + (4 + 5) * 7, "{fault:?} at call {at}: no file is left over");
        }
    }
}

#[test]
fn the_finest_tier_that_has_a_day_answers_for_it() {
    let disk = SimDisk::new(2);
    let clock = Arc::new(ManualClock::at(FIRST + DAY_MS));
    run(&disk, &clock, &mut 0).unwrap();
    clock.set(FIRST + 6 * DAY_MS + HOUR);
    let store = open(&disk, &clock).unwrap();
    store.tend(true).unwrap();
    let levels = store.core.tiers.levels();
    let runs = runs(&levels, store.core.tiers.seam_ms(), TimeRange::ALL);
    let shown: Vec<_> = runs
        .iter()
        .map(|run| {
            (run.resolution_ms / HOUR, (run.after_ms - FIRST) / DAY_MS, (run.until_ms - FIRST) / DAY_MS)
        })
        .collect();
    assert_eq!(shown, [(6, 0, 2), (1, 2, 4)]);
    assert_eq!(daily_sums(&store), Some(expected(5)));
}

#[test]
fn days_whose_samples_are_gone_become_one_set() {
    let disk = SimDisk::new(3);
    let clock = Arc::new(ManualClock::at(FIRST + DAY_MS));
    run(&disk, &clock, &mut 0).unwrap();
    clock.set(FIRST + 60 * DAY_MS);
    let store = open(&disk, &clock).unwrap();
    store.tend(true).unwrap();
    store.tend(true).unwrap();
    let levels = store.core.tiers.levels();
    // Of an hour nothing is left; of six hours a set for each 32 days that have any.
    assert!(levels[0].sets.is_empty());
    assert_eq!(levels[1].sets.iter().map(|set| set.days).collect::<Vec<_>>(), [32]);
    assert_eq!(daily_sums(&store), Some(expected(5)));
    store.tend(true).unwrap();
    assert_eq!(store.tier_stats().days_made, 0);
}

#[test]
fn a_damaged_set_is_told_and_the_rest_keeps_answering() {
    let disk = SimDisk::new(4);
    let clock = Arc::new(ManualClock::at(FIRST + DAY_MS));
    run(&disk, &clock, &mut 0).unwrap();
    let store = open(&disk, &clock).unwrap();
    let file = store.core.tiers.levels()[0].sets[0].part(super::set::Column::Sum).unwrap().path().to_owned();
    drop(store);
    disk.flip_bit(&file, 400).unwrap();
    let store = open(&disk, &clock).unwrap();
    let mut samples = Samples::default();
    let mut selection = store.select_digest(&[], TimeRange::ALL, Digest::Totals).unwrap();
    while selection.next(&mut samples).unwrap().is_some() {}
    let warnings = selection.warnings();
    assert!(!warnings.is_empty() && warnings.iter().all(|text| text.contains("tiers/1h")), "{warnings:?}");
    let report = crate::verify(Path::new("/s"), &disk, &mut |_| std::ops::ControlFlow::Continue(())).unwrap();
    assert!(report.problems.iter().any(|problem| problem.path == file), "{report:?}");
}

#[test]
fn what_could_not_be_removed_of_a_set_is_removed_by_the_next_round() {
    for call in 1.. {
        let disk = SimDisk::new(call);
        let clock = Arc::new(ManualClock::at(FIRST + DAY_MS));
        run(&disk, &clock, &mut 0).expect("without faults");
        let store = open(&disk, &clock).unwrap();
        let all = |store: &Store| -> usize {
            let levels = store.core.tiers.levels();
            levels
                .iter()
                .flat_map(|level| &level.sets)
                .map(|set| set.parts.iter().flatten().count() + 1)
                .sum()
        };
        let before = all(&store);
        clock.set(FIRST + 60 * DAY_MS);
        disk.fail_at(disk.calls() + call, Fault::SyncError);
        let first = store.tend(false);
        let is_over = disk.faults() == 0;
        disk.forget_faults();
        store.tend(false).unwrap();
        assert!(all(&store) < before, "nothing was to be removed");
        let files = super::files(&disk, Path::new("/s")).unwrap();
        assert_eq!(files.len(), 1 + all(&store), "call {call} failed: {first:?}; left are {files:?}");
        if is_over {
            assert!(call > 10, "a round of {call} calls");
            return;
        }
    }
}
