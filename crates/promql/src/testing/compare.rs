//! Whether an answer is the one expected, within the precision scripts are written with.

use super::expand::Line;
use super::script::{Annotations, Item};
use crate::value::VectorSample;
use std::collections::BTreeMap;
use watchfire_model::{Histogram, Labels, SampleValue, Series, is_stale};

/// The relative difference up to which two floats are the same.
const EPSILON: f64 = 1e-6;

/// Whether two floats are the same to six digits, as test scripts and rule tests compare them: a stale marker only
/// equals a stale marker, every other NaN every other NaN.
pub fn floats_match(left: f64, right: f64) -> bool {
    if is_stale(left) || is_stale(right) {
        return is_stale(left) && is_stale(right);
    }
    if left.is_nan() && right.is_nan() || left == right {
        return true;
    }
    let sum = left.abs() + right.abs();
    let difference = (left - right).abs();
    if left == 0.0 || right == 0.0 || sum < f64::MIN_POSITIVE {
        return difference < EPSILON * f64::MIN_POSITIVE;
    }
    difference / sum.min(f64::MAX) < EPSILON
}

/// Whether two histograms are the same to six digits once empty buckets are dropped; hints are not looked at.
pub fn histograms_match(expected: &Histogram, found: &Histogram) -> bool {
    let compacted = |histogram: &Histogram| {
        let mut histogram = histogram.clone();
        histogram.compact(0);
        histogram
    };
    let (expected, found) = (compacted(expected), compacted(found));
    let all_match = |left: &[f64], right: &[f64]| {
        left.len() == right.len() && left.iter().zip(right).all(|(left, right)| floats_match(*left, *right))
    };
    expected.schema == found.schema
        && floats_match(expected.count, found.count)
        && floats_match(expected.sum, found.sum)
        && floats_match(expected.zero_threshold, found.zero_threshold)
        && floats_match(expected.zero_count, found.zero_count)
        && expected.positive_spans == found.positive_spans
        && expected.negative_spans == found.negative_spans
        && all_match(&expected.positive_buckets, &found.positive_buckets)
        && all_match(&expected.negative_buckets, &found.negative_buckets)
        && all_match(&expected.custom_values, &found.custom_values)
}

fn value_matches(expected: &Item, found: &SampleValue) -> Result<(), String> {
    match (&expected.value, found) {
        (SampleValue::Float(expected), SampleValue::Float(found)) if floats_match(*expected, *found) => {
            Ok(())
        }
        (SampleValue::Histogram(histogram), SampleValue::Histogram(found))
            if histograms_match(histogram, found) =>
        {
            if expected.hint_given && histogram.reset_hint != found.reset_hint {
                return Err(format!(
                    "the counter reset hint {:?}; expected {:?}",
                    found.reset_hint, histogram.reset_hint
                ));
            }
            Ok(())
        }
        _ => Err(format!("{}; expected {}", show(found), show(&expected.value))),
    }
}

fn show(value: &SampleValue) -> String {
    match value {
        SampleValue::Float(value) => value.to_string(),
        SampleValue::Histogram(histogram) => histogram.test_expression(),
    }
}

/// Compares an instant vector.
pub(super) fn vector(expected: &[Line], ordered: bool, found: &[VectorSample]) -> Result<(), String> {
    let mut missing: BTreeMap<&Labels, (usize, &Line)> =
        expected.iter().enumerate().map(|(position, line)| (&line.labels, (position, line))).collect();
    for (position, sample) in found.iter().enumerate() {
        let Some((expected_position, line)) = missing.remove(&sample.labels) else {
            let twice = expected.iter().any(|line| line.labels == sample.labels);
            let how = if twice { "again" } else { "unexpectedly" };
            return Err(format!("{how} the series {} with {}", sample.labels, show(&sample.value)));
        };
        if ordered && position != expected_position {
            return Err(format!(
                "the series {} at position {}; expected it at {}",
                sample.labels,
                position + 1,
                expected_position + 1
            ));
        }
        let Some(Some(item)) = line.values.first() else {
            return Err(format!("the series {}; the script gives it no value", sample.labels));
        };
        value_matches(item, &sample.value).map_err(|what| format!("for {} {what}", sample.labels))?;
    }
    match missing.into_values().min_by_key(|(position, _)| *position) {
        Some((_, line)) => Err(format!("no series {}; {} series came back", line.labels, found.len())),
        None => Ok(()),
    }
}

/// Compares a matrix with samples expected at `start_ms`, `start_ms + step_ms` and so on.
pub(super) fn matrix(expected: &[Line], start_ms: i64, step_ms: i64, found: &[Series]) -> Result<(), String> {
    sorted(found)?;
    let mut missing: BTreeMap<&Labels, &Line> = expected.iter().map(|line| (&line.labels, line)).collect();
    for series in found {
        let line = missing
            .remove(&series.labels)
            .ok_or_else(|| format!("unexpectedly or again the series {}", series.labels))?;
        let wanted: Vec<(i64, &Item)> = (0_i64..)
            .zip(&line.values)
            .filter_map(|(index, item)| Some((start_ms + index * step_ms, item.as_ref()?)))
            .collect();
        let times = |times: &mut dyn Iterator<Item = i64>| {
            times.map(|time| format!("{}s", time as f64 / 1000.0)).collect::<Vec<_>>().join(" ")
        };
        if !wanted.iter().map(|(time, _)| time).eq(&series.samples.timestamps_ms) {
            return Err(format!(
                "for {} samples at {}; expected them at {}",
                series.labels,
                times(&mut series.samples.timestamps_ms.iter().copied()),
                times(&mut wanted.iter().map(|(time, _)| *time))
            ));
        }
        for ((time, item), (_, value)) in wanted.iter().zip(series.samples.iter()) {
            value_matches(item, &value)
                .map_err(|what| format!("for {} at {}s {what}", series.labels, *time as f64 / 1000.0))?;
        }
    }
    match missing.into_values().find(|line| line.values.iter().any(Option::is_some)) {
        Some(line) => Err(format!("no series {}; {} series came back", line.labels, found.len())),
        None => Ok(()),
    }
}

/// Checks that the series of a matrix come in label order, each once.
pub(super) fn sorted(found: &[Series]) -> Result<(), String> {
    let unsorted = found.windows(2).find_map(|pair| match pair {
        [before, after] if before.labels >= after.labels => Some((before, after)),
        _ => None,
    });
    match unsorted {
        Some((before, after)) => {
            Err(format!("the series {} before {}; expected label order", before.labels, after.labels))
        }
        None => Ok(()),
    }
}

/// Compares the annotations of one kind, as the HTTP API prints them.
pub(super) fn annotations(expected: &Annotations, kind: &str, found: &[String]) -> Result<(), String> {
    match expected {
        Annotations::Any => Ok(()),
        Annotations::None => {
            found.first().map_or(Ok(()), |first| Err(format!("the {kind} {first:?}; expected none")))
        }
        Annotations::These(patterns) => {
            if let Some(stray) =
                found.iter().find(|text| !patterns.iter().any(|pattern| pattern.matches(text)))
            {
                return Err(format!("the {kind} {stray:?}; expected {patterns:?}"));
            }
            match patterns.iter().find(|pattern| !found.iter().any(|text| pattern.matches(text))) {
                Some(pattern) => Err(format!("no {kind} that matches {pattern:?}; found {found:?}")),
                None => Ok(()),
            }
        }
    }
}
