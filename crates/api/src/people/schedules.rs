//! `/api/v1/schedules`.

use super::{answer, body, length, named, number, time, when};
use crate::app::App;
use crate::error::ApiError;
use crate::params::Params;
use crate::time::rfc3339;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use watchfire_alerting::oncall::{OnCall, Schedule, Shift, calendar};
use watchfire_alerting::{NewOverride, Override};

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
/// What is shown where nobody says until when.
const SHOWN_MS: i64 = 14 * DAY_MS;
/// No more is shown at once.
const MOST_MS: i64 = 400 * DAY_MS;
/// What a calendar holds before and after now.
const CALENDAR_MS: (i64, i64) = (30 * DAY_MS, 180 * DAY_MS);

pub(crate) async fn list(State(app): State<Arc<App>>) -> Result<Response, ApiError> {
    let work = |app: &App| {
        let (oncall, now_ms) = (app.alerting.oncall(), app.clock.now_ms());
        let schedules = oncall.schedules.iter().map(|schedule| {
            let (now, next) = schedule.now_and_next(now_ms, &app.alerting.stands(&schedule.name));
            json!({
                "name": schedule.name,
                "timeZone": schedule.zone.iana_name(),
                "onCall": now.as_ref().map(|shift| shift.people.clone()).unwrap_or_default(),
                "until": when(now.map(|shift| shift.to_ms).or(next.as_ref().map(|shift| shift.from_ms))),
                "next": next.map(|shift| shift.people).unwrap_or_default(),
            })
        });
        let people = oncall.people.iter().map(|person| {
            json!({
                "name": person.name,
                "fullName": person.full_name,
                "timeZone": person.zone.as_ref().and_then(|zone| zone.iana_name()),
                "receivers": person.receivers,
            })
        });
        Ok(json!({
            "schedules": schedules.collect::<Vec<_>>(),
            "people": people.collect::<Vec<_>>(),
            "policies": policies(&oncall),
        }))
    };
    Ok(answer(&app.blocking(work).await?))
}

fn policies(oncall: &OnCall) -> Vec<Value> {
    let words = |severities: &[watchfire_model::Severity]| -> Vec<&str> {
        severities.iter().map(|severity| severity.as_str()).collect()
    };
    let policies = oncall.policies.iter().map(|policy| {
        let steps = policy.steps.iter().map(|step| {
            let tell = step.tell.iter().map(|target| {
                let (kind, name) = target.words();
                Value::from(Map::from_iter([(kind.to_owned(), Value::from(name))]))
            });
            json!({
                "wait": length(i64::try_from(step.wait.as_millis()).unwrap_or(i64::MAX)),
                "tell": tell.collect::<Vec<_>>(),
                "severities": step.severities.as_deref().map(words),
            })
        });
        json!({
            "name": policy.name,
            "severities": words(&policy.severities),
            "repeat": policy.repeat,
            "steps": steps.collect::<Vec<_>>(),
        })
    });
    policies.collect()
}

fn schedule<'a>(oncall: &'a OnCall, name: &str) -> Result<&'a Schedule, ApiError> {
    oncall.schedule(name).ok_or_else(|| ApiError::not_found(format!("there is no schedule {name:?}")))
}

pub(crate) async fn one(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    params: Params,
) -> Result<Response, ApiError> {
    let now_ms = app.clock.now_ms();
    let from_ms = params.time("from")?.unwrap_or(now_ms);
    let to_ms = params.time("to")?.unwrap_or(from_ms.saturating_add(SHOWN_MS));
    if to_ms <= from_ms || to_ms.saturating_sub(from_ms) > MOST_MS {
        return Err(ApiError::bad_parameter("to", "the range is empty or longer than 400 days"));
    }
    let work = move |app: &App| {
        let oncall = app.alerting.oncall();
        let schedule = schedule(&oncall, &name)?;
        let (made, stands) = (app.alerting.overrides(&name), app.alerting.stands(&name));
        let shifts = schedule.shifts(from_ms, to_ms, &stands);
        let layers = schedule.layers.iter().map(|layer| {
            let shifts = layer.shifts(&schedule.zone, from_ms, to_ms);
            json!({"name": layer.name, "shifts": shifts.iter().map(shift).collect::<Vec<_>>()})
        });
        let calendars = app.calendars.of(&name);
        let calendars = calendars.iter().map(|view| {
            json!({
                "layer": view.layer,
                "readAt": when(view.read_ms),
                "reads": view.reads,
                "failures": view.failures,
                "error": view.error,
            })
        });
        let configured = schedule.overrides.iter().map(|stand| {
            let (from, to) = (rfc3339(stand.from_ms), rfc3339(stand.to_ms));
            json!({"id": null, "people": stand.people, "from": from, "to": to, "by": null, "note": stand.note})
        });
        let seen = |made: &&Override| made.content.from_ms < to_ms && made.content.to_ms > from_ms;
        let overrides: Vec<Value> = configured.chain(made.iter().filter(seen).map(one_override)).collect();
        let gaps = Schedule::gaps(from_ms, to_ms, &shifts);
        let gaps = gaps.into_iter().map(|(from, to)| json!({"from": rfc3339(from), "to": rfc3339(to)}));
        Ok(json!({
            "name": schedule.name,
            "timeZone": schedule.zone.iana_name(),
            "from": rfc3339(from_ms),
            "to": rfc3339(to_ms),
            "onCall": schedule.on_call(now_ms, &stands),
            "layers": layers.collect::<Vec<_>>(),
            "calendars": calendars.collect::<Vec<_>>(),
            "overrides": overrides,
            "final": shifts.iter().map(shift).collect::<Vec<_>>(),
            "gaps": gaps.collect::<Vec<_>>(),
        }))
    };
    Ok(answer(&app.blocking(work).await?))
}

fn shift(shift: &Shift) -> Value {
    json!({
        "from": rfc3339(shift.from_ms),
        "to": rfc3339(shift.to_ms),
        "people": shift.people,
        "layer": shift.by,
    })
}

fn one_override(made: &Override) -> Value {
    json!({
        "id": made.id,
        "people": made.content.people,
        "from": rfc3339(made.content.from_ms),
        "to": rfc3339(made.content.to_ms),
        "by": named(&made.content.created_by),
        "note": made.content.note,
    })
}

/// The shifts of a schedule, or those of one person, for other calendars to subscribe to.
pub(crate) async fn calendar(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    params: Params,
) -> Result<Response, ApiError> {
    let person = params.get("person").map(str::to_owned);
    let work = move |app: &App| {
        let (oncall, now_ms) = (app.alerting.oncall(), app.clock.now_ms());
        let schedule = schedule(&oncall, &name)?;
        if let Some(person) = person.as_deref().filter(|name| oncall.person(name).is_none()) {
            return Err(ApiError::bad_parameter("person", format!("person {person:?} is not known")));
        }
        let (before_ms, after_ms) = (now_ms - CALENDAR_MS.0, now_ms + CALENDAR_MS.1);
        let mut shifts = schedule.shifts(before_ms, after_ms, &app.alerting.stands(&name));
        shifts.retain(|shift| person.as_ref().is_none_or(|person| shift.people.contains(person)));
        Ok(calendar::write(&name, &shifts, now_ms))
    };
    let text = app.blocking(work).await?;
    Ok(([(CONTENT_TYPE, "text/calendar; charset=utf-8")], text).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Made {
    people: Vec<String>,
    from: String,
    to: String,
    #[serde(default)]
    by: String,
    #[serde(default)]
    note: String,
}

pub(crate) async fn add_override(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    bytes: Bytes,
) -> Result<Response, ApiError> {
    let made: Made = body(&bytes)?;
    let made = NewOverride {
        schedule: name,
        people: made.people,
        from_ms: time("from", &made.from)?,
        to_ms: time("to", &made.to)?,
        created_by: made.by,
        note: made.note,
    };
    let kept = app.alerting.add_override(made).await?;
    Ok(answer(&one_override(&kept)))
}

pub(crate) async fn remove_override(
    State(app): State<Arc<App>>,
    Path((name, id)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    app.alerting.remove_override(name, number(&id)?).await?;
    Ok(answer(&Value::Null))
}
