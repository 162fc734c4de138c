use super::*;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Instant;
use watchfire_model::SampleValue;
use watchfire_model::ingest::Row;
use watchfire_model::time::SystemClock;
use watchfire_scrape::config::QueueConfig;
use watchfire_wire::remote_write::{decode, decompress_into};

/// A server that keeps what it takes, after it has answered as planned.
#[derive(Clone, Default)]
struct Server {
    plan: Arc<Mutex<VecDeque<StatusCode>>>,
    taken: Arc<Mutex<Vec<Row>>>,
    asked: Arc<Mutex<usize>>,
}

impl Server {
    async fn start(plan: &[u16]) -> (Self, String) {
        let server = Self::default();
        server.plan.lock().unwrap().extend(plan.iter().map(|code| StatusCode::from_u16(*code).unwrap()));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://user:secret@{}/api/v1/write?key=secret", listener.local_addr().unwrap());
        let app = Router::new().fallback(answer).with_state(server.clone());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        (server, url)
    }

    fn values(&self) -> Vec<f64> {
        let value = |row: &Row| match row.value {
            SampleValue::Float(value) => value,
            SampleValue::Histogram(_) => f64::NAN,
        };
        self.taken.lock().unwrap().iter().map(value).collect()
    }
}

async fn answer(State(server): State<Server>, headers: HeaderMap, body: Bytes) -> StatusCode {
    *server.asked.lock().unwrap() += 1;
    assert_eq!(headers["content-encoding"], "snappy");
    assert_eq!(headers["x-prometheus-remote-write-version"], "0.1.0");
    let planned = server.plan.lock().unwrap().pop_front().unwrap_or(StatusCode::NO_CONTENT);
    if planned.is_success() {
        let mut batch = Batch::new();
        decode(decompress_into(&body, &mut Vec::new()).unwrap(), &mut batch, &mut Vec::new()).unwrap();
        server.taken.lock().unwrap().extend(batch.rows());
    }
    planned
}

fn batch(values: impl IntoIterator<Item = i64>) -> Batch {
    let row = |value: i64| Row {
        series: Labels::from_pairs([("__name__", "m"), ("job", "j")]),
        timestamp_ms: value,
        start_timestamp_ms: 0,
        value: SampleValue::Float(value as f64),
    };
    values.into_iter().map(row).collect()
}

fn quick(url: String) -> RemoteWrite {
    let queue = QueueConfig {
        max_samples_per_send: 1,
        min_backoff: Duration::from_millis(1),
        max_backoff: Duration::from_millis(5),
        ..QueueConfig::default()
    };
    RemoteWrite { queue, ..RemoteWrite::to(url) }
}

fn forwarder(to: RemoteWrite, buffer_bytes: usize) -> Forwarder {
    let external = Labels::from_pairs([("job", "kept"), ("region", "eu")]);
    Forwarder::new(vec![to], &external, buffer_bytes, Arc::new(SystemClock))
}

async fn until(what: &str, condition: impl Fn() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < Duration::from_secs(60), "{what} never happened");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn metric(forwarder: &Forwarder, name: &str) -> f64 {
    let mut text = String::new();
    forwarder.write_metrics(&mut text);
    let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{name}: {text}"));
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn what_fails_is_sent_again_in_order_until_it_is_taken() {
    let (server, url) = Server::start(&[500, 429, 401, 404, 503]).await;
    let forwarder = forwarder(quick(url), 1 << 20);
    let (stop, stopped) = watch::channel(false);
    let running = tokio::spawn({
        let forwarder = forwarder.clone();
        async move { forwarder.run(stopped, Duration::from_secs(30)).await }
    });
    for value in 1..=3 {
        assert_eq!(forwarder.write(batch([value])).await.unwrap().accepted, 1);
    }
    until("all samples", || server.values().len() == 3).await;
    stop.send(true).unwrap();
    running.await.unwrap();
    assert_eq!(server.values(), [1.0, 2.0, 3.0]);
    let labels = server.taken.lock().unwrap()[0].series.clone();
    // What a series says itself counts more than what is said of all.
    assert_eq!((labels.get("job"), labels.get("region")), (Some("j"), Some("eu")));
    assert_eq!(metric(&forwarder, "prometheus_remote_storage_samples_total"), 3.0);
    assert_eq!(metric(&forwarder, "prometheus_remote_storage_samples_retried_total"), 5.0);
    assert_eq!(metric(&forwarder, "prometheus_remote_storage_samples_pending"), 0.0);
}

#[tokio::test]
async fn what_is_refused_for_good_is_counted_and_holds_nothing_up() {
    let (server, url) = Server::start(&[400]).await;
    let forwarder = forwarder(quick(url), 1 << 20);
    let (stop, stopped) = watch::channel(false);
    for value in 1..=2 {
        forwarder.write(batch([value])).await.unwrap();
    }
    stop.send(true).unwrap();
    // What waits is sent before the end.
    forwarder.run(stopped, Duration::from_secs(30)).await;
    assert_eq!(server.values(), [2.0]);
    assert_eq!(metric(&forwarder, "prometheus_remote_storage_samples_failed_total"), 1.0);
}

#[tokio::test]
async fn a_full_buffer_drops_the_oldest_and_says_how_many() {
    let (server, url) = Server::start(&[]).await;
    let forwarder = forwarder(quick(url), 400);
    for value in 1..=50 {
        forwarder.write(batch([value])).await.unwrap();
    }
    let waiting = metric(&forwarder, "prometheus_remote_storage_samples_pending");
    let dropped = metric(&forwarder, "prometheus_remote_storage_samples_dropped_total");
    assert!(metric(&forwarder, "watchfire_remote_storage_buffer_bytes") <= 400.0);
    assert!(waiting > 1.0 && dropped > 1.0 && waiting + dropped == 50.0, "{waiting} wait, {dropped} dropped");
    let (_stop, stopped) = watch::channel(true);
    forwarder.run(stopped, Duration::from_secs(30)).await;
    let values = server.values();
    assert_eq!(values.len(), waiting as usize);
    assert_eq!(values.last(), Some(&50.0), "the newest are kept");
}

#[tokio::test]
async fn samples_wait_for_others_but_not_for_long() {
    let (server, url) = Server::start(&[]).await;
    let mut to = quick(url);
    to.queue.max_samples_per_send = 1_000;
    to.queue.batch_send_deadline = Duration::from_millis(50);
    let forwarder = forwarder(to, 1 << 20);
    let (stop, stopped) = watch::channel(false);
    for value in 1..=10 {
        forwarder.write(batch([value])).await.unwrap();
    }
    let running = tokio::spawn({
        let forwarder = forwarder.clone();
        async move { forwarder.run(stopped, Duration::from_secs(30)).await }
    });
    until("the samples", || server.values().len() == 10).await;
    assert_eq!(*server.asked.lock().unwrap(), 1, "ten batches are one request");
    stop.send(true).unwrap();
    running.await.unwrap();
}

#[tokio::test]
async fn samples_older_than_the_limit_are_not_sent() {
    let (server, url) = Server::start(&[]).await;
    let mut to = quick(url);
    to.queue.sample_age_limit = Duration::from_secs(3600);
    let forwarder = forwarder(to, 1 << 20);
    // Of 1970.
    forwarder.write(batch([1])).await.unwrap();
    let now_ms = watchfire_model::time::Clock::now_ms(&SystemClock);
    forwarder.write(batch([now_ms])).await.unwrap();
    let (_stop, stopped) = watch::channel(true);
    forwarder.run(stopped, Duration::from_secs(30)).await;
    assert_eq!(server.values(), [now_ms as f64]);
    let mut text = String::new();
    forwarder.write_metrics(&mut text);
    assert!(text.contains("reason=\"too_old\"} 1"), "{text}");
    assert!(!text.contains("secret"), "{text}");
}

#[tokio::test]
async fn rules_decide_what_is_sent() {
    let (server, url) = Server::start(&[]).await;
    let config = format!(
        "remote_write:\n- url: {url}\n  write_relabel_configs:\n  - {{source_labels: [job], regex: j, action: drop}}\n"
    );
    let config = watchfire_scrape::Config::parse(
        &config,
        std::path::Path::new("agent.yml"),
        watchfire_scrape::Check::Full,
    );
    let forwarder = forwarder(config.unwrap().remote_write.remove(0), 1 << 20);
    forwarder.write(batch([1])).await.unwrap();
    let (_stop, stopped) = watch::channel(true);
    forwarder.run(stopped, Duration::from_secs(30)).await;
    assert!(server.values().is_empty());
    assert_eq!(metric(&forwarder, "prometheus_remote_storage_samples_in_total"), 0.0);
}
