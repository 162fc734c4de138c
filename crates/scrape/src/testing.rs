//! What the tests of this crate share: a sink that remembers, a clock bound to tokio's time, small servers.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use watchfire_model::ingest::{Batch, Committed, MetricSink, Row, WriteReport};
use watchfire_model::time::Clock;
use watchfire_model::{Labels, Metadata, SampleValue};

use crate::config::{Check, Config};

/// Keeps everything it is given.
#[derive(Default)]
pub(crate) struct RecordingSink {
    pub(crate) rows: Mutex<Vec<Row>>,
    pub(crate) described: Mutex<Vec<(Labels, String, Metadata)>>,
}

impl MetricSink for RecordingSink {
    fn write(&self, batch: Batch) -> Committed {
        let accepted = batch.len();
        self.rows.lock().unwrap().extend(batch.rows());
        Box::pin(async move { Ok(WriteReport { accepted, ..WriteReport::default() }) })
    }

    fn describe(&self, target: &Labels, family: &str, metadata: Metadata) {
        self.described.lock().unwrap().push((target.clone(), family.to_owned(), metadata));
    }
}

impl RecordingSink {
    /// Samples of a series by its printed form, in the order written.
    pub(crate) fn samples(&self) -> BTreeMap<String, Vec<(i64, f64)>> {
        let mut samples: BTreeMap<String, Vec<(i64, f64)>> = BTreeMap::new();
        for row in self.rows.lock().unwrap().iter() {
            let SampleValue::Float(value) = row.value else { panic!("a float") };
            samples.entry(row.series.to_string()).or_default().push((row.timestamp_ms, value));
        }
        samples
    }

    /// The samples of the one series with this metric name.
    pub(crate) fn of(&self, metric: &str) -> Vec<(i64, f64)> {
        let all = self.samples();
        let mut found = all.iter().filter(|(name, _)| name.split('{').next() == Some(metric));
        let samples = found.next().map(|(_, samples)| samples.clone()).unwrap_or_default();
        assert!(found.next().is_none(), "one series of {metric}");
        samples
    }
}

/// A wall clock that moves with tokio's, paused or not.
pub(crate) struct TokioClock {
    start: tokio::time::Instant,
    base_ms: i64,
}

impl TokioClock {
    pub(crate) fn at(base_ms: i64) -> Self {
        Self { start: tokio::time::Instant::now(), base_ms }
    }
}

impl Clock for TokioClock {
    fn now_ms(&self) -> i64 {
        self.base_ms + i64::try_from(self.start.elapsed().as_millis()).unwrap()
    }
}

/// A configuration of one job with these lines and the target.
pub(crate) fn one_job(lines: &str, target: &str) -> Config {
    let lines: String = lines.lines().map(|line| format!("  {line}\n")).collect();
    parse(&format!(
        "scrape_configs:\n- job_name: test\n  scrape_interval: 500ms\n  scrape_timeout: 500ms\n{lines}  static_configs: [{{targets: ['{target}']}}]\n"
    ))
}

pub(crate) fn parse(text: &str) -> Config {
    Config::parse(text, Path::new("test.yml"), Check::Full).unwrap()
}

/// Answers each connection's requests with what `answer` makes of the request's head: bytes sent as they are, after
/// which the connection is closed.
pub(crate) async fn serve(answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> String {
    serve_with(move |head, mut stream| {
        let bytes = answer(&head);
        async move {
            // A client may hang up early; that is what some tests are about.
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
        }
    })
    .await
}

/// Hands each connection to `handle` after its first request's head; returns `host:port`.
pub(crate) async fn serve_with<F, R>(handle: F) -> String
where
    F: Fn(String, TcpStream) -> R + Send + Sync + 'static,
    R: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let handle = Arc::new(handle);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let handle = Arc::clone(&handle);
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    match stream.read_u8().await {
                        Ok(byte) => head.push(byte),
                        Err(_) => return,
                    }
                }
                handle(String::from_utf8(head).unwrap(), stream).await;
            });
        }
    });
    address
}

/// A whole HTTP answer.
pub(crate) fn http(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let mut answer =
        format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n", body.len())
            .into_bytes();
    answer.extend_from_slice(body);
    answer
}

/// A good answer in Prometheus text.
pub(crate) fn text(body: &str) -> Vec<u8> {
    http("200 OK", "Content-Type: text/plain; version=0.0.4\r\n", body.as_bytes())
}

/// Waits until something is so, for as long as a slow machine may need.
pub(crate) async fn until(mut condition: impl FnMut() -> bool) {
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(std::time::Instant::now() < deadline, "the condition never came true");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
