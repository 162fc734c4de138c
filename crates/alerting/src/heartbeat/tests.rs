use super::*;
use crate::{AlertingOptions, Tuning};
use axum::Router;
use axum::extract::State as Axum;
use axum::http::StatusCode;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use watchfire_ledger::Ledger;
use watchfire_model::time::ManualClock;
use watchfire_settings::Secret;
use watchfire_settings::client::ClientConfig;

#[derive(Clone, Default)]
struct Outside {
    calls: Arc<AtomicUsize>,
    refuses: Arc<std::sync::atomic::AtomicBool>,
}

async fn answer(Axum(outside): Axum<Outside>) -> StatusCode {
    outside.calls.fetch_add(1, Ordering::SeqCst);
    if outside.refuses.load(Ordering::SeqCst) { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::OK }
}

async fn serve(outside: Outside) -> Wanted {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/ping/s3cret", listener.local_addr().unwrap());
    let app = Router::new().route("/ping/s3cret", axum::routing::post(answer)).with_state(outside);
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    Wanted {
        url: Secret::new(url),
        interval: Duration::from_secs(60),
        timeout: Duration::from_secs(5),
        client: ClientConfig::default(),
    }
}

fn heart(folder: &Path, clock: &Arc<ManualClock>) -> (Alerting, Heartbeat) {
    let clock: Arc<dyn Clock> = Arc::clone(clock) as Arc<dyn Clock>;
    let ledger = Ledger::open(&folder.join("ledger.db"), 0).unwrap().ledger;
    let options = AlertingOptions { ledger, clock: Arc::clone(&clock), tuning: Tuning::default() };
    let alerting = Alerting::open(options).unwrap();
    (alerting.clone(), Heartbeat::new(alerting, clock))
}

fn metric(heartbeat: &Heartbeat, name: &str) -> Option<f64> {
    let mut text = String::new();
    heartbeat.write_metrics(&mut text);
    let line = text.lines().find(|line| line.starts_with(&format!("{name} ")))?;
    line.rsplit(' ').next()?.parse().ok()
}

#[tokio::test]
async fn the_address_is_called_only_while_alerts_can_be_told() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::at(1_000_000));
    let (alerting, heartbeat) = heart(folder.path(), &clock);
    let outside = Outside::default();
    let wanted = serve(outside.clone()).await;
    heartbeat.apply(Some(wanted.clone()));

    heartbeat.beat(&wanted).await;
    assert_eq!(outside.calls.load(Ordering::SeqCst), 0, "the loop has not turned yet");
    assert_eq!(metric(&heartbeat, "watchfire_heartbeat_success"), Some(0.0));

    alerting.tick().await.unwrap();
    heartbeat.beat(&wanted).await;
    assert_eq!(outside.calls.load(Ordering::SeqCst), 1);
    assert_eq!(metric(&heartbeat, "watchfire_heartbeat_success"), Some(1.0));
    assert_eq!(metric(&heartbeat, "watchfire_heartbeat_last_success_timestamp_seconds"), Some(1_000.0));

    clock.advance(600_000);
    heartbeat.beat(&wanted).await;
    assert_eq!(outside.calls.load(Ordering::SeqCst), 1, "the loop turned ten minutes ago");
    assert_eq!(metric(&heartbeat, "watchfire_heartbeats_failed_total"), Some(2.0));
}

#[tokio::test]
async fn a_refusal_is_counted_and_the_address_is_in_no_error() {
    let folder = tempfile::tempdir().unwrap();
    let (alerting, heartbeat) = heart(folder.path(), &Arc::new(ManualClock::at(1_000_000)));
    let outside = Outside::default();
    outside.refuses.store(true, Ordering::SeqCst);
    let wanted = serve(outside.clone()).await;
    heartbeat.apply(Some(wanted.clone()));
    alerting.tick().await.unwrap();
    let error = heartbeat.call(&wanted).await.unwrap_err();
    assert!(!error.contains("s3cret"), "{error}");
    heartbeat.beat(&wanted).await;
    assert_eq!(metric(&heartbeat, "watchfire_heartbeats_failed_total"), Some(1.0));
    heartbeat.apply(None);
    assert_eq!(
        metric(&heartbeat, "watchfire_heartbeats_total"),
        None,
        "nothing is told of what is not wanted"
    );
}
