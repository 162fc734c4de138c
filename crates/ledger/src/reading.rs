//! Everything that can be asked of the ledger.

use crate::LedgerError;
use crate::alerts::{Alert, Group, Notified, RuleInstance, RuleState};
use crate::outbox::{Delivery, JOBS, Job};
use crate::silences::Silence;
use rusqlite::{OptionalExtension, Params, Row, Transaction, params};

/// The ledger as of one moment.
#[derive(Debug)]
pub struct Reading<'a> {
    pub(crate) transaction: &'a Transaction<'a>,
}

/// How many jobs stand where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutboxCounts {
    /// To be sent.
    pub open: u64,
    /// Confirmed and not yet forgotten.
    pub done: u64,
    /// Given up and not yet forgotten.
    pub dead: u64,
}

impl<'a> Reading<'a> {
    pub(crate) const fn new(transaction: &'a Transaction<'a>) -> Self {
        Self { transaction }
    }

    pub(crate) const fn transaction(&self) -> &'a Transaction<'a> {
        self.transaction
    }

    pub(crate) fn list<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl Fn(&Row<'_>) -> Result<T, LedgerError>,
    ) -> Result<Vec<T>, LedgerError> {
        let mut statement = self.transaction.prepare_cached(sql)?;
        let mut rows = statement.query(params)?;
        let mut list = Vec::new();
        while let Some(row) = rows.next()? {
            list.push(read(row)?);
        }
        Ok(list)
    }

    /// A small fact kept under a name.
    pub fn meta(&self, key: &str) -> Result<Option<String>, LedgerError> {
        let found = self
            .transaction
            .query_row("SELECT value FROM meta WHERE key = ?1", [key], |row| row.get(0))
            .optional()?;
        Ok(found)
    }

    /// What is known of a rule, `None` if it was never kept.
    pub fn rule_state(&self, rule: &str) -> Result<Option<RuleState>, LedgerError> {
        let evaluated_ms = self
            .transaction
            .query_row("SELECT evaluated_ms FROM rule_state WHERE rule = ?1", [rule], |row| row.get(0))
            .optional()?;
        let Some(evaluated_ms) = evaluated_ms else { return Ok(None) };
        let instances = self.list(
            "SELECT * FROM rule_instances WHERE rule = ?1 ORDER BY labels",
            [rule],
            RuleInstance::from_row,
        )?;
        Ok(Some(RuleState { evaluated_ms, instances }))
    }

    /// The rules that are kept, sorted.
    pub fn rules(&self) -> Result<Vec<String>, LedgerError> {
        self.list("SELECT rule FROM rule_state ORDER BY rule", [], |row| Ok(row.get(0)?))
    }

    /// All alerts, by fingerprint.
    pub fn alerts(&self) -> Result<Vec<Alert>, LedgerError> {
        self.list("SELECT * FROM alerts ORDER BY fingerprint", [], Alert::from_row)
    }

    /// All groups, by key and receiver.
    pub fn groups(&self) -> Result<Vec<Group>, LedgerError> {
        self.list("SELECT * FROM alert_groups ORDER BY group_key, receiver", [], Group::from_row)
    }

    /// What every destination was last told.
    pub fn notified(&self) -> Result<Vec<Notified>, LedgerError> {
        self.list("SELECT * FROM notified ORDER BY group_key, receiver, integration", [], Notified::from_row)
    }

    /// All silences, by id.
    pub fn silences(&self) -> Result<Vec<Silence>, LedgerError> {
        self.list("SELECT * FROM silences ORDER BY id", [], Silence::from_row)
    }

    /// The jobs still to be sent, oldest first, without what they tell: [`Reading::payload`].
    pub fn open_jobs(&self) -> Result<Vec<Job>, LedgerError> {
        self.list("SELECT *, '' AS payload FROM outbox WHERE state = 0 ORDER BY id", [], Job::from_row)
    }

    /// What a job tells; nothing where there is no such job.
    pub fn payload(&self, job: i64) -> Result<String, LedgerError> {
        let mut statement =
            self.transaction.prepare_cached("SELECT payload FROM outbox_payloads WHERE job = ?1")?;
        Ok(statement.query_row([job], |row| row.get(0)).optional()?.unwrap_or_default())
    }

    /// The newest jobs in any state, newest first, at most `limit`.
    pub fn recent_jobs(&self, limit: u32) -> Result<Vec<Job>, LedgerError> {
        self.list(&format!("{JOBS} ORDER BY id DESC LIMIT ?1"), [limit], Job::from_row)
    }

    /// The newest attempts, newest first, at most `limit`.
    pub fn recent_deliveries(&self, limit: u32) -> Result<Vec<Delivery>, LedgerError> {
        self.list("SELECT * FROM deliveries ORDER BY id DESC LIMIT ?1", [limit], Delivery::from_row)
    }

    /// The attempts of one job, oldest first.
    pub fn deliveries_of(&self, job: i64) -> Result<Vec<Delivery>, LedgerError> {
        self.list("SELECT * FROM deliveries WHERE job = ?1 ORDER BY id", params![job], Delivery::from_row)
    }

    /// How many jobs stand where.
    pub fn outbox_counts(&self) -> Result<OutboxCounts, LedgerError> {
        let rows = self.list("SELECT state, count(*) FROM outbox GROUP BY state", [], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?.cast_unsigned()))
        })?;
        let mut counts = OutboxCounts::default();
        for (state, count) in rows {
            match state {
                0 => counts.open = count,
                1 => counts.done = count,
                _ => counts.dead += count,
            }
        }
        Ok(counts)
    }
}
