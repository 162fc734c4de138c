//! Tests of rules in promtool's file format: series in, alerts and query answers expected.
//!
//! A test file names rule files, feeds them series that are written down, evaluates all groups at a fixed interval
//! through the same code as the running server, and compares what fires and what queries answer.

mod compare;
mod file;
mod junit;
mod run;
mod store;

pub use junit::junit;
pub use store::TestStore;

use crate::yaml::FileError;
use std::fmt;
use std::path::Path;

/// How tests are run.
#[derive(Clone, Debug, Default)]
pub struct TestOptions {
    /// Only tests whose name one of these patterns matches somewhere; all, when empty.
    pub run: Vec<regex::Regex>,
    /// Pass over unknown keys in rule files.
    pub ignore_unknown_fields: bool,
}

/// What became of a test file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The file.
    pub file: String,
    /// How many tests ran.
    pub tests: usize,
    /// What failed; empty when all went well. Each may be several lines.
    pub failures: Vec<String>,
    /// The tests that ran; none where the file could not be run at all.
    pub cases: Vec<Case>,
}

/// One test of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Case {
    /// Its name, as written.
    pub name: String,
    /// What failed; empty when all went well.
    pub failures: Vec<String>,
}

impl Report {
    /// Whether all went well.
    pub const fn passed(&self) -> bool {
        self.failures.is_empty()
    }
}

/// As promtool prints it.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Unit Testing:  {}", self.file)?;
        if self.passed() {
            return writeln!(f, "  SUCCESS");
        }
        writeln!(f, "  FAILED:")?;
        for failure in &self.failures {
            writeln!(f, "{failure}")?;
        }
        Ok(())
    }
}

/// Runs a test file. Blocks; may be called from anywhere.
pub fn run_test_file(path: &Path, options: &TestOptions) -> Report {
    let name = path.display().to_string();
    // The evaluation is asynchronous; a thread of its own may block on it, wherever the caller is.
    let ran = std::thread::scope(|scope| {
        let work = || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .build()
                .map_err(|error| vec![format!("  no runtime: {error}")])?;
            runtime.block_on(run::run(path, options))
        };
        scope.spawn(work).join()
    });
    let (cases, failures) = match ran {
        Ok(Ok(cases)) => {
            let failures = cases.iter().flat_map(|case: &Case| &case.failures).cloned().collect();
            (cases, failures)
        }
        Ok(Err(failures)) => (Vec::new(), failures),
        Err(_) => (Vec::new(), vec!["  the test run panicked; this is a defect of Watchfire".to_owned()]),
    };
    Report { file: name, tests: cases.len(), failures, cases }
}

fn lines(errors: &[FileError]) -> Vec<String> {
    errors.iter().map(|error| format!("  {error}")).collect()
}

#[cfg(test)]
mod tests;
