use crate::parts::DAY_MS;
use crate::testing::wait;
use crate::{Store, StoreOptions};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use watchfire_disk::{Disk, Fault, SimDisk};
use watchfire_model::ingest::Row;
use watchfire_model::time::ManualClock;
use watchfire_model::{Labels, SampleValue, Samples, TimeRange};

const NOW: i64 = 20_000 * DAY_MS + DAY_MS / 2;
const SERIES: i64 = 40;

struct Fixture {
    disk: SimDisk,
    clock: Arc<ManualClock>,
    store: Store,
}

fn fixture() -> Fixture {
    let disk = SimDisk::new(1);
    let clock = Arc::new(ManualClock::at(NOW));
    let options = StoreOptions { background: false, min_free_bytes: 1, ..StoreOptions::default() };
    let store =
        Store::open(Path::new("/s"), options, Arc::new(disk.clone()), Arc::clone(&clock) as _).unwrap();
    Fixture { disk, clock, store }
}

impl Fixture {
    /// Makes a part of one sample for each series.
    fn flush(&self, timestamp_ms: i64, value: f64) {
        let row = |number: i64| Row {
            series: Labels::from_pairs([("__name__", "m"), ("n", &format!("{number:03}"))]),
            timestamp_ms,
            start_timestamp_ms: 0,
            value: SampleValue::Float(value + number as f64 / 7.0),
        };
        // On disk before anything else happens, so that a fault meant for what comes next does not hit its log.
        wait(self.store.write((0..SERIES).map(row).collect::<Vec<_>>())).unwrap();
        self.store.core.flush().unwrap();
    }

    fn parts(&self) -> usize {
        self.store.core.parts.list().len()
    }

    /// Samples that can be read, and whether damage was told.
    fn read(&self) -> (usize, bool) {
        let mut samples = Samples::default();
        let mut selection = self.store.select(&[], TimeRange::ALL).unwrap();
        let mut count = 0;
        while selection.next(&mut samples).unwrap().is_some() {
            count += samples.len();
        }
        (count, !selection.warnings().is_empty())
    }

    /// Flips a bit in the columns of the part at this place among the parts.
    fn damage(&self, index: usize) {
        let part = Arc::clone(&self.store.core.parts.list()[index]);
        self.disk.flip_bit(part.path(), 40 * 8).unwrap();
    }
}

#[test]
fn a_damaged_part_stays_and_is_named_and_the_others_of_its_day_are_merged() {
    let fixture = fixture();
    for flush in 0..6 {
        fixture.flush(NOW + flush * 1000, 1.0);
    }
    fixture.damage(2);
    let core = &fixture.store.core;
    core.merge(true).unwrap();
    // Two before it, itself, and three behind it that are now one.
    assert_eq!(fixture.parts(), 3);
    let damaged = fixture.store.counters().damaged_parts;
    assert_eq!(damaged.len(), 1);
    assert_eq!(damaged[0].path, core.parts.list()[1].path());
    assert!(damaged[0].places[0].contains("at byte 16"), "{damaged:?}");
    let (samples, told) = fixture.read();
    assert!(told && samples == 5 * SERIES as usize, "{samples} samples");
    core.merge(true).unwrap();
    assert_eq!(fixture.parts(), 3);
}

#[test]
fn a_read_that_fails_once_is_no_damage_and_the_merge_is_tried_again() {
    let fixture = fixture();
    for flush in 0..4 {
        fixture.flush(NOW + flush * 1000, 1.0);
    }
    let core = &fixture.store.core;
    let mut failed = 0;
    for call in 1..40 {
        fixture.disk.fail_at(fixture.disk.calls() + call, Fault::SyncError);
        failed += usize::from(core.merge(true).is_err());
        assert!(fixture.store.counters().damaged_parts.is_empty());
        fixture.disk.forget_faults();
        core.merge(true).unwrap();
        assert_eq!((fixture.parts(), fixture.read()), (1, ((3 + call as usize) * SERIES as usize, false)));
        fixture.flush(NOW + 3000 + call as i64 * 1000, 1.0);
    }
    assert!(failed > 5, "{failed}");
}

#[test]
fn damage_is_told_for_as_long_as_the_part_is_there() {
    let fixture = fixture();
    fixture.flush(NOW, 1.0);
    fixture.damage(0);
    assert!(fixture.store.counters().damaged_parts.is_empty(), "nobody has looked");
    assert!(fixture.read().1);
    let damaged = fixture.store.counters().damaged_parts;
    let part = Arc::clone(&fixture.store.core.parts.list()[0]);
    assert!(damaged[0].path == part.path() && damaged[0].places.len() == 1);
    fixture.store.core.parts.replace(Vec::new(), &[part.seq]);
    assert!(fixture.store.counters().damaged_parts.is_empty());
}

#[test]
fn a_conflicting_duplicate_is_counted_when_it_is_merged_and_the_first_written_stays() {
    let fixture = fixture();
    fixture.flush(NOW, 1.0);
    fixture.flush(NOW + 1000, 5.0);
    // The same again, and another value for a time that is not the newest.
    fixture.flush(NOW, 1.0);
    fixture.flush(NOW, 2.0);
    let refused = || {
        let refused = fixture.store.counters().samples_refused;
        refused.iter().find(|(reason, _)| *reason == "duplicate_timestamp").unwrap().1
    };
    let before = refused();
    fixture.store.core.merge(false).unwrap();
    assert_eq!((fixture.parts(), refused() - before), (1, SERIES as u64));
    let mut samples = Samples::default();
    let mut selection = fixture.store.select(&[], TimeRange::ALL).unwrap();
    selection.next(&mut samples).unwrap();
    assert_eq!(samples.floats, [1.0, 5.0]);
}

#[test]
fn closing_throws_away_an_unfinished_merge() {
    let fixture = fixture();
    for flush in 0..4 {
        fixture.flush(NOW + flush * 1000, 1.0);
    }
    fixture.store.core.stopping.store(true, Ordering::Relaxed);
    let part = fixture.store.core.parts.list().to_vec();
    fixture.store.core.merge_parts(part[0].day, part.clone()).unwrap();
    fixture.store.core.merge(true).unwrap();
    assert_eq!(fixture.parts(), 4);
    let names = fixture.disk.list(part[0].path().parent().unwrap()).unwrap();
    assert_eq!(names.len(), 4, "{names:?}");
    fixture.store.core.stopping.store(false, Ordering::Relaxed);
    fixture.store.core.merge(true).unwrap();
    assert_eq!(fixture.parts(), 1);
}

#[test]
fn a_day_becomes_one_part_once_it_is_over_and_left_alone() {
    let fixture = fixture();
    let core = &fixture.store.core;
    for flush in 0..3 {
        fixture.flush(NOW + flush * 1000, 1.0);
    }
    let hour = Duration::from_secs(3600).as_millis() as i64;
    core.merge(false).unwrap();
    assert_eq!(fixture.parts(), 3, "too few, and the day is not over");
    fixture.clock.set(NOW + DAY_MS);
    core.merge(false).unwrap();
    // A late sample: the day is to be left alone for two hours from now on.
    fixture.flush(NOW - 7, 1.0);
    fixture.clock.advance(hour);
    core.tend(false).unwrap();
    assert_eq!(fixture.parts(), 1, "four of a level need not wait");
    fixture.flush(NOW - 9, 1.0);
    core.tend(false).unwrap();
    fixture.clock.advance(hour);
    core.tend(false).unwrap();
    assert_eq!(fixture.parts(), 2);
    fixture.clock.advance(hour);
    core.tend(false).unwrap();
    assert_eq!(fixture.parts(), 1);
    assert_eq!(fixture.read(), (5 * SERIES as usize, false));
}
