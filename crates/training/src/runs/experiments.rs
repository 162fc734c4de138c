//! Experiments: what runs belong to.

use super::Runs;
use super::checks::{check_length, check_pairs, check_text, no_experiment, taken};
use crate::{MAX_NAME, MAX_TAG, TrainingError};
use std::sync::Arc;
use watchfire_ledger::Experiment;

impl Runs {
    /// All experiments, deleted ones too, by number.
    pub async fn experiments(self: &Arc<Self>) -> Result<Vec<Experiment>, TrainingError> {
        self.read(|reading| reading.experiments()).await
    }

    /// Makes an experiment.
    pub async fn add_experiment(
        self: &Arc<Self>,
        name: String,
        artifacts: String,
        tags: Vec<(String, String)>,
    ) -> Result<i64, TrainingError> {
        check_text("experiment name", &name, MAX_NAME)?;
        check_length("artifact_location", &artifacts, MAX_TAG)?;
        check_pairs("tag", &tags, MAX_TAG)?;
        self.write(move |writing, now_ms| {
            if let Some(known) = writing.reading().experiment_named(&name)? {
                return Ok(Err(taken(&known)));
            }
            let id = writing.add_experiment(&name, &artifacts, now_ms)?;
            if !tags.is_empty()
                && let Some(mut experiment) = writing.reading().experiment(id)?
            {
                experiment.tags = tags.into_iter().collect();
                writing.put_experiment(&experiment)?;
            }
            Ok(Ok(id))
        })
        .await
    }

    /// The experiment of this name, made where there is none.
    pub async fn experiment_for(self: &Arc<Self>, name: &str) -> Result<i64, TrainingError> {
        let wanted = name.to_owned();
        let known = self.read(move |reading| reading.experiment_named(&wanted)).await?;
        match known {
            Some(known) => Ok(known.id),
            None => match self.add_experiment(name.to_owned(), String::new(), Vec::new()).await {
                // Somebody else was faster.
                Err(TrainingError::Exists(_)) => {
                    let wanted = name.to_owned();
                    let known = self.read(move |reading| reading.experiment_named(&wanted)).await?;
                    known.map(|known| known.id).ok_or_else(|| no_experiment(name))
                }
                made => made,
            },
        }
    }

    /// Changes an experiment.
    pub async fn change_experiment(
        self: &Arc<Self>,
        id: i64,
        change: impl FnOnce(&mut Experiment) -> Result<(), TrainingError> + Send + 'static,
    ) -> Result<(), TrainingError> {
        self.write(move |writing, now_ms| {
            let Some(mut experiment) = writing.reading().experiment(id)? else {
                return Ok(Err(no_experiment(&id.to_string())));
            };
            let before = experiment.clone();
            if let Err(error) = change(&mut experiment) {
                return Ok(Err(error));
            }
            if experiment.name != before.name
                && let Some(known) = writing.reading().experiment_named(&experiment.name)?
            {
                return Ok(Err(taken(&known)));
            }
            experiment.updated_ms = now_ms;
            writing.put_experiment(&experiment)?;
            if experiment.is_deleted != before.is_deleted {
                for mut run in writing.reading().training_runs_of(id)? {
                    // Those that were deleted by themselves before stay so.
                    let by_this = run.deleted_ms == Some(before.updated_ms);
                    match (experiment.is_deleted, run.deleted_ms) {
                        (true, None) => run.deleted_ms = Some(now_ms),
                        (false, Some(_)) if by_this => run.deleted_ms = None,
                        _ => continue,
                    }
                    writing.put_training_run(&run)?;
                }
                // Putting runs moves it on.
                writing.put_experiment(&experiment)?;
            }
            Ok(Ok(()))
        })
        .await
    }
}
