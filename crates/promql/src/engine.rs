//! Syntax tree and series to values.
//!
//! A query becomes operators that hand on one series at a time, each over all steps, as columns of floats. Only the
//! operators that must see many series at once keep them, and what is kept is on the query's account. An instant
//! query is a range query of one step. Metric names are dropped at the very end.

mod aggregate;
pub(crate) mod annotations;
mod arithmetic;
mod binary;
mod column;
mod context;
mod crew;
mod extended;
mod format;
mod functions;
mod grid;
mod histograms;
mod kahan;
mod matching;
mod merge;
mod names;
mod output;
mod over_time;
mod plan;
mod queried;
mod rate;
mod regression;
mod repeat;
mod resets;
mod scalar;
mod selector;
mod sets;
mod shared;
mod smoothed;
mod sorted;
mod timeline;
mod times;
mod usage;
mod window;

pub use annotations::AnnotationKind;
pub use crew::Permit;
pub use queried::SamplesByStep;
pub use usage::{QueryUsage, SAMPLE_BYTES};

use crate::ast::Expr;
use crate::source::{Source, SourceError};
use crate::value::QueryResult;
use crew::Helpers;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// The engine's settings.
#[derive(Clone, Debug)]
pub struct EngineOptions {
    /// How far back an instant selector looks for a sample (`--query.lookback-delta`).
    pub lookback: Duration,
    /// How long a query may take (`--query.timeout`).
    pub timeout: Duration,
    /// How many samples a query may hold at once (`--query.max-samples`).
    pub max_samples: usize,
    /// How many bytes the samples may take that a query holds at once (`--query.max-memory`); no bound.
    pub max_bytes: usize,
    /// The step of a subquery that names none: the global evaluation interval.
    pub default_subquery_step: Duration,
    /// `rate` and its family use start timestamps (experimental `use-start-timestamps`).
    pub use_start_timestamps: bool,
    /// Metric names are dropped at the very end, so that label functions still see them (experimental
    /// `promql-delayed-name-removal`); otherwise by each operator that drops them.
    pub delayed_name_removal: bool,
    /// How many threads a query may use, and all queries of the engine beside their own ones; the answer does not depend
    /// on it.
    pub threads: usize,
    /// Whether the API tells the samples of each step under `stats=all` (experimental `promql-per-step-stats`).
    pub per_step_stats: bool,
    /// Uses all threads however little there is to do; for tests.
    pub eager_threads: bool,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self {
            lookback: Duration::from_secs(300),
            timeout: Duration::from_secs(120),
            max_samples: 50_000_000,
            max_bytes: usize::MAX,
            default_subquery_step: Duration::from_secs(60),
            use_start_timestamps: false,
            delayed_name_removal: false,
            per_step_stats: false,
            threads: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            eager_threads: false,
        }
    }
}

/// What to evaluate, and when.
#[derive(Clone, Debug)]
pub struct Query {
    /// The parsed query; shared, because rules ask the same one again and again.
    pub expr: Arc<Expr>,
    /// First evaluation time, in milliseconds since the Unix epoch.
    pub start_ms: i64,
    /// Last evaluation time; equal to `start_ms` for an instant query.
    pub end_ms: i64,
    /// Distance between evaluations in milliseconds; 0 for an instant query.
    pub step_ms: i64,
    /// Overrides the engine's lookback.
    pub lookback: Option<Duration>,
    /// Overrides the engine's timeout, if shorter.
    pub timeout: Option<Duration>,
    /// Counts the samples that each step looks at and reads, see [`QueryResult::queried`].
    pub count_queried: bool,
    /// Set from outside to stop the query.
    pub cancel: Arc<AtomicBool>,
    /// What it holds and has read; can be watched from outside.
    pub usage: Arc<QueryUsage>,
}

impl Query {
    /// An instant query.
    pub fn instant(expr: impl Into<Arc<Expr>>, at_ms: i64) -> Self {
        Self::range(expr, at_ms, at_ms, 0)
    }

    /// A range query.
    pub fn range(expr: impl Into<Arc<Expr>>, start_ms: i64, end_ms: i64, step_ms: i64) -> Self {
        let (expr, cancel, usage) = (expr.into(), Arc::default(), Arc::default());
        let (lookback, timeout) = (None, None);
        Self { expr, start_ms, end_ms, step_ms, lookback, timeout, count_queried: false, cancel, usage }
    }
}

/// Why a query has no answer.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QueryError {
    /// The query cannot be evaluated (Prometheus's error type `execution`).
    #[error("{0}")]
    Execution(String),
    /// It took too long.
    #[error("query timed out in expression evaluation")]
    Timeout,
    /// It was stopped.
    #[error("query was canceled in expression evaluation")]
    Cancelled,
    /// It would hold too many samples.
    #[error("query processing would load too many samples into memory in query execution")]
    TooManySamples,
    /// It would take too much memory.
    #[error("query processing would hold more than {0} bytes of samples in memory (--query.max-memory)")]
    TooMuchMemory(usize),
    /// The store failed.
    #[error(transparent)]
    Source(#[from] SourceError),
}

/// Evaluates queries. Cheap to share; it keeps nothing between queries.
#[derive(Clone, Debug)]
pub struct Engine {
    options: EngineOptions,
    helpers: Arc<Helpers>,
}

impl Default for Engine {
    fn default() -> Self {
        Self::new(EngineOptions::default())
    }
}

impl Engine {
    /// An engine with these settings.
    pub fn new(options: EngineOptions) -> Self {
        let helpers = Helpers::new(options.threads.saturating_sub(1), options.eager_threads);
        Self { options, helpers }
    }

    /// The same engine with helping threads of its own, which queries of this one do not take.
    #[must_use]
    pub fn apart(&self) -> Self {
        Self::new(self.options.clone())
    }

    /// The settings.
    pub const fn options(&self) -> &EngineOptions {
        &self.options
    }

    /// Takes one of the threads that may help queries, for other work on their answers; `None` when all are at work.
    pub fn permit(&self) -> Option<Permit> {
        self.helpers.take()
    }

    /// Evaluates a query; blocks until the answer is complete.
    ///
    /// # Errors
    /// Everything that leaves a query without an answer; the texts are Prometheus's.
    pub fn evaluate(&self, query: &Query, source: &dyn Source) -> Result<QueryResult, QueryError> {
        output::evaluate(&self.options, &self.helpers, query, source)
    }
}

#[cfg(test)]
mod laws;
#[cfg(test)]
mod tests;

/// A duration in whole milliseconds.
pub(crate) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
