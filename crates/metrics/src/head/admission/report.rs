//! Who has how many series, and who is refused more.

use super::refusals::CountKey;
use super::scope::{LimitScope, Scope};
use super::tracker::Culprit;
use super::{Admission, SeriesLimits, text};
use crate::ceiling::MemoryStats;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// One holder of series: a target, a job, a tenant, or the store.
#[derive(Clone, Debug, PartialEq)]
pub struct Holder {
    /// What it is.
    pub scope: LimitScope,
    /// The job of a target or job, the value of the tenant label; empty for the store.
    pub name: String,
    /// The instance of a target, else empty.
    pub instance: String,
    /// Series in memory.
    pub series: u64,
    /// How many it may have, 0 for any number.
    pub limit: u64,
    /// Series made within about an hour.
    pub made_per_hour: u64,
    /// Series forgotten within about an hour, because they had no samples for long.
    pub forgotten_per_hour: u64,
    /// Attempts within about an hour to make a series that was refused.
    pub refused_per_hour: u64,
    /// The last of them, in milliseconds since the Unix epoch.
    pub last_refused_ms: Option<i64>,
    /// The label with the most values among the series lately made or refused.
    pub culprit: Option<Culprit>,
    /// The same in words, where any were refused within about an hour.
    pub reason: Option<String>,
}

/// Refused attempts to make a series since the store was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedCount {
    /// Whose limit it was.
    pub scope: LimitScope,
    /// The job that wanted the series; `other` beyond some two hundred.
    pub job: String,
    /// The label that had exploded; empty where none was known.
    pub label: String,
    /// How many attempts.
    pub refused: u64,
}

/// Who has the series, who makes and who is refused them, at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Cardinality {
    /// The store as a whole.
    pub total: Holder,
    /// The targets with the most series.
    pub targets: Vec<Holder>,
    /// The jobs with the most series.
    pub jobs: Vec<Holder>,
    /// The tenants with the most series.
    pub tenants: Vec<Holder>,
    /// Those that made the most series within about an hour.
    pub churning: Vec<Holder>,
    /// Targets, jobs and tenants that were refused series within about an hour.
    pub refused: Vec<Holder>,
    /// How many targets have series.
    pub target_count: usize,
    /// How many jobs have series.
    pub job_count: usize,
    /// How many tenants have series.
    pub tenant_count: usize,
    /// Refused attempts since the store was opened.
    pub refused_counts: Vec<RefusedCount>,
    /// The limits in force.
    pub limits: SeriesLimits,
    /// Memory against its ceiling.
    pub memory: MemoryStats,
}

/// What only counters say; cheap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AdmissionCounters {
    /// Series made since the store was opened, without those that its log gave back.
    pub made: u64,
    /// Series forgotten since then.
    pub forgotten: u64,
    /// Refused attempts since then.
    pub refused: Vec<RefusedCount>,
    /// The limits in force.
    pub limits: SeriesLimits,
    /// Memory against its ceiling.
    pub memory: MemoryStats,
}

impl Admission {
    pub(crate) fn counters(&self) -> AdmissionCounters {
        AdmissionCounters {
            made: self.made_total.load(Ordering::Relaxed),
            forgotten: self.forgotten_total.load(Ordering::Relaxed),
            refused: self.refused_counts(),
            limits: self.limits(),
            memory: self.ceiling.stats(),
        }
    }

    /// Lists of at most `top` holders each.
    pub(crate) fn report(&self, top: usize) -> Cardinality {
        let now_ms = self.now_ms();
        let limits = self.limits();
        let holder = |scope: &Arc<Scope>| self.holder(scope, &limits, now_ms);
        let by_series = |scopes: &super::Scopes| -> Vec<Holder> {
            scopes.top(top, Scope::series).iter().map(holder).collect()
        };
        let churning = self.targets.top(top, |scope| scope.made.per_hour(now_ms));
        let kinds = [&self.targets, &self.jobs, &self.tenants];
        let mut refused: Vec<Holder> = kinds
            .iter()
            .flat_map(|scopes| scopes.top(top, |scope| scope.refused_per_hour(now_ms)))
            .map(|scope| holder(&scope))
            .collect();
        refused.sort_by_key(|holder| std::cmp::Reverse(holder.refused_per_hour));
        refused.truncate(top);
        Cardinality {
            total: holder(&self.total),
            targets: by_series(&self.targets),
            jobs: by_series(&self.jobs),
            tenants: by_series(&self.tenants),
            churning: churning.iter().map(holder).collect(),
            refused,
            target_count: self.targets.len(),
            job_count: self.jobs.len(),
            tenant_count: self.tenants.len(),
            refused_counts: self.refused_counts(),
            memory: self.ceiling.stats(),
            limits,
        }
    }

    fn refused_counts(&self) -> Vec<RefusedCount> {
        let count =
            |((scope, job, label), refused): (CountKey, u64)| RefusedCount { scope, job, label, refused };
        self.totals.snapshot().into_iter().map(count).collect()
    }

    fn holder(&self, scope: &Arc<Scope>, limits: &SeriesLimits, now_ms: i64) -> Holder {
        let refused_per_hour = scope.refused_per_hour(now_ms);
        let last_refused_ms = Some(scope.last_refused_ms.load(Ordering::Relaxed));
        let limit = match scope.kind {
            LimitScope::Target => limits.series_per_target,
            LimitScope::Job => limits.series_per_job,
            LimitScope::Tenant => limits.series_per_tenant,
            LimitScope::Total | LimitScope::Memory => limits.series,
        };
        Holder {
            scope: scope.kind,
            name: text::shortened(&scope.first),
            instance: text::shortened(&scope.second),
            series: scope.series(),
            limit,
            made_per_hour: scope.made.per_hour(now_ms),
            forgotten_per_hour: scope.forgotten.per_hour(now_ms),
            refused_per_hour,
            last_refused_ms: last_refused_ms.filter(|at| *at > i64::MIN),
            culprit: scope.culprit(),
            reason: (refused_per_hour > 0).then(|| self.reason(scope.refused_by(), scope)),
        }
    }
}
