//! A column of timestamps or values of any bytes: what is read of it can be written and read again, to the last bit.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| watchfire_metrics::fuzz::columns(bytes));
