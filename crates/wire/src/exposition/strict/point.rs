//! What one metric says at one instant, and whether that is consistent for its type.

use crate::exposition::error::quote;
use crate::exposition::{SampleLine, number};
use watchfire_model::MetricType;

/// What is wrong with a sample or a point.
pub(super) struct Mistake {
    pub(super) found: String,
    pub(super) expected: String,
}

fn mistake<T>(found: impl Into<String>, expected: impl Into<String>) -> Result<T, Mistake> {
    Err(Mistake { found: found.into(), expected: expected.into() })
}

/// The samples of one metric at one instant.
pub(super) struct Point {
    /// Where its first sample stands.
    pub(super) at: usize,
    /// Bound and count of the last bucket.
    last_bucket: Option<(f64, f64)>,
    has_negative_bucket: bool,
    count: Option<f64>,
    sum: Option<f64>,
    has_total: bool,
}

impl Point {
    pub(super) fn new(at: usize) -> Self {
        Self { at, last_bucket: None, has_negative_bucket: false, count: None, sum: None, has_total: false }
    }

    /// Takes a sample in. `own_value` is the value of the label that the type gives a meaning (`own_label`).
    pub(super) fn add(
        &mut self,
        kind: MetricType,
        suffix: &str,
        sample: &SampleLine<'_>,
        own_label: &str,
        own_value: Option<&str>,
    ) -> Result<(), Mistake> {
        let value = sample.value;
        if !own_label.is_empty() && own_value.is_none() {
            return mistake(
                format!("{} without the label {own_label}", quote(sample.raw_series)),
                "that label on each sample",
            );
        }
        match (kind, suffix) {
            (_, "_created") => creation_time(value)?,
            (MetricType::Counter, _) => {
                counter_like(value)?;
                self.has_total = true;
            }
            (MetricType::Histogram | MetricType::GaugeHistogram, "_bucket") => {
                self.bucket(sample, own_value.unwrap_or_default())?;
            }
            (MetricType::Histogram | MetricType::Summary, "_count") | (_, "_gcount") => {
                event_count(value)?;
                self.count = Some(value);
            }
            (MetricType::Histogram | MetricType::Summary, "_sum") | (_, "_gsum") => {
                if value.is_nan() {
                    return mistake("a sum that is NaN", "a number");
                }
                if kind == MetricType::Summary {
                    counter_like(value)?;
                }
                self.sum = Some(value);
            }
            (MetricType::Summary, _) => quantile(own_value.unwrap_or_default(), value)?,
            (MetricType::Info, _) if value != 1.0 => {
                return mistake(format!("an info metric of value {value}"), "1");
            }
            (MetricType::StateSet, _) if value != 0.0 && value != 1.0 => {
                return mistake(format!("a state of value {value}"), "0 or 1");
            }
            _ => {}
        }
        Ok(())
    }

    fn bucket(&mut self, sample: &SampleLine<'_>, bound_text: &str) -> Result<(), Mistake> {
        event_count(sample.value)?;
        let bound = match number::value(bound_text) {
            Some(bound) if bound.is_finite() || bound_text == "+Inf" => bound,
            _ => return mistake(format!("the bucket bound {}", quote(bound_text)), "a number or +Inf"),
        };
        if let Some((last_bound, last_count)) = self.last_bucket {
            if bound <= last_bound {
                return mistake(
                    format!("the bucket bound {bound_text} after {last_bound}"),
                    "bounds that grow",
                );
            }
            if sample.value < last_count {
                return mistake(
                    format!("the count {} after {last_count}", sample.value),
                    "cumulative counts of buckets",
                );
            }
        }
        if let Some(exemplar) = &sample.exemplar
            && exemplar.value > bound
        {
            return mistake(
                format!("the exemplar {} above the bucket bound {bound_text}", exemplar.value),
                "an exemplar within its bucket",
            );
        }
        self.has_negative_bucket |= bound < 0.0;
        self.last_bucket = Some((bound, sample.value));
        Ok(())
    }

    /// Whether the samples make a whole.
    pub(super) fn finish(self, kind: MetricType) -> Result<(), Mistake> {
        match kind {
            MetricType::Counter if !self.has_total => mistake("a counter without _total", "its _total"),
            MetricType::Histogram | MetricType::GaugeHistogram => self.finish_histogram(kind),
            _ => Ok(()),
        }
    }

    fn finish_histogram(self, kind: MetricType) -> Result<(), Mistake> {
        let (count_name, sum_name) = match kind {
            MetricType::Histogram => ("_count", "_sum"),
            _ => ("_gcount", "_gsum"),
        };
        let Some((bound, total)) = self.last_bucket else {
            return mistake("a histogram without buckets", "at least the bucket +Inf");
        };
        if bound != f64::INFINITY {
            return mistake(format!("{bound} as the last bucket bound"), "+Inf");
        }
        if self.count.is_some_and(|count| count != total) {
            return mistake(
                format!("another value in {count_name} than in the bucket +Inf"),
                "the same value",
            );
        }
        let may_have_sum = kind == MetricType::GaugeHistogram || !self.has_negative_bucket;
        match (self.count, self.sum) {
            (_, Some(_)) if !may_have_sum => {
                mistake(format!("{sum_name} beside buckets below zero"), "no sum, for it would not only grow")
            }
            (_, Some(sum)) if sum < 0.0 && !self.has_negative_bucket => mistake(
                format!("a negative {sum_name} without buckets below zero"),
                "a sum of what the buckets can hold",
            ),
            (Some(_), None) if may_have_sum => {
                mistake(format!("{count_name} without {sum_name}"), "both or neither")
            }
            (None, Some(_)) => mistake(format!("{sum_name} without {count_name}"), "both or neither"),
            _ => Ok(()),
        }
    }
}

/// When a counter began.
fn creation_time(value: f64) -> Result<(), Mistake> {
    if !value.is_finite() || value < 0.0 {
        return mistake(format!("the creation time {value}"), "seconds since the Unix epoch");
    }
    Ok(())
}

/// A value that starts at zero and grows.
fn counter_like(value: f64) -> Result<(), Mistake> {
    if value.is_nan() || value < 0.0 {
        return mistake(format!("the value {value}"), "a number that is not negative");
    }
    Ok(())
}

/// How often something happened.
fn event_count(value: f64) -> Result<(), Mistake> {
    if value < 0.0 || value.fract() != 0.0 || !value.is_finite() {
        return mistake(format!("the count {value}"), "a whole number that is not negative");
    }
    Ok(())
}

fn quantile(quantile_text: &str, value: f64) -> Result<(), Mistake> {
    if !number::value(quantile_text).is_some_and(|quantile| (0.0..=1.0).contains(&quantile)) {
        return mistake(format!("the quantile {}", quote(quantile_text)), "a number from 0 to 1");
    }
    if value < 0.0 {
        return mistake(format!("the value {value} of a quantile"), "a number that is not negative");
    }
    Ok(())
}
