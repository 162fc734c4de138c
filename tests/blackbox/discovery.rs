//! Targets and Alertmanagers that a server tells of.

use crate::harness::exposition::{Behaviour, Target, text};
use crate::harness::webhook::Webhook;
use crate::harness::{PATIENCE, Peer, Server, Setup, free_port};
use serde_json::Value;
use std::time::{Duration, Instant};

fn list(targets: &[&str]) -> Behaviour {
    let groups = serde_json::json!([{"targets": targets, "labels": {"rack": "7"}}]);
    Behaviour::Body("application/json", groups.to_string())
}

async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !is_so().await {
        assert!(started.elapsed() < PATIENCE, "never came true: {what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn targets_that_a_server_tells_come_stay_and_go() {
    let (first, second) = (Target::start(text("first 1\n")), Target::start(text("second 1\n")));
    let teller = Target::start(list(&[&first.address]));
    let setup = Setup::new().config(&format!(
        "global: {{scrape_interval: 1s}}\nscrape_configs:\n- job_name: t\n  http_sd_configs: [{{url: 'http://{}/list', refresh_interval: 1s}}]\n",
        teller.address
    ));
    let server = setup.start().await;
    server.until("first{rack=\"7\"}", |value| value == 1.0).await;
    teller.becomes(Behaviour::Body("text/html", "not today".to_owned()));
    let faults = async || server.get_json("/api/ui/v1/targets").await["data"]["discoveryFaults"].to_string();
    until("the fault is told", async || faults().await.contains("unsupported content type")).await;
    let told = faults().await;
    assert!(told.contains("the 1 targets of its last good list stay") && told.contains("job"), "{told}");
    assert_eq!(server.value("up").await, Some(1.0), "the last good list stays");
    let (_, metrics) = server.get("/metrics").await;
    let failures = "prometheus_sd_refresh_failures_total{config=\"t\",mechanism=\"http\"}";
    let line = metrics.lines().find_map(|line| line.strip_prefix(failures));
    assert!(line.is_some_and(|count| count.trim().parse::<u64>().unwrap() > 0), "{metrics}");
    assert!(
        metrics.contains("prometheus_sd_discovered_targets{config=\"t\",name=\"scrape\"} 1"),
        "{metrics}"
    );
    teller.becomes(list(&[&second.address]));
    server.until("second", |value| value == 1.0).await;
    until("the first is gone", async || server.query("first").await.is_empty()).await;
    assert_eq!(faults().await, "[]");
}

/// Debian's Alertmanager, which posts to a webhook.
fn alertmanager(setup: &Setup, name: &str, port: u16, webhook: &Webhook) -> Option<Peer> {
    let file = setup.write(
        &format!("{name}.yml"),
        &format!(
            "route: {{receiver: hook, group_wait: 0s, group_interval: 1s}}\nreceivers:\n- name: hook\n  webhook_configs: [{{url: '{}'}}]\n",
            webhook.url
        ),
    );
    Peer::start(
        "prometheus-alertmanager",
        [
            format!("--config.file={}", file.display()),
            format!("--storage.path={}", setup.path(name).display()),
            format!("--web.listen-address=127.0.0.1:{port}"),
            "--cluster.listen-address=".to_owned(),
            "--web.route-prefix=/am".to_owned(),
        ],
    )
}

/// Whether an Alertmanager has an alert.
async fn knows(server: &Server, port: u16) -> bool {
    let url = format!("http://127.0.0.1:{port}/am/api/v2/alerts");
    match server.client().get(url).send().await {
        Ok(answer) => answer.text().await.is_ok_and(|text| text.contains("fingerprint")),
        Err(_) => false,
    }
}

#[tokio::test]
async fn alertmanagers_that_a_server_tells_hear_of_alerts_and_ends_also_when_they_were_away() {
    let target = Target::start(text("hot 1\n"));
    let setup = Setup::new();
    let (webhooks, ports) = ([Webhook::start(), Webhook::start()], [free_port(), free_port()]);
    let Some(_first) = alertmanager(&setup, "first", ports[0], &webhooks[0]) else { return };
    let Some(second) = alertmanager(&setup, "second", ports[1], &webhooks[1]) else { return };
    let addresses = ports.map(|port| format!("127.0.0.1:{port}"));
    let all = list(&[&addresses[0], &addresses[1], "dropped:1"]);
    let teller = Target::start(all.clone());
    setup.write(
        "rules.yml",
        "groups: [{name: g, rules: [{alert: Hot, expr: 'hot == 1', labels: {severity: page}}]}]\n",
    );
    let setup = setup
        .config(&format!(
            "global: {{scrape_interval: 1s, evaluation_interval: 1s, external_labels: {{region: north}}}}\nrule_files: [rules.yml]\n\
             alerting:\n  alertmanagers:\n  - path_prefix: /am\n    api_version: v2\n    timeout: 5s\n    \
             alert_relabel_configs: [{{action: labeldrop, regex: region}}]\n    \
             relabel_configs: [{{action: drop, source_labels: [__address__], regex: 'dropped.*'}}]\n    \
             http_sd_configs: [{{url: 'http://{}/am', refresh_interval: 1s}}]\n\
             scrape_configs: [{{job_name: x, static_configs: [{{targets: ['{}']}}]}}]\n",
            teller.address, target.address
        ))
        .arg("--rules.alert.resend-delay=1s");
    let server = setup.start().await;
    for webhook in &webhooks {
        let firing = webhook.until("Hot", "firing").await;
        let labels = &firing["alerts"][0]["labels"];
        assert_eq!((&labels["severity"], &labels["region"]), (&Value::from("page"), &Value::Null));
    }
    let found = server.get_json("/api/v1/alertmanagers").await;
    let mut urls: Vec<String> =
        addresses.iter().map(|one| format!("http://{one}/am/api/v2/alerts")).collect();
    urls.sort();
    let active = found["data"]["activeAlertmanagers"].as_array().unwrap();
    assert_eq!(active.iter().map(|one| one["url"].as_str().unwrap()).collect::<Vec<_>>(), urls);
    assert_eq!(found["data"]["droppedAlertmanagers"][0]["url"], "http://dropped:1/am/api/v2/alerts");

    // One goes, with all it knows, and is back.
    teller.becomes(list(&[&addresses[0]]));
    until("one Alertmanager", async || {
        let (_, metrics) = server.get("/metrics").await;
        metrics.contains("prometheus_notifications_alertmanagers_discovered 1")
    })
    .await;
    second.terminate();
    std::fs::remove_dir_all(setup.path("second")).unwrap();
    let _second = alertmanager(&setup, "second", ports[1], &webhooks[1]).unwrap();
    assert!(!knows(&server, ports[1]).await);
    teller.becomes(all);
    until("the alert is told again", async || knows(&server, ports[1]).await).await;
    target.becomes(text("hot 0\n"));
    for webhook in &webhooks {
        webhook.until("Hot", "resolved").await;
    }
}
