//! As an Alertmanager: its flags, its API, its amtool, and a real Prometheus that sends to it.

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
        assert_eq!(server.get_json(&format!("{prefix}/api/v2/receivers")).await, json!([{"name": "hook"}]));
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
            400,
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
