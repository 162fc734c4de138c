//! Answers of range queries that are kept, for the next one that asks the same a little later.
//!
//! A step of an answer is kept when everything it looks at is older than [`FRESH_MS`], and used as long as the source
//! says that nothing has changed in all that time ([`Source::changes`]): a late sample, a deletion, a retention that has
//! moved on make the step be evaluated anew. What a step's value is must follow from the step alone: queries with `@`,
//! with functions that know the query's start or end, or whose choice among equals depends on the order of series are
//! not kept, nor is what came with warnings, or out of downsampled windows.

mod reach;

use crate::engine::{Engine, Query, QueryError, SAMPLE_BYTES, SamplesByStep, millis};
use crate::source::Source;
use crate::value::{Annotation, Annotations, QueryResult, Value};
use reach::Reach;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use watchfire_model::{Histogram, Labels, Samples, Series};

/// Steps that look at younger samples than this are always evaluated: those samples change all the time.
pub const FRESH_MS: i64 = 20 * 60 * 1_000;
/// No answer takes a larger part of the room.
const LARGEST_PART: usize = 8;

/// Answers that are kept, within a bound of memory.
#[derive(Debug)]
pub struct QueryCache {
    max_bytes: usize,
    kept: Mutex<Kept>,
    hits: AtomicU64,
    misses: AtomicU64,
    steps: AtomicU64,
}

/// How the cache fares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheCounts {
    /// Range queries of which a part at least was kept.
    pub hits: u64,
    /// Range queries that could be kept, and of which nothing was.
    pub misses: u64,
    /// Steps that were not evaluated.
    pub steps: u64,
    /// About how many bytes are in use.
    pub bytes: usize,
    /// Answers that are kept.
    pub answers: usize,
}

#[derive(Debug, Default)]
struct Kept {
    /// With the number of their last use.
    answers: HashMap<Key, (Arc<Answer>, u64)>,
    bytes: usize,
    uses: u64,
}

/// What must be the same for an answer to be the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    text: Arc<str>,
    step_ms: i64,
    /// Where the steps lie between two multiples of the step.
    phase_ms: i64,
    lookback_ms: i64,
}

/// Steps with their values. Nothing was remarked about them.
#[derive(Clone, Debug)]
struct Answer {
    series: Vec<Series>,
    steps: Stretch,
    /// What the source said of all that these steps look at, before they were evaluated.
    changes: u64,
    bytes: usize,
}

/// Steps from one to another, both inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stretch {
    first_ms: i64,
    last_ms: i64,
}

impl Stretch {
    const fn is_empty(self) -> bool {
        self.first_ms > self.last_ms
    }

    /// Whether no step lies between these and others.
    const fn touches(self, other: Self, step_ms: i64) -> bool {
        self.first_ms <= other.last_ms.saturating_add(step_ms)
            && other.first_ms <= self.last_ms.saturating_add(step_ms)
    }

    fn with(self, other: Self) -> Self {
        Self { first_ms: self.first_ms.min(other.first_ms), last_ms: self.last_ms.max(other.last_ms) }
    }

    fn and(self, other: Self) -> Self {
        Self { first_ms: self.first_ms.max(other.first_ms), last_ms: self.last_ms.min(other.last_ms) }
    }

    /// Those before and those after others.
    fn around(self, other: Self, step_ms: i64) -> [Self; 2] {
        let before = self.last_ms.min(other.first_ms.saturating_sub(step_ms));
        let after = self.first_ms.max(other.last_ms.saturating_add(step_ms));
        [Self { last_ms: before, ..self }, Self { first_ms: after, ..self }]
    }
}

fn locked(kept: &Mutex<Kept>) -> MutexGuard<'_, Kept> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

impl QueryCache {
    /// A cache that keeps up to so many bytes; 0 keeps nothing.
    pub fn new(max_bytes: usize) -> Self {
        Self {
            max_bytes,
            kept: Mutex::default(),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
            steps: AtomicU64::new(0),
        }
    }

    /// How it fares.
    pub fn counts(&self) -> CacheCounts {
        let kept = locked(&self.kept);
        CacheCounts {
            hits: self.hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
            steps: self.steps.load(Ordering::Relaxed),
            bytes: kept.bytes,
            answers: kept.answers.len(),
        }
    }

    /// Forgets everything.
    pub fn clear(&self) {
        *locked(&self.kept) = Kept::default();
    }

    /// Evaluates a query with the engine, as far as its answer is not kept.
    ///
    /// # Errors
    /// Those of [`Engine::evaluate`].
    pub fn evaluate(
        &self,
        engine: &Engine,
        query: &Query,
        source: &dyn Source,
        now_ms: i64,
    ) -> Result<QueryResult, QueryError> {
        let (options, step_ms) = (engine.options(), query.step_ms);
        let lookback_ms = millis(query.lookback.unwrap_or(options.lookback));
        let reach = || Reach::of(&query.expr, lookback_ms);
        let may_keep = self.max_bytes > 0 && step_ms > 0 && query.end_ms > query.start_ms;
        let Some(reach) = may_keep.then(reach).flatten() else {
            return engine.evaluate(query, source);
        };
        let last_ms = query.start_ms + (query.end_ms - query.start_ms) / step_ms * step_ms;
        let asked = Stretch { first_ms: query.start_ms, last_ms };
        let phase_ms = query.start_ms.rem_euclid(step_ms);
        let key = Key { text: query.expr.to_string().into(), step_ms, phase_ms, lookback_ms };
        let settled_ms = now_ms.saturating_sub(FRESH_MS).saturating_sub(reach.after_ms);
        let settled = |steps: Stretch| {
            let beyond_ms = steps.last_ms.saturating_sub(settled_ms).max(0);
            let fresh = beyond_ms.saturating_add(step_ms - 1) / step_ms;
            Stretch { last_ms: steps.last_ms.saturating_sub(fresh.saturating_mul(step_ms)), ..steps }
        };
        let changes = |steps: Stretch| {
            if steps.is_empty() {
                None
            } else {
                source.changes(reach.looks_at(steps.first_ms, steps.last_ms))
            }
        };
        let known = locked(&self.kept).find(&key).filter(|known| known.steps.touches(asked, step_ms));
        // All of this before anything is evaluated: what changes in between makes the new answer worthless later, and
        // is not missed in it.
        let alone = settled(asked);
        let alone = (alone, changes(alone));
        let joint = known.as_ref().map(|known| {
            let joint = settled(known.steps.with(asked));
            (joint, changes(joint))
        });
        let known = known.filter(|known| changes(known.steps) == Some(known.changes));
        let (result, (keep, changes), older) = match (&known, joint) {
            (Some(known), Some(joint)) => {
                let result = self.complete(engine, query, source, known, asked)?;
                (result, joint, known.series.as_slice())
            }
            _ => {
                self.misses.fetch_add(1, Ordering::Relaxed);
                (engine.evaluate(query, source)?, alone, [].as_slice())
            }
        };
        let covered = known.as_ref().is_some_and(|known| known.steps.with(keep) == known.steps);
        if !covered {
            let around = known.as_ref().map(|known| known.steps.around(asked, step_ms));
            // What has become too long begins anew.
            if !self.keep(&key, &result, (older, around), (keep, changes)) && around.is_some() {
                self.keep(&key, &result, (&[], None), alone);
            }
        }
        Ok(result)
    }

    /// The answer to a query some of whose steps may be known.
    fn complete(
        &self,
        engine: &Engine,
        query: &Query,
        source: &dyn Source,
        known: &Answer,
        asked: Stretch,
    ) -> Result<QueryResult, QueryError> {
        let (begun, options) = (Instant::now(), engine.options());
        let shared = known.steps.and(asked);
        if shared.is_empty() {
            self.misses.fetch_add(1, Ordering::Relaxed);
            return engine.evaluate(query, source);
        }
        self.hits.fetch_add(1, Ordering::Relaxed);
        let steps = u64::try_from((shared.last_ms - shared.first_ms) / query.step_ms).unwrap_or(0) + 1;
        self.steps.fetch_add(steps, Ordering::Relaxed);
        let mut pieces = asked.around(shared, query.step_ms).into_iter().map(|steps| {
            if steps.is_empty() {
                return Ok(None);
            }
            let timeout = query.timeout.unwrap_or(options.timeout).saturating_sub(begun.elapsed());
            let (start_ms, end_ms) = (steps.first_ms, steps.last_ms);
            let query = Query { start_ms, end_ms, timeout: Some(timeout), ..query.clone() };
            engine.evaluate(&query, source).map(Some)
        });
        let (before, after) = (pieces.next().transpose()?.flatten(), pieces.next().transpose()?.flatten());
        let mut joined = Joined::default();
        let mut whole = QueryResult {
            value: Value::Matrix(Vec::new()),
            annotations: Annotations::default(),
            samples_read: 0,
            queried: SamplesByStep::default(),
            peak_samples: 0,
            coarse: Vec::new(),
        };
        for (place, piece) in [before, None, after].into_iter().enumerate() {
            if place == 1 {
                joined.add(&known.series, shared);
            }
            let Some(piece) = piece else { continue };
            if let Value::Matrix(series) = &piece.value {
                joined.add(series, asked);
            }
            add_new(&mut whole.annotations.warnings, piece.annotations.warnings);
            add_new(&mut whole.annotations.infos, piece.annotations.infos);
            whole.samples_read += piece.samples_read;
            whole.peak_samples = whole.peak_samples.max(piece.peak_samples);
            whole.coarse.extend(piece.coarse);
        }
        let held: usize = joined.series.iter().map(|series| series.samples.len()).sum();
        if held > options.max_samples {
            return Err(QueryError::TooManySamples);
        }
        if held.saturating_mul(SAMPLE_BYTES) > options.max_bytes {
            return Err(QueryError::TooMuchMemory(options.max_bytes));
        }
        whole.value = Value::Matrix(joined.finish());
        Ok(whole)
    }

    /// Keeps an answer, with what of an older one lies around it, as far as it may be kept; false if it is too large.
    fn keep(
        &self,
        key: &Key,
        result: &QueryResult,
        (older, around): (&[Series], Option<[Stretch; 2]>),
        (keep, changes): (Stretch, Option<u64>),
    ) -> bool {
        let remarks = &result.annotations;
        let plain = remarks.warnings.is_empty() && remarks.infos.is_empty() && result.coarse.is_empty();
        let (Some(changes), Value::Matrix(series), true) = (changes, &result.value, plain) else {
            return true;
        };
        let mut joined = Joined::default();
        let [before, after] = around.map_or([None, None], |parts| parts.map(Some));
        for steps in before.into_iter().filter(|steps| !steps.is_empty()) {
            joined.add(older, steps.and(keep));
        }
        joined.add(series, keep);
        for steps in after.into_iter().filter(|steps| !steps.is_empty()) {
            joined.add(older, steps.and(keep));
        }
        let series = joined.finish();
        let bytes = size_of::<Answer>() + key.text.len() + series.iter().map(series_bytes).sum::<usize>();
        let mut kept = locked(&self.kept);
        let fits = bytes <= self.max_bytes / LARGEST_PART;
        if fits {
            kept.put(key.clone(), Answer { series, steps: keep, changes, bytes }, self.max_bytes);
        } else {
            kept.remove(key);
        }
        fits
    }
}

impl Kept {
    fn find(&mut self, key: &Key) -> Option<Arc<Answer>> {
        let (answer, last_use) = self.answers.get_mut(key)?;
        self.uses += 1;
        *last_use = self.uses;
        Some(Arc::clone(answer))
    }

    fn remove(&mut self, key: &Key) {
        if let Some((answer, _)) = self.answers.remove(key) {
            self.bytes = self.bytes.saturating_sub(answer.bytes);
        }
    }

    /// Puts an answer in the place of the one before it; those that were not used for the longest time make room.
    fn put(&mut self, key: Key, answer: Answer, max_bytes: usize) {
        self.remove(&key);
        while self.bytes.saturating_add(answer.bytes) > max_bytes {
            let idle = self.answers.iter().min_by_key(|(_, (_, last_use))| *last_use);
            let Some(idle) = idle.map(|(key, _)| key.clone()) else { return };
            self.remove(&idle);
        }
        self.uses += 1;
        self.bytes += answer.bytes;
        self.answers.insert(key, (Arc::new(answer), self.uses));
    }
}

/// Parts of an answer put together, the earlier ones first.
#[derive(Default)]
struct Joined {
    places: HashMap<Labels, usize>,
    series: Vec<Series>,
}

impl Joined {
    /// Adds the samples of some steps.
    fn add(&mut self, series: &[Series], steps: Stretch) {
        for Series { labels, samples } in series {
            let times = samples.timestamps_ms.as_slice();
            let from = times.partition_point(|time| *time < steps.first_ms);
            let to = times.partition_point(|time| *time <= steps.last_ms);
            if from >= to {
                continue;
            }
            let place = *self.places.entry(labels.clone()).or_insert_with(|| {
                self.series.push(Series { labels: labels.clone(), samples: Samples::default() });
                self.series.len() - 1
            });
            let Some(into) = self.series.get_mut(place).map(|series| &mut series.samples) else { continue };
            for index in from..to {
                let (Some(time), Some(value)) = (times.get(index), samples.floats.get(index)) else {
                    continue;
                };
                match samples.histogram(index) {
                    Some(histogram) => into.push_histogram(*time, Arc::clone(histogram)),
                    None => into.push_float(*time, *value),
                }
            }
        }
    }

    fn finish(mut self) -> Vec<Series> {
        self.series.sort_by(|left, right| left.labels.cmp(&right.labels));
        self.series
    }
}

fn add_new(remarks: &mut Vec<Annotation>, more: Vec<Annotation>) {
    for remark in more {
        if !remarks.contains(&remark) {
            remarks.push(remark);
        }
    }
}

fn series_bytes(series: &Series) -> usize {
    let samples = &series.samples;
    let histograms: usize =
        samples.histograms.iter().flatten().map(|histogram| histogram.memory_bytes()).sum();
    size_of::<Series>()
        + series.labels.as_bytes().len()
        + samples.len() * SAMPLE_BYTES
        + samples.histograms.len() * size_of::<Option<Arc<Histogram>>>()
        + histograms
}
