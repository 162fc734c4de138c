//! The doors through which telemetry is pushed in: each a thin adapter from a wire format to rows of the model.
//!
//! Flows in: headers and bodies of requests, already read within their size limit. Flows out: rows and metadata for a
//! sink, and the answer the sender expects. This crate promises that what is wrong with a request is told to its
//! sender by name, and that one bad series does not cost the good ones beside it. Of what it takes it keeps pushed groups
//! alone, in the ledger. It never listens.

pub mod exposition;
pub mod groups;
pub mod remote_write;

/// Why a whole request is refused; nothing of it was kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ReceiveError {
    /// The HTTP status: 400, 413 or 415. A sender does not try again.
    pub status: u16,
    /// What is wrong and what would be right.
    pub message: String,
}
