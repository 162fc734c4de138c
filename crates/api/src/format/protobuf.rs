//! Series as `prometheus.WriteRequest`: what JSON cannot say of a native histogram (its schema, its empty buckets, what is
//! known of resets) is kept, and what is answered can be written as it is.

use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use http::header::{ACCEPT, CONTENT_TYPE};
use watchfire_model::{SampleValue, Series};
use watchfire_promql::Value;
use watchfire_wire::remote_write::{FloatSample, HistogramForm, HistogramSample, TimeSeries, encode};

const PROTOBUF: &str = "application/x-protobuf";

/// Whether a client asks for it.
pub(crate) fn is_wanted(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepted
        .flat_map(|value| value.split(','))
        .any(|kind| kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case(PROTOBUF)))
}

/// The answer of a range query.
pub(crate) fn response(value: &Value) -> Response {
    let series = match value {
        Value::Matrix(series) => series.as_slice(),
        _ => &[],
    };
    let series: Vec<TimeSeries<'_>> = series.iter().map(one).collect();
    let body = encode(&series, &[], HistogramForm::Float);
    ([(CONTENT_TYPE, PROTOBUF)], body).into_response()
}

fn one(series: &Series) -> TimeSeries<'_> {
    let mut written = TimeSeries { labels: series.labels.iter().collect(), ..TimeSeries::default() };
    for (timestamp_ms, value) in series.samples.iter() {
        match value {
            SampleValue::Float(value) => written.samples.push(FloatSample { timestamp_ms, value }),
            SampleValue::Histogram(histogram) => {
                written.histograms.push(HistogramSample { timestamp_ms, histogram });
            }
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use watchfire_model::histogram::{ResetHint, Span};
    use watchfire_model::ingest::Batch;
    use watchfire_model::{Histogram, Labels, Samples};

    #[test]
    fn it_is_given_to_those_who_ask_for_it() {
        let asks = |text: &str| is_wanted(&HeaderMap::from_iter([(ACCEPT, text.parse().unwrap())]));
        assert!(asks("application/x-protobuf"));
        assert!(asks("application/json;q=0.5, Application/X-Protobuf;q=1"));
        assert!(!asks("application/json") && !asks("*/*") && !is_wanted(&HeaderMap::new()));
    }

    #[tokio::test]
    async fn nothing_of_a_histogram_is_lost() {
        let histogram = Histogram {
            reset_hint: ResetHint::Gauge,
            schema: 3,
            zero_threshold: 0.001,
            zero_count: 0.5,
            count: 4.25,
            sum: -7.5,
            positive_spans: vec![Span { offset: -2, length: 2 }, Span { offset: 3, length: 1 }],
            positive_buckets: vec![1.0, 0.0, 2.75],
            ..Histogram::default()
        };
        let mut samples = Samples::default();
        samples.push_float(1_000, 1.5);
        samples.push_histogram(2_000, Arc::new(histogram.clone()));
        let labels = Labels::from_pairs([("host", "a")]);
        let answer = response(&Value::Matrix(vec![Series { labels: labels.clone(), samples }]));
        let bytes = axum::body::to_bytes(answer.into_body(), usize::MAX).await.unwrap();
        let mut batch = Batch::new();
        watchfire_wire::remote_write::decode(&bytes, &mut batch, &mut Vec::new()).unwrap();
        let rows: Vec<_> = batch.rows().map(|row| (row.series, row.timestamp_ms, row.value)).collect();
        assert_eq!(
            rows,
            [
                (labels.clone(), 1_000, SampleValue::Float(1.5)),
                (labels, 2_000, SampleValue::Histogram(Arc::new(histogram))),
            ]
        );
    }
}
