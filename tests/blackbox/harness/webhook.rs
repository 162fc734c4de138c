//! Somebody who is told about alerts, and is not always well.

use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

#[derive(Default)]
struct State {
    notifications: Vec<Value>,
    failing: bool,
}

/// A webhook receiver on loopback that keeps what it was told.
pub(crate) struct Webhook {
    pub(crate) url: String,
    state: Arc<Mutex<State>>,
}

impl Webhook {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let mut reader = BufReader::new(stream);
                let mut length = 0;
                let mut line = String::new();
                while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
                    if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                        length = value.trim().parse().unwrap_or(0);
                    }
                    line.clear();
                }
                let mut body = vec![0; length];
                if reader.read_exact(&mut body).is_err() {
                    continue;
                }
                let mut state = shared.lock().unwrap();
                let status = if state.failing { "500 Internal Server Error" } else { "200 OK" };
                if !state.failing {
                    state.notifications.push(serde_json::from_slice(&body).unwrap());
                }
                let _ = write!(
                    reader.into_inner(),
                    "HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
                );
            }
        });
        Self { url, state }
    }

    /// From now on every delivery is answered with 500, or accepted again.
    pub(crate) fn set_failing(&self, failing: bool) {
        self.state.lock().unwrap().failing = failing;
    }

    pub(crate) fn notifications(&self) -> Vec<Value> {
        self.state.lock().unwrap().notifications.clone()
    }

    /// Waits for a notification of this alert with this status.
    pub(crate) async fn until(&self, alertname: &str, status: &str) -> Value {
        let started = Instant::now();
        while started.elapsed() < super::PATIENCE {
            let found = self.notifications().into_iter().find(|notification| {
                notification["status"] == status
                    && notification["alerts"].as_array().is_some_and(|alerts| {
                        alerts.iter().any(|alert| alert["labels"]["alertname"] == alertname)
                    })
            });
            if let Some(found) = found {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("no {status} notification of {alertname}; got {:?}", self.notifications());
    }
}
