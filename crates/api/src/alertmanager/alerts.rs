//! `/alerts` and `/alerts/groups`.

use super::{AmError, flag, matchers, time};
use crate::app::App;
use crate::format::{json, push_string};
use crate::params::Params;
use crate::time::rfc3339;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use std::borrow::Cow;
use std::sync::Arc;
use watchfire_alerting::{AlertFilter, AlertView, PostedAlert, TextPairs, Texts};
use watchfire_model::Labels;
use watchfire_model::matcher::{MatchOp, Matcher};

/// Until when an alert that its rule holds is shown to last: Prometheus sends such an end with every alert.
const HELD_MS: i64 = 5 * 60 * 1000;

pub(crate) async fn list(State(app): State<Arc<App>>, params: Params) -> Result<Response, AmError> {
    let filter = filter(&app, &params)?;
    let alerts = app.alerting.alerts(filter).await;
    let now_ms = app.clock.now_ms();
    let mut out = Vec::with_capacity(64 + alerts.len() * 512);
    push_all(&mut out, &alerts, |out, alert| push_alert(out, alert, now_ms));
    Ok(json(out))
}

pub(crate) async fn groups(State(app): State<Arc<App>>, params: Params) -> Result<Response, AmError> {
    let filter = AlertFilter { muted: flag(&params, "muted")?, ..filter(&app, &params)? };
    let groups = app.alerting.groups(filter).await;
    let now_ms = app.clock.now_ms();
    let mut out = Vec::new();
    push_all(&mut out, &groups, |out, group| {
        out.extend_from_slice(b"{\"alerts\":");
        push_all(out, &group.alerts, |out, alert| push_alert(out, alert, now_ms));
        out.extend_from_slice(b",\"labels\":");
        push_pairs(out, &group.labels);
        out.extend_from_slice(b",\"receiver\":{\"name\":");
        push_string(out, &group.receiver);
        out.extend_from_slice(b"},\"routeLabels\":");
        push_pairs(out, &group.route_labels);
        out.push(b'}');
    });
    Ok(json(out))
}

fn filter(app: &App, params: &Params) -> Result<AlertFilter, AmError> {
    let mode = app.alerting.config().matcher_mode;
    let receiver = match params.get("receiver") {
        None => None,
        Some(pattern) => Some(
            Matcher::new("receiver", MatchOp::Regex, pattern)
                .map_err(|error| AmError::bad(format!("failed to parse receiver param: {error}")))?,
        ),
    };
    // Everything here has been processed, so whoever asks only for the rest sees nothing.
    flag(params, "unprocessed")?;
    Ok(AlertFilter {
        active: flag(params, "active")?,
        silenced: flag(params, "silenced")?,
        inhibited: flag(params, "inhibited")?,
        muted: true,
        matchers: matchers(params, "filter", mode)?,
        receiver,
        receiver_matchers: matchers(params, "receiver_matchers", mode)?,
    })
}

/// A text as it stands in the body, copied only where it is escaped there.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Posted<'a> {
    #[serde(borrow)]
    labels: Option<TextPairs<'a>>,
    #[serde(borrow, default)]
    annotations: Option<TextPairs<'a>>,
    #[serde(borrow, default)]
    starts_at: Option<Text<'a>>,
    #[serde(borrow, default)]
    ends_at: Option<Text<'a>>,
    #[serde(borrow, default, rename = "generatorURL")]
    generator_url: Option<Text<'a>>,
}

/// Takes alerts from outside. Those that are right are on disk when this answers, also when others are wrong.
pub(crate) async fn post(State(app): State<Arc<App>>, body: Bytes) -> Result<Response, AmError> {
    let taken = app.alerting.post(posted(&body)?).await.map_err(AmError::internal)?;
    if taken.rejected.is_empty() {
        return Ok(().into_response());
    }
    let reasons: Vec<&str> = taken.rejected.iter().map(|rejected| rejected.0.as_str()).collect();
    Err(AmError::bad(reasons.join("; ")))
}

fn posted(body: &[u8]) -> Result<Vec<PostedAlert>, AmError> {
    if body.is_empty() {
        return Err(AmError::missing("alerts"));
    }
    let posted: Option<Vec<Posted<'_>>> =
        serde_json::from_slice(body).map_err(|error| AmError::body("alerts", error))?;
    let posted = posted.unwrap_or_default();
    let mut alerts: Vec<PostedAlert> = Vec::with_capacity(posted.len());
    for (index, posted) in posted.into_iter().enumerate() {
        let Some(labels) = posted.labels else { return Err(AmError::missing(&format!("{index}.labels"))) };
        let at = |text: Option<Text<'_>>| {
            time(text.as_ref().map(|text| text.0.as_ref())).map_err(|error| AmError::body("alerts", error))
        };
        let url = posted.generator_url.map_or(Cow::Borrowed(""), |url| url.0);
        // The alerts of a rule come together, and have one.
        let known = alerts.last().map(|last| &last.generator_url).filter(|known| ***known == *url);
        alerts.push(PostedAlert {
            generator_url: known.map_or_else(|| url.into(), Arc::clone),
            labels: Labels::from_pairs(labels.0.iter().map(|(name, value)| (name.as_ref(), value.as_ref()))),
            annotations: posted.annotations.map(|pairs| Texts::from_pairs(pairs.0)).unwrap_or_default(),
            starts_ms: at(posted.starts_at)?,
            ends_ms: at(posted.ends_at)?,
        });
    }
    Ok(alerts)
}

fn push_all<T>(out: &mut Vec<u8>, items: &[T], push: impl Fn(&mut Vec<u8>, &T)) {
    out.push(b'[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        push(out, item);
    }
    out.push(b']');
}

fn push_pairs<'a>(
    out: &mut Vec<u8>,
    pairs: impl IntoIterator<Item = (impl AsRef<str> + 'a, impl AsRef<str> + 'a)>,
) {
    out.push(b'{');
    for (index, (name, value)) in pairs.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        push_string(out, name.as_ref());
        out.push(b':');
        push_string(out, value.as_ref());
    }
    out.push(b'}');
}

fn push_alert(out: &mut Vec<u8>, alert: &AlertView, now_ms: i64) {
    let suppressed =
        !(alert.silenced_by.is_empty() && alert.inhibited_by.is_empty() && alert.muted_by.is_empty());
    let state: &[u8] = if suppressed { b"suppressed" } else { b"active" };
    let ends_ms = alert.ends_ms.unwrap_or_else(|| alert.updated_ms.max(now_ms).saturating_add(HELD_MS));
    out.extend_from_slice(b"{\"annotations\":");
    out.extend_from_slice(alert.annotations.as_json().as_bytes());
    for (key, time_ms) in
        [("endsAt", ends_ms), ("startsAt", alert.starts_ms), ("updatedAt", alert.updated_ms)]
    {
        out.extend_from_slice(b",\"");
        out.extend_from_slice(key.as_bytes());
        out.extend_from_slice(b"\":");
        push_string(out, &rfc3339(time_ms));
    }
    out.extend_from_slice(b",\"fingerprint\":");
    push_string(out, &format!("{:016x}", alert.fingerprint));
    out.extend_from_slice(b",\"receivers\":");
    push_all(out, &alert.receivers, |out, name| {
        out.extend_from_slice(b"{\"name\":");
        push_string(out, name);
        out.push(b'}');
    });
    out.extend_from_slice(b",\"status\":{\"inhibitedBy\":");
    push_all(out, &alert.inhibited_by, |out, source| push_string(out, &format!("{source:016x}")));
    out.extend_from_slice(b",\"mutedBy\":");
    push_all(out, &alert.muted_by, |out, name| push_string(out, name));
    out.extend_from_slice(b",\"silencedBy\":");
    push_all(out, &alert.silenced_by, |out, id| push_string(out, id));
    out.extend_from_slice(b",\"state\":\"");
    out.extend_from_slice(state);
    out.extend_from_slice(b"\"}");
    if !alert.generator_url.is_empty() {
        out.extend_from_slice(b",\"generatorURL\":");
        push_string(out, &alert.generator_url);
    }
    out.extend_from_slice(b",\"labels\":");
    push_pairs(out, &alert.labels);
    out.push(b'}');
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn an_alert_has_every_key_that_clients_require_and_no_list_is_null() {
        let alert = AlertView {
            fingerprint: 255,
            labels: Labels::from_pairs([("alertname", "A\"b"), ("job", "x")]),
            annotations: Texts::from(BTreeMap::from([("summary".to_owned(), "<b>".to_owned())])),
            starts_ms: 1_700_000_000_000,
            ends_ms: None,
            updated_ms: 1_700_000_001_500,
            generator_url: "http://w/graph".into(),
            receivers: vec!["team".to_owned()],
            silenced_by: vec![],
            inhibited_by: vec![],
            muted_by: vec![],
        };
        let text = |alert: &AlertView| {
            let mut out = Vec::new();
            push_alert(&mut out, alert, 1_700_000_002_000);
            serde_json::from_slice::<serde_json::Value>(&out).unwrap()
        };
        assert_eq!(
            text(&alert),
            serde_json::json!({
                "annotations": {"summary": "<b>"},
                "endsAt": "2023-11-14T22:18:22.000Z",
                "startsAt": "2023-11-14T22:13:20.000Z",
                "updatedAt": "2023-11-14T22:13:21.500Z",
                "fingerprint": "00000000000000ff",
                "receivers": [{"name": "team"}],
                "status": {"inhibitedBy": [], "mutedBy": [], "silencedBy": [], "state": "active"},
                "generatorURL": "http://w/graph",
                "labels": {"alertname": "A\"b", "job": "x"},
            })
        );
        let muted = AlertView { inhibited_by: vec![1], ends_ms: Some(0), ..alert };
        let muted = text(&muted);
        assert_eq!(muted["status"]["state"], "suppressed");
        assert_eq!(muted["status"]["inhibitedBy"], serde_json::json!(["0000000000000001"]));
        assert_eq!(muted["endsAt"], "1970-01-01T00:00:00.000Z");
    }

    #[test]
    fn posted_alerts_are_read_whatever_is_escaped_missing_or_said_twice() {
        let body = r#"[
            {"labels": {"b": "2", "a": "x\"y\u00e9", "empty": "", "b": "3"}, "annotations": {"z": "", "s": "\n"},
             "startsAt": "2023-11-14T22:13:20Z", "endsAt": "0001-01-01T00:00:00.000Z", "generatorURL": "http:\/\/w"},
            {"labels": {}, "annotations": null, "startsAt": null, "more": [1]}
        ]"#;
        let alerts = posted(body.as_bytes()).unwrap();
        assert_eq!(alerts[0].labels, Labels::from_pairs([("a", "x\"yé"), ("b", "3")]));
        assert_eq!(alerts[0].annotations.as_json(), r#"{"s":"\n","z":""}"#);
        assert_eq!((alerts[0].starts_ms, alerts[0].ends_ms), (Some(1_700_000_000_000), None));
        assert_eq!(&*alerts[0].generator_url, "http://w");
        assert_eq!(alerts[1], PostedAlert { generator_url: "".into(), ..PostedAlert::default() });
        assert!(posted(b"null").unwrap().is_empty());
        assert!(matches!(posted(b""), Err(AmError::Form(_, 602, _))), "a body must be there");
        assert!(posted(br#"[{"annotations": {}}]"#).is_err(), "labels must be there");
        assert!(posted(br#"[{"labels": {"a": 1}}]"#).is_err(), "values are texts");
        assert!(posted(br#"[{"labels": ["a"]}]"#).is_err());
    }
}
