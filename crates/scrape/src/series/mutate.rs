//! What the labels of a sample become: the target's labels join in, rules rewrite, limits hold.

use crate::config::ScrapeConfig;
use crate::config::global::Limits;
use crate::error::ScrapeError;
use crate::relabel::{self, NameScheme, Verdict};
use hashbrown::HashMap;
use std::sync::Arc;
use watchfire_model::{Labels, LabelsBuilder, METRIC_NAME, Metadata, MetricType};
use watchfire_wire::exposition::SampleLine;

const EXPORTED_PREFIX: &str = "exported_";

/// Makes the final labels of the samples of one target.
#[derive(Clone, Debug)]
pub(crate) struct Mutator {
    config: Arc<ScrapeConfig>,
    target: Labels,
    /// Type and unit become labels (experimental `type-and-unit-labels`).
    describes: bool,
}

/// The labels that say what a metric is (Prometheus `schema.Metadata`).
const TYPE: &str = "__type__";
const UNIT: &str = "__unit__";
/// What stands behind the name of a family in the names of its samples.
const SUFFIXES: [&str; 8] = ["_total", "_bucket", "_sum", "_count", "_created", "_info", "_gsum", "_gcount"];

/// What is said of the family that a sample belongs to.
fn description<'a>(families: &'a HashMap<String, Metadata>, name: &str) -> Option<&'a Metadata> {
    let of_suffix = || SUFFIXES.iter().find_map(|suffix| families.get(name.strip_suffix(suffix)?));
    families.get(name).or_else(of_suffix)
}

impl Mutator {
    pub(crate) fn new(config: Arc<ScrapeConfig>, target: Labels) -> Self {
        Self { config, target, describes: false }
    }

    /// The same, with labels that say type and unit, or without.
    pub(crate) fn describing(self, describes: bool) -> Self {
        Self { describes, ..self }
    }

    /// Whether labels say type and unit.
    pub(crate) const fn describes(&self) -> bool {
        self.describes
    }

    /// The labels under which a sample is stored; `None` when a rule dropped it. `families` is what the body has said
    /// of its families so far.
    pub(crate) fn labels(
        &self,
        line: &SampleLine<'_>,
        families: &HashMap<String, Metadata>,
    ) -> Result<Option<Labels>, ScrapeError> {
        if let Some(label) = line.duplicate_label() {
            return Err(ScrapeError::DuplicateLabel {
                label: shortened(&label),
                series: shortened(line.raw_series),
            });
        }
        // Not by way of a label set: an empty value must be seen below. A Pushgateway writes `instance=""` so that
        // `honor_labels` leaves the series without an instance.
        let mut labels = LabelsBuilder::new();
        labels.set(METRIC_NAME, line.name());
        for (name, value) in line.labels() {
            labels.set(name, value);
        }
        if self.describes {
            // Only what the family says counts; they are reserved.
            let described = description(families, &line.name());
            let kind = described.map(|described| described.kind).filter(|kind| *kind != MetricType::Unknown);
            labels.set(TYPE, kind.map_or("", MetricType::as_str));
            labels.set(UNIT, described.map_or("", |described| described.unit.as_str()));
        }
        self.join_target(&mut labels);
        if relabel::apply(&self.config.metric_relabel_configs, &mut labels) == Verdict::Drop {
            return Ok(None);
        }
        let labels = labels.build();
        self.check(&labels)?;
        Ok(Some(labels))
    }

    /// Adds the target's labels. Where both have one, either the target's word counts (`honor_labels`), or the
    /// sample's is kept under a name with `exported_` in front.
    fn join_target(&self, labels: &mut LabelsBuilder) {
        if self.config.honor_labels {
            for (name, value) in &self.target {
                if labels.get(name).is_none() {
                    labels.set(name, value);
                }
            }
            return;
        }
        let mut conflicts: Vec<(&str, String)> = Vec::new();
        for (name, value) in &self.target {
            if let Some(exposed) = labels.get(name).filter(|exposed| !exposed.is_empty()) {
                conflicts.push((name, exposed.to_owned()));
            }
            labels.set(name, value);
        }
        // The shorter names first, so that `exported_job` of the sample itself is moved out of nobody's way.
        conflicts.sort_by_key(|(name, _)| name.len());
        for (name, exposed) in conflicts {
            let mut exported = format!("{EXPORTED_PREFIX}{name}");
            while labels.get(&exported).is_some_and(|value| !value.is_empty()) {
                exported.insert_str(0, EXPORTED_PREFIX);
            }
            labels.set(exported, exposed);
        }
    }

    fn check(&self, labels: &Labels) -> Result<(), ScrapeError> {
        let metric = labels.metric_name();
        if metric.is_empty() {
            return Err(ScrapeError::MissingName);
        }
        let scheme = self.config.naming.scheme;
        if scheme == NameScheme::Legacy {
            let valid =
                scheme.is_metric_name(metric) && labels.iter().all(|(name, _)| scheme.is_label_name(name));
            if !valid {
                return Err(ScrapeError::InvalidNames(labels.to_string().chars().take(200).collect()));
            }
        }
        check_limits(&self.config.limits, labels)
    }

    /// The labels of a series that the scrape itself reports.
    pub(crate) fn report_labels(&self, metric: &str) -> Labels {
        let mut labels = self.target.to_builder();
        labels.set(METRIC_NAME, metric);
        labels.build()
    }

    /// The job's configuration.
    pub(crate) fn config(&self) -> &ScrapeConfig {
        &self.config
    }
}

fn check_limits(limits: &Limits, labels: &Labels) -> Result<(), ScrapeError> {
    let metric = || shortened(labels.metric_name());
    let over =
        |found: usize, limit: u64| limit > 0 && u64::try_from(found).map_or(true, |found| found > limit);
    if over(labels.len(), limits.labels) {
        return Err(ScrapeError::LabelLimit { metric: metric(), found: labels.len(), limit: limits.labels });
    }
    if limits.label_name_length == 0 && limits.label_value_length == 0 {
        return Ok(());
    }
    for (name, value) in labels {
        if over(name.len(), limits.label_name_length) {
            return Err(ScrapeError::LabelNameLength {
                metric: metric(),
                label: shortened(name),
                found: name.len(),
                limit: limits.label_name_length,
            });
        }
        if over(value.len(), limits.label_value_length) {
            return Err(ScrapeError::LabelValueLength {
                metric: metric(),
                label: shortened(name),
                value: shortened(value),
                found: value.len(),
                limit: limits.label_value_length,
            });
        }
    }
    Ok(())
}

/// Prometheus shows fifty characters of a name.
fn shortened(text: &str) -> String {
    text.chars().take(50).collect()
}
