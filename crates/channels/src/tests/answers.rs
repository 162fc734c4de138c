use super::*;
use crate::Outcome;
use std::time::Duration;

/// Each channel, and what its server says when it agrees.
pub(super) const CHANNELS: [(&str, &str); 17] = [
    ("webhook_configs: [{url: 'URL/hook'}]", ""),
    ("slack_configs: [{api_url: 'URL/services/x', channel: '#c'}]", "ok"),
    ("pagerduty_configs: [{routing_key: key, url: 'URL/v2/enqueue'}]", "{}"),
    ("pagerduty_configs: [{service_key: key, url: 'URL/v1'}]", "{}"),
    ("msteamsv2_configs: [{webhook_url: 'URL/flow'}]", ""),
    ("msteams_configs: [{webhook_url: 'URL/connector'}]", "1"),
    ("opsgenie_configs: [{api_url: 'URL/', api_key: key}]", "{}"),
    ("discord_configs: [{webhook_url: 'URL/d'}]", ""),
    ("telegram_configs: [{api_url: 'URL', bot_token: token, chat_id: 7}]", r#"{"ok":true}"#),
    (
        "sns_configs: [{api_url: 'URL', topic_arn: 'arn:aws:sns:x:1:t', sigv4: {region: x, access_key: AKID, secret_key: secretkey}}]",
        "<x/>",
    ),
    ("mattermost_configs: [{webhook_url: 'URL/hooks/x'}]", "ok"),
    ("pushover_configs: [{api_url: 'URL/1/messages.json', user_key: user, token: token}]", "{}"),
    ("victorops_configs: [{api_url: 'URL', api_key: key1, routing_key: team}]", "{}"),
    (
        "webex_configs: [{api_url: 'URL', room_id: room, http_config: {authorization: {credentials: cred}}}]",
        "{}",
    ),
    (
        "rocketchat_configs: [{api_url: 'URL', token: tok1, token_id: id11, channel: c}]",
        r#"{"success":true}"#,
    ),
    ("incidentio_configs: [{url: 'URL/i', alert_source_token: token}]", "{}"),
    ("jira_configs: [{api_url: 'URL/rest/api/2', project: P, issue_type: Bug}]", r#"{"issues":[]}"#),
];

async fn answered(integration: &str, answer: Answer) -> Attempt {
    let fake = Fake::new(vec![answer]).await;
    channel(&integration.replace("URL", &fake.url)).send(&notification(Status::Firing), None).await
}

#[tokio::test]
async fn every_channel_tells_success_from_what_may_pass_and_from_refusal() {
    for (integration, agreed) in CHANNELS {
        let attempt = answered(integration, ok(agreed)).await;
        assert_eq!(attempt.outcome, Outcome::Delivered, "{integration}: {attempt:?}");
        assert_eq!(attempt.error, None, "{integration}");
        for status in [408, 429, 500, 502, 503, 504] {
            let attempt = answered(integration, (status, vec![], "no".to_owned())).await;
            assert_eq!(attempt.outcome, Outcome::Retry, "{integration}: {status}");
            assert_eq!(attempt.status, Some(status), "{integration}");
        }
        for status in [400, 401, 404, 413] {
            let attempt = answered(integration, (status, vec![], "wrong key".to_owned())).await;
            assert_eq!(attempt.outcome, Outcome::Dead, "{integration}: {status}");
            let error = attempt.error.unwrap();
            assert!(error.contains(&status.to_string()) && error.contains("wrong key"), "{error}");
        }
        let slow = vec![("retry-after", "7".to_owned())];
        let attempt = answered(integration, (429, slow, String::new())).await;
        assert_eq!(attempt.retry_after, Some(Duration::from_secs(7)), "{integration}");
    }
}

#[tokio::test]
async fn an_answer_that_never_comes_or_a_cut_connection_may_pass() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let silent = channel(&format!("webhook_configs: [{{url: '{url}', timeout: 50ms}}]"));
    let attempt = silent.send(&notification(Status::Firing), None).await;
    assert_eq!((attempt.outcome, attempt.status), (Outcome::Retry, None));
    drop(listener);
    let attempt = silent.send(&notification(Status::Firing), None).await;
    assert_eq!(attempt.outcome, Outcome::Retry);
    let error = attempt.error.unwrap();
    assert!(!error.contains(&url), "the address may be a secret: {error}");
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_no_refusal_and_counts_by_its_status_where_that_says_it_all() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut request = Vec::new();
                while !is_whole(&request) {
                    if stream.read_buf(&mut request).await.unwrap_or(0) == 0 {
                        return;
                    }
                }
                let half = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"ok\":tr";
                let _ = stream.write_all(half).await;
            });
        }
    });
    for (integration, outcome) in [
        (CHANNELS[0].0, Outcome::Delivered),
        (CHANNELS[1].0, Outcome::Retry),
        (CHANNELS[8].0, Outcome::Retry),
        (CHANNELS[14].0, Outcome::Retry),
        (CHANNELS[16].0, Outcome::Retry),
    ] {
        let attempt =
            channel(&integration.replace("URL", &url)).send(&notification(Status::Firing), None).await;
        assert_eq!(attempt.outcome, outcome, "{integration}: {attempt:?}");
    }
}

/// Whether all of a request's body is there.
fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request).to_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    body.len() >= length.map_or(0, |length| length.trim().parse().unwrap())
}

#[tokio::test]
async fn slack_says_in_the_body_what_it_thinks() {
    let app = "slack_configs: [{app_token: xoxb-1, app_url: 'URL/api/chat.postMessage', channel: '#c'}]";
    for (said, outcome) in [
        (r#"{"ok":true,"ts":"1.2","channel":"C1"}"#, Outcome::Delivered),
        (r#"{"ok":false,"error":"ratelimited"}"#, Outcome::Retry),
        (r#"{"ok":false,"error":"internal_error"}"#, Outcome::Retry),
        (r#"{"ok":false,"error":"channel_not_found"}"#, Outcome::Dead),
        (r#"{"ok":false,"error":"invalid_auth"}"#, Outcome::Dead),
    ] {
        let attempt = answered(app, ok(said)).await;
        assert_eq!(attempt.outcome, outcome, "{said}");
    }
    let hook = answered(CHANNELS[1].0, ok("no_service")).await;
    assert_eq!(hook.outcome, Outcome::Dead);
}

#[tokio::test]
async fn pauses_that_are_asked_for_in_the_body_are_heeded() {
    let telegram = (429, vec![], r#"{"ok":false,"parameters":{"retry_after":9}}"#.to_owned());
    assert_eq!(answered(CHANNELS[8].0, telegram).await.retry_after, Some(Duration::from_secs(9)));
    let discord = (429, vec![], r#"{"retry_after":0.5}"#.to_owned());
    assert_eq!(answered(CHANNELS[7].0, discord).await.retry_after, Some(Duration::from_millis(500)));
    let teams =
        ok("Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 429");
    assert_eq!(answered(CHANNELS[5].0, teams).await.outcome, Outcome::Retry);
    let sns = (400, vec![], "<Code>Throttling</Code>".to_owned());
    assert_eq!(answered(CHANNELS[9].0, sns).await.outcome, Outcome::Retry);
    let rocket = ok(r#"{"success":false,"error":"invalid channel"}"#);
    assert_eq!(answered(CHANNELS[14].0, rocket).await.outcome, Outcome::Dead);
    let old_pagerduty = (403, vec![], String::new());
    assert_eq!(answered(CHANNELS[3].0, old_pagerduty).await.outcome, Outcome::Retry);
}

#[tokio::test]
async fn a_template_that_fails_sends_a_plain_text_and_says_so() {
    let integration =
        "discord_configs: [{webhook_url: 'URL/d', title: '{{ .Nope }}', message: '{{ nofunc }}'}]";
    let (attempt, seen) = sent(integration, "", &notification(Status::Firing)).await;
    assert_eq!(attempt.outcome, Outcome::Delivered);
    let error = attempt.error.unwrap();
    assert!(error.contains("title: ") && error.contains("can't evaluate field Nope"), "{error}");
    let embed = &seen[0].json()["embeds"][0];
    assert_eq!(embed["title"], "[FIRING:1] Down");
    let text = embed["description"].as_str().unwrap();
    assert!(text.contains("alertname=Down") && text.contains("function \"nofunc\" not defined"), "{text}");
    // Without its address nobody can be told.
    let lost = channel("webhook_configs: [{url: 'http://{{ .Nope }}/'}]");
    assert_eq!(lost.send(&notification(Status::Firing), None).await.outcome, Outcome::Dead);
}

#[tokio::test]
async fn what_was_sent_is_shown_without_its_secrets() {
    for (integration, agreed) in CHANNELS {
        let fake = Fake::new(vec![ok(agreed)]).await;
        let channel = channel(&integration.replace("URL", &fake.url));
        let (_, exchanges) = channel.send_and_show(&notification(Status::Firing), None).await;
        let shown = format!("{exchanges:?}");
        assert_eq!(exchanges.len(), fake.seen().len(), "{integration}");
        for secret in ["secretkey", "xoxb-", "tok1", "key1", "cred", "Bearer token"] {
            let masked = !shown.contains(secret);
            assert!(masked, "{integration}: {secret} in {shown}");
        }
        assert!(shown.contains("POST ") || shown.contains("GET "), "{shown}");
    }
}
