//! What is derived of runs under way, as series: written every quarter of a minute, and ended with the run.

use crate::{Progress, Runs, TrainingError, TrainingRun};
use std::collections::HashSet;
use std::sync::{Arc, Weak};
use std::time::Duration;
use watchfire_ledger::{Experiment, RunDetails};
use watchfire_model::ingest::Batch;
use watchfire_model::{Labels, METRIC_NAME, Metadata, MetricType, STALE_NAN};

/// How often.
const EVERY: Duration = Duration::from_secs(15);
/// A run that is over is told for so long, so that somebody can be told how it ended.
const AFTERGLOW_MS: i64 = 30 * 60 * 1_000;
/// No more runs than this are told at once, the newest first.
const MOST_RUNS: usize = 1_000;

/// The series and what they say about themselves.
const FAMILIES: &[(&str, &str)] = &[
    ("training_run_info", "A training run under way or just over; 1, with where it stands as a label."),
    ("training_run_step", "The highest step that a run has told."),
    ("training_run_epoch", "The epoch that a run is in."),
    ("training_run_progress_ratio", "How much of a run is done, from 0 to 1."),
    ("training_run_eta_seconds", "How long a run still takes at its pace."),
    ("training_run_steps_per_second", "Steps per second over the last ten minutes."),
    ("training_run_loss", "The loss while training, of the highest step."),
    ("training_run_validation_loss", "The loss on data that is not trained on, of the highest step."),
    ("training_run_last_update_timestamp_seconds", "When a run last told a value."),
    ("training_run_stalled", "Whether a run has told nothing for much longer than a step takes (1)."),
    ("training_run_gpus", "How many GPUs a run uses."),
    ("training_run_gpu_utilization_ratio", "How busy the GPUs of a run are, from 0 to 1."),
    ("training_run_cost", "What a run has cost so far, in the currency of the configuration."),
    ("training_run_cost_per_step", "What a step costs, in the currency of the configuration."),
];

/// Writes what is derived until the runs are gone.
pub async fn publish(runs: Weak<Runs>) {
    let mut tick = tokio::time::interval(EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut told = HashSet::new();
    let mut is_described = false;
    loop {
        tick.tick().await;
        let Some(runs) = runs.upgrade() else { return };
        if !std::mem::replace(&mut is_described, true) {
            for (name, help) in FAMILIES {
                let metadata =
                    Metadata { kind: MetricType::Gauge, help: (*help).to_owned(), ..Metadata::default() };
                runs.sink.describe(&Labels::empty(), name, metadata);
            }
        }
        match once(&runs, &told).await {
            Ok(now) => told = now,
            Err(error) => tracing::warn!(%error, "what is derived of training runs could not be written"),
        }
    }
}

/// Writes what is derived now, ends the series that were told before and are told no more, and returns those that are.
pub(crate) async fn once(runs: &Arc<Runs>, told: &HashSet<Labels>) -> Result<HashSet<Labels>, TrainingError> {
    let (worker, before) = (Arc::clone(runs), told.clone());
    let (batch, now) = crate::runs::apart(move || {
        let at_ms = worker.clock.now_ms();
        let found = worker.ledger.read(|reading| {
            let since_ms = at_ms - AFTERGLOW_MS;
            let mut found = Vec::new();
            for run in reading.training_runs_told_since(since_ms, MOST_RUNS)? {
                let details = reading.training_details(&run.id)?;
                let experiment = reading.experiment(run.experiment)?;
                found.push((run, details, experiment));
            }
            Ok(found)
        })?;
        let rates = worker.rates();
        let mut batch = Batch::new();
        let mut now = HashSet::new();
        for (run, details, experiment) in &found {
            let progress = worker.progress(run, details, &rates)?;
            for (labels, value) in series(run, details, experiment.as_ref(), &progress) {
                batch.begin_shared(labels.clone());
                batch.push_float(at_ms, 0, value);
                now.insert(labels);
            }
        }
        for gone in before.difference(&now) {
            batch.begin_shared(gone.clone());
            batch.push_float(at_ms, 0, STALE_NAN);
        }
        Ok((batch, now))
    })
    .await?;
    if !batch.is_empty() {
        runs.sink.write(batch).await?;
    }
    Ok(now)
}

fn series(
    run: &TrainingRun,
    details: &RunDetails,
    experiment: Option<&Experiment>,
    progress: &Progress,
) -> Vec<(Labels, f64)> {
    let experiment = experiment.map_or("", |experiment| experiment.name.as_str());
    let own = [
        ("run_id", run.id.as_str()),
        ("run", run.name.as_str()),
        ("experiment", experiment),
        ("instance", run.host.as_str()),
    ];
    let mut told = Vec::new();
    let mut tell = |name: &str, more: &[(&str, &str)], value: Option<f64>| {
        if let Some(value) = value {
            let labels = own.into_iter().chain(more.iter().copied()).chain([(METRIC_NAME, name)]);
            told.push((Labels::from_pairs(labels), crate::points::ordinary(value)));
        }
    };
    let who =
        [("status", run.status.as_str()), ("user", run.user.as_str()), ("reporter", run.reporter.as_str())];
    tell("training_run_info", &who, Some(1.0));
    if run.status.is_over() {
        return told;
    }
    let loss = |loss: &Option<(String, f64)>| loss.as_ref().map(|(_, value)| *value);
    for (name, value) in [
        ("training_run_step", progress.step.map(|step| step as f64)),
        ("training_run_epoch", progress.epoch),
        ("training_run_progress_ratio", progress.ratio),
        ("training_run_eta_seconds", progress.eta_seconds),
        ("training_run_steps_per_second", progress.steps_per_second),
        ("training_run_loss", loss(&progress.loss)),
        ("training_run_validation_loss", loss(&progress.validation_loss)),
        ("training_run_last_update_timestamp_seconds", run.updated_ms.map(|at_ms| at_ms as f64 / 1_000.0)),
        (
            "training_run_stalled",
            (!details.metrics.is_empty()).then(|| f64::from(u8::from(progress.is_stalled))),
        ),
        ("training_run_gpus", progress.gpus.map(|gpus| gpus as f64)),
        ("training_run_gpu_utilization_ratio", progress.gpu_utilization),
        ("training_run_cost", progress.cost),
        ("training_run_cost_per_step", progress.cost_per_step),
    ] {
        tell(name, &[], value);
    }
    told
}

#[cfg(test)]
mod tests;
