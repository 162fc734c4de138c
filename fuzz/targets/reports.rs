//! Reports of tests and coverage, of any text: read, or refused with a sentence.
#![no_main]

use libfuzzer_sys::fuzz_target;
use watchfire_ci::reports::{cobertura, junit, lcov};

fuzz_target!(|text: &str| {
    if let Ok(suites) = junit(text) {
        assert!(suites.values().all(|suite| suite.seconds.is_finite()));
    }
    for coverage in [cobertura(text), lcov(text)].into_iter().flatten() {
        for covered in [coverage.lines, coverage.branches, coverage.functions] {
            assert!(covered.hit <= covered.total, "{covered:?}");
        }
    }
});
