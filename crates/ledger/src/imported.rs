//! What another Alertmanager had told before its alerts came here.

use crate::alerts::{fingerprints_text, read_fingerprints};
use crate::{LedgerError, Reading, Writing};
use rusqlite::params;
use std::collections::BTreeSet;

/// What one destination had been told of a group elsewhere. Times are milliseconds since the Unix epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// The group's key.
    pub group_key: String,
    /// The receiver's name.
    pub receiver: String,
    /// Which of the receiver's integrations.
    pub integration: u32,
    /// The alerts told as firing, by the hash of that log.
    pub firing: BTreeSet<u64>,
    /// The alerts told as resolved.
    pub resolved: BTreeSet<u64>,
    /// When.
    pub at_ms: i64,
    /// Until when it is remembered.
    pub expires_ms: i64,
}

impl Reading<'_> {
    /// All that was imported and is still remembered.
    pub fn imported(&self) -> Result<Vec<Imported>, LedgerError> {
        const TABLE: &str = "imported_notices";
        self.list("SELECT * FROM imported_notices ORDER BY group_key, receiver, integration", [], |row| {
            Ok(Imported {
                group_key: row.get("group_key")?,
                receiver: row.get("receiver")?,
                integration: row.get("integration")?,
                firing: read_fingerprints(TABLE, row.get_ref("firing")?.as_str().unwrap_or(""))?,
                resolved: read_fingerprints(TABLE, row.get_ref("resolved")?.as_str().unwrap_or(""))?,
                at_ms: row.get("at_ms")?,
                expires_ms: row.get("expires_ms")?,
            })
        })
    }
}

impl Writing<'_> {
    /// Keeps what a destination had been told elsewhere.
    pub fn put_imported(&self, imported: &Imported) -> Result<(), LedgerError> {
        self.transaction().execute(
            "INSERT OR REPLACE INTO imported_notices (group_key, receiver, integration, firing, resolved, at_ms,
                 expires_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![
                imported.group_key,
                imported.receiver,
                imported.integration,
                fingerprints_text(&imported.firing),
                fingerprints_text(&imported.resolved),
                imported.at_ms,
                imported.expires_ms,
            ],
        )?;
        Ok(())
    }

    /// Forgets what was imported and is remembered no longer.
    pub fn forget_imported(&self, now_ms: i64) -> Result<usize, LedgerError> {
        Ok(self.transaction().execute("DELETE FROM imported_notices WHERE expires_ms <= ?1", [now_ms])?)
    }
}
