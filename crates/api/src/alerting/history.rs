//! `alerts/history` and `alerts/statistics`.

use super::{fingerprint, ledger_fault, matchers, seconds, source, span, time};
use crate::app::App;
use crate::error::ApiError;
use crate::format::{float_text, success};
use crate::params::Params;
use crate::time::rfc3339;
use axum::extract::State;
use axum::response::Response;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use watchfire_alerting::{
    AlertEventKind, By, Durations, GroupRef, HistoryEvent, HistoryQuery, RuleStatistics, StatisticsQuery,
};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
const DEFAULT_LIMIT: usize = 100;
const MOST: usize = 1000;

pub(crate) async fn history(State(app): State<Arc<App>>, params: Params) -> Result<Response, ApiError> {
    let (from_ms, to_ms) = span(&app, &params, DAY_MS)?;
    let limit = match params.get("limit") {
        None => DEFAULT_LIMIT,
        Some(text) => match text.parse::<usize>() {
            Ok(limit) if (1..=MOST).contains(&limit) => limit,
            _ => return Err(ApiError::bad_parameter("limit", format!("expected a number from 1 to {MOST}"))),
        },
    };
    let query = HistoryQuery {
        from_ms,
        to_ms,
        matchers: matchers(&app, &params)?,
        rules: params.all("rule").filter(|rule| !rule.is_empty()).map(str::to_owned).collect(),
        kinds: params.all("state").filter(|state| !state.is_empty()).map(kind).collect::<Result<_, _>>()?,
        fingerprint: fingerprint(&params)?,
        text: params.get("text").map(str::to_owned),
        limit,
        after: params.get("cursor").map(cursor).transpose()?,
    };
    let page = app.alerting.history(query).await.map_err(ledger_fault)?;
    let (limits, dropped) = app.alerting.history_limits();
    let events: Vec<Value> = page.events.iter().map(event).collect();
    let dropped: Vec<Value> =
        dropped.iter().map(|(rule, count)| json!({"rule": rule, "count": count})).collect();
    Ok(success(&json!({
        "events": events,
        "cursor": page.next.map(|(at_ms, id)| format!("{at_ms}-{id}")),
        "from": rfc3339(from_ms),
        "to": rfc3339(to_ms),
        "retention": limits.retention.as_secs_f64(),
        "oldest": time(page.oldest_ms),
        "dropped": dropped,
    })))
}

fn kind(text: &str) -> Result<AlertEventKind, ApiError> {
    AlertEventKind::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or_else(|| {
        let words: Vec<&str> = AlertEventKind::ALL.iter().map(|kind| kind.as_str()).collect();
        ApiError::bad_parameter("state", format!("{text:?}; expected one of {}", words.join(", ")))
    })
}

fn cursor(text: &str) -> Result<(i64, i64), ApiError> {
    // A time before 1970 begins with a dash of its own.
    text.rsplit_once('-')
        .and_then(|(at_ms, id)| Some((at_ms.parse().ok()?, id.parse().ok()?)))
        .ok_or_else(|| ApiError::bad_parameter("cursor", "expected what the answer before gave"))
}

/// One event, as all of alerting's routes show it.
pub(super) fn event(shown: &HistoryEvent) -> Value {
    let (event, identity) = (&shown.event, &shown.identity);
    let resolved = matches!(event.kind, AlertEventKind::Resolved | AlertEventKind::Inactive);
    json!({
        "id": event.id,
        "at": rfc3339(event.at_ms),
        "state": event.kind.as_str(),
        "fingerprint": format!("{:016x}", event.fingerprint),
        "labels": labels(&identity.labels),
        "annotations": shown.annotations,
        "value": event.value.map(float_text),
        "rule": identity.rule,
        "group": identity.group,
        "file": identity.file,
        "source": source(&identity.file),
        "activeAt": time(event.active_ms),
        "firedAt": time(event.fired_ms),
        "resolvedAt": time(resolved.then_some(event.at_ms)),
        "lasted": shown.lasted_ms().map(seconds),
        "groups": shown.detail.groups.iter().map(group).collect::<Vec<_>>(),
        "by": shown.detail.by.as_ref().map(by),
    })
}

pub(super) fn labels(labels: &watchfire_model::Labels) -> Value {
    Value::Object(labels.iter().map(|(name, value)| (name.to_owned(), json!(value))).collect::<Map<_, _>>())
}

fn group(group: &GroupRef) -> Value {
    json!({"key": group.key, "receiver": group.receiver})
}

fn by(by: &By) -> Value {
    json!({"kind": by.kind, "names": by.names})
}

pub(crate) async fn statistics(State(app): State<Arc<App>>, params: Params) -> Result<Response, ApiError> {
    let (from_ms, to_ms) = span(&app, &params, 7 * DAY_MS)?;
    let duration = |name: &str, default_ms: i64| {
        let given = params.duration_ms(name)?.unwrap_or(default_ms);
        if given < 0 { Err(ApiError::bad_parameter(name, "it is negative")) } else { Ok(given) }
    };
    let (within_ms, flap_ms) = (duration("within", 5 * 60_000)?, duration("flap", 15 * 60_000)?);
    let query = StatisticsQuery {
        from_ms,
        to_ms,
        matchers: matchers(&app, &params)?,
        rules: params.all("rule").filter(|rule| !rule.is_empty()).map(str::to_owned).collect::<BTreeSet<_>>(),
        within_ms,
        flap_ms,
    };
    let statistics = app.alerting.statistics(query).await.map_err(ledger_fault)?;
    let rules: Vec<Value> = statistics
        .rules
        .iter()
        .map(|rule| {
            let mut shown = numbers(rule);
            shown.insert("rule".to_owned(), json!(rule.rule));
            shown.insert("group".to_owned(), json!(rule.group));
            shown.insert("file".to_owned(), json!(rule.file));
            shown.insert("source".to_owned(), json!(source(&rule.file)));
            Value::Object(shown)
        })
        .collect();
    let days: Vec<Value> = statistics
        .days
        .iter()
        .map(|day| {
            let date = rfc3339(day.start_ms).get(..10).unwrap_or_default().to_owned();
            json!({"day": date, "fired": day.fired, "notifications": day.notifications})
        })
        .collect();
    Ok(success(&json!({
        "from": rfc3339(from_ms),
        "to": rfc3339(to_ms),
        "within": seconds(within_ms),
        "flap": seconds(flap_ms),
        "rules": rules,
        "total": Value::Object(numbers(&statistics.total)),
        "days": days,
        "truncated": statistics.truncated,
    })))
}

fn numbers(rule: &RuleStatistics) -> Map<String, Value> {
    let receivers: Vec<Value> = rule
        .receivers
        .iter()
        .map(|(receiver, count)| json!({"receiver": receiver, "notifications": count}))
        .collect();
    let shown = json!({
        "fired": rule.fired,
        "instances": rule.instances,
        "firing": rule.firing,
        "pendingOnly": rule.pending_only,
        "notifications": rule.notifications,
        "notificationsFailed": rule.notifications_failed,
        "firingSeconds": seconds(rule.firing_ms),
        "timeToResolve": durations(&rule.to_resolve),
        "timeToAcknowledge": durations(&rule.to_acknowledge),
        "flaps": rule.flaps,
        "shortLived": rule.short_lived,
        "receivers": receivers,
    });
    match shown {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

fn durations(durations: &Durations) -> Value {
    let quantile = |share: f64| durations.quantile_ms(share).map(seconds);
    json!({"count": durations.count(), "median": quantile(0.5), "p90": quantile(0.9)})
}
