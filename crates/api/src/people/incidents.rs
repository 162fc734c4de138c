//! `/api/v1/incidents`.

use super::{answer, body, duration, length, number, time, when};
use crate::app::App;
use crate::error::ApiError;
use crate::params::Params;
use crate::time::rfc3339;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use watchfire_alerting::oncall::Target;
use watchfire_alerting::{
    Acknowledge, IncidentAlert, IncidentFilter, IncidentState, IncidentStory, IncidentView, Told,
};
use watchfire_model::{Labels, Severity};

/// How many incidents are shown where nobody says how many, and how many at most.
const SHOWN: usize = 100;
const MOST: usize = 1_000;

pub(crate) async fn list(State(app): State<Arc<App>>, params: Params) -> Result<Response, ApiError> {
    let filter = filter(&app, &params)?;
    let found = app.alerting.incidents(filter).await.map_err(unread)?;
    let counts: Map<String, Value> = IncidentState::ALL
        .iter()
        .zip(found.counts)
        .map(|(state, count)| (state.as_str().to_owned(), Value::from(count)))
        .collect();
    let shown: Vec<Value> = found.shown.iter().map(summary).collect();
    Ok(answer(&json!({"total": found.total, "counts": counts, "incidents": shown})))
}

fn filter(app: &App, params: &Params) -> Result<IncidentFilter, ApiError> {
    let states = params.all("state").filter(|word| !word.is_empty()).map(|word| {
        IncidentState::ALL.into_iter().find(|state| state.as_str() == word).ok_or_else(|| {
            ApiError::bad_parameter("state", format!("{word:?}; expected firing, acknowledged or resolved"))
        })
    });
    let severities = params.all("severity").filter(|word| !word.is_empty()).map(|word| {
        Severity::named(word).ok_or_else(|| {
            ApiError::bad_parameter("severity", format!("{word:?}; expected critical, warning or info"))
        })
    });
    let mode = app.alerting.config().matcher_mode;
    let mut matchers = Vec::new();
    for text in params.all("filter").filter(|text| !text.is_empty()) {
        let parsed = mode.parse(text, "api").map_err(|error| ApiError::bad_parameter("filter", error))?;
        matchers.extend(parsed);
    }
    let count = |name: &str| -> Result<Option<usize>, ApiError> {
        let read = |text: &str| {
            text.parse::<usize>().map_err(|_| {
                ApiError::bad_parameter(name, format!("{text:?}; expected a whole number, 0 or more"))
            })
        };
        params.get(name).map(read).transpose()
    };
    Ok(IncidentFilter {
        states: states.collect::<Result<_, _>>()?,
        severities: severities.collect::<Result<_, _>>()?,
        matchers,
        text: params.get("q").unwrap_or_default().to_owned(),
        from_ms: params.time("from")?.unwrap_or(i64::MIN),
        to_ms: params.time("to")?.unwrap_or(i64::MAX),
        offset: count("offset")?.unwrap_or(0),
        limit: count("limit")?.unwrap_or(SHOWN).min(MOST),
    })
}

pub(crate) async fn one(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Response, ApiError> {
    let story = story(&app, number(&id)?).await?;
    let mut whole = summary(&story.view);
    if let Value::Object(whole) = &mut whole {
        let alerts: Vec<Value> = story.view.alerts.iter().map(alert).collect();
        whole.insert("alertList".to_owned(), Value::from(alerts));
        whole.insert("timeline".to_owned(), timeline(&story));
    }
    Ok(answer(&whole))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Taken {
    #[serde(default)]
    owner: String,
    #[serde(default)]
    note: String,
    #[serde(default)]
    expires: Option<String>,
    #[serde(default)]
    until: Option<String>,
    #[serde(default)]
    reminder: Option<String>,
}

pub(crate) async fn acknowledge(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    bytes: Bytes,
) -> Result<Response, ApiError> {
    let (id, taken) = (number(&id)?, body::<Taken>(&bytes)?);
    let until_ms = match (&taken.expires, &taken.until) {
        (Some(_), Some(_)) => {
            return Err(ApiError::bad_data("both expires and until are given; expected one of them"));
        }
        (Some(text), None) => Some(app.clock.now_ms().saturating_add(duration("expires", text)?)),
        (None, until) => until.as_deref().map(|text| time("until", text)).transpose()?,
    };
    let reminder_ms = taken.reminder.as_deref().map(|text| duration("reminder", text)).transpose()?;
    let taken = Acknowledge { owner: taken.owner, note: taken.note, until_ms, reminder_ms };
    app.alerting.acknowledge(id, taken).await?;
    as_it_stands(&app, id).await
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Said {
    by: String,
    note: String,
    to: Option<Map<String, Value>>,
}

pub(crate) async fn unacknowledge(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    bytes: Bytes,
) -> Result<Response, ApiError> {
    let (id, said) = (number(&id)?, body::<Said>(&bytes)?);
    app.alerting.unacknowledge(id, said.by, said.note).await?;
    as_it_stands(&app, id).await
}

pub(crate) async fn note(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    bytes: Bytes,
) -> Result<Response, ApiError> {
    let (id, said) = (number(&id)?, body::<Said>(&bytes)?);
    app.alerting.note_incident(id, said.by, said.note).await?;
    as_it_stands(&app, id).await
}

pub(crate) async fn escalate(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    bytes: Bytes,
) -> Result<Response, ApiError> {
    let (id, said) = (number(&id)?, body::<Said>(&bytes)?);
    let to = said.to.map(|to| target(&to)).transpose()?;
    app.alerting.escalate(id, said.by, said.note, to).await?;
    as_it_stands(&app, id).await
}

fn target(to: &Map<String, Value>) -> Result<Target, ApiError> {
    let mut pairs = to.iter();
    let only = pairs.next().filter(|_| pairs.next().is_none());
    only.and_then(|(kind, name)| Target::of_words(kind, name.as_str()?)).ok_or_else(|| {
        ApiError::bad_data(
            "to is not understood; expected one of {\"person\": \"…\"}, schedule, rotation, receiver",
        )
    })
}

async fn story(app: &App, id: i64) -> Result<IncidentStory, ApiError> {
    let found = app.alerting.incident(id).await.map_err(unread)?;
    found.ok_or_else(|| ApiError::not_found(format!("there is no incident {id}")))
}

async fn as_it_stands(app: &App, id: i64) -> Result<Response, ApiError> {
    Ok(answer(&summary(&story(app, id).await?.view)))
}

fn unread(error: impl std::fmt::Display) -> ApiError {
    ApiError::unavailable(format!("the ledger could not be read: {error}"))
}

fn pairs(labels: &Labels) -> Map<String, Value> {
    labels.iter().map(|(name, value)| (name.to_owned(), Value::from(value))).collect()
}

fn summary(view: &IncidentView) -> Value {
    let incident = &view.incident;
    let firing = view.alerts.iter().filter(|alert| alert.ends_ms.is_none()).count();
    let acknowledgement = incident.acknowledgement.as_ref().map(|taken| {
        json!({
            "owner": taken.owner,
            "note": taken.note,
            "at": rfc3339(taken.at_ms),
            "until": when(taken.until_ms),
            "reminder": taken.reminder_ms.map(length),
            "nextReminderAt": when(taken.next_reminder_ms),
        })
    });
    let escalation = incident.escalation.as_ref().map(|escalation| {
        json!({
            "policy": escalation.policy,
            "step": escalation.step,
            "steps": view.policy.map(|(steps, _)| steps),
            "round": escalation.round,
            "repeat": view.policy.map(|(_, repeat)| repeat),
            "nextStepAt": when(escalation.next_ms),
        })
    });
    json!({
        "id": incident.id,
        "title": view.title(),
        "state": IncidentState::of(incident).as_str(),
        "severity": incident.severity.as_str(),
        "receiver": incident.receiver,
        "groupKey": incident.group_key,
        "groupLabels": pairs(&incident.labels),
        "commonLabels": view.common_labels(),
        "commonAnnotations": view.common_annotations(),
        "startsAt": rfc3339(incident.started_ms),
        "updatedAt": rfc3339(incident.updated_ms),
        "endsAt": when(incident.resolved_ms),
        "reopened": incident.reopened,
        "alerts": {"firing": firing, "resolved": view.alerts.len() - firing},
        "acknowledgement": acknowledgement,
        "escalation": escalation,
    })
}

fn alert(alert: &IncidentAlert) -> Value {
    json!({
        "fingerprint": format!("{:016x}", alert.fingerprint),
        "status": if alert.ends_ms.is_some() { "resolved" } else { "firing" },
        "labels": pairs(&alert.labels),
        "annotations": alert.annotations,
        "startsAt": rfc3339(alert.starts_ms),
        "endsAt": when(alert.ends_ms),
        "generatorURL": alert.generator_url,
    })
}

/// What happened and who was told, in order.
fn timeline(story: &IncidentStory) -> Value {
    let mut lines: Vec<(i64, Value)> = Vec::new();
    for event in &story.events {
        let alerts: Vec<String> = event.alerts.iter().map(|alert| format!("{alert:016x}")).collect();
        let line = json!({
            "at": rfc3339(event.at_ms),
            "kind": event.kind.as_str(),
            "actor": event.actor,
            "text": event.text,
            "alerts": alerts,
            "notification": null,
        });
        lines.push((event.at_ms, line));
    }
    for told in &story.notifications {
        let job = &told.job;
        let text = format!("{}: {}", job.receiver, job.reason);
        let alerts: Vec<String> =
            job.firing.iter().chain(&job.resolved).map(|alert| format!("{alert:016x}")).collect();
        let line = json!({
            "at": rfc3339(job.created_ms),
            "kind": "notified",
            "actor": null,
            "text": text,
            "alerts": alerts,
            "notification": notification(told),
        });
        lines.push((job.created_ms, line));
    }
    // What happened comes before who was told of it.
    lines.sort_by_key(|(at_ms, _)| *at_ms);
    lines.into_iter().map(|(_, line)| line).collect()
}

/// Nothing here says what was sent or where to: payloads and addresses may hold secrets.
fn notification(told: &Told) -> Value {
    let job = &told.job;
    let attempts: Vec<Value> = told
        .attempts
        .iter()
        .map(|attempt| {
            json!({
                "at": rfc3339(attempt.started_ms),
                "outcome": attempt.outcome.as_str(),
                "status": attempt.status,
                "latencyMs": attempt.latency_ms,
                "error": attempt.error,
            })
        })
        .collect();
    let is_open = job.finished_ms.is_none();
    json!({
        "job": job.id,
        "receiver": job.receiver,
        "integration": told.integration,
        "reason": job.reason,
        "state": job.state.as_str(),
        "nextTryAt": when(Some(job.next_try_ms).filter(|_| is_open)),
        "attempts": attempts,
    })
}
