//! What the HTTP layer shows.

use std::collections::BTreeMap;
use std::sync::Arc;
use watchfire_ledger::{Delivery, Fingerprint, Job, OutboxCounts, Texts};
use watchfire_model::Labels;

/// An alert that is firing.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertView {
    /// Which.
    pub fingerprint: Fingerprint,
    /// Its labels.
    pub labels: Labels,
    /// Its annotations.
    pub annotations: Texts,
    /// Since when it fires, in milliseconds since the Unix epoch.
    pub starts_ms: i64,
    /// When it ends unless its source says otherwise; `None` while its rule holds it.
    pub ends_ms: Option<i64>,
    /// When its rule last spoke of it, in milliseconds since the Unix epoch.
    pub updated_ms: i64,
    /// Where its expression can be looked at.
    pub generator_url: Arc<str>,
    /// The receivers it is routed to, each once.
    pub receivers: Vec<String>,
    /// The silences that mute it, by id.
    pub silenced_by: Vec<String>,
    /// The alerts that mute it.
    pub inhibited_by: Vec<Fingerprint>,
    /// The intervals that mute its group, in views of groups.
    pub muted_by: Vec<String>,
}

/// How many alerts fire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AlertCounts {
    /// Those that people are told of.
    pub active: usize,
    /// Those that a silence or another alert mutes.
    pub suppressed: usize,
}

/// A group of alerts.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupView {
    /// Alertmanager's group key.
    pub key: String,
    /// Who is told.
    pub receiver: String,
    /// The labels its alerts share by the route's `group_by`.
    pub labels: Labels,
    /// The labels of its route, filled in.
    pub route_labels: BTreeMap<String, String>,
    /// When it is looked at next, in milliseconds since the Unix epoch.
    pub next_flush_ms: i64,
    /// Its alerts, in Alertmanager's order.
    pub alerts: Vec<AlertView>,
}

/// The outbox and the latest attempts.
#[derive(Clone, Debug, PartialEq)]
pub struct OutboxView {
    /// How many jobs stand where.
    pub counts: OutboxCounts,
    /// The newest jobs, newest first. Their payloads are as sent.
    pub jobs: Vec<Job>,
    /// The newest attempts, newest first.
    pub deliveries: Vec<Delivery>,
}
