//! The families that collectors fill.

use std::borrow::Cow;
use std::collections::BTreeMap;
use watchfire_model::{Labels, METRIC_NAME, MetricType};
use watchfire_wire::exposition::write::{Family, Point};

/// A label of a sample: its name is ours, its value the machine's.
pub type Label<'a> = (&'static str, &'a str);

/// Metric families under construction, by name.
#[derive(Clone, Debug, Default)]
pub struct Collection {
    families: BTreeMap<Cow<'static, str>, Family>,
}

impl Collection {
    /// Adds a sample; the first sample of a family decides its type and help.
    pub fn add(
        &mut self,
        kind: MetricType,
        name: impl Into<Cow<'static, str>>,
        help: &str,
        labels: &[Label<'_>],
        value: f64,
    ) {
        let family = self.family(name.into(), kind, help);
        let mut labels: Vec<(Cow<'static, str>, String)> =
            labels.iter().map(|(name, value)| (Cow::Borrowed(*name), (*value).to_owned())).collect();
        labels.sort_unstable_by(|left, right| left.0.cmp(&right.0));
        family.points.push(Point { labels, value, ..Point::default() });
    }

    /// Adds a sample of a gauge.
    pub fn gauge(
        &mut self,
        name: impl Into<Cow<'static, str>>,
        help: &str,
        labels: &[Label<'_>],
        value: f64,
    ) {
        self.add(MetricType::Gauge, name, help, labels, value);
    }

    /// Adds a sample of a counter.
    pub fn counter(
        &mut self,
        name: impl Into<Cow<'static, str>>,
        help: &str,
        labels: &[Label<'_>],
        value: f64,
    ) {
        self.add(MetricType::Counter, name, help, labels, value);
    }

    /// Adds a sample that somebody else told, under its own names. `suffix` is what follows the family's name.
    pub(crate) fn add_foreign(
        &mut self,
        kind: MetricType,
        family: &str,
        suffix: &'static str,
        help: &str,
        labels: &Labels,
        value: f64,
    ) {
        let family = self.family(Cow::Owned(family.to_owned()), kind, help);
        let labels = labels.iter().filter(|(name, _)| *name != METRIC_NAME);
        let labels = labels.map(|(name, value)| (Cow::Owned(name.to_owned()), value.to_owned())).collect();
        family.points.push(Point { suffix, labels, value, ..Point::default() });
    }

    fn family(&mut self, name: Cow<'static, str>, kind: MetricType, help: &str) -> &mut Family {
        self.families.entry(name).or_insert_with_key(|name| Family::new(name.clone(), kind, help.to_owned()))
    }

    /// The families by name, the samples of each by their labels.
    pub fn into_families(self) -> Vec<Family> {
        let mut families: Vec<Family> = self.families.into_values().collect();
        for family in &mut families {
            family.points.sort_by(|left, right| left.labels.cmp(&right.labels));
        }
        families
    }
}
