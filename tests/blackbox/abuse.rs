//! Clients that are slow, greedy, gone, or hostile: each harms only itself.

use crate::harness::{PATIENCE, Server, Setup, encode, now_ms};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// A configuration that scrapes nothing.
const QUIET: &str = "";
/// The slowest function there is, which is an experimental one.
const SMOOTHING: &str = "--enable-feature=promql-experimental-functions";

/// The value of one of the server's own metrics, of all its series together, asked without a query.
async fn own(server: &Server, metric: &str) -> f64 {
    let (_, body) = server.get("/metrics").await;
    let of = |line: &str| {
        let rest = line.strip_prefix(metric)?;
        let value = rest.rsplit(' ').next().filter(|_| rest.starts_with([' ', '{']))?;
        Some(value.parse::<f64>().unwrap())
    };
    let series: Vec<f64> = body.lines().filter_map(of).collect();
    assert!(!series.is_empty(), "no {metric} in {body}");
    series.iter().sum()
}

async fn until_own(server: &Server, metric: &str, wanted: f64) {
    let started = Instant::now();
    while own(server, metric).await != wanted {
        assert!(started.elapsed() < PATIENCE, "{metric} did not become {wanted}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A query that would run for minutes: two thousand million multiplications in a row, twenty times.
fn endless_query(server: &Server) -> tokio::task::JoinHandle<()> {
    let term = "double_exponential_smoothing(vector(time())[2d:1s], 0.5, 0.5)";
    let query = encode(&[term; 20].join(" + "));
    let now = now_ms() / 1000;
    let url =
        server.url(&format!("/api/v1/query_range?query={query}&start={}&end={now}&step=1", now - 10_000));
    let client = server.client().clone();
    tokio::spawn(async move {
        let answered = client.get(url).send().await.unwrap();
        panic!("it was to run longer than this test: {}", answered.text().await.unwrap());
    })
}

#[tokio::test]
async fn a_client_that_goes_away_takes_its_query_with_it() {
    let setup = Setup::new().config(QUIET).arg(SMOOTHING);
    let server = setup.start().await;
    let query = endless_query(&server);
    until_own(&server, "prometheus_engine_queries", 1.0).await;
    query.abort();
    until_own(&server, "prometheus_engine_queries", 0.0).await;
    assert!(
        own(&server, "prometheus_engine_query_duration_seconds_count{slice=\"inner_eval\"}").await >= 1.0
    );
}

#[tokio::test]
async fn queries_beyond_the_limit_wait_and_give_up_in_time() {
    let setup = Setup::new().config(QUIET).arg("--query.max-concurrency=1").arg(SMOOTHING);
    let server = setup.start().await;
    assert_eq!(own(&server, "prometheus_engine_queries_concurrent_max").await, 1.0);
    let query = endless_query(&server);
    until_own(&server, "prometheus_engine_queries", 1.0).await;
    let (status, body) = server.get("/api/v1/query?query=1&timeout=0.2").await;
    assert_eq!(status, 503, "{body}");
    assert!(body.contains("\"timeout\"") && body.contains("query timed out in query queue"), "{body}");
    query.abort();
    assert_eq!(server.get("/api/v1/query?query=1").await.0, 200, "the slot is free again");
}

#[tokio::test]
async fn rules_are_evaluated_however_many_queries_keep_the_engine_busy() {
    let setup = Setup::new();
    let rules = setup.write(
        "rules.yml",
        "groups:\n- name: g\n  interval: 1s\n  rules: [{record: tick, expr: 'vector(time())'}]\n",
    );
    let config = format!("rule_files: ['{}']\n", rules.display());
    let setup = setup.config(&config).arg("--query.max-concurrency=4").arg(SMOOTHING);
    let server = setup.start().await;
    // Those that run take all slots, and as many wait.
    let queries: Vec<_> = (0..8).map(|_| endless_query(&server)).collect();
    until_own(&server, "prometheus_engine_queries", 8.0).await;
    let evaluated = own(&server, "prometheus_rule_evaluations_total").await;
    let started = Instant::now();
    while own(&server, "prometheus_rule_evaluations_total").await < evaluated + 3.0 {
        assert!(started.elapsed() < PATIENCE, "rules wait for the queries of users");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(own(&server, "prometheus_rule_evaluation_failures_total").await, 0.0);
    for query in queries {
        query.abort();
    }
    until_own(&server, "prometheus_engine_queries", 0.0).await;
}

#[tokio::test]
async fn half_open_requests_stop_nobody_and_are_ended() {
    let setup = Setup::new().config(QUIET).arg("--web.read-timeout=2s");
    let server = setup.start().await;
    let mut slow: Vec<TcpStream> = (0..200)
        .map(|_| {
            let mut stream = TcpStream::connect(&server.address).unwrap();
            stream.write_all(b"GET /-/healthy HTTP/1.1\r\nHost: local").unwrap();
            stream
        })
        .collect();
    for _ in 0..5 {
        assert_eq!(server.get("/-/healthy").await.0, 200);
        assert_eq!(server.get("/api/v1/query?query=1").await.0, 200);
    }
    // The server hangs up on them; a read then ends.
    let first = slow.first_mut().unwrap();
    first.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut said = Vec::new();
    first.read_to_end(&mut said).unwrap();
    let mut again: Vec<TcpStream> = (0..20).map(|_| TcpStream::connect(&server.address).unwrap()).collect();
    for stream in &mut again {
        stream
            .write_all(b"POST /api/v1/write HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nx")
            .unwrap();
    }
    assert!(server.terminate().success(), "and they do not hold up a stop");
}

#[tokio::test]
async fn hostile_requests_get_an_error_and_the_server_lives() {
    let setup = Setup::new().config(QUIET);
    let server = setup.start().await;
    let path = "a".repeat(1 << 20);
    let long = raw(
        &server,
        format!("GET /api/v1/query?query={path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes(),
    );
    assert!(long.is_empty() || long.starts_with("HTTP/1.1 4"), "{long}");
    let deep = format!("query={}1{}", "(".repeat(10_000), ")".repeat(10_000));
    let form = |body: String| {
        server
            .client()
            .post(server.url("/api/v1/query"))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body)
            .send()
    };
    for body in [deep, format!("query={}", "-".repeat(100_000)), format!("query={}", "sum(".repeat(50_000))] {
        let answer = form(body).await.unwrap();
        assert_eq!(answer.status(), 400);
        let answer: serde_json::Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        assert_eq!((&answer["status"], &answer["errorType"]), (&"error".into(), &"bad_data".into()));
    }
    let huge = form(format!("query={}", "a".repeat(5 << 20))).await;
    assert!(huge.is_err() || huge.is_ok_and(|answer| answer.status() == 413));
    let (status, body) = server.get("/api/v1/query?query=up%7Ba%3D%22%ff%22%7D").await;
    assert_eq!(status, 400, "{body}");
    assert!(body.contains("its value is not valid UTF-8"), "{body}");
    let odd = raw(&server, b"GET /api/v1/\xff\xfe HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    assert!(odd.starts_with("HTTP/1.1 4"), "{odd}");
    assert_eq!(server.get("/-/healthy").await.0, 200, "and it still runs");
}

/// Sends bytes as they are; what comes back until the server hangs up, if it says anything before.
fn raw(server: &Server, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(&server.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    // The server may answer and hang up before it was told everything.
    let _ = stream.write_all(request);
    let mut said = Vec::new();
    let _ = stream.read_to_end(&mut said);
    String::from_utf8_lossy(&said).into_owned()
}
