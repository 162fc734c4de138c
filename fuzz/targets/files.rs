//! A data directory one of whose files holds any bytes: reading all of it, as `watchfire verify` does, comes to an end.
//! Checksums are taken for right in these builds. The first byte chooses the file.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::ops::ControlFlow;
use std::path::Path;
use watchfire_disk::{Disk, SimDisk};

/// Where each kind of file lies.
const FILES: [(&str, &str); 7] = [
    ("/s/parts/day-19675", "000000000001.part"),
    ("/s/wal", "00000001.log"),
    ("/s", "metadata"),
    ("/s", "deletions"),
    ("/s", "exemplars"),
    ("/s", "imports"),
    ("/s/tiers/5m", "000000000001.set"),
];

fuzz_target!(|bytes: &[u8]| {
    let Some((choice, bytes)) = bytes.split_first() else { return };
    let disk = SimDisk::new(1);
    let Some((dir, name)) = FILES.get(usize::from(*choice) % FILES.len()) else { return };
    let dir = Path::new(dir);
    disk.create_dir_all(dir).expect("an empty disk");
    disk.create(&dir.join(name)).and_then(|mut file| file.append(bytes)).expect("a healthy disk");
    watchfire_metrics::verify(Path::new("/s"), &disk, &mut |_| ControlFlow::Continue(())).expect("damage is no error");
});
