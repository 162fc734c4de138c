//! Samples sent on: what an agent collects leaves as Prometheus remote write (version 1.0).
//!
//! Flows in: batches, as the metric store takes them. Flows out: requests to each address of `remote_write`, in the order
//! of collection, one at a time. It promises bounded memory: what an address does not take waits in a buffer of so many
//! bytes and is tried again; when that is full the oldest goes first, counted and named. Nothing is kept over a restart.

mod encoding;
mod line;
mod metrics;

use line::Line;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;
use watchfire_channels::Tools;
use watchfire_model::ingest::{Batch, Committed, MetricSink, WriteReport};
use watchfire_model::time::Clock;
use watchfire_model::{Labels, Metadata};
use watchfire_scrape::config::RemoteWrite;

/// Where samples are sent on to. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Forwarder {
    lines: Arc<[Arc<Line>]>,
    tools: Arc<Tools>,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for Forwarder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Forwarder").field("lines", &self.lines.len()).finish_non_exhaustive()
    }
}

impl Forwarder {
    /// Prepares for these addresses. `external_labels` are added where a series has no such label; `buffer_bytes` is
    /// what waits for each address at most, compressed.
    pub fn new(
        addresses: Vec<RemoteWrite>,
        external_labels: &Labels,
        buffer_bytes: usize,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let external = external_labels.clone();
        let lines = addresses.into_iter().map(|to| Arc::new(Line::new(to, external.clone(), buffer_bytes)));
        Self { lines: lines.collect(), tools: Arc::new(Tools::new(Arc::clone(&clock))), clock }
    }

    /// Sends until `stop` says so, then for at most `drain` what still waits.
    pub async fn run(&self, stop: watch::Receiver<bool>, drain: Duration) {
        let mut running = JoinSet::new();
        for line in self.lines.iter() {
            let (line, tools) = (Arc::clone(line), Arc::clone(&self.tools));
            let (clock, stop) = (Arc::clone(&self.clock), stop.clone());
            running.spawn(async move { line.run(&tools, &*clock, stop, drain).await });
        }
        while running.join_next().await.is_some() {}
    }

    /// What it did, in the text format, under Prometheus's names.
    pub fn write_metrics(&self, out: &mut String) {
        metrics::write(&self.lines, out);
    }
}

impl MetricSink for Forwarder {
    fn write(&self, batch: Batch) -> Committed {
        let report = WriteReport {
            accepted: batch.len(),
            histograms: batch.histogram_count(),
            ..WriteReport::default()
        };
        for line in self.lines.iter() {
            line.take(&batch);
        }
        Box::pin(std::future::ready(Ok(report)))
    }

    fn describe(&self, _target: &Labels, family: &str, metadata: Metadata) {
        for line in self.lines.iter() {
            line.describe(family, &metadata);
        }
    }
}

#[cfg(test)]
mod tests;
