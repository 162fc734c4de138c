//! `alerts/explain`: why somebody was told of an alert, or was not.

use super::history::{event, labels};
use super::routes::{node, suppression};
use super::{fingerprint, ledger_fault, matchers, source, time};
use crate::app::App;
use crate::error::ApiError;
use crate::format::{float_text, success};
use crate::params::Params;
use crate::time::rfc3339;
use axum::extract::State;
use axum::response::Response;
use serde_json::{Value, json};
use std::sync::Arc;
use watchfire_alerting::{
    AlertEventKind, AlertIdentity, DestinationView, ExplainQuery, Explained, NotificationView,
};
use watchfire_rules::{RuleKind, RuleStatus};

pub(crate) async fn explain(State(app): State<Arc<App>>, params: Params) -> Result<Response, ApiError> {
    let query = ExplainQuery {
        fingerprint: fingerprint(&params)?,
        matchers: matchers(&app, &params)?,
        at_ms: params.time("time")?.unwrap_or_else(|| app.clock.now_ms()),
        receiver: params.get("receiver").map(str::to_owned),
    };
    if query.fingerprint.is_none() && query.matchers.is_empty() {
        return Err(ApiError::bad_parameter(
            "filter",
            "say which alert: by filter=alertname=\"…\" or by fingerprint",
        ));
    }
    let at_ms = query.at_ms;
    let found = app.alerting.explain(query).await.map_err(ledger_fault)?;
    let Some(found) = found else {
        return Err(ApiError::not_found(
            "no alert like that has fired or been pending before that time, as far as history reaches",
        ));
    };
    Ok(success(&answer(&app, &found, at_ms)))
}

fn answer(app: &App, found: &Explained, at_ms: i64) -> Value {
    let identity = &found.identity;
    let steps: Vec<Value> = found
        .steps
        .iter()
        .map(|step| json!({"step": step.step, "verdict": step.verdict, "at": time(step.at_ms), "text": step.text}))
        .collect();
    json!({
        "at": rfc3339(at_ms),
        "alert": {
            "fingerprint": format!("{:016x}", identity.fingerprint),
            "labels": labels(&identity.labels),
            "annotations": found.annotations,
            "source": source(&identity.file),
            "rule": identity.rule,
            "group": identity.group,
            "file": identity.file,
        },
        "told": found.told,
        "summary": found.summary,
        "others": found.others,
        "steps": steps,
        "evaluation": evaluation(app, found),
        "events": found.events.iter().map(event).collect::<Vec<_>>(),
        "routing": {"tree": found.tree.as_ref().map(node), "changed": found.changed},
        "destinations": found.destinations.iter().map(destination).collect::<Vec<_>>(),
        "notes": found.notes,
    })
}

/// What its rule says of it; nothing for an alert from outside.
fn evaluation(app: &App, found: &Explained) -> Value {
    let identity = &found.identity;
    if identity.file.is_empty() {
        return Value::Null;
    }
    let last = found.events.iter().rev().find(|shown| shown.event.kind.is_of_life());
    let when = |kind: AlertEventKind| {
        found.events.iter().rev().find(|shown| shown.event.kind == kind).map(|shown| shown.event.at_ms)
    };
    let groups = app.rules.groups();
    let rule = rule_of(&groups, identity);
    let timing = rule.and_then(|rule| match &rule.kind {
        RuleKind::Alerting { hold, keep_firing_for, .. } => {
            Some((hold.as_secs_f64(), keep_firing_for.as_secs_f64()))
        }
        RuleKind::Recording { .. } => None,
    });
    json!({
        "state": last.map(|shown| shown.event.kind.as_str()),
        "expr": rule.map(|rule| rule.query.clone()),
        "for": timing.map(|timing| timing.0),
        "keepFiringFor": timing.map(|timing| timing.1),
        "value": last.and_then(|shown| shown.event.value).map(float_text),
        "activeAt": time(last.and_then(|shown| shown.event.active_ms).or_else(|| when(AlertEventKind::Pending))),
        "firedAt": time(when(AlertEventKind::Firing)),
        "resolvedAt": time(when(AlertEventKind::Resolved)),
        "lastEvaluation": time(rule.and_then(|rule| rule.last_evaluation_ms)),
        "health": rule.map(|rule| rule.health.as_str()),
        "lastError": rule.and_then(|rule| rule.last_error.clone()),
    })
}

fn rule_of<'g>(
    groups: &'g [Arc<watchfire_rules::GroupStatus>],
    identity: &AlertIdentity,
) -> Option<&'g RuleStatus> {
    let group = groups.iter().find(|group| group.name == identity.group && group.file == identity.file)?;
    let mut named = group
        .rules
        .iter()
        .filter(|rule| rule.name == identity.rule && matches!(rule.kind, RuleKind::Alerting { .. }));
    // Of several with one name the one that has the alert, else the first.
    let has = |rule: &&RuleStatus| match &rule.kind {
        RuleKind::Alerting { alerts, .. } => alerts
            .iter()
            .any(|alert| alert.labels.iter().all(|(name, value)| identity.labels.get(name) == Some(value))),
        RuleKind::Recording { .. } => false,
    };
    named.clone().find(has).or_else(|| named.next())
}

fn destination(view: &DestinationView) -> Value {
    let timers = view.timers.as_ref().map(|timers| {
        json!({
            "groupWait": timers.group_wait.as_secs_f64(),
            "groupInterval": timers.group_interval.as_secs_f64(),
            "repeatInterval": timers.repeat_interval.as_secs_f64(),
            "nextFlush": time(timers.next_flush_ms),
            "lastTold": time(timers.last_told_ms),
        })
    });
    json!({
        "receiver": view.receiver,
        "groupKey": view.group_key,
        "groupLabels": labels(&view.group_labels),
        "route": view.route,
        "verdict": view.verdict.as_str(),
        "text": view.text,
        "timers": timers,
        "suppressedBy": view.suppressed_by.iter().map(suppression).collect::<Vec<_>>(),
        "notifications": view.notifications.iter().map(notification).collect::<Vec<_>>(),
    })
}

fn notification(told: &NotificationView) -> Value {
    let job = &told.job;
    let attempts: Vec<Value> = told
        .attempts
        .iter()
        .map(|attempt| {
            json!({
                "startedAt": rfc3339(attempt.started_ms),
                "outcome": attempt.outcome.as_str(),
                "status": attempt.status,
                "latencyMs": attempt.latency_ms,
                "error": attempt.error,
            })
        })
        .collect();
    json!({
        "id": job.id,
        "integration": told.integration,
        "reason": job.reason,
        "state": job.state.as_str(),
        "tells": if told.is_firing { "firing" } else { "resolved" },
        "queuedAt": rfc3339(job.created_ms),
        "nextTry": time(job.finished_ms.is_none().then_some(job.next_try_ms)),
        "lastError": job.last_error,
        "attempts": attempts,
    })
}
