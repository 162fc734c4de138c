#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use crate::testing::wait;
use crate::{OpenError, Store, StoreOptions, locked};
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use watchfire_disk::{DirLock, Disk, Entry, ReadFile, SimDisk, WriteFile};
use watchfire_model::ingest::{MetricSink, Row, WriteError};
use watchfire_model::time::ManualClock;
use watchfire_model::{Labels, Metadata, SampleValue, Samples, TimeRange};

const NOW: i64 = 1_700_000_000_000;

/// A disk on which the log can be read only so far as the test allows.
#[derive(Debug)]
struct GatedDisk {
    disk: SimDisk,
    gate: Arc<Gate>,
}

#[derive(Debug, Default)]
struct Gate {
    is_open: Mutex<bool>,
    is_broken: AtomicBool,
    changed: Condvar,
}

impl Gate {
    fn open(&self) {
        *locked(&self.is_open) = true;
        self.changed.notify_all();
    }
}

#[derive(Debug)]
struct GatedFile(Arc<dyn ReadFile>, Arc<Gate>);

impl ReadFile for GatedFile {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        // Headers are read by the check of versions, before anything is opened.
        if buf.len() > 16 {
            let open = locked(&self.1.is_open);
            drop(self.1.changed.wait_while(open, |open| !*open).unwrap_or_else(PoisonError::into_inner));
            if self.1.is_broken.load(Ordering::Relaxed) {
                return Err(io::Error::other("the disk is gone"));
            }
        }
        self.0.read_at(buf, offset)
    }
}

impl Disk for GatedDisk {
    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        self.disk.create_dir_all(path)
    }
    fn list(&self, dir: &Path) -> io::Result<Vec<Entry>> {
        self.disk.list(dir)
    }
    fn create(&self, path: &Path) -> io::Result<Box<dyn WriteFile>> {
        self.disk.create(path)
    }
    fn open(&self, path: &Path) -> io::Result<Arc<dyn ReadFile>> {
        let file = self.disk.open(path)?;
        let is_log = path.extension().is_some_and(|extension| extension == "log");
        Ok(if is_log { Arc::new(GatedFile(file, Arc::clone(&self.gate))) } else { file })
    }
    fn truncate(&self, path: &Path, len: u64) -> io::Result<()> {
        self.disk.truncate(path, len)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.rename(from, to)
    }
    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.hard_link(from, to)
    }
    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.disk.remove_file(path)
    }
    fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        self.disk.remove_dir_all(path)
    }
    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.disk.sync_dir(dir)
    }
    fn free_bytes(&self, dir: &Path) -> io::Result<u64> {
        self.disk.free_bytes(dir)
    }
    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn DirLock>>> {
        self.disk.lock(path)
    }
}

fn gated() -> (Arc<GatedDisk>, Arc<Gate>) {
    let gate = Arc::new(Gate::default());
    (Arc::new(GatedDisk { disk: SimDisk::new(1), gate: Arc::clone(&gate) }), gate)
}

fn serve(disk: &Arc<GatedDisk>) -> Store {
    let disk = Arc::clone(disk) as Arc<dyn Disk>;
    let options = StoreOptions { background: false, ..StoreOptions::default() };
    Store::open_serving(Path::new("/s"), options, disk, Arc::new(ManualClock::at(NOW))).unwrap()
}

fn labels(series: usize) -> Labels {
    Labels::from_pairs([("__name__", "kept"), ("instance", &format!("host-{series}"))])
}

fn write(store: &Store, series: std::ops::Range<usize>, timestamp_ms: i64) {
    let rows = series.map(|series| {
        let value = SampleValue::Float(timestamp_ms as f64);
        Row { series: labels(series), timestamp_ms, start_timestamp_ms: 0, value }
    });
    drop(store.write(rows.collect::<Vec<Row>>()));
}

/// Samples of all series, and the warnings about them.
fn count(store: &Store) -> (usize, Vec<String>) {
    let mut selection = store.select(&[], TimeRange::ALL).unwrap();
    let (mut samples, mut found) = (Samples::default(), 0);
    while selection.next(&mut samples).unwrap().is_some() {
        found += samples.len();
    }
    (found, selection.warnings().to_vec())
}

#[test]
fn while_the_log_is_read_back_questions_are_answered_in_part_and_writes_refused() {
    let (disk, gate) = gated();
    let store = serve(&disk);
    store.wait_until_ready().unwrap();
    write(&store, 0..100, NOW - 60_000);
    store.flush_now().unwrap();
    write(&store, 50..150, NOW - 30_000);
    store.describe(
        &Labels::empty(),
        "kept",
        Metadata { help: "what is kept".to_owned(), ..Metadata::default() },
    );
    drop(store);

    let store = serve(&disk);
    let (found, warnings) = count(&store);
    assert_eq!(found, 100, "the parts answer");
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].contains("still being read back"), "{warnings:?}");
    let row =
        Row { series: labels(0), timestamp_ms: NOW, start_timestamp_ms: 0, value: SampleValue::Float(1.0) };
    for rows in [vec![row.clone()], Vec::new()] {
        let refused = wait(store.write(rows)).unwrap_err();
        assert!(
            matches!(&refused, WriteError::Starting(reason) if reason.contains("read back")),
            "{refused}"
        );
    }
    assert!(store.flush_now().is_err(), "it would drop what is not read yet");
    assert!(store.compact_now().is_err());
    let progress = store.replay_progress();
    assert!(!progress.done && progress.first <= progress.current && progress.current <= progress.last);

    gate.open();
    store.wait_until_ready().unwrap();
    assert!(store.replay_progress().done);
    assert_eq!(count(&store), (200, Vec::new()));
    assert_eq!(store.series(&[], TimeRange::ALL).unwrap().len(), 150);
    assert_eq!(store.label_values("instance", &[], TimeRange::ALL).unwrap().len(), 150);
    assert_eq!(store.metadata()["kept"].help, "what is kept");
    assert_eq!(wait(store.write(vec![row])).unwrap().accepted, 1);
}

#[test]
fn a_store_closed_before_its_log_is_read_back_keeps_the_log() {
    let (disk, gate) = gated();
    let store = serve(&disk);
    store.wait_until_ready().unwrap();
    write(&store, 0..3000, NOW);
    drop(store);
    let store = serve(&disk);
    let opener = std::thread::spawn({
        let gate = Arc::clone(&gate);
        move || gate.open()
    });
    store.close();
    opener.join().unwrap();
    drop(store);
    let store = serve(&disk);
    store.wait_until_ready().unwrap();
    assert_eq!(count(&store), (3000, Vec::new()));
}

#[test]
fn several_runs_in_one_log_keep_each_series_in_order_whatever_its_number() {
    let (disk, gate) = gated();
    gate.open();
    // Every run meets the series in another order, so that their numbers differ.
    let expected: usize = (0..5_usize)
        .map(|run| {
            let store = serve(&disk);
            store.wait_until_ready().unwrap();
            for step in 0..4 {
                let at = NOW - 600_000 + (run * 4 + step) as i64 * 15_000;
                for series in 0..60 {
                    let series = (series * 7 + run * 13) % 60;
                    write(&store, series..series + 1, at);
                }
            }
            240
        })
        .sum();
    let store = serve(&disk);
    store.wait_until_ready().unwrap();
    assert_eq!(count(&store), (expected, Vec::new()));
    let late: usize = store.core.head.registry().iter().map(|series| series.late()).sum();
    assert_eq!(late, 0, "a sample was put in after a newer one");
}

#[test]
fn a_log_that_cannot_be_read_fails_the_opening_with_its_place() {
    let (disk, gate) = gated();
    let store = serve(&disk);
    store.wait_until_ready().unwrap();
    write(&store, 0..10, NOW);
    drop(store);
    let store = serve(&disk);
    gate.is_broken.store(true, Ordering::Relaxed);
    gate.open();
    let error = store.wait_until_ready().unwrap_err();
    assert!(
        matches!(&error, OpenError::Log(_)) && error.to_string().contains(".log: the disk is gone"),
        "{error}"
    );
    assert!(matches!(wait(store.write(Vec::new())), Err(WriteError::Starting(_))));
}
