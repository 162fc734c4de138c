//! Answers from PagerDuty and Slack over HTTP: heard when they are signed, and refused or without effect otherwise.

use crate::harness::webhook::Webhook;
use crate::harness::{PATIENCE, Server, Setup, encode, now_ms};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use watchfire_channels::{group_identity, signature};

const GROUP: &str = "{}:{alertname=\"Down\"}";

async fn start(webhook: &Webhook, integrations: &str) -> (Setup, Server) {
    let setup = Setup::new().config("alertmanager_file: alertmanager.yml\noncall_file: oncall.yml\n");
    setup.write(
        "alertmanager.yml",
        &format!(
            "route: {{receiver: team, group_by: [alertname], group_wait: 0s, group_interval: 1s}}\nreceivers: [{{name: team, webhook_configs: [{{url: '{}'}}]}}]\n",
            webhook.url
        ),
    );
    setup.write("oncall.yml", integrations);
    let server = setup.start().await;
    (setup, server)
}

const BOTH: &str = "integrations: {pagerduty: {secret: pd-secret}, slack: {signing_secret: slack-secret}}\n";

/// Fires the alert and gives the number of its incident.
async fn fire(server: &Server) -> i64 {
    let alerts = json!([{"labels": {"alertname": "Down", "severity": "critical"}}]).to_string();
    assert_eq!(server.post("/api/v2/alerts", alerts).await.0, 200);
    let started = Instant::now();
    loop {
        let list = server.get_json("/api/v1/incidents").await;
        if let Some(id) = list["data"]["incidents"][0]["id"].as_i64() {
            return id;
        }
        assert!(started.elapsed() < PATIENCE, "{list}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn owner(server: &Server, id: i64) -> Value {
    server.get_json(&format!("/api/v1/incidents/{id}")).await["data"]["acknowledgement"]["owner"].clone()
}

async fn sent(server: &Server, path: &str, headers: &[(&str, &str)], body: &str) -> (u16, String) {
    let mut request = server.client().post(server.url(path)).body(body.to_owned());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

/// Whether a body is refused for its size. Who is still writing when the answer comes may not get to read it.
async fn is_refused_unread(server: &Server, path: &str, body: String) -> bool {
    let answer = server.client().post(server.url(path)).body(body).send().await;
    answer.is_err() || answer.is_ok_and(|answer| answer.status() == 413)
}

fn rfc3339(at_ms: i64) -> String {
    jiff::Timestamp::from_millisecond(at_ms).unwrap().to_string()
}

fn event(kind: &str, id: &str, at_ms: i64, group: &str) -> String {
    json!({"event": {
        "id": id,
        "event_type": kind,
        "occurred_at": rfc3339(at_ms),
        "agent": {"summary": "Ada"},
        "data": {"type": "incident", "incident_key": group},
    }})
    .to_string()
}

async fn pagerduty(server: &Server, secret: &str, body: &str) -> u16 {
    let signed = format!("v1={}", signature(secret, body.as_bytes()));
    sent(server, "/hooks/pagerduty", &[("x-pagerduty-signature", &signed)], body).await.0
}

async fn slack(server: &Server, secret: &str, at_ms: i64, action: &str, group: &str) -> u16 {
    let payload = json!({"user": {"name": "ben"}, "actions": [{"name": action, "value": group}]}).to_string();
    let body = format!("payload={}", encode(&payload));
    let at = (at_ms / 1_000).to_string();
    let signed = format!("v0={}", signature(secret, format!("v0:{at}:{body}").as_bytes()));
    let headers = [("x-slack-signature", signed.as_str()), ("x-slack-request-timestamp", at.as_str())];
    sent(server, "/hooks/slack", &headers, &body).await.0
}

#[tokio::test]
async fn pagerduty_is_heard_when_it_is_signed_and_nobody_else_nor_twice() {
    let webhook = Webhook::start();
    let (_setup, server) = start(&webhook, BOTH).await;
    let id = fire(&server).await;
    let group = group_identity(GROUP);
    let taken = |event_id: &str, at_ms: i64| event("incident.acknowledged", event_id, at_ms, &group);
    let now = now_ms();
    assert_eq!(pagerduty(&server, "other", &taken("1", now)).await, 403);
    assert_eq!(sent(&server, "/hooks/pagerduty", &[], &taken("1", now)).await.0, 403);
    assert_eq!(owner(&server, id).await, Value::Null, "nobody was heard");
    assert_eq!(pagerduty(&server, "pd-secret", "{").await, 400, "signed, and no JSON");
    assert_eq!(pagerduty(&server, "pd-secret", &event("pagey.ping", "0", now, &group)).await, 200);
    let yesterday = taken("2", now - 86_400_000);
    assert_eq!(pagerduty(&server, "pd-secret", &yesterday).await, 200);
    assert_eq!(owner(&server, id).await, Value::Null, "it is older than the incident");
    let unknown = event("incident.acknowledged", "3", now, "0000");
    assert_eq!(pagerduty(&server, "pd-secret", &unknown).await, 200);
    assert_eq!(owner(&server, id).await, Value::Null, "it is about another incident");
    let good = taken("4", now);
    assert_eq!(pagerduty(&server, "pd-secret", &good).await, 200);
    assert_eq!(owner(&server, id).await, "Ada");
    assert_eq!(
        pagerduty(&server, "pd-secret", &event("incident.unacknowledged", "5", now, &group)).await,
        200
    );
    assert_eq!(owner(&server, id).await, Value::Null);
    assert_eq!(pagerduty(&server, "pd-secret", &good).await, 200);
    assert_eq!(owner(&server, id).await, Value::Null, "it was heard before");
    let large = format!("{{\"a\":\"{}\"}}", "x".repeat(2 << 20));
    assert!(is_refused_unread(&server, "/hooks/pagerduty", large).await);
    assert_eq!(owner(&server, id).await, Value::Null);
}

#[tokio::test]
async fn slack_is_heard_when_it_is_signed_now_and_nobody_else_nor_twice() {
    let webhook = Webhook::start();
    let (_setup, server) = start(&webhook, BOTH).await;
    let id = fire(&server).await;
    let group = group_identity(GROUP);
    let now = now_ms();
    assert_eq!(slack(&server, "other", now, "acknowledge", &group).await, 403);
    assert_eq!(slack(&server, "slack-secret", now - 600_000, "acknowledge", &group).await, 403, "too old");
    assert_eq!(slack(&server, "slack-secret", now + 600_000, "acknowledge", &group).await, 403, "from later");
    assert_eq!(slack(&server, "slack-secret", now, "acknowledge", "0000").await, 200);
    assert_eq!(slack(&server, "slack-secret", now, "dance", &group).await, 200);
    assert_eq!(owner(&server, id).await, Value::Null, "nobody was heard");
    assert_eq!(slack(&server, "slack-secret", now, "acknowledge", &group).await, 200);
    assert_eq!(owner(&server, id).await, "ben");
    assert_eq!(slack(&server, "slack-secret", now, "unacknowledge", &group).await, 200);
    assert_eq!(owner(&server, id).await, Value::Null);
    assert_eq!(slack(&server, "slack-secret", now, "acknowledge", &group).await, 200);
    assert_eq!(owner(&server, id).await, Value::Null, "the same press sent again");
    let large = format!("payload={}", "x".repeat(2 << 20));
    assert!(is_refused_unread(&server, "/hooks/slack", large).await);
}

#[tokio::test]
async fn without_a_secret_nobody_is_heard() {
    let webhook = Webhook::start();
    let (_setup, server) = start(&webhook, "people: []\n").await;
    let body = event("incident.acknowledged", "1", now_ms(), "0000");
    assert_eq!(pagerduty(&server, "", &body).await, 404);
    assert_eq!(slack(&server, "", now_ms(), "acknowledge", "0000").await, 404);
}
