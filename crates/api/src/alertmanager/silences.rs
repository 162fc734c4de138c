//! `/silences` and `/silence/{id}`.

use super::{AmError, flag, matchers, time};
use crate::app::App;
use crate::format::json;
use crate::params::Params;
use crate::time::rfc3339;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use watchfire_alerting::{AlertMatcher, PostedSilence, Silence, SilenceError, SilenceMatcher, SilenceState};
use watchfire_model::matcher::MatchOp;

pub(crate) async fn list(State(app): State<Arc<App>>, params: Params) -> Result<Response, AmError> {
    let wanted = matchers(&params, "filter", app.alerting.config().matcher_mode)?;
    let creators: Vec<&str> = params.all("creator").collect();
    let states = [
        (SilenceState::Active, flag(&params, "active")?),
        (SilenceState::Pending, flag(&params, "pending")?),
        (SilenceState::Expired, flag(&params, "expired")?),
    ];
    let now_ms = app.clock.now_ms();
    let silences: Vec<Value> = app
        .alerting
        .silences()
        .await
        .iter()
        .filter(|silence| states.contains(&(SilenceState::of(silence, now_ms), true)))
        .filter(|silence| creators.is_empty() || creators.contains(&silence.created_by.as_str()))
        .filter(|silence| speaks_of(silence, &wanted))
        .map(|silence| body(silence, now_ms))
        .collect();
    Ok(json(Value::from(silences).to_string().into_bytes()))
}

/// Whether a silence has all matchers of a filter, each as it is written.
fn speaks_of(silence: &Silence, wanted: &[AlertMatcher]) -> bool {
    wanted.is_empty()
        || silence
            .matchers
            .iter()
            .any(|set| wanted.iter().all(|matcher| set.iter().any(|one| is_same(one, matcher))))
}

fn is_same(one: &SilenceMatcher, matcher: &AlertMatcher) -> bool {
    let op = match (one.is_regex, one.is_equal) {
        (false, true) => MatchOp::Equal,
        (false, false) => MatchOp::NotEqual,
        (true, true) => MatchOp::Regex,
        (true, false) => MatchOp::NotRegex,
    };
    (one.name.as_str(), op, one.value.as_str()) == (matcher.name(), matcher.op(), matcher.value())
}

pub(crate) async fn one(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Response, AmError> {
    let id = uuid(id)?;
    let silence = app.alerting.silence(id).await;
    let silence = silence.ok_or_else(|| AmError::not_found("silence not found"))?;
    Ok(json(body(&silence, app.clock.now_ms()).to_string().into_bytes()))
}

pub(crate) async fn expire(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Response, AmError> {
    match app.alerting.expire_silence(uuid(id)?).await {
        // Whoever asks again has what they want.
        Ok(_) | Err(SilenceError::Expired(_)) => {}
        Err(error) => return Err(refusal(error)),
    }
    Ok(StatusCode::OK.into_response())
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Posted {
    #[serde(default)]
    id: Option<String>,
    matchers: Option<Vec<PostedMatcher>>,
    starts_at: Option<String>,
    ends_at: Option<String>,
    created_by: Option<String>,
    comment: Option<String>,
    #[serde(default)]
    annotations: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PostedMatcher {
    name: Option<String>,
    value: Option<String>,
    is_regex: Option<bool>,
    #[serde(default)]
    is_equal: Option<bool>,
}

/// Keeps a silence; it is on disk when this answers.
pub(crate) async fn post(State(app): State<Arc<App>>, bytes: Bytes) -> Result<Response, AmError> {
    if bytes.is_empty() {
        return Err(AmError::missing("silence"));
    }
    let posted: Option<Posted> =
        serde_json::from_slice(&bytes).map_err(|error| AmError::body("silence", error))?;
    let posted = posted.unwrap_or_default();
    // In the order in which Alertmanager looks at them.
    let need = |value: Option<String>, key: &str| value.ok_or_else(|| AmError::missing(key));
    let comment = need(posted.comment, "comment")?;
    let created_by = need(posted.created_by, "createdBy")?;
    let ends_at = need(posted.ends_at, "endsAt")?;
    let matchers = posted.matchers.ok_or_else(|| AmError::missing("matchers"))?;
    if matchers.is_empty() {
        return Err(AmError::too_few("matchers"));
    }
    let mut set = Vec::new();
    for (index, matcher) in matchers.into_iter().enumerate() {
        let key = |name: &str| format!("matchers.{index}.{name}");
        set.push(SilenceMatcher {
            is_regex: matcher.is_regex.ok_or_else(|| AmError::missing(&key("isRegex")))?,
            name: need(matcher.name, &key("name"))?,
            value: need(matcher.value, &key("value"))?,
            is_equal: matcher.is_equal.unwrap_or(true),
        });
    }
    let starts_at = need(posted.starts_at, "startsAt")?;
    let at = |text: &str| time(Some(text)).map_err(|error| AmError::body("silence", error));
    let now_ms = app.clock.now_ms();
    let starts_ms = at(&starts_at)?.unwrap_or(now_ms);
    let ends_ms = at(&ends_at)?.unwrap_or(i64::MIN);
    if starts_ms >= ends_ms {
        return Err(AmError::bad("Failed to create silence: start time must be before end time"));
    }
    if ends_ms < now_ms {
        return Err(AmError::bad("Failed to create silence: end time can't be in the past"));
    }
    let silence = PostedSilence {
        id: posted.id.unwrap_or_default(),
        matchers: vec![set],
        starts_ms,
        ends_ms,
        created_by,
        comment,
        annotations: posted.annotations.unwrap_or_default(),
    };
    let id = app.alerting.put_silence(silence).await.map_err(refusal)?;
    Ok(json(json!({ "silenceID": id }).to_string().into_bytes()))
}

fn refusal(error: SilenceError) -> AmError {
    match &error {
        SilenceError::NotFound => AmError::not_found(error),
        SilenceError::Invalid(_) => AmError::bad(error),
        _ => AmError::internal(error),
    }
}

/// Ids are UUIDs; anything else is refused before it is looked for.
fn uuid(id: String) -> Result<String, AmError> {
    let is_uuid = id.len() == 36
        && id.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        });
    if is_uuid {
        Ok(id)
    } else {
        Err(AmError::invalid(format!("silenceID in path must be of type uuid: {id:?}")))
    }
}

fn body(silence: &Silence, now_ms: i64) -> Value {
    // Version 2 of the API knows one set; of several, all are shown as the first.
    let matchers = silence.matchers.first().cloned().unwrap_or_default();
    let mut body = json!({
        "id": silence.id,
        "status": {"state": SilenceState::of(silence, now_ms).as_str()},
        "updatedAt": rfc3339(silence.updated_ms),
        "comment": silence.comment,
        "createdBy": silence.created_by,
        "endsAt": rfc3339(silence.ends_ms),
        "matchers": matchers
            .iter()
            .map(|one| json!({
                "isEqual": one.is_equal, "isRegex": one.is_regex, "name": one.name, "value": one.value,
            }))
            .collect::<Vec<Value>>(),
        "startsAt": rfc3339(silence.starts_ms),
    });
    if let (false, Some(object)) = (silence.annotations.is_empty(), body.as_object_mut()) {
        object.insert("annotations".to_owned(), json!(silence.annotations));
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_uuid_is_an_id() {
        assert!(uuid("0f0e1d2c-aaaa-4bbb-8ccc-0123456789ab".to_owned()).is_ok());
        for id in ["", "x", "0f0e1d2c-aaaa-4bbb-8ccc-0123456789aX", "0f0e1d2caaaa-4bbb-8ccc-0123456789abb"] {
            assert!(uuid(id.to_owned()).is_err(), "{id}");
        }
    }

    #[test]
    fn a_filter_finds_the_silences_that_have_its_matchers() {
        let one = |name: &str, value: &str| SilenceMatcher {
            name: name.to_owned(),
            value: value.to_owned(),
            is_regex: false,
            is_equal: true,
        };
        let silence = Silence {
            id: String::new(),
            matchers: vec![vec![one("job", "x"), one("zone", "a")]],
            starts_ms: 0,
            ends_ms: 1,
            updated_ms: 0,
            created_by: String::new(),
            comment: String::new(),
            annotations: BTreeMap::new(),
        };
        let shown = |text: &str| {
            speaks_of(&silence, &watchfire_alerting::MatcherMode::Fallback.parse(text, "test").unwrap())
        };
        assert!(shown("job=x") && shown("zone=a") && shown("job=x,zone=a") && shown(""));
        for other in ["job=y", "job!=x", "job=~x", "other=x", "other=\"\"", "zone=~\"a|b\"", "job=x,zone=b"] {
            assert!(!shown(other), "{other}");
        }
    }
}
