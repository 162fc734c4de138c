//! What a flush takes: no more than the memory ceiling keeps free for it, measured by an allocator that counts.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use watchfire_disk::RealDisk;
use watchfire_metrics::{MemoryProbe, MemoryUse, SeriesLimits, Store, StoreOptions};
use watchfire_model::Labels;
use watchfire_model::ingest::Batch;
use watchfire_model::time::ManualClock;

const NOW_MS: i64 = 1_700_000_000_000;
const CEILING_BYTES: u64 = 1 << 30;

/// Counts what is handed out, and the most that ever was.
struct Counting {
    live: AtomicU64,
    peak: AtomicU64,
}

#[global_allocator]
static MEMORY: Counting = Counting { live: AtomicU64::new(0), peak: AtomicU64::new(0) };

impl Counting {
    fn take(&self, bytes: usize) {
        let live = self.live.fetch_add(bytes as u64, Ordering::Relaxed) + bytes as u64;
        self.peak.fetch_max(live, Ordering::Relaxed);
    }

    fn give_back(&self, bytes: usize) {
        self.live.fetch_sub(bytes as u64, Ordering::Relaxed);
    }
}

#[expect(unsafe_code, reason = "an allocator cannot be written otherwise; every call is passed on unchanged")]
// SAFETY: everything is done by the system's allocator, with the arguments as they came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.take(layout.size());
        // SAFETY: the caller keeps to the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        self.give_back(layout.size());
        // SAFETY: the caller keeps to the contract of `dealloc`.
        unsafe { System.dealloc(block, layout) };
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        self.take(new_size);
        self.give_back(layout.size());
        // SAFETY: the caller keeps to the contract of `realloc`.
        unsafe { System.realloc(block, layout, new_size) }
    }
}

#[derive(Debug)]
struct Probe;

impl MemoryProbe for Probe {
    fn measure(&self) -> MemoryUse {
        MemoryUse { live_bytes: MEMORY.live.load(Ordering::Relaxed), resident_bytes: 0 }
    }
}

/// What a flush of so many series of one sample takes at most, and what is kept free for it.
fn flush(series: u64) -> (u64, u64) {
    let dir = tempfile::tempdir().unwrap();
    let options = StoreOptions {
        background: false,
        memory_probe: Some(Arc::new(Probe)),
        memory_ceiling_bytes: CEILING_BYTES,
        limits: SeriesLimits::default(),
        ..StoreOptions::default()
    };
    let clock = Arc::new(ManualClock::at(NOW_MS));
    let store = Store::open(dir.path(), options, Arc::new(RealDisk), clock).unwrap();
    let mut batch = Batch::new();
    for first in (0..series).step_by(1000) {
        batch.clear();
        for id in first..first + 1000 {
            let labels = Labels::from_pairs([
                ("__name__", "llm_request_seconds"),
                ("instance", "10.0.0.1:8000"),
                ("job", "llm"),
                ("request_id", &format!("request-{id:012}")),
            ]);
            batch.begin_packed(labels.as_bytes());
            batch.push_float(NOW_MS, 0, 0.5);
        }
        drop(store.append(&batch));
    }
    drop(batch);
    assert_eq!(store.counters().head_series, series);
    let kept_free = store.admission().memory.flush_bytes;
    let before = MEMORY.live.load(Ordering::Relaxed);
    MEMORY.peak.store(before, Ordering::Relaxed);
    store.flush_now().unwrap();
    (MEMORY.peak.load(Ordering::Relaxed) - before, kept_free)
}

#[test]
fn a_flush_of_series_with_a_label_value_of_their_own_takes_no_more_than_is_kept_free_for_it() {
    let ((few, few_kept), (many, many_kept)) = (flush(50_000), flush(150_000));
    let (each, each_kept) = ((many.saturating_sub(few)) / 100_000, (many_kept - few_kept) / 100_000);
    println!(
        "{few} of {few_kept} and {many} of {many_kept} bytes, {each} of {each_kept} for each more series"
    );
    assert!(few <= few_kept && many <= many_kept, "{few} of {few_kept}, {many} of {many_kept} bytes");
    assert!(each > 0, "nothing was flushed");
}
