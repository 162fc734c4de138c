use super::*;
use crate::StoreOptions;
use std::path::Path;
use std::sync::Arc;
use watchfire_disk::{BlockError, Disk, Fault, SimDisk};
use watchfire_model::ingest::Row;
use watchfire_model::time::ManualClock;
use watchfire_model::{SampleValue, TimeRange};

const NOW: i64 = 1_700_000_000_000;
const HOUR: i64 = 3_600_000;

fn open(disk: &SimDisk) -> Result<Store, crate::OpenError> {
    let options = StoreOptions { background: false, min_free_bytes: 1, ..StoreOptions::default() };
    Store::open(Path::new("/s"), options, Arc::new(disk.clone()), Arc::new(ManualClock::at(NOW)))
}

fn labels(number: u64) -> Labels {
    Labels::from_pairs([("__name__", "m"), ("n", &format!("{number:03}"))])
}

/// Three days of a series, an hour apart.
fn samples(number: u64) -> Samples {
    let mut samples = Samples::default();
    for hour in 0..72 {
        samples.push_float(NOW - (72 - hour) * HOUR, (number * 1000) as f64 + hour as f64);
    }
    samples
}

/// Imports series 1 to `count` behind where it stands.
fn import(store: &Store, count: u64, checkpoint_at: u64) -> Result<ImportReport, CompactError> {
    let mut import = store.import("source", false)?;
    for number in import.resume_after() + 1..=count {
        import.add(number, &labels(number), &samples(number))?;
        if number == checkpoint_at {
            import.checkpoint()?;
        }
    }
    import.finish()
}

fn everything(store: &Store) -> Vec<(String, Samples)> {
    let mut selection = store.select(&[], TimeRange::ALL).unwrap();
    let mut found = Vec::new();
    let mut samples = Samples::default();
    while let Some(labels) = selection.next(&mut samples).unwrap() {
        found.push((labels.to_string(), samples.clone()));
    }
    assert_eq!(selection.warnings(), [] as [String; 0]);
    found
}

fn expected(count: u64) -> Vec<(String, Samples)> {
    (1..=count).map(|number| (labels(number).to_string(), samples(number))).collect()
}

#[test]
fn samples_of_days_that_tiers_answer_for_are_counted() {
    let (disk, day) = (SimDisk::new(1), 24 * HOUR);
    let clock = Arc::new(ManualClock::at(NOW));
    let options = StoreOptions {
        background: false,
        min_free_bytes: 1,
        retention_ms: day,
        tiers: vec![crate::TierOptions { resolution_ms: HOUR, keep_ms: 100 * day }],
        ..StoreOptions::default()
    };
    let open =
        |options| Store::open(Path::new("/s"), options, Arc::new(disk.clone()), Arc::clone(&clock) as _);
    let store = open(options.clone()).unwrap();
    let row = Row {
        series: labels(0),
        timestamp_ms: NOW - HOUR,
        start_timestamp_ms: 0,
        value: SampleValue::Float(1.0),
    };
    drop(store.write(vec![row]));
    clock.set(NOW + 5 * day);
    store.tend(true).unwrap();
    let seam_ms = store.tier_stats().seam_ms.unwrap();
    drop(store);
    // As the command opens it, which does not know of tiers.
    let store = open(StoreOptions { tiers: Vec::new(), retention_ms: 100 * day, ..options }).unwrap();
    let report = import(&store, 1, 0).unwrap();
    let behind = samples(1).timestamps_ms.iter().filter(|at| **at <= seam_ms).count() as u64;
    assert!(behind > 0, "the seam is at {seam_ms}");
    assert_eq!((report.samples, report.behind_tiers), (72, behind));
}

#[test]
fn an_imported_source_can_be_queried_and_is_not_imported_again() {
    let disk = SimDisk::new(1);
    let store = open(&disk).unwrap();
    assert_eq!(store.imported("source"), Imported::Nothing);
    let report = import(&store, 5, 2).unwrap();
    assert_eq!((report.series, report.samples), (5, 5 * 72));
    assert_eq!(everything(&store), expected(5));
    assert_eq!(store.imported("source"), Imported::All);
    assert_eq!(store.imported("another"), Imported::Nothing);
    drop(store);
    let store = open(&disk).unwrap();
    assert_eq!(store.imported("source"), Imported::All);
    assert_eq!(everything(&store), expected(5));
    store.compact_now().unwrap();
    assert_eq!(everything(&store), expected(5));
}

#[test]
fn an_import_cut_short_at_any_call_goes_on_and_ends_the_same() {
    let calls = {
        let disk = SimDisk::new(1);
        let store = open(&disk).unwrap();
        let before = disk.calls();
        import(&store, 6, 3).unwrap();
        disk.calls() - before
    };
    assert!(calls > 20, "{calls} calls are too few to be an import");
    for call in 0..calls {
        for fault in [Fault::PowerCut, Fault::SyncError, Fault::Full] {
            let disk = SimDisk::new(call);
            {
                let store = open(&disk).unwrap();
                disk.fail_at(disk.calls() + call, fault);
                let _ = import(&store, 6, 3);
                disk.cut_power();
            }
            disk.restart();
            let store = open(&disk).unwrap();
            import(&store, 6, 3).unwrap();
            assert_eq!(everything(&store), expected(6), "{fault:?} at call {call}");
            let stored: u64 = store.core.parts.list().iter().map(|part| part.summary.samples).sum();
            assert_eq!(stored, 6 * 72, "nothing is there twice after {fault:?} at call {call}");
            assert_eq!(store.imported("source"), Imported::All);
        }
    }
}

#[test]
fn starting_over_takes_away_what_an_unfinished_import_left() {
    let disk = SimDisk::new(1);
    let store = open(&disk).unwrap();
    let mut first = store.import("source", false).unwrap();
    first.add(1, &labels(1), &samples(1)).unwrap();
    first.checkpoint().unwrap();
    drop(first);
    assert_eq!(store.imported("source"), Imported::UpTo(1));
    assert_eq!(everything(&store), expected(1));
    let again = store.import("source", true).unwrap();
    assert_eq!(again.resume_after(), 0);
    assert_eq!(everything(&store), []);
}

#[test]
fn a_part_of_somebody_else_with_the_number_of_a_lost_one_stays() {
    let disk = SimDisk::new(1);
    let store = open(&disk).unwrap();
    // As a crash between journal and part leaves it.
    let mut journal = Journal::read(&store.core);
    let mut lost = store.import("source", false).unwrap();
    lost.add(1, &labels(1), &samples(1)).unwrap();
    let writers = &lost.writers;
    let parts: Vec<PartName> =
        writers.iter().map(|(day, (seq, writer))| PartName::new(*seq, *day, writer.summary())).collect();
    drop(lost);
    journal.sources.entry("source".to_owned()).or_default().doubt = Some(Doubt { position: 1, parts });
    journal.write(&store.core).unwrap();
    drop(store);
    let store = open(&disk).unwrap();
    let row = |at| Row {
        series: labels(7),
        timestamp_ms: at,
        start_timestamp_ms: 0,
        value: SampleValue::Float(1.0),
    };
    // The server's own flush is given the same numbers.
    drop(store.write(vec![row(NOW - 71 * HOUR), row(NOW - 40 * HOUR), row(NOW - 20 * HOUR)]));
    store.compact_now().unwrap();
    import(&store, 1, 0).unwrap();
    let names: Vec<String> = everything(&store).into_iter().map(|(labels, _)| labels).collect();
    assert_eq!(names, [labels(1).to_string(), labels(7).to_string()]);
}

#[test]
fn what_the_retention_or_the_clock_forbids_is_left_out_and_counted() {
    let disk = SimDisk::new(1);
    let store = open(&disk).unwrap();
    let mut import = store.import("source", false).unwrap();
    let (oldest, newest) = import.kept_range_ms();
    let mut samples = Samples::default();
    for at in [oldest - 2, oldest - 1, oldest, NOW, newest, newest + 1] {
        samples.push_float(at, at as f64);
    }
    import.add(1, &labels(1), &samples).unwrap();
    import.add(2, &Labels::from_pairs([("job", "nameless")]), &samples).unwrap();
    let report = import.finish().unwrap();
    assert_eq!((report.series, report.samples, report.too_old, report.too_far_ahead), (1, 3, 2, 1));
    assert_eq!(
        (report.without_name, report.example_without_name),
        (1, Some("{job=\"nameless\"}".to_owned()))
    );
    let kept: Vec<i64> =
        everything(&store).into_iter().flat_map(|(_, samples)| samples.timestamps_ms).collect();
    assert_eq!(kept, [oldest, NOW, newest]);
}

#[test]
fn series_in_no_order_are_taken_too() {
    let disk = SimDisk::new(1);
    let store = open(&disk).unwrap();
    let mut import = store.import("source", false).unwrap();
    for (position, number) in [(1, 3), (2, 1), (3, 2)] {
        import.add(position, &labels(number), &samples(number)).unwrap();
    }
    import.finish().unwrap();
    assert_eq!(everything(&store), expected(3));
}

#[test]
fn samples_that_are_there_win_over_imported_ones() {
    let disk = SimDisk::new(1);
    let store = open(&disk).unwrap();
    let (timestamp_ms, value) = (NOW - HOUR, SampleValue::Float(-5.0));
    drop(store.write(vec![Row { series: labels(1), timestamp_ms, start_timestamp_ms: 0, value }]));
    store.compact_now().unwrap();
    import(&store, 1, 0).unwrap();
    for _ in 0..2 {
        let (_, kept) = everything(&store).remove(0);
        let at = kept.timestamps_ms.iter().position(|at| *at == timestamp_ms).unwrap();
        assert_eq!((kept.len(), kept.floats[at]), (72, -5.0));
        store.compact_now().unwrap();
    }
}

#[test]
fn a_journal_of_a_newer_release_is_refused_and_a_damaged_one_begins_anew() {
    let disk = SimDisk::new(1);
    import(&open(&disk).unwrap(), 2, 0).unwrap();
    let path = Path::new("/s").join(JOURNAL_FILE);
    let file = disk.open(&path).unwrap();
    let mut bytes = vec![0; usize::try_from(file.len().unwrap()).unwrap()];
    file.read_at(&mut bytes, 0).unwrap();
    let mut newer = bytes.clone();
    newer[8] = 2;
    let crc = crc32c::crc32c(&newer[..12]);
    newer[12..16].copy_from_slice(&crc.to_le_bytes());
    disk.create(&path).unwrap().append(&newer).unwrap();
    let refused = open(&disk).map(|_| ()).unwrap_err();
    assert!(matches!(refused, crate::OpenError::Part(BlockError::UnknownVersion { .. })), "{refused}");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    disk.create(&path).unwrap().append(&bytes).unwrap();
    let store = open(&disk).unwrap();
    assert_eq!(store.imported("source"), Imported::Nothing);
    import(&store, 2, 0).unwrap();
    assert_eq!(everything(&store), expected(2));
}
