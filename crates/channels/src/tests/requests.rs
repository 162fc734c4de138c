use super::*;
use crate::Outcome;
use serde_json::json;

fn firing() -> Notification {
    notification(Status::Firing)
}

#[tokio::test]
async fn a_webhook_may_have_a_payload_a_signature_and_an_address_of_its_own() {
    let integration = "webhook_configs: [{url: 'URL/{{ .Status }}', hmac_secret: s3cret, http_config: {basic_auth: {username: u, password: p}, http_headers: {X-A: {values: [b]}}}, payload: {n: '{{ len .Alerts }}', list: ['{{ .Status }}'], flag: true}}]";
    let (attempt, seen) = sent(integration, "", &firing()).await;
    assert_eq!(attempt.outcome, Outcome::Delivered, "{attempt:?}");
    let seen = &seen[0];
    assert_eq!((seen.method.as_str(), seen.path.as_str()), ("POST", "/firing"));
    assert_eq!(seen.json(), json!({"n": 1, "list": ["firing"], "flag": true}));
    assert_eq!(seen.header("authorization"), Some("Basic dTpw"));
    assert_eq!(seen.header("x-a"), Some("b"));
    assert_eq!(seen.header("idempotency-key"), Some("delivery-1"));
    let signature = crate::encoding::hex(&crate::encoding::hmac_sha256(b"s3cret", seen.body.as_bytes()));
    assert_eq!(seen.header("x-watchfire-signature-256"), Some(format!("sha256={signature}").as_str()));
}

#[tokio::test]
async fn a_token_is_fetched_once_by_client_credentials() {
    let token = ok(r#"{"access_token":"tok","expires_in":3600}"#);
    let fake = Fake::new(vec![token, ok("")]).await;
    let integration = format!(
        "webhook_configs: [{{url: '{0}/hook', http_config: {{oauth2: {{client_id: me, client_secret: pw, token_url: '{0}/token', scopes: [a, b]}}}}}}]",
        fake.url
    );
    let channel = channel(&integration);
    for _ in 0..2 {
        assert_eq!(channel.send(&firing(), None).await.outcome, Outcome::Delivered);
    }
    let seen = fake.seen();
    let paths: Vec<&str> = seen.iter().map(|seen| seen.path.as_str()).collect();
    assert_eq!(paths, ["/token", "/hook", "/hook"]);
    assert_eq!(seen[0].body, "grant_type=client_credentials&scope=a%20b");
    assert_eq!(seen[0].header("authorization"), Some("Basic bWU6cHc="));
    assert_eq!(seen[2].header("authorization"), Some("Bearer tok"));
}

#[tokio::test]
async fn secrets_in_files_are_read_anew_for_every_attempt() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    let fake = Fake::new(vec![ok("")]).await;
    let integration = format!(
        "webhook_configs: [{{url: '{}', http_config: {{authorization: {{credentials_file: '{}'}}}}}}]",
        fake.url,
        file.display()
    );
    let channel = channel(&integration);
    let attempt = channel.send(&firing(), None).await;
    assert_eq!(attempt.outcome, Outcome::Retry);
    assert!(attempt.error.unwrap().contains("cannot read"));
    for token in ["one", "two"] {
        std::fs::write(&file, format!("{token}\n")).unwrap();
        channel.send(&firing(), None).await;
        assert_eq!(
            fake.seen().last().unwrap().header("authorization"),
            Some(format!("Bearer {token}").as_str())
        );
    }
}

#[tokio::test]
async fn slack_gets_an_attachment_with_fields_and_buttons() {
    let integration = "slack_configs: [{api_url: 'URL/services/x', channel: '#{{ .Status }}', text: '{{ .CommonAnnotations.summary }}', fields: [{title: who, value: '{{ .CommonLabels.instance }}'}], short_fields: true, actions: [{type: button, text: Silence, url: 'http://quiet', style: danger}]}]";
    let (attempt, seen) = sent(integration, "ok", &firing()).await;
    assert_eq!(attempt.outcome, Outcome::Delivered, "{attempt:?}");
    assert_eq!(attempt.receipt, None);
    assert_eq!(
        seen[0].json(),
        json!({
            "channel": "#firing",
            "username": "Alertmanager",
            "attachments": [{
                "title": "[FIRING:1] Down (a critical)",
                "title_link": "http://watch:9090/#/alerts?receiver=team",
                "text": "a is <down>",
                "fallback": "[FIRING:1] Down (a critical) | http://watch:9090/#/alerts?receiver=team",
                "callback_id": "",
                "footer": "",
                "color": "danger",
                "fields": [{"title": "who", "value": "a", "short": true}],
                "actions": [{"type": "button", "text": "Silence", "url": "http://quiet", "style": "danger"}],
                "mrkdwn_in": ["fallback", "pretext", "text"],
            }],
        })
    );
}

#[tokio::test]
async fn slack_updates_its_message_in_place_or_answers_in_its_thread() {
    let said = r#"{"ok":true,"ts":"9.9","channel":"C1"}"#;
    for (key, path, field) in [
        ("update_message", "/api/chat.update", "ts"),
        ("thread_replies", "/api/chat.postMessage", "thread_ts"),
    ] {
        let fake = Fake::new(vec![ok(said)]).await;
        let integration = format!(
            "slack_configs: [{{app_token: xoxb-1, app_url: '{}/api/chat.postMessage', channel: '#c', {key}: true}}]",
            fake.url
        );
        let channel = channel(&integration);
        let first = channel.send(&firing(), None).await;
        assert_eq!(first.receipt, Some(receipt("9.9")), "{key}");
        let next = channel.send(&notification(Status::Resolved), Some(&receipt("1.1"))).await;
        let seen = fake.seen();
        assert_eq!(seen[0].path, "/api/chat.postMessage");
        assert_eq!(seen[0].header("authorization"), Some("Bearer xoxb-1"));
        assert_eq!(seen[1].path, path);
        let body = seen[1].json();
        assert_eq!((&body[field], &body["channel"]), (&json!("1.1"), &json!("C1")), "{key}");
        // The first message stays the one that is answered.
        let kept = if key == "thread_replies" { "1.1" } else { "9.9" };
        assert_eq!(next.receipt, Some(receipt(kept)), "{key}");
    }
}

#[tokio::test]
async fn pagerduty_gets_an_event_under_alertmanagers_dedup_key() {
    let integration = "pagerduty_configs: [{routing_key: key-123, url: 'URL/v2/enqueue', severity: '{{ .CommonLabels.severity }}', details: {where: {host: '{{ .CommonLabels.instance }}'}, firing: ''}, links: [{href: 'http://rb', text: Runbook}]}]";
    let (attempt, seen) = sent(integration, "{}", &firing()).await;
    assert_eq!(attempt.outcome, Outcome::Delivered, "{attempt:?}");
    let event = seen[0].json();
    assert_eq!(
        event,
        json!({
            "routing_key": "key-123",
            "event_action": "trigger",
            "dedup_key": key_hash(),
            "client": "Alertmanager",
            "client_url": "http://watch:9090/#/alerts?receiver=team",
            "links": [{"href": "http://rb", "text": "Runbook"}],
            "payload": {
                "summary": "[FIRING:1] Down (a critical)",
                "source": "Alertmanager",
                "severity": "critical",
                "timestamp": "2026-02-03T11:00:00Z",
                "custom_details": {
                    "firing": null, "resolved": [], "num_firing": 1, "num_resolved": 0, "where": {"host": "a"},
                },
            },
        })
    );
    let (_, seen) = sent(integration, "{}", &notification(Status::Resolved)).await;
    assert_eq!(seen[0].json()["event_action"], "resolve");
}

#[tokio::test]
async fn limits_shorten_a_message_and_say_so() {
    let mut large = firing();
    large.common_annotations.insert("summary".to_owned(), "ü".repeat(600_000));
    for (integration, path, most, chars) in [
        (
            "slack_configs: [{api_url: 'URL', title: '{{ .CommonAnnotations.summary }}'}]",
            "/attachments/0/title",
            1024,
            true,
        ),
        (
            "pagerduty_configs: [{routing_key: k, url: 'URL', description: '{{ .CommonAnnotations.summary }}'}]",
            "/payload/summary",
            1024,
            true,
        ),
        (
            "opsgenie_configs: [{api_key: k, api_url: 'URL', message: '{{ .CommonAnnotations.summary }}'}]",
            "/message",
            130,
            true,
        ),
        (
            "discord_configs: [{webhook_url: 'URL', message: '{{ .CommonAnnotations.summary }}'}]",
            "/embeds/0/description",
            4096,
            true,
        ),
        (
            "telegram_configs: [{bot_token: t, chat_id: 1, api_url: 'URL', parse_mode: '', message: '{{ .CommonAnnotations.summary }}'}]",
            "/text",
            4096,
            true,
        ),
        (
            "victorops_configs: [{api_key: k, routing_key: r, api_url: 'URL', state_message: '{{ .CommonAnnotations.summary }}'}]",
            "/state_message",
            20_480,
            true,
        ),
        (
            "mattermost_configs: [{webhook_url: 'URL', text: '{{ .CommonAnnotations.summary }}'}]",
            "/attachments/0/text",
            16_383,
            true,
        ),
        (
            "webex_configs: [{api_url: 'URL', room_id: r, message: '{{ .CommonAnnotations.summary }}', http_config: {authorization: {credentials: c}}}]",
            "/markdown",
            7439,
            false,
        ),
        (
            "msteamsv2_configs: [{webhook_url: 'URL', text: '{{ .CommonAnnotations.summary }}'}]",
            "",
            20_000,
            false,
        ),
    ] {
        let (attempt, seen) = sent(integration, "", &large).await;
        assert_eq!(attempt.outcome, Outcome::Delivered, "{integration}");
        let note = attempt.error.unwrap();
        assert!(note.contains("cut"), "{note}");
        let body = seen[0].json();
        let text =
            if path.is_empty() { &seen[0].body } else { body.pointer(path).unwrap().as_str().unwrap() };
        let length = if chars { text.chars().count() } else { text.len() };
        assert!(length <= most && length > most - 100, "{integration}: {length}");
    }
    let integration =
        "pagerduty_configs: [{routing_key: k, url: 'URL', details: {a: '{{ .CommonAnnotations.summary }}'}}]";
    let (attempt, seen) = sent(integration, "", &large).await;
    assert!(attempt.error.unwrap().contains("details left out"));
    let details = seen[0].json()["payload"]["custom_details"].to_string();
    assert!(details.contains("exceeds the maximum size of 512000 bytes"), "{details}");
    let html = "telegram_configs: [{bot_token: t, chat_id: 1, api_url: 'URL', message: '<b>{{ .CommonAnnotations.summary }}</b>'}]";
    let (_, seen) = sent(html, r#"{"ok":true}"#, &large).await;
    let body = seen[0].json();
    assert!(
        body.get("parse_mode").is_none() && body["text"].as_str().unwrap().starts_with("[FIRING:1] Down")
    );
    for alert in &mut large.alerts {
        alert.annotations.insert("summary".to_owned(), "x".repeat(300_000));
    }
    large.alerts.push(large.alerts[0].clone());
    let (attempt, seen) = sent("incidentio_configs: [{url: 'URL', alert_source_token: t}]", "", &large).await;
    assert!(attempt.error.unwrap().contains("only the first alert"));
    assert_eq!(seen[0].json()["truncatedAlerts"], 1);
}

#[tokio::test]
async fn teams_gets_an_adaptive_card_or_a_message_card() {
    let (_, seen) = sent("msteamsv2_configs: [{webhook_url: 'URL/flow', text: t}]", "", &firing()).await;
    let body = seen[0].json();
    let card = &body["attachments"][0];
    assert_eq!(body["type"], "message");
    assert_eq!(card["contentType"], "application/vnd.microsoft.card.adaptive");
    assert_eq!(card["content"]["version"], "1.2");
    assert_eq!(card["content"]["msteams"], json!({"width": "full"}));
    assert_eq!(
        card["content"]["body"],
        json!([
            {"type": "TextBlock", "text": "[FIRING:1] Down (a critical)", "weight": "Bolder", "size": "Medium", "wrap": true, "style": "heading", "color": "Attention"},
            {"type": "TextBlock", "text": "t", "wrap": true},
        ])
    );
    let ended = notification(Status::Resolved);
    let (_, seen) = sent("msteams_configs: [{webhook_url: 'URL', text: t, summary: s}]", "1", &ended).await;
    assert_eq!(
        seen[0].json(),
        json!({"@context": "http://schema.org/extensions", "type": "MessageCard", "title": "[RESOLVED] Down (a critical)", "summary": "s", "text": "t", "themeColor": "2DC72D"})
    );
}

#[tokio::test]
async fn opsgenie_opens_updates_and_closes_by_alias() {
    let integration = "opsgenie_configs: [{api_url: 'URL/', api_key: k, description: d, priority: P1, tags: 'a, b', update_alerts: true, responders: [{type: teams, name: 'x, y'}, {type: user, username: u}]}]";
    let (attempt, seen) = sent(integration, "{}", &firing()).await;
    assert_eq!(attempt.outcome, Outcome::Delivered, "{attempt:?}");
    assert_eq!(seen[0].header("authorization"), Some("GenieKey k"));
    assert_eq!(
        seen[0].json(),
        json!({
            "alias": key_hash(), "message": "[FIRING:1] Down (a critical)", "description": "d",
            "details": {"alertname": "Down", "instance": "a", "severity": "critical"},
            "source": "http://watch:9090/#/alerts?receiver=team", "tags": ["a", " b"], "priority": "P1",
            "responders": [{"name": "x", "type": "team"}, {"name": "y", "type": "team"}, {"type": "user", "username": "u"}],
        })
    );
    let asked: Vec<String> = seen.iter().map(|seen| format!("{} {}", seen.method, seen.path)).collect();
    let alias = key_hash();
    assert_eq!(
        asked,
        [
            "POST /v2/alerts".to_owned(),
            format!("PUT /v2/alerts/{alias}/message?identifierType=alias"),
            format!("PUT /v2/alerts/{alias}/description?identifierType=alias"),
        ]
    );
    let (_, seen) = sent(integration, "{}", &notification(Status::Resolved)).await;
    assert_eq!(seen[0].path, format!("/v2/alerts/{alias}/close?identifierType=alias"));
}

#[tokio::test]
async fn phones_and_chats_get_what_their_interfaces_ask_for() {
    let (_, seen) = sent("telegram_configs: [{api_url: 'URL', bot_token: tok, chat_id: -100, message_thread_id: 5, disable_notifications: true, message: '<b>{{ .CommonAnnotations.summary }}</b>'}]", r#"{"ok":true}"#, &firing()).await;
    assert_eq!(seen[0].path, "/bottok/sendMessage");
    assert_eq!(
        seen[0].json(),
        json!({"chat_id": "-100", "text": "<b>a is &lt;down&gt;</b>", "parse_mode": "HTML", "disable_web_page_preview": "true", "message_thread_id": "5", "disable_notification": "true"})
    );
    let (_, seen) = sent(
        "pushover_configs: [{api_url: 'URL/1', user_key: u, token: t, message: ' ', url: 'http://u'}]",
        "",
        &firing(),
    )
    .await;
    assert_eq!(
        seen[0].body,
        "token=t&user=u&title=%5BFIRING%3A1%5D%20Down%20%28a%20critical%29&message=%28no%20details%29&url=http%3A%2F%2Fu&priority=2&retry=60&expire=3600"
    );
    let (_, seen) = sent("victorops_configs: [{api_url: 'URL', api_key: k, routing_key: 'r/1', state_message: s, custom_fields: {env: '{{ .Status }}'}}]", "", &notification(Status::Resolved)).await;
    assert_eq!(seen[0].path, "/k/r%2F1");
    assert_eq!(
        seen[0].json(),
        json!({"message_type": "RECOVERY", "entity_id": key_hash(), "entity_display_name": "[RESOLVED] Down (a critical)", "state_message": "s", "monitoring_tool": "Alertmanager", "env": "resolved"})
    );
    let (_, seen) =
        sent("discord_configs: [{webhook_url: 'URL', message: m, username: w}]", "", &firing()).await;
    assert_eq!(
        seen[0].json(),
        json!({"content": "", "username": "w", "embeds": [{"title": "[FIRING:1] Down (a critical)", "description": "m", "color": 0x99_2D_22}]})
    );
    let (_, seen) = sent(
        "rocketchat_configs: [{api_url: 'URL', token: t, token_id: i, channel: '#c', text: x}]",
        r#"{"success":true}"#,
        &firing(),
    )
    .await;
    assert_eq!(
        (seen[0].path.as_str(), seen[0].header("x-auth-token"), seen[0].header("x-user-id")),
        ("/api/v1/chat.postMessage", Some("t"), Some("i"))
    );
    assert_eq!(seen[0].json()["attachments"][0]["text"], "x");
    let (_, seen) = sent(
        "mattermost_configs: [{webhook_url: 'URL', channel: c, text: t, priority: {priority: urgent}}]",
        "ok",
        &firing(),
    )
    .await;
    let body = seen[0].json();
    assert_eq!(
        (&body["channel"], &body["attachments"][0]["text"], &body["priority"]["priority"]),
        (&json!("c"), &json!("t"), &json!("urgent"))
    );
    let (_, seen) = sent("webex_configs: [{api_url: 'URL', room_id: r, message: m, http_config: {authorization: {credentials: c}}}]", "", &firing()).await;
    assert_eq!(seen[0].json(), json!({"markdown": "m", "roomId": "r"}));
    assert_eq!(seen[0].header("authorization"), Some("Bearer c"));
}

#[tokio::test]
async fn sns_is_signed_as_aws_asks() {
    let integration = "sns_configs: [{api_url: 'URL', topic_arn: 'arn:aws:sns:eu-west-1:1:t.fifo', subject: s, message: m, attributes: {sev: '{{ .CommonLabels.severity }}'}, sigv4: {region: eu-west-1, access_key: AKIDEXAMPLE, secret_key: secretkey}}]";
    let (attempt, seen) = sent(integration, "<x/>", &firing()).await;
    assert_eq!(attempt.outcome, Outcome::Delivered, "{attempt:?}");
    let body = &seen[0].body;
    assert!(body.starts_with("Action=Publish&Version=2010-03-31&TopicArn=arn%3Aaws%3Asns%3Aeu-west-1%3A1%3At.fifo&Subject=s&Message=m&MessageAttributes.entry.1.Name=sev&MessageAttributes.entry.1.Value.DataType=String&MessageAttributes.entry.1.Value.StringValue=critical&MessageGroupId="), "{body}");
    assert_eq!(seen[0].header("x-amz-date"), Some("20260203T120000Z"));
    let authorization = seen[0].header("authorization").unwrap();
    assert!(authorization.starts_with("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260203/eu-west-1/sns/aws4_request, SignedHeaders=content-type;host;x-amz-date, Signature="), "{authorization}");
}

#[tokio::test]
async fn jira_finds_its_issue_again_and_moves_it() {
    let open = ok(r#"{"issues":[{"key":"P-1","fields":{"status":{"statusCategory":{"key":"new"}}}}]}"#);
    let moves = ok(r#"{"transitions":[{"id":"31","name":"Done"}]}"#);
    let fake = Fake::new(vec![open, (204, vec![], String::new()), moves, (204, vec![], String::new())]).await;
    let integration = format!(
        "jira_configs: [{{api_url: '{}/rest/api/2', project: P, issue_type: Bug, labels: [x], resolve_transition: done, description: {{template: d, enable_update: false}}}}]",
        fake.url
    );
    let attempt = channel(&integration).send(&notification(Status::Resolved), None).await;
    assert_eq!(attempt.outcome, Outcome::Delivered, "{attempt:?}");
    let seen = fake.seen();
    let asked: Vec<String> = seen.iter().map(|seen| format!("{} {}", seen.method, seen.path)).collect();
    assert_eq!(
        asked,
        [
            "POST /rest/api/2/search",
            "PUT /rest/api/2/issue/P-1",
            "GET /rest/api/2/issue/P-1/transitions",
            "POST /rest/api/2/issue/P-1/transitions",
        ]
    );
    let query = seen[0].json()["jql"].as_str().unwrap().to_owned();
    let label = format!("ALERT{{{}}}", key_hash());
    assert_eq!(
        query,
        format!(
            "statusCategory != Done and project=\"P\" and labels=\"{label}\" order by status ASC,resolutiondate DESC"
        )
    );
    assert_eq!(
        seen[1].json()["fields"],
        json!({"summary": "[RESOLVED] Down (a critical)", "labels": [label, "x"], "priority": {"name": "High"}})
    );
    assert_eq!(seen[3].json(), json!({"transition": {"id": "31"}}));

    let fake = Fake::new(vec![ok(r#"{"issues":[]}"#), (201, vec![], "{}".to_owned())]).await;
    let integration = format!(
        "jira_configs: [{{api_url: '{}/rest/api/3', project: P, issue_type: Bug, description: one, fields: {{customfield_1: {{value: '{{{{ .Status }}}}'}}}}}}]",
        fake.url
    );
    assert_eq!(channel(&integration).send(&firing(), None).await.status, Some(201));
    let fields = fake.seen()[1].json()["fields"].clone();
    assert_eq!(fields["description"]["content"][0]["content"][0]["text"], "one");
    assert_eq!(
        (&fields["project"], &fields["customfield_1"]),
        (&json!({"key": "P"}), &json!({"value": "firing"}))
    );
}

#[tokio::test]
async fn wechat_fetches_a_token_and_drops_one_that_was_refused() {
    let token = ok(r#"{"access_token":"tok-1"}"#);
    let refused = ok(r#"{"errcode":42001,"errmsg":"expired"}"#);
    let fake = Fake::new(vec![token.clone(), refused, token, ok(r#"{"errcode":0}"#)]).await;
    let channel = channel(&format!(
        "wechat_configs: [{{api_url: '{}/', api_secret: pass, corp_id: c, to_user: u, message: m}}]",
        fake.url
    ));
    let first = channel.send(&firing(), None).await;
    assert_eq!(first.outcome, Outcome::Retry, "{first:?}");
    assert_eq!(channel.send(&firing(), None).await.outcome, Outcome::Delivered);
    let seen = fake.seen();
    assert_eq!(
        (seen[0].method.as_str(), seen[0].path.as_str()),
        ("GET", "/gettoken?corpid=c&corpsecret=pass")
    );
    assert_eq!(seen[3].path, "/message/send?access_token=tok-1");
    assert_eq!(
        seen[3].json(),
        json!({"touser": "u", "agentid": "", "safe": "0", "msgtype": "text", "text": {"content": "m"}, "markdown": {"content": ""}})
    );
}
