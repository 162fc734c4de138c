//! Acknowledged here, told there: PagerDuty and Slack hear of it once, also across kills and failures.

use super::*;
use crate::incident::{Acknowledge, IncidentFilter};
use watchfire_oncall::OnCall;

/// A pager and a chat in one.
#[derive(Clone, Default)]
struct Desk {
    /// What came: `trigger`, `acknowledge`, `postMessage`, `update` and what the message says of who has it.
    heard: Arc<Mutex<Vec<String>>>,
    /// Answers other than 200, first come first served.
    answers: Arc<Mutex<VecDeque<u16>>>,
}

impl Desk {
    async fn serve(&self) -> String {
        let desk = self.clone();
        let app = Router::new().fallback(move |request: axum::extract::Request| {
            let desk = desk.clone();
            async move {
                if let Some(status) = desk.answers.lock().unwrap().pop_front() {
                    return StatusCode::from_u16(status).unwrap().into_response();
                }
                let path = request.uri().path().to_owned();
                let body = axum::body::to_bytes(request.into_body(), usize::MAX).await.unwrap();
                let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
                let word = match body["event_action"].as_str() {
                    Some(action) => action.to_owned(),
                    None => {
                        let text = body["attachments"][0]["text"].as_str().unwrap_or_default();
                        let owner = text.split_once("Acknowledged by ").map_or("", |(_, rest)| rest);
                        let owner = owner.split_whitespace().next().unwrap_or("nobody");
                        format!("{} {owner}", path.rsplit('.').next().unwrap())
                    }
                };
                desk.heard.lock().unwrap().push(word);
                (StatusCode::OK, r#"{"ok":true,"ts":"1.1","channel":"C1"}"#).into_response()
            }
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        url
    }

    /// What came since the last time, sorted: what is sent at once comes in any order.
    fn heard(&self) -> Vec<String> {
        let mut heard = std::mem::take(&mut *self.heard.lock().unwrap());
        heard.sort();
        heard
    }
}

async fn house(desk: &Desk) -> House {
    let url = desk.serve().await;
    let config = format!(
        "route: {{receiver: team, group_by: [alertname], group_wait: 10s, group_interval: 1m, repeat_interval: 1h}}\n\
         receivers: [{{name: team, pagerduty_configs: [{{routing_key: k, url: '{url}/enqueue'}}], slack_configs: \
         [{{app_token: t, app_url: '{url}/api/chat.postMessage', channel: c, send_resolved: true}}]}}]\n"
    );
    House::with(config, Script::default()).await
}

fn ada(owner: &str) -> Acknowledge {
    Acknowledge { owner: owner.to_owned(), ..Acknowledge::default() }
}

async fn only_incident(house: &House) -> i64 {
    let all = IncidentFilter {
        states: Vec::new(),
        severities: Vec::new(),
        matchers: Vec::new(),
        text: String::new(),
        from_ms: i64::MIN,
        to_ms: i64::MAX,
        offset: 0,
        limit: 10,
    };
    house.alerting.incidents(all).await.unwrap().shown[0].incident.id
}

#[tokio::test]
async fn whoever_takes_an_incident_on_here_is_shown_there_once_and_so_is_giving_it_back() {
    let desk = Desk::default();
    let house = house(&desk).await;
    house.evaluate(&["a"], &[]).await;
    house.pass(10 * SECOND).await;
    assert_eq!(desk.heard(), ["postMessage nobody", "trigger"]);
    let id = only_incident(&house).await;
    house.alerting.acknowledge(id, ada("ada")).await.unwrap();
    house.pass(0).await;
    assert_eq!(desk.heard(), ["acknowledge", "update ada"], "at once");
    for _ in 0..5 {
        house.pass(MINUTE).await;
    }
    assert_eq!(desk.heard(), [""; 0], "and once");
    house.evaluate(&["a", "b"], &[]).await;
    house.pass(MINUTE).await;
    assert_eq!(desk.heard(), ["acknowledge", "postMessage ada", "trigger"], "news say who has it");
    house.alerting.unacknowledge(id, "ada".to_owned(), String::new()).await.unwrap();
    house.pass(0).await;
    assert_eq!(desk.heard(), ["update nobody"], "PagerDuty has no event for it");
    let counted = house.alerting.statistics(crate::StatisticsQuery {
        from_ms: 0,
        to_ms: house.clock.now_ms(),
        matchers: Vec::new(),
        rules: BTreeSet::new(),
        within_ms: 0,
        flap_ms: 0,
    });
    assert_eq!(counted.await.unwrap().total.notifications, 4, "none of that is a page");
    house.evaluate(&[], &["a", "b"]).await;
    house.pass(MINUTE).await;
    assert_eq!(desk.heard(), ["postMessage nobody", "resolve"]);
}

#[tokio::test]
async fn an_acknowledgement_outlives_a_kill_and_a_receiver_that_is_ill_on_its_way() {
    let desk = Desk::default();
    let mut house = house(&desk).await;
    house.evaluate(&["a"], &[]).await;
    house.pass(10 * SECOND).await;
    desk.heard();
    let id = only_incident(&house).await;
    house.alerting.acknowledge(id, ada("ada")).await.unwrap();
    house.kill().await;
    desk.answers.lock().unwrap().extend([500, 503]);
    house.pass(0).await;
    assert_eq!(desk.heard(), [""; 0]);
    for _ in 0..10 {
        house.pass(10 * SECOND).await;
    }
    assert_eq!(desk.heard(), ["acknowledge", "update ada"]);
    house.kill().await;
    for _ in 0..5 {
        house.pass(MINUTE).await;
    }
    assert_eq!(desk.heard(), [""; 0], "what was confirmed is not told again");
}

#[tokio::test]
async fn a_receiver_that_will_not_hear_of_it_is_not_asked_at_every_turn_nor_is_its_fallback() {
    let desk = Desk::default();
    let house = house(&desk).await;
    house.evaluate(&["a"], &[]).await;
    house.pass(10 * SECOND).await;
    desk.heard();
    let id = only_incident(&house).await;
    house.alerting.acknowledge(id, ada("ada")).await.unwrap();
    desk.answers.lock().unwrap().extend([400, 400]);
    for _ in 0..10 {
        house.pass(MINUTE).await;
    }
    assert_eq!(desk.heard(), [""; 0]);
    house.evaluate(&[], &["a"]).await;
    house.pass(MINUTE).await;
    assert_eq!(desk.heard(), ["postMessage nobody", "resolve"], "the end is told as ever");
}

/// A house whose route tells nobody who knows of acknowledgements, and whose policy tells a pager and a chat.
async fn begin_with_policy(path: &Path, clock: &Arc<ManualClock>, url: &str) -> Alerting {
    let config = format!(
        "route: {{receiver: team, group_by: [alertname], group_wait: 10s, group_interval: 1m, repeat_interval: 1h, \
         labels: {{escalation_policy: desk}}}}\n\
         receivers: [{{name: team}}, {{name: desk, pagerduty_configs: [{{routing_key: k, url: '{url}/enqueue'}}], slack_configs: \
         [{{app_token: t, app_url: '{url}/api/chat.postMessage', channel: c, send_resolved: true}}]}}]\n"
    );
    let people = "policies: [{name: desk, steps: [{tell: [{receiver: desk}], wait: 5m}]}]\n";
    let opened = Ledger::open(path, clock.now_ms()).unwrap();
    let options = AlertingOptions { ledger: opened.ledger, clock: clock.clone(), tuning: Tuning::default() };
    let alerting = Alerting::open(options).unwrap();
    let config = Config::parse("am.yml", &config, Path::new("")).unwrap();
    let oncall = Arc::new(OnCall::parse(Path::new("oncall.yml"), people).unwrap());
    alerting.apply(config, Settings { oncall, ..Settings::default() }).await.unwrap();
    alerting
}

#[tokio::test]
async fn whoever_was_told_by_a_step_of_a_policy_is_shown_who_has_it_too_also_across_a_kill() {
    let desk = Desk::default();
    let url = desk.serve().await;
    let script = Script::default();
    let mut house =
        House::with("route: {receiver: team}\nreceivers: [{name: team}]\n".to_owned(), script).await;
    house.alerting = begin_with_policy(&house.path(), &house.clock, &url).await;
    house.evaluate(&["a"], &[]).await;
    for _ in 0..3 {
        house.pass(10 * SECOND).await;
    }
    assert_eq!(desk.heard(), ["postMessage nobody", "trigger"], "the step");
    let id = only_incident(&house).await;
    house.alerting.acknowledge(id, ada("ada")).await.unwrap();
    house.alerting = begin_with_policy(&house.path(), &house.clock, &url).await;
    house.pass(0).await;
    assert_eq!(desk.heard(), ["acknowledge", "update ada"], "at once");
    for _ in 0..5 {
        house.pass(MINUTE).await;
    }
    assert_eq!(desk.heard(), [""; 0], "and once");
    house.alerting.unacknowledge(id, "ada".to_owned(), String::new()).await.unwrap();
    house.pass(0).await;
    assert_eq!(
        desk.heard(),
        ["postMessage nobody", "trigger"],
        "the policy begins again, and says so itself"
    );
    house.evaluate(&[], &["a"]).await;
    for _ in 0..3 {
        house.pass(MINUTE).await;
    }
    assert_eq!(desk.heard(), ["postMessage nobody", "resolve"], "the end, once");
}
