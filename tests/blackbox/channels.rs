//! What receivers are sent, beside a real Alertmanager: the same configuration, the same alerts, and then every request
//! compared. What is meant to differ is taken away in [`alike`], each with its reason; `docs/alerting/channels.md` tells
//! people of it.

mod mail;
mod receivers;
mod recorder;
mod tunnel;

use crate::harness::{PATIENCE, Peer, Setup, binary, find_program, free_port};
use receivers::{RECEIVERS, Receiver};
use recorder::{Recorder, Seen};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use tokio_rustls::TlsAcceptor;

/// One of the two, and whom it tells.
struct Side {
    recorder: Recorder,
    url: String,
    _process: Peer,
}

fn configuration(known: &[&Receiver], base: &str, smtp: &str, proxy: &str) -> String {
    let mut text =
        "route:\n  receiver: nobody\n  group_by: [alertname]\n  group_wait: 3s\n  group_interval: 4s\n  \
                    repeat_interval: 1h\n  routes:\n"
            .to_owned();
    for receiver in known {
        text.push_str(&format!("  - {{receiver: {0}, matchers: ['rx=\"{0}\"']}}\n", receiver.name));
    }
    text.push_str("receivers:\n- name: nobody\n");
    for receiver in known {
        let yaml = receiver.yaml.replace("@/", &format!("{base}/{}/", receiver.name));
        let yaml = yaml.replace("SMTP", smtp).replace("PROXY", proxy);
        text.push_str(&format!("- name: {}\n  {yaml}\n", receiver.name));
    }
    text
}

impl Side {
    async fn start(
        program: &Path,
        setup: &Setup,
        name: &str,
        known: &[&Receiver],
        acceptor: Option<&TlsAcceptor>,
    ) -> Self {
        let recorder = Recorder::default();
        let base = recorder.start().await;
        let smtp = mail::start(recorder.clone()).await;
        let proxy = match acceptor {
            Some(acceptor) => tunnel::start(recorder.clone(), acceptor.clone()).await,
            None => String::new(),
        };
        let file = setup.write(&format!("{name}.yml"), &configuration(known, &base, &smtp, &proxy));
        let port = free_port();
        let mut args: Vec<String> =
            if program == binary() { vec!["alertmanager".to_owned()] } else { vec![] };
        args.extend([
            format!("--config.file={}", file.display()),
            format!("--storage.path={}", setup.path(name).display()),
            format!("--web.listen-address=127.0.0.1:{port}"),
            "--web.external-url=http://alerts.example/am".to_owned(),
            "--web.route-prefix=/".to_owned(),
            "--cluster.listen-address=".to_owned(),
        ]);
        let credentials = "[default]\naws_access_key_id = DEFAULT\naws_secret_access_key = s\n[pages]\n\
                           aws_access_key_id = PAGES\naws_secret_access_key = s\naws_session_token = t\n";
        let credentials = setup.write("credentials", credentials);
        let environment = [
            ("AWS_SHARED_CREDENTIALS_FILE", credentials.display().to_string()),
            ("AWS_CONFIG_FILE", setup.path("none").display().to_string()),
            ("AWS_ENDPOINT_URL_STS", format!("{base}/sts")),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ];
        let process = Peer::start_within(program, args, &environment);
        let url = format!("http://127.0.0.1:{port}");
        let client = reqwest::Client::new();
        let started = Instant::now();
        let ready = async || client.get(format!("{url}/-/ready")).send().await;
        while !ready().await.is_ok_and(|answer| answer.status().is_success()) {
            assert!(started.elapsed() < PATIENCE, "{name} did not become ready");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Self { recorder, url, _process: process }
    }

    async fn post(&self, alerts: &Value) {
        let request = reqwest::Client::new().post(format!("{}/api/v2/alerts", self.url));
        let request = request.header("content-type", "application/json").body(alerts.to_string());
        let answer = request.send().await.unwrap();
        assert!(answer.status().is_success(), "{:?}", answer.text().await);
    }

    /// Waits until so many requests came for every receiver.
    async fn until(&self, known: &[&Receiver], expected: impl Fn(&Receiver) -> usize) {
        let started = Instant::now();
        loop {
            let missing: Vec<(&str, usize)> = known
                .iter()
                .map(|receiver| (receiver, self.recorder.of(receiver.name).len()))
                .filter(|(receiver, came)| *came < expected(receiver))
                .map(|(receiver, came)| (receiver.name, came))
                .collect();
            if missing.is_empty() {
                return;
            }
            assert!(started.elapsed() < 2 * PATIENCE, "{} told too little: {missing:?}", self.url);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// Two alerts for every receiver.
fn alerts(known: &[&Receiver], starts: &str, ends: Option<&str>) -> Value {
    let both = known.iter().flat_map(|receiver| [1, 2].map(|number| (receiver, number)));
    both.map(|(receiver, number)| {
        let is_long = receiver.name.ends_with("-long");
        let summary = format!("S {number} of <b>{}</b> & é", receiver.name);
        let description = if is_long { "lög <&\"'> 𝄞 ".repeat(8_000) } else { "line1\nline2".to_owned() };
        let name = if is_long { "W".repeat(1_200) } else { "A\"x y".to_owned() };
        let mut alert = json!({
            "labels": {"alertname": name, "rx": receiver.name, "instance": format!("h{number}:9100"), "severity": "critical"},
            "annotations": {"summary": summary, "description": description, "runbook_url": "http://rb/"},
            "startsAt": starts,
            "generatorURL": "http://prom/graph?g0.expr=up",
        });
        if let Some(ends) = ends {
            alert["endsAt"] = ends.into();
        }
        alert
    })
    .collect()
}

/// Takes away what is meant to differ between us and an Alertmanager of a minor version.
fn alike(mut seen: Seen, receiver: &Receiver, version: u32) -> Seen {
    // Who signed, for which region and service; the signature covers what differs with every request.
    if let Some(signed) = seen.headers.get_mut("authorization").filter(|value| value.starts_with("AWS4-HMAC"))
    {
        let scope: Vec<&str> = signed.split([',', '=']).nth(1).unwrap_or_default().split('/').collect();
        *signed = format!("signed by {} for {:?}", scope[0], &scope[2..]);
    }
    if let Some(kind) = seen.headers.get_mut("content-type") {
        // Slack asks for it, and warns where it is missing.
        *kind = kind.replace("; charset=utf-8", "");
    }
    for name in ["from", "to"] {
        // Names of people are quoted by us, and not by Alertmanager where they need not be.
        if let Some(addresses) = seen.headers.get_mut(name) {
            *addresses = addresses.replace('"', "");
        }
    }
    let Value::Object(body) = &mut seen.body else { return seen };
    match receiver.name.split('-').next().unwrap_or_default() {
        "webhook" if version < 34 => {
            // They came with 0.32 and 0.34.
            body.remove("notification_reason");
            body.remove("routeLabels");
        }
        "email" => {
            let parts = body["parts"].as_array_mut().unwrap().iter_mut();
            for part in parts.filter(|part| part["headers"]["content-type"].to_string().contains("html")) {
                // White space means nothing there, and older ones say otherwise what kind of mail it is.
                let text = part["text"].as_str().unwrap().replace("http://schema", "https://schema");
                part["text"] = text.split_whitespace().collect::<Vec<_>>().join(" ").into();
            }
        }
        "pagerduty" => {
            // Since when it fires: PagerDuty shows when that was, not when it heard of it.
            let payload = body["payload"].as_object_mut().unwrap();
            payload.remove("timestamp");
            if receiver.name.ends_with("-long") {
                // Alertmanager writes `<` with six letters, and so finds more too large.
                payload.remove("custom_details");
            }
        }
        "sns" => {
            // Sessions are called after whoever makes them.
            body.remove("RoleSessionName");
            // Alertmanager gives every notification of a group the same, so that SNS drops news of five minutes.
            body.remove("MessageDeduplicationId");
            // Older ones wrote it down when there were none, and a slash more.
            body.remove("MessageAttributes");
            seen.request = seen.request.trim_end_matches('/').to_owned();
        }
        "jira" if seen.request.starts_with("PUT") => {
            // What an issue cannot change is not sent again.
            for key in ["project", "issuetype"] {
                body["fields"].as_object_mut().unwrap().remove(key);
            }
        }
        _ => {}
    }
    seen
}

/// The minor version of an Alertmanager; one built without a version is taken for the newest.
fn version(program: &Path) -> u32 {
    let output = Command::new(program).arg("--version").output().unwrap();
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    let minor = text.split("version 0.").nth(1).and_then(|rest| rest.split('.').next()?.parse().ok());
    minor.unwrap_or(u32::MAX)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_receiver_is_sent_what_alertmanager_sends_it() {
    let Some(program) = find_program("prometheus-alertmanager") else { return };
    let version = version(&program);
    let (known, newer): (Vec<&Receiver>, Vec<&Receiver>) =
        RECEIVERS.iter().partition(|receiver| receiver.since <= version);
    for receiver in newer {
        println!("skipped: {} needs Alertmanager 0.{}", receiver.name, receiver.since);
    }
    let setup = Setup::new();
    let acceptor = tunnel::certificate(&setup.path("."));
    let known: Vec<&Receiver> = known
        .into_iter()
        .filter(|receiver| {
            let can_be = acceptor.is_some() || !receiver.yaml.contains("PROXY");
            if !can_be {
                println!("skipped: {} needs openssl", receiver.name);
            }
            can_be
        })
        .collect();
    let theirs = Side::start(&program, &setup, "theirs", &known, acceptor.as_ref()).await;
    let ours = Side::start(binary(), &setup, "ours", &known, acceptor.as_ref()).await;
    let now = || format!("{:.3}", jiff::Timestamp::now());
    let starts = now();
    for ends in [None, Some(now())] {
        let ends = ends.map(|_| now());
        let posted = alerts(&known, &starts, ends.as_deref());
        let expected = |receiver: &Receiver| match ends {
            None => receiver.requests.0,
            Some(_) => receiver.requests.0 + receiver.requests.1,
        };
        for side in [&theirs, &ours] {
            side.post(&posted).await;
        }
        for side in [&theirs, &ours] {
            side.until(&known, expected).await;
        }
    }
    let mut differing = Vec::new();
    for receiver in &known {
        let all = |side: &Side| -> Vec<Seen> {
            let mut seen = side.recorder.of(receiver.name);
            // Alertmanager assumes a role for every notification; here its keys are kept.
            let mut roles = 0;
            seen.retain(|seen| {
                roles += usize::from(seen.request == "POST /sts");
                seen.request != "POST /sts" || roles == 1
            });
            seen.into_iter().map(|seen| alike(seen, receiver, version)).collect()
        };
        let (theirs, ours) = (all(&theirs), all(&ours));
        if theirs.len() != ours.len() {
            differing.push(format!("{}: {} requests and {}", receiver.name, theirs.len(), ours.len()));
        }
        for (theirs, ours) in theirs.iter().zip(&ours) {
            if (&theirs.request, &theirs.headers) != (&ours.request, &ours.headers) {
                differing.push(format!(
                    "{}: {} {:?}, ours: {} {:?}",
                    receiver.name, theirs.request, theirs.headers, ours.request, ours.headers
                ));
            }
            if let Some(difference) = difference(&theirs.body, &ours.body) {
                differing.push(format!("{}: {}: {difference}", receiver.name, theirs.request));
            }
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

/// Where two bodies differ first, and in what.
fn difference(theirs: &Value, ours: &Value) -> Option<String> {
    match (theirs, ours) {
        (Value::Object(left), Value::Object(right)) => {
            let mut keys: Vec<&String> = left.keys().chain(right.keys()).collect();
            keys.sort();
            keys.into_iter().find_map(|key| match (left.get(key), right.get(key)) {
                (Some(left), Some(right)) => Some(format!(".{key}{}", difference(left, right)?)),
                (left, _) => {
                    Some(format!(".{key} is only {}", if left.is_some() { "theirs" } else { "ours" }))
                }
            })
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            let mut pairs = left.iter().zip(right).enumerate();
            pairs.find_map(|(index, (left, right))| Some(format!("[{index}]{}", difference(left, right)?)))
        }
        _ if theirs == ours => None,
        _ => {
            let (theirs, ours) = (theirs.to_string(), ours.to_string());
            let same = theirs.chars().zip(ours.chars()).take_while(|(left, right)| left == right).count();
            let from = same.saturating_sub(100);
            let near = |text: &str| -> String { text.chars().skip(from).take(300).collect() };
            Some(format!(" from character {from} is {}, ours: {}", near(&theirs), near(&ours)))
        }
    }
}

#[test]
fn the_examples_of_the_documentation_are_sound_and_show_every_kind() {
    let text = include_str!("../../docs/alerting/receivers.md");
    let example = text.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let kinds: Vec<&str> =
        example.lines().map(str::trim).filter(|line| line.ends_with("_configs:")).collect();
    let all: std::collections::BTreeSet<&&str> = kinds.iter().collect();
    assert_eq!(all.len(), 18, "{all:?}");
    let setup = Setup::new();
    let file = setup.write("alertmanager.yml", example);
    let output = Command::new(binary()).args(["check", "alertmanager"]).arg(file).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&[output.stdout, output.stderr].concat()));
}
