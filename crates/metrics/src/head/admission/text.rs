//! Words for people.

use super::scope::Scope;
use super::tracker::Culprit;
use std::fmt::Write as _;
use watchfire_model::Labels;
use watchfire_model::labels::RawLabels;

/// Longer names are shortened.
const NAME_CHARS: usize = 100;
/// Longer series are shortened.
const SERIES_CHARS: usize = 300;

/// A name that comes from outside.
pub(super) fn shortened(bytes: &[u8]) -> String {
    let start = bytes.get(..NAME_CHARS * 4).unwrap_or(bytes);
    cut(&String::from_utf8_lossy(start), NAME_CHARS)
}

fn cut(text: &str, chars: usize) -> String {
    match text.char_indices().nth(chars) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// A series, from its packed labels.
pub(super) fn series(packed: &[u8]) -> String {
    Labels::from_raw(packed)
        .map_or_else(|_| RawLabels(packed).to_string(), |labels| cut(&labels.to_string(), SERIES_CHARS))
}

/// A count with its thousands apart.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A size in the largest unit of 1024 that leaves a digit before the point.
pub(super) fn size(bytes: u64) -> String {
    let mut number = bytes as f64;
    let mut units = ["B", "KiB", "MiB", "GiB"].into_iter();
    let mut unit = units.next().unwrap_or_default();
    while number >= 1024.0
        && let Some(larger) = units.next()
    {
        (number, unit) = (number / 1024.0, larger);
    }
    if unit == "B" { format!("{bytes} B") } else { format!("{number:.1} {unit}") }
}

/// Which label of whose series exploded: `job "llm" target "10.0.0.1:8000": label "request_id" has 51,204 values among
/// its 51,300 new series`.
pub(super) fn blame(scope: &Scope, culprit: Option<&Culprit>) -> String {
    let mut text = scope.to_string();
    let Some(culprit) = culprit else { return text };
    let about = if culprit.is_exact { "" } else { "about " };
    let (values, new) = (count(culprit.values), count(culprit.series));
    let plural = |number: u64| if number == 1 { "" } else { "s" };
    let (s, whose) = (plural(culprit.values), if culprit.series == 1 { "its" } else { "among its" });
    // Writing to a string cannot fail.
    let _ = match culprit.label.as_str() {
        "" => write!(text, ": its {new} new series have {about}{values} different label names"),
        _ if culprit.series == 1 => write!(text, ": label {:?} is new", culprit.label),
        label => write!(text, ": label {label:?} has {about}{values} value{s} {whose} {new} new series"),
    };
    text
}
