//! As an Alertmanager: its flags, its API, its amtool, and a real Prometheus that sends to it.

mod requests;

use crate::harness::webhook::Webhook;
use crate::harness::{PATIENCE, Peer, Server, Setup, free_port};
use serde_json::{Value, json};
use std::process::Command;
use std::time::{Duration, Instant};

fn setup(webhook: &Webhook) -> Setup {
    let setup = Setup::new();
    let file = setup.write(
        "alertmanager.yml",
        &format!(
            "route: {{receiver: hook, group_by: [alertname], group_wait: 200ms, group_interval: 500ms, repeat_interval: 1h}}\n\
             receivers:\n- name: hook\n  webhook_configs: [{{url: '{}'}}]\n",
            webhook.url
        ),
    );
    setup.arg("--alerting.only").arg(format!("--alertmanager.file={}", file.display()))
}

/// What amtool says, and whether it was content; `None` where there is none.
fn amtool(server: &Server, args: &[&str]) -> Option<(bool, String)> {
    let url = format!("--alertmanager.url={}", server.url(""));
    let output = match Command::new("amtool").arg(url).args(args).output() {
        Ok(output) => output,
        Err(error) => {
            println!("skipped: amtool cannot be run: {error}");
            return None;
        }
    };
    // It says on standard error that it is of another version.
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        text.push_str(&String::from_utf8_lossy(&output.stderr));
    }
    Some((output.status.success(), text))
}

async fn until(what: &str, mut done: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !done().await {
        assert!(started.elapsed() < PATIENCE, "{what} never came true");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn amtool_adds_asks_silences_and_expires() {
    let webhook = Webhook::start();
    let setup = setup(&webhook);
    let server = setup.start().await;
    let Some((good, said)) =
        amtool(&server, &["alert", "add", "Down", "instance=a", "--annotation=summary=it is"])
    else {
        return;
    };
    assert!(good, "{said}");
    let (good, said) = amtool(&server, &["alert", "query", "instance=a"]).unwrap();
    assert!(good && said.contains("Alertname") && said.contains("Down"), "{said}");
    webhook.until("Down", "firing").await;
    let (good, id) =
        amtool(&server, &["silence", "add", "instance=a", "--comment=work", "--author=me", "--duration=1h"])
            .unwrap();
    assert!(good, "{id}");
    let id = id.trim().to_owned();
    let (_, said) = amtool(&server, &["alert", "query", "--silenced"]).unwrap();
    assert!(said.contains("Down"), "{said}");
    // It was acknowledged, so it is there after a kill.
    server.kill();
    let server = setup.start().await;
    let (_, said) = amtool(&server, &["silence", "query"]).unwrap();
    assert!(said.contains(&id) && said.contains("instance=\"a\"") && said.contains("work"), "{said}");
    let (good, said) =
        amtool(&server, &["silence", "update", "--duration=2h", "--comment=more", &id]).unwrap();
    assert!(good && said.contains("more"), "{said}");
    let (_, exported) = amtool(&server, &["silence", "query", "-o", "json"]).unwrap();
    let (good, said) = amtool(&server, &["silence", "expire", &id]).unwrap();
    assert!(good, "{said}");
    let (_, said) = amtool(&server, &["silence", "query"]).unwrap();
    assert!(!said.contains(&id), "{said}");
    let (_, said) = amtool(&server, &["silence", "query", "--expired", "--within=1h"]).unwrap();
    assert!(said.contains(&id), "{said}");
    let file = setup.write("silences.json", &exported);
    let (good, said) = amtool(&server, &["silence", "import", "--force", file.to_str().unwrap()]).unwrap();
    assert!(good, "{said}");
    let (_, said) = amtool(&server, &["silence", "query"]).unwrap();
    assert!(said.contains("more"), "{said}");
}

#[tokio::test]
async fn amtool_reads_the_configuration_and_the_routes() {
    let webhook = Webhook::start();
    let server = setup(&webhook).start().await;
    let Some((good, said)) = amtool(&server, &["config", "show"]) else { return };
    assert!(good && said.contains("group_by") && !said.contains(&webhook.url), "{said}");
    let (good, said) = amtool(&server, &["cluster", "show"]).unwrap();
    assert!(good && said.contains("ready"), "{said}");
    let (good, said) = amtool(&server, &["config", "routes", "test", "alertname=x"]).unwrap();
    assert!(good && said.contains("hook"), "{said}");
}

#[tokio::test]
async fn a_real_prometheus_sends_its_alerts_and_their_ends() {
    let webhook = Webhook::start();
    let setup = setup(&webhook);
    let server = setup.start().await;
    setup.write(
        "rules.yml",
        "groups:\n- name: g\n  interval: 1s\n  rules:\n  - alert: Hot\n    expr: up{job=\"x\"} == 0\n    labels: {severity: page}\n",
    );
    let port = free_port();
    // Nobody listens there, until it is taken out of the configuration.
    let config = |targets: &str| {
        format!(
            "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\nrule_files: [rules.yml]\n\
             alerting: {{alertmanagers: [{{static_configs: [{{targets: ['{}']}}]}}]}}\n\
             scrape_configs: [{{job_name: x, static_configs: [{{targets: [{targets}]}}]}}]\n",
            server.address
        )
    };
    let file = setup.write("prometheus.yml", &config("'127.0.0.1:1'"));
    let args = [
        format!("--config.file={}", file.display()),
        format!("--storage.tsdb.path={}", setup.path("prometheus").display()),
        format!("--web.listen-address=127.0.0.1:{port}"),
        "--web.enable-lifecycle".to_owned(),
        "--rules.alert.resend-delay=1s".to_owned(),
    ];
    let Some(_prometheus) = Peer::start("prometheus", &args) else { return };
    let firing = webhook.until("Hot", "firing").await;
    assert_eq!(firing["alerts"][0]["labels"]["severity"], "page");
    let alerts = server.get_json("/api/v2/alerts").await;
    assert_eq!(alerts[0]["status"]["state"], "active", "{alerts}");
    assert_eq!(alerts[0]["receivers"], json!([{"name": "hook"}]));
    setup.write("prometheus.yml", &config(""));
    let reload = format!("http://127.0.0.1:{port}/-/reload");
    until("the reload", async || {
        matches!(server.client().post(&reload).send().await, Ok(answer) if answer.status().is_success())
    })
    .await;
    webhook.until("Hot", "resolved").await;
}

#[tokio::test]
async fn the_api_answers_as_alertmanager_does() {
    let webhook = Webhook::start();
    let server = setup(&webhook).start().await;
    for prefix in ["", "/alertmanager"] {
        let status = server.get_json(&format!("{prefix}/api/v2/status")).await;
        assert_eq!(status["cluster"]["peers"][0]["address"], server.address.as_str());
        assert_eq!(
            server.get_json(&format!("{prefix}/api/v2/receivers")).await,
            json!([{"labels": {"name": "hook"}, "name": "hook"}])
        );
        assert_eq!(server.get_json(&format!("{prefix}/api/v2/silences")).await, json!([]));
        assert_eq!(server.get_json(&format!("{prefix}/api/v2/alerts/groups")).await, json!([]));
    }
    let (status, _) = server.get("/alertmanager/api/v1/alerts").await;
    assert_eq!(status, 410);
    let post = async |path: &str, body: Value| server.post(path, body.to_string()).await;
    let unset = "0001-01-01T00:00:00.000Z";
    let alert =
        |name: &str| json!({"labels": {"alertname": name, "empty": ""}, "startsAt": unset, "endsAt": unset});
    let (status, body) = post("/api/v2/alerts", json!([alert("A"), {"labels": {}}])).await;
    assert_eq!((status, body.as_str()), (400, "\"at least one label pair required\""));
    let alerts = server.get_json("/api/v2/alerts?filter=alertname%3D%22A%22&receiver=hook").await;
    assert_eq!(alerts[0]["labels"], json!({"alertname": "A"}), "the right one was taken");
    assert_eq!(server.get_json("/api/v2/alerts?filter=alertname%3DB").await, json!([]));
    assert_eq!(server.get_json("/api/v2/alerts?receiver=ho").await, json!([]));
    assert_eq!(server.get_json("/api/v2/alerts?active=false").await, json!([]));
    for (path, expected) in [
        ("/api/v2/alerts?filter=%7B%7B", 400),
        ("/api/v2/alerts?receiver=%28", 400),
        ("/api/v2/alerts?active=maybe", 422),
        ("/api/v2/silence/nonsense", 422),
        ("/api/v2/silence/0f0e1d2c-aaaa-4bbb-8ccc-0123456789ab", 404),
    ] {
        assert_eq!(server.get(path).await.0, expected, "{path}");
    }
    for (body, expected) in [
        (json!({}), 422),
        (json!("x"), 400),
        (
            json!({"matchers": [], "startsAt": "2020-01-01T00:00:00Z", "endsAt": "2020-01-02T00:00:00Z", "createdBy": "", "comment": ""}),
            422,
        ),
        (
            json!({"matchers": [{"name": "a", "value": ".*", "isRegex": true}], "startsAt": "2020-01-01T00:00:00Z", "endsAt": "2120-01-02T00:00:00Z", "createdBy": "", "comment": ""}),
            400,
        ),
        (
            json!({"id": "0f0e1d2c-aaaa-4bbb-8ccc-0123456789ab", "matchers": [{"name": "a", "value": "b", "isRegex": false}], "startsAt": "2020-01-01T00:00:00Z", "endsAt": "2120-01-02T00:00:00Z", "createdBy": "", "comment": ""}),
            404,
        ),
    ] {
        let (status, answer) = post("/api/v2/silences", body.clone()).await;
        assert_eq!(status, expected, "{body}: {answer}");
    }
    let (status, _) = post("/api/v2/alerts", json!({"not": "a list"})).await;
    assert_eq!(status, 400);
    webhook.until("A", "firing").await;
}

#[test]
fn alertmanagers_scenarios_hold() {
    let shared = std::env::var_os("WATCHFIRE_SHARED").map_or_else(
        || std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
        std::path::PathBuf::from,
    );
    let runner = shared.join("data/alertmanager/derived/run_scenarios.py");
    if !runner.exists() {
        println!("skipped: {} is not there", runner.display());
        return;
    }
    let command = format!(
        "{} alertmanager --config.file={{conf}} --storage.path={{dir}}/data --web.listen-address=127.0.0.1:{{port}} --cluster.listen-address=",
        env!("CARGO_BIN_EXE_watchfire")
    );
    let run = |more: &[&str]| {
        let output =
            Command::new("python3").arg(&runner).args(["--cmd", &command]).args(more).output().unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned(), output.stderr)
    };
    let (good, said, errors) = run(&[]);
    if said.is_empty() {
        println!("skipped: {}", String::from_utf8_lossy(&errors));
        return;
    }
    println!("{said}");
    if good {
        return;
    }
    // They are held to fractions of a second, all at once: on a busy machine one may be late, and has another try alone.
    for failed in said.lines().filter_map(|line| line.strip_prefix("FAIL")).map(str::trim) {
        let tries: Vec<(bool, String, Vec<u8>)> = (0..3).map(|_| run(&["--only", failed])).collect();
        assert!(tries.iter().any(|(good, _, _)| *good), "{failed}: {}", tries[2].1);
    }
}

#[tokio::test]
async fn what_a_sound_configuration_may_be_mistaken_in_is_told_with_its_place_and_does_not_stop_it() {
    let setup = Setup::new();
    let file = setup.write(
        "alertmanager.yml",
        "route: {receiver: team}\ntemplates: [gone.tmpl]\nreceivers:\n- name: team\n  slack_configs:\n  \
         - api_url_file: missing.url\n    channel: c\n    title: '{{ .Status'\n",
    );
    let output =
        Command::new(crate::harness::binary()).args(["check", "alertmanager"]).arg(&file).output().unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(output.status.success(), "{said}");
    for part in [
        "alertmanager.yml:2:13: templates: \"gone.tmpl\" matches no file",
        "alertmanager.yml:6:19: api_url_file: \"missing.url\" cannot be read now",
        "alertmanager.yml:8:12: title is no template, and is sent plain with the error",
    ] {
        assert!(said.contains(part), "{part} is missing in {said}");
    }
}

/// What the alerts and the overview of Alertmanager's mixin, and other dashboards made for it, ask for.
const FAMILIES: &[&str] = &[
    "alertmanager_alerts",
    "alertmanager_alerts_invalid_total",
    "alertmanager_alerts_received_total",
    "alertmanager_build_info",
    "alertmanager_cluster_failed_peers",
    "alertmanager_cluster_health_score",
    "alertmanager_cluster_members",
    "alertmanager_cluster_messages_queued",
    "alertmanager_cluster_messages_received_total",
    "alertmanager_cluster_messages_sent_total",
    "alertmanager_config_hash",
    "alertmanager_config_last_reload_success_timestamp_seconds",
    "alertmanager_config_last_reload_successful",
    "alertmanager_dispatcher_aggregation_groups",
    "alertmanager_http_request_duration_seconds",
    "alertmanager_inhibition_rules",
    "alertmanager_integrations",
    "alertmanager_nflog_gossip_messages_propagated_total",
    "alertmanager_nflog_snapshot_size_bytes",
    "alertmanager_notification_latency_seconds",
    "alertmanager_notification_requests_failed_total",
    "alertmanager_notification_requests_total",
    "alertmanager_notifications_failed_total",
    "alertmanager_notifications_suppressed_total",
    "alertmanager_notifications_total",
    "alertmanager_peer_position",
    "alertmanager_receivers",
    "alertmanager_silences",
    "alertmanager_silences_query_errors_total",
    "process_resident_memory_bytes",
    "process_start_time_seconds",
];

#[tokio::test]
async fn every_metric_that_dashboards_of_alertmanager_ask_for_is_there() {
    let setup = Setup::new().config("alertmanager_file: alertmanager.yml\ncollect: {enabled: false}\n");
    setup.write(
        "alertmanager.yml",
        "route: {receiver: team}\nreceivers: [{name: team, webhook_configs: [{url: 'http://127.0.0.1:9/'}]}]\n\
         inhibit_rules: [{source_matchers: [a=b], target_matchers: [c=d]}]\n",
    );
    let server = setup.start().await;
    server.get("/api/v2/alerts").await;
    let (_, metrics) = server.get("/metrics").await;
    let missing: Vec<&&str> =
        FAMILIES.iter().filter(|name| !metrics.contains(&format!("# TYPE {name} "))).collect();
    assert!(missing.is_empty(), "{missing:?}");
    for sample in [
        "alertmanager_inhibition_rules 1",
        "alertmanager_http_request_duration_seconds_count{code=\"200\",handler=\"/api/v2/alerts\",method=\"get\"} 1",
    ] {
        assert!(metrics.lines().any(|line| line == sample), "{sample} is missing in {metrics}");
    }
}

#[tokio::test]
async fn receivers_are_chosen_by_name_and_intervals_leave_alerts_active_as_alertmanager_has_it() {
    let setup = Setup::new().config("alertmanager_file: alertmanager.yml\ncollect: {enabled: false}\n");
    setup.write(
        "alertmanager.yml",
        "route: {receiver: a, group_by: [alertname], routes: [{matchers: ['team=b'], receiver: b, mute_time_intervals: [always]}]}\n\
         receivers: [{name: a}, {name: b, labels: {tier: two}}]\n\
         time_intervals: [{name: always, time_intervals: [{times: [{start_time: '00:00', end_time: '24:00'}]}]}]\n",
    );
    let server = setup.start().await;
    let alerts = r#"[{"labels": {"alertname": "One"}}, {"labels": {"alertname": "Two", "team": "b"}}]"#;
    let request =
        server.client().post(server.url("/api/v2/alerts")).header("content-type", "application/json");
    assert!(request.body(alerts).send().await.unwrap().status().is_success());
    let receivers = server.get_json("/api/v2/receivers?receiver_matchers=name%3Db").await;
    assert_eq!(receivers, serde_json::json!([{"name": "b", "labels": {"name": "b", "tier": "two"}}]));
    let names = async |path: &str| -> Vec<String> {
        let found = server.get_json(path).await;
        let name = |alert: &serde_json::Value| alert["labels"]["alertname"].as_str().unwrap().to_owned();
        found.as_array().unwrap().iter().map(name).collect()
    };
    assert_eq!(names("/api/v2/alerts?receiver_matchers=name%3Db").await, ["Two"]);
    assert_eq!(names("/api/v2/alerts/groups?active=false").await, [""; 0]);
    assert_eq!(names("/api/v2/alerts/groups?muted=false").await, ["One"]);
    let silence = r#"{"matchers": [{"name": "zone", "value": "test", "isRegex": false, "isEqual": false}], "comment": "c",
        "createdBy": "me", "startsAt": "2026-01-01T00:00:00Z", "endsAt": "2126-01-01T00:00:00Z"}"#;
    for (body, expected) in [(silence, 200), (r#"{"matchers": [], "comment": "c", "createdBy": "me"}"#, 422)]
    {
        let request =
            server.client().post(server.url("/api/v2/silences")).header("content-type", "application/json");
        assert_eq!(request.body(body).send().await.unwrap().status().as_u16(), expected, "{body}");
    }
}
