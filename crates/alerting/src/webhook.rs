//! The body of a webhook notification, byte for byte as Alertmanager 0.28 and later write it.

use serde::Serialize;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use watchfire_ledger::Alert;
use watchfire_model::Labels;

/// What a notification speaks of.
#[derive(Debug)]
pub(crate) struct Notification<'a> {
    pub(crate) receiver: &'a str,
    pub(crate) group_key: &'a str,
    pub(crate) group_labels: &'a Labels,
    pub(crate) external_url: &'a str,
    /// In Alertmanager's order, see [`order`].
    pub(crate) alerts: &'a [&'a Alert],
    /// How many alerts to tell at most; 0 for all.
    pub(crate) max_alerts: u64,
    pub(crate) now_ms: i64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    receiver: String,
    status: &'static str,
    alerts: Vec<BodyAlert<'a>>,
    group_labels: BTreeMap<&'a str, &'a str>,
    common_labels: BTreeMap<&'a str, &'a str>,
    common_annotations: BTreeMap<&'a str, &'a str>,
    #[serde(rename = "externalURL")]
    external_url: &'a str,
    version: &'static str,
    group_key: &'a str,
    truncated_alerts: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BodyAlert<'a> {
    status: &'static str,
    labels: BTreeMap<&'a str, &'a str>,
    annotations: BTreeMap<&'a str, &'a str>,
    starts_at: String,
    ends_at: String,
    #[serde(rename = "generatorURL")]
    generator_url: &'a str,
    fingerprint: String,
}

/// Writes the body.
pub(crate) fn body(notification: &Notification<'_>) -> Result<String, serde_json::Error> {
    let all = notification.alerts;
    let told = match usize::try_from(notification.max_alerts) {
        Ok(max) if max > 0 => all.get(..max).unwrap_or(all),
        _ => all,
    };
    let alerts: Vec<BodyAlert<'_>> =
        told.iter().map(|alert| body_alert(alert, notification.now_ms)).collect();
    let firing = told.iter().any(|alert| !alert.is_resolved(notification.now_ms));
    let body = Body {
        receiver: quote_meta(notification.receiver),
        status: if firing { "firing" } else { "resolved" },
        group_labels: notification.group_labels.iter().collect(),
        common_labels: common(alerts.iter().map(|alert| &alert.labels)),
        common_annotations: common(alerts.iter().map(|alert| &alert.annotations)),
        alerts,
        external_url: notification.external_url,
        version: "4",
        group_key: notification.group_key,
        truncated_alerts: all.len() - told.len(),
    };
    let mut text = go_escaped(&serde_json::to_string(&body)?);
    text.push('\n');
    Ok(text)
}

fn body_alert(alert: &Alert, now_ms: i64) -> BodyAlert<'_> {
    let is_resolved = alert.is_resolved(now_ms);
    BodyAlert {
        status: if is_resolved { "resolved" } else { "firing" },
        labels: alert.labels.iter().collect(),
        annotations: alert.annotations.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect(),
        starts_at: go_time(Some(alert.starts_ms)),
        ends_at: go_time(alert.ends_ms.filter(|_| is_resolved)),
        generator_url: &alert.generator_url,
        fingerprint: format!("{:016x}", alert.fingerprint),
    }
}

/// The pairs that all maps share.
fn common<'a, 'm>(maps: impl Iterator<Item = &'m BTreeMap<&'a str, &'a str>>) -> BTreeMap<&'a str, &'a str>
where
    'a: 'm,
{
    maps.cloned()
        .reduce(|mut common, map| {
            common.retain(|name, text| map.get(name) == Some(text));
            common
        })
        .unwrap_or_default()
}

/// A time as Go's JSON writes it; the zero time where there is none.
pub(crate) fn go_time(timestamp_ms: Option<i64>) -> String {
    let instant = timestamp_ms.and_then(|timestamp_ms| jiff::Timestamp::from_millisecond(timestamp_ms).ok());
    instant.map_or_else(|| "0001-01-01T00:00:00Z".to_owned(), |instant| instant.to_string())
}

/// Go's JSON writer escapes what could end a script in HTML. These characters stand only inside texts.
fn go_escaped(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '<' => escaped.push_str("\\u003c"),
            '>' => escaped.push_str("\\u003e"),
            '&' => escaped.push_str("\\u0026"),
            '\u{2028}' => escaped.push_str("\\u2028"),
            '\u{2029}' => escaped.push_str("\\u2029"),
            c => escaped.push(c),
        }
    }
    escaped
}

/// Go's `regexp.QuoteMeta`: Alertmanager sends the receiver's name through it.
fn quote_meta(text: &str) -> String {
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
pub(crate) fn order(left: &Alert, right: &Alert) -> Ordering {
    for name in ["job", "instance"] {
        match (left.labels.get(name), right.labels.get(name)) {
            (None, None) => {}
            (None, Some(_)) => return Ordering::Greater,
            (Some(_), None) => return Ordering::Less,
            (Some(left), Some(right)) if left != right => return left.cmp(right),
            _ => {}
        }
    }
    let (left, right) = (&left.labels, &right.labels);
    left.len().cmp(&right.len()).then_with(|| by_labels(left, right))
}

/// Label by label in the order of names; whoever has a name that the other lacks comes later.
pub(crate) fn by_labels(left: &Labels, right: &Labels) -> Ordering {
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
