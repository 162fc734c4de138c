//! Models that runs made, as far as their reporters tell of them.

use crate::{LedgerError, Reading, Writing};
use rusqlite::{Row, params};

/// What is known of a model. Times are milliseconds since the Unix epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrainingModel {
    /// Which.
    pub id: String,
    /// The experiment it belongs to.
    pub experiment: i64,
    /// The run that made it; empty where nobody said.
    pub run: String,
    /// When it was made.
    pub created_ms: i64,
    /// When it last changed.
    pub updated_ms: i64,
    /// The rest as its reporter said it, a JSON object.
    pub content: String,
}

impl TrainingModel {
    fn from_row(row: &Row<'_>) -> Result<Self, LedgerError> {
        Ok(Self {
            id: row.get("id")?,
            experiment: row.get("experiment")?,
            run: row.get("run")?,
            created_ms: row.get("created_ms")?,
            updated_ms: row.get("updated_ms")?,
            content: row.get("content")?,
        })
    }
}

impl Reading<'_> {
    /// A model.
    pub fn training_model(&self, id: &str) -> Result<Option<TrainingModel>, LedgerError> {
        let sql = "SELECT * FROM training_models WHERE id = ?1";
        Ok(self.list(sql, [id], TrainingModel::from_row)?.pop())
    }

    /// The models of an experiment, the latest first.
    pub fn training_models(&self, experiment: i64) -> Result<Vec<TrainingModel>, LedgerError> {
        let sql = "SELECT * FROM training_models WHERE experiment = ?1 ORDER BY created_ms DESC, id";
        self.list(sql, [experiment], TrainingModel::from_row)
    }

    /// How many models an experiment has.
    pub fn training_model_count(&self, experiment: i64) -> Result<usize, LedgerError> {
        let sql = "SELECT COUNT(*) AS count FROM training_models WHERE experiment = ?1";
        let counts = self.list(sql, [experiment], |row| Ok(row.get::<_, i64>("count")?))?;
        Ok(counts.first().map_or(0, |count| usize::try_from(*count).unwrap_or(usize::MAX)))
    }
}

impl Writing<'_> {
    /// Keeps a model, in the place of the one with its id; its experiment must be there.
    pub fn put_training_model(&self, model: &TrainingModel) -> Result<(), LedgerError> {
        self.cached(
            "INSERT OR REPLACE INTO training_models (id, experiment, run, created_ms, updated_ms, content) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![model.id, model.experiment, model.run, model.created_ms, model.updated_ms, model.content],
        )?;
        Ok(())
    }

    /// Forgets a model; whether it was there.
    pub fn delete_training_model(&self, id: &str) -> Result<bool, LedgerError> {
        Ok(self.cached("DELETE FROM training_models WHERE id = ?1", [id])? > 0)
    }
}
