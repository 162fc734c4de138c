//! Looking runs up.

use super::{
    Experiment, RunColumn, RunDetails, RunStatus, TrainingFile, TrainingInput, TrainingMetric, TrainingRun,
};
use crate::alerts::damaged;
use crate::{LedgerError, Reading};
use rusqlite::{OptionalExtension, Row};
use std::collections::{BTreeMap, HashMap};

pub(super) fn bits(value: i64) -> f64 {
    f64::from_bits(value.cast_unsigned())
}

impl Experiment {
    fn from_row(row: &Row<'_>) -> Result<Self, LedgerError> {
        Ok(Self {
            id: row.get("id")?,
            name: row.get("name")?,
            artifacts: row.get("artifacts")?,
            is_deleted: row.get("is_deleted")?,
            created_ms: row.get("created_ms")?,
            updated_ms: row.get("updated_ms")?,
            tags: BTreeMap::new(),
        })
    }
}

impl TrainingRun {
    fn from_row(row: &Row<'_>) -> Result<Self, LedgerError> {
        let code: i64 = row.get("status")?;
        Ok(Self {
            id: row.get("id")?,
            experiment: row.get("experiment")?,
            name: row.get("name")?,
            status: RunStatus::from_code(code)
                .ok_or_else(|| damaged("training_runs", format!("status {code}")))?,
            user: row.get("user")?,
            source: row.get("source")?,
            host: row.get("host")?,
            reporter: row.get("reporter")?,
            started_ms: row.get("started_ms")?,
            ended_ms: row.get("ended_ms")?,
            updated_ms: row.get("updated_ms")?,
            deleted_ms: row.get("deleted_ms")?,
        })
    }
}

impl TrainingMetric {
    pub(super) fn from_row(row: &Row<'_>) -> Result<Self, LedgerError> {
        Ok(Self {
            key: row.get("key")?,
            value: bits(row.get("value_bits")?),
            step: row.get("step")?,
            at_ms: row.get("at_ms")?,
            first_step: row.get("first_step")?,
            first_ms: row.get("first_ms")?,
            newest_ms: row.get("newest_ms")?,
            min: row.get::<_, Option<i64>>("min_bits")?.map(bits),
            max: row.get::<_, Option<i64>>("max_bits")?.map(bits),
            has_nan: row.get("has_nan")?,
        })
    }
}

impl Reading<'_> {
    /// All experiments, deleted ones among them, by number.
    pub fn experiments(&self) -> Result<Vec<Experiment>, LedgerError> {
        let sql = "SELECT * FROM training_experiments ORDER BY id";
        let mut experiments = self.list(sql, [], Experiment::from_row)?;
        let mut tags: HashMap<i64, BTreeMap<String, String>> = HashMap::new();
        let sql = "SELECT experiment, key, value FROM training_experiment_tags";
        for (experiment, key, value) in
            self.list(sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        {
            tags.entry(experiment).or_default().insert(key, value);
        }
        for experiment in &mut experiments {
            experiment.tags = tags.remove(&experiment.id).unwrap_or_default();
        }
        Ok(experiments)
    }

    /// An experiment by its number.
    pub fn experiment(&self, id: i64) -> Result<Option<Experiment>, LedgerError> {
        let sql = "SELECT * FROM training_experiments WHERE id = ?1";
        let found = self.list(sql, [id], Experiment::from_row)?.pop();
        self.with_tags(found)
    }

    /// An experiment by its name.
    pub fn experiment_named(&self, name: &str) -> Result<Option<Experiment>, LedgerError> {
        let sql = "SELECT * FROM training_experiments WHERE name = ?1";
        let found = self.list(sql, [name], Experiment::from_row)?.pop();
        self.with_tags(found)
    }

    fn with_tags(&self, found: Option<Experiment>) -> Result<Option<Experiment>, LedgerError> {
        let Some(mut experiment) = found else { return Ok(None) };
        let sql = "SELECT key, value FROM training_experiment_tags WHERE experiment = ?1";
        let tags = self.list(sql, [experiment.id], |row| Ok((row.get(0)?, row.get(1)?)))?;
        experiment.tags = tags.into_iter().collect();
        Ok(Some(experiment))
    }

    /// A run by its id.
    pub fn training_run(&self, id: &str) -> Result<Option<TrainingRun>, LedgerError> {
        let sql = "SELECT * FROM training_runs WHERE id = ?1";
        Ok(self.list(sql, [id], TrainingRun::from_row)?.pop())
    }

    /// All runs, deleted ones among them, the newest first.
    pub fn training_runs(&self) -> Result<Vec<TrainingRun>, LedgerError> {
        let sql = "SELECT * FROM training_runs ORDER BY started_ms DESC, id";
        self.list(sql, [], TrainingRun::from_row)
    }

    /// The runs of an experiment, deleted ones among them, the newest first.
    pub fn training_runs_of(&self, experiment: i64) -> Result<Vec<TrainingRun>, LedgerError> {
        let sql = "SELECT * FROM training_runs WHERE experiment = ?1 ORDER BY started_ms DESC, id";
        self.list(sql, [experiment], TrainingRun::from_row)
    }

    /// The runs that are not over, or ended since a time, the newest first.
    pub fn training_runs_told_since(
        &self,
        since_ms: i64,
        limit: usize,
    ) -> Result<Vec<TrainingRun>, LedgerError> {
        let sql = "SELECT * FROM training_runs WHERE (status < 3 OR ended_ms >= ?1) AND deleted_ms IS NULL
             ORDER BY started_ms DESC, id LIMIT ?2";
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.list(sql, [since_ms, limit], TrainingRun::from_row)
    }

    /// What is known of a run.
    pub fn training_details(&self, run: &str) -> Result<RunDetails, LedgerError> {
        let pairs = |sql: &str| self.list(sql, [run], |row| Ok((row.get(0)?, row.get(1)?)));
        let params = pairs("SELECT key, value FROM training_params WHERE run = ?1")?;
        let tags = pairs("SELECT key, value FROM training_tags WHERE run = ?1")?;
        let sql = "SELECT * FROM training_metrics WHERE run = ?1";
        let metrics = self.list(sql, [run], TrainingMetric::from_row)?;
        let sql = "SELECT name, digest, content FROM training_inputs WHERE run = ?1 ORDER BY name, digest";
        let inputs = self.list(sql, [run], |row| {
            Ok(TrainingInput { name: row.get(0)?, digest: row.get(1)?, content: row.get(2)? })
        })?;
        Ok(RunDetails {
            params: params.into_iter().collect(),
            tags: tags.into_iter().collect(),
            metrics: metrics.into_iter().map(|metric| (metric.key.clone(), metric)).collect(),
            inputs,
        })
    }

    /// A tag of a run.
    pub fn training_tag(&self, run: &str, key: &str) -> Result<Option<String>, LedgerError> {
        let sql = "SELECT value FROM training_tags WHERE run = ?1 AND key = ?2";
        let mut statement = self.transaction().prepare_cached(sql)?;
        Ok(statement.query_row([run, key], |row| row.get(0)).optional()?)
    }

    /// How many parameters, tags and metrics a run has.
    pub fn training_counts(&self, run: &str) -> Result<[usize; 3], LedgerError> {
        let count = |sql: &str| -> Result<usize, LedgerError> {
            let count: i64 = self.transaction().prepare_cached(sql)?.query_row([run], |row| row.get(0))?;
            Ok(usize::try_from(count).unwrap_or_default())
        };
        Ok([
            count("SELECT count(*) FROM training_params WHERE run = ?1")?,
            count("SELECT count(*) FROM training_tags WHERE run = ?1")?,
            count("SELECT count(*) FROM training_metrics WHERE run = ?1")?,
        ])
    }

    /// A parameter or tag of all runs that have it.
    pub fn training_column(
        &self,
        column: RunColumn,
        key: &str,
    ) -> Result<HashMap<String, String>, LedgerError> {
        let sql = match column {
            RunColumn::Param => "SELECT run, value FROM training_params WHERE key = ?1",
            RunColumn::Tag => "SELECT run, value FROM training_tags WHERE key = ?1",
        };
        Ok(self.list(sql, [key], |row| Ok((row.get(0)?, row.get(1)?)))?.into_iter().collect())
    }

    /// The last value of a metric of all runs that have it.
    pub fn training_metric_column(&self, key: &str) -> Result<HashMap<String, f64>, LedgerError> {
        let sql = "SELECT run, value_bits FROM training_metrics WHERE key = ?1";
        let values = self.list(sql, [key], |row| Ok((row.get(0)?, bits(row.get(1)?))))?;
        Ok(values.into_iter().collect())
    }

    /// What is known of one metric of a run.
    pub fn training_metric(&self, run: &str, key: &str) -> Result<Option<TrainingMetric>, LedgerError> {
        let sql = "SELECT * FROM training_metrics WHERE run = ?1 AND key = ?2";
        Ok(self.list(sql, [run, key], TrainingMetric::from_row)?.pop())
    }

    /// How far the files of events were read.
    pub fn training_files(&self) -> Result<Vec<TrainingFile>, LedgerError> {
        self.list("SELECT * FROM training_files ORDER BY path", [], |row| {
            Ok(TrainingFile {
                path: row.get("path")?,
                run: row.get("run")?,
                identity: row.get("identity")?,
                read_bytes: row.get::<_, i64>("read_bytes")?.cast_unsigned(),
            })
        })
    }
}
