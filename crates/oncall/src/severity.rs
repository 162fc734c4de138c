//! How bad an alert is, by the label that says so.

use std::collections::BTreeMap;
use watchfire_model::{Labels, Severity};

/// Which values of which label mean what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Severities {
    /// The label.
    pub label: String,
    /// What its values mean, in lower case.
    pub values: BTreeMap<String, Severity>,
    /// What anything else means, and alerts without the label.
    pub otherwise: Severity,
}

impl Default for Severities {
    fn default() -> Self {
        let words = [
            (Severity::Critical, ["critical", "page", "emergency", "fatal"].as_slice()),
            (Severity::Warning, &["warning", "error", "major", "minor"]),
            (Severity::Info, &["info", "information", "informational", "notice", "none", "debug"]),
        ];
        let values = words
            .into_iter()
            .flat_map(|(severity, words)| words.iter().map(move |word| ((*word).to_owned(), severity)));
        Self { label: "severity".to_owned(), values: values.collect(), otherwise: Severity::Warning }
    }
}

impl Severities {
    /// How bad an alert is.
    pub fn of(&self, labels: &Labels) -> Severity {
        let value = labels.get(&self.label).unwrap_or_default().to_lowercase();
        self.values.get(&value).copied().unwrap_or(self.otherwise)
    }
}
