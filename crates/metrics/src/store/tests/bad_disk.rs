//! A disk that fails, fills up, is slow, rots or loses its power.

use super::*;

#[test]
fn a_flipped_bit_in_a_part_costs_what_it_hits_and_is_reported() {
    let mut reported = 0;
    for seed in 0..60 {
        let disk = SimDisk::new(seed);
        let store = open_at(Arc::new(disk.clone()), Path::new("/s"));
        let mut random = fastrand::Rng::with_seed(seed);
        let rows: Vec<Row> = (0..2000)
            .map(|step| row("m", &format!("{}", step % 10), NOW - 86_000_000 + step * 1000, random.f64()))
            .collect();
        wait(store.write(rows)).unwrap();
        store.compact_now().unwrap();
        let truth = everything(&store, &[]);
        let list = store.core.parts.list();
        let part = list.first().unwrap();
        disk.flip_bit(part.path(), random.u64(0..part.bytes() * 8)).unwrap();
        let (path, part_count) = (part.path().to_owned(), list.len());
        drop((list, store));
        let store = open_at(Arc::new(disk.clone()), Path::new("/s"));
        let mut selection = store.select(&[], TimeRange::ALL).unwrap();
        let mut samples = Samples::default();
        let mut found = 0;
        while let Some(labels) = selection.next(&mut samples).unwrap() {
            let expected = &truth[&labels.to_string()];
            for (at, value) in samples.timestamps_ms.iter().zip(&samples.floats) {
                assert!(expected.contains(&(*at, value.to_bits())), "seed {seed}: invented a sample");
            }
            found += samples.len();
        }
        let warned = selection.warnings().iter().any(|warning| warning.contains(&*path.to_string_lossy()));
        assert!(warned || found == 2000, "seed {seed}: {found} samples without a word, {part_count} parts");
        reported += usize::from(warned);
    }
    println!("{reported} of 60 flipped bits were hit and named");
    assert!(reported > 40);
}

#[test]
fn acknowledged_samples_survive_a_power_cut_at_every_call_and_none_is_invented() {
    let base = std::env::var("WATCHFIRE_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1_u64);
    println!("seed {base}; set WATCHFIRE_SEED to replay another");
    let batches: Vec<Sent> = (0..8_u8)
        .map(|batch| {
            (0..6_u8)
                .map(|index| {
                    (index % 4, i64::from(batch) * 700 + i64::from(index), (f64::from(batch) * 1.5).to_bits())
                })
                .collect()
        })
        .collect();
    let mut cases = 0;
    for fault in [Fault::PowerCut, Fault::SyncError, Fault::Full] {
        for at in 1.. {
            let disk = SimDisk::new(base.wrapping_add(at));
            disk.fail_at(at, fault);
            let (mut sent, mut acknowledged) = (BTreeSet::new(), BTreeSet::new());
            let clock = Arc::new(ManualClock::at(NOW));
            if let Ok(store) = Store::open(Path::new("/s"), options(), Arc::new(disk.clone()), clock) {
                for (index, batch) in batches.iter().enumerate() {
                    sent.extend(batch.iter().copied());
                    if wait(store.write(batch_rows(batch))).is_ok() {
                        acknowledged.extend(batch.iter().copied());
                    }
                    if index % 3 == 2 {
                        let _ = store.compact_now();
                    }
                }
            }
            let finished = disk.calls() < at;
            disk.cut_power();
            disk.restart();
            let store = open_at(Arc::new(disk.clone()), Path::new("/s"));
            let mut recovered = BTreeSet::new();
            for (labels, samples) in everything(&store, &[]) {
                let series: u8 = labels[1..2].parse().unwrap();
                recovered
                    .extend(samples.into_iter().map(|(time, bits)| (series, (NOW - time) / 60_000, bits)));
            }
            assert!(
                acknowledged.is_subset(&recovered),
                "{fault:?} at call {at}: lost an acknowledged sample"
            );
            assert!(recovered.is_subset(&sent), "{fault:?} at call {at}: invented a sample");
            cases += 1;
            if finished {
                break;
            }
        }
    }
    println!("{cases} faults");
}

#[test]
fn a_full_disk_refuses_writes_with_a_reason_keeps_reading_and_recovers_alone() {
    let disk = SimDisk::new(5);
    let store = open_at(Arc::new(disk.clone()), Path::new("/s"));
    wait(store.write(vec![row("m", "a", NOW, 1.0)])).unwrap();
    disk.fail_at(disk.calls() + 1, Fault::Full);
    let error = wait(store.write(vec![row("m", "b", NOW, 1.0)])).unwrap_err();
    assert!(matches!(&error, WriteError::ReadOnly(reason) if reason.contains("no space left")), "{error}");
    assert!(store.counters().read_only.is_some());
    assert!(!everything(&store, &[]).is_empty());
    disk.heal();
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while wait(store.write(vec![row("m", "b", NOW + 1000, 2.0)])).is_err() {
        assert!(std::time::Instant::now() < deadline, "never recovered");
        std::thread::sleep(Duration::from_millis(1));
    }
    drop(store);
    disk.cut_power();
    disk.restart();
    let store = open_at(Arc::new(disk), Path::new("/s"));
    assert_eq!(everything(&store, &[])["m{instance=\"b\"}"].last(), Some(&(NOW + 1000, 2.0_f64.to_bits())));
}

#[test]
fn a_slow_disk_holds_batches_back_and_no_thread() {
    let disk = SimDisk::new(11);
    // After the first, the next sync is an hour away.
    let options = StoreOptions { group_window: Duration::from_secs(3600), max_queued_bytes: 10, ..options() };
    let clock = Arc::new(ManualClock::at(NOW));
    let store = Store::open(Path::new("/s"), options, Arc::new(disk.clone()), clock).unwrap();
    wait(store.write(vec![row("m", "first", NOW, 1.0)])).unwrap();
    let mut queued = store.write(vec![row("m", "queued", NOW, 1.0)]);
    let mut held = store.write(vec![row("m", "held", NOW, 1.0)]);
    let context = &mut Context::from_waker(Waker::noop());
    assert!(queued.as_mut().poll(context).is_pending());
    assert!(held.as_mut().poll(context).is_pending(), "it waits as a future");
    assert_eq!(everything(&store, &[]).len(), 2, "what is held back is not taken yet");
    store.core.log.close();
    assert_eq!(wait(queued).unwrap().accepted, 1);
    assert_eq!(wait(held), Err(WriteError::Closed), "it is told, and nothing of it was kept");
    drop(store);
    assert_eq!(everything(&open_at(Arc::new(disk), Path::new("/s")), &[]).len(), 2);
}

#[test]
fn a_batch_whose_log_write_failed_is_kept_once_it_is_sent_again() {
    let disk = SimDisk::new(12);
    let store = open_at(Arc::new(disk.clone()), Path::new("/s"));
    wait(store.write(vec![row("m", "a", NOW, 1.0)])).unwrap();
    disk.fail_at(disk.calls() + 2, Fault::SyncError);
    let rows = || vec![row("m", "a", NOW + 1000, 2.0), row("m", "a", NOW - 1000, 3.0)];
    assert!(matches!(wait(store.write(rows())), Err(WriteError::ReadOnly(_))));
    assert_eq!(everything(&store, &[])["m{instance=\"a\"}"].len(), 3, "it can be queried all the same");
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    let report = loop {
        assert!(std::time::Instant::now() < deadline, "never recovered");
        match wait(store.write(rows())) {
            Ok(report) => break report,
            Err(_) => std::thread::sleep(Duration::from_millis(1)),
        }
    };
    assert_eq!(report, WriteReport { accepted: 2, ..WriteReport::default() });
    disk.cut_power();
    drop(store);
    disk.restart();
    let store = open_at(Arc::new(disk), Path::new("/s"));
    assert_eq!(everything(&store, &[])["m{instance=\"a\"}"].len(), 3);
}

#[test]
fn metadata_whose_record_failed_is_logged_again_before_anything_is_acknowledged() {
    let disk = SimDisk::new(15);
    let options = StoreOptions { stepped: true, ..options() };
    let clock = Arc::new(ManualClock::at(NOW));
    let store = Store::open(Path::new("/s"), options, Arc::new(disk.clone()), clock).unwrap();
    let helps = Metadata { help: "helps".to_owned(), ..Metadata::default() };
    store.describe(&Labels::empty(), "m", helps.clone());
    disk.fail_at(disk.calls() + 1, Fault::SyncError);
    store.step_log();
    assert!(store.counters().read_only.is_some());
    store.step_log();
    // Told again as its source does with each push; the same words are no news.
    store.describe(&Labels::empty(), "m", helps);
    let mut committed = store.write(vec![row("m", "a", NOW, 1.0)]);
    store.step_log();
    let context = &mut Context::from_waker(Waker::noop());
    assert!(matches!(committed.as_mut().poll(context), Poll::Ready(Ok(_))));
    disk.cut_power();
    drop(store);
    disk.restart();
    assert_eq!(open_at(Arc::new(disk), Path::new("/s")).metadata()["m"].help, "helps");
}

#[test]
fn damaged_metadata_is_counted() {
    let disk = SimDisk::new(16);
    let store = open_at(Arc::new(disk.clone()), Path::new("/s"));
    store.describe(&Labels::empty(), "m", Metadata { help: "helps".to_owned(), ..Metadata::default() });
    wait(store.write(vec![row("m", "a", NOW, 1.0)])).unwrap();
    store.compact_now().unwrap();
    drop(store);
    disk.flip_bit(Path::new("/s/metadata"), 20 * 8).unwrap();
    let store = open_at(Arc::new(disk), Path::new("/s"));
    assert_eq!((store.metadata().len(), store.counters().corruptions), (0, 1));
}

#[test]
fn parts_on_two_sides_of_an_unreadable_one_are_not_merged() {
    let disk = SimDisk::new(17);
    let write = |store: &Store, value| {
        wait(store.write(vec![row("m", "a", NOW, value), row("n", "a", NOW, value)])).unwrap();
        store.core.flush().unwrap();
    };
    // A series without samples in memory takes any value: which one stays is for the parts to say.
    for value in [1.0, 2.0, 3.0] {
        let store = open_at(Arc::new(disk.clone()), Path::new("/s"));
        if value == 1.0 {
            wait(store.write(vec![row("o", "a", NOW, value)])).unwrap();
            store.core.flush().unwrap();
        } else {
            write(&store, value);
        }
    }
    let before = everything(&open_at(Arc::new(disk.clone()), Path::new("/s")), &[]);
    assert_eq!(before["m{instance=\"a\"}"], [(NOW, 2.0_f64.to_bits())]);
    // The second part cannot be read for a while.
    let parts = |(path, _): &(PathBuf, u64)| path.extension().is_some_and(|ending| ending == "part");
    let (path, _) = disk.files().into_iter().filter(parts).nth(1).unwrap();
    disk.flip_bit(&path, 0).unwrap();
    let store = open_at(Arc::new(disk.clone()), Path::new("/s"));
    store.compact_now().unwrap();
    drop(store);
    disk.flip_bit(&path, 0).unwrap();
    assert_eq!(everything(&open_at(Arc::new(disk), Path::new("/s")), &[]), before);
}
