//! Asking what became of alerts.

use super::{AlertEvent, AlertIdentity, Notice};
use crate::alerts::{Fingerprint, read_labels};
use crate::outbox::{JOBS, Job};
use crate::{LedgerError, Reading};
use rusqlite::{OptionalExtension, params};
use std::ops::ControlFlow;

impl Reading<'_> {
    /// Which alert a fingerprint is, if history knows it.
    pub fn alert_identity(&self, alert: Fingerprint) -> Result<Option<AlertIdentity>, LedgerError> {
        let mut statement =
            self.transaction().prepare_cached("SELECT * FROM alert_identities WHERE fingerprint = ?1")?;
        let mut rows = statement.query([alert.cast_signed()])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        Ok(Some(AlertIdentity {
            fingerprint: alert,
            labels: read_labels("alert_identities", row.get_ref("labels")?.as_str().unwrap_or(""))?,
            rule: row.get("rule")?,
            group: row.get("rule_group")?,
            file: row.get("rule_file")?,
        }))
    }

    /// The alerts whose last change is that they fire.
    pub fn firing_in_history(&self) -> Result<Vec<Fingerprint>, LedgerError> {
        self.list("SELECT fingerprint FROM alert_identities WHERE last_kind = 1", [], |row| {
            Ok(row.get::<_, i64>(0)?.cast_unsigned())
        })
    }

    /// Shows the events of a span of time, both ends inside, the newest first, until somebody has seen enough. `before`
    /// is the time and number of the event to go on after.
    pub fn scan_events(
        &self,
        (from_ms, to_ms): (i64, i64),
        before: Option<(i64, i64)>,
        mut look: impl FnMut(AlertEvent) -> Result<ControlFlow<()>, LedgerError>,
    ) -> Result<(), LedgerError> {
        let (before_ms, before_id) = before.unwrap_or((i64::MAX, i64::MAX));
        let mut statement = self.transaction().prepare_cached(
            "SELECT * FROM alert_events WHERE at_ms BETWEEN ?1 AND ?2 AND (at_ms, id) < (?3, ?4)
                 ORDER BY at_ms DESC, id DESC",
        )?;
        let mut rows = statement.query(params![from_ms, to_ms, before_ms, before_id])?;
        while let Some(row) = rows.next()? {
            if look(AlertEvent::from_row(row)?)?.is_break() {
                break;
            }
        }
        Ok(())
    }

    /// The newest events of an alert up to a time, the newest first, at most `limit`.
    pub fn events_of(
        &self,
        alert: Fingerprint,
        until_ms: i64,
        limit: u32,
    ) -> Result<Vec<AlertEvent>, LedgerError> {
        self.list(
            "SELECT * FROM alert_events WHERE alert = (SELECT id FROM alert_identities WHERE fingerprint = ?1)
                 AND at_ms <= ?2 ORDER BY id DESC LIMIT ?3",
            params![alert.cast_signed(), until_ms, limit],
            AlertEvent::from_row,
        )
    }

    /// When the oldest event that is kept happened, in milliseconds since the Unix epoch.
    pub fn oldest_event_ms(&self) -> Result<Option<i64>, LedgerError> {
        Ok(self.transaction().query_row("SELECT min(at_ms) FROM alert_events", [], |row| row.get(0))?)
    }

    /// The notices of a span of time, both ends inside, oldest first.
    pub fn notices(&self, (from_ms, to_ms): (i64, i64)) -> Result<Vec<Notice>, LedgerError> {
        self.list(
            "SELECT * FROM alert_notices WHERE at_ms BETWEEN ?1 AND ?2 ORDER BY at_ms",
            params![from_ms, to_ms],
            Notice::from_row,
        )
    }

    /// The jobs of a group for a receiver that were written up to a time, the newest first, at most `limit`.
    pub fn jobs_of(
        &self,
        group_key: &str,
        receiver: &str,
        until_ms: i64,
        limit: u32,
    ) -> Result<Vec<Job>, LedgerError> {
        self.list(
            &format!(
                "{JOBS} WHERE group_key = ?1 AND receiver = ?2 AND created_ms <= ?3 ORDER BY id DESC LIMIT ?4"
            ),
            params![group_key, receiver, until_ms, limit],
            Job::from_row,
        )
    }

    /// The job with a number.
    pub fn job(&self, id: i64) -> Result<Option<Job>, LedgerError> {
        let found = self.list(&format!("{JOBS} WHERE id = ?1"), [id], Job::from_row)?.into_iter().next();
        Ok(found)
    }

    /// How many events there are, about: what was forgotten in the middle counts.
    pub fn event_count(&self) -> Result<u64, LedgerError> {
        let span: Option<i64> = self
            .transaction()
            .query_row(
                "SELECT (SELECT max(id) FROM alert_events) - (SELECT min(id) FROM alert_events) + 1",
                [],
                |row| row.get(0),
            )
            .optional()?
            .flatten();
        Ok(span.unwrap_or(0).cast_unsigned())
    }
}
