//! `watchfire test rules`: promtool's rule tests.

use crate::cli::Test;
use anyhow::{Context, bail};
use watchfire_rules::testing::{TestOptions, junit, run_test_file};

pub(crate) fn run(test: Test) -> anyhow::Result<()> {
    let Test::Rules { run, junit: written, ignore_unknown_fields, files } = test;
    let run = run
        .iter()
        .map(|pattern| regex::Regex::new(pattern).with_context(|| format!("--run {pattern:?} is no pattern")))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let options = TestOptions { run, ignore_unknown_fields };
    let (mut failed, mut reports) = (0, Vec::new());
    for file in &files {
        let report = run_test_file(file, &options);
        print!("{report}");
        if !report.passed() {
            failed += 1;
        }
        reports.push(report);
    }
    if let Some(path) = written {
        std::fs::write(&path, junit(&reports, jiff::Timestamp::now()))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    if failed > 0 {
        bail!("{failed} of {} test files failed", files.len());
    }
    Ok(())
}
