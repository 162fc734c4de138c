//! What was pushed into a group: its families, each as the text that shows it.

use super::GroupKey;
use crate::ReceiveError;
use std::collections::{BTreeMap, HashSet};
use watchfire_model::labels::is_legacy_label_name;
use watchfire_model::{METRIC_NAME, Metadata, MetricType};
use watchfire_wire::exposition::write::Writer;
use watchfire_wire::exposition::{Entry, Format, Parser, SampleLine};

/// Families by name, each with its samples as lines of Prometheus's text format.
pub(super) type Families = BTreeMap<String, String>;

/// What tells of the push itself, and so is not taken from anybody.
pub(super) const OWN: [&str; 2] = ["push_time_seconds", "push_failure_time_seconds"];

const INSTANCE: &str = "instance";

/// Reads a body: labels of the group stand in the place of a series's own.
///
/// # Errors
/// The first thing that is wrong, with its place. Nothing is kept of such a body.
pub(super) fn read(key: &GroupKey, text: &str, format: Format) -> Result<Families, ReceiveError> {
    let mut families: BTreeMap<String, Pushed> = BTreeMap::new();
    let mut declared: BTreeMap<String, Metadata> = BTreeMap::new();
    let mut series: HashSet<(String, BTreeMap<String, String>)> = HashSet::new();
    let mut current = String::new();
    for entry in Parser::new(text, format) {
        match entry.map_err(|error| invalid(error.to_string()))? {
            Entry::Type { family, kind } => {
                current = family.into_owned();
                declared.entry(current.clone()).or_default().kind = kind;
            }
            Entry::Help { family, help } => {
                current = family.into_owned();
                declared.entry(current.clone()).or_default().help = help.into_owned();
            }
            Entry::Unit { .. } | Entry::Eof => {}
            Entry::Sample(sample) => {
                let name = sample.name().into_owned();
                let labels = labels(key, &name, &sample)?;
                if !series.insert((name.clone(), labels.clone())) {
                    return Err(invalid(format!("the body has {name} with the labels {labels:?} twice")));
                }
                let metadata = declared.get(&current).cloned().unwrap_or_default();
                let (family, metadata) = match membership(&name, &current, metadata.kind) {
                    Membership::Part => (current.clone(), metadata),
                    Membership::Renamed => (name.clone(), metadata),
                    Membership::None => (name.clone(), declared.get(&name).cloned().unwrap_or_default()),
                };
                let pushed =
                    families.entry(family).or_insert_with(|| Pushed { metadata, samples: Vec::new() });
                pushed.samples.push((name, labels, sample.value));
            }
        }
    }
    families.retain(|name, _| !OWN.contains(&name.as_str()));
    Ok(families.into_iter().map(|(name, pushed)| (name.clone(), pushed.text(&name))).collect())
}

/// Shows a time of the group's own.
pub(super) fn own(writer: &mut Writer, key: &GroupKey, name: &str, help: &str, milliseconds: i64) {
    writer.metadata(name, MetricType::Gauge, help);
    let instance = (!key.contains_key(INSTANCE)).then_some((INSTANCE, ""));
    let labels = key.iter().map(|(name, value)| (name.as_str(), value.as_str())).chain(instance);
    writer.sample_with(name, labels, milliseconds as f64 / 1e3);
}

#[derive(Debug, Default)]
struct Pushed {
    metadata: Metadata,
    samples: Vec<(String, BTreeMap<String, String>, f64)>,
}

impl Pushed {
    fn text(&self, name: &str) -> String {
        let mut writer = Writer::new(Format::Text);
        writer.metadata(name, self.metadata.kind, &self.metadata.help);
        for (name, labels, value) in &self.samples {
            let labels = labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            writer.sample_with(name, labels, *value);
        }
        writer.finish()
    }
}

fn labels(
    key: &GroupKey,
    name: &str,
    sample: &SampleLine<'_>,
) -> Result<BTreeMap<String, String>, ReceiveError> {
    if sample.timestamp_ms.is_some() {
        return Err(invalid(format!(
            "{name} has a timestamp: a group is told with the time at which it is read; take it off, or send the line to \
             /api/v1/import/prometheus"
        )));
    }
    if let Some(twice) = sample.duplicate_label() {
        return Err(invalid(format!("{name} has the label {twice:?} twice")));
    }
    let mut labels = BTreeMap::new();
    for (label, value) in sample.labels() {
        if label == METRIC_NAME {
            continue;
        }
        if label.is_empty() || (is_legacy_label_name(&label) && label.starts_with("__")) {
            return Err(invalid(format!("{name} has a label named {label:?}, which is kept for the server")));
        }
        labels.insert(label.into_owned(), value.into_owned());
    }
    labels.extend(key.iter().map(|(name, value)| (name.clone(), value.clone())));
    // A group without one has none, not that of the server that shows it.
    labels.entry(INSTANCE.to_owned()).or_default();
    Ok(labels)
}

/// How a sample stands to the family that was declared last.
#[derive(Debug, PartialEq, Eq)]
enum Membership {
    /// It is of that family.
    Part,
    /// It is of that family, which OpenMetrics declares without the suffix that the text format wants.
    Renamed,
    /// It has no part in it.
    None,
}

fn membership(name: &str, family: &str, kind: MetricType) -> Membership {
    let Some(suffix) = name.strip_prefix(family).filter(|_| !family.is_empty()) else {
        return Membership::None;
    };
    match (suffix, kind) {
        ("", _) => Membership::Part,
        ("_bucket" | "_sum" | "_count", MetricType::Histogram)
        | ("_sum" | "_count", MetricType::Summary)
        | ("_bucket" | "_gsum" | "_gcount", MetricType::GaugeHistogram) => Membership::Part,
        ("_total", MetricType::Counter) | ("_info", MetricType::Info) => Membership::Renamed,
        _ => Membership::None,
    }
}

fn invalid(message: String) -> ReceiveError {
    ReceiveError { status: 400, message }
}

#[cfg(test)]
mod tests;
