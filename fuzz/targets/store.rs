//! A store one of whose files holds any bytes. Checksums are taken for right in these builds, so that the bytes reach
//! the decoders of records, pages, columns, label indexes and metadata. Whatever they say, answers are in order.
//! The first byte chooses the file.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::path::Path;
use std::sync::Arc;
use watchfire_disk::{Disk, SimDisk};
use watchfire_metrics::{Store, StoreOptions};
use watchfire_model::time::ManualClock;
use watchfire_model::{Labels, Matcher, Samples, TimeRange};

const NOW_MS: i64 = 1_700_000_000_000;

fuzz_target!(|bytes: &[u8]| {
    let Some((choice, bytes)) = bytes.split_first() else { return };
    let disk = SimDisk::new(1);
    let (dir, name) = match choice % 3 {
        0 => ("/s/parts/day-19675", "000000000001.part"),
        1 => ("/s/wal", "00000001.log"),
        _ => ("/s", "metadata"),
    };
    let dir = Path::new(dir);
    disk.create_dir_all(dir).expect("an empty disk");
    disk.create(&dir.join(name)).and_then(|mut file| file.append(bytes)).expect("a healthy disk");
    let options = StoreOptions { stepped: true, background: false, ..StoreOptions::default() };
    let clock = Arc::new(ManualClock::at(NOW_MS));
    let Ok(store) = Store::open(Path::new("/s"), options, Arc::new(disk), clock) else { return };
    if store.wait_until_ready().is_err() {
        return;
    }
    for matchers in [vec![], vec![Matcher::equal("a", "b")]] {
        let mut selection = store.select(&matchers, TimeRange::ALL).expect("damage is no error");
        let (mut samples, mut last): (_, Option<Labels>) = (Samples::default(), None);
        while let Some(labels) = selection.next(&mut samples).expect("damage is no error") {
            assert!(last.is_none_or(|last| last < labels), "series come once, in order");
            assert!(samples.timestamps_ms.is_sorted_by(|left, right| left < right), "samples, too");
            last = Some(labels);
        }
        let _ = store.label_names(&matchers, TimeRange::ALL);
        let _ = store.label_values("a", &matchers, TimeRange::ALL);
    }
    let _ = store.compact_now();
});
