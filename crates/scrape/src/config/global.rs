//! `global`: what every scrape configuration starts from.

use super::Reading;
use super::section::Section;
use super::yaml::{Place, Problem};
use crate::relabel::NameScheme;
use std::path::PathBuf;
use std::time::Duration;
use watchfire_model::{Labels, METRIC_NAME};

/// Bounds on what one scrape may bring; 0 means no bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the uncompressed body.
    pub body_size_bytes: u64,
    /// Samples after metric relabelling.
    pub samples: u64,
    /// Targets after relabelling, per scrape configuration.
    pub targets: u64,
    /// Labels per sample.
    pub labels: u64,
    /// Bytes of a label name.
    pub label_name_length: u64,
    /// Bytes of a label value.
    pub label_value_length: u64,
    /// Dropped targets to remember for the targets page.
    pub keep_dropped_targets: u64,
}

impl Limits {
    /// Takes the limits out of a section; what is 0 or absent comes from `base`.
    pub(crate) fn take(section: &mut Section, base: Self) -> Result<Self, Problem> {
        let over = |own: Option<u64>, base: u64| own.filter(|own| *own > 0).unwrap_or(base);
        Ok(Self {
            body_size_bytes: over(section.size("body_size_limit")?, base.body_size_bytes),
            samples: over(section.count("sample_limit")?, base.samples),
            targets: over(section.count("target_limit")?, base.targets),
            labels: over(section.count("label_limit")?, base.labels),
            label_name_length: over(section.count("label_name_length_limit")?, base.label_name_length),
            label_value_length: over(section.count("label_value_length_limit")?, base.label_value_length),
            keep_dropped_targets: over(section.count("keep_dropped_targets")?, base.keep_dropped_targets),
        })
    }
}

/// The formats a target may be asked for, by Prometheus's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScrapeProtocol {
    /// Prometheus protobuf. Accepted in lists and left out of what is asked for.
    PrometheusProto,
    /// Prometheus text 0.0.4.
    PrometheusText004,
    /// Prometheus text 1.0.0.
    PrometheusText100,
    /// OpenMetrics 0.0.1.
    OpenMetricsText001,
    /// OpenMetrics 1.0.0.
    OpenMetricsText100,
}

impl ScrapeProtocol {
    /// The protocols by their names.
    pub(crate) const WORDS: [(&'static str, Self); 5] = [
        ("PrometheusProto", Self::PrometheusProto),
        ("PrometheusText0.0.4", Self::PrometheusText004),
        ("PrometheusText1.0.0", Self::PrometheusText100),
        ("OpenMetricsText0.0.1", Self::OpenMetricsText001),
        ("OpenMetricsText1.0.0", Self::OpenMetricsText100),
    ];

    /// Reads `scrape_protocols`; `None` when it is absent or empty.
    pub(crate) fn take_list(section: &mut Section) -> Result<Option<Vec<Self>>, Problem> {
        let mut protocols: Vec<Self> = Vec::new();
        let given = section.placed("scrape_protocols");
        for item in section.list("scrape_protocols")? {
            let place = item.place;
            let word = super::section::text(item)?;
            let protocol = Self::read(&word, place)?;
            if protocols.contains(&protocol) {
                return Err(Problem::new(place, format!("duplicate protocol {word:?} in scrape_protocols")));
            }
            protocols.push(protocol);
        }
        match given {
            Some(place) if protocols.is_empty() => {
                Err(Problem::new(place, "scrape_protocols is empty; expected at least one"))
            }
            _ => Ok((!protocols.is_empty()).then_some(protocols)),
        }
    }

    /// Takes `fallback_scrape_protocol`; an empty one is none.
    pub(super) fn take_fallback(section: &mut Section) -> Result<Option<Self>, Problem> {
        let given = section.placed_text("fallback_scrape_protocol")?.filter(|(word, _)| !word.is_empty());
        given.map(|(word, place)| Self::read(&word, place)).transpose()
    }

    fn read(word: &str, place: Place) -> Result<Self, Problem> {
        let found = Self::WORDS.iter().find(|(name, _)| *name == word);
        found.map(|(_, protocol)| *protocol).ok_or_else(|| {
            let names = Self::WORDS.map(|(name, _)| name).join(", ");
            Problem::new(place, format!("unknown scrape protocol {word:?}; expected one of {names}"))
        })
    }
}

/// Switches that a scrape configuration takes over from `global` unless it sets them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HistogramSwitches {
    /// `scrape_native_histograms`.
    pub native: bool,
    /// `convert_classic_histograms_to_nhcb`.
    pub convert_classic: bool,
    /// `always_scrape_classic_histograms`.
    pub always_classic: bool,
}

impl HistogramSwitches {
    /// Notes what has no effect while only text formats are scraped.
    pub(crate) fn note(self, place: Place, reading: &mut Reading<'_>) {
        if self.native || self.convert_classic {
            reading.note(
                place,
                "scrape_native_histograms and convert_classic_histograms_to_nhcb have no effect yet: histograms \
                 are kept as their classic series",
            );
        }
    }

    pub(crate) fn take(section: &mut Section, base: Self) -> Result<Self, Problem> {
        Ok(Self {
            native: section.flag("scrape_native_histograms")?.unwrap_or(base.native),
            convert_classic: section
                .flag("convert_classic_histograms_to_nhcb")?
                .unwrap_or(base.convert_classic),
            always_classic: section.flag("always_scrape_classic_histograms")?.unwrap_or(base.always_classic),
        })
    }
}

const NAME_SCHEMES: [(&str, NameScheme); 2] = [("utf8", NameScheme::Utf8), ("legacy", NameScheme::Legacy)];
const ESCAPINGS: [(&str, &str); 4] =
    [("allow-utf-8", "allow-utf-8"), ("underscores", "underscores"), ("dots", "dots"), ("values", "values")];

/// How names are checked, and how a target is asked to write those that are not legacy names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Naming {
    /// `metric_name_validation_scheme`.
    pub scheme: NameScheme,
    /// `metric_name_escaping_scheme`: the `escaping` parameter of the `Accept` header.
    pub escaping: &'static str,
}

impl Default for Naming {
    fn default() -> Self {
        Self { scheme: NameScheme::Utf8, escaping: "allow-utf-8" }
    }
}

impl Naming {
    /// Takes the two keys; without an escaping, legacy names are asked for with underscores.
    pub(crate) fn take(section: &mut Section, base: Option<Self>) -> Result<Self, Problem> {
        let place = section.has("metric_name_escaping_scheme").unwrap_or(section.place());
        let own_scheme = section.choice("metric_name_validation_scheme", &NAME_SCHEMES)?;
        let own_escaping = section.choice("metric_name_escaping_scheme", &ESCAPINGS)?;
        let base = base.unwrap_or_default();
        let scheme = own_scheme.unwrap_or(base.scheme);
        let escaping = own_escaping.unwrap_or(match (own_scheme, scheme) {
            (None, _) => base.escaping,
            (Some(_), NameScheme::Utf8) => "allow-utf-8",
            (Some(_), NameScheme::Legacy) => "underscores",
        });
        if scheme == NameScheme::Legacy && escaping == "allow-utf-8" {
            return Err(Problem::new(
                place,
                "metric_name_escaping_scheme is \"allow-utf-8\" while metric_name_validation_scheme is \"legacy\"; \
                 expected underscores, dots or values",
            ));
        }
        Ok(Self { scheme, escaping })
    }
}

/// `global`.
#[derive(Clone, Debug, PartialEq)]
pub struct Global {
    /// How often to scrape.
    pub scrape_interval: Duration,
    /// How long a scrape may take.
    pub scrape_timeout: Duration,
    /// Formats to ask for; `None` for the default list.
    pub scrape_protocols: Option<Vec<ScrapeProtocol>>,
    /// How often to evaluate rules.
    pub evaluation_interval: Duration,
    /// How far in the past rules look.
    pub rule_query_offset: Duration,
    /// Labels for everything that leaves this system: alerts, remote write.
    pub external_labels: Labels,
    /// Where to log queries.
    pub query_log_file: Option<PathBuf>,
    /// Where to log failed scrapes.
    pub scrape_failure_log_file: Option<PathBuf>,
    /// Bounds on scrapes.
    pub limits: Limits,
    /// How names are checked.
    pub naming: Naming,
    /// What is made of histograms.
    pub histograms: HistogramSwitches,
    /// Whether each scrape reports on its limits and timeout as well.
    pub extra_scrape_metrics: bool,
}

impl Default for Global {
    fn default() -> Self {
        Self {
            scrape_interval: Duration::from_secs(60),
            scrape_timeout: Duration::from_secs(10),
            scrape_protocols: None,
            evaluation_interval: Duration::from_secs(60),
            rule_query_offset: Duration::ZERO,
            external_labels: Labels::empty(),
            query_log_file: None,
            scrape_failure_log_file: None,
            limits: Limits::default(),
            naming: Naming::default(),
            histograms: HistogramSwitches::default(),
            extra_scrape_metrics: false,
        }
    }
}

impl Global {
    /// Reads the section. `variable` looks up environment variables for `${…}` in external labels.
    pub(crate) fn read(
        mut section: Section,
        reading: &mut Reading<'_>,
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, Problem> {
        let base = Self::default();
        let place = section.place();
        let interval = section.duration("scrape_interval")?.filter(|own| !own.is_zero());
        let timeout = section.placed_duration("scrape_timeout")?.filter(|(own, _)| !own.is_zero());
        let scrape_interval = interval.unwrap_or(base.scrape_interval);
        if let Some((timeout, place)) = timeout
            && timeout > scrape_interval
        {
            return Err(Problem::new(place, "global scrape_timeout is longer than the scrape_interval"));
        }
        let scrape_timeout = timeout.map_or(base.scrape_timeout.min(scrape_interval), |(timeout, _)| timeout);
        let naming = Naming::take(&mut section, None)?;
        let mut external: Vec<(String, String)> = Vec::new();
        for (key, value) in section.text_map("external_labels")? {
            if !naming.scheme.is_label_name(&key.name) || key.name == METRIC_NAME {
                return Err(Problem::new(
                    key.place,
                    format!("{:?} is not a valid external label name", key.name),
                ));
            }
            external.push((key.name, expand(&value, variable)));
        }
        let global = Self {
            scrape_interval,
            scrape_timeout,
            scrape_protocols: ScrapeProtocol::take_list(&mut section)?,
            evaluation_interval: section
                .duration("evaluation_interval")?
                .filter(|own| !own.is_zero())
                .unwrap_or(base.evaluation_interval),
            rule_query_offset: section.duration("rule_query_offset")?.unwrap_or_default(),
            external_labels: Labels::from_pairs(
                external.iter().map(|(name, value)| (name.as_str(), value.as_str())),
            ),
            query_log_file: section.path("query_log_file", reading.folder())?,
            scrape_failure_log_file: section.path("scrape_failure_log_file", reading.folder())?,
            limits: Limits::take(&mut section, base.limits)?,
            naming,
            histograms: HistogramSwitches::take(&mut section, base.histograms)?,
            extra_scrape_metrics: section.flag("extra_scrape_metrics")?.unwrap_or(false),
        };
        section.finish()?;
        global.histograms.note(place, reading);
        if global.scrape_failure_log_file.is_some() {
            reading.note(
                place,
                "scrape_failure_log_file has no effect yet; failures are told by the targets page",
            );
        }
        Ok(global)
    }
}

/// Puts environment variables in the place of `$NAME` and `${NAME}`; `$$` is one `$`; an unset one is empty.
fn expand(text: &str, variable: &dyn Fn(&str) -> Option<String>) -> String {
    let mut expanded = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        expanded.push_str(rest.get(..at).unwrap_or(""));
        let after = rest.get(at + 1..).unwrap_or("");
        let word_end = after.find(|c: char| c != '_' && !c.is_ascii_alphanumeric()).unwrap_or(after.len());
        let braced = after.strip_prefix('{').and_then(|inner| inner.split_once('}'));
        if let Some(tail) = after.strip_prefix('$') {
            expanded.push('$');
            rest = tail;
        } else if let Some((name, tail)) = braced {
            expanded.push_str(&variable(name).unwrap_or_default());
            rest = tail;
        } else if word_end > 0 {
            let (name, tail) = after.split_at(word_end);
            expanded.push_str(&variable(name).unwrap_or_default());
            rest = tail;
        } else {
            expanded.push('$');
            rest = after;
        }
    }
    expanded.push_str(rest);
    expanded
}

#[cfg(test)]
mod tests {
    use super::expand;

    #[test]
    fn external_labels_take_environment_variables() {
        let variable = |name: &str| (name == "TEST").then(|| "TestValue".to_owned());
        for (text, expanded) in [
            ("foo", "foo"),
            ("${TEST}", "TestValue"),
            ("foo${TEST}bar", "fooTestValuebar"),
            ("foo$${TEST}", "foo${TEST}"),
            ("foo$$bar", "foo$bar"),
            ("$TEST-$NONE.", "TestValue-."),
            ("a$", "a$"),
        ] {
            assert_eq!(expand(text, &variable), expanded, "{text}");
        }
    }
}
