//! The exemplars that were said to the store, and which of them it has to have.

use crate::world::World;
use std::collections::BTreeMap;
use watchfire_model::ingest::{Batch, Row};
use watchfire_model::{Labels, METRIC_NAME, MatchOp, Matcher, TimeRange};

/// Series, time, the value's bits, and a trace that no other exemplar has.
pub(crate) type Key = (Labels, i64, u64, String);

#[derive(Debug, Default)]
struct Standing {
    acknowledged: bool,
    /// It had to go for newer ones, is too old, or its loss was told: it need not be there.
    excused: bool,
    /// It must not be there.
    deleted: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Exemplars {
    said: BTreeMap<Key, Standing>,
    unsynced: Vec<Key>,
}

impl Exemplars {
    /// Adds to a batch an exemplar of some of its series.
    pub(crate) fn draw(&mut self, rng: &mut fastrand::Rng, rows: &[Row], batch: &mut Batch) -> Vec<Key> {
        let mut keys = Vec::new();
        for row in rows.iter().filter(|row| row.series.get(METRIC_NAME).is_some()).take(8) {
            if rng.bool() {
                continue;
            }
            let (value, trace) = (f64::from(rng.u16(..)) / 8.0, format!("trace-{}", self.said.len()));
            let key = (row.series.clone(), row.timestamp_ms, value.to_bits(), trace);
            batch.begin_shared(row.series.clone());
            batch.push_exemplar(row.timestamp_ms, value, [(b"trace_id".as_slice(), key.3.as_bytes())]);
            self.said.insert(key.clone(), Standing::default());
            keys.push(key);
        }
        keys
    }

    /// A batch was acknowledged, and so many of its exemplars were taken. Which were refused is not told.
    pub(crate) fn acknowledge(&mut self, keys: &[Key], taken: usize) {
        if taken != keys.len() {
            return;
        }
        for key in keys {
            if let Some(standing) = self.said.get_mut(key) {
                standing.acknowledged = true;
            }
        }
        self.unsynced.extend_from_slice(keys);
    }

    pub(crate) fn synced(&mut self) {
        self.unsynced.clear();
    }

    /// A crash may have cost what was not synced.
    pub(crate) fn crash(&mut self) {
        for key in std::mem::take(&mut self.unsynced) {
            if let Some(standing) = self.said.get_mut(&key) {
                standing.acknowledged = false;
            }
        }
    }

    pub(crate) fn delete(&mut self, meant: impl Fn(&Labels) -> bool, range: TimeRange, done: bool) {
        for ((labels, at, ..), standing) in &mut self.said {
            if range.contains(*at) && meant(labels) {
                standing.deleted |= done;
                standing.excused = true;
            }
        }
    }

    /// What is from this time or before need not be there.
    pub(crate) fn excuse_until(&mut self, last_ms: i64) {
        for (_, standing) in self.said.iter_mut().filter(|((_, at, ..), _)| *at <= last_ms) {
            standing.excused = true;
        }
    }
}

impl World {
    /// The oldest may have gone for newer ones.
    pub(crate) fn note_evictions(&mut self) {
        let stats = self.store().exemplar_stats();
        if let Some(oldest_ms) = stats.oldest_ms.filter(|_| stats.kept >= stats.max) {
            self.model.exemplars.excuse_until(oldest_ms);
        }
    }

    /// Compares all exemplars with what was said.
    pub(crate) fn check_exemplars(&mut self) {
        if !self.plan.features.exemplars {
            return;
        }
        self.note_evictions();
        let all = Matcher::new(METRIC_NAME, MatchOp::Regex, ".+").expect("the pattern is sound");
        let found = self.store().exemplars(&[vec![all]], TimeRange::ALL);
        if self.disk.is_cut() {
            return;
        }
        let damaged = self.tolerated(&[]);
        let mut keys = Vec::new();
        for (series, exemplars) in found {
            for exemplar in exemplars {
                let trace = exemplar.labels.get("trace_id").unwrap_or_default().to_owned();
                keys.push((series.clone(), exemplar.timestamp_ms, exemplar.value.to_bits(), trace));
            }
        }
        for key in &keys {
            let standing = self.model.exemplars.said.get(key);
            let standing = standing.unwrap_or_else(|| panic!("an invented exemplar: {key:?}"));
            assert!(!standing.deleted, "a deleted exemplar is back: {key:?}");
        }
        for (key, standing) in &mut self.model.exemplars.said {
            if standing.acknowledged && !standing.excused && !keys.contains(key) {
                assert!(damaged, "an exemplar is lost without a word: {key:?}");
                standing.excused = true;
            }
        }
        self.note("exemplars", &keys.len());
    }
}
