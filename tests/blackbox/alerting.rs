//! From a broken target to a person, once, and back; also when the process is killed in between.

use crate::harness::exposition::{Target, text};
use crate::harness::webhook::Webhook;
use crate::harness::{PATIENCE, Peer, Server, Setup, free_port};
use std::time::{Duration, Instant};

fn setup(target: &str, webhook: &Webhook) -> Setup {
    let setup = Setup::new().config(&format!(
        "global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}\n\
         rule_files: [rules.yml]\nalertmanager_file: alertmanager.yml\nscrape_configs:\n- job_name: node\n  static_configs: [{{targets: ['{target}']}}]\n"
    ));
    setup.write(
        "rules.yml",
        "groups:\n- name: test\n  rules:\n  - alert: Down\n    expr: up{job=\"node\"} == 0\n    for: 2s\n    labels: {severity: critical}\n    annotations: {summary: '{{ $labels.instance }} is down, value {{ $value }}'}\n",
    );
    setup.write(
        "alertmanager.yml",
        &format!(
            "route: {{receiver: hook, group_by: [alertname], group_wait: 1s, group_interval: 1s, repeat_interval: 1h}}\nreceivers:\n- name: hook\n  webhook_configs: [{{url: '{}'}}]\n",
            webhook.url
        ),
    );
    setup
}

async fn until_state(server: &Server, state: &str) {
    server
        .until(&format!("count(ALERTS{{alertname=\"Down\",alertstate=\"{state}\"}})"), |count| count == 1.0)
        .await;
}

/// Until every notification so far is written down as confirmed: one whose confirmation a kill swallows is sent again.
async fn until_confirmed(server: &Server) {
    let started = Instant::now();
    loop {
        let answer = server.get_json("/api/ui/v1/deliveries").await;
        if answer["counts"]["open"] == 0 && answer["counts"]["done"].as_u64() > Some(0) {
            return;
        }
        assert!(started.elapsed() < PATIENCE, "not confirmed: {answer}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_stopped_node_exporter_is_told_and_so_is_its_return_across_kills() {
    let port = free_port();
    let listen = format!("--web.listen-address=127.0.0.1:{port}");
    let Some(exporter) = Peer::start("prometheus-node-exporter", [&listen]) else { return };
    let webhook = Webhook::start();
    let setup = setup(&format!("127.0.0.1:{port}"), &webhook);
    let server = setup.start().await;
    server.until("up", |up| up == 1.0).await;
    drop(exporter);
    until_state(&server, "pending").await;
    server.kill();
    let server = setup.start().await;
    until_state(&server, "firing").await;
    let firing = webhook.until("Down", "firing").await;
    assert_eq!(firing["version"], "4");
    assert_eq!(firing["receiver"], "hook");
    assert_eq!(firing["commonLabels"]["severity"], "critical");
    let summary = firing["alerts"][0]["annotations"]["summary"].as_str().unwrap();
    assert_eq!(summary, format!("127.0.0.1:{port} is down, value 0"));
    until_confirmed(&server).await;
    server.kill();
    let _exporter = Peer::start("prometheus-node-exporter", [&listen]);
    let server = setup.start().await;
    webhook.until("Down", "resolved").await;
    server.until("up", |up| up == 1.0).await;
    let told: Vec<_> = webhook.notifications().iter().map(|note| note["status"].clone()).collect();
    assert_eq!(told, ["firing", "resolved"], "each once");
}

#[tokio::test]
async fn a_receiver_that_was_ill_still_hears_of_it_also_after_a_kill() {
    let target = Target::start(text("a{ 1\n"));
    let webhook = Webhook::start();
    webhook.set_failing(true);
    let setup = setup(&target.address, &webhook);
    let server = setup.start().await;
    until_state(&server, "firing").await;
    tokio::time::sleep(Duration::from_millis(1500)).await;
    server.kill();
    webhook.set_failing(false);
    let _server = setup.start().await;
    webhook.until("Down", "firing").await;
    target.becomes(text("a 1\n"));
    webhook.until("Down", "resolved").await;
}

#[tokio::test]
async fn alerts_are_shown_by_the_api_as_prometheus_does() {
    let target = Target::start(text("a{ 1\n"));
    let webhook = Webhook::start();
    let setup = setup(&target.address, &webhook);
    let server = setup.start().await;
    until_state(&server, "firing").await;
    let alerts = server.get_json("/api/v1/alerts").await;
    let alert = &alerts["data"]["alerts"][0];
    assert_eq!(
        (&alert["state"], &alert["labels"]["alertname"]),
        (&"firing".into(), &"Down".into()),
        "{alerts}"
    );
    assert_eq!(alert["value"], "0e+00");
    let rules = server.get_json("/api/v1/rules?type=alert").await;
    let rule = &rules["data"]["groups"][0]["rules"][0];
    assert_eq!(
        (&rule["type"], &rule["state"], &rule["health"]),
        (&"alerting".into(), &"firing".into(), &"ok".into()),
        "{rules}"
    );
    assert_eq!(rule["duration"], 2);
}
