use super::*;
use std::future::Future;
use std::task::{Context, Poll, Wake, Waker};
use watchfire_disk::{RealDisk, SimDisk};
use watchfire_model::ingest::{Committed, MetricSink, RefusalReason, Row, WriteError, WriteReport};
use watchfire_model::time::ManualClock;
use watchfire_model::{STALE_NAN, SampleValue, Samples};

const NOW: i64 = 1_700_000_000_000;

struct Unpark(std::thread::Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn wait(mut committed: Committed) -> Result<WriteReport, WriteError> {
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    loop {
        match committed.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(result) => return result,
            Poll::Pending => std::thread::park(),
        }
    }
}

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
    assert_eq!(reasons, [DuplicateTimestamp, TooOld, TooFarAhead, InvalidLabels]);
    assert_eq!(everything(&store, &[]).values().map(Vec::len).sum::<usize>(), 1);
}

#[test]
fn a_second_process_is_refused_with_a_clear_text() {
    let dir = tempfile::tempdir().unwrap();
    let _first = open_at(Arc::new(RealDisk), dir.path());
    let clock = Arc::new(ManualClock::at(NOW));
    let error = Store::open(dir.path(), options(), Arc::new(RealDisk), clock).unwrap_err();
    assert!(error.to_string().contains("another process holds this data directory"), "{error}");
}
