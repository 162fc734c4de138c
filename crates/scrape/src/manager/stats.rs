//! What scraping says about itself, for `watchfire_scrape_*`.

use crate::error::ScrapeError;
use std::sync::atomic::{AtomicU64, Ordering};
use watchfire_model::ingest::WriteReport;

macro_rules! counters {
    ($($(#[doc = $doc:literal])+ $name:ident,)+) => {
        /// Counters since the start, all targets together.
        #[derive(Debug, Default)]
        pub(crate) struct Stats {
            $($name: AtomicU64,)+
        }

        /// The counters at one moment.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct ScrapeStats {
            $($(#[doc = $doc])+ pub $name: u64,)+
        }

        impl Stats {
            /// The counters now.
            pub(crate) fn snapshot(&self) -> ScrapeStats {
                ScrapeStats { $($name: self.$name.load(Ordering::Relaxed),)+ }
            }
        }
    };
}

counters! {
    /// Turns of the timetable that no scrape took.
    missed_ticks,
    /// Scrapes that failed, whatever the reason.
    failed,
    /// Scrapes whose body was too large.
    exceeded_body_size_limit,
    /// Scrapes with too many samples.
    exceeded_sample_limit,
    /// Scrapes with too many or too long labels.
    exceeded_label_limits,
    /// Scrapes not made because their job has too many targets.
    exceeded_target_limit,
    /// Scrapes that took too long.
    timed_out,
    /// Scrapes whose body could not be read.
    unparsable,
    /// Samples and stale markers that the store kept.
    accepted_rows,
    /// Samples and stale markers that the store refused.
    refused_rows,
    /// Scrapes of which the store kept nothing.
    failed_writes,
}

impl Stats {
    pub(crate) fn missed_ticks(&self, missed: u64) {
        self.missed_ticks.fetch_add(missed, Ordering::Relaxed);
    }

    pub(crate) fn failed(&self, error: &ScrapeError) {
        self.failed.fetch_add(1, Ordering::Relaxed);
        let counter = match error {
            ScrapeError::BodyTooLarge { .. } => &self.exceeded_body_size_limit,
            ScrapeError::SampleLimit => &self.exceeded_sample_limit,
            ScrapeError::LabelLimit { .. }
            | ScrapeError::LabelNameLength { .. }
            | ScrapeError::LabelValueLength { .. } => &self.exceeded_label_limits,
            ScrapeError::TargetLimit { .. } => &self.exceeded_target_limit,
            ScrapeError::Timeout { .. } => &self.timed_out,
            ScrapeError::Parse(_)
            | ScrapeError::UnsupportedContentType(_)
            | ScrapeError::BlankContentType => &self.unparsable,
            _ => return,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn written(&self, report: &WriteReport) {
        self.accepted_rows.fetch_add(report.accepted as u64, Ordering::Relaxed);
        self.refused_rows.fetch_add(report.refused_rows() as u64, Ordering::Relaxed);
    }

    pub(crate) fn write_failed(&self) {
        self.failed_writes.fetch_add(1, Ordering::Relaxed);
    }
}
