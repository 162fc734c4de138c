//! Numbers about the store, for its own metrics page and for the status page.

use super::Store;
use crate::head::admission::SeriesLimits;
use crate::head::admission::report::{AdmissionCounters, Cardinality};
use crate::parts::DamagedPart;
use crate::writing;
use std::sync::atomic::{AtomicU64, Ordering};
use watchfire_disk::{LogState, LogStats};
use watchfire_model::METRIC_NAME;
use watchfire_model::ingest::{Refusal, RefusalReason};
use watchfire_model::labels::LabelLimits;

const REASONS: [RefusalReason; 8] = [
    RefusalReason::TooOld,
    RefusalReason::TooFarAhead,
    RefusalReason::SeriesLimit,
    RefusalReason::DuplicateTimestamp,
    RefusalReason::InvalidLabels,
    RefusalReason::LabelLimit,
    RefusalReason::InvalidHistogram,
    RefusalReason::Malformed,
];

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) appended: AtomicU64,
    refused: [AtomicU64; REASONS.len()],
    pub(crate) corruptions: AtomicU64,
    pub(crate) flush_failures: AtomicU64,
    pub(crate) time_drops: AtomicU64,
    pub(crate) size_drops: AtomicU64,
}

impl Counters {
    pub(crate) fn damaged(&self, damage: &[String]) {
        self.corruptions.fetch_add(damage.len() as u64, Ordering::Relaxed);
        for place in damage {
            tracing::error!(place, "damaged data was left out of an answer");
        }
    }

    /// Counts samples dropped because an older one with the same time has another value.
    pub(crate) fn conflicts(&self, samples: u64) {
        let slot = REASONS.iter().position(|reason| *reason == RefusalReason::DuplicateTimestamp);
        if let Some(counter) = slot.and_then(|slot| self.refused.get(slot)) {
            counter.fetch_add(samples, Ordering::Relaxed);
        }
    }

    pub(crate) fn refuse(&self, refused: &[Refusal]) {
        for refusal in refused {
            let slot = REASONS.iter().position(|reason| *reason == refusal.reason);
            if let Some(counter) = slot.and_then(|slot| self.refused.get(slot)) {
                counter.fetch_add(refusal.rows as u64, Ordering::Relaxed);
            }
        }
    }
}

/// The store in numbers, at one moment. Counters count since the store was opened.
#[derive(Clone, Debug, Default)]
pub struct StoreStats {
    /// Samples kept.
    pub samples_appended: u64,
    /// Samples refused, by reason; conflicting duplicates that a flush or a merge found are among them.
    pub samples_refused: Vec<(&'static str, u64)>,
    /// Damaged places found.
    pub corruptions: u64,
    /// The parts that are damaged, as far as was found out since the store was opened.
    pub damaged_parts: Vec<DamagedPart>,
    /// Why writes are refused, when they are.
    pub read_only: Option<String>,
    /// The log's counters.
    pub log: LogStats,
    /// Flushes and merges that failed.
    pub compaction_failures: u64,
    /// Times that parts were dropped because they were too old.
    pub time_retentions: u64,
    /// Times that a day was dropped because the store was too large.
    pub size_retentions: u64,
    /// Deletions that are not physical yet.
    pub deletions: u64,
    /// Parts on disk.
    pub parts: u64,
    /// Their length in bytes.
    pub part_bytes: u64,
    /// Samples in them; the same sample may be in two until they are merged.
    pub part_samples: u64,
    /// Pages of parts asked for that were in memory.
    pub page_cache_hits: u64,
    /// Those that had to be read.
    pub page_cache_misses: u64,
    /// What the pages in memory take, in bytes.
    pub page_cache_bytes: u64,
    /// The oldest sample in parts, in milliseconds since the Unix epoch; `None` without parts.
    pub min_ms: Option<i64>,
    /// The newest sample in parts.
    pub max_ms: Option<i64>,
    /// Series in memory.
    pub head_series: u64,
    /// About the bytes that they and their samples take.
    pub head_bytes: u64,
    /// The oldest sample in memory, in milliseconds since the Unix epoch; `None` without samples.
    pub head_min_ms: Option<i64>,
    /// The newest sample in memory.
    pub head_max_ms: Option<i64>,
    /// Chunks in memory.
    pub head_chunks: u64,
    /// Distinct label pairs in memory.
    pub label_pairs: u64,
    /// The metric names with the most series in memory.
    pub series_by_metric: Vec<(String, u64)>,
    /// The labels with the most values in memory.
    pub values_by_label: Vec<(String, u64)>,
    /// The labels whose values take the most bytes in memory.
    pub bytes_by_label: Vec<(String, u64)>,
    /// The label pairs with the most series in memory, as `name=value`.
    pub series_by_pair: Vec<(String, u64)>,
}

impl Store {
    /// Puts other limits in force, for new series: those that are there stay. A ceiling of 0 is none.
    pub fn set_limits(&self, limits: &SeriesLimits, memory_ceiling_bytes: u64) {
        // Writers wait only when another label names the tenant, while all series are counted again.
        let _alone = (self.core.head.admission.limits().tenant_label != limits.tenant_label)
            .then(|| writing(&self.core.gate));
        let registry = self.core.head.registry();
        let all = registry.iter().map(|series| registry.pairs.labels(series.pairs));
        self.core.head.admission.limit(limits, all);
        self.core.ceiling.limit(memory_ceiling_bytes);
    }

    /// Puts other limits on labels in force, for new series: those that are there stay.
    pub fn set_label_limits(&self, limits: LabelLimits) {
        *writing(&self.core.label_limits) = limits;
    }

    /// Who has the series, who makes them and who is refused them; the lists hold `top` entries each. Walks all
    /// targets: not for tight loops.
    pub fn cardinality(&self, top: usize) -> Cardinality {
        self.core.head.admission.at(self.core.clock.now_ms());
        self.core.ceiling.measure();
        self.core.head.admission.report(top)
    }

    /// Counts of series made, forgotten and refused, and memory against its ceiling; cheap.
    pub fn admission(&self) -> AdmissionCounters {
        self.core.ceiling.measure();
        self.core.head.admission.counters()
    }

    /// The store in numbers; the lists hold `top` entries each. Walks all series in memory: not for tight loops.
    pub fn stats(&self, top: usize) -> StoreStats {
        let core = &self.core;
        let mut stats = self.counters();
        let registry = core.head.registry();
        stats.head_chunks = registry.iter().map(|series| series.chunks() as u64).sum();
        for range in registry.iter().filter_map(|series| series.range()) {
            stats.head_min_ms = Some(stats.head_min_ms.map_or(range.start_ms, |at| at.min(range.start_ms)));
            stats.head_max_ms = stats.head_max_ms.max(Some(range.end_ms));
        }
        drop(registry);
        let (index, registry) = (core.head.index(), core.head.registry());
        for (name, ids) in registry.pairs.names() {
            let pairs = ids.iter().map(|id| (registry.pairs.get(*id), index.count(*id)));
            let pairs = pairs.filter_map(|(pair, series)| Some((pair?.value(), series)));
            let (mut values, mut bytes) = (0, 0);
            for (value, series) in pairs.filter(|(_, series)| *series > 0) {
                values += 1;
                // As Prometheus counts them: name, value and a length of each, once per series.
                bytes += (name.len() + value.len() + 2) as u64 * series;
                if name == METRIC_NAME {
                    stats.series_by_metric.push((value.to_owned(), series));
                }
                if series > 1 || ids.len() <= top {
                    stats.series_by_pair.push((format!("{name}={value}"), series));
                }
            }
            stats.label_pairs += values;
            stats.values_by_label.push((name.to_owned(), values));
            stats.bytes_by_label.push((name.to_owned(), bytes));
        }
        drop((registry, index));
        for list in [
            &mut stats.series_by_metric,
            &mut stats.values_by_label,
            &mut stats.bytes_by_label,
            &mut stats.series_by_pair,
        ] {
            list.sort_by(|left, right| right.1.cmp(&left.1).then_with(|| left.0.cmp(&right.0)));
            list.truncate(top);
        }
        stats
    }

    /// The counters alone, which cost nothing to read.
    pub fn counters(&self) -> StoreStats {
        let core = &self.core;
        let parts = core.parts.list();
        let cache = core.parts.cache.stats();
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        StoreStats {
            samples_appended: count(&core.counters.appended),
            samples_refused: REASONS
                .iter()
                .zip(&core.counters.refused)
                .map(|(reason, counter)| (reason.as_str(), count(counter)))
                .collect(),
            corruptions: count(&core.counters.corruptions),
            damaged_parts: core.parts.damaged(),
            compaction_failures: count(&core.counters.flush_failures),
            time_retentions: count(&core.counters.time_drops),
            size_retentions: count(&core.counters.size_drops),
            deletions: core.deletions().len() as u64,
            parts: parts.len() as u64,
            part_bytes: parts.iter().map(|part| part.bytes()).sum(),
            part_samples: parts.iter().map(|part| part.summary.samples).sum(),
            page_cache_hits: cache.hits,
            page_cache_misses: cache.misses,
            page_cache_bytes: cache.bytes,
            min_ms: parts.iter().map(|part| part.summary.min_ms).min(),
            max_ms: parts.iter().map(|part| part.summary.max_ms).max(),
            read_only: match core.log.state() {
                LogState::ReadOnly(reason) => Some(reason),
                LogState::Closed => Some("the store is closed".to_owned()),
                LogState::Writable => None,
            },
            log: core.log.stats(),
            head_series: core.head.len() as u64,
            head_bytes: core.head.bytes(),
            ..StoreStats::default()
        }
    }
}

#[cfg(test)]
mod tests;
