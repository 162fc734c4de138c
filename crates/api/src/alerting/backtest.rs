//! `rules/backtest`: how often a rule and a routing would have paged, from stored data.

mod answer;
mod missing;

use super::routes::configuration;
use crate::app::App;
use crate::error::ApiError;
use crate::format::success;
use crate::origin::Origin;
use crate::time::parse_time;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use watchfire_alerting::Simulation;
use watchfire_model::SampleValue;
use watchfire_promql::Value as Answer;
use watchfire_promql::engine::Query;
use watchfire_promql::value::VectorSample;
use watchfire_rules::backtest::{Life, Replay};
use watchfire_rules::{ReadOptions, Rule, RuleFile, Settings};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
const DEFAULT_MS: i64 = 30 * DAY_MS;
/// How many evaluations are asked of the engine at once.
const STEPS_AT_ONCE: i64 = 2_000;
/// How many evaluations one backtest may have.
const MOST_EVALUATIONS: i64 = 2_000_000;
/// How many lives of a rule are kept to be shown.
const MOST_LIVES: usize = 1_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    rules: String,
    #[serde(default)]
    rule: Option<String>,
    #[serde(default)]
    from: Option<serde_json::Value>,
    #[serde(default)]
    to: Option<serde_json::Value>,
    #[serde(default)]
    configuration: Option<String>,
}

/// A rule with what became of it.
struct Tested {
    replay: Replay,
    lives: Vec<Life>,
    left_out: u64,
    fired: u64,
    pending_only: u64,
    firing_ms: i64,
    longest_ms: i64,
    missing: Vec<missing::Gap>,
}

pub(crate) async fn backtest(
    State(app): State<Arc<App>>,
    origin: Origin,
    body: Bytes,
) -> Result<Response, ApiError> {
    let asked: Asked = serde_json::from_slice(&body).map_err(|error| {
        ApiError::bad_data(format!("the body is no question: {error}; expected {{\"rules\": \"groups: …\"}}"))
    })?;
    let now_ms = app.clock.now_ms();
    let to_ms = time("to", asked.to.as_ref())?.unwrap_or(now_ms);
    let from_ms = time("from", asked.from.as_ref())?.unwrap_or_else(|| to_ms.saturating_sub(DEFAULT_MS));
    if from_ms >= to_ms {
        return Err(ApiError::bad_parameter("from", "it is not before \"to\""));
    }
    let config = match asked.configuration.as_deref() {
        Some(text) => configuration(&app, text)?,
        None => (*app.alerting.config()).clone(),
    };
    let mut notes = Vec::new();
    if config.route.is_none() {
        notes.push("there is no alertmanager.yml, so nobody would have been told".to_owned());
    }
    let mut tested = rules(&app, &asked, from_ms, &mut notes)?;
    let evaluations: i64 = tested
        .iter()
        .map(|tested| to_ms.saturating_sub(from_ms) / tested.replay.timing().interval_ms + 1)
        .sum();
    if evaluations > MOST_EVALUATIONS {
        return Err(ApiError::bad_data(format!(
            "{evaluations} evaluations, more than the {MOST_EVALUATIONS} that one backtest may have; \
             ask for a shorter time, or for one rule with \"rule\""
        )));
    }
    let ran = to_ms.min(now_ms);
    if ran < to_ms {
        notes.push("the time after now is left out".to_owned());
    }
    let mut simulation = Simulation::new(config, from_ms).map_err(ApiError::internal_of)?;
    let mut silences = app.alerting.silences().await;
    silences.retain(|silence| silence.ends_ms > from_ms && silence.starts_ms < ran);
    let held = simulation.silence(silences).map_err(ApiError::internal_of)?;
    let retention = watchfire_model::duration::format(app.alerting.silence_retention());
    notes.push(format!(
        "{held} silences of that time held as they did; those that ended more than {retention} ago are forgotten and did not"
    ));
    let simulation = run(&app, &origin, &mut tested, simulation, (from_ms, ran)).await?;
    for tested in &mut tested {
        let expr = tested.replay.rule().expr.tree.clone();
        tested.missing =
            missing::gaps(&app, &origin, &expr, tested.replay.timing().interval_ms, (from_ms, ran)).await?;
        let left = tested.replay.finish();
        left.into_iter().for_each(|life| tested.count(life, ran));
    }
    Ok(success(&answer::answer(&tested, &simulation, (from_ms, to_ms), evaluations, &notes)))
}

fn time(name: &str, given: Option<&serde_json::Value>) -> Result<Option<i64>, ApiError> {
    let text = match given {
        None | Some(serde_json::Value::Null) => return Ok(None),
        Some(serde_json::Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    parse_time(&text).map(Some).map_err(|reason| ApiError::bad_parameter(name, reason))
}

fn rules(app: &App, asked: &Asked, from_ms: i64, notes: &mut Vec<String>) -> Result<Vec<Tested>, ApiError> {
    let file = "rules.yml";
    let options = ReadOptions { parse: app.parse, ..ReadOptions::default() };
    let parsed = RuleFile::parse(file, &asked.rules, options).map_err(|faults| {
        ApiError::bad_data(faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    })?;
    let settings = Settings {
        evaluation_interval: app.control.evaluation_interval(),
        external_labels: app.control.external_labels(),
        external_url: app.external_url.clone(),
        ..Settings::default()
    };
    let mut tested = Vec::new();
    let mut recorded = Vec::new();
    for group in &parsed.groups {
        for rule in &group.rules {
            let Rule::Alerting(rule) = rule else {
                recorded.push(rule.name().to_owned());
                continue;
            };
            if asked.rule.as_ref().is_some_and(|wanted| *wanted != rule.name) {
                continue;
            }
            let engine = (app.engine.clone(), Arc::clone(&app.source));
            tested.push(Tested {
                replay: Replay::new((file, group), rule, &settings, engine, from_ms),
                lives: Vec::new(),
                left_out: 0,
                fired: 0,
                pending_only: 0,
                firing_ms: 0,
                longest_ms: 0,
                missing: Vec::new(),
            });
        }
    }
    if tested.is_empty() {
        let names = match &asked.rule {
            Some(rule) => format!("no alerting rule is named {rule:?}"),
            None => "there is no alerting rule in it".to_owned(),
        };
        return Err(ApiError::bad_parameter("rules", names));
    }
    if !recorded.is_empty() {
        notes.push(format!(
            "recording rules are not evaluated; what is stored of {} counts",
            recorded.join(", ")
        ));
    }
    Ok(tested)
}

/// Evaluates chunk by chunk and lets the simulation follow. Whoever asked may leave at any time.
async fn run(
    app: &Arc<App>,
    origin: &Origin,
    tested: &mut Vec<Tested>,
    mut simulation: Simulation,
    (from_ms, to_ms): (i64, i64),
) -> Result<Simulation, ApiError> {
    let shortest_ms = tested.iter().map(|tested| tested.replay.timing().interval_ms).min().unwrap_or(1);
    let chunk_ms = shortest_ms.saturating_mul(STEPS_AT_ONCE);
    let mut begin_ms = from_ms;
    while begin_ms <= to_ms {
        let end_ms = begin_ms.saturating_add(chunk_ms - 1).min(to_ms);
        let mut answers = Vec::with_capacity(tested.len());
        for tested in tested.iter() {
            answers.push(ask(app, origin, &tested.replay, (begin_ms, end_ms)).await?);
        }
        let mut moved = std::mem::take(tested);
        let task = move || {
            let outcome = follow(&mut moved, answers, &mut simulation, end_ms);
            (moved, simulation, outcome)
        };
        let outcome;
        (*tested, simulation, outcome) = tokio::task::spawn_blocking(task)
            .await
            .map_err(|panic| ApiError::internal(format!("the backtest failed unexpectedly: {panic}")))?;
        outcome?;
        begin_ms = end_ms.saturating_add(1);
    }
    Ok(simulation)
}

/// What an expression gives at each time of a rule within a span; times without an answer are there, too.
type Times = BTreeMap<i64, Vec<VectorSample>>;

async fn ask(
    app: &Arc<App>,
    origin: &Origin,
    replay: &Replay,
    (begin_ms, end_ms): (i64, i64),
) -> Result<Times, ApiError> {
    let timing = replay.timing();
    let late = begin_ms.saturating_sub(timing.first_ms).max(0);
    let skipped = late.div_euclid(timing.interval_ms) + i64::from(late % timing.interval_ms != 0);
    let first_ms = timing.first_ms.saturating_add(skipped.saturating_mul(timing.interval_ms));
    let mut times = Times::new();
    let mut at_ms = first_ms;
    while at_ms <= end_ms {
        times.insert(at_ms, Vec::new());
        at_ms = at_ms.saturating_add(timing.interval_ms);
    }
    let Some(last_ms) = times.keys().next_back().copied() else { return Ok(times) };
    let offset_ms = timing.offset_ms;
    let rule = replay.rule();
    let (start_ms, stop_ms) = (first_ms.saturating_sub(offset_ms), last_ms.saturating_sub(offset_ms));
    let query = Query::range(rule.expr.tree.clone(), start_ms, stop_ms, timing.interval_ms);
    let text = format!("backtest of {}: {}", rule.name, rule.expr.text);
    app.evaluate(query, &text, (origin.clone(), false), move |result, _| {
        if let Answer::Matrix(series) = result.value {
            for series in series {
                for (asked_ms, value) in series.samples.iter() {
                    let value = match value {
                        SampleValue::Float(value) => SampleValue::Float(value),
                        SampleValue::Histogram(_) => SampleValue::Float(0.0),
                    };
                    let labels = series.labels.clone();
                    if let Some(samples) = times.get_mut(&asked_ms.saturating_add(offset_ms)) {
                        samples.push(VectorSample { labels, timestamp_ms: asked_ms, value });
                    }
                }
            }
        }
        times
    })
    .await
}

fn follow(
    tested: &mut [Tested],
    answers: Vec<Times>,
    simulation: &mut Simulation,
    end_ms: i64,
) -> Result<(), ApiError> {
    let mut steps: BTreeMap<i64, Vec<(usize, Vec<VectorSample>)>> = BTreeMap::new();
    for (index, times) in answers.into_iter().enumerate() {
        for (at_ms, samples) in times {
            steps.entry(at_ms).or_default().push((index, samples));
        }
    }
    for (at_ms, found) in steps {
        for (index, samples) in found {
            let Some(tested) = tested.get_mut(index) else { continue };
            let Some((evaluation, ended)) = tested.replay.step(at_ms, samples) else { continue };
            simulation.pass_to(at_ms).map_err(ApiError::internal_of)?;
            simulation.commit(&evaluation).map_err(ApiError::internal_of)?;
            ended.into_iter().for_each(|life| tested.count(life, at_ms));
        }
    }
    simulation.pass_to(end_ms).map_err(ApiError::internal_of)
}

impl Tested {
    fn count(&mut self, life: Life, now_ms: i64) {
        match life.fired_ms {
            Some(fired_ms) => {
                let lasted_ms = life.ended_ms.unwrap_or(now_ms).saturating_sub(fired_ms).max(0);
                self.fired += 1;
                self.firing_ms = self.firing_ms.saturating_add(lasted_ms);
                self.longest_ms = self.longest_ms.max(lasted_ms);
            }
            // What is still pending may yet fire.
            None => self.pending_only += u64::from(life.ended_ms.is_some()),
        }
        if self.lives.len() < MOST_LIVES {
            self.lives.push(life);
        } else {
            self.left_out += 1;
        }
    }
}
