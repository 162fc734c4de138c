//! From alerts in the ledger to a notification, and from there to somebody.

use crate::wiring::Wiring;
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
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

/// The labels of a route, filled in for a group.
pub(crate) fn route_labels(about: &About<'_>, wiring: &Wiring) -> Pairs {
    if about.route_labels.is_empty() { Pairs::new() } else { head(about, wiring).0.route_labels }
}

/// The notification, as the outbox keeps it.
pub(crate) fn payload(about: &About<'_>, wiring: &Wiring) -> Result<String, serde_json::Error> {
    let (head, alerts) = head(about, wiring);
    let told: Vec<Told<'_>> = alerts.iter().map(|alert| Told { alert, now_ms: about.now_ms }).collect();
    serde_json::to_string(&head.with_alerts(told).0)
}

/// The notification without its alerts, and these in their order.
fn head<'a>(about: &About<'a>, wiring: &Wiring) -> (Notification, Vec<&'a Alert>) {
    let mut alerts = about.alerts.to_vec();
    alerts.sort_by(|left, right| crate::order::by_source(left, right));
    let (labels, url) = (pairs(about.group_labels), about.external_url);
    let mut head = Notification::new(about.receiver, about.group_key, labels, url, Vec::new());
    about.reason.clone_into(&mut head.notification_reason);
    head.standing.clone_from(&about.standing);
    head.status = status(alerts.iter().all(|alert| alert.is_resolved(about.now_ms)));
    head.common_labels = common_labels(&alerts);
    head.common_annotations = common_annotations(&alerts);
    if !about.route_labels.is_empty() {
        // Templates look into the alerts.
        let all = alerts.iter().map(|alert| one(alert, about.now_ms)).collect();
        let (whole, _) = head.clone().with_alerts(all);
        head.route_labels = wiring.route_labels(about.route_labels, &whole);
    }
    (head, alerts)
}

const fn status(is_resolved: bool) -> channels::Status {
    if is_resolved { channels::Status::Resolved } else { channels::Status::Firing }
}

/// An alert as a notification has it, written from where it is.
struct Told<'a> {
    alert: &'a Alert,
    now_ms: i64,
}

impl Serialize for Told<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let alert = self.alert;
        let is_resolved = alert.is_resolved(self.now_ms);
        let annotations: &RawValue =
            serde_json::from_str(alert.annotations.as_json()).map_err(serde::ser::Error::custom)?;
        // In the order of `channels::Alert`.
        let mut told = serializer.serialize_struct("Alert", 7)?;
        told.serialize_field("status", &status(is_resolved))?;
        told.serialize_field("labels", &Written(&alert.labels))?;
        told.serialize_field("annotations", annotations)?;
        told.serialize_field("startsAt", &channels::go_time(time(alert.starts_ms)))?;
        let ends_at = alert.ends_ms.filter(|_| is_resolved).and_then(time);
        told.serialize_field("endsAt", &channels::go_time(ends_at))?;
        told.serialize_field("generatorURL", &*alert.generator_url)?;
        told.serialize_field("fingerprint", &format!("{:016x}", alert.fingerprint))?;
        told.end()
    }
}

/// A label set as a map.
struct Written<'a>(&'a Labels);

impl Serialize for Written<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0)
    }
}

fn time(at_ms: i64) -> Option<jiff::Timestamp> {
    jiff::Timestamp::from_millisecond(at_ms).ok()
}

/// The labels that all alerts share.
fn common_labels(alerts: &[&Alert]) -> Pairs {
    let Some((first, others)) = alerts.split_first() else { return Pairs::new() };
    let mut common: Vec<(&str, &str)> = first.labels.iter().collect();
    for other in others {
        common.retain(|(name, value)| other.labels.get(name) == Some(*value));
    }
    common.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// The annotations that all alerts share.
fn common_annotations(alerts: &[&Alert]) -> Pairs {
    let Some((first, others)) = alerts.split_first() else { return Pairs::new() };
    let mut common = first.annotations.pairs();
    for other in others.iter().filter(|other| other.annotations != first.annotations) {
        let other = other.annotations.pairs();
        common.0.retain(|pair| other.0.contains(pair));
    }
    common.0.into_iter().map(|(name, text)| (name.into_owned(), text.into_owned())).collect()
}

fn one(alert: &Alert, now_ms: i64) -> channels::Alert {
    let is_resolved = alert.is_resolved(now_ms);
    channels::Alert {
        status: status(is_resolved),
        labels: pairs(&alert.labels),
        annotations: alert.annotations.to_map(),
        starts_at: time(alert.starts_ms),
        ends_at: alert.ends_ms.filter(|_| is_resolved).and_then(time),
        generator_url: alert.generator_url.to_string(),
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
    // The same for every attempt at the same content, so that a receiver can tell a repetition from news.
    let delivery_key = format!("watchfire-{}-{}-{}", job.created_ms, job.id, job.generation);
    match channel.send_written(&job.payload, delivery_key, receipt).await {
        Ok(attempt) => attempt,
        Err(error) => channels::Attempt {
            outcome: channels::Outcome::Dead,
            status: None,
            error: Some(format!("the notification in the outbox cannot be read: {error}")),
            retry_after: None,
            receipt: None,
        },
    }
}

#[cfg(test)]
mod tests;
