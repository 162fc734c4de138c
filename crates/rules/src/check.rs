//! `check rules`: whether files are sound, and what in them looks like a slip.

use crate::file::{ReadOptions, Rule, RuleFile};
use crate::yaml::FileError;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

/// What was found in one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckReport {
    /// The file.
    pub file: String,
    /// How many rules it holds; 0 when it is not sound.
    pub rules: usize,
    /// What makes it unusable.
    pub errors: Vec<FileError>,
    /// What looks like a slip: rules with the same name and labels.
    pub warnings: Vec<String>,
}

impl CheckReport {
    /// Whether the file can be used.
    pub const fn passed(&self) -> bool {
        self.errors.is_empty()
    }
}

/// As promtool prints it.
impl fmt::Display for CheckReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Checking {}", self.file)?;
        if !self.passed() {
            writeln!(f, "  FAILED:")?;
            return self.errors.iter().try_for_each(|error| writeln!(f, "{error}"));
        }
        self.warnings.iter().try_for_each(|warning| writeln!(f, "  WARNING: {warning}"))?;
        writeln!(f, "  SUCCESS: {} rules found", self.rules)
    }
}

/// Checks one file.
pub fn check_file(path: &Path, options: ReadOptions) -> CheckReport {
    let file = path.display().to_string();
    match RuleFile::load(path, options) {
        Ok(rules) => {
            CheckReport { file, rules: rules.rule_count(), errors: Vec::new(), warnings: duplicates(&rules) }
        }
        Err(errors) => CheckReport { file, rules: 0, errors, warnings: Vec::new() },
    }
}

/// Rules of a file that have the same name and labels, a line each.
pub fn duplicates(file: &RuleFile) -> Vec<String> {
    let mut seen = BTreeMap::<(String, String), usize>::new();
    for rule in file.groups.iter().flat_map(|group| &group.rules) {
        let labels = match rule {
            Rule::Recording(rule) => rule.labels.to_string(),
            Rule::Alerting(rule) => format!("{:?}", rule.labels),
        };
        *seen.entry((rule.name().to_owned(), labels)).or_default() += 1;
    }
    let repeated = seen.into_iter().filter(|(_, times)| *times > 1);
    repeated
        .map(|((name, labels), times)| {
            format!("{name} with labels {labels} stands {times} times; the series may get mixed up")
        })
        .collect()
}
