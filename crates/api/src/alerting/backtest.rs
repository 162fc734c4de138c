//! `rules/backtest`: how often a rule and a routing would have paged, from stored data.

mod answer;
mod missing;
mod run;

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
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::Semaphore;
use watchfire_alerting::Simulation;
use watchfire_rules::backtest::{Backtest, Life, Limits, Plan};
use watchfire_rules::{ReadOptions, RuleFile, Settings};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
const DEFAULT_MS: i64 = 30 * DAY_MS;
/// How many backtests run at once; more wait.
const AT_ONCE: usize = 2;
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

/// A replay with what became of it.
struct Tested {
    backtest: Backtest,
    simulation: Simulation,
    /// Of each of the alerting rules.
    rules: Vec<Outcome>,
}

/// What became of a rule.
#[derive(Default)]
struct Outcome {
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
    let ran = to_ms.min(now_ms);
    if ran < to_ms {
        notes.push("the time after now is left out".to_owned());
    }
    let backtest = plan(&app, &asked, (from_ms, ran)).await?;
    let recorded = backtest.recorded();
    if !recorded.is_empty() {
        notes.push(format!(
            "what the recording rules of the file would have recorded counts, not what is stored of {}",
            recorded.join(", ")
        ));
    }
    let mut simulation = Simulation::new(config, from_ms).map_err(ApiError::internal_of)?;
    let mut silences = app.alerting.silences().await;
    silences.retain(|silence| silence.ends_ms > from_ms && silence.starts_ms < ran);
    let held = simulation.silence(silences).map_err(ApiError::internal_of)?;
    let retention = watchfire_model::duration::format(app.alerting.silence_retention());
    notes.push(format!(
        "{held} silences of that time held as they did; those that ended more than {retention} ago are forgotten and did not"
    ));
    let _slot = Arc::clone(&app.backtests)
        .acquire_owned()
        .await
        .map_err(|_| ApiError::unavailable("the server is shutting down"))?;
    let mut tested = run::run(&app, &origin, backtest, simulation).await?;
    for (name, group, error) in tested.backtest.faults() {
        if tested.backtest.recorded().contains(&name) {
            notes.push(format!("recording rule {name:?} of group {group:?} failed at some time: {error}"));
        }
    }
    for number in 0..tested.rules.len() {
        let missing = missing::gaps(&app, &origin, &tested.backtest, number, (from_ms, ran)).await?;
        let left = tested.backtest.finish(number);
        let Some(rule) = tested.rules.get_mut(number) else { continue };
        rule.missing = missing;
        left.into_iter().for_each(|life| rule.count(life, ran));
    }
    Ok(success(&answer::answer(&tested, (from_ms, to_ms), &notes)))
}

/// See [`App::backtests`].
pub(crate) fn slots() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(AT_ONCE))
}

fn time(name: &str, given: Option<&serde_json::Value>) -> Result<Option<i64>, ApiError> {
    let text = match given {
        None | Some(serde_json::Value::Null) => return Ok(None),
        Some(serde_json::Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    parse_time(&text).map(Some).map_err(|reason| ApiError::bad_parameter(name, reason))
}

/// Reads the rules and plans their replay, each group at the times at which one of its name is evaluated by this server.
async fn plan(app: &App, asked: &Asked, range: (i64, i64)) -> Result<Backtest, ApiError> {
    let options = ReadOptions { parse: app.parse, ..ReadOptions::default() };
    let file = RuleFile::parse("rules.yml", &asked.rules, options).map_err(|faults| {
        ApiError::bad_data(faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    })?;
    let settings = app.rules.settings().await.unwrap_or_else(|| Settings {
        evaluation_interval: app.control.evaluation_interval(),
        external_labels: app.control.external_labels(),
        external_url: app.external_url.clone(),
        ..Settings::default()
    });
    let mut places = HashMap::new();
    for group in app.rules.groups() {
        places.entry(group.name.clone()).or_insert_with(|| group.file.clone());
    }
    let limits = Limits::default();
    let plan = Plan {
        file: &file,
        only: asked.rule.as_deref(),
        settings: &settings,
        places: &places,
        range,
        limits,
    };
    let backtest = Backtest::new(&plan, &app.engine, Arc::clone(&app.source)).map_err(ApiError::bad_data)?;
    if backtest.replays().is_empty() {
        let names = match &asked.rule {
            Some(rule) => format!("no alerting rule is named {rule:?}"),
            None => "there is no alerting rule in it".to_owned(),
        };
        return Err(ApiError::bad_parameter("rules", names));
    }
    Ok(backtest)
}

impl Outcome {
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
