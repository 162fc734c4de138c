//! `query`, `query_range`, `format_query`, `parse_query`.

use crate::app::App;
use crate::error::ApiError;
use crate::format::{json, query_response, success};
use crate::params::Params;
use axum::extract::State;
use axum::response::Response;
use std::sync::Arc;
use std::time::Duration;
use watchfire_promql::ast::ValueType;
use watchfire_promql::engine::Query;
use watchfire_promql::{Expr, ParseOptions};

pub(crate) async fn instant(State(app): State<Arc<App>>, params: Params) -> Result<Response, ApiError> {
    let at_ms = params.time("time")?.unwrap_or_else(|| app.clock.now_ms());
    let text = query_text(&params)?;
    let query = with_options(Query::instant(parse(text)?, at_ms), &params)?;
    let limit = params.limit()?;
    let result = app.evaluate(query).await?;
    Ok(json(query_response(&result.value, limit, &result.annotations, text)))
}

pub(crate) async fn range(State(app): State<Arc<App>>, params: Params) -> Result<Response, ApiError> {
    let required = |name: &str| {
        params
            .time(name)?
            .ok_or_else(|| ApiError::bad_parameter(name, "cannot parse \"\" to a valid timestamp"))
    };
    let (start_ms, end_ms) = (required("start")?, required("end")?);
    let step_ms = params
        .duration_ms("step")?
        .ok_or_else(|| ApiError::bad_parameter("step", "cannot parse \"\" to a valid duration"))?;
    check_steps(start_ms, end_ms, step_ms, app.limits.max_points)?;
    let text = query_text(&params)?;
    let expr = parse(text)?;
    check_range_type(&expr)?;
    let query = with_options(Query::range(expr, start_ms, end_ms, step_ms), &params)?;
    let limit = params.limit()?;
    let result = app.evaluate(query).await?;
    Ok(json(query_response(&result.value, limit, &result.annotations, text)))
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

pub(crate) async fn format_query(params: Params) -> Result<Response, ApiError> {
    let expr = parse(query_text(&params)?)?;
    Ok(success(&watchfire_promql::printer::pretty(&expr)))
}

pub(crate) async fn parse_query(params: Params) -> Result<Response, ApiError> {
    let expr = parse(query_text(&params)?)?;
    Ok(success(&watchfire_promql::printer::to_json(&expr)))
}

pub(crate) fn parse(text: &str) -> Result<Expr, ApiError> {
    Ok(watchfire_promql::parse(text, ParseOptions::default())?)
}

fn query_text(params: &Params) -> Result<&str, ApiError> {
    params.get("query").ok_or_else(|| {
        ApiError::bad_parameter("query", "unknown position: parse error: no expression found in input")
    })
}

fn with_options(mut query: Query, params: &Params) -> Result<Query, ApiError> {
    let duration = |name: &str| -> Result<Option<Duration>, ApiError> {
        let Some(ms) = params.duration_ms(name)? else { return Ok(None) };
        let ms = u64::try_from(ms).map_err(|_| ApiError::bad_parameter(name, "must not be negative"))?;
        Ok(Some(Duration::from_millis(ms)))
    };
    query.timeout = duration("timeout")?;
    query.lookback = duration("lookback_delta")?;
    Ok(query)
}
