//! A receiver tried out, by the command and over HTTP: what was sent and answered is shown, and no secret.

use crate::harness::webhook::Webhook;
use crate::harness::{Setup, binary};
use serde_json::{Value, json};
use std::process::Command;

const SECRET: &str = "s3cret-token-of-the-hook";

fn setup(webhook: &Webhook) -> Setup {
    let setup = Setup::new().config("alertmanager_file: alertmanager.yml\n");
    setup.write(
        "alertmanager.yml",
        &format!(
            "route: {{receiver: team}}\nreceivers:\n- name: silent\n- name: team\n  webhook_configs:\n  - url: '{}?token={SECRET}'\n    http_config: {{authorization: {{credentials: {SECRET}}}}}\n",
            webhook.url
        ),
    );
    setup
}

fn tried(setup: &Setup, args: &[&str]) -> (bool, String) {
    let output = Command::new(binary())
        .args(["alert", "test-receiver", "--alertmanager.file"])
        .arg(setup.path("alertmanager.yml"))
        .args(args)
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(said).unwrap())
}

#[test]
fn the_command_shows_what_was_sent_and_answered_without_secrets_and_fails_when_somebody_was_not_told() {
    let webhook = Webhook::start();
    let setup = setup(&webhook);
    let (good, said) = tried(&setup, &["--resolve", "team"]);
    assert!(good, "{said}");
    for part in ["webhook_configs[0]: delivered", "(the end): delivered", "> POST ", "ReceiverTest", "< 200"]
    {
        assert!(said.contains(part), "{part} is missing in {said}");
    }
    assert!(!said.contains(SECRET), "{said}");
    let statuses: Vec<Value> = webhook.notifications().iter().map(|told| told["status"].clone()).collect();
    assert_eq!(statuses, ["firing", "resolved"]);
    webhook.set_failing(true);
    let (good, said) = tried(&setup, &["team"]);
    assert!(
        !good && said.contains("would be tried again") && said.contains("1 of 1 attempts failed"),
        "{said}"
    );
    assert!(!said.contains(SECRET), "{said}");
    let (good, said) = tried(&setup, &["silent"]);
    assert!(!good && said.contains("receiver \"silent\" tells nobody"), "{said}");
    let (good, said) = tried(&setup, &["tema"]);
    assert!(!good && said.contains("has no receiver \"tema\"; it has silent, team"), "{said}");
}

#[tokio::test]
async fn the_server_tries_a_receiver_out_and_answers_the_same() {
    let webhook = Webhook::start();
    let setup = setup(&webhook);
    let server = setup.start().await;
    let ask = async |body: Value| {
        let request = server.client().post(server.url("/api/v1/receivers/test"));
        let answer =
            request.header("content-type", "application/json").body(body.to_string()).send().await.unwrap();
        let status = answer.status().as_u16();
        let text = answer.text().await.unwrap();
        assert!(!text.contains(SECRET), "{text}");
        (status, serde_json::from_str::<Value>(&text).unwrap())
    };
    let (status, told) = ask(json!({"receiver": "team", "resolve": true})).await;
    assert_eq!((status, &told["data"]["delivered"]), (200, &json!(true)), "{told}");
    let trials = told["data"]["trials"].as_array().unwrap();
    let tells: Vec<&Value> = trials.iter().map(|trial| &trial["tells"]).collect();
    assert_eq!(tells, ["firing", "resolved"]);
    let first = &trials[0];
    assert_eq!(
        (&first["integration"], &first["outcome"], &first["status"]),
        (&json!("webhook[0]"), &json!("delivered"), &json!(200))
    );
    assert!(first["exchanges"][0]["sent"].as_str().unwrap().contains("ReceiverTest"), "{first}");
    webhook.set_failing(true);
    let (status, told) = ask(json!({"receiver": "team"})).await;
    assert_eq!((status, &told["data"]["delivered"]), (200, &json!(false)), "{told}");
    assert_eq!(told["data"]["trials"][0]["outcome"], "retry", "{told}");
    for (body, expected) in [
        (json!({"receiver": "tema"}), 404),
        (json!({"receiver": "silent"}), 400),
        (json!({"resolve": true}), 400),
        (json!({"receiver": "team", "and": 1}), 400),
    ] {
        let (status, told) = ask(body).await;
        assert_eq!(status, expected, "{told}");
        assert!(told["error"].as_str().is_some_and(|error| !error.is_empty()), "{told}");
    }
    let incidents = server.get_json("/api/v1/incidents").await;
    assert_eq!(incidents["data"]["total"], 0, "a trial is no incident");
}
