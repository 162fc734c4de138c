//! Training runs: what a model was trained with, and how it went, step by step.
//!
//! Flows in: requests of MLflow's clients, TensorBoard's event files. Flows out: experiments and runs in the ledger, their
//! metrics as series in the metric store, and questions answered by step. It promises that what was acknowledged is on
//! disk, that no value is lost because several steps share a millisecond ([`points`]), and that the same value sent twice
//! counts once. It never listens, and names from outside are texts to it and nothing else.

mod error;
mod event_files;
pub mod filter;
pub mod history;
pub mod mlflow;
pub mod points;
pub mod progress;
pub mod runs;
pub mod search;
#[cfg(test)]
mod testing;
pub mod watch;

pub use error::TrainingError;
pub use history::{Axis, HistoryPoint, Line};
pub use points::Point;
pub use progress::{Progress, Rates};
pub use runs::{Changes, NewRun, Options, RunUpdate, Runs};
pub use search::{Found, Order, OrderKey, Search, View};
pub use watchfire_ledger::{Experiment, RunDetails, RunStatus, TrainingInput, TrainingMetric, TrainingRun};

/// Names of experiments and runs have at most so many characters.
pub const MAX_NAME: usize = 500;
/// Names of metrics, parameters and tags have at most so many characters.
pub const MAX_KEY: usize = 250;
/// Values of parameters have at most so many characters.
pub const MAX_PARAM: usize = 6_000;
/// Values of tags have at most so many characters.
pub const MAX_TAG: usize = 8_000;
/// A run has at most so many metrics, so many parameters and so many tags.
pub const MAX_OF_RUN: usize = 10_000;
/// Steps lie between this and its negative, so that they are exact as floats.
pub const MAX_STEP: i64 = 1 << 53;
