//! Times that builds and deployments need to know of those before them.

use crate::{LedgerError, Reading, Writing};
use rusqlite::{OptionalExtension, params};

impl Reading<'_> {
    /// A time kept under a name, in milliseconds since the Unix epoch.
    pub fn ci_fact(&self, key: &str) -> Result<Option<i64>, LedgerError> {
        let mut statement =
            self.transaction().prepare_cached("SELECT value_ms FROM ci_facts WHERE key = ?1")?;
        Ok(statement.query_row([key], |row| row.get(0)).optional()?)
    }
}

impl Writing<'_> {
    /// Keeps a time under a name, in milliseconds since the Unix epoch.
    pub fn set_ci_fact(&self, key: &str, value_ms: i64, now_ms: i64) -> Result<(), LedgerError> {
        let sql = "INSERT OR REPLACE INTO ci_facts (key, value_ms, noted_ms) VALUES (?1, ?2, ?3)";
        self.transaction().prepare_cached(sql)?.execute(params![key, value_ms, now_ms])?;
        Ok(())
    }

    /// Forgets a time.
    pub fn delete_ci_fact(&self, key: &str) -> Result<(), LedgerError> {
        self.transaction().prepare_cached("DELETE FROM ci_facts WHERE key = ?1")?.execute([key])?;
        Ok(())
    }

    /// Forgets the times that were noted before another.
    pub fn prune_ci_facts(&self, before_ms: i64) -> Result<(), LedgerError> {
        self.transaction()
            .prepare_cached("DELETE FROM ci_facts WHERE noted_ms < ?1")?
            .execute([before_ms])?;
        Ok(())
    }
}
