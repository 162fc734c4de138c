//! What is to be told: one group's alerts, as Alertmanager's templates see them.

use crate::standing::Standing;
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// Names and texts.
pub type Pairs = BTreeMap<String, String>;

/// Whether something is on fire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It is.
    #[default]
    Firing,
    /// It was.
    Resolved,
}

impl Status {
    /// `firing` or `resolved`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Firing => "firing",
            Self::Resolved => "resolved",
        }
    }
}

/// A notification: the shape and the names of Alertmanager's template data, and as JSON that of its webhook.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Notification<A = Vec<Alert>> {
    /// The receiver's name, quoted as for a regular expression; see [`Notification::new`].
    pub receiver: String,
    /// Firing while one alert fires.
    pub status: Status,
    /// The alerts, in Alertmanager's order; written already, where nobody has to look into them.
    pub alerts: A,
    /// The labels the alerts are grouped by.
    pub group_labels: Pairs,
    /// The labels that all alerts share.
    pub common_labels: Pairs,
    /// The annotations that all alerts share.
    pub common_annotations: Pairs,
    /// Where people reach this server, without a slash at the end.
    #[serde(rename = "externalURL")]
    pub external_url: String,
    /// The group's key. The identities that other systems know a group by are made of it.
    pub group_key: String,
    /// How many alerts were left out.
    pub truncated_alerts: u64,
    /// Why this is told now, in Alertmanager's words; empty where nobody says.
    #[serde(rename = "notification_reason", skip_serializing_if = "String::is_empty")]
    pub notification_reason: String,
    /// The labels of the route, filled in.
    #[serde(skip_serializing_if = "Pairs::is_empty")]
    pub route_labels: Pairs,
    /// The same for every attempt to deliver the same content, and for nothing else: receivers tell a repetition from
    /// news by it. Never shown in a body.
    #[serde(rename = "__deliveryKey", skip_serializing_if = "String::is_empty")]
    pub delivery_key: String,
    /// Who has taken on what is told, for receivers that show it; `None` for all others. Never shown in a body.
    #[serde(rename = "__standing", skip_serializing_if = "Option::is_none")]
    pub standing: Option<Standing>,
}

/// One alert of a notification.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Alert {
    /// Whether it fires.
    pub status: Status,
    /// What it is.
    pub labels: Pairs,
    /// What people should know of it.
    pub annotations: Pairs,
    /// Since when.
    #[serde(serialize_with = "write_time", deserialize_with = "read_time")]
    pub starts_at: Option<Timestamp>,
    /// Until when; `None` while it fires.
    #[serde(serialize_with = "write_time", deserialize_with = "read_time")]
    pub ends_at: Option<Timestamp>,
    /// Where it comes from.
    #[serde(rename = "generatorURL")]
    pub generator_url: String,
    /// The hash of its labels, in 16 hexadecimal digits.
    pub fingerprint: String,
}

/// Go's zero time.
const ZERO_TIME: &str = "0001-01-01T00:00:00Z";

/// A time as Go's JSON writes it; the zero time where there is none.
pub fn go_time(time: Option<Timestamp>) -> String {
    time.map_or_else(|| ZERO_TIME.to_owned(), |time| time.to_string())
}

fn write_time<S: Serializer>(time: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&go_time(*time))
}

fn read_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?.unwrap_or_default();
    if text.is_empty() || text.starts_with("0001-01-01T00:00:00") {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|error| serde::de::Error::custom(format!("time {text:?}: {error}")))
}

impl<A> Notification<A> {
    /// The same with its alerts in another form, and the alerts as they were.
    pub fn with_alerts<B>(self, alerts: B) -> (Notification<B>, A) {
        let Self {
            receiver,
            status,
            alerts: before,
            group_labels,
            common_labels,
            common_annotations,
            external_url,
            group_key,
            truncated_alerts,
            notification_reason,
            route_labels,
            delivery_key,
            standing,
        } = self;
        let with = Notification {
            receiver,
            status,
            alerts,
            group_labels,
            common_labels,
            common_annotations,
            external_url,
            group_key,
            truncated_alerts,
            notification_reason,
            route_labels,
            delivery_key,
            standing,
        };
        (with, before)
    }
}

impl Notification {
    /// Gathers what is common to the alerts, and puts them in Alertmanager's order. The receiver is its plain name: in
    /// templates and bodies it stands quoted, as Alertmanager does it.
    pub fn new(
        receiver: &str,
        group_key: &str,
        group_labels: Pairs,
        external_url: &str,
        mut alerts: Vec<Alert>,
    ) -> Self {
        alerts.sort_by(order);
        let mut notification = Self {
            receiver: quote_meta(receiver),
            group_key: group_key.to_owned(),
            group_labels,
            external_url: external_url.to_owned(),
            alerts,
            ..Self::default()
        };
        notification.summarize();
        notification
    }

    /// The same with at most `max` alerts, the others counted; 0 for all of them.
    pub fn truncated(&self, max: u64) -> Cow<'_, Self> {
        let Some(max) = usize::try_from(max).ok().filter(|max| (1..self.alerts.len()).contains(max)) else {
            return Cow::Borrowed(self);
        };
        let left_out = self.alerts.len() - max;
        let mut notification = self.clone();
        notification.alerts.truncate(max);
        notification.truncated_alerts += u64::try_from(left_out).unwrap_or(u64::MAX);
        notification.summarize();
        Cow::Owned(notification)
    }

    /// Whether an alert fires.
    pub fn is_firing(&self) -> bool {
        self.status == Status::Firing
    }

    fn summarize(&mut self) {
        let firing = self.alerts.iter().any(|alert| alert.status == Status::Firing);
        self.status = if firing { Status::Firing } else { Status::Resolved };
        self.common_labels = common(self.alerts.iter().map(|alert| &alert.labels));
        self.common_annotations = common(self.alerts.iter().map(|alert| &alert.annotations));
    }
}

/// The pairs that all maps share.
fn common<'m>(mut maps: impl Iterator<Item = &'m Pairs>) -> Pairs {
    let mut common: BTreeMap<&String, &String> = maps.next().into_iter().flatten().collect();
    for map in maps {
        common.retain(|name, text| map.get(*name) == Some(*text));
    }
    common.into_iter().map(|(name, text)| (name.clone(), text.clone())).collect()
}

/// Go's `regexp.QuoteMeta`: Alertmanager sends the receiver's name through it.
pub(crate) fn quote_meta(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len());
    for c in text.chars() {
        if r"\.+*?()|[]{}^$".contains(c) {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted
}

/// Alertmanager's order of alerts: by `job`, by `instance`, then by all labels.
fn order(left: &Alert, right: &Alert) -> Ordering {
    let (left, right) = (&left.labels, &right.labels);
    for name in ["job", "instance"] {
        match (left.get(name), right.get(name)) {
            (None, None) => {}
            (None, Some(_)) => return Ordering::Greater,
            (Some(_), None) => return Ordering::Less,
            (Some(left), Some(right)) if left != right => return left.cmp(right),
            _ => {}
        }
    }
    left.len().cmp(&right.len()).then_with(|| by_labels(left, right))
}

/// Label by label in the order of names; whoever has a name that the other lacks comes later.
fn by_labels(left: &Pairs, right: &Pairs) -> Ordering {
    for ((left_name, left_value), (right_name, right_value)) in left.iter().zip(right) {
        // The smaller name is missing on the other side.
        let ordering = right_name.cmp(left_name).then_with(|| left_value.cmp(right_value));
        if ordering.is_ne() {
            return ordering;
        }
    }
    Ordering::Equal
}

#[cfg(test)]
mod tests;
