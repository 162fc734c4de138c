//! What a batch was refused: counted by who and which label, told to its sender and, not too often, to the log.

use super::scope::{LimitScope, Scope};
use super::{Admission, Refused, text};
use crate::locked;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

/// The log tells of one scope once in this time.
const TELL_EVERY_MS: i64 = 60_000;
/// And of so many scopes at most in that time.
const TELL_SCOPES: u32 = 10;
/// Job and label of a count come from outside: only so many pairs are told apart.
const MAX_COUNTS: usize = 200;

/// What one batch was refused.
#[derive(Debug, Default)]
pub(crate) struct Refusals<'a> {
    first: Option<Refused<'a>>,
    counts: Vec<(LimitScope, Arc<Scope>, &'a [u8], u64)>,
}

impl<'a> Refusals<'a> {
    /// Notes a new series that was not made, and the samples that it would have had.
    pub(crate) fn note(&mut self, refused: Refused<'a>) {
        let same = |count: &&mut (LimitScope, Arc<Scope>, &[u8], u64)| {
            count.0 == refused.scope && count.2 == refused.job && Arc::ptr_eq(&count.1, &refused.by)
        };
        // Nearly always the last one: a batch comes from one target, or is sorted by it.
        match self.counts.iter_mut().rev().take(8).find(same) {
            Some(count) => count.3 += 1,
            None => self.counts.push((refused.scope, Arc::clone(&refused.by), refused.job, 1)),
        }
        if self.first.is_none() {
            self.first = Some(refused);
        }
    }
}

/// Refused attempts to make a series, by whose limit it was, whose series, and which label exploded.
pub(crate) type CountKey = (LimitScope, String, String);

#[derive(Debug, Default)]
pub(super) struct Totals {
    counts: Mutex<BTreeMap<CountKey, u64>>,
    told_since_ms: AtomicI64,
    told: AtomicU32,
}

impl Totals {
    fn count(&self, key: CountKey, refused: u64) {
        let mut counts = locked(&self.counts);
        if let Some(count) = counts.get_mut(&key) {
            *count += refused;
        } else if counts.len() < MAX_COUNTS {
            counts.insert(key, refused);
        } else {
            *counts.entry((key.0, "other".to_owned(), String::new())).or_default() += refused;
        }
    }

    pub(super) fn snapshot(&self) -> BTreeMap<CountKey, u64> {
        locked(&self.counts).clone()
    }

    fn may_tell(&self, now_ms: i64) -> bool {
        let since_ms = self.told_since_ms.load(Ordering::Relaxed);
        if now_ms.saturating_sub(since_ms) >= TELL_EVERY_MS {
            self.told_since_ms.store(now_ms, Ordering::Relaxed);
            self.told.store(0, Ordering::Relaxed);
        }
        self.told.fetch_add(1, Ordering::Relaxed) < TELL_SCOPES
    }
}

impl Admission {
    /// Counts and logs what a batch was refused. Returns the words for its sender.
    pub(crate) fn settle(&self, refusals: Refusals<'_>) -> Option<String> {
        let first = refusals.first?;
        let now_ms = self.now_ms();
        let mut words: Option<String> = None;
        let mut last: Option<(Arc<Scope>, String)> = None;
        for (scope, by, job, refused) in refusals.counts {
            let label = match &last {
                Some((known, label)) if Arc::ptr_eq(known, &by) => label.clone(),
                _ => by.culprit().map(|culprit| culprit.label).unwrap_or_default(),
            };
            self.totals.count((scope, text::shortened(job), label.clone()), refused);
            let told_ms = by.told_ms.load(Ordering::Relaxed);
            let is_first = Arc::ptr_eq(&by, &first.by) && words.is_none();
            let is_due = now_ms.saturating_sub(told_ms) >= TELL_EVERY_MS && self.totals.may_tell(now_ms);
            if is_first || is_due {
                let reason = self.reason(scope, &by);
                if is_due {
                    by.told_ms.store(now_ms, Ordering::Relaxed);
                    let refused_total = by.refused_total.load(Ordering::Relaxed);
                    tracing::warn!(
                        scope = scope.as_str(),
                        label,
                        refused_total,
                        "new series are refused: {reason}"
                    );
                }
                if is_first {
                    words = Some(reason);
                }
            }
            last = Some((by, label));
        }
        words.map(|words| format!("{} is not made: {words}", text::series(first.packed)))
    }

    /// Why a scope refuses, and which label is to blame.
    pub(super) fn reason(&self, scope: LimitScope, by: &Arc<Scope>) -> String {
        let setting = scope.setting();
        let limits = self.limits();
        let count = text::count;
        let limit = match scope {
            LimitScope::Target => format!("a target may have {} series", count(limits.series_per_target)),
            LimitScope::Job => format!("a job may have {} series", count(limits.series_per_job)),
            LimitScope::Tenant => format!("a tenant may have {} series", count(limits.series_per_tenant)),
            LimitScope::Total => format!("there may be {} series", count(limits.series)),
            LimitScope::Memory => {
                let memory = self.ceiling.stats();
                let (used, ceiling) = (text::size(memory.used_bytes), text::size(memory.ceiling_bytes));
                format!("memory is short, {used} of at most {ceiling}")
            }
        };
        let blamed = match scope {
            LimitScope::Total | LimitScope::Memory => self.greediest().unwrap_or_else(|| Arc::clone(by)),
            _ => Arc::clone(by),
        };
        format!("{}; {limit} ({setting})", text::blame(&blamed, blamed.culprit().as_ref()))
    }

    /// Who made or wanted the most series lately: a target, or a job whose targets did not do it alone.
    pub(super) fn greediest(&self) -> Option<Arc<Scope>> {
        let now_ms = self.now_ms();
        let wanted = |scope: &Scope| scope.made.per_hour(now_ms) + scope.refused_per_hour(now_ms);
        let tracked = locked(&self.tracked);
        let most = |kind: LimitScope| {
            let scopes = tracked.iter().filter(|scope| scope.kind == kind);
            scopes.max_by_key(|scope| wanted(scope))
        };
        let (target, job) = (most(LimitScope::Target), most(LimitScope::Job));
        match (target, job) {
            (Some(target), Some(job)) if wanted(target) * 2 >= wanted(job) => Some(Arc::clone(target)),
            (_, Some(job)) => Some(Arc::clone(job)),
            (target, None) => target.map(Arc::clone),
        }
    }
}
