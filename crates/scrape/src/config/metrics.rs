//! `metrics`: Watchfire's own section on what the metric store keeps, how long, and how much of it.

use super::section::{Section, text};
use super::units::parse_size;
use super::yaml::{Node, Place, Problem, Value};
use std::time::Duration;
use watchfire_model::{Matcher, duration};

/// `metrics`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metrics {
    /// `retention`: series that are kept for another time than the rest. Of several that fit, the first one counts.
    pub retention: Vec<KeepRule>,
    /// `downsampling`: coarser copies and how long they are kept, finest first.
    pub downsampling: Vec<Tier>,
    /// `limits`.
    pub limits: StoreLimits,
}

/// An item of `retention`.
#[derive(Clone, Debug, PartialEq)]
pub struct KeepRule {
    /// `matchers`: which series it is about. Each selector is a conjunction, and any of them suffices.
    pub matchers: Vec<Vec<Matcher>>,
    /// `keep`: how long their samples are kept, instead of the store's retention time. More than zero.
    pub keep: Duration,
}

/// An item of `downsampling`.
#[derive(Clone, Debug, PartialEq)]
pub struct Tier {
    /// `resolution`: the time from one kept point to the next; a multiple of the finer tier's, whole seconds.
    pub resolution: Duration,
    /// `keep`: how long its points are kept; longer than those of the finer tier.
    pub keep: Duration,
    /// Where `keep` stands in the file, for faults that show only when the retention time is known.
    pub place: Place,
}

/// `limits`: what the store takes in at most.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StoreLimits {
    /// `memory`: what the program may use.
    pub memory: Option<MemoryLimit>,
    /// `series`: series in memory, 0 for any number.
    pub series: Option<u64>,
    /// `series_per_target`: of one job and instance, 0 for any number.
    pub series_per_target: Option<u64>,
    /// `series_per_job`: of one job, 0 for any number.
    pub series_per_job: Option<u64>,
    /// `series_per_tenant`: of one value of the tenant label, 0 for any number.
    pub series_per_tenant: Option<u64>,
    /// `tenant_label`: the label whose value is the tenant.
    pub tenant_label: Option<String>,
    /// `label_limit`: labels of a new series, 0 for any number.
    pub label_limit: Option<u64>,
    /// `label_name_length_limit`: bytes of a label name of a new series, 0 for any number.
    pub label_name_length_limit: Option<u64>,
    /// `label_value_length_limit`: bytes of a label value of a new series, 0 for any number.
    pub label_value_length_limit: Option<u64>,
}

/// An amount of memory.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum MemoryLimit {
    /// So many bytes; 0 for any number.
    Bytes(u64),
    /// This share, in percent, of what the machine has or the control group allows.
    Percent(f64),
}

impl std::fmt::Display for MemoryLimit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Bytes(bytes) => write!(f, "{bytes}B"),
            Self::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

impl MemoryLimit {
    /// Reads `4GB`, `60%` or `0`.
    pub fn parse(text: &str) -> Option<Self> {
        let Some(number) = text.strip_suffix('%') else { return parse_size(text).map(Self::Bytes) };
        let is_plain = number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        let percent = number.parse::<f64>().ok().filter(|percent| is_plain && *percent <= 100.0)?;
        (percent > 0.0).then_some(Self::Percent(percent))
    }
}

impl Metrics {
    pub(crate) fn read(mut section: Section) -> Result<Self, Problem> {
        let retention = section.list("retention")?.into_iter().map(KeepRule::read);
        let retention = retention.collect::<Result<_, _>>()?;
        let mut downsampling = Vec::new();
        for item in section.list("downsampling")? {
            let tier = Tier::read(item, downsampling.last())?;
            downsampling.push(tier);
        }
        let limits = match section.section("limits", "metric store's limits")? {
            Some(section) => StoreLimits::read(section)?,
            None => StoreLimits::default(),
        };
        section.finish()?;
        Ok(Self { retention, downsampling, limits })
    }

    /// Whether every tier outlives the samples it is made of, which are kept for `raw`; `None` is for ever.
    ///
    /// # Errors
    /// At the first tier that does not.
    pub fn check_tiers(&self, raw: Option<Duration>) -> Result<(), Problem> {
        let Some(tier) = self.downsampling.first() else { return Ok(()) };
        match raw {
            Some(raw) if tier.keep > raw => Ok(()),
            Some(raw) => Err(Problem::new(
                tier.place,
                format!(
                    "keep is {} while samples themselves are kept {}; expected a longer time",
                    duration::format(tier.keep),
                    duration::format(raw)
                ),
            )),
            None => Err(Problem::new(
                tier.place,
                "downsampling without a retention time for the samples themselves; expected \
                 storage.tsdb.retention.time or --storage.tsdb.retention.time to be set",
            )),
        }
    }
}

impl KeepRule {
    fn read(node: Node) -> Result<Self, Problem> {
        let mut section = Section::open_item(node, "retention rule")?;
        let items = section.list("matchers")?;
        if items.is_empty() {
            return Err(
                section.problem("matchers is missing in retention rule; expected a list of selectors")
            );
        }
        let mut matchers = Vec::new();
        for item in items {
            let place = item.place;
            let selector = text(item)?;
            let parsed = watchfire_promql::parser::parse_metric_selector(&selector);
            matchers.push(parsed.map_err(|error| {
                let message = format!("{selector:?} is no selector: {}", one_line(&error.to_string()));
                Problem::new(place, message)
            })?);
        }
        let keep = required_duration(&mut section, "keep")?.0;
        section.finish()?;
        Ok(Self { matchers, keep })
    }
}

impl Tier {
    fn read(node: Node, finer: Option<&Self>) -> Result<Self, Problem> {
        let mut section = Section::open_item(node, "downsampling tier")?;
        let (resolution, resolution_place) = required_duration(&mut section, "resolution")?;
        let (keep, place) = required_duration(&mut section, "keep")?;
        section.finish()?;
        if resolution.subsec_nanos() != 0 {
            return Err(Problem::new(resolution_place, "resolution is not a whole number of seconds"));
        }
        if 86_400 % resolution.as_secs().max(1) != 0 {
            let message = format!(
                "resolution is {}; expected a length that divides a day, such as 5m or 1h",
                duration::format(resolution)
            );
            return Err(Problem::new(resolution_place, message));
        }
        if let Some(finer) = finer {
            let step = duration::format(finer.resolution);
            if resolution <= finer.resolution || resolution.as_secs() % finer.resolution.as_secs() != 0 {
                let message = format!(
                    "resolution is {}; expected a multiple of {step}, the resolution before it",
                    duration::format(resolution)
                );
                return Err(Problem::new(resolution_place, message));
            }
            if keep <= finer.keep {
                let message = format!(
                    "keep is {}; expected more than {}, for which the finer resolution {step} is kept",
                    duration::format(keep),
                    duration::format(finer.keep)
                );
                return Err(Problem::new(place, message));
            }
        }
        Ok(Self { resolution, keep, place })
    }
}

impl StoreLimits {
    fn read(mut section: Section) -> Result<Self, Problem> {
        let memory = section.take("memory").map(|node| {
            let found = match &node.value {
                Value::Scalar(text, _) => MemoryLimit::parse(text),
                _ => None,
            };
            found.ok_or_else(|| {
                let found = node.describe();
                node.problem(format!(
                    "memory is {found}; expected a size such as \"4GB\" or a share such as \"60%\""
                ))
            })
        });
        let limits = Self {
            memory: memory.transpose()?,
            series: section.count("series")?,
            series_per_target: section.count("series_per_target")?,
            series_per_job: section.count("series_per_job")?,
            series_per_tenant: section.count("series_per_tenant")?,
            tenant_label: match section.has("tenant_label") {
                Some(_) => Some(section.required_text("tenant_label")?.0),
                None => None,
            },
            label_limit: section.count("label_limit")?,
            label_name_length_limit: section.count("label_name_length_limit")?,
            label_value_length_limit: section.count("label_value_length_limit")?,
        };
        section.finish()?;
        Ok(limits)
    }
}

fn required_duration(section: &mut Section, name: &'static str) -> Result<(Duration, Place), Problem> {
    match section.placed_duration(name)? {
        Some((duration, place)) if !duration.is_zero() => Ok((duration, place)),
        Some((_, place)) => Err(Problem::new(place, format!("{name} is zero; expected a longer time"))),
        None => {
            Err(section.problem(format!("{name} is missing; expected a duration such as \"30d\" or \"1y\"")))
        }
    }
}

fn one_line(text: &str) -> String {
    text.lines().map(str::trim).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
