//! A log segment of any bytes: opening it and scanning it find the same records, and neither changes whole ones.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::path::Path;
use std::sync::Arc;
use watchfire_disk::{Disk, Log, LogOptions, SimDisk};

fuzz_target!(|bytes: &[u8]| {
    let disk = SimDisk::new(1);
    let dir = Path::new("/wal");
    disk.create_dir_all(dir).expect("an empty disk");
    disk.create(&dir.join("00000001.log")).and_then(|mut file| file.append(bytes)).expect("a healthy disk");
    let mut scanned = Vec::new();
    if Log::scan(&disk, dir, 1, |_, record| scanned.push(record.to_vec())).is_err() {
        return;
    }
    let mut opened = Vec::new();
    let options = LogOptions { stepped: true, ..LogOptions::default() };
    let (log, _) = Log::open(Arc::new(disk.clone()), dir, options, |_, record| opened.push(record.to_vec()))
        .expect("what can be scanned can be opened");
    assert_eq!(opened, scanned);
    drop(log);
    let mut again = Vec::new();
    Log::scan(&disk, dir, 1, |_, record| again.push(record.to_vec())).expect("nothing got worse");
    assert_eq!(again, opened, "cutting a torn end off loses no record");
});
