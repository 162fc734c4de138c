//! Who has taken an incident on, as PagerDuty and Slack are told.

use super::*;
use crate::{Standing, told_standing};
use serde_json::json;

fn standing(owner: &str, is_all: bool) -> Notification {
    let mark = if owner.is_empty() { String::new() } else { format!("{owner}@1") };
    let standing = Standing {
        owner: owner.to_owned(),
        note: "on <it>".to_owned(),
        until_ms: Some(NOW_MS),
        mark,
        is_all,
    };
    Notification { standing: Some(standing), ..notification(Status::Firing) }
}

const PAGER: &str = "pagerduty_configs: [{routing_key: key-123, url: 'URL/v2/enqueue'}]";

#[tokio::test]
async fn pagerduty_is_told_that_somebody_has_it_and_nothing_else() {
    let (attempt, seen) = sent(PAGER, "{}", &standing("ada", true)).await;
    let events: Vec<serde_json::Value> = seen.iter().map(Seen::json).collect();
    let expected = json!({"routing_key": "key-123", "event_action": "acknowledge", "dedup_key": key_hash()});
    assert_eq!(events, [expected]);
    assert_eq!(told_standing(&attempt.receipt.unwrap()), "ada@1");
}

#[tokio::test]
async fn what_fires_while_somebody_has_it_is_triggered_and_acknowledged() {
    let (_, seen) = sent(PAGER, "{}", &standing("ada", false)).await;
    let actions: Vec<serde_json::Value> =
        seen.iter().map(|request| request.json()["event_action"].clone()).collect();
    assert_eq!(actions, ["trigger", "acknowledge"]);
    let (_, seen) = sent(PAGER, "{}", &standing("", false)).await;
    assert_eq!(seen.len(), 1, "nobody has it");
    let old = "pagerduty_configs: [{service_key: key-123, url: 'URL/v1'}]";
    let (_, seen) = sent(old, "{}", &standing("ada", false)).await;
    assert_eq!(seen.len(), 1, "version 1 is told alerts only");
}

#[tokio::test]
async fn slack_shows_in_its_message_who_has_it_and_calls_nobody_by_what_they_wrote() {
    for (key, path, text) in [
        ("link_names: false", "/api/chat.update", "/attachments/0/text"),
        ("update_message: true", "/api/chat.update", "/attachments/0/text"),
        ("thread_replies: true", "/api/chat.postMessage", "/text"),
    ] {
        let fake = Fake::new(vec![ok(r#"{"ok":true,"ts":"9.9","channel":"C1"}"#)]).await;
        let channel = channel(&format!(
            "slack_configs: [{{app_token: xoxb-1, app_url: '{}/api/chat.postMessage', channel: '#c', {key}}}]",
            fake.url
        ));
        let known = receipt("1.1");
        assert!(channel.takes_standing(&known, true) && channel.takes_standing(&known, false));
        assert!(!channel.takes_standing(&Receipt::new(), true), "no message is known");
        let attempt = channel.send(&standing("ada", true), Some(&known)).await;
        let seen = fake.seen();
        assert_eq!(seen[0].path, path, "{key}");
        let body = seen[0].json();
        let said = body.pointer(text).and_then(|text| text.as_str()).unwrap_or_default();
        let line = ":white_check_mark: Acknowledged by ada until 2026-02-03T12:00:00Z: on &lt;it&gt;";
        assert!(said.starts_with(line), "{key}: {body}");
        let left = attempt.receipt.unwrap();
        assert_eq!((left["ts"].as_str(), told_standing(&left)), ("1.1", "ada@1"), "{key}");
        let attempt = channel.send(&standing("", true), Some(&left)).await;
        assert!(!fake.seen()[1].body.contains("Acknowledged"), "{key}");
        assert_eq!(told_standing(&attempt.receipt.unwrap()), "", "{key}");
    }
    let hook = channel("slack_configs: [{api_url: 'http://x/services/y'}]");
    assert!(!hook.knows_standing(), "an incoming webhook knows no message again");
}
