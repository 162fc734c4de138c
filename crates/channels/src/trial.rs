//! Trying a receiver out: a notification made up for it, and everything that was sent and answered.

use crate::attempt::{Attempt, Outcome};
use crate::channel::{Channel, Tools};
use crate::config::{Kind, Receiver};
use crate::notification::{Alert, Notification, Pairs, Status};
use crate::sending::Exchange;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What became of one integration's trial.
#[derive(Clone, Debug)]
pub struct Trial {
    /// Which way the receiver was told.
    pub kind: Kind,
    /// Its place among those of its kind.
    pub index: u32,
    /// Whether the end was told, and not the beginning.
    pub is_end: bool,
    /// How the attempt ended.
    pub attempt: Attempt,
    /// How long it took.
    pub latency: Duration,
    /// What was sent and answered, with every secret masked.
    pub exchanges: Vec<Exchange>,
}

/// A notification that says it is a trial: one alert that fires since a minute.
pub fn trial_notification(receiver: &str, external_url: &str, now_ms: i64) -> Notification {
    let pairs = |pairs: &[(&str, &str)]| -> Pairs {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    let alert = Alert {
        status: Status::Firing,
        labels: pairs(&[("alertname", "ReceiverTest"), ("severity", "info"), ("receiver", receiver)]),
        annotations: pairs(&[
            ("summary", "This is a test of a receiver"),
            ("description", "Somebody asked Watchfire to try this receiver out. Nothing is wrong."),
        ]),
        starts_at: jiff::Timestamp::from_millisecond(now_ms.saturating_sub(60_000)).ok(),
        ends_at: None,
        generator_url: external_url.to_owned(),
        fingerprint: "0000000000000000".to_owned(),
    };
    let key = format!("{{}}/{{watchfire_test=\"{now_ms}\"}}:{{alertname=\"ReceiverTest\"}}");
    let group = pairs(&[("alertname", "ReceiverTest")]);
    let mut notification = Notification::new(receiver, &key, group, external_url, vec![alert]);
    notification.notification_reason = "first notification".to_owned();
    notification.delivery_key = format!("watchfire-test-{now_ms}");
    notification
}

/// The same, over: pagers close what a trial opened.
pub fn trial_end(notification: &Notification, now_ms: i64) -> Notification {
    let mut ended = notification.clone();
    for alert in &mut ended.alerts {
        alert.status = Status::Resolved;
        alert.ends_at = jiff::Timestamp::from_millisecond(now_ms).ok();
    }
    ended.status = Status::Resolved;
    ended.notification_reason = "all alerts resolved".to_owned();
    ended.delivery_key.push_str("-end");
    ended
}

/// Tells a receiver in every way it has, one after the other. With `ends`, the end is told as well to those who want
/// to hear of ends.
pub async fn try_receiver(
    receiver: &Receiver,
    tools: &Arc<Tools>,
    notification: &Notification,
    ends: bool,
) -> Vec<Trial> {
    let mut trials = Vec::new();
    for integration in &receiver.integrations {
        let (kind, index) = (integration.kind, integration.index);
        let channel = Channel::new(integration.clone(), Arc::clone(tools));
        let begun = Instant::now();
        let (attempt, exchanges) = channel.send_and_show(notification, None).await;
        let told = attempt.outcome == Outcome::Delivered;
        let receipt = attempt.receipt.clone();
        trials.push(Trial { kind, index, is_end: false, attempt, latency: begun.elapsed(), exchanges });
        if ends && told && integration.send_resolved {
            let begun = Instant::now();
            let end = trial_end(notification, tools.now_ms());
            let (attempt, exchanges) = channel.send_and_show(&end, receipt.as_ref()).await;
            trials.push(Trial { kind, index, is_end: true, attempt, latency: begun.elapsed(), exchanges });
        }
    }
    trials
}

impl fmt::Display for Trial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outcome = match self.attempt.outcome {
            Outcome::Delivered => "delivered",
            Outcome::Retry => "not delivered, would be tried again",
            Outcome::Dead => "refused for good",
        };
        let end = if self.is_end { " (the end)" } else { "" };
        writeln!(f, "{}[{}]{end}: {outcome}", self.kind.key(), self.index)?;
        if let Some(error) = &self.attempt.error {
            writeln!(f, "  {error}")?;
        }
        for exchange in &self.exchanges {
            for (mark, text) in [('>', &exchange.sent), ('<', &exchange.answered)] {
                for line in text.trim_end().lines() {
                    writeln!(f, "  {mark} {line}")?;
                }
            }
        }
        Ok(())
    }
}
