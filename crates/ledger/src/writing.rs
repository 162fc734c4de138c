//! Everything that can be changed in the ledger, inside one transaction.

use crate::alerts::{Alert, Group, Notified, RuleInstance, fingerprints_text, map_text};
use crate::outbox::{JobDraft, JobState, Outcome};
use crate::silences::Silence;
use crate::texts::labels_text;
use crate::{LedgerError, Reading};
use rusqlite::{OptionalExtension, Params, Transaction, params};
use watchfire_model::Labels;

/// An open transaction. Nothing of it is seen by others before it is committed.
#[derive(Debug)]
pub struct Writing<'a> {
    pub(crate) transaction: &'a Transaction<'a>,
}

impl<'a> Writing<'a> {
    pub(crate) const fn new(transaction: &'a Transaction<'a>) -> Self {
        Self { transaction }
    }

    pub(crate) const fn transaction(&self) -> &'a Transaction<'a> {
        self.transaction
    }

    /// Runs a statement, which stays compiled for the next time.
    pub(crate) fn run(&self, sql: &str, params: impl Params) -> Result<usize, LedgerError> {
        Ok(self.transaction.prepare_cached(sql)?.execute(params)?)
    }

    /// Reads inside the transaction, its own changes included.
    pub const fn reading(&self) -> Reading<'a> {
        Reading::new(self.transaction)
    }

    /// Keeps a small fact under a name.
    pub fn set_meta(&self, key: &str, value: &str) -> Result<(), LedgerError> {
        self.run("INSERT OR REPLACE INTO meta (key, value) VALUES (?1, ?2)", [key, value])?;
        Ok(())
    }

    /// Notes when a rule was evaluated.
    pub fn set_rule_evaluated(&self, rule: &str, evaluated_ms: i64) -> Result<(), LedgerError> {
        self.run(
            "INSERT INTO rule_state (rule, evaluated_ms) VALUES (?1, ?2)
             ON CONFLICT (rule) DO UPDATE SET evaluated_ms = excluded.evaluated_ms",
            params![rule, evaluated_ms],
        )?;
        Ok(())
    }

    /// Forgets a rule and its instances.
    pub fn delete_rule(&self, rule: &str) -> Result<(), LedgerError> {
        self.run("DELETE FROM rule_state WHERE rule = ?1", [rule])?;
        Ok(())
    }

    /// Keeps instances of a rule, replacing those with the same labels. The rule must be known
    /// ([`Writing::set_rule_evaluated`]).
    pub fn put_instances<'i>(
        &self,
        rule: &str,
        instances: impl IntoIterator<Item = &'i RuleInstance>,
    ) -> Result<(), LedgerError> {
        let mut statement = self.transaction.prepare_cached(
            "INSERT OR REPLACE INTO rule_instances (rule, labels, annotations, state, value_bits, active_ms,
                 fired_ms, resolved_ms, keep_firing_since_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?;
        for instance in instances {
            statement.execute(params![
                rule,
                labels_text(&instance.labels),
                instance.annotations.as_json(),
                instance.state.code(),
                instance.value.to_bits().cast_signed(),
                instance.active_ms,
                instance.fired_ms,
                instance.resolved_ms,
                instance.keep_firing_since_ms,
            ])?;
        }
        Ok(())
    }

    /// Forgets instances of a rule.
    pub fn delete_instances<'i>(
        &self,
        rule: &str,
        labels: impl IntoIterator<Item = &'i Labels>,
    ) -> Result<(), LedgerError> {
        let mut statement =
            self.transaction.prepare_cached("DELETE FROM rule_instances WHERE rule = ?1 AND labels = ?2")?;
        for labels in labels {
            statement.execute(params![rule, labels_text(labels)])?;
        }
        Ok(())
    }

    /// Keeps an alert, in its row where it has one; returns the row it has from now on.
    pub fn put_alert(&self, alert: &Alert) -> Result<i64, LedgerError> {
        self.run(
            "INSERT OR REPLACE INTO alerts (id, fingerprint, labels, annotations, starts_ms, ends_ms, by_timeout,
                 updated_ms, generator_url) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            params![
                (alert.row != 0).then_some(alert.row),
                alert.fingerprint.cast_signed(),
                labels_text(&alert.labels),
                alert.annotations.as_json(),
                alert.starts_ms,
                alert.ends_ms,
                alert.by_timeout,
                alert.updated_ms,
                &*alert.generator_url,
            ],
        )?;
        Ok(if alert.row == 0 { self.transaction.last_insert_rowid() } else { alert.row })
    }

    /// Forgets the alerts in some rows.
    pub fn delete_alerts(&self, rows: impl IntoIterator<Item = i64>) -> Result<(), LedgerError> {
        let mut statement = self.transaction.prepare_cached("DELETE FROM alerts WHERE id = ?1")?;
        for row in rows {
            statement.execute([row])?;
        }
        Ok(())
    }

    /// Keeps a group, replacing one with the same key and receiver.
    pub fn put_group(&self, group: &Group) -> Result<(), LedgerError> {
        self.run(
            "INSERT OR REPLACE INTO alert_groups (group_key, receiver, labels, options, members, created_ms,
                 next_flush_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![
                group.key,
                group.receiver,
                labels_text(&group.labels),
                &*group.options,
                fingerprints_text(&group.members),
                group.created_ms,
                group.next_flush_ms,
            ],
        )?;
        Ok(())
    }

    /// Notes when a group is looked at next.
    pub fn touch_group(&self, group: &Group) -> Result<(), LedgerError> {
        self.transaction
            .prepare_cached(
                "UPDATE alert_groups SET next_flush_ms = ?3 WHERE group_key = ?1 AND receiver = ?2",
            )?
            .execute(params![group.key, group.receiver, group.next_flush_ms])?;
        Ok(())
    }

    /// Keeps a silence, replacing one with the same id.
    pub fn put_silence(&self, silence: &Silence) -> Result<(), LedgerError> {
        self.run(
            "INSERT OR REPLACE INTO silences (id, matchers, starts_ms, ends_ms, updated_ms, created_by, comment,
                 annotations) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            params![
                silence.id,
                map_text(&silence.matchers)?,
                silence.starts_ms,
                silence.ends_ms,
                silence.updated_ms,
                silence.created_by,
                silence.comment,
                map_text(&silence.annotations)?,
            ],
        )?;
        Ok(())
    }

    /// Forgets a silence.
    pub fn delete_silence(&self, id: &str) -> Result<(), LedgerError> {
        self.run("DELETE FROM silences WHERE id = ?1", [id])?;
        Ok(())
    }

    /// Forgets a group and what was told about it.
    pub fn delete_group(&self, key: &str, receiver: &str) -> Result<(), LedgerError> {
        self.run("DELETE FROM alert_groups WHERE group_key = ?1 AND receiver = ?2", [key, receiver])?;
        self.run("DELETE FROM notified WHERE group_key = ?1 AND receiver = ?2", [key, receiver])?;
        Ok(())
    }

    /// Keeps what a destination was told.
    pub fn put_notified(&self, notified: &Notified) -> Result<(), LedgerError> {
        self.run(
            "INSERT OR REPLACE INTO notified (group_key, receiver, integration, firing, resolved, at_ms,
                 open, receiver_data) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            params![
                notified.group_key,
                notified.receiver,
                notified.integration,
                fingerprints_text(&notified.firing),
                fingerprints_text(&notified.resolved),
                notified.at_ms,
                fingerprints_text(&notified.open),
                notified.receiver_data,
            ],
        )?;
        Ok(())
    }

    /// Queues a notification and returns its job's number. An open job for the same group and destination takes over
    /// the new content and keeps its number, its attempts and the time of its next try.
    pub fn enqueue(&self, draft: &JobDraft, now_ms: i64) -> Result<i64, LedgerError> {
        let open: Option<i64> = self
            .transaction
            .prepare_cached(
                "SELECT id FROM outbox WHERE group_key = ?1 AND receiver = ?2 AND integration = ?3 AND state = 0",
            )?
            .query_row(params![draft.group_key, draft.receiver, draft.integration], |row| row.get(0))
            .optional()?;
        let (firing, resolved) = (fingerprints_text(&draft.firing), fingerprints_text(&draft.resolved));
        if let Some(id) = open {
            self.run(
                "UPDATE outbox SET generation = generation + 1, reason = ?2, firing = ?3, resolved = ?4,
                     incident = coalesce(?5, incident) WHERE id = ?1",
                params![id, draft.reason, firing, resolved, draft.incident],
            )?;
            self.run("UPDATE outbox_payloads SET payload = ?2 WHERE job = ?1", params![id, draft.payload])?;
            return Ok(id);
        }
        self.run(
            "INSERT INTO outbox (group_key, receiver, integration, state, generation, reason, firing, resolved,
                 created_ms, next_try_ms, attempts, incident)
             VALUES (?1, ?2, ?3, 0, 0, ?4, ?5, ?6, ?7, ?7, 0, ?8)",
            params![
                draft.group_key,
                draft.receiver,
                draft.integration,
                draft.reason,
                firing,
                resolved,
                now_ms,
                draft.incident,
            ],
        )?;
        let id = self.transaction.last_insert_rowid();
        self.run("INSERT INTO outbox_payloads (job, payload) VALUES (?1, ?2)", params![id, draft.payload])?;
        Ok(id)
    }

    /// Notes that an attempt begins and returns its number; the job's attempts go up by one.
    pub fn begin_attempt(&self, job: i64, now_ms: i64) -> Result<i64, LedgerError> {
        self.run("UPDATE outbox SET attempts = attempts + 1 WHERE id = ?1", [job])?;
        self.run(
            "INSERT INTO deliveries (job, group_key, receiver, integration, started_ms, outcome)
             SELECT id, group_key, receiver, integration, ?2, 0 FROM outbox WHERE id = ?1",
            params![job, now_ms],
        )?;
        Ok(self.transaction.last_insert_rowid())
    }

    /// Notes how an attempt ended.
    pub fn finish_attempt(
        &self,
        delivery: i64,
        outcome: Outcome,
        status: Option<u16>,
        latency_ms: u64,
        error: Option<&str>,
    ) -> Result<(), LedgerError> {
        self.run(
            "UPDATE deliveries SET outcome = ?2, status = ?3, latency_ms = ?4, error = ?5 WHERE id = ?1",
            params![delivery, outcome.code(), status, latency_ms.cast_signed(), error],
        )?;
        Ok(())
    }

    /// Puts an open job off.
    pub fn retry_job(&self, job: i64, next_try_ms: i64, error: &str) -> Result<(), LedgerError> {
        self.run(
            "UPDATE outbox SET next_try_ms = ?2, last_error = ?3 WHERE id = ?1 AND state = 0",
            params![job, next_try_ms, error],
        )?;
        Ok(())
    }

    /// Closes a job.
    pub fn finish_job(
        &self,
        job: i64,
        state: JobState,
        now_ms: i64,
        error: Option<&str>,
    ) -> Result<(), LedgerError> {
        self.run(
            "UPDATE outbox SET state = ?2, finished_ms = ?3, last_error = coalesce(?4, last_error) WHERE id = ?1",
            params![job, state.code(), now_ms, error],
        )?;
        Ok(())
    }

    /// Forgets jobs finished before a time, with the record of their attempts, unless an incident that is kept is told by
    /// them; returns how many.
    pub fn prune_finished(&self, before_ms: i64) -> Result<usize, LedgerError> {
        let pruned = self.run(
            "DELETE FROM outbox WHERE finished_ms IS NOT NULL AND finished_ms < ?1
                 AND (incident IS NULL OR NOT EXISTS (SELECT 1 FROM incidents WHERE id = outbox.incident))",
            [before_ms],
        )?;
        Ok(pruned)
    }
}
