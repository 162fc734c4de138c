//! Bad input gets one clear line, and takes nothing else down.

use crate::harness::exposition::{Behaviour, Target, text};
use crate::harness::{Setup, encode};
use std::io::Write as _;
use std::process::{Command, Stdio};

/// A configuration that scrapes nothing.
const QUIET: &str = "";

fn assert_one_line(said: &str, expected: &[&str]) {
    let lines: Vec<&str> = said.lines().filter(|line| line.starts_with("watchfire:")).collect();
    assert_eq!(lines.len(), 1, "{said}");
    for part in expected {
        assert!(said.contains(part), "{part:?} is not in {said}");
    }
}

#[test]
fn a_broken_configuration_ends_the_start_with_its_place() {
    for (config, expected) in [
        ("global:\n  scrape_interval: 15x\n", &["prometheus.yml:2:", "15x"][..]),
        ("globall: {}\n", &["prometheus.yml:1:", "globall"]),
        ("scrape_configs:\n- job_name: a\n- job_name: a\n", &["prometheus.yml:3:", "job"]),
        ("scrape_configs:\n- job_name: a\n  relabel_configs:\n  - regex: '('\n", &["prometheus.yml:4:"]),
        ("global: [\n", &["prometheus.yml:"]),
    ] {
        let setup = Setup::new().config(config);
        let (status, said) = setup.fail_to_start();
        assert_eq!(status.code(), Some(1), "{config}: {said}");
        assert_one_line(&said, expected);
    }
}

#[test]
fn a_broken_rule_file_ends_the_start_with_its_place() {
    let setup = Setup::new().config("rule_files: [rules.yml]\n");
    setup.write("rules.yml", "groups:\n- name: a\n  rules:\n  - alert: Hot\n    expr: rat(x[5m]) > 1\n");
    let (status, said) = setup.fail_to_start();
    assert_eq!(status.code(), Some(1), "{said}");
    assert_one_line(&said, &["rules.yml:5:", "rat"]);
}

#[tokio::test]
async fn a_broken_reload_leaves_what_ran_in_force() {
    let setup = Setup::new().config("scrape_configs:\n- job_name: first\n");
    let server = setup.start().await;
    setup.write("prometheus.yml", "scrape_configs:\n- job_name: second\n  scrape_interval: never\n");
    let (status, said) = server.post("/-/reload", "").await;
    assert_eq!(status, 500);
    assert!(said.contains("prometheus.yml:3:"), "{said}");
    let (_, metrics) = server.get("/metrics").await;
    assert!(metrics.contains("\nwatchfire_config_last_reload_successful 0\n"), "{metrics}");
    let config = server.get_json("/api/v1/status/config").await;
    assert!(config["data"]["yaml"].as_str().unwrap().contains("first"));
    setup.write("prometheus.yml", "scrape_configs:\n- job_name: second\n");
    let (status, said) = server.post("/-/reload", "").await;
    assert_eq!(status, 200, "{said}");
    let (_, metrics) = server.get("/metrics").await;
    assert!(metrics.contains("\nwatchfire_config_last_reload_successful 1\n"));
    let config = server.get_json("/api/v1/status/config").await;
    assert!(config["data"]["yaml"].as_str().unwrap().contains("second"));
}

#[tokio::test]
async fn a_hangup_reloads_too() {
    let setup = Setup::new().config("scrape_configs:\n- job_name: first\n");
    let server = setup.start().await;
    setup.write("prometheus.yml", "scrape_configs:\n- job_name: second\n");
    server.signal("-HUP");
    let started = std::time::Instant::now();
    loop {
        let config = server.get_json("/api/v1/status/config").await;
        if config["data"]["yaml"].as_str().unwrap().contains("second") {
            break;
        }
        assert!(started.elapsed() < crate::harness::PATIENCE, "{config}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_wrong_query_gets_prometheus_error_with_the_position() {
    let setup = Setup::new().config(QUIET);
    let server = setup.start().await;
    for (query, expected) in [
        ("up{", "parse error"),
        ("rate(up)", "expected type range vector in call to function \"rate\", got instant vector"),
        ("nope(up)", "unknown function with name \"nope\""),
        ("sum by (", "parse error"),
    ] {
        let (status, body) = server.get(&format!("/api/v1/query?query={}", encode(query))).await;
        assert_eq!(status, 400, "{query}: {body}");
        let answer: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!((&answer["status"], &answer["errorType"]), (&"error".into(), &"bad_data".into()));
        let error = answer["error"].as_str().unwrap();
        assert!(error.contains(expected) && error.contains("1:"), "{query}: {error}");
    }
    let (status, body) = server.get("/api/v1/query_range?query=up&start=0&end=1000000&step=1").await;
    assert_eq!(status, 400);
    assert!(body.contains("exceeded maximum resolution of 11,000 points per timeseries"), "{body}");
}

#[tokio::test]
async fn hostile_targets_are_down_with_the_reason_and_harm_no_other() {
    let html = Target::start(Behaviour::Body("text/html", "<html>hello</html>".to_owned()));
    let endless = Target::start(Behaviour::Endless);
    let trickle = Target::start(Behaviour::Trickle);
    let silent = Target::start(Behaviour::Silent);
    let broken = Target::start(text("good 1\nbad{ 2\n"));
    let well = Target::start(text("healthy 1\n"));
    let jobs: String = [
        ("html", &html),
        ("endless", &endless),
        ("trickle", &trickle),
        ("silent", &silent),
        ("broken", &broken),
        ("well", &well),
    ]
    .iter()
    .map(|(job, target)| {
        format!(
            "- job_name: {job}\n  body_size_limit: 1MB\n  static_configs: [{{targets: ['{}']}}]\n",
            target.address
        )
    })
    .collect();
    let setup = Setup::new()
        .config(&format!("global: {{scrape_interval: 1s, scrape_timeout: 500ms}}\nscrape_configs:\n{jobs}"));
    let server = setup.start().await;
    server.until("up{job=\"well\"}", |up| up == 1.0).await;
    server.until("count(up == 0)", |down| down == 5.0).await;
    server.until("healthy", |value| value == 1.0).await;
    let targets = server.get_json("/api/v1/targets").await;
    for target in targets["data"]["activeTargets"].as_array().unwrap() {
        let (job, error) = (target["labels"]["job"].as_str().unwrap(), target["lastError"].as_str().unwrap());
        let expected = match job {
            "html" => "text/html",
            "endless" => "body size limit",
            "trickle" | "silent" => "deadline",
            "broken" => "2",
            _ => "",
        };
        assert!(error.contains(expected), "{job}: {error}");
        assert_eq!(target["health"], if error.is_empty() { "up" } else { "down" }, "{job}");
    }
    html.becomes(text("html_no_more 1\n"));
    server.until("up{job=\"html\"}", |up| up == 1.0).await;
}

#[test]
fn checks_say_what_is_wrong_and_exit_accordingly() {
    let setup = Setup::new();
    let good = setup.write(
        "good.yml",
        "scrape_configs:\n- job_name: a\n  static_configs: [{targets: ['localhost:1']}]\n",
    );
    let bad = setup.write("bad.yml", "scrape_configs:\n- job_nam: a\n");
    let check = |what: &str, path: &std::path::Path| {
        Command::new(crate::harness::binary()).args(["check", what]).arg(path).output().unwrap()
    };
    assert!(check("config", &good).status.success());
    let output = check("config", &bad);
    assert_eq!(output.status.code(), Some(1));
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("bad.yml:2:3"), "{said}");

    let metrics = |body: &str, strict: bool| {
        let mut command = Command::new(crate::harness::binary());
        command.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        if strict {
            command.arg("--strict");
        }
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(body.as_bytes()).unwrap();
        child.wait().unwrap().code()
    };
    assert_eq!(metrics("a 1\n", false), Some(0));
    assert_eq!(metrics("a{ 1\n", false), Some(1));
    assert_eq!(metrics("a 1\n", true), Some(1), "strictly, an exposition ends with # EOF");
    assert_eq!(metrics("# TYPE a gauge\na 1\n# EOF\n", true), Some(0));
}

#[tokio::test]
async fn a_rule_file_that_is_not_there_is_told_and_stops_nothing() {
    let setup = Setup::new().config("rule_files: [nowhere.yml]\n");
    let server = setup.start().await;
    assert_eq!(server.get("/-/ready").await.0, 200);
    let output = Command::new(crate::harness::binary())
        .args(["check", "config"])
        .arg(setup.path("prometheus.yml"))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "checking says it");
    assert!(String::from_utf8_lossy(&output.stderr).contains("nowhere.yml"));
}
