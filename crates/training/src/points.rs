//! Values with steps as series.
//!
//! A value of a metric becomes two samples at its time: `training_metric` with the value and `training_metric_step` with its
//! step, both with the labels `run_id`, `run`, `experiment` and `metric`. A series has one sample a millisecond, and a
//! training loop may log many steps in one: what finds its millisecond taken goes to the next free one, and a third sample,
//! `training_metric_shift_seconds`, says by how much, so that the time it was logged with is not lost either. The same value
//! of the same step and time sent again is found and left out.

use crate::{MAX_STEP, TrainingError};
use std::collections::{BTreeMap, HashMap, HashSet};
use watchfire_ledger::{TrainingMetric, TrainingRun};
use watchfire_model::ingest::Batch;
use watchfire_model::{Labels, METRIC_NAME, Matcher, Samples, TimeRange, is_stale};
use watchfire_promql::{SelectHints, Source};

/// The series with the values.
pub const VALUE: &str = "training_metric";
/// The series with the steps.
pub const STEP: &str = "training_metric_step";
/// The series that says by how much a time was moved.
pub const SHIFT: &str = "training_metric_shift_seconds";
/// The label with the run's id.
pub const RUN_ID: &str = "run_id";
/// The label with the metric's name.
pub const METRIC: &str = "metric";

/// One value of one metric.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// The metric's name.
    pub key: String,
    /// The value; any number, infinite ones and NaN too.
    pub value: f64,
    /// When it was logged, in milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// The step.
    pub step: i64,
}

/// What lies at a millisecond.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Kept {
    pub(crate) value: f64,
    pub(crate) step: i64,
    /// How much later it lies than it was logged.
    pub(crate) shift_ms: i64,
}

/// The time of the newest sample by metric, of one run.
pub(crate) type Newest = HashMap<String, i64>;

/// What to write.
#[derive(Debug, Default)]
pub(crate) struct Placed {
    pub(crate) batch: Batch,
    pub(crate) metrics: Vec<TrainingMetric>,
    pub(crate) newest: Newest,
}

/// Reads where every metric of a run ends.
pub(crate) fn newest(source: &dyn Source, run: &str) -> Result<Newest, TrainingError> {
    let mut newest = Newest::new();
    let matchers = [Matcher::equal(METRIC_NAME, STEP), Matcher::equal(RUN_ID, run)];
    each(source, &matchers, TimeRange::ALL, |labels, samples| {
        if let (Some(key), Some(last)) = (labels.get(METRIC), samples.timestamps_ms.last()) {
            let known = newest.entry(key.to_owned()).or_insert(*last);
            *known = (*known).max(*last);
        }
        Ok(())
    })?;
    Ok(newest)
}

/// What is kept of a metric within a range of time, by the millisecond it lies at; `limit` values at most.
pub(crate) fn kept(
    source: &dyn Source,
    run: &str,
    key: &str,
    range: TimeRange,
    limit: usize,
) -> Result<BTreeMap<i64, Kept>, TrainingError> {
    let mut kept = BTreeMap::new();
    let column = |name: &str, take: &mut dyn FnMut(i64, f64)| {
        let matchers =
            [Matcher::equal(METRIC_NAME, name), Matcher::equal(RUN_ID, run), Matcher::equal(METRIC, key)];
        let mut read = 0;
        each(source, &matchers, range, |_, samples| {
            read += samples.len();
            if read > limit {
                let message = format!(
                    "metric {key:?} of run {run} has more than {limit} values there; ask for less of it"
                );
                return Err(TrainingError::Invalid(message));
            }
            for (at_ms, value) in samples.timestamps_ms.iter().zip(&samples.floats) {
                if !is_stale(*value) {
                    take(*at_ms, *value);
                }
            }
            Ok(())
        })
    };
    column(VALUE, &mut |at_ms, value| {
        kept.insert(at_ms, Kept { value, step: 0, shift_ms: 0 });
    })?;
    column(STEP, &mut |at_ms, step| {
        if let Some(kept) = kept.get_mut(&at_ms) {
            kept.step = step as i64;
        }
    })?;
    column(SHIFT, &mut |at_ms, seconds| {
        if let Some(kept) = kept.get_mut(&at_ms) {
            kept.shift_ms = (seconds * 1_000.0).round() as i64;
        }
    })?;
    Ok(kept)
}

fn each(
    source: &dyn Source,
    matchers: &[Matcher],
    range: TimeRange,
    mut take: impl FnMut(&Labels, &Samples) -> Result<(), TrainingError>,
) -> Result<(), TrainingError> {
    let mut stream = source.select(matchers, range, &SelectHints::default())?;
    let mut samples = Samples::default();
    while let Some(labels) = stream.next(&mut samples)? {
        take(&labels, &samples)?;
    }
    Ok(())
}

/// How many values may lie between the earliest time of a request and the newest sample.
const MOST_OVERLAP: usize = 1 << 20;

/// Finds a millisecond for every point. `newest` says where each metric of the run ends.
pub(crate) fn place(
    source: &dyn Source,
    run: &TrainingRun,
    experiment: &str,
    points: &[Point],
    newest: &Newest,
) -> Result<Placed, TrainingError> {
    let mut by_key: BTreeMap<&str, Vec<&Point>> = BTreeMap::new();
    for point in points {
        if point.step.abs() > MAX_STEP {
            let message = format!("step {} of metric {:?} is beyond 2^53", point.step, point.key);
            return Err(TrainingError::Invalid(message));
        }
        by_key.entry(&point.key).or_default().push(point);
    }
    let mut placed = Placed::default();
    for (key, mut points) in by_key {
        points.sort_by_key(|point| (point.at_ms, point.step));
        let Some(first) = points.first() else { continue };
        let mut metric = TrainingMetric::new(key, ordinary(first.value), first.step, first.at_ms);
        let mut taken = BTreeMap::new();
        let mut end_ms = newest.get(key).copied();
        if let Some(end_ms) = end_ms.filter(|end_ms| first.at_ms <= *end_ms) {
            let range = TimeRange::new(first.at_ms, end_ms);
            taken = kept(source, &run.id, key, range, MOST_OVERLAP)?;
        }
        let identity = |at_ms: i64, step: i64, value: f64| (at_ms, step, value.to_bits());
        let mut known: HashSet<_> = taken
            .iter()
            .map(|(at_ms, kept)| identity(at_ms - kept.shift_ms, kept.step, ordinary(kept.value)))
            .collect();
        let mut rows: Vec<(i64, Kept)> = Vec::with_capacity(points.len());
        // Points come in the order of their times, so the next free millisecond never lies before the last one's.
        let mut free_ms = i64::MIN;
        for point in points {
            let value = ordinary(point.value);
            metric.add(value, point.step, point.at_ms);
            if !known.insert(identity(point.at_ms, point.step, value)) {
                continue;
            }
            free_ms = free_ms.max(point.at_ms);
            while taken.contains_key(&free_ms) {
                free_ms = free_ms.saturating_add(1);
            }
            let kept = Kept { value, step: point.step, shift_ms: free_ms - point.at_ms };
            taken.insert(free_ms, kept);
            rows.push((free_ms, kept));
            end_ms = Some(end_ms.map_or(free_ms, |end_ms| end_ms.max(free_ms)));
        }
        push(&mut placed.batch, run, experiment, key, &rows);
        placed.metrics.push(metric);
        if let Some(end_ms) = end_ms {
            placed.newest.insert(key.to_owned(), end_ms);
        }
    }
    Ok(placed)
}

/// One NaN is like another; that which marks the end of a series must not come from outside.
pub(crate) fn ordinary(value: f64) -> f64 {
    if value.is_nan() { f64::NAN } else { value }
}

fn push(batch: &mut Batch, run: &TrainingRun, experiment: &str, key: &str, rows: &[(i64, Kept)]) {
    let labels = |name: &str| {
        Labels::from_pairs([
            (METRIC_NAME, name),
            (RUN_ID, run.id.as_str()),
            ("run", run.name.as_str()),
            ("experiment", experiment),
            (METRIC, key),
        ])
    };
    if rows.is_empty() {
        return;
    }
    batch.begin_shared(labels(VALUE));
    for (at_ms, kept) in rows {
        batch.push_float(*at_ms, 0, kept.value);
    }
    batch.begin_shared(labels(STEP));
    for (at_ms, kept) in rows {
        batch.push_float(*at_ms, 0, kept.step as f64);
    }
    let shifted: Vec<_> = rows.iter().filter(|(_, kept)| kept.shift_ms != 0).collect();
    if !shifted.is_empty() {
        batch.begin_shared(labels(SHIFT));
        for (at_ms, kept) in shifted {
            batch.push_float(*at_ms, 0, kept.shift_ms as f64 / 1_000.0);
        }
    }
}
