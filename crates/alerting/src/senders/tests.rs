use super::*;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State as Axum;
use axum::http::StatusCode;
use std::path::Path;
use watchfire_model::time::ManualClock;
use watchfire_rules::{AlertInstance, Origin};

#[derive(Clone, Default)]
struct Other {
    fails: Arc<Mutex<u32>>,
    taken: Arc<Mutex<Vec<serde_json::Value>>>,
}

async fn take(Axum(other): Axum<Other>, body: Bytes) -> StatusCode {
    let mut fails = other.fails.lock().unwrap();
    if *fails > 0 {
        *fails -= 1;
        return StatusCode::INTERNAL_SERVER_ERROR;
    }
    let alerts: Vec<serde_json::Value> = serde_json::from_slice(&body).unwrap();
    other.taken.lock().unwrap().extend(alerts);
    StatusCode::OK
}

async fn serve(other: Other) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let app = Router::new().route("/am/api/v2/alerts", axum::routing::post(take)).with_state(other);
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    address
}

fn evaluation(at_ms: i64, state: AlertState, severity: &str) -> Evaluation {
    Evaluation {
        rule: "f;g;Hot".to_owned(),
        origin: Origin { interval: Duration::from_secs(15), ..Origin::default() },
        evaluated_ms: at_ms,
        external_labels: Labels::from_pairs([("region", "north")]),
        generator_url: "http://w/graph".to_owned(),
        instances: vec![AlertInstance {
            labels: Labels::from_pairs([("alertname", "Hot"), ("severity", severity)]),
            annotations: BTreeMap::from([("summary".to_owned(), "hot".to_owned())]),
            state,
            value: 1.0,
            active_ms: 0,
            fired_ms: Some(1_000),
            resolved_ms: (state == AlertState::Inactive).then_some(at_ms),
            keep_firing_since_ms: None,
        }],
    }
}

/// Posts all that waits.
async fn drain(senders: &Senders) {
    let (stop, stopped) = watch::channel(true);
    senders.run(stopped, Duration::from_secs(20)).await;
    drop(stop);
    assert_eq!(senders.waiting(), 0);
}

async fn senders(options: SenderOptions) -> (Senders, Other, String) {
    let other = Other::default();
    let address = serve(other.clone()).await;
    let text = format!(
        "alerting:\n  alert_relabel_configs: [{{action: labeldrop, regex: region}}, {{action: drop, source_labels: [severity], regex: info}}]\n  \
         alertmanagers:\n  - path_prefix: /am\n    static_configs: [{{targets: ['{address}', 'dropped:1']}}]\n    \
         relabel_configs: [{{action: drop, source_labels: [__address__], regex: 'dropped.*'}}]\n"
    );
    let config =
        watchfire_scrape::Config::parse(&text, Path::new("p.yml"), watchfire_scrape::Check::Full).unwrap();
    let senders = Senders::new(options, Arc::new(ManualClock::at(0)), Arc::default());
    senders.apply(&config.alerting, NameScheme::Utf8);
    (senders, other, address)
}

#[tokio::test]
async fn alerts_are_posted_when_they_fire_after_the_delay_and_when_they_end() {
    let (senders, other, address) = senders(SenderOptions::default()).await;
    let url = format!("http://{address}/am/api/v2/alerts");
    assert_eq!(senders.addresses(), (vec![url], vec!["http://dropped:1/am/api/v2/alerts".to_owned()]));
    senders.note(&evaluation(5_000, AlertState::Pending, "page"));
    senders.note(&evaluation(5_000, AlertState::Firing, "info"));
    senders.note(&evaluation(5_000, AlertState::Firing, "page"));
    senders.note(&evaluation(20_000, AlertState::Firing, "page"));
    drain(&senders).await;
    let taken = std::mem::take(&mut *other.taken.lock().unwrap());
    assert_eq!(
        taken,
        [serde_json::json!({
            "labels": {"alertname": "Hot", "severity": "page"},
            "annotations": {"summary": "hot"},
            "startsAt": "1970-01-01T00:00:01.000Z",
            "endsAt": "1970-01-01T00:04:05.000Z",
            "generatorURL": "http://w/graph",
        })]
    );
    senders.note(&evaluation(66_000, AlertState::Firing, "page"));
    senders.note(&evaluation(67_000, AlertState::Inactive, "page"));
    senders.note(&evaluation(68_000, AlertState::Inactive, "page"));
    drain(&senders).await;
    let ends: Vec<String> = other
        .taken
        .lock()
        .unwrap()
        .iter()
        .map(|alert| alert["endsAt"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(ends, ["1970-01-01T00:05:06.000Z", "1970-01-01T00:01:07.000Z", "1970-01-01T00:01:08.000Z"]);
}

#[tokio::test]
async fn what_was_not_taken_is_posted_at_the_next_evaluation_and_a_full_queue_counts() {
    let options = SenderOptions { queue_capacity: 1, ..SenderOptions::default() };
    let (senders, other, _) = senders(options).await;
    *other.fails.lock().unwrap() = 1;
    senders.note(&evaluation(5_000, AlertState::Firing, "page"));
    drain(&senders).await;
    assert!(other.taken.lock().unwrap().is_empty());
    senders.note(&evaluation(6_000, AlertState::Firing, "page"));
    senders.note(&evaluation(6_000, AlertState::Firing, "ticket"));
    drain(&senders).await;
    assert_eq!(other.taken.lock().unwrap().len(), 1);
    let mut text = String::new();
    senders.write_metrics(&mut text);
    for line in [
        "prometheus_notifications_alertmanagers_discovered 1",
        "prometheus_notifications_queue_capacity 1",
        "/am/api/v2/alerts\"} 1",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    let of = |name: &str| text.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
    for name in [
        "prometheus_notifications_sent_total",
        "prometheus_notifications_errors_total",
        "prometheus_notifications_dropped_total",
    ] {
        assert!(of(&format!("{name}{{")).ends_with(" 1"), "{text}");
    }
}
