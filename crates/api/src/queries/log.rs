//! The log of queries, in the form of Prometheus's `query_log_file`.

use super::Finished;
use crate::time::rfc3339;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use watchfire_promql::engine::SAMPLE_BYTES;

/// A file that gets a line for each query.
#[derive(Debug)]
pub(super) struct QueryLog {
    file: File,
    /// Whether the last line could not be written; told once.
    failing: bool,
}

impl QueryLog {
    pub(super) fn open(path: &Path) -> std::io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        Ok(Self { file, failing: false })
    }

    /// Writes a line. What cannot be written is lost, and said so in the program's log: no query waits for a disk.
    pub(super) fn write(&mut self, finished: &Finished) {
        let asked = &finished.asked;
        let mut line = serde_json::json!({
            "time": asked.asked,
            "level": "INFO",
            "msg": "promql query logged",
            "params": {
                "query": asked.query,
                "start": rfc3339(asked.start),
                "end": rfc3339(asked.end),
                "step": asked.step / 1000,
            },
            "stats": {
                // Planning, reading and sorting are one pass with evaluating.
                "timings": {
                    "evalTotalTime": finished.seconds - finished.queued_seconds,
                    "resultSortTime": 0.0,
                    "queryPreparationTime": 0.0,
                    "innerEvalTime": finished.seconds - finished.queued_seconds,
                    "execQueueTime": finished.queued_seconds,
                    "execTotalTime": finished.seconds,
                },
                "samples": {
                    "totalQueryableSamples": finished.samples_read,
                    "peakSamples": finished.peak_bytes / SAMPLE_BYTES,
                },
            },
            "httpRequest": {
                "clientIP": finished.origin.client.map_or_else(String::new, |ip| ip.to_canonical().to_string()),
                "method": finished.origin.method,
                "path": finished.origin.path,
            },
            "outcome": finished.outcome,
        });
        if let (Some(error), Some(fields)) = (&finished.error, line.as_object_mut()) {
            fields.insert("error".to_owned(), error.as_str().into());
        }
        let mut line = line.to_string();
        line.push('\n');
        match self.file.write_all(line.as_bytes()) {
            Ok(()) => self.failing = false,
            Err(error) if !self.failing => {
                self.failing = true;
                tracing::error!(%error, "cannot write to the query log; queries are not logged");
            }
            Err(_) => {}
        }
    }
}
