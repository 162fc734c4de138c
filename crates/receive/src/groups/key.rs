//! Which group a path means: `job/NAME{/LABEL/VALUE}`, as Pushgateway documents it.

use crate::ReceiveError;
use std::collections::BTreeMap;
use watchfire_model::METRIC_NAME;
use watchfire_model::labels::is_legacy_label_name;

/// How many labels a group may be named by.
const MAX_LABELS: usize = 64;
/// What follows a label's name whose value is written in base64.
const ENCODED: &str = "@base64";

/// Labels that name a group, `job` among them. Values may be empty.
pub type GroupKey = BTreeMap<String, String>;

/// Reads the part of a path after `/metrics/`, percent signs undone.
///
/// # Errors
/// What is wrong with it, and what would be right.
pub fn parse(path: &str) -> Result<GroupKey, ReceiveError> {
    let path = path.strip_suffix('/').unwrap_or(path);
    let mut parts = path.split('/');
    let mut key = GroupKey::new();
    while let Some(name) = parts.next() {
        let Some(value) = parts.next() else {
            return Err(invalid(format!("the path names {name:?} without a value; {EXPECTED}")));
        };
        let (name, value) = match name.strip_suffix(ENCODED) {
            Some(name) => (name, decoded(name, value)?),
            None => (name, value.to_owned()),
        };
        if key.is_empty() && name != "job" {
            return Err(invalid(format!("the path begins with {name:?}; {EXPECTED}")));
        }
        // Two underscores are kept for labels that never reach a series.
        if !is_legacy_label_name(name) || name.starts_with("__") || name == METRIC_NAME {
            return Err(invalid(format!("{name:?} is no name for a label; {EXPECTED}")));
        }
        if key.insert(name.to_owned(), value).is_some() {
            return Err(invalid(format!("the path names the label {name:?} twice")));
        }
        if key.len() > MAX_LABELS {
            return Err(invalid(format!("more than {MAX_LABELS} labels in the path")));
        }
    }
    if key.get("job").is_none_or(String::is_empty) {
        return Err(invalid(format!("the job has no name; {EXPECTED}")));
    }
    Ok(key)
}

const EXPECTED: &str =
    "expected /metrics/job/NAME{/LABEL/VALUE}, with @base64 after a name whose value has a slash or is empty";

fn invalid(message: String) -> ReceiveError {
    ReceiveError { status: 400, message }
}

fn decoded(name: &str, value: &str) -> Result<String, ReceiveError> {
    let bytes = base64(value)
        .ok_or_else(|| invalid(format!("the value {value:?} of {name:?} is not URL-safe base64")))?;
    String::from_utf8(bytes).map_err(|_| invalid(format!("the value of {name:?} is not UTF-8 in base64")))
}

/// The URL-safe alphabet of RFC 4648, padded or not.
fn base64(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim_end_matches('=');
    if text.len() - digits.len() > 2 {
        return None;
    }
    let mut bytes = Vec::with_capacity(digits.len() * 3 / 4);
    let (mut bits, mut held) = (0_u32, 0);
    for digit in digits.bytes() {
        let six = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'-' => 62,
            b'_' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(six);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held & 0xff) as u8);
        }
    }
    // What is left over is no byte: at most four bits, all zero. One digit alone is six.
    (held < 6 && bits & ((1 << held) - 1) == 0).then_some(bytes)
}

#[cfg(test)]
mod tests;
