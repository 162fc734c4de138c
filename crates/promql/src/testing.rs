//! Scripts that test PromQL: what Prometheus's own test files are written in.
//!
//! Flows in: a script that loads series, evaluates queries and says what must come out (the language of Prometheus
//! 3.14's `promqltest`). Flows out: a score with a reason for each failure. Each instant query is asked in many ways
//! that must all give the same answer: as written, with `@` at several evaluation times, and as the middle of a range
//! query. It promises never to panic, whatever the engine does. It never evaluates anything itself.

mod compare;
mod evaluate;
mod expand;
mod nhcb;
mod pin;
mod script;
mod storage;

pub use compare::{floats_match, histograms_match};
pub use script::ScriptError;
pub use storage::MemorySource;

use crate::engine::EngineOptions;
use std::path::Path;
use std::time::Duration;

/// What a script came to.
#[derive(Clone, Debug, Default)]
pub struct FileScore {
    /// How many queries it asks.
    pub evals: usize,
    /// How many of them were answered as expected, in every way of asking.
    pub passed: usize,
    /// The others, in the order of the script; a script that breaks off has one failure more.
    pub failures: Vec<Failure>,
}

/// A query that was not answered as expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The line in the script, from one.
    pub line: usize,
    /// The query.
    pub expr: String,
    /// What came out instead.
    pub reason: String,
}

/// Why a script could not be run at all.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The file could not be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: String,
        /// Why not.
        source: std::io::Error,
    },
    /// The file is no script.
    #[error("{path}:{error}")]
    Script {
        /// The file.
        path: String,
        /// Where, and why not.
        error: ScriptError,
    },
}

/// The settings that scripts assume: five minutes of lookback, all experiments on, at most 10,000 samples a query.
pub fn engine_options() -> EngineOptions {
    EngineOptions {
        delayed_name_removal: true,
        lookback: Duration::from_secs(300),
        timeout: Duration::from_secs(100),
        max_samples: 10_000,
        default_subquery_step: Duration::from_secs(60),
        use_start_timestamps: true,
        threads: 1,
        ..EngineOptions::default()
    }
}

/// Runs a script in a file.
///
/// # Errors
/// [`RunError`] when the file cannot be read or is no script.
pub fn run_file(path: &Path) -> Result<FileScore, RunError> {
    let name = path.display().to_string();
    let text =
        std::fs::read_to_string(path).map_err(|source| RunError::Read { path: name.clone(), source })?;
    run_text(&text).map_err(|error| RunError::Script { path: name, error })
}

/// Runs a script.
///
/// # Errors
/// [`ScriptError`] with the line that is no script. Queries that do not parse are failures, not errors.
pub fn run_text(text: &str) -> Result<FileScore, ScriptError> {
    let commands = script::parse(text)?;
    Ok(evaluate::run(&commands))
}

#[cfg(test)]
mod tests;
