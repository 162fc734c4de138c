//! Servers to be probed.

use crate::Report;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// A server that ends with the test.
pub(crate) struct Server {
    address: SocketAddr,
    task: tokio::task::JoinHandle<()>,
}

impl Server {
    pub(crate) fn address(&self) -> String {
        self.address.to_string()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Answers each connection's first request, and closes.
pub(crate) async fn answering(answer: impl Fn(&str) -> String + Send + Sync + 'static) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let task = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let request = read_request(&mut stream).await;
            let _ = stream.write_all(answer(&request).as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    Server { address, task }
}

/// Answers always the same, and keeps what was asked.
pub(crate) async fn watch(answer: &'static str) -> (Server, Arc<Mutex<Vec<String>>>) {
    let requests = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&requests);
    let server = answering(move |request| {
        kept.lock().unwrap().push(request.to_owned());
        answer.to_owned()
    })
    .await;
    (server, requests)
}

async fn read_request(stream: &mut tokio::net::TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes).to_ascii_lowercase();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next());
            if body.len() >= length.and_then(|length| length.parse().ok()).unwrap_or(0) {
                break;
            }
        }
        match stream.read(&mut buffer).await {
            Ok(len) if len > 0 => bytes.extend_from_slice(&buffer[..len]),
            _ => break,
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The value of one sample of a report.
pub(crate) fn value(report: &Report, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let family = report.families().iter().find(|family| family.name == name)?;
    let point = family.points.iter().find(|point| {
        labels.iter().all(|(name, text)| {
            point.labels.iter().any(|(label, value)| label.as_ref() == *name && value == text)
        })
    })?;
    Some(point.value)
}
