use super::*;
use crate::mutation::mutated;
use crate::{Fault, RealDisk, SimDisk};

fn options() -> LogOptions {
    LogOptions {
        group_window: Duration::ZERO,
        check_every: Duration::from_millis(1),
        min_free_bytes: 1,
        ..LogOptions::default()
    }
}

fn open(disk: &SimDisk) -> (Log, Vec<Vec<u8>>, Recovery) {
    let mut records = Vec::new();
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    let (log, recovery) =
        Log::open(disk, Path::new("/wal"), options(), |_, record| records.push(record.to_vec())).unwrap();
    (log, records, recovery)
}

fn write(log: &Log, record: &[u8]) -> Result<(), String> {
    let commit = log.append(log.segment(), &[record]).map_err(|error| error.to_string())?;
    commit.wait().map_err(|error| error.to_string())
}

fn until(mut done: impl FnMut() -> bool) {
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while !done() {
        assert!(std::time::Instant::now() < deadline, "waited too long");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn acknowledged_records_survive_a_power_cut_at_every_call() {
    let mut cases = 0;
    for at in 1.. {
        let disk = SimDisk::new(at);
        disk.fail_at(at, Fault::PowerCut);
        let mut acknowledged = Vec::new();
        let opened = Log::open(Arc::new(disk.clone()), Path::new("/wal"), options(), |_, _| {});
        if let Ok((log, _)) = opened {
            for number in 0..6_u8 {
                if number == 3 {
                    log.roll();
                }
                let record = vec![number; 50];
                if write(&log, &record).is_ok() {
                    acknowledged.push(record);
                }
            }
        }
        let finished = disk.calls() < at;
        disk.cut_power();
        disk.restart();
        let (_log, records, recovery) = open(&disk);
        assert!(records.starts_with(&acknowledged), "cut at call {at}: {records:?}");
        assert!(recovery.damage.is_empty(), "cut at call {at}: {recovery:?}");
        assert!(records.iter().all(|record| record.len() == 50), "cut at call {at}");
        cases += 1;
        if finished {
            break;
        }
    }
    println!("{cases} power cuts");
}

#[test]
fn damage_in_the_middle_is_reported_with_its_place_and_walked_around() {
    let disk = SimDisk::new(1);
    let (log, _, _) = open(&disk);
    for number in 0..5_u8 {
        write(&log, &[number; 20]).unwrap();
    }
    drop(log);
    let path = Path::new("/wal/00000001.log");
    // 16 bytes of header, then frames of 32 bytes: a bit in the third frame's payload.
    disk.flip_bit(path, (16 + 2 * 32 + 15) * 8).unwrap();
    let (_log, records, recovery) = open(&disk);
    assert_eq!(records.iter().map(|record| record[0]).collect::<Vec<_>>(), [0, 1, 3, 4]);
    assert_eq!(recovery.damage, [Damage { path: path.to_owned(), offset: 80, bytes: 32 }]);
}

#[test]
fn a_failed_sync_refuses_the_batch_and_the_log_recovers_alone() {
    let disk = SimDisk::new(3);
    let (log, _, _) = open(&disk);
    write(&log, b"one").unwrap();
    // The next two calls are the write and the sync.
    disk.fail_at(disk.calls() + 2, Fault::SyncError);
    let refused = write(&log, b"two").unwrap_err();
    assert!(refused.contains("simulated I/O error"), "{refused}");
    until(|| log.state() == LogState::Writable);
    write(&log, b"three").unwrap();
    drop(log);
    let (_log, records, recovery) = open(&disk);
    assert_eq!(records, [b"one".to_vec(), b"three".to_vec()]);
    assert!(recovery.damage.is_empty());
}

#[test]
fn a_full_disk_turns_the_log_read_only_with_a_reason_until_there_is_room() {
    let disk = SimDisk::new(4);
    let (log, _, _) = open(&disk);
    disk.set_free_bytes(0);
    until(|| matches!(log.state(), LogState::ReadOnly(_)));
    let LogState::ReadOnly(reason) = log.state() else { panic!("writable") };
    assert!(reason.contains("0 bytes are free in /wal"), "{reason}");
    assert!(log.append(log.segment(), &[b"x"]).is_err());
    disk.set_free_bytes(1 << 30);
    until(|| log.state() == LogState::Writable);
    write(&log, b"x").unwrap();
}

#[test]
fn a_record_for_a_past_segment_is_sent_back() {
    let disk = SimDisk::new(5);
    let (log, _, _) = open(&disk);
    let old = log.segment();
    let new = log.roll();
    assert_eq!(log.append(old, &[b"x"]).unwrap_err(), AppendError::SegmentChanged(new));
    log.append(new, &[b"x"]).unwrap().wait().unwrap();
    log.drop_before(new).unwrap();
    log.close();
    assert_eq!(log.append(new, &[b"x"]).unwrap_err(), AppendError::Closed);
}

#[test]
fn a_newer_format_is_refused_before_anything_is_touched() {
    let dir = tempfile::tempdir().unwrap();
    let newer = LogOptions { format: 9, ..options() };
    let (log, _) = Log::open(Arc::new(RealDisk), dir.path(), newer, |_, _| {}).unwrap();
    write(&log, b"x").unwrap();
    drop(log);
    let error = Log::open(Arc::new(RealDisk), dir.path(), options(), |_, _| {}).unwrap_err();
    assert!(matches!(error, LogError::UnknownVersion { found: 9, supported: 1, .. }), "{error}");
    assert_eq!(RealDisk.list(dir.path()).unwrap().len(), 1);
}

#[test]
fn two_processes_cannot_hold_one_lock() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("LOCK");
    let held = RealDisk.lock(&path).unwrap();
    assert!(held.is_some());
    assert!(RealDisk.lock(&path).unwrap().is_none());
    drop(held);
    assert!(RealDisk.lock(&path).unwrap().is_some());
}

#[test]
fn appending_never_waits_and_a_barrier_tells_when_there_is_room() {
    let disk = SimDisk::new(6);
    // After the first, the next sync is an hour away: what is appended stays queued.
    let patient = LogOptions { group_window: Duration::from_secs(3600), max_queued_bytes: 100, ..options() };
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let (log, _) = Log::open(shared, Path::new("/wal"), patient, |_, _| {}).unwrap();
    write(&log, b"first").unwrap();
    assert!(!log.is_crowded());
    let commits: Vec<Commit> =
        (0..3_u8).map(|number| log.append(log.segment(), &[&[number; 80]]).unwrap()).collect();
    assert!(log.is_crowded());
    let room = log.barrier().unwrap();
    log.close();
    room.wait().unwrap();
    assert!(!log.is_crowded());
    assert!(commits.iter().all(|commit| commit.wait().is_ok()));
    assert_eq!(log.barrier().unwrap_err(), AppendError::Closed);
    drop(log);
    assert_eq!(open(&disk).1.len(), 4);
}

#[test]
fn mutated_segments_give_back_only_records_that_were_written() {
    let records: Vec<Vec<u8>> = (0..12_u8).map(|number| vec![number; usize::from(number) * 7]).collect();
    let mut whole = segment::header(1).to_vec();
    for record in &records {
        segment::push_frame(&mut whole, &[record]);
    }
    let (mut lost, mut random) = (0, fastrand::Rng::with_seed(1));
    for case in 0..4000_u64 {
        let bytes = mutated(&whole, &mut random);
        let disk = SimDisk::new(case);
        let path = Path::new("/wal/00000001.log");
        disk.create_dir_all(Path::new("/wal")).unwrap();
        disk.create(path).unwrap().append(&bytes).unwrap();
        let mut found: Vec<Vec<u8>> = Vec::new();
        let mut recovery = Recovery::default();
        let tail = if case % 2 == 0 { Tail::CutOff } else { Tail::Damage };
        let mut each = |record: &[u8]| {
            found.push(record.to_vec());
            ControlFlow::Continue(())
        };
        let _ = backlog::replay(&disk, path, tail, &mut recovery, &mut each).unwrap();
        assert!(found.iter().all(|record| records.contains(record)), "case {case}: invented a record");
        let told = recovery.torn_bytes + recovery.damage.iter().map(|damage| damage.bytes).sum::<u64>();
        assert!(told <= bytes.len() as u64, "case {case}");
        lost += usize::from(found.len() < records.len());
    }
    println!("4000 mutations, {lost} of them lost a record");
    assert!(lost > 2000);
}

#[test]
fn a_scan_reads_what_opening_reads_and_leaves_a_torn_end_as_it_is() {
    let disk = SimDisk::new(9);
    let (log, ..) = open(&disk);
    let path = Path::new("/wal").join(format!("{:08}.log", log.segment()));
    write(&log, b"one").unwrap();
    drop(log);
    let file = disk.open(&path).unwrap();
    let mut bytes = vec![0; usize::try_from(file.len().unwrap()).unwrap()];
    file.read_at(&mut bytes, 0).unwrap();
    bytes.extend_from_slice(b"\xf5Wf\x9ahalf ");
    disk.create(&path).unwrap().append(&bytes).unwrap();
    let mut found = Vec::new();
    let scan = |found: &mut Vec<_>| {
        Log::scan(&disk, Path::new("/wal"), options().format, |from, record| {
            found.push((from.to_owned(), record.to_vec()));
        })
    };
    let recovery = scan(&mut found).unwrap();
    assert_eq!(found, [(path.clone(), b"one".to_vec())]);
    assert_eq!((recovery.torn_bytes, recovery.damage.len()), (9, 0));
    assert_eq!(disk.open(&path).unwrap().len().unwrap(), bytes.len() as u64, "nothing was cut");
    *bytes.get_mut(30).unwrap() ^= 1;
    disk.create(&path).unwrap().append(&bytes).unwrap();
    found.clear();
    let recovery = scan(&mut found).unwrap();
    assert!(found.is_empty() && recovery.torn_bytes == 0, "{recovery:?}");
    assert_eq!(recovery.damage.len(), 1, "a whole record that is damaged is not a torn end");
}
