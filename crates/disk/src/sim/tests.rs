use super::*;

#[test]
fn a_power_cut_keeps_what_was_synced_and_never_reorders_a_file() {
    for seed in 0..200 {
        let disk = SimDisk::new(seed);
        disk.create_dir_all(Path::new("/d")).unwrap();
        let mut file = disk.create(Path::new("/d/f")).unwrap();
        file.append(b"kept").unwrap();
        file.sync().unwrap();
        disk.sync_dir(Path::new("/d")).unwrap();
        file.append(b"maybe").unwrap();
        disk.cut_power();
        assert!(file.sync().is_err());
        disk.restart();
        let reader = disk.open(Path::new("/d/f")).unwrap();
        let mut bytes = vec![0; reader.len().unwrap() as usize];
        reader.read_at(&mut bytes, 0).unwrap();
        assert!(bytes.starts_with(b"kept"), "seed {seed}");
        let tail = &bytes[4..];
        let kept = tail.iter().position(|byte| *byte == 0).unwrap_or(tail.len());
        assert!(b"maybe".starts_with(&tail[..kept]), "seed {seed}");
        assert!(file.append(b"x").is_err(), "a handle dies with the machine");
    }
}

#[test]
fn a_name_is_only_sure_after_its_directory_was_synced() {
    let survived = |seed| {
        let disk = SimDisk::new(seed);
        disk.create_dir_all(Path::new("/d")).unwrap();
        disk.create(Path::new("/d/f")).unwrap().sync().unwrap();
        disk.cut_power();
        disk.restart();
        disk.open(Path::new("/d/f")).is_ok()
    };
    let count = (0..100).filter(|seed| survived(*seed)).count();
    assert!(count > 0 && count < 100, "{count} of 100");
}
