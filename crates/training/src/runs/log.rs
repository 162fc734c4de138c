//! What runs tell: values to the metric store, everything else to the ledger.

use super::checks::{changed_param, check, open_run, too_many};
use super::{Changes, OpenRun, REMEMBERED, Runs, apart};
use crate::points::{self, Newest, Placed};
use crate::{MAX_OF_RUN, TrainingError};
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

impl Runs {
    /// Takes in what a run tells. Everything is on disk when this returns `Ok`; what is wrong with a part of it refuses the
    /// whole, except values that the store refuses: the others are kept, and the error names them.
    pub async fn log(self: &Arc<Self>, id: &str, changes: Changes) -> Result<(), TrainingError> {
        check(&changes)?;
        if !self.is_ready.load(Ordering::Acquire) {
            let message = "storage is starting; try again soon";
            return Err(TrainingError::Unavailable(message.to_owned()));
        }
        let open = self.open_run(id);
        // Nobody else finds milliseconds for values of this run meanwhile.
        let mut newest = open.lock().await;
        let (runs, wanted, known) = (Arc::clone(self), id.to_owned(), newest.clone());
        let (changes, placed) = apart(move || {
            let placed = runs.place(&wanted, &changes, known)?;
            Ok((changes, placed))
        })
        .await?;
        let Placed { batch, metrics, newest: ends } = placed;
        let sent = batch.len();
        let report = if batch.is_empty() { None } else { Some(self.sink.write(batch).await?) };
        *newest = Some(ends);
        let refused = report.as_ref().map_or(0, |report| report.refused_rows());
        self.points.fetch_add(changes.points.len() as u64, Ordering::Relaxed);
        let wanted = id.to_owned();
        self.write(move |writing, _| {
            let mut run = match open_run(&writing.reading(), &wanted)? {
                Ok(run) => run,
                Err(error) => return Ok(Err(error)),
            };
            for (key, value) in &changes.params {
                if let Some(known) = writing.add_training_param(&run.id, key, value)? {
                    return Ok(Err(changed_param(&run.id, key, &known, value)));
                }
            }
            for (key, value) in &changes.tags {
                writing.put_training_tag(&run.id, key, value)?;
            }
            for metric in &metrics {
                writing.merge_training_metric(&run.id, metric)?;
            }
            for input in &changes.inputs {
                writing.put_training_input(&run.id, input)?;
            }
            if let Some(file) = &changes.file {
                writing.put_training_file(file)?;
            }
            let updated_ms = metrics.iter().map(|metric| metric.newest_ms).max();
            if updated_ms > run.updated_ms {
                run.updated_ms = updated_ms;
                writing.put_training_run(&run)?;
            }
            let counts = writing.reading().training_counts(&run.id)?;
            let beyond =
                counts.iter().zip(["parameters", "tags", "metrics"]).find(|(count, _)| **count > MAX_OF_RUN);
            Ok(beyond.map_or(Ok(()), |(_, what)| Err(too_many(what))))
        })
        .await?;
        if refused == 0 {
            return Ok(());
        }
        self.refused.fetch_add(refused as u64, Ordering::Relaxed);
        let reasons = report.map(|report| report.refused).unwrap_or_default();
        let reasons: Vec<String> = reasons
            .iter()
            .map(|refusal| format!("{} ({})", refusal.example, refusal.reason.as_str()))
            .collect();
        let message = format!("{refused} of {sent} samples were refused: {}", reasons.join("; "));
        Err(TrainingError::Invalid(message))
    }

    fn place(&self, id: &str, changes: &Changes, known: Option<Newest>) -> Result<Placed, TrainingError> {
        let looked = self.ledger.read(|reading| {
            let run = match open_run(reading, id)? {
                Ok(run) => run,
                Err(error) => return Ok(Err(error)),
            };
            let experiment = reading.experiment(run.experiment)?;
            let details = if changes.params.is_empty() {
                BTreeMap::new()
            } else {
                reading.training_details(id)?.params
            };
            Ok(Ok((run, experiment.map_or_else(String::new, |experiment| experiment.name), details)))
        })?;
        let (run, experiment, params) = looked?;
        // Before anything is written.
        for (key, value) in &changes.params {
            if let Some(known) = params.get(key).filter(|known| *known != value) {
                return Err(changed_param(id, key, known, value));
            }
        }
        let mut known = match known {
            Some(known) => known,
            None if changes.points.is_empty() => return Ok(Placed::default()),
            None => points::newest(self.source.as_ref(), id)?,
        };
        let mut placed = points::place(self.source.as_ref(), &run, &experiment, &changes.points, &known)?;
        known.extend(std::mem::take(&mut placed.newest));
        if known.len() > MAX_OF_RUN {
            return Err(too_many("metrics"));
        }
        placed.newest = known;
        Ok(placed)
    }

    fn open_run(&self, id: &str) -> OpenRun {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.len() > REMEMBERED {
            open.retain(|_, run| Arc::strong_count(run) > 1);
        }
        Arc::clone(open.entry(id.to_owned()).or_default())
    }
}
