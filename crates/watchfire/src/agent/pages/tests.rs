use super::*;

#[test]
#[cfg(target_os = "linux")]
fn the_program_goes_on_after_its_pages_were_given_back() {
    let before = never_written(&std::fs::read("/proc/self/exe").unwrap()).unwrap();
    assert!(give_back().unwrap() > 1 << 20);
    // Code and constants come back from the file as they were, and so does what the loader wrote, which was left.
    assert_eq!(never_written(&std::fs::read("/proc/self/exe").unwrap()).unwrap(), before);
    let words: Vec<String> = ["a", "b"].iter().map(ToString::to_string).collect();
    assert_eq!(format!("{words:?} {:.3}", 1.0_f64 / 3.0), "[\"a\", \"b\"] 0.333");
}

#[test]
fn only_segments_without_the_right_to_write_are_taken() {
    let mut file = vec![0; HEADER_BYTES];
    file[..6].copy_from_slice(b"\x7fELF\x02\x01");
    file[32] = 64;
    file[54] = ENTRY_BYTES as u8;
    file[56] = 4;
    for (kind, flags, start, bytes) in
        [(PT_LOAD, 4_u32, 0_u64, 100_u64), (PT_LOAD, 5, 4096, 200), (PT_LOAD, 6, 8192, 300), (6, 4, 64, 10)]
    {
        let mut entry = vec![0; ENTRY_BYTES];
        entry[..4].copy_from_slice(&kind.to_le_bytes());
        entry[4..8].copy_from_slice(&flags.to_le_bytes());
        entry[16..24].copy_from_slice(&start.to_le_bytes());
        entry[32..40].copy_from_slice(&bytes.to_le_bytes());
        file.extend(entry);
    }
    let expected = [Segment { start: 0, end: 100 }, Segment { start: 4096, end: 4296 }];
    assert_eq!(never_written(&file).unwrap(), expected);
    for end in 0..file.len() {
        assert_eq!(never_written(&file[..end]), None, "{end}");
    }
}

#[test]
fn the_program_lies_where_the_beginning_of_its_file_is_mapped() {
    let maps = "7f0000000000-7f0000001000 r--p 00001000 fe:00 1 /usr/bin/watchfire\n\
                560000000000-560000001000 r--p 00000000 fe:00 1 /usr/bin/watchfire\n";
    assert_eq!(base(maps, "/usr/bin/watchfire"), Some(0x5600_0000_0000));
    assert_eq!(base(maps, "/usr/bin/other"), None);
}
