use super::*;

fn uvarint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn varint(out: &mut Vec<u8>, number: i64) {
    uvarint(out, (number << 1 ^ (number >> 63)).cast_unsigned());
}

fn symbols(words: &[&str]) -> Vec<u8> {
    let mut content = (words.len() as u32).to_be_bytes().to_vec();
    for word in words {
        uvarint(&mut content, word.len() as u64);
        content.extend_from_slice(word.as_bytes());
    }
    content
}

#[test]
fn symbols_are_found_by_number_and_in_old_indexes_by_place() {
    let words: Vec<String> = (0..50).map(|number| "x".repeat(number * 3)).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let table = Symbols::read(Version::V2, symbols(&words), 5).unwrap();
    assert_eq!(table.len(), 50);
    for (number, word) in words.iter().enumerate() {
        assert_eq!(table.get(number as u32), Some(*word));
    }
    assert_eq!(table.get(50), None);
    assert_eq!(table.get(u32::MAX), None);
    let table = Symbols::read(Version::V1, symbols(&["", "ab", "c"]), 5).unwrap();
    // The file's header, the section's length, the count, then the empty word.
    assert_eq!((table.get(5 + 4 + 4), table.get(5 + 4 + 5)), (Some(""), Some("ab")));
    assert_eq!((table.get(5 + 4 + 8), table.get(2), table.get(100)), (Some("c"), None, None));
    assert!(Symbols::read(Version::V2, symbols(&["abc"])[..6].to_vec(), 5).is_err());
}

fn series(labels: &[(u64, u64)], chunks: &[(i64, u64, i64)]) -> Vec<u8> {
    let mut content = Vec::new();
    uvarint(&mut content, labels.len() as u64);
    for (name, value) in labels {
        uvarint(&mut content, *name);
        uvarint(&mut content, *value);
    }
    uvarint(&mut content, chunks.len() as u64);
    for (index, (from, span, reference)) in chunks.iter().enumerate() {
        if index == 0 {
            varint(&mut content, *from);
            uvarint(&mut content, *span);
            uvarint(&mut content, reference.cast_unsigned());
        } else {
            uvarint(&mut content, from.cast_unsigned());
            uvarint(&mut content, *span);
            varint(&mut content, *reference);
        }
    }
    let mut bytes = Vec::new();
    uvarint(&mut bytes, content.len() as u64);
    bytes.extend_from_slice(&content);
    bytes.extend_from_slice(&crc32c::crc32c(&content).to_be_bytes());
    bytes
}

#[test]
fn a_series_tells_its_labels_and_where_its_chunks_are() {
    let mut bytes =
        series(&[(1, 2), (3, 70_000)], &[(-500, 400, (2 << 32) | 8), (50, 100, 300), (1, 0, -200)]);
    assert_eq!(series_bytes(&bytes[..10], 16), Ok(bytes.len()));
    let mut entry = SeriesEntry::default();
    entry.read(&bytes, 16).unwrap();
    assert_eq!(entry.labels, [(1, 2), (3, 70_000)]);
    let place = |min_ms, max_ms, offset| ChunkPlace { min_ms, max_ms, segment: 2, offset };
    assert_eq!(entry.chunks, [place(-500, -100, 8), place(-50, 50, 308), place(51, 51, 108)]);
    for len in 0..bytes.len() {
        assert!(entry.read(&bytes[..len], 16).is_err(), "cut to {len} bytes");
    }
    for place in 1..bytes.len() {
        bytes[place] ^= 0x10;
        assert!(entry.read(&bytes, 16).is_err(), "byte {place} is damaged");
        bytes[place] ^= 0x10;
    }
    // Sound in itself, but promising more chunks than it has bytes.
    let mut content = vec![0];
    uvarint(&mut content, 1 << 40);
    let mut bytes = vec![content.len() as u8];
    bytes.extend_from_slice(&content);
    bytes.extend_from_slice(&crc32c::crc32c(&content).to_be_bytes());
    assert!(entry.read(&bytes, 16).is_err());
}

#[test]
fn the_table_of_contents_is_checked_and_stays_inside_the_file() {
    let written = |sections: [u64; 6]| {
        let mut bytes: Vec<u8> = sections.iter().flat_map(|section| section.to_be_bytes()).collect();
        let crc = crc32c::crc32c(&bytes);
        bytes.extend_from_slice(&crc.to_be_bytes());
        bytes
    };
    let mut bytes = written([5, 100, 200, 300, 250, 350]);
    let toc = Toc::read(&bytes, 1000).unwrap();
    assert_eq!((toc.symbols, toc.series, toc.postings_offsets, toc.series_end(1000)), (5, 100, 350, 200));
    assert_eq!(Toc { label_indices: 0, ..toc }.series_end(1000), 250, "newer indexes have no label indices");
    assert!(Toc::read(&bytes, 100).is_err());
    bytes[3] ^= 1;
    assert!(Toc::read(&bytes, 1000).is_err());
    assert!(Toc::read(&[], 0).is_err());
}

#[test]
fn an_index_of_another_kind_or_version_is_refused() {
    assert_eq!(Version::read(&[0xba, 0xaa, 0xd7, 0x00, 2]), Ok(Version::V2));
    assert_eq!(Version::read(&[0xba, 0xaa, 0xd7, 0x00, 1]), Ok(Version::V1));
    let version = Version::read(&[0xba, 0xaa, 0xd7, 0x00, 3]).unwrap_err();
    assert_eq!(version.to_string(), "byte 4: format version 3 of index is not known; versions up to 2 are");
    let magic = Version::read(b"WFPART").unwrap_err();
    assert_eq!(
        magic.to_string(),
        "byte 0: this is no index of Prometheus: it begins with 57465041, expected baaad700"
    );
}

#[test]
fn postings_are_found_and_read() {
    let mut table = 1_u32.to_be_bytes().to_vec();
    table.extend_from_slice(&[2, 0, 0, 0x80, 0x01]);
    let place = first_postings(&table, 40).unwrap().unwrap();
    assert_eq!((place.name, place.value, place.offset), ("", "", 128));
    assert_eq!(first_postings(&[0, 0, 0, 0], 40), Ok(None));
    let content: Vec<u8> = [2_u32, 7, 9].iter().flat_map(|number| number.to_be_bytes()).collect();
    assert_eq!(read_postings(&content, 40), Ok(vec![7, 9]));
    assert!(read_postings(&content[..8], 40).is_err());
    assert!(check_section(5, &[0, 0, 0, 5], 40, "it").is_ok());
    assert!(check_section(5, &[0, 0, 0, 6], 40, "it").is_err());
}
