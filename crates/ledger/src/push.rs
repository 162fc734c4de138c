//! Groups that batch jobs pushed.

use crate::{LedgerError, Reading, Writing};
use rusqlite::params;

/// A pushed group. Names and texts are whoever reads them's own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PushGroup {
    /// What names the group.
    pub key: String,
    /// What it holds.
    pub families: String,
    /// When it was pushed last, in milliseconds since the Unix epoch; 0 for never.
    pub pushed_ms: i64,
    /// When a push of it was last refused; 0 for never.
    pub failed_ms: i64,
}

impl Reading<'_> {
    /// All groups.
    pub fn push_groups(&self) -> Result<Vec<PushGroup>, LedgerError> {
        let sql = "SELECT key, families, pushed_ms, failed_ms FROM push_groups ORDER BY key";
        let mut statement = self.transaction().prepare_cached(sql)?;
        let rows = statement.query_map([], |row| {
            Ok(PushGroup {
                key: row.get(0)?,
                families: row.get(1)?,
                pushed_ms: row.get(2)?,
                failed_ms: row.get(3)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

impl Writing<'_> {
    /// Keeps a group, in the place of the one with its key.
    pub fn put_push_group(&self, group: &PushGroup) -> Result<(), LedgerError> {
        let sql = "INSERT OR REPLACE INTO push_groups (key, families, pushed_ms, failed_ms) VALUES (?1, ?2, ?3, ?4)";
        let PushGroup { key, families, pushed_ms, failed_ms } = group;
        self.transaction().prepare_cached(sql)?.execute(params![key, families, pushed_ms, failed_ms])?;
        Ok(())
    }

    /// Forgets a group.
    pub fn delete_push_group(&self, key: &str) -> Result<(), LedgerError> {
        self.transaction().prepare_cached("DELETE FROM push_groups WHERE key = ?1")?.execute([key])?;
        Ok(())
    }
}
