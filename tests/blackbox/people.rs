//! From a firing rule to the person who takes it on: told in turn, killed in between, acknowledged, over.

use crate::harness::exposition::{Target, text};
use crate::harness::webhook::Webhook;
use crate::harness::{PATIENCE, Server, Setup};
use serde_json::{Value, json};
use std::process::Command;
use std::time::Instant;

fn setup(target: &str, (team, ada, ben): (&Webhook, &Webhook, &Webhook)) -> Setup {
    let setup = Setup::new().config(&format!(
        "global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}\n\
         rule_files: [rules.yml]\nalertmanager_file: alertmanager.yml\noncall_file: oncall.yml\n\
         scrape_configs:\n- job_name: node\n  static_configs: [{{targets: ['{target}']}}]\n"
    ));
    setup.write(
        "rules.yml",
        "groups:\n- name: test\n  rules:\n  - alert: Down\n    expr: up{job=\"node\"} == 0\n    labels: {severity: critical}\n    annotations: {summary: the node is down}\n",
    );
    setup.write(
        "alertmanager.yml",
        &format!(
            "route: {{receiver: team, group_by: [alertname], group_wait: 1s, group_interval: 1s, repeat_interval: 3s, labels: {{escalation_policy: nodes}}}}\n\
             receivers:\n- {{name: team, webhook_configs: [{{url: '{}'}}]}}\n- {{name: ada, webhook_configs: [{{url: '{}'}}]}}\n- {{name: ben, webhook_configs: [{{url: '{}'}}]}}\n",
            team.url, ada.url, ben.url
        ),
    );
    setup.write("oncall.yml", ONCALL);
    setup
}

const ONCALL: &str = "people:\n- {name: ada, receivers: [ada]}\n- {name: ben, receivers: [ben]}\n\
    schedules:\n- {name: primary, time_zone: Europe/Berlin, layers: [{rotation: weekly, start: 2026-01-05 09:00, people: [ada]}]}\n\
    policies:\n- {name: nodes, steps: [{tell: [{schedule: primary}], wait: 4s}, {tell: [{person: ben}], wait: 1h}]}\n";

/// The only incident, once it satisfies a condition.
async fn until(server: &Server, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
    let started = Instant::now();
    loop {
        let list = server.get_json("/api/v1/incidents").await;
        let incidents = list["data"]["incidents"].as_array().unwrap();
        assert!(incidents.len() <= 1, "{list}");
        if let Some(one) = incidents.first() {
            let whole = server.get_json(&format!("/api/v1/incidents/{}", one["id"])).await;
            if holds(&whole["data"]) {
                return whole["data"].clone();
            }
        }
        assert!(started.elapsed() < PATIENCE, "{what}: {list}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

/// Whether every notification so far is written down as confirmed.
fn all_confirmed(incident: &Value) -> bool {
    let timeline = incident["timeline"].as_array().unwrap();
    let told = timeline.iter().filter(|line| line["kind"] == "notified");
    told.clone().count() > 0 && told.into_iter().all(|line| line["notification"]["state"] == "done")
}

async fn post(server: &Server, path: &str, body: &Value) -> (u16, Value) {
    let client = reqwest::Client::new();
    let request = client.post(server.url(path)).header("content-type", "application/json");
    let answer = request.body(body.to_string()).send().await.unwrap();
    (answer.status().as_u16(), serde_json::from_str(&answer.text().await.unwrap()).unwrap())
}

fn watchfire(server: &Server, args: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_watchfire"))
        .args(args)
        .arg(format!("--url=http://{}", server.address))
        .env("USER", "ada")
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(said).unwrap())
}

fn statuses(webhook: &Webhook) -> Vec<String> {
    let all = webhook.notifications();
    all.iter().map(|told| told["status"].as_str().unwrap_or_default().to_owned()).collect()
}

#[tokio::test]
async fn who_does_not_answer_is_followed_by_the_next_until_somebody_acknowledges_and_the_end_is_told_once() {
    let target = Target::start(text("a{ 1\n"));
    let (team, ada, ben) = (Webhook::start(), Webhook::start(), Webhook::start());
    let setup = setup(&target.address, (&team, &ada, &ben));
    let server = setup.start().await;
    team.until("Down", "firing").await;
    ada.until("Down", "firing").await;
    until(&server, "the first step is confirmed", |one| all_confirmed(one) && one["escalation"]["step"] == 1)
        .await;
    server.kill();
    let server = setup.start().await;
    ben.until("Down", "firing").await;
    let one = until(&server, "the second step is confirmed", all_confirmed).await;
    assert_eq!((&one["state"], &one["severity"]), (&json!("firing"), &json!("critical")), "{one}");
    assert_eq!(statuses(&ada), ["firing"], "a kill repeats no step");
    assert_eq!(statuses(&ben), ["firing"]);
    let id = one["id"].to_string();
    let (status, refused) = post(&server, &format!("/api/v1/incidents/{id}/acknowledge"), &json!({})).await;
    assert_eq!((status, &refused["errorType"]), (400, &json!("bad_data")), "{refused}");
    let (good, said) = watchfire(&server, &["incident", "ack", &id, "--note", "on it"]);
    assert!(good && said.contains("acknowledged by ada"), "{said}");
    server.kill();
    let server = setup.start().await;
    let one = until(&server, "the acknowledgement is there", |one| one["state"] == "acknowledged").await;
    assert_eq!(one["acknowledgement"]["note"], "on it");
    until(&server, "what was under way is confirmed", all_confirmed).await;
    let before = team.notifications().len();
    // Twice the repeat interval by the server's clock.
    let from_s = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
    server.until("vector(time())", |now| now > from_s + 6.0).await;
    assert_eq!(team.notifications().len(), before, "no repeats while somebody has it");
    target.becomes(text("a 1\n"));
    for webhook in [&team, &ada, &ben] {
        webhook.until("Down", "resolved").await;
    }
    let one = until(&server, "it is over", |one| one["state"] == "resolved" && all_confirmed(one)).await;
    for webhook in [&team, &ada, &ben] {
        let ends = statuses(webhook).iter().filter(|status| *status == "resolved").count();
        assert_eq!(ends, 1, "{:?}", statuses(webhook));
    }
    let kinds: Vec<&str> =
        one["timeline"].as_array().unwrap().iter().filter_map(|line| line["kind"].as_str()).collect();
    for kind in ["fired", "escalated", "acknowledged", "resolved", "notified"] {
        assert!(kinds.contains(&kind), "{kinds:?}");
    }
    let (good, said) = watchfire(&server, &["incident", "show", &id]);
    assert!(good && said.contains("the node is down") && said.contains("attempt: delivered 200"), "{said}");
    let (good, said) = watchfire(&server, &["incident", "ack", &id]);
    assert!(!good && said.contains("is over"), "{said}");
    let (good, said) = watchfire(&server, &["incident", "list"]);
    assert!(good && !said.contains("Down"), "{said}");
}

#[tokio::test]
async fn schedules_are_shown_overridden_and_subscribed_to_and_overrides_outlive_a_kill() {
    let target = Target::start(text("a 1\n"));
    let (team, ada, ben) = (Webhook::start(), Webhook::start(), Webhook::start());
    let setup = setup(&target.address, (&team, &ada, &ben));
    let server = setup.start().await;
    let all = server.get_json("/api/v1/schedules").await;
    assert_eq!(all["data"]["schedules"][0]["onCall"], json!(["ada"]), "{all}");
    assert_eq!(all["data"]["policies"][0]["steps"][1]["tell"], json!([{"person": "ben"}]), "{all}");
    let made =
        json!({"people": ["ben"], "from": "2099-03-01T00:00:00Z", "to": "2099-03-02T00:00:00Z", "by": "ada"});
    let (status, kept) = post(&server, "/api/v1/schedules/primary/overrides", &made).await;
    assert_eq!(status, 200, "{kept}");
    server.kill();
    let server = setup.start().await;
    let path = "/api/v1/schedules/primary?from=2099-02-28T00:00:00Z&to=2099-03-03T00:00:00Z";
    let shown = server.get_json(path).await;
    let who: Vec<&Value> =
        shown["data"]["final"].as_array().unwrap().iter().map(|shift| &shift["people"]).collect();
    assert_eq!(who, [&json!(["ada"]), &json!(["ben"]), &json!(["ada"])], "{shown}");
    let (good, said) =
        watchfire(&server, &["schedule", "show", "primary", "--at", "2099-03-01T12:00:00Z", "--days", "1"]);
    assert!(good && said.contains("primary: ben on call"), "{said}");
    let calendar = reqwest::get(server.url("/api/v1/schedules/primary/calendar.ics")).await.unwrap();
    assert_eq!(calendar.headers()["content-type"], "text/calendar; charset=utf-8");
    let calendar = calendar.text().await.unwrap();
    assert!(
        calendar.starts_with("BEGIN:VCALENDAR\r\n") && calendar.contains("SUMMARY:ada\r\n"),
        "{calendar}"
    );
    let eve = json!({"people": ["eve"], "from": "2099-03-01T00:00:00Z", "to": "2099-03-02T00:00:00Z"});
    let (status, refused) = post(&server, "/api/v1/schedules/primary/overrides", &eve).await;
    assert_eq!((status, refused["error"].as_str().unwrap()), (400, "person \"eve\" is not known"));
    let (status, _) = post(&server, "/api/v1/schedules/other/overrides", &made).await;
    assert_eq!(status, 404);
}

#[tokio::test]
async fn a_broken_on_call_file_is_refused_with_its_places_and_the_old_one_stays() {
    let target = Target::start(text("a 1\n"));
    let (team, ada, ben) = (Webhook::start(), Webhook::start(), Webhook::start());
    let setup = setup(&target.address, (&team, &ada, &ben));
    let server = setup.start().await;
    setup.write(
        "oncall.yml",
        &ONCALL.replace("receivers: [ben]", "receivers: [bob]").replace("name: nodes", "name: others"),
    );
    let answer = reqwest::Client::new().post(server.url("/-/reload")).send().await.unwrap();
    assert_eq!(answer.status(), 500);
    let refused = answer.text().await.unwrap();
    assert!(
        refused.contains("oncall.yml:3:") && refused.contains("receiver \"bob\" is not known"),
        "{refused}"
    );
    assert!(
        refused.contains("alertmanager.yml:1:") && refused.contains("policy \"nodes\" is not known"),
        "{refused}"
    );
    let all = server.get_json("/api/v1/schedules").await;
    assert_eq!(all["data"]["policies"][0]["name"], "nodes");
}
