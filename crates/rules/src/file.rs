//! Rule files in Prometheus's format: YAML to rules whose expressions and templates are known to be sound.

mod raw;

use crate::template;
use crate::yaml::{self, FileError, Place, place_inside};
use raw::{Pairs, RawFile, RawGroup, RawRule};
use serde_saphyr::Spanned;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use watchfire_model::{Labels, METRIC_NAME};
use watchfire_promql::{Expr, ParseOptions};

/// No rule file of people is larger; more is refused before it is read.
const MAX_FILE_BYTES: u64 = 64 << 20;

/// A rule file.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleFile {
    /// Its name, as the user wrote it.
    pub name: String,
    /// Its groups, in order.
    pub groups: Vec<GroupSpec>,
}

/// A group: rules evaluated one after the other at one interval.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupSpec {
    /// Its name, one of a kind in the file.
    pub name: String,
    /// How often; the global interval when absent.
    pub interval: Option<Duration>,
    /// How far in the past its expressions are evaluated; the global offset when absent.
    pub query_offset: Option<Duration>,
    /// How many series or alerts a rule may give; 0 for any number.
    pub limit: usize,
    /// Its rules, in order.
    pub rules: Vec<Rule>,
}

/// A rule.
#[derive(Clone, Debug, PartialEq)]
pub enum Rule {
    /// `record:`
    Recording(RecordingRule),
    /// `alert:`
    Alerting(AlertingRule),
}

/// Keeps the result of an expression as a series.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordingRule {
    /// Which rule: file, group, name, labels, and a number where all of these repeat.
    pub id: String,
    /// The name of the series.
    pub name: String,
    /// The expression.
    pub expr: Expression,
    /// Labels to set on the result, those of the group included.
    pub labels: Labels,
}

/// Watches an expression.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertingRule {
    /// Which rule: file, group, name, labels, and a number where all of these repeat.
    pub id: String,
    /// Its name, the label `alertname` of its alerts.
    pub name: String,
    /// The expression.
    pub expr: Expression,
    /// How long it must be active before it fires.
    pub hold: Duration,
    /// How long it keeps firing after it was last active.
    pub keep_firing_for: Duration,
    /// Labels to set on its alerts, as templates; those of the group included.
    pub labels: BTreeMap<String, String>,
    /// Annotations to put on its alerts, as templates.
    pub annotations: BTreeMap<String, String>,
}

/// An expression with its text. Equal texts are equal expressions.
#[derive(Clone, Debug)]
pub struct Expression {
    /// In canonical form, on one line.
    pub text: String,
    /// The syntax tree.
    pub tree: Arc<Expr>,
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Rule {
    /// Which rule, see [`AlertingRule::id`].
    pub fn id(&self) -> &str {
        match self {
            Self::Recording(rule) => &rule.id,
            Self::Alerting(rule) => &rule.id,
        }
    }

    /// The name of the series or of the alert.
    pub fn name(&self) -> &str {
        match self {
            Self::Recording(rule) => &rule.name,
            Self::Alerting(rule) => &rule.name,
        }
    }

    /// The expression.
    pub const fn expr(&self) -> &Expression {
        match self {
            Self::Recording(rule) => &rule.expr,
            Self::Alerting(rule) => &rule.expr,
        }
    }
}

/// How strictly files are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReadOptions {
    /// Leave out keys that nobody knows instead of refusing them (`promtool --ignore-unknown-fields`).
    pub ignore_unknown_fields: bool,
    /// Which experimental PromQL is understood; all, by default.
    pub parse: ParseOptions,
}

impl RuleFile {
    /// Reads a file from disk; all that is wrong with it otherwise.
    pub fn load(path: &Path, options: ReadOptions) -> Result<Self, Vec<FileError>> {
        let name = path.display().to_string();
        let whole =
            |message: String| vec![FileError { file: name.clone(), place: Place::default(), message }];
        let unreadable = |error: std::io::Error| {
            whole(format!(
                "cannot read the rule file: {error}; check the path, which counts from the configuration's folder"
            ))
        };
        let size = std::fs::metadata(path).map_err(unreadable)?.len();
        if size > MAX_FILE_BYTES {
            return Err(whole(format!(
                "{size} bytes; expected a rule file of at most {MAX_FILE_BYTES} bytes"
            )));
        }
        let text = std::fs::read_to_string(path).map_err(|error| whole(error.to_string()))?;
        Self::parse(&name, &text, options)
    }

    /// Reads the text of a file; all that is wrong with it otherwise.
    pub fn parse(name: &str, text: &str, options: ReadOptions) -> Result<Self, Vec<FileError>> {
        let raw: RawFile = if options.ignore_unknown_fields {
            let lenient: raw::LenientFile = yaml::read(name, text).map_err(|error| vec![error])?;
            lenient.into()
        } else {
            yaml::read(name, text).map_err(|error| vec![error])?
        };
        let mut reader = Reader { file: name, text, parse: options.parse, errors: Vec::new() };
        let groups = reader.groups(raw);
        if reader.errors.is_empty() { Ok(Self { name: name.to_owned(), groups }) } else { Err(reader.errors) }
    }

    /// How many rules it holds.
    pub fn rule_count(&self) -> usize {
        self.groups.iter().map(|group| group.rules.len()).sum()
    }
}

/// The files that a list of patterns (`rule_files:`) names, sorted, each once. A pattern may hold `*`, `?` and
/// `[…]` in its last part.
pub fn files_of(patterns: &[PathBuf]) -> std::io::Result<Vec<PathBuf>> {
    let mut files = BTreeSet::new();
    for pattern in patterns {
        let name = pattern.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if !name.contains(['*', '?', '[']) {
            files.insert(pattern.clone());
            continue;
        }
        let regex = glob_regex(&name).map_err(std::io::Error::other)?;
        let folder = pattern.parent().filter(|folder| !folder.as_os_str().is_empty());
        let listing = match std::fs::read_dir(folder.unwrap_or(Path::new("."))) {
            Ok(listing) => listing,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        for entry in listing {
            let entry = entry?.file_name();
            if regex.is_match(&entry.to_string_lossy()) {
                files.insert(folder.map_or_else(|| PathBuf::from(&entry), |folder| folder.join(&entry)));
            }
        }
    }
    Ok(files.into_iter().collect())
}

fn glob_regex(pattern: &str) -> Result<regex::Regex, regex::Error> {
    let mut regex = String::from("^");
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        match c {
            '*' => regex.push_str(".*"),
            '?' => regex.push('.'),
            '[' => {
                regex.push('[');
                for c in chars.by_ref() {
                    if c == '\\' || c == '[' {
                        regex.push('\\');
                    }
                    regex.push(c);
                    if c == ']' {
                        break;
                    }
                }
            }
            c => regex.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
        }
    }
    regex.push('$');
    regex::Regex::new(&regex)
}

struct Reader<'a> {
    file: &'a str,
    text: &'a str,
    parse: ParseOptions,
    errors: Vec<FileError>,
}

impl Reader<'_> {
    fn error(&mut self, place: Place, message: String) {
        self.errors.push(FileError { file: self.file.to_owned(), place, message });
    }

    fn groups(&mut self, raw: RawFile) -> Vec<GroupSpec> {
        let mut names = BTreeSet::new();
        let mut groups = Vec::new();
        for group in raw.groups.unwrap_or_default() {
            let place = Place::of(&group.name);
            let name = group.name.value.clone();
            if name.is_empty() {
                self.error(place, "Groupname must not be empty".to_owned());
            } else if !names.insert(name.clone()) {
                self.error(place, format!("groupname: {name:?} is repeated in the same file"));
            }
            groups.push(self.group(group));
        }
        groups
    }

    fn group(&mut self, raw: RawGroup) -> GroupSpec {
        let name = raw.name.value;
        let context = format!("group {name:?}");
        let interval = raw.interval.and_then(|text| self.duration(&context, "interval", &text));
        if interval == Some(Duration::ZERO) {
            // Prometheus takes it for "not set".
            tracing::debug!(file = self.file, group = name, "interval 0 means the global interval");
        }
        let query_offset = raw.query_offset.and_then(|text| self.duration(&context, "query_offset", &text));
        let group_labels = raw.labels.unwrap_or_default();
        self.check_labels(&context, &group_labels);
        let mut seen = BTreeMap::<String, usize>::new();
        let mut rules = Vec::new();
        for rule in raw.rules.unwrap_or_default() {
            if let Some(mut rule) = self.rule(&name, rule, &group_labels) {
                let (Rule::Recording(RecordingRule { id, .. }) | Rule::Alerting(AlertingRule { id, .. })) =
                    &mut rule;
                *id = format!("{};{name};{id}", self.file);
                let repeats = seen.entry(id.clone()).or_default();
                if *repeats > 0 {
                    id.push_str(&format!(";{repeats}"));
                }
                *repeats += 1;
                rules.push(rule);
            }
        }
        let limit = raw.limit.unwrap_or(0);
        GroupSpec { name, interval: interval.filter(|i| !i.is_zero()), query_offset, limit, rules }
    }

    fn duration(&mut self, context: &str, key: &str, text: &Spanned<String>) -> Option<Duration> {
        match watchfire_model::duration::parse(&text.value) {
            Ok(duration) => Some(duration),
            Err(error) => {
                self.error(
                    Place::of(text),
                    format!("{context}: {key}: {error}; expected one such as 30s or 1h30m"),
                );
                None
            }
        }
    }

    fn check_labels(&mut self, context: &str, labels: &Pairs) {
        for (name, value) in &labels.0 {
            if name.is_empty() || name == METRIC_NAME {
                self.error(Place::of(value), format!("{context}: invalid label name: {name:?}"));
            }
        }
    }

    fn rule(&mut self, group: &str, raw: RawRule, group_labels: &Pairs) -> Option<Rule> {
        let record = raw.record.filter(|name| !name.value.is_empty());
        let alert = raw.alert.filter(|name| !name.value.is_empty());
        let (kind, name) = match (&record, &alert) {
            (Some(name), None) => ("record", name),
            (None, Some(name)) => ("alert", name),
            (Some(name), Some(_)) => {
                let message = format!("group {group:?}: only one of 'record' and 'alert' must be set");
                self.error(Place::of(name), message);
                return None;
            }
            (None, None) => {
                let place = raw.expr.as_ref().map_or_else(Place::default, Place::of);
                self.error(place, format!("group {group:?}: one of 'record' or 'alert' must be set"));
                return None;
            }
        };
        let context = format!("group {group:?}: {kind} {:?}", name.value);
        let Some(expr) = raw.expr.filter(|expr| !expr.value.trim().is_empty()) else {
            self.error(Place::of(name), format!("{context}: field 'expr' must be set in rule"));
            return None;
        };
        let hold = raw.hold.as_ref().map(|text| self.duration(&context, "for", text));
        let keep = raw.keep_firing_for.as_ref().map(|text| self.duration(&context, "keep_firing_for", text));
        let own_labels = raw.labels.unwrap_or_default();
        self.check_labels(&context, &own_labels);
        let annotations = raw.annotations.unwrap_or_default();
        let expression = self.expression(&context, &expr);
        let name = name.clone();
        let mut labels: BTreeMap<String, String> = BTreeMap::new();
        for (key, value) in group_labels.0.iter().chain(&own_labels.0) {
            labels.insert(key.clone(), value.value.clone());
        }
        let id = format!("{};{}", name.value, labels_text(&labels));
        if kind == "record" {
            let misplaced = [
                ("annotations", !annotations.0.is_empty()),
                ("for", raw.hold.is_some()),
                ("keep_firing_for", raw.keep_firing_for.is_some()),
            ];
            for (key, _) in misplaced.into_iter().filter(|(_, set)| *set) {
                self.error(Place::of(&name), format!("{context}: invalid field '{key}' in recording rule"));
            }
            if name.value.contains(['{', '}']) {
                let message =
                    format!("{context}: braces present in the recording rule name; should it be in expr?");
                self.error(Place::of(&name), message);
            }
            let labels = Labels::from_pairs(labels.iter().map(|(key, value)| (key.as_str(), value.as_str())));
            return Some(Rule::Recording(RecordingRule { id, name: name.value, expr: expression?, labels }));
        }
        for (key, text) in annotations.0.iter().filter(|(key, _)| key.is_empty()) {
            self.error(Place::of(text), format!("{context}: invalid annotation name: {key:?}"));
        }
        for (what, pairs) in [("label", &own_labels), ("annotation", &annotations)] {
            for (key, text) in &pairs.0 {
                self.check_template(&context, &name.value, what, key, text);
            }
        }
        Some(Rule::Alerting(AlertingRule {
            id,
            name: name.value,
            expr: expression?,
            hold: hold.flatten().unwrap_or_default(),
            keep_firing_for: keep.flatten().unwrap_or_default(),
            labels,
            annotations: annotations.0.into_iter().map(|(key, text)| (key, text.value)).collect(),
        }))
    }

    fn expression(&mut self, context: &str, expr: &Spanned<String>) -> Option<Expression> {
        match watchfire_promql::parse(&expr.value, self.parse) {
            Ok(tree) => Some(Expression { text: tree.to_string(), tree: Arc::new(tree) }),
            Err(error) => {
                let place = place_inside(self.text, Place::of(expr), &expr.value, error.span.start);
                let hint = error.hint.map(|hint| format!("; {hint}")).unwrap_or_default();
                self.error(place, format!("{context}: could not parse expression: {}{hint}", error.message));
                None
            }
        }
    }

    fn check_template(&mut self, context: &str, rule: &str, what: &str, key: &str, text: &Spanned<String>) {
        if let Err(error) = template::check(rule, &text.value) {
            let place = place_inside(self.text, Place::of(text), &text.value, error.offset.unwrap_or(0));
            self.error(place, format!("{context}: {what} {key:?}: {}", error.message));
        }
    }
}

fn labels_text(labels: &BTreeMap<String, String>) -> String {
    let words: Vec<String> = labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
    format!("{{{}}}", words.join(","))
}

#[cfg(test)]
mod tests;
