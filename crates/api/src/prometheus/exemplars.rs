//! `query_exemplars`: none are kept, so there are none to give, but a faulty question is still told apart.

use crate::error::ApiError;
use crate::format::success;
use crate::params::Params;
use axum::response::Response;
use watchfire_promql::ParseOptions;

pub(crate) async fn query(params: Params) -> Result<Response, ApiError> {
    if params.range()?.is_none() {
        return Err(ApiError::bad_data("end timestamp must not be before start timestamp"));
    }
    let text = params.get("query").unwrap_or_default();
    watchfire_promql::parse(text, ParseOptions::default())
        .map_err(|error| ApiError::bad_data(error.to_string()))?;
    Ok(success(&[(); 0]))
}
