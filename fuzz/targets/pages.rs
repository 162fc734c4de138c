//! A page of series, a page of the index, the footer of a part, or a record of the log, of any bytes. The first byte
//! chooses.
#![no_main]

use libfuzzer_sys::fuzz_target;
use watchfire_metrics::fuzz::{footer, record, series_page, value_page};

fuzz_target!(|bytes: &[u8]| {
    let Some((choice, bytes)) = bytes.split_first() else { return };
    match choice % 4 {
        0 => series_page(bytes),
        1 => value_page(bytes),
        2 => footer(bytes),
        _ => record(bytes),
    }
});
