//! When counters began: OpenMetrics' `_created` samples as start timestamps.

use super::{Entry, Format, Parser, SampleLine, number};
use std::collections::HashMap;
use watchfire_model::{Labels, METRIC_NAME, MetricType};

/// The creation times an OpenMetrics body tells, found by the samples they belong to.
///
/// `_created` may follow the sample it belongs to, so a body is read once for it beforehand; a body without the
/// word costs one search. Those who keep start timestamps pass over the `_created` samples themselves
/// ([`StartTimes::is_marker`]); those who do not keep them as series of their own, as Prometheus does by default.
#[derive(Clone, Debug, Default)]
pub struct StartTimes {
    /// Milliseconds since the Unix epoch by family name and labels, less `le` and `quantile`.
    by_metric: HashMap<Labels, i64>,
}

impl StartTimes {
    /// Reads the creation times of counters, histograms and summaries. A body that does not parse tells what stands
    /// before its error; the error itself is told when the samples are read.
    pub fn read(body: &str) -> Self {
        let mut by_metric = HashMap::new();
        if memchr::memmem::find(body.as_bytes(), b"_created").is_none() {
            return Self::default();
        }
        let mut family = (String::new(), MetricType::Unknown);
        for entry in Parser::new(body, Format::OpenMetrics).map_while(Result::ok) {
            match entry {
                Entry::Type { family: name, kind } => family = (name.into_owned(), kind),
                Entry::Sample(sample) if is_marker(&family, &sample) => {
                    if let Some(start_ms) = number::seconds_to_ms(sample.value) {
                        by_metric.insert(metric_key(&sample.to_labels(), &family.0), start_ms);
                    }
                }
                _ => {}
            }
        }
        Self { by_metric }
    }

    /// Whether the body told no creation time.
    pub fn is_empty(&self) -> bool {
        self.by_metric.is_empty()
    }

    /// When the counter behind a sample of `family` began, in milliseconds since the Unix epoch.
    pub fn of(&self, family: &str, sample: &SampleLine<'_>) -> Option<i64> {
        if self.by_metric.is_empty() {
            return None;
        }
        self.by_metric.get(&metric_key(&sample.to_labels(), family)).copied()
    }

    /// Whether a sample is nothing but the creation time of the family it stands in.
    pub fn is_marker(family: &str, kind: MetricType, sample: &SampleLine<'_>) -> bool {
        has_creation_time(kind) && sample.name().strip_suffix("_created") == Some(family)
    }
}

const fn has_creation_time(kind: MetricType) -> bool {
    matches!(kind, MetricType::Counter | MetricType::Histogram | MetricType::Summary)
}

fn is_marker((family, kind): &(String, MetricType), sample: &SampleLine<'_>) -> bool {
    StartTimes::is_marker(family, *kind, sample)
}

fn metric_key(labels: &Labels, family: &str) -> Labels {
    let others = labels.iter().filter(|(name, _)| !matches!(*name, METRIC_NAME | "le" | "quantile"));
    Labels::from_pairs(others.chain(std::iter::once((METRIC_NAME, family))))
}
