//! The manifest of a backup, of any text with a checksum that is right: nothing in it leads out of a folder.
#![no_main]

use libfuzzer_sys::fuzz_target;
use watchfire_backup::Manifest;

fuzz_target!(|bytes: &[u8]| {
    let _ = Manifest::decode(bytes, "bytes");
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let sum = crc32c::crc32c(text.trim().as_bytes());
    let whole = format!("{{\"format\":1,\"crc32c\":{sum},\"backup\":{}}}", text.trim());
    if let Ok(manifest) = Manifest::decode(whole.as_bytes(), "text") {
        for path in manifest.files.iter().flat_map(|file| [&file.path, &file.object]) {
            assert!(!path.starts_with('/') && path.split('/').all(|name| name != ".."), "{path:?}");
        }
    }
});
