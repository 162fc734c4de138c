//! Asking targets for their metrics, as Prometheus does.
//!
//! Flows in: a configuration file, target files, and what targets answer. Flows out: rows to a
//! [`MetricSink`](watchfire_model::ingest::MetricSink), and the state of every target. This crate promises that any
//! valid `prometheus.yml` is read or refused with file, line and column; that a target is asked on a schedule that
//! does not drift; that a series which ends gets a stale marker; and that a target which lies, hangs or floods harms
//! nobody but itself. It never stores a sample, evaluates a rule, or prints a secret.

pub mod config;
pub mod discovery;
mod error;
mod fetch;
#[cfg(test)]
mod laws;
mod manager;
#[cfg(test)]
mod peer_tests;
pub mod relabel;
mod runner;
mod series;
pub mod target;
#[cfg(test)]
mod testing;

pub use config::{Check, Config, Fault};
pub use error::ScrapeError;
pub use fetch::{ClientError, HARD_BODY_LIMIT_BYTES};
pub use manager::stats::ScrapeStats;
pub use manager::status::{HINT_LABEL, PoolStatus, TargetMetadata, TargetStatus};
pub use manager::{LocalTarget, Manager, Options};
pub use runner::Gather;
pub use runner::status::Health;
