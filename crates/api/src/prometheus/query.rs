//! `query`, `query_range`, `format_query`, `parse_query`.

use crate::answer::{Packing, Page};
use crate::app::{App, Timings};
use crate::error::ApiError;
use crate::format::{protobuf, query_response, success};
use crate::origin::Origin;
use crate::params::Params;
use crate::time::parse_duration;
use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use std::sync::Arc;
use std::time::Duration;
use watchfire_model::duration;
use watchfire_promql::ast::ValueType;
use watchfire_promql::engine::Query;
use watchfire_promql::{Expr, ParseOptions, QueryResult};

pub(crate) async fn instant(
    State(app): State<Arc<App>>,
    origin: Origin,
    packing: Packing,
    params: Params,
) -> Result<Response, ApiError> {
    let limit = params.limit()?;
    let at_ms = params.optional_time("time")?.unwrap_or_else(|| app.clock.now_ms());
    let query = Query::instant(parse(query_text(&params)?, app.parse)?, at_ms);
    evaluated(&app, with_options(query, &params)?, (origin, packing), &params, limit).await
}

pub(crate) async fn range(
    State(app): State<Arc<App>>,
    origin: Origin,
    packing: Packing,
    headers: HeaderMap,
    params: Params,
) -> Result<Response, ApiError> {
    let limit = params.limit()?;
    let required = |name: &str| {
        params
            .time(name)?
            .ok_or_else(|| ApiError::bad_parameter(name, "cannot parse \"\" to a valid timestamp"))
    };
    let (start_ms, end_ms) = (required("start")?, required("end")?);
    if end_ms < start_ms {
        return Err(ApiError::bad_parameter("end", "end timestamp must not be before start time"));
    }
    let step_ms = params
        .duration_ms("step")?
        .ok_or_else(|| ApiError::bad_parameter("step", "cannot parse \"\" to a valid duration"))?;
    check_steps(start_ms, end_ms, step_ms, app.limits.max_points)?;
    let expr = parse(query_text(&params)?, app.parse)?;
    check_range_type(&expr)?;
    let query = with_options(Query::range(expr, start_ms, end_ms, step_ms), &params)?;
    if protobuf::is_wanted(&headers) {
        let answer = |result: QueryResult, _| protobuf::response(&result.value);
        return app.evaluate(query, query_text(&params)?, (origin, false), answer).await;
    }
    evaluated(&app, query, (origin, packing), &params, limit).await
}

/// Runs the query and writes its answer.
async fn evaluated(
    app: &Arc<App>,
    mut query: Query,
    (origin, packing): (Origin, Packing),
    params: &Params,
    limit: usize,
) -> Result<Response, ApiError> {
    let text = query_text(params)?.to_owned();
    let asked = params.get("stats").unwrap_or_default();
    let with_stats = !asked.is_empty();
    let by_step = asked == "all" && app.engine.options().per_step_stats;
    query.count_queried = with_stats;
    let steps = (query.start_ms, query.step_ms);
    // As VictoriaMetrics calls it. What a query costs is asked for its evaluation.
    let cached = !with_stats && !params.get("nocache").is_some_and(|off| !matches!(off, "0" | "false"));
    let engine = app.engine.clone();
    app.evaluate_into(query, query_text(params)?, (origin, cached), move |result, timings, reply| {
        let stats = with_stats.then(|| stats(&result, timings, by_step.then_some(steps)));
        let mut page = Page::new(packing, reply).helped_by(&engine);
        query_response(&mut page, &result.value, limit, &result.annotations, &text, stats.as_ref());
        page.finish();
    })
    .await
}

/// What Prometheus tells of a query under `stats`, as far as it is measured here.
///
/// Start and step are given where the samples of each step are wanted, too.
fn stats(result: &QueryResult, timings: Timings, steps: Option<(i64, i64)>) -> serde_json::Value {
    let (queued, evaluated) = (timings.queued.as_secs_f64(), timings.evaluated.as_secs_f64());
    let resolutions: Vec<serde_json::Value> = result
        .coarse
        .iter()
        .map(|stretch| {
            let resolution = Duration::from_millis(stretch.resolution_ms.unsigned_abs());
            serde_json::json!({
                "until": stretch.until_ms as f64 / 1000.0,
                "resolution": duration::format(resolution),
            })
        })
        .collect();
    let mut stats = serde_json::json!({
        // Planning, reading and sorting are one pass with evaluating.
        "timings": {
            "evalTotalTime": evaluated,
            "resultSortTime": 0.0,
            "queryPreparationTime": 0.0,
            "innerEvalTime": evaluated,
            "execQueueTime": queued,
            "execTotalTime": queued + evaluated,
        },
        "samples": {
            "totalQueryableSamples": result.queried.looked_at.iter().sum::<u64>(),
            "samplesRead": result.queried.read.iter().sum::<u64>(),
            "peakSamples": result.peak_samples,
        },
    });
    if let (Some((start_ms, step_ms)), Some(samples)) = (steps, stats.get_mut("samples")) {
        let by_step = |counts: &[u64]| -> serde_json::Value {
            let times =
                (0_i64..).map(|step| start_ms.saturating_add(step.saturating_mul(step_ms)) as f64 / 1000.0);
            times.zip(counts).map(|(time, count)| serde_json::json!([time, count])).collect()
        };
        samples["totalQueryableSamplesPerStep"] = by_step(&result.queried.looked_at);
        samples["samplesReadPerStep"] = by_step(&result.queried.read);
    }
    // What is read from downsampled tiers; Prometheus has none.
    if let Some(stats) = stats.as_object_mut().filter(|_| !resolutions.is_empty()) {
        stats.insert("resolutions".to_owned(), resolutions.into());
    }
    stats
}

/// Only numbers and vectors have a value at every step.
pub(crate) fn check_range_type(expr: &Expr) -> Result<(), ApiError> {
    match expr.value_type() {
        ValueType::Scalar | ValueType::Vector => Ok(()),
        other => Err(ApiError::bad_data(format!(
            "invalid parameter \"query\": invalid expression type {:?} for range query, must be Scalar or instant Vector",
            other.as_str()
        ))),
    }
}

/// Refuses a range that runs backwards, stands still, or has more steps than anybody can look at.
pub(crate) fn check_steps(start_ms: i64, end_ms: i64, step_ms: i64, max_points: i64) -> Result<(), ApiError> {
    if end_ms < start_ms {
        return Err(ApiError::bad_parameter("end", "end timestamp must not be before start time"));
    }
    if step_ms <= 0 {
        return Err(ApiError::bad_parameter(
            "step",
            "zero or negative query resolution step widths are not accepted. Try a positive integer",
        ));
    }
    if end_ms.saturating_sub(start_ms) / step_ms > max_points {
        return Err(ApiError::bad_data(
            "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)",
        ));
    }
    Ok(())
}

pub(crate) async fn format_query(State(app): State<Arc<App>>, params: Params) -> Result<Response, ApiError> {
    let expr = parse(query_text(&params)?, app.parse)?;
    Ok(success(&watchfire_promql::printer::pretty(&expr)))
}

pub(crate) async fn parse_query(State(app): State<Arc<App>>, params: Params) -> Result<Response, ApiError> {
    let expr = parse(query_text(&params)?, app.parse)?;
    Ok(success(&watchfire_promql::printer::to_json(&expr)))
}

pub(crate) fn parse(text: &str, options: ParseOptions) -> Result<Expr, ApiError> {
    Ok(watchfire_promql::parse(text, options)?)
}

fn query_text(params: &Params) -> Result<&str, ApiError> {
    params.get("query").ok_or_else(|| {
        ApiError::bad_parameter("query", "unknown position: parse error: no expression found in input")
    })
}

fn with_options(mut query: Query, params: &Params) -> Result<Query, ApiError> {
    // What lies before now has passed already.
    query.timeout =
        params.duration_ms("timeout")?.map(|ms| Duration::from_millis(u64::try_from(ms).unwrap_or(0)));
    let lookback_ms =
        params.get("lookback_delta").map(parse_duration).transpose().map_err(|reason| {
            ApiError::bad_data(format!("error parsing lookback delta duration: {reason}"))
        })?;
    // Nothing and less mean the server's own.
    let lookback_ms = lookback_ms.and_then(|ms| u64::try_from(ms).ok()).filter(|ms| *ms > 0);
    query.lookback = lookback_ms.map(Duration::from_millis);
    Ok(query)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(name: &'static str, value: &'static str) -> Result<Query, ApiError> {
        with_options(
            Query::instant(parse("up", ParseOptions::default()).unwrap(), 0),
            &Params::of(&[(name, value)]),
        )
    }

    #[test]
    fn timeouts_and_lookbacks_are_read_as_prometheus_reads_them() {
        assert_eq!(options("timeout", "1.5").unwrap().timeout, Some(Duration::from_millis(1500)));
        assert_eq!(options("timeout", "-1").unwrap().timeout, Some(Duration::ZERO));
        assert_eq!(options("lookback_delta", "1m").unwrap().lookback, Some(Duration::from_secs(60)));
        assert_eq!(options("lookback_delta", "0").unwrap().lookback, None);
        assert_eq!(
            options("lookback_delta", "x").unwrap_err().message(),
            "error parsing lookback delta duration: cannot parse \"x\" to a valid duration"
        );
    }
}
