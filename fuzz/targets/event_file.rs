//! TensorBoard's event files of any bytes: the reader always goes on, or says how many bytes it lacks.
#![no_main]

use libfuzzer_sys::fuzz_target;
use watchfire_wire::event_file::{Record, event, frame, record};

fuzz_target!(|bytes: &[u8]| {
    let mut rest = bytes;
    loop {
        let taken = match record(rest) {
            Record::Whole { bytes, content } => {
                let _ = event(content);
                bytes
            }
            Record::Skip { bytes, .. } => bytes,
            Record::Partial { needed } => {
                assert!(needed > rest.len() as u64, "what is there would have been enough");
                break;
            }
        };
        assert!(taken > 0, "nothing was taken");
        rest = usize::try_from(taken).ok().and_then(|taken| rest.get(taken..)).unwrap_or_default();
    }
    // No checksum stands between the bytes and the reader of events.
    if let Ok(found) = event(bytes) {
        assert!(found.scalars.len() + found.params.len() <= bytes.len());
    }
    assert!(matches!(record(&frame(bytes)), Record::Whole { content, .. } if content == bytes));
});
