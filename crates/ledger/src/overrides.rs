//! Overrides of schedules, as people make them: somebody else is on call for a while.

use crate::alerts::{damaged, map_text};
use crate::{LedgerError, Reading, Writing};
use rusqlite::{Row, params};

/// Somebody else is on call for a while. Times are milliseconds since the Unix epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    /// Which.
    pub id: i64,
    /// What it says.
    pub content: NewOverride,
    /// When it was made.
    pub created_ms: i64,
}

/// What an override says. Times are milliseconds since the Unix epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewOverride {
    /// The schedule's name.
    pub schedule: String,
    /// Who is on call.
    pub people: Vec<String>,
    /// From when.
    pub from_ms: i64,
    /// Until when; that moment is not in it.
    pub to_ms: i64,
    /// Who made it.
    pub created_by: String,
    /// Why.
    pub note: String,
}

impl Override {
    fn from_row(row: &Row<'_>) -> Result<Self, LedgerError> {
        let people = row.get_ref("people")?.as_str().unwrap_or("");
        Ok(Self {
            id: row.get("id")?,
            content: NewOverride {
                schedule: row.get("schedule")?,
                people: serde_json::from_str(people)
                    .map_err(|error| damaged("schedule_overrides", error.to_string()))?,
                from_ms: row.get("from_ms")?,
                to_ms: row.get("to_ms")?,
                created_by: row.get("created_by")?,
                note: row.get("note")?,
            },
            created_ms: row.get("created_ms")?,
        })
    }
}

impl Reading<'_> {
    /// All overrides, the oldest first.
    pub fn overrides(&self) -> Result<Vec<Override>, LedgerError> {
        self.list("SELECT * FROM schedule_overrides ORDER BY id", [], Override::from_row)
    }
}

impl Writing<'_> {
    /// Keeps an override.
    pub fn add_override(&self, content: NewOverride, now_ms: i64) -> Result<Override, LedgerError> {
        self.transaction.execute(
            "INSERT INTO schedule_overrides (schedule, people, from_ms, to_ms, created_ms, created_by, note)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![
                content.schedule,
                map_text(&content.people)?,
                content.from_ms,
                content.to_ms,
                now_ms,
                content.created_by,
                content.note,
            ],
        )?;
        Ok(Override { id: self.transaction.last_insert_rowid(), content, created_ms: now_ms })
    }

    /// Forgets an override; whether it was there.
    pub fn delete_override(&self, id: i64) -> Result<bool, LedgerError> {
        Ok(self.transaction.execute("DELETE FROM schedule_overrides WHERE id = ?1", [id])? > 0)
    }

    /// Forgets overrides that ended before a time; returns how many.
    pub fn prune_overrides(&self, before_ms: i64) -> Result<usize, LedgerError> {
        Ok(self.transaction.execute("DELETE FROM schedule_overrides WHERE to_ms < ?1", [before_ms])?)
    }
}
