//! Keeping runs.

use super::{Experiment, TrainingFile, TrainingInput, TrainingMetric, TrainingRun};
use crate::{LedgerError, Writing};
use rusqlite::{OptionalExtension, Params, params};

fn bits(value: f64) -> i64 {
    value.to_bits().cast_signed()
}

impl Writing<'_> {
    pub(super) fn cached(&self, sql: &str, params: impl Params) -> Result<usize, LedgerError> {
        Ok(self.transaction().prepare_cached(sql)?.execute(params)?)
    }

    /// Makes an experiment and returns its number. Its name must be free.
    pub fn add_experiment(&self, name: &str, artifacts: &str, now_ms: i64) -> Result<i64, LedgerError> {
        self.cached(
            "INSERT INTO training_experiments (name, artifacts, created_ms, updated_ms) VALUES (?1, ?2, ?3, ?3)",
            params![name, artifacts, now_ms],
        )?;
        Ok(self.transaction().last_insert_rowid())
    }

    /// Keeps an experiment's name, times, whether it is deleted, and the tags given. It must be there, and its name free.
    pub fn put_experiment(&self, experiment: &Experiment) -> Result<(), LedgerError> {
        self.cached(
            "UPDATE training_experiments SET name = ?2, artifacts = ?3, is_deleted = ?4, updated_ms = ?5 WHERE id = ?1",
            params![
                experiment.id,
                experiment.name,
                experiment.artifacts,
                experiment.is_deleted,
                experiment.updated_ms
            ],
        )?;
        for (key, value) in &experiment.tags {
            self.cached(
                "INSERT OR REPLACE INTO training_experiment_tags (experiment, key, value) VALUES (?1, ?2, ?3)",
                params![experiment.id, key, value],
            )?;
        }
        Ok(())
    }

    /// Takes a tag from an experiment; whether it was there.
    pub fn delete_experiment_tag(&self, experiment: i64, key: &str) -> Result<bool, LedgerError> {
        let sql = "DELETE FROM training_experiment_tags WHERE experiment = ?1 AND key = ?2";
        Ok(self.cached(sql, params![experiment, key])? > 0)
    }

    /// Keeps a run, replacing what was kept of it; its experiment must be there.
    pub fn put_training_run(&self, run: &TrainingRun) -> Result<(), LedgerError> {
        self.cached(
            "INSERT INTO training_runs (id, experiment, name, status, user, source, host, reporter, started_ms,
                 ended_ms, updated_ms, deleted_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
             ON CONFLICT (id) DO UPDATE SET experiment = excluded.experiment, name = excluded.name,
                 status = excluded.status, user = excluded.user, source = excluded.source, host = excluded.host,
                 reporter = excluded.reporter, started_ms = excluded.started_ms, ended_ms = excluded.ended_ms,
                 updated_ms = excluded.updated_ms, deleted_ms = excluded.deleted_ms",
            params![
                run.id,
                run.experiment,
                run.name,
                run.status.code(),
                run.user,
                run.source,
                run.host,
                run.reporter,
                run.started_ms,
                run.ended_ms,
                run.updated_ms,
                run.deleted_ms
            ],
        )?;
        self.cached(
            "UPDATE training_experiments SET updated_ms = max(updated_ms, ?2) WHERE id = ?1",
            params![run.experiment, run.updated_ms.unwrap_or(run.started_ms)],
        )?;
        Ok(())
    }

    /// Keeps a parameter. One that has another value already stays as it is, and that value is returned.
    pub fn add_training_param(
        &self,
        run: &str,
        key: &str,
        value: &str,
    ) -> Result<Option<String>, LedgerError> {
        let sql = "SELECT value FROM training_params WHERE run = ?1 AND key = ?2";
        let known: Option<String> =
            self.transaction().prepare_cached(sql)?.query_row([run, key], |row| row.get(0)).optional()?;
        match known {
            Some(known) => Ok((known != value).then_some(known)),
            None => {
                let sql = "INSERT INTO training_params (run, key, value) VALUES (?1, ?2, ?3)";
                self.cached(sql, params![run, key, value])?;
                Ok(None)
            }
        }
    }

    /// Keeps a tag, in the place of one of this name.
    pub fn put_training_tag(&self, run: &str, key: &str, value: &str) -> Result<(), LedgerError> {
        let sql = "INSERT OR REPLACE INTO training_tags (run, key, value) VALUES (?1, ?2, ?3)";
        self.cached(sql, params![run, key, value])?;
        Ok(())
    }

    /// Takes a tag away; whether it was there.
    pub fn delete_training_tag(&self, run: &str, key: &str) -> Result<bool, LedgerError> {
        Ok(self.cached("DELETE FROM training_tags WHERE run = ?1 AND key = ?2", params![run, key])? > 0)
    }

    /// Takes values of a metric into what is known of it.
    pub fn merge_training_metric(&self, run: &str, metric: &TrainingMetric) -> Result<(), LedgerError> {
        let mut merged = metric.clone();
        if let Some(known) = self.reading().training_metric(run, &metric.key)? {
            merged = known;
            merged.merge(metric);
        }
        self.cached(
            "INSERT OR REPLACE INTO training_metrics (run, key, value_bits, step, at_ms, first_step, first_ms,
                 newest_ms, min_bits, max_bits, has_nan) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            params![
                run,
                merged.key,
                bits(merged.value),
                merged.step,
                merged.at_ms,
                merged.first_step,
                merged.first_ms,
                merged.newest_ms,
                merged.min.map(bits),
                merged.max.map(bits),
                merged.has_nan
            ],
        )?;
        Ok(())
    }

    /// Keeps a data set that a run used, in the place of the same one.
    pub fn put_training_input(&self, run: &str, input: &TrainingInput) -> Result<(), LedgerError> {
        self.cached(
            "INSERT OR REPLACE INTO training_inputs (run, name, digest, content) VALUES (?1, ?2, ?3, ?4)",
            params![run, input.name, input.digest, input.content],
        )?;
        Ok(())
    }

    /// Keeps how far a file of events was read; its run must be there.
    pub fn put_training_file(&self, file: &TrainingFile) -> Result<(), LedgerError> {
        self.cached(
            "INSERT OR REPLACE INTO training_files (path, run, identity, read_bytes) VALUES (?1, ?2, ?3, ?4)",
            params![file.path, file.run, file.identity, file.read_bytes.cast_signed()],
        )?;
        Ok(())
    }

    /// Forgets a file of events.
    pub fn delete_training_file(&self, path: &str) -> Result<(), LedgerError> {
        self.cached("DELETE FROM training_files WHERE path = ?1", [path])?;
        Ok(())
    }
}
