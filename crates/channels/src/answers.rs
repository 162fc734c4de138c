//! What people answer where they were told: a button pressed in Slack, an incident taken on in PagerDuty.
//!
//! Both sign what they send with a secret; what is not signed, or was signed too long ago, is refused before it is read.

use crate::encoding::{hex, hmac_sha256, sha256_hex};
use serde_json::Value;

/// How old a signed request of Slack's may be, so that nobody sends one again later.
const FRESH_MS: i64 = 5 * 60 * 1_000;
/// The names of the buttons that are understood.
pub(crate) const BUTTONS: [&str; 3] = ["acknowledge", "unacknowledge", "escalate"];

/// What somebody answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The group, by the identity that other systems know it by: [`group_identity`].
    pub group: String,
    /// Who.
    pub by: String,
    /// What they want.
    pub wish: Wish,
    /// When, in milliseconds since the Unix epoch, where the sender says so.
    pub at_ms: Option<i64>,
    /// The same for an answer that is sent again, and for no other; empty where the sender gives none.
    pub id: String,
}

/// What somebody wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// They take the incident on.
    Acknowledge,
    /// They give it back.
    Unacknowledge,
    /// More people shall be told.
    Escalate,
    /// They note something.
    Note(String),
}

/// Why an answer was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It is not signed with the secret, or not now.
    Unsigned,
    /// It cannot be read.
    Unread(&'static str),
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unsigned => f.write_str("the signature is not that of the configured secret, or too old"),
            Self::Unread(why) => write!(f, "the answer cannot be read: {why}"),
        }
    }
}

/// The identity of a group for other systems: the hash of its key.
pub fn group_identity(group_key: &str) -> String {
    sha256_hex(group_key.as_bytes())
}

/// The signature with which a secret signs bytes: HMAC-SHA-256, in lower case hexadecimal.
pub fn signature(secret: &str, bytes: &[u8]) -> String {
    hex(&hmac_sha256(secret.as_bytes(), bytes))
}

/// Whether two texts are the same, in a time that does not tell where they differ.
fn same(left: &str, right: &str) -> bool {
    left.len() == right.len()
        && left.bytes().zip(right.bytes()).fold(0, |differ, (left, right)| differ | (left ^ right)) == 0
}

/// A webhook of PagerDuty, version 3. `signatures` is its header `X-PagerDuty-Signature`. `None`: nothing follows from it.
///
/// # Errors
/// When it is not signed with the secret, or cannot be read.
pub fn of_pagerduty(secret: &str, signatures: &str, body: &[u8]) -> Result<Option<Answer>, Refusal> {
    let expected = format!("v1={}", hex(&hmac_sha256(secret.as_bytes(), body)));
    if secret.is_empty() || !signatures.split(',').any(|signature| same(signature.trim(), &expected)) {
        return Err(Refusal::Unsigned);
    }
    let body: Value = serde_json::from_slice(body).map_err(|_| Refusal::Unread("it is no JSON"))?;
    let event = &body["event"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let wish = match event["event_type"].as_str() {
        Some("incident.acknowledged") => Wish::Acknowledge,
        Some("incident.unacknowledged") => Wish::Unacknowledge,
        Some("incident.annotated") => Wish::Note(text(&event["data"]["content"])),
        _ => return Ok(None),
    };
    let data = &event["data"];
    let group =
        [&data["incident_key"], &data["incident"]["incident_key"]].into_iter().find_map(Value::as_str);
    let Some(group) = group else { return Ok(None) };
    let by = text(&event["agent"]["summary"]);
    let by = if by.is_empty() { "PagerDuty".to_owned() } else { by };
    let at_ms = event["occurred_at"].as_str().and_then(|at| at.parse::<jiff::Timestamp>().ok());
    let at_ms = at_ms.map(jiff::Timestamp::as_millisecond);
    Ok(Some(Answer { group: group.to_owned(), by, wish, at_ms, id: text(&event["id"]) }))
}

/// A button pressed in Slack: `signature` and `timestamp` are the headers `X-Slack-Signature` and
/// `X-Slack-Request-Timestamp`. `None`: nothing follows from it.
///
/// # Errors
/// When it is not signed with the secret, or longer than five minutes ago, or cannot be read.
pub fn of_slack(
    secret: &str,
    (signature, timestamp): (&str, &str),
    body: &[u8],
    now_ms: i64,
) -> Result<Option<Answer>, Refusal> {
    let signed = [b"v0:", timestamp.as_bytes(), b":", body].concat();
    let expected = format!("v0={}", hex(&hmac_sha256(secret.as_bytes(), &signed)));
    let at_ms = timestamp.parse::<i64>().ok().and_then(|seconds| seconds.checked_mul(1_000));
    let is_fresh = at_ms.is_some_and(|at_ms| now_ms.saturating_sub(at_ms).saturating_abs() <= FRESH_MS);
    if secret.is_empty() || !is_fresh || !same(signature, &expected) {
        return Err(Refusal::Unsigned);
    }
    let payload = body.split(|byte| *byte == b'&').find_map(|pair| pair.strip_prefix(b"payload="));
    let payload = payload.and_then(unescaped).ok_or(Refusal::Unread("it has no payload"))?;
    let payload: Value =
        serde_json::from_slice(&payload).map_err(|_| Refusal::Unread("its payload is no JSON"))?;
    let action = &payload["actions"][0];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let wish = match action["name"].as_str().or_else(|| action["action_id"].as_str()) {
        Some("acknowledge") => Wish::Acknowledge,
        Some("unacknowledge") => Wish::Unacknowledge,
        Some("escalate") => Wish::Escalate,
        _ => return Ok(None),
    };
    let user = &payload["user"];
    let by = ["name", "username", "id"].into_iter().map(|key| text(&user[key])).find(|name| !name.is_empty());
    let by = by.unwrap_or_else(|| "Slack".to_owned());
    Ok(Some(Answer { group: text(&action["value"]), by, wish, at_ms, id: signature.to_owned() }))
}

/// Undoes the encoding of forms.
fn unescaped(text: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'+' => out.push(b' '),
            b'%' => {
                let mut digit = || char::from(*bytes.next()?).to_digit(16);
                let (high, low) = (digit()?, digit()?);
                out.push(u8::try_from(high * 16 + low).ok()?);
            }
            byte => out.push(*byte),
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: i64 = 1_700_000_000_000;

    fn signed(secret: &str, body: &[u8]) -> String {
        hex(&hmac_sha256(secret.as_bytes(), body))
    }

    #[test]
    fn who_takes_an_incident_on_in_pagerduty_is_heard_when_it_is_signed() {
        let body = br#"{"event":{"id":"e1","occurred_at":"2023-11-14T22:13:20Z","event_type":"incident.acknowledged","agent":{"summary":"Ada"},"data":{"type":"incident","incident_key":"abc"}}}"#;
        let signatures = format!("v1=00, v1={}", signed("s", body));
        let expected = Answer {
            group: "abc".to_owned(),
            by: "Ada".to_owned(),
            wish: Wish::Acknowledge,
            at_ms: Some(NOW_MS),
            id: "e1".to_owned(),
        };
        assert_eq!(of_pagerduty("s", &signatures, body), Ok(Some(expected)));
        assert_eq!(of_pagerduty("other", &signatures, body), Err(Refusal::Unsigned));
        assert_eq!(of_pagerduty("s", "", body), Err(Refusal::Unsigned));
        assert_eq!(of_pagerduty("", &format!("v1={}", signed("", body)), body), Err(Refusal::Unsigned));
        let ping = br#"{"event":{"event_type":"pagey.ping"}}"#;
        assert_eq!(of_pagerduty("s", &format!("v1={}", signed("s", ping)), ping), Ok(None));
        let broken = b"{";
        let refused = of_pagerduty("s", &format!("v1={}", signed("s", broken)), broken);
        assert_eq!(refused, Err(Refusal::Unread("it is no JSON")));
    }

    #[test]
    fn a_button_of_slack_is_heard_when_it_is_signed_and_fresh() {
        let body = b"payload=%7B%22user%22%3A%7B%22name%22%3A%22ada%22%7D%2C%22actions%22%3A%5B%7B%22name%22%3A%22escalate%22%2C%22value%22%3A%22a+c%22%7D%5D%7D";
        let at = (NOW_MS / 1_000).to_string();
        let signature = format!("v0={}", signed("s", &[b"v0:", at.as_bytes(), b":", body].concat()));
        let expected = Answer {
            group: "a c".to_owned(),
            by: "ada".to_owned(),
            wish: Wish::Escalate,
            at_ms: Some(NOW_MS),
            id: signature.clone(),
        };
        let heard = |secret: &str, now_ms: i64| of_slack(secret, (&signature, &at), body, now_ms);
        assert_eq!(heard("s", NOW_MS), Ok(Some(expected)));
        assert_eq!(heard("t", NOW_MS), Err(Refusal::Unsigned));
        assert_eq!(heard("s", NOW_MS + FRESH_MS + 1_000), Err(Refusal::Unsigned), "sent again later");
        let other = (NOW_MS / 1_000 + 1).to_string();
        assert_eq!(of_slack("s", (&signature, &other), body, NOW_MS), Err(Refusal::Unsigned));
        let broken = b"payload=%7";
        let signature = format!("v0={}", signed("s", &[b"v0:", at.as_bytes(), b":", broken].concat()));
        let refused = of_slack("s", (&signature, &at), broken, NOW_MS);
        assert_eq!(refused, Err(Refusal::Unread("it has no payload")));
    }
}
