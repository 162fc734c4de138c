//! Canaries on the real binary: sent on time, confirmed, and told of when they are not.

use crate::harness::webhook::Webhook;
use crate::harness::{PATIENCE, Server, Setup};
use std::time::{Duration, Instant};

async fn until_metric(server: &Server, line: &str) {
    let started = Instant::now();
    loop {
        let text = server.get("/metrics").await.1;
        if text.lines().any(|found| found == line) {
            return;
        }
        assert!(started.elapsed() < PATIENCE, "{line} never came; {text}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn a_canary_arrives_says_what_it_is_ends_by_itself_and_its_absence_is_told() {
    let webhook = Webhook::start();
    let setup = Setup::new().config(
        "global: {evaluation_interval: 1s}\nalertmanager_file: alertmanager.yml\n\
         canary: {receivers: [hook], interval: 10s, within: 4s}\n",
    );
    setup.write(
        "alertmanager.yml",
        &format!(
            "route: {{receiver: nobody}}\nreceivers: [{{name: nobody}}, {{name: hook, webhook_configs: [{{url: '{}'}}]}}]\n",
            webhook.url
        ),
    );
    let server = setup.start().await;
    let told = webhook.until("WatchfireCanary", "firing").await;
    let summary = told["commonAnnotations"]["summary"].as_str().unwrap();
    assert!(summary.contains("Canary: a test that hook is reached. Nothing is wrong."), "{told}");
    webhook.until("WatchfireCanary", "resolved").await;
    let labels = "{integration=\"webhook[0]\",receiver=\"hook\"}";
    until_metric(&server, &format!("watchfire_canary_overdue{labels} 0")).await;
    let incidents = server.get_json("/api/v1/incidents").await;
    assert_eq!(incidents["data"]["total"], 0, "{incidents}");
    webhook.set_failing(true);
    until_metric(&server, &format!("watchfire_canary_overdue{labels} 1")).await;
    webhook.set_failing(false);
    until_metric(&server, &format!("watchfire_canary_overdue{labels} 0")).await;
}

#[tokio::test]
async fn a_canary_for_a_receiver_that_is_not_there_is_refused_with_its_place() {
    let setup = Setup::new().config("alertmanager_file: alertmanager.yml\ncanary:\n  receivers: [hok]\n");
    setup.write("alertmanager.yml", "route: {receiver: hook}\nreceivers: [{name: hook, webhook_configs: [{url: 'http://127.0.0.1:1/'}]}]\n");
    let (status, said) = setup.fail_to_start();
    assert!(!status.success());
    assert!(said.contains(":3:15: canary: receiver \"hok\" is not known; expected one of hook"), "{said}");
}
