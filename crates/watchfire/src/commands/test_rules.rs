//! `watchfire test rules`: promtool's rule tests.

use crate::cli::Test;
use anyhow::bail;
use watchfire_rules::testing::{TestOptions, run_test_file};

pub(crate) fn run(test: Test) -> anyhow::Result<()> {
    let Test::Rules { files } = test;
    let options = TestOptions::default();
    let mut failed = 0;
    for file in &files {
        let report = run_test_file(file, &options);
        print!("{report}");
        if !report.passed() {
            failed += 1;
        }
    }
    if failed > 0 {
        bail!("{failed} of {} test files failed", files.len());
    }
    Ok(())
}
