//! How far a run is, how fast it goes, and what it costs: derived from what it told.

use crate::runs::Runs;
use crate::{RunDetails, RunStatus, TrainingError, TrainingMetric, TrainingRun};
use watchfire_model::{Labels, METRIC_NAME, Matcher, Samples, TimeRange};
use watchfire_promql::{SelectHints, Source};

/// A parameter with one of these names says how many steps there will be.
const TOTAL_STEPS: &[&str] = &[
    "total_steps",
    "max_steps",
    "num_training_steps",
    "num_steps",
    "n_steps",
    "trainer/max_steps",
    "train_steps",
];
/// A parameter with one of these names says how many epochs there will be.
const TOTAL_EPOCHS: &[&str] = &[
    "num_train_epochs",
    "max_epochs",
    "num_epochs",
    "total_epochs",
    "n_epochs",
    "epochs",
    "trainer/max_epochs",
];
/// The loss while training, the likeliest first.
const LOSS: &[&str] = &["loss", "train_loss", "train/loss", "training_loss", "train_loss_step", "loss/train"];
/// The loss on data that is not trained on, the likeliest first.
const VALIDATION_LOSS: &[&str] = &[
    "eval_loss",
    "val_loss",
    "validation_loss",
    "eval/loss",
    "val/loss",
    "valid_loss",
    "valid/loss",
    "loss/val",
    "test_loss",
];
/// Speed is measured over so long before the newest step.
const PACE_WINDOW_MS: i64 = 10 * 60 * 1_000;
/// A run that has told no step for so long may be stuck,
const STALL_AT_LEAST_MS: i64 = 5 * 60 * 1_000;
/// and it is where a step usually takes a tenth of it.
const STALL_STEPS: f64 = 10.0;

/// What is derived of a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Progress {
    /// The highest step.
    pub step: Option<i64>,
    /// How many there will be.
    pub total_steps: Option<i64>,
    /// The epoch.
    pub epoch: Option<f64>,
    /// How many there will be.
    pub total_epochs: Option<f64>,
    /// How much is done, from 0 to 1.
    pub ratio: Option<f64>,
    /// Steps per second, of late.
    pub steps_per_second: Option<f64>,
    /// How long it still takes, in seconds.
    pub eta_seconds: Option<f64>,
    /// The loss and the metric's name.
    pub loss: Option<(String, f64)>,
    /// The validation loss and the metric's name.
    pub validation_loss: Option<(String, f64)>,
    /// How many GPUs it uses.
    pub gpus: Option<usize>,
    /// How busy they are, from 0 to 1.
    pub gpu_utilization: Option<f64>,
    /// What a step costs.
    pub cost_per_step: Option<f64>,
    /// What it cost so far.
    pub cost: Option<f64>,
    /// Whether it should have told another step by now.
    pub is_stalled: bool,
}

/// What things cost.
#[derive(Clone, Debug, PartialEq)]
pub struct Rates {
    /// What a GPU costs an hour; a run's tag `gpu_price_per_hour` overrides it.
    pub gpu_per_hour: Option<f64>,
    /// In which currency.
    pub currency: String,
}

impl Default for Rates {
    fn default() -> Self {
        Self { gpu_per_hour: None, currency: "USD".to_owned() }
    }
}

impl Runs {
    /// Derives what can be derived. It reads the store and so blocks.
    pub fn progress(
        &self,
        run: &TrainingRun,
        details: &RunDetails,
        rates: &Rates,
    ) -> Result<Progress, TrainingError> {
        let source = self.source.as_ref();
        let now_ms = self.clock.now_ms();
        let mut progress = Progress::default();
        let leading = details.metrics.values().max_by_key(|metric| (metric.step, metric.newest_ms));
        progress.step = leading.map(|metric| metric.step);
        progress.total_steps = positive(details, TOTAL_STEPS).map(|steps| steps as i64);
        progress.epoch =
            details.metrics.get("epoch").map(|metric| metric.value).filter(|epoch| epoch.is_finite());
        progress.total_epochs = positive(details, TOTAL_EPOCHS);
        progress.loss = loss(details, LOSS, false);
        progress.validation_loss = loss(details, VALIDATION_LOSS, true);
        if let Some(metric) = leading {
            progress.steps_per_second = pace(source, run, metric)?;
        }
        let by_steps =
            progress.step.zip(progress.total_steps).map(|(step, total)| step as f64 / total as f64);
        let by_epochs = progress.epoch.zip(progress.total_epochs).map(|(epoch, total)| epoch / total);
        progress.ratio = by_steps.or(by_epochs).map(|ratio| ratio.clamp(0.0, 1.0));
        if run.status == RunStatus::Finished && progress.ratio.is_some() {
            progress.ratio = Some(1.0);
        }
        let is_running = run.status == RunStatus::Running;
        if is_running {
            progress.eta_seconds = eta(&progress, run);
            progress.is_stalled = is_stalled(run, progress.steps_per_second, now_ms);
        }
        self.costs(run, details, rates, now_ms, &mut progress)?;
        Ok(progress)
    }

    fn costs(
        &self,
        run: &TrainingRun,
        details: &RunDetails,
        rates: &Rates,
        now_ms: i64,
        progress: &mut Progress,
    ) -> Result<(), TrainingError> {
        let tagged = |key: &str| details.tags.get(key).and_then(|text| text.parse::<f64>().ok());
        let end_ms = run.ended_ms.unwrap_or(now_ms).min(now_ms);
        let seen = gpus(self.source.as_ref(), run, details, end_ms)?;
        let told = tagged("gpus").filter(|gpus| *gpus >= 0.0 && *gpus < 1e6).map(|gpus| gpus as usize);
        progress.gpus = told.or(seen.map(|(gpus, _)| gpus));
        progress.gpu_utilization = seen.map(|(_, utilization)| utilization);
        let price = tagged("gpu_price_per_hour").or(rates.gpu_per_hour).filter(|price| *price >= 0.0);
        let Some(((price, gpus), started_ms)) = price.zip(progress.gpus).zip(Some(run.started_ms)) else {
            return Ok(());
        };
        let per_second = price * gpus as f64 / 3_600.0;
        progress.cost = Some(per_second * (end_ms - started_ms).max(0) as f64 / 1_000.0);
        progress.cost_per_step =
            progress.steps_per_second.filter(|pace| *pace > 0.0).map(|pace| per_second / pace);
        Ok(())
    }
}

fn positive(details: &RunDetails, names: &[&str]) -> Option<f64> {
    let numbers = names.iter().filter_map(|name| details.params.get(*name)?.trim().parse::<f64>().ok());
    // -1 is how trainers say "not limited by this".
    numbers.into_iter().find(|number| *number > 0.0 && *number < 1e15)
}

fn loss(details: &RunDetails, names: &[&str], is_validation: bool) -> Option<(String, f64)> {
    let known = names.iter().find_map(|name| details.metrics.get(*name));
    let is_like = |key: &str| {
        let key = key.to_lowercase();
        key.contains("loss") && ["val", "eval", "test"].iter().any(|part| key.contains(part)) == is_validation
    };
    let metric = known.or_else(|| details.metrics.values().find(|metric| is_like(&metric.key)))?;
    Some((metric.key.clone(), metric.value))
}

/// Steps per second over the last minutes, or over the whole run where nothing is kept of them.
fn pace(
    source: &dyn Source,
    run: &TrainingRun,
    metric: &TrainingMetric,
) -> Result<Option<f64>, TrainingError> {
    let range = TimeRange::new(metric.newest_ms - PACE_WINDOW_MS, i64::MAX);
    let kept = crate::points::kept(source, &run.id, &metric.key, range, crate::history::MOST_VALUES)?;
    let logged = kept.iter().map(|(at_ms, kept)| (at_ms - kept.shift_ms, kept.step));
    let (first, last) = (logged.clone().min(), logged.max());
    let of = |(from_ms, from): (i64, i64), (to_ms, to): (i64, i64)| {
        (to_ms > from_ms && to > from).then(|| (to - from) as f64 * 1_000.0 / (to_ms - from_ms) as f64)
    };
    let recent = first.zip(last).and_then(|(first, last)| of(first, last));
    Ok(recent.or_else(|| of((metric.first_ms, metric.first_step), (metric.newest_ms, metric.step))))
}

fn eta(progress: &Progress, run: &TrainingRun) -> Option<f64> {
    if let (Some(step), Some(total), Some(pace)) =
        (progress.step, progress.total_steps, progress.steps_per_second)
    {
        return Some((total - step).max(0) as f64 / pace);
    }
    // By epochs: as long as what is left took so far.
    let ratio = progress.ratio.filter(|ratio| *ratio > 0.0)?;
    let took = (run.updated_ms? - run.started_ms).max(0) as f64 / 1_000.0;
    Some(took / ratio * (1.0 - ratio))
}

fn is_stalled(run: &TrainingRun, pace: Option<f64>, now_ms: i64) -> bool {
    let silent_ms = now_ms - run.updated_ms.unwrap_or(run.started_ms);
    let usual_ms = pace.map_or(0.0, |pace| STALL_STEPS * 1_000.0 / pace);
    silent_ms > STALL_AT_LEAST_MS && silent_ms as f64 > usual_ms
}

/// How many GPUs a run uses and how busy they are: those of its process where it told which that is, else those of its host.
fn gpus(
    source: &dyn Source,
    run: &TrainingRun,
    details: &RunDetails,
    end_ms: i64,
) -> Result<Option<(usize, f64)>, TrainingError> {
    if run.host.is_empty() {
        return Ok(None);
    }
    let range = TimeRange::new(end_ms - PACE_WINDOW_MS / 2, end_ms);
    // By name and not by a pattern made of it: it comes from outside.
    let is_here = |labels: &Labels| {
        let rest = labels.get("instance").and_then(|instance| instance.strip_prefix(run.host.as_str()));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
    };
    let mut own = Vec::new();
    if let Some(pid) = details.tags.get("pid") {
        let matchers = [
            Matcher::equal(METRIC_NAME, "gpu_process_memory_used_bytes"),
            Matcher::equal("pid", pid.as_str()),
        ];
        let mut stream = source.select(&matchers, range, &SelectHints::default())?;
        let mut samples = Samples::default();
        while let Some(labels) = stream.next(&mut samples)? {
            own.extend(labels.get("gpu_uuid").filter(|_| is_here(&labels)).map(str::to_owned));
        }
    }
    for name in ["gpu:utilization_ratio", "gpu_utilization_ratio"] {
        let matchers = [Matcher::equal(METRIC_NAME, name)];
        let mut stream = source.select(&matchers, range, &SelectHints::default())?;
        let mut samples = Samples::default();
        let (mut count, mut sum) = (0, 0.0);
        while let Some(labels) = stream.next(&mut samples)? {
            let is_own = own.is_empty()
                || labels.get("gpu_uuid").is_some_and(|uuid| own.iter().any(|own| own == uuid));
            let numbers: Vec<f64> =
                samples.floats.iter().copied().filter(|value| value.is_finite()).collect();
            if is_own && is_here(&labels) && !numbers.is_empty() {
                count += 1;
                sum += numbers.iter().sum::<f64>() / numbers.len() as f64;
            }
        }
        if count > 0 {
            return Ok(Some((count, sum / count as f64)));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests;
