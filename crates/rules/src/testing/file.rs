//! The format of test files.

use crate::yaml::{FileError, Place};
use serde::Deserialize;
use serde_saphyr::Spanned;
use std::collections::BTreeMap;
use std::time::Duration;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TestFile {
    #[serde(default)]
    pub(super) rule_files: Vec<String>,
    #[serde(default)]
    pub(super) evaluation_interval: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) group_eval_order: Vec<String>,
    #[serde(default)]
    pub(super) fuzzy_compare: bool,
    #[serde(default)]
    pub(super) tests: Vec<TestGroup>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct TestGroup {
    pub(super) name: String,
    pub(super) interval: Option<Spanned<String>>,
    pub(super) input_series: Vec<InputSeries>,
    pub(super) alert_rule_test: Vec<AlertTest>,
    pub(super) promql_expr_test: Vec<ExprTest>,
    pub(super) external_labels: BTreeMap<String, String>,
    pub(super) external_url: String,
    pub(super) start_timestamp: Option<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct InputSeries {
    pub(super) series: Spanned<String>,
    #[serde(default)]
    pub(super) values: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AlertTest {
    #[serde(default)]
    pub(super) eval_time: Option<Spanned<String>>,
    pub(super) alertname: Spanned<String>,
    #[serde(default)]
    pub(super) exp_alerts: Option<Vec<ExpectedAlert>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ExpectedAlert {
    pub(super) exp_labels: BTreeMap<String, String>,
    pub(super) exp_annotations: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExprTest {
    pub(super) expr: Spanned<String>,
    #[serde(default)]
    pub(super) eval_time: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) exp_samples: Option<Vec<ExpectedSample>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExpectedSample {
    #[serde(default)]
    pub(super) labels: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) value: f64,
    #[serde(default)]
    pub(super) histogram: Option<Spanned<String>>,
}

/// Reads a duration; `default` where there is none.
pub(super) fn duration(
    file: &str,
    text: Option<&Spanned<String>>,
    default: Duration,
) -> Result<Duration, FileError> {
    let Some(text) = text else { return Ok(default) };
    watchfire_model::duration::parse(&text.value).map_err(|error| FileError {
        file: file.to_owned(),
        place: Place::of(text),
        message: format!("{error}; expected one such as 30s or 1h30m"),
    })
}

/// Reads a start: a date in RFC 3339, or seconds since the Unix epoch. In milliseconds.
pub(super) fn start(file: &str, text: Option<&Spanned<String>>) -> Result<i64, FileError> {
    let Some(text) = text else { return Ok(0) };
    if let Ok(instant) = text.value.parse::<jiff::Timestamp>() {
        return Ok(instant.as_millisecond());
    }
    match text.value.parse::<f64>() {
        // Farther than any date that can be written.
        Ok(seconds) if seconds.abs() < 1e12 => {
            #[expect(clippy::cast_possible_truncation, reason = "bounded just above")]
            let milliseconds = (seconds * 1000.0).round() as i64;
            Ok(milliseconds)
        }
        _ => Err(FileError {
            file: file.to_owned(),
            place: Place::of(text),
            message: format!(
                "start_timestamp {:?}; expected a date such as 2024-01-01T00:00:00Z, or seconds since 1970",
                text.value
            ),
        }),
    }
}
