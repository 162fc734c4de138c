//! Whether what was found is what was expected.

use super::file::{ExpectedAlert, ExpectedSample};
use crate::query::Found;
use crate::sink::AlertInstance;
use crate::yaml::{FileError, Place};
use std::collections::BTreeMap;
use watchfire_model::{Histogram, Labels, SampleValue};
use watchfire_promql::parser::{SequenceItem, parse_metric, parse_series};
use watchfire_promql::testing::histograms_match;

/// An alert as it is compared.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Shown {
    labels: Labels,
    annotations: BTreeMap<String, String>,
}

impl Shown {
    pub(super) fn found(alert: &AlertInstance) -> Self {
        Self { labels: alert.labels.clone(), annotations: alert.annotations.clone() }
    }

    pub(super) fn expected(name: &str, alert: &ExpectedAlert) -> Self {
        let pairs = alert.exp_labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        Self {
            labels: Labels::from_pairs(pairs.chain([("alertname", name)])),
            annotations: alert.exp_annotations.clone(),
        }
    }
}

/// Alerts as a failure lists them.
pub(super) fn list_of(alerts: &[Shown]) -> String {
    if alerts.is_empty() {
        return "[]".to_owned();
    }
    let lines: Vec<String> = alerts
        .iter()
        .enumerate()
        .map(|(index, alert)| {
            let annotations: Vec<String> =
                alert.annotations.iter().map(|(name, text)| format!("{name}={text:?}")).collect();
            format!(
                "\n            {index}:\n              Labels:{}\n              Annotations:{{{}}}",
                alert.labels,
                annotations.join(", ")
            )
        })
        .collect();
    format!("[{}\n            ]", lines.concat())
}

/// A sample as it is compared.
#[derive(Clone, Debug)]
pub(super) struct Sample {
    labels: Labels,
    value: Number,
}

#[derive(Clone, Debug)]
enum Number {
    Float(f64),
    Histogram(Box<Histogram>),
}

impl Sample {
    pub(super) fn found(found: Found) -> Self {
        let value = match found.value {
            SampleValue::Float(value) => Number::Float(value),
            SampleValue::Histogram(histogram) => Number::Histogram(Box::new((*histogram).clone())),
        };
        Self { labels: found.labels, value }
    }

    pub(super) fn expected(file: &str, sample: &ExpectedSample) -> Result<Self, FileError> {
        let error = |place: Place, message: String| FileError { file: file.to_owned(), place, message };
        let labels = match &sample.labels {
            None => Labels::empty(),
            Some(text) if text.value.trim().is_empty() => Labels::empty(),
            Some(text) => parse_metric(&text.value)
                .map_err(|problem| error(Place::of(text), format!("labels {:?}: {problem}", text.value)))?,
        };
        let Some(text) = &sample.histogram else {
            return Ok(Self { labels, value: Number::Float(sample.value) });
        };
        let parsed = parse_series(&format!("x {}", text.value))
            .map_err(|problem| error(Place::of(text), format!("histogram {:?}: {problem}", text.value)))?;
        match parsed.values.as_slice() {
            [SequenceItem::Value(SampleValue::Histogram(histogram))] => {
                Ok(Self { labels, value: Number::Histogram(Box::new((**histogram).clone())) })
            }
            _ => {
                let message = format!(
                    "{:?}; expected one histogram such as {{{{count:1 sum:2 buckets:[1]}}}}",
                    text.value
                );
                Err(error(Place::of(text), message))
            }
        }
    }

    fn matches(&self, found: &Self, fuzzy: bool) -> bool {
        self.labels == found.labels
            && match (&self.value, &found.value) {
                (Number::Float(expected), Number::Float(found)) => {
                    expected == found
                        || expected.is_nan() && found.is_nan()
                        || fuzzy && (expected.next_up() == *found || expected.next_down() == *found)
                }
                (Number::Histogram(expected), Number::Histogram(found)) => {
                    expected.reset_hint == found.reset_hint && histograms_match(expected, found)
                }
                _ => false,
            }
    }

    fn text(&self) -> String {
        match &self.value {
            Number::Float(value) => format!("{} {value:E}", self.labels),
            Number::Histogram(histogram) => format!("{} {histogram:?}", self.labels),
        }
    }
}

/// Whether the same samples stand on both sides, in any order.
pub(super) fn samples_match(expected: &mut [Sample], found: &mut [Sample], fuzzy: bool) -> bool {
    expected.sort_by(|left, right| left.labels.cmp(&right.labels));
    found.sort_by(|left, right| left.labels.cmp(&right.labels));
    expected.len() == found.len()
        && expected.iter().zip(found.iter()).all(|(expected, found)| expected.matches(found, fuzzy))
}

/// Samples as a failure lists them.
pub(super) fn samples_text(samples: &[Sample]) -> String {
    if samples.is_empty() {
        return "nil".to_owned();
    }
    samples.iter().map(Sample::text).collect::<Vec<_>>().join("\n            ")
}
