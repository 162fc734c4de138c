//! Requests at the edges of the API, with what Alertmanager 0.34 answers them.

use super::setup;
use crate::harness::Server;
use crate::harness::webhook::Webhook;
use serde_json::{Value, json};

const FAR: &str = "2120-01-01T00:00:00Z";

/// A silence of `a="b"` with one key another, or without it.
fn silence(key: &str, value: Value) -> Value {
    let matcher = json!({"name": "a", "value": "b", "isRegex": false});
    let mut silence = json!({"matchers": [matcher], "startsAt": "2020-01-01T00:00:00Z", "endsAt": FAR,
        "createdBy": "me", "comment": "c"});
    let all = silence.as_object_mut().unwrap();
    match value {
        Value::String(word) if word == "-" => all.remove(key),
        value => all.insert(key.to_owned(), value),
    };
    silence
}

async fn silenced(server: &Server, body: Value) -> String {
    let (status, answer) = server.post("/api/v2/silences", body.to_string()).await;
    assert_eq!(status, 200, "{body}: {answer}");
    serde_json::from_str::<Value>(&answer).unwrap()["silenceID"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn bodies_are_judged_as_alertmanager_judges_them() {
    let webhook = Webhook::start();
    let server = setup(&webhook).start().await;
    let alert = |more: &str| format!("[{{\"labels\":{{\"alertname\":\"A\"}}{more}}}]");
    for (body, expected, words) in [
        (String::new(), 422, "alerts in body is required"),
        ("null".to_owned(), 200, ""),
        ("[]".to_owned(), 200, ""),
        ("{}".to_owned(), 400, "parsing alerts body"),
        ("[{}]".to_owned(), 422, "0.labels in body is required"),
        (alert(",\"startsAt\":\"yesterday\""), 400, "yesterday"),
        (alert(",\"startsAt\":\"2026-01-01T10:00:00\""), 200, ""),
        (alert(",\"startsAt\":\"2026-01-01 10:00:00\""), 200, ""),
        (alert(",\"endsAt\":\"9999-12-31T23:59:59Z\""), 200, ""),
        (
            alert(",\"startsAt\":\"2026-01-02T00:00:00Z\",\"endsAt\":\"2026-01-01T00:00:00Z\""),
            400,
            "start time",
        ),
    ] {
        let (status, answer) = server.post("/api/v2/alerts", body.clone()).await;
        assert!(status == expected && answer.contains(words), "{body}: {status} {answer}");
    }
    let none = || json!("-");
    for (body, expected, words) in [
        (Value::Null, 422, "comment in body is required"),
        (json!({}), 422, "comment in body is required"),
        (silence("createdBy", none()), 422, "\"createdBy in body is required"),
        (silence("matchers", none()), 422, "\"matchers in body is required"),
        (silence("matchers", json!([])), 422, "\"matchers in body should have at least 1 items"),
        (silence("matchers", json!([{"name": "a"}])), 422, "\"matchers.0.isRegex in body is required"),
        (
            silence("endsAt", json!("2019-01-01T00:00:00Z")),
            400,
            "Failed to create silence: start time must be",
        ),
        (
            silence("endsAt", json!("2020-01-02T00:00:00Z")),
            400,
            "Failed to create silence: end time can't be",
        ),
        (silence("startsAt", json!("x")), 400, "parsing silence body"),
    ] {
        let (status, answer) = server.post("/api/v2/silences", body.to_string()).await;
        assert!(status == expected && answer.contains(words), "{body}: {status} {answer}");
    }
    let (status, answer) = server.post("/api/v2/silences", String::new()).await;
    assert!(status == 422 && answer.contains("silence in body is required"), "{answer}");
}

#[tokio::test]
async fn a_silence_may_be_for_ever_and_is_expired_as_often_as_somebody_asks() {
    let webhook = Webhook::start();
    let server = setup(&webhook).start().await;
    let id = silenced(&server, silence("endsAt", json!("9999-12-31T23:59:59Z"))).await;
    let path = format!("/api/v2/silence/{id}");
    let shown = server.get_json(&path).await;
    assert_eq!(
        (&shown["status"]["state"], &shown["endsAt"]),
        (&json!("active"), &json!("9999-12-30T22:00:00.000Z"))
    );
    let client = reqwest::Client::new();
    for _ in 0..2 {
        assert_eq!(client.delete(server.url(&path)).send().await.unwrap().status(), 200);
    }
    assert_eq!(server.get_json(&path).await["status"]["state"], "expired");
    let unknown = server.url("/api/v2/silence/00000000-0000-4000-8000-000000000000");
    assert_eq!(client.delete(unknown).send().await.unwrap().status(), 404);
}

#[tokio::test]
async fn filters_find_what_alertmanagers_find() {
    let webhook = Webhook::start();
    let server = setup(&webhook).start().await;
    let alerts =
        json!([{"labels": {"alertname": "A", "list": "x,y=z"}}, {"labels": {"alertname": "B", "list": "x"}}]);
    assert_eq!(server.post("/api/v2/alerts", alerts.to_string()).await.0, 200);
    let count = async |path: &str| server.get_json(path).await.as_array().map(Vec::len);
    for (query, expected) in [
        ("filter=list%3Dx,y%3Dz", 1),
        ("filter=%7Blist%3D%22x%22,alertname%3D%22B%22%7D", 1),
        ("filter=%7Blist%3D%22x%22,alertname%3D%22A%22%7D", 0),
        ("active=yes", 2),
        ("active=off", 0),
        ("active=", 2),
    ] {
        assert_eq!(count(&format!("/api/v2/alerts?{query}")).await, Some(expected), "{query}");
    }
    for query in ["filter=", "filter=%7B%7D", "filter=a", "receiver_matchers=", "receiver_matchers=x"] {
        let (status, answer) = server.get(&format!("/api/v2/alerts?{query}")).await;
        assert!(status == 400 && answer.contains("bad matcher format"), "{query}: {answer}");
        assert_eq!(
            answer.contains("failed to parse receiver_matchers param"),
            query.starts_with("rec"),
            "{answer}"
        );
    }
    for (is_regex, is_equal) in [(false, true), (false, false), (true, true)] {
        let matcher = json!([{"name": "a", "value": "b", "isRegex": is_regex, "isEqual": is_equal}, {"name": "c", "value": "d", "isRegex": false}]);
        silenced(&server, silence("matchers", matcher)).await;
    }
    for (filter, expected) in [
        ("a%3Db", 1),
        ("a!%3Db", 1),
        ("a%3D~b", 1),
        ("a!~b", 0),
        ("a!%3Dx", 0),
        ("c%3Dd", 3),
        ("e%3D%22%22", 0),
    ] {
        assert_eq!(count(&format!("/api/v2/silences?filter={filter}")).await, Some(expected), "{filter}");
    }
    let (status, answer) = server.get("/api/v2/nothing").await;
    assert_eq!(
        (status, answer.as_str()),
        (404, r#"{"code":404,"message":"path /api/v2/nothing was not found"}"#)
    );
}

#[tokio::test]
async fn groups_tell_the_labels_of_their_route() {
    let setup = crate::harness::Setup::new();
    let file = setup.write(
        "alertmanager.yml",
        "route: {receiver: r, group_by: [alertname], group_wait: 1h, labels: {of: '{{ .GroupLabels.alertname }}', team: a}}\n\
         receivers: [{name: r}]\n",
    );
    let server =
        setup.arg("--alerting.only").arg(format!("--alertmanager.file={}", file.display())).start().await;
    let alerts = json!([{"labels": {"alertname": "A"}}]);
    assert_eq!(server.post("/api/v2/alerts", alerts.to_string()).await.0, 200);
    let groups = server.get_json("/api/v2/alerts/groups").await;
    assert_eq!(groups[0]["routeLabels"], json!({"of": "A", "team": "a"}), "{groups}");
}
