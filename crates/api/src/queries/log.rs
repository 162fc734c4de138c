//! The log of queries, in the form of Prometheus's `query_log_file`.

use super::Finished;
use crate::time::rfc3339;
use serde_json::{Value, json};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use watchfire_promql::engine::SAMPLE_BYTES;
use watchfire_rules::RuleQuery;

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
    pub(super) fn write(&mut self, line: &Value) {
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

/// What every line tells.
struct Told<'a> {
    time: &'a str,
    query: &'a str,
    start_ms: i64,
    end_ms: i64,
    step_ms: i64,
    queued_seconds: f64,
    seconds: f64,
    samples_looked_at: u64,
    peak_bytes: usize,
}

impl Told<'_> {
    fn line(&self) -> Value {
        let evaluated = self.seconds - self.queued_seconds;
        json!({
            "time": self.time,
            "level": "INFO",
            "msg": "promql query logged",
            "params": {
                "query": self.query,
                "start": rfc3339(self.start_ms),
                "end": rfc3339(self.end_ms),
                "step": self.step_ms / 1000,
            },
            "stats": {
                // Planning, reading and sorting are one pass with evaluating.
                "timings": {
                    "evalTotalTime": evaluated,
                    "resultSortTime": 0.0,
                    "queryPreparationTime": 0.0,
                    "innerEvalTime": evaluated,
                    "execQueueTime": self.queued_seconds,
                    "execTotalTime": self.seconds,
                },
                "samples": {
                    "totalQueryableSamples": self.samples_looked_at,
                    "peakSamples": self.peak_bytes / SAMPLE_BYTES,
                },
            },
        })
    }
}

/// The line of a query from outside.
pub(super) fn line(finished: &Finished) -> Value {
    let asked = &finished.asked;
    let told = Told {
        time: &asked.asked,
        query: &asked.query,
        start_ms: asked.start,
        end_ms: asked.end,
        step_ms: asked.step,
        queued_seconds: finished.queued_seconds,
        seconds: finished.seconds,
        samples_looked_at: finished.samples_looked_at,
        peak_bytes: finished.peak_bytes,
    };
    let mut line = told.line();
    line["httpRequest"] = json!({
        "clientIP": finished.origin.client.map_or_else(String::new, |ip| ip.to_canonical().to_string()),
        "method": finished.origin.method,
        "path": finished.origin.path,
    });
    line["outcome"] = finished.outcome.into();
    if let Some(error) = &finished.error {
        line["error"] = error.as_str().into();
    }
    line
}

/// The line of a rule's query.
pub(super) fn rule_line(ended: &RuleQuery<'_>, now_ms: i64) -> Value {
    let query = ended.query;
    let told = Told {
        time: &rfc3339(now_ms),
        query: &super::shortened(&query.expr.to_string()),
        start_ms: query.start_ms,
        end_ms: query.end_ms,
        step_ms: query.step_ms,
        queued_seconds: 0.0,
        seconds: ended.took.as_secs_f64(),
        samples_looked_at: query.usage.samples_looked_at(),
        peak_bytes: query.usage.peak_bytes(),
    };
    let mut line = told.line();
    line["ruleGroup"] = json!({"file": ended.file, "name": ended.group});
    line["outcome"] = if ended.error.is_none() { "done" } else { "failed" }.into();
    if let Some(error) = &ended.error {
        line["error"] = error.as_str().into();
    }
    line
}
