//! Which group a path means: `job/NAME{/LABEL/VALUE}`, as Pushgateway documents it.

use crate::ReceiveError;
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
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
    // Padded or not; an empty value is written as a padding alone.
    let digits = value.trim_end_matches('=');
    let bytes = Some(digits).filter(|digits| value.len() - digits.len() <= 2);
    let bytes = bytes
        .and_then(|digits| BASE64_URL_SAFE_NO_PAD.decode(digits).ok())
        .ok_or_else(|| invalid(format!("the value {value:?} of {name:?} is not URL-safe base64")))?;
    String::from_utf8(bytes).map_err(|_| invalid(format!("the value of {name:?} is not UTF-8 in base64")))
}

#[cfg(test)]
mod tests;
