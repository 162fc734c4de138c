//! How many and how long labels may be.

use super::LabelProblem;
use super::raw::{RawLabels, lossy};

/// Limits on the labels of a new series, named as in Prometheus's scrape configuration; 0 is no limit. The defaults are
/// far above what people write, and stop what a program does by mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LabelLimits {
    /// Labels of a series, the metric name among them. 512.
    pub label_limit: usize,
    /// Bytes of a label name. 4 KiB.
    pub label_name_length_limit: usize,
    /// Bytes of a label value. 1 MiB.
    pub label_value_length_limit: usize,
}

impl Default for LabelLimits {
    fn default() -> Self {
        Self { label_limit: 512, label_name_length_limit: 4 << 10, label_value_length_limit: 1 << 20 }
    }
}

impl LabelLimits {
    /// Which limit packed labels exceed, if any.
    pub fn check(&self, packed: &[u8]) -> Result<(), LabelProblem> {
        let exceeds = |number: usize, limit: usize| limit != 0 && number > limit;
        let mut labels = 0;
        for (name, value) in RawLabels(packed).iter() {
            labels += 1;
            if exceeds(name.len(), self.label_name_length_limit) {
                let limit = self.label_name_length_limit;
                return Err(LabelProblem::NameTooLong { name: lossy(name), bytes: name.len(), limit });
            }
            if exceeds(value.len(), self.label_value_length_limit) {
                let limit = self.label_value_length_limit;
                return Err(LabelProblem::ValueTooLong { name: lossy(name), bytes: value.len(), limit });
            }
        }
        if exceeds(labels, self.label_limit) {
            return Err(LabelProblem::TooMany { labels, limit: self.label_limit });
        }
        Ok(())
    }
}
