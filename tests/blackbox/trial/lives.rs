//! The lives of alerts: each begins, lasts, and ends; some come again before anybody could be told that they were over.

use super::receiver::Receiver;
use super::subject::{Line, TURN};
use crate::differential::random::Random;
use crate::harness::{encode, now_ms, remote_write};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// How many alerts share a group.
const TEAM: usize = 3;
/// How often a sender like Prometheus says what it said before.
const RESEND: Duration = Duration::from_secs(1);

/// Who says that an alert fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// A rule of the program itself, over samples that are written to it.
    Rule,
    /// Somebody who posts each change once: until it is acknowledged.
    Once,
    /// Somebody who posts as Prometheus does: again and again.
    Repeated,
}

/// One alert: what it is called never changes, and it lives more than once.
#[derive(Clone, Debug)]
pub(super) struct Subject {
    pub(super) number: usize,
    /// The path of the receiver that is to be told.
    pub(super) channel: &'static str,
    pub(super) source: Source,
    pub(super) lives: Vec<Life>,
}

#[derive(Clone, Debug)]
pub(super) struct Life {
    /// As notifications name it.
    pub(super) name: String,
    /// How long it lasts; longer than a group waits.
    lasts: Duration,
    /// The next one begins at once, whoever has been told what by then.
    pub(super) is_flap: bool,
}

/// Decides on subjects with so many lives altogether.
pub(super) fn subjects(random: &mut Random, lives: usize, with_rules: bool, resend: bool) -> Vec<Subject> {
    let mut subjects = Vec::new();
    let mut left = lives;
    while left > 0 {
        let number = subjects.len();
        let channel = random.pick(&["hook", "hook", "slack", "slack", "once"]);
        // Whoever is not told of ends cannot tell a second life from the first.
        let count = if channel == "once" { 1 } else { (1 + random.below(4)).min(left) };
        left -= count;
        let lives: Vec<Life> = (1..=count)
            .map(|life| Life {
                name: format!("{number}/{life}"),
                lasts: TURN * 2 + Duration::from_millis(random.next() % 2_000),
                is_flap: life < count && random.once_in(3),
            })
            .collect();
        let source = match random.below(3) {
            0 if with_rules => Source::Rule,
            1 if !resend => Source::Once,
            _ => Source::Repeated,
        };
        subjects.push(Subject { number, channel, source, lives });
    }
    subjects
}

/// Posts alerts, one after the other, so that no older word overtakes a newer one.
#[derive(Clone)]
pub(super) struct Sender {
    line: Line,
    /// What each alert was last said to be, where it is said again.
    said: Arc<Mutex<BTreeMap<usize, Value>>>,
}

impl Sender {
    pub(super) fn new(line: &Line) -> Self {
        Self { line: line.clone(), said: Arc::default() }
    }

    /// Says again what was said, for as long as it is not aborted.
    pub(super) async fn repeat(self) {
        loop {
            tokio::time::sleep(RESEND).await;
            let said = self.said.lock().await;
            let all: Vec<&Value> = said.values().collect();
            if !all.is_empty() {
                let body = serde_json::to_string(&all).unwrap();
                let _ = self
                    .line
                    .client
                    .post(self.line.url("/api/v2/alerts"))
                    .body(body)
                    .headers(json_type())
                    .send()
                    .await;
            }
        }
    }

    /// Posts until it is acknowledged.
    async fn post(&self, subject: &Subject, alert: Value) {
        let started = Instant::now();
        let body = json!([alert]).to_string();
        loop {
            let mut said = self.said.lock().await;
            if subject.source == Source::Repeated {
                said.insert(subject.number, alert.clone());
            }
            let request = self
                .line
                .client
                .post(self.line.url("/api/v2/alerts"))
                .body(body.clone())
                .headers(json_type());
            if let Ok(answer) = request.send().await {
                let status = answer.status();
                // What is starting may answer so.
                assert!(status.is_success() || status.is_server_error(), "{status}: {body}");
                if status.is_success() {
                    return;
                }
            }
            drop(said);
            assert!(started.elapsed() < PATIENCE, "nobody acknowledges {body}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Writes the sample that a rule looks at, until it is acknowledged.
    async fn write(&self, subject: &Subject, value: f64) {
        let (number, team) = (subject.number.to_string(), subject.team());
        let labels = [
            ("__name__", "trial_level"),
            ("channel", subject.channel),
            ("subject", &*number),
            ("team", &*team),
        ];
        let started = Instant::now();
        loop {
            let body = remote_write::request(&[(&labels, &[(now_ms(), value)])]);
            let request = self.line.client.post(self.line.url("/api/v1/write")).body(body);
            let request =
                request.header("content-encoding", "snappy").header("content-type", "application/x-protobuf");
            if request.send().await.is_ok_and(|answer| answer.status().is_success()) {
                return;
            }
            assert!(started.elapsed() < PATIENCE, "nobody acknowledges the sample of {number}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until the rule has made an alert of it.
    async fn until_fired(&self, life: &Life, subject: &Subject) {
        let filter = encode(&format!("subject=\"{}\"", subject.number));
        let started = Instant::now();
        loop {
            if let Some(alerts) = self.line.get(&format!("/api/v2/alerts?filter={filter}")).await
                && alerts[0]["annotations"]["life"] == *life.name
            {
                return;
            }
            assert!(started.elapsed() < PATIENCE, "no rule saw that {} fires", life.name);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Lives the lives of a subject. After each that is no flap it waits until its end was told, or for as long as may be.
    pub(super) async fn live(&self, subject: &Subject, receiver: &Receiver, wait: Duration) {
        for (index, life) in subject.lives.iter().enumerate() {
            let starts = rfc3339_now();
            if subject.source == Source::Rule {
                self.write(subject, (index + 1) as f64).await;
                self.until_fired(life, subject).await;
            } else {
                self.post(subject, subject.alert(life, &starts, None)).await;
            }
            tokio::time::sleep(life.lasts).await;
            if subject.source == Source::Rule {
                self.write(subject, 0.0).await;
            } else {
                self.post(subject, subject.alert(life, &starts, Some(rfc3339_now()))).await;
            }
            if life.is_flap {
                continue;
            }
            let started = Instant::now();
            // Who does not want to hear of ends is owed the beginning.
            while !receiver.heard(&life.name, subject.channel == "once") && started.elapsed() < wait {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

/// How long an acknowledgement may take: kills and starts on a busy machine lie in it.
const PATIENCE: Duration = Duration::from_secs(180);

impl Subject {
    /// A life, with what one has to know to understand its story.
    pub(super) fn called(&self, life: &Life) -> String {
        let again = if life.is_flap { ", and again at once" } else { "" };
        format!("{} by {:?} to {}{again}", life.name, self.source, self.channel)
    }

    pub(super) fn path(&self) -> String {
        format!("/{}", self.channel)
    }

    fn team(&self) -> String {
        format!("{}-{}", self.channel, self.number / TEAM)
    }

    fn alert(&self, life: &Life, starts: &str, ends: Option<String>) -> Value {
        let mut alert = json!({
            "labels": {"alertname": "Trial", "subject": self.number.to_string(), "team": self.team(), "channel": self.channel},
            "annotations": {"life": life.name},
            "startsAt": starts,
        });
        if let Some(ends) = ends {
            alert["endsAt"] = ends.into();
        }
        alert
    }
}

/// The number of the group in which a life takes place.
pub(super) fn team_of(life: &str) -> Option<usize> {
    Some(life.split_once('/')?.0.parse::<usize>().ok()? / TEAM)
}

fn json_type() -> reqwest::header::HeaderMap {
    reqwest::header::HeaderMap::from_iter([(
        reqwest::header::CONTENT_TYPE,
        reqwest::header::HeaderValue::from_static("application/json"),
    )])
}

pub(super) fn rfc3339(at_ms: i64) -> String {
    jiff::Timestamp::from_millisecond(at_ms).unwrap().to_string()
}

fn rfc3339_now() -> String {
    rfc3339(now_ms())
}
