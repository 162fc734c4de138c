//! Every channel against a server that records what comes and answers what it is told to.

mod answers;
mod aws;
mod config;
mod mail;
mod requests;
mod standing;

use crate::{Alert, Attempt, Channel, Notification, Pairs, Receipt, Receivers, Status, Tools};
use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex};
use watchfire_model::time::ManualClock;

/// The third of February 2026, noon.
pub(super) const NOW_MS: i64 = 1_770_120_000_000;

/// A request that came.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
}

impl Seen {
    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// What the server answers: a status, headers, a body.
pub(super) type Answer = (u16, Vec<(&'static str, String)>, String);

pub(super) fn ok(body: &str) -> Answer {
    (200, vec![("content-type", "application/json".to_owned())], body.to_owned())
}

/// A server that records, and gives its answers in turn; the last one for ever.
pub(super) struct Fake {
    pub(super) url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Fake {
    pub(super) async fn new(answers: Vec<Answer>) -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let script = Arc::new(Mutex::new(VecDeque::from(answers)));
        let recorded = Arc::clone(&seen);
        let app = axum::Router::new().fallback(move |request: axum::extract::Request| {
            let (recorded, script) = (Arc::clone(&recorded), Arc::clone(&script));
            async move {
                let (head, body) = request.into_parts();
                let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
                let headers = head.headers.iter();
                recorded.lock().unwrap().push(Seen {
                    method: head.method.to_string(),
                    path: head.uri.to_string(),
                    headers: headers
                        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
                        .collect(),
                    body: String::from_utf8(body.to_vec()).unwrap(),
                });
                let mut script = script.lock().unwrap();
                let last = script.len() == 1;
                let (status, headers, body) =
                    if last { script.front().cloned().unwrap() } else { script.pop_front().unwrap() };
                let mut response = axum::http::Response::builder().status(status);
                for (name, value) in headers {
                    response = response.header(name, value);
                }
                response.body(axum::body::Body::from(body)).unwrap()
            }
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, seen }
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

pub(super) fn pairs(pairs: &[(&str, &str)]) -> Pairs {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// One alert of a group; `Firing` or ended.
pub(super) fn notification(status: Status) -> Notification {
    let alert = Alert {
        status,
        labels: pairs(&[("alertname", "Down"), ("instance", "a"), ("severity", "critical")]),
        annotations: pairs(&[("summary", "a is <down>")]),
        starts_at: "2026-02-03T11:00:00Z".parse().ok(),
        ends_at: (status == Status::Resolved).then(|| "2026-02-03T11:30:00Z".parse().unwrap()),
        generator_url: "http://w/g".to_owned(),
        fingerprint: "0123456789abcdef".to_owned(),
    };
    let key = "{}:{alertname=\"Down\"}";
    let group = pairs(&[("alertname", "Down")]);
    let mut notification = Notification::new("team", key, group, "http://watch:9090", vec![alert]);
    notification.delivery_key = "delivery-1".to_owned();
    notification
}

/// The hash of the notification's group key.
pub(super) fn key_hash() -> String {
    crate::encoding::sha256_hex(b"{}:{alertname=\"Down\"}")
}

/// The only integration of a receiver, written as `slack_configs: [...]`.
pub(super) fn channel(integration: &str) -> Channel {
    channel_with("", integration)
}

pub(super) fn channel_with(global: &str, integration: &str) -> Channel {
    let text = format!("global: {{{global}}}\nreceivers: [{{name: team, {integration}}}]");
    let receivers = Receivers::parse(&text, Path::new("/nowhere"))
        .unwrap_or_else(|problems| panic!("{text}: {problems:?}"));
    let integration = receivers.get("team").unwrap().integrations[0].clone();
    Channel::new(integration, Arc::new(Tools::new(Arc::new(ManualClock::at(NOW_MS)))))
}

/// Sends to a server that agrees, and gives what it saw.
pub(super) async fn sent(
    integration: &str,
    answer: &str,
    notification: &Notification,
) -> (Attempt, Vec<Seen>) {
    let fake = Fake::new(vec![ok(answer)]).await;
    let channel = channel(&integration.replace("URL", &fake.url));
    let attempt = channel.send(notification, None).await;
    (attempt, fake.seen())
}

pub(super) fn receipt(ts: &str) -> Receipt {
    pairs(&[("ts", ts), ("channel", "C1")])
}
