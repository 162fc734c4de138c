//! Against real webhook servers on loopback, with faults, and with the process "killed" between any two steps: a
//! restart is a new [`Alerting`] over the same ledger file.

mod canaries;
mod explain;
mod history;
mod metrics;
mod migration;
mod muting;
mod people;
mod standing;
mod survival;
mod turns;

use super::*;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State as Axum;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use watchfire_ledger::{JobState, Outcome as Kept};
use watchfire_model::time::ManualClock;
use watchfire_rules::{AlertInstance, AlertState};

const START: i64 = 1_700_000_000_000;
const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;

/// What the receiver does with the next request.
#[derive(Clone, Debug)]
enum Answer {
    Ok,
    Status(u16),
    RetryAfter(u16, u64),
    Hang,
}

#[derive(Clone, Debug)]
struct Received {
    body: serde_json::Value,
    key: String,
    authorization: Option<String>,
}

#[derive(Clone, Default)]
struct Script {
    answers: Arc<Mutex<VecDeque<Answer>>>,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Script {
    fn then(&self, answers: impl IntoIterator<Item = Answer>) {
        self.answers.lock().unwrap().extend(answers);
    }

    fn take(&self) -> Vec<Received> {
        std::mem::take(&mut self.received.lock().unwrap())
    }

    /// What was confirmed, as `status: instance=status …`.
    fn told(&self) -> Vec<String> {
        self.take()
            .iter()
            .map(|received| {
                let alerts = received.body["alerts"].as_array().unwrap().iter().map(|alert| {
                    format!(
                        " {}={}",
                        alert["labels"]["instance"].as_str().unwrap(),
                        alert["status"].as_str().unwrap()
                    )
                });
                format!("{}:{}", received.body["status"].as_str().unwrap(), alerts.collect::<String>())
            })
            .collect()
    }
}

async fn receive(Axum(script): Axum<Script>, headers: HeaderMap, body: Bytes) -> Response {
    let answer = script.answers.lock().unwrap().pop_front().unwrap_or(Answer::Ok);
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    match answer {
        Answer::Hang => std::future::pending().await,
        Answer::Status(status) => (StatusCode::from_u16(status).unwrap(), "no\nthanks").into_response(),
        Answer::RetryAfter(status, seconds) => {
            let after = [("retry-after", seconds.to_string())];
            (StatusCode::from_u16(status).unwrap(), after, "later").into_response()
        }
        Answer::Ok => {
            let body = serde_json::from_slice(&body).unwrap();
            let key = header("idempotency-key").unwrap();
            script.received.lock().unwrap().push(Received {
                body,
                key,
                authorization: header("authorization"),
            });
            StatusCode::OK.into_response()
        }
    }
}

async fn serve(script: Script) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let app = Router::new().fallback(receive).with_state(script);
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    url
}

/// A house with one receiver, whose process can be killed.
struct House {
    folder: tempfile::TempDir,
    clock: Arc<ManualClock>,
    script: Script,
    config: String,
    alerting: Alerting,
}

impl House {
    async fn new(options: &str) -> Self {
        let script = Script::default();
        let url = serve(script.clone()).await;
        let config = format!(
            "route: {{receiver: hook, group_by: [alertname], group_wait: 10s, group_interval: 1m, repeat_interval: 1h}}\n\
             receivers: [{{name: hook, webhook_configs: [{{url: '{url}'{options}}}]}}]\n"
        );
        Self::with(config, script).await
    }

    async fn with(config: String, script: Script) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(START));
        let alerting = start(&folder.path().join("ledger.sqlite"), &clock, &config).await;
        Self { folder, clock, script, config, alerting }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("ledger.sqlite")
    }

    /// Forgets everything that is not on disk.
    async fn kill(&mut self) {
        self.alerting = start(&self.path(), &self.clock, &self.config).await;
    }

    /// One evaluation of the rule, with these instances firing; the others that ever fired are resolved.
    async fn evaluate(&self, firing: &[&str], resolved: &[&str]) {
        self.evaluate_since(START, firing, resolved).await;
    }

    /// The same, where what fires does so since a time.
    async fn evaluate_since(&self, since_ms: i64, firing: &[&str], resolved: &[&str]) {
        let now_ms = self.clock.now_ms();
        let instance = |name: &str, state: AlertState| AlertInstance {
            labels: Labels::from_pairs([("alertname", "Down"), ("instance", name)]),
            annotations: BTreeMap::from([("summary".to_owned(), format!("{name} is down"))]),
            state,
            value: 0.0,
            active_ms: since_ms,
            fired_ms: Some(since_ms),
            resolved_ms: (state == AlertState::Inactive).then_some(now_ms),
            keep_firing_since_ms: None,
        };
        let firing = firing.iter().map(|name| instance(name, AlertState::Firing));
        let instances = firing.chain(resolved.iter().map(|name| instance(name, AlertState::Inactive)));
        let evaluation = Evaluation {
            origin: watchfire_rules::Origin {
                name: "Test".to_owned(),
                group: "g".to_owned(),
                file: "f".to_owned(),
                interval: Duration::from_secs(60),
            },
            rule: "f;g;Down;{}".to_owned(),
            evaluated_ms: now_ms,
            external_labels: Labels::from_pairs([("region", "north")]),
            generator_url: "http://w/graph".to_owned(),
            instances: instances.collect(),
        };
        self.alerting.commit(evaluation).await.unwrap();
    }

    /// Lets time pass and one round of the loop happen.
    async fn pass(&self, ms: i64) -> usize {
        self.clock.advance(ms);
        self.alerting.tick().await.unwrap()
    }

    /// Lets time pass second by second until nothing is owed any more.
    async fn settle(&self) {
        for _ in 0..2_000 {
            self.pass(10 * SECOND).await;
            let outbox = self.alerting.outbox(1).await.unwrap();
            if outbox.counts.open == 0 {
                return;
            }
        }
        panic!("the outbox never emptied");
    }
}

async fn start(path: &Path, clock: &Arc<ManualClock>, config: &str) -> Alerting {
    let opened = Ledger::open(path, clock.now_ms()).unwrap();
    assert_eq!(opened.moved_aside, None);
    let options = AlertingOptions { ledger: opened.ledger, clock: clock.clone(), tuning: Tuning::default() };
    let alerting = Alerting::open(options).unwrap();
    let config = Config::parse("am.yml", config, Path::new("")).unwrap();
    let settings = Settings {
        external_url: "http://watch".to_owned(),
        external_labels: Labels::from_pairs([("region", "north")]),
        ..Settings::default()
    };
    alerting.apply(config, settings).await.unwrap();
    alerting
}

#[tokio::test]
async fn an_alert_is_told_after_group_wait_once_and_so_is_its_end() {
    let house = House::new("").await;
    house.evaluate(&["a", "b"], &[]).await;
    assert_eq!(house.pass(9 * SECOND).await, 0);
    assert_eq!(house.pass(SECOND).await, 1);
    let received = house.script.take();
    assert_eq!(received.len(), 1);
    let body = &received[0].body;
    assert_eq!(body["groupKey"], "{}:{alertname=\"Down\"}");
    assert_eq!(body["alerts"].as_array().unwrap().len(), 2);
    assert_eq!(body["commonLabels"], serde_json::json!({"alertname": "Down", "region": "north"}));
    assert_eq!(body["externalURL"], "http://watch");
    for _ in 0..30 {
        house.evaluate(&["a", "b"], &[]).await;
        assert_eq!(house.pass(MINUTE).await, 0);
    }
    house.evaluate(&["b"], &["a"]).await;
    house.pass(MINUTE).await;
    assert_eq!(house.script.told(), ["firing: a=resolved b=firing"]);
    house.evaluate(&[], &["a", "b"]).await;
    house.pass(MINUTE).await;
    assert_eq!(house.script.told(), ["resolved: b=resolved"]);
    assert!(house.alerting.alerts(AlertFilter::default()).await.is_empty());
    assert!(house.alerting.groups(AlertFilter::default()).await.is_empty());
    assert_eq!(house.pass(10 * MINUTE).await, 0);
}

#[tokio::test]
async fn the_time_from_firing_to_the_first_confirmation_is_counted_once_for_each_alert() {
    let house = House::new("").await;
    house.script.then([Answer::RetryAfter(429, 20)]);
    house.evaluate(&["a", "b"], &[]).await;
    house.pass(10 * SECOND).await;
    house.pass(20 * SECOND).await;
    house.evaluate(&["b"], &["a"]).await;
    house.pass(MINUTE).await;
    assert_eq!(house.script.told().len(), 2);
    let mut text = String::new();
    house.alerting.write_metrics(&mut text);
    for line in [
        "watchfire_alert_delivery_seconds_bucket{integration=\"webhook\",le=\"15\"} 0",
        "watchfire_alert_delivery_seconds_bucket{integration=\"webhook\",le=\"30\"} 2",
        "watchfire_alert_delivery_seconds_sum{integration=\"webhook\"} 60",
        "watchfire_alert_delivery_seconds_count{integration=\"webhook\"} 2",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
}

#[tokio::test]
async fn people_are_told_again_after_repeat_interval() {
    let house = House::new("").await;
    house.evaluate(&["a"], &[]).await;
    house.pass(10 * SECOND).await;
    for _ in 0..62 {
        house.pass(MINUTE).await;
    }
    assert_eq!(house.script.told(), ["firing: a=firing", "firing: a=firing"]);
}

#[tokio::test]
async fn failures_are_retried_until_somebody_confirms() {
    let house = House::new("").await;
    house.script.then([Answer::Status(500), Answer::Status(503), Answer::Status(408), Answer::Status(425)]);
    house.evaluate(&["a"], &[]).await;
    house.settle().await;
    assert_eq!(house.script.told(), ["firing: a=firing"]);
    let outbox = house.alerting.outbox(10).await.unwrap();
    let statuses: Vec<Option<u16>> = outbox.deliveries.iter().rev().map(|delivery| delivery.status).collect();
    assert_eq!(statuses, [Some(500), Some(503), Some(408), Some(425), Some(200)]);
    assert_eq!(
        outbox.deliveries[4].error.as_deref(),
        Some("unexpected status code 500 Internal Server Error: no thanks")
    );
    assert!(outbox.deliveries.iter().all(|delivery| delivery.latency_ms.is_some()));
}

#[tokio::test]
async fn a_destination_that_asks_for_a_pause_gets_it() {
    let house = House::new("").await;
    house.script.then([Answer::RetryAfter(429, 1_000)]);
    house.evaluate(&["a"], &[]).await;
    assert_eq!(house.pass(10 * SECOND).await, 1);
    assert_eq!(house.pass(999 * SECOND).await, 0);
    assert_eq!(house.pass(SECOND).await, 1);
    assert_eq!(house.script.told(), ["firing: a=firing"]);
}

#[tokio::test]
async fn an_alert_that_ends_before_it_could_be_delivered_is_still_delivered() {
    // Alertmanager says nothing at all in this case.
    let house = House::new("").await;
    house.script.then([Answer::RetryAfter(429, 100)]);
    house.evaluate(&["a"], &[]).await;
    assert_eq!(house.pass(10 * SECOND).await, 1);
    house.evaluate(&[], &["a"]).await;
    house.settle().await;
    assert_eq!(house.script.told(), ["resolved: a=resolved"]);
    assert!(house.alerting.groups(AlertFilter::default()).await.is_empty());
}

#[tokio::test]
async fn a_destination_that_does_not_want_ends_still_hears_of_what_began() {
    let house = House::new(", send_resolved: false").await;
    house.script.then([Answer::RetryAfter(503, 100)]);
    house.evaluate(&["a"], &[]).await;
    assert_eq!(house.pass(10 * SECOND).await, 1);
    house.evaluate(&[], &["a"]).await;
    house.settle().await;
    assert_eq!(house.script.told(), ["firing: a=firing"]);
    assert!(house.alerting.groups(AlertFilter::default()).await.is_empty());
}

#[tokio::test]
async fn a_refusal_for_good_is_kept_for_people_to_see_and_not_repeated_at_once() {
    let house = House::new("").await;
    house.script.then([Answer::Status(404)]);
    house.evaluate(&["a"], &[]).await;
    house.pass(10 * SECOND).await;
    for _ in 0..10 {
        house.pass(MINUTE).await;
    }
    assert!(house.script.told().is_empty());
    let outbox = house.alerting.outbox(10).await.unwrap();
    assert_eq!((outbox.counts.dead, outbox.counts.open), (1, 0));
    assert_eq!(outbox.jobs[0].state, JobState::Dead);
    let mut metrics = String::new();
    house.alerting.write_metrics(&mut metrics);
    assert!(metrics.contains("watchfire_alert_delivery_dead_total 1"), "{metrics}");
    assert!(metrics.contains("reason=\"clientError\"} 1"), "{metrics}");
    // The next thing that happens in the group is told.
    house.evaluate(&["a", "b"], &[]).await;
    house.pass(MINUTE).await;
    assert_eq!(house.script.told(), ["firing: a=firing b=firing"]);
}

#[tokio::test]
async fn a_receiver_that_hangs_or_is_not_there_is_tried_again() {
    let house = House::new(", timeout: 100ms").await;
    house.script.then([Answer::Hang]);
    house.evaluate(&["a"], &[]).await;
    house.settle().await;
    assert_eq!(house.script.told(), ["firing: a=firing"]);
    let outbox = house.alerting.outbox(10).await.unwrap();
    assert!(outbox.deliveries[1].error.as_deref().unwrap().contains("timed out"), "{outbox:?}");

    let closed = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let config = format!(
        "route: {{receiver: hook, group_wait: 0s}}\n\
         receivers: [{{name: hook, webhook_configs: [{{url: 'http://{closed}/secret-path'}}]}}]\n"
    );
    let house = House::with(config, Script::default()).await;
    house.evaluate(&["a"], &[]).await;
    assert_eq!(house.pass(1).await, 1);
    let outbox = house.alerting.outbox(10).await.unwrap();
    let error = outbox.deliveries[0].error.clone().unwrap();
    assert!(error.contains("refused"), "{error}");
    assert!(!error.contains("secret-path"), "{error}");
    assert_eq!(outbox.counts.open, 1);
}

#[tokio::test]
async fn a_slow_receiver_delays_nobody_else() {
    let (slow, fast) = (Script::default(), Script::default());
    let (slow_url, fast_url) = (serve(slow.clone()).await, serve(fast.clone()).await);
    let config = format!(
        "route: {{receiver: both, group_by: [alertname], group_wait: 0s}}\n\
         receivers: [{{name: both, webhook_configs: [{{url: '{slow_url}', timeout: 200ms}}, {{url: '{fast_url}'}}]}}]\n"
    );
    slow.then([Answer::Hang]);
    let house = House::with(config, fast).await;
    house.evaluate(&["a"], &[]).await;
    assert_eq!(house.pass(1).await, 2);
    assert_eq!(house.script.told(), ["firing: a=firing"]);
    assert!(slow.told().is_empty());
    house.settle().await;
    assert_eq!(slow.told(), ["firing: a=firing"]);
    assert!(house.script.told().is_empty());
}

#[tokio::test]
async fn the_end_follows_a_confirmed_beginning_wherever_the_process_is_killed() {
    for kill_at in 0..6 {
        let mut house = House::new("").await;
        let mut step = 0;
        macro_rules! maybe_kill {
            () => {
                if step == kill_at {
                    house.kill().await;
                }
                step += 1;
            };
        }
        house.evaluate(&["a"], &[]).await;
        maybe_kill!();
        house.pass(10 * SECOND).await;
        maybe_kill!();
        house.pass(MINUTE).await;
        maybe_kill!();
        house.evaluate(&[], &["a"]).await;
        maybe_kill!();
        house.pass(MINUTE).await;
        maybe_kill!();
        house.pass(MINUTE).await;
        maybe_kill!();
        assert_eq!(step, 6);
        assert_eq!(
            house.script.told(),
            ["firing: a=firing", "resolved: a=resolved"],
            "killed at step {kill_at}"
        );
        assert!(house.alerting.alerts(AlertFilter::default()).await.is_empty());
    }
}

#[tokio::test]
async fn a_kill_between_sending_and_noting_it_repeats_the_same_notification() {
    let house = House::new("").await;
    house.evaluate(&["a"], &[]).await;
    house.clock.advance(10 * SECOND);
    let now_ms = house.clock.now_ms();
    // The first half of a round: the attempt begins, and the process ends before its answer is noted.
    let inner = Arc::clone(&house.alerting.inner);
    let claims = tokio::task::spawn_blocking(move || inner.round(now_ms, false).unwrap().0).await.unwrap();
    let answer = telling::send(&claims[0].channel, &claims[0].job, None).await;
    assert_eq!(answer.outcome, Outcome::Delivered);
    let mut house = house;
    house.kill().await;
    house.pass(SECOND).await;
    let received = house.script.take();
    assert_eq!(received.len(), 2);
    assert_eq!(received[0].key, received[1].key);
    let outbox = house.alerting.outbox(10).await.unwrap();
    let outcomes: Vec<Kept> = outbox.deliveries.iter().rev().map(|delivery| delivery.outcome).collect();
    assert_eq!(outcomes, [Kept::Started, Kept::Delivered]);
}

#[tokio::test]
async fn an_outbox_survives_a_kill_while_the_receiver_is_down() {
    let mut house = House::new("").await;
    house.script.then(std::iter::repeat_n(Answer::Status(502), 5));
    house.evaluate(&["a"], &[]).await;
    for _ in 0..4 {
        house.pass(10 * SECOND).await;
        house.kill().await;
    }
    house.settle().await;
    assert_eq!(house.script.told(), ["firing: a=firing"]);
}

#[tokio::test]
async fn a_destination_that_does_not_want_ends_is_not_told_of_them() {
    let house =
        House::new(", send_resolved: false, http_config: {authorization: {credentials: s3cret}}").await;
    house.evaluate(&["a", "b"], &[]).await;
    house.pass(10 * SECOND).await;
    house.evaluate(&["b"], &["a"]).await;
    house.pass(MINUTE).await;
    house.evaluate(&[], &["a", "b"]).await;
    house.pass(MINUTE).await;
    house.pass(MINUTE).await;
    let received = house.script.take();
    assert_eq!(received.len(), 1);
    assert_eq!(received[0].authorization.as_deref(), Some("Bearer s3cret"));
    assert!(house.alerting.groups(AlertFilter::default()).await.is_empty());
}

#[tokio::test]
async fn without_a_configuration_alerts_are_shown_and_nobody_is_told() {
    let clock = Arc::new(ManualClock::at(START));
    let options = AlertingOptions {
        ledger: Ledger::in_memory().unwrap(),
        clock: clock.clone(),
        tuning: Tuning::default(),
    };
    let alerting = Alerting::open(options).unwrap();
    alerting.apply(Config::default(), Settings::default()).await.unwrap();
    let house = House {
        folder: tempfile::tempdir().unwrap(),
        clock,
        script: Script::default(),
        config: String::new(),
        alerting,
    };
    house.evaluate(&["a"], &[]).await;
    assert_eq!(house.pass(MINUTE).await, 0);
    let alerts = house.alerting.alerts(AlertFilter::default()).await;
    assert_eq!(alerts.len(), 1);
    assert_eq!(alerts[0].labels.get("region"), Some("north"));
    assert!(alerts[0].receivers.is_empty());
    house.evaluate(&[], &["a"]).await;
    assert!(house.alerting.alerts(AlertFilter::default()).await.is_empty());
}

#[tokio::test]
async fn alerts_of_rules_that_are_gone_are_resolved() {
    let house = House::new("").await;
    house.evaluate(&["a"], &[]).await;
    house.pass(10 * SECOND).await;
    house.alerting.retain(vec!["f;g;Down;{}".to_owned()], house.clock.now_ms()).await.unwrap();
    house.pass(MINUTE).await;
    assert_eq!(house.script.told(), ["firing: a=firing"]);
    house.alerting.retain(vec!["another".to_owned()], house.clock.now_ms()).await.unwrap();
    house.pass(MINUTE).await;
    assert_eq!(house.script.told(), ["resolved: a=resolved"]);
    assert_eq!(house.alerting.restore("f;g;Down;{}").await.unwrap(), None);
}

#[tokio::test]
async fn a_reload_keeps_groups_and_sees_ends_to_receivers_that_knew() {
    let mut house = House::new("").await;
    house.evaluate(&["a"], &[]).await;
    house.pass(10 * SECOND).await;
    assert_eq!(house.script.told(), ["firing: a=firing"]);
    // The same configuration again: nobody hears anything.
    house.kill().await;
    for _ in 0..5 {
        house.pass(MINUTE).await;
    }
    assert!(house.script.told().is_empty());
    // The route leads elsewhere now; the old receiver still hears the end.
    let silent = house.config.replace("receiver: hook", "receiver: nobody");
    house.config = silent.replace("receivers: [", "receivers: [{name: nobody}, ");
    house.kill().await;
    for _ in 0..120 {
        house.pass(MINUTE).await;
    }
    assert!(house.script.told().is_empty());
    house.evaluate(&[], &["a"]).await;
    house.pass(MINUTE).await;
    assert_eq!(house.script.told(), ["resolved: a=resolved"]);
    assert!(house.alerting.groups(AlertFilter::default()).await.is_empty());
}

#[tokio::test]
async fn what_rules_kept_is_restored_to_the_bit() {
    let mut house = House::new("").await;
    house.evaluate(&["a"], &["b"]).await;
    let before = house.alerting.restore("f;g;Down;{}").await.unwrap().unwrap();
    assert_eq!((before.evaluated_ms, before.instances.len()), (START, 2));
    house.kill().await;
    assert_eq!(house.alerting.restore("f;g;Down;{}").await.unwrap(), Some(before));
}

#[tokio::test]
async fn the_loop_sends_by_itself_and_stops_when_told() {
    let script = Script::default();
    let url = serve(script.clone()).await;
    let config = format!(
        "route: {{receiver: hook, group_wait: 0s}}\nreceivers: [{{name: hook, webhook_configs: [{{url: '{url}'}}]}}]\n"
    );
    let house = House::with(config, script).await;
    let (stop, stopped) = watch::channel(false);
    let alerting = house.alerting.clone();
    let running = tokio::spawn(async move { alerting.run(stopped, Duration::from_secs(5)).await });
    house.evaluate(&["a"], &[]).await;
    let deadline = Instant::now() + Duration::from_secs(20);
    while house.script.received.lock().unwrap().is_empty() {
        assert!(Instant::now() < deadline, "nothing was sent");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    stop.send(true).unwrap();
    running.await.unwrap();
    assert_eq!(house.script.told(), ["firing: a=firing"]);
}
