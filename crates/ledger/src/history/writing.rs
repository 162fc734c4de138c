//! Writing down changes of alerts, and forgetting them in bounded steps.

use super::{AlertEventKind, AlertIdentity, EventDraft, Forgotten, Notice};
use crate::alerts::Fingerprint;
use crate::texts::labels_text;
use crate::{LedgerError, Texts, Writing};
use rusqlite::{OptionalExtension, params};

impl Writing<'_> {
    /// Keeps a change of an alert whose labels may be new; returns its number.
    pub fn put_event(&self, identity: &AlertIdentity, event: &EventDraft<'_>) -> Result<i64, LedgerError> {
        let kind = event.kind.is_of_life().then(|| event.kind.code());
        let known: i64 = self
            .transaction()
            .prepare_cached(
                "INSERT INTO alert_identities (fingerprint, labels, rule, rule_group, rule_file, last_kind)
                     VALUES (?1, ?2, ?3, ?4, ?5, coalesce(?6, 1))
                 ON CONFLICT (fingerprint) DO UPDATE SET rule = excluded.rule, rule_group = excluded.rule_group,
                     rule_file = excluded.rule_file, last_kind = coalesce(?6, last_kind)
                 RETURNING id",
            )?
            .query_row(
                params![
                    identity.fingerprint.cast_signed(),
                    labels_text(&identity.labels),
                    identity.rule,
                    identity.group,
                    identity.file,
                    kind,
                ],
                |row| row.get(0),
            )?;
        self.insert((identity.fingerprint, Some(known)), event)
    }

    /// Keeps a change of an alert that was spoken of before; returns its number.
    pub fn put_event_of(&self, alert: Fingerprint, event: &EventDraft<'_>) -> Result<i64, LedgerError> {
        let known: Option<i64> = self
            .transaction()
            .prepare_cached("SELECT id FROM alert_identities WHERE fingerprint = ?1")?
            .query_row([alert.cast_signed()], |row| row.get(0))
            .optional()?;
        if event.kind.is_of_life() {
            self.transaction()
                .prepare_cached("UPDATE alert_identities SET last_kind = ?2 WHERE id = ?1")?
                .execute(params![known, event.kind.code()])?;
        }
        self.insert((alert, known), event)
    }

    /// The alert comes with the number of its identity.
    fn insert(
        &self,
        (alert, known): (Fingerprint, Option<i64>),
        event: &EventDraft<'_>,
    ) -> Result<i64, LedgerError> {
        self.transaction()
            .prepare_cached(
                "INSERT INTO alert_events (at_ms, fingerprint, kind, value_bits, active_ms, fired_ms, annotations,
                     detail, alert) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            )?
            .execute(params![
                event.at_ms,
                alert.cast_signed(),
                event.kind.code(),
                event.value.map(|value| value.to_bits().cast_signed()),
                event.active_ms,
                event.fired_ms,
                event.annotations.map(Texts::as_json),
                event.detail,
                known,
            ])?;
        Ok(self.transaction().last_insert_rowid())
    }

    /// Counts a notification that was confirmed or refused.
    pub fn put_notice(&self, notice: &Notice) -> Result<(), LedgerError> {
        self.transaction()
            .prepare_cached(
                "INSERT INTO alert_notices (at_ms, rule, receiver, integration, job, firing, resolved, delivered)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )?
            .execute(params![
                notice.at_ms,
                notice.rule,
                notice.receiver,
                notice.integration,
                notice.job,
                notice.firing.cast_signed(),
                notice.resolved.cast_signed(),
                notice.delivered,
            ])?;
        Ok(())
    }

    /// Forgets what happened before a time, and the oldest of what exceeds a number of events; in all at most `most`
    /// events and as many notices. An alert that fires stays known.
    pub fn forget_events(&self, before_ms: i64, keep: u64, most: u32) -> Result<Forgotten, LedgerError> {
        let by_age = self.forget("WHERE at_ms < ?1 ORDER BY at_ms, id LIMIT ?2", before_ms, most)?;
        self.transaction().execute(
            "DELETE FROM alert_notices WHERE id IN
                 (SELECT id FROM alert_notices WHERE at_ms < ?1 ORDER BY at_ms LIMIT ?2)",
            params![before_ms, most],
        )?;
        let (first, last): (Option<i64>, Option<i64>) = self.transaction().query_row(
            "SELECT (SELECT min(id) FROM alert_events), (SELECT max(id) FROM alert_events)",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        let mut forgotten = Forgotten { by_age, by_number: 0 };
        let room = most.saturating_sub(u32::try_from(by_age).unwrap_or(u32::MAX));
        if let (Some(first), Some(last)) = (first, last) {
            // Numbers rise by one, and the oldest go first.
            let keep = i64::try_from(keep).unwrap_or(i64::MAX);
            let floor = last.saturating_sub(keep);
            if first <= floor && room > 0 {
                forgotten.by_number = self.forget("WHERE id <= ?1 ORDER BY id LIMIT ?2", floor, room)?;
            }
        }
        Ok(forgotten)
    }

    fn forget(&self, which: &str, bound: i64, most: u32) -> Result<usize, LedgerError> {
        let transaction = self.transaction();
        let doomed: Vec<(i64, Option<i64>)> = transaction
            .prepare(&format!("SELECT id, alert FROM alert_events {which}"))?
            .query_map(params![bound, most], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        let mut forget = transaction.prepare("DELETE FROM alert_events WHERE id = ?1")?;
        let mut forget_alert = transaction.prepare(
            "DELETE FROM alert_identities WHERE id = ?1 AND last_kind <> ?2
                 AND NOT EXISTS (SELECT 1 FROM alert_events WHERE alert = ?1)",
        )?;
        for (id, alert) in &doomed {
            forget.execute([id])?;
            forget_alert.execute(params![alert, AlertEventKind::Firing.code()])?;
        }
        Ok(doomed.len())
    }
}
