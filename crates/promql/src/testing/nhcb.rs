//! Classic histograms as native ones with custom buckets (`load_with_nhcb`).

use super::script::Load;
use std::collections::BTreeMap;
use watchfire_model::histogram::{CUSTOM_BUCKETS_SCHEMA, Span};
use watchfire_model::{Histogram, Labels, METRIC_NAME, SampleValue};

/// The parts of one classic histogram at one time.
#[derive(Debug, Default)]
struct Parts {
    /// Cumulative counts with their upper bounds.
    buckets: Vec<(f64, f64)>,
    count: Option<f64>,
    sum: f64,
}

/// The native histograms that the classic ones among the loaded series make, by series and time.
pub(super) fn collate(load: &Load) -> BTreeMap<Labels, BTreeMap<i64, Histogram>> {
    let mut parts: BTreeMap<Labels, BTreeMap<i64, Parts>> = BTreeMap::new();
    for line in &load.series {
        let name = line.labels.metric_name();
        let part = ["_bucket", "_count", "_sum"]
            .into_iter()
            .find_map(|suffix| name.strip_suffix(suffix).map(|base| (base, suffix)));
        let Some((base, suffix)) = part else { continue };
        let bound = line.labels.get("le").and_then(|le| le.parse::<f64>().ok()).filter(|le| !le.is_nan());
        if suffix == "_bucket" && bound.is_none() {
            continue;
        }
        let mut labels = line.labels.to_builder();
        labels.set(METRIC_NAME, base);
        if suffix == "_bucket" {
            labels.remove("le");
        }
        let by_time = parts.entry(labels.build()).or_default();
        for (index, item) in line.values.iter().enumerate() {
            let Some(SampleValue::Float(value)) = item.as_ref().map(|item| &item.value) else { continue };
            let timestamp_ms = i64::try_from(index).unwrap_or(i64::MAX).saturating_mul(load.step_ms);
            let parts = by_time.entry(timestamp_ms).or_default();
            match (suffix, bound) {
                ("_bucket", Some(bound)) => parts.buckets.push((bound, *value)),
                ("_count", _) => parts.count = Some(*value),
                _ => parts.sum = *value,
            }
        }
    }
    let convert = |by_time: BTreeMap<i64, Parts>| {
        by_time.into_iter().filter_map(|(at, parts)| Some((at, parts.convert()?))).collect()
    };
    parts.into_iter().map(|(labels, by_time)| (labels, convert(by_time))).collect()
}

impl Parts {
    /// `None` when the counts fall from one bucket to the next: then they are no histogram.
    fn convert(mut self) -> Option<Histogram> {
        self.buckets.sort_by(|left, right| left.0.total_cmp(&right.0));
        self.buckets.dedup_by(|next, kept| next.0 == kept.0);
        let highest = self.buckets.last().copied();
        let count = self.count.or(highest.map(|(_, count)| count))?;
        if highest.is_none_or(|(bound, _)| bound != f64::INFINITY) {
            self.buckets.push((f64::INFINITY, count));
        }
        let mut histogram = Histogram {
            schema: CUSTOM_BUCKETS_SCHEMA,
            count,
            sum: self.sum,
            positive_spans: vec![Span { offset: 0, length: u32::try_from(self.buckets.len()).ok()? }],
            custom_values: self
                .buckets
                .iter()
                .map(|(bound, _)| *bound)
                .filter(|bound| bound.is_finite())
                .collect(),
            ..Histogram::default()
        };
        let mut before = 0.0;
        for (_, cumulative) in &self.buckets {
            let count = cumulative - before;
            if count.is_nan() || count < 0.0 {
                return None;
            }
            histogram.positive_buckets.push(count);
            before = *cumulative;
        }
        histogram.compact(2);
        histogram.validate().ok()?;
        Some(histogram)
    }
}
