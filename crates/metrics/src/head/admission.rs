//! Which new series may be made, and whose fault it is when they may not.
//!
//! Every series belongs to a target (job and instance), a job, perhaps a tenant, and the store; each of them counts its
//! series and may have a limit. The memory ceiling comes on top. What is refused costs a look at a few counters: no
//! labels are made, and no lock is taken that a reader or a writer of known series wants. Who made or was refused many
//! series lately has the values of each label counted, so that a refusal names the label that exploded.

mod distinct;
mod labels;
pub(crate) mod rate;
mod refusals;
pub(crate) mod report;
pub(crate) mod scope;
mod table;
pub(crate) mod text;
pub(crate) mod tracker;

use crate::ceiling::{Ceiling, Pressure};
use crate::{locked, reading, writing};
use hashbrown::DefaultHashBuilder;
pub(crate) use labels::is_ordered;
use labels::{HashedSeries, Owner};
use rate::HOUR_MS;
pub(crate) use refusals::Refusals;
use refusals::Totals;
use scope::{LimitScope, Reserved, Scope};
use std::cell::OnceCell;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use table::Scopes;
use watchfire_model::Labels;

/// How many series there may be; 0 is no limit. What is there stays: limits are about new series.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeriesLimits {
    /// In all. None: the memory ceiling decides.
    pub series: u64,
    /// Of one target, which is a job and an instance. 2 million, more than a scrape can bring.
    pub series_per_target: u64,
    /// Of one job. None.
    pub series_per_job: u64,
    /// Of one tenant. None.
    pub series_per_tenant: u64,
    /// The label whose value is the tenant. `tenant`.
    pub tenant_label: String,
}

impl Default for SeriesLimits {
    fn default() -> Self {
        Self {
            series: 0,
            series_per_target: 2_000_000,
            series_per_job: 0,
            series_per_tenant: 0,
            tenant_label: "tenant".to_owned(),
        }
    }
}

/// While memory is tight, a target that made more than this share of all series made within the hour makes no more.
const GREEDY_SHARE: u64 = 8;
/// Who made fewer than this within the hour is not greedy.
const GREEDY_FROM: u64 = 1000;
/// While memory is full, a target may still have so many series: `up` and its kin, an alert.
const FEW_SERIES: u64 = 16;

/// Why a series may not be made.
#[derive(Clone, Debug)]
pub(crate) struct Refused<'a> {
    scope: LimitScope,
    /// Whose limit it is.
    by: Arc<Scope>,
    job: &'a [u8],
    packed: &'a [u8],
}

/// A series that may be made, and is counted. Dropped without [`Admitted::keep`], the count is taken back.
#[derive(Debug)]
#[must_use]
pub(crate) struct Admitted<'s, 'a> {
    admission: &'s Admission,
    packed: &'a [u8],
    is_kept: bool,
}

impl Admitted<'_, '_> {
    /// The series was made.
    pub(crate) fn keep(mut self) {
        self.is_kept = true;
    }
}

impl Drop for Admitted<'_, '_> {
    fn drop(&mut self) {
        if !self.is_kept {
            self.admission.release(self.packed);
        }
    }
}

/// The counts of one series' owners.
type Reservations = [Option<Arc<Scope>>; 3];

#[derive(Debug)]
pub(crate) struct Admission {
    /// Before that, what the log gives back is counted and not judged: it was admitted before.
    is_enforcing: AtomicBool,
    series: AtomicU64,
    series_per_target: AtomicU64,
    series_per_job: AtomicU64,
    series_per_tenant: AtomicU64,
    tenant_label: RwLock<String>,
    ceiling: Arc<Ceiling>,
    hasher: DefaultHashBuilder,
    targets: Scopes,
    jobs: Scopes,
    tenants: Scopes,
    total: Arc<Scope>,
    made_total: AtomicU64,
    forgotten_total: AtomicU64,
    totals: Totals,
    now_ms: AtomicI64,
    /// What all trackers take.
    tracker_bytes: AtomicUsize,
    /// Those that have a tracker.
    tracked: Mutex<Vec<Arc<Scope>>>,
}

impl Admission {
    /// Admits everything until [`Admission::enforce`].
    pub(crate) fn new(ceiling: Arc<Ceiling>) -> Self {
        Self {
            is_enforcing: AtomicBool::new(false),
            series: AtomicU64::new(0),
            series_per_target: AtomicU64::new(0),
            series_per_job: AtomicU64::new(0),
            series_per_tenant: AtomicU64::new(0),
            tenant_label: RwLock::default(),
            ceiling,
            hasher: DefaultHashBuilder::default(),
            targets: Scopes::new(LimitScope::Target),
            jobs: Scopes::new(LimitScope::Job),
            tenants: Scopes::new(LimitScope::Tenant),
            total: Arc::new(Scope::new(LimitScope::Total, b"", b"")),
            made_total: AtomicU64::new(0),
            forgotten_total: AtomicU64::new(0),
            totals: Totals::default(),
            now_ms: AtomicI64::new(0),
            tracker_bytes: AtomicUsize::new(0),
            tracked: Mutex::default(),
        }
    }

    /// Puts limits in force. When the tenant label changes, `all` are the series there are, and the caller keeps
    /// writers out.
    pub(crate) fn limit(&self, limits: &SeriesLimits, all: impl Iterator<Item = Labels>) {
        self.series.store(limits.series, Ordering::Relaxed);
        self.series_per_target.store(limits.series_per_target, Ordering::Relaxed);
        self.series_per_job.store(limits.series_per_job, Ordering::Relaxed);
        self.series_per_tenant.store(limits.series_per_tenant, Ordering::Relaxed);
        let mut tenant_label = writing(&self.tenant_label);
        if *tenant_label == limits.tenant_label {
            return;
        }
        tenant_label.clone_from(&limits.tenant_label);
        locked(&self.tracked).retain(|scope| scope.kind != LimitScope::Tenant);
        self.tenants.clear();
        for labels in all {
            let owner = Owner::of(labels.as_bytes(), &tenant_label);
            if !owner.tenant.is_empty() {
                let _counted = self.tenants.get(owner.tenant, b"").reserve(0);
            }
        }
    }

    /// The limits in force.
    pub(crate) fn limits(&self) -> SeriesLimits {
        SeriesLimits {
            series: self.series.load(Ordering::Relaxed),
            series_per_target: self.series_per_target.load(Ordering::Relaxed),
            series_per_job: self.series_per_job.load(Ordering::Relaxed),
            series_per_tenant: self.series_per_tenant.load(Ordering::Relaxed),
            tenant_label: reading(&self.tenant_label).clone(),
        }
    }

    /// From now on, limits hold.
    pub(crate) fn enforce(&self) {
        self.is_enforcing.store(true, Ordering::Relaxed);
    }

    /// Learns the time; called with every batch.
    pub(crate) fn at(&self, now_ms: i64) {
        let before_ms = self.now_ms.fetch_max(now_ms, Ordering::Relaxed);
        if now_ms.div_euclid(HOUR_MS) > before_ms.div_euclid(HOUR_MS) {
            locked(&self.tracked).retain(|scope| {
                let stays = scope.turn(&self.tracker_bytes);
                if !stays && scope.series() == 0 {
                    self.remove_idle(scope);
                }
                stays
            });
        }
    }

    fn now_ms(&self) -> i64 {
        self.now_ms.load(Ordering::Relaxed)
    }

    /// Counts a series about to be made, or says why it may not. [`Admission::forget`] takes it back later.
    pub(crate) fn admit<'a>(&self, packed: &'a [u8]) -> Result<Admitted<'_, 'a>, Refused<'a>> {
        let owner = Owner::of(packed, &reading(&self.tenant_label));
        let admitted = || Admitted { admission: self, packed, is_kept: false };
        if !self.is_enforcing.load(Ordering::Relaxed) {
            return self.reserve(&owner, packed, false).map(|()| admitted());
        }
        let owners = self.owners(&owner);
        if let Some(scope) = self.over_limit(&owners) {
            return Err(self.refuse(scope, &owners, &owner, packed));
        }
        self.reserve(&owner, packed, true)?;
        let now_ms = self.now_ms();
        let series = OnceCell::new();
        self.made_total.fetch_add(1, Ordering::Relaxed);
        for scope in self.owners(&owner).iter().flatten().chain([&self.total]) {
            scope.made.count(now_ms);
            self.feed(scope, now_ms, packed, &series);
        }
        Ok(admitted())
    }

    fn feed<'a>(
        &self,
        scope: &Arc<Scope>,
        now_ms: i64,
        packed: &'a [u8],
        series: &OnceCell<HashedSeries<'a>>,
    ) {
        let hashed = || series.get_or_init(|| HashedSeries::of(packed, &self.hasher));
        if scope.feed(now_ms, hashed, &self.tracker_bytes) {
            locked(&self.tracked).push(Arc::clone(scope));
        }
    }

    /// The owners that are there.
    fn owners(&self, owner: &Owner<'_>) -> Reservations {
        let tenant = (!owner.tenant.is_empty()).then(|| self.tenants.find(owner.tenant, b"")).flatten();
        [self.targets.find(owner.job, owner.instance), self.jobs.find(owner.job, b""), tenant]
    }

    /// The narrowest limit that a new series of this owner would break, as far as can be seen without counting it.
    fn over_limit(&self, [target, job, tenant]: &Reservations) -> Option<LimitScope> {
        let is_full = |scope: Option<&Arc<Scope>>, limit: &AtomicU64| {
            let limit = limit.load(Ordering::Relaxed);
            limit > 0 && scope.map_or(0, |scope| scope.series()) >= limit
        };
        if is_full(target.as_ref(), &self.series_per_target) {
            return Some(LimitScope::Target);
        }
        if is_full(job.as_ref(), &self.series_per_job) {
            return Some(LimitScope::Job);
        }
        if tenant.is_some() && is_full(tenant.as_ref(), &self.series_per_tenant) {
            return Some(LimitScope::Tenant);
        }
        if is_full(Some(&self.total), &self.series) {
            return Some(LimitScope::Total);
        }
        let refuses = match self.ceiling.pressure(self.total.series()) {
            Pressure::Calm => false,
            Pressure::Tight => target.as_ref().is_some_and(|target| self.is_greedy(target)),
            Pressure::Full => target.as_ref().is_some_and(|target| target.series() >= FEW_SERIES),
            Pressure::Over => true,
        };
        refuses.then_some(LimitScope::Memory)
    }

    fn is_greedy(&self, target: &Scope) -> bool {
        let now_ms = self.now_ms();
        let made = target.made.per_hour(now_ms);
        made >= GREEDY_FROM && made > self.total.made.per_hour(now_ms) / GREEDY_SHARE
    }

    /// Counts a series with all its owners, or with none of them.
    fn reserve<'a>(&self, owner: &Owner<'a>, packed: &'a [u8], limited: bool) -> Result<(), Refused<'a>> {
        let limit = |limit: &AtomicU64| if limited { limit.load(Ordering::Relaxed) } else { 0 };
        let places = [
            (Some(&self.targets), owner.job, owner.instance, limit(&self.series_per_target)),
            (Some(&self.jobs), owner.job, b"".as_slice(), limit(&self.series_per_job)),
            (
                (!owner.tenant.is_empty()).then_some(&self.tenants),
                owner.tenant,
                b"".as_slice(),
                limit(&self.series_per_tenant),
            ),
        ];
        let mut reserved: Vec<Arc<Scope>> = Vec::with_capacity(places.len() + 1);
        let over = 'over: {
            for (scopes, first, second, limit) in places {
                let Some(scopes) = scopes else { continue };
                let scope = loop {
                    let scope = scopes.find(first, second).unwrap_or_else(|| scopes.get(first, second));
                    match scope.reserve(limit) {
                        Reserved::Counted => break scope,
                        Reserved::OverLimit => break 'over Some(scope.kind),
                        // Somebody is removing it: the next look finds none, or a new one.
                        Reserved::Gone => std::thread::yield_now(),
                    }
                };
                reserved.push(scope);
            }
            match self.total.reserve(limit(&self.series)) {
                Reserved::Counted => None,
                Reserved::OverLimit | Reserved::Gone => Some(LimitScope::Total),
            }
        };
        let Some(scope) = over else { return Ok(()) };
        for scope in reserved {
            self.uncount(&scope);
        }
        Err(self.refuse(scope, &self.owners(owner), owner, packed))
    }

    fn refuse<'a>(
        &self,
        scope: LimitScope,
        [target, job, tenant]: &Reservations,
        owner: &Owner<'a>,
        packed: &'a [u8],
    ) -> Refused<'a> {
        let now_ms = self.now_ms();
        let series = OnceCell::new();
        // What memory or the whole store refuses is told by whom it was wanted.
        let wanting: [Option<&Arc<Scope>>; 3] = match scope {
            LimitScope::Target => [target.as_ref(), None, None],
            LimitScope::Job => [job.as_ref(), target.as_ref(), None],
            LimitScope::Tenant => [tenant.as_ref(), target.as_ref(), job.as_ref()],
            LimitScope::Total | LimitScope::Memory => [Some(&self.total), target.as_ref(), job.as_ref()],
        };
        for wanting in wanting.into_iter().flatten() {
            wanting.refuse(scope, now_ms);
            self.feed(wanting, now_ms, packed, &series);
        }
        let [by, ..] = wanting;
        let by = by.map_or_else(|| Arc::clone(&self.total), Arc::clone);
        Refused { scope, by, job: owner.job, packed }
    }

    /// Takes back the count of a series that was admitted and then not made.
    fn release(&self, packed: &[u8]) {
        let owner = Owner::of(packed, &reading(&self.tenant_label));
        for scope in self.owners(&owner).iter().flatten() {
            self.uncount(scope);
        }
        self.total.release();
    }

    /// Takes back the count of a series that was made and now is forgotten.
    pub(crate) fn forget(&self, packed: &[u8]) {
        let owner = Owner::of(packed, &reading(&self.tenant_label));
        let now_ms = self.now_ms();
        self.forgotten_total.fetch_add(1, Ordering::Relaxed);
        for scope in self.owners(&owner).iter().flatten() {
            scope.forgotten.count(now_ms);
            self.uncount(scope);
        }
        self.total.forgotten.count(now_ms);
        self.total.release();
    }

    fn uncount(&self, scope: &Scope) {
        if scope.release() {
            self.remove_idle(scope);
        }
    }

    fn remove_idle(&self, scope: &Scope) {
        match scope.kind {
            LimitScope::Target => self.targets.remove_idle(scope),
            LimitScope::Job => self.jobs.remove_idle(scope),
            LimitScope::Tenant => self.tenants.remove_idle(scope),
            LimitScope::Total | LimitScope::Memory => {}
        }
    }
}

#[cfg(test)]
mod tests;
