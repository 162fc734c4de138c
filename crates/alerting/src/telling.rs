//! From alerts in the ledger to a notification, and from there to somebody.

use crate::wiring::Wiring;
use std::collections::BTreeMap;
use watchfire_channels::{self as channels, Channel, Notification, Pairs, Receipt, Standing};
use watchfire_ledger::{Alert, Job};
use watchfire_model::Labels;

/// What a notification speaks of.
#[derive(Debug)]
pub(crate) struct About<'a> {
    pub(crate) receiver: &'a str,
    pub(crate) group_key: &'a str,
    pub(crate) group_labels: &'a Labels,
    pub(crate) route_labels: &'a BTreeMap<String, String>,
    pub(crate) external_url: &'a str,
    pub(crate) alerts: &'a [&'a Alert],
    pub(crate) reason: &'a str,
    pub(crate) now_ms: i64,
    /// Who has taken it on, for receivers that know such a thing.
    pub(crate) standing: Option<Standing>,
}

/// The notification, as the outbox keeps it.
pub(crate) fn payload(about: &About<'_>, wiring: &Wiring) -> Result<String, serde_json::Error> {
    let alerts = about.alerts.iter().map(|alert| one(alert, about.now_ms)).collect();
    let mut notification = Notification::new(
        about.receiver,
        about.group_key,
        pairs(about.group_labels),
        about.external_url,
        alerts,
    );
    about.reason.clone_into(&mut notification.notification_reason);
    notification.standing.clone_from(&about.standing);
    notification.route_labels = wiring.route_labels(about.route_labels, &notification);
    serde_json::to_string(&notification)
}

fn one(alert: &Alert, now_ms: i64) -> channels::Alert {
    let is_resolved = alert.is_resolved(now_ms);
    let time = |at_ms: i64| jiff::Timestamp::from_millisecond(at_ms).ok();
    channels::Alert {
        status: if is_resolved { channels::Status::Resolved } else { channels::Status::Firing },
        labels: pairs(&alert.labels),
        annotations: alert.annotations.clone(),
        starts_at: time(alert.starts_ms),
        ends_at: alert.ends_ms.filter(|_| is_resolved).and_then(time),
        generator_url: alert.generator_url.clone(),
        fingerprint: format!("{:016x}", alert.fingerprint),
    }
}

fn pairs(labels: &Labels) -> Pairs {
    labels.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// Since when the alerts of a notification fire, by fingerprint, in milliseconds since the Unix epoch.
pub(crate) fn beginnings(payload: &str) -> BTreeMap<u64, i64> {
    let notification = serde_json::from_str::<Notification>(payload).ok();
    let alerts = notification.into_iter().flat_map(|notification| notification.alerts);
    let beginning = |alert: channels::Alert| {
        let fingerprint = u64::from_str_radix(&alert.fingerprint, 16).ok()?;
        Some((fingerprint, alert.starts_at?.as_millisecond()))
    };
    alerts.filter_map(beginning).collect()
}

/// One attempt to deliver a job.
pub(crate) async fn send(channel: &Channel, job: &Job, receipt: Option<&Receipt>) -> channels::Attempt {
    let mut notification: Notification = match serde_json::from_str(&job.payload) {
        Ok(notification) => notification,
        Err(error) => {
            return channels::Attempt {
                outcome: channels::Outcome::Dead,
                status: None,
                error: Some(format!("the notification in the outbox cannot be read: {error}")),
                retry_after: None,
                receipt: None,
            };
        }
    };
    // The same for every attempt at the same content, so that a receiver can tell a repetition from news.
    notification.delivery_key = format!("watchfire-{}-{}-{}", job.created_ms, job.id, job.generation);
    channel.send(&notification, receipt).await
}
