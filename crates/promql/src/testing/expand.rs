//! Series lines: `metric{label="x"} 1+2x3 _ stale {{count:1}}`, and start timestamps as offsets.

use super::script::Item;
use crate::parser::{SequenceItem, parse_metric, parse_series};
use watchfire_model::{Labels, duration};

/// The most values one line may stand for.
const MAX_VALUES: usize = 1_000_000;

/// One series with its values.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) labels: Labels,
    /// The values, `None` for a gap.
    pub(super) values: Vec<Option<Item>>,
    /// Empty, or for each value how far before it its counting started, in milliseconds (below zero).
    pub(super) start_offsets_ms: Vec<Option<i64>>,
}

/// A line of start timestamps.
#[derive(Clone, Debug)]
pub(super) struct StartTimes {
    pub(super) labels: Labels,
    pub(super) offsets_ms: Vec<Option<i64>>,
}

/// Reads a series line.
pub(super) fn parse_line(text: &str) -> Result<Line, String> {
    let description = parse_series(text).map_err(|error| error.message)?;
    let values = (0..)
        .zip(&description.values)
        .map(|(index, item)| match item {
            SequenceItem::Gap => None,
            SequenceItem::Value(value) => {
                Some(Item { value: value.clone(), hint_given: description.has_written_hint(index) })
            }
        })
        .collect();
    Ok(Line { labels: description.labels, values, start_offsets_ms: Vec::new() })
}

/// Reads a line of start timestamps, `metric{label="x"}@st -1m -30s-1mx2 _ _x3`; `None` when it is no such line.
pub(super) fn parse_start_times(text: &str) -> Result<Option<StartTimes>, String> {
    let split = text.match_indices("@st").find_map(|(at, _)| {
        let (series, offsets) = (text.get(..at)?, text.get(at + "@st".len()..)?);
        // In a quoted label value it is just text.
        let quoted = series.matches('"').count() % 2 == 1;
        (!quoted && offsets.starts_with(char::is_whitespace)).then_some((series, offsets))
    });
    let Some((series, offsets)) = split else { return Ok(None) };
    let labels = parse_metric(series.trim()).map_err(|error| error.message)?;
    let mut offsets_ms = Vec::new();
    for item in offsets.split_whitespace() {
        let (start, step, repeat) = parse_offset(item).ok_or_else(|| {
            format!("found {item:?} among start timestamps; expected such as -1m or -30s-1mx2")
        })?;
        if offsets_ms.len() + repeat > MAX_VALUES {
            return Err(format!("more than {MAX_VALUES} values in one line"));
        }
        let mut offset = start;
        for _ in 0..repeat {
            offsets_ms.push(offset);
            offset = offset.map(|offset: i64| offset.saturating_add(step));
        }
    }
    Ok(Some(StartTimes { labels, offsets_ms }))
}

/// `-30s-1mx2` as first offset, step and number of values.
fn parse_offset(item: &str) -> Option<(Option<i64>, i64, usize)> {
    let (item, times) = match item.split_once('x') {
        Some((item, times)) => (item, Some(times.parse::<usize>().ok()?)),
        None => (item, None),
    };
    if item == "_" {
        return Some((None, 0, times.unwrap_or(1)));
    }
    let repeat = times.unwrap_or(0).checked_add(1)?;
    // The sign of the first offset stands before it, that of the step between the two.
    let step_at = item.char_indices().skip(1).find(|(_, c)| matches!(c, '+' | '-')).map(|(at, _)| at);
    let (start, step) = step_at.map_or((item, ""), |at| item.split_at(at));
    let step = if step.is_empty() { 0 } else { signed_duration(step)? };
    Some((Some(signed_duration(start)?), step, repeat))
}

fn signed_duration(text: &str) -> Option<i64> {
    let (sign, text) = match text.strip_prefix('-') {
        Some(text) => (-1, text),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let length = duration::parse(text).ok()?;
    Some(sign * i64::try_from(length.as_millis()).ok()?)
}

/// Reads a line that is one number.
pub(super) fn parse_number(text: &str) -> Option<f64> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1.0, digits),
        None => (1.0, text),
    };
    let hexadecimal = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X"));
    match hexadecimal {
        Some(digits) => i64::from_str_radix(digits, 16).ok().map(|number| sign * number as f64),
        None => text.parse().ok(),
    }
}
