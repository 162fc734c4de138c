//! The state of alerting: everything here changes together with the ledger, in one transaction, or not at all.

mod adoption;
mod calendars;
mod canaries;
mod escalation;
pub(crate) mod evaluation;
mod explaining;
mod external;
mod flush;
mod health;
mod incidents;
mod muting;
mod outbox;
mod people;
mod recorder;
mod reload;
mod silencing;
mod standing;
mod tables;
mod views;

use crate::config::Config;
use crate::wiring::Wiring;
use health::Health;
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use tables::{GroupId, Tables};
use watchfire_ledger::{Alert, Ledger, LedgerError, Writing};
use watchfire_model::time::Clock;
use watchfire_oncall::OnCall;

pub(crate) use evaluation as kept;
pub use external::{PostedAlert, Rejected, Taken};
pub(crate) use incidents::{POLICY_LABEL, Tally};
pub(crate) use muting::Suppressed;
pub(crate) use outbox::{Claim, Ended};
pub(crate) use people::stand;
pub use recorder::{By, EventDetail, GroupRef, HistoryLimits};
pub use silencing::PostedSilence;
pub(crate) use views::Counts;
pub use views::{AlertFilter, receiver_labels};

/// A receiver's integration.
pub(crate) type Destination = (String, u32);

/// The state, behind one lock. Every method that changes it blocks on the disk.
pub(crate) struct State {
    ledger: Ledger,
    config: Arc<Config>,
    /// People, schedules and policies in force.
    oncall: Arc<OnCall>,
    /// What happened to incidents since the start.
    tally: Tally,
    external_url: String,
    tables: Tables,
    /// No group that begins is told before this, in milliseconds since the Unix epoch.
    start_ms: i64,
    /// Since when canaries are sent as they are now, in milliseconds since the Unix epoch.
    canaries_since_ms: i64,
    /// Notifications left out since the start, by what muted them.
    suppressed: Suppressed,
    /// A change failed and the tables could not be read back: they are, before anything else happens.
    stale: bool,
    /// The receivers of the configuration in force, ready to be used.
    wiring: Arc<Wiring>,
    clock: Arc<dyn Clock>,
    /// Jobs being sent right now.
    in_flight: HashMap<i64, Destination>,
    /// How destinations fare.
    destinations: HashMap<Destination, Health>,
    /// Groups that wanted to say more while a job of theirs was being sent.
    reflush: HashSet<GroupId>,
    /// The answers that were heard last, so that one that is sent again is known.
    heard: VecDeque<String>,
    jitter: fastrand::Rng,
}

impl State {
    /// Takes up what the ledger holds. Nobody is told anything before [`State::apply`] brings a configuration.
    pub(crate) fn load(ledger: Ledger, clock: Arc<dyn Clock>, start_ms: i64) -> Result<Self, LedgerError> {
        let tables = Tables::load(&ledger, &[])?;
        Ok(Self {
            start_ms,
            canaries_since_ms: i64::MAX,
            suppressed: Suppressed::default(),
            ledger,
            config: Arc::new(Config::default()),
            oncall: Arc::default(),
            tally: Tally::default(),
            external_url: String::new(),
            tables,
            stale: false,
            in_flight: HashMap::new(),
            wiring: Arc::default(),
            clock,
            destinations: HashMap::new(),
            reflush: HashSet::new(),
            heard: VecDeque::new(),
            jitter: fastrand::Rng::new(),
        })
    }

    /// Changes tables and ledger together. When the ledger refuses, the tables are what the ledger says again.
    fn change<T>(
        &mut self,
        change: impl FnOnce(&mut Tables, &Writing<'_>) -> Result<T, LedgerError>,
    ) -> Result<T, LedgerError> {
        if self.stale {
            self.read_back()?;
        }
        let tables = &mut self.tables;
        let result = self.ledger.write(|write| {
            let result = change(tables, write)?;
            tables.write_groups(write)?;
            Ok(result)
        });
        if result.is_err() {
            self.stale = true;
            if let Err(error) = self.read_back() {
                tracing::error!(%error, "the state of alerts could not be read back");
            }
        }
        result
    }

    /// The tables are what the ledger says.
    fn read_back(&mut self) -> Result<(), LedgerError> {
        let mut tables = Tables::load(&self.ledger, &self.config.inhibit_rules)?;
        tables.recorder.carry_on(std::mem::take(&mut self.tables.recorder));
        self.tables = tables;
        self.stale = false;
        Ok(())
    }

    /// Proves that the ledger takes a transaction.
    pub(crate) fn keep_beat(&mut self, now_ms: i64) -> Result<(), LedgerError> {
        self.change(|_, write| write.set_meta("heartbeat_ms", &now_ms.to_string()))
    }

    /// How much history is kept.
    pub(crate) const fn set_history(&mut self, limits: HistoryLimits) {
        self.tables.recorder.set_limits(limits);
    }

    /// Events that history did not keep since the start, by rule.
    pub(crate) fn history_dropped(&self) -> std::collections::BTreeMap<String, u64> {
        self.tables.recorder.dropped().clone()
    }

    /// Forgets the oldest of history, a bounded step of it; whether there may be more to forget.
    pub(crate) fn forget_history(&mut self, now_ms: i64) -> Result<(bool, u64), LedgerError> {
        /// Events in one transaction: some milliseconds.
        const STEP: u32 = 2_000;
        let limits = self.tables.recorder.limits();
        let before_ms = now_ms.saturating_sub(evaluation::millis(limits.retention));
        let forgotten = self.change(|tables, write| {
            tables.adoption.forget(now_ms);
            write.forget_imported(now_ms)?;
            write.forget_events(before_ms, limits.events, STEP)
        })?;
        let count = forgotten.by_age + forgotten.by_number;
        Ok((count >= STEP as usize, u64::try_from(forgotten.by_number).unwrap_or(u64::MAX)))
    }

    pub(crate) const fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    pub(crate) const fn config(&self) -> &Arc<Config> {
        &self.config
    }

    pub(crate) const fn oncall(&self) -> &Arc<OnCall> {
        &self.oncall
    }

    pub(crate) fn external_url(&self) -> &str {
        &self.external_url
    }

    pub(crate) fn wiring(&self) -> Arc<Wiring> {
        Arc::clone(&self.wiring)
    }

    /// What is known of a rule.
    pub(crate) fn rule_state(&self, rule: &str) -> Result<Option<watchfire_ledger::RuleState>, LedgerError> {
        self.ledger.read(|read| read.rule_state(rule))
    }

    /// When there is something to do next, in milliseconds since the Unix epoch.
    pub(crate) fn next_wake_ms(&self) -> Option<i64> {
        // Without a configuration there is nothing to wait for but one. Whoever is busy wakes the loop when it is done.
        let has_config = self.config.route.is_some();
        let tries = self.tables.due().filter(|_| has_config).filter_map(|(destination, due)| {
            let ready_ms = match self.destinations.get(destination) {
                Some(health) if health.is_full() => return None,
                Some(health) => health.ready_ms(),
                None => i64::MIN,
            };
            let (next_try_ms, _) = due.iter().find(|(_, job)| !self.in_flight.contains_key(job))?;
            Some((*next_try_ms).max(ready_ms))
        });
        let incidents = self.tables.watched().filter(|_| has_config).map(|(_, due_ms)| due_ms);
        self.tables.next_turn_ms().into_iter().chain(tries).chain(incidents).min()
    }
}

fn sorted<'a>(alerts: impl Iterator<Item = &'a Alert>) -> Vec<&'a Alert> {
    let mut alerts: Vec<&Alert> = alerts.collect();
    alerts.sort_by(|left, right| crate::order::by_source(left, right));
    alerts
}
