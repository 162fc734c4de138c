//! The series a scrape reports about itself: `up`, `scrape_duration_seconds` and their kin.

use super::status::Scraped;
use crate::config::ScrapeConfig;
use crate::error::ScrapeError;
use crate::series::Mutator;
use std::time::Duration;
use watchfire_model::ingest::Row;
use watchfire_model::{Labels, SampleValue};

const USUAL: [&str; 5] = [
    "up",
    "scrape_duration_seconds",
    "scrape_samples_scraped",
    "scrape_samples_post_metric_relabeling",
    "scrape_series_added",
];
/// With `extra_scrape_metrics`.
const EXTRA: [&str; 3] = ["scrape_timeout_seconds", "scrape_sample_limit", "scrape_body_size_bytes"];

/// So many at most.
pub(super) const REPORT_ROWS: usize = USUAL.len() + EXTRA.len();

/// The labels of the report series, made once per target.
#[derive(Debug)]
pub(super) struct Report {
    usual: [Labels; 5],
    extra: [Labels; 3],
}

impl Report {
    pub(super) fn new(mutator: &Mutator) -> Self {
        Self {
            usual: USUAL.map(|metric| mutator.report_labels(metric)),
            extra: EXTRA.map(|metric| mutator.report_labels(metric)),
        }
    }

    /// Adds the report on one scrape.
    pub(super) fn rows(
        &self,
        scraped: &Scraped,
        config: &ScrapeConfig,
        timeout: Duration,
        error: Option<&ScrapeError>,
        rows: &mut Vec<Row>,
    ) {
        let up = if error.is_none() { 1.0 } else { 0.0 };
        let usual = [
            up,
            scraped.duration.as_secs_f64(),
            scraped.counts.scraped as f64,
            scraped.counts.kept as f64,
            scraped.counts.added as f64,
        ];
        let body_bytes = match error {
            None => scraped.body_bytes as f64,
            Some(ScrapeError::BodyTooLarge { .. }) => -1.0,
            Some(_) => 0.0,
        };
        let extra = [timeout.as_secs_f64(), config.limits.samples as f64, body_bytes];
        let row = |series: &Labels, value: f64| Row {
            series: series.clone(),
            timestamp_ms: scraped.timestamp_ms,
            start_timestamp_ms: 0,
            value: SampleValue::Float(value),
        };
        rows.extend(self.usual.iter().zip(usual).map(|(series, value)| row(series, value)));
        if config.extra_scrape_metrics {
            rows.extend(self.extra.iter().zip(extra).map(|(series, value)| row(series, value)));
        }
    }

    /// The series that were reported.
    pub(super) fn series<'a>(&'a self, config: &ScrapeConfig) -> impl Iterator<Item = Labels> + 'a {
        let extra = if config.extra_scrape_metrics { self.extra.as_slice() } else { &[] };
        self.usual.iter().chain(extra).cloned()
    }
}
