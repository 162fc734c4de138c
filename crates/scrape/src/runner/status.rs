//! What the world may know about one target's loop.

use crate::series::Counts;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use watchfire_model::Metadata;

/// Whether a target answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Health {
    /// It was not asked yet.
    #[default]
    Unknown,
    /// Its last scrape went well.
    Up,
    /// Its last scrape failed.
    Down,
}

impl Health {
    /// Prometheus's word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Up => "up",
            Self::Down => "down",
        }
    }
}

/// One scrape.
#[derive(Clone, Debug)]
pub(crate) struct Scraped {
    pub(crate) timestamp_ms: i64,
    pub(crate) duration: Duration,
    pub(crate) counts: Counts,
    pub(crate) body_bytes: usize,
    pub(crate) error: Option<String>,
}

/// Shared by a loop and those who look at it.
#[derive(Debug, Default)]
pub(crate) struct LoopStatus {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    last: Option<Scraped>,
    write_error: Option<String>,
    write_warning: Option<String>,
    metadata: BTreeMap<String, Metadata>,
}

impl LoopStatus {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Each holder leaves whole values behind, so a panic elsewhere does not spoil them.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn scraped(&self, scraped: Scraped) {
        self.lock().last = Some(scraped);
    }

    pub(crate) fn described(&self, described: Vec<(String, Metadata)>) {
        self.lock().metadata.extend(described);
    }

    /// Remembers why nothing was stored, or why not everything; says whether an error is news.
    pub(crate) fn written(&self, error: Option<String>, warning: Option<String>) -> bool {
        let mut inner = self.lock();
        let news = inner.write_error.is_some() != error.is_some();
        (inner.write_error, inner.write_warning) = (error, warning);
        news
    }

    /// The last scrape, and why nothing or not everything of it was stored.
    pub(crate) fn last(&self) -> (Option<Scraped>, Option<String>, Option<String>) {
        let inner = self.lock();
        (inner.last.clone(), inner.write_error.clone(), inner.write_warning.clone())
    }

    /// What the target's metrics say about themselves.
    pub(crate) fn metadata(&self) -> Vec<(String, Metadata)> {
        self.lock().metadata.iter().map(|(family, metadata)| (family.clone(), metadata.clone())).collect()
    }
}
