//! What builds, tests and deployments come to.
//!
//! Flows in: reports of test runs and of coverage, webhooks of GitHub and GitLab. Flows out: series, an event as one sample at
//! its own time, so that a delivery that comes twice counts once. It promises that a webhook is read only after its signature
//! was checked, and that no document makes it use more memory than its own size. It never asks anybody back.

pub mod reports;
mod service;
pub mod webhooks;
mod xml;

pub use service::{Ci, CiError, Labelled, Options, ReportKind, Secrets, Taken};
