//! What rules write over a stretch of time, from the answers to their expressions.

use super::{Outcome, Pending};
use crate::alerting::{Instances, candidates};
use crate::file::{AlertingRule, RecordingRule};
use crate::recording;
use crate::template::Surroundings;
use std::collections::{BTreeMap, HashMap, HashSet};
use watchfire_model::ingest::Row;
use watchfire_model::{Labels, METRIC_NAME, STALE_NAN, SampleValue, Series};

/// A recording rule with what it wrote last.
#[derive(Debug)]
pub(super) struct Recorder {
    pub(super) rule: RecordingRule,
    limit: usize,
    /// The series that its last good evaluation wrote.
    written: HashSet<Labels>,
}

impl Recorder {
    pub(super) fn new(rule: &RecordingRule, limit: usize) -> Self {
        Self { rule: rule.clone(), limit, written: HashSet::new() }
    }

    /// What is written at these times, at which the expression gave this; and what went wrong first.
    pub(super) fn record(&mut self, times: &[i64], answer: Vec<Series>) -> (Vec<Row>, Option<String>) {
        let mut faults = BTreeMap::<i64, String>::new();
        let mut named = HashMap::<Labels, Vec<(i64, SampleValue)>>::with_capacity(answer.len());
        let mut counts = BTreeMap::<i64, usize>::new();
        for series in answer {
            let mut builder = series.labels.to_builder();
            builder.set(METRIC_NAME, self.rule.name.as_str());
            for (label, value) in &self.rule.labels {
                builder.set(label, value);
            }
            if self.limit > 0 {
                series.samples.timestamps_ms.iter().for_each(|at_ms| *counts.entry(*at_ms).or_default() += 1);
            }
            let samples = named.entry(builder.build()).or_default();
            let is_second = !samples.is_empty();
            samples.extend(series.samples.iter());
            if is_second {
                samples.sort_by_key(|(at_ms, _)| *at_ms);
                for pair in samples.windows(2) {
                    if let [(one_ms, _), (other_ms, _)] = pair
                        && one_ms == other_ms
                    {
                        faults.entry(*one_ms).or_insert_with(|| {
                            "vector contains metrics with the same labelset after applying rule labels"
                                .to_owned()
                        });
                    }
                }
            }
        }
        for (at_ms, count) in counts.into_iter().filter(|(_, count)| *count > self.limit) {
            faults.insert(at_ms, format!("exceeded limit of {} with {count} series", self.limit));
        }
        let good: Vec<i64> = times.iter().copied().filter(|at_ms| !faults.contains_key(at_ms)).collect();
        let rows = self.rows(&good, named, &faults);
        (rows, faults.into_values().next())
    }

    /// The samples, and the end of each series at the first good evaluation without it.
    fn rows(
        &mut self,
        good: &[i64],
        mut named: HashMap<Labels, Vec<(i64, SampleValue)>>,
        faults: &BTreeMap<i64, String>,
    ) -> Vec<Row> {
        let (Some(first_ms), Some(last_ms)) = (good.first().copied(), good.last().copied()) else {
            return Vec::new();
        };
        for series in std::mem::take(&mut self.written) {
            named.entry(series).or_default().insert(0, (i64::MIN, SampleValue::Float(STALE_NAN)));
        }
        let mut rows = Vec::new();
        for (series, samples) in named {
            let mut end = |timestamp_ms| {
                let value = SampleValue::Float(STALE_NAN);
                rows.push(Row { series: series.clone(), timestamp_ms, start_timestamp_ms: 0, value });
            };
            let mut kept = Vec::with_capacity(samples.len());
            let mut before: Option<i64> = None;
            for (at_ms, value) in samples.into_iter().filter(|(at_ms, _)| !faults.contains_key(at_ms)) {
                if let Some(next_ms) = before.map(|before_ms| after(good, before_ms, first_ms))
                    && let Some(next_ms) = next_ms
                    && next_ms < at_ms
                {
                    end(next_ms);
                }
                before = Some(at_ms);
                if at_ms > i64::MIN {
                    kept.push((at_ms, value));
                }
            }
            if before == Some(last_ms) {
                self.written.insert(series.clone());
            } else if let Some(Some(next_ms)) = before.map(|before_ms| after(good, before_ms, first_ms)) {
                end(next_ms);
            }
            rows.extend(kept.into_iter().map(|(timestamp_ms, value)| Row {
                series: series.clone(),
                timestamp_ms,
                start_timestamp_ms: 0,
                value,
            }));
        }
        rows.sort_by_key(|row| row.timestamp_ms);
        rows
    }
}

/// The first good evaluation after another one.
fn after(good: &[i64], at_ms: i64, first_ms: i64) -> Option<i64> {
    if at_ms < first_ms {
        return Some(first_ms);
    }
    good.get(good.partition_point(|good_ms| *good_ms <= at_ms)).copied()
}

/// `ALERTS` and `ALERTS_FOR_STATE` of an alerting rule whose series other rules read.
#[derive(Debug, Default)]
pub(super) struct AlertWriter {
    instances: Instances,
    written: HashSet<Labels>,
}

impl AlertWriter {
    /// What is written at one time.
    pub(super) fn write(
        &mut self,
        rule: &AlertingRule,
        outcome: &Outcome,
        (at_ms, query_ms, limit): (i64, i64, usize),
        around: &Surroundings,
    ) -> Vec<Row> {
        let stepped = outcome
            .clone()
            .and_then(|samples| candidates(rule, samples, &BTreeMap::new(), around))
            .and_then(|found| self.instances.step(rule, found, at_ms, limit));
        if stepped.is_err() {
            return Vec::new();
        }
        let mut rows = self.instances.rows(query_ms);
        let written: HashSet<Labels> = rows.iter().map(|row| row.series.clone()).collect();
        rows.extend(recording::ended(&self.written, &written, query_ms));
        self.written = written;
        rows
    }

    /// Whether nothing was and is.
    pub(super) fn is_idle(&self) -> bool {
        self.instances.is_empty() && self.written.is_empty()
    }
}

/// The answers of a stretch, time by time; those without any are left out.
pub(super) fn by_time(answer: Vec<Series>, offset_ms: i64) -> Pending {
    let mut times = BTreeMap::<i64, Vec<watchfire_promql::value::VectorSample>>::new();
    for series in answer {
        for (timestamp_ms, value) in series.samples.iter() {
            let labels = series.labels.clone();
            let at_ms = timestamp_ms.saturating_add(offset_ms);
            times.entry(at_ms).or_default().push(watchfire_promql::value::VectorSample {
                labels,
                timestamp_ms,
                value,
            });
        }
    }
    times.into_iter().map(|(at_ms, samples)| (at_ms, Ok(samples))).collect()
}
