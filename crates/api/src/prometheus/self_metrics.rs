//! `status/self_metrics`: the program's own metrics as JSON, in the shape that protobuf's JSON mapping gives
//! `io.prometheus.client.MetricFamily` (counts as texts, `NaN` and infinities as texts).

use crate::app::App;
use crate::error::ApiError;
use crate::format::success;
use crate::params::Params;
use axum::extract::State;
use axum::response::Response;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use watchfire_model::MetricType;
use watchfire_model::matcher::anchored;
use watchfire_wire::exposition::{Entry, Format, Parser, SampleLine};

pub(crate) async fn list(State(app): State<Arc<App>>, params: Params) -> Result<Response, ApiError> {
    let pattern = params.get("metric_name_pattern").filter(|pattern| !pattern.is_empty());
    let wanted = pattern
        .map(anchored)
        .transpose()
        .map_err(|error| ApiError::bad_data(format!("invalid metric_name_pattern: {error}")))?;
    app.blocking(move |app| {
        let body = app.control.own_metrics(Format::Text);
        let body = String::from_utf8(body).map_err(ApiError::internal_of)?;
        let mut families = families(&body).map_err(ApiError::internal_of)?;
        if let Some(wanted) = &wanted {
            families.retain(|family| wanted.is_match(&family.name));
        }
        Ok(success(&families.into_iter().map(Family::into_json).collect::<Vec<_>>()))
    })
    .await
}

/// A family as it is gathered from its lines.
struct Family {
    name: String,
    help: String,
    kind: MetricType,
    /// By their labels, `le` and `quantile` left out.
    metrics: BTreeMap<Vec<(String, String)>, Metric>,
}

/// What one set of labels has.
#[derive(Default)]
struct Metric {
    /// Of counters, gauges and what has no type.
    value: f64,
    count: f64,
    sum: f64,
    /// Bounds of buckets or quantiles, and what they hold.
    parts: Vec<(f64, f64)>,
}

/// All families of an exposition, in its order.
fn families(body: &str) -> Result<Vec<Family>, watchfire_wire::exposition::ParseError> {
    let mut all: Vec<Family> = Vec::new();
    let at = |all: &mut Vec<Family>, name: &str| match all.iter().position(|family| family.name == name) {
        Some(at) => at,
        None => {
            let kind = MetricType::Unknown;
            all.push(Family { name: name.to_owned(), help: String::new(), kind, metrics: BTreeMap::new() });
            all.len() - 1
        }
    };
    for entry in Parser::new(body, Format::Text) {
        match entry? {
            Entry::Help { family, help } => {
                let at = at(&mut all, &family);
                all[at].help = help.into_owned();
            }
            Entry::Type { family, kind } => {
                let at = at(&mut all, &family);
                all[at].kind = kind;
            }
            Entry::Sample(sample) => {
                let name = sample.name();
                // Lines of a family stand together, after what is said of it.
                let family = match all.last().and_then(|family| name.strip_prefix(family.name.as_str())) {
                    Some("" | "_bucket" | "_sum" | "_count") => all.len() - 1,
                    _ => at(&mut all, &name),
                };
                all[family].take(&name, &sample);
            }
            Entry::Unit { .. } | Entry::Eof => {}
        }
    }
    Ok(all)
}

impl Family {
    fn take(&mut self, name: &str, sample: &SampleLine<'_>) {
        let parted = match self.kind {
            MetricType::Histogram => "le",
            MetricType::Summary => "quantile",
            _ => "",
        };
        let mut part = None;
        let mut labels = Vec::new();
        for (label, value) in sample.labels() {
            if label == parted {
                part = value.parse::<f64>().ok();
            } else {
                labels.push((label.into_owned(), value.into_owned()));
            }
        }
        labels.sort();
        let metric = self.metrics.entry(labels).or_default();
        match (name.strip_prefix(self.name.as_str()), part) {
            (_, Some(part)) => metric.parts.push((part, sample.value)),
            (Some("_sum"), None) => metric.sum = sample.value,
            (Some("_count"), None) => metric.count = sample.value,
            _ => metric.value = sample.value,
        }
    }

    fn into_json(self) -> Value {
        let (kind, field) = match self.kind {
            MetricType::Counter => ("COUNTER", "counter"),
            MetricType::Gauge => ("GAUGE", "gauge"),
            MetricType::Histogram => ("HISTOGRAM", "histogram"),
            MetricType::GaugeHistogram => ("GAUGE_HISTOGRAM", "histogram"),
            MetricType::Summary => ("SUMMARY", "summary"),
            _ => ("UNTYPED", "untyped"),
        };
        let metrics = self.metrics.into_iter().map(|(labels, metric)| {
            let mut object = Map::new();
            let labels: Vec<Value> =
                labels.into_iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
            if !labels.is_empty() {
                object.insert("label".to_owned(), labels.into());
            }
            object.insert(field.to_owned(), metric.into_json(field));
            Value::Object(object)
        });
        json!({"name": self.name, "help": self.help, "type": kind, "metric": metrics.collect::<Vec<_>>()})
    }
}

impl Metric {
    fn into_json(self, field: &str) -> Value {
        match field {
            "histogram" => {
                // What lies beyond the last bound is told by the count.
                let buckets = self.parts.iter().filter(|(bound, _)| bound.is_finite());
                let buckets = buckets
                    .map(|(bound, count)| json!({"cumulativeCount": count.to_string(), "upperBound": bound}));
                json!({
                    "sampleCount": self.count.to_string(),
                    "sampleSum": number(self.sum),
                    "bucket": buckets.collect::<Vec<_>>(),
                })
            }
            "summary" => {
                let quantiles = self.parts.iter();
                let quantiles =
                    quantiles.map(|(quantile, value)| json!({"quantile": quantile, "value": number(*value)}));
                json!({
                    "sampleCount": self.count.to_string(),
                    "sampleSum": number(self.sum),
                    "quantile": quantiles.collect::<Vec<_>>(),
                })
            }
            _ => json!({"value": number(self.value)}),
        }
    }
}

/// A number, or the word for one that JSON has not; whole ones without a decimal point.
fn number(value: f64) -> Value {
    if value.is_nan() {
        json!("NaN")
    } else if value.is_infinite() {
        json!(if value > 0.0 { "Infinity" } else { "-Infinity" })
    } else if value.fract() == 0.0 && value.abs() < 9e15 {
        json!(value as i64)
    } else {
        json!(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_metric_has_the_shape_of_protobufs_json() {
        let body = "# HELP a_total Of a.\n# TYPE a_total counter\na_total{x=\"1\"} 3\na_total{x=\"2\"} 0.5\n\
            # TYPE b gauge\nb NaN\n# TYPE h histogram\nh_bucket{p=\"q\",le=\"0.1\"} 1\n\
            h_bucket{p=\"q\",le=\"+Inf\"} 4\nh_sum{p=\"q\"} 2.5\nh_count{p=\"q\"} 4\n\
            # TYPE s summary\ns{quantile=\"0.5\"} +Inf\ns_sum 1\ns_count 2\n";
        let found: Vec<Value> = families(body).unwrap().into_iter().map(Family::into_json).collect();
        let label = |name: &str, value: &str| json!([{"name": name, "value": value}]);
        let expected = json!([
            {"name": "a_total", "help": "Of a.", "type": "COUNTER", "metric": [
                {"label": label("x", "1"), "counter": {"value": 3}},
                {"label": label("x", "2"), "counter": {"value": 0.5}},
            ]},
            {"name": "b", "help": "", "type": "GAUGE", "metric": [{"gauge": {"value": "NaN"}}]},
            {"name": "h", "help": "", "type": "HISTOGRAM", "metric": [{"label": label("p", "q"), "histogram": {
                "sampleCount": "4", "sampleSum": 2.5,
                "bucket": [{"cumulativeCount": "1", "upperBound": 0.1}],
            }}]},
            {"name": "s", "help": "", "type": "SUMMARY", "metric": [{"summary": {
                "sampleCount": "2", "sampleSum": 1,
                "quantile": [{"quantile": 0.5, "value": "Infinity"}],
            }}]},
        ]);
        assert_eq!(Value::from(found), expected);
    }
}
