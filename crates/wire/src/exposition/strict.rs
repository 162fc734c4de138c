//! OpenMetrics to the letter, for those who write exporters.
//!
//! Scraping is lenient on purpose; `check metrics --strict` is not. On top of the grammar this holds a body to the
//! specification's rules about families: metadata before samples and once, no interleaving, no clashing names, the
//! right suffixes, labels, values and exemplars for each type, timestamps that never go back.

mod point;

use super::error::quote;
use super::{Entry, Format, ParseError, Parser, SampleLine};
use point::Point;
use std::collections::{HashMap, HashSet};
use watchfire_model::{Labels, MetricType};

/// What a valid body holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Metric families.
    pub families: usize,
    /// Samples.
    pub samples: usize,
}

/// How many characters the labels of one exemplar may have together.
const EXEMPLAR_LIMIT: usize = 128;

/// Holds a body to the OpenMetrics 1.0 specification and tells the first thing that is wrong.
pub fn check(body: &str) -> Result<Summary, ParseError> {
    let mut checker = Checker { body, claimed: HashMap::new(), family: None, summary: Summary::default() };
    let mut parser = Parser::new(body, Format::OpenMetrics);
    let mut at = parser.offset();
    while let Some(entry) = parser.next() {
        match entry? {
            Entry::Type { family, kind } => checker.metadata(at, &family, Metadata::Type(kind))?,
            Entry::Help { family, .. } => checker.metadata(at, &family, Metadata::Help)?,
            Entry::Unit { family, unit } => checker.metadata(at, &family, Metadata::Unit(unit.is_empty()))?,
            Entry::Sample(sample) => checker.sample(at, &sample)?,
            Entry::Eof => checker.finish_family()?,
        }
        at = parser.offset();
    }
    Ok(checker.summary)
}

#[derive(Clone, Copy)]
enum Metadata {
    Type(MetricType),
    Help,
    /// Whether the unit is empty.
    Unit(bool),
}

struct Checker<'a> {
    body: &'a str,
    /// Every name a finished family uses, with that family's name.
    claimed: HashMap<String, String>,
    family: Option<Family>,
    summary: Summary,
}

/// The family whose lines are being read.
struct Family {
    name: String,
    /// Where its first line stands.
    at: usize,
    kind: Option<MetricType>,
    has_help: bool,
    has_unit: bool,
    unit_is_empty: bool,
    has_samples: bool,
    /// Metrics that are finished; none of their samples may follow.
    finished: HashSet<Labels>,
    metric: Option<Metric>,
}

/// The metric (one label set of a family) whose samples are being read.
struct Metric {
    labels: Labels,
    timestamp_ms: Option<i64>,
    point: Point,
    /// Series seen at this timestamp.
    series: HashSet<Labels>,
}

impl Family {
    fn new(name: &str, at: usize) -> Self {
        Self {
            name: name.to_owned(),
            at,
            kind: None,
            has_help: false,
            has_unit: false,
            unit_is_empty: true,
            has_samples: false,
            finished: HashSet::new(),
            metric: None,
        }
    }

    fn kind(&self) -> MetricType {
        self.kind.unwrap_or_default()
    }

    /// The suffix with which a sample's name belongs to this family.
    fn suffix_of(&self, sample_name: &str) -> Option<&'static str> {
        let rest = sample_name.strip_prefix(self.name.as_str())?;
        suffixes(self.kind()).iter().copied().find(|suffix| *suffix == rest)
    }
}

/// The suffixes that samples of a type have.
const fn suffixes(kind: MetricType) -> &'static [&'static str] {
    match kind {
        MetricType::Counter => &["_total", "_created"],
        MetricType::Gauge | MetricType::StateSet | MetricType::Unknown => &[""],
        MetricType::Histogram => &["_bucket", "_count", "_sum", "_created"],
        MetricType::GaugeHistogram => &["_bucket", "_gcount", "_gsum"],
        MetricType::Summary => &["", "_count", "_sum", "_created"],
        MetricType::Info => &["_info"],
    }
}

impl Checker<'_> {
    fn wrong<T>(
        &self,
        at: usize,
        found: impl Into<String>,
        expected: impl Into<String>,
    ) -> Result<T, ParseError> {
        Err(ParseError::found(self.body, at, found, expected))
    }

    fn metadata(&mut self, at: usize, name: &str, metadata: Metadata) -> Result<(), ParseError> {
        if self.family.as_ref().is_none_or(|family| family.name != name) {
            self.start_family(at, name)?;
        }
        let Some(family) = &mut self.family else { return Ok(()) };
        let (keyword, repeated) = match metadata {
            Metadata::Type(kind) => ("TYPE", family.kind.replace(kind).is_some()),
            Metadata::Help => ("HELP", std::mem::replace(&mut family.has_help, true)),
            Metadata::Unit(is_empty) => {
                family.unit_is_empty = is_empty;
                ("UNIT", std::mem::replace(&mut family.has_unit, true))
            }
        };
        let (has_samples, kind, has_unit) = (family.has_samples, family.kind(), !family.unit_is_empty);
        if repeated {
            return self.wrong(at, format!("a second {keyword} for {}", quote(name)), "one at most");
        }
        if has_samples {
            return self.wrong(
                at,
                format!("{keyword} after samples of {}", quote(name)),
                "metadata before samples",
            );
        }
        if has_unit && matches!(kind, MetricType::Info | MetricType::StateSet) {
            return self.wrong(
                at,
                format!("a unit for {}, which is of type {}", quote(name), kind.as_str()),
                "no unit",
            );
        }
        Ok(())
    }

    fn start_family(&mut self, at: usize, name: &str) -> Result<(), ParseError> {
        self.finish_family()?;
        if let Some(owner) = self.claimed.get(name) {
            let found = format!("the family {} again or clashing with {}", quote(name), quote(owner));
            return self.wrong(at, found, "the lines of a family together and under a name of its own");
        }
        if name.is_empty() {
            return self.wrong(at, "an empty metric name", "a metric name");
        }
        self.family = Some(Family::new(name, at));
        self.summary.families += 1;
        Ok(())
    }

    fn finish_family(&mut self) -> Result<(), ParseError> {
        self.finish_metric()?;
        let Some(family) = self.family.take() else { return Ok(()) };
        let names =
            std::iter::once("").chain(suffixes(family.kind()).iter().copied().filter(|s| !s.is_empty()));
        for suffix in names {
            let name = format!("{}{suffix}", family.name);
            if let Some(owner) = self.claimed.insert(name.clone(), family.name.clone()) {
                let found = format!(
                    "{} used by the families {} and {}",
                    quote(&name),
                    quote(&owner),
                    quote(&family.name)
                );
                return self.wrong(family.at, found, "names that do not clash");
            }
        }
        Ok(())
    }

    fn finish_metric(&mut self) -> Result<(), ParseError> {
        let Some(family) = &mut self.family else { return Ok(()) };
        let kind = family.kind();
        let Some(metric) = family.metric.take() else { return Ok(()) };
        let at = metric.point.at;
        let verdict = metric.point.finish(kind);
        family.finished.insert(metric.labels);
        verdict.or_else(|mistake| self.wrong(at, mistake.found, mistake.expected))
    }

    fn sample(&mut self, at: usize, sample: &SampleLine<'_>) -> Result<(), ParseError> {
        self.summary.samples += 1;
        let name = sample.name();
        let suffix = match self.family.as_ref().and_then(|family| family.suffix_of(&name)) {
            Some(suffix) => suffix,
            None => {
                if let Some(family) = self.family.as_ref().filter(|family| name.starts_with(&family.name)) {
                    let is_own_name = name == family.name;
                    if is_own_name {
                        let found = format!("a sample {} of a {}", quote(&name), family.kind().as_str());
                        let names: Vec<String> =
                            suffixes(family.kind()).iter().map(|suffix| format!("{name}{suffix}")).collect();
                        return self.wrong(at, found, names.join(" or "));
                    }
                }
                self.start_family(at, &name)?;
                ""
            }
        };
        self.labels_of(at, sample)?;
        let Some(family) = &mut self.family else { return Ok(()) };
        family.has_samples = true;
        let kind = family.kind();
        let family_name = family.name.clone();
        let own_label = match (kind, suffix) {
            (MetricType::Histogram | MetricType::GaugeHistogram, "_bucket") => "le",
            (MetricType::Summary, "") => "quantile",
            (MetricType::StateSet, _) => family_name.as_str(),
            _ => "",
        };
        let series = sample.to_labels();
        let metric_labels =
            series.without(|label| label == watchfire_model::METRIC_NAME || label == own_label);
        self.place(at, sample, &series, metric_labels)?;
        self.exemplar(at, sample, kind, suffix)?;
        let own_value = series.get(own_label);
        let Some(metric) = self.family.as_mut().and_then(|family| family.metric.as_mut()) else {
            return Ok(());
        };
        let verdict = metric.point.add(kind, suffix, sample, own_label, own_value);
        verdict.or_else(|mistake| self.wrong(at, mistake.found, mistake.expected))
    }

    fn labels_of(&self, at: usize, sample: &SampleLine<'_>) -> Result<(), ParseError> {
        if let Some(label) = sample.duplicate_label() {
            return self.wrong(at, format!("the label {} twice", quote(&label)), "each label once");
        }
        if sample.labels().any(|(name, _)| name.is_empty()) {
            return self.wrong(at, "an empty label name", "a label name");
        }
        Ok(())
    }

    /// Puts a sample into its metric: the one being read, or a new one that was not there before.
    fn place(
        &mut self,
        at: usize,
        sample: &SampleLine<'_>,
        series: &Labels,
        metric_labels: Labels,
    ) -> Result<(), ParseError> {
        let is_new = self
            .family
            .as_ref()
            .is_none_or(|family| family.metric.as_ref().is_none_or(|metric| metric.labels != metric_labels));
        if is_new {
            self.finish_metric()?;
            if self.family.as_ref().is_some_and(|family| family.finished.contains(&metric_labels)) {
                let found = format!("samples of {} again", quote(sample.raw_series));
                return self.wrong(at, found, "the samples of a metric together");
            }
        }
        let Some(family) = &mut self.family else { return Ok(()) };
        let kind = family.kind();
        let metric = family.metric.get_or_insert_with(|| Metric {
            labels: metric_labels,
            timestamp_ms: sample.timestamp_ms,
            point: Point::new(at),
            series: HashSet::new(),
        });
        match (metric.timestamp_ms, sample.timestamp_ms) {
            (None, None) => {
                if !metric.series.insert(series.clone()) {
                    let found = format!("{} twice without timestamps", quote(sample.raw_series));
                    return self.wrong(
                        at,
                        found,
                        "each series once, or timestamps that tell its samples apart",
                    );
                }
            }
            (Some(before), Some(now)) if now < before => {
                return self.wrong(
                    at,
                    format!("a timestamp before the last of {}", quote(sample.raw_series)),
                    "timestamps in order",
                );
            }
            (Some(before), Some(now)) if now > before => {
                let finished = std::mem::replace(&mut metric.point, Point::new(at));
                metric.timestamp_ms = Some(now);
                let verdict = finished.finish(kind);
                return verdict.or_else(|mistake| self.wrong(at, mistake.found, mistake.expected));
            }
            (Some(_), Some(_)) => {}
            (Some(_), None) | (None, Some(_)) => {
                return self.wrong(
                    at,
                    format!("samples of {} with and without timestamps", quote(sample.raw_series)),
                    "all or none of them with timestamps",
                );
            }
        }
        Ok(())
    }

    fn exemplar(
        &self,
        at: usize,
        sample: &SampleLine<'_>,
        kind: MetricType,
        suffix: &str,
    ) -> Result<(), ParseError> {
        let Some(exemplar) = &sample.exemplar else { return Ok(()) };
        let allowed = matches!(
            (kind, suffix),
            (MetricType::Counter, "_total") | (MetricType::Histogram | MetricType::GaugeHistogram, "_bucket")
        );
        if !allowed {
            let found = format!("an exemplar beside {}", quote(sample.raw_series));
            return self.wrong(at, found, "exemplars on counters' _total and histograms' _bucket only");
        }
        let characters: usize =
            exemplar.labels().map(|(name, value)| name.chars().count() + value.chars().count()).sum();
        if characters > EXEMPLAR_LIMIT {
            let found = format!("{characters} characters in an exemplar's labels");
            return self.wrong(at, found, format!("at most {EXEMPLAR_LIMIT}"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
