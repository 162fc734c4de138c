//! From a series to a webhook and back: rules, engine, ledger and delivery together, over a restart.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use watchfire_alerting::{AlertFilter, Alerting, AlertingOptions, Config, Settings, Tuning};
use watchfire_ledger::Ledger;
use watchfire_model::ingest::Row;
use watchfire_model::time::{Clock, SystemClock};
use watchfire_model::{Labels, SampleValue};
use watchfire_promql::Engine;
use watchfire_rules::testing::TestStore;
use watchfire_rules::{Manager, Parts, ReadOptions, RuleFile};

type Bodies = Arc<Mutex<Vec<serde_json::Value>>>;

struct Process {
    manager: Manager,
    alerting: Alerting,
    stop: watch::Sender<bool>,
    delivery: JoinHandle<()>,
}

async fn start(ledger: &Path, store: &Arc<TestStore>, url: &str) -> Process {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let ledger = Ledger::open(ledger, clock.now_ms()).unwrap().ledger;
    let alerting =
        Alerting::open(AlertingOptions { ledger, clock: Arc::clone(&clock), tuning: Tuning::default() })
            .unwrap();
    let config = format!(
        "route: {{receiver: hook, group_by: [alertname], group_wait: 10ms, group_interval: 50ms}}\n\
         receivers: [{{name: hook, webhook_configs: [{{url: '{url}'}}]}}]\n"
    );
    let config = Config::parse("am.yml", &config, Path::new("")).unwrap();
    alerting.apply(config, Settings::default()).await.unwrap();
    let (stop, stopped) = watch::channel(false);
    let running = alerting.clone();
    let delivery = tokio::spawn(async move { running.run(stopped, Duration::from_secs(5)).await });
    let manager = Manager::start(Parts {
        engine: Engine::default(),
        source: store.clone(),
        samples: store.clone(),
        alerts: Arc::new(alerting.clone()),
        clock,
        observer: None,
        query_threads: 1,
    })
    .unwrap();
    let rules = "groups: [{name: g, interval: 20ms, rules: [{alert: SystemDown, expr: up == 0, for: 100ms, \
                 annotations: {summary: '{{ $labels.instance }} is down'}}]}]\n";
    let rules = RuleFile::parse("r.yml", rules, ReadOptions::default()).unwrap();
    manager.apply(vec![rules], watchfire_rules::Settings::default()).await;
    Process { manager, alerting, stop, delivery }
}

fn put(store: &TestStore, value: f64) {
    let series = Labels::from_pairs([("__name__", "up"), ("instance", "web1:9100"), ("job", "node")]);
    let row = Row {
        series,
        timestamp_ms: SystemClock.now_ms(),
        start_timestamp_ms: 0,
        value: SampleValue::Float(value),
    };
    store.append(row);
}

async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(Instant::now() < deadline, "{what} never happened");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_reaches_the_webhook_and_so_does_its_end_after_a_restart() {
    let bodies = Bodies::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let hook = |State(bodies): State<Bodies>, body: Bytes| async move {
        bodies.lock().unwrap().push(serde_json::from_slice(&body).unwrap());
    };
    let app = Router::new().fallback(hook).with_state(bodies.clone());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.sqlite");
    let store = Arc::new(TestStore::default());
    put(&store, 0.0);
    let first = start(&path, &store, &url).await;
    until("the outage", || !bodies.lock().unwrap().is_empty()).await;
    let starts = {
        let bodies = bodies.lock().unwrap();
        assert_eq!(bodies.len(), 1);
        assert_eq!(bodies[0]["status"], "firing");
        assert_eq!(bodies[0]["alerts"][0]["annotations"]["summary"], "web1:9100 is down");
        bodies[0]["alerts"][0]["startsAt"].clone()
    };
    // No farewell: the tasks are cut off where they are.
    first.delivery.abort();
    first.manager.stop().await;
    drop(first);

    put(&store, 1.0);
    let second = start(&path, &store, &url).await;
    let ended = |bodies: &Bodies| bodies.lock().unwrap().iter().any(|body| body["status"] == "resolved");
    until("the end", || ended(&bodies)).await;
    second.stop.send(true).unwrap();
    second.delivery.await.unwrap();
    second.manager.stop().await;

    let bodies = bodies.lock().unwrap().clone();
    let (end, firing) = bodies.split_last().unwrap();
    // The cut may fall between the webhook's answer and its record: then the outage is told once more.
    assert!(firing.len() <= 2, "{bodies:?}");
    for body in firing {
        assert_eq!((&body["status"], &body["alerts"][0]["startsAt"]), (&"firing".into(), &starts));
    }
    assert_eq!((&end["status"], &end["alerts"][0]["startsAt"]), (&"resolved".into(), &starts));
    assert_ne!(end["alerts"][0]["endsAt"], "0001-01-01T00:00:00Z");
    assert!(second.alerting.groups(AlertFilter::default()).await.is_empty());
}
