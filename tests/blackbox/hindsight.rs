//! The past of alerts: kept, explained, and what another rule or routing would have made of it.

use crate::harness::exposition::{Target, text};
use crate::harness::webhook::Webhook;
use crate::harness::{Peer, Setup, free_port};
use serde_json::json;
use std::process::Command;

const RULES: &str = "groups:\n- name: test\n  interval: 1s\n  rules:\n  - alert: Hot\n    expr: temperature > 80\n    for: 1s\n    labels: {severity: critical}\n    annotations: {summary: 'it is {{ $value }}'}\n";

fn setup(target: &str, webhook: &Webhook) -> Setup {
    let setup = Setup::new().config(&format!(
        "global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}\n\
         rule_files: [rules.yml]\nalertmanager_file: alertmanager.yml\nscrape_configs:\n- job_name: room\n  static_configs: [{{targets: ['{target}']}}]\n"
    ));
    setup.write("rules.yml", RULES);
    setup.write("alertmanager.yml", &routing(&webhook.url));
    setup
}

fn routing(url: &str) -> String {
    format!(
        "route: {{receiver: all, group_by: [alertname], group_wait: 1s, group_interval: 1s, repeat_interval: 1h, \
         routes: [{{receiver: hook, matchers: ['severity=\"critical\"']}}]}}\n\
         receivers:\n- name: all\n- name: hook\n  webhook_configs: [{{url: '{url}'}}]\n"
    )
}

#[tokio::test]
async fn a_page_is_found_in_history_explained_and_would_come_again() {
    let target = Target::start(text("temperature 90\n"));
    let webhook = Webhook::start();
    let setup = setup(&target.address, &webhook);
    let server = setup.start().await;
    webhook.until("Hot", "firing").await;
    target.becomes(text("temperature 20\n"));
    webhook.until("Hot", "resolved").await;
    server.kill();
    let server = setup.start().await;

    let history = server.get_json("/api/v1/alerts/history?filter=severity%3D%22critical%22&rule=Hot").await;
    let events = history["data"]["events"].as_array().unwrap();
    let states: Vec<&str> = events.iter().map(|event| event["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["resolved", "firing", "pending"], "{history}");
    assert_eq!(events[1]["value"], "90");
    assert_eq!(events[1]["annotations"]["summary"], "it is 90");
    assert_eq!(events[1]["groups"][0]["receiver"], "hook");
    let statistics = server.get_json("/api/v1/alerts/statistics").await;
    let rule = &statistics["data"]["rules"][0];
    assert_eq!((&rule["rule"], &rule["fired"], &rule["group"]), (&json!("Hot"), &json!(1), &json!("test")));

    let explained = server.get_json("/api/v1/alerts/explain?filter=alertname%3DHot").await;
    let data = &explained["data"];
    assert_eq!((&data["told"], &data["evaluation"]["expr"]), (&json!("yes"), &json!("temperature > 80")));
    let tree = &data["routing"]["tree"];
    assert_eq!((&tree["outcome"], &tree["routes"][0]["outcome"]), (&json!("passed"), &json!("ends_here")));
    assert_eq!(data["destinations"][0]["notifications"][0]["attempts"][0]["status"], 200);
    let said = Command::new(env!("CARGO_BIN_EXE_watchfire"))
        .args(["alert", "explain", "alertname=Hot", "--server", &server.url("")])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.contains("told: yes") && said.contains("webhook[0] confirmed"), "{said}");

    let from = crate::harness::now_ms() / 1000 - 600;
    let body = json!({"rules": RULES, "from": from, "configuration": routing("http://127.0.0.1:1/")});
    let (status, answer) = server.post("/api/v1/rules/backtest", body.to_string()).await;
    assert_eq!(status, 200, "{answer}");
    let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
    let rule = &answer["data"]["rules"][0];
    assert_eq!((&rule["fired"], &rule["pages"]), (&json!(1), &json!(1)), "{answer}");
    assert_eq!(rule["missing"][0]["selector"], "temperature");
    assert_eq!(answer["data"]["pages"]["receivers"][0]["receiver"], "hook");
    let file = setup.path("rules.yml");
    let said = Command::new(env!("CARGO_BIN_EXE_watchfire"))
        .args([
            "rules",
            "backtest",
            file.to_str().unwrap(),
            "--server",
            &server.url(""),
            "--from",
            &from.to_string(),
        ])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.contains("1 pages") && said.contains("no data of temperature"), "{said}");
}

const RECORDING: &str = "groups:\n- name: chain\n  interval: 1s\n  rules:\n  - {record: 'room:temperature', expr: 'max_over_time(temperature[2s])'}\n\
      \x20 - {record: 'room:hottest', expr: 'max(room:temperature)'}\n\
      \x20 - {alert: RoomHot, expr: 'room:hottest > 80', for: 1s, labels: {severity: critical}}\n\
      \x20 - {alert: Seen, expr: 'count(ALERTS{alertname=\"RoomHot\",alertstate=\"firing\"}) > 0', for: 2s}\n";

#[tokio::test]
async fn rules_on_recording_rules_would_have_paged_as_they_did() {
    let webhook = Webhook::start();
    let setup = setup(&format!("127.0.0.1:{}", free_port()), &webhook);
    setup.write("rules.yml", RECORDING);
    let server = setup.start().await;
    // What is there in advance is there in time, however busy the machine is.
    let from_ms = crate::harness::now_ms();
    let hot = |second: i64| (5..10).contains(&second) || (15..20).contains(&second);
    let samples: Vec<(i64, f64)> =
        (0..120).map(|second| (from_ms + second * 1_000, if hot(second) { 90.0 } else { 20.0 })).collect();
    let series = [(&[("__name__", "temperature")][..], &samples[..])];
    let (status, said) = crate::harness::remote_write::send(&server, &series).await.unwrap();
    assert!((200..300).contains(&status), "{status} {said}");
    let path = format!("/api/v1/alerts/history?from={}", from_ms / 1000);
    let started = std::time::Instant::now();
    let really = loop {
        let history = server.get_json(&path).await;
        let events = history["data"]["events"].as_array().unwrap().clone();
        let count = |state: &str| events.iter().filter(|event| event["state"] == state).count();
        if count("resolved") == count("firing") && crate::harness::now_ms() > from_ms + 30_000 {
            let events = events.iter().filter(|event| event["state"] != "inactive");
            let texts = |event: &serde_json::Value| {
                ["rule", "state", "at"].map(|key| event[key].as_str().unwrap().to_owned())
            };
            let mut events: Vec<[String; 3]> = events.map(texts).collect();
            events.sort();
            break events;
        }
        assert!(started.elapsed() < 2 * crate::harness::PATIENCE, "{history}");
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    };
    let ask = async |rules: &str| {
        let body = json!({"rules": rules, "from": (from_ms - 60_000) as f64 / 1000.0});
        let (status, answer) = server.post("/api/v1/rules/backtest", body.to_string()).await;
        assert_eq!(status, 200, "{answer}");
        serde_json::from_str::<serde_json::Value>(&answer).unwrap()["data"].clone()
    };
    let answer = ask(RECORDING).await;
    assert_eq!(answer["recorded"], json!(["room:hottest", "room:temperature"]), "{answer}");
    let mut replayed: Vec<[String; 3]> = Vec::new();
    for rule in answer["rules"].as_array().unwrap() {
        for life in rule["lives"].as_array().unwrap() {
            for (state, key) in [("pending", "activeAt"), ("firing", "firedAt"), ("resolved", "resolvedAt")] {
                let is_there = state != "resolved" || life["firedAt"].is_string();
                if let Some(at) = life[key].as_str().filter(|_| is_there) {
                    replayed.push([rule["rule"].as_str().unwrap(), state, at].map(str::to_owned));
                }
            }
        }
    }
    replayed.sort();
    let (_, metrics) = server.get("/metrics").await;
    // A machine too busy to evaluate every second evaluated at other times.
    let mut missed =
        metrics.lines().filter(|line| line.starts_with("prometheus_rule_group_iterations_missed_total{"));
    let on_time = missed.next().is_some_and(|line| line.ends_with(" 0"));
    if on_time {
        assert_eq!(replayed, really, "at the very times at which they did");
        let pages = answer["notifications"].as_array().unwrap().iter();
        let pages = pages.filter(|page| page["receiver"] == "hook").count();
        let told = webhook.notifications().len();
        assert_eq!(pages, told, "{answer} / {:?}", webhook.notifications());
    }
    assert_eq!(answer["rules"][0]["fired"], 2, "{answer}");
    // What is stored of a recording rule does not count where the file says something else of it.
    let colder = ask(&RECORDING.replace("max_over_time(temperature[2s])", "temperature - 50")).await;
    assert_eq!((&colder["rules"][0]["fired"], &colder["pages"]["total"]), (&json!(0), &json!(0)), "{colder}");
    let one = json!({"rules": RECORDING, "rule": "Seen", "from": from_ms / 1000 - 60});
    let (_, one) = server.post("/api/v1/rules/backtest", one.to_string()).await;
    let one: serde_json::Value = serde_json::from_str(&one).unwrap();
    assert_eq!(one["data"]["rules"][0]["fired"], answer["rules"][1]["fired"], "{one}");
}

#[tokio::test]
async fn routes_are_tried_with_labels_and_wrong_questions_are_told() {
    let webhook = Webhook::start();
    let server = setup(&format!("127.0.0.1:{}", free_port()), &webhook).start().await;
    let tested = server.get_json("/api/v1/routes/test?label=alertname%3DX&label=severity%3Dcritical").await;
    assert_eq!(tested["data"]["told"], json!(["hook"]), "{tested}");
    assert_eq!(tested["data"]["routes"][0]["groupKey"], "{}/{severity=\"critical\"}:{alertname=\"X\"}");
    let other = json!({
        "labels": {"alertname": "X"},
        "configuration": "route: {receiver: a, routes: [{receiver: b, matchers: [alertname=Y]}]}\nreceivers: [{name: a}, {name: b}]\n",
    });
    let (status, answer) = server.post("/api/v1/routes/test", other.to_string()).await;
    assert!(
        status == 200 && answer.contains("alertname=\\\"Y\\\": the alert has alertname=\\\"X\\\""),
        "{answer}"
    );
    let tree = server.get_json("/api/v1/routes").await;
    assert_eq!(tree["data"]["root"]["routes"][0]["matchers"], json!(["severity=\"critical\""]), "{tree}");
    for path in [
        "/api/v1/alerts/history?limit=0",
        "/api/v1/alerts/history?cursor=x",
        "/api/v1/alerts/history?state=burning",
        "/api/v1/alerts/history?from=2&to=1",
        "/api/v1/alerts/history?fingerprint=1",
        "/api/v1/alerts/history?filter=%7B%7B",
        "/api/v1/alerts/statistics?within=-1",
        "/api/v1/alerts/explain",
        "/api/v1/routes/test",
        "/api/v1/routes/test?label=x",
    ] {
        let (status, answer) = server.get(path).await;
        assert!(status == 400 && answer.contains("bad_data"), "{path}: {status} {answer}");
    }
    assert_eq!(server.get("/api/v1/alerts/explain?filter=alertname%3DNobody").await.0, 404);
    for body in [
        json!({}),
        json!({"rules": "groups: ["}),
        json!({"rules": "groups: []"}),
        json!({"rules": RULES, "rule": "Cold"}),
        json!({"rules": RULES, "from": 0}),
        json!({"rules": RULES, "from": 10, "to": 5}),
        json!({"rules": RULES, "configuration": "route: {}"}),
        json!({"rules": RULES, "colour": "red"}),
    ] {
        let (status, answer) = server.post("/api/v1/rules/backtest", body.to_string()).await;
        assert!(status == 400 && answer.contains("bad_data"), "{body}: {status} {answer}");
    }
}

#[tokio::test]
async fn a_real_alertmanager_is_told_of_our_alerts_and_their_ends() {
    let target = Target::start(text("temperature 90\n"));
    let webhook = Webhook::start();
    let setup = setup(&target.address, &webhook);
    let file = setup.write("peer.yml", &routing(&webhook.url));
    let port = free_port();
    let args = [
        format!("--config.file={}", file.display()),
        format!("--storage.path={}", setup.path("peer").display()),
        format!("--web.listen-address=127.0.0.1:{port}"),
        "--cluster.listen-address=".to_owned(),
    ];
    let Some(_peer) = Peer::start("prometheus-alertmanager", &args) else { return };
    setup.write("prometheus.yml", &format!(
        "global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s, external_labels: {{region: north}}}}\n\
         rule_files: [rules.yml]\n\
         alerting:\n  alert_relabel_configs: [{{target_label: via, replacement: watchfire}}]\n  \
         alertmanagers: [{{static_configs: [{{targets: ['127.0.0.1:{port}']}}]}}]\n\
         scrape_configs: [{{job_name: room, static_configs: [{{targets: ['{}']}}]}}]\n",
        target.address
    ));
    let server = setup.start().await;
    let firing = webhook.until("Hot", "firing").await;
    let labels = &firing["alerts"][0]["labels"];
    assert_eq!((&labels["via"], &labels["region"]), (&json!("watchfire"), &json!("north")), "{firing}");
    let known = server.get_json("/api/v1/alertmanagers").await;
    let url = format!("http://127.0.0.1:{port}/api/v2/alerts");
    assert_eq!(known["data"]["activeAlertmanagers"], json!([{"url": url}]));
    target.becomes(text("temperature 20\n"));
    webhook.until("Hot", "resolved").await;
    let (_, metrics) = server.get("/metrics").await;
    assert!(metrics.contains("prometheus_notifications_alertmanagers_discovered 1"), "{metrics}");
}

#[tokio::test]
async fn who_was_told_by_a_real_alertmanager_is_not_told_again_and_hears_of_the_end() {
    let webhook = Webhook::start();
    let setup = Setup::new();
    let file = setup.write("am.yml", &routing(&webhook.url));
    let port = free_port();
    let data = setup.path("old");
    let args = [
        format!("--config.file={}", file.display()),
        format!("--storage.path={}", data.display()),
        format!("--web.listen-address=127.0.0.1:{port}"),
        "--cluster.listen-address=".to_owned(),
    ];
    let Some(peer) = Peer::start("prometheus-alertmanager", &args) else { return };
    let client = reqwest::Client::new();
    let alert =
        json!([{"labels": {"alertname": "Old", "severity": "critical"}, "startsAt": "2026-01-01T00:00:00Z"}]);
    let silence = json!({"matchers": [{"name": "a", "value": "b", "isRegex": false}], "comment": "kept", "createdBy": "me",
        "startsAt": "2026-01-01T00:00:00Z", "endsAt": "2126-01-01T00:00:00Z"});
    for (path, body) in [("alerts", &alert), ("silences", &silence)] {
        let url = format!("http://127.0.0.1:{port}/api/v2/{path}");
        let started = std::time::Instant::now();
        loop {
            let request = client.post(&url).header("content-type", "application/json").body(body.to_string());
            if request.send().await.is_ok_and(|answer| answer.status().is_success()) {
                break;
            }
            assert!(started.elapsed() < crate::harness::PATIENCE, "the other Alertmanager never answered");
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    }
    webhook.until("Old", "firing").await;
    let told = format!("http://127.0.0.1:{port}/metrics");
    let counted = |line: &str| {
        line.starts_with("alertmanager_notifications_total{integration=\"webhook\"") && line.ends_with(" 1")
    };
    let started = std::time::Instant::now();
    loop {
        let metrics = client.get(&told).send().await.unwrap().text().await.unwrap();
        if metrics.lines().any(counted) {
            break;
        }
        assert!(started.elapsed() < crate::harness::PATIENCE, "it never counted what it told: {metrics}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    // It notes what it told right after it counts.
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    peer.terminate();
    let store = setup.path("data");
    let import = || {
        let output = Command::new(env!("CARGO_BIN_EXE_watchfire"))
            .args(["import", "alertmanager", data.to_str().unwrap()])
            .arg(format!("--storage.path={}", store.display()))
            .output()
            .unwrap();
        (
            output.status.success(),
            String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned(),
        )
    };
    let (good, said) = import();
    assert!(
        good && said.contains("1 silences imported") && said.contains("1 notifications imported"),
        "{said}"
    );
    let setup = setup.arg("--alerting.only").arg(format!("--alertmanager.file={}", file.display()));
    let server = setup.start().await;
    let silences = server.get_json("/api/v2/silences").await;
    assert_eq!(silences[0]["comment"], "kept", "{silences}");
    let (good, said) = import();
    assert!(!good && said.contains("stop it"), "a server runs: {said}");
    assert_eq!(server.post("/api/v2/alerts", alert.to_string()).await.0, 200);
    let mut over = alert.clone();
    over[0]["endsAt"] = json!("2026-01-01T00:00:01Z");
    tokio::time::sleep(std::time::Duration::from_millis(2500)).await;
    let told = webhook.notifications().len();
    assert_eq!(told, 1, "told once, by the other one");
    assert_eq!(server.post("/api/v2/alerts", over.to_string()).await.0, 200);
    webhook.until("Old", "resolved").await;
    assert_eq!(webhook.notifications().len(), 2);
}
