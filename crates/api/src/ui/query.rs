//! All queries of a screen in one request; answers as columns of numbers.
//!
//! The answer is `WFC1`, the length of a JSON header (u32, little-endian), the header padded with spaces so that what
//! follows begins at a multiple of eight, and then little-endian doubles. A range series has one double per step from
//! element `at`, NaN where it has no sample; an instant series has one. Compared to Prometheus's JSON that is a quarter
//! of the bytes and no parsing on the browser's main thread.

use crate::app::App;
use crate::error::ApiError;
use crate::format::annotation_texts;
use crate::origin::Origin;
use crate::prometheus::query::{check_range_type, check_steps};
use crate::prometheus::series::LabelMap;
use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use watchfire_model::{Labels, SampleValue, Series};
use watchfire_promql::engine::Query;
use watchfire_promql::{Annotation, QueryResult, Value};

const MEDIA_TYPE: &str = "application/vnd.watchfire.columns";
/// More queries than any screen has.
const MAX_QUERIES: usize = 200;
/// More series than anybody can tell apart in one picture.
const MAX_SERIES: usize = 500;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Request {
    queries: Vec<Asked>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    id: String,
    expr: String,
    /// Milliseconds since the Unix epoch, as are `end` and, as a length, `step`.
    start: i64,
    end: i64,
    step: i64,
    #[serde(default)]
    instant: bool,
}

#[derive(Debug, Serialize)]
struct Answer<'a> {
    id: &'a str,
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Failure>,
    #[serde(flatten)]
    answered: Option<Answered>,
}

#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum Answered {
    Range {
        start: i64,
        step: i64,
        count: usize,
        #[serde(flatten)]
        common: Common,
    },
    Instant {
        time: i64,
        #[serde(flatten)]
        common: Common,
    },
}

#[derive(Debug, Serialize)]
struct Common {
    series: Vec<Column>,
    total_series: usize,
    warnings: Vec<String>,
    infos: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Column {
    #[serde(serialize_with = "serialize_labels")]
    labels: Labels,
    at: usize,
}

fn serialize_labels<S: serde::Serializer>(labels: &Labels, serializer: S) -> Result<S::Ok, S::Error> {
    LabelMap(labels).serialize(serializer)
}

#[derive(Debug, Serialize)]
struct Failure {
    r#type: &'static str,
    message: String,
    /// Place of the fault in the query, in bytes, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    start: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end: Option<usize>,
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        Self { r#type: error.kind(), message: error.message().to_owned(), start: None, end: None }
    }
}

pub(crate) async fn query(
    State(app): State<Arc<App>>,
    origin: Origin,
    request: Result<Json<Request>, JsonRejection>,
) -> Result<Response, ApiError> {
    let Json(request) = request.map_err(|rejection| ApiError::bad_data(rejection.body_text()))?;
    if request.queries.len() > MAX_QUERIES {
        return Err(ApiError::bad_data(format!(
            "{} queries in one request; at most {MAX_QUERIES} are answered",
            request.queries.len()
        )));
    }
    let mut running = Vec::with_capacity(request.queries.len());
    for asked in &request.queries {
        running.push(answer(&app, origin.clone(), asked));
    }
    let mut columns = Vec::new();
    let mut answers = Vec::with_capacity(running.len());
    for (asked, answered) in request.queries.iter().zip(join_all(running).await) {
        answers.push(match answered {
            Ok(result) => Answer {
                id: &asked.id,
                ok: true,
                error: None,
                answered: Some(answered_with(asked, result, &mut columns)),
            },
            Err(failure) => Answer { id: &asked.id, ok: false, error: Some(failure), answered: None },
        });
    }
    let body = encode(&answers, &columns).map_err(|error| ApiError::internal(error.to_string()))?;
    Ok(([(http::header::CONTENT_TYPE, MEDIA_TYPE)], body).into_response())
}

/// Runs the queries side by side; the engine's slots bound how many really do.
async fn join_all<T>(futures: Vec<impl Future<Output = T>>) -> Vec<T> {
    let mut pending: Vec<_> = futures.into_iter().map(Box::pin).collect();
    let mut done: Vec<Option<T>> = pending.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        let mut all_done = true;
        for (future, slot) in pending.iter_mut().zip(&mut done) {
            if slot.is_none() {
                match future.as_mut().poll(context) {
                    std::task::Poll::Ready(value) => *slot = Some(value),
                    std::task::Poll::Pending => all_done = false,
                }
            }
        }
        if all_done { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    done.into_iter().flatten().collect()
}

async fn answer(app: &Arc<App>, origin: Origin, asked: &Asked) -> Result<QueryResult, Failure> {
    let expr = watchfire_promql::parse(&asked.expr, app.parse).map_err(|error| Failure {
        r#type: "bad_data",
        message: error.to_string(),
        start: Some(error.span.start),
        end: Some(error.span.end),
    })?;
    let query = if asked.instant {
        Query::instant(expr, asked.end)
    } else {
        check_steps(asked.start, asked.end, asked.step, app.limits.max_points)?;
        check_range_type(&expr)?;
        Query::range(expr, asked.start, asked.end, asked.step)
    };
    Ok(app.evaluate(query, &asked.expr, (origin, true), |result, _| result).await?)
}

fn answered_with(asked: &Asked, mut result: QueryResult, columns: &mut Vec<f64>) -> Answered {
    let mut has_histograms = false;
    let mut total_series = 1;
    let mut series = Vec::new();
    let count = if asked.instant { 1 } else { steps(asked) };
    let mut add = |labels: Labels, values: &mut dyn FnMut(&mut [f64])| {
        let at = columns.len();
        columns.resize(at + count, f64::NAN);
        if let Some(column) = columns.get_mut(at..) {
            values(column);
        }
        series.push(Column { labels, at });
    };
    match std::mem::replace(&mut result.value, Value::Vector(Vec::new())) {
        Value::Scalar { value, .. } => add(Labels::empty(), &mut |column| column.fill(value)),
        Value::String { .. } => {}
        Value::Vector(samples) => {
            total_series = samples.len();
            for sample in samples.into_iter().take(MAX_SERIES) {
                match sample.value {
                    SampleValue::Float(value) => add(sample.labels, &mut |column| column.fill(value)),
                    SampleValue::Histogram(_) => has_histograms = true,
                }
            }
        }
        Value::Matrix(all) => {
            total_series = all.len();
            for Series { labels, samples } in all.into_iter().take(MAX_SERIES) {
                has_histograms |= samples.has_histograms();
                add(labels, &mut |column| {
                    for (timestamp_ms, value) in samples.timestamps_ms.iter().zip(&samples.floats) {
                        let index = (timestamp_ms - asked.start) / asked.step.max(1);
                        if let Some(slot) =
                            usize::try_from(index).ok().and_then(|index| column.get_mut(index))
                        {
                            *slot = *value;
                        }
                    }
                });
            }
        }
    }
    if has_histograms {
        let message =
            "native histograms are left out of this picture; use histogram_quantile or histogram_avg";
        result.annotations.infos.push(Annotation { message: message.to_owned(), span: None });
    }
    let (warnings, infos) = annotation_texts(&result.annotations, &asked.expr);
    let common = Common { series, total_series, warnings, infos };
    if asked.instant {
        Answered::Instant { time: asked.end, common }
    } else {
        Answered::Range { start: asked.start, step: asked.step, count, common }
    }
}

/// How many steps a range query has; its size was checked before it ran.
fn steps(asked: &Asked) -> usize {
    usize::try_from((asked.end - asked.start) / asked.step.max(1)).unwrap_or(0) + 1
}

fn encode(answers: &[Answer<'_>], columns: &[f64]) -> serde_json::Result<Vec<u8>> {
    let mut header = serde_json::to_vec(&serde_json::json!({ "results": answers }))?;
    while header.len() % 8 != 0 {
        header.push(b' ');
    }
    let mut body = Vec::with_capacity(8 + header.len() + columns.len() * 8);
    body.extend_from_slice(b"WFC1");
    body.extend_from_slice(&u32::try_from(header.len()).unwrap_or(u32::MAX).to_le_bytes());
    body.extend_from_slice(&header);
    for value in columns {
        body.extend_from_slice(&value.to_le_bytes());
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use watchfire_promql::Annotations;

    #[test]
    fn a_range_is_one_column_per_series_with_gaps_as_nan() {
        let mut series = Series { labels: Labels::from_pairs([("job", "a")]), ..Series::default() };
        series.samples.push_float(1_000, 1.0);
        series.samples.push_float(3_000, 3.0);
        let asked = Asked {
            id: "a".to_owned(),
            expr: "x".to_owned(),
            start: 1_000,
            end: 3_000,
            step: 1_000,
            instant: false,
        };
        let result = QueryResult {
            value: Value::Matrix(vec![series]),
            annotations: Annotations::default(),
            samples_read: 2,
            queried: watchfire_promql::engine::SamplesByStep::default(),
            peak_samples: 2,
            coarse: Vec::new(),
        };
        let mut columns = Vec::new();
        let answered = answered_with(&asked, result, &mut columns);
        assert!(columns[0] == 1.0 && columns[1].is_nan() && columns[2] == 3.0);
        let answer = Answer { id: "a", ok: true, error: None, answered: Some(answered) };
        let body = encode(&[answer], &columns).unwrap();
        let length = u32::from_le_bytes(body[4..8].try_into().unwrap()) as usize;
        assert_eq!((&body[..4], (8 + length) % 8, body.len()), (&b"WFC1"[..], 0, 8 + length + 24));
        let header: serde_json::Value = serde_json::from_slice(&body[8..8 + length]).unwrap();
        assert_eq!(header["results"][0]["series"][0]["labels"]["job"], "a");
        assert_eq!(header["results"][0]["kind"], "range");
        assert_eq!(header["results"][0]["count"], 3);
    }
}
