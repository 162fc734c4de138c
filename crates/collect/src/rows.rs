//! Families as rows for a sink.

use std::borrow::Cow;
use watchfire_model::ingest::Row;
use watchfire_model::{Labels, METRIC_NAME, SampleValue};
use watchfire_wire::exposition::write::Family;

/// Every sample as a row of one instant. `target` are the labels that say where it comes from (`job`, `instance`);
/// they win over a sample's own of the same name.
pub fn rows(families: &[Family], target: &[(&str, &str)], timestamp_ms: i64) -> Vec<Row> {
    let points = families.iter().flat_map(|family| family.points.iter().map(move |point| (family, point)));
    points
        .map(|(family, point)| {
            let name: Cow<'_, str> = if point.suffix.is_empty() {
                Cow::Borrowed(family.name.as_ref())
            } else {
                Cow::Owned(format!("{}{}", family.name, point.suffix))
            };
            let own = point.labels.iter().map(|(name, value)| (name.as_ref(), value.as_str()));
            let labels =
                std::iter::once((METRIC_NAME, name.as_ref())).chain(own).chain(target.iter().copied());
            Row {
                series: Labels::from_pairs(labels),
                timestamp_ms: point.timestamp_ms.unwrap_or(timestamp_ms),
                start_timestamp_ms: 0,
                value: SampleValue::Float(point.value),
            }
        })
        .collect()
}
