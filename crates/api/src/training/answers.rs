//! Runs as JSON.

use crate::time::rfc3339;
use serde_json::{Map, Value, json};
use watchfire_training::{Experiment, Progress, Rates, RunDetails, TrainingMetric, TrainingRun};

/// A number; JSON has no others than finite ones, so those are texts.
pub(super) fn number(value: f64) -> Value {
    if value.is_nan() {
        "NaN".into()
    } else if value == f64::INFINITY {
        "+Inf".into()
    } else if value == f64::NEG_INFINITY {
        "-Inf".into()
    } else {
        value.into()
    }
}

pub(super) fn numbers(values: impl Iterator<Item = f64>) -> Value {
    values.map(number).collect::<Vec<_>>().into()
}

fn when(at_ms: Option<i64>) -> Value {
    at_ms.map_or(Value::Null, |at_ms| rfc3339(at_ms).into())
}

fn named(text: &str) -> Value {
    if text.is_empty() { Value::Null } else { text.into() }
}

/// A run with what is derived of it.
pub(super) fn run(
    run: &TrainingRun,
    details: &RunDetails,
    experiment: Option<&Experiment>,
    progress: &Progress,
    rates: &Rates,
    now_ms: i64,
) -> Value {
    let metrics: Map<String, Value> =
        details.metrics.iter().map(|(key, metric)| (key.clone(), one_metric(metric))).collect();
    json!({
        "id": run.id,
        "name": run.name,
        "experiment": {"id": run.experiment.to_string(), "name": experiment.map_or("", |experiment| experiment.name.as_str())},
        "status": run.status.as_str(),
        "stalled": progress.is_stalled,
        "startedAt": rfc3339(run.started_ms),
        "endedAt": when(run.ended_ms),
        "durationSeconds": (run.ended_ms.unwrap_or(now_ms) - run.started_ms).max(0) as f64 / 1_000.0,
        "updatedAt": when(run.updated_ms),
        "user": named(&run.user),
        "source": named(&run.source),
        "host": named(&run.host),
        "reporter": run.reporter,
        "deleted": run.deleted_ms.is_some(),
        "tags": details.tags,
        "params": details.params,
        "metrics": metrics,
        "progress": derived(progress, rates),
    })
}

fn one_metric(metric: &TrainingMetric) -> Value {
    json!({
        "last": number(metric.value),
        "step": metric.step,
        "at": rfc3339(metric.at_ms),
        "min": metric.min.map(number),
        "max": metric.max.map(number),
        "hasNaN": metric.has_nan,
    })
}

fn derived(progress: &Progress, rates: &Rates) -> Value {
    let loss = |loss: &Option<(String, f64)>| match loss {
        Some((key, value)) => (number(*value), Value::from(key.as_str())),
        None => (Value::Null, Value::Null),
    };
    let (training, training_key) = loss(&progress.loss);
    let (validation, validation_key) = loss(&progress.validation_loss);
    json!({
        "step": progress.step,
        "totalSteps": progress.total_steps,
        "epoch": progress.epoch,
        "totalEpochs": progress.total_epochs,
        "ratio": progress.ratio,
        "stepsPerSecond": progress.steps_per_second,
        "etaSeconds": progress.eta_seconds,
        "loss": training,
        "lossKey": training_key,
        "validationLoss": validation,
        "validationLossKey": validation_key,
        "gpus": progress.gpus,
        "gpuUtilization": progress.gpu_utilization,
        "costPerStep": progress.cost_per_step,
        "cost": progress.cost,
        "currency": rates.currency,
    })
}

/// A data set as its reporter told of it.
pub(super) fn input(input: &watchfire_training::TrainingInput) -> Value {
    let content: Value = serde_json::from_str(&input.content).unwrap_or_default();
    let word = |key: &str| content.pointer(key).and_then(Value::as_str).map_or(Value::Null, named);
    let tags = content.get("tags").and_then(Value::as_array).into_iter().flatten();
    let context = tags
        .filter(|tag| tag.get("key").and_then(Value::as_str) == Some("mlflow.data.context"))
        .find_map(|tag| tag.get("value").and_then(Value::as_str));
    json!({
        "name": input.name,
        "digest": input.digest,
        "sourceType": word("/dataset/source_type"),
        "source": word("/dataset/source"),
        "context": context,
    })
}
