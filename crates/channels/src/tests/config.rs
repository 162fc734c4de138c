use crate::{Kind, Receivers};
use std::path::{Path, PathBuf};

/// Files that Alertmanager refuses for what they say of receivers or their defaults.
const BAD: [&str; 23] = [
    "mattermost-both-webhook-url-and-file",
    "mattermost-no-webhook-url",
    "mattermost-valid-receiver-both-webhook-url-and-file",
    "opsgenie-both-file-and-apikey",
    "opsgenie-default-apikey-old-team",
    "opsgenie-no-apikey",
    "rocketchat-both-token-and-tokenfile",
    "rocketchat-both-tokenid-and-tokenidfile",
    "rocketchat-no-token",
    "slack-both-file-and-token",
    "slack-both-file-and-url",
    "slack-both-url-and-token",
    "slack-no-api-url-or-token",
    "slack-update-message-and-webhook",
    "smtp-both-password-and-file",
    "sns-invalid",
    "telegram-both-bot-token-and-file",
    "telegram-no-bot-token",
    "telegram-valid-receiver-both-bot-token-and-file",
    "victorops-both-file-and-apikey",
    "victorops-no-apikey",
    "wechat-both-file-and-secret",
    "wechat-no-api-secret",
];

fn shared() -> PathBuf {
    std::env::var_os("WATCHFIRE_SHARED")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from)
}

#[test]
fn alertmanagers_own_files_are_judged_as_alertmanager_judges_them() {
    let folder = shared().join("data/alertmanager/config");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        println!("skipped: {} is not there", folder.display());
        return;
    };
    let (mut judged, mut wrong) = (0, Vec::new());
    for entry in entries {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let name = name.trim_start_matches("conf.").to_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        let found = Receivers::parse(&text, &folder);
        judged += 1;
        if found.is_ok() == BAD.contains(&name.as_str()) {
            wrong.push(format!("{name}: {:?}", found.err()));
        }
        if let Err(problems) = Receivers::parse(&text, &folder) {
            assert!(problems.iter().all(|problem| problem.place.line > 0), "{name}: {problems:?}");
        }
    }
    println!("configurations of Alertmanager: {} of {judged} judged alike", judged - wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_integration_can_be_read_and_its_defaults_for_ends_are_alertmanagers() {
    let text = r##"
global:
  smtp_smarthost: localhost:25
  smtp_from: w@x.org
  http_config: {oauth2: {client_id: a, client_secret: b, token_url: "https://id/token", scopes: [s]}}
receivers:
  - name: all
    labels: {team: x}
    webhook_configs: [{url: "http://a/{{ .Status }}", payload: {a: "{{ .Status }}"}, timeout: 5s}]
    email_configs: [{to: a@b, headers: {subject: x}, threading: {enabled: true}, html: "", text: y}]
    pagerduty_configs: [{routing_key: k, details: {a: {b: c}}, images: [{src: s}], links: [{href: h}]}]
    slack_configs: [{api_url: "http://s/", channel: "#c", fields: [{title: a, value: b, short: true}], actions: [{type: button, text: t, url: u, confirm: {text: sure}}]}]
    opsgenie_configs: [{api_key: k, responders: [{name: t, type: teams}]}]
    wechat_configs: [{api_secret: s, corp_id: c}]
    pushover_configs: [{user_key: u, token: t, retry: 1m, expire: 1h, ttl: 2h}]
    victorops_configs: [{api_key: k, routing_key: r, custom_fields: {a: b}}]
    sns_configs: [{topic_arn: "arn:aws:sns:eu-west-1:1:t", sigv4: {region: eu-west-1}, attributes: {a: b}}]
    telegram_configs: [{bot_token: t, chat_id: -100123, message_thread_id: 4, parse_mode: MarkdownV2}]
    discord_configs: [{webhook_url: "http://d/"}]
    webex_configs: [{room_id: r, http_config: {authorization: {credentials: c}}}]
    msteams_configs: [{webhook_url: "http://t/", summary: s}]
    msteamsv2_configs: [{webhook_url: "http://t/"}]
    jira_configs: [{api_url: "https://x.atlassian.net/rest/api/3", project: P, issue_type: Bug, summary: {template: t, enable_update: false}, labels: {values: [a], enable_update: false}, fields: {customfield_1: {value: x}}}]
    rocketchat_configs: [{token: t, token_id: i, channel: c, actions: [{type: button, text: t}]}]
    mattermost_configs: [{webhook_url: "http://m/", props: {card: c}, priority: {priority: urgent, requested_ack: true}}]
    incidentio_configs: [{url: "http://i/", alert_source_token: t, http_config: {}}]
"##;
    let receivers = Receivers::parse(text, Path::new("")).unwrap_or_else(|problems| panic!("{problems:#?}"));
    let all = receivers.get("all").unwrap();
    assert_eq!(all.integrations.len(), Kind::ALL.len());
    assert_eq!(all.labels["team"], "x");
    for integration in &all.integrations {
        let silent = ["email", "slack", "wechat", "rocketchat"].contains(&integration.kind.name());
        assert_eq!(integration.send_resolved, !silent, "{}", integration.kind.name());
        // Nothing secret is ever printed.
        let printed = format!("{integration:?}");
        assert!(!printed.contains("http://s/") && !printed.contains("http://d/"), "{printed}");
    }
}

#[test]
fn every_mistake_is_told_with_its_place_and_what_was_expected() {
    for (integration, words) in [
        (
            "webhook_configs: [{url: 'ftp://x'}]",
            "receiver \"t\": webhook_configs[0]: unsupported scheme \"ftp\"",
        ),
        ("webhook_configs: [{url: 'http://x', urll: y}]", "did you mean \"url\"?"),
        ("webhook_configs: [~]", "webhook_configs[0]: empty or null webhook_configs"),
        ("email_configs: [{to: a@b}]", "no SMTP smarthost set"),
        ("email_configs: [{smarthost: 'a:1', from: b}]", "missing to address in email config"),
        ("email_configs: [{to: a, smarthost: nohost, from: b}]", "expected a host and a port"),
        (
            "email_configs: [{to: a, smarthost: 'a:1', from: b, headers: {subject: x, Subject: y}}]",
            "duplicate header \"Subject\"",
        ),
        ("pagerduty_configs: [{}]", "missing service or routing key"),
        ("slack_configs: [{api_url: 'http://x', app_token: y}]", "exclude each other"),
        ("slack_configs: [{api_url: 'http://x', actions: [{type: button, text: t}]}]", "missing name or url"),
        ("sns_configs: [{topic_arn: a, phone_number: b}]", "exactly one of"),
        ("telegram_configs: [{bot_token: t, chat_id: x}]", "chat_id is no number"),
        ("webex_configs: [{room_id: r}]", "missing webex_configs.http_config.authorization"),
        ("jira_configs: [{project: P, issue_type: B}]", "no Jira API URL set"),
        (
            "victorops_configs: [{api_key: k, routing_key: r, custom_fields: {entity_id: x}}]",
            "custom field entity_id",
        ),
        ("incidentio_configs: [{url: 'http://i', http_config: {}}]", "at least one of alert_source_token"),
        (
            "pushover_configs: [{user_key: u, token: t, html: true, monospace: true}]",
            "html and monospace exclude",
        ),
        ("wechat_configs: [{api_secret: s}]", "no WeChat corp_id set"),
        ("discord_configs: [{}]", "one of webhook_url or webhook_url_file"),
        (
            "opsgenie_configs: [{api_key: k, responders: [{type: team}]}]",
            "responder without id, name or username",
        ),
    ] {
        let text = format!("receivers:\n- name: t\n  {integration}");
        let problems = Receivers::parse(&text, Path::new("")).expect_err(integration);
        assert!(problems[0].message.contains(words), "{integration}: {}", problems[0].message);
        assert_eq!(problems[0].place.line, 3, "{integration}");
    }
    let twice = Receivers::parse("receivers: [{name: a}, {name: a}]", Path::new("")).unwrap_err();
    assert!(twice[0].message.contains("not unique"));
}
