//! What can go wrong with a request.

use watchfire_ledger::LedgerError;
use watchfire_model::ingest::WriteError;
use watchfire_promql::SourceError;

/// Why something was not done, in words for whoever asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TrainingError {
    /// There is no such experiment or run.
    #[error("{0}")]
    NotFound(String),
    /// The name is taken.
    #[error("{0}")]
    Exists(String),
    /// The request cannot be fulfilled as it is.
    #[error("{0}")]
    Invalid(String),
    /// Not now; the same request may go well later.
    #[error("{0}")]
    Unavailable(String),
    /// Something failed inside.
    #[error("{0}")]
    Internal(String),
}

impl From<LedgerError> for TrainingError {
    fn from(error: LedgerError) -> Self {
        Self::Unavailable(format!("it could not be kept: {error}"))
    }
}

impl From<WriteError> for TrainingError {
    fn from(error: WriteError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl From<SourceError> for TrainingError {
    fn from(error: SourceError) -> Self {
        Self::Internal(error.to_string())
    }
}
