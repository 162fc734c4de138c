//! Building the HTTP client of a job.

use crate::config::ScrapeConfig;
use std::sync::Arc;
use watchfire_settings::http::{self, PinnedResolver};

/// Why the HTTP client of a job could not be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("job {job:?}: {reason}")]
pub struct ClientError {
    job: String,
    reason: String,
}

impl ClientError {
    pub(super) fn new(config: &ScrapeConfig, reason: String) -> Self {
        Self { job: config.job_name.clone(), reason }
    }
}

/// Builds a client. Reads certificates.
pub(super) fn build(
    config: &ScrapeConfig,
    user_agent: &str,
    resolver: Option<Arc<PinnedResolver>>,
) -> Result<reqwest::Client, ClientError> {
    http::build(&config.client, user_agent, config.enable_compression, resolver)
        .map_err(|reason| ClientError::new(config, reason))
}
