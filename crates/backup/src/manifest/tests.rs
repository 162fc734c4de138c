use super::*;

fn manifest() -> Manifest {
    let file = FileEntry {
        path: "parts/day-1/1.part".to_owned(),
        object: "objects/parts/day-1/1.part.5-0".to_owned(),
        bytes: 5,
        crc32c: 7,
    };
    Manifest { name: "a-1".to_owned(), created_ms: 1, program: "0.1.0".to_owned(), files: vec![file] }
}

#[test]
fn a_manifest_comes_back_and_any_changed_byte_is_noticed() {
    let bytes = manifest().encode().unwrap();
    assert_eq!(Manifest::decode(&bytes, "m").unwrap(), manifest());
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << bit;
            if let Ok(read) = Manifest::decode(&damaged, "m") {
                // Only an older format's number may pass.
                assert_eq!(read, manifest(), "byte {at}, bit {bit}");
            }
        }
    }
    for len in 0..bytes.len() {
        assert!(Manifest::decode(&bytes[..len], "m").is_err());
    }
}

#[test]
fn a_path_out_of_the_folder_is_refused() {
    for path in ["../x", "/etc/passwd", "a/../../b", "", "a\\b", "."] {
        let mut evil = manifest();
        evil.files[0].path = path.to_owned();
        let error = Manifest::decode(&evil.encode().unwrap(), "m").unwrap_err().to_string();
        assert!(error.contains("leads out of its folder"), "{path}: {error}");
    }
}

#[test]
fn a_newer_format_is_refused_with_its_number() {
    let bytes = String::from_utf8(manifest().encode().unwrap()).unwrap();
    let newer = bytes.replacen("\"format\":1", "\"format\":9", 1);
    let error = Manifest::decode(newer.as_bytes(), "b/m.json").unwrap_err().to_string();
    assert!(error.starts_with("b/m.json: manifest format 9 is newer than 1"), "{error}");
}
